"""A gateway under the shipped policies, whose model answers with a digest of what it was sent: a wrong hit shows."""

import base64
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import count
from typing import Any

from gateway_kit import CHAT, EMBEDDINGS, JSON, MASTER, SSE, Clock, ScriptedModel, Setting

from inference_edge_cache.gateway.config import GatewayConfig
from inference_edge_cache.gateway.gateway import Gateway
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.messages import HeaderLines, Response
from inference_edge_cache.gateway.model import ModelAnswer, ModelRequest
from inference_edge_cache.gateway.store import Damaged, Result, Store, Stored
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.inference_rules import InferenceRoute, gateway_config
from inference_edge_cache.policy import InferencePolicy, inference_presets
from inference_edge_cache.protocol import (
    Access,
    OriginIdentity,
    Preimage,
    derive_api_key,
    encode_payload,
    inference_path,
    request_key,
    storable_request,
)

RESPONSES, COMPLETIONS = "/v1/responses", "/v1/completions"
CLASSIFY, SAGEMAKER, CONVERSE, PREDICT = "/classify", "/invocations", "/converse", "/predict"
ORIGIN = OriginIdentity(endpoint="https://model.example.com", model="m")

_PRESETS = (
    inference_presets.OPENAI_CHAT,
    inference_presets.OPENAI_RESPONSES,
    inference_presets.EMBEDDINGS,
    inference_presets.CLASSIFICATION,
    inference_presets.SAGEMAKER,
    inference_presets.BEDROCK_CONVERSE,
    inference_presets.VERTEX_PREDICT,
)
_COMPLETIONS = InferenceRoute(
    path=COMPLETIONS,
    policy=inference_presets.OPENAI_CHAT.policy,
    inference=InferencePolicy(dialect="openai-completions", ignored_fields=["user"]),
)
ROUTES = (*(InferenceRoute(path=it.path, policy=it.policy, inference=it.inference) for it in _PRESETS), _COMPLETIONS)


def shipped(
    origin: OriginIdentity = ORIGIN, generation: str = "1", access: Access = "keyed", **limits: int
) -> GatewayConfig:
    """The presets, each on its own route. ``limits``: ``max_result_bytes``, and what else ``ResultRules`` has."""
    config = gateway_config(ROUTES, origin, generation, access=access)
    return replace(config, results={path: replace(rules, **limits) for path, rules in config.results.items()})


@dataclass
class WatchedStore:
    """A store that remembers what was written."""

    inner: Store = field(default_factory=MemoryStore)
    written: dict[str, Result] = field(default_factory=dict[str, Result])

    def get(self, path: str) -> Stored | Damaged | None:
        return self.inner.get(path)

    def put(self, path: str, result: Result, cache_control: str, replaces: str | None = None) -> Stored | None:
        stored = self.inner.put(path, result, cache_control, replaces)
        if stored:
            self.written[path] = result
        return stored


@dataclass(frozen=True)
class Ask:
    """A request as a caller has it."""

    body: bytes = field(repr=False)
    route: str = CHAT
    headers: HeaderLines = ()
    query: str = ""
    tenant: str = "alice"


@dataclass
class Proof(Setting):
    """One gateway, and what its store was given."""

    store: WatchedStore  # pyright: ignore[reportIncompatibleVariableOverride]

    def ask(self, ask: Ask) -> Response:
        """The request as an unchanged client sends it."""
        return self.post(ask.body, *ask.headers, path=ask.route, tenant=ask.tenant, query=ask.query)

    def preimage(self, ask: Ask) -> Preimage | None:
        """What its answer would be stored for; ``None`` for one whose answer may not be."""
        route = self.config.edge.route(ask.route)
        assert route
        found = storable_request(ask.route, route.rules, ask.headers, ask.body, ask.query)
        return found if isinstance(found, Preimage) else None

    def place(self, preimage: Preimage, tenant: str = "alice") -> str:
        """The path of a request, under the key of ``tenant``."""
        route = self.config.edge.route(preimage.route)
        assert route
        caller = derive_api_key(self.master, tenant)
        return inference_path(route.path, route.generation, caller.scope, request_key(caller.key, preimage))

    def fetch(self, ask: Ask) -> Response | None:
        """The request as the client transport sends it; ``None`` when it has no cacheable form, or none so small."""
        preimage = self.preimage(ask)
        payload = encode_payload(preimage) if preimage else None
        return self.get(self.place(preimage, ask.tenant), payload) if preimage and payload else None


def proof(
    script: Callable[[ModelRequest], ModelAnswer] | None = None,
    *,
    config: GatewayConfig | None = None,
    store: Store | None = None,
    keyring: Keyring | None = None,
) -> Proof:
    model, watched, clock = ScriptedModel(script or digesting), WatchedStore(store or MemoryStore()), Clock()
    config = config or shipped()
    gateway = Gateway(config, keyring or Keyring((MASTER,)), watched, model, now=clock)
    return Proof(gateway, model, watched, clock, config)


# --- Bodies -----------------------------------------------------------------------------------------------------------


