"""A line for each request: what it says of every kind of them, and what it never says."""

import asyncio
import json
import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from gateway_kit import (
    CHAT,
    JSON,
    MASTER,
    ScriptedModel,
    answering,
    chat_answer,
    chat_body,
    chat_stream,
    failing_after,
    pausing,
    setting,
)
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from inference_edge_cache.gateway.answers import refusal
from inference_edge_cache.gateway.assembly import DeployedGateway
from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.doors import Guarded, aws_lambda, cloud_run, one_of
from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.gateway.logs import FIELDS, Logged, RequestLog, Tier
from inference_edge_cache.gateway.messages import Deadline, Request, Response
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.gateway.store import StoreFailed
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.protocol import DISCOVERY_PATH

LONG = 20.0
USAGE = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
ANSWER = chat_answer(usage=USAGE)
STREAM = chat_stream("a", "b")
LAST = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n".encode()
COUNTED = [*STREAM[:-1], LAST, STREAM[-1]]
TOKENS = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}


@dataclass
class Ticking:
    """Seconds that pass when it is told."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Written:
    """A gateway whose lines are kept, and whose clock stands still."""

    at: object
    gateway: object = None
    lines: list[str] = field(default_factory=list)
    clock: Ticking = field(default_factory=Ticking)
    sent: int = 0
    """Bytes of the last answer."""

    def __post_init__(self):
        self.log = RequestLog(RequestLog.of(self.at.config).routes, self.lines.append, self.clock)

    def handle(self, request: Request, *, live: bool = False) -> Response:
        logged = Logged(self.gateway or self.at.gateway, self.log)
        response = logged.handle(request, Deadline.after(LONG, self.clock), live=live)
        self.sent = len(response.body)
        return response

    def post(self, body: bytes = chat_body(), *, live: bool = False, path: str = CHAT, **headers: str) -> Response:
        lines = {"authorization": f"Bearer {self.at.key()}", "content-type": "application/json", **headers}
        named = tuple((name.replace("_", "-"), value) for name, value in lines.items())
        return self.handle(Request(method="POST", path=path, headers=named, body=body), live=live)

    def get(self, path: str, *headers: tuple[str, str], method: str = "GET", **more) -> Response:
        return self.handle(Request(method=method, path=path, headers=headers, **more))

    def last(self) -> dict:
        return json.loads(self.lines[-1])

    def says(self, expected: dict) -> bool:
        """Whether that is the last line, with the bytes of an answer that was sent whole."""
        assert self.last() == {**expected, "bytes": self.sent}
        return True


def written(script=None, *, gateway=None, store=None) -> Written:
    at = setting(ScriptedModel(script or answering(200, ANSWER)), store=store)
    return Written(at, gateway(at) if gateway else None)


def line(tier: str, status: int = 200, reason: str | None = None, **more) -> dict:
    """A whole line of a POST to the chat route, but for what ``more`` says."""
    route = more.get("route", CHAT)
    method = more.get("method", "POST")
    return {
        "severity": "ERROR" if status >= 500 else "INFO",
        "message": f"{method} {route or '-'} {status} {tier}",
        "route": route,
        "generation": setting().config.edge.route(CHAT).generation if route else None,
        "method": method,
        "status": status,
        "tier": tier,
        "reason": reason,
        "stored": False,
        "latency_ms": 0,
        "model_ms": None,
        "prompt_tokens": None,
        "completion_tokens": None,
        "total_tokens": None,
        "bytes": 0,
        **more,
    }


def asked_twice(log: Written) -> None:
    log.post()
    log.post()


def got(log: Written, *headers: tuple[str, str], method: str = "GET") -> None:
    path = log.post().header("content-location")
    log.get(path, *headers, method=method)


def unchanged(log: Written) -> None:
    answer = log.post()
    log.get(answer.header("content-location"), ("if-none-match", answer.header("etag")))


def fetched(log: Written) -> None:
    path, payload = log.at.cacheable(chat_body())
    log.get(path, ("inference-payload", payload))


def forgotten(log: Written) -> None:
    path, _ = log.at.cacheable(chat_body())
    generation = log.at.config.edge.route(CHAT).generation
    log.get(path.replace(generation, "A" * len(generation)))


def aged(log: Written) -> None:
    log.post()
    log.at.clock.seconds += 86_400
    log.post()


STORED = {"stored": True, "model_ms": 0, **TOKENS}
GOT = {"method": "GET"}


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (Written.post, line("model", reason="uri-miss", **STORED)),
        (asked_twice, line("store", **TOKENS)),
        (got, line("store", **GOT, **TOKENS)),
        (lambda log: got(log, method="HEAD"), line("store", method="HEAD")),
        (unchanged, line("store", 304, **GOT)),
        (fetched, line("model", reason="uri-miss", **GOT, **STORED)),
        (aged, line("model", reason="stale", **STORED)),
        (lambda log: log.post(inference_cache="refresh"), line("model", reason="request", **STORED)),
        (
            lambda log: log.post(inference_cache="bypass"),
            line("bypass", reason="requested", model_ms=0, **TOKENS),
        ),
        (
            lambda log: log.post(chat_body(temperature=1)),
            line("bypass", reason="not-deterministic: temperature", model_ms=0, **TOKENS),
        ),
        (forgotten, line("refused", 428, "old-generation", **GOT, generation=None)),
        (
            lambda log: log.get(log.at.cacheable(chat_body())[0]),
            line("refused", 428, "nothing-stored", **GOT),
        ),
        (lambda log: log.post(authorization="Bearer x"), line("refused", 401, "Unauthorized")),
        (lambda log: log.get(CHAT), line("refused", 405, "Method Not Allowed", **GOT)),
        (lambda log: log.post(path="/v2"), line("refused", 404, "Not Found", route=None)),
        (
            lambda log: log.get(DISCOVERY_PATH),
            line("document", **GOT, route=None),
        ),
        (
            lambda log: log.get("/.well-known/inference-edge-cache/health", method="HEAD"),
            line("document", method="HEAD", route=None),
        ),
    ],
)
def test_a_line_says_who_answered_and_why(happens, expected):
    log = written()
    happens(log)
    assert log.says(expected)
    assert tuple(log.last()) == FIELDS


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            answering(429, b'{"error": {}}'),
            line("model", 429, "status", model_ms=0),
        ),
        (
            answering(200, chat_answer(finish_reason="length")),
            line("model", reason="truncated: length", model_ms=0),
        ),
        (answering(200, b"{"), line("model", reason="not-json", model_ms=0)),
        (
            failing_after([b"{"], ModelFailed(502, "the model's answer broke off")),
            line("model", 502, "the model's answer broke off"),
        ),
        (
            failing_after([], RuntimeError("of the gateway")),
            line("model", 500, "the gateway failed; its log says where"),
        ),
    ],
)
def test_a_line_says_what_became_of_the_models_answer(script, expected):
    log = written(script)
    log.post()
    assert log.says(expected)


def test_a_bypass_without_an_answer_is_still_a_bypass():
    log = written(failing_after([], ModelFailed(504, "the model did not answer in time")))
    log.post(inference_cache="bypass")
    assert log.says(line("bypass", 504, "the model did not answer in time"))


def test_a_gateway_that_fails_is_nobody_who_answers():
    @dataclass
    class Failing:
        def handle(self, request, deadline, *, live=False):
            return refusal(500, "the gateway failed")

    log = written(gateway=lambda at: Failing())
    log.post()
    assert log.says(line("failed", 500, "Internal Server Error"))


def test_a_store_that_is_down_is_a_reason():
    class Down(MemoryStore):
        def get(self, path):
            raise StoreFailed("no such bucket")

    log = written(store=Down())
    log.post()
    assert (log.last()["tier"], log.last()["reason"]) == ("model", "the store is not available")


def test_who_comes_past_the_cdn_is_in_the_log():
    log = written(gateway=lambda at: Guarded(at.gateway, one_of((b"the secret of the CDN",))))
    log.post()
    assert log.says(line("refused", 403, "Forbidden"))


def test_of_two_who_ask_at_once_one_asks_the_model():
    first, go_on = threading.Event(), threading.Event()

    def script(request):
        first.set()
        assert go_on.wait(LONG)
        return answering(200, ANSWER)(request)

    log = written(script)
    leader = threading.Thread(target=log.post)
    leader.start()
    assert first.wait(LONG)
    joined = threading.Event()
    flights = log.at.gateway._flights
    join = flights.join

    def joining(path, trip):
        found = join(path, trip)
        joined.set()
        return found

    flights.join = joining
    follower = threading.Thread(target=log.post)
    follower.start()
    assert joined.wait(LONG)
    go_on.set()
    for thread in (leader, follower):
        thread.join(LONG)
    tiers = {each["tier"]: each for each in map(json.loads, log.lines)}
    assert tiers["model"] == line("model", reason="uri-miss", bytes=len(ANSWER), **STORED)
    assert tiers["collapsed"] == line("collapsed", reason="uri-miss", bytes=len(ANSWER), **TOKENS)


def test_times_are_whole_milliseconds():
    log = written()

    def script(request):
        log.clock.seconds += 1.5004
        return answering(200, ANSWER)(request)

    log.at.model.script = script
    log.post()
    assert (log.last()["latency_ms"], log.last()["model_ms"]) == (1500, 1500)
    log.post(inference_cache="bypass")
    assert (log.last()["latency_ms"], log.last()["model_ms"]) == (1500, 1500)
    log.post()
    assert (log.last()["latency_ms"], log.last()["model_ms"]) == (0, None)


# --- Relayed answers --------------------------------------------------------------------------------------------------


def relayed(chunks: list[bytes], then: Exception | None = None, **headers: str):
    """A log, and an answer to a stream that has begun; what ``chunks`` are after the first comes now."""
    go_on = threading.Event()
    log = written(pausing(chunks, go_on, then=then))
    answer = log.post(chat_body(stream=True), live=True, **headers)
    assert log.lines == []
    go_on.set()
    return log, answer


def test_a_relayed_answer_has_its_line_when_it_has_ended_and_says_whether_it_is_stored():
    log, answer = relayed(COUNTED)
    assert b"".join(answer.chunks) == b"".join(COUNTED)
    size = len(b"".join(COUNTED))
    assert log.last() == line("model", reason="uri-miss", bytes=size, **STORED)
    again = log.post(chat_body(stream=True), live=True)
    assert again.chunks is None
    assert log.says(line("store", **TOKENS))
    assert len(log.lines) == 2


def test_a_relayed_answer_that_is_not_stored_says_why():
    chunks = chat_stream("a", finish_reason="length")
    log, answer = relayed(chunks)
    assert b"".join(answer.chunks) == b"".join(chunks)
    assert log.last() == line("model", reason="truncated: length", model_ms=0, bytes=len(b"".join(chunks)))


def test_who_joins_a_relayed_answer_has_neither_asked_nor_stored():
    go_on = threading.Event()
    log = written(pausing(COUNTED, go_on))
    first, second = (log.post(chat_body(stream=True), live=True) for _ in range(2))
    go_on.set()
    size = sum(map(len, first.chunks))
    assert log.last() == line("model", reason="uri-miss", bytes=size, **STORED)
    assert sum(map(len, second.chunks)) == size
    assert log.last() == line("collapsed", reason="uri-miss", bytes=size, **TOKENS)


def test_a_bypass_that_is_relayed_counts_its_bytes_and_tokens():
    log = written(answering(200, [ANSWER[:10], ANSWER[10:]]))
    answer = log.post(inference_cache="bypass", live=True)
    assert b"".join(answer.chunks) == ANSWER
    assert log.last() == line("bypass", reason="requested", bytes=len(ANSWER), **TOKENS)


def test_a_relayed_answer_that_breaks_off_is_an_error():
    log, answer = relayed(STREAM[:2], ModelFailed(502, "the model's answer broke off"))
    with pytest.raises(ModelFailed):
        list(answer.chunks)
    size = len(b"".join(STREAM[:2]))
    assert log.last() == line("model", reason="the model's answer broke off", bytes=size, severity="ERROR")
    assert len(log.lines) == 1


def test_of_an_error_that_nobody_expected_its_kind_is_told():
    log = written(failing_after([b"x"], RuntimeError("a secret")))
    answer = log.post(inference_cache="bypass", live=True)
    with pytest.raises(RuntimeError):
        list(answer.chunks)
    assert log.last() == line("bypass", reason="RuntimeError", bytes=1, severity="ERROR")


@pytest.mark.parametrize("read", [0, 1])
def test_a_caller_who_leaves_a_relayed_answer_has_a_line_too(read):
    log, answer = relayed(STREAM)
    size = sum(len(next(answer.chunks)) for _ in range(read))
    answer.chunks.close()
    assert log.last() == line("model", reason="caller-left", bytes=size)
    assert len(log.lines) == 1


def test_a_relayed_answer_of_which_nothing_more_is_known_keeps_what_was_said_at_first():
    def unknown():
        raise ModelFailed(504, "the model's answer was not complete in time")

    log = written()
    answer = Response(status=200, headers=(), chunks=(chunk for chunk in [b"1"]), whole=unknown)
    assert list(log.log.begin("GET", CHAT).answered(answer).chunks) == [b"1"]
    assert (log.last()["tier"], log.last()["bytes"]) == ("document", 1)


def test_the_status_of_a_relayed_answer_is_the_one_that_was_sent():
    def unchanged():
        return Response(status=304, headers=(("cache-status", "inference-edge-cache;fwd=uri-miss;stored"),))

    log = written()
    answer = Response(status=200, headers=(), chunks=(chunk for chunk in [b"1"]), whole=unchanged)
    assert list(log.log.begin("GET", CHAT).answered(answer).chunks) == [b"1"]
    assert log.last() == line("model", 200, "uri-miss", method="GET", stored=True, bytes=1)


# --- Doors ------------------------------------------------------------------------------------------------------------


def deployed_with(monkeypatch, door, at=None, fail: bool = False, gateway=None) -> DeployedGateway:
    at = at or setting(ScriptedModel(answering(200, ANSWER)))
    gateway = DeployedGateway(gateway or at.gateway, at.config, LONG)

    def deployed() -> DeployedGateway:
        if fail:
            raise GatewayConfigError("the gateway cannot be set up")
        return gateway

    monkeypatch.setattr(door, "deployed", deployed)
    return gateway


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def by_lambda(method: str, path: str, body: str = "", **headers: str) -> None:
    event = {
        "version": "2.0",
        "rawPath": path,
        "headers": headers,
        "requestContext": {"http": {"method": method}},
        "body": body,
    }
    aws_lambda.handler(event, Context())


def by_function(method: str, path: str, body: str = "", **headers: str) -> None:
    builder = EnvironBuilder(method=method, path=path, data=body, headers=headers)
    request = builder.get_request()
    request.environ["RAW_URI"] = path
    with cloud_run.handle(request) as answer:
        b"".join(answer.response)


DOORS = [(aws_lambda, by_lambda), (cloud_run, by_function)]


def told(capsys) -> dict:
    """The one line that was written."""
    (only,) = capsys.readouterr().out.splitlines()
    return json.loads(only)


@pytest.mark.parametrize(("door", "ask"), DOORS)
def test_each_door_writes_one_line_for_a_request(monkeypatch, capsys, door, ask):
    deployed_with(monkeypatch, door)
    ask("GET", DISCOVERY_PATH)
    assert told(capsys)["tier"] == "document"
    ask("POST", CHAT, "{}")
    assert told(capsys)["message"] == f"POST {CHAT} 401 refused"


@pytest.mark.parametrize(("door", "ask"), DOORS)
def test_a_gateway_that_is_not_set_up_writes_lines(monkeypatch, capsys, door, ask):
    deployed_with(monkeypatch, door, fail=True)
    ask("POST", CHAT, "{}")
    said = told(capsys)
    assert (said["message"], said["severity"]) == ("POST - 503 failed", "ERROR")
    assert said["reason"] == "Service Unavailable"


def test_a_query_is_no_part_of_a_route(monkeypatch, capsys):
    deployed_with(monkeypatch, cloud_run)
    by_function("POST", f"{CHAT}?{CANARY}", "{}")
    assert told(capsys)["message"] == f"POST {CHAT} 401 refused"


def test_an_answer_that_lambda_does_not_take_is_logged_as_what_its_caller_got(monkeypatch, capsys):
    large = chat_answer("x" * aws_lambda.MAX_PAYLOAD)
    at = setting(ScriptedModel(answering(200, large)))
    deployed_with(monkeypatch, aws_lambda, at)
    bearer = {"authorization": f"Bearer {at.key()}", "content-type": "application/json"}
    by_lambda("POST", CHAT, chat_body().decode(), **bearer)
    said = told(capsys)
    assert (said["message"], said["reason"]) == (f"POST {CHAT} 502 failed", "answer-too-large")


def test_an_answer_that_cloud_run_chunks_is_counted_to_its_end(monkeypatch, capsys):
    monkeypatch.setattr(cloud_run, "MAX_WHOLE_BYTES", 1000)
    large = chat_answer("x" * 3_000_000, usage=USAGE)
    at = setting(ScriptedModel(answering(200, large)))
    deployed_with(monkeypatch, cloud_run, at)
    bearer = {"authorization": f"Bearer {at.key()}", "content-type": "application/json"}
    by_function("POST", CHAT, chat_body().decode(), **bearer, **{"inference-cache-ttl": "60"})
    said = told(capsys)
    assert (said["bytes"], said["total_tokens"], said["stored"]) == (len(large), 21, True)


def asked(app, method: str, path: str, **more) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example.com") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


def test_a_body_that_no_route_takes_has_a_line_at_each_door(monkeypatch, capsys):
    small = type("Small", (DeployedGateway,), {"max_body_bytes": 10})
    at = setting()
    monkeypatch.setattr(cloud_run, "deployed", lambda: small(at.gateway, at.config, LONG))
    by_function("POST", CHAT, "x" * 11)
    assert told(capsys)["message"] == f"POST {CHAT} 413 refused"
    log = written()
    app = gateway_asgi(log.at.gateway, timeout=LONG, max_body_bytes=10, log=log.log)
    answer = asked(app, "POST", CHAT, content=b"x" * 11)
    assert answer.status_code == 413
    assert log.last() == line("refused", 413, HTTPStatus(413).phrase, bytes=len(answer.content))


def test_a_server_writes_a_line_for_each_request():
    log = written()
    app = gateway_asgi(log.at.gateway, timeout=LONG, max_body_bytes=10_000, log=log.log)
    asked(app, "GET", DISCOVERY_PATH)
    headers = {"authorization": f"Bearer {log.at.key()}", "content-type": "application/json"}
    assert asked(app, "POST", CHAT, content=chat_body(), headers=headers).content == ANSWER
    assert [json.loads(each)["tier"] for each in log.lines] == ["document", "model"]


def test_lines_of_many_threads_are_whole(capsys):
    log = RequestLog()
    threads = [
        threading.Thread(target=lambda: [log.begin("GET", "/").answered(refusal(404, "x")) for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 400
    assert {json.loads(each)["message"] for each in lines} == {"GET - 404 refused"}


@pytest.mark.parametrize("error", [OSError("a full disk"), UnicodeEncodeError("ascii", "x", 0, 1, "no")])
def test_a_log_that_cannot_be_written_costs_no_answer(caplog, error):
    def broken(line: str) -> None:
        raise error

    at = setting()
    answer = Logged(at.gateway, RequestLog(write=broken)).handle(
        Request(method="GET", path=DISCOVERY_PATH), Deadline.after(LONG)
    )
    assert answer.status == 200
    assert caplog.messages == [f"a request could not be logged: {type(error).__name__}"]


def test_a_status_that_cannot_be_read_costs_no_answer(caplog):
    answer = Response(status=200, headers=(("cache-status", "?é"),))
    lines = []
    assert RequestLog(write=lines.append).begin("GET", "/").answered(answer) is answer
    assert lines == []
    assert "could not be logged" in caplog.text


def test_printing_a_log_shows_no_path():
    log = RequestLog({CHAT: "g"})
    assert "canary" not in repr(log.begin("canary", "/canary"))


# --- The guide --------------------------------------------------------------------------------------------------------

GUIDE = (Path(__file__).parents[2] / "docs/logs.md").read_text()


def test_the_guide_has_every_field_and_every_tier():
    named = re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)
    assert named == [*FIELDS, *Tier]


def test_the_line_that_the_guide_shows_is_one_that_is_written():
    shown = json.loads(re.search(r"```json\n(.*?)\n```", GUIDE)[1])
    log = written()
    log.post()
    own = ("latency_ms", "model_ms", "bytes")
    assert {**shown, **dict.fromkeys(own)} == {**log.last(), **dict.fromkeys(own)}
    assert tuple(shown) == FIELDS


def test_the_guide_asks_the_log_for_what_is_in_it():
    insights, explorer = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    asked = {*re.findall(r"jsonPayload\.(\w+)", explorer), *re.findall(r"\b(?:ispresent|sum|pct)\((\w+)", insights)}
    asked |= set(re.findall(r"\bfilter (?!ispresent)(\w+)", insights))
    asked |= {name for names in re.findall(r"\bby ([\w, ]+)", insights) for name in names.strip().split(", ")}
    assert asked == {*("latency_ms", "model_ms", "reason", "route", "severity", "status", "tier", "total_tokens")}
    assert asked < set(FIELDS)


# --- What is never in it ----------------------------------------------------------------------------------------------

CANARY = "canary-7f3a"
CANARIES = (CANARY, CANARY.upper(), "Y2FuYXJ5LTdmM2E")


def canary_model(status: int, body: bytes):
    telling = ((CANARY, CANARY), ("cache-status", f'{CANARY}; hit; detail="{CANARY}"'), ("x-request-id", CANARY))
    return answering(status, body, (*JSON, *telling))


ERRORS = [
    (200, chat_answer(CANARY, usage={**USAGE, CANARY: CANARY})),
    (200, chat_answer(CANARY, finish_reason=CANARY)),
    (200, chat_answer(CANARY, model=CANARY)),
    (200, json.dumps({"error": {"message": CANARY}}).encode()),
    (200, f'{{"{CANARY}": {CANARY}}}'.encode()),
    (200, f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode()),
    (400, json.dumps({"message": CANARY, "__type": CANARY}).encode()),
    (500, CANARY.encode()),
]


@pytest.mark.parametrize(("status", "body"), ERRORS)
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("more", [{}, {"inference_cache": "bypass"}, {"x_canary": CANARY}])
def test_nothing_that_the_model_says_is_in_a_line(status, body, live, more):
    log = written()
    log.at.model.script = canary_model(status, body)
    answer = log.post(chat_body(CANARY), live=live, **more)
    assert CANARY.encode() in b"".join(answer.chunks or [answer.body])
    log.post(chat_body(CANARY), **more)
    assert len(log.lines) == 2
    assert harmless(log)


@pytest.mark.parametrize("error", [RuntimeError(CANARY), OSError(CANARY), ValueError(CANARY)])
def test_nothing_that_an_error_says_is_in_a_line(error):
    def script(_):
        raise error

    log = written(script)
    log.post(chat_body(CANARY))
    log.post(chat_body(CANARY), inference_cache="bypass")
    assert len(log.lines) == 2
    assert harmless(log)


REQUESTS = [
    {"method": CANARY},
    {"method": f'GET\n{{"tier":"{CANARY}"}}'},
    {"path": f"/{CANARY}"},
    {"path": f'{CHAT}/{CANARY}\n{{"severity":"ERROR"}}'},
    {"path": f"{CHAT}/~/{CANARY}A/{CANARY}A/{'A' * 43}"},
    {"path": f"/{CANARY}/~/{CANARY}A/{CANARY}A/{'A' * 43}"},
    {"query": CANARY},
    {"body": CANARY.encode()},
    {"body": f'{{"{CANARY}": {CANARY}'.encode()},
    {"body": chat_body(CANARY, **{CANARY: CANARY})},
    {"body": chat_body(CANARY, tools=[{"type": CANARY}])},
    {"body": chat_body(temperature=CANARY)},
    {"body": f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode()},
    {"headers": ((CANARY, CANARY),)},
    {"headers": ((f"{CANARY}\n", CANARY),)},
    {"headers": (("openai-beta", f"{CANARY}\r\n{CANARY}"),)},
    {"headers": (("openai-beta", CANARY), ("openai-beta", CANARY))},
    {"headers": (("anthropic-beta", CANARY),)},
    {"headers": (("content-type", CANARY),)},
    {"headers": (("content-encoding", CANARY),)},
    {"headers": (("accept", CANARY),)},
    {"headers": (("inference-cache", CANARY),)},
    {"headers": (("inference-cache-ttl", CANARY),)},
    {"headers": (("inference-payload", CANARY),)},
    {"headers": (("cache-status", CANARY),)},
    {"headers": (("authorization", f"Bearer iec1.{CANARY}A.{CANARY}"),)},
]


@pytest.mark.parametrize("changed", REQUESTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("guarded", [False, True])
def test_nothing_that_a_caller_sends_is_in_a_line(changed, method, guarded):
    log = written(gateway=(lambda at: Guarded(at.gateway, one_of((b"x" * 16,)))) if guarded else None)
    keyed = (("authorization", f"Bearer {log.at.key()}"), ("content-type", "application/json"))
    sent = {"method": method, "path": CHAT, "body": b"" if method == "GET" else chat_body(), **changed}
    log.handle(Request(**{**sent, "headers": (*changed.get("headers", ()), *keyed)}))
    assert len(log.lines) == 1
    assert harmless(log)


anything = st.text(max_size=40) | st.sampled_from([CHAT, f"{CHAT}/~/", "\n", '"', "\u2028", "\x00", "\ud800"])


@given(method=anything, path=st.lists(anything, max_size=4).map("/".join), name=anything, value=anything)
def test_a_line_is_one_line_of_known_words_whatever_is_sent(method, path, name, value):
    log = written(answering(200, b"{}", ((name, value),)))
    log.handle(Request(method=method, path=path, headers=((name, value),), body=value.encode("utf-8", "replace")))
    (only,) = log.lines
    assert only.isprintable()
    assert only.isascii()
    said = log.last()
    assert said["route"] in (None, *log.at.config.results)
    assert said["method"] in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other")
    assert said["message"] == f"{said['method']} {said['route'] or '-'} {said['status']} {said['tier']}"
    assert said["tier"] in set(Tier)


def harmless(log: Written) -> bool:
    """Whether no line has anything in it that a caller or a model brought, or that is secret."""
    path, payload = log.at.cacheable(chat_body())
    _, scope, key = log.at.key().split(".")
    secrets = (*CANARIES, MASTER.decode(), log.at.key(), scope, key, path, path.rpartition("/")[2], payload)
    return all(
        "\n" not in each and tuple(json.loads(each)) == FIELDS and not any(secret in each for secret in secrets)
        for each in log.lines
    )


def test_the_look_for_secrets_sees_them():
    log = written()
    log.lines.append(json.dumps(dict.fromkeys(FIELDS, f"x{CANARY}x")))
    assert not harmless(log)
    log.lines[:] = [json.dumps(dict.fromkeys(FIELDS, log.at.key()))]
    assert not harmless(log)
