"""Which answers of Bedrock, Vertex AI, Text Generation Inference and SageMaker may be stored."""

import json

import pytest

from inference_edge_cache.gateway.admission import admit

JSON = (("content-type", "application/json"),)
SSE = (("content-type", "text/event-stream"),)
STORED = "application/json"
STORED_STREAM = "text/event-stream; charset=utf-8"


def outcome_of(dialect: str, asked: object, document: object) -> str:
    return str(admit(dialect, asked, 200, JSON, json.dumps(document).encode(), 10_000))


def stream_outcome_of(dialect: str, asked: dict, *chunks: object, end: str = "") -> str:
    body = "".join(f"data:{json.dumps(chunk)}\n\n" for chunk in chunks) + end
    return str(admit(dialect, {**asked, "stream": True}, 200, SSE, body.encode(), 10_000))


# --- Bedrock ----------------------------------------------------------------------------------------------------------

TOOL_USE = {"toolUse": {"toolUseId": "t", "name": "add", "input": {"a": 2}}}
CAP = {"inferenceConfig": {"temperature": 0, "maxTokens": 16}}
NO_CAP = {"inferenceConfig": {"temperature": 0}}


def converse(reason: object, *content: dict, used: object = 16, **more) -> dict:
    message = {"role": "assistant", "content": list(content or [{"text": "4"}])}
    return {
        "output": {"message": message},
        "stopReason": reason,
        "usage": {"inputTokens": 9, "outputTokens": used, "totalTokens": 25},
        "metrics": {"latencyMs": 300},
        **more,
    }


CONVERSE = {
    "end of turn": (NO_CAP, converse("end_turn"), STORED),
    "stop sequence": (NO_CAP, converse("stop_sequence"), STORED),
    "tool use": (NO_CAP, converse("tool_use", {"text": "so"}, TOOL_USE), STORED),
    "reasoning": (NO_CAP, converse("end_turn", {"reasoningContent": {"redactedContent": "AA=="}}), STORED),
    "at the cap": (CAP, converse("max_tokens"), STORED),
    "before the cap": (CAP, converse("max_tokens", used=15), "truncated: max_tokens"),
    "without a cap": (NO_CAP, converse("max_tokens"), "truncated: max_tokens"),
    "no inferenceConfig": ({}, converse("max_tokens"), "truncated: max_tokens"),
    "usage unknown": (CAP, converse("max_tokens", usage=None), "truncated: max_tokens"),
    "guardrail": (NO_CAP, converse("guardrail_intervened"), "filtered: guardrail_intervened"),
    "content filter": (NO_CAP, converse("content_filtered"), "filtered: content_filtered"),
    "context window": (
        CAP,
        converse("model_context_window_exceeded"),
        "finish-reason: model_context_window_exceeded",
    ),
    "malformed output": (NO_CAP, converse("malformed_model_output"), "finish-reason: malformed_model_output"),
    "malformed call": (NO_CAP, converse("malformed_tool_use"), "finish-reason: malformed_tool_use"),
    "an unknown end": (NO_CAP, converse("aged_out"), "finish-reason"),
    "no end": (NO_CAP, converse(None), "incomplete: stopReason"),
    "no output": (NO_CAP, {"stopReason": "end_turn"}, "incomplete: output"),
    "no content": (
        NO_CAP,
        {"output": {"message": {"role": "assistant"}}, "stopReason": "end_turn"},
        "incomplete: output",
    ),
    "an error": (NO_CAP, {"error": "x"}, "error-in-body"),
    "a message instead": (NO_CAP, {"message": "Too many requests"}, "incomplete: output"),
    "a list": (NO_CAP, [converse("end_turn")], "incomplete: output"),
    "an odd request": ([], converse("end_turn"), STORED),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), CONVERSE.values(), ids=CONVERSE)
def test_a_converse_answer_is_stored_when_the_model_was_done(asked, document, outcome):
    assert outcome_of("bedrock-converse", asked, document) == outcome


# --- Vertex AI --------------------------------------------------------------------------------------------------------

ONE = {"instances": [{"prompt": "2+2?"}], "parameters": {"temperature": 0}}
TWO = {"instances": [{"prompt": "2+2?"}, {"prompt": "3+3?"}], "parameters": {"temperature": 0}}
SAFE = {"blocked": False, "categories": [], "scores": []}
BLOCKED = {"blocked": True, "errors": [250]}


def predictions(*items: object, **more) -> dict:
    return {"predictions": list(items), "deployedModelId": "1", "modelDisplayName": "m", **more}


