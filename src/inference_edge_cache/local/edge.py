"""The local edge as an ASGI app: which route of the CDN a request belongs to, and who answers there.

Inference routes lead to the gateway beside the edge, everything else to the endpoint. Nothing of a request is logged.
"""

import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local.accepts import check_origin, check_origin_headers, check_policies
from inference_edge_cache.local.answers import problem
from inference_edge_cache.local.beside import gateway_beside
from inference_edge_cache.local.direct import Direct
from inference_edge_cache.local.inference import Handler
from inference_edge_cache.local.origin import Origin, OriginFailed
from inference_edge_cache.local.status import marks
from inference_edge_cache.local.store import Store, check_store
from inference_edge_cache.local.wire import path_of
from inference_edge_cache.policy import CachePolicy

logger = logging.getLogger(__name__)

ORIGIN_TIMEOUT = 30.0
"""Seconds the origin may take to connect and between bytes: CloudFront's default, Media CDN's maximum."""


def edge_app(
    origin: str,
    policy: CachePolicy,
    cloud: Cloud = Cloud.AWS,
    *,
    routes: Sequence[InferenceRoute] = (),
    results: str | Path | None = None,
    master_secret: bytes | None = None,
    generation: str = "",
    store: str | Path | None = None,
    origin_headers: Mapping[str, str] | None = None,
    origin_timeout: float = ORIGIN_TIMEOUT,
) -> Starlette:
    """An ASGI app that is the edge in front of ``origin``, keeping answers as ``cloud`` would under ``policy``.

    ``routes`` are the paths whose POST requests are cacheable: a gateway beside the edge answers there. ``results`` is
    the folder in which it keeps what the model said (default: a temporary one). With a ``master_secret`` callers need
    an API key that was derived from it, without one access is public. A new ``generation`` puts every stored result
    out of reach: say one when ``origin`` gets another model.

    ``store`` is a SQLite file in which the edge keeps its answers (default: a temporary one). ``origin_headers`` are
    added to every request to the origin, as the component's ``origin.headers`` are. Needs a server that runs ASGI
    lifespans; ``state.upload_url`` then is where the gateway itself listens, on ``gcp``.

    Raises ``LocalEdgeError`` when the origin is no URL, the cloud cannot do what a policy asks for, a header cannot
    be sent, the master secret is too short, or ``store`` or ``results`` is something else.
    """
    url = check_origin(origin)
    check_policies(policy, routes, cloud)
    check_origin_headers(origin_headers or {})
    if store is not None:
        check_store(Path(store))
    beside = gateway_beside(
        url,
        routes,
        cloud,
        results=None if results is None else Path(results),
        master_secret=master_secret,
        generation=generation,
        origin_headers=origin_headers or {},
        origin_timeout=origin_timeout,
    )
    endpoint = Origin(url, origin_headers or {}, origin_timeout)
    edge = _Edge()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            path = Path(store or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "edge.db")
            kept = await stack.enter_async_context(Store.opened(path, cloud))
            await stack.enter_async_context(endpoint.connected())
            direct = Direct(endpoint, policy, cloud, kept)
            answering, app.state.upload_url = _no_inference_route, None
            if beside:
                answering, app.state.upload_url = await stack.enter_async_context(beside.running(kept))
            edge.handler = lambda path: answering(path) or direct.answer
            yield

    app = Starlette(routes=[Mount("/", app=edge)], lifespan=lifespan)
    app.state.upload_url = None
    return app


class _Edge:
    handler: Callable[[str], Handler]

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
            return await self.handler(path_of(request))(request)
        except httpx.LocalProtocolError:
            # The text of the error quotes the request, and so stays here.
            said = "the request cannot be passed on: its path or a header is no valid HTTP"
            return problem(400, said, marks("Error", "", "not passed on"))
        except OriginFailed as failed:
            return problem(failed.status, str(failed), marks("Error", failed.forwarded, "the origin did not answer"))


def _no_inference_route(_: str) -> None:
    return None
