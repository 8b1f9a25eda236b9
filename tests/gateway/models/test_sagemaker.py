"""A model on a SageMaker endpoint: against moto, against boto3's own requests, and against errors byte for byte."""

import json
import sys
from collections.abc import Iterator

import boto3
import botocore.session
import pytest
import urllib3
from http_kit import moto_server
from model_kit import BODY, SECRET_KEY, Exchange, Server, ask, chunked, compared, event, failure, is_signed, part

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline
from inference_edge_cache.gateway.model import ModelFailed, ModelRequest
from inference_edge_cache.gateway.models.sagemaker import SageMakerModel

pytestmark = pytest.mark.usefixtures("aws")

STREAM = b'{"stream": true}'


def model(server: Server, name: str = "llm", **options: str) -> SageMakerModel:
    return SageMakerModel(name, endpoint_url=server.url, **options)


# Against moto ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


def test_moto_answers_as_its_container_does(moto: str):
    result = {
        "Body": '{"generated_text": "4"}',
        "ContentType": "application/json",
        "InvokedProductionVariant": "blue",
        "CustomAttributes": "trace-1",
    }
    urllib3.request("POST", f"{moto}/moto-api/static/sagemaker/endpoint-results", json={"results": [result]})
    answer = ask(SageMakerModel("llm", endpoint_url=moto))
    assert (answer.status, answer.body) == (200, b'{"generated_text": "4"}')
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-amzn-invoked-production-variant") == "blue"
    assert answer.header("x-amzn-sagemaker-custom-attributes") == "trace-1"


# What is sent ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["llm", "a-b-c", "needs/quoting:v1 +~"])
def test_the_request_is_the_one_that_boto3_sends(server: Server, name):
    server.says()
    boto3.client("sagemaker-runtime", endpoint_url=server.url).invoke_endpoint(
        EndpointName=name,
        Body=b'{ "a" : 1.0 }',
        ContentType="application/json",
        Accept="application/json",
        TargetModel="m.tar.gz",
        TargetVariant="blue",
        InferenceComponentName="adapter",
        CustomAttributes="trace-1",
        SessionId="NEW_SESSION",
        InferenceId="7",
        EnableExplanations="`true`",
        TargetContainerHostname="second",
    )
    asked = model(server, name, target_model="m.tar.gz", target_variant="blue", inference_component="adapter")
    prefix = "x-amzn-sagemaker-"
    ask(
        asked,
        b'{ "a" : 1.0 }',
        query="not=sent",
        headers=(
            (f"{prefix}custom-attributes", "trace-1"),
            (f"{prefix}session-id", "NEW_SESSION"),
            (f"{prefix}inference-id", "7"),
            (f"{prefix}enable-explanations", "`true`"),
            (f"{prefix}target-container-hostname", "second"),
            (f"{prefix}target-model", "the caller's"),
            (f"{prefix}unknown", "not sent"),
            ("authorization", "not sent"),
            ("x-other", "not sent"),
        ),
    )
    by_boto3, ours = compared(server)
    assert ours == by_boto3
    assert is_signed(server, server.seen[1], "sagemaker")


def test_a_stream_is_asked_for_as_boto3_does(server: Server):
    server.sends(chunked(part(b"data: 1\n\n"), lines=("Content-Type: application/vnd.amazon.eventstream",)), keeps=True)
    stream = boto3.client("sagemaker-runtime", endpoint_url=server.url).invoke_endpoint_with_response_stream(
        EndpointName="llm",
        Body=STREAM,
        ContentType="application/json",
        Accept="text/event-stream",
        TargetVariant="blue",
        InferenceComponentName="adapter",
    )
    assert [item["PayloadPart"]["Bytes"] for item in stream["Body"]] == [b"data: 1\n\n"]
    answer = ask(model(server, target_variant="blue", inference_component="adapter"), STREAM)
    assert answer.body == b"data: 1\n\n"
    by_boto3, ours = compared(server)
    assert ours == by_boto3
    assert is_signed(server, server.seen[1], "sagemaker")


