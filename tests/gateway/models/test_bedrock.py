"""A model of Amazon Bedrock: against ministack and moto, against boto3's own requests, and against errors."""

import json
from collections.abc import Iterator

import boto3
import pytest
from http_kit import ministack_server, moto_server
from model_kit import Server, ask, compared, failure, is_signed

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.models.bedrock import BedrockModel

pytestmark = pytest.mark.usefixtures("aws")

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}"
CONVERSATION = b'{"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {"temperature": 0.0}}'


def model(server: Server, api="converse", model_id: str = CLAUDE) -> BedrockModel:
    return BedrockModel(model_id, api=api, endpoint_url=server.url)


# Against emulators ----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def ministack(tmp_path_factory) -> Iterator[str]:
    with ministack_server(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.mark.parametrize("model_id", [CLAUDE, ARN])
def test_ministack_converses(ministack: str, model_id):
    answer = ask(BedrockModel(model_id, api="converse", endpoint_url=ministack), CONVERSATION)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    said = json.loads(answer.body)
    assert said["stopReason"] == "end_turn"
    assert model_id in said["output"]["message"]["content"][0]["text"]


def test_ministack_invokes(ministack: str):
    body = (
        b'{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}'
    )
    answer = ask(BedrockModel(CLAUDE, api="invoke", endpoint_url=ministack), body)
    assert answer.status == 200
    assert json.loads(answer.body)["stop_reason"] == "end_turn"


def test_ministack_says_what_is_wrong_with_a_body(ministack: str):
    answer = ask(BedrockModel(CLAUDE, api="converse", endpoint_url=ministack), b"not JSON")
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")
    said = "the model's service refused the request (ValidationException): Body is not valid JSON."
    assert json.loads(answer.body)["detail"] == said


def test_moto_invokes():
    with moto_server() as url:
        answer = ask(BedrockModel(CLAUDE, api="invoke", endpoint_url=url))
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.header("x-amzn-bedrock-service-tier") == "default"


# What is sent ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model_id", [CLAUDE, ARN, "us.anthropic.claude-3-haiku-20240307-v1:0"])
def test_invoke_is_the_request_that_boto3_sends(server: Server, model_id):
    server.says()
    boto3.client("bedrock-runtime", endpoint_url=server.url).invoke_model(
        modelId=model_id,
        body=b'{ "a" : 1.0 }',
        contentType="application/json",
        accept="image/png",
        trace="ENABLED",
        guardrailIdentifier="gr1",
        guardrailVersion="DRAFT",
        performanceConfigLatency="optimized",
        serviceTier="flex",
        requestMetadata='{"a": "b"}',
    )
    headers = (
        ("accept", "image/png"),
        ("x-amzn-bedrock-trace", "ENABLED"),
        ("x-amzn-bedrock-guardrailidentifier", "gr1"),
        ("x-amzn-bedrock-guardrailversion", "DRAFT"),
        ("x-amzn-bedrock-performanceconfig-latency", "optimized"),
        ("x-amzn-bedrock-service-tier", "flex"),
        ("x-amzn-bedrock-request-metadata", '{"a": "b"}'),
        ("x-amzn-bedrock-unknown", "not sent"),
        ("authorization", "not sent"),
    )
    ask(model(server, "invoke", model_id), b'{ "a" : 1.0 }', headers=headers, query="not=sent")
    by_boto3, ours = compared(server)
    assert ours == by_boto3
    assert is_signed(server, server.seen[1], "bedrock")


def test_converse_is_sent_where_boto3_sends_it_and_byte_for_byte(server: Server):
    server.says(b'{"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn"}')
    boto3.client("bedrock-runtime", endpoint_url=server.url).converse(modelId=ARN, messages=[])
    as_it_is = b'{ "messages":[],  "inferenceConfig" : {"temperature": 0.0, "maxTokens": 1e2}, "newer": null}'
    ask(model(server, model_id=ARN), as_it_is, headers=(("x-amzn-bedrock-trace", "ENABLED"), ("accept", "image/png")))
    by_boto3, ours = server.seen
    assert (ours.method, ours.target) == (by_boto3.method, by_boto3.target)
    assert ours.body == as_it_is
    assert ours.header("x-amzn-bedrock-trace") is None
    assert ours.header("accept") == "application/json"
    assert is_signed(server, ours, "bedrock")


def test_the_answer_is_the_models_own_byte_for_byte(server: Server):
    server.says(
        b'{ "usage" : {"inputTokens": 1.0} }', "200 OK", "Content-Type: application/json", "X-Amzn-RequestId: 7"
    )
    answer = ask(model(server))
    assert answer.body == b'{ "usage" : {"inputTokens": 1.0} }'
    assert answer.headers == (("content-type", "application/json"), ("x-amzn-requestid", "7"))
    assert server.only


# Errors ---------------------------------------------------------------------------------------------------------------
def fails(server: Server, status: int, name: str, *lines: str, **fields: object) -> None:
    typed = ("Content-Type: application/json", f"x-amzn-ErrorType: {name}:http://internal.amazon.com/coral/x/", *lines)
    server.says(json.dumps({"message": "Too slow.", **fields}).encode(), f"{status} Error", *typed)


@pytest.mark.parametrize("api", ["invoke", "converse"])
@pytest.mark.parametrize(
    ("status", "name", "answered", "words"),
    [
        (400, "ValidationException", 400, ": Too slow."),
        (400, "ConflictException", 400, ": Too slow."),
        (400, "ServiceQuotaExceededException", 429, ""),
        (429, "ThrottlingException", 429, ""),
        (429, "ModelNotReadyException", 429, ""),
        (503, "ServiceUnavailableException", 503, ""),
    ],
)
def test_what_the_caller_can_wait_for_or_mend_is_told(server: Server, api, status, name, answered, words):
    fails(server, status, name, "Retry-After: 3")
    answer = ask(model(server, api))
    assert (answer.status, answer.header("retry-after")) == (answered, "3")
    assert answer.header("content-type") == "application/problem+json"
    assert json.loads(answer.body)["detail"] == f"the model's service refused the request ({name}){words}"
    assert server.only


@pytest.mark.parametrize("api", ["invoke", "converse"])
@pytest.mark.parametrize(
    ("status", "name", "told"),
    [
        (403, "AccessDeniedException", 502),
        (403, "UnrecognizedClientException", 502),
        (403, "ExpiredTokenException", 502),
        (404, "ResourceNotFoundException", 502),
        (500, "InternalServerException", 502),
        (424, "ModelErrorException", 502),
        (408, "ModelTimeoutException", 504),
    ],
)
def test_what_the_caller_cannot_mend_is_no_answer(server: Server, api, status, name, told):
    fails(server, status, name, message="arn:aws:sts::123456789012:assumed-role/secret is not authorized")
    failed = failure(model(server, api))
    assert failed.status == told
    assert not [secret for secret in ("123456789012", "secret") if secret in str(failed)]
    assert server.only


def test_an_error_of_the_model_keeps_its_status(server: Server):
    fails(server, 424, "ModelErrorException", originalStatusCode=422, resourceName="arn:secret")
    answer = ask(model(server, "invoke"))
    assert (answer.status, answer.header("content-type")) == (422, "application/problem+json")
    assert b"secret" not in answer.body


def test_a_model_that_is_too_late_or_breaks_off(server: Server):
    server.never_answers()
    assert failure(model(server), seconds=0.2).status == 504
    server.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
    assert failure(model(server)).status == 502
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model_id": "", "api": "invoke"}, "model_id"),
        ({"model_id": "m", "api": "converse-stream"}, "api"),
        ({"model_id": "m", "api": "invoke", "region": "not a region"}, "AWS names no endpoint"),
    ],
)
def test_nonsense_is_refused(options, said):
    with pytest.raises(GatewayConfigError, match=said):
        BedrockModel(**options)
