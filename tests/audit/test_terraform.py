"""The graph in Terraform's words says what it says in Pulumi's."""

import json
from dataclasses import replace

import pytest
from aws_audit import child_of, made_by_the_component
from aws_programs import MASTER, PROGRAMS
from aws_terraform import terraform


@pytest.fixture(scope="module")
def made():
    return made_by_the_component(PROGRAMS["an inference profile"]())


@pytest.fixture(scope="module")
def written(made):
    return terraform(made, "a_")


def one(made, child):
    return next(found for found in made if child_of(found.name) == child)


def test_every_resource_is_written_once(made, written):
    assert sum(len(of_a_kind) for of_a_kind in written["resource"].values()) == len(made)


def test_what_comes_from_another_resource_is_a_reference(written):
    block = written["resource"]["aws_s3_bucket_public_access_block"]["a_cache-results-public-access-block"]
    assert block == {
        "bucket": "${aws_s3_bucket.a_cache-results.id}",
        "block_public_acls": True,
        "block_public_policy": True,
        "ignore_public_acls": True,
        "restrict_public_buckets": True,
    }


def test_a_function_has_the_names_that_terraform_gives_it(written):
    function = written["resource"]["aws_lambda_function"]["a_cache-gateway"]
    permission = written["resource"]["aws_lambda_permission"]["a_cache-gateway-url-permission"]
    assert function["filename"] == "archive.zip"
    assert function["role"] == "${aws_iam_role.a_cache-gateway-role.arn}"
    assert permission["function_name"] == "${aws_lambda_function.a_cache-gateway.function_name}"


def test_repeated_blocks_are_singular_and_keep_their_order(made, written):
    distribution = written["resource"]["aws_cloudfront_distribution"]["a_cache-distribution"]
    paths = [behavior["pathPattern"] for behavior in one(made, "distribution").inputs["orderedCacheBehaviors"]]
    assert [behavior["path_pattern"] for behavior in distribution["ordered_cache_behavior"]] == paths
    assert distribution["origin"][0]["s3_origin_config"]["origin_access_identity"].startswith("${aws_cloudfront_")


def test_a_secret_is_a_sensitive_variable(written):
    version = written["resource"]["aws_secretsmanager_secret_version"]["a_cache-master-secret-version"]
    assert version["secret_string"] == "${var.secret}"
    assert written["variable"]["secret"]["sensitive"] is True
    assert MASTER not in json.dumps(written)


def test_names_of_the_users_stay_what_they_are(written):
    function = written["resource"]["aws_lambda_function"]["a_cache-gateway"]
    assert "INFERENCE_EDGE_CACHE_STORE" in function["environment"]["variables"]


def test_what_a_role_may_is_a_document_too(made, written):
    text = json.loads(one(made, "gateway_role_policy").inputs["policy"])["Statement"]
    document = written["data"]["aws_iam_policy_document"]["a_cache-gateway-role-policy"]["statement"]
    assert [statement["actions"] for statement in document] == [statement["Action"] for statement in text]
    assert [statement["resources"] for statement in document] == [statement["Resource"] for statement in text]
    profile = text[1]["Condition"]["ArnEquals"]["bedrock:InferenceProfileArn"]
    condition = {"test": "ArnEquals", "variable": "bedrock:InferenceProfileArn", "values": [profile]}
    assert document[1]["condition"] == [condition]


def test_a_type_that_is_not_known_is_an_error(made):
    with pytest.raises(KeyError, match="Queue"):
        terraform([replace(made[0], type="aws:sqs/queue:Queue")])


def test_a_block_that_is_not_known_is_an_error(made):
    with pytest.raises(KeyError, match="rulers"):
        terraform([replace(made[0], inputs={"rulers": [{"a": 1}]})])


@pytest.mark.parametrize(
    ("name", "child"),
    [
        ("cache-distribution", "distribution"),
        ("cache-bucket-policy", "bucket_policy"),
        ("cache-response-headers-policy-max-age-60", "response_headers_policy"),
        ("cache-cache-policy-0a1b2c3d", "cache_policy"),
        ("cache-log-source", "log_delivery_source"),
    ],
)
def test_a_name_leads_to_the_logical_child(name, child):
    assert child_of(name) == child
