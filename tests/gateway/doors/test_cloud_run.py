"""The service and the function of Google Cloud, as processes and on real sockets."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import flask
import httpx
import pytest
import uvicorn
from gateway_kit import (
    CHAT,
    JSON,
    MASTER,
    SSE,
    ScriptedModel,
    answering,
    chat_answer,
    chat_body,
    chat_stream,
    config_of,
    setting,
)
from http_kit import free_port
from werkzeug.serving import make_server
from werkzeug.test import create_environ
from werkzeug.wrappers import Request as WsgiRequest

from inference_edge_cache.gateway.archive import write_archive
from inference_edge_cache.gateway.assembly import DeployedGateway
from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.doors import Guarded, cloud_run, uploads_to
from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.model import ModelAnswer
from inference_edge_cache.protocol import DISCOVERY_PATH
from inference_edge_cache.protocol.keys import origin_proof

LONG = 30.0
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]


# --- The function -------------------------------------------------------------------------------------------------


@contextmanager
def function() -> Iterator[str]:
    """``handle`` in a Flask application that is set up as the Functions Framework sets up its own; its URL."""
    app = flask.Flask("function")
    for rule in ("/", "/<path:path>"):
        app.add_url_rule(
            rule,
            endpoint=rule,
            defaults={"path": ""} if rule == "/" else None,
            view_func=lambda path: cloud_run.handle(flask.request._get_current_object()),
            methods=METHODS,
        )
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with function() as url, httpx.Client(base_url=url, trust_env=False, timeout=LONG) as client:
        yield client


@pytest.fixture
def at_hand(monkeypatch):
    """A gateway behind the function; its model is scripted."""
    at = setting(ScriptedModel())
    monkeypatch.setattr(cloud_run, "deployed", lambda: DeployedGateway(at.gateway, at.config, LONG))
    return at


def posting(at, body: bytes | None = None, **headers: str) -> dict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = {"authorization": f"Bearer {at.key()}", "content-type": "application/json", **named}
    return {"content": body or chat_body(), "headers": lines}


def test_a_post_then_a_get_of_the_same_answer(client, at_hand):
    posted = client.post(CHAT, **posting(at_hand))
    got = client.get(posted.headers["content-location"])
    assert posted.content == got.content == chat_answer()
    assert got.headers["cache-status"] == "inference-edge-cache;hit;ttl=86400"
    assert got.headers["content-length"] == str(len(chat_answer()))
    unchanged = client.get(posted.headers["content-location"], headers={"if-none-match": got.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_what_media_cdn_does_not_take_comes_past_it_with_a_key_and_is_found_through_it(client, at_hand, monkeypatch):
    keyring, routes = Keyring((MASTER,)), frozenset({CHAT})
    guarded = Guarded(at_hand.gateway, keyring.proves_origin, uploads_to(routes, keyring.caller))
    monkeypatch.setattr(cloud_run, "deployed", lambda: DeployedGateway(guarded, at_hand.config, LONG))
    large = chat_body(messages=[{"role": "user", "content": "x" * 20_000}])  # Media CDN: 413
    posted = client.post(CHAT, **posting(at_hand, large))
    assert (posted.status_code, posted.content) == (200, chat_answer())
    path, proof = posted.headers["content-location"], {"x-inference-edge-cache-origin": origin_proof(MASTER)}
    assert client.get(path).status_code == 403
    assert client.get(path, headers=proof).content == chat_answer()
    assert client.post(CHAT, **posting(at_hand, large, authorization="Bearer hunter2")).status_code == 403
    assert len(at_hand.model.asked) == 1


def test_a_head_has_the_length_and_no_body(client, at_hand):
    path = client.post(CHAT, **posting(at_hand)).headers["content-location"]
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(chat_answer()))


def test_the_path_is_the_one_on_the_wire(client, at_hand):
    at_hand.model.script = answering(200, chat_answer())
    path = client.post(CHAT, **posting(at_hand)).headers["content-location"]
    assert client.get(httpx.URL(client.base_url, raw_path=path.encode())).status_code == 200
    encoded = path.replace("~", "%7E").encode()
    assert client.get(httpx.URL(client.base_url, raw_path=encoded)).status_code == 404
    assert client.get(httpx.URL(client.base_url, raw_path=path.encode() + b"?a=%20")).status_code == 400
    for other in (b"//host", b"//[", b"/a//.."):
        assert client.get(httpx.URL(client.base_url, raw_path=other + path.encode())).status_code == 404


def test_an_event_stream_is_relayed_as_it_comes(client, at_hand):
    events = chat_stream("a", "b")
    go_on, ended = threading.Event(), threading.Event()

    def read() -> Iterator[bytes]:
        yield events[0]
        assert go_on.wait(LONG)
        yield from events[1:]
        ended.set()

    at_hand.model.script = lambda _: ModelAnswer(200, SSE, read())
    with client.stream("POST", CHAT, **posting(at_hand, chat_body(stream=True))) as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == events[0]
        assert not ended.is_set()
        go_on.set()
        assert b"".join(chunks) == b"".join(events[1:])


def test_what_is_relayed_is_closed_when_the_caller_leaves(client, at_hand):
    closed, go_on = threading.Event(), threading.Event()

    def read() -> Iterator[bytes]:
        try:
            yield b"x"
            assert go_on.wait(LONG)
            while True:  # until the caller's absence is noticed
                yield b"x" * 65536
        finally:
            closed.set()

    at_hand.model.script = lambda _: ModelAnswer(200, JSON, read())
    with client.stream("POST", CHAT, **posting(at_hand, inference_cache="bypass")) as answer:
        assert next(answer.iter_raw()) == b"x"
    go_on.set()
    assert closed.wait(LONG)


def test_a_body_is_read_up_to_the_longest_that_is_taken(client, at_hand):
    limit = at_hand.config.longest_body
    assert client.post(CHAT, content=b"x" * (limit + 1)).status_code == 413
    assert client.post(CHAT, content=b"x" * limit).status_code == 401


def test_of_who_is_not_let_in_no_body_is_read(at_hand, monkeypatch):
    """Everybody may call the function: with a body in memory for each, anybody could fill it."""
    guarded = Guarded(at_hand.gateway, Keyring((MASTER,)).proves_origin)
    monkeypatch.setattr(cloud_run, "deployed", lambda: DeployedGateway(guarded, at_hand.config, LONG))

    class Unread(io.RawIOBase):
        def readinto(self, buffer):
            raise AssertionError("the body is read")

    environ = {"RAW_URI": CHAT, "CONTENT_LENGTH": "33000000", "wsgi.input": Unread()}
    answer = cloud_run.handle(WsgiRequest({**create_environ(CHAT, method="POST"), **environ}))
    assert answer.status_code == 403


def test_a_gateway_that_cannot_be_set_up_says_so(client, monkeypatch, caplog):
    def fail():
        raise GatewayConfigError("the gateway cannot be set up:\n  INFERENCE_EDGE_CACHE_STORE: is not set")

    monkeypatch.setattr(cloud_run, "deployed", fail)
    answer = client.get(DISCOVERY_PATH)
    assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
    assert answer.json()["detail"] == "the gateway is not set up; its log says why"
    assert "INFERENCE_EDGE_CACHE_STORE: is not set" in caplog.text


# --- Large answers ------------------------------------------------------------------------------------------------


def test_an_answer_that_is_too_large_to_be_sent_whole_is_sent_in_chunks(client, client_of, at_hand, monkeypatch):
    monkeypatch.setattr(cloud_run, "MAX_WHOLE_BYTES", 3_000_000)
    body = chat_answer("x" * 3_000_000)
    at_hand.model.script = answering(200, body)
    service = client_of(gateway_asgi(cloud_run._Chunking(at_hand.gateway), timeout=LONG, max_body_bytes=10_000))
    for door in (client, service):
        answer = door.post(CHAT, **posting(at_hand))
        assert answer.content == body
        assert "content-length" not in answer.headers
        head = door.head(answer.headers["content-location"])
        assert head.headers["content-length"] == str(len(body))


# --- The service --------------------------------------------------------------------------------------------------

ENVIRON = {
    "INFERENCE_EDGE_CACHE_STORE": "memory:",
    "INFERENCE_EDGE_CACHE_MODEL": json.dumps({"https": {"url": "http://127.0.0.1:1"}}),
}


@pytest.fixture
def archive(tmp_path):
    """The folder of an unpacked archive with public access."""
    write_archive(tmp_path / "gateway.zip", config_of(access="public").to_json())
    zipfile.ZipFile(io.BytesIO((tmp_path / "gateway.zip").read_bytes())).extractall(tmp_path / "app")
    return tmp_path / "app"


def started(folder, **environ: str) -> subprocess.Popen:
    """The service in a process of its own, from the archive; what it needs else is installed here."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INFERENCE_EDGE_CACHE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "inference_edge_cache.gateway.doors.cloud_run"],
        env={**inherited, "PYTHONPATH": str(folder), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_service_listens_on_its_port_and_stops_when_told(archive):
    port = free_port()
    process = started(archive, PORT=str(port), **ENVIRON)
    try:
        patient = httpx.HTTPTransport(retries=6, trust_env=False)  # it takes a moment until somebody listens
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=patient, timeout=LONG) as client:
            answer = client.get(DISCOVERY_PATH)
            assert answer.json()["access"] == "public"
            assert "server" not in answer.headers
            assert client.get("/.well-known/inference-edge-cache/health").status_code == 200
            public = setting(config=config_of(access="public"), keyring=Keyring.public())
            path, _ = public.cacheable(chat_body())
            assert client.get(path).status_code == 428
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=LONG)
        # No access log: a path is a capability.
        lines = [json.loads(line)["message"] for line in said.splitlines()]
        assert lines == ["GET - 200 document", "GET - 200 document", f"GET {CHAT} 428 refused"]
    finally:
        process.kill()
        process.wait()