def chat(text: object = "2+2?", **more: object) -> bytes:
    """A chat request at temperature 0. ``None`` stands for an absent field; ``NULL`` for one that is there."""
    return _body({"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0}, more)


def response(text: object = "2+2?", **more: object) -> bytes:
    return _body({"model": "m", "input": text, "temperature": 0, "store": False}, more)


def completion(text: object = "2+2?", **more: object) -> bytes:
    return _body({"model": "m", "prompt": text, "temperature": 0}, more)


def embedding(text: object = "hello", **more: object) -> bytes:
    return _body({"model": "m", "input": text}, more)


NULL = object()


def _body(fields: dict[str, object], more: dict[str, object]) -> bytes:
    given = {name: value for name, value in (fields | more).items() if value is not None}
    return json.dumps({name: None if value is NULL else value for name, value in given.items()}).encode()


# --- Answers ----------------------------------------------------------------------------------------------------------


def digest_of(request: ModelRequest) -> str:
    """Of everything that the model was sent."""
    sent = (request.method, request.path, request.query, request.headers, request.body)
    return sha256(repr(sent).encode()).hexdigest()


def digesting(request: ModelRequest, salt: str = "") -> ModelAnswer:
    """A whole and proper answer, in the form of the route's API, that says the digest."""
    return _answer(request, salt + digest_of(request))


def numbering() -> Callable[[ModelRequest], ModelAnswer]:
    """A model that never says the same again: equal answers are one answer."""
    numbers = count()
    return lambda request: _answer(request, f"answer {next(numbers)}")


def of_origin(origin: OriginIdentity) -> Callable[[ModelRequest], ModelAnswer]:
    return partial(digesting, salt=repr(origin))


def _answer(request: ModelRequest, said: str) -> ModelAnswer:
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        asked = {}
    asked = asked if isinstance(asked, dict) else {}
    streams = asked.get("stream") is True and request.path in _STREAMED
    chunks = (
        _STREAMED[request.path](asked, said) if streams else [json.dumps(_form(request.path, asked, said)).encode()]
    )
    return ModelAnswer(200, SSE if streams else JSON, (chunk for chunk in chunks))


def _form(path: str, asked: dict[str, Any], said: str) -> object:
    forms = {CHAT: _chat, RESPONSES: _response, COMPLETIONS: _completion, EMBEDDINGS: _embeddings, CONVERSE: _converse}
    form = forms.get(path)
    if path == SAGEMAKER and "messages" in asked:
        form = _chat
    if path == PREDICT:
        return {"predictions": [said for _ in asked.get("instances", ())]}
    return form(asked, said) if form else {"label": said}


def _indexes(asked: dict[str, Any]) -> range:
    return range(asked["n"] if isinstance(asked.get("n"), int) else 1)


def _chat(asked: dict[str, Any], said: str) -> object:
    message = {"role": "assistant", "content": said}
    choices = [{"index": index, "message": message, "finish_reason": "stop"} for index in _indexes(asked)]
    return {"object": "chat.completion", "model": asked.get("model"), "choices": choices}


def _completion(asked: dict[str, Any], said: str) -> object:
    choices = [{"index": index, "text": said, "finish_reason": "stop"} for index in _indexes(asked)]
    return {"object": "text_completion", "model": asked.get("model"), "choices": choices}


def _response(asked: dict[str, Any], said: str) -> object:
    item = {"type": "message", "status": "completed", "content": [{"type": "output_text", "text": said}]}
    return {"object": "response", "model": asked.get("model"), "status": "completed", "output": [item]}


def _converse(_: dict[str, Any], said: str) -> object:
    return {"output": {"message": {"role": "assistant", "content": [{"text": said}]}}, "stopReason": "end_turn"}


def _embeddings(asked: dict[str, Any], said: str) -> object:
    """A vector for each text, which says which text it is for."""
    texts = asked.get("input")
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(asked, text, said)}
        for index, text in enumerate(texts if isinstance(texts, list) else [texts])
    ]
    return {"object": "list", "model": asked.get("model"), "data": data, "digest": said}


def vector_of(text: object, dimensions: int = 4) -> list[float]:
    digest = sha256(repr(text).encode()).digest()
    return [digest[number % 32] / 256 for number in range(dimensions)]


def _vector(asked: dict[str, Any], text: object, said: str) -> object:
    if asked.get("encoding_format") == "base64":
        return base64.b64encode(said.encode()).decode()
    wanted = asked.get("dimensions")
    return vector_of(text, wanted if isinstance(wanted, int) else 4)


def events(*documents: object, done: bool = True) -> list[bytes]:
    return [f"data: {json.dumps(document)}\n\n".encode() for document in documents] + (
        [b"data: [DONE]\n\n"] if done else []
    )


def chunk(delta: dict[str, Any], finish_reason: str | None = None, model: object = "m", **more: object) -> object:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return {"object": "chat.completion.chunk", "model": model, "choices": choices, **more}


def _chat_stream(asked: dict[str, Any], said: str) -> list[bytes]:
    half, model = math.ceil(len(said) / 2), asked.get("model")
    texts = ({"role": "assistant", "content": said[:half]}, {"content": said[half:]})
    return events(*(chunk(text, model=model) for text in texts), chunk({}, "stop", model))


def _response_stream(asked: dict[str, Any], said: str) -> list[bytes]:
    documents = (
        {"type": "response.created", "response": {"status": "in_progress", "model": asked.get("model")}},
        {"type": "response.output_text.delta", "delta": said},
        {"type": "response.completed", "response": _response(asked, said)},
    )
    return [f"event: {it['type']}\ndata: {json.dumps(it)}\n\n".encode() for it in documents]


_STREAMED = {CHAT: _chat_stream, RESPONSES: _response_stream}
