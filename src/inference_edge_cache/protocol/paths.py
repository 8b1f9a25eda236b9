"""The path of one answer: ``<route>/~/<generation>/<scope>/<key>``, and nothing else.

A CDN, a bucket and a gateway each decode and normalize paths in their own way, so a path here has nothing to decode: no
percent sign, no dot segment, no empty segment (RFC 3986 sections 2.1 and 6.2.2). ``~`` stands in no route, so a path is
split in one way only.
"""

import re
from dataclasses import dataclass

from inference_edge_cache.protocol import base64url
from inference_edge_cache.protocol.errors import PathError
from inference_edge_cache.protocol.keys import SCOPE_LENGTH

MARKER = "~"
GENERATION_LENGTH = 12
MAX_PATH_LENGTH = 1024
"""An object's name in S3 (docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html) and in Cloud Storage."""

BUCKET_FROM = 86_400
"""Seconds of ``result_max_age`` from which the CDN reads results by itself in the bucket, whose lifecycle is in whole
days: below, it would hand out what is too old."""

_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._:@-]+"
_ROUTE = rf"(?:/{_SEGMENT})+"
_SHORT = rf"[{base64url.ALPHABET}]{{%d}}"
_GENERATION = _SHORT % GENERATION_LENGTH
_SCOPE = _SHORT % SCOPE_LENGTH
_PATTERNS = {
    "route": (re.compile(rf"{_ROUTE}|/"), "/ or segments of A-Z, a-z, 0-9 and . _ : @ -, none of them . or .."),
    "generation": (re.compile(_GENERATION), f"{GENERATION_LENGTH} characters of base64url"),
    "scope": (re.compile(_SCOPE), f"{SCOPE_LENGTH} characters of base64url"),
    "key": (re.compile(base64url.DIGEST), "43 characters, the base64url of 32 bytes"),
}
_PATH = re.compile(rf"((?:{_ROUTE})?)/{MARKER}/({_GENERATION})/({_SCOPE})/({base64url.DIGEST})")


@dataclass(frozen=True)
class InferencePath:
    """The parts of a path. ``PathError`` when one of them cannot stand in it."""

    route: str
    generation: str
    scope: str
    key: str

    def __post_init__(self) -> None:
        for part in _PATTERNS:
            _check(part, getattr(self, part))
        if len(str(self)) > MAX_PATH_LENGTH:
            raise PathError(f"route makes a path longer than the {MAX_PATH_LENGTH} characters of an object's name")

    def __str__(self) -> str:
        return f"{_prefix(self.route, self.generation)}{self.scope}/{self.key}"


def inference_path(route: str, generation: str, scope: str, key: str) -> str:
    """The path of an answer. Raises ``PathError``."""
    return str(InferencePath(route, generation, scope, key))


def generation_prefix(route: str, generation: str, scope: str | None = None) -> str:
    """What every path of a route's generation, or of one scope in it, starts with: what a purge names.

    ``<route>/~/<generation>/`` or ``<route>/~/<generation>/<scope>/``. Raises ``PathError``.
    """
    _check("route", route)
    _check("generation", generation)
    if scope is None:
        return _prefix(route, generation)
    _check("scope", scope)
    return f"{_prefix(route, generation)}{scope}/"


def route_prefix(route: str) -> str:
    """What every path of a route starts with, in every generation: ``<route>/~/``. Raises ``PathError``."""
    _check("route", route)
    return _below(route)


def parse_path(path: str) -> InferencePath | None:
    """The parts of ``path``, as it stands on the wire; ``None`` when it is not exactly one that this protocol makes."""
    found = _PATH.fullmatch(path) if len(path) <= MAX_PATH_LENGTH else None
    return None if found is None else InferencePath(found[1] or "/", found[2], found[3], found[4])


def is_route(route: str) -> bool:
    """Whether ``route`` can stand in a path."""
    return _PATTERNS["route"][0].fullmatch(route) is not None


def is_generation(generation: str) -> bool:
    """Whether ``generation`` can stand in a path."""
    return _PATTERNS["generation"][0].fullmatch(generation) is not None


def _check(part: str, text: str) -> None:
    pattern, rule = _PATTERNS[part]
    if pattern.fullmatch(text) is None:
        raise PathError(f"{part} must be {rule}")


def _prefix(route: str, generation: str) -> str:
    return f"{_below(route)}{generation}/"


def _below(route: str) -> str:
    return f"{'' if route == '/' else route}/{MARKER}/"
