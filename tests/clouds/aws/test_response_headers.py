"""What CloudFront adds to answers."""

import pytest

from inference_edge_cache import CachePolicy

USUAL = "cache-response-headers-policy"
BROWSER_POLICY = f"{USUAL}-max-age-60"
UNCACHED = f"{USUAL}-uncached"


def test_browser_ttl_becomes_cache_control_where_the_origin_sends_none(deployed):
    inputs = deployed(policy={"browser_ttl": "1m"}).one("ResponseHeadersPolicy").inputs
    assert inputs["customHeadersConfig"] == {
        "items": [{"header": "Cache-Control", "value": "max-age=60", "override": False}]
    }


def test_a_browser_ttl_of_nothing_is_said(deployed):
    policy = deployed(policy={"browser_ttl": 0}).one(f"{USUAL}-max-age-0")
    assert policy.input("customHeadersConfig.items.0.value") == "max-age=0"


def test_one_policy_for_each_browser_ttl(deployed):
    keep = {"browser_ttl": "1m"}
    recording = deployed(
        routes=[
            {"path": "/a", "policy": CachePolicy(**keep)},
            {"path": "/b", "policy": CachePolicy(default_ttl=5, **keep)},
            {"path": "/c", "policy": CachePolicy(mode="bypass")},
        ]
    )
    policies = {policy.name: policy.id for policy in recording.of_type("ResponseHeadersPolicy")}
    assert set(policies) == {USUAL, BROWSER_POLICY, UNCACHED}
    inputs = recording.one("Distribution").inputs
    used = {b["pathPattern"]: b["responseHeadersPolicyId"] for b in inputs["orderedCacheBehaviors"]}
    usual, browser = policies[USUAL], policies[BROWSER_POLICY]
    assert used == {"/a": browser, "/b": browser, "/c": policies[UNCACHED]}
    assert inputs["defaultCacheBehavior"]["responseHeadersPolicyId"] == usual


@pytest.mark.parametrize(
    ("policy", "name", "removed"),
    [
        ({}, USUAL, ["Set-Cookie"]),
        ({"key": {"cookies": ["plan"]}}, USUAL, ["Set-Cookie"]),
        ({"browser_ttl": 60}, BROWSER_POLICY, ["Set-Cookie"]),
        ({"mode": "bypass"}, UNCACHED, []),
    ],
)
def test_one_callers_cookie_does_not_reach_another(deployed, policy, name, removed):
    """CloudFront caches Set-Cookie with the answer; where nothing is cached a caller may be given one."""
    inputs = deployed(policy=policy).one(name).inputs
    assert [item["header"] for item in inputs.get("removeHeadersConfig", {"items": []})["items"]] == removed


def test_cors_by_default(deployed):
    inputs = deployed(cors={"allow_origins": ["*"]}).one("ResponseHeadersPolicy").inputs
    assert inputs["corsConfig"] == {
        "accessControlAllowOrigins": {"items": ["*"]},
        "accessControlAllowMethods": {"items": ["GET", "HEAD", "OPTIONS"]},
        "accessControlAllowHeaders": {"items": ["content-type"]},
        "accessControlMaxAgeSec": 600,
        "accessControlAllowCredentials": False,
        "originOverride": True,
    }


def test_cors_in_full(deployed):
    cors = {
        "allow_origins": ["https://a.example.com", "https://b.example.com"],
        "allow_methods": ["GET", "POST"],
        "allow_headers": ["authorization"],
        "expose_headers": ["x-model"],
        "max_age": "1h",
        "allow_credentials": True,
    }
    inputs = deployed(cors=cors).one("ResponseHeadersPolicy").inputs
    assert inputs["corsConfig"] == {
        "accessControlAllowOrigins": {"items": ["https://a.example.com", "https://b.example.com"]},
        "accessControlAllowMethods": {"items": ["GET", "POST"]},
        "accessControlAllowHeaders": {"items": ["authorization"]},
        "accessControlExposeHeaders": {"items": ["x-model"]},
        "accessControlMaxAgeSec": 3600,
        "accessControlAllowCredentials": True,
        "originOverride": True,
    }


@pytest.mark.parametrize("absent", ["corsConfig", "customHeadersConfig"])
def test_nothing_is_added_that_was_not_asked_for(deployed, absent):
    assert absent not in deployed().one("ResponseHeadersPolicy").inputs
