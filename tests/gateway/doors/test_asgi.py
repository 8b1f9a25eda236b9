"""The gateway on a real server and real sockets."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gateway_kit import CHAT, SSE, ScriptedModel, answering, chat_answer, chat_body, chat_stream, setting

from inference_edge_cache.gateway.answers import refusal
from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.gateway.logs import RequestLog
from inference_edge_cache.gateway.messages import Deadline, Request, Response
from inference_edge_cache.gateway.model import ModelAnswer, ModelFailed
from inference_edge_cache.protocol import DISCOVERY_PATH

LONG = 30.0
"""Seconds after which a test is taken to hang. Nothing is measured."""


class Events:
    """A model's event stream that a test lets go on step by step."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.steps = [threading.Event() for _ in chunks]
        self.ended, self.closed = threading.Event(), threading.Event()

    def answer(self, _=None) -> ModelAnswer:
        return ModelAnswer(200, SSE, self.read())

    def read(self) -> Iterator[bytes]:
        try:
            for step, chunk in zip(self.steps, self.chunks, strict=True):
                assert step.wait(LONG)
                yield chunk
            self.ended.set()
        finally:
            self.closed.set()

    def go(self, *steps: int) -> None:
        for step in steps or range(len(self.steps)):
            self.steps[step].set()


def app_of(at, **more):
    return gateway_asgi(at.gateway, **{"timeout": LONG, "max_body_bytes": 1000, **more})


def posting(at, body: bytes | None = None, **headers: str) -> dict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = {"authorization": f"Bearer {at.key()}", "content-type": "application/json", **named}
    return {"content": body or chat_body(), "headers": lines}


# --- Requests and answers -----------------------------------------------------------------------------------------


def test_a_post_then_a_get_of_the_same_answer(client_of):
    at = setting()
    client = client_of(app_of(at))
    posted = client.post(CHAT, **posting(at))
    got = client.get(posted.headers["content-location"])
    assert posted.content == got.content == chat_answer()
    assert got.headers["content-length"] == str(len(chat_answer()))
    assert got.headers["cache-status"] == "inference-edge-cache;hit;ttl=86400"
    assert len(at.model.asked) == 1


def test_a_get_with_its_payload_runs_the_model(client_of):
    at = setting()
    path, payload = at.cacheable(chat_body())
    client = client_of(app_of(at))
    assert client.get(path).status_code == 428
    assert client.get(path, headers={"Inference-Payload": payload}).content == chat_answer()


def test_a_head_has_the_length_and_no_body(client_of):
    at = setting()
    client = client_of(app_of(at))
    path = client.post(CHAT, **posting(at)).headers["content-location"]
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(chat_answer()))


def test_of_who_is_refused_no_body_is_read():
    at, lines, sent = setting(), [], []

    async def receive():
        raise AssertionError("the body is read")

    async def send(message):
        sent.append(message)

    log = RequestLog(write=lines.append)
    app = app_of(at, refused=lambda request: refusal(403, f"not {request.method}"), log=log)
    scope = {"type": "http", "method": "POST", "raw_path": b"/", "query_string": b"", "headers": []}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 403
    assert json.loads(sent[1]["body"])["detail"] == "not POST"
    assert len(lines) == 1


def test_who_is_not_refused_is_answered(client_of):
    at = setting()
    client = client_of(app_of(at, refused=lambda request: None))
    assert client.post(CHAT, **posting(at)).content == chat_answer()


def test_a_connection_serves_one_request_after_the_other(client_of):
    at = setting()
    client = client_of(app_of(at))
    ports = set()
    for ask in (
        lambda: client.stream("POST", CHAT, **posting(at)),
        lambda: client.stream("HEAD", DISCOVERY_PATH),
        lambda: client.stream("GET", DISCOVERY_PATH),
        lambda: client.stream("GET", "/nothing"),
    ):
        with ask() as answer:
            ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
            answer.read()
    assert len(ports) == 1


