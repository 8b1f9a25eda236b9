"""What the mocked clouds answer: whole, realistic and the same every time."""

import importlib
import json
import re
import subprocess
import sys

import pulumi
import pulumi_aws as aws
import pulumi_gcp as gcp
import pytest
from pulumi._types import resource_types
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockResourceArgs

from inference_edge_cache.testing import Cloud, CloudMocks, Secret, record
from inference_edge_cache.testing._aws import RESOURCES as AWS
from inference_edge_cache.testing._gcp import RESOURCES as GCP

HEX = "[0-9a-f]"
UUID = f"{HEX}{{8}}-{HEX}{{4}}-4{HEX}{{3}}-[89ab]{HEX}{{3}}-{HEX}{{12}}"
ACCOUNT = "123456789012"


def made(type_, inputs=None, name="x", **more):
    """The id and the computed outputs of one resource."""
    args = MockResourceArgs(type_, name, inputs or {}, **more)
    id_, outputs = CloudMocks().new_resource(args)
    return {"id": id_, **outputs}


@pytest.mark.parametrize(
    ("type_", "inputs", "expected"),
    [
        (
            "aws:s3/bucket:Bucket",
            {"bucket": "b"},
            {
                "id": "b",
                "arn": "arn:aws:s3:::b",
                "bucketRegionalDomainName": r"b\.s3\.us-east-1\.amazonaws\.com",
                "hostedZoneId": "Z3AQBSTGFYJSTF",
            },
        ),
        ("aws:s3/bucket:Bucket", {}, {"id": f"x-{HEX}{{7}}"}),
        ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "b"}, {"id": "b"}),
        ("aws:s3/bucketVersioning:BucketVersioning", {"bucket": "b"}, {"id": "b"}),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "b", "key": "k"}, {"id": "k", "arn": "arn:aws:s3:::b/k"}),
        (
            "aws:cloudfront/distribution:Distribution",
            {"tags": {"a": "b"}},
            {
                "id": "E[0-9A-F]{13}",
                "arn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E[0-9A-F]{{13}}",
                "domainName": rf"d{HEX}{{13}}\.cloudfront\.net",
                "hostedZoneId": "Z2FDTNDATAQYW2",
                "etag": "E[0-9A-F]{13}",
            },
        ),
        (
            "aws:cloudfront/originAccessIdentity:OriginAccessIdentity",
            {},
            {
                "id": "E[0-9A-F]{13}",
                "iamArn": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E[0-9A-F]{13}",
                "cloudfrontAccessIdentityPath": "origin-access-identity/cloudfront/E[0-9A-F]{13}",
                "s3CanonicalUserId": f"{HEX}{{96}}",
            },
        ),
        ("aws:cloudfront/originAccessControl:OriginAccessControl", {"name": "n"}, {"id": "E[0-9A-F]{13}", "name": "n"}),
        ("aws:cloudfront/cachePolicy:CachePolicy", {"name": "n"}, {"id": UUID, "name": "n", "etag": "E[0-9A-F]{13}"}),
        (
            "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
            {},
            {"id": UUID, "arn": f".*:origin-request-policy/{UUID}"},
        ),
        ("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy", {}, {"id": UUID}),
        ("aws:cloudfront/monitoringSubscription:MonitoringSubscription", {"distributionId": "E1"}, {"id": "E1"}),
        (
            "aws:cloudfront/function:Function",
            {"name": "f"},
            {"id": "f", "arn": f"arn:aws:cloudfront::{ACCOUNT}:function/f"},
        ),
        (
            "aws:cloudwatch/logGroup:LogGroup",
            {"name": "/a/b"},
            {"arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/a/b"},
        ),
        ("aws:cloudwatch/logDelivery:LogDelivery", {}, {"id": f"{HEX}{{16}}"}),
        (
            "aws:cloudwatch/logDeliverySource:LogDeliverySource",
            {"name": "s"},
            {"id": "s", "arn": ".*:delivery-source:s"},
        ),
        (
            "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
            {"name": "d"},
            {"arn": ".*:delivery-destination:d"},
        ),
        ("aws:lambda/function:Function", {"name": "f"}, {"arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"}),
        (
            "aws:lambda/functionUrl:FunctionUrl",
            {"functionName": "f"},
            {
                "id": "f",
                "functionUrl": rf"https://{HEX}{{32}}\.lambda-url\.us-east-1\.on\.aws/",
                "functionArn": ".*:function:f",
            },
        ),
        (
            "aws:lambda/functionUrl:FunctionUrl",
            {"functionName": "arn:aws:lambda:us-east-1:1:function:g"},
            {"id": "g", "functionArn": "arn:aws:lambda:us-east-1:1:function:g"},
        ),
        ("aws:lambda/permission:Permission", {"statementId": "s"}, {"id": "s"}),
        ("aws:iam/role:Role", {"name": "r"}, {"id": "r", "arn": f"arn:aws:iam::{ACCOUNT}:role/r"}),
        ("aws:iam/rolePolicy:RolePolicy", {"name": "p", "role": "r"}, {"id": "r:p"}),
        ("aws:iam/policy:Policy", {"name": "p"}, {"id": f"arn:aws:iam::{ACCOUNT}:policy/p"}),
        (
            "aws:secretsmanager/secret:Secret",
            {"name": "s"},
            {"arn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s-{HEX}{{6}}"},
        ),
        (
            "aws:secretsmanager/secretVersion:SecretVersion",
            {"secretId": "arn:s"},
            {"id": rf"arn:s\|{UUID}", "versionId": UUID},
        ),
        ("aws:acm/certificate:Certificate", {}, {"arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/{UUID}"}),
        ("aws:wafv2/webAcl:WebAcl", {"name": "w", "scope": "CLOUDFRONT"}, {"arn": f".*:global/webacl/w/{UUID}"}),
        ("aws:sqs/queue:Queue", {"name": "q"}, {"id": "q", "arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue/q"}),
        ("gcp:storage/bucket:Bucket", {"name": "b"}, {"id": "b", "url": "gs://b", "selfLink": ".*/storage/v1/b/b"}),
        (
            "gcp:storage/bucketIAMMember:BucketIAMMember",
            {"bucket": "b", "role": "roles/storage.objectViewer", "member": "m"},
            {"id": "b/b/roles/storage.objectViewer/m"},
        ),
        (
            "gcp:networkservices/edgeCacheService:EdgeCacheService",
            {"name": "s", "labels": {"a": "b"}},
            {
                "id": "projects/my-project/locations/global/edgeCacheServices/s",
                "name": "s",
                "ipv4Addresses": [r"34\.104\.\d+\.\d+"],
                "ipv6Addresses": [f"2600:1901:0:{HEX}{{4}}::"],
            },
        ),
        (
            "gcp:networkservices/edgeCacheOrigin:EdgeCacheOrigin",
            {"name": "o", "project": "p"},
            {"id": "projects/p/locations/global/edgeCacheOrigins/o", "project": "p"},
        ),
        ("gcp:networkservices/edgeCacheKeyset:EdgeCacheKeyset", {"name": "k"}, {"id": ".*/edgeCacheKeysets/k"}),
        (
            "gcp:cloudrun/service:Service",
            {"name": "s", "location": "europe-west1"},
            {"id": "locations/europe-west1/namespaces/my-project/services/s"},
        ),
        (
            "gcp:cloudrunv2/service:Service",
            {"name": "s"},
            {
                "id": "projects/my-project/locations/us-central1/services/s",
                "uri": rf"https://s-{HEX}{{10}}-uc\.a\.run\.app",
            },
        ),
        (
            "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
            {"name": "s", "role": "roles/run.invoker", "member": "allUsers"},
            {"id": "s/roles/run.invoker/allUsers"},
        ),
        (
            "gcp:secretmanager/secret:Secret",
            {"secretId": "s"},
            {"id": "projects/my-project/secrets/s", "secretId": "s"},
        ),
        (
            "gcp:secretmanager/secretVersion:SecretVersion",
            {"secret": "projects/p/secrets/s"},
            {"id": "projects/p/secrets/s/versions/1"},
        ),
        ("gcp:serviceaccount/account:Account", {"accountId": "a"}, {"email": "a@my-project.iam.gserviceaccount.com"}),
        ("gcp:pubsub/topic:Topic", {"name": "t"}, {"id": "t", "name": "t"}),
        ("random:index/randomId:RandomId", {}, {"id": f"x-{HEX}{{7}}"}),
    ],
)
def test_a_resource_gets_what_its_cloud_would_compute(type_, inputs, expected):
    outputs = made(type_, inputs)
    assert inputs.items() <= outputs.items()
    for key, pattern in expected.items():
        found = outputs[key] if isinstance(pattern, list) else [outputs[key]]
        for text, one in zip(found, pattern if isinstance(pattern, list) else [pattern], strict=True):
            assert re.fullmatch(one, text), f"{key}: {text}"


