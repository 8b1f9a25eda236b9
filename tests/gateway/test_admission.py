"""What holds for every dialect: the message around an answer, its JSON, its events, its end."""

import inspect
import json
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inference_edge_cache.gateway.admission import NotStored, NotStoredReason, admit
from inference_edge_cache.protocol.dialects import DIALECTS

JSON = (("content-type", "application/json"),)
SSE = (("content-type", "text/event-stream"),)
STORED_SSE = "text/event-stream; charset=utf-8"
LIMIT = 10_000

ASKED = {"model": "m", "messages": [{"role": "user", "content": "2+2?"}], "temperature": 0}
STREAM = {**ASKED, "stream": True}
MESSAGE = {"role": "assistant", "content": "4"}
ANSWER = {"model": "m", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}


def dumped(document) -> bytes:
    return json.dumps(document).encode()


def events(*chunks, done=True) -> bytes:
    lines = [f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def piece(text=None, end=None) -> dict:
    delta = {} if text is None else {"content": text}
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}


WHOLE = events(piece("4"), piece(end="stop"))


def chat(body: bytes = dumped(ANSWER), status=200, headers=JSON, request=ASKED, limit=LIMIT):
    return str(admit("openai-chat", request, status, headers, body, limit))


# --- The message ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 100, 201, 202, 203, 204, 206, 301, 304, 400, 401, 404, 429, 500, 502, 503, 529])
def test_only_status_200_is_stored(status):
    """lineofflight/frankfurter#347, ecosyste-ms/packages#1572: errors cached for a day."""
    assert chat() == "application/json"
    assert chat(status=status) == "status"


def test_an_answer_is_stored_up_to_the_limit():
    body = dumped(ANSWER)
    assert chat(body, limit=len(body)) == "application/json"
    assert chat(body, limit=len(body) - 1) == "too-large"


CONTENT_TYPES = {
    "application/json": "application/json",
    "Application/JSON": "application/json",
    " application/json ": "application/json",
    "application/json; charset=utf-8": "application/json",
    'application/json;charset="UTF-8"': "application/json",
    "application/json; profile=x": "application/json",
    "application/vnd.example+JSON; v=2": "application/vnd.example+json",
    "application/json; charset=utf-16": "content-type",
    "application/json; charset=utf-8; charset=latin1": "content-type",
    "application/json, text/html": "content-type",
    "application/jsonlines": "content-type",
    "application/x-ndjson": "content-type",
    "application/octet-stream": "content-type",
    "text/json": "content-type",
    "text/plain": "content-type",
    "text/html; charset=utf-8": "content-type",
    "text/event-stream": "content-type",
    "application/vnd.amazon.eventstream": "content-type",
    "json": "content-type",
    "": "content-type",
    "application/json\r\nset-cookie: a": "content-type",
}


@pytest.mark.parametrize(("given_type", "outcome"), CONTENT_TYPES.items(), ids=map(repr, CONTENT_TYPES))
def test_json_is_stored_under_the_type_that_was_understood(given_type, outcome):
    assert chat(headers=(("content-type", given_type),)) == outcome


STREAM_TYPES = {
    "text/event-stream": STORED_SSE,
    "Text/Event-Stream;charset=UTF-8": STORED_SSE,
    'text/event-stream ; charset="utf-8" ': STORED_SSE,
    "text/event-stream; charset=latin1": "content-type",
    "text/event-stream; charset=utf-8; charset=latin1": "content-type",
    "text/event-stream; boundary=x": "content-type",
    "text/event-streams": "content-type",
    "text/plain": "content-type",
    "application/vnd.amazon.eventstream": "content-type",
    "": "content-type",
}


@pytest.mark.parametrize(("given_type", "outcome"), STREAM_TYPES.items(), ids=map(repr, STREAM_TYPES))
def test_a_stream_is_stored_under_the_type_that_was_understood(given_type, outcome):
    assert chat(WHOLE, headers=(("content-type", given_type),), request=STREAM) == outcome


