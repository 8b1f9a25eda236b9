"""Policies for common loads, with the reason for each number.

A preset is a starting point: read its ``reasons``, then use its ``policy`` or a copy with other numbers
(``EMBEDDINGS.policy.model_copy(update={"max_ttl": 86_400})``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inference_edge_cache.policy.models import CacheKey, CacheMode, CachePolicy, QueryMode

_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class Preset:
    """A named policy. ``reasons`` maps every field that the policy sets to why it has that value."""

    name: str
    load: str
    policy: CachePolicy
    reasons: Mapping[str, str]


EMBEDDINGS = Preset(
    name="embeddings",
    load="Vectors of a pinned embedding model, asked for by GET.",
    policy=CachePolicy(mode=CacheMode.HONOR_ORIGIN, default_ttl=7 * _DAY, max_ttl=30 * _DAY),
    reasons={
        "mode": "the origin can still say no-store, for errors and for a model that is being replaced",
        "default_ttl": "the same text and model give the same vector; a week bounds how long a silent model swap shows",
        "max_ttl": "a month is as long as most teams keep one embedding model without re-indexing",
    },
)

CLASSIFICATION = Preset(
    name="classification",
    load="Labels and scores: moderation, intent, sentiment, reranking.",
    policy=CachePolicy(mode=CacheMode.HONOR_ORIGIN, default_ttl=_HOUR, max_ttl=_DAY),
    reasons={
        "mode": "the origin can still say no-store, for errors and for answers it is unsure of",
        "default_ttl": "label models and thresholds change often: an hour bounds how long an old label shows",
        "max_ttl": "a day is the longest a moderation decision should outlive the rule behind it",
    },
)

DETERMINISTIC_CHAT = Preset(
    name="deterministic_chat",
    load="Chat answers that repeat exactly: temperature 0 or a seed, and a pinned model.",
    policy=CachePolicy(mode=CacheMode.HONOR_ORIGIN, default_ttl=0, max_ttl=_DAY),
    reasons={
        "mode": "only the origin knows whether this answer was deterministic and complete",
        "default_ttl": "an answer that does not say it may be kept is not kept: an omitted temperature is not 0",
        "max_ttl": "chat models and their system prompts change weekly; a day bounds how long an old one answers",
    },
)

STATIC_ARTIFACTS = Preset(
    name="static_artifacts",
    load="Files under names that change with their content: weights, tokenizers, precomputed results.",
    policy=CachePolicy(
        mode=CacheMode.HONOR_ORIGIN, default_ttl=_DAY, max_ttl=365 * _DAY, key=CacheKey(query=QueryMode.NONE)
    ),
    reasons={
        "mode": "an object's own Cache-Control metadata can shorten or lengthen its life",
        "default_ttl": "a day, because nothing says that a file without metadata is never overwritten",
        "max_ttl": "a year is the longest both clouds accept: what is marked immutable may stay",
        "key": "a bucket answers the same whatever the query string, so a query string must not make a new entry",
    },
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {preset.name: preset for preset in (EMBEDDINGS, CLASSIFICATION, DETERMINISTIC_CHAT, STATIC_ARTIFACTS)}
)
