"""A local edge that runs in the background: on a port of its own, in a thread of its own."""

import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.edge import ORIGIN_TIMEOUT, edge_app
from inference_edge_cache.local.errors import LocalEdgeError
from inference_edge_cache.policy import CachePolicy

HOST = "127.0.0.1"
_SECONDS_TO_STOP = 5


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
        port: int = 0,
        store: str | Path | None = None,
        origin_headers: Mapping[str, str] | None = None,
        origin_timeout: float = ORIGIN_TIMEOUT,
    ) -> None:
        app = edge_app(origin, policy, cloud, store=store, origin_headers=origin_headers, origin_timeout=origin_timeout)
        self.port = port
        self._server = _Server(app)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens, as ``http://127.0.0.1:PORT``."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        listener = _listen(self.port)
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="local-edge", daemon=True)
        self._thread.start()
        self._server.settled.wait()
        if not self._server.started:
            self.stop()
            raise LocalEdgeError(f"the local edge did not start: {self._server.failure}") from self._server.failure
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and wait for the thread. Does nothing when it does not run."""
        self._server.should_exit = True
        if self._thread:
            self._thread.join()
            self._thread = None


class _Server(uvicorn.Server):
    """uvicorn, quiet (no access log: URLs hold prompts), which says when it has started or given up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.settled = threading.Event()
        self.failure: Exception | None = None
        super().__init__(
            uvicorn.Config(
                self._noting_failure,
                interface="asgi3",
                lifespan="on",
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                date_header=False,
                server_header=False,
                timeout_graceful_shutdown=_SECONDS_TO_STOP,
            )
        )

    async def _noting_failure(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] == "lifespan":
                self.failure = error
            raise

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        except SystemExit:
            pass  # uvicorn's way to say that it could not start
        finally:
            self.settled.set()
            for listener in sockets or []:
                listener.close()


def _listen(port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then: without it a hit waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise LocalEdgeError(f"port {port} cannot be used: {getattr(error, 'strerror', None) or error}") from error
    return listener
