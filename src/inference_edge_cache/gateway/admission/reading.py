"""An answer's body, read: strictly, since a part that two parsers read in two ways cannot be judged."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.sse import parse_events
from inference_edge_cache.protocol import BypassReason, strict_json
from inference_edge_cache.protocol.strict_json import RefusedJson

Fields = dict[str, Any]

_DONE = "[DONE]"  # platform.openai.com/docs/api-reference/chat/create, stream: "terminated by a data: [DONE] message"


@dataclass(frozen=True)
class Streamed:
    """The chunks of a stream, which are JSON objects, and whether ``[DONE]`` came after the last one."""

    chunks: tuple[Fields, ...]
    done: bool


# Both are given the request first, and then JSON that reports no error.
JudgeJson = Callable[[Any, Any], NotStored | None]
JudgeStream = Callable[[Any, Streamed], NotStored | None]


@dataclass(frozen=True)
class Family:
    """How one API's answers are judged.

    ``stream`` is missing where the API never answers with server-sent events.
    """

    answer: JudgeJson
    stream: JudgeStream | None = None


def read_json(body: bytes) -> Any:
    """The value that ``body`` stands for. Raises ``RefusedJson``; ``RecursionError`` on a stack that is nearly full.

    Unlike a request, an answer may hold integers of any size: it is replayed byte for byte, and has no key.
    """
    text, _ = strict_json.read(body, len(body))
    return strict_json.parse(text, _DECODER)


def read_stream(body: bytes) -> Streamed | NotStored:
    """The chunks of a stream that is whole and reports no error. Raises as ``read_json`` does."""
    try:
        stream = parse_events(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise RefusedJson(BypassReason.NOT_UTF8) from None
    chunks: list[Fields] = []
    done = False
    for event in stream.events:
        if done:
            return NotStored(NotStoredReason.AFTER_THE_END)
        done = event.data == _DONE
        if done:
            continue
        chunk = None if event.name == "error" else read_json(event.data.encode("utf-8"))
        if event.name == "error" or has_error(chunk) or as_object(chunk).get("type") == "error":
            return NotStored(NotStoredReason.ERROR_IN_BODY)
        if not isinstance(chunk, dict):
            raise RefusedJson(BypassReason.NOT_AN_OBJECT)
        chunks.append(chunk)
    return Streamed(tuple(chunks), done) if stream.whole else NotStored(NotStoredReason.INCOMPLETE, "event")


def has_error(document: Any) -> bool:
    """Whether ``document``, or an item of it, reports an error. It may do so with status 200.

    openrouter.ai/docs/api/reference/errors-and-debugging: once the model has begun, an error comes "in the response
    body or as an SSE data event".
    """
    items = document if isinstance(document, list) else [document]
    return any(isinstance(item, dict) and item.get("error") is not None for item in items)


def as_object(value: Any) -> Fields:
    """``value``, or no fields at all where it is not an object."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """``value``, or no items at all where it is not a list."""
    return value if isinstance(value, list) else []


def is_whole(value: Any) -> bool:
    """Whether ``value`` is an integer of 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_index(value: Any, count: int) -> bool:
    """Whether ``value`` names one of ``count`` items."""
    return is_whole(value) and value < count


def _integer(literal: str) -> int | float:
    """The length comes first: ``int`` is not linear in it. What is judged here has at most a few digits."""
    return int(literal) if len(literal) <= _LONGEST_INTEGER else float(literal)


_LONGEST_INTEGER = 20  # -2**63 and 2**64 - 1
_DECODER = json.JSONDecoder(
    object_pairs_hook=strict_json.unique, parse_int=_integer, parse_constant=strict_json.no_constant
)
