"""Which answers of the Responses API may be stored, whole and streamed."""

import json

import pytest

from inference_edge_cache.gateway.admission import admit

STORED = "application/json"
STORED_STREAM = "text/event-stream; charset=utf-8"
ASKED = {"model": "gpt-4o", "input": "2+2?", "temperature": 0, "store": False}

TEXT = {"type": "output_text", "text": "4", "annotations": [], "logprobs": []}
MESSAGE = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [TEXT]}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "..."}
CALL = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": "{}", "status": "completed"}
REFUSAL = {"type": "refusal", "refusal": "I can't."}


def response(*output, **more) -> dict:
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "gpt-4o-2024-08-06",
        "output": list(output or [MESSAGE]),
        "usage": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10},
        **more,
    }


ANSWERS = {
    "message": (response(), STORED),
    "reasoning first": (response(REASONING, MESSAGE), STORED),
    "function call": (response(REASONING, CALL), STORED),
    "custom tool call": (response({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"}), STORED),
    "local shell": (response({"type": "local_shell_call", "status": "completed"}), STORED),
    "patch": (response({"type": "apply_patch_call", "status": "completed"}), STORED),
    "fields that say nothing": ({"status": "completed", "output": [REASONING]}, STORED),
    "cut at the cap": (
        response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        "truncated: max_output_tokens",
    ),
    "cut by a filter": (
        response(status="incomplete", incomplete_details={"reason": "content_filter"}),
        "filtered: content_filter",
    ),
    "cut for another reason": (
        response(status="incomplete", incomplete_details={"reason": "aged out"}),
        "incomplete: incomplete_details",
    ),
    "cut for no reason": (response(incomplete_details={}), "incomplete: incomplete_details"),
    "cut for an odd reason": (response(incomplete_details={"reason": ["x"]}), "incomplete: incomplete_details"),
    "failed": (response(status="failed", error={"code": "server_error", "message": "x"}), "error-in-body"),
    "failed without an error": (response(status="failed"), "incomplete: status"),
    "in progress": (response(status="in_progress"), "incomplete: status"),
    "queued": (response(status="queued"), "incomplete: status"),
    "cancelled": (response(status="cancelled"), "incomplete: status"),
    "no status": (response(status=None), "incomplete: status"),
    "no output": (response(output=[]), "incomplete: output"),
    "output null": (response(output=None), "incomplete: output"),
    "a message that was cut": (response({**MESSAGE, "status": "incomplete"}), "incomplete: message"),
    "a call that was cut": (response(MESSAGE, {**CALL, "status": "in_progress"}), "incomplete: function_call"),
    "refusal": (response({**MESSAGE, "content": [REFUSAL]}), "refused: refusal"),
    "refusal after text": (response({**MESSAGE, "content": [TEXT, REFUSAL]}), "refused: refusal"),
    "web search": (
        response({"type": "web_search_call", "status": "completed"}, MESSAGE),
        "server-tool: web_search_call",
    ),
    "file search": (response({"type": "file_search_call"}, MESSAGE), "server-tool: file_search_call"),
    "an unknown item": (response({"type": "telepathy_call"}, MESSAGE), "server-tool: output"),
    "an item without a type": (response({"content": [TEXT]}), "server-tool: output"),
    "an item of an odd type": (response({"type": ["message"]}), "server-tool: output"),
    "an item that is text": (response("4"), "server-tool: output"),
    "another model": (response(model="gpt-4o-mini"), "other-model"),
    "a list": ([response()], "incomplete: status"),
    "a chat completion": ({"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}, "incomplete: status"),
}


@pytest.mark.parametrize(("document", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_a_response_is_stored_when_the_model_has_completed_it_alone(document, outcome):
    headers = (("content-type", "application/json"),)
    body = json.dumps(document).encode()
    assert str(admit("openai-responses", ASKED, 200, headers, body, 10_000)) == outcome


@pytest.mark.parametrize(
    "kind",
    [
        *("web_search_call", "file_search_call", "code_interpreter_call", "computer_call", "image_generation_call"),
        *("mcp_call", "mcp_list_tools", "mcp_approval_request", "shell_call", "tool_search_call"),
    ],
)
def test_what_the_provider_has_looked_up_is_not_stored(kind):
    headers = (("content-type", "application/json"),)
    body = json.dumps(response({"type": kind, "status": "completed"}, MESSAGE)).encode()
    assert str(admit("openai-responses", ASKED, 200, headers, body, 10_000)) == f"server-tool: {kind}"


def event(kind: str, **more) -> dict:
    return {"type": f"response.{kind}", **more}


CREATED = event("created", response=response(status="in_progress", output=[]))
DELTA = event("output_text.delta", item_id="msg_1", delta="4")
COMPLETED = event("completed", response=response())
CUT = event("incomplete", response=response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
FAILED = event("failed", response=response(status="failed", error={"code": "server_error", "message": "x"}))

STREAMS = {
    "completed": ([CREATED, DELTA, COMPLETED], STORED_STREAM),
    "completed at once": ([COMPLETED], STORED_STREAM),
    "function call": ([CREATED, event("completed", response=response(CALL))], STORED_STREAM),
    "nothing": ([], "incomplete: response.completed"),
    "not completed": ([CREATED, DELTA], "incomplete: response.completed"),
    "an odd type": ([CREATED, {"type": ["response.completed"]}], "incomplete: response.completed"),
    "cut at the cap": ([CREATED, DELTA, CUT], "truncated: max_output_tokens"),
    "failed": ([CREATED, FAILED], "error-in-body"),
    "cancelled": ([CREATED, event("cancelled", response=response(status="cancelled"))], "incomplete: status"),
    "failed, it says, and completed": ([event("failed", response=response())], "incomplete: response.completed"),
    "an error": ([CREATED, {"type": "error", "code": "server_error", "message": "x"}, COMPLETED], "error-in-body"),
    "completed twice": ([CREATED, COMPLETED, COMPLETED], "after-the-end"),
    "failed after all": ([COMPLETED, FAILED], "after-the-end"),
    "more text after the end": ([COMPLETED, DELTA], "after-the-end"),
    "no response": ([CREATED, event("completed")], "incomplete: status"),
    "not quite completed": ([event("completed", response=response(status="in_progress"))], "incomplete: status"),
    "refusal": ([event("completed", response=response({**MESSAGE, "content": [REFUSAL]}))], "refused: refusal"),
    "web search": (
        [CREATED, event("completed", response=response({"type": "web_search_call"}, MESSAGE))],
        "server-tool: web_search_call",
    ),
    "another model": ([event("completed", response=response(model="gpt-4o-mini"))], "other-model"),
    "another model at first": ([event("created", response={"model": "o3"}), COMPLETED], "other-model"),
}


@pytest.mark.parametrize("end", ["", "data: [DONE]\n\n"], ids=["as OpenAI ends", "as others end"])
@pytest.mark.parametrize(("events", "outcome"), STREAMS.values(), ids=STREAMS)
def test_a_stream_is_stored_after_the_response_is_completed(events, outcome, end):
    """BerriAI/litellm#24579: streams of this API were not stored at all."""
    named = "".join(
        f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events if isinstance(one["type"], str)
    )
    plain = "".join(f"data: {json.dumps(one)}\n\n" for one in events)
    for body in (plain + end, named + end):
        headers = (("content-type", "text/event-stream; charset=utf-8"),)
        assert str(admit("openai-responses", {**ASKED, "stream": True}, 200, headers, body.encode(), 10_000)) == outcome
