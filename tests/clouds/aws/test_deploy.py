"""What holds for everything that is made, and what a program sees of it."""

import dataclasses
import json

import pulumi
import pytest

from inference_edge_cache import InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.clouds.aws import AwsResources, overrides_problems
from inference_edge_cache.clouds.aws.deploy import ARGS, children_made
from inference_edge_cache.plan import make_plan
from inference_edge_cache.plan.children import CHILDREN, child_name
from inference_edge_cache.testing import CloudMocks, Secret, Unknown, record

ORIGIN = {"url": "https://model.example.com"}
TAGGABLE = {"Bucket", "Distribution", "LogDeliverySource", "LogDeliveryDestination", "LogDelivery"}
TAGGABLE |= {"Function", "Role", "Secret", "LogGroup"}
LONGEST_NAMES = {"bucket": 63, "origin_access_control": 64, "log_delivery_source": 60, "log_delivery_destination": 60}
LONGEST_NAMES |= {"results": 63, "gateway": 64, "gateway_role": 64, "gateway_signing": 64}


def kind(resource):
    return resource.type.rpartition(":")[2]


def test_every_child_has_the_component_as_its_parent_and_name_prefix(deployed, scenario):
    recording = deployed(**scenario)
    component, *children = recording.resources
    assert recording.children(component) == tuple(children)
    assert all(child.name.startswith("cache-") for child in children)


def test_everything_that_can_carry_tags_does(deployed, scenario):
    for child in deployed(**scenario).children("cache"):
        assert child.inputs.get("tags") == (scenario.get("tags") if kind(child) in TAGGABLE else None)


def test_tags_may_be_outputs(distribution):
    assert distribution(tags={"team": lambda: pulumi.Output.from_input("search")})["tags"] == {"team": "search"}


def test_a_preview_registers_the_same_resources(deployed, scenario):
    preview, update = (deployed(preview=mode, **scenario).resources for mode in (True, False))
    assert [(each.type, each.name, each.parent) for each in preview] == [
        (each.type, each.name, each.parent) for each in update
    ]
    assert all(child.id == Unknown() for child in preview[1:])


def test_equal_programs_give_equal_graphs(deployed, scenario):
    assert deployed(**scenario) == deployed(**scenario)


def test_two_caches_in_one_program():
    def program():
        for name in ("a", "b"):
            InferenceEdgeCache(name, {"cloud": "aws", "origin": ORIGIN, "bucket": {}})

    recording = record(program)
    a, b = ([child.name.partition("-")[2] for child in recording.children(name)] for name in "ab")
    assert a == b
    assert len(a) == 13


def test_nothing_is_deleted_before_what_replaces_it_is_there(deployed, scenario):
    """CloudFront refuses to delete a policy that a distribution still uses."""
    for child in deployed(**scenario).children("cache"):
        assert child.options.delete_before_replace is None


def test_no_provider_is_made(deployed, scenario):
    assert [r.name for r in deployed(**scenario).resources if r.type.startswith("pulumi:providers")] == []


def test_protect_reaches_every_child():
    def program():
        args = {"cloud": "aws", "origin": ORIGIN, "bucket": {}}
        InferenceEdgeCache("cache", args, pulumi.ResourceOptions(protect=True))

    assert all(child.options.protect for child in record(program).children("cache"))


@pytest.mark.parametrize("child", CHILDREN[Cloud.AWS])
def test_the_longest_name_leaves_room_for_what_pulumi_adds(child):
    assert len(child_name("x" * 40, Cloud.AWS, child, "max-age-31536000")) <= 120
    assert len(child_name("x" * 40, Cloud.AWS, child)) + len("-1a2b3c4") <= LONGEST_NAMES.get(child, 128)