def test_a_session_token_is_signed_too(server: Server, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a session's token")
    server.says()
    ask(model(server))
    assert server.only.values("x-amz-security-token") == ["a session's token"]
    assert is_signed(server, server.only, "sagemaker")


def test_the_caller_may_say_what_it_sends_and_accepts(server: Server):
    server.says()
    ask(model(server), headers=(("content-type", "text/csv"), ("accept", "text/csv"), ("accept", "application/json")))
    assert server.only.values("content-type") == ["text/csv"]
    assert server.only.values("accept") == ["text/csv, application/json"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream": false}',
        b'{"stream": "true"}',
        b'{"stream": 1}',
        b'{"inputs": {"stream": true}}',
        b'["stream", true]',
        b"stream",
        b"",
        b"[" * 100_000,
    ],
    ids=["false", "text", "one", "inside", "array", "no-json", "empty", "deep"],
)
def test_only_true_asks_for_a_stream(server: Server, body):
    server.says()
    ask(model(server), body)
    assert server.only.target == "/endpoints/llm/invocations"


@pytest.mark.parametrize(
    ("options", "headers", "named"),
    [
        ({"target_model": "m"}, (), "x-amzn-sagemaker-target-model"),
        ({}, (("x-amzn-sagemaker-enable-explanations", "`true`"),), "x-amzn-sagemaker-enable-explanations"),
    ],
)
def test_what_sagemaker_cannot_stream_is_refused_and_not_left_out(server: Server, options, headers, named):
    answer = ask(model(server, **options), STREAM, headers=headers)
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")
    assert json.loads(answer.body)["detail"] == f"SageMaker does not stream together with {named}"
    assert server.seen == []


# Streams --------------------------------------------------------------------------------------------------------------
def streaming(server: Server, *pieces: bytes, **options: bytes) -> SageMakerModel:
    lines = (
        "Content-Type: application/vnd.amazon.eventstream",
        "X-Amzn-SageMaker-Content-Type: text/event-stream",
        "x-Amzn-Invoked-Production-Variant: blue",
    )
    server.sends(chunked(*pieces, lines=lines, **options))
    return model(server)


def test_a_stream_comes_without_what_sagemaker_wraps_it_in(server: Server):
    whole = part(b"data: 1\n\n") + part(b"") + part(b"data: [DO") + part(b"NE]\n\n")
    answer = ask(streaming(server, whole[:7], whole[7:100], whole[100:]), STREAM)
    assert answer.body == b"data: 1\n\ndata: [DONE]\n\n"
    assert answer.headers == (
        ("content-type", "text/event-stream"),
        ("x-amzn-invoked-production-variant", "blue"),
    )
    assert server.only


def test_each_part_is_there_as_soon_as_it_came(server: Server):
    def answer(exchange: Exchange) -> bool:
        exchange.send(chunked(part(b"data: 1\n\n"), last=b""))
        exchange.over.wait()
        return False

    server.answer = answer
    answered = model(server).answer(ModelRequest(path="/", body=STREAM), Deadline.after(30))
    assert next(answered.chunks) == b"data: 1\n\n"
    answered.chunks.close()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (event(b"{}", message_type="exception", exception_type="ModelStreamError"), "(ModelStreamError)"),
        (event(b"{}", message_type="exception", exception_type="InternalStreamFailure"), "(InternalStreamFailure)"),
        (event(b"{}", message_type="exception", exception_type="secret"), "broke its stream off"),
        (event(b"", message_type="error", error_code="500", error_message="secret"), "broke its stream off"),
        (event(b"{}", message_type="event", event_type="Unheard"), "broke its stream off"),
        (part(b"data: 2")[:-3], "within an event"),
        (part(b"data: 2")[:5], "within an event"),
        (part(b"data: 2")[:-1] + b"\0", "(ChecksumMismatch)"),
        (b"\0" * 40, "(ChecksumMismatch)"),
    ],
    ids=["model", "internal", "unknown", "error", "unknown-event", "cut", "cut-early", "damaged", "zeros"],
)
def test_a_stream_that_ends_badly_fails_after_what_there_was(server: Server, bad, said):
    asked = streaming(server, part(b"data: 1\n\n"), bad)
    answer = asked.answer(ModelRequest(path="/", body=STREAM), Deadline.after(30))
    assert next(answer.chunks) == b"data: 1\n\n"
    with pytest.raises(ModelFailed) as failed:
        list(answer.chunks)
    assert failed.value.status == 502
    assert said in str(failed.value)
    assert "secret" not in str(failed.value)
    assert server.only


