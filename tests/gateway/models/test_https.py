"""A model behind an HTTPS endpoint, asked over real sockets."""

import json
import re
import socket
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from model_kit import BODY, Answer, Exchange, Server, Servers, ask, chunked, failure, message

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline
from inference_edge_cache.gateway.model import ModelFailed, ModelRequest
from inference_edge_cache.gateway.models import transport
from inference_edge_cache.gateway.models.https import HttpsModel

CREDENTIAL = "Bearer sk-must-never-be-shown"


def gzipped(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return compressor.compress(content) + compressor.flush()


# What is sent ---------------------------------------------------------------------------------------------------------
def test_the_body_goes_as_it_is_to_the_path_below_the_url(server: Server):
    server.says()
    ask(HttpsModel(server.url + "/base/"), b'{ "a" : 1.0 }', path="/v1/chat")
    assert (server.only.method, server.only.target, server.only.body) == ("POST", "/base/v1/chat", b'{ "a" : 1.0 }')


@pytest.mark.parametrize(
    ("url", "query", "target"),
    [
        ("", "", "/v1/chat"),
        ("", "a=1&b=%20", "/v1/chat?a=1&b=%20"),
        ("/openai?api-version=1", "", "/openai/v1/chat?api-version=1"),
        ("/openai?api-version=1", "a=1", "/openai/v1/chat?api-version=1&a=1"),
    ],
)
def test_the_query_of_the_request_follows_that_of_the_url(server: Server, url, query, target):
    server.says()
    ask(HttpsModel(server.url + url), query=query)
    assert server.only.target == target


def test_a_bare_request_is_sent_as_json_and_accepts_json_and_streams(server: Server):
    server.says()
    ask(HttpsModel(server.url))
    assert {name.lower(): value for name, value in server.only.headers} == {
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "host": server.url.removeprefix("http://"),
        "user-agent": "inference-edge-cache",
    }


def test_the_request_may_say_otherwise_what_it_sends_and_accepts(server: Server):
    server.says()
    ask(HttpsModel(server.url), headers=(("content-type", "application/x-ndjson"), ("accept", "text/plain")))
    assert server.only.values("content-type") == ["application/x-ndjson"]
    assert server.only.values("accept") == ["text/plain"]


def test_the_gateways_own_headers_go_in_place_of_the_callers(server: Server):
    server.says()
    model = HttpsModel(server.url, {"Authorization": CREDENTIAL, "User-Agent": "ours"})
    ask(model, headers=(("authorization", "Bearer the caller's"), ("openai-beta", "a"), ("openai-beta", "b")))
    assert server.only.values("authorization") == [CREDENTIAL]
    assert server.only.values("user-agent") == ["ours"]
    assert server.only.values("openai-beta") == ["a", "b"]


def test_what_is_about_the_callers_connection_ends_here(server: Server):
    server.says()
    of_the_connection = ("keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authorization")
    of_the_message = ("host", "content-length", "accept-encoding", "expect", "user-agent")
    headers = tuple((name, "caller") for name in (*of_the_connection, *of_the_message, "x-hop", "x-kept"))
    ask(HttpsModel(server.url), headers=(("connection", "x-hop, close"), *headers))
    assert [name for name, value in server.only.headers if value == "caller"] == ["x-kept"]
    assert server.only.header("connection") is None
    assert server.only.body == BODY


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\r\n folded", "a\nb", "a\0b", "snow \u2603"])
def test_a_header_that_could_begin_another_is_not_sent(server: Server, value):
    failed = failure(HttpsModel(server.url), headers=(("x-header", value),))
    assert (failed.status, str(failed)) == (502, "the request has a header that cannot be sent on")
    assert server.seen == []


# What comes back ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "status", ["200 OK", "204 No Content", "400 Bad", "401 No", "404 No", "429 Slow", "500 Oh", "503 Later", "599 ?"]
)
def test_whatever_the_model_answers_is_an_answer(server: Server, status):
    server.says(b"" if status.startswith("204") else b"said", status, "Retry-After: 7", "Content-Type: text/plain")
    answer = ask(HttpsModel(server.url))
    assert answer.status == int(status[:3])
    assert answer.headers == (("retry-after", "7"), ("content-type", "text/plain"))
    assert answer.body == (b"" if answer.status == 204 else b"said")
    assert server.only


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(server: Server, servers: Servers, status):
    elsewhere = servers()
    server.says(b"moved", f"{status} Moved", f"Location: {elsewhere.url}/v1")
    answer = ask(HttpsModel(server.url, {"authorization": CREDENTIAL}))
    assert (answer.status, answer.header("location"), answer.body) == (status, f"{elsewhere.url}/v1", b"moved")
    assert server.only
    assert elsewhere.seen == []


