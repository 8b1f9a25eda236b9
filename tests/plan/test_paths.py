import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.plan.paths import PathKind, PathPattern

PATTERNS = st.text(alphabet="ab/*?", min_size=0, max_size=6).map(lambda text: PathPattern("/" + text))


@pytest.mark.parametrize(
    ("text", "kind", "literal"),
    [
        ("/v1/models", PathKind.EXACT, "/v1/models"),
        ("/v1/*", PathKind.PREFIX, "/v1/"),
        ("/*", PathKind.PREFIX, "/"),
        ("/v1*", PathKind.PREFIX, "/v1"),
        ("/v1/*/predict", PathKind.WILDCARD, "/v1/"),
        ("/v?", PathKind.WILDCARD, "/v"),
        ("/a**", PathKind.WILDCARD, "/a"),
    ],
)
def test_a_pattern_is_exact_a_prefix_or_a_wildcard(text, kind, literal):
    assert (PathPattern(text).kind, PathPattern(text).literal) == (kind, literal)


@pytest.mark.parametrize(
    ("text", "path", "matches"),
    [
        ("/v1/*", "/v1/a/b", True),
        ("/v1/*", "/v1/", True),
        ("/v1/*", "/v1", False),
        ("/v1/*", "/V1/a", False),
        ("/v1.0", "/v1x0", False),
        ("/v?/x", "/v1/x", True),
        ("/v?/x", "/v/x", False),
        ("/*/x", "/a/b/x", True),
    ],
)
def test_a_star_matches_any_characters_and_a_question_mark_one(text, path, matches):
    assert PathPattern(text).matches(path) is matches


def test_routes_are_sorted_most_specific_first():
    texts = ["/*", "/v1/*", "/v1/models", "/v1/embeddings/*", "/v1/*/predict", "/v1"]
    assert [p.text for p in sorted(map(PathPattern, texts), key=lambda p: p.specificity)] == [
        "/v1/models",
        "/v1",
        "/v1/embeddings/*",
        "/v1/*/predict",
        "/v1/*",
        "/*",
    ]


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("/*", "/a", True),
        ("/a*", "/a", True),
        ("/a", "/a*", False),
        ("/*/x", "/v1/x", True),
        ("/?", "/a", True),
        ("/?", "/*", False),
        ("/*", "/**", True),
        ("/**", "/*", True),
        ("/a?", "/a*", False),
        ("/a*", "/a?", True),
        ("/*a", "/*ba", True),
        ("/*ba", "/*a", False),
        ("/a*?", "/a?*", True),
        ("/?*", "/*a", True),
        ("/*a", "/?*", False),
        ("/a?*", "/a*?", True),
    ],
)
def test_a_pattern_covers_another_when_it_matches_everything_the_other_matches(wide, narrow, covers):
    assert PathPattern(wide).covers(PathPattern(narrow)) is covers


@given(PATTERNS, PATTERNS, st.text(alphabet="abc/", max_size=8))
def test_covering_agrees_with_matching(wide, narrow, path):
    if wide.covers(narrow) and narrow.matches("/" + path):
        assert wide.matches("/" + path)


@given(PATTERNS, PATTERNS)
def test_a_covered_pattern_comes_before_the_one_that_covers_it(wide, narrow):
    if wide.covers(narrow) and not narrow.covers(wide):
        assert narrow.specificity < wide.specificity


@given(PATTERNS, PATTERNS)
def test_not_covering_has_a_witness(wide, narrow):
    """Where a pattern is said not to cover another, some path shows it: one with a letter neither of them names."""
    if not wide.covers(narrow):
        fills = ("", "c", "cc", "cccccccc")
        witnesses = {re.sub(r"\?", one, re.sub(r"\*", many, narrow.text)) for one in ("c",) for many in fills}
        assert any(narrow.matches(path) and not wide.matches(path) for path in witnesses)
