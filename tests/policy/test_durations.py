import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.policy import format_seconds, parse_seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(0, 0), (90, 90), (3.0, 3), ("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800), (" 1h ", 3600), ("0s", 0)],
)
def test_a_duration_is_whole_seconds_or_a_number_with_a_unit(written, seconds):
    assert parse_seconds(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        -1,
        1.5,
        True,
        None,
        "",
        "90",
        "1.5h",
        "-1s",
        "1w",
        "1h30m",
        "1 h",
        "h",
        float("nan"),
        float("inf"),
        [60],
        "1H",
        "\u0661s",
    ],
)
def test_anything_else_is_refused(written):
    with pytest.raises(ValueError, match="whole seconds"):
        parse_seconds(written)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "90s"), (900, "15m"), (3600, "1h"), (604_800, "7d")])
def test_seconds_are_written_in_the_largest_unit_that_divides_them(seconds, text):
    assert format_seconds(seconds) == text


@given(st.integers(min_value=0, max_value=10**9))
def test_what_is_written_reads_back_as_the_same_seconds(seconds):
    assert parse_seconds(format_seconds(seconds)) == seconds
