"""A fake edge on a real socket of 127.0.0.1 that answers as a test says, and callers of both libraries and kinds."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from http_kit import Handler, listening

from inference_edge_cache.client import AsyncEdgeCacheTransport, EdgeCacheTransport, Served
from inference_edge_cache.protocol import (
    DISCOVERY_PATH,
    EdgeConfig,
    Preimage,
    RouteConfig,
    RouteRules,
    derive_api_key,
    parse_path,
    verify,
)

ROUTE = "/v1/chat/completions"
GENERATION, NEXT_GENERATION = "Generation01", "Generation02"
API_KEY = derive_api_key(b"a master secret of tests, 36 characters", "tests")
OTHER_KEY = derive_api_key(b"a master secret of tests, 36 characters", "others")
PROMPT = "a-prompt-that-is-nowhere-in-a-url"
BODY = json.dumps({"model": "m", "temperature": 0, "messages": [{"role": "user", "content": PROMPT}]}).encode()
LARGE_BODY = BODY[:-1] + b', "stop": [%s]}' % b",".join(b'"%064x"' % (n**40) for n in range(2, 300))
"""16 KiB and more, and nothing that could be packed into a header."""

CONFIG = EdgeConfig(routes=(RouteConfig(path=ROUTE, generation=GENERATION, rules=RouteRules(dialect="openai-chat")),))
ANSWER = b'{"id": "1", "choices": []}'


@dataclass(frozen=True)
class Seen:
    """A request as it came off the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for line, value in self.headers if line.lower() == name), None)


@dataclass(frozen=True)
class Says:
    """An answer. ``chunks`` in place of ``body`` are sent one by one."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None


HANG_UP = Says(status=0)
"""No answer: the connection is closed."""

Answers = Says | Callable[[Seen], Says]


def json_answer(body: bytes = ANSWER, **headers: str) -> Says:
    """A 200. Underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Says(200, body, {"content-type": "application/json", **named})


def problem(status: int, **members: object) -> Says:
    document = json.dumps({"status": status, **members}).encode()
    return Says(
        status,
        document,
        {"content-type": "application/problem+json", "cache-status": 'inference-edge-cache; detail="no"'},
    )


def post_it(generation: str = GENERATION) -> Says:
    """The gateway's 428."""
    return problem(428, generation=generation, route=ROUTE)


HIT = json_answer(cache_status="inference-edge-cache; hit; ttl=60")
MISS = json_answer(cache_status="inference-edge-cache; fwd=uri-miss; fwd-status=200; stored")


