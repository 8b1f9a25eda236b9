"""Which embeddings, rerankings, moderations and classifications may be stored."""

import base64
import json
import struct

import pytest

from inference_edge_cache.gateway.admission import admit

STORED = "application/json"


def outcome_of(dialect: str, asked: dict, document: object) -> str:
    headers = (("content-type", "application/json"),)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return str(admit(dialect, asked, 200, headers, body, 10_000))


# --- Embeddings -------------------------------------------------------------------------------------------------------

VECTOR = [0.25, -0.5, 1]
CODED = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()


def vector(index: object = 0, embedding: object = VECTOR) -> dict:
    return {"object": "embedding", "index": index, "embedding": embedding}


def vectors(*items: object, **more) -> dict:
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": "text-embedding-3-small", "data": list(items), "usage": usage, **more}


def texts(value: object, **more) -> dict:
    return {"model": "text-embedding-3-small", "input": value, **more}


IN_BASE64 = {"encoding_format": "base64"}
EMBEDDINGS = {
    "a text": (texts("a"), vectors(vector()), STORED),
    "a list of one": (texts(["a"]), vectors(vector()), STORED),
    "two texts": (texts(["a", "b"]), vectors(vector(), vector(1)), STORED),
    "the same text twice": (texts(["a", "a"]), vectors(vector(), vector(1)), STORED),
    "tokens": (texts([1, 2, 3]), vectors(vector()), STORED),
    "two lists of tokens": (texts([[1, 2], [3]]), vectors(vector(), vector(1)), STORED),
    "whole numbers": (texts("a"), vectors(vector(0, [1, 0, -1])), STORED),
    "base64": (texts("a", **IN_BASE64), vectors(vector(0, CODED)), STORED),
    "numbers to those who take base64": (texts("a", **IN_BASE64), vectors(vector()), STORED),
    "dimensions": (texts("a", dimensions=3), vectors(vector()), STORED),
    "dimensions null": (texts("a", dimensions=None), vectors(vector()), STORED),
    "dimensions in base64": (texts("a", dimensions=3, **IN_BASE64), vectors(vector(0, CODED)), STORED),
    # BerriAI/litellm#13250: an embedding with nulls in it.
    "null": (texts("a"), vectors(vector(0, None)), "incomplete: embedding"),
    "null amid": (texts("a"), vectors(vector(0, [0.25, None, 1])), "incomplete: embedding"),
    "null amid, in the second": (
        texts(["a", "b"]),
        vectors(vector(), vector(1, [None])),
        "incomplete: embedding",
    ),
    # huggingface/text-embeddings-inference#51 and others: a model that overflows gives NaN.
    "NaN": (texts("a"), b'{"data": [{"index": 0, "embedding": [NaN]}]}', "not-json: not-a-number"),
    "infinite": (texts("a"), b'{"data": [{"index": 0, "embedding": [1e999]}]}', "incomplete: embedding"),
    "an endless integer": (
        texts("a"),
        b'{"data": [{"index": 0, "embedding": [' + b"9" * 400 + b"]}]}",
        "incomplete: embedding",
    ),
    "empty": (texts("a"), vectors(vector(0, [])), "incomplete: embedding"),
    "booleans": (texts("a"), vectors(vector(0, [True])), "incomplete: embedding"),
    "strings": (texts("a"), vectors(vector(0, ["0.25"])), "incomplete: embedding"),
    "nested": (texts("a"), vectors(vector(0, [VECTOR])), "incomplete: embedding"),
    "base64 that nobody asked for": (texts("a"), vectors(vector(0, CODED)), "incomplete: embedding"),
    "base64 that is empty": (texts("a", **IN_BASE64), vectors(vector(0, "")), "incomplete: embedding"),
    "base64 that is none": (texts("a", **IN_BASE64), vectors(vector(0, "a b!")), "incomplete: embedding"),
    "base64 that is cut": (texts("a", **IN_BASE64), vectors(vector(0, CODED[:-1])), "incomplete: embedding"),
    "base64 that is not ASCII": (texts("a", **IN_BASE64), vectors(vector(0, "éééé")), "incomplete: embedding"),
    "null in place of base64": (texts("a", **IN_BASE64), vectors(vector(0, None)), "incomplete: embedding"),
    "one for two": (texts(["a", "b"]), vectors(vector()), "wrong-count: data"),
    "two for one": (texts("a"), vectors(vector(), vector(1)), "wrong-count: data"),
    "none": (texts("a"), vectors(), "wrong-count: data"),
    "none for none": (texts([]), vectors(), "wrong-count: data"),
    "inputs of two kinds": (texts(["a", [1]]), vectors(vector(), vector(1)), "wrong-count: data"),
    "tokens that are none": (texts([["a"], [1]]), vectors(vector(), vector(1)), "wrong-count: data"),
    "inputs of another kind": (texts([{"image": "x"}]), vectors(vector()), "wrong-count: data"),
    "no input": ({"model": "text-embedding-3-small"}, vectors(vector()), "wrong-count: data"),
    # BerriAI/litellm#41799 and #29284: index 0, 1, 1, and the third text had the second one's vector.
    "an index twice": (
        texts(["a", "b", "c"]),
        vectors(vector(), vector(1), vector(1)),
        "wrong-index: data",
    ),
    # BerriAI/litellm#20456: readers that go by position give each text the other's vector.
    "another order": (texts(["a", "b"]), vectors(vector(1), vector(0)), "wrong-index: data"),
    "counted from 1": (texts("a"), vectors(vector(1)), "wrong-index: data"),
    "no index": (texts("a"), vectors({"embedding": VECTOR}), "wrong-index: data"),
    "index false": (texts("a"), vectors(vector(False)), "wrong-index: data"),
    "index as text": (texts("a"), vectors(vector("0")), "wrong-index: data"),
    "an item that is null": (texts("a"), vectors(None), "wrong-index: data"),
    "other dimensions": (texts("a", dimensions=2), vectors(vector()), "wrong-count: dimensions"),
    "odd dimensions": (texts("a", dimensions="3"), vectors(vector()), "wrong-count: dimensions"),
    "no data": (texts("a"), {"object": "list"}, "incomplete: data"),
    "a list of vectors": (texts("a"), [VECTOR], "incomplete: data"),
    "an error": (texts("a"), {"error": {"message": "x"}}, "error-in-body"),
    "another model": (texts("a"), vectors(vector(), model="text-embedding-3-large"), "other-model"),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_embeddings_are_stored_when_each_text_has_its_own_vector(asked, document, outcome):
    assert outcome_of("openai-embeddings", asked, document) == outcome


# --- Rerankings -------------------------------------------------------------------------------------------------------


def ranked(*indexes: object, score: object = 0.5) -> list[dict]:
    return [{"index": index, "relevance_score": score} for index in indexes]


THREE = {"model": "rerank-v3.5", "query": "q", "documents": ["a", "b", {"text": "c"}]}
RERANK = {
    "Cohere": (THREE, {"id": "1", "results": ranked(2, 0, 1), "meta": {}}, STORED),
    "Voyage": (THREE, {"object": "list", "data": ranked(2, 0, 1), "model": "rerank-v3.5"}, STORED),
    "Text Embeddings Inference": (
        {"query": "q", "texts": ["a", "b"]},
        [{"index": 1, "score": 0.9}, {"index": 0, "score": -1}],
        STORED,
    ),
    "fewer than there are": (THREE, {"results": ranked(2)}, STORED),
    "as many as asked for": ({**THREE, "top_n": 2}, {"results": ranked(2, 0)}, STORED),
    "top_k": ({**THREE, "top_k": 2}, {"data": ranked(2, 0)}, STORED),
    "more than are wanted": (
        {**THREE, "top_n": 1},
        {"results": ranked(2, 0)},
        "wrong-count: results",
    ),
    "more than top_k": ({**THREE, "top_k": 1}, {"data": ranked(2, 0)}, "wrong-count: results"),
    "odd top_n": ({**THREE, "top_n": "3"}, {"results": ranked(2)}, "wrong-count: results"),
    "more than there are": (THREE, {"results": ranked(0, 1, 2, 3)}, "wrong-count: results"),
    "no documents": ({"query": "q"}, {"results": ranked(0)}, "wrong-count: results"),
    "none": (THREE, {"results": []}, "incomplete: results"),
    "no results": (THREE, {"id": "1"}, "incomplete: results"),
    "results null": (THREE, {"results": None, "data": ranked(0)}, "incomplete: results"),
    "results by name": (THREE, {"results": {"0": ranked(0)[0]}}, "incomplete: results"),
    "a number": (THREE, 3, "incomplete: results"),
    "an index twice": (THREE, {"results": ranked(1, 1)}, "wrong-index: results"),
    "an index beyond": (THREE, {"results": ranked(3)}, "wrong-index: results"),
    "an index below": (THREE, {"results": ranked(-1)}, "wrong-index: results"),
    "no index": (THREE, {"results": [{"relevance_score": 1}]}, "wrong-index: results"),
    "an odd index": (THREE, {"results": ranked([0])}, "wrong-index: results"),
    "an item that is null": (THREE, {"results": [None]}, "wrong-index: results"),
    "no score": (THREE, {"results": [{"index": 0}]}, "incomplete: score"),
    "score null": (THREE, {"results": ranked(0, score=None)}, "incomplete: score"),
    "score as text": (THREE, {"results": ranked(0, score="0.5")}, "incomplete: score"),
    "an error": (THREE, [{"error": "overloaded"}], "error-in-body"),
    "another model": (THREE, {"results": ranked(0), "model": "rerank-2-lite"}, "other-model"),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), RERANK.values(), ids=RERANK)
