"""What can go wrong, as one tree.

    EdgeCacheError
    ├── InvalidArgsError      what a Pulumi program raises; also a ``pulumi.RunError``, so it prints without a traceback
    ├── PolicyFileError       a policy that cannot be read from YAML
    ├── MissingExtraError     an optional dependency is not installed; prints the pip line; also an ``ImportError``
    ├── ProtocolError         what the inference protocol cannot use (in ``inference_edge_cache.protocol``)
    ├── LocalEdgeError        the local edge cannot start (in ``inference_edge_cache.local``)
    ├── ProblemsError         every problem of what somebody gave
    │   ├── LoadError         a load whose cost cannot be computed (in ``inference_edge_cache.costs``)
    │   └── OperationError    a purge or a warm that cannot be done (in ``inference_edge_cache.operations``)
    └── RecordingError        ``inference_edge_cache.testing`` could not run a program

Importing this module loads neither pulumi nor pydantic: ``InvalidArgsError`` is made when it is first asked for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from inference_edge_cache._invalid_args import InvalidArgsError

__all__ = [
    "EdgeCacheError",
    "InvalidArgsError",
    "MissingExtraError",
    "PolicyFileError",
    "Problem",
    "ProblemsError",
    "RecordingError",
]

HIDDEN = "<hidden>"
_SECRET_PATH = re.compile(r"(^|\.)(headers|environment|(?:[a-z]+_)?secrets?)(\[|\.|$)")
_LONGEST_VALUE = 80


class EdgeCacheError(Exception):
    """Root of every error this library raises on purpose."""


class ProblemsError(EdgeCacheError, ValueError):
    """Every problem of what somebody gave, at once. ``problems`` is a tuple of ``Problem``."""

    def __init__(self, what: str, problems: "Sequence[Problem]") -> None:
        self.problems = tuple(problems)
        super().__init__(told(what, problems))


class PolicyFileError(EdgeCacheError):
    """A policy file is missing, is not YAML, or does not hold a policy. The message names file and line."""


class RecordingError(EdgeCacheError):
    """A program could not be run under the mock runtime."""


class MissingExtraError(EdgeCacheError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        super().__init__(f'{needed_for} needs an extra. Install it with: pip install "inference-edge-cache[{extra}]"')


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what a user passed in.

    ``path`` is where (``policy.default_ttl``), ``value`` what was found (``<hidden>`` under headers and secrets),
    ``limit`` the rule that it breaks and ``remedy`` what to type instead. ``kind`` is ``unsupported`` when the input is
    sound but the chosen cloud cannot do it.
    """

    path: str
    value: str
    limit: str
    remedy: str
    kind: Literal["invalid", "unsupported"] = "invalid"

    @classmethod
    def at(
        cls, path: str, value: object, limit: str, remedy: str, kind: Literal["invalid", "unsupported"] = "invalid"
    ) -> "Problem":
        """A problem whose value is shown as a reader would type it, or hidden where it may be a secret."""
        return cls(path, show(path, value), limit, remedy, kind)

    def __str__(self) -> str:
        found = f" = {self.value}" if self.value else ""
        return f"{self.path}{found}\n      {self.limit}\n      fix: {self.remedy}"


def told(what: str, problems: Sequence[Problem]) -> str:
    """How many problems ``what`` has, and each of them."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"{what} has {count}:", *(f"  {problem}" for problem in problems)])


def show(path: str, value: object) -> str:
    """``value`` as text for an error, shortened; hidden under headers, environment and secrets."""
    if _SECRET_PATH.search(path) and "key.headers" not in path:
        return HIDDEN
    if type(value).__module__.partition(".")[0] == "pulumi":
        return "<output>"
    if isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str)):
        text = repr(value) if _is_plain(value) else f"<{type(value).__name__}>"
    else:
        text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _is_plain(value: Any) -> bool:
    items = [*value.keys(), *value.values()] if isinstance(value, Mapping) else list(value)
    return all(isinstance(item, str | int | float | bool) for item in items)


def __getattr__(name: str) -> Any:
    if name == "InvalidArgsError":
        from inference_edge_cache._invalid_args import InvalidArgsError

        return InvalidArgsError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