def test_json_is_for_those_who_asked_for_json_and_a_stream_for_those_who_asked_for_one():
    """gumieri/nenya#18: every hit was a stream, whoever asked."""
    assert chat(WHOLE, headers=SSE, request=STREAM) == STORED_SSE
    assert chat(WHOLE, headers=SSE, request=ASKED) == "content-type"
    assert chat(headers=JSON, request=STREAM) == "content-type"
    assert chat(headers=JSON, request={**ASKED, "stream": False}) == "application/json"
    assert chat(headers=JSON, request={**ASKED, "stream": None}) == "application/json"


@pytest.mark.parametrize("stream", [1, "true", [], {}])
def test_what_asks_for_a_stream_in_no_known_way_is_not_stored_as_one(stream):
    assert chat(WHOLE, headers=SSE, request={**ASKED, "stream": stream}) == "content-type"


def test_a_type_that_is_missing_or_said_twice_is_not_stored():
    assert chat(headers=()) == "content-type"
    assert chat(headers=JSON + JSON) == "content-type"
    assert chat(headers=JSON + SSE) == "content-type"


ENCODINGS = {"gzip": "encoded", "br": "encoded", "identity, gzip": "encoded", "GZIP": "encoded", "x": "encoded"}
ENCODINGS |= {"identity": "application/json", "Identity": "application/json", "": "application/json"}


@pytest.mark.parametrize(("encoding", "outcome"), ENCODINGS.items(), ids=map(repr, ENCODINGS))
def test_a_coded_body_is_not_stored(encoding, outcome):
    """unjs/ocache#73: the coding of the turn that filled the cache was replayed with another body."""
    assert chat(headers=(*JSON, ("content-encoding", encoding))) == outcome


def test_every_line_of_content_encoding_counts():
    assert chat(headers=(*JSON, ("content-encoding", "identity"), ("content-encoding", "gzip"))) == "encoded"


FALLBACKS = {"0": "application/json", "": "application/json"}
FALLBACKS |= dict.fromkeys(("1", " 2 ", "true"), "other-model: x-litellm-attempted-fallbacks")


@pytest.mark.parametrize(("fallbacks", "outcome"), FALLBACKS.items(), ids=map(repr, FALLBACKS))
def test_an_answer_after_a_fallback_is_not_stored_even_under_the_asked_name(fallbacks, outcome):
    """BerriAI/litellm#13486: the body names the primary model."""
    assert chat(headers=(*JSON, ("x-litellm-attempted-fallbacks", fallbacks))) == outcome


def test_an_unknown_dialect_stores_nothing():
    assert str(admit("unheard-of", ASKED, 200, JSON, dumped(ANSWER), LIMIT)) == "unknown-dialect"


# --- The model --------------------------------------------------------------------------------------------------------