def test_the_models_headers_come_without_those_of_its_connection(server: Server):
    server.sends(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\n"
        b"Trailer: x\r\nProxy-Authenticate: Basic\r\nX-Hop: 1\r\nX-Request-Id: 7\r\nSet-Cookie: a=1\r\n"
        b"Set-Cookie: b=2\r\nX-Folded: a\r\n b\r\n\r\n{}"
    )
    assert ask(HttpsModel(server.url)).headers == (
        ("x-request-id", "7"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("x-folded", "a b"),
    )


@pytest.mark.parametrize(
    "data",
    [
        message(b"0123456789"),
        chunked(b"01", b"23456789"),
        chunked(b"0123456789", last=b"0\r\nX-Trailer: 1\r\n\r\n"),
        b"HTTP/1.0 200 OK\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789",
        b"HTTP/1.1 100 Continue\r\n\r\n" + message(b"0123456789"),
    ],
    ids=["length", "chunked", "trailers", "http-1.0", "until-close", "after-continue"],
)
def test_every_framing_of_a_body_is_read_to_its_end(server: Server, data):
    server.sends(data)
    assert ask(HttpsModel(server.url)).body == b"0123456789"


def test_pieces_are_there_as_soon_as_the_model_sent_them(server: Server):
    read = threading.Event()

    def answer(exchange: Exchange) -> bool:
        exchange.send(chunked(b"data: 1\n\n", last=b"", lines=("Content-Type: text/event-stream",)))
        assert read.wait(30)
        exchange.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        return True

    server.answer = answer
    answered = HttpsModel(server.url).answer(ModelRequest(path="/"), Deadline.after(30))
    assert next(answered.chunks) == b"data: 1\n\n"
    read.set()
    assert list(answered.chunks) == [b"data: 2\n\n"]


# Content codings ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(b"said " * 100_000)),
        ("X-GZIP", gzipped(b"said " * 100_000)),
        ("deflate", zlib.compress(b"said " * 100_000)),
        ("gzip", gzipped(b"said " * 40_000) + gzipped(b"said " * 60_000)),
        ("identity", b"said " * 100_000),
    ],
    ids=["gzip", "x-gzip", "deflate", "two-members", "identity"],
)
def test_a_coding_that_nobody_asked_for_is_undone(server: Server, coding, body):
    server.sends(chunked(body[:5], body[5:], lines=(f"Content-Encoding: {coding}", "X-Kept: 1")))
    answer = ask(HttpsModel(server.url))
    assert answer.body == b"said " * 100_000
    assert answer.headers == (("x-kept", "1"),)


def test_a_coded_answer_without_a_body_is_empty(server: Server):
    server.says(b"", "200 OK", "Content-Encoding: gzip")
    assert ask(HttpsModel(server.url)).body == b""


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"this is not gzip at all"),
        ("gzip", gzipped(b"said " * 1000)[:-20]),
        ("gzip", gzipped(b"said")[:-4] + b"\0\0\0\0"),
        ("gzip", gzipped(b"said") + b"and more"),
        ("br", b"\x0b\x02\x80said\x03"),
        ("gzip, br", gzipped(b"said")),
        ("zstd", b"\x28\xb5\x2f\xfd"),
    ],
    ids=["not-gzip", "cut-short", "wrong-length", "trailing", "brotli", "two-codings", "zstd"],
)
def test_a_coding_that_cannot_be_undone_is_no_answer(server: Server, coding, body):
    server.says(body, "200 OK", f"Content-Encoding: {coding}")
    assert failure(HttpsModel(server.url)).status == 502
    assert server.only


