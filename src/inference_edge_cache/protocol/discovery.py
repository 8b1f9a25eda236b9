"""The discovery document: what a client needs to know to turn a POST into the same path as the gateway.

Served at ``/.well-known/inference-edge-cache.json`` (RFC 8615), readable for whoever can reach the cache: it holds no
secret, and no field that one could be in.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar, get_args

from inference_edge_cache.protocol.errors import DiscoveryError, ProtocolError, VersionRefusedError
from inference_edge_cache.protocol.paths import is_generation, is_route
from inference_edge_cache.protocol.payload import PAYLOAD_BUDGET
from inference_edge_cache.protocol.rules import PROTOCOL_VERSION, RouteRules
from inference_edge_cache.protocol.strict_json import RefusedJson, parse, read, strict_decoder

DISCOVERY_PATH = "/.well-known/inference-edge-cache.json"
MAX_DOCUMENT_BYTES = 256 * 1024

Access = Literal["keyed", "public"]
"""``keyed``: each scope has its own K. ``public``: the K that everyone knows, and one scope for all."""

_T = TypeVar("_T")
_DECODER = strict_decoder()
# https, or plain http on the machine itself; no user information, no query, no fragment: nowhere for a secret to be.
_UPLOAD_URL = re.compile(
    r"(?:https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|http://(?:localhost|127\.0\.0\.1))(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._:@~-]*)*"
)


@dataclass(frozen=True, kw_only=True)
class RouteConfig:
    """One inference route: its path, its current effective generation, its rules."""

    path: str
    generation: str
    rules: RouteRules

    def __post_init__(self) -> None:
        if not is_route(self.path):
            raise DiscoveryError(f"routes: {self.path!r} is not a route that can be cached")
        if not is_generation(self.generation):
            raise DiscoveryError(f"routes: the generation of {self.path} is not one")


@dataclass(frozen=True, kw_only=True)
class EdgeConfig:
    """The document. ``DiscoveryError`` when a field contradicts the protocol.

    ``upload_url`` is where to POST what the CDN does not take, ``None`` when it takes all. ``payload_budget`` is how
    many characters an ``Inference-Payload`` may have; 0 says to send none.
    """

    routes: tuple[RouteConfig, ...]
    access: Access = "keyed"
    upload_url: str | None = None
    payload_budget: int = PAYLOAD_BUDGET
    version: int = PROTOCOL_VERSION

    def __post_init__(self) -> None:
        _check_version(self.version)
        paths = [route.path for route in self.routes]
        if len(set(paths)) != len(paths):
            raise DiscoveryError("routes: a path stands there twice")
        if self.access not in get_args(Access):
            raise DiscoveryError("access must be keyed or public")
        if not 0 <= self.payload_budget <= PAYLOAD_BUDGET:
            raise DiscoveryError(f"payload_budget must be between 0 and {PAYLOAD_BUDGET}")
        if self.upload_url is not None and _UPLOAD_URL.fullmatch(self.upload_url) is None:
            raise DiscoveryError("upload_url must be https, without credentials, query and fragment")

    def route(self, path: str) -> RouteConfig | None:
        """The route at exactly ``path``."""
        return next((route for route in self.routes if route.path == path), None)

    def to_json(self) -> bytes:
        """The document, the same bytes for the same configuration."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def parse_edge_config(document: bytes, *, at_least: int = PROTOCOL_VERSION) -> EdgeConfig:
    """The configuration in a discovery document. Fields that this version does not know are skipped.

    ``at_least`` is the highest version seen from this cache before. A lower one is refused: an old copy leads to old
    keys. Raises ``VersionRefusedError`` for that and for an unknown version, ``DiscoveryError`` for anything else that
    is not a document of this protocol; no other exception, whatever the bytes.
    """
    try:
        fields = _object(parse(read(document, MAX_DOCUMENT_BYTES)[0], _DECODER), "the document")
    except RefusedJson as refused:
        raise DiscoveryError(f"the document is not usable JSON: {refused.reason}") from None
    except RecursionError:
        raise DiscoveryError("the document is nested too deep to be read here") from None
    version = _field(fields, "version", int)
    if version < at_least:
        raise VersionRefusedError(f"version {version} of the protocol is lower than {at_least}, which was seen before")
    _check_version(version)
    access: Any = _field(fields, "access", str)
    return EdgeConfig(
        version=version,
        routes=tuple(_route(entry) for entry in _field(fields, "routes", list)),
        access=access,
        upload_url=None if fields.get("upload_url") is None else _field(fields, "upload_url", str),
        payload_budget=_field(fields, "payload_budget", int),
    )


def _check_version(version: int) -> None:
    if version != PROTOCOL_VERSION:
        raise VersionRefusedError(
            f"version {version} of the protocol is not known here, {PROTOCOL_VERSION} is. Upgrade inference-edge-cache"
        )


def _route(entry: Any) -> RouteConfig:
    fields = _object(entry, "routes")
    path = _field(fields, "path", str)
    rules = _object(_field(fields, "rules", dict), "rules")
    determinism: Any = _field(rules, "determinism", str)
    try:
        # Every field is required: a default of ours need not be the default of whoever wrote the document.
        parsed = RouteRules(
            dialect=_field(rules, "dialect", str),
            ignored_fields=_names(rules, "ignored_fields"),
            key_headers=_names(rules, "key_headers"),
            output_affecting_headers=_names(rules, "output_affecting_headers"),
            keep_number_types=_field(rules, "keep_number_types", bool),
            require_object=_field(rules, "require_object", bool),
            max_body_bytes=_field(rules, "max_body_bytes", int),
            determinism=determinism,
            remote_urls=_field(rules, "remote_urls", bool),
        )
    except DiscoveryError:
        raise
    except ProtocolError as error:
        raise DiscoveryError(f"routes: the rules of {path!r}: {error}") from None
    return RouteConfig(path=path, generation=_field(fields, "generation", str), rules=parsed)


def _names(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    values = _field(fields, name, list)
    if not all(isinstance(value, str) for value in values):
        raise DiscoveryError(f"{name} must be a list of names")
    return tuple(values)


def _field(fields: dict[str, Any], name: str, kind: type[_T]) -> _T:
    value = fields.get(name)
    # bool is an int to Python and not to JSON.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DiscoveryError(f"{name} is missing or not {_KINDS[kind]}")
    return value


_KINDS: dict[type, str] = {
    int: "an integer",
    str: "a text",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DiscoveryError(f"{name} must be an object")
    return value
