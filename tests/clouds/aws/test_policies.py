"""Cache policies and origin request policies: TTLs, the key, and what is forwarded."""

import pulumi
import pytest

from inference_edge_cache import CacheKey, CachePolicy

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_OPTIMIZED_FOR_UNCOMPRESSED = "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
KEY = "parametersInCacheKeyAndForwardedToOrigin"
READ_ONLY = ["GET", "HEAD"]


@pytest.mark.parametrize(
    ("policy", "ttls"),
    [
        ({}, (0, 3600, 86_400)),
        ({"default_ttl": 0}, (0, 0, 86_400)),
        ({"default_ttl": 0, "max_ttl": 1}, (0, 0, 1)),
        ({"min_ttl": "1m", "default_ttl": "1h", "max_ttl": "1h"}, (60, 3600, 3600)),
        ({"default_ttl": "365d", "max_ttl": "365d"}, (0, 31_536_000, 31_536_000)),
        ({"mode": "force", "default_ttl": "2h"}, (7200, 7200, 7200)),
    ],
)
def test_all_three_ttls_are_sent_and_in_order(deployed, policy, ttls):
    inputs = deployed(policy=policy).one("CachePolicy").inputs
    assert (inputs["minTtl"], inputs["defaultTtl"], inputs["maxTtl"]) == ttls


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({}, {"queryStringBehavior": "all"}),
        ({"query": "none"}, {"queryStringBehavior": "none"}),
        ({"query_only": ["b", "a"]}, {"queryStringBehavior": "whitelist", "queryStrings": {"items": ["a", "b"]}}),
        ({"query_except": ["trace"]}, {"queryStringBehavior": "allExcept", "queryStrings": {"items": ["trace"]}}),
        ({"query_only": []}, {"queryStringBehavior": "none"}),
        ({"query_except": []}, {"queryStringBehavior": "all"}),
    ],
)
def test_query_strings_in_the_key(deployed, key, expected):
    inputs = deployed(policy={"key": CacheKey(**key)}).one("CachePolicy").inputs
    assert inputs[KEY]["queryStringsConfig"] == expected


def test_headers_and_cookies_in_the_key(deployed):
    key = CacheKey(headers=["X-Lang", "Authorization"], cookies=["plan"])
    inputs = deployed(policy={"key": key}).one("CachePolicy").inputs
    assert inputs[KEY]["headersConfig"] == {
        "headerBehavior": "whitelist",
        "headers": {"items": ["authorization", "x-lang"]},
    }
    assert inputs[KEY]["cookiesConfig"] == {"cookieBehavior": "whitelist", "cookies": {"items": ["plan"]}}


@pytest.mark.parametrize("compression", [True, False])
def test_compression_sets_both_encodings_and_the_behaviour(deployed, compression):
    recording = deployed(policy={"compression": compression})
    parameters = recording.one("CachePolicy").inputs[KEY]
    assert parameters["enableAcceptEncodingGzip"] is parameters["enableAcceptEncodingBrotli"] is compression
    assert recording.one("Distribution").input("defaultCacheBehavior.compress") is compression


@pytest.mark.parametrize(
    "difference",
    [
        {"browser_ttl": "1m"},
        {"negative_ttl": {404: "5s"}},
        {"mode": "force", "default_ttl": "1h"},
    ],
)
def test_routes_that_differ_outside_the_cache_policy_share_one(deployed, difference):
    """An account holds 20 of them."""
    same_ttls = {"min_ttl": "1h", "default_ttl": "1h", "max_ttl": "1h"}
    other = CachePolicy(**(difference if "mode" in difference else {**same_ttls, **difference}))
    recording = deployed(policy=same_ttls, routes=[{"path": "/v1/*", "policy": other}])
    assert [policy.name for policy in recording.of_type("CachePolicy")] == ["cache-cache-policy"]
    behavior = recording.one("Distribution").inputs
    shared = recording.one("CachePolicy").id
    assert behavior["defaultCacheBehavior"]["cachePolicyId"] == shared
    assert behavior["orderedCacheBehaviors"][0]["cachePolicyId"] == shared


def names_of_policies(recording):
    return [policy.name for policy in recording.of_type("CachePolicy")]


def test_the_names_of_policies_do_not_depend_on_the_order_of_routes(deployed):
    routes = [{"path": f"/v{n}/*", "policy": {"default_ttl": n}} for n in (1, 2, 3)]
    names = names_of_policies(deployed(routes=routes))
    assert names == names_of_policies(deployed(routes=routes[::-1]))
    assert len(names) == 4


