"""An origin and an edge on real sockets of 127.0.0.1, and a clock that tests turn."""

import base64
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import http_kit
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.gateway.stores.folder import FolderStore
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local import LocalEdge
from inference_edge_cache.local.collapse import Fetch
from inference_edge_cache.policy import INFERENCE_PRESETS, CachePolicy
from inference_edge_cache.protocol import (
    DISCOVERY_PATH,
    PUBLIC_API_KEY,
    ApiKey,
    Preimage,
    encode_payload,
    inference_path,
    parse_edge_config,
    request_key,
    storable_request,
)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(frozen=True)
class Seen:
    """A request as the origin saw it."""

    method: str
    target: str
    headers: httpx.Headers
    body: bytes


@dataclass
class Origin:
    """An endpoint that answers with ``answer`` and remembers what it was asked."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[Seen], Response] = lambda seen: Response("ok", headers={"cache-control": "max-age=60"})

    @property
    def calls(self) -> int:
        return len(self.seen)

    def says(self, body: str | bytes = "ok", status: int = 200, **headers: str) -> None:
        """Answer every request with this. Underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda seen: Response(body, status, named)

    async def handle(self, request: Request) -> Response:
        target = request.scope["raw_path"].decode()
        query = request.scope["query_string"].decode()
        headers = httpx.Headers(request.scope["headers"])
        self.seen.append(Seen(request.method, f"{target}?{query}" if query else target, headers, await request.body()))
        return await run_in_threadpool(self.answer, self.seen[-1])


@pytest.fixture
def origin() -> Iterator[Origin]:
    origin = Origin()
    app = Starlette(routes=[Route("/{path:path}", origin.handle, methods=METHODS)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", server_header=False))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # connections wait here until the server takes them
    origin.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield origin
    server.should_exit = True
    thread.join()


class Edges:
    """Starts edges in front of the origin; every one is stopped after the test."""

    def __init__(self, stack: ExitStack, origin: Origin) -> None:
        self._stack, self._origin = stack, origin

    def __call__(self, policy: CachePolicy | None = None, cloud: Cloud = Cloud.AWS, **options: object) -> httpx.Client:
        """A client of a new edge."""
        origin = str(options.pop("origin", self._origin.url))
        edge = self._stack.enter_context(LocalEdge(origin, policy or CachePolicy(), cloud, **options))  # type: ignore[arg-type]
        return self._stack.enter_context(httpx.Client(base_url=edge.url, trust_env=False, timeout=30))


@pytest.fixture
def edge(origin: Origin) -> Iterator[Edges]:
    with ExitStack() as stack:
        yield Edges(stack, origin)


class Model:
    """What an OpenAI-compatible endpoint answers: a text as embedding or as chat, whole or as a stream."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self.chunks: Callable[[list[bytes]], Iterator[bytes]] = iter
        """How the events of a stream come."""
        origin.answer = self.answer

    @property
    def calls(self) -> int:
        return self._origin.calls

    @property
    def seen(self) -> list[Seen]:
        return self._origin.seen

    def answer(self, seen: Seen) -> Response:
        asked = json.loads(seen.body)
        if "input" in asked:
            vector: object = [0.25, -0.5]
            if asked.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack("<2f", 0.25, -0.5)).decode()
            data = [{"object": "embedding", "index": 0, "embedding": vector}]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            return self._json({"object": "list", "model": asked["model"], "data": data, "usage": usage})
        head = {"id": "c1", "created": 1, "model": asked["model"]}
        if asked.get("stream"):
            deltas = [({"role": "assistant", "content": "fo"}, None), ({"content": "ur"}, None), ({}, "stop")]
            events = [
                {
                    **head,
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
                }
                for delta, end in deltas
            ]
            lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]
            return StreamingResponse(self.chunks(lines), media_type="text/event-stream")
        message = {"role": "assistant", "content": "four"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return self._json({**head, "object": "chat.completion", "choices": choices})

    def _json(self, document: dict[str, object]) -> Response:
        headers = {"x-request-id": f"r{self.calls}", "set-cookie": "session=1"}
        return Response(json.dumps(document), headers=headers, media_type="application/json")


@pytest.fixture
def model(origin: Origin) -> Model:
    return Model(origin)


def inference_route(preset: str, path: str | None = None, **policy: object) -> InferenceRoute:
    """The route of a preset, its cache policy with other values."""
    found = INFERENCE_PRESETS[preset]
    changed = CachePolicy.from_dict({**found.policy.to_dict(), **policy})
    return InferenceRoute(path=path or found.path, policy=changed, inference=found.inference)


@dataclass(frozen=True)
class Cacheable:
    """The GET that a POST becomes."""

    path: str
    payload: dict[str, str]


class Inference:
    """Starts edges with inference routes, and makes their requests cacheable."""

    route = staticmethod(inference_route)

    def __init__(self, edges: Edges) -> None:
        self._edges = edges

    def __call__(self, *routes: str | InferenceRoute, cloud: Cloud = Cloud.AWS, **options: object) -> httpx.Client:
        """A client of a new edge; a route is the name of a preset, or an ``InferenceRoute``."""
        found = [inference_route(route) if isinstance(route, str) else route for route in routes]
        return self._edges(cloud=cloud, routes=found, **options)

    def cacheable(self, client: httpx.Client, route: str, body: bytes, key: ApiKey = PUBLIC_API_KEY) -> Cacheable:
        found = parse_edge_config(client.get(DISCOVERY_PATH).content).route(route)
        assert found
        preimage = storable_request(route, found.rules, (), body)
        assert isinstance(preimage, Preimage)
        payload = encode_payload(preimage)
        assert payload
        path = inference_path(route, found.generation, key.scope, request_key(key.key, preimage))
        return Cacheable(path, {"inference-payload": payload})


@pytest.fixture
def inference(edge: Edges) -> Inference:
    return Inference(edge)


@pytest.fixture
def landed(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a result has been stored."""
    landed, put = threading.Event(), FolderStore.put

    def telling(*arguments: object) -> object:
        try:
            return put(*arguments)  # type: ignore[arg-type]
        finally:
            landed.set()

    monkeypatch.setattr(FolderStore, "put", telling)
    return landed


@pytest.fixture
def free_port() -> int:
    """A port at which nobody listens."""
    return http_kit.free_port()


@dataclass
class Clock:
    ahead: float = 0

    def turn(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The wall clock of this process, edge and origin included. Timeouts run on another one."""
    clock, real = Clock(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + clock.ahead)
    return clock


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released once by each caller who starts to wait for another caller's trip to the origin."""
    waiting, stored = threading.Semaphore(0), Fetch.stored

    async def announced(fetch: Fetch, patience: float) -> bool:
        waiting.release()
        return await stored(fetch, patience)

    monkeypatch.setattr(Fetch, "stored", announced)
    return waiting
