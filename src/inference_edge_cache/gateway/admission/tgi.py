"""Hugging Face's Text Generation Inference: huggingface.github.io/text-generation-inference, /generate"""

from typing import Any

from inference_edge_cache.gateway.admission.endings import Endings, reached
from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import Family, Streamed, as_list, as_object

_ENDINGS = Endings(
    field="finish_reason",
    complete=frozenset({"eos_token", "stop_sequence"}),
    cut=frozenset({"length"}),
    filtered=frozenset(),
)


def _judge(request: Any, document: Any) -> NotStored | None:
    """An object from ``/generate``, a list of one from ``/``: the latter is what the Inference API always gave."""
    if isinstance(document, list) and len(document) != 1:
        return NotStored(NotStoredReason.WRONG_COUNT, "generated_text")
    answer = as_object(document[0] if isinstance(document, list) else document)
    if not isinstance(answer.get("generated_text"), str):
        return NotStored(NotStoredReason.INCOMPLETE, "generated_text")
    cap = as_object(as_object(request).get("parameters")).get("max_new_tokens")
    if answer.get("details") is None:
        # Nothing says where the text ends. Without a cap of its own it ends at the server's: the API's reference has
        # "max_new_tokens: default 100", which is not in the key and may be raised.
        return NotStored(NotStoredReason.INCOMPLETE, "details") if cap is None else None
    details = as_object(answer["details"])
    for sequence in (details, *map(as_object, as_list(details.get("best_of_sequences")))):
        at_cap = reached([cap], sequence.get("generated_tokens"))
        unkept = _ENDINGS.judge(sequence.get("finish_reason"), at_cap=at_cap)
        if unkept:
            return unkept
    return None


def _judge_stream(request: Any, streamed: Streamed) -> NotStored | None:
    """``generated_text`` is null in every event but the last, which has all of it (reference, ``StreamResponse``)."""
    ends = [position for position, chunk in enumerate(streamed.chunks) if chunk.get("generated_text") is not None]
    if not ends:
        return NotStored(NotStoredReason.INCOMPLETE, "generated_text")
    if ends[0] != len(streamed.chunks) - 1:
        return NotStored(NotStoredReason.AFTER_THE_END)
    return _judge(request, streamed.chunks[-1])


TGI = Family(_judge, _judge_stream)
