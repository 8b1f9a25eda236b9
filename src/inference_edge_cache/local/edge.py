"""The local edge as an ASGI app: key, store, origin.

A GET or HEAD of a caching policy is looked up, fetched once however many ask at a time, and kept for as long as
``freshness.py`` says. Everything else passes through. Bodies are streamed both ways; nothing of a request is logged.
"""

import logging
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import anyio
import hishel
import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.accepts import check_origin, check_policy
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
from inference_edge_cache.local.store import Found, Settled, Store, Unfound, body_of, check_store, kept_for, ungrouped
from inference_edge_cache.policy import CacheMode, CachePolicy

logger = logging.getLogger(__name__)

ORIGIN_TIMEOUT = 30.0
"""Seconds the origin may take to connect and between bytes: CloudFront's default, Media CDN's maximum."""

# Shorter than common servers keep connections (uvicorn 5 s), so that no request meets one that is being closed.
_KEEP_ALIVE_SECONDS = 2
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

    Raises ``LocalEdgeError`` when the origin is no URL, the cloud cannot do what the
    policy asks for, or ``store`` is a file of something else.
    """
    url = check_origin(origin)
    check_policy(policy, cloud)
    if store is not None:
        check_store(Path(store))
    edge = _Edge(url, policy, cloud, origin_headers or {}, origin_timeout)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            path = Path(store or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "edge.db")
            edge.store = await stack.enter_async_context(Store.opened(path, cloud))
            limits = httpx.Limits(keepalive_expiry=_KEEP_ALIVE_SECONDS)
            edge.transport = await stack.enter_async_context(httpx.AsyncHTTPTransport(limits=limits))
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


class _Streamed(StreamingResponse):
    """A body from elsewhere. However the caller leaves, the origin's connection and those who wait are let go."""

    def __init__(
        self,
        status: int,
        headers: Pairs,
        chunks: AsyncGenerator[bytes, None],
        upstream: httpx.Response | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        super().__init__(chunks, status)
        self.raw_headers = _raw(headers)
        self._chunks, self._upstream, self._fetch = chunks, upstream, fetch

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            if self._fetch:
                self._fetch.done(stored=False)  # unless it was by then
            with anyio.CancelScope(shield=True):
                await self._chunks.aclose()
                if self._upstream:
                    await self._upstream.aclose()


class _Edge:
    store: Store
    transport: httpx.AsyncBaseTransport

    def __init__(
        self, url: httpx.URL, policy: CachePolicy, cloud: Cloud, origin_headers: Mapping[str, str], timeout: float
    ) -> None:
        self._url, self._policy, self._cloud = url, policy, cloud
        self._origin_headers = {name.lower(): value for name, value in origin_headers.items()}
        self._timeout = httpx.Timeout(timeout).as_dict()
        self._fetches: dict[str, Fetch] = {}
        self._where = f"{url.scheme}://{url.netloc.decode()}"

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
                return _problem(_READ_WITH_BODY[self._cloud], f"the cloud refuses a {request.method} with a body")
            if "range" in request.headers:
                return await self._ranged(request)
            return await self._cached(request)
        except httpx.TimeoutException:
            return _problem(504, f"the origin {self._where} did not answer in time")
        except httpx.TransportError as error:
            return _problem(502, f"the origin {self._where} did not answer ({type(error).__name__})")

    # Uncached --------------------------------------------------------------------------------------------------------
    async def _pass_through(self, request: Request) -> Response:
        """Another method, or a policy that caches nothing: the request as it is, the answer as it is."""
        target = self._target(request, _query(request))
        why = "bypass" if request.method in _READS else "method"
        body = request.stream() if _has_body(request) else None
        upstream = await self._send(request.method, target, passed_headers(_headers(request)), body)
        headers = [*_dated(answered_headers(upstream.headers)), *_marks("Miss", f"fwd={why}")]
        return _Streamed(upstream.status_code, headers, _raw_body(upstream), upstream)

    async def _ranged(self, request: Request) -> Response:
        """A part of an answer: asked for as any request of the route, not stored."""
        viewer = _headers(request)
        ranges = [(name, viewer[name]) for name in ("range", "if-range") if name in viewer]
        forwarded = [*forwarded_headers(self._policy, self._cloud, viewer), *ranges]
        target = self._target(request, forwarded_query(self._policy, self._cloud, _query(request)))
        upstream = await self._send(request.method, target, forwarded, None)
        headers = [*self._told(_dated(answered_headers(upstream.headers)), 0), *_marks("Miss", "fwd=request")]
        return _Streamed(upstream.status_code, headers, _raw_body(upstream), upstream)

    # Cached ----------------------------------------------------------------------------------------------------------
    async def _cached(self, request: Request) -> Response:
        viewer, query = _headers(request), _query(request)
        path = request.scope["raw_path"].decode("latin-1")
        asked = _Asked(
            method=request.method,
            key=f"{self._cloud.value} {self._url} {cache_key(self._policy, self._cloud, path, query, viewer)}",
            target=self._target(request, forwarded_query(self._policy, self._cloud, query)),
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
        """Ask the origin, or have it confirm the stale answer at hand, and keep what may be kept."""
        conditions = [pair for pair in ungrouped(found.request.headers) if pair[0].startswith("if-")]
        upstream = await self._send(asked.method, asked.target, [*asked.headers, *conditions], None)
        headers = _dated(answered_headers(upstream.headers))
        freshness = self._freshness(asked, found, upstream.status_code, headers)
        seen = self.store.rewritten(headers, freshness.seconds, time.time())
        chunks = _raw_body(upstream)
        state = await self.store.settle(found.next(hishel.Response(upstream.status_code, seen, chunks)))

        if isinstance(state, hishel.FromCache):
            await upstream.aclose()
            fetch.done(stored=True)
            return self._from_store(asked, state, "RefreshHit", "hit; fwd=stale; fwd-status=304")
        if isinstance(state, hishel.CacheMiss):
            # The origin confirmed an answer that is not ours: ask again, without conditions.
            await upstream.aclose()
            return await self._from_origin(asked, state, fetch)
        if isinstance(state, hishel.StoreAndUse):
            chunks = await self.store.keep(asked.key, found.request, state.response)
            chunks = _all_but_the_last_until_stored(chunks, upstream.headers.get("content-length"), fetch)
        else:
            fetch.done(stored=False)
        told = [
            *self._told(headers, freshness.seconds),
            *_marks("Miss" if upstream.status_code < 400 else "Error", _why(found, state, freshness)),
        ]
        return await _passed_on(asked, _Streamed(upstream.status_code, told, chunks, upstream, fetch), told)

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
            *_marks(tier, f"{status}; ttl={kept - age}"),
        ]
        if stored.status_code == 200 and not_modified(asked.viewer, httpx.Headers(headers)):
            return _bare(304, headers)
        if asked.method == "HEAD":
            return _bare(stored.status_code, headers)
        return _Streamed(stored.status_code, headers, body_of(stored))

    # Both ------------------------------------------------------------------------------------------------------------
    def _target(self, request: Request, query: str) -> str:
        """Path and query at the origin, as they stood on the wire."""
        path = self._url.raw_path.decode().rstrip("/") + request.scope["raw_path"].decode("latin-1")
        return f"{path}?{query}" if query else path

    async def _send(
        self, method: str, target: str, headers: Pairs, body: AsyncIterator[bytes] | None
    ) -> httpx.Response:
        headers = [pair for pair in headers if pair[0] not in self._origin_headers]
        request = httpx.Request(
            method,
            self._url.copy_with(raw_path=target.encode("latin-1")),
            headers=[*headers, *self._origin_headers.items()],
            content=body,
            extensions={"timeout": self._timeout},
        )
        return await self.transport.handle_async_request(request)

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


async def _passed_on(asked: _Asked, answer: _Streamed, told: Pairs) -> Response:
    """The origin's answer, or as much of it as this caller needs."""
    headers = httpx.Headers(told)
    unchanged = answer.status_code == 200 and not_modified(asked.viewer, headers)
    empty = asked.method == "HEAD" or answer.status_code == 204 or headers.get("content-length") == "0"
    if not (unchanged or empty):
        return answer
    # The caller has all of it with the headers, so it is read up, and stored, before they leave.
    await answer.stream_response(_nowhere)
    return _bare(304 if unchanged else answer.status_code, told)


def _why(found: Unfound, settled: Settled, freshness: Freshness) -> str:
    """Why the edge asked the origin and what it does with the answer, as RFC 9211 Cache-Status parameters."""
    forwarded = "fwd=stale" if isinstance(found, hishel.NeedRevalidation) else "fwd=uri-miss"
    detail = freshness.reason.encode("ascii", "replace").decode().replace("\\", "").replace('"', "'")
    kept = f"stored; ttl={freshness.seconds}" if isinstance(settled, hishel.StoreAndUse) else "ttl=0"
    return f'{forwarded}; {kept}; detail="{detail}"'


def _marks(tier: str, status: str) -> Pairs:
    return [("x-cache", f"{tier} from local edge"), ("cache-status", f"local-edge; {status}")]


def _problem(status: int, detail: str) -> Response:
    """An answer of the edge itself (RFC 9457), which nobody keeps."""
    title = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway", 504: "Gateway Timeout"}[status]
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status,
        dict([*_dated([]), ("cache-control", "no-store"), *_marks("Error", f"fwd=uri-miss; fwd-status={status}")]),
        media_type="application/problem+json",
    )


