"""What is recorded can be deployed: every type, every input, every value that the API's model allows."""

import pulumi_aws
import pytest
from aws_emulator.deployer import KINDS, NotDeployable, Stack
from aws_emulator.leftovers import leftovers
from aws_emulator.process import InvalidCall
from aws_programs import CACHES, PROGRAMS, cache
from aws_rules import findings
from botocore.exceptions import ClientError

from inference_edge_cache.testing import record


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_deployment_is_made_left_alone_and_taken_away(stack, program):
    recording = PROGRAMS[program]()
    assert findings(recording) == []
    made = stack.apply(recording)
    assert made
    assert all(change.startswith("create ") for change in made)
    there = leftovers(stack.aws)
    assert "distributions in us-east-1" in there

    stack.aws.writes.clear()
    assert stack.apply(PROGRAMS[program]()) == []
    assert stack.aws.writes == []
    assert leftovers(stack.aws) == there

    assert sorted(change.partition(" ")[2] for change in stack.destroy()) == sorted(
        change.partition(" ")[2] for change in made
    )
    assert leftovers(stack.aws) == {}


def test_every_type_is_deployed_by_one_of_the_programs(stack):
    types = {resource.type for make in PROGRAMS.values() for resource in make().resources if resource.custom}
    unused = KINDS.keys() - types
    assert types <= KINDS.keys()
    assert unused == {"aws:s3/bucketObject:BucketObject"}


# Changes --------------------------------------------------------------------------------------------------------------
BEFORE = {"bucket": {}, "routes": [{"path": "/v1/*", "policy": {"default_ttl": "1h", "key": {"query": "none"}}}]}


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        pytest.param(
            {**BEFORE, "routes": [*BEFORE["routes"], {"path": "/v2/*", "policy": {"mode": "bypass"}}]},
            ["create cache-response-headers-policy-uncached", "update cache-distribution"],
            id="a route is added",
        ),
        pytest.param(
            {**BEFORE, "bucket": {"retention_days": 9}}, ["update cache-bucket-lifecycle"], id="objects are deleted"
        ),
        pytest.param(
            {**BEFORE, "bucket": {"force_destroy": True}}, ["update cache-bucket"], id="the bucket may be destroyed"
        ),
        pytest.param({**BEFORE, "policy": {"default_ttl": "2h"}}, ["update cache-cache-policy"], id="the default TTL"),
        pytest.param(
            {**BEFORE, "origin": {"url": "https://other.example.com"}}, ["update cache-distribution"], id="the endpoint"
        ),
        pytest.param(
            {**BEFORE, "tags": {"team": "search"}},
            ["update cache-bucket", "update cache-distribution"],
            id="tags",
        ),
    ],
)
def test_a_change_replaces_no_bucket_and_no_distribution(stack, after, changes):
    stack.apply(cache(**BEFORE))
    assert sorted(stack.apply(cache(**after))) == sorted(changes)
    assert stack.apply(cache(**after)) == []
    stack.destroy()
    assert leftovers(stack.aws) == {}


def test_a_changed_ttl_of_a_route_makes_another_policy_before_it_takes_the_old_one_away(stack):
    stack.apply(cache(**BEFORE))
    longer = {"default_ttl": "2h", "key": {"query": "none"}}
    changes = stack.apply(cache(**{**BEFORE, "routes": [{"path": "/v1/*", "policy": longer}]}))
    assert [change.partition(" ")[0] for change in changes] == ["create", "update", "delete"]
    assert changes[1] == "update cache-distribution"


def test_a_bucket_with_objects_is_destroyed_only_if_that_was_asked_for(stack):
    recording = cache(bucket={})
    stack.apply(recording)
    bucket = stack.outputs(recording.one("Bucket"))["bucket"]
    stack.aws.client("s3").put_object(Bucket=bucket, Key="artifacts/a", Body=b"1")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        stack.destroy()

    assert "update cache-bucket" in stack.apply(cache(bucket={"force_destroy": True}))
    stack.destroy()
    assert leftovers(stack.aws) == {}