# Secrets --------------------------------------------------------------------------------------------------------------
def without_secrets(value):
    if isinstance(value, Secret):
        return "<secret>"
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items()}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("preview", [False, True])
def test_header_values_are_nowhere_in_the_open(deployed, preview):
    headers = {
        "x-plain": "hush",
        "x-output": lambda: pulumi.Output.from_input("hush"),
        "x-secret": lambda: pulumi.Output.secret("hush"),
    }
    failover = {"url": "https://backup.example.com", "headers": headers}
    recording = deployed(
        preview=preview,
        origin={**ORIGIN, "headers": headers, "failover": failover},
        routes=[{"path": "/v1/*", "methods": ["GET", "HEAD"]}],
    )
    component = recording.one("cache")
    told = [component.outputs, *(resource.inputs for resource in recording.resources)]
    distribution = recording.one("Distribution").inputs
    assert [[header["value"] for header in origin["customHeaders"]] for origin in distribution["origins"]] == [
        [Secret("hush")] * 3,
        [Secret("hush")] * 3,
    ]
    assert "hush" not in json.dumps(without_secrets([dict(each) for each in told]), default=repr)
    assert not any("hush" in line.message for line in recording.logs)


def test_a_secret_header_that_cannot_be_sent_is_refused_unseen(deployed):
    with pytest.raises(InvalidArgsError) as caught:
        deployed(origin={**ORIGIN, "headers": {"x-api-key": lambda: pulumi.Output.secret("hush\n")}})
    assert "hush" not in str(caught.value)


# Outputs --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url", ["ftp://model.example.com", "https://10.0.0.1", "https://8.8.8.8", "http://a.example.com"]
)
def test_a_url_that_turns_out_wrong_is_refused(deployed, url):
    with pytest.raises(InvalidArgsError) as caught:
        deployed(origin={"url": lambda: pulumi.Output.from_input(url)})
    assert [problem.path for problem in caught.value.problems] == ["origin.url"]


def test_a_certificate_that_turns_out_wrong_is_refused(deployed):
    domain = {"names": ["c.example.com"], "certificate": lambda: pulumi.Output.from_input("arn:aws:acm:x")}
    with pytest.raises(InvalidArgsError, match="us-east-1"):
        deployed(custom_domain=domain)


class Endpoint(pulumi.CustomResource):
    """A resource whose URL is known when it has been made."""

    url: pulumi.Output[str]

    def __init__(self):
        super().__init__("aws:things/endpoint:Endpoint", "endpoint", {"url": None})


@pytest.mark.parametrize("preview", [False, True])
def test_the_url_of_a_resource_that_is_made_too(arguments, preview):
    def program():
        endpoint = Endpoint()
        origin = {"url": endpoint.url, "headers": {"x-id": endpoint.id}}
        InferenceEdgeCache("cache", arguments(origin=origin))

    made = {"id": "e", "url": "https://m.example.com:8443/v1"}
    mocks = CloudMocks(outputs={"aws:things/endpoint:Endpoint": lambda new: made})
    origin = record(program, preview=preview, mocks=mocks).one("Distribution").input("origins.0")
    config = origin["customOriginConfig"]
    found = (origin["domainName"], origin["originPath"], config["originProtocolPolicy"], config["httpsPort"])
    assert found == ((Unknown(),) * 4 if preview else ("m.example.com", "/v1", "https-only", 8443))
    assert origin["customHeaders"] == [{"name": "x-id", "value": Secret(Unknown() if preview else "e")}]


def test_everything_a_program_gets_is_an_output():
    seen = {}

    def program():
        cache = InferenceEdgeCache("cache", {"cloud": "aws", "origin": ORIGIN, "bucket": {}})
        for name in ("url", "domain_name", "cache_id", "bucket_name", "bucket_policy_statement"):
            seen[name] = getattr(cache, name)
        pulumi.export("id", cache.aws.distribution.id)

    recording = record(program)
    assert all(isinstance(value, pulumi.Output) for value in seen.values())
    assert recording.outputs["id"] == recording.one("Distribution").id


# The escape hatch -----------------------------------------------------------------------------------------------------
def test_the_resources_are_all_there_and_nothing_else(arguments, scenario):
    kept = {}

    def program():
        kept["aws"] = InferenceEdgeCache("cache", arguments(**scenario)).aws

    recording = record(program)
    names = set()
    for field in dataclasses.fields(kept["aws"]):
        value = getattr(kept["aws"], field.name)
        resources = value if isinstance(value, tuple) else () if value is None else (value,)
        names |= {resource._name for resource in resources}
    assert names == {child.name for child in recording.children("cache")}


def test_its_fields_are_the_children_by_name():
    singular = {"cache_policies": "cache_policy", "response_headers_policies": "response_headers_policy"}
    fields = [singular.get(field.name, field.name) for field in dataclasses.fields(AwsResources)]
    assert sorted(fields) == sorted(CHILDREN[Cloud.AWS])


