import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.protocol import InferencePath, PathError, generation_prefix, inference_path, parse_path

GENERATION, SCOPE, KEY = "Gen_0123-abc", "Scope-012_ab", "A" * 43

segments = st.from_regex(r"[A-Za-z0-9._:@-]{1,12}", fullmatch=True).filter(lambda segment: segment not in (".", ".."))
routes = st.lists(segments, max_size=5).map(lambda names: "/" + "/".join(names))
short = st.from_regex(r"[A-Za-z0-9_-]{12}", fullmatch=True)
keys = st.from_regex(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", fullmatch=True)


@given(routes, short, short, keys)
def test_a_path_is_read_back_as_what_it_was_made_of(route, generation, scope, key):
    path = inference_path(route, generation, scope, key)
    assert parse_path(path) == InferencePath(route, generation, scope, key)
    assert path.startswith(generation_prefix(route, generation, scope))
    assert path.startswith(generation_prefix(route, generation))


@given(st.text(max_size=120) | st.binary(max_size=120).map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_path_of_this_protocol_or_none(text):
    for candidate in (text, f"/{text}/~/{GENERATION}/{SCOPE}/{KEY}", f"/v1/~/{text}"):
        parsed = parse_path(candidate)
        if parsed is not None:
            assert str(parsed) == candidate
            # Nothing that a CDN, a bucket or a server would decode or normalize.
            assert re.fullmatch(r"[A-Za-z0-9._:@~/-]+", candidate)
            assert not {"", ".", ".."} & set(candidate[1:].split("/"))


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("route", "v1"),
        ("route", "/v1/"),
        ("route", ""),
        ("route", "/a/../b"),
        ("route", "/a%2fb"),
        ("route", "/~/x"),
        ("generation", "short"),
        ("scope", "with/slash12"),
        ("key", "A" * 42 + "B"),
    ],
)
def test_a_part_that_cannot_stand_in_a_path_is_an_error_that_names_it(part, text):
    parts = {"route": "/v1", "generation": GENERATION, "scope": SCOPE, "key": KEY} | {part: text}
    with pytest.raises(PathError, match=f"^{part} must be "):
        inference_path(**parts)
    if part != "key":
        with pytest.raises(PathError, match=f"^{part} must be "):
            generation_prefix(parts["route"], parts["generation"], parts["scope"])


def test_a_path_is_never_longer_than_an_objects_name():
    rest = len(f"/~/{GENERATION}/{SCOPE}/{KEY}")
    longest = "/" + "a" * (1023 - rest)
    path = inference_path(longest, GENERATION, SCOPE, KEY)
    assert len(path) == 1024
    assert parse_path(path) is not None
    with pytest.raises(PathError, match="longer than the 1024"):
        inference_path(longest + "a", GENERATION, SCOPE, KEY)
    assert parse_path("/a" + path) is None


@pytest.mark.parametrize("unit", ["/.", "/..", "/a", "/~", "/~/Gen_0123-abc", "//"])
def test_long_texts_are_refused_before_they_are_looked_at(unit):
    assert parse_path(unit * 1_000_000) is None
    assert parse_path((unit * 512)[:1024]) is None
