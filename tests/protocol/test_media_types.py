"""What headers say of a body and of the answer that is taken: one table for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.protocol.media_types import admits_json_or_sse, is_identity, is_json

CONTENT_TYPES = [
    # the header's value, whether it says JSON, and whether it does where it is in the key
    ("application/json", True, True),
    ("Application/JSON", True, True),
    (" application/json\t", True, True),
    ("application/json; charset=utf-8", True, True),
    ("application/json;charset=UTF-8", True, True),
    ('application/json ; charset="utf-8"', True, True),
    (r'application/json; charset="u\tf-8"', True, True),  # RFC 9110 section 5.6.4: \t there is the letter t
    ("application/json;", True, True),
    ("application/json;;charset=utf-8;", True, True),
    ("application/json; version=2", False, True),
    ("application/vnd.example.v2+json", False, True),
    ("application/vnd.example+json; charset=utf-8; profile=a", False, True),
    ("application/json; charset=iso-8859-1", False, False),
    ("application/json; charset=utf-8; charset=utf-16", False, False),
    ("application/json; charset=", False, False),
    ("application/json; charset", False, False),
    ("application/json; charset = utf-8", False, False),  # section 5.6.6: no whitespace around "="
    ("application/json, application/json", False, False),
    ("application/json+x", False, False),
    ("application/jsonlines", False, False),
    ("application/x-ndjson", False, False),
    ("text/json", False, False),
    ("image/svg+json", False, False),
    ("text/csv", False, False),
    ("application/x-www-form-urlencoded", False, False),
    ("application/*", False, False),
    ("*/*", False, False),
    ("json", False, False),
    ("/json", False, False),
    ("", False, False),
    ("application/json\n", False, False),
    ("application/json\u00e9", False, False),
]


@pytest.mark.parametrize(("value", "plain", "keyed"), CONTENT_TYPES)
def test_a_body_is_said_to_be_json(value, plain, keyed):
    assert is_json(value) is plain
    assert is_json(value, keyed=True) is keyed


CODINGS = [
    ("identity", True),
    ("Identity", True),
    ("", True),
    (" identity , identity,", True),
    ("gzip", False),
    ("identity, br", False),
    ("aws-chunked", False),
    ("identity;q=1", False),
]


@pytest.mark.parametrize(("value", "expected"), CODINGS)
def test_a_body_is_said_to_be_as_it_is(value, expected):
    assert is_identity(value) is expected


ADMITTING = [
    "*/*",
    "application/json",
    "APPLICATION/Json",
    "text/event-stream",
    "application/*",
    "text/*",
    "application/json, text/event-stream",
    "application/json;charset=utf-8",
    'application/json;charset="UTF-8"',
    "application/json;q=1",
    "application/json;Q=0.001",
    "application/json;q=0., */*;q=1.000",
    "text/html, application/xhtml+xml, */*;q=0.8, application/signed-exchange;v=b3;q=0.7",
    ", ,application/json, ,",
    'text/plain;x="a,b", application/json',
    r'text/plain;x="\",", application/json',
    # RFC 9110 section 12.5.1: the most specific range counts, so that one of the two is left here.
    "application/json;q=0, text/*",
    "text/*;q=0, text/event-stream",
    "*/*;q=0, application/*;q=0.5",
    # Another representation of JSON is not wanted for itself, but anything is taken.
    "application/json;profile=full, */*;q=0.1",
    "application/json;q=0, application/json",
]
REFUSING = [
    "text/csv",
    "application/x-recordio-protobuf",
    "text/html",
    "application/jsonlines",
    "application/json;q=0",
    "*/*;q=0",
    "*/*;q=0.000",
    "application/json;q=0, text/event-stream;q=0, */*",
    "*/*, application/*;q=0, text/*;q=0",
    "application/json;profile=full",
    "application/json;charset=utf-16",
    # What SageMaker JumpStart takes for "more fields, please" has no "=", and is no media range.
    "application/json;verbose",
    "application/json;verbose;n_predictions=5",
    "application/json;q=.5",
    "application/json;q=1.5",
    "application/json;q=1;q=1",
    "application/json;q=",
    "application/json;q=0.0001, */*",
    "*/json, application/json",
    "text/html, image/gif, *; q=.2, */*; q=.2",
    "application/json text/html",
    "application/json;x=y z",
    'application/json;x="a',
    "",
    " , ",
    "application/json, \u00e9",
]


@pytest.mark.parametrize("value", ADMITTING)
def test_json_or_a_stream_of_it_is_taken(value):
    assert admits_json_or_sse(value)


@pytest.mark.parametrize("value", REFUSING)
def test_neither_json_nor_a_stream_is_taken(value):
    assert not admits_json_or_sse(value)


pieces = st.sampled_from(
    [*'/;,=*"\\ \tq0.', "application", "json", "text", "event-stream", "charset", "utf-8", "\u00e9"]
)
texts = st.text() | st.lists(pieces, max_size=25).map("".join)


@given(texts)
def test_any_text_is_read_or_refused(text):
    assert is_json(text, keyed=True) or not is_json(text)
    assert isinstance(admits_json_or_sse(text), bool)
    assert isinstance(is_identity(text), bool)


@given(st.lists(st.sampled_from(["application/json", "text/csv", "text/*;q=0.3", "*/*;q=0"]), min_size=1))
def test_the_order_of_ranges_says_nothing(ranges):
    assert admits_json_or_sse(", ".join(ranges)) is admits_json_or_sse(",".join(reversed(ranges)))


@pytest.mark.parametrize(
    "text",
    ["application/json" + ";   " * 30_000 + "!!", 'a/b;x="' + "\\a" * 30_000, "a/b, " * 30_000 + "x", "a" * 100_000],
    ids=["blanks", "quotes", "ranges", "a word"],
)
def test_long_nonsense_is_refused_without_going_back_and_forth(text):
    """With backtracking each of these would take longer than anyone waits."""
    assert not is_json(text)
    assert not admits_json_or_sse(text)