def test_the_gateway_sees_the_request_as_it_was_sent(client_of):
    seen = []

    class Remembering:
        def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
            seen.append((request, live))
            return Response(status=204, headers=(("x-a", "1"), ("x-a", "2")))

    client = client_of(gateway_asgi(Remembering(), timeout=LONG, max_body_bytes=10))
    raw = httpx.URL(client.base_url, raw_path=b"/a%2Fb//c?x=%20&y")
    answer = client.request("PUT", raw, content=b"\x00\xff", headers=[("X-Two", "a"), ("x-two", "b")])
    assert answer.status_code == 204
    assert answer.headers.get_list("x-a") == ["1", "2"]
    ((request, live),) = seen
    assert (request.method, request.path, request.query) == ("PUT", "/a%2Fb//c", "x=%20&y")
    assert request.body == b"\x00\xff"
    assert [value for name, value in request.headers if name == "x-two"] == ["a", "b"]
    assert live is True


# --- Bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(1000, 401), (1001, 413), (100_000, 413)])
def test_a_body_is_read_up_to_the_longest_that_a_route_takes(client_of, size, status, chunked):
    at = setting()
    client = client_of(app_of(at))
    body = b"x" * size
    answer = client.post(CHAT, content=iter([body[:500], body[500:]]) if chunked else body)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == status
    # The server can go on with the connection or not; the client with its next request can.
    assert client.get(DISCOVERY_PATH).status_code == 200


def test_a_body_that_says_it_is_too_long_is_not_waited_for(client_of):
    client = client_of(app_of(setting()))
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=LONG) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_who_leaves_before_the_request_is_complete_is_not_served(client_of):
    asked, left = [], threading.Event()

    class Remembering:
        def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
            asked.append(request)
            return Response(status=204, headers=())

    app = gateway_asgi(Remembering(), timeout=LONG, max_body_bytes=1000)

    async def watched(scope, receive, send):
        await app(scope, receive, send)
        if scope["type"] == "http":
            left.set()

    client = client_of(watched)
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=LONG) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert left.wait(LONG)
    assert asked == []


# --- Streams ------------------------------------------------------------------------------------------------------


def test_the_first_event_is_relayed_before_the_model_ends(client_of):
    events = Events(*chat_stream("a", "b"))
    at = setting(ScriptedModel(events.answer))
    client = client_of(app_of(at))
    events.go(0)
    with client.stream("POST", CHAT, **posting(at, chat_body(stream=True))) as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == events.chunks[0]
        assert not events.ended.is_set()
        events.go()
        assert b"".join(chunks) == b"".join(events.chunks[1:])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["transfer-encoding"] == "chunked"
    replayed = client.post(CHAT, **posting(at, chat_body(stream=True)))
    assert replayed.content == b"".join(events.chunks)
    assert "hit" in replayed.headers["cache-status"]


def test_the_answer_of_a_caller_who_leaves_in_the_middle_is_stored(client_of):
    events = Events(*chat_stream("a", "b", "c"))
    at = setting(ScriptedModel(events.answer))
    client = client_of(app_of(at))
    events.go(0)
    with client.stream("POST", CHAT, **posting(at, chat_body(stream=True))) as answer:
        assert next(answer.iter_raw()) == events.chunks[0]
    # The caller is gone, the model is not done.
    events.go()
    assert events.ended.wait(LONG)
    replayed = client.post(CHAT, **posting(at, chat_body(stream=True)))
    assert replayed.content == b"".join(events.chunks)
    assert len(at.model.asked) == 1


def test_the_answer_of_a_caller_who_leaves_before_its_first_byte_is_stored(client_of):
    asked, go_on = threading.Event(), threading.Event()

    def script(_):
        asked.set()
        assert go_on.wait(LONG)
        return answering(200, chat_answer())(_)

    at = setting(ScriptedModel(script))
    client = client_of(app_of(at))
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=LONG) as connection:
        request = httpx.Request("POST", client.base_url.join(CHAT), **posting(at))
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        connection.sendall(f"POST {CHAT} HTTP/1.1\r\n{lines}\r\n".encode() + request.content)
        assert asked.wait(LONG)
    go_on.set()
    assert client.post(CHAT, **posting(at)).content == chat_answer()
    assert len(at.model.asked) == 1


