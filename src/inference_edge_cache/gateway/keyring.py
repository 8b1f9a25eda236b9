"""Whose requests the gateway answers: everything that its master secrets vouch for, without a table of keys.

A master secret is rotated by giving the new one first and the old one after it: both count until the old one is gone.
"""

import hmac
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.gateway.messages import HeaderLines
from inference_edge_cache.protocol import (
    PUBLIC_API_KEY,
    PUBLIC_SCOPE,
    ApiKey,
    KeyMaterialError,
    Preimage,
    Rejected,
    RejectedReason,
    api_key_of_scope,
    parse_api_key,
    parse_path,
    verify,
)
from inference_edge_cache.protocol.keys import origin_proof

logger = logging.getLogger(__name__)

LOOK_AGAIN_FOR_UNKNOWN = 60.0
"""Seconds between two looks at the secret that unknown keys can cause, however many of them are sent."""

LOOK_AGAIN = 600.0
"""Seconds after which the secret is looked at in any case: a master that was withdrawn counts hardly longer."""

Masters = tuple[bytes, ...]

_UNKNOWN = Rejected(RejectedReason.KEY_MISMATCH)

# RFC 6750 section 2.1; the scheme in any case (RFC 9110 section 11.1).
_BEARER = re.compile(r"[ \t]*bearer +([^\s,]+)[ \t]*", re.IGNORECASE)


class Keyring:
    """The keys that count, by the master secrets: the current one first, then those that it replaces.

    Safe to use from many threads. What a check costs does not tell which master a key belongs to. Raises
    ``KeyMaterialError`` where there is no master secret, and for one under 32 bytes.
    """

    _masters: "_Masters | None"

    def __init__(self, masters: Masters) -> None:
        self._masters = _Masters(lambda: masters)

    @classmethod
    def rotating(cls, fetch: Callable[[], Masters], clock: Callable[[], float] = time.monotonic) -> "Keyring":
        """A keyring that follows a rotation: it calls ``fetch`` now, for an unknown key, and every ten minutes.

        What goes wrong now is raised. Later the masters at hand are kept, and the log says why.
        """
        keyring = cls.__new__(cls)
        keyring._masters = _Masters(fetch, clock)
        return keyring

    @classmethod
    def public(cls) -> "Keyring":
        """For ``access: "public"``: everyone is one caller, with the key that everyone knows."""
        keyring = cls.__new__(cls)
        keyring._masters = None
        return keyring

    def __repr__(self) -> str:
        return "Keyring(...)"

    @property
    def is_public(self) -> bool:
        return self._masters is None

    def caller(self, request_headers: HeaderLines) -> ApiKey | None:
        """Who sends these headers: the key in exactly one ``Authorization: Bearer``; with public access anybody."""
        if self._masters is None:
            return PUBLIC_API_KEY
        lines = [value for name, value in request_headers if name == "authorization"]
        found = _BEARER.fullmatch(lines[0]) if len(lines) == 1 else None
        return None if found is None else self.api_key(found[1])

    def api_key(self, bearer_text: str) -> ApiKey | None:
        """The API key that ``bearer_text`` is, compared in constant time; ``None`` when it is not one of these."""
        claimed = parse_api_key(bearer_text)
        if claimed is None:
            return None
        for keys in self._of_scope(claimed.scope):
            same = [key for key in keys if key.matches(claimed)]
            if same:
                return same[0]
        return None

    def verify(self, path: str, payload: str) -> Preimage | Rejected:
        """The request that ``path`` stands for, proven by its payload under a key of the path's scope."""
        parts = parse_path(path)
        if parts is None:
            return Rejected(RejectedReason.PATH)
        for keys in self._of_scope(parts.scope):
            outcomes = [verify(path, payload, key.key) for key in keys]
            known = [outcome for outcome in outcomes if outcome != _UNKNOWN]
            if known:
                return known[0]
        return _UNKNOWN

    def proves_origin(self, proof: bytes) -> bool:
        """Whether ``proof`` is the CDN's, under one of the masters; compared in constant time. With public access there
        is none."""
        return self._masters is not None and any(
            # All of them, so that the time does not tell which one it was.
            sum(hmac.compare_digest(proof, origin_proof(master).encode("ascii")) for master in masters)
            for masters in self._masters.in_turn()
        )

    def _of_scope(self, scope: str) -> Iterator[list[ApiKey]]:
        """The keys that ``scope`` may have; then, for who has not found theirs, those by newer masters if there are."""
        if self._masters is None:
            yield [PUBLIC_API_KEY] if scope == PUBLIC_SCOPE else []
            return
        for masters in self._masters.in_turn():
            yield [api_key_of_scope(master, scope) for master in masters]


class _Masters:
    """Master secrets, and when they were fetched."""

    def __init__(self, fetch: Callable[[], Masters], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._looking = threading.Lock()
        self._looked_at = clock()
        self._masters = _checked(fetch())

    def in_turn(self) -> Iterator[Masters]:
        """The masters at hand; then, for who has not found theirs among them, newer ones if there are."""
        masters: Masters | None = self.current()
        while masters is not None:
            yield masters
            masters = self.newer_than(masters)

    def current(self) -> Masters:
        # One caller looks, the others need not wait for it.
        if self._age() >= LOOK_AGAIN and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._masters

    def newer_than(self, masters: Masters) -> Masters | None:
        """Other masters than these, if the secret has some."""
        # Nobody waits for one who looks: their own key may be known the next time.
        if self._masters == masters and self._age() >= LOOK_AGAIN_FOR_UNKNOWN and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return None if self._masters == masters else self._masters

    def _age(self) -> float:
        return self._clock() - self._looked_at

    def _look(self) -> None:
        self._looked_at = self._clock()
        try:
            self._masters = _checked(self._fetch())
        except EdgeCacheError as error:
            logger.warning("the master secret could not be read again, the one at hand still counts: %s", error)


def _checked(masters: Masters) -> Masters:
    if not masters:
        raise KeyMaterialError("there is no master secret")
    for master in masters:
        api_key_of_scope(master, PUBLIC_SCOPE)  # refuses one that is too short
    return masters