class Edge:
    """Answers each kind of request as told, and remembers every one.

    Kinds: ``document`` (discovery), ``get`` (a path with its payload), ``look`` (a path alone), ``post``, ``other``.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, Seen]] = []
        self.config = CONFIG
        self.says: dict[str, Answers] = {
            "document": lambda seen: Says(200, self.config.to_json(), {"cache-control": "public, max-age=60"}),
            "get": MISS,
            "look": post_it(),
            "post": MISS,
            "other": Says(404, b"not here"),
        }
        self._open = ExitStack()
        self.url = f"http://127.0.0.1:{self._open.enter_context(listening(_handler(self)))}"

    def publish(self, *, path: str = ROUTE, generation: str = GENERATION, **fields: Any) -> None:
        """Another document."""
        rules = self.config.routes[0].rules
        self.config = EdgeConfig(routes=(RouteConfig(path=path, generation=generation, rules=rules),), **fields)

    def rules(self, **rules: Any) -> None:
        """Other rules for the route."""
        route = RouteConfig(path=ROUTE, generation=GENERATION, rules=RouteRules(**{"dialect": "openai-chat", **rules}))
        self.config = EdgeConfig(routes=(route,))

    @property
    def kinds(self) -> list[str]:
        """What was asked, the discovery document aside."""
        return [kind for kind, _ in self.seen if kind != "document"]

    def asked(self, kind: str) -> list[Seen]:
        return [seen for its, seen in self.seen if its == kind]

    def answer(self, seen: Seen) -> Says:
        kind = self._kind(seen)
        self.seen.append((kind, seen))
        says = self.says[kind]
        return says if isinstance(says, Says) else says(seen)

    def _kind(self, seen: Seen) -> str:
        path = seen.target.removeprefix("http://cache.example.com")  # what a proxy sees
        if path == DISCOVERY_PATH:
            return "document"
        if parse_path(path) is not None:
            return "look" if seen.header("inference-payload") is None else "get"
        return "post" if seen.method == "POST" else "other"

    def close(self) -> None:
        self._open.close()


def proven(seen: Seen) -> Preimage:
    """What a GET asks for, verified as the gateway does it."""
    preimage = verify(seen.target, seen.header("inference-payload") or "", API_KEY.key)
    assert isinstance(preimage, Preimage)
    return preimage


def _handler(edge: Edge) -> type[Handler]:
    class Answering(Handler):
        def respond(self) -> None:
            body = self.dechunked() if self.headers.get("transfer-encoding") == "chunked" else self.body()
            says = edge.answer(Seen(self.command, self.path, tuple(self.headers.items()), body))
            if says is HANG_UP:
                self.close_connection = True
                return
            self.send_response(says.status)
            length = {"transfer-encoding": "chunked"} if says.chunks else {"content-length": str(len(says.body))}
            for name, value in {**length, **says.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if says.chunks is None:
                self.wfile.write(says.body)
                return
            for chunk in says.chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")

        def dechunked(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_HEAD = do_POST = do_PUT = respond

    return Answering


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Answer:
    """What a caller got."""

    status: int
    body: bytes
    headers: httpx.Headers
    served: Served

    @classmethod
    def of(cls, response: Any) -> "Answer":
        headers = httpx.Headers(response.headers.raw)
        return cls(response.status_code, response.content, headers, response.extensions["inference_edge_cache"])


class Caller:
    """A client with the transport, behind one interface for all four."""

    def __init__(self, library: Any, *, follow_redirects: bool = False, **options: Any) -> None:
        self.library = library
        self.transport = EdgeCacheTransport(**options)
        self.client = library.Client(transport=self.transport, timeout=30, follow_redirects=follow_redirects)

    def send(self, method: str, url: str, **options: Any) -> Answer:
        return Answer.of(self.client.request(method, url, **options))

    def first_and_rest(self, url: str, first_came: Callable[[], None], **options: Any) -> tuple[bytes, bytes]:
        """What an answer begins with, and the rest of it. ``first_came`` is called in between."""
        with self.client.stream("POST", url, **options) as response:
            chunks = response.iter_raw()
            first = next(chunks)
            first_came()
            return first, b"".join(chunks)

    def close(self) -> None:
        self.client.close()

    def end(self) -> None:
        self.close()


class AsyncCaller:
    def __init__(self, library: Any, *, follow_redirects: bool = False, **options: Any) -> None:
        self.library = library
        self.loop = asyncio.Runner()
        self.transport = AsyncEdgeCacheTransport(**options)
        self.client = library.AsyncClient(transport=self.transport, timeout=30, follow_redirects=follow_redirects)

    def send(self, method: str, url: str, **options: Any) -> Answer:
        return Answer.of(self.loop.run(self.client.request(method, url, **options)))

    def first_and_rest(self, url: str, first_came: Callable[[], None], **options: Any) -> tuple[bytes, bytes]:
        async def read() -> tuple[bytes, bytes]:
            async with self.client.stream("POST", url, **options) as response:
                chunks = response.aiter_raw()
                first = await anext(chunks)
                first_came()
                return first, b"".join([chunk async for chunk in chunks])

        return self.loop.run(read())

    def close(self) -> None:
        self.loop.run(self.client.aclose())

    def end(self) -> None:
        self.close()
        self.loop.close()


class Callers:
    """Makes callers of one kind; every one is closed after the test."""

    def __init__(self, stack: ExitStack, edge: Edge, clock: Clock, kind: Any, library: Any) -> None:
        self._stack, self._edge, self._clock = stack, edge, clock
        self.kind, self.library = kind, library
        self.transport_name = "HTTPTransport" if kind is Caller else "AsyncHTTPTransport"
        self._usual: Any = None

    def __call__(self, **options: Any) -> Any:
        # Without certificates, which take longer to load than most tests.
        transport = getattr(self.library, self.transport_name)(verify=False)
        caller = self.kind(self.library, **{"transport": transport, "clock": self._clock, **options})
        self._stack.callback(caller.end)
        return caller

    @property
    def usual(self) -> Any:
        """One caller for the whole of a test."""
        self._usual = self._usual or self()
        return self._usual

    def post(self, body: Any = BODY, url: str = ROUTE, *, key: str | None = API_KEY.text, **headers: str) -> Answer:
        """POST from the usual caller. Underscores in header names stand for hyphens."""
        return self.usual.send("POST", self._edge.url + url, content=body, headers=request_headers(key, **headers))

    def plainly(self, method: str, url: str, **options: Any) -> tuple[int, bytes]:
        """The same from a client without the transport."""
        with self.library.Client(verify=False, trust_env=False, timeout=30) as client:
            response = client.request(method, self._edge.url + url, **options)
            return response.status_code, response.content


def request_headers(key: str | None = API_KEY.text, **headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        named["authorization"] = f"Bearer {key}"
    return {"content-type": "application/json", **named}
