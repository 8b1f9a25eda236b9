"""OpenAI's Responses API.

platform.openai.com/docs/api-reference/responses/object, .../responses-streaming
"""

from typing import Any

from inference_edge_cache.gateway.admission.answering_model import other_model
from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import Family, Fields, Streamed, as_list, as_object, has_error

# The model's own words, and what it asks the caller to do. Whatever else may stand in ``output`` was done by the
# provider, who saw the world as it was then: web_search_call, file_search_call, code_interpreter_call, mcp_call, ...
_OWN_ITEMS = frozenset(
    {"message", "reasoning", "function_call", "custom_tool_call", "local_shell_call", "apply_patch_call"}
)
_SERVER_ITEMS = (
    *("web_search_call", "file_search_call", "code_interpreter_call", "computer_call", "image_generation_call"),
    *("mcp_call", "mcp_list_tools", "mcp_approval_request", "shell_call", "tool_search_call"),
)

_COMPLETED = "response.completed"
_LAST_EVENTS = (_COMPLETED, "response.incomplete", "response.failed", "response.cancelled")

_INCOMPLETE_REASONS = {
    "max_output_tokens": NotStoredReason.TRUNCATED,
    "content_filter": NotStoredReason.FILTERED,
}


def _judge(request: Any, document: Any) -> NotStored | None:
    response = as_object(document)
    if has_error(response):
        return NotStored(NotStoredReason.ERROR_IN_BODY)
    if response.get("incomplete_details") is not None:
        return _cut_short(as_object(response["incomplete_details"]).get("reason"))
    if response.get("status") != "completed":
        return NotStored(NotStoredReason.INCOMPLETE, "status")
    output = as_list(response.get("output"))
    if not output:
        return NotStored(NotStoredReason.INCOMPLETE, "output")
    found = (_judge_item(as_object(item)) for item in output)
    return other_model(request, response) or next(filter(None, found), None)


def _cut_short(why: Any) -> NotStored:
    known = _INCOMPLETE_REASONS.get(why) if isinstance(why, str) else None
    return NotStored(known, why) if known else NotStored(NotStoredReason.INCOMPLETE, "incomplete_details")


def _judge_item(item: Fields) -> NotStored | None:
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in _OWN_ITEMS:
        return NotStored(NotStoredReason.SERVER_TOOL, kind if kind in _SERVER_ITEMS else "output")
    if item.get("status") not in (None, "completed"):
        return NotStored(NotStoredReason.INCOMPLETE, kind)
    if any(as_object(part).get("type") == "refusal" for part in as_list(item.get("content"))):
        return NotStored(NotStoredReason.REFUSED, "refusal")
    return None


def _judge_stream(request: Any, streamed: Streamed) -> NotStored | None:
    """The last event holds the whole response. The API sends no ``[DONE]`` after it; a server like it may."""
    kinds = [chunk.get("type") for chunk in streamed.chunks]
    end = next((position for position, kind in enumerate(kinds) if kind in _LAST_EVENTS), None)
    if end is None:
        return NotStored(NotStoredReason.INCOMPLETE, _COMPLETED)
    if end != len(kinds) - 1:
        return NotStored(NotStoredReason.AFTER_THE_END)
    others = (other_model(request, chunk.get("response")) for chunk in streamed.chunks)
    unkept = next(filter(None, others), None) or _judge(request, streamed.chunks[end].get("response"))
    return unkept or (None if kinds[end] == _COMPLETED else NotStored(NotStoredReason.INCOMPLETE, _COMPLETED))


RESPONSES = Family(_judge, _judge_stream)
