"""The inference policy: which requests of a route share an answer, and which answers may be kept at all.

Knows no cloud, no Pulumi and no protocol: what a dialect is to the protocol stands in ``protocol/dialects.py``.
No ``from __future__ import annotations``, and aliases with two faces, for the reasons given in ``models.py``.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Optional, Self, TypeAlias

from pydantic import Field, field_validator

from inference_edge_cache.policy.durations import parse_seconds
from inference_edge_cache.policy.models import Flag, MaybeSeconds, Names, PolicyModel, header_names, names_in_order


class Dialect(StrEnum):
    """The API that a route speaks: where a request states its temperature, its state and its tools."""

    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    OPENAI_COMPLETIONS = "openai-completions"
    OPENAI_EMBEDDINGS = "openai-embeddings"
    RERANK = "rerank"
    MODERATION = "moderation"
    CLASSIFICATION = "classification"
    SAGEMAKER = "sagemaker"
    BEDROCK_CONVERSE = "bedrock-converse"
    VERTEX_PREDICT = "vertex-predict"
    TGI = "tgi"


class Determinism(StrEnum):
    """By which rule a request counts as one whose answer may be repeated."""

    REQUIRED = "required"
    """The request itself rules sampling out: an explicit temperature 0, or a seed. A missing temperature is not 0."""
    SAMPLING_ALLOWED = "sampling_allowed"
    """One sample may stand for all: whoever asks again gets the answer that was drawn first."""
    DETERMINISTIC_ENDPOINT = "deterministic_endpoint"
    """The endpoint samples nothing, whatever a request says: an embedding model, a classifier."""


if TYPE_CHECKING:
    DialectName: TypeAlias = (
        Dialect
        | Literal[
            "openai-chat",
            "openai-responses",
            "openai-completions",
            "openai-embeddings",
            "rerank",
            "moderation",
            "classification",
            "sagemaker",
            "bedrock-converse",
            "vertex-predict",
            "tgi",
        ]
    )
    DeterminismRule: TypeAlias = Determinism | Literal["required", "sampling_allowed", "deterministic_endpoint"]
    Bytes: TypeAlias = int
else:
    DialectName = Dialect
    DeterminismRule = Optional[Determinism]
    Bytes = Optional[int]

_MIB = 1024 * 1024
_LARGEST_BODY = 256 * _MIB

NEVER_IGNORED = frozenset(
    {"model", "messages", "input", "inputs", "instances", "prompt", "parameters", "inferenceConfig", "system"}
    | {"temperature", "seed", "n", "best_of", "stream", "tools", "toolConfig", "documents", "query"}
    | {"store", "background", "conversation", "previous_response_id", "promptVariables", "guardrailConfig"}
    | {"additionalModelRequestFields", "web_search_options", "data_sources", "search_parameters", "plugins"}
    | {"enable_search"}
)
"""Fields that decide what is answered, how, or what else happens: a policy that ignores one is refused.

Among them every field by which the protocol judges a request: one that is ignored would be judged by its absence.
"""


class InferencePolicy(PolicyModel):
    """How requests of one inference route are keyed, and which answers may be kept.

    For how long is up to the route's ``CachePolicy``. Raises ``pydantic.ValidationError``.

    Example:

        InferencePolicy(dialect="openai-chat", ignored_fields=["user", "metadata"])
    """

    dialect: DialectName
    """The API that the route speaks: ``openai-chat``, ``bedrock-converse``, ... Has no default."""
    ignored_fields: Names = Field(default_factory=list)
    """Top-level fields of a body that cannot change the answer. They are not in the key, and where an answer may be
    stored the model is not sent them. Default: none."""
    determinism: DeterminismRule = Determinism.REQUIRED
    """Which requests count as repeatable: ``required`` (default), ``sampling_allowed``, ``deterministic_endpoint``."""
    key_headers: Names = Field(default_factory=list)
    """Request headers that change the answer: in the key and sent to the model, lower-cased. Never a credential, nor a
    header of one message such as ``content-length``. Default: none."""
    remote_urls: Flag = False
    """Whether an answer about content that the request only points to (an image's URL, a file's id) may be kept. What
    is behind a URL changes without the URL. Default: no."""
    result_max_age: MaybeSeconds = None
    """How old an answer may become, counted from when the model gave it, at the edge, with a caller or stale. At least
    the cache policy's ``default_ttl``. Default: its ``max_ttl``."""
    max_body_bytes: Bytes = Field(default=5 * _MIB, ge=1, le=_LARGEST_BODY)
    """A larger request passes through. Default 5 MiB, below the 6 MB that a Lambda function is given."""
    max_result_bytes: Bytes = Field(default=5 * _MIB, ge=1, le=_LARGEST_BODY)
    """A larger answer is not kept. Default 5 MiB, below the 6 MB that a Lambda function may return."""

    @field_validator("ignored_fields", mode="before")
    @classmethod
    def _fields_in_order(cls, names: Any) -> Any:
        wanted = names_in_order(names) or []
        needed = [name for name in wanted if name in NEVER_IGNORED]
        if needed:
            raise ValueError(f"ignores {', '.join(needed)}, which decides what is answered")
        return wanted

    @field_validator("key_headers", mode="before")
    @classmethod
    def _headers_in_order(cls, names: Any) -> Any:
        return header_names(names)

    @field_validator("result_max_age", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return None if value is None else parse_seconds(value)

    @field_validator("max_body_bytes", "max_result_bytes", mode="before")
    @classmethod
    def _whole_bytes(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("must be a number of bytes")
        return value

    def to_dict(self) -> dict[str, Any]:
        """What was said, as plain data: ``from_dict`` of it is an equal policy."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A policy from plain data: a parsed YAML file, or ``pulumi.Config().require_object("inference")``."""
        return cls.model_validate(dict(data))