PREDICT = {
    "text": (ONE, predictions({"content": "4", "safetyAttributes": SAFE}), STORED),
    "a string": (ONE, predictions("Prompt:\n2+2?\nOutput:\n4"), STORED),
    "tensors": (TWO, predictions([0.1, 0.9], [0.8, 0.2]), STORED),
    "embeddings": (ONE, predictions({"embeddings": {"values": [0.1], "statistics": {"truncated": False}}}), STORED),
    "Google's end": (ONE, predictions({"content": "4", "finishReason": "STOP"}), STORED),
    "a container's end": (ONE, predictions({"generated_text": "4", "details": {"finish_reason": "eos_token"}}), STORED),
    "chat": (ONE, predictions({"candidates": [{"content": "4"}], "safetyAttributes": [SAFE]}), STORED),
    "choices": (ONE, predictions({"choices": [{"finish_reason": "stop"}]}), STORED),
    "the first is blocked": (
        ONE,
        predictions({"content": "", "safetyAttributes": BLOCKED}),
        "filtered: safetyAttributes",
    ),
    "the second is blocked": (
        TWO,
        predictions({"content": "4"}, {"content": "", "safetyAttributes": BLOCKED}),
        "filtered: safetyAttributes",
    ),
    "chat that is blocked": (
        ONE,
        predictions({"candidates": [{"content": ""}], "safetyAttributes": [SAFE, BLOCKED]}),
        "filtered: safetyAttributes",
    ),
    "an image that was filtered": (ONE, predictions({"raiFilteredReason": "1 image"}), "filtered: raiFilteredReason"),
    "cut off": (ONE, predictions({"content": "4", "finishReason": "MAX_TOKENS"}), "truncated: max_tokens"),
    "a container's cut": (
        ONE,
        predictions({"generated_text": "4", "details": {"finish_reason": "length"}}),
        "truncated: length",
    ),
    "a choice that is cut": (
        ONE,
        predictions({"choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}]}),
        "truncated: length",
    ),
    "a candidate that is unsafe": (ONE, predictions({"candidates": [{"finishReason": "SAFETY"}]}), "filtered: safety"),
    "a null": (ONE, predictions(None), "incomplete: predictions"),
    "an unfinished one": (ONE, predictions({"content": "4", "finishReason": None}), "incomplete: finishReason"),
    "another end": (ONE, predictions({"content": "4", "finishReason": "OTHER"}), "finish-reason: other"),
    "an unknown end": (ONE, predictions({"content": "4", "finishReason": "AGED_OUT"}), "finish-reason"),
    "an end as a number": (ONE, predictions({"content": "4", "finishReason": 1}), "finish-reason"),
    "an error for one": (TWO, predictions({"content": "4"}, {"error": "x"}), "error-in-body: predictions"),
    "an error": (ONE, {"error": {"code": 400, "message": "x"}}, "error-in-body"),
    "one for two": (TWO, predictions({"content": "4"}), "wrong-count: predictions"),
    "two for one": (ONE, predictions({"content": "4"}, {"content": "4"}), "wrong-count: predictions"),
    "no instances": ({}, predictions({"content": "4"}), "wrong-count: predictions"),
    "none": ({"instances": []}, predictions(), "incomplete: predictions"),
    "an object": (ONE, predictions() | {"predictions": {"choices": []}}, "incomplete: predictions"),
    "no predictions": (ONE, {"deployedModelId": "1"}, "incomplete: predictions"),
    "a list": (ONE, [4], "incomplete: predictions"),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), PREDICT.values(), ids=PREDICT)
def test_predictions_are_stored_when_each_instance_has_one_that_is_whole(asked, document, outcome):
    assert outcome_of("vertex-predict", asked, document) == outcome


ENDS = dict.fromkeys(["STOP", "stop", "tool_calls", "function_call", "eos_token", "stop_sequence"], STORED)
ENDS |= dict.fromkeys(["max_tokens", "length"], "truncated: {}")
ENDS |= dict.fromkeys(
    ["safety", "recitation", "blocklist", "prohibited_content", "spii", "content_filter"], "filtered: {}"
)
ENDS |= dict.fromkeys(["other", "malformed_function_call", "model_armor", "abort", "error"], "finish-reason: {}")


@pytest.mark.parametrize(("reason", "outcome"), ENDS.items(), ids=ENDS)
@pytest.mark.parametrize("field", ["finishReason", "finish_reason"])
def test_the_end_of_a_prediction_is_read_as_google_and_as_the_containers_name_it(field, reason, outcome):
    for spelling in (reason, reason.upper()):
        document = predictions({"content": "4", field: spelling})
        assert outcome_of("vertex-predict", ONE, document) == outcome.format(reason)


@pytest.mark.parametrize("dialect", ["bedrock-converse", "vertex-predict"])
def test_what_has_another_way_to_stream_is_json_here(dialect):
    asked, document = (NO_CAP, converse("end_turn")) if dialect == "bedrock-converse" else (ONE, predictions("4"))
    assert outcome_of(dialect, {**asked, "stream": True}, document) == STORED
    assert stream_outcome_of(dialect, asked, document) == "content-type"


# --- Text Generation Inference ----------------------------------------------------------------------------------------


def generate(**parameters) -> dict:
    return {"inputs": "2+2=", "parameters": {"do_sample": False, **parameters}}


def generated(reason: object = "eos_token", tokens: object = 16, **details) -> dict:
    return {"generated_text": "4", "details": {"finish_reason": reason, "generated_tokens": tokens, **details}}


CAPPED = generate(max_new_tokens=16)
SEQUENCES = [{"generated_text": "5", "finish_reason": "length", "generated_tokens": 8}]
TGI = {
    "end of text": (generate(), generated(), STORED),
    "stop sequence": (generate(), generated("stop_sequence"), STORED),
    "a list of one": (generate(), [generated()], STORED),
    "empty text": (generate(), {**generated(), "generated_text": ""}, STORED),
    "at the cap": (CAPPED, generated("length"), STORED),
    "no details, but a cap": (CAPPED, [{"generated_text": "4"}], STORED),
    "details null, but a cap": (CAPPED, {"generated_text": "4", "details": None}, STORED),
    "the best of several": (CAPPED, generated(best_of_sequences=[generated("stop_sequence")["details"]]), STORED),
    "before the cap": (CAPPED, generated("length", 15), "truncated: length"),
    "at the server's cap": (generate(), generated("length", 100), "truncated: length"),
    "at an odd cap": (generate(max_new_tokens="16"), generated("length"), "truncated: length"),
    "one of several cut before the cap": (CAPPED, generated(best_of_sequences=SEQUENCES), "truncated: length"),
    "no details and no cap": (generate(), {"generated_text": "4"}, "incomplete: details"),
    "no parameters at all": ({"inputs": "2+2="}, [{"generated_text": "4"}], "incomplete: details"),
    "cap null": (generate(max_new_tokens=None), [{"generated_text": "4"}], "incomplete: details"),
    "no end": (CAPPED, generated(None), "incomplete: finish_reason"),
    "details of another kind": (CAPPED, {"generated_text": "4", "details": "x"}, "incomplete: finish_reason"),
    "an unknown end": (CAPPED, generated("aged_out"), "finish-reason"),
    "no text": (CAPPED, {"details": generated()["details"]}, "incomplete: generated_text"),
    "text null": (CAPPED, {**generated(), "generated_text": None}, "incomplete: generated_text"),
    "a list of two": (CAPPED, [generated(), generated()], "wrong-count: generated_text"),
    "a list of none": (CAPPED, [], "wrong-count: generated_text"),
    "a list of text": (CAPPED, ["4"], "incomplete: generated_text"),
    "an error": (CAPPED, {"error": "Model is overloaded", "error_type": "overloaded"}, "error-in-body"),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), TGI.values(), ids=TGI)
