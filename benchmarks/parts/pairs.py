"""Requests that two caches are given, to see which of them hand out an answer that is not the request's own.

Most come from the golden vectors of the protocol: those that are requests of an API that both caches know, or parts of
one. How a part becomes a request stands in ``_whole``. The others are from the same reports, and need more than a body.
"""

import base64
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from parts.asking import CHAT, COMPLETIONS, EMBEDDINGS, messages

VECTORS = Path(__file__).parents[2] / "tests" / "protocol" / "vectors.json"

_COMMON = {"model", "temperature", "top_p", "n", "seed", "stop", "stream", "max_tokens", "logit_bias", "user"}
_PARAMETERS = {
    CHAT: _COMMON
    | {"messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "logprobs", "top_logprobs"}
    | {"prediction", "reasoning_effort"},
    COMPLETIONS: _COMMON | {"prompt", "suffix"},
    EMBEDDINGS: {"model", "input", "dimensions", "encoding_format", "user"},
}
"""platform.openai.com/docs/api-reference, as far as the vectors have them."""
_SERVERS_OWN = {"thinking", "top_k", "num_ctx", "chat_template_kwargs", "guided_json", "safety_settings"}
"""Fields of vLLM, Ollama and providers with an OpenAI-compatible API."""
_ASKED = {"model", "messages", "prompt", "input"}

Kind = Literal["different", "equal", "unrepeatable"]


@dataclass(frozen=True)
class Ask:
    route: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    tenant: str = "a"


@dataclass(frozen=True)
class Pair:
    """Requests, two or more, that come one after the other to an empty cache.

    ``kind``: of ``different`` ones nobody may get another's answer, of ``equal`` ones all should get the first one's,
    and to ``unrepeatable`` ones nobody should get a stored answer.
    """

    name: str
    kind: Kind
    group: str
    asks: tuple[Ask, ...]

    def document(self) -> dict[str, Any]:
        return asdict(self)


def from_vectors() -> tuple[list[Pair], int]:
    """The vectors that can be used, and how many there are of their kinds."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
    vectors = [vector for vector in vectors if vector["kind"] in ("equal", "different")]
    return [pair for pair in map(_pair, vectors) if pair], len(vectors)


def _pair(vector: dict[str, Any]) -> Pair | None:
    """Not one with rules of its own, routes or headers: the other cache has nothing like them."""
    requests = vector["requests"]
    if "rules" in vector or len(requests) < 2 or any(set(request) != {"body"} for request in requests):
        return None
    asks = tuple(ask for ask in (_whole(request["body"]) for request in requests) if ask)
    if len(asks) < len(requests):
        return None
    return Pair(vector["id"], vector["kind"], _group(vector["id"], asks), asks)


def _whole(text: str) -> Ask | None:
    """The request whose body ``text`` is, or a part of: what stands there keeps its spelling and its order.

    ``content`` alone is the text of a message. Without messages, prompt or input there is a message "hi"; without a
    model it is "m", without a seed it is 7, so that no cache has a reason to keep its hands off. ``None`` where a field
    is made up for the sake of the vector, or a value is none that the API takes.
    """
    fields = json.loads(text)
    if isinstance(fields, dict) and set(fields) == {"content"}:
        value = text[text.index(":") + 1 : text.rindex("}")]
        text = f'{{"messages":[{{"role":"user","content":{value}}}]}}'
        fields = json.loads(text)
    if not isinstance(fields, dict) or not fields or fields.get("n", 1) not in (1, 2):
        return None
    route = COMPLETIONS if "prompt" in fields else EMBEDDINGS if "input" in fields else CHAT
    if not set(fields) <= _PARAMETERS[route] | _SERVERS_OWN:
        return None
    missing: dict[str, Any] = {} if "model" in fields else {"model": "m"}
    if route == CHAT and "messages" not in fields:
        missing["messages"] = messages("hi")
    if route != EMBEDDINGS and "seed" not in fields:
        missing["seed"] = 7
    end = text.rindex("}")
    more = f",{json.dumps(missing)[1:-1]}" if missing else ""
    return Ask(route, text[:end] + more + text[end:])


def _group(name: str, asks: tuple[Ask, ...]) -> str:
    if name.startswith("equal-"):
        return "property order" if name.startswith("equal-order-") else "numbers, escapes, whitespace"
    if name.startswith("different-glued-"):
        return "glued together"
    documents = [json.loads(ask.body) for ask in asks]
    names = {name for document in documents for name in document}
    differ = {name for name in names if len({json.dumps(document.get(name, "absent")) for document in documents}) > 1}
    if differ & _ASKED:
        return "prompt, model"
    return "servers' own fields" if differ & _SERVERS_OWN else "API parameters"


# --- What takes more than a vector's body -----------------------------------------------------------------------------


def beyond_vectors() -> list[Pair]:
    return [
        *(_different("glued together", name, *asks) for name, asks in _GLUED.items()),
        *(_different("API parameters", name, *asks) for name, asks in _PARAMETER_PAIRS.items()),
        *(_different("prompt, model", name, *asks) for name, asks in _IMAGES.items()),
        *(_different("headers", name, *(_chat(headers={name: value}) for value in "ab")) for name in _BETAS),
        _different("tenants", "one request, two API keys", _chat(tenant="a"), _chat(tenant="b")),
        *(_equal("defaults that are said", name, _chat(**fields), _chat()) for name, fields in _DEFAULTS.items()),
        *(_equal("labels", name, *asks) for name, asks in _LABELS.items()),
        *(Pair(name, "unrepeatable", "sampled", (ask, ask)) for name, ask in _SAMPLED.items()),
        *(Pair(name, "unrepeatable", "spoilt answers", (ask, ask)) for name, ask in _SPOILT.items()),
    ]


def _different(group: str, name: str, *asks: Ask) -> Pair:
    return Pair(name, "different", group, asks)


def _equal(group: str, name: str, *asks: Ask) -> Pair:
    return Pair(name, "equal", group, asks)


def _chat(prompt: Any = "hi", *, headers: dict[str, str] | None = None, tenant: str = "a", **fields: Any) -> Ask:
    body = {"model": "m", "messages": messages(prompt), "temperature": 0, **fields}
    return Ask(CHAT, json.dumps(body), headers or {}, tenant)


def _text(prompt: str, **fields: Any) -> Ask:
    return Ask(COMPLETIONS, json.dumps({"model": "m", "prompt": prompt, **fields, "seed": 7}))


def _vector(text: str, **fields: Any) -> Ask:
    return Ask(EMBEDDINGS, json.dumps({"model": "m", "input": text, **fields}))


def _image(data: bytes) -> list[dict[str, Any]]:
    url = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
    return [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]


def _tool(name: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}]


_GLUED = {
    "suffix x, or a prompt that ends so": (_text("hi", suffix="x"), _text("hisuffix: x")),
    "user a, or a model that ends so": (_chat(user="a", model="m"), _chat(model="muser: a")),
    "dimensions 8, or an input that ends so": (_vector("x", dimensions=8), _vector("xdimensions: 8")),
}
_PARAMETER_PAIRS = {
    "dimensions": (_vector("x", dimensions=8), _vector("x", dimensions=16)),
    "tools": (_chat(tools=_tool("weather")), _chat(tools=_tool("clock"))),
    "tool_choice, with tools": tuple(_chat(tools=_tool("clock"), tool_choice=choice) for choice in ("auto", "none")),
    "seed beyond 2^53": tuple(_chat(seed=seed) for seed in (2**53, 2**53 + 1)),
}
_IMAGES = {"two images that begin alike": tuple(_chat(_image(bytes(3000) + end)) for end in (b"a", b"b"))}
_BETAS = ("openai-beta", "anthropic-beta")
_DEFAULTS: dict[str, dict[str, Any]] = {"n 1": {"n": 1}, "stream false": {"stream": False}, "stop null": {"stop": None}}
_LABELS = {
    "another user": (_chat(user="a"), _chat(user="b")),
    "another trace in metadata": (_chat(metadata={"trace": "1"}), _chat(metadata={"trace": "2"})),
    "another x-request-id": tuple(_chat(headers={"x-request-id": value}) for value in "12"),
}
_SAMPLED = {
    "temperature 1": _chat(temperature=1),
    "temperature 0.7": _chat(temperature=0.7),
    "no temperature": Ask(CHAT, json.dumps({"model": "m", "messages": messages("hi")})),
    "two samples": _chat(temperature=1, n=2),
}
_SPOILT = {
    f"{name}: {value}": _chat("!" + json.dumps({name: value}))
    for name, value in (("finish_reason", "content_filter"), ("finish_reason", "length"), ("model", "a-fallback"))
}
"""What the benchmark's model does when it is told to: a filtered answer, half an answer, another model's answer."""
