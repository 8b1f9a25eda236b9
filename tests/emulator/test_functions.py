"""The gateway as a function: the role it runs as, its front doors, its secrets, and answers that do not last."""

import json

import pulumi
import pytest
from aws_emulator.gateways import CHAT, EMBED, at, chat, deployed, embeddings, speaks_openai
from aws_emulator.leftovers import leftovers
from aws_emulator.process import REGION, ROOT
from aws_emulator.viewer import ask, first_members_alone
from aws_programs import FOR_AN_HOUR, GATEWAYS, MASTER, MODEL_KEY
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from inference_edge_cache.gateway.assembly import MASTER as MASTER_SOURCE
from inference_edge_cache.gateway.assembly import MODEL_HEADERS, STORE

CODE = """
import json, os
import boto3
from botocore.exceptions import ClientError

BUCKET, SECRET = os.environ["STORE"].removeprefix("s3://"), os.environ["MASTER"].removeprefix("aws:")
HEADERS = os.environ["HEADERS"].removeprefix("aws:").partition("@")[0]

def tried(service, method, **params):
    try:
        getattr(boto3.client(service), method)(**params)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"

def handler(event, context):
    def s3(method, **params):
        return tried("s3", method, Bucket=BUCKET, **params)
    def secret(method, name, **params):
        return tried("secretsmanager", method, SecretId=name, **params)
    may = {
        "keep a result": s3("put_object", Key="v1/embeddings/~/g/s/k", Body=b"1"),
        "read a result": s3("get_object", Key="v1/embeddings/~/g/s/k"),
        "look for a result that is not there": s3("get_object", Key="v1/embeddings/~/g/s/none"),
        "keep something else": s3("put_object", Key="v1/embeddings/other", Body=b"1"),
        "change the discovery document": s3("put_object", Key=".well-known/inference-edge-cache.json", Body=b"1"),
        "read the discovery document": s3("get_object", Key=".well-known/inference-edge-cache.json"),
        "delete a result": s3("delete_object", Key="v1/embeddings/~/g/s/k"),
        "change who reads the bucket": s3("delete_bucket_policy"),
        "list buckets": tried("s3", "list_buckets"),
        "read the master secret": secret("get_secret_value", SECRET),
        "read the model's headers": secret("get_secret_value", HEADERS),
        "change the master secret": secret("put_secret_value", SECRET, SecretString="x"),
        "list secrets": tried("secretsmanager", "list_secrets"),
        "read roles": tried("iam", "list_roles"),
        "change itself": tried("lambda", "update_function_configuration", FunctionName=context.function_name),
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(may)}
"""
for name, variable in {"STORE": STORE, "MASTER": MASTER_SOURCE, "HEADERS": MODEL_HEADERS}.items():
    CODE = CODE.replace(f'os.environ["{name}"]', f'os.environ["{variable}"]')


@pytest.fixture(scope="module")
def model(aws, servers):
    server = servers(aws.certificates.server())
    server.answer = speaks_openai
    return server


def test_the_role_allows_what_its_policy_names_and_nothing_else(aws):
    """Another function in the gateway's place. IAM is enforced, by the role's policy and by the bucket's."""
    code = pulumi.AssetArchive({"app.py": pulumi.StringAsset(CODE)})
    changed = {"gateway": {"code": code, "handler": "app.handler"}}
    with deployed(aws, **GATEWAYS["a gateway with a secret"], overrides=changed) as cache:
        may = json.loads(cache.viewer.ask(EMBED, "POST").body)
    refused = {name for name, said in may.items() if said != "allowed"}
    assert {name: may[name] for name in refused} == {
        "look for a result that is not there": "NoSuchKey",  # for the sake of which the bucket may be listed
        "keep something else": "AccessDenied",
        "change the discovery document": "AccessDenied",
        "read the discovery document": "AccessDenied",
        "delete a result": "AccessDenied",
        "change who reads the bucket": "AccessDenied",
        "list buckets": "AccessDenied",
        "change the master secret": "AccessDeniedException",
        "list secrets": "AccessDeniedException",
        "read roles": "AccessDenied",
        "change itself": "AccessDeniedException",
    }
    allowed = {"keep a result", "read a result", "read the master secret", "read the model's headers"}
    assert set(may) - refused == allowed


