"""What is hashed for a request, and the key that it gets.

A preimage is a row of parts, each with its length: the protocol's version, the route, the name and value of each key
header that the request has, the canonical body. A header that is absent has no part, which tells it from an empty one.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from inference_edge_cache.protocol import base64url, framing, media_types
from inference_edge_cache.protocol.canonical import canonical_and_document
from inference_edge_cache.protocol.errors import PathError
from inference_edge_cache.protocol.outcomes import Bypass, BypassReason, Rejected, RejectedReason
from inference_edge_cache.protocol.paths import is_route
from inference_edge_cache.protocol.rules import PROTOCOL, RouteRules

Headers = Iterable[tuple[str, str]]
"""A request's header lines, a name for each value; a mapping would hide that one is repeated."""

_VERSION, _ROUTE, _NAME, _VALUE, _BODY = b"V", b"R", b"N", b"H", b"B"

# RFC 9110 section 5.5: visible characters, with spaces and tabs between them. Bytes beyond ASCII are opaque there, and
# proxies change them.
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e]*")
_FIELD_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True)
class Preimage:
    """A request, as far as it counts: its route, its key headers by sorted lower-case name, its canonical body.

    Printing it shows the route alone: prompts do not belong in logs.
    """

    route: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """What is hashed, and what a payload carries."""
        parts = [(_VERSION, PROTOCOL.encode("ascii")), (_ROUTE, self.route.encode("ascii"))]
        for name, value in self.headers:
            parts += [(_NAME, name.encode("ascii")), (_VALUE, value.encode("ascii"))]
        return framing.join([*parts, (_BODY, self.body)])


def request_bypass(rules: RouteRules, headers: Headers, query: str = "") -> Bypass | None:
    """Why a request has no key, whatever its body; ``None`` when nothing but the body decides.

    A query string is a bypass, since it is not part of the cacheable form. So is a header that may change the answer
    and is not keyed: a key that left path and query out mixed up two requests' answers (apache/apisix#13887). And so is
    a request for something other than JSON, or in something other than JSON: what is kept is JSON, or a stream of it.
    """
    if query:
        return Bypass(BypassReason.QUERY_STRING)
    headers = list(headers)
    unkeyed = set(rules.output_affecting_headers).difference(rules.key_headers)
    seen: set[str] = set()
    for name, value in headers:
        name = _lower(name)
        if name in unkeyed:
            return Bypass(BypassReason.UNKEYED_HEADER, name)
        if name not in rules.key_headers:
            continue
        if name in seen:  # RFC 9110 section 5.3: some parties join the values, some take the first, some the last
            return Bypass(BypassReason.REPEATED_HEADER, name)
        if _FIELD_VALUE.fullmatch(value) is None:
            return Bypass(BypassReason.HEADER_VALUE, name)
        seen.add(name)
    return _other_than_json(rules, headers)


def _other_than_json(rules: RouteRules, headers: Headers) -> Bypass | None:
    """A SageMaker container answers CSV to ``Accept: text/csv``, and reads JSON lines otherwise than JSON.

    These headers are in no key unless they are key headers, so that only what has one meaning passes.
    """
    given: dict[str, str] = {}
    for name, value in headers:  # RFC 9110 section 5.3: lines of one name are one value, with commas
        name = _lower(name)
        given[name] = f"{given[name]}, {value}" if name in given else value
    content_type, encoding, accept = (given.get(name) for name in ("content-type", "content-encoding", "accept"))
    if encoding is not None and not media_types.is_identity(encoding):
        return Bypass(BypassReason.CONTENT_ENCODING)
    if content_type is not None and not media_types.is_json(content_type, keyed="content-type" in rules.key_headers):
        return Bypass(BypassReason.CONTENT_TYPE)
    if accept is not None and not media_types.admits_json_or_sse(accept):
        return Bypass(BypassReason.ACCEPT)
    return None


def build_preimage(route: str, rules: RouteRules, headers: Headers, body: bytes, query: str = "") -> Preimage | Bypass:
    """The preimage of a request, or why it has none. Raises ``PathError`` when ``route`` is not one; nothing else.

    ``headers`` and ``query`` are the request's own. Of the headers only the named ones count, their values as they are
    but for whitespace around them, which is not part of a value (RFC 9110 section 5.5).
    """
    built = preimage_and_document(route, rules, headers, body, query)
    return built if isinstance(built, Bypass) else built[0]


def preimage_and_document(
    route: str, rules: RouteRules, headers: Headers, body: bytes, query: str
) -> tuple[Preimage, Any] | Bypass:
    """``build_preimage``, and the body of the preimage as it is parsed."""
    if not is_route(route):
        raise PathError(f"{route!r} is not a route that can be cached")
    headers = list(headers)
    bypass = request_bypass(rules, headers, query)
    if bypass is not None:
        return bypass
    read = canonical_and_document(body, rules)
    if isinstance(read, Bypass):
        return read
    canonical, document = read
    keyed = sorted((_lower(name), value.strip(" \t")) for name, value in headers if _lower(name) in rules.key_headers)
    return Preimage(route, tuple(keyed), canonical), document


def request_key(key: bytes, preimage: Preimage) -> str:
    """The last segment of a path: HMAC-SHA256 of the preimage under the scope's K, 43 characters."""
    return base64url.encode(hmac.digest(key, preimage.to_bytes(), "sha256"))


def parse_preimage(data: bytes) -> Preimage | Rejected:
    """The parts of a preimage, when it is one that ``build_preimage`` could have made, its body not looked at.

    A gateway that is about to run ``body`` canonicalizes it under its own rules first, and expects it unchanged.
    """
    parts = framing.split(data) or []
    tags = b"".join(tag for tag, _ in parts)
    pairs = max(len(tags) - 3, 0) // 2
    if tags != _VERSION + _ROUTE + (_NAME + _VALUE) * pairs + _BODY or parts[0][1] != PROTOCOL.encode("ascii"):
        return Rejected(RejectedReason.PAYLOAD_SHAPE)
    route, *texts = (value.decode("latin-1") for _, value in parts[1:-1])
    names, values = texts[::2], texts[1::2]
    sound = (
        is_route(route)
        and names == sorted(set(names))
        and all(_FIELD_NAME.fullmatch(name) for name in names)
        and all(_FIELD_VALUE.fullmatch(value) and value == value.strip(" \t") for value in values)
    )
    if not sound:
        return Rejected(RejectedReason.PAYLOAD_SHAPE)
    return Preimage(route, tuple(zip(names, values, strict=True)), parts[-1][1])


def _lower(name: str) -> str:
    # Header names are ASCII. str.lower() alone would make a "k" of the Kelvin sign.
    return name.lower() if name.isascii() else name
