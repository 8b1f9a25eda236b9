"""Origins: the endpoint, failover, Origin Shield, how the bucket is read."""

import pulumi
import pytest

from inference_edge_cache import InvalidArgsError
from inference_edge_cache.testing import Secret

URL = "https://model.example.com"
READ_ONLY = [{"path": "/*", "methods": ["GET", "HEAD"]}]


@pytest.fixture
def origins(distribution):
    """Origin id to origin."""
    return lambda **args: {origin["originId"]: origin for origin in distribution(**args)["origins"]}


@pytest.mark.parametrize("as_output", [False, True])
@pytest.mark.parametrize(
    ("url", "domain", "path", "protocol", "ports"),
    [
        ("https://model.example.com", "model.example.com", "", "https-only", (80, 443)),
        ("https://model.example.com:8443/v1/", "model.example.com", "/v1", "https-only", (80, 8443)),
        ("http://model.example.com", "model.example.com", "", "http-only", (80, 443)),
        ("http://model.example.com:8080", "model.example.com", "", "http-only", (8080, 443)),
    ],
)
def test_the_url_taken_apart(origins, as_output, url, domain, path, protocol, ports):
    given = (lambda: pulumi.Output.from_input(url)) if as_output else url
    endpoint = origins(origin={"url": given, "allow_http": True})["endpoint"]
    config = endpoint["customOriginConfig"]
    assert (endpoint["domainName"], endpoint.get("originPath", "")) == (domain, path)
    assert (config["originProtocolPolicy"], config["httpPort"], config["httpsPort"]) == (protocol, *ports)
    assert config["originSslProtocols"] == ["TLSv1.2"]


@pytest.mark.parametrize("url", ["https://model.example.com:81", "https://model.example.com:22"])
@pytest.mark.parametrize("as_output", [False, True])
def test_a_port_that_cloudfront_does_not_connect_to(deployed, url, as_output):
    with pytest.raises(InvalidArgsError, match="port 80, 443 and 1024 to 65535"):
        deployed(origin={"url": (lambda: pulumi.Output.from_input(url)) if as_output else url})


def test_timeouts_and_attempts(origins):
    origin = {"url": URL, "connect_timeout": 3, "read_timeout": "1m", "response_timeout": "5m", "attempts": 2}
    endpoint = origins(origin=origin)["endpoint"]
    assert (endpoint["connectionTimeout"], endpoint["connectionAttempts"]) == (3, 2)
    assert endpoint["responseCompletionTimeout"] == 300
    assert endpoint["customOriginConfig"]["originReadTimeout"] == 60


@pytest.mark.parametrize("make", [str, pulumi.Output.from_input, pulumi.Output.secret])
def test_header_values_are_secrets(origins, make):
    endpoint = origins(origin={"url": URL, "headers": {"x-api-key": lambda: make("hush")}})["endpoint"]
    assert endpoint["customHeaders"] == [{"name": "x-api-key", "value": Secret("hush")}]


def test_failover_is_an_origin_group(distribution):
    inputs = distribution(
        origin={
            "url": URL,
            "headers": {"x-api-key": "hush"},
            "read_timeout": 60,
            "failover": {"url": "https://backup.example.com:8443", "headers": {"x-api-key": "hush too"}},
        },
        routes=READ_ONLY,
    )
    assert [origin["originId"] for origin in inputs["origins"]] == ["endpoint", "failover"]
    assert inputs["origins"][1] == {
        "originId": "failover",
        "originPath": "",
        "domainName": "backup.example.com",
        "connectionTimeout": 5,
        "connectionAttempts": 1,
        "customHeaders": [{"name": "x-api-key", "value": Secret("hush too")}],
        "customOriginConfig": {
            "originProtocolPolicy": "https-only",
            "httpPort": 80,
            "httpsPort": 8443,
            "originSslProtocols": ["TLSv1.2"],
            "originReadTimeout": 60,
            "originKeepaliveTimeout": 5,
        },
    }
    assert inputs["originGroups"] == [
        {
            "originId": "endpoint-with-failover",
            "failoverCriteria": {"statusCodes": [500, 502, 503, 504]},
            "members": [{"originId": "endpoint"}, {"originId": "failover"}],
        }
    ]


@pytest.mark.parametrize(
    ("conditions", "statuses"),
    [
        (["server_error"], [500, 502, 503, 504]),
        (["gateway_error"], [502, 503, 504]),
        (["not_found"], [404, 503, 504]),
        (["too_many_requests", "forbidden"], [403, 429, 503, 504]),
    ],
)
def test_an_endpoint_that_cannot_be_reached_always_fails_over(distribution, conditions, statuses):
    failover = {"url": "https://backup.example.com", "conditions": conditions}
    inputs = distribution(origin={"url": URL, "failover": failover}, routes=READ_ONLY)
    assert inputs["originGroups"][0]["failoverCriteria"]["statusCodes"] == statuses


def test_routes_that_take_bodies_do_not_fail_over(behaviors):
    """CloudFront refuses their methods on a behaviour that points at an origin group."""
    found = behaviors(
        origin={"url": URL, "failover": {"url": "https://backup.example.com"}},
        routes=[{"path": "/read", "methods": ["GET", "HEAD", "OPTIONS"]}, {"path": "/write"}],
        bucket={},
    )
    assert {path: behavior["targetOriginId"] for path, behavior in found.items()} == {
        "/read": "endpoint-with-failover",
        "/write": "endpoint",
        "/artifacts/*": "bucket",
        "/*": "endpoint",
    }


def test_failover_that_no_route_could_use_is_refused(deployed):
    with pytest.raises(InvalidArgsError, match="CloudFront fails over on routes that take only GET, HEAD and OPTIONS"):
        deployed(origin={"url": URL, "failover": {"url": "https://backup.example.com"}})


def test_origin_shield_stands_before_both_endpoints_and_not_before_the_bucket(origins):
    found = origins(
        origin={"url": URL, "failover": {"url": "https://backup.example.com"}},
        routes=READ_ONLY,
        origin_shield="eu-west-1",
        bucket={},
    )
    shield = {"enabled": True, "originShieldRegion": "eu-west-1"}
    assert {name: origin.get("originShield") for name, origin in found.items()} == {
        "endpoint": shield,
        "failover": shield,
        "bucket": None,
    }


def test_the_bucket_through_access_control(origins, deployed):
    control = deployed(bucket={}, aws={"bucket_access": "oac"}).one("OriginAccessControl")
    bucket = origins(bucket={}, aws={"bucket_access": "oac"})["bucket"]
    assert bucket == {
        "originId": "bucket",
        "domainName": bucket["domainName"],
        "originAccessControlId": control.id,
    }


def test_a_bucket_is_read_in_exactly_one_way(distribution, scenario):
    for origin in distribution(**scenario)["origins"]:
        ways = [key for key in ("s3OriginConfig", "originAccessControlId") if key in origin]
        if origin["originId"] in ("bucket", "results"):
            assert len(ways) == 1
            assert "customOriginConfig" not in origin
        else:  # a gateway that IAM guards is signed for
            assert ways == (["originAccessControlId"] if scenario.get("gateway", {}).get("front_door") else [])
            assert "customOriginConfig" in origin
