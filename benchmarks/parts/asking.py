"""What is asked, at which routes, and with whose key."""

import itertools
import json
from collections.abc import Iterator

from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.policy import INFERENCE_PRESETS, CachePolicy, InferencePolicy
from inference_edge_cache.protocol import derive_api_key
from parts.master import MASTER

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
HOURLY = "/hourly/v1/chat/completions"
"""A chat route whose results live for an hour: the edge has no bucket to read them from, and asks the gateway."""

_CHAT = INFERENCE_PRESETS["openai_chat"]
_EMBEDDINGS = INFERENCE_PRESETS["embeddings"]
_TEXT = InferencePolicy(
    dialect="openai-completions", ignored_fields=_CHAT.inference.ignored_fields, key_headers=_CHAT.inference.key_headers
)
ROUTES = [
    InferenceRoute(path=CHAT, policy=_CHAT.policy, inference=_CHAT.inference),
    InferenceRoute(path=HOURLY, policy=CachePolicy(default_ttl="1h", max_ttl="1h"), inference=_CHAT.inference),
    InferenceRoute(path=COMPLETIONS, policy=_CHAT.policy, inference=_TEXT),
    InferenceRoute(path=EMBEDDINGS, policy=_EMBEDDINGS.policy, inference=_EMBEDDINGS.inference),
]
"""With the policies of the presets, where there is one."""

_numbers = itertools.count(1)


def api_key(tenant: str = "bench") -> str:
    return derive_api_key(MASTER, tenant).text


def authorized(tenant: str = "bench") -> dict[str, str]:
    return {"authorization": f"Bearer {api_key(tenant)}", "content-type": "application/json"}


def messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def chat(prompt: str, **fields: object) -> bytes:
    return json.dumps({"model": "m", "messages": messages(prompt), "temperature": 0, **fields}).encode()


def prompts(size: int = 1000) -> Iterator[str]:
    """Prompts of about ``size`` bytes that nobody has used yet."""
    filling = "lorem ipsum " * (size // 12)
    return (f"{next(_numbers)} {filling}" for _ in itertools.repeat(None))