# Answers that break off -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 1000 + b"Content-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nno header at all\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n folded from nowhere\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + message(),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    ],
    ids=[
        *("nothing", "half-a-line", "half-a-head", "not-http", "http-2", "huge-header", "many-headers"),
        *("no-colon", "fold-first", "early-hints", "switching"),
    ],
)
def test_what_is_no_answer_fails_and_is_not_asked_for_again(server: Server, data):
    server.sends(data)
    assert failure(HttpsModel(server.url)).status == 502
    assert server.only


@pytest.mark.parametrize(
    "data",
    [
        message(b"0123456789").replace(b"Length: 10", b"Length: 11"),
        chunked(b"0123456789", last=b""),
        chunked(b"0123456789", last=b"5\r\nab"),
        chunked(b"0123456789", last=b"5\r\n"),
        chunked(b"0123456789", last=b"xyz\r\n"),
        chunked(b"0123456789", last=b"2\r\nab"),
        chunked(b"0123456789", last=b"0"),
        chunked(b"0123456789", last=b"0\r\n"),
        chunked(b"0123456789", last=b"0\r\nX-Trailer: 1"),
    ],
    ids=[
        *("length", "no-last-chunk", "within-a-chunk", "before-a-chunk", "no-chunk-size", "no-chunk-end"),
        *("half-a-size", "no-end", "within-a-trailer"),
    ],
)
def test_a_body_that_is_cut_short_fails_after_what_there_was(server: Server, data):
    server.sends(data)
    answer = HttpsModel(server.url).answer(ModelRequest(path="/"), Deadline.after(30))
    assert next(answer.chunks) == b"0123456789"
    with pytest.raises(ModelFailed, match="did not come to its end") as failed:
        list(answer.chunks)
    assert failed.value.status == 502
    assert server.only


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Content-Length: two",
        "Content-Length: -2",
        "Content-Length: 2, 3",
        "Content-Length: 2\r\nContent-Length: 3",
    ],
)
def test_an_answer_whose_length_is_in_doubt_is_none(server: Server, lines):
    server.sends(f"HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{{}}".encode())
    assert failure(HttpsModel(server.url)).status == 502
    assert server.only


def test_a_model_that_is_not_there_fails():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    failed = failure(HttpsModel(f"http://127.0.0.1:{port}"))
    assert (failed.status, str(failed)) == (502, "the model did not answer (NewConnectionError)")


def test_a_host_name_that_nothing_has_fails():
    label = "a" * 64  # longer than a name can be (RFC 1035 section 2.3.4): no server is asked
    assert failure(HttpsModel(f"https://{label}.invalid")).status == 502


# Deadlines ------------------------------------------------------------------------------------------------------------
def test_a_model_that_never_answers_is_too_late(server: Server):
    server.never_answers()
    failed = failure(HttpsModel(server.url), seconds=0.2)
    assert (failed.status, str(failed)) == (504, "the model did not answer in time")
    assert server.only


