"""The gateway beside the edge: the real one, with the endpoint as its model and a folder as its results bucket."""

import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import httpx
from starlette.types import ASGIApp

from inference_edge_cache.capabilities import Cloud, capability
from inference_edge_cache.gateway.assembly import DEFAULT_TIMEOUT
from inference_edge_cache.gateway.config import GatewayConfig, GatewayConfigError
from inference_edge_cache.gateway.gateway import Gateway
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.models.https import HttpsModel
from inference_edge_cache.gateway.store import Damaged, Result, Stored, StoreFailed
from inference_edge_cache.gateway.stores.folder import FolderStore
from inference_edge_cache.inference_rules import InferenceRoute, gateway_config
from inference_edge_cache.local.accepts import check_folder
from inference_edge_cache.local.background import Background, listen, url_of
from inference_edge_cache.local.errors import LocalEdgeError
from inference_edge_cache.local.in_process import InProcess
from inference_edge_cache.local.inference import Handler, inference_handlers
from inference_edge_cache.local.origin import Origin
from inference_edge_cache.local.store import Store
from inference_edge_cache.local.tiers import Tier, bucket_tier, failing_over, gateway_tier
from inference_edge_cache.local.uploads import uploads_app
from inference_edge_cache.policy import parse_seconds
from inference_edge_cache.protocol import OriginIdentity, ProtocolError
from inference_edge_cache.protocol.paths import BUCKET_FROM


def gateway_beside(
    origin: httpx.URL,
    routes: Sequence[InferenceRoute],
    cloud: Cloud,
    *,
    results: Path | None,
    master_secret: bytes | None,
    generation: str,
    origin_headers: Mapping[str, str],
    origin_timeout: float,
) -> "GatewayBeside | None":
    """What ``routes`` need, checked and not yet started. Raises ``LocalEdgeError``."""
    if not routes:
        given = [("results", results), ("master_secret", master_secret), ("generation", generation or None)]
        unused = [name for name, value in given if value is not None]
        if unused:
            raise LocalEdgeError(f"{' and '.join(unused)}: mean nothing without an inference route; give routes")
        return None
    if results is not None:
        check_folder(results)
    try:
        identity = OriginIdentity(endpoint=str(origin))
        access = "public" if master_secret is None else "keyed"
        config = gateway_config(routes, identity, generation, access=access)
        keyring = Keyring.public() if master_secret is None else Keyring((master_secret,))
        model = HttpsModel(str(origin), origin_headers, allow_http=True)
    except (ProtocolError, GatewayConfigError) as error:
        raise LocalEdgeError(str(error)) from error
    longest = {route.path: parse_seconds(route.policy.max_ttl) for route in routes}
    return GatewayBeside(config, longest, cloud, keyring, model, results, _patience(cloud, origin_timeout))


@dataclass(frozen=True)
class GatewayBeside:
    """A gateway that is not running yet. ``longest``: the edge's maximum TTL by route."""

    config: GatewayConfig
    longest: Mapping[str, int]
    cloud: Cloud
    keyring: Keyring = field(repr=False)
    model: HttpsModel = field(repr=False)
    results: Path | None
    patience: httpx.Timeout

    @asynccontextmanager
    async def running(self, kept: Store) -> AsyncIterator[tuple[Callable[[str], Handler | None], str | None]]:
        """Who answers at a path, and the gateway's own URL where it has one. ``kept`` is what the edge keeps."""
        async with AsyncExitStack() as stack:
            store = stack.enter_context(temporary_results()) if self.results is None else FolderStore(self.results)
            listener = listen(0) if self.cloud is Cloud.GCP else None
            url = url_of(listener.getsockname()[1]) if listener else None
            config = replace(self.config, edge=replace(self.config.edge, upload_url=url))
            gateway = gateway_tier(Gateway(config, self.keyring, store, self.model, now=time.time), DEFAULT_TIMEOUT)
            if listener:
                await stack.enter_async_context(
                    _served(uploads_app(gateway, DEFAULT_TIMEOUT, config.longest_body), listener)
                )
            bucket = bucket_tier(store, config.results, self.cloud, time.time)
            alone = await stack.enter_async_context(self._connected("the gateway", gateway))
            behind = await stack.enter_async_context(
                self._connected("the results bucket and the gateway", failing_over(bucket, gateway))
            )

            def results(route: str) -> Origin:
                return behind if config.results[route].result_max_age >= BUCKET_FROM else alone

            yield inference_handlers(config.edge, self.longest, self.cloud, kept, alone, results), url

    @asynccontextmanager
    async def _connected(self, name: str, tier: Tier) -> AsyncIterator[Origin]:
        origin = Origin(httpx.URL("http://gateway"), {}, self.patience, name=name, transport=lambda: InProcess(tier))
        async with origin.connected():
            yield origin


@asynccontextmanager
async def _served(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    server = Background(app, "local-gateway")
    await anyio.to_thread.run_sync(server.start, listener)
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(server.stop)


class _UntilClosed:
    """A store whose folder is about to be removed: what comes after that is not kept, and makes no folder again."""

    def __init__(self, store: FolderStore) -> None:
        self._store, self._open, self._writing = store, True, threading.Lock()

    def get(self, path: str) -> Stored | Damaged | None:
        return self._store.get(path)

    def put(self, path: str, result: Result, cache_control: str, replaces: str | None = None) -> Stored | None:
        with self._writing:
            if not self._open:
                raise StoreFailed("folder: closed")
            return self._store.put(path, result, cache_control, replaces)

    def close(self) -> None:
        with self._writing:
            self._open = False


@contextmanager
def temporary_results() -> Iterator[_UntilClosed]:
    """A store until the end of the block, of which nothing is left."""
    with tempfile.TemporaryDirectory() as folder:
        store = _UntilClosed(FolderStore(folder))
        try:
            yield store
        finally:
            store.close()


def _patience(cloud: Cloud, origin_timeout: float) -> httpx.Timeout:
    """Media CDN's connect timeout counts until the response headers are there."""
    most = capability("origin.connect_timeout", cloud).maximum if cloud is Cloud.GCP else None
    return httpx.Timeout(origin_timeout, connect=min(origin_timeout, most or origin_timeout))
