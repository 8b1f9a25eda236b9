"""The cache policy: what is cached, for how long, under which key. Knows no cloud and no Pulumi.

Models check single fields. What concerns several fields at once is in ``rules.py``, what concerns one cloud in the
plan, so that a program gets every problem in one error.

No ``from __future__ import annotations`` and, at run time, no unions or literals here: Pulumi's component analyzer
reads these annotations to build the schema for other languages. It counts a field as optional only when its annotation
says ``Optional``, whatever its default; hence the aliases with two faces, of which type checkers see the precise one.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Optional, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inference_edge_cache.policy.durations import DURATION_PATTERN, parse_seconds


class CacheMode(StrEnum):
    """Who decides how long an answer is kept."""

    HONOR_ORIGIN = "honor_origin"
    """The origin's ``Cache-Control``, between ``min_ttl`` and ``max_ttl``; ``default_ttl`` where it sends none."""
    FORCE = "force"
    """The policy: every cacheable answer is kept for ``default_ttl``, whatever the origin says."""
    BYPASS = "bypass"
    """Nobody: nothing is cached."""


class QueryMode(StrEnum):
    """Which query parameters are part of the cache key when no names are listed."""

    ALL = "all"
    NONE = "none"


if TYPE_CHECKING:
    Seconds: TypeAlias = int | str
    MaybeSeconds: TypeAlias = int | str | None
    Mode: TypeAlias = CacheMode | Literal["honor_origin", "force", "bypass"]
    Query: TypeAlias = QueryMode | Literal["all", "none"]
    Names: TypeAlias = list[str]
    MaybeNames: TypeAlias = list[str] | None
    StatusSeconds: TypeAlias = Mapping[int, Seconds] | Mapping[str, Seconds] | Mapping[int | str, Seconds]
    Flag: TypeAlias = bool
else:
    Seconds = MaybeSeconds = Optional[int]
    Mode = Optional[CacheMode]
    Query = Optional[QueryMode]
    Names = MaybeNames = Optional[list[str]]
    StatusSeconds = Optional[dict[str, int]]
    Flag = Optional[bool]

_DURATION_FIELDS = ("default_ttl", "min_ttl", "max_ttl", "browser_ttl", "stale_while_revalidate", "stale_if_error")
_DURATIONS_ELSEWHERE = ("result_max_age",)
_DURATION_SCHEMA = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}],
    "description": "Whole seconds, or a number with a unit: 90s, 15m, 1h, 7d.",
}
HTTP_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2: header and cookie names


def _publish_durations(schema: dict[str, Any]) -> None:
    """Let the JSON Schema accept what the model accepts: duration strings, and statuses as keys."""
    properties = schema["properties"]
    for name in (*_DURATION_FIELDS, *_DURATIONS_ELSEWHERE):
        if name in properties:
            kept = {key: properties[name][key] for key in ("default", "title") if key in properties[name]}
            properties[name] = {**kept, **_DURATION_SCHEMA}
    if "negative_ttl" in properties:
        properties["negative_ttl"] = {
            "title": "Negative Ttl",
            "type": "object",
            "propertyNames": {"pattern": "^[345][0-9]{2}$"},
            "additionalProperties": _DURATION_SCHEMA,
            "default": {},
        }


