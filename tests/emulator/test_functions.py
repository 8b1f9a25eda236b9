"""A function behind an emulated distribution: it runs, as the role it has, and nothing more."""

import json
import urllib.request

import pytest
from aws_emulator.leftovers import leftovers
from aws_emulator.viewer import ask, served, viewers
from aws_programs import FRONT_DOOR, MASTER, gateway

CODE = """
import json, os
import boto3
from botocore.exceptions import ClientError

BUCKET, SECRET = os.environ["BUCKET"], os.environ["MASTER_SECRET_ARN"]

def tried(service, method, **params):
    try:
        getattr(boto3.client(service), method)(**params)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"

def handler(event, context):
    what = {
        "read a result": lambda: tried("s3", "get_object", Bucket=BUCKET, Key="v1/page.json"),
        "keep a result": lambda: tried("s3", "put_object", Bucket=BUCKET, Key="v1/result", Body=b"1"),
        "keep another": lambda: tried("s3", "put_object", Bucket=BUCKET, Key="v2/result", Body=b"1"),
        "delete a result": lambda: tried("s3", "delete_object", Bucket=BUCKET, Key="v1/result"),
        "list buckets": lambda: tried("s3", "list_buckets"),
        "read the secret": lambda: tried("secretsmanager", "get_secret_value", SecretId=SECRET),
        "change the secret": lambda: tried("secretsmanager", "put_secret_value", SecretId=SECRET, SecretString="x"),
        "list secrets": lambda: tried("secretsmanager", "list_secrets"),
        "read roles": lambda: tried("iam", "list_roles"),
    }
    asked = event["rawPath"]
    answer = {"event": event, "may": {name: one() for name, one in what.items()} if asked == "/may" else {}}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
"""
FRONT_DOORS = ("secret", "iam")


def deploy(stack, front_door="secret"):
    recording = gateway(front_door, {"app.py": CODE})
    stack.apply(recording)
    return recording


@pytest.fixture
def viewer(stack):
    recording = deploy(stack)
    with viewers(stack.aws, stack.outputs(recording.one("Distribution"))["id"]) as seen:
        yield seen


def test_a_function_answers_through_the_distribution(viewer):
    answer = viewer.ask("/v1/models?page=1", headers={"Authorization": "Bearer x"})
    event = json.loads(answer.body)["event"]
    assert answer.status == 200
    assert (event["rawPath"], event["rawQueryString"]) == ("/v1/models", "page=1")
    assert event["headers"]["authorization"] == "Bearer x"
    assert event["headers"]["x-front-door"] == FRONT_DOOR
    assert event["headers"]["host"].endswith(".lambda-url.us-east-1.on.aws")


def test_a_body_reaches_the_function(viewer):
    event = json.loads(viewer.ask("/v1/chat", "POST", body=b'{"messages":[]}').body)["event"]
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["isBase64Encoded"] is True
    assert event["body"] == "eyJtZXNzYWdlcyI6W119"


def test_the_role_allows_what_its_policy_names_and_nothing_else(viewer):
    """IAM is enforced, by the role's policy and by the bucket's, which refuses plain HTTP."""
    assert json.loads(viewer.ask("/may").body)["may"] == {
        "read a result": "allowed",
        "keep a result": "allowed",
        "keep another": "AccessDenied",
        "delete a result": "AccessDenied",
        "list buckets": "AccessDenied",
        "read the secret": "allowed",
        "change the secret": "AccessDeniedException",
        "list secrets": "AccessDeniedException",
        "read roles": "AccessDenied",
    }


def test_an_edge_function_answers_a_preflight(viewer):
    answer = viewer.ask("/v1/chat", "OPTIONS", headers={"Origin": "https://app.example.com"})
    assert (answer.status, answer.headers["x-cache"]) == (204, "FunctionGeneratedResponse from cloudfront")


def test_other_clients_reach_the_function(viewer):
    with served(viewer) as url:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/v1/models", timeout=60) as answer:
            assert json.load(answer)["event"]["rawPath"] == "/v1/models"


def test_a_secret_keeps_what_the_program_gave_it(stack):
    recording = deploy(stack)
    arn = stack.outputs(recording.one("Secret"))["arn"]
    assert stack.aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"] == MASTER


def test_a_function_is_as_it_was_asked_for(stack):
    deploy(stack)
    found = stack.aws.client("lambda").get_function(FunctionName="gateway")
    config = found["Configuration"]
    assert (config["Runtime"], config["Architectures"]) == ("python3.13", ["arm64"])
    assert (config["MemorySize"], config["Timeout"]) == (256, 30)
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 10}
    (logs,) = stack.aws.client("logs").describe_log_groups()["logGroups"]
    assert (logs["logGroupName"], logs["retentionInDays"]) == ("/aws/lambda/gateway", 14)


def test_a_url_that_iam_guards_refuses_who_does_not_sign(stack):
    recording = deploy(stack, "iam")
    host = stack.outputs(recording.one("FunctionUrl"))["functionUrl"].removeprefix("https://").rstrip("/")
    assert ask(stack.aws, host, "/v1/models").status == 403


def test_the_emulator_does_not_sign_for_a_function(stack):
    """So a front door of IAM cannot be tried here. When this test fails, the emulator signs."""
    recording = deploy(stack, "iam")
    domain = stack.outputs(recording.one("Distribution"))["domainName"]
    assert ask(stack.aws, domain, "/v1/models").status == 403


def test_a_url_without_iam_answers_anybody_even_without_permissions(stack):
    """The emulator asks for no permission here, so a rule holds that there are two. When this test fails, it does."""
    recording = deploy(stack)
    client = stack.aws.client("lambda")
    for permission in recording.of_type("Permission"):
        client.remove_permission(FunctionName="gateway", StatementId=stack.outputs(permission)["statementId"])
    assert ask(stack.aws, stack.outputs(recording.one("Distribution"))["domainName"], "/v1/models").status == 200


@pytest.mark.parametrize("front_door", FRONT_DOORS)
def test_nothing_is_left_when_it_is_destroyed(stack, front_door):
    deploy(stack, front_door)
    stack.destroy()
    assert leftovers(stack.aws) == {}
