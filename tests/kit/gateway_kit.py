"""A gateway with a model that is a list of answers, and a clock that stands still until it is told."""

import json
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from inference_edge_cache.gateway.config import GatewayConfig, ResultRules
from inference_edge_cache.gateway.gateway import Gateway
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.messages import Deadline, HeaderLines, Request, Response
from inference_edge_cache.gateway.model import ModelAnswer, ModelRequest
from inference_edge_cache.gateway.store import Store
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.protocol import (
    EdgeConfig,
    OriginIdentity,
    Preimage,
    RouteConfig,
    RouteRules,
    derive_api_key,
    effective_generation,
    encode_payload,
    inference_path,
    request_key,
    storable_request,
)

MASTER = b"a master secret that only these tests use"
CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
NOON = 1_800_000_000

RULES = {
    CHAT: RouteRules(
        dialect="openai-chat",
        ignored_fields=("metadata", "user"),
        key_headers=("openai-beta",),
        output_affecting_headers=("anthropic-beta", "openai-beta"),
    ),
    EMBEDDINGS: RouteRules(dialect="openai-embeddings", ignored_fields=("user",), determinism="deterministic_endpoint"),
}
RESULTS = {
    CHAT: ResultRules(ttl=3600, result_max_age=86_400, stale_while_revalidate=60, stale_if_error=600),
    EMBEDDINGS: ResultRules(ttl=86_400, result_max_age=604_800, browser_ttl=300),
}


def config_of(rules: dict[str, RouteRules] = RULES, generation: str = "1", access="keyed") -> GatewayConfig:
    origin = OriginIdentity(endpoint="https://model.example.com")
    routes = tuple(
        RouteConfig(path=path, generation=effective_generation(generation, origin, rule), rules=rule)
        for path, rule in rules.items()
    )
    return GatewayConfig(EdgeConfig(routes=routes, access=access), {path: RESULTS[path] for path in rules})


def chat_answer(text: str = "4", finish_reason: str | None = "stop", **more: object) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "model": "m", "choices": [choice], **more}).encode()


def chat_stream(*texts: str, finish_reason: str | None = "stop", done: bool = True) -> list[bytes]:
    """The events of a stream, each in a chunk of its own."""
    deltas = [({"content": text}, None) for text in texts] + [({}, finish_reason)]
    events = [
        {
            "object": "chat.completion.chunk",
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
        }
        for delta, end in deltas
    ]
    return [f"data: {json.dumps(event)}\n\n".encode() for event in events] + ([b"data: [DONE]\n\n"] if done else [])


def chat_body(text: str = "2+2?", **more: object) -> bytes:
    return json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0, **more}
    ).encode()


JSON: HeaderLines = (("content-type", "application/json"),)
SSE: HeaderLines = (("content-type", "text/event-stream"),)


@dataclass
class ScriptedModel:
    """Answers with what ``script`` makes of a request, and remembers what it was asked."""

    script: Callable[[ModelRequest], ModelAnswer] = field(default_factory=lambda: answering(200, chat_answer()))
    asked: list[ModelRequest] = field(default_factory=list[ModelRequest])

    def answer(self, request: ModelRequest, deadline: Deadline) -> ModelAnswer:
        self.asked.append(request)
        return self.script(request)


def answering(status: int, body: bytes | list[bytes], headers: HeaderLines = JSON) -> Callable[..., ModelAnswer]:
    chunks = [body] if isinstance(body, bytes) else body
    return lambda _: ModelAnswer(status, headers, (chunk for chunk in chunks))


def failing_after(chunks: list[bytes], error: Exception, headers: HeaderLines = JSON) -> Callable[..., ModelAnswer]:
    def broken() -> Generator[bytes, None, None]:
        yield from chunks
        raise error

    return lambda _: ModelAnswer(200, headers, broken())


def pausing(
    chunks: list[bytes], go: threading.Event, headers: HeaderLines = SSE, then: Exception | None = None
) -> Callable[..., ModelAnswer]:
    """Gives the first chunk, and the rest when told to."""

    def paused() -> Generator[bytes, None, None]:
        yield chunks[0]
        assert go.wait(20)
        yield from chunks[1:]
        if then:
            raise then

    return lambda _: ModelAnswer(200, headers, paused())


@dataclass
class Clock:
    seconds: float = NOON

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Setting:
    """Everything around one gateway, and short ways to ask it."""

    gateway: Gateway
    model: ScriptedModel
    store: Store
    clock: Clock
    config: GatewayConfig
    master: bytes = MASTER

    def key(self, tenant: str = "alice") -> str:
        return derive_api_key(self.master, tenant).text

    def handle(self, request: Request, *, live: bool = False, seconds: float = 20) -> Response:
        return self.gateway.handle(request, Deadline.after(seconds), live=live)

    def post(
        self,
        body: bytes,
        *headers: tuple[str, str],
        path: str = CHAT,
        tenant: str = "alice",
        query: str = "",
        live: bool = False,
    ) -> Response:
        authorization = ("authorization", f"Bearer {self.key(tenant)}")
        lines = (authorization, ("content-type", "application/json"), *headers)
        return self.handle(Request(method="POST", path=path, query=query, headers=lines, body=body), live=live)

    def cacheable(
        self, body: bytes, *headers: tuple[str, str], route: str = CHAT, tenant: str = "alice"
    ) -> tuple[str, str]:
        """The path of a request, and its payload."""
        found = self.config.edge.route(route)
        assert found
        preimage = storable_request(route, found.rules, headers, body)
        assert isinstance(preimage, Preimage), preimage
        caller = derive_api_key(self.master, tenant)
        payload = encode_payload(preimage)
        assert payload
        return inference_path(route, found.generation, caller.scope, request_key(caller.key, preimage)), payload

    def get(self, path: str, payload: str | None = None, *headers: tuple[str, str], **more) -> Response:
        lines = ((("inference-payload", payload),) if payload else ()) + headers
        method = more.pop("method", "GET")
        live = more.pop("live", False)
        return self.handle(Request(method=method, path=path, headers=lines, **more), live=live)


def setting(
    model: ScriptedModel | None = None,
    *,
    config: GatewayConfig | None = None,
    store: Store | None = None,
    keyring: Keyring | None = None,
    clock: Clock | None = None,
) -> Setting:
    model, clock, config = model or ScriptedModel(), clock or Clock(), config or config_of()
    store = store or MemoryStore()
    gateway = Gateway(config, keyring or Keyring((MASTER,)), store, model, now=clock)
    return Setting(gateway, model, store, clock, config)