def test_a_service_that_cannot_be_set_up_ends_and_says_why(archive):
    process = started(archive, **{**ENVIRON, "INFERENCE_EDGE_CACHE_STORE": "hunter2"})
    said, _ = process.communicate(timeout=LONG)
    assert process.returncode == 1
    assert said.startswith("the gateway cannot be set up:\n  INFERENCE_EDGE_CACHE_STORE: ")
    assert "Traceback" not in said
    assert "hunter2" not in said


@pytest.mark.parametrize(("port", "listens_on"), [(None, 8080), ("9090", 9090)])
def test_the_service_listens_on_all_addresses_and_logs_no_paths(at_hand, monkeypatch, port, listens_on):
    told = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: told.update(options))
    monkeypatch.setenv("PORT", port) if port else monkeypatch.delenv("PORT", raising=False)
    cloud_run.main()
    assert (told["host"], told["port"], told["access_log"]) == ("0.0.0.0", listens_on, False)


def test_a_service_that_cannot_be_set_up_does_not_start(monkeypatch):
    def fail():
        raise GatewayConfigError("the gateway cannot be set up")

    monkeypatch.setattr(cloud_run, "deployed", fail)
    with pytest.raises(SystemExit) as caught:
        cloud_run.main()
    assert caught.value.code == "the gateway cannot be set up"


def test_a_service_without_its_server_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit) as caught:
        cloud_run.main()
    assert caught.value.code == "the gateway's service needs uvicorn, which is not installed"
