"""Which chat and text completions may be stored, whole and streamed."""

import json

import pytest

from inference_edge_cache.gateway.admission import admit

JSON = (("content-type", "application/json"),)
SSE = (("content-type", "text/event-stream"),)
STORED = "application/json"
STORED_STREAM = "text/event-stream; charset=utf-8"

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "2+2?"}], "temperature": 0}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'}}


def choice(end="stop", index=0, message=None, **more) -> dict:
    said = {"role": "assistant", "content": "4", "refusal": None, **(message or {})}
    return {"index": index, "message": said, "logprobs": None, "finish_reason": end, **more}


def answer(*choices, used=1, **more) -> dict:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": list(choices or [choice()]),
        "usage": {"prompt_tokens": 9, "completion_tokens": used, "total_tokens": 9 + used},
        **more,
    }


def json_outcome(document, dialect="openai-chat", **asked) -> str:
    return str(admit(dialect, {**ASKED, **asked}, 200, JSON, json.dumps(document).encode(), 10_000))


WITHOUT = object()


def but(fields: dict, **changes) -> dict:
    return {name: value for name, value in {**fields, **changes}.items() if value is not WITHOUT}


SAFE = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"filtered": False, "detected": False}}
BLOCKED = {**SAFE, "violence": {"filtered": True, "severity": "high"}}
BLOCKLIST = {"custom_blocklists": {"filtered": False, "details": [{"filtered": True, "id": "b"}]}}
UNFILTERED = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}

