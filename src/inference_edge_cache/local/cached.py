"""The cached path: an answer is looked up, fetched once however many ask at a time, and kept while it is fresh."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import hishel
import httpx
from starlette.requests import Request
from starlette.responses import Response

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.answers import Streamed, all_but_the_last_until_stored, bare, dated, raw_body
from inference_edge_cache.local.browser import browser_cache_control
from inference_edge_cache.local.collapse import Fetch
from inference_edge_cache.local.conditional import not_modified
from inference_edge_cache.local.forward import Pairs, answered_headers, forwarded_query
from inference_edge_cache.local.freshness import Freshness, edge_ttl
from inference_edge_cache.local.key import cache_key
from inference_edge_cache.local.origin import Origin
from inference_edge_cache.local.status import marks, what_became, why_asked
from inference_edge_cache.local.store import Found, Store, Unfound, body_of, kept_for, ungrouped
from inference_edge_cache.local.wire import headers_of, path_of, query_of
from inference_edge_cache.policy import CachePolicy

_PATIENCE_WITH_OTHERS = 30.0


@dataclass(frozen=True)
class _Asked:
    """A request of a cached route: its key, what of it reaches the origin, and what the caller sent."""

    method: str
    key: str
    target: str
    headers: Pairs
    viewer: httpx.Headers


class CachedPath:
    """GET and HEAD of the routes that ``policy`` is for, kept in ``store`` for as long as ``freshness.py`` says.

    ``forwarded`` chooses the headers that reach the origin. ``space`` keeps the keys of one origin, in one state, apart
    from those of another in the same store.
    """

    def __init__(
        self,
        origin: Origin,
        policy: CachePolicy,
        cloud: Cloud,
        store: Store,
        *,
        forwarded: Callable[[httpx.Headers], Pairs],
        space: str,
    ) -> None:
        self._origin, self._policy, self._cloud, self._store = origin, policy, cloud, store
        self._forwarded, self._space = forwarded, space
        self._fetches: dict[str, Fetch] = {}

    async def answer(self, request: Request) -> Response:
        """A stored answer, or the origin's. Raises ``OriginFailed``."""
        viewer, query = headers_of(request), query_of(request)
        path = path_of(request)
        asked = _Asked(
            method=request.method,
            key=f"{self._cloud.value} {self._space} {cache_key(self._policy, self._cloud, path, query, viewer)}",
            target=self._origin.target(path, forwarded_query(self._policy, self._cloud, query)),
            headers=self._forwarded(viewer),
            viewer=viewer,
        )
        trip = f"{asked.method} {asked.key}"
        found = await self._look_up(asked)
        while not isinstance(found, hishel.FromCache):
            under_way = self._fetches.get(trip)
            if under_way is None:
                return await self._fetch(asked, Fetch(self._fetches, trip))
            if not await under_way.stored(_PATIENCE_WITH_OTHERS):
                return await self._fetch(asked, Fetch({}, trip))
            found = await self._look_up(asked)
        return self._from_store(asked, found, "Hit", "hit")

    async def _look_up(self, asked: _Asked) -> Found:
        """What is stored for this request. A HEAD is answered from a stored GET where there is one."""
        if asked.method == "HEAD":
            found = await self._store.look_up(asked.key, "GET", asked.headers)
            if isinstance(found, hishel.FromCache):
                return found
        return await self._store.look_up(asked.key, asked.method, asked.headers)

    async def _fetch(self, asked: _Asked, fetch: Fetch) -> Response:
        try:
            # Again, now that nobody else will fetch it: another trip may have ended since the first look.
            found = await self._look_up(asked)
            if isinstance(found, hishel.FromCache):
                fetch.done(stored=True)
                return self._from_store(asked, found, "Hit", "hit")
            return await self._from_origin(asked, found, fetch)
        except BaseException:
            fetch.done(stored=False)
            raise

    async def _from_origin(self, asked: _Asked, found: Unfound, fetch: Fetch) -> Response:
        with self._origin.failures(why_asked(found)):
            return await self._asked_origin(asked, found, fetch)

    async def _asked_origin(self, asked: _Asked, found: Unfound, fetch: Fetch) -> Response:
        """Ask the origin, or have it confirm the stale answer at hand, and keep what may be kept."""
        conditions = [pair for pair in ungrouped(found.request.headers) if pair[0].startswith("if-")]
        upstream = await self._origin.ask(asked.method, asked.target, [*asked.headers, *conditions])
        headers = dated(answered_headers(upstream.headers))
        freshness = self._freshness(asked, found, upstream.status_code, headers)
        seen = self._store.rewritten(headers, freshness.seconds, time.time())
        chunks = raw_body(upstream)
        state = await self._store.settle(found.next(hishel.Response(upstream.status_code, seen, chunks)))

        if isinstance(state, hishel.FromCache):
            await upstream.aclose()
            fetch.done(stored=True)
            return self._from_store(asked, state, "RefreshHit", "fwd=stale; fwd-status=304")
        if isinstance(state, hishel.CacheMiss):
            # The origin confirmed an answer that is not ours: ask again, without conditions.
            await upstream.aclose()
            return await self._from_origin(asked, state, fetch)
        if isinstance(state, hishel.StoreAndUse):
            chunks = await self._store.keep(asked.key, found.request, state.response)
            chunks = all_but_the_last_until_stored(chunks, upstream.headers.get("content-length"), fetch)
        else:
            fetch.done(stored=False)
        told = [
            *self._told(headers, freshness.seconds),
            *marks(
                "Miss" if upstream.status_code < 400 else "Error",
                what_became(found, state, freshness),
                freshness.reason,
            ),
        ]
        return await _passed_on(asked, Streamed(upstream.status_code, told, chunks, upstream, fetch), told)

    def _freshness(self, asked: _Asked, found: Unfound, status: int, headers: Pairs) -> Freshness:
        """The TTL of the answer; of a stale answer that a 304 confirms, with the headers that the 304 brings."""
        if status == 304 and isinstance(found, hishel.NeedRevalidation):
            stale = found.revalidating_entries[0].response
            brought = {name for name, _ in headers}
            headers = [*(pair for pair in self._store.original(stale.headers) if pair[0] not in brought), *headers]
            status = stale.status_code
        return edge_ttl(self._policy, self._cloud, httpx.Headers(asked.headers), status, httpx.Headers(headers))

    def _from_store(self, asked: _Asked, found: hishel.FromCache, tier: str, status: str) -> Response:
        stored = found.entry.response
        kept, age = kept_for(stored.headers), int(stored.headers.get("age", "0"))
        headers = [
            *self._told(self._store.original(stored.headers), kept),
            ("age", str(age)),
            *marks(tier, f"{status}; ttl={kept - age}"),
        ]
        if stored.status_code == 200 and not_modified(asked.viewer, httpx.Headers(headers)):
            return bare(304, headers)
        if asked.method == "HEAD":
            return bare(stored.status_code, headers)
        return Streamed(stored.status_code, headers, body_of(stored))

    def _told(self, headers: Pairs, kept: int) -> Pairs:
        return told_headers(self._policy, self._cloud, headers, kept)


