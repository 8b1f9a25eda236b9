"""Vertex AI's predict: cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict

A prediction's form is the model's own. What Google's models and the containers of Model Garden say of its end is read;
where they say nothing, a prediction counts as whole.
"""

from collections.abc import Iterator
from typing import Any

from inference_edge_cache.gateway.admission.endings import Endings
from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import Family, as_list, as_object

_END_FIELDS = ("finishReason", "finish_reason")

# In lower case. Google's own: cloud.google.com/vertex-ai/docs/reference/rest/v1/GenerateContentResponse, FinishReason;
# the containers': OpenAI's and TGI's.
_ENDINGS = Endings(
    field="finishReason",
    complete=frozenset({"stop", "tool_calls", "function_call", "eos_token", "stop_sequence"}),
    cut=frozenset({"max_tokens", "length"}),  # by which cap, and whether the request set it, the models say each
    filtered=frozenset({"safety", "recitation", "blocklist", "prohibited_content", "spii", "content_filter"}),
    broken=frozenset({"other", "malformed_function_call", "model_armor", "abort", "error"}),
)


def _judge(request: Any, document: Any) -> NotStored | None:
    predictions = as_object(document).get("predictions")
    if not isinstance(predictions, list) or not predictions:
        return NotStored(NotStoredReason.INCOMPLETE, "predictions")
    if len(predictions) != len(as_list(as_object(request).get("instances"))):
        return NotStored(NotStoredReason.WRONG_COUNT, "predictions")
    return next((unkept for prediction in predictions for unkept in _unkept(prediction)), None)


def _unkept(prediction: Any) -> Iterator[NotStored]:
    """What speaks against a prediction, or against one of the candidates in it."""
    if prediction is None:
        yield NotStored(NotStoredReason.INCOMPLETE, "predictions")
    fields = as_object(prediction)
    if fields.get("error") is not None:
        yield NotStored(NotStoredReason.ERROR_IN_BODY, "predictions")
    attributes = fields.get("safetyAttributes")  # a list of them for chat, with one for each candidate
    if any(as_object(one).get("blocked") is True for one in [attributes, *as_list(attributes)]):
        yield NotStored(NotStoredReason.FILTERED, "safetyAttributes")
    # cloud.google.com/vertex-ai/generative-ai/docs/image/responsible-ai-imagen
    if fields.get("raiFilteredReason") is not None:
        yield NotStored(NotStoredReason.FILTERED, "raiFilteredReason")
    for said in (fields, as_object(fields.get("details")), *_candidates(fields)):
        for name in _END_FIELDS:
            reason = said.get(name)
            unkept = _ENDINGS.judge(reason.lower() if isinstance(reason, str) else reason) if name in said else None
            if unkept:
                yield unkept


def _candidates(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("candidates", "choices"):
        yield from map(as_object, as_list(fields.get(name)))


PREDICT = Family(_judge)