ANSWERS = {
    "stop": (answer(), {}, STORED),
    "empty text": (answer(choice(message={"content": ""})), {}, STORED),
    "reasoning": (answer(choice(message={"reasoning_content": "well", "reasoning": "well"})), {}, STORED),
    "tool calls": (answer(choice("tool_calls", message={"content": None, "tool_calls": [TOOL_CALL]})), {}, STORED),
    "function call": (answer(choice("function_call", message={"function_call": {"name": "f"}})), {}, STORED),
    "stop at a cap that was not reached": (answer(used=3), {"max_tokens": 16}, STORED),
    "one asked for": (answer(), {"n": 1}, STORED),
    "two asked for": (answer(choice(), choice(index=1)), {"n": 2, "seed": 1}, STORED),
    "two in another order": (answer(choice(index=1), choice(index=0)), {"n": 2, "seed": 1}, STORED),
    "no index": (answer(but(choice(), index=WITHOUT)), {}, STORED),
    "no usage": (but(answer(), usage=WITHOUT), {}, STORED),
    "Azure, nothing filtered": (
        answer(
            choice(content_filter_results=SAFE),
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": SAFE}],
        ),
        {},
        STORED,
    ),
    # OmniRoute#12885: 13 of 1,483 entries were cut off, and served for hours. LightRAG#3446: likewise.
    "length without a cap": (answer(choice("length"), used=209), {}, "truncated: length"),
    "length before the cap": (answer(choice("length"), used=15), {"max_tokens": 16}, "truncated: length"),
    "length at the cap": (answer(choice("length"), used=16), {"max_tokens": 16}, STORED),
    "length beyond the cap": (answer(choice("length"), used=17), {"max_tokens": 16}, STORED),
    "length at the newer cap": (answer(choice("length"), used=16), {"max_completion_tokens": 16}, STORED),
    "length at one of two caps": (
        answer(choice("length"), used=16),
        {"max_tokens": 16, "max_completion_tokens": 32},
        "truncated: length",
    ),
    "length at both caps": (answer(choice("length"), used=16), {"max_tokens": 16, "max_completion_tokens": 8}, STORED),
    "length at no cap": (answer(choice("length")), {"max_tokens": None}, "truncated: length"),
    "length, usage unknown": (
        but(answer(choice("length")), usage=WITHOUT),
        {"max_tokens": 1},
        "truncated: length",
    ),
    "length, usage null": (answer(choice("length"), usage=None), {"max_tokens": 1}, "truncated: length"),
    "length, odd usage": (answer(choice("length"), used=0.5), {"max_tokens": 0}, "truncated: length"),
    "length, odd cap": (answer(choice("length"), used=9), {"max_tokens": "1"}, "truncated: length"),
    "length of one of two": (
        answer(choice("length"), choice("length", 1), used=32),
        {"n": 2, "max_tokens": 16, "seed": 1},
        "truncated: length",
    ),
    # inspect_ai#4846: a filter's answer was replayed to every retry.
    "content filter": (answer(choice("content_filter")), {}, "filtered: content_filter"),
    "content filter on one of two": (
        answer(choice(), choice("content_filter", 1)),
        {"n": 2, "seed": 1},
        "filtered: content_filter",
    ),
    "refusal": (answer(choice(message={"content": None, "refusal": "I can't."})), {}, "refused: refusal"),
    "Azure, filtered": (answer(choice(content_filter_results=BLOCKED)), {}, "filtered: content_filter_results"),
    "Azure, blocklist": (answer(choice(content_filter_results=BLOCKLIST)), {}, "filtered: content_filter_results"),
    "Azure, not filtered for once": (
        answer(choice(content_filter_results=UNFILTERED)),
        {},
        "filtered: content_filter_results",
    ),
    "Azure, prompt filtered": (
        answer(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": BLOCKED}]),
        {},
        "filtered: prompt_filter_results",
    ),
    "not finished": (answer(choice(None)), {}, "incomplete: finish_reason"),
    "no finish reason": (answer(but(choice(), finish_reason=WITHOUT)), {}, "incomplete: finish_reason"),
    "an end that is none": (answer(choice("")), {}, "finish-reason"),
    "an unknown end": (answer(choice("aged out")), {}, "finish-reason"),
    "an end of another kind": (answer(choice(["stop"])), {}, "finish-reason"),
    "aborted": (answer(choice("abort")), {}, "finish-reason: abort"),
    "upstream error": (answer(choice("error")), {}, "finish-reason: error"),
    "out of resources": (
        answer(choice("insufficient_system_resource")),
        {},
        "finish-reason: insufficient_system_resource",
    ),
    "model's own limit": (answer(choice("model_length")), {"max_tokens": 1}, "finish-reason: model_length"),
    "error in a choice": (answer(choice(error={"code": 502, "message": "x"})), {}, "error-in-body: choices"),
    "no choices": (answer(choices=[]), {}, "incomplete: choices"),
    "choices missing": (but(answer(), choices=WITHOUT), {}, "incomplete: choices"),
    "choices null": (answer(choices=None), {}, "incomplete: choices"),
    "choices of another kind": (answer(choices={"0": choice()}), {}, "incomplete: choices"),
    "blocked prompt on Vertex AI": (
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
        {},
        "incomplete: choices",
    ),
    "a list": ([answer()], {}, "incomplete: choices"),
    "a string": ("4", {}, "incomplete: choices"),
    "null": (None, {}, "incomplete: choices"),
    "one of two": (answer(), {"n": 2, "seed": 1}, "wrong-count: choices"),
    "two of one": (answer(choice(), choice(index=1)), {}, "wrong-count: choices"),
    "none asked for": (answer(), {"n": 0}, "wrong-count: choices"),
    "odd n": (answer(), {"n": "1"}, "wrong-count: choices"),
    "n is true": (answer(), {"n": True}, "wrong-count: choices"),
    "the same index twice": (answer(choice(), choice()), {"n": 2, "seed": 1}, "wrong-index: choices"),
    "an index beyond": (answer(choice(index=1)), {}, "wrong-index: choices"),
    "an index below": (answer(choice(index=-1)), {}, "wrong-index: choices"),
    "an odd index": (answer(choice(index=[0])), {}, "wrong-index: choices"),
    "no message": (answer(but(choice(), message=WITHOUT)), {}, "incomplete: message"),
    "message is text": (answer({**choice(), "message": "4"}), {}, "incomplete: message"),
    "text instead of a message": (answer(but(choice(), message=WITHOUT, text="4")), {}, "incomplete: message"),
    "choice is text": (answer("4"), {}, "incomplete: message"),
    "another model": (answer(model="gpt-4o-mini"), {}, "other-model"),
}


@pytest.mark.parametrize(("document", "asked", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_a_chat_completion_is_stored_when_every_choice_has_ended_by_itself(document, asked, outcome):
    assert json_outcome(document, **asked) == outcome


def text(end="stop", index=0, **more) -> dict:
    return {"index": index, "text": "4", "logprobs": None, "finish_reason": end, **more}


COMPLETIONS = {
    "one prompt": (answer(text()), {"prompt": "2+2="}, STORED),
    "one prompt of tokens": (answer(text()), {"prompt": [17, 10, 17]}, STORED),
    "two prompts": (answer(text(), text(index=1)), {"prompt": ["a", "b"]}, STORED),
    "two prompts of tokens": (answer(text(), text(index=1)), {"prompt": [[1, 2], [3]]}, STORED),
    "two of each of two": (
        answer(*(text(index=index) for index in range(4))),
        {"prompt": ["a", "b"], "n": 2, "seed": 1},
        STORED,
    ),
    "best of three": (answer(text()), {"prompt": "a", "best_of": 3, "seed": 1}, STORED),
    "at the cap": (answer(text("length"), used=16), {"prompt": "a", "max_tokens": 16}, STORED),
    "scores of the prompt alone": (answer(text("length"), used=0), {"prompt": "a", "max_tokens": 0}, STORED),
    # platform.openai.com/docs/api-reference/completions/create: max_tokens "Defaults to 16".
    "at the default cap": (answer(text("length"), used=16), {"prompt": "a"}, "truncated: length"),
    "at the cap of which prompt?": (
        answer(text("length"), text(index=1), used=16),
        {"prompt": ["a", "b"], "max_tokens": 8},
        "truncated: length",
    ),
    "content filter": (answer(text("content_filter")), {"prompt": "a"}, "filtered: content_filter"),
    "one of two prompts": (answer(text()), {"prompt": ["a", "b"]}, "wrong-count: choices"),
    "no prompt": (answer(text()), {}, "wrong-count: choices"),
    "no prompts": (answer(text()), {"prompt": []}, "wrong-count: choices"),
    "odd prompts": (answer(text(), text(index=1)), {"prompt": ["a", 1]}, "wrong-count: choices"),
    "no text": (answer(but(text(), text=WITHOUT)), {"prompt": "a"}, "incomplete: text"),
    "a message": (answer(choice()), {"prompt": "a"}, "incomplete: text"),
    "another model": (answer(text(), model="davinci-002"), {"prompt": "a"}, "other-model"),
}


@pytest.mark.parametrize(("document", "asked", "outcome"), COMPLETIONS.values(), ids=COMPLETIONS)
def test_a_text_completion_is_stored_when_each_prompt_has_been_completed(document, asked, outcome):
    assert json_outcome(document, "openai-completions", **asked) == outcome


# --- Streams ----------------------------------------------------------------------------------------------------------


def chunk(*choices, **more) -> dict:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": list(choices), **more}


def delta(end=None, index=0, said=None, **more) -> dict:
    return {"index": index, "delta": said or {}, "logprobs": None, "finish_reason": end, **more}


def usage(tokens: int) -> dict:
    return {"usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}}


def stream_outcome(chunks, done=True, dialect="openai-chat", **asked) -> str:
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + ("data: [DONE]\n\n" if done else "")
    return str(admit(dialect, {**ASKED, "stream": True, **asked}, 200, SSE, body.encode(), 10_000))


START = chunk(delta(said={"role": "assistant", "content": "", "refusal": None}), usage=None)
FOUR = chunk(delta(said={"content": "4"}))
STOP = chunk(delta("stop"))
CALL = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": ""}}]}
MORE_CALL = {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 2}'}}]}

STREAMS = {
    "text": ([START, FOUR, STOP], {}, STORED_STREAM),
    "all in one": ([chunk(delta("stop", said={"content": "4"}))], {}, STORED_STREAM),
    # LiteLLM#32068, #11145: lost on a hit. Here the bytes are kept as they came.
    "reasoning": ([chunk(delta(said={"reasoning_content": "well"})), FOUR, STOP], {}, STORED_STREAM),
    "tool calls": (
        [START, chunk(delta(said=CALL)), chunk(delta(said=MORE_CALL)), chunk(delta("tool_calls"))],
        {},
        STORED_STREAM,
    ),
    "usage": (
        [START, FOUR, STOP, chunk(**usage(1))],
        {"stream_options": {"include_usage": True}},
        STORED_STREAM,
    ),
    "OpenRouter's usage": (
        [FOUR, STOP, chunk(delta(said={"role": "assistant", "content": ""}), **usage(1))],
        {},
        STORED_STREAM,
    ),
    "an empty finish reason amid": ([chunk(delta("", said={"content": "4"})), STOP], {}, STORED_STREAM),
    "two choices": (
        [chunk(delta(said={"content": "4"}, index=1)), FOUR, STOP, chunk(delta("stop", 1))],
        {"n": 2, "seed": 1},
        STORED_STREAM,
    ),
    "two choices that end at once": ([chunk(delta("stop"), delta("stop", 1))], {"n": 2, "seed": 1}, STORED_STREAM),
    "no index": ([chunk(but(delta("stop"), index=WITHOUT))], {}, STORED_STREAM),
    "no index for the first": (
        [chunk(but(delta("stop"), index=WITHOUT)), chunk(delta("stop", 1))],
        {"n": 2, "seed": 1},
        STORED_STREAM,
    ),
    "Azure": (
        [
            chunk(model="", prompt_filter_results=[{"prompt_index": 0, "content_filter_results": SAFE}]),
            FOUR,
            chunk(delta("stop", content_filter_results=SAFE)),
        ],
        {},
        STORED_STREAM,
    ),
    "Azure, its filter's findings after the end": (
        [FOUR, STOP, chunk(but(delta(content_filter_results=SAFE), delta=WITHOUT), model="")],
        {},
        STORED_STREAM,
    ),
    "length at the cap": (
        [FOUR, chunk(delta("length")), chunk(**usage(16))],
        {"max_tokens": 16},
        STORED_STREAM,
    ),
    "length at the cap, usage all along": (
        [chunk(delta(said={"content": "4"}), **usage(1)), chunk(delta("length"), **usage(2))],
        {"max_completion_tokens": 2},
        STORED_STREAM,
    ),
    "length at the cap, usage before the last chunk": (
        [chunk(delta("length"), **usage(16)), chunk(usage=None)],
        {"max_tokens": 16},
        STORED_STREAM,
    ),
    "length before the cap": (
        [FOUR, chunk(delta("length")), chunk(**usage(15))],
        {"max_tokens": 16},
        "truncated: length",
    ),
    "length, usage unknown": ([FOUR, chunk(delta("length"))], {"max_tokens": 1}, "truncated: length"),
    "length without a cap": ([FOUR, chunk(delta("length")), chunk(**usage(16))], {}, "truncated: length"),
    "length of one of two": (
        [chunk(delta("length"), delta("stop", 1), **usage(16))],
        {"n": 2, "seed": 1, "max_tokens": 8},
        "truncated: length",
    ),
    "content filter": ([START, FOUR, chunk(delta("content_filter"))], {}, "filtered: content_filter"),
    "refusal": ([START, chunk(delta(said={"refusal": "I"})), STOP], {}, "refused: refusal"),
    "Azure, filtered": (
        [FOUR, chunk(delta("stop", content_filter_results=BLOCKED))],
        {},
        "filtered: content_filter_results",
    ),
    "Azure, filtered after the end": (
        [FOUR, STOP, chunk(delta(content_filter_results=BLOCKED))],
        {},
        "filtered: content_filter_results",
    ),
    "Azure, prompt filtered": (
        [chunk(prompt_filter_results=[{"content_filter_results": BLOCKED}]), FOUR, STOP],
        {},
        "filtered: prompt_filter_results",
    ),
    # gonka-ai/gonka#1722: [DONE] was there, a finish reason was not.
    "no finish reason": ([START, FOUR], {}, "incomplete: finish_reason"),
    "one of two ended": ([FOUR, STOP], {"n": 2, "seed": 1}, "incomplete: finish_reason"),
    "ended twice": ([FOUR, STOP, STOP], {}, "after-the-end: finish_reason"),
    "ended twice at once": ([chunk(delta("stop"), delta("stop"))], {}, "after-the-end: finish_reason"),
    "ended in two ways": ([FOUR, STOP, chunk(delta("length"))], {}, "after-the-end: finish_reason"),
    "an unknown end": ([FOUR, chunk(delta("aged out"))], {}, "finish-reason"),
    "an end of another kind": ([FOUR, chunk(delta({"stop": 1}))], {}, "finish-reason"),
    "aborted": ([FOUR, chunk(delta("abort"))], {}, "finish-reason: abort"),
    "an index beyond": ([FOUR, chunk(delta("stop", 1))], {}, "wrong-index: choices"),
    "an odd index": ([FOUR, chunk(delta("stop", "0"))], {}, "wrong-index: choices"),
    "odd n": ([FOUR, STOP], {"n": 0.5}, "wrong-count: choices"),
    "none asked for": ([], {"n": 0}, "wrong-count: choices"),
    "error in a choice": (
        [FOUR, chunk(delta("error", error={"code": 502, "message": "x"}))],
        {},
        "error-in-body: choices",
    ),
    "no choices": ([FOUR, STOP, {"usage": {}}], {}, "incomplete: choices"),
    "choices of another kind": ([FOUR, chunk("stop")], {}, "incomplete: choices"),
    "another API's events": ([{"type": "message_start"}, {"type": "message_stop"}], {}, "incomplete: choices"),
    "another model": ([START, FOUR, chunk(delta("stop"), model="gpt-4o-mini")], {}, "other-model"),
    "another model at first": ([chunk(model="gpt-4o-mini"), START, FOUR, STOP], {}, "other-model"),
}


@pytest.mark.parametrize(("chunks", "asked", "outcome"), STREAMS.values(), ids=STREAMS)
def test_a_chat_stream_is_stored_when_every_choice_has_ended_by_itself(chunks, asked, outcome):
    assert stream_outcome(chunks, **asked) == outcome


def test_a_chat_stream_is_not_stored_without_its_last_event():
    assert stream_outcome([START, FOUR, STOP]) == STORED_STREAM
    assert stream_outcome([START, FOUR, STOP], done=False) == "incomplete: done"


def test_a_stream_of_text_completions_is_stored_when_each_prompt_has_been_completed():
    pieces = [chunk(but(text(None), text="4")), chunk(text("stop")), chunk(text("stop", 1))]
    assert stream_outcome(pieces, dialect="openai-completions", prompt=["a", "b"]) == STORED_STREAM
    assert stream_outcome(pieces[:2], dialect="openai-completions", prompt=["a", "b"]) == "incomplete: finish_reason"
    assert stream_outcome(pieces, dialect="openai-completions", prompt="a") == "wrong-index: choices"
