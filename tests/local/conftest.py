"""An origin and an edge on real sockets of 127.0.0.1, and a clock that tests turn."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local import LocalEdge
from inference_edge_cache.local.collapse import Fetch
from inference_edge_cache.policy import CachePolicy

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