def test_a_stream_whose_connection_breaks_fails(server: Server):
    assert failure(streaming(server, part(b"data: 1\n\n"), last=b""), STREAM).status == 502


def test_a_stream_of_an_unknown_type_has_none(server: Server):
    server.sends(chunked(part(b"1"), lines=("Content-Type: application/vnd.amazon.eventstream",)))
    assert ask(model(server), STREAM).headers == ()


# Errors ---------------------------------------------------------------------------------------------------------------
def fails(server: Server, status: int, name: str | None, *lines: str, **fields: object) -> None:
    named = () if name is None else (f"x-amzn-ErrorType: {name}",)
    server.says(json.dumps(fields).encode(), f"{status} Error", "Content-Type: application/json", *named, *lines)


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("original", "message", "content_type"),
    [
        (400, '{"error": "no such parameter"}', "application/json"),
        (422, "not JSON", "text/plain; charset=utf-8"),
        (500, "[" * 100_000, "text/plain; charset=utf-8"),
        (503, "", "text/plain; charset=utf-8"),
    ],
)
def test_an_error_of_the_container_is_the_containers_own(server: Server, body, original, message, content_type):
    fields = {"OriginalStatusCode": original, "OriginalMessage": message, "LogStreamArn": "arn:aws:logs:secret"}
    fails(server, 424, "ModelError", Message="Received client error (400) from primary: secret", **fields)
    answer = ask(model(server), body)
    assert (answer.status, answer.body) == (original, message.encode())
    assert answer.headers == (("content-type", content_type),)
    assert server.only


def test_an_error_of_the_container_without_words_is_a_problem(server: Server):
    fails(server, 424, "ModelError", OriginalStatusCode=413)
    answer = ask(model(server))
    assert (answer.status, answer.header("content-type")) == (413, "application/problem+json")
    fails(server, 424, "ModelError", OriginalStatusCode=500)
    assert json.loads(ask(model(server)).body)["detail"] == "the model failed"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"OriginalStatusCode": 0, "OriginalMessage": "Your invocation timed out while waiting"}, 504),
        ({"Message": 'Received server error (0) from model with message "Your invocation timed out"'}, 504),
        ({"OriginalStatusCode": 200, "OriginalMessage": "secret"}, 502),
        ({"OriginalStatusCode": "400", "OriginalMessage": "secret"}, 502),
        ({}, 502),
    ],
)
def test_a_container_that_did_not_answer_is_no_answer(server: Server, fields, status):
    fails(server, 424, "ModelError", **fields)
    failed = failure(model(server))
    assert failed.status == status
    assert "secret" not in str(failed)


@pytest.mark.parametrize(
    ("status", "name", "answered"),
    [
        (400, "ThrottlingException", 429),
        (429, "ThrottlingException:http://internal.amazon.com/coral/", 429),
        (429, "aws.protocoltests.restjson#TooManyRequestsException", 429),
        (429, "ModelNotReadyException", 429),
        (503, "ServiceUnavailable", 503),
        (429, None, 429),
        (503, None, 503),
        (413, None, 413),
        (418, "Unheard", 418),
        (499, "not a name!", 499),
    ],
)
def test_what_the_caller_can_wait_for_or_mend_is_told(server: Server, status, name, answered):
    fails(server, status, name, "Retry-After: 17", message="about account 123456789012")
    answer = ask(model(server))
    assert (answer.status, answer.header("content-type")) == (answered, "application/problem+json")
    assert answer.header("retry-after") == "17"
    problem = json.loads(answer.body)
    assert (problem["status"], problem["type"]) == (answered, "about:blank")
    assert b"123456789012" not in answer.body
    assert server.only


def test_without_retry_after_none_is_made_up(server: Server):
    fails(server, 429, "ThrottlingException")
    assert ask(model(server)).header("retry-after") is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("1 validation error detected", ": 1 validation error detected"),
        ("Endpoint llm of account 123456789012 not found.", ""),
        ("no access to arn:aws:sagemaker:x", ""),
        (7, ""),
    ],
)
def test_a_request_that_is_not_valid_is_400_with_what_the_service_says_of_it(server: Server, message, words):
    fails(server, 400, "ValidationError", Message=message)
    answer = ask(model(server))
    assert answer.status == 400
    said = f"the model's service refused the request (ValidationError){words}"
    assert json.loads(answer.body)["detail"] == said