# Beside everything else that a cache has ------------------------------------------------------------------------------
@pytest.fixture(scope="class")
def everything(aws, model):
    args = GATEWAYS["a gateway beside everything"]
    origin = {**args["origin"], "url": at(model)}
    with deployed(aws, "everything", **{**args, "origin": origin, "bucket": {"force_destroy": True}}) as everything:
        yield everything


class TestBesideEverything:
    def test_the_function_is_as_it_was_asked_for(self, aws, everything):
        found = aws.client("lambda").get_function(FunctionName=everything.function)
        config = found["Configuration"]
        assert (config["Runtime"], config["Architectures"]) == ("python3.13", ["arm64"])
        assert (config["MemorySize"], config["Timeout"]) == (1024, 120)
        assert config["Environment"]["Variables"]["LOG_COLOUR"] == "none"
        assert found["Concurrency"] == {"ReservedConcurrentExecutions": 5}
        (logs,) = aws.client("logs").describe_log_groups()["logGroups"]
        assert (logs["logGroupName"], logs["retentionInDays"]) == (everything.made("gateway-logs")["name"], 7)
        assert config["LoggingConfig"]["LogGroup"] == logs["logGroupName"]

    def test_secrets_are_where_secrets_are_and_nowhere_else(self, aws, everything):
        secrets = aws.client("secretsmanager")
        for child, kept in {"master-secret": MASTER, "model-headers": json.dumps({"x-api-key": MODEL_KEY})}.items():
            assert secrets.get_secret_value(SecretId=everything.made(child)["arn"])["SecretString"] == kept
        shown = json.dumps(aws.client("lambda").get_function(FunctionName=everything.function)["Configuration"])
        assert MASTER not in shown
        assert MODEL_KEY not in shown

    def test_a_path_that_is_no_inference_goes_to_the_endpoint_itself(self, model, everything):
        run = everything.invocations()
        answer = everything.viewer.ask("/v1/models", headers={"x-request-id": "7"})
        assert json.loads(answer.body)["data"][0]["id"] == "e5"
        assert (model.seen[-1].method, model.seen[-1].target) == ("GET", "/v1/models")
        assert model.seen[-1].values("x-request-id") == ["7"]
        assert everything.invocations() == run

    def test_what_is_stored_for_long_and_for_short_is_found_where_it_lies(self, everything):
        for route, body, tiers in ((EMBED, embeddings("beside"), ["second", "first"]), (CHAT, chat("beside"), [])):
            before = len(everything.viewer.asked)
            path, payload = everything.path(route, body)
            answers = [everything.get(path, payload) for _ in range(2)]
            assert [answer.status for answer in answers] == [200, 200]
            assert answers[0].body == answers[1].body
            assert everything.viewer.asked[before:] == tiers


# Answers that do not last, and callers without keys -------------------------------------------------------------------
def test_what_counts_for_an_hour_is_read_by_the_gateway_alone(aws, model):
    """The bucket's lifecycle is in whole days, so CloudFront does not read it by itself, and may not."""
    args, asked = {**GATEWAYS["results for an hour"], "origin": {"url": at(model)}}, len(model.seen)
    with deployed(aws, **args) as cache:
        path, payload = cache.path(CHAT, chat("for an hour"))
        said = [cache.get(path, payload) for _ in range(2)]
        assert [answer.headers["cache-status"].partition(";")[2].partition(";")[0] for answer in said] == [
            "fwd=uri-miss",
            "hit",
        ]
        assert said[0].body == said[1].body
        assert (cache.invocations(), len(model.seen)) == (2, asked + 1)
        assert cache.viewer.asked == []  # no origin group
        policy = json.loads(aws.client("s3").get_bucket_policy(Bucket=cache.bucket)["Policy"])
        assert FOR_AN_HOUR["path"] not in json.dumps(policy)


