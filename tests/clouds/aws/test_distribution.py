"""The distribution: behaviours, errors, certificate, geography."""

import pulumi
import pytest

from inference_edge_cache import InvalidArgsError

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
LEGACY = {"forwardedValues", "minTtl", "defaultTtl", "maxTtl", "trustedSigners"}


def all_behaviors(inputs):
    return [*inputs.get("orderedCacheBehaviors", []), inputs["defaultCacheBehavior"]]


def test_behaviours_are_most_specific_first(behaviors):
    routes = [{"path": path} for path in ("/v1/*", "/v1/models", "/v1/models/*", "/*", "/v?/x")]
    assert list(behaviors(routes=routes)) == ["/v1/models", "/v1/models/*", "/v?/x", "/v1/*", "/*"]


@pytest.mark.parametrize("methods", [["GET", "HEAD"], ["OPTIONS", "HEAD", "GET"], None])
def test_methods(behaviors, methods):
    route = {"path": "/v1/*"} if methods is None else {"path": "/v1/*", "methods": methods}
    allowed = behaviors(routes=[route])["/v1/*"]["allowedMethods"]
    everything = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    assert allowed == everything[: len(methods) if methods else None]


def test_methods_that_cloudfront_has_no_set_for(deployed):
    with pytest.raises(InvalidArgsError, match="all seven methods"):
        deployed(routes=[{"path": "/v1/*", "methods": ["GET", "HEAD", "POST"]}])


def test_only_get_and_head_are_cached(distribution, scenario):
    for behavior in all_behaviors(distribution(**scenario)):
        assert behavior["cachedMethods"] == ["GET", "HEAD"]


def test_every_behaviour_has_a_cache_policy_and_no_legacy_settings(distribution, scenario):
    for behavior in all_behaviors(distribution(**scenario)):
        assert behavior["cachePolicyId"]
        assert LEGACY.isdisjoint(behavior)


def test_plain_http_is_redirected(distribution, scenario):
    for behavior in all_behaviors(distribution(**scenario)):
        assert behavior["viewerProtocolPolicy"] == "redirect-to-https"


def test_failover_behaviours_take_no_bodies(distribution, scenario):
    inputs = distribution(**scenario)
    groups = {group["originId"] for group in inputs.get("originGroups", [])}
    for behavior in all_behaviors(inputs):
        if behavior["targetOriginId"] in groups:
            assert set(behavior["allowedMethods"]) <= {"GET", "HEAD", "OPTIONS"}


def test_every_behaviour_targets_an_origin_that_is_there(distribution, scenario):
    inputs = distribution(**scenario)
    there = {origin["originId"] for key in ("origins", "originGroups") for origin in inputs.get(key, [])}
    assert {behavior["targetOriginId"] for behavior in all_behaviors(inputs)} <= there


def test_server_errors_are_not_cached_unless_asked(distribution, scenario):
    """CloudFront's default keeps each for 10 s."""
    errors = distribution(**scenario)["customErrorResponses"]
    kept = {each["errorCode"]: each["errorCachingMinTtl"] for each in errors}
    assert {kept[status] for status in (500, 501, 502, 503, 504)} == {0}


def test_errors_are_cached_as_asked(distribution):
    routes = [{"path": "/v1/*", "policy": {"negative_ttl": {503: "5s"}}}]
    inputs = distribution(policy={"negative_ttl": {"404": "1m"}}, routes=routes)
    assert {each["errorCode"]: each["errorCachingMinTtl"] for each in inputs["customErrorResponses"]} == {
        404: 60,
        414: 0,
        500: 0,
        501: 0,
        502: 0,
        503: 5,
        504: 0,
    }


def test_a_custom_domain_brings_a_minimum_tls_version(deployed):
    names = ["Cache.example.com", "*.edge.example.com"]
    recording = deployed(custom_domain={"names": names, "certificate": CERTIFICATE})
    inputs = recording.one("Distribution").inputs
    assert inputs["aliases"] == ["cache.example.com", "*.edge.example.com"]
    assert inputs["viewerCertificate"] == {
        "acmCertificateArn": CERTIFICATE,
        "sslSupportMethod": "sni-only",
        "minimumProtocolVersion": "TLSv1.2_2021",
    }
    outputs = recording.one("cache").outputs
    assert outputs["url"] == "https://cache.example.com"
    assert outputs["domainName"] == recording.one("Distribution").outputs["domainName"]


def test_a_certificate_of_another_region_is_refused(deployed):
    elsewhere = CERTIFICATE.replace("us-east-1", "eu-west-1")
    with pytest.raises(InvalidArgsError, match="us-east-1"):
        deployed(custom_domain={"names": ["cache.example.com"], "certificate": elsewhere})


@pytest.mark.parametrize(
    ("geo", "expected"),
    [
        ({"allow": ["FR", "DE"]}, {"restrictionType": "whitelist", "locations": ["DE", "FR"]}),
        ({"deny": ["AQ"]}, {"restrictionType": "blacklist", "locations": ["AQ"]}),
    ],
)
def test_countries(distribution, geo, expected):
    assert distribution(geo=geo)["restrictions"] == {"geoRestriction": expected}


def test_price_class_and_web_acl(distribution):
    acl = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b"
    given = {"price_class": "PriceClass_100", "web_acl_id": lambda: pulumi.Output.from_input(acl)}
    inputs = distribution(aws=given)
    assert inputs["priceClass"] == "PriceClass_100"
    assert inputs["webAclId"] == acl