def test_a_reranking_is_stored_when_each_result_is_one_of_the_documents(asked, document, outcome):
    assert outcome_of("rerank", asked, document) == outcome


# --- Moderations ------------------------------------------------------------------------------------------------------

JUDGED = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.01}}
LATEST = {"model": "text-moderation-latest"}
IMAGE = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
MODERATION = {
    "a text": ({"input": "a"}, {"model": "text-moderation-007", "results": [JUDGED]}, STORED),
    "two texts": ({"input": ["a", "b"]}, {"results": [JUDGED, JUDGED]}, STORED),
    "a text and its image": ({"input": IMAGE}, {"results": [JUDGED]}, STORED),
    "the latest": ({"input": "a", **LATEST}, {"model": "text-moderation-007", "results": [JUDGED]}, STORED),
    "another model": (
        {"input": "a", **LATEST},
        {"model": "omni-moderation-latest", "results": [JUDGED]},
        "other-model",
    ),
    "one for two": ({"input": ["a", "b"]}, {"results": [JUDGED]}, "wrong-count: results"),
    "two for one": ({"input": "a"}, {"results": [JUDGED, JUDGED]}, "wrong-count: results"),
    "two for an image": ({"input": IMAGE}, {"results": [JUDGED, JUDGED]}, "wrong-count: results"),
    "none for none": ({"input": []}, {"results": []}, "wrong-count: results"),
    "texts and parts": ({"input": ["a", IMAGE[0]]}, {"results": [JUDGED, JUDGED]}, "wrong-count: results"),
    "tokens": ({"input": [1, 2]}, {"results": [JUDGED]}, "wrong-count: results"),
    "no results": ({"input": "a"}, {"id": "modr-1"}, "wrong-count: results"),
    "a list": ({"input": "a"}, [JUDGED], "wrong-count: results"),
    "a result that is null": ({"input": "a"}, {"results": [None]}, "incomplete: categories"),
    "a result without categories": ({"input": "a"}, {"results": [{"flagged": False}]}, "incomplete: categories"),
    "an error": ({"input": "a"}, {"results": [JUDGED], "error": {"message": "x"}}, "error-in-body"),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), MODERATION.values(), ids=MODERATION)