@pytest.fixture(scope="module")
def module_of():
    """The Python module of every resource type in the imported SDKs."""
    modules = [module for found in rpc._RESOURCE_MODULES.values() for module in found]
    return {token: module.mod_info["fqn"] for module in modules for token in module.mod_info["classes"]}


@pytest.mark.parametrize("type_", [*AWS, *GCP])
def test_every_type_in_the_tables_exists_and_has_these_outputs(module_of, type_):
    resource = getattr(importlib.import_module(module_of[type_]), type_.rsplit(":", 1)[1])
    assert set(made(type_)) - {"id"} <= set(resource_types(resource))


@pytest.mark.parametrize("type_", [*AWS, *GCP])
def test_a_resource_that_is_read_keeps_its_id(type_):
    assert made(type_, resource_id="projects/p/it")["id"] == "projects/p/it"


@pytest.mark.parametrize(
    ("type_", "id_", "key", "value"),
    [
        ("aws:s3/bucket:Bucket", "b", "arn", "arn:aws:s3:::b"),
        ("aws:cloudfront/distribution:Distribution", "E1", "arn", f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"),
        ("aws:iam/policy:Policy", "arn:p", "arn", "arn:p"),
        ("aws:secretsmanager/secret:Secret", "arn:s", "arn", "arn:s"),
        ("aws:acm/certificate:Certificate", "arn:c", "arn", "arn:c"),
        ("gcp:secretmanager/secret:Secret", "projects/p/secrets/s", "secretId", "s"),
        ("gcp:networkservices/edgeCacheOrigin:EdgeCacheOrigin", "projects/p/x/o", "name", "o"),
    ],
)
def test_a_resource_that_is_read_follows_from_its_id(type_, id_, key, value):
    assert made(type_, resource_id=id_)[key] == value


def test_ids_differ_by_name_type_and_parent_and_are_the_same_every_time(thing, site):
    def program():
        thing("a"), thing("b"), thing("a", type_="aws:things/other:Other")
        thing("a", opts=pulumi.ResourceOptions(parent=site("s")))

    ids = [r.id for r in record(program).resources if r.custom]
    assert len(set(ids)) == len(ids)
    assert ids == [r.id for r in record(program).resources if r.custom]


def test_ids_are_the_same_in_every_process():
    code = (
        "import pulumi; from inference_edge_cache.testing import record;"
        "print(record(lambda: pulumi.CustomResource('aws:cloudfront/distribution:Distribution', 'x', {})).one('x').id)"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def ask(program, mocks=None):
    """The stack outputs of a program that asks data sources."""
    return record(program, mocks=mocks).outputs


def test_aws_says_where_and_who_it_is():
    def program():
        pulumi.export("region", aws.get_region_output().region)
        pulumi.export("other", aws.get_region_output(region="eu-west-1").region)
        pulumi.export("account", aws.get_caller_identity_output().account_id)
        pulumi.export("partition", aws.get_partition_output().dns_suffix)

    expected = {"region": "us-east-1", "other": "eu-west-1", "account": ACCOUNT, "partition": "amazonaws.com"}
    assert ask(program) == expected


def test_a_cloud_may_be_another_account_and_region():
    cloud = Cloud(region="eu-west-1", account="999999999999", project="mine", project_number="7")

    def program():
        pulumi.export("arn", aws.lambda_.Function("f", name="f", role="r").arn)
        pulumi.export("zone", aws.s3.Bucket("b").hosted_zone_id)
        pulumi.export("number", gcp.organizations.get_project_output().number)
        pulumi.export("origin", gcp.networkservices.EdgeCacheOrigin("o", name="o", origin_address="a").id)

    assert ask(program, CloudMocks(cloud=cloud)) == {
        "arn": "arn:aws:lambda:eu-west-1:999999999999:function:f",
        "zone": "Z1BKCTXD74EZPE",
        "number": "7",
        "origin": "projects/mine/locations/global/edgeCacheOrigins/o",
    }


def test_buckets_are_found_by_name():
    def program():
        pulumi.export("aws", aws.s3.get_bucket_output(bucket="b").bucket_regional_domain_name)
        pulumi.export("gcp", gcp.storage.get_bucket_output(name="b").url)

    assert ask(program) == {"aws": "b.s3.us-east-1.amazonaws.com", "gcp": "gs://b"}


def test_managed_cloudfront_policies_have_their_real_ids():
    optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"

    def program():
        pulumi.export("id", aws.cloudfront.get_cache_policy_output(name="Managed-CachingOptimized").id)
        pulumi.export("name", aws.cloudfront.get_cache_policy_output(id=optimized).name)
        pulumi.export("request", aws.cloudfront.get_origin_request_policy_output(name="Managed-AllViewer").id)
        pulumi.export("own", aws.cloudfront.get_cache_policy_output(name="own").id)

    outputs = ask(program)
    assert re.fullmatch(UUID, outputs.pop("own"))
    request = "216adef6-5c7f-47e4-b989-5492eafa07d3"
    assert outputs == {"id": optimized, "name": "Managed-CachingOptimized", "request": request}


def test_a_policy_document_is_rendered():
    def program():
        document = aws.iam.get_policy_document_output(
            policy_id="p",
            statements=[
                {
                    "sid": "Read",
                    "actions": ["s3:GetObject"],
                    "resources": ["arn:b", "arn:a"],
                    "principals": [{"type": "Service", "identifiers": ["cloudfront.amazonaws.com"]}],
                    "conditions": [{"test": "StringEquals", "variable": "AWS:SourceArn", "values": ["arn:d"]}],
                },
                aws.iam.GetPolicyDocumentStatementArgs(
                    effect="Deny",
                    not_actions=["s3:*"],
                    not_resources=["arn:c"],
                    principals=[{"type": "*", "identifiers": ["*"]}],
                ),
            ],
        )
        pulumi.export("json", document.json)

    assert json.loads(ask(program)["json"]) == {
        "Version": "2012-10-17",
        "Id": "p",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": ["arn:a", "arn:b"],
                "Condition": {"StringEquals": {"AWS:SourceArn": "arn:d"}},
            },
            {"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "NotResource": "arn:c"},
        ],
    }


def test_an_unknown_data_source_returns_its_arguments():
    assert ask(lambda: pulumi.export("a", pulumi.runtime.invoke_output("x:y/z:z", {"name": "n"})["name"])) == {"a": "n"}


def test_a_project_is_the_one_asked_for():
    outputs = ask(lambda: pulumi.export("p", gcp.organizations.get_project_output(project_id="q").project_id))
    assert outputs == {"p": "q"}


def test_types_and_answers_can_be_added():
    mocks = CloudMocks(
        outputs={
            "aws:sqs/queue:Queue": lambda new: {"url": f"https://sqs.{new.cloud.region}/{new.named()}"},
            "pulumi:pulumi:StackReference": lambda new: {"outputs": {"vpc": "vpc-1"}},
        },
        answers={"aws:index/getRegion:getRegion": lambda args, cloud: {"region": "moon", "asked": args}},
    )

    def program():
        pulumi.export("url", aws.sqs.Queue("q", name="q").url)
        pulumi.export("region", aws.get_region_output().region)
        pulumi.export("vpc", pulumi.StackReference("org/network/prod").get_output("vpc"))

    assert ask(program, mocks) == {"url": "https://sqs.us-east-1/q", "region": "moon", "vpc": "vpc-1"}


def test_mocks_can_be_subclassed(thing):
    class Mine(CloudMocks):
        def new_resource(self, args):
            id_, outputs = super().new_resource(args)
            return id_, {**outputs, "arn": "mine"}

    assert ask(lambda: pulumi.export("arn", thing("a").arn), Mine()) == {"arn": "mine"}


def test_mocks_without_an_id_leave_it_unknown(thing):
    class NoId(CloudMocks):
        def new_resource(self, args):
            return None, {}

    assert repr(record(lambda: thing("a"), mocks=NoId()).one("a").id) == "Unknown()"


def test_a_secret_input_is_opened_for_the_tables_and_stays_secret_in_outputs():
    def program():
        pulumi.export("arn", aws.s3.Bucket("b", bucket=pulumi.Output.secret("hidden")).arn)
        pulumi.export("list", pulumi.CustomResource("x:y:Z", "z", {"l": [pulumi.Output.secret("s")]}).id)

    recording = record(program)
    assert recording.outputs["arn"] == "arn:aws:s3:::hidden"
    assert recording.one("b").outputs["region"] == "us-east-1"


def test_the_kit_imports_neither_cloud_sdk_nor_pydantic():
    code = (
        "import sys, inference_edge_cache.testing;"
        "print([m for m in ('pulumi_aws', 'pulumi_gcp', 'pydantic') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_what_was_given_as_a_secret_is_one_when_it_is_computed_too():
    """As of a function's settings, which a cloud hands back with more in them."""
    mocks = CloudMocks(outputs={"x:y:Z": lambda new: {"settings": {**new.inputs["settings"], "uri": "u"}, "uri": "u"}})

    class Z(pulumi.CustomResource):
        settings: pulumi.Output[dict]
        uri: pulumi.Output[str]

        def __init__(self):
            environment = {"KEY": pulumi.Output.secret("hidden"), "PLAIN": "shown"}
            super().__init__("x:y:Z", "z", {"settings": {"environment": environment}, "uri": None})

    def program():
        made = Z()
        pulumi.export("settings", made.settings)
        pulumi.export("uri", made.uri)

    settings = {"environment": {"KEY": "hidden", "PLAIN": "shown"}, "uri": "u"}
    assert record(program, mocks=mocks).outputs == {"settings": Secret(settings), "uri": "u"}