# Overrides ------------------------------------------------------------------------------------------------------------
def test_every_child_can_be_overridden():
    assert list(ARGS) == list(CHILDREN[Cloud.AWS])


def test_what_is_made_is_known_beforehand(deployed, arguments, scenario):
    known = []
    record(lambda: known.append(children_made(make_plan("cache", arguments(**scenario)))))
    suffixes = [child.name.removeprefix("cache-") for child in deployed(**scenario).children("cache")]
    by_length = sorted(CHILDREN[Cloud.AWS].items(), key=lambda item: -len(item[1]))
    made = {next(child for child, suffix in by_length if each.startswith(suffix)) for each in suffixes}
    assert known == [made]


def test_overrides_are_merged_deeply_and_lists_replaced(distribution):
    usual = distribution()
    inputs = distribution(
        overrides={
            "distribution": {
                "comment": "mine",
                "default_cache_behavior": {"smooth_streaming": True, "allowed_methods": ["GET", "HEAD"]},
                "custom_error_responses": [{"error_code": 403, "error_caching_min_ttl": 1}],
                "viewer_mtls_config": {"mode": "required", "trust_store_config": {"trust_store_id": "t"}},
                "tags": {"mine": "too"},
                "is_ipv6_enabled": None,
            }
        }
    )
    assert inputs == {
        **{key: value for key, value in usual.items() if key != "isIpv6Enabled"},
        "comment": "mine",
        "defaultCacheBehavior": {
            **usual["defaultCacheBehavior"],
            "smoothStreaming": True,
            "allowedMethods": ["GET", "HEAD"],
        },
        "customErrorResponses": [{"errorCode": 403, "errorCachingMinTtl": 1}],
        "viewerMtlsConfig": {"mode": "required", "trustStoreConfig": {"trustStoreId": "t"}},
        "tags": {"mine": "too"},
    }


def test_an_override_of_tags_adds_to_them(distribution):
    inputs = distribution(tags={"team": "search"}, overrides={"distribution": {"tags": {"more": "x"}}})
    assert inputs["tags"] == {"team": "search", "more": "x"}


def test_an_override_reaches_every_resource_of_its_kind(deployed):
    recording = deployed(bucket={}, overrides={"cache_policy": {"comment": "mine"}})
    assert [policy.inputs["comment"] for policy in recording.of_type("CachePolicy")] == ["mine", "mine"]


def test_overrides_do_not_reach_into_the_next_cache():
    overrides = {"distribution": {"default_cache_behavior": {"compress": False}}}

    def program():
        for name in ("a", "b"):
            InferenceEdgeCache(name, {"cloud": "aws", "origin": ORIGIN, "overrides": overrides})

    recording = record(program)
    assert overrides == {"distribution": {"default_cache_behavior": {"compress": False}}}
    first, second = recording.of_type("Distribution")
    assert first.input("defaultCacheBehavior.compress") is second.input("defaultCacheBehavior.compress") is False


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        ({"distribution": {"forward_header_values": []}}, "overrides.distribution.forward_header_values"),
        (
            {"distribution": {"default_cache_behavior": {"max_tll": 1}}},
            "overrides.distribution.default_cache_behavior.max_tll",
        ),
        ({"distribution": {"origins": [{"origin": "x"}]}}, "overrides.distribution.origins[0].origin"),
        ({"distributions": {}}, "overrides.distributions"),
        ({"bucket": {"force_destroy": True}}, "overrides.bucket"),
        ({"origin_request_policy": {"comment": "mine"}}, "overrides.origin_request_policy"),
    ],
)
def test_what_could_change_nothing_is_refused_before_anything_is_made(overrides, path):
    made = []

    def program():
        try:
            InferenceEdgeCache("cache", {"cloud": "aws", "origin": ORIGIN, "overrides": overrides})
        except InvalidArgsError as error:
            made.extend(error.problems)

    recording = record(program)
    assert [problem.path for problem in made] == [path]
    assert recording.children("cache") == ()


def test_problems_inside_overrides():
    assert overrides_problems({"bucket": {"force_destroy": True}}) == []
    (problem,) = overrides_problems({"bucket_versioning": {"enabled": True}})
    assert problem.path == "overrides.bucket_versioning.enabled"