def test_the_default_route_keeps_its_name_whatever_its_policy(deployed):
    assert names_of_policies(deployed(policy={"default_ttl": 5})) == ["cache-cache-policy"]


def test_without_a_cached_default_route_every_name_has_a_digest(deployed):
    recording = deployed(policy={"mode": "bypass"}, routes=[{"path": "/v1/*", "policy": CachePolicy()}])
    (name,) = names_of_policies(recording)
    assert name.startswith("cache-cache-policy-")


def test_a_default_route_with_an_existing_policy_has_no_name_to_give(deployed):
    recording = deployed(
        routes=[{"path": "/v1/*", "policy": CachePolicy()}],
        aws={"existing_policy_ids": {"/*": CACHING_OPTIMIZED}},
    )
    (name,) = names_of_policies(recording)
    assert name.startswith("cache-cache-policy-")


def test_an_existing_policy_wins_for_its_route(deployed):
    existing = {
        "/v1/*": lambda: pulumi.Output.from_input(CACHING_OPTIMIZED),
        "/artifacts/*": CACHING_OPTIMIZED_FOR_UNCOMPRESSED,
    }
    recording = deployed(bucket={}, routes=[{"path": "/v1/*"}], aws={"existing_policy_ids": existing})
    inputs = recording.one("Distribution").inputs
    ids = {behavior["pathPattern"]: behavior["cachePolicyId"] for behavior in inputs["orderedCacheBehaviors"]}
    assert ids == {
        "/v1/*": CACHING_OPTIMIZED,
        "/artifacts/*": CACHING_OPTIMIZED_FOR_UNCOMPRESSED,
    }
    assert names_of_policies(recording) == ["cache-cache-policy"]


def test_what_is_not_cached_is_forwarded_whole_but_for_its_host(behaviors):
    behavior = behaviors(routes=[{"path": "/v1/chat", "policy": {"mode": "bypass"}}])["/v1/chat"]
    assert behavior["cachePolicyId"] == CACHING_DISABLED
    assert behavior["originRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST_HEADER
    assert behavior["compress"] is False


def test_what_is_cached_is_forwarded_by_its_key_alone(behaviors):
    assert "originRequestPolicyId" not in behaviors()["/*"]


def test_a_bucket_gets_no_viewer_headers(behaviors):
    args = {"forward_headers": ["x-request-id"], "bucket": {"policy": CachePolicy(mode="bypass")}}
    behavior = behaviors(**args)["/artifacts/*"]
    assert (behavior["cachePolicyId"], "originRequestPolicyId" in behavior) == (CACHING_DISABLED, False)


def test_forward_headers_reach_the_endpoint_unkeyed(deployed):
    recording = deployed(
        forward_headers=["X-Request-Id", "traceparent"],
        bucket={},
        routes=[{"path": "/v1/*", "policy": {"default_ttl": 5}}, {"path": "/chat", "policy": {"mode": "bypass"}}],
    )
    policy = recording.one("OriginRequestPolicy")
    assert policy.inputs == {
        "comment": "What the edge cache cache forwards without keying on it",
        "headersConfig": {"headerBehavior": "whitelist", "headers": {"items": ["traceparent", "x-request-id"]}},
        "queryStringsConfig": {"queryStringBehavior": "none"},
        "cookiesConfig": {"cookieBehavior": "none"},
    }
    inputs = recording.one("Distribution").inputs
    behaviors = [*inputs["orderedCacheBehaviors"], {"pathPattern": "/*", **inputs["defaultCacheBehavior"]}]
    assert {b["pathPattern"]: b.get("originRequestPolicyId") for b in behaviors} == {
        "/chat": ALL_VIEWER_EXCEPT_HOST_HEADER,
        "/artifacts/*": None,
        "/v1/*": policy.id,
        "/*": policy.id,
    }


def test_authorization_is_forwarded_by_the_key_and_in_no_origin_request_policy(deployed):
    keyed = {"policy": {"key": {"headers": ["authorization"]}}}
    assert deployed(forward_headers=["Authorization"], **keyed).of_type("OriginRequestPolicy") == ()
    recording = deployed(forward_headers=["Authorization", "x-request-id"], **keyed)
    assert recording.one("OriginRequestPolicy").input("headersConfig.headers.items") == ["x-request-id"]


def test_no_origin_request_policy_where_nothing_is_cached(deployed):
    recording = deployed(policy={"mode": "bypass"}, forward_headers=["x-request-id"])
    assert recording.of_type("OriginRequestPolicy") == recording.of_type("CachePolicy") == ()