SAME_MODEL = [
    ("gpt-4o", "gpt-4o"),
    ("gpt-4o", "GPT-4o"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-4o", "gpt-4o-latest"),
    ("openai/gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o", "azure/gpt-4o"),
    ("openrouter/openai/gpt-4o", "openai/gpt-4o"),
    ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/llama-3.1-8b-instruct"),
    ("gemini-1.5-flash", "gemini-1.5-flash-001"),
    ("claude-sonnet-4", "claude-sonnet-4@20250514"),
    ("claude-sonnet-4", "claude-sonnet-4-20250514"),
    ("command-r", "command-r-08-2024"),
    ("llama3", "llama3:latest"),
    ("llama3:latest", "llama3"),
    ("text-moderation-latest", "text-moderation-007"),
    ("/models/mine/", "/models/mine/"),
    (None, "gpt-4o"),
    ("gpt-4o", None),
    ("gpt-4o", ""),
    (3, "gpt-4o"),
]
OTHER_MODEL = [
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("gpt-4o-mini", "gpt-4o"),
    ("gpt-4o-2024-08-06", "gpt-4o"),
    ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"),
    ("gpt-4", "gpt-4.1"),
    ("gpt-4", "gpt-4-turbo"),
    ("gpt-4", "gpt-4-32k"),
    ("gpt-4", "gpt-40613"),
    ("claude-sonnet-4", "claude-sonnet-4-5"),
    ("claude-sonnet-4", "claude-sonnet-4-5-20250929"),
    ("qwen2.5:7b", "qwen2.5:14b"),
    ("openai/gpt-4o", "anthropic/claude-sonnet-4"),
    ("a/", "b/"),
    ("a/o1", "b/p1"),
    ("gpt-4o", 3),
    ("gpt-4o", ["gpt-4o"]),
    ("gpt-4o", {}),
]


@pytest.mark.parametrize(("asked", "named"), SAME_MODEL)
def test_the_asked_model_may_be_named_with_its_provider_and_its_version(asked, named):
    body = dumped({**ANSWER, "model": named})
    assert chat(body, request={**ASKED, "model": asked}) == "application/json"


@pytest.mark.parametrize(("asked", "named"), OTHER_MODEL)
def test_the_answer_of_another_model_is_not_stored(asked, named):
    """zeroclaw-labs/zeroclaw#9720, BerriAI/litellm#3199: a fallback's answer, kept under the asked model's key."""
    body = dumped({**ANSWER, "model": named})
    assert chat(body, request={**ASKED, "model": asked}) == "other-model"


def test_the_answer_need_not_name_a_model():
    assert chat(dumped({"choices": ANSWER["choices"]})) == "application/json"


# --- The JSON ---------------------------------------------------------------------------------------------------------

NOT_JSON = {
    "nothing": (b"", "not-json"),
    "text": (b"Bad Gateway", "not-json"),
    "HTML": (b"<html></html>", "not-json"),
    "cut off": (dumped(ANSWER)[:-1], "not-json"),
    "followed by another": (dumped(ANSWER) + dumped(ANSWER), "not-json: trailing-data"),
    "followed by an error": (dumped(ANSWER) + b'\n{"error":"x"}', "not-json: trailing-data"),
    "NaN": (b'{"a": NaN, ' + dumped(ANSWER)[1:], "not-json: not-a-number"),
    "Infinity": (b'{"a": [-Infinity], ' + dumped(ANSWER)[1:], "not-json: not-a-number"),
    "a member twice": (b'{"choices": [], ' + dumped(ANSWER)[1:], "not-json: duplicate-key"),
    "an inner member twice": (
        dumped(ANSWER).replace(b'"finish_reason"', b'"finish_reason": "length", "finish_reason"'),
        "not-json: duplicate-key",
    ),
    "not UTF-8": (dumped(ANSWER).replace(b'"4"', b'"\xff"'), "not-json: not-utf8"),
    "a byte order mark": (b"\xef\xbb\xbf" + dumped(ANSWER), "not-json: byte-order-mark"),
    "too deep": (b"[" * 300 + b"]" * 300, "not-json: too-deep"),
    "far too deep": (b"[" * 5_000, "not-json: too-deep"),
}


@pytest.mark.parametrize(("body", "outcome"), NOT_JSON.values(), ids=NOT_JSON)
def test_json_that_is_not_one_whole_document_is_not_stored(body, outcome):
    assert chat(body) == outcome


@pytest.mark.parametrize("error", ["x", "", {}, {"message": "overloaded"}, 0, False, []])
def test_an_error_in_the_body_is_not_stored(error):
    assert chat(dumped({**ANSWER, "error": error})) == "error-in-body"


def test_an_error_that_is_null_is_none():
    assert chat(dumped({**ANSWER, "error": None})) == "application/json"


def test_numbers_of_any_size_are_no_reason_to_refuse_an_answer():
    body = dumped(ANSWER)[:-1] + b', "id": 123456789012345678901234567890, "seed": -9223372036854775808, "x": 1e999}'
    assert chat(body) == "application/json"
    assert chat(dumped(ANSWER)[:-1] + b', "id": ' + b"9" * 9_000 + b"}") == "application/json"


def test_a_stack_that_is_nearly_full_is_no_error():
    body = b"[" * 250 + b"1" + b"]" * 250
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 120)
    try:
        outcome = admit("classification", {}, 200, JSON, body, LIMIT)
    finally:
        sys.setrecursionlimit(limit)
    # Since Python 3.12 the parser has a stack of its own.
    assert str(outcome) in ("not-json: too-deep", "application/json")


# --- The events -------------------------------------------------------------------------------------------------------

