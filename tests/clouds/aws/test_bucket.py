"""The bucket, who may read it, and existing ones."""

import json

import pulumi
import pytest

from inference_edge_cache import InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.testing import Cloud, CloudMocks, record

KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
OAC = {"bucket_access": "oac"}


def policy_of(recording):
    return json.loads(recording.one("cache-bucket-policy").inputs["policy"])


def statement_of(recording):
    return json.loads(recording.one("cache").outputs["bucketPolicyStatement"])


def test_a_kms_key_encrypts_through_a_bucket_key(deployed):
    recording = deployed(bucket={"kms_key": KMS_KEY}, aws=OAC)
    usual = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KMS_KEY}
    assert recording.one("cache-bucket-encryption").inputs["rules"] == [
        {"applyServerSideEncryptionByDefault": usual, "bucketKeyEnabled": True}
    ]


@pytest.mark.parametrize("preview", [False, True])
def test_an_identity_reads_no_bucket_in_a_providers_region_that_has_none(preview):
    mocks = CloudMocks(cloud=Cloud(region="il-central-1"))

    def program():
        InferenceEdgeCache("cache", {"cloud": "aws", "origin": {"url": "https://m.example.com"}, "bucket": {}})

    with pytest.raises(InvalidArgsError, match=r"bucket\.region"):
        record(program, mocks=mocks, preview=preview)


def test_an_identity_cannot_read_what_a_kms_key_encrypts(deployed):
    with pytest.raises(InvalidArgsError, match="bucket_access"):
        deployed(bucket={"kms_key": KMS_KEY})


def test_retention_expires_current_objects(deployed):
    rules = deployed(bucket={"retention_days": 90}).one("cache-bucket-lifecycle").inputs["rules"]
    assert rules[2:] == [{"id": "retention", "status": "Enabled", "filter": {}, "expiration": {"days": 90}}]


def test_force_destroy(deployed):
    assert deployed(bucket={"force_destroy": True}).one("cache-bucket").inputs == {"forceDestroy": True}


def test_the_region_holds_for_the_bucket_and_all_that_surrounds_it(deployed):
    recording = deployed(bucket={"region": "eu-west-1"})
    around = [resource for resource in recording.resources if resource.type.startswith("aws:s3/")]
    assert len(around) == 7
    assert {resource.inputs["region"] for resource in around} == {"eu-west-1"}


@pytest.mark.parametrize(
    ("child", "waits_for"),
    [
        ("cache-bucket-lifecycle", "cache-bucket-versioning"),
        ("cache-bucket-policy", "cache-bucket-public-access-block"),
    ],
)
def test_what_s3_takes_in_one_order_only(deployed, child, waits_for):
    recording = deployed(bucket={})
    assert recording.one(waits_for).urn in recording.one(child).options.depends_on


def test_an_identity_may_read_what_is_served_and_nothing_else(deployed):
    routes = [{"path": path, "to": "bucket"} for path in ("/models/v?/*", "/index.json", "/a*/z")]
    recording = deployed(bucket={"path": "/files/*"}, routes=routes)
    arn = recording.one("Bucket").outputs["arn"]
    read, _ = policy_of(recording)["Statement"]
    expected = [f"{arn}/index.json", f"{arn}/models/v?/*", f"{arn}/files/*", f"{arn}/a*/z"]
    assert (read["Action"], sorted(read["Resource"])) == ("s3:GetObject", sorted(expected))


def test_access_control_names_the_one_distribution(deployed):
    recording = deployed(bucket={}, aws=OAC)
    distribution = recording.one("Distribution")
    read, refuse = policy_of(recording)["Statement"]
    assert read == {
        "Sid": "AllowCloudFrontRead",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution.outputs["arn"]}},
        "Action": "s3:GetObject",
        "Resource": [recording.one("Bucket").outputs["arn"] + "/artifacts/*"],
    }
    assert (refuse["Effect"], refuse["Principal"]) == ("Deny", "*")
    assert distribution.urn in recording.one("cache-bucket-policy").options.depends_on


def test_access_control_always_signs(deployed):
    recording = deployed(bucket={}, aws=OAC)
    assert recording.of_type("OriginAccessIdentity") == ()
    assert recording.one("OriginAccessControl").inputs == {
        "description": "How the edge cache cache reads its bucket",
        "originAccessControlOriginType": "s3",
        "signingBehavior": "always",
        "signingProtocol": "sigv4",
    }


def test_the_partition_is_that_of_the_bucket(arguments):
    def in_china(new):
        return {"id": "b", "bucket": "b", "arn": "arn:aws-cn:s3:::b", "bucketRegionalDomainName": "b.example"}

    recording = record(
        lambda: InferenceEdgeCache("cache", arguments(bucket={})),
        mocks=CloudMocks(outputs={"aws:s3/bucket:Bucket": in_china}),
    )
    resources = [each for statement in policy_of(recording)["Statement"] for each in statement["Resource"]]
    assert resources == ["arn:aws-cn:s3:::b/artifacts/*", "arn:aws-cn:s3:::b", "arn:aws-cn:s3:::b/*"]


@pytest.mark.parametrize("access", ["oai", "oac"])
def test_an_existing_bucket_is_looked_up_and_not_touched(deployed, access):
    recording = deployed(bucket={"name": "theirs", "region": "eu-west-1"}, aws={"bucket_access": access})
    assert [resource.name for resource in recording.resources if resource.type.startswith("aws:s3/")] == []
    assert [(invoke.token, invoke.args) for invoke in recording.invokes] == [
        ("aws:s3/getBucket:getBucket", {"bucket": "theirs", "region": "eu-west-1"})
    ]
    (_, origin) = recording.one("Distribution").inputs["origins"]
    assert origin["domainName"] == "theirs.s3.us-east-1.amazonaws.com"
    assert recording.one("cache").outputs["bucketName"] == "theirs"


def test_what_to_add_to_an_existing_bucket_for_an_identity(deployed):
    recording = deployed(bucket={"name": "theirs"})
    assert statement_of(recording) == {
        "Sid": "AllowCloudFrontRead",
        "Effect": "Allow",
        "Principal": {"AWS": recording.one("OriginAccessIdentity").outputs["iamArn"]},
        "Action": "s3:GetObject",
        "Resource": ["arn:aws:s3:::theirs/artifacts/*"],
    }


def test_what_to_add_to_an_existing_bucket_for_access_control(deployed):
    recording = deployed(bucket={"name": "theirs"}, aws=OAC)
    statement = statement_of(recording)
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Condition"]["StringEquals"]["AWS:SourceArn"] == recording.one("Distribution").outputs["arn"]


def test_the_name_of_an_existing_bucket_may_be_an_output(deployed):
    recording = deployed(bucket={"name": lambda: pulumi.Output.from_input("theirs")})
    assert recording.one("cache").outputs["bucketName"] == "theirs"


@pytest.mark.parametrize("args", [{}, {"bucket": {}}])
def test_only_an_existing_bucket_needs_a_statement(deployed, args):
    assert "bucketPolicyStatement" not in deployed(**args).one("cache").outputs


def test_without_a_bucket_nothing_reads_one(deployed):
    recording = deployed()
    assert recording.of_type("OriginAccessIdentity") + recording.of_type("OriginAccessControl") == ()
    assert "bucketName" not in recording.one("cache").outputs
    assert recording.invokes == ()
