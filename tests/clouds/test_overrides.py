"""The user's last word: names checked against the SDK, values merged."""

import pulumi
import pytest
from pulumi_aws import cloudfront as cf
from pulumi_aws import s3

from inference_edge_cache.clouds.overrides import merged, override_problems, unmade_problems
from inference_edge_cache.testing import record


def problems(args_class, override):
    return {problem.path: problem for problem in override_problems("it", args_class, override)}


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"comment": "x"},
        {"comment": None},
        {"viewer_certificate": {"acm_certificate_arn": None}},
        {"default_cache_behavior": {"grpc_config": {"enabled": True}}},
        {"default_cache_behavior": cf.DistributionDefaultCacheBehaviorArgs(
            allowed_methods=[], cached_methods=[], target_origin_id="", viewer_protocol_policy=""
        )},
        {"origins": [{"origin_id": "a", "custom_origin_config": {"http_port": 80}}]},
        {"tags": {"any": "name"}},
        {"aliases": ["a"]},
    ],
)  # fmt: skip
def test_known_names_at_every_level(override):
    assert problems(cf.DistributionArgs, override) == {}


def test_what_is_not_known_yet_is_not_looked_into():
    found = []

    def program():
        later = pulumi.Output.from_input({"anything": 1})
        for override in ({"default_cache_behavior": later}, {"origins": later}, {"origins": [later]}):
            found.append(problems(cf.DistributionArgs, override))

    record(program)
    assert found == [{}, {}, {}]


@pytest.mark.parametrize(
    ("override", "path", "remedy"),
    [
        ({"coment": "x"}, "it.coment", "did you mean 'comment'?"),
        ({"httpVersion": "x"}, "it.httpVersion", "did you mean 'http_version'?"),
        ({1: "x"}, "it.1", "use one of "),
        ({"viewer_certificate": {"acm": 1}}, "it.viewer_certificate.acm", "use one of acm_certificate_arn, "),
        (
            {"origins": [{}, {"custom_origin_config": {"http_prt": 1}}]},
            "it.origins[1].custom_origin_config.http_prt",
            "did you mean 'http_port'?",
        ),
        ({"default_cache_behavior": None}, "it.default_cache_behavior", "give it another value"),
        ({"viewer_certificate": [{}]}, "it.viewer_certificate", "pass a dict"),
        ({"origins": {"endpoint": {}}}, "it.origins", "pass the whole list"),
    ],
)
def test_unknown_names_at_every_level(override, path, remedy):
    (found,) = problems(cf.DistributionArgs, override).items()
    assert found[0] == path
    assert found[1].remedy.startswith(remedy)


def test_every_problem_is_told_at_once():
    assert list(problems(cf.DistributionArgs, {"a": 1, "b": 2})) == ["it.a", "it.b"]


def test_the_value_is_not_shown():
    (problem,) = problems(cf.DistributionArgs, {"heders": "hush"}).values()
    assert "hush" not in str(problem)


def test_an_override_of_something_that_is_not_made():
    (problem,) = unmade_problems({"bucket": {}, "distribution": {}}, {"distribution", "cache_policy"})
    assert (problem.path, problem.remedy) == ("overrides.bucket", "use one of cache_policy, distribution")


def versioning(status="Enabled"):
    inner = s3.BucketVersioningVersioningConfigurationArgs(status=status, mfa_delete="Disabled")
    return s3.BucketVersioningInitArgs(bucket="b", versioning_configuration=inner)


def test_nested_arguments_are_merged():
    result = merged(versioning(), {"region": "eu-west-1", "versioning_configuration": {"status": "Suspended"}})
    assert (result.bucket, result.region) == ("b", "eu-west-1")
    inner = result.versioning_configuration
    assert (inner.status, inner.mfa_delete) == ("Suspended", "Disabled")


def test_maps_are_merged_and_lists_replaced():
    rule = s3.BucketLifecycleConfigurationRuleArgs(id="a", status="Enabled")
    lifecycle = s3.BucketLifecycleConfigurationArgs(bucket="b", rules=[rule])
    assert merged(lifecycle, {"rules": []}).rules == []
    bucket = s3.BucketArgs(tags={"a": "1", "b": "2"})
    assert merged(bucket, {"tags": {"b": "3"}}).tags == {"a": "1", "b": "3"}


def test_none_takes_an_argument_away():
    assert merged(s3.BucketArgs(force_destroy=True), {"force_destroy": None}).force_destroy is None


def test_typed_arguments_replace():
    other = s3.BucketVersioningVersioningConfigurationArgs(status="Suspended")
    result = merged(versioning(), {"versioning_configuration": other})
    assert result.versioning_configuration is other


def test_what_was_not_there_is_set():
    assert merged(s3.BucketArgs(), {"tags": {"a": "1"}}).tags == {"a": "1"}