STREAMS = {
    "whole": (WHOLE, STORED_SSE),
    "comments": (b": hi\n\n" + WHOLE.replace(b"\n\n", b"\n\n: OPENROUTER PROCESSING\n\n"), STORED_SSE),
    "blank lines at the end": (WHOLE + b"\n\n\r\n", STORED_SSE),
    "CRLF": (WHOLE.replace(b"\n", b"\r\n"), STORED_SSE),
    "CR": (WHOLE.replace(b"\n", b"\r"), STORED_SSE),
    "no space": (WHOLE.replace(b"data: ", b"data:"), STORED_SSE),
    "a byte order mark": (b"\xef\xbb\xbf" + WHOLE, STORED_SSE),
    "named events": (WHOLE.replace(b"data:", b"event: message\ndata:"), STORED_SSE),
    "ids": (WHOLE.replace(b"data:", b"id: 3\ndata:"), STORED_SSE),
    "JSON over two lines": (WHOLE.replace(b'"choices"', b'\ndata: "choices"'), STORED_SSE),
    "nothing": (b"", "incomplete: finish_reason"),
    "only the end": (events(), "incomplete: finish_reason"),
    "an error": (events(piece("4"), {"error": {"message": "x"}}, piece(end="stop")), "error-in-body"),
    "an error instead of a stream": (events({"error": {"message": "x"}}), "error-in-body"),
    "an error event": (b'event: error\ndata: {"message": "x"}\n\n' + WHOLE, "error-in-body"),
    "an error event that is text": (b"event: error\ndata: overloaded\n\n" + WHOLE, "error-in-body"),
    "an error by its type": (events(piece("4"), {"type": "error", "message": "x"}), "error-in-body"),
    "an error after the end": (WHOLE + events({"error": {"message": "cache hit"}}, done=False), "after-the-end"),
    "an end after the end": (WHOLE + events(), "after-the-end"),
    "the end amid": (events(piece("4")) + events(piece(end="stop")), "after-the-end"),
    "no JSON": (events(piece("4"), "oops", piece(end="stop")), "not-json"),
    "cut JSON": (events(json.dumps(piece("4"))[:-1]), "not-json"),
    "empty data": (events("", piece(end="stop")), "not-json"),
    "a list": (events([piece("4")], piece(end="stop")), "not-json: not-an-object"),
    "a number": (events("4", piece(end="stop")), "not-json: not-an-object"),
    "a member twice": (WHOLE.replace(b'"delta"', b'"delta": 1, "delta"'), "not-json: duplicate-key"),
    "not UTF-8": (WHOLE.replace(b'"4"', b'"\xff"'), "not-json: not-utf8"),
    "too deep": (events("[" * 300 + "]" * 300), "not-json: too-deep"),
    "no blank line at the end": (WHOLE[:-1], "incomplete: event"),
    "no line end at the end": (WHOLE[:-2], "incomplete: event"),
    "a field after the end": (WHOLE + b"data: x", "incomplete: event"),
    "another spelling of the end": (WHOLE.replace(b"[DONE]", b"[done]"), "not-json"),
}


@pytest.mark.parametrize(("body", "outcome"), STREAMS.values(), ids=STREAMS)
def test_a_stream_is_stored_only_when_it_is_one_and_whole(body, outcome):
    """gonka-ai/gonka#1723, gumieri/nenya#18: streams with an error frame, kept and replayed."""
    assert chat(body, headers=SSE, request=STREAM) == outcome


# --- Any answer at all ------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        *("choices", "message", "delta", "finish_reason", "index", "model", "usage", "completion_tokens", "error"),
        *("data", "embedding", "results", "relevance_score", "categories", "status", "output", "content", "type"),
        *("response", "predictions", "instances", "safetyAttributes", "finishReason", "generated_text", "details"),
        *("stopReason", "n", "input", "inputs", "prompt", "messages", "documents", "top_n", "parameters", "label"),
        *("max_new_tokens", "stream", "content_filter_results", "prompt_filter_results", "incomplete_details"),
        *("best_of_sequences", "candidates", "dimensions", "encoding_format", "max_tokens", "inferenceConfig"),
        *("maxTokens", "datatype", "text"),
    ]
)
WORDS = st.sampled_from(
    [
        *("stop", "length", "completed", "end_turn", "max_tokens", "eos_token", "message", "refusal", "base64"),
        *("AAAA", "response.completed", "response.failed", "error", "m"),
    ]
)