def _bare(status: int, headers: Pairs) -> Response:
    """An answer without its body: to a HEAD with the body's length, as a 304 without (RFC 9110 section 15.4.5)."""
    response = Response(status_code=status)
    response.raw_headers = _raw(pair for pair in headers if status != 304 or pair[0] != "content-length")
    return response


async def _all_but_the_last_until_stored(
    chunks: AsyncGenerator[bytes, None], length: str | None, fetch: Fetch
) -> AsyncGenerator[bytes, None]:
    """``chunks``, of which the last leaves once the answer is stored.

    A caller who has all of an answer may hang up at once, and hanging up ends what is done for it. Without a length the
    caller cannot know that it has all before the end is sent, which comes after storing anyway.
    """
    passed = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            passed += len(chunk)
            if str(passed) == length:
                rest = b"".join([last async for last in chunks])
                fetch.done(stored=True)
                yield chunk + rest
            else:
                yield chunk
        fetch.done(stored=True)


async def _nowhere(_: Message) -> None:
    """Where a body goes that is read only to be stored."""


def _raw_body(upstream: httpx.Response) -> AsyncGenerator[bytes, None]:
    chunks = upstream.aiter_raw()
    assert isinstance(chunks, AsyncGenerator)
    return chunks


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _headers(request: Request) -> httpx.Headers:
    return httpx.Headers(request.scope["headers"])


def _query(request: Request) -> str:
    return request.scope["query_string"].decode("latin-1")


def _dated(headers: Pairs) -> Pairs:
    """With the Date that a recipient adds where the sender gave none (RFC 9110 section 6.6.1)."""
    missing = all(name != "date" for name, _ in headers)
    return [*headers, ("date", formatdate(time.time(), usegmt=True))] if missing else headers


def _raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
