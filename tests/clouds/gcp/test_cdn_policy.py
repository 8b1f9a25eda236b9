"""A cache policy as the cdnPolicy of a route rule. The API refuses fields that the mode has no use for."""

import re

import pytest

from inference_edge_cache import CacheKey, CachePolicy, InvalidArgsError

TTLS = {"defaultTtl", "maxTtl", "clientTtl"}


@pytest.fixture
def cdn_policy(rules):
    """The cdnPolicy that the default route's GETs get."""
    return lambda policy: rules(policy=policy)[-1]["routeAction"]["cdnPolicy"]


@pytest.mark.parametrize(
    ("policy", "mode", "ttls"),
    [
        (CachePolicy(), "CACHE_ALL_STATIC", {"defaultTtl": "3600s", "maxTtl": "86400s"}),
        (
            CachePolicy(default_ttl=0, max_ttl="1h"),
            "CACHE_ALL_STATIC",
            {"defaultTtl": "0s", "maxTtl": "3600s"},
        ),
        (
            CachePolicy(default_ttl="2d", max_ttl="365d", browser_ttl="5m"),
            "CACHE_ALL_STATIC",
            {"defaultTtl": "172800s", "maxTtl": "31536000s", "clientTtl": "300s"},
        ),
        (CachePolicy(mode="force", default_ttl="1d"), "FORCE_CACHE_ALL", {"defaultTtl": "86400s"}),
        (
            CachePolicy(mode="force", default_ttl="1d", browser_ttl=1),
            "FORCE_CACHE_ALL",
            {"defaultTtl": "86400s", "clientTtl": "1s"},
        ),
        (CachePolicy(mode="bypass"), "BYPASS_CACHE", {}),
    ],
)
def test_each_mode_sends_exactly_the_ttls_it_takes(cdn_policy, policy, mode, ttls):
    found = cdn_policy(policy)
    assert found["cacheMode"] == mode
    assert {name: found[name] for name in TTLS & found.keys()} == ttls


def test_bypass_says_nothing_but_its_mode(cdn_policy):
    assert cdn_policy(CachePolicy(mode="bypass")) == {"cacheMode": "BYPASS_CACHE"}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (CacheKey(), {"excludeQueryString": False}),
        (CacheKey(query="none"), {"excludeQueryString": True}),
        (CacheKey(query_only=["text", "model"]), {"includedQueryParameters": ["model", "text"]}),
        (CacheKey(query_except=["utm", "Trace"]), {"excludedQueryParameters": ["Trace", "utm"]}),
        (CacheKey(query_only=[]), {"excludeQueryString": True}),
        (CacheKey(query_except=[]), {"excludeQueryString": False}),
        (CacheKey(headers=["X-Model", "accept-language"]), {"includedHeaderNames": ["accept-language", "x-model"]}),
        (CacheKey(cookies=["plan"]), {"includedCookieNames": ["plan"]}),
    ],
)
def test_key(cdn_policy, key, expected):
    policy = CachePolicy(key=key)
    assert cdn_policy(policy)["cacheKeyPolicy"] == {"excludeHost": True, "excludeQueryString": False, **expected}


@pytest.mark.parametrize(
    "key",
    [
        {"headers": ["authorization"]},
        {"headers": ["content-type"]},
        {"headers": ["sec-fetch-mode"]},
        {"headers": ["a", "b", "c", "d", "e", "f"]},
        {"cookies": ["a", "b", "c", "d"]},
        {"cookies": ["Edge-Cache-Cookie"]},
        {"query_only": [f"p{n}" for n in range(21)]},
        {"query_only": ["p" * 33]},
    ],
)
def test_a_key_that_media_cdn_does_not_take_is_refused(deployed, key):
    with pytest.raises(InvalidArgsError) as refused:
        deployed(policy={"key": key})
    assert all(problem.path.startswith("policy.key") for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("negative", "expected"),
    [
        ({}, {"negativeCaching": False}),
        ({404: "10s"}, {"negativeCaching": True, "negativeCachingPolicy": {"404": "10s"}}),
        (
            {503: 0, 404: "1m"},
            {"negativeCaching": True, "negativeCachingPolicy": {"404": "60s", "503": "0s"}},
        ),
    ],
)
def test_errors_are_cached_as_asked_and_never_by_googles_defaults(cdn_policy, negative, expected):
    found = cdn_policy(CachePolicy(negative_ttl=negative))
    assert {name: found[name] for name in found if name.startswith("negative")} == expected


@pytest.mark.parametrize(
    "policy",
    [
        {"min_ttl": 1},
        {"stale_if_error": "1h"},
        {"stale_while_revalidate": "1h"},
        {"negative_ttl": {414: 10}},
        {"negative_ttl": {404: "2d"}},
        {"default_ttl": "366d", "max_ttl": "366d"},
        {"browser_ttl": 0},
        {"default_ttl": "7d", "max_ttl": "7d", "browser_ttl": "2d"},
        {"default_ttl": "1m", "browser_ttl": "2m"},
    ],
)
def test_what_media_cdn_has_no_words_for_is_refused(deployed, policy):
    with pytest.raises(InvalidArgsError):
        deployed(policy=policy)


def test_every_duration_is_whole_seconds(deployed):
    policy = {"default_ttl": "1h", "browser_ttl": 60, "negative_ttl": {404: 10}}
    recording = deployed(policy=policy, cors={"allow_origins": ["*"]}, bucket={})
    found = dict(durations([resource.inputs for resource in recording.resources]))
    assert sorted(found) == [
        "404",
        "clientTtl",
        "connectTimeout",
        "defaultTtl",
        "maxAge",
        "maxAttemptsTimeout",
        "maxTtl",
        "readTimeout",
        "responseTimeout",
    ]
    assert all(re.fullmatch(r"[0-9]+s", text) for texts in found.values() for text in texts)


def durations(value, name="", found=None):
    """Every value whose name says that it is a duration, by name."""
    found = {} if found is None else found
    for key, item in value.items() if isinstance(value, dict) else [(name, item) for item in value]:
        if isinstance(item, dict | list):
            durations(item, key, found)
        elif key.endswith(("Ttl", "Timeout", "Age", "404")):
            found.setdefault(key, []).append(item)
    return found
