"""The discovery documents of the edges that a transport talks to: fetched once each, kept fresh, missed by nobody.

::

    first use       one request fetches it, the others wait for it
    fresh           for its max-age, 60 s as published
    then            one request fetches it again, the others go on with the old one
    not there       asked for again after 60 s; the old one counts for 10 minutes after it was fetched
"""

from __future__ import annotations

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_edge_cache.client.requests import discovery_request, origin_of, patience_of, whole_number
from inference_edge_cache.client.wire import Event, Wire
from inference_edge_cache.protocol import PROTOCOL_VERSION, EdgeConfig, parse_edge_config
from inference_edge_cache.protocol.discovery import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from httpx2 import Request

FRESH_SECONDS = 60.0
"""How long a document counts without being asked for again, at most; and how long an edge counts that has none."""

LEAST_SECONDS = 5.0
"""How long at least: so that a document that is out of date is not fetched for every request that finds it out."""

STALE_SECONDS = 600.0
"""How long a document counts after it was fetched, when it cannot be fetched again."""

MAX_ORIGINS = 64

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,10})", re.IGNORECASE)


@dataclass
class _Known:
    """What is known of one origin. Times are the clock's."""

    config: EdgeConfig | None = None
    version: int = PROTOCOL_VERSION
    fetched_at: float = -math.inf
    asked_at: float = -math.inf
    """As ``fetched_at``, whatever came of it."""
    ask_at: float = -math.inf
    fetching: Event | None = None

    def usable(self, now: float) -> EdgeConfig | None:
        return self.config if now < self.fetched_at + STALE_SECONDS else None


class Documents:
    """The documents of one transport, by origin. Safe to use from many threads, or many tasks of one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], _Known] = OrderedDict()

    async def current(self, request: Request, wire: Wire) -> EdgeConfig | None:
        """The document of the edge that ``request`` is for; ``None`` when it has none, or none that can be used."""
        origin = origin_of(request)
        while True:
            with self._lock:
                known = self._of(origin)
                now = self._clock()
                if now < known.ask_at or (known.fetching is not None and known.asked_at > -math.inf):
                    return known.usable(now)
                others = known.fetching
                if others is None:
                    known.fetching = mine = wire.event()
                    break
            if not await wire.wait(others, patience_of(request)):
                return None
        try:
            found = await _fetch(request, wire, known.version)
            with self._lock:
                now = self._clock()
                _settle(known, found, now)
                return known.usable(now)
        finally:
            # Also when this request is cancelled: then one of those who wait fetches it.
            with self._lock:
                known.fetching = None
            mine.set()

    def out_of_date(self, request: Request) -> None:
        """The edge has said that it has another document by now: the next request fetches it."""
        with self._lock:
            known = self._of(origin_of(request))
            known.ask_at = known.asked_at + LEAST_SECONDS

    def _of(self, origin: tuple[str, ...]) -> _Known:
        known = self._known.setdefault(origin, _Known())
        self._known.move_to_end(origin)
        if len(self._known) > MAX_ORIGINS:
            self._known.popitem(last=False)
        return known


@dataclass(frozen=True)
class _Fetched:
    config: EdgeConfig
    fresh: float


def _settle(known: _Known, found: _Fetched | None, now: float) -> None:
    known.asked_at = now
    known.ask_at = now + (found.fresh if found else FRESH_SECONDS)
    if found:
        known.config, known.version, known.fetched_at = found.config, found.config.version, now


async def _fetch(request: Request, wire: Wire, at_least: int) -> _Fetched | None:
    try:
        response = await wire.send(discovery_request(request))
        if response.status_code != 200:
            await wire.close(response)
            return None
        document = await wire.read(response, MAX_DOCUMENT_BYTES)
        if document is None:
            return None
        return _Fetched(parse_edge_config(document, at_least=at_least), _fresh_for(response.headers))
    except Exception:
        # Whatever keeps the document from us must not fail the request: it goes as it is, and fails or not by itself.
        return None


def _fresh_for(headers: Mapping[str, str]) -> float:
    """Seconds for which a document is fresh (RFC 9111 section 4.2), within our own bounds."""
    max_age = _MAX_AGE.search(headers.get("cache-control", ""))
    left = (int(max_age[1]) if max_age else FRESH_SECONDS) - (whole_number(headers.get("age")) or 0)
    return max(LEAST_SECONDS, min(left, FRESH_SECONDS))