def documents_of(texts):
    leaves = st.none() | st.booleans() | st.integers(-1, 3) | st.integers() | st.floats() | texts | WORDS
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | texts, inner, max_size=6),
        max_leaves=30,
    )


texts = st.text(st.characters(codec="utf-8"), max_size=8)
documents = documents_of(texts)
marked = documents_of(texts.map("§".__add__))
dialects = st.sampled_from([*DIALECTS, "unheard-of"])
header_lines = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "content-encoding", "x-litellm-attempted-fallbacks"]),
        texts | st.sampled_from(["application/json", "text/event-stream", "identity", "0", ""]),
    ),
    max_size=3,
).map(tuple)


def is_an_outcome(outcome) -> bool:
    return isinstance(outcome, NotStored) or outcome in ("application/json", STORED_SSE)


@given(dialects, documents, st.integers(), header_lines, st.binary(), st.integers())
def test_no_message_makes_admission_raise(dialect, request, status, headers, body, limit):
    outcome = admit(dialect, request, status, headers, body, limit)
    assert isinstance(outcome, str | NotStored)


@given(dialects, documents, st.sampled_from([JSON, SSE]), st.binary())
@example("classification", {}, JSON, b"9" * 5_000)
@example("openai-embeddings", {"input": "x"}, JSON, b'{"data": [{"index": 0, "embedding": [' + b"9" * 400 + b"]}]}")
def test_no_bytes_make_admission_raise(dialect, request, headers, body):
    assert is_an_outcome(admit(dialect, request, 200, headers, body, LIMIT))


@given(dialects, documents, documents)
def test_no_json_makes_admission_raise(dialect, request, document):
    assert is_an_outcome(admit(dialect, request, 200, JSON, dumped(document), LIMIT))


@given(dialects, st.dictionaries(NAMES, documents), st.lists(documents), st.booleans())
def test_no_stream_makes_admission_raise(dialect, request, chunks, done):
    body = events(*map(json.dumps, chunks), done=done)
    assert is_an_outcome(admit(dialect, {**request, "stream": True}, 200, SSE, body, LIMIT))


@given(dialects, marked, marked, st.lists(marked))
def test_a_reason_never_holds_a_part_of_the_body(dialect, request, document, chunks):
    """It is shown in Cache-Status: every word of it is one that this library knows."""
    asked_for_stream = {**request, "stream": True} if isinstance(request, dict) else {"stream": True}
    answered = admit(dialect, request, 200, JSON, dumped(document), LIMIT)
    streamed = admit(dialect, asked_for_stream, 200, SSE, events(*map(json.dumps, chunks)), LIMIT)
    assert "§" not in f"{answered} {streamed}"


@given(st.sampled_from(NotStoredReason), st.sampled_from(["", "status"]))
def test_a_reason_reads_as_a_word_and_its_detail(reason, detail):
    outcome = str(NotStored(reason, detail))
    assert outcome == (f"{reason.value}: {detail}" if detail else reason.value)
    assert outcome.isascii()


# --- What is cut off --------------------------------------------------------------------------------------------------

