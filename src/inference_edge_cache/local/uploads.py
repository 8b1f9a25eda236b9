"""The gateway's own URL, for bodies that the CDN in front of it does not take: the gateway, without an edge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from inference_edge_cache.local.answers import Streamed, dated, problem, raw_body
from inference_edge_cache.local.forward import answered_headers, passed_headers
from inference_edge_cache.local.in_process import InProcess
from inference_edge_cache.local.limits import body_within
from inference_edge_cache.local.origin import Origin, OriginFailed
from inference_edge_cache.local.tiers import Tier
from inference_edge_cache.local.wire import headers_of, path_of, query_of


def uploads_app(gateway: Tier, seconds: float, max_body_bytes: int) -> Starlette:
    """An ASGI app that is ``gateway``, which has ``seconds`` for an answer. A longer body is a 413."""
    origin = Origin(httpx.URL("http://gateway"), {}, seconds, name="the gateway", transport=lambda: InProcess(gateway))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with origin.connected():
            yield

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await _answer(origin, request, max_body_bytes)
        await response(scope, receive, send)

    return Starlette(routes=[Mount("/", app=app)], lifespan=lifespan)


async def _answer(gateway: Origin, request: Request, max_body_bytes: int) -> Response:
    body = await body_within(request, max_body_bytes)
    if body is None:
        return problem(413, f"the gateway takes at most {max_body_bytes:,} bytes of body", [])
    target = gateway.target(path_of(request), query_of(request))
    try:
        with gateway.failures(""):
            upstream = await gateway.ask(request.method, target, passed_headers(headers_of(request)), body)
    except OriginFailed as failed:
        return problem(failed.status, str(failed), [])
    return Streamed(upstream.status_code, dated(answered_headers(upstream.headers)), raw_body(upstream), upstream)
