"""Scopes and keys: who shares answers with whom, from one secret and without a table.

::

    scope   = base64url(HMAC-SHA256(master, "scope|" + tenant))[:12]
    K       = HMAC-SHA256(master, "key|" + scope)
    API key = "iec1." + scope + "." + base64url(K)
    proof   = base64url(HMAC-SHA256(master, "origin|cdn"))

A scope is a boundary: callers with the same scope share answers, others never do. It follows from the tenant's name and
not from the credential, so that a caller's own model credential can be rotated without emptying the cache.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from inference_edge_cache.protocol import base64url
from inference_edge_cache.protocol.errors import KeyMaterialError

MIN_MASTER_BYTES = 32
"""As long as the digest: RFC 2104 section 3 discourages keys that are shorter."""

KEY_BYTES = 32
SCOPE_LENGTH = 12
PUBLIC_SCOPE = "public-scope"
PUBLIC_KEY = hashlib.sha256(b"inference-edge-cache/1 public").digest()
"""The K of ``access: "public"``, known to everyone: whoever can guess a request can read its answer."""

_PREFIX = "iec1"
_API_KEY = re.compile(rf"{_PREFIX}\.([{base64url.ALPHABET}]{{{SCOPE_LENGTH}}})\.({base64url.DIGEST})")
_SCOPE = re.compile(rf"[{base64url.ALPHABET}]{{{SCOPE_LENGTH}}}")


@dataclass(frozen=True, eq=False)
class ApiKey:
    """A caller's scope and its K. Printing it shows the scope alone; ``text`` is the secret."""

    scope: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if _SCOPE.fullmatch(self.scope) is None:
            raise KeyMaterialError(f"a scope is {SCOPE_LENGTH} characters of A-Z, a-z, 0-9, - and _")
        if len(self.key) != KEY_BYTES:
            raise KeyMaterialError(f"the key of a scope has {KEY_BYTES} bytes, not {len(self.key)}")

    @property
    def text(self) -> str:
        """What a caller is given: ``iec1.<scope>.<key>``."""
        return f"{_PREFIX}.{self.scope}.{base64url.encode(self.key)}"

    def matches(self, other: "ApiKey") -> bool:
        """Whether both are the same key, in a time that does not tell how much of it is."""
        return hmac.compare_digest(self.text, other.text)


PUBLIC_API_KEY = ApiKey(PUBLIC_SCOPE, PUBLIC_KEY)


def scope_of(master: bytes, tenant: str) -> str:
    """The scope of ``tenant``. Two names are two tenants unless they are equal, character by character.

    Raises ``KeyMaterialError`` for a master secret under 32 bytes and for a tenant without a name: an empty one would
    silently share answers with every other caller that has none (NVIDIA/NeMo-Relay#404).
    """
    _check(master)
    try:
        name = tenant.encode("utf-8")
    except UnicodeEncodeError:
        raise KeyMaterialError("the tenant's name is not valid Unicode: it has a lone surrogate") from None
    if not name:
        raise KeyMaterialError("the tenant has no name: give one. Who shares answers with everyone needs no key")
    return base64url.encode(_hmac(master, b"scope|" + name))[:SCOPE_LENGTH]


def api_key_of_scope(master: bytes, scope: str) -> ApiKey:
    """The API key of a scope, as the gateway derives it from a request's path. Raises ``KeyMaterialError``."""
    _check(master)
    return ApiKey(scope, _hmac(master, b"key|" + scope.encode("utf-8", "replace")))


def derive_api_key(master: bytes, tenant: str) -> ApiKey:
    """The API key that ``tenant`` is given. ``master`` is the secret's text in UTF-8. Raises ``KeyMaterialError``."""
    return api_key_of_scope(master, scope_of(master, tenant))


def origin_proof(master: bytes) -> str:
    """What the CDN proves itself to the gateway with: 43 characters that fit in a header. No scope's key follows from
    it. Raises ``KeyMaterialError``."""
    _check(master)
    return base64url.encode(_hmac(master, b"origin|cdn"))


def parse_api_key(text: str) -> ApiKey | None:
    """The scope and K that ``text`` claims, unproven; ``None`` when it has not the form of an API key."""
    found = _API_KEY.fullmatch(text)
    return None if found is None else ApiKey(found[1], base64.urlsafe_b64decode(found[2] + "="))


def verify_api_key(master: bytes, text: str) -> ApiKey | None:
    """The API key that ``text`` is, when it was derived from ``master``; compared in constant time."""
    claimed = parse_api_key(text)
    if claimed is None:
        return None
    derived = api_key_of_scope(master, claimed.scope)
    return derived if derived.matches(claimed) else None


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _check(master: bytes) -> None:
    if len(master) < MIN_MASTER_BYTES:
        raise KeyMaterialError(
            f"the master secret has {len(master)} bytes and needs at least {MIN_MASTER_BYTES}. "
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
