"""The local edge as an ASGI app: key, store, origin.

A GET or HEAD of a caching policy is looked up, fetched once however many ask at a time, and kept for as long as
``freshness.py`` says. Everything else passes through. Bodies are streamed both ways; nothing of a request is logged.
"""

import logging
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import hishel
import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from inference_edge_cache.capabilities import CLOUD_NAMES, Cloud
from inference_edge_cache.local.accepts import check_origin, check_origin_headers, check_policy
from inference_edge_cache.local.answers import (
    Streamed,
    all_but_the_last_until_stored,
    bare,
    dated,
    problem,
    raw_body,
)
from inference_edge_cache.local.browser import browser_cache_control
from inference_edge_cache.local.collapse import Fetch
from inference_edge_cache.local.conditional import not_modified
from inference_edge_cache.local.forward import (
    Pairs,
    answered_headers,
    forwarded_headers,
    forwarded_query,
    passed_headers,
)
from inference_edge_cache.local.freshness import Freshness, edge_ttl
from inference_edge_cache.local.key import cache_key
from inference_edge_cache.local.origin import Origin, OriginFailed
from inference_edge_cache.local.status import marks, what_became, why_asked
from inference_edge_cache.local.store import Found, Store, Unfound, body_of, check_store, kept_for, ungrouped
from inference_edge_cache.policy import CacheMode, CachePolicy

logger = logging.getLogger(__name__)

ORIGIN_TIMEOUT = 30.0
"""Seconds the origin may take to connect and between bytes: CloudFront's default, Media CDN's maximum."""

_PATIENCE_WITH_OTHERS = 30.0
_READS = ("GET", "HEAD")
# RequestAndResponseBehaviorCustomOrigin.html: a GET with a body is a 403. Media CDN routing page: a 400.
_READ_WITH_BODY = {Cloud.AWS: 403, Cloud.GCP: 400}


def edge_app(
    origin: str,
    policy: CachePolicy,
    cloud: Cloud = Cloud.AWS,
    *,
    store: str | Path | None = None,
    origin_headers: Mapping[str, str] | None = None,
    origin_timeout: float = ORIGIN_TIMEOUT,
) -> Starlette:
    """An ASGI app that is the edge in front of ``origin``, keeping answers as ``cloud`` would under ``policy``.

    ``store`` is a SQLite file that outlives the app (default: a temporary one). ``origin_headers`` are added to every
    request to the origin, as the component's ``origin.headers`` are. Needs a server that runs ASGI lifespans.

    Raises ``LocalEdgeError`` when the origin is no URL, the cloud cannot do what the policy asks for, a header cannot
    be sent, or ``store`` is a file of something else.
    """
    url = check_origin(origin)
    check_policy(policy, cloud)
    check_origin_headers(origin_headers or {})
    if store is not None:
        check_store(Path(store))
    endpoint = Origin(url, origin_headers or {}, origin_timeout)
    edge = _Edge(endpoint, policy, cloud)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            path = Path(store or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "edge.db")
            edge.store = await stack.enter_async_context(Store.opened(path, cloud))
            await stack.enter_async_context(endpoint.connected())
            yield

    return Starlette(routes=[Mount("/", app=edge)], lifespan=lifespan)


@dataclass(frozen=True)
class _Asked:
    """A request of a cached route: its key, what of it reaches the origin, and what the caller sent."""

    method: str
    key: str
    target: str
    headers: Pairs
    viewer: httpx.Headers