def test_generated_text_is_stored_when_it_is_whole_or_as_long_as_asked_for(asked, document, outcome):
    assert outcome_of("tgi", asked, document) == outcome


def token(text: str = "4", **more) -> dict:
    return {"index": 1, "token": {"id": 1, "text": text}, "generated_text": None, "details": None, **more}


LAST = token(**generated())
TGI_STREAMS = {
    "whole": (generate(), [token(), LAST], STORED_STREAM),
    "one token": (generate(), [LAST], STORED_STREAM),
    "at the cap": (CAPPED, [token(), token(**generated("length"))], STORED_STREAM),
    "no details, but a cap": (CAPPED, [token(), token(generated_text="4")], STORED_STREAM),
    "no details and no cap": (generate(), [token(), token(generated_text="4")], "incomplete: details"),
    "at the server's cap": (generate(), [token(), token(**generated("length", 100))], "truncated: length"),
    "no end": (generate(), [token()], "incomplete: generated_text"),
    "nothing": (generate(), [], "incomplete: generated_text"),
    "text of another kind": (generate(), [token(generated_text=["4"])], "incomplete: generated_text"),
    "more after the end": (generate(), [LAST, token()], "after-the-end"),
    "ended twice": (generate(), [LAST, LAST], "after-the-end"),
    "an error": (generate(), [token(), {"error": "x", "error_type": "generation"}], "error-in-body"),
}


@pytest.mark.parametrize(("asked", "chunks", "outcome"), TGI_STREAMS.values(), ids=TGI_STREAMS)
def test_a_stream_of_tokens_is_stored_after_the_whole_text(asked, chunks, outcome):
    assert stream_outcome_of("tgi", asked, *chunks) == outcome
    assert stream_outcome_of("sagemaker", asked, *chunks) == outcome


# --- SageMaker --------------------------------------------------------------------------------------------------------

