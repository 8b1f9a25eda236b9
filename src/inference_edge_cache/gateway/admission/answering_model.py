"""Whether the model that answered is the one that was asked.

A gateway behind the endpoint may fall back to another model, whose answer must not stand for the asked one's
(zeroclaw-labs/zeroclaw#9720, BerriAI/litellm#3199).
"""

import re
from typing import Any

from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import as_object

# What may follow the asked name: a date or a revision. platform.openai.com/docs/models: gpt-4o is answered by
# gpt-4o-2024-08-06; cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions: -001, @20240620;
# docs.cohere.com/docs/models: -08-2024; Ollama: :latest. After a dash, one or two digits are another model:
# claude-sonnet-4-5 is not claude-sonnet-4.
_VERSION = re.compile(r"[-@:]latest|[@:][0-9][0-9.-]*|-[0-9]{3}[0-9.-]*|-[0-9]{2}-[0-9]{4}")
_LATEST = re.compile(r"[-@:]latest\Z")  # "points to the latest": text-moderation-latest is text-moderation-007


def other_model(request: Any, answer: Any) -> NotStored | None:
    """Why ``answer`` is another model's; ``None`` when it is not, or when one of the two names no model."""
    asked, named = as_object(request).get("model"), as_object(answer).get("model")
    # Azure's first chunk has an empty name: learn.microsoft.com/azure/ai-services/openai/concepts/content-streaming.
    if not isinstance(asked, str) or named is None or named == "":
        return None
    if isinstance(named, str) and _is_same(_bare(asked), _bare(named)):
        return None
    return NotStored(NotStoredReason.OTHER_MODEL)


def _bare(name: str) -> str:
    """The name without its provider's: ``openai/gpt-4o`` is ``gpt-4o``."""
    return (name[name.rfind("/") + 1 :] or name).lower()


def _is_same(asked: str, named: str) -> bool:
    stem = _LATEST.sub("", asked)
    return named == stem or (named.startswith(stem) and _VERSION.fullmatch(named, len(stem)) is not None)
