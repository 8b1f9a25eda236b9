"""The endpoint and its failover as Media CDN origins."""

import pulumi
import pytest

from inference_edge_cache import InvalidArgsError
from inference_edge_cache.testing import Secret

URL = "https://model.example.com"


def origin(recording, name="embeddings-origin"):
    return recording.one(name).inputs


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"url": URL}, ("model.example.com", "HTTPS", 443)),
        ({"url": "https://model.example.com:8443"}, ("model.example.com", "HTTPS", 8443)),
        ({"url": "http://model.example.com", "allow_http": True}, ("model.example.com", "HTTP", 80)),
        ({"url": "https://8.8.8.8"}, ("8.8.8.8", "HTTPS", 443)),
        ({"url": "https://[2001:4860:4860::8888]"}, ("2001:4860:4860::8888", "HTTPS", 443)),
    ],
)
def test_address_protocol_and_port_come_from_the_url(deployed, given, expected):
    inputs = origin(deployed(origin=given))
    assert (inputs["originAddress"], inputs["protocol"], inputs["port"]) == expected


@pytest.mark.parametrize("host", [None, "internal.example.com"])
@pytest.mark.parametrize("as_output", [False, True])
def test_the_host_is_always_rewritten(deployed, host, as_output):
    def given():
        lift = pulumi.Output.from_input if as_output else lambda value: value
        return {"url": lift(URL), **({} if host is None else {"host_header": lift(host)})}

    rewrite = origin(deployed(origin=given))["originOverrideAction"]["urlRewrite"]
    assert rewrite == {"hostRewrite": host or "model.example.com"}


def test_a_url_as_output_is_the_same_as_its_text(deployed):
    def given():
        return {"url": pulumi.Output.from_input("https://model.example.com:8443")}

    assert origin(deployed(origin=given)) == origin(deployed(origin={"url": "https://model.example.com:8443"}))


@pytest.mark.parametrize(
    "url", ["ftp://model.example.com", "http://model.example.com", "https://localhost", "https://model.example.com/v1"]
)
def test_an_output_that_resolves_to_a_bad_url_is_an_error(deployed, url):
    with pytest.raises(InvalidArgsError) as refused:
        deployed(origin=lambda: {"url": pulumi.Output.secret(url)})
    (problem,) = refused.value.problems
    assert problem.path == "origin.url"
    assert url not in str(refused.value)


@pytest.mark.parametrize("made", [str, pulumi.Output.from_input, pulumi.Output.secret])
def test_headers_are_secrets(deployed, made):
    recording = deployed(origin=lambda: {"url": URL, "headers": {"x-api-key": made("key-1")}}, bucket={})
    assert origin(recording)["originOverrideAction"]["headerAction"] == {
        "requestHeadersToAdds": [{"headerName": "x-api-key", "headerValue": Secret("key-1"), "replace": True}]
    }
    others = [resource for resource in recording.resources if resource.name != "embeddings-origin"]
    assert "key-1" not in repr([recording.logs, recording.outputs, others])


def test_a_secret_header_that_cannot_be_sent_is_an_error_that_does_not_show_it(deployed):
    with pytest.raises(InvalidArgsError) as refused:
        deployed(origin=lambda: {"url": URL, "headers": {"x-api-key": pulumi.Output.secret("key-1\nx: y")}})
    assert "key-1" not in str(refused.value)


def test_timeouts_and_attempts(deployed):
    given = {"url": URL, "connect_timeout": "4s", "read_timeout": 20, "response_timeout": "1m", "attempts": 2}
    inputs = origin(deployed(origin=given))
    assert inputs["maxAttempts"] == 2
    assert inputs["timeout"] == {
        "connectTimeout": "4s",
        "maxAttemptsTimeout": "30s",
        "readTimeout": "20s",
        "responseTimeout": "60s",
    }


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["HTTP_5XX"]),
        ({"conditions": ["gateway_error"]}, ["GATEWAY_ERROR"]),
        ({"conditions": ["too_many_requests", "not_found", "forbidden"]}, ["FORBIDDEN", "NOT_FOUND", "RETRIABLE_4XX"]),
    ],
)
def test_a_failover_is_an_origin_of_its_own(deployed, conditions, expected):
    failover = {"url": "https://spare.example.net:8443", "headers": {"x-api-key": "key-2"}, **conditions}
    recording = deployed(
        origin={"url": URL, "read_timeout": 9, "headers": {"x-api-key": "key-1"}, "failover": failover}
    )
    first, second = recording.one("embeddings-origin"), recording.one("embeddings-origin-failover")
    assert first.inputs["failoverOrigin"] == second.id
    assert first.inputs["retryConditions"] == ["CONNECT_FAILURE", *expected]
    assert second.inputs == {
        "originAddress": "spare.example.net",
        "protocol": "HTTPS",
        "port": 8443,
        "maxAttempts": 1,
        "retryConditions": ["CONNECT_FAILURE"],
        "timeout": {
            "connectTimeout": "15s",
            "maxAttemptsTimeout": "30s",
            "readTimeout": "9s",
            "responseTimeout": "120s",
        },
        "originOverrideAction": {
            "urlRewrite": {"hostRewrite": "spare.example.net"},
            "headerAction": {
                "requestHeadersToAdds": [{"headerName": "x-api-key", "headerValue": Secret("key-2"), "replace": True}]
            },
        },
    }
    assert second.options.custom_timeouts["create"] == "120m"


def test_without_a_failover_only_an_endpoint_that_is_not_reached_is_tried_again(deployed):
    inputs = origin(deployed(origin={"url": URL, "attempts": 2}))
    assert inputs["retryConditions"] == ["CONNECT_FAILURE"]
    assert "failoverOrigin" not in inputs


@pytest.mark.parametrize(
    ("region", "expected"), [("europe-west3", "EUROPE_WEST3"), ("US_EAST5", "US_EAST5"), ("me-central1", "ME_CENTRAL1")]
)
def test_a_shield_stands_in_front_of_the_endpoints_and_not_of_the_bucket(deployed, region, expected):
    recording = deployed(
        origin={"url": URL, "failover": {"url": "https://spare.example.net"}}, origin_shield=region, bucket={}
    )
    for name in ("embeddings-origin", "embeddings-origin-failover"):
        assert origin(recording, name)["flexShielding"] == {"flexShieldingRegions": expected}
    assert "flexShielding" not in origin(recording, "embeddings-origin-bucket")
