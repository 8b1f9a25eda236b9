"""A local edge that runs in the background: on a port of its own, in a thread of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local.background import Background, listen, url_of
from inference_edge_cache.local.edge import ORIGIN_TIMEOUT, edge_app
from inference_edge_cache.policy import CachePolicy


class LocalEdge:
    """An edge on loopback in front of ``origin``, from ``with`` to the end of the block.

    Example:

        with LocalEdge("http://127.0.0.1:8000", CachePolicy(default_ttl="1h")) as edge:
            httpx.get(f"{edge.url}/v1/embed?text=hello").headers["x-cache"]

    ``port`` 0, the default, takes a free one. For the other arguments, and what is refused, see ``edge_app``. Entering
    raises ``LocalEdgeError`` when the port is taken.
    """

    def __init__(
        self,
        origin: str,
        policy: CachePolicy,
        cloud: Cloud = Cloud.AWS,
        *,
        routes: Sequence[InferenceRoute] = (),
        results: str | Path | None = None,
        master_secret: bytes | None = None,
        generation: str = "",
        port: int = 0,
        store: str | Path | None = None,
        origin_headers: Mapping[str, str] | None = None,
        origin_timeout: float = ORIGIN_TIMEOUT,
    ) -> None:
        self._app = edge_app(
            origin,
            policy,
            cloud,
            routes=routes,
            results=results,
            master_secret=master_secret,
            generation=generation,
            store=store,
            origin_headers=origin_headers,
            origin_timeout=origin_timeout,
        )
        self.port = port
        self._server = Background(self._app, "local-edge")

    @property
    def url(self) -> str:
        """Where it listens, as ``http://127.0.0.1:PORT``."""
        return url_of(self.port)

    @property
    def upload_url(self) -> str | None:
        """Where the gateway itself listens while the edge runs; ``None`` where the cloud's edge takes all bodies."""
        return self._app.state.upload_url

    def __enter__(self) -> Self:
        listener = listen(self.port)
        self.port = listener.getsockname()[1]
        self._server.start(listener)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and wait for the thread. Does nothing when it does not run."""
        self._server.stop()