# What is refused ------------------------------------------------------------------------------------------------------
def test_a_type_that_nobody_translates_is_refused_before_anything_is_made(stack):
    def program():
        pulumi_aws.s3.Bucket("bucket")
        pulumi_aws.sqs.Queue("queue")

    with pytest.raises(NotDeployable, match="queue: nobody deploys a aws:sqs/queue:Queue"):
        stack.apply(record(program))
    assert leftovers(stack.aws) == {}


@pytest.mark.parametrize(
    ("override", "left"),
    [
        ({"bucket": {"object_lock_enabled": True}}, "objectLockEnabled of a aws:s3/bucket:Bucket"),
        (
            {"bucket_encryption": {"rules": [{"blocked_encryption_types": ["SSE-C"]}]}},
            "rules.0.blockedEncryptionTypes of a aws:s3/bucketServerSideEncryptionConfiguration",
        ),
        ({"distribution": {"staging": True}}, "staging of a aws:cloudfront/distribution:Distribution"),
    ],
)
def test_an_input_that_nobody_translates_is_refused_by_name(stack, override, left):
    rules = override.get("bucket_encryption", {}).get("rules", [{}])
    for rule in rules:
        rule.setdefault("apply_server_side_encryption_by_default", {"sse_algorithm": "AES256"})
    with pytest.raises(NotDeployable, match=left):
        stack.apply(cache(bucket={}, overrides=override))


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ({"distribution": {"price_class": "PriceClass_300"}}, "PriceClass is 'PriceClass_300', not one of"),
        ({"distribution": {"http_version": "http4"}}, "HttpVersion is 'http4', not one of"),
        ({"origin_access_identity": {"comment": 1}}, "Invalid type for parameter"),
    ],
)
def test_a_value_that_the_api_does_not_know_is_refused(stack, override, problem):
    with pytest.raises(InvalidCall, match=problem):
        stack.apply(cache(bucket={}, overrides=override))


def test_a_preview_is_not_deployed(stack):
    with pytest.raises(NotDeployable, match="a preview is not deployed"):
        stack.apply(record(lambda: pulumi_aws.s3.Bucket("bucket"), preview=True))


# What the emulator lacks ----------------------------------------------------------------------------------------------
def test_the_emulator_makes_no_access_identity(aws):
    """The deployer checks the parameters and makes none. When this test fails, it can make one."""
    config = {"CallerReference": "a", "Comment": "b"}
    with pytest.raises(ClientError, match="No route for POST /2020-05-31/origin-access-identity/cloudfront"):
        aws.client("cloudfront").create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig=config)


def test_the_emulator_accepts_what_cloudfront_refuses(stack):
    """Why there are rules beside it. When this test fails, the emulator has become stricter."""
    wrong = {
        "default_cache_behavior": {
            "target_origin_id": "nobody",
            "cache_policy_id": "00000000-0000-4000-8000-000000000000",
            "cached_methods": ["GET", "HEAD", "POST"],
        }
    }
    recording = cache(overrides={"distribution": wrong, "cache_policy": {"min_ttl": 90_000}})
    assert {finding.partition(":")[0] for finding in findings(recording)} >= {
        "behaviors_point_at_what_is_there",
        "cache_policies_are_known",
        "only_reads_are_cached",
        "ttls_are_in_order",
    }
    assert "create cache-distribution" in stack.apply(recording)


def test_a_made_up_value_never_reaches_the_emulator(stack):
    """Ids and domain names that the recording made up are replaced by those of the emulator, also within texts."""
    recording = cache(**CACHES["bucket through OAC"])
    stack.apply(recording)
    made_up, made = recording.one("Distribution"), stack.outputs(recording.one("Distribution"))
    bucket = stack.outputs(recording.one("Bucket"))["bucket"]
    policy = stack.aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    assert made["arn"] in policy
    assert made["id"] != made_up.id
    assert made_up.id not in policy
    assert stack.real(recording.outputs) == recording.outputs


def test_a_stack_that_was_not_deployed_has_nothing_to_destroy(aws):
    assert Stack(aws).destroy() == []
