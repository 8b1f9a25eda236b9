"""The service: names, certificates, logs, security, and what the component gives out."""

import pulumi
import pytest

from inference_edge_cache import InvalidArgsError

CERTIFICATE = "projects/p/locations/global/certificates/edge"
DOMAIN = {"names": ["cache.example.com", "*.cache.example.com"], "certificate": CERTIFICATE}


def service(recording):
    return recording.one("EdgeCacheService")


@pytest.mark.parametrize("made", [str, pulumi.Output.from_input])
def test_a_custom_domain_brings_names_a_certificate_and_tls(deployed, made):
    inputs = service(deployed(custom_domain=lambda: {**DOMAIN, "certificate": made(CERTIFICATE)})).inputs
    assert inputs["routing"]["hostRules"] == [{"hosts": DOMAIN["names"], "pathMatcher": "routes"}]
    assert inputs["edgeSslCertificates"] == [CERTIFICATE]
    assert inputs["requireTls"] is True


def test_the_url_is_the_first_name(deployed):
    recording = deployed(custom_domain=DOMAIN)
    outputs = recording.one("InferenceEdgeCache").outputs
    assert outputs["url"] == "https://cache.example.com"
    assert outputs["domainName"] == service(recording).outputs["ipv4Addresses"][0]


def test_in_a_preview_the_address_is_unknown_and_the_name_is_not(deployed):
    assert "34." not in str(deployed(preview=True).one("InferenceEdgeCache").outputs["url"])
    named = deployed(preview=True, custom_domain=DOMAIN).one("InferenceEdgeCache")
    assert named.outputs["url"] == "https://cache.example.com"


@pytest.mark.parametrize(
    "domain",
    [
        {"names": ["cache.example.com"], "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/1"},
        {"names": [f"c{n}.example.com" for n in range(11)], "certificate": CERTIFICATE},
        {"names": ["*.example.com"], "certificate": CERTIFICATE},
    ],
)
def test_names_and_certificates_that_media_cdn_does_not_take_are_refused(deployed, domain):
    with pytest.raises(InvalidArgsError):
        deployed(custom_domain=domain)


@pytest.mark.parametrize(
    ("logging", "expected"),
    [
        (None, {"enable": False}),
        ({}, {"enable": True, "sampleRate": 1}),
        ({"sample_rate": 0.25}, {"enable": True, "sampleRate": 0.25}),
    ],
)
def test_logs_are_always_said_to_be_on_or_off(deployed, logging, expected):
    args = {} if logging is None else {"logging": logging}
    assert service(deployed(**args)).inputs["logConfig"] == expected


def test_logs_go_to_cloud_logging_only(deployed):
    with pytest.raises(InvalidArgsError) as refused:
        deployed(logging={"destination": "projects/p/topics/logs"})
    assert [problem.path for problem in refused.value.problems] == ["logging.destination"]


@pytest.mark.parametrize("made", [str, pulumi.Output.from_input])
def test_an_edge_security_policy_guards_the_service(deployed, made):
    policy = "projects/p/global/securityPolicies/edge"
    inputs = service(deployed(gcp=lambda: {"edge_security_policy": made(policy)})).inputs
    assert inputs["edgeSecurityPolicy"] == policy


def test_countries_are_refused_with_the_way_to_restrict_them(deployed):
    with pytest.raises(InvalidArgsError, match="edge_security_policy"):
        deployed(geo={"allow": ["DE"]})


def test_a_field_that_the_api_does_not_have_is_never_sent(deployed):
    assert "sslPolicy" not in service(deployed(custom_domain=DOMAIN)).inputs
