"""How many tokens an answer says that it cost."""

import json
import re
from dataclasses import dataclass
from typing import Any

_OBJECT_OF_USAGE = re.compile(rb'"usage(?:Metadata)?"[ \t\r\n]*:[ \t\r\n]*(?=\{)')
_LONGEST = 4096
"""Bytes of a ``usage`` with all its details."""
_TRIES = 1000
"""A stream may say ``"usage": null`` in each of its chunks."""
_MOST = 2**53 - 1

# platform.openai.com/docs/api-reference: chat and embeddings, then responses, which Anthropic's names are like;
# docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html;
# cloud.google.com/vertex-ai/docs/reference/rest/v1/GenerateContentResponse, UsageMetadata.
_PROMPT = ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount")
_COMPLETION = ("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount")
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")


@dataclass(frozen=True)
class Tokens:
    """None: not said."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None


def tokens_in(body: bytes) -> Tokens:
    """What the last ``usage`` in ``body`` says, be it JSON or an event stream.

    The body is searched and not parsed, so that a large one costs next to nothing. A text that the model wrote does not
    mislead: its quotes are escaped. Never raises.
    """
    end = len(body)
    for _ in range(_TRIES):
        end = body.rfind(b'"usage', 0, end)
        found = _OBJECT_OF_USAGE.match(body, end) if end >= 0 else None
        if end < 0 or found:
            return Tokens() if found is None else _read(body[found.end() : found.end() + _LONGEST])
    return Tokens()


def _read(start: bytes) -> Tokens:
    try:
        usage, _ = json.JSONDecoder().raw_decode(start.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return Tokens()
    prompt, completion, total = (_count(usage, names) for names in (_PROMPT, _COMPLETION, _TOTAL))
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    return Tokens(prompt, completion, total)


def _count(usage: dict[str, Any], names: tuple[str, ...]) -> int | None:
    given = (usage.get(name) for name in names)
    return next((count for count in given if type(count) is int and 0 <= count <= _MOST), None)
