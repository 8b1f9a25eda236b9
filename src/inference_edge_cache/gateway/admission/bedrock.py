"""Amazon Bedrock's Converse: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""

from typing import Any

from inference_edge_cache.gateway.admission.endings import Endings, reached
from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import Family, as_object

_ENDINGS = Endings(
    field="stopReason",
    complete=frozenset({"end_turn", "stop_sequence", "tool_use"}),
    cut=frozenset({"max_tokens"}),
    filtered=frozenset({"guardrail_intervened", "content_filtered"}),
    broken=frozenset({"malformed_model_output", "malformed_tool_use", "model_context_window_exceeded"}),
)


def _judge(request: Any, document: Any) -> NotStored | None:
    answer = as_object(document)
    message = as_object(as_object(answer.get("output")).get("message"))
    if not isinstance(message.get("content"), list):
        return NotStored(NotStoredReason.INCOMPLETE, "output")
    cap = as_object(as_object(request).get("inferenceConfig")).get("maxTokens")
    at_cap = reached([cap], as_object(answer.get("usage")).get("outputTokens"))
    return _ENDINGS.judge(answer.get("stopReason"), at_cap=at_cap)


CONVERSE = Family(_judge)  # ConverseStream is another operation, and no server-sent events
