"""Which answers may be stored. ``protocol.dialects`` decides which requests may be answered from what is stored.

A stored answer stands for every later one, so it has to be whole, of the model that was asked, and what the model had
to say: not cut off, filtered, refused or an error. One file per API says how that shows. What is not known to be so is
not stored; the caller who asked gets it nevertheless.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from inference_edge_cache.gateway.admission.bedrock import CONVERSE
from inference_edge_cache.gateway.admission.chat import CHAT, COMPLETIONS
from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import (
    Family,
    JudgeJson,
    JudgeStream,
    as_object,
    has_error,
    read_json,
    read_stream,
)
from inference_edge_cache.gateway.admission.responses import RESPONSES
from inference_edge_cache.gateway.admission.sagemaker import sagemaker_family
from inference_edge_cache.gateway.admission.scoring import CLASSIFICATION, EMBEDDINGS, MODERATION, RERANK
from inference_edge_cache.gateway.admission.tgi import TGI
from inference_edge_cache.gateway.admission.vertex import PREDICT
from inference_edge_cache.gateway.messages import HeaderLines
from inference_edge_cache.protocol import BypassReason
from inference_edge_cache.protocol.media_types import is_identity, is_json
from inference_edge_cache.protocol.strict_json import RefusedJson

__all__ = ["NotStored", "NotStoredReason", "admit"]

# WHATWG HTML section 9.2.4: event streams are UTF-8; no other parameter is defined.
_EVENT_STREAM = re.compile(r'text/event-stream(?:[ \t]*+;[ \t]*+charset=(?:utf-8|"utf-8"))?+[ \t]*+', re.IGNORECASE)

_FALLBACKS = "x-litellm-attempted-fallbacks"

_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "openai-chat": CHAT,
        "openai-completions": COMPLETIONS,
        "openai-responses": RESPONSES,
        "openai-embeddings": EMBEDDINGS,
        "rerank": RERANK,
        "moderation": MODERATION,
        "classification": CLASSIFICATION,
        "bedrock-converse": CONVERSE,
        "vertex-predict": PREDICT,
        "tgi": TGI,
    }
)


def admit(
    dialect: str, request: Any, status: int, headers: HeaderLines, body: bytes, max_bytes: int
) -> str | NotStored:
    """The content type to store an answer under, or why it is not stored. Never raises, whatever the answer.

    ``request`` is the keyed body, parsed: what the model was asked. ``headers`` are the model's own.
    """
    family = sagemaker_family(request) if dialect == "sagemaker" else _FAMILIES.get(dialect)
    if family is None:
        return NotStored(NotStoredReason.UNKNOWN_DIALECT)
    refused = _judge_message(status, headers, len(body), max_bytes)
    if refused:
        return refused
    stream = family.stream if as_object(request).get("stream") is True else None
    content_type = _content_type(headers, streams=stream is not None)
    if content_type is None:
        return NotStored(NotStoredReason.CONTENT_TYPE)
    try:
        unkept = _judge_stream(stream, request, body) if stream else _judge_json(family.answer, request, body)
    except RefusedJson as error:
        return NotStored(NotStoredReason.NOT_JSON, "" if error.reason is BypassReason.NOT_JSON else error.reason)
    except RecursionError:
        return NotStored(NotStoredReason.NOT_JSON, BypassReason.TOO_DEEP)
    return unkept or content_type


def _judge_message(status: int, headers: HeaderLines, size: int, max_bytes: int) -> NotStored | None:
    """What is wrong with the answer as an HTTP message, whatever its content."""
    if status != 200:
        return NotStored(NotStoredReason.STATUS)
    if size > max_bytes:
        return NotStored(NotStoredReason.TOO_LARGE)
    if not all(map(is_identity, _lines(headers, "content-encoding"))):
        return NotStored(NotStoredReason.ENCODED)
    # docs.litellm.ai/docs/proxy/response_headers. After a fallback the body may still name the model that was asked:
    # BerriAI/litellm#13486.
    if any(value.strip() not in ("", "0") for value in _lines(headers, _FALLBACKS)):
        return NotStored(NotStoredReason.OTHER_MODEL, _FALLBACKS)
    return None


def _content_type(headers: HeaderLines, *, streams: bool) -> str | None:
    """The type that was understood; ``None`` when the answer is of another type than was asked for, or of two."""
    given = _lines(headers, "content-type")
    if len(given) != 1:
        return None
    value = given[0].strip(" \t")
    if streams:
        return "text/event-stream; charset=utf-8" if _EVENT_STREAM.fullmatch(value) else None
    return value.partition(";")[0].strip(" \t").lower() if is_json(value, keyed=True) else None


def _lines(headers: HeaderLines, name: str) -> list[str]:
    return [value for line, value in headers if line == name]


def _judge_json(judge: JudgeJson, request: Any, body: bytes) -> NotStored | None:
    document = read_json(body)
    return NotStored(NotStoredReason.ERROR_IN_BODY) if has_error(document) else judge(request, document)


def _judge_stream(judge: JudgeStream, request: Any, body: bytes) -> NotStored | None:
    streamed = read_stream(body)
    return streamed if isinstance(streamed, NotStored) else judge(request, streamed)
