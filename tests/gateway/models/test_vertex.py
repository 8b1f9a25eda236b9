"""A model on Vertex AI, at a server of this machine, with google-auth's own credentials and a token endpoint."""

import datetime
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.credentials import Credentials
from model_kit import BODY, Exchange, Server, Servers, ask, chunked, failure, message

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline
from inference_edge_cache.gateway.model import ModelRequest
from inference_edge_cache.gateway.models.vertex import VertexModel

STREAM = b'{"stream": true}'


def model(server: Server, method="predict", credentials: object = None, endpoint: str = "123") -> VertexModel:
    credentials = credentials or Credentials(token="a token")
    return VertexModel(
        endpoint, project="p", location="us-central1", method=method, base_url=server.url, credentials=credentials
    )


def renewable(tokens: Server, minutes: int | None = None) -> Credentials:
    """Credentials with a token that expires in ``minutes``, or without any yet. ``tokens`` gives new ones."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return Credentials(
        token=None if minutes is None else "the old token",
        expiry=None if minutes is None else now + datetime.timedelta(minutes=minutes),
        refresh_token="secret-refresh",
        token_uri=tokens.url + "/token",
        client_id="client",
        client_secret="secret-client",
    )


def gives_tokens(tokens: Server) -> None:
    def answer(exchange: Exchange) -> bool:
        token = {"access_token": f"token {len(tokens.seen)}", "expires_in": 3600, "token_type": "Bearer"}
        exchange.send(message(json.dumps(token).encode()))
        return True

    tokens.answer = answer


# What is sent ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "body", "endpoint", "target"),
    [
        ("predict", BODY, "123", "endpoints/123:predict"),
        ("predict", STREAM, "endpoints/123", "endpoints/123:predict"),
        ("rawPredict", BODY, "123", "endpoints/123:rawPredict"),
        ("rawPredict", STREAM, "123", "endpoints/123:streamRawPredict"),
        (
            "rawPredict",
            STREAM,
            "publishers/anthropic/models/claude-3@20240307",
            "publishers/anthropic/models/claude-3@20240307:streamRawPredict",
        ),
    ],
)
def test_the_body_goes_as_it_is_to_the_method_of_the_endpoint(server: Server, method, body, endpoint, target):
    server.says()
    ask(model(server, method, endpoint=endpoint), body, query="not=sent")
    assert (server.only.method, server.only.body) == ("POST", body)
    assert server.only.target == f"/v1/projects/p/locations/us-central1/{target}"
    assert server.only.header("authorization") == "Bearer a token"


def test_only_what_vertex_reads_is_sent(server: Server):
    server.says()
    headers = (
        ("content-type", "application/x"),
        ("accept", "text/plain"),
        ("x-goog-fieldmask", "predictions"),
        ("x-goog-user-project", "another's bill"),
        ("authorization", "Bearer the caller's"),
        ("x-other", "1"),
    )
    ask(model(server), headers=headers)
    assert {name.lower(): value for name, value in server.only.headers} == {
        "accept": "text/plain",
        "accept-encoding": "identity",
        "authorization": "Bearer a token",
        "content-length": str(len(BODY)),
        "content-type": "application/x",
        "host": server.url.removeprefix("http://"),
        "user-agent": "inference-edge-cache",
        "x-goog-fieldmask": "predictions",
    }


@pytest.mark.parametrize(
    ("method", "body", "accept"),
    [("predict", BODY, "application/json"), ("rawPredict", STREAM, "text/event-stream")],
)
def test_without_a_word_it_is_json_or_a_stream(server: Server, method, body, accept):
    server.says()
    ask(model(server, method), body)
    assert server.only.values("accept") == [accept]
    assert server.only.values("content-type") == ["application/json"]


def test_a_stream_is_relayed(server: Server):
    server.sends(chunked(b"data: 1\n\n", b"data: 2\n\n", lines=("Content-Type: text/event-stream",)))
    answer = ask(model(server, "rawPredict"), STREAM)
    assert answer.headers == (("content-type", "text/event-stream"),)
    assert answer.body == b"data: 1\n\ndata: 2\n\n"


# What comes back ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [200, 302, 400, 429, 500, 503])
def test_the_models_answer_is_relayed_with_its_status(server: Server, status):
    server.says(b'{"error": {"code": 1}}', f"{status} Said", "Retry-After: 9", "Location: http://127.0.0.1:1/")
    answer = ask(model(server))
    assert (answer.status, answer.body) == (status, b'{"error": {"code": 1}}')
    assert answer.header("retry-after") == "9"
    assert server.only


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_is_about_the_gateway_is_no_answer(server: Server, status):
    server.says(b'{"error": {"message": "projects/secret"}}', f"{status} No")
    failed = failure(model(server))
    assert failed.status == 502
    assert "secret" not in str(failed)
    assert server.only


def test_a_model_that_is_too_late_or_breaks_off(server: Server):
    server.never_answers()
    assert failure(model(server), seconds=0.2).status == 504
    server.sends(chunked(b"data: 1\n\n", last=b""))
    assert failure(model(server, "rawPredict"), STREAM).status == 502
    assert len(server.seen) == 2


# Tokens ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("minutes", [None, -5, 0, 3])
def test_a_token_is_renewed_before_it_expires_and_then_kept(server: Server, servers: Servers, minutes):
    tokens = servers()
    gives_tokens(tokens)
    server.says()
    asked = model(server, credentials=renewable(tokens, minutes))
    for _ in range(3):
        ask(asked)
    assert [seen.header("authorization") for seen in server.seen] == ["Bearer token 1"] * 3
    assert tokens.only.target == "/token"
    assert b"refresh_token=secret-refresh" in tokens.only.body


def test_a_token_that_lasts_is_not_renewed(server: Server, servers: Servers):
    tokens = servers()
    server.says()
    ask(model(server, credentials=renewable(tokens, minutes=30)))
    assert server.only.header("authorization") == "Bearer the old token"
    assert tokens.seen == []


def test_many_threads_renew_it_once(server: Server, servers: Servers):
    tokens = servers()
    gives_tokens(tokens)
    server.says()
    asked = model(server, credentials=renewable(tokens, -5))
    together = threading.Barrier(20)

    def one(_: int) -> int:
        together.wait(60)
        return ask(asked).status

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(one, range(20))) == [200] * 20
    assert tokens.only
    assert {seen.header("authorization") for seen in server.seen} == {"Bearer token 1"}


def test_a_token_that_is_not_accepted_is_not_used_again(server: Server, servers: Servers):
    tokens = servers()
    gives_tokens(tokens)
    server.says(b"{}", "401 Unauthorized")
    asked = model(server, credentials=renewable(tokens, minutes=30))
    assert str(failure(asked)) == "the gateway's credentials are not accepted by its model"
    assert len(server.seen) == 1
    server.says()
    assert ask(asked).status == 200
    assert server.seen[1].header("authorization") == "Bearer token 1"


def test_a_newer_token_is_not_forgotten_for_an_older_ones_sake(server: Server, servers: Servers):
    tokens = servers()
    gives_tokens(tokens)
    credentials = renewable(tokens, minutes=30)
    asked = model(server, credentials=credentials)

    def answer(exchange: Exchange) -> bool:
        credentials.token = "a newer token"  # as another thread would, meanwhile
        exchange.send(message(b"{}", "401 Unauthorized"))
        return True

    server.answer = answer
    failure(asked)
    server.says()
    ask(asked)
    assert server.seen[1].header("authorization") == "Bearer a newer token"
    assert tokens.seen == []


def test_a_token_that_nobody_gives_is_no_answer(server: Server, servers: Servers):
    tokens = servers()
    tokens.says(b'{"error": "invalid_grant", "error_description": "secret"}', "400 Bad Request")
    failed = failure(model(server, credentials=renewable(tokens)))
    assert (failed.status, str(failed)) == (502, "the gateway has no credentials for its model (RefreshError)")
    assert server.seen == []


def test_a_token_that_does_not_come_in_time_is_too_late(server: Server, servers: Servers):
    tokens = servers()
    tokens.never_answers()
    asked = model(server, credentials=renewable(tokens))
    assert failure(asked, seconds=0.2).status == 504
    assert server.seen == []


def test_waiting_for_another_threads_renewal_ends_with_the_deadline(server: Server, servers: Servers):
    tokens, renewing, go_on = servers(), threading.Event(), threading.Event()

    def answer(exchange: Exchange) -> bool:
        renewing.set()
        go_on.wait(30)
        exchange.send(message(b'{"access_token": "late", "expires_in": 3600}'))
        return True

    tokens.answer = answer
    server.says()
    asked = model(server, credentials=renewable(tokens))
    with ThreadPoolExecutor(1) as other:
        first = other.submit(ask, asked)
        assert renewing.wait(30)
        failed = failure(asked, seconds=0.1)
        go_on.set()
        assert first.result().status == 200
    assert (failed.status, str(failed)) == (504, "the gateway had no credentials for its model in time")
    assert len(tokens.seen) == len(server.seen) == 1


def test_the_applications_own_credentials_are_found_when_they_are_needed(server: Server, monkeypatch):
    found = list[list[str]]()

    def default(scopes: list[str]) -> tuple[Credentials, str]:
        found.append(scopes)
        return Credentials(token="the default"), "p"

    monkeypatch.setattr(google.auth, "default", default)
    server.says()
    asked = VertexModel("123", project="p", location="us-central1", method="predict", base_url=server.url)
    assert found == []
    for _ in range(2):
        ask(asked)
    assert found == [["https://www.googleapis.com/auth/cloud-platform"]]
    assert {seen.header("authorization") for seen in server.seen} == {"Bearer the default"}


def test_without_credentials_nothing_is_asked(server: Server, monkeypatch):
    def default(scopes: list[str]) -> tuple[Credentials, str]:
        raise DefaultCredentialsError("secret")

    monkeypatch.setattr(google.auth, "default", default)
    asked = VertexModel("123", project="p", location="us-central1", method="predict", base_url=server.url)
    failed = failure(asked)
    assert (failed.status, str(failed)) == (
        502,
        "the gateway has no credentials for its model (DefaultCredentialsError)",
    )
    assert server.seen == []


def test_no_failure_tells_a_token(server: Server):
    server.sends(b"nonsense\r\n\r\n")
    told = repr(failure(model(server), b"secret-body"))
    assert not [secret for secret in ("a token", "secret-body", "127.0.0.1", "projects") if secret in told]


# Configuration --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("location", "host"),
    [("us-central1", "us-central1-aiplatform.googleapis.com"), ("global", "aiplatform.googleapis.com")],
)
def test_the_endpoint_is_that_of_the_location(looked_up, location, host):
    credentials = Credentials(token="a token")
    asked = VertexModel("1", project="p", location=location, method="predict", credentials=credentials)
    assert str(failure(asked)) == "the model did not answer (NameResolutionError)"
    assert looked_up == [host]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"endpoint": "../../secrets"}, "endpoint"),
        ({"endpoint": "1?x"}, "endpoint"),
        ({"project": "p/../q"}, "project"),
        ({"location": "evil.example.com/"}, "location"),
        ({"location": ""}, "location"),
        ({"method": "streamRawPredict"}, "method"),
        ({"base_url": "http://example.com"}, "base_url"),
    ],
)
def test_nonsense_is_refused(options, said):
    with pytest.raises(GatewayConfigError, match=f"^{said} "):
        VertexModel(**{"endpoint": "1", "project": "p", "location": "us-central1", "method": "predict", **options})


def test_a_dedicated_endpoint_has_a_domain_of_its_own(server: Server):
    server.says()
    asked = VertexModel(
        "123",
        project="p",
        location="us-central1",
        method="rawPredict",
        base_url=server.url + "/proxied/",
        credentials=Credentials(token="a token"),
    )
    asked.answer(ModelRequest(path="/"), Deadline.after(30)).chunks.close()
    assert server.only.target == "/proxied/v1/projects/p/locations/us-central1/endpoints/123:rawPredict"