def test_what_is_relayed_to_one_caller_alone_is_closed_when_they_leave(client_of):
    events = Events(b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n")
    at = setting(ScriptedModel(events.answer))
    left = threading.Event()
    app = app_of(at)

    async def watched(scope, receive, send):
        async def received():
            message = await receive()
            if message["type"] == "http.disconnect":  # told when the app has seen it
                asyncio.get_running_loop().call_soon(left.set)
            return message

        await app(scope, received, send)

    client = client_of(watched)
    events.go(0)
    with client.stream("POST", CHAT, **posting(at, inference_cache="bypass")) as answer:
        assert next(answer.iter_raw()) == events.chunks[0]
    assert left.wait(LONG)
    events.go(1)
    assert events.closed.wait(LONG)
    assert not events.ended.is_set()


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(client_of, caplog):
    def broken() -> Iterator[bytes]:
        yield b"data: the prompt was hunter2\n\n"
        raise ModelFailed(502, "the model broke off")

    at = setting(ScriptedModel(lambda _: ModelAnswer(200, SSE, broken())))
    client = client_of(app_of(at))
    with (
        caplog.at_level(logging.INFO),
        client.stream("POST", CHAT, **posting(at, inference_cache="bypass")) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        answer.read()
    assert "a relayed answer broke off: ModelFailed" in caplog.text
    assert "hunter2" not in caplog.text


def test_many_who_wait_for_one_answer_do_not_hold_up_the_stream_that_they_wait_for(client_of):
    """With as few threads as there are callers, all of them waiting, the relay still has one."""
    events = Events(*chat_stream("a", "b"))
    at = setting(ScriptedModel(events.answer))
    client = client_of(app_of(at, threads=4))
    ask = posting(at, chat_body(stream=True))
    with ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(client.post, CHAT, **ask) for _ in range(8)]
        events.go()
        assert {answer.result(LONG).content for answer in answers} == {b"".join(events.chunks)}
    assert len(at.model.asked) == 1


def test_a_stream_of_one_thread_does_not_wait_for_the_work_of_others(client_of):
    events, held, go_on = Events(b"data: 1\n\n", b"data: 2\n\n"), threading.Event(), threading.Event()

    class Holding:
        """Relays to the first caller, and keeps the second one waiting."""

        def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
            if request.path == "/held":
                held.set()
                assert go_on.wait(LONG)
                return Response(status=204, headers=())
            return Response(status=200, headers=SSE, chunks=events.read())

    client = client_of(gateway_asgi(Holding(), timeout=LONG, max_body_bytes=0, threads=1))
    events.go(0)
    with ThreadPoolExecutor(1) as other, client.stream("GET", "/") as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == events.chunks[0]
        waiting = other.submit(client.get, "/held")
        assert held.wait(LONG)
        events.go(1)
        assert next(chunks) == events.chunks[1]
        go_on.set()
        assert waiting.result(LONG).status_code == 204


# --- The application itself ---------------------------------------------------------------------------------------

SCOPE = {"type": "http", "method": "GET", "raw_path": b"/", "query_string": b"", "headers": []}


async def nothing():
    return {"type": "http.request", "body": b"", "more_body": False}


def test_a_request_that_is_cancelled_does_not_cancel_the_work():
    """As servers do that cancel the application when the caller leaves."""
    asked, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.set()

    class Slow:
        def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
            asked.set()
            assert go_on.wait(LONG)
            made = chunks()
            next(made)
            return Response(status=200, headers=(), chunks=made)

    app = gateway_asgi(Slow(), timeout=LONG, max_body_bytes=0)

    async def run():
        sent = []
        task = asyncio.create_task(app(dict(SCOPE), nothing, sent.append))
        await asyncio.to_thread(asked.wait, LONG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        assert await asyncio.to_thread(closed.wait, LONG)
        assert sent == []

    asyncio.run(run())


class Relaying:
    """Answers with a stream of its own."""

    def __init__(self, events: Events) -> None:
        self.events = events

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
        return Response(status=200, headers=(), chunks=self.events.read())


def still_there():
    """A caller who has sent the request, and stays."""
    messages = [{"type": "http.request"}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()

    return receive


def test_a_relay_that_is_cancelled_ends_after_its_chunk():
    events = Events(b"1", b"2", b"3")
    app = gateway_asgi(Relaying(events), timeout=LONG, max_body_bytes=0)

    async def run():
        sent, first = [], asyncio.Event()

        async def send(message):
            sent.append(message)
            if message.get("body") == b"1":
                first.set()

        events.go(0)
        task = asyncio.create_task(app(dict(SCOPE), still_there(), send))
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        events.go(1)
        assert await asyncio.to_thread(events.closed.wait, LONG)
        assert [message.get("body") for message in sent] == [None, b"1"]

    asyncio.run(run())


async def refuse(_):
    """As the specification has it since 2.4, where the caller has left."""
    raise OSError


async def stall(_):
    """As where the caller reads nothing."""
    await asyncio.Event().wait()


@pytest.mark.parametrize(("send", "timeout"), [(refuse, LONG), (stall, 0.0)])
def test_a_relay_ends_when_nothing_can_be_sent(send, timeout):
    closed = threading.Event()

    class Closing(Iterator):
        def __next__(self):
            raise AssertionError("nothing of it can be sent")

        def close(self):
            closed.set()

    class Gateway:
        def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
            return Response(status=200, headers=(), chunks=Closing())

    asyncio.run(gateway_asgi(Gateway(), timeout=timeout, max_body_bytes=0)(dict(SCOPE), still_there(), send))
    assert closed.is_set()


def test_the_deadline_counts_from_when_the_request_is_there():
    seen = []

    class Remembering:
        def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
            seen.append(deadline)
            return Response(status=204, headers=())

    async def send(_):
        pass

    for timeout in (0.0, 3600.0):
        asyncio.run(gateway_asgi(Remembering(), timeout=timeout, max_body_bytes=0)(dict(SCOPE), nothing, send))
    assert seen[0].remaining() == 0
    assert seen[1].remaining() > 0


def test_other_protocols_than_http_are_refused():
    app = app_of(setting())
    with pytest.raises(NotImplementedError, match="websocket"):
        asyncio.run(app({"type": "websocket"}, nothing, nothing))


def test_the_server_stops_when_the_work_is_done(client_of):
    asked, go_on, done = threading.Event(), threading.Event(), []

    class Slow:
        def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
            asked.set()
            assert go_on.wait(LONG)
            done.append(True)
            return Response(status=204, headers=())

    app = gateway_asgi(Slow(), timeout=LONG, max_body_bytes=0)

    async def run():
        sent = []
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive():
            return {"type": next(messages)}

        async def send(message):
            sent.append(message["type"])

        task = asyncio.create_task(app(dict(SCOPE), nothing, send))
        await asyncio.to_thread(asked.wait, LONG)
        task.cancel()
        stopping = asyncio.create_task(app({"type": "lifespan"}, receive, send))
        while "lifespan.startup.complete" not in sent:
            await asyncio.sleep(0)
        assert "lifespan.shutdown.complete" not in sent
        go_on.set()
        await stopping
        assert done == [True]
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    asyncio.run(run())


def test_a_served_app_starts_and_stops_by_its_lifespan(client_of):
    at = setting()
    assert json.loads(client_of(app_of(at)).get(DISCOVERY_PATH).content)["version"] == 1