USAGE = {"usage": {"completion_tokens": 1}}
ADMITTED = {
    "chat": ("openai-chat", ASKED, JSON, dumped(ANSWER)),
    "chat stream": ("openai-chat", STREAM, SSE, WHOLE),
    "chat stream, CRLF": ("openai-chat", STREAM, SSE, WHOLE.replace(b"\n", b"\r\n")),
    "chat stream with usage": (
        "openai-chat",
        {**STREAM, "max_tokens": 1},
        SSE,
        events(piece("é 4"), piece(end="length"), {"model": "m", "choices": [], **USAGE}),
    ),
    "completions stream": (
        "openai-completions",
        {"prompt": "x", "stream": True},
        SSE,
        events({"choices": [{"index": 0, "text": "4", "finish_reason": "stop"}]}),
    ),
    "responses": (
        "openai-responses",
        {"input": "x"},
        JSON,
        dumped({"status": "completed", "output": [{"type": "reasoning"}]}),
    ),
    "responses stream": (
        "openai-responses",
        {"input": "x", "stream": True},
        SSE,
        events(
            {"type": "response.created", "response": {"status": "in_progress"}},
            {"type": "response.completed", "response": {"status": "completed", "output": [{"type": "reasoning"}]}},
            done=False,
        ),
    ),
    "embeddings": (
        "openai-embeddings",
        {"input": ["x"]},
        JSON,
        dumped({"data": [{"index": 0, "embedding": [0.25, 1]}]}),
    ),
    "rerank": ("rerank", {"documents": ["x", "y"]}, JSON, dumped([{"index": 1, "score": 0.5}])),
    "moderation": ("moderation", {"input": "x"}, JSON, dumped({"results": [{"categories": {"hate": False}}]})),
    "classification": ("classification", {}, JSON, dumped([[1, 2], {"a": "b"}])),
    "converse": (
        "bedrock-converse",
        {},
        JSON,
        dumped({"output": {"message": {"content": [{"text": "4"}]}}, "stopReason": "end_turn"}),
    ),
    "predict": ("vertex-predict", {"instances": [1]}, JSON, dumped({"predictions": [{"a": 1}]})),
    "tgi": (
        "tgi",
        {"inputs": "x"},
        JSON,
        dumped([{"generated_text": "4", "details": {"finish_reason": "eos_token"}}]),
    ),
    "tgi stream": (
        "tgi",
        {"inputs": "x", "parameters": {"max_new_tokens": 2}, "stream": True},
        SSE,
        events({"generated_text": None}, {"generated_text": "4"}, done=False),
    ),
    "tensors": ("sagemaker", {"instances": [[1.0]]}, JSON, dumped({"predictions": [[0.5]]})),
}


@pytest.mark.parametrize(("dialect", "request_", "headers", "body"), ADMITTED.values(), ids=ADMITTED)
def test_no_answer_that_is_cut_off_is_stored(dialect, request_, headers, body):
    """Wherever the connection broke. A stream is whole after the line end of its last blank line, be it CR or CRLF."""
    whole = admit(dialect, request_, 200, headers, body, LIMIT)
    assert isinstance(whole, str)
    ends = len(body) - (1 if body.endswith(b"\r\n") else 0)
    stored = [at for at in range(ends) if isinstance(admit(dialect, request_, 200, headers, body[:at], LIMIT), str)]
    assert stored == []


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=4), st.integers(1, 3), st.data())
def test_no_stream_that_is_cut_off_is_stored(said, n, data):
    pieces = [
        {"index": index, "delta": {"content": text}, "finish_reason": None} for text in said for index in range(n)
    ]
    ends = [{"index": index, "delta": {}, "finish_reason": "stop"} for index in range(n)]
    body = events(*({"model": "m", "choices": [choice]} for choice in pieces + ends))
    request = {**STREAM, "n": n}
    assert chat(body, headers=SSE, request=request) == STORED_SSE
    cut = data.draw(st.integers(0, len(body) - 1))
    assert isinstance(admit("openai-chat", request, 200, SSE, body[:cut], LIMIT), NotStored)


@given(st.sampled_from(list(ADMITTED.values())), st.data())
def test_a_stream_or_document_with_more_behind_it_is_not_stored(case, data):
    dialect, request, headers, body = case
    more = data.draw(st.sampled_from([b"x", b"{}", b"data: {}\n\n", b"data: [DONE]\n\ndata: {}\n\n", b"event: error"]))
    assert isinstance(admit(dialect, request, 200, headers, body + more, LIMIT), NotStored)


def test_every_dialect_is_known_here():
    for dialect in DIALECTS:
        assert str(admit(dialect, {}, 200, JSON, b"", LIMIT)) == "not-json"


def test_time_is_linear_in_the_body():
    """A hundred thousand events, each of another choice: what is quadratic would take minutes."""
    request = {**STREAM, "n": 100_000}
    chunks = (b'data: {"choices":[{"index":%d,"finish_reason":"stop"}]}\n\n' % index for index in range(100_000))
    body = b"".join(chunks) + b"data: [DONE]\n\n"
    assert chat(body, headers=SSE, request=request, limit=len(body)) == STORED_SSE
