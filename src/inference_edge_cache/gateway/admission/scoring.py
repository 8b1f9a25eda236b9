"""Embeddings, rerankings, moderations and classifications: an answer for each input, and nothing that is generated."""

import binascii
import math
from typing import Any

from inference_edge_cache.gateway.admission.answering_model import other_model
from inference_edge_cache.gateway.admission.inputs import count_inputs, count_moderated
from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import Family, as_list, as_object, is_index, is_whole


def _judge_embeddings(request: Any, document: Any) -> NotStored | None:
    """platform.openai.com/docs/api-reference/embeddings/create: one vector for each input, in the inputs' order.

    BerriAI/litellm#41799 and #20456 gave texts each other's vectors, #13250 gave nulls.
    """
    asked, answer = as_object(request), as_object(document)
    data = answer.get("data")
    if not isinstance(data, list):
        return NotStored(NotStoredReason.INCOMPLETE, "data")
    if len(data) != count_inputs(asked.get("input")):
        return NotStored(NotStoredReason.WRONG_COUNT, "data")
    for position, item in enumerate(map(as_object, data)):
        index, vector = item.get("index"), item.get("embedding")
        if not is_whole(index) or index != position:
            return NotStored(NotStoredReason.WRONG_INDEX, "data")
        if isinstance(vector, list):
            if not _is_vector(vector):
                return NotStored(NotStoredReason.INCOMPLETE, "embedding")
            if asked.get("dimensions") not in (None, len(vector)):
                return NotStored(NotStoredReason.WRONG_COUNT, "dimensions")
        elif asked.get("encoding_format") != "base64" or not _is_base64(vector):
            return NotStored(NotStoredReason.INCOMPLETE, "embedding")
    return other_model(request, answer)


def _is_vector(values: list[Any]) -> bool:
    return bool(values) and set(map(type, values)) <= {int, float} and all(map(math.isfinite, values))


def _is_base64(text: Any) -> bool:
    try:
        return isinstance(text, str) and binascii.a2b_base64(text, strict_mode=True) != b""
    except ValueError:
        return False


def _judge_rerank(request: Any, document: Any) -> NotStored | None:
    """A score for some of the documents, each named by its index, at most once.

    ``results``: docs.cohere.com/reference/rerank, jina.ai/reranker, vLLM. ``data``: docs.voyageai.com/docs/reranker. A
    list alone, of ``texts``: huggingface.github.io/text-embeddings-inference.
    """
    asked, answer = as_object(request), as_object(document)
    results = document if isinstance(document, list) else answer.get("results", answer.get("data"))
    if not isinstance(results, list) or not results:
        return NotStored(NotStoredReason.INCOMPLETE, "results")
    documents = as_list(asked.get("documents", asked.get("texts")))
    wanted = [cap for cap in (asked.get("top_n"), asked.get("top_k")) if cap is not None]
    if not all(map(is_whole, wanted)) or len(results) > min([len(documents), *wanted]):
        return NotStored(NotStoredReason.WRONG_COUNT, "results")
    indexes = [as_object(result).get("index") for result in results]
    if not all(is_index(index, len(documents)) for index in indexes) or len(set(indexes)) != len(indexes):
        return NotStored(NotStoredReason.WRONG_INDEX, "results")
    if not all(_is_vector([result.get("relevance_score", result.get("score"))]) for result in results):
        return NotStored(NotStoredReason.INCOMPLETE, "score")
    return other_model(request, answer)


def _judge_moderation(request: Any, document: Any) -> NotStored | None:
    """platform.openai.com/docs/api-reference/moderations/object"""
    results = as_object(document).get("results")
    if not isinstance(results, list) or len(results) != count_moderated(as_object(request).get("input")):
        return NotStored(NotStoredReason.WRONG_COUNT, "results")
    if not all(isinstance(as_object(result).get("categories"), dict) for result in results):
        return NotStored(NotStoredReason.INCOMPLETE, "categories")
    return other_model(request, document)


def judge_plain(request: Any, document: Any) -> NotStored | None:
    """An answer whose form is the model's own: an object or a list, with anything in it."""
    return None if isinstance(document, dict | list) else NotStored(NotStoredReason.INCOMPLETE)


def _judge_classification(request: Any, document: Any) -> NotStored | None:
    return judge_plain(request, document) or other_model(request, document)


EMBEDDINGS = Family(_judge_embeddings)
RERANK = Family(_judge_rerank)
MODERATION = Family(_judge_moderation)
CLASSIFICATION = Family(_judge_classification)