@pytest.mark.parametrize(
    "data",
    [
        message(b"x" * 10_000),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        chunked(b"x" * 10_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 10_000 + b"\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 10_000,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(bytes(range(256)) * 100),
    ],
    ids=["length", "head", "chunk", "chunk-size", "until-close", "gzip"],
)
def test_a_model_that_drips_is_too_late_all_the_same(server: Server, data):
    def answer(exchange: Exchange) -> bool:
        exchange.drip(data)
        return False

    server.answer = answer
    assert failure(HttpsModel(server.url), seconds=0.5).status == 504


def test_a_model_that_does_not_take_its_request_is_too_late(servers: Servers):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        assert failure(HttpsModel(url), b"x" * 2**26, seconds=0.3).status == 504


def test_the_time_for_a_connection_is_not_that_for_the_request():
    body = b"x" * 2**25
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def serve() -> None:
            sock, _ = slow.accept()
            with sock, sock.makefile("rb") as incoming:
                threading.Event().wait(0.5)
                while incoming.readline().strip():
                    pass
                incoming.read(len(body))
                sock.sendall(message(b"taken"))

        serving = threading.Thread(target=serve)
        serving.start()
        model = HttpsModel(f"http://127.0.0.1:{slow.getsockname()[1]}", connect_timeout=0.1)
        assert ask(model, body).body == b"taken"
        serving.join()


def test_a_model_that_takes_no_connection_is_too_late():
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):  # from here on, Linux lets nobody wait in line
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        failed = failure(HttpsModel(f"http://127.0.0.1:{full.getsockname()[1]}", connect_timeout=0.2))
    assert (failed.status, str(failed)) == (504, "the model did not answer in time")


def test_a_request_without_time_is_not_sent(server: Server):
    server.says()
    assert failure(HttpsModel(server.url), seconds=0).status == 504
    assert server.seen == []


@dataclass
class Clock:
    now: float = 0

    def __call__(self) -> float:
        return self.now


def test_the_time_for_the_body_ends_with_the_deadline_however_fast_the_model_is(server: Server):
    server.says(b"x" * 1_000_000)
    clock = Clock()
    answer = HttpsModel(server.url).answer(ModelRequest(path="/"), Deadline.after(10, clock))
    assert next(answer.chunks)
    clock.now = 10
    with pytest.raises(ModelFailed, match="in time") as failed:
        list(answer.chunks)
    assert failed.value.status == 504


# Connections ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine must not look like an idle connection."""
    monkeypatch.setattr(transport, "_KEEP_ALIVE_SECONDS", 60)


@pytest.mark.usefixtures("patient")
def test_a_connection_is_used_again(server: Server):
    server.says()
    model = HttpsModel(server.url)
    for _ in range(3):
        ask(model)
    assert [seen.connection for seen in server.seen] == [0, 0, 0]


@pytest.mark.usefixtures("patient")
def test_a_connection_is_used_again_after_a_chunked_answer(server: Server):
    server.sends(chunked(b"{}"), keeps=True)
    model = HttpsModel(server.url)
    for _ in range(2):
        ask(model)
    assert [seen.connection for seen in server.seen] == [0, 0]


@pytest.mark.usefixtures("patient")
def test_a_connection_that_the_model_closed_meanwhile_costs_nobody_an_answer(server: Server):
    server.says(keeps=False)
    model = HttpsModel(server.url)
    for _ in range(3):
        assert ask(model).status == 200
        assert server.left.acquire(timeout=30)
    assert [seen.connection for seen in server.seen] == [0, 1, 2]


def test_a_connection_that_was_idle_for_long_is_not_used_again(server: Server, monkeypatch):
    monkeypatch.setattr(transport, "_KEEP_ALIVE_SECONDS", 0)
    server.says()
    model = HttpsModel(server.url)
    for _ in range(2):
        ask(model)
    assert [seen.connection for seen in server.seen] == [0, 1]


@pytest.mark.usefixtures("patient")
def test_a_connection_that_closes_under_the_request_fails_and_the_model_is_not_asked_again(server: Server):
    def answer(exchange: Exchange) -> bool:
        if len(server.seen) > 1:
            return False
        exchange.send(message())
        return True

    server.answer = answer
    model = HttpsModel(server.url)
    assert ask(model).status == 200
    failed = failure(model)
    assert (failed.status, str(failed)) == (502, "the model did not answer (RemoteDisconnected)")
    assert len(server.seen) == 2


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("surplus", [1, 1000])
def test_bytes_after_an_answer_never_become_the_next_one(server: Server, surplus):
    def answer(exchange: Exchange) -> bool:
        exchange.send(message(exchange.seen.body) + message(b"smuggled") * surplus)
        return True

    server.answer = answer
    model = HttpsModel(server.url)
    assert [ask(model, body).body for body in (b"1", b"2", b"3")] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("read", [0, 1], ids=["unread", "begun"])
