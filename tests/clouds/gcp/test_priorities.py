"""The numbers of route rules: unique, in order where order matters, steady when routes come and go."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inference_edge_cache.clouds.gcp.priorities import priorities
from inference_edge_cache.plan.paths import PathPattern

API = ["/v1/models", "/v1/embeddings*", "/v1/chat/*", "/v1/*", "/health", "/artifacts/*", "/*"]
MORE = [
    "/v1/rerank*",
    "/v1/completions",
    "/v2/*",
    "/metrics",
    "/v1/chat/completions",
    "/tokenizers/e5/*",
    "/v1/audio/speech*",
    "/static/*",
]


def numbered(*paths):
    """Text to its two numbers, for paths in any order."""
    found = priorities(sorted(map(PathPattern, paths), key=lambda path: path.specificity))
    return {path.text: numbers for path, numbers in found.items()}


def test_a_number_depends_on_the_path_alone():
    assert numbered(*API) == {
        "/health": (151, 152),
        "/v1/models": (165, 166),
        "/v1/embeddings*": (833, 834),
        "/v1/chat/*": (853, 854),
        "/v1/*": (919, 920),
        "/artifacts/*": (921, 922),
        "/*": (997, 998),
    }
    for path in API:
        assert numbered(path)[path] == numbered(*API)[path]


def test_a_route_more_or_less_leaves_the_others_their_numbers():
    before = numbered(*API)
    for path in MORE:
        after = numbered(*API, path)
        assert {text: after[text] for text in API} == before
    after = numbered(*API, *MORE)
    assert {text: after[text] for text in API} == before


def test_of_two_with_the_same_home_the_less_specific_one_moves_by_one():
    first, second = "/a4/*", "/a8/*"
    assert numbered(first)[first] == numbered(second)[second]
    home, next_one = numbered(first, second)[first], numbered(first, second)[second]
    assert home == numbered(first)[first]
    assert next_one == (home[0] + 2, home[1] + 2)


def test_a_route_that_lies_under_another_is_tried_first():
    deep = [f"/{'a' * length}*" for length in range(1, 60)]
    found = numbered(*deep, "/*")
    in_order = sorted(found, key=found.__getitem__)
    assert in_order == [*sorted(deep, key=len, reverse=True), "/*"]


def test_the_most_routes_that_a_service_takes_have_numbers():
    paths = [*(f"/m{n}/*" for n in range(198)), "/m1/a", "/*"]
    check(paths)
    check([f"/{n}*" for n in range(199)] + ["/*"])


def test_more_routes_than_a_band_holds_are_numbered_one_by_one():
    found = numbered(*(f"/{n}*" for n in range(199)), "/*")
    assert sorted(found.values()) == [(2 * n + 1, 2 * n + 2) for n in range(200)]
    assert found["/*"] == (399, 400)


segment = st.text("ab", min_size=0, max_size=2)
paths = st.builds(
    lambda segments, ending: "/" + "/".join(segments) + ending,
    st.lists(segment, max_size=9),
    st.sampled_from(["", "*"]),
)


@settings(max_examples=200, deadline=None)
@given(st.sets(paths, max_size=200))
def test_any_routes_are_unique_and_in_order(texts):
    check([*texts - {"/*"}, "/*"])


def check(texts):
    found = numbered(*texts)
    numbers = [number for pair in found.values() for number in pair]
    assert len(set(numbers)) == 2 * len(texts)
    assert all(1 <= number <= 999 for number in numbers)
    for text, (first, second) in found.items():
        assert first < second
        if text.endswith("*"):
            under = [found[other][1] for other in texts if other != text and other.rstrip("*").startswith(text[:-1])]
            assert all(number < first for number in under)
