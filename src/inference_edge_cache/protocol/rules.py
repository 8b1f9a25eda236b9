"""The rules of one route: all that client, gateway and local edge must agree on to give a request the same key."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from inference_edge_cache.protocol.errors import RulesError

PROTOCOL_VERSION = 1
PROTOCOL = f"inference-edge-cache/{PROTOCOL_VERSION}"
"""Opens everything that is hashed, so that a hash of another version or of another program is never one of ours."""

PAYLOAD_HEADER = "Inference-Payload"

Determinism = Literal["required", "sampling_allowed", "deterministic_endpoint"]
"""``required``: the request itself must rule sampling out. ``sampling_allowed``: one sample may stand for all.
``deterministic_endpoint``: the endpoint samples nothing, whatever the request says."""

DEFAULT_MAX_BODY_BYTES = 5 * 1024 * 1024
"""Below the 6 MB of a Lambda request (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

LARGEST_MAX_BODY_BYTES = 256 * 1024 * 1024
"""Far more than any CDN or function takes, and within the four bytes of a part's length."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_DIALECT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

# A payload carries the key headers, readable. And a key that holds a credential is emptied by rotating it, which is how
# Cloudflare AI Gateway and Helicone lose their caches.
CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"}
)
OWN_HEADERS = frozenset({PAYLOAD_HEADER.lower(), "inference-cache", "inference-cache-ttl"})
# RFC 9110 sections 7.6.1, 8.4, 8.6, 10.1.1 and 12.5.3: what one message says of itself or of its connection. Each hop
# writes its own, and the model is sent another message than the caller's: another length there is request smuggling.
MESSAGE_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
    | {"accept-encoding", "content-encoding", "content-length", "expect", "host"}
)
_FLAGS = ("keep_number_types", "require_object", "remote_urls")


@dataclass(frozen=True, kw_only=True)
class RouteRules:
    """How requests to one route are keyed. Names are sorted, header names lower-cased; ``RulesError`` if unusable.

    :param dialect: the API that the route speaks: ``openai-chat``, ``sagemaker``. The protocol only compares it.
    :param ignored_fields: top-level fields that cannot change the answer: ``user``, ``metadata``. Everything else is
        in the key. Caches that list the fields *to* key serve wrong answers whenever an API grows one
        (BerriAI/litellm#9844, microsoft/autogen#7968).
    :param key_headers: headers that change the answer and are in the key, with their exact values.
    :param output_affecting_headers: headers that may change the answer: ``openai-beta``. A request with one of them
        that is not a key header is a bypass.
    :param keep_number_types: ``1`` and ``1.0`` are different. For tensor servers, which infer types from them.
    :param require_object: a body that is not a JSON object is a bypass.
    :param max_body_bytes: a larger body, or canonical form, is a bypass.
    :param determinism: by which rule a request counts as one whose answer may be repeated.
    :param remote_urls: content that a request only points to does not make it a bypass.
    """

    dialect: str
    ignored_fields: tuple[str, ...] = ()
    key_headers: tuple[str, ...] = ()
    output_affecting_headers: tuple[str, ...] = ()
    keep_number_types: bool = False
    require_object: bool = True
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    determinism: Determinism = "required"
    remote_urls: bool = False

    def __post_init__(self) -> None:
        if _DIALECT.fullmatch(self.dialect) is None:
            raise RulesError(f"dialect {self.dialect!r} must be a lower-case word, such as openai-chat")
        if not 1 <= self.max_body_bytes <= LARGEST_MAX_BODY_BYTES:
            raise RulesError(f"max_body_bytes {self.max_body_bytes} must be between 1 and {LARGEST_MAX_BODY_BYTES}")
        if self.determinism not in get_args(Determinism):
            raise RulesError(f"determinism must be one of {', '.join(get_args(Determinism))}")
        for field in _FLAGS:
            if not isinstance(getattr(self, field), bool):
                raise RulesError(f"{field} must be true or false")
        for field, names_of in _NAMES.items():
            object.__setattr__(self, field, names_of(field, getattr(self, field)))
        for name in self.key_headers:
            if name in CREDENTIAL_HEADERS:
                raise RulesError(
                    f"key_headers: {name} is a credential; callers are told apart by their API key's scope"
                )
            if name in OWN_HEADERS:
                raise RulesError(f"key_headers: {name} is one of the protocol's own headers")
            if name in MESSAGE_HEADERS:
                raise RulesError(f"key_headers: {name} is about one message or connection, not about the answer")


def _field_names(field: str, names: tuple[str, ...]) -> tuple[str, ...]:
    names = _sorted(field, names)
    for name in names:
        if not name or any("\ud800" <= character <= "\udfff" for character in name):
            raise RulesError(f"{field}: {name!r} is not a field's name")
    return names


def _header_names(field: str, names: tuple[str, ...]) -> tuple[str, ...]:
    names = _sorted(field, names)
    for name in names:
        if _TOKEN.fullmatch(name) is None:
            raise RulesError(f"{field}: {name!r} is not a header's name")
    return _sorted(field, tuple(name.lower() for name in names))


def _sorted(field: str, names: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise RulesError(f"{field}: {names!r} is one name, not a list of names")
    if len(set(names)) != len(names):
        raise RulesError(f"{field}: a name stands there twice")
    return tuple(sorted(names))


_NAMES = {"ignored_fields": _field_names, "key_headers": _header_names, "output_affecting_headers": _header_names}