def test_closing_the_chunks_lets_the_connection_go(server: Server, read):
    left = threading.Event()

    def answer(exchange: Exchange) -> bool:
        exchange.send(chunked(b"data: 1\n\n", last=b""))
        if exchange.sock.recv(1) == b"":
            left.set()
        return False

    server.answer = answer
    model = HttpsModel(server.url)
    answered = model.answer(ModelRequest(path="/"), Deadline.after(30))
    for _ in range(read):
        next(answered.chunks)
    answered.chunks.close()
    assert left.wait(30)
    server.says()
    assert ask(model).status == 200
    assert [seen.connection for seen in server.seen] == [0, 1]


def test_many_threads_ask_at_once_and_each_gets_its_own_answer(server: Server):
    together = threading.Barrier(100)

    def answer(exchange: Exchange) -> bool:
        together.wait(60)
        exchange.send(message(exchange.seen.body))
        return True

    server.answer = answer
    model = HttpsModel(server.url)
    bodies = [b"%d" % number for number in range(100)]
    with ThreadPoolExecutor(100) as threads:
        answers: list[Answer] = list(threads.map(lambda body: ask(model, body, seconds=120), bodies))
    assert [answer.body for answer in answers] == bodies
    assert sorted(seen.body for seen in server.seen) == sorted(bodies)


# Configuration --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://model.example.com", "https://"),
        ("http://127.0.0.1.example.com", "https://"),
        ("ftp://model.example.com", "https://"),
        ("model.example.com", "https://"),
        ("https://", "https://"),
        ("https://user:secret@model.example.com", "user name"),
        ("https://model.example.com/#secret", "fragment"),
        ("https://model.example.com:port-secret", "not a URL"),
        ("https://[secret", "not a URL"),
    ],
)
def test_an_unusable_url_is_refused_without_being_shown(url, said):
    with pytest.raises(GatewayConfigError, match=f"^url .*{re.escape(said)}") as refused:
        HttpsModel(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.2", "http://[::1]:1", "https://m.example.com"])
def test_https_and_this_machine_are_usable(url):
    HttpsModel(url)


def test_plain_http_can_be_allowed():
    HttpsModel("http://model.internal", allow_http=True)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"x y": "secret"}, "'x y'"),
        ({"": "secret"}, "''"),
        ({"x-key": "secret\r\nx-other: 1"}, "'x-key'"),
        ({"x-key": "secret \u2603"}, "'x-key'"),
        ({"Content-Length": "secret"}, "content-length"),
        ({"Transfer-Encoding": "secret"}, "transfer-encoding"),
        ({"Accept-Encoding": "secret"}, "accept-encoding"),
    ],
)
def test_a_header_that_cannot_be_set_is_named_without_its_value(headers, said):
    with pytest.raises(GatewayConfigError, match=said) as refused:
        HttpsModel("https://model.example.com", headers)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_connection_needs_time(seconds):
    with pytest.raises(GatewayConfigError, match="connect_timeout"):
        HttpsModel("https://model.example.com", connect_timeout=seconds)


def test_no_failure_tells_a_secret(server: Server):
    secrets = ("sk-must-never-be-shown", "secret-body", "secret-query", "secret-path", "127.0.0.1")
    server.sends(b"nonsense with secret-body\r\n\r\n")
    model = HttpsModel(server.url + "/?key=secret-query", {"authorization": CREDENTIAL})
    failed = failure(model, json.dumps({"prompt": "secret-body"}).encode(), path="/secret-path")
    told = f"{failed} {failed!r} {failed.__cause__} {failed.__suppress_context__}"
    assert not [secret for secret in secrets if secret in told]
    assert failed.__suppress_context__
