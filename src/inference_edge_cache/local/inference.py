"""The inference routes of the edge, each of them three routes of a CDN, and the gateway's own documents.

::

    <route>/~/<current generation>/*               GET, HEAD; cached; the results bucket, then the gateway
    <route>/~/*                                    GET, HEAD; the gateway
    <route>                                        every method; the gateway
    /.well-known/inference-edge-cache.json         GET, HEAD; cached for a minute; the gateway
    /.well-known/inference-edge-cache/health       every method; the gateway
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import httpx
from starlette.requests import Request
from starlette.responses import Response

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.gateway.gateway import HEALTH_PATH
from inference_edge_cache.local.cached import CachedPath
from inference_edge_cache.local.forward import Pairs
from inference_edge_cache.local.limits import (
    BODY_MAX,
    READS,
    body_too_large,
    body_within,
    refused_body,
    refused_method,
    refused_size,
)
from inference_edge_cache.local.origin import Origin
from inference_edge_cache.local.passing import pass_through
from inference_edge_cache.local.store import Store
from inference_edge_cache.local.wire import path_of
from inference_edge_cache.policy import CacheKey, CachePolicy, QueryMode
from inference_edge_cache.protocol import DISCOVERY_PATH, PAYLOAD_HEADER, EdgeConfig, generation_prefix

Handler = Callable[[Request], Awaitable[Response]]

_DISCOVERY_TTL = 60
_POST_IT = "POST it to the route"
_UNRESERVED = re.compile(r"%(4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|3[0-9]|2D|2E|5F|7E)", re.IGNORECASE)


def inference_handlers(
    config: EdgeConfig,
    longest: Mapping[str, int],
    cloud: Cloud,
    store: Store,
    gateway: Origin,
    results: Callable[[str], Origin],
) -> Callable[[str], Handler | None]:
    """Who answers at a path; ``None`` when it belongs to no inference route.

    ``longest`` is the edge's maximum TTL by route, ``results`` says who is asked for what the edge does not have.
    """

    def cached(origin: Origin, max_ttl: int, space: str) -> Handler:
        policy = CachePolicy(default_ttl=0, max_ttl=max_ttl, key=CacheKey(query=QueryMode.NONE), compression=False)
        kept = CachedPath(origin, policy, cloud, store, forwarded=_payload_alone, space=space)
        return partial(_cached, cloud, kept)

    # Of a document only its own state counts: a new one may name another port of this machine.
    document = f"{gateway.url} {hashlib.sha256(config.to_json()).hexdigest()}"
    exact: dict[str, Handler] = {
        route.path: partial(_passed, cloud, gateway, config.upload_url) for route in config.routes
    }
    exact[DISCOVERY_PATH] = cached(gateway, _DISCOVERY_TTL, document)
    exact[HEALTH_PATH] = partial(_passed, cloud, gateway, None)
    # The current generation before all of them.
    below = [
        (generation_prefix(route.path, route.generation), cached(results(route.path), longest[route.path], "results"))
        for route in config.routes
    ]
    below += [(f"{route.path.rstrip('/')}/~/", partial(_read, cloud, gateway)) for route in config.routes]

    def answering(path: str) -> Handler | None:
        path = normalized(path)
        return exact.get(path) or next((handler for prefix, handler in below if path.startswith(prefix)), None)

    return answering


def normalized(path: str) -> str:
    """``path`` as CDNs compare it with their routes: another spelling of a route leads around no gateway.

    RFC 3986 sections 5.2.4 and 6.2.2.2 (CloudFront: DownloadDistValuesCacheBehavior.html, "Path pattern"); Media CDN
    merges slashes too (caching page, "Cache keys").
    """
    segments = list[str]()
    for segment in _UNRESERVED.sub(lambda found: chr(int(found[1], 16)), path).split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    slash = "/" if path.endswith("/") and segments else ""
    return f"/{'/'.join(segments)}{slash}"


async def _cached(cloud: Cloud, cached: CachedPath, request: Request) -> Response:
    """A part of an answer is never sent: to a Range, all of it is an answer (RFC 9110 section 14.2)."""
    return _refused_read(cloud, request) or await cached.answer(request)


async def _read(cloud: Cloud, gateway: Origin, request: Request) -> Response:
    refused = _refused_read(cloud, request)
    return refused or await pass_through(gateway, request, "fwd=bypass", "not the current generation")


async def _passed(cloud: Cloud, gateway: Origin, upload_url: str | None, request: Request) -> Response:
    refused = refused_size(request, cloud) or refused_body(request, cloud, _POST_IT)
    if refused:
        return refused
    body = await body_within(request, BODY_MAX[cloud])
    if body is None:
        return body_too_large(cloud, upload_url and f"{upload_url}{path_of(request)}")
    if request.method in READS:
        return await pass_through(gateway, request, "fwd=bypass", "this route is not cached", body)
    return await pass_through(gateway, request, "fwd=method", "only GET and HEAD are kept", body)


def _refused_read(cloud: Cloud, request: Request) -> Response | None:
    return refused_size(request, cloud) or refused_method(request, cloud) or refused_body(request, cloud, _POST_IT)


def _payload_alone(headers: httpx.Headers) -> Pairs:
    return [(PAYLOAD_HEADER.lower(), value) for value in headers.get_list(PAYLOAD_HEADER)]