class _Edge:
    store: Store

    def __init__(self, origin: Origin, policy: CachePolicy, cloud: Cloud) -> None:
        self._origin, self._policy, self._cloud = origin, policy, cloud
        self._fetches: dict[str, Fetch] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
            await response(scope, receive, send)
        except (httpx.TransportError, ClientDisconnect):
            raise  # one side left in the middle of a body; all there is to do is to leave the other
        except Exception:
            logger.exception("the local edge failed on a %s request", request.method)
            raise

    async def _answer(self, request: Request) -> Response:
        try:
            if self._policy.mode == CacheMode.BYPASS or request.method not in _READS:
                return await self._pass_through(request)
            if _has_body(request):
                refused = f"{CLOUD_NAMES[self._cloud]} refuses a {request.method} with a body"
                said = f"{refused}: put the input in the query"
                return problem(_READ_WITH_BODY[self._cloud], said, marks("Error", "", refused))
            if "range" in request.headers:
                return await self._ranged(request)
            return await self._cached(request)
        except httpx.LocalProtocolError:
            # The text of the error quotes the request, and so stays here.
            said = "the request cannot be passed on: its path or a header is no valid HTTP"
            return problem(400, said, marks("Error", "", "not passed on"))
        except OriginFailed as failed:
            return problem(failed.status, str(failed), marks("Error", failed.forwarded, "the origin did not answer"))

    # Uncached --------------------------------------------------------------------------------------------------------
    async def _pass_through(self, request: Request) -> Response:
        """Another method, or a policy that caches nothing: the request as it is, the answer as it is."""
        target = self._origin.target(_path(request), _query(request))
        if self._policy.mode == CacheMode.BYPASS:
            why, detail = "fwd=bypass", "mode is bypass"
        else:
            why, detail = "fwd=method", "only GET and HEAD are kept"
        body = request.stream() if _has_body(request) else None
        with self._origin.failures(why):
            upstream = await self._origin.ask(request.method, target, passed_headers(_headers(request)), body)
        headers = [*dated(answered_headers(upstream.headers)), *marks("Miss", why, detail)]
        return Streamed(upstream.status_code, headers, raw_body(upstream), upstream)

    async def _ranged(self, request: Request) -> Response:
        """A part of an answer: asked for as any request of the route, not stored."""
        viewer = _headers(request)
        ranges = [(name, viewer[name]) for name in ("range", "if-range") if name in viewer]
        forwarded = [*forwarded_headers(self._policy, self._cloud, viewer), *ranges]
        target = self._origin.target(_path(request), forwarded_query(self._policy, self._cloud, _query(request)))
        with self._origin.failures("fwd=bypass"):
            upstream = await self._origin.ask(request.method, target, forwarded)
        headers = [
            *self._told(dated(answered_headers(upstream.headers)), 0),
            *marks("Miss", "fwd=bypass", "a part of an answer is not kept"),
        ]
        return Streamed(upstream.status_code, headers, raw_body(upstream), upstream)

    # Cached ----------------------------------------------------------------------------------------------------------
    async def _cached(self, request: Request) -> Response:
        viewer, query = _headers(request), _query(request)
        path = _path(request)
        asked = _Asked(
            method=request.method,
            key=f"{self._cloud.value} {self._origin.url} {cache_key(self._policy, self._cloud, path, query, viewer)}",
            target=self._origin.target(_path(request), forwarded_query(self._policy, self._cloud, query)),
            headers=forwarded_headers(self._policy, self._cloud, viewer),
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
            found = await self.store.look_up(asked.key, "GET", asked.headers)
            if isinstance(found, hishel.FromCache):
                return found
        return await self.store.look_up(asked.key, asked.method, asked.headers)

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
        seen = self.store.rewritten(headers, freshness.seconds, time.time())
        chunks = raw_body(upstream)
        state = await self.store.settle(found.next(hishel.Response(upstream.status_code, seen, chunks)))

        if isinstance(state, hishel.FromCache):
            await upstream.aclose()
            fetch.done(stored=True)
            return self._from_store(asked, state, "RefreshHit", "fwd=stale; fwd-status=304")
        if isinstance(state, hishel.CacheMiss):
            # The origin confirmed an answer that is not ours: ask again, without conditions.
            await upstream.aclose()
            return await self._from_origin(asked, state, fetch)
        if isinstance(state, hishel.StoreAndUse):
            chunks = await self.store.keep(asked.key, found.request, state.response)
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
            headers = [*(pair for pair in self.store.original(stale.headers) if pair[0] not in brought), *headers]
            status = stale.status_code
        return edge_ttl(self._policy, self._cloud, httpx.Headers(asked.headers), status, httpx.Headers(headers))

    def _from_store(self, asked: _Asked, found: hishel.FromCache, tier: str, status: str) -> Response:
        stored = found.entry.response
        kept, age = kept_for(stored.headers), int(stored.headers.get("age", "0"))
        headers = [
            *self._told(self.store.original(stored.headers), kept),
            ("age", str(age)),
            *marks(tier, f"{status}; ttl={kept - age}"),
        ]
        if stored.status_code == 200 and not_modified(asked.viewer, httpx.Headers(headers)):
            return bare(304, headers)
        if asked.method == "HEAD":
            return bare(stored.status_code, headers)
        return Streamed(stored.status_code, headers, body_of(stored))

    # Both ------------------------------------------------------------------------------------------------------------
    def _told(self, headers: Pairs, kept: int) -> Pairs:
        """The origin's headers as the caller of a cached route sees them."""
        without = {"cache-control", "x-cache"}
        if self._cloud is Cloud.AWS:
            # As the component's response headers policy does: a cached Set-Cookie would be replayed to other callers.
            without.add("set-cookie")
        from_origin = ", ".join(value for name, value in headers if name == "cache-control") or None
        cache_control = browser_cache_control(self._policy, self._cloud, from_origin, kept)
        told = [pair for pair in headers if pair[0] not in without]
        return [*told, ("cache-control", cache_control)] if cache_control else told


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


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _headers(request: Request) -> httpx.Headers:
    return httpx.Headers(request.scope["headers"])


def _path(request: Request) -> str:
    return request.scope["raw_path"].decode("latin-1")


def _query(request: Request) -> str:
    return request.scope["query_string"].decode("latin-1")
