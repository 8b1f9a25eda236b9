"""Chat and text completions, as OpenAI defines them and many servers and gateways speak them.

platform.openai.com/docs/api-reference/chat/object, .../chat-streaming, .../completions/object
"""

from functools import partial
from typing import Any

from inference_edge_cache.gateway.admission.answering_model import other_model
from inference_edge_cache.gateway.admission.endings import Endings, reached
from inference_edge_cache.gateway.admission.inputs import count_inputs
from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import (
    Family,
    Fields,
    Streamed,
    as_list,
    as_object,
    is_index,
    is_whole,
)

_ENDINGS = Endings(
    field="finish_reason",
    complete=frozenset({"stop", "tool_calls", "function_call"}),
    cut=frozenset({"length"}),
    filtered=frozenset({"content_filter"}),
    # vLLM: abort; OpenRouter, Mistral: error, model_length; DeepSeek: insufficient_system_resource.
    broken=frozenset({"abort", "error", "model_length", "insufficient_system_resource"}),
)


def _judge(request: Any, document: Any, part: str) -> NotStored | None:
    answer = as_object(document)
    choices = as_list(answer.get("choices"))
    if not choices:
        return NotStored(NotStoredReason.INCOMPLETE, "choices")
    expected = _expected_choices(request, part)
    if len(choices) != expected:
        return NotStored(NotStoredReason.WRONG_COUNT, "choices")
    indexes = [as_object(choice).get("index", position) for position, choice in enumerate(choices)]
    if not all(is_index(index, expected) for index in indexes) or len(set(indexes)) != expected:
        return NotStored(NotStoredReason.WRONG_INDEX, "choices")
    at_cap = _at_cap(request, answer.get("usage"), expected)
    found = (_judge_choice(as_object(choice), part, at_cap) for choice in choices)
    return other_model(request, answer) or _filtered(answer) or next(filter(None, found), None)


def _judge_choice(choice: Fields, part: str, at_cap: bool) -> NotStored | None:
    if not isinstance(choice.get(part), str if part == "text" else dict):
        return NotStored(NotStoredReason.INCOMPLETE, part)
    unkept = _unkept(choice, as_object(choice.get(part)))
    return unkept or _ENDINGS.judge(choice.get("finish_reason"), at_cap=at_cap)


def _judge_stream(request: Any, streamed: Streamed, part: str) -> NotStored | None:
    """Whatever comes between is replayed as it is: reasoning, pieces of tool calls, usage.

    ``[DONE]`` alone is no end: gonka-ai/gonka#1722 kept streams that had it, and no finish reason.
    """
    expected = _expected_choices(request, part)
    if not expected:
        return NotStored(NotStoredReason.WRONG_COUNT, "choices")
    ends: dict[int, Any] = {}
    usage: Any = None
    for chunk in streamed.chunks:
        unkept = other_model(request, chunk) or _filtered(chunk) or _judge_chunk(chunk, expected)
        if unkept:
            return unkept
        for choice in chunk["choices"]:
            index, reason = choice.get("index", 0), choice.get("finish_reason")
            if reason not in (None, "") and index in ends:
                return NotStored(NotStoredReason.AFTER_THE_END, "finish_reason")
            if reason not in (None, ""):
                ends[index] = reason
        usage = chunk.get("usage") or usage
    if len(ends) != expected:
        return NotStored(NotStoredReason.INCOMPLETE, "finish_reason")
    if not streamed.done:
        return NotStored(NotStoredReason.INCOMPLETE, "done")
    at_cap = _at_cap(request, usage, expected)
    return next(filter(None, (_ENDINGS.judge(reason, at_cap=at_cap) for reason in ends.values())), None)


def _judge_chunk(chunk: Fields, expected: int) -> NotStored | None:
    """``choices`` may be empty: beside the usage, and in Azure's first chunk."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        return NotStored(NotStoredReason.INCOMPLETE, "choices")
    if not all(is_index(choice.get("index", 0), expected) for choice in choices):
        return NotStored(NotStoredReason.WRONG_INDEX, "choices")
    return next(filter(None, (_unkept(choice, as_object(choice.get("delta"))) for choice in choices)), None)


def _unkept(choice: Fields, message: Fields) -> NotStored | None:
    """openrouter.ai/docs/api/reference/overview: a choice may hold an error; platform.openai.com: or a refusal."""
    if choice.get("error") is not None:
        return NotStored(NotStoredReason.ERROR_IN_BODY, "choices")
    if message.get("refusal") is not None:
        return NotStored(NotStoredReason.REFUSED, "refusal")
    return _filtered(choice)


def _filtered(fields: Fields) -> NotStored | None:
    """learn.microsoft.com/azure/ai-services/openai/concepts/content-filter-annotations: what was ``filtered``.

    Or, with an ``error`` in its place, that the filter did not run: the same request would be filtered next time.
    """
    for name in ("content_filter_results", "prompt_filter_results"):
        rest = [fields.get(name)]
        while rest:
            value = rest.pop()
            if isinstance(value, list):
                rest.extend(value)
            elif isinstance(value, dict):
                if value.get("filtered") is True or value.get("error") is not None:
                    return NotStored(NotStoredReason.FILTERED, name)
                rest.extend(value.values())
    return None


def _expected_choices(request: Any, part: str) -> int:
    """How many choices were asked for: ``n``, for each prompt. 0 where that cannot be read: there are never none."""
    fields = as_object(request)
    n = 1 if fields.get("n") is None else fields["n"]
    prompts = count_inputs(fields.get("prompt")) if part == "text" else 1
    return n * prompts if is_whole(n) and prompts else 0


def _at_cap(request: Any, usage: Any, choices: int) -> bool:
    """Usage is the sum over all choices: of several it does not tell which one reached the cap."""
    fields = as_object(request)
    caps = (fields.get("max_tokens"), fields.get("max_completion_tokens"))
    return choices == 1 and reached(caps, as_object(usage).get("completion_tokens"))


CHAT = Family(partial(_judge, part="message"), partial(_judge_stream, part="message"))
COMPLETIONS = Family(partial(_judge, part="text"), partial(_judge_stream, part="text"))
