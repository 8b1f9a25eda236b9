"""Models of AWS behind the deployed gateway: Bedrock as the emulator plays it, SageMaker as moto does."""

import json
import urllib.request

import boto3
import pytest
from aws_emulator.gateways import CHAT, chat, deployed
from aws_emulator.viewer import served
from aws_programs import GATEWAYS
from botocore.config import Config
from http_kit import moto_server

from inference_edge_cache.protocol import derive_api_key

CONVERSE = {"messages": [{"role": "user", "content": [{"text": "2+2?"}]}], "inferenceConfig": {"temperature": 0}}


def said_of(answer):
    """What the gateway says of an answer, without what it says of time."""
    return answer.headers["cache-status"].removeprefix("inference-edge-cache;").partition(";ttl")[0]


# Bedrock --------------------------------------------------------------------------------------------------------------
MODEL = GATEWAYS["a Bedrock model"]["origin"]["bedrock"]["model_id"]
ROUTE = f"/model/{MODEL.replace(':', '.')}/converse"


@pytest.fixture(scope="module")
def bedrock(aws):
    args = {**GATEWAYS["a Bedrock model"], "routes": [{"preset": "bedrock_converse", "path": ROUTE}]}
    with deployed(aws, "bedrock", **args) as cache:
        yield cache


@pytest.fixture
def role_policy(aws, bedrock):
    """The policy of the gateway's role, and how to put another in its place until the test ends."""
    client, role = aws.client("iam"), bedrock.made("gateway-role")["name"]
    name = bedrock.made("gateway-role-policy")["name"]
    before = client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    def put(document):
        client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    yield before, put
    put(before)


@pytest.fixture
def converses(role_policy):
    """The emulator asks for an action of Converse's own; AWS for bedrock:InvokeModel (API_runtime_Converse)."""
    before, put = role_policy
    changed = json.loads(json.dumps(before))
    (statement,) = (one for one in changed["Statement"] if one["Sid"] == "Model")
    statement["Action"] = [*statement["Action"], "bedrock:Converse"]
    put(changed)


def test_the_emulator_asks_for_an_action_that_aws_does_not_know(bedrock):
    """When this test fails, it has learnt better, and ``converses`` is not needed any more."""
    answer = bedrock.post(ROUTE, json.dumps(CONVERSE).encode())
    assert answer.status == 502
    assert "the gateway may not call its model (AccessDeniedException)" in json.loads(answer.body)["detail"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("converses")
def test_bedrock_is_asked_once(bedrock):
    path, payload = bedrock.path(ROUTE, json.dumps(CONVERSE).encode())
    said = [bedrock.get(path, payload), bedrock.post(ROUTE, json.dumps(CONVERSE).encode())]
    assert [said_of(answer) for answer in said] == ["fwd=uri-miss;fwd-status=200;stored", "hit"]
    assert said[0].body == said[1].body == bedrock.get(path).body
    assert json.loads(said[0].body)["stopReason"] == "end_turn"
    assert bedrock.viewer.asked[-2:] == ["second", "first"]


@pytest.mark.usefixtures("converses")
def test_boto3_converses_through_the_cache(bedrock, monkeypatch):
    """With the API key of the cache in place of one of Bedrock's."""
    bodies = []
    with served(bedrock.viewer) as url:

        def client(key):
            monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key)
            config = Config(retries={"total_max_attempts": 1}, proxies={})
            return boto3.client("bedrock-runtime", endpoint_url=url, region_name="us-east-1", config=config)

        asked = {**CONVERSE, "messages": [{"role": "user", "content": [{"text": "by boto3"}]}]}
        for _ in range(2):
            answer = client(bedrock.key().text).converse(modelId=MODEL.replace(":", "."), **asked)
            bodies.append((answer["output"], answer["metrics"]))
            status = answer["ResponseMetadata"]["HTTPHeaders"]["cache-status"]
        assert bodies[0] == bodies[1]
        assert status.startswith("inference-edge-cache;hit")
        other = client(derive_api_key(b"another" * 8, "alice").text)
        with pytest.raises(other.exceptions.ClientError, match="401"):
            other.converse(modelId=MODEL.replace(":", "."), **asked)


def test_a_model_that_the_role_does_not_name_is_not_asked(aws, bedrock, converses, role_policy):
    before, put = role_policy
    changed = json.loads(json.dumps(before))
    (statement,) = (one for one in changed["Statement"] if one["Sid"] == "Model")
    statement |= {"Action": "bedrock:*", "Resource": [arn + "-another" for arn in statement["Resource"]]}
    put(changed)
    answer = bedrock.post(ROUTE, json.dumps({**CONVERSE, "system": [{"text": "another"}]}).encode())
    assert (answer.status, answer.headers["cache-control"]) == (502, "no-store")


# SageMaker ------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def moto():
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def sagemaker(aws, moto):
    args = {
        **GATEWAYS["a gateway with a secret"],
        "origin": {"sagemaker": {"endpoint_name": "llm", "target_variant": "blue"}},
        "routes": [{"preset": "openai_chat"}],
    }
    with deployed(aws, "sagemaker", **args) as cache:
        found = aws.client("lambda").get_function_configuration(FunctionName=cache.function)
        # The emulator has no SageMaker: this one service is asked at another address.
        elsewhere = {**found["Environment"]["Variables"], "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": moto}
        cache.configure(Environment={"Variables": elsewhere})
        yield cache


def test_a_sagemaker_endpoint_is_asked_once(sagemaker, moto):
    choice = {"index": 0, "message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}
    body = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
    result = {"Body": body, "ContentType": "application/json", "InvokedProductionVariant": "blue"}
    request = urllib.request.Request(
        f"{moto}/moto-api/static/sagemaker/endpoint-results",
        json.dumps({"results": [{**result, "CustomAttributes": "x"}]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60):
        pass
    said = [sagemaker.post(CHAT, chat("2+2?")) for _ in range(2)]
    assert [said_of(answer) for answer in said] == ["fwd=uri-miss;fwd-status=200;stored", "hit"]
    assert said[0].body == said[1].body == body.encode()
    assert sagemaker.get(said[0].headers["content-location"]).body == body.encode()
