"""What lies behind no gateway: the endpoint itself, under one cache policy.

A GET or HEAD of a caching policy is kept, everything else passes through. Bodies are streamed both ways.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.answers import Streamed, dated, raw_body
from inference_edge_cache.local.cached import CachedPath, told_headers
from inference_edge_cache.local.forward import answered_headers, forwarded_headers, forwarded_query
from inference_edge_cache.local.limits import READS, refused_body
from inference_edge_cache.local.origin import Origin
from inference_edge_cache.local.passing import pass_through
from inference_edge_cache.local.status import marks
from inference_edge_cache.local.store import Store
from inference_edge_cache.local.wire import headers_of, path_of, query_of
from inference_edge_cache.policy import CacheMode, CachePolicy


class Direct:
    """Every path of the endpoint but the inference routes."""

    def __init__(self, origin: Origin, policy: CachePolicy, cloud: Cloud, store: Store) -> None:
        self._origin, self._policy, self._cloud = origin, policy, cloud
        forwarded = partial(forwarded_headers, policy, cloud)
        self._cached = CachedPath(origin, policy, cloud, store, forwarded=forwarded, space=str(origin.url))

    async def answer(self, request: Request) -> Response:
        """Raises ``OriginFailed``."""
        if self._policy.mode == CacheMode.BYPASS:
            return await pass_through(self._origin, request, "fwd=bypass", "mode is bypass")
        if request.method not in READS:
            return await pass_through(self._origin, request, "fwd=method", "only GET and HEAD are kept")
        refused = refused_body(request, self._cloud, "put the input in the query")
        if refused:
            return refused
        if "range" in request.headers:
            return await self._ranged(request)
        return await self._cached.answer(request)

    async def _ranged(self, request: Request) -> Response:
        """A part of an answer: asked for as any request of the route, not stored."""
        viewer = headers_of(request)
        ranges = [(name, viewer[name]) for name in ("range", "if-range") if name in viewer]
        forwarded = [*forwarded_headers(self._policy, self._cloud, viewer), *ranges]
        target = self._origin.target(path_of(request), forwarded_query(self._policy, self._cloud, query_of(request)))
        with self._origin.failures("fwd=bypass"):
            upstream = await self._origin.ask(request.method, target, forwarded)
        headers = [
            *told_headers(self._policy, self._cloud, dated(answered_headers(upstream.headers)), 0),
            *marks("Miss", "fwd=bypass", "a part of an answer is not kept"),
        ]
        return Streamed(upstream.status_code, headers, raw_body(upstream), upstream)
