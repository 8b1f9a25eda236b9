"""Policies for inference routes, by the API that they speak, with the reason for each field.

A preset is a starting point: read its ``reasons``, then use its policies or copies with other values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inference_edge_cache.policy.inference import Determinism, Dialect, InferencePolicy
from inference_edge_cache.policy.models import CacheKey, CachePolicy, QueryMode

_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class InferencePreset:
    """A named pair of policies for one kind of inference route.

    ``path`` is where clients of the API send their requests. ``reasons`` maps every field that one of the two policies
    sets to why it has that value.
    """

    name: str
    load: str
    path: str
    policy: CachePolicy
    inference: InferencePolicy
    reasons: Mapping[str, str]


_NO_QUERY = CacheKey(query=QueryMode.NONE)

# Reasons that are the same for every preset, or for every preset of a kind.
_KEY_REASON = "the path holds the hash of the whole request; a query string is a bypass, so that none is in the key"
_SAMPLING_REASON = (
    "the API samples unless told otherwise: only an explicit temperature 0, or a seed, makes an answer repeatable"
)
_OPENAI_BETA_REASON = "openai-beta picks the version of the API: it is in the key, and the model is sent it"
_NOTHING_SAMPLED = "the same input to the same model gives the same {result}: the API has nothing to sample"
_OPENAI_LABELS = (
    "they tell the provider who asks, what to file the request under and where a warm prompt cache may be; the model "
    "reads none of them"
)

OPENAI_CHAT = InferencePreset(
    name="openai_chat",
    load="Chat completions, at OpenAI and at every server that speaks its API.",
    path="/v1/chat/completions",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=_DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.OPENAI_CHAT,
        ignored_fields=["metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "user"],
        determinism=Determinism.REQUIRED,
        key_headers=["openai-beta"],
    ),
    reasons={
        "default_ttl": "most repeats of a chat request come within minutes; an hour catches them and bounds staleness",
        "max_ttl": "chat models and their system prompts change weekly; a day bounds how long an old one answers",
        "key": _KEY_REASON,
        "dialect": "temperature, seed, n and tools stand at the top of the body",
        "ignored_fields": _OPENAI_LABELS,
        "determinism": _SAMPLING_REASON,
        "key_headers": _OPENAI_BETA_REASON,
    },
)

OPENAI_RESPONSES = InferencePreset(
    name="openai_responses",
    load="The Responses API. Only requests that say store: false, as it keeps every other answer.",
    path="/v1/responses",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=_DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.OPENAI_RESPONSES,
        ignored_fields=["metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "user"],
        determinism=Determinism.REQUIRED,
        key_headers=["openai-beta"],
    ),
    reasons={
        "default_ttl": "as for chat completions: repeats come within minutes",
        "max_ttl": "as for chat completions: models and instructions change weekly",
        "key": _KEY_REASON,
        "dialect": "state and tools of the Responses API, which has no seed and stores by default",
        "ignored_fields": _OPENAI_LABELS + ". A stored answer echoes none of them",
        "determinism": _SAMPLING_REASON + ". Reasoning models refuse a temperature: they need sampling_allowed",
        "key_headers": _OPENAI_BETA_REASON,
    },
)

EMBEDDINGS = InferencePreset(
    name="embeddings",
    load="Vectors of a pinned embedding model.",
    path="/v1/embeddings",
    policy=CachePolicy(default_ttl=7 * _DAY, max_ttl=30 * _DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.OPENAI_EMBEDDINGS, ignored_fields=["user"], determinism=Determinism.DETERMINISTIC_ENDPOINT
    ),
    reasons={
        "default_ttl": "the same text and model give the same vector; a week bounds how long a silent model swap shows",
        "max_ttl": "a month is as long as most teams keep one embedding model without re-indexing",
        "key": _KEY_REASON,
        "dialect": "model, input, dimensions and encoding_format are all in the key; nothing is sampled",
        "ignored_fields": "user names the caller's own end user, for the provider's abuse reports",
        "determinism": _NOTHING_SAMPLED.format(result="vector"),
    },
)

RERANK = InferencePreset(
    name="rerank",
    load="Scores of documents for a query, by a cross-encoder.",
    path="/v1/rerank",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=7 * _DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.RERANK, ignored_fields=["user"], determinism=Determinism.DETERMINISTIC_ENDPOINT
    ),
    reasons={
        "default_ttl": "the documents are in the key, so that an answer never outlives them; an hour for a model swap",
        "max_ttl": "an endpoint that pins its model may say a week",
        "key": _KEY_REASON,
        "dialect": "query, documents and their order are in the key; nothing is sampled",
        "ignored_fields": "user names the caller's own end user",
        "determinism": _NOTHING_SAMPLED.format(result="scores"),
    },
)

MODERATION = InferencePreset(
    name="moderation",
    load="Whether a text or an image breaks a rule.",
    path="/v1/moderations",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=_DAY, key=_NO_QUERY),
    inference=InferencePolicy(dialect=Dialect.MODERATION, determinism=Determinism.DETERMINISTIC_ENDPOINT),
    reasons={
        "default_ttl": "moderation models move under a fixed name; an hour bounds how long an old verdict shows",
        "max_ttl": "a day is the longest a moderation decision should outlive the rule behind it",
        "key": _KEY_REASON,
        "dialect": "model and input are all there is; an image by URL is not kept, as what is behind it changes",
        "determinism": _NOTHING_SAMPLED.format(result="verdict"),
    },
)

CLASSIFICATION = InferencePreset(
    name="classification",
    load="Labels and scores: intent, sentiment, language.",
    path="/classify",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=_DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.CLASSIFICATION, ignored_fields=["user"], determinism=Determinism.DETERMINISTIC_ENDPOINT
    ),
    reasons={
        "default_ttl": "label models and thresholds change often: an hour bounds how long an old label shows",
        "max_ttl": "a day, unless the endpoint pins its model",
        "key": _KEY_REASON,
        "dialect": "the whole body is the input; nothing is sampled",
        "ignored_fields": "user names the caller's own end user",
        "determinism": _NOTHING_SAMPLED.format(result="label"),
    },
)

SAGEMAKER = InferencePreset(
    name="sagemaker",
    load="Any SageMaker endpoint: chat, text generation, tensors.",
    path="/invocations",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=_DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.SAGEMAKER,
        determinism=Determinism.REQUIRED,
        key_headers=[
            "x-amzn-sagemaker-enable-explanations",
            "x-amzn-sagemaker-inference-component",
            "x-amzn-sagemaker-target-container-hostname",
            "x-amzn-sagemaker-target-model",
            "x-amzn-sagemaker-target-variant",
        ],
    ),
    reasons={
        "default_ttl": "an endpoint can be updated in place; an hour bounds how long the old model shows",
        "max_ttl": "a day, unless you change the generation with every update",
        "key": _KEY_REASON,
        "dialect": "read as chat or as text generation, by its fields; 1 and 1.0 stay apart: tensor types follow them",
        "determinism": "the body says whether text generation samples; for an embedding model, a classifier or any "
        "other that samples nothing, say deterministic_endpoint",
        "key_headers": "they choose the model, the variant or the container that answers, or add an explanation; "
        "session ids and custom attributes are left out, and requests with one are not kept",
    },
)

BEDROCK_CONVERSE = InferencePreset(
    name="bedrock_converse",
    load="Chat with any model of Amazon Bedrock, by its Converse API.",
    path="/converse",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=_DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.BEDROCK_CONVERSE, ignored_fields=["requestMetadata"], determinism=Determinism.REQUIRED
    ),
    reasons={
        "default_ttl": "as for chat completions: repeats come within minutes",
        "max_ttl": "a model id names its version; a day bounds how long an old system prompt answers",
        "key": _KEY_REASON,
        "dialect": "temperature in inferenceConfig, tools in toolConfig, drafts of guardrails and prompts",
        "ignored_fields": "requestMetadata is for filtering the provider's invocation logs",
        "determinism": _SAMPLING_REASON,
    },
)

VERTEX_PREDICT = InferencePreset(
    name="vertex_predict",
    load="Vertex AI endpoints, by predict.",
    path="/predict",
    policy=CachePolicy(default_ttl=_HOUR, max_ttl=_DAY, key=_NO_QUERY),
    inference=InferencePolicy(
        dialect=Dialect.VERTEX_PREDICT, ignored_fields=["labels"], determinism=Determinism.REQUIRED
    ),
    reasons={
        "default_ttl": "traffic can be moved to another model behind an endpoint; an hour bounds how long it shows",
        "max_ttl": "a day, unless you change the generation with every deployment",
        "key": _KEY_REASON,
        "dialect": "temperature in parameters or in each instance; 1 and 1.0 stay apart, as tensor types follow them",
        "ignored_fields": "labels are for the bill",
        "determinism": "parameters say whether text generation samples; for a model that samples nothing, say "
        "deterministic_endpoint",
    },
)

INFERENCE_PRESETS: Mapping[str, InferencePreset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            OPENAI_CHAT,
            OPENAI_RESPONSES,
            EMBEDDINGS,
            RERANK,
            MODERATION,
            CLASSIFICATION,
            SAGEMAKER,
            BEDROCK_CONVERSE,
            VERTEX_PREDICT,
        )
    }
)