def test_with_public_access_nobody_needs_a_key(aws, model):
    asked = len(model.seen)
    args = {**GATEWAYS["a gateway for everybody"], "origin": {"url": at(model)}}
    with deployed(aws, **args) as cache:
        headers = {"Content-Type": "application/json"}
        said = [cache.viewer.ask(EMBED, "POST", headers=headers, body=embeddings("public")) for _ in range(2)]
        assert [answer.status for answer in said] == [200, 200]
        assert cache.get(said[0].headers["content-location"]).body == said[0].body
        assert aws.client("secretsmanager").list_secrets()["SecretList"] == []
    assert len(model.seen) == asked + 1


# The front door of IAM ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="class")
def guarded(aws, model):
    args = {**GATEWAYS["a gateway that IAM guards"], "origin": {"url": at(model)}}
    with deployed(aws, "guarded", **args) as guarded:
        yield guarded


class TestIam:
    def test_who_does_not_sign_does_not_reach_the_function(self, aws, guarded):
        assert ask(aws, host_of(guarded), EMBED, "POST", body=embeddings("x")).status == 403
        assert guarded.invocations() == 0

    def test_the_emulator_does_not_sign_for_a_function(self, guarded):
        """So the signature is made below. When this test fails, the emulator signs as CloudFront does."""
        assert guarded.viewer.ask(EMBED, "POST", body=embeddings("x")).status == 403

    def test_what_is_signed_as_cloudfront_signs_it_is_answered(self, aws, model, guarded):
        """A GET of the cacheable form with its payload: what a client transport sends, and OAC signs on the way."""
        asked, host = len(model.seen), host_of(guarded)
        path, payload = guarded.path(EMBED, embeddings("signed"))
        request = AWSRequest("GET", f"https://{host}{path}", headers={"Inference-Payload": payload})
        SigV4Auth(Credentials(*ROOT.values()), "lambda", REGION).add_auth(request)
        said = [ask(aws, host, path, headers=dict(request.headers.items())) for _ in range(2)]
        assert [one.headers["cache-status"].split(";")[1] for one in said] == ["fwd=uri-miss", "hit"]
        with first_members_alone(guarded.viewer, guarded.made("distribution")["id"]) as seen:
            assert seen.ask(path).body == said[0].body  # read from the bucket with an access control
        assert (guarded.invocations(), len(model.seen)) == (2, asked + 1)


def host_of(cache):
    return cache.made("gateway-url")["functionUrl"].removeprefix("https://").rstrip("/")


# What the emulator lacks ----------------------------------------------------------------------------------------------
def test_a_url_without_iam_answers_anybody_even_without_permissions(aws, model):
    """The emulator asks for no permission here, so a rule holds that there are two. When this test fails, it does."""
    args = {**GATEWAYS["a gateway for everybody"], "origin": {"url": at(model)}}
    with deployed(aws, **args) as cache:
        client = aws.client("lambda")
        for permission in cache.recording.of_type("Permission"):
            made = cache.stack.made.pop(permission.urn)
            client.remove_permission(FunctionName=cache.function, StatementId=made.outputs["statementId"])
        assert cache.viewer.ask(EMBED, "POST", body=embeddings("x")).status == 200
        assert len(cache.stack.apply(cache.recording)) == 2  # they are there again


@pytest.mark.parametrize("program", ["a gateway with a secret", "a gateway that IAM guards"])
def test_nothing_is_left_when_it_is_destroyed(aws, model, program):
    """With what it has stored, and with everything else."""
    args = {**GATEWAYS[program], "origin": {"url": at(model)}}
    with deployed(aws, **args) as cache:
        aws.client("s3").put_object(Bucket=cache.bucket, Key="v1/embeddings/~/g/s/k", Body=b"1")
        assert cache.keys() == ["v1/embeddings/~/g/s/k"]
        cache.stack.destroy()
        assert set(leftovers(aws)) <= {"distributions in us-east-1", "distributions in eu-west-1"}  # the viewers' twins