@pytest.mark.parametrize(
    ("status", "name", "told"),
    [
        (400, "AccessDeniedException", 502),
        (403, "AccessDeniedException", 502),
        (403, "InvalidSignatureException", 502),
        (400, "UnrecognizedClientException", 502),
        (403, "ExpiredTokenException", 502),
        (403, None, 502),
        (401, "Unheard", 502),
        (404, "Unheard", 502),
        (500, "InternalFailure", 502),
        (530, "InternalDependencyException", 502),
        (302, None, 502),
        (206, None, 502),
        (504, None, 504),
        (408, None, 504),
    ],
)
def test_what_only_the_operator_can_mend_is_no_answer(server: Server, status, name, told):
    fails(server, status, name, "Location: http://127.0.0.1/", Message="User: arn:aws:iam::123456789012:role/secret")
    failed = failure(model(server))
    assert failed.status == told
    assert "123456789012" not in str(failed)
    assert "secret" not in str(failed)
    assert server.only


@pytest.mark.parametrize("field", ["__type", "code"])
def test_the_name_of_an_error_may_stand_in_its_body(server: Server, field):
    fails(server, 400, None, **{field: "com.amazon.coral#ThrottlingException"})
    assert ask(model(server)).status == 429


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"[" * 100_000, b'{"message": "' + b"x" * 10**7 + b'"}'])
def test_an_error_that_cannot_be_read_is_told_by_its_status(server: Server, body):
    server.says(body, "400 Bad Request")
    assert json.loads(ask(model(server)).body)["detail"] == "the model's service refused the request (status 400)"


def test_a_service_that_is_not_there_or_too_late(server: Server):
    server.never_answers()
    assert failure(model(server), seconds=0.2).status == 504
    server.sends(b"")
    assert failure(model(server)).status == 502
    assert len(server.seen) == 2


# Credentials and configuration ----------------------------------------------------------------------------------------
def test_without_credentials_nothing_is_asked(server: Server, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    failed = failure(model(server))
    assert (failed.status, str(failed)) == (502, "the gateway has no AWS credentials")
    assert server.seen == []


def test_credentials_that_cannot_be_had_fail_without_saying_why_in_detail(server: Server, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} -c 'import sys; sys.exit(\"secret\")'\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    failed = failure(model(server))
    said = "the gateway's AWS credentials cannot be had (CredentialRetrievalError)"
    assert (failed.status, str(failed)) == (502, said)
    assert server.seen == []


def test_a_session_may_be_given(server: Server):
    session = botocore.session.get_session()
    session.set_credentials("AKIAOTHER", "another secret key")
    server.says()
    ask(SageMakerModel("llm", endpoint_url=server.url, session=session))
    assert server.only.values("authorization")[0].startswith("AWS4-HMAC-SHA256 Credential=AKIAOTHER/")


def test_no_failure_tells_a_secret(server: Server):
    server.sends(b"nonsense\r\n\r\n")
    failed = failure(model(server), b"secret-body")
    assert not [secret for secret in (SECRET_KEY, "secret-body", "127.0.0.1", "llm") if secret in repr(failed)]


def test_a_region_must_be_known(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(GatewayConfigError, match="NoRegionError"):
        SageMakerModel("llm")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "runtime.sagemaker.eu-central-1.amazonaws.com"),
        ("cn-north-1", "runtime.sagemaker.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_endpoint_is_that_of_the_region(looked_up, region, host):
    assert str(failure(SageMakerModel("llm", region=region))) == "the model did not answer (NameResolutionError)"
    assert looked_up == [host]


@pytest.mark.parametrize("options", [{"endpoint_name": ""}, {"endpoint_name": "llm", "endpoint_url": "http://secret"}])
def test_nonsense_is_refused(options):
    with pytest.raises(GatewayConfigError, match=r"^endpoint_") as refused:
        SageMakerModel(**options)
    assert "secret" not in str(refused.value)