MESSAGES = {"messages": [{"role": "user", "content": "2+2?"}], "temperature": 0}
CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}]}
TEXT = {"choices": [{"index": 0, "text": "4", "finish_reason": "stop"}]}
CUT = {"choices": [{"index": 0, "message": {"content": "4"}, "finish_reason": "length"}]}
TRITON = {"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["a"]}], "parameters": {"p": 1}}
TRITON_ANSWER = {"model_name": "m", "outputs": [{"name": "y", "shape": [1], "datatype": "FP32", "data": [0.5]}]}
LABELS = [{"label": "POSITIVE", "score": 0.99}, {"label": "NEGATIVE", "score": 0.01}]

SAGEMAKER = {
    "chat": (MESSAGES, CHAT, STORED),
    "chat that is cut": (MESSAGES, CUT, "truncated: length"),
    "chat with an adapter of another name": ({**MESSAGES, "model": "a"}, {**CHAT, "model": "b"}, "other-model"),
    "a prompt": ({"prompt": "2+2="}, TEXT, STORED),
    "a prompt's answer as chat": ({"prompt": "2+2="}, CHAT, "incomplete: text"),
    "text": (generate(), [generated()], STORED),
    "text that is cut": (generate(), [generated("length")], "truncated: length"),
    "text, end unknown": ({"inputs": "2+2="}, [{"generated_text": "4"}], "incomplete: details"),
    "text by another name": ({"inputs": "2+2=", "parameters": {}}, [{"generation": "4"}], "incomplete: generated_text"),
    "parameters alone": ({"parameters": {"max_new_tokens": 4}}, {"generated_text": "4"}, STORED),
    "parameters alone, without a cap": ({"parameters": {}}, {"generated_text": "4"}, "incomplete: details"),
    "a list of messages": ({"inputs": [{"role": "user"}]}, {"answer": "4"}, "incomplete: generated_text"),
    "a text named label": ({"inputs": {"label": "a", "k": 1}}, {"answer": "4"}, "incomplete: generated_text"),
    "an object of texts": (
        {"inputs": {"question": "q", "context": "c"}},
        {"answer": "c"},
        "incomplete: generated_text",
    ),
    # Of the same container, for other tasks: nothing in them is generated.
    "labels": ({"inputs": "I like it"}, LABELS, STORED),
    "labels of each": ({"inputs": ["a", "b"], "parameters": {"top_k": 2}}, [LABELS, LABELS], STORED),
    "vectors": ({"inputs": "a"}, [[[0.25, -1]]], STORED),
    "vectors with a null": ({"inputs": "a"}, [[0.25, None]], "incomplete: generated_text"),
    "booleans": ({"inputs": "a"}, [[True]], "incomplete: generated_text"),
    "a label that is null": ({"inputs": "a"}, {"label": None, "score": 0.5}, "incomplete: generated_text"),
    "no vectors": ({"inputs": "a"}, [[]], "incomplete: generated_text"),
    "a number alone": ({"inputs": "a"}, 1, "incomplete"),
    "Triton": (TRITON, TRITON_ANSWER, STORED),
    "Triton's error": (TRITON, {"error": "x"}, "error-in-body"),
    "TensorFlow Serving": ({"inputs": [[1.0, 2]]}, {"outputs": [["yes"]]}, STORED),
    "TensorFlow Serving, named": ({"inputs": {"a": [1], "b": [2]}}, {"outputs": {"c": [1]}}, STORED),
    "instances": ({"instances": [[1.0]]}, {"predictions": [{"label": "yes"}]}, STORED),
    "a list of rows": ([[1, 2], [3, 4]], [0, 1], STORED),
    "features named model": ({"model": "a", "age": 3}, {"model": "b", "price": 4}, STORED),
    "features named n": ({"n": 2, "stream": True}, {"price": 4}, STORED),
    "a row's error": ([[1]], [{"error": "x"}], "error-in-body"),
    "a number": ([[1]], 4, "incomplete"),
    "null": ([[1]], None, "incomplete"),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), SAGEMAKER.values(), ids=SAGEMAKER)
def test_a_sagemaker_answer_is_judged_by_what_was_asked(asked, document, outcome):
    assert outcome_of("sagemaker", asked, document) == outcome


def test_a_sagemaker_stream_is_judged_by_what_was_asked():
    end = "data: [DONE]\n\n"
    piece = {"choices": [{"index": 0, "delta": {"content": "4"}, "finish_reason": "stop"}]}
    assert stream_outcome_of("sagemaker", MESSAGES, piece, end=end) == STORED_STREAM
    assert stream_outcome_of("sagemaker", MESSAGES, piece) == "incomplete: done"
    assert stream_outcome_of("sagemaker", {"instances": [[1]]}, {"predictions": [1]}) == "content-type"