class PolicyModel(BaseModel):
    """Frozen, strict about names, silent about values in its errors. ``None`` means: not given."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=True,
        json_schema_extra=_publish_durations,
    )

    @model_validator(mode="before")
    @classmethod
    def _none_is_not_given(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, Mapping) else data


class CacheKey(PolicyModel):
    """What tells two requests apart, beside the path: what is not in the key must not change the answer.

    Say at most one of ``query``, ``query_only`` and ``query_except``; with none of them every query parameter counts.
    """

    query: Query = QueryMode.ALL
    """Every query parameter (``all``, the default) or none of them (``none``)."""
    query_only: MaybeNames = None
    """Only these query parameters, by name. Case matters. Default: not used."""
    query_except: MaybeNames = None
    """Every query parameter but these. Case matters. Default: not used."""
    headers: Names = Field(default_factory=list)
    """Request headers that count, lower-cased. Default: none."""
    cookies: Names = Field(default_factory=list)
    """Cookies that count, by name. Case matters. Default: none."""

    @field_validator("query_only", "query_except", "headers", "cookies", mode="before")
    @classmethod
    def _names_in_order(cls, names: Any, info: Any) -> Any:
        if info.field_name == "headers":
            return header_names(names)
        return names_in_order(names, tokens=info.field_name == "cookies")


if TYPE_CHECKING:
    Key: TypeAlias = CacheKey
else:
    Key = Optional[CacheKey]


class CachePolicy(PolicyModel):
    """How long answers of one route are kept, and under which key.

    Durations are whole seconds, or strings with a unit: ``"90s"``, ``"15m"``, ``"1h"``, ``"7d"``. Inside they are
    seconds. Raises ``pydantic.ValidationError`` for a single field that is wrong; what concerns several fields or one
    cloud is checked when a cache is made from the policy.

    Example:

        CachePolicy(default_ttl="1h", max_ttl="24h", key=CacheKey(query_only=["text"]), negative_ttl={404: "10s"})
    """

    mode: Mode = CacheMode.HONOR_ORIGIN
    """Who decides how long: ``honor_origin`` (default), ``force`` or ``bypass``."""
    default_ttl: Seconds = 3600
    """Kept this long where the origin does not say; with ``force``, always. Default 1 h."""
    min_ttl: Seconds = 0
    """Kept at least this long, even against ``no-store``. Leave it at its default, 0, unless you mean that."""
    max_ttl: Seconds = 86_400
    """Kept at most this long, whatever the origin says. Default 24 h."""
    browser_ttl: MaybeSeconds = None
    """How long the caller's own cache may keep an answer. Default: what the origin says."""
    key: Key = Field(default_factory=CacheKey)
    """What tells two requests apart, beside the path. Default: every query parameter, no header, no cookie."""
    negative_ttl: StatusSeconds = Field(default_factory=dict)
    """Error status to how long that error is kept, as ``{404: "10s"}``. Default: no error is cached, unless the
    endpoint sends a ``max-age`` with it."""
    stale_while_revalidate: MaybeSeconds = None
    """How long a stale answer may be served while a new one is fetched. Default: not at all."""
    stale_if_error: MaybeSeconds = None
    """How long a stale answer may be served while the origin fails. Default: not at all."""
    compression: Flag = True
    """Whether the edge compresses answers (gzip, Brotli) for callers that accept it. Default: yes."""

    @field_validator(*_DURATION_FIELDS, mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return None if value is None else parse_seconds(value)

    @field_validator("negative_ttl", mode="before")
    @classmethod
    def _by_status(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        by_status = [(_status(status), parse_seconds(seconds)) for status, seconds in value.items()]
        statuses = [status for status, _ in by_status]
        twice = sorted({status for status in statuses if statuses.count(status) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice")
        return dict(sorted(by_status))

    def to_dict(self) -> dict[str, Any]:
        """What was said, as plain data: ``from_dict`` of it is an equal policy."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A policy from plain data: a parsed YAML file, or ``pulumi.Config().require_object("policy")``."""
        return cls.model_validate(dict(data))


def names_in_order(names: Any, *, tokens: bool = False) -> Any:
    """``names`` sorted, none of them empty, twice or ``*``. A set is refused: its order differs from run to run."""
    if names is None:
        return None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError("must be a list of names")
    wanted = sorted(names)
    if "" in wanted:
        raise ValueError("holds an empty name")
    if "*" in wanted:
        raise ValueError('holds "*", which clouds take for a name: name what counts, or leave it out')
    if tokens:
        _refuse_non_tokens(wanted)
    twice = sorted({name for name in wanted if wanted.count(name) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} twice")
    return wanted


def header_names(names: Any) -> Any:
    """``names_in_order`` for headers, lower-cased."""
    if isinstance(names, list | tuple):
        names = [name.lower() if isinstance(name, str) else name for name in names]
    return names_in_order(names, tokens=True)


def _status(status: Any) -> str:
    text = str(int(status)) if isinstance(status, float) and status.is_integer() else str(status)
    if isinstance(status, bool) or not (text.isdecimal() and len(text) == 3 and text[0] in "345"):
        raise ValueError(f"{text!r} is not an error status: give 300 to 599")
    return text


def _refuse_non_tokens(names: list[str]) -> None:
    wrong = [name for name in names if not HTTP_NAME.fullmatch(name)]
    if wrong:
        raise ValueError(f"{', '.join(map(repr, wrong))} cannot be the name of a header or cookie")