def test_a_moderation_is_stored_when_each_input_has_been_judged(asked, document, outcome):
    assert outcome_of("moderation", asked, document) == outcome


# --- Classifications --------------------------------------------------------------------------------------------------

CLASSIFICATION = {
    "labels": ({"inputs": "a"}, [{"label": "POSITIVE", "score": 0.99}], STORED),
    "labels of each": ({"inputs": ["a"]}, [[{"label": "POSITIVE", "score": 0.99}]], STORED),
    "an object": ({"model": "m"}, {"model": "m", "data": [{"index": 0, "label": "spam", "probs": [0.1, 0.9]}]}, STORED),
    "nothing found": ({"image": "AA=="}, [], STORED),
    "a number": ({"inputs": "a"}, 0.99, "incomplete"),
    "a string": ({"inputs": "a"}, "spam", "incomplete"),
    "null": ({"inputs": "a"}, None, "incomplete"),
    "an error": ({"inputs": "a"}, {"error": "Model is loading", "estimated_time": 20.0}, "error-in-body"),
    "an error for one of two": ({"inputs": ["a", "b"]}, [{"label": "x"}, {"error": "x"}], "error-in-body"),
    "another model": ({"model": "m"}, {"model": "other", "data": []}, "other-model"),
}


@pytest.mark.parametrize(("asked", "document", "outcome"), CLASSIFICATION.values(), ids=CLASSIFICATION)
def test_a_classification_is_stored_when_it_is_one(asked, document, outcome):
    assert outcome_of("classification", asked, document) == outcome


SCORING = {
    "openai-embeddings": (texts("a"), vectors(vector())),
    "rerank": (THREE, {"results": ranked(0)}),
    "moderation": ({"input": "a"}, {"results": [JUDGED]}),
    "classification": ({"inputs": "a"}, []),
}


@pytest.mark.parametrize("dialect", SCORING)
def test_none_of_these_is_ever_streamed(dialect):
    asked, document = SCORING[dialect]
    asked = {**asked, "stream": True}
    assert outcome_of(dialect, asked, document) == STORED
    events = f"data: {json.dumps(document)}\n\ndata: [DONE]\n\n".encode()
    assert str(admit(dialect, asked, 200, (("content-type", "text/event-stream"),), events, 10_000)) == "content-type"