def told_headers(policy: CachePolicy, cloud: Cloud, headers: Pairs, kept: int) -> Pairs:
    """The origin's headers as the caller of a cached route sees them, of an answer kept for ``kept`` seconds."""
    without = {"cache-control", "x-cache"}
    if cloud is Cloud.AWS:
        # As the component's response headers policy does: a cached Set-Cookie would be replayed to other callers.
        without.add("set-cookie")
    from_origin = ", ".join(value for name, value in headers if name == "cache-control") or None
    cache_control = browser_cache_control(policy, cloud, from_origin, kept)
    kept_headers = [pair for pair in headers if pair[0] not in without]
    return [*kept_headers, ("cache-control", cache_control)] if cache_control else kept_headers


async def _passed_on(asked: _Asked, answer: Streamed, told: Pairs) -> Response:
    """The origin's answer, or as much of it as this caller needs."""
    headers = httpx.Headers(told)
    unchanged = answer.status_code == 200 and not_modified(asked.viewer, headers)
    empty = asked.method == "HEAD" or answer.status_code == 204 or headers.get("content-length") == "0"
    if not (unchanged or empty):
        return answer
    # The caller has all of it with the headers, so it is read up, and stored, before they leave.
    await answer.read_up()
    return bare(304 if unchanged else answer.status_code, told)
