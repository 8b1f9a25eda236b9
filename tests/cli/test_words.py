"""A policy in words."""

import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.cli.words import counted, policy_in_words, route_in_words
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.policy import INFERENCE_PRESETS, CacheKey, CachePolicy, InferencePolicy

DROPPED, SEEN = "what is not in it does not reach the origin", "the origin still sees the rest"


@pytest.mark.parametrize(
    ("policy", "cloud", "subject", "words"),
    [
        (
            CachePolicy(),
            Cloud.AWS,
            "kept",
            "GET and HEAD, for as long as the origin says, at most 1d; 1h where it says nothing",
        ),
        (
            CachePolicy(min_ttl=90),
            Cloud.AWS,
            "kept",
            "GET and HEAD, for as long as the origin says, at most 1d and at least 90s; 1h where it says nothing",
        ),
        (
            CachePolicy(),
            Cloud.GCP,
            "kept",
            "GET and HEAD, for as long as the origin says, at most 1d; "
            "1h where it says nothing and the content is static (not JSON)",
        ),
        (
            CachePolicy(default_ttl=0),
            Cloud.AWS,
            "kept",
            "GET and HEAD, for as long as the origin says, at most 1d; else not at all",
        ),
        (
            CachePolicy(mode="force", default_ttl="2h"),
            Cloud.GCP,
            "kept",
            "GET and HEAD, for 2h, whatever the origin says",
        ),
        (CachePolicy(mode="bypass"), Cloud.AWS, "kept", "nothing: every request reaches the origin"),
        (CachePolicy(), Cloud.AWS, "key", f"the path and the whole query; {DROPPED}"),
        (CachePolicy(), Cloud.GCP, "key", f"the path and the whole query; {SEEN}"),
        (CachePolicy(key=CacheKey(query="none")), Cloud.AWS, "key", f"the path and nothing of the query; {DROPPED}"),
        (CachePolicy(key=CacheKey(query_only=[])), Cloud.AWS, "key", f"the path and nothing of the query; {DROPPED}"),
        (
            CachePolicy(key=CacheKey(query_only=["text", "model"], headers=["x-a"], cookies=["c"])),
            Cloud.AWS,
            "key",
            f"the path, of the query only model, text, the headers x-a, and the cookies c; {DROPPED}",
        ),
        (
            CachePolicy(key=CacheKey(query_only=["text", "model"])),
            Cloud.AWS,
            "key",
            f"the path, and of the query only model, text; {DROPPED}",
        ),
        (
            CachePolicy(key=CacheKey(query_except=["trace"])),
            Cloud.GCP,
            "key",
            f"the path and the query but trace; {SEEN}",
        ),
        (CachePolicy(), Cloud.AWS, "errors", "not kept, unless the origin gives the error a max-age"),
        (
            CachePolicy(negative_ttl={404: 10, 500: "1m"}),
            Cloud.AWS,
            "errors",
            "404 for 10s, 500 for 1m; others not, unless the origin gives them a max-age",
        ),
        (CachePolicy(browser_ttl=60), Cloud.AWS, "browsers", "told 1m where the origin says nothing"),
        (CachePolicy(browser_ttl=60), Cloud.GCP, "browsers", "told at most 1m"),
    ],
)
def test_what_a_policy_means(policy, cloud, subject, words):
    assert dict(policy_in_words(policy, cloud))[subject] == words


def test_what_does_not_apply_is_not_said():
    assert [subject for subject, _ in policy_in_words(CachePolicy(), Cloud.AWS)] == [
        "kept",
        "key",
        "errors",
        "not kept",
    ]
    assert [subject for subject, _ in policy_in_words(CachePolicy(mode="bypass"), Cloud.AWS)] == ["kept"]


def test_a_count_takes_the_plural_where_it_is_one():
    assert [counted(n, "call") for n in (0, 1, 1500)] == ["0 calls", "1 call", "1,500 calls"]
    assert [counted(n, "miss", "misses") for n in (1, 2)] == ["1 miss", "2 misses"]


@pytest.mark.parametrize(
    ("preset", "determinism", "words"),
    [
        ("embeddings", None, "answers to all requests; for 7d at the edge, for 30d behind it"),
        (
            "openai_chat",
            None,
            "answers to requests that rule sampling out (temperature 0, or a seed); for 1h at the edge, "
            "for 1d behind it",
        ),
        (
            "openai_chat",
            "sampling_allowed",
            "answers to all requests: the first sample stands for the others; for 1h at the edge, for 1d behind it",
        ),
    ],
)
def test_what_is_kept_of_an_inference_route(preset, determinism, words):
    found = INFERENCE_PRESETS[preset]
    said = {**found.inference.to_dict(), **({"determinism": determinism} if determinism else {})}
    route = InferenceRoute(path="/a", policy=found.policy, inference=InferencePolicy.from_dict(said))
    assert route_in_words(route) == words
