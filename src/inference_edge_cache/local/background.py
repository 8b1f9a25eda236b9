"""An ASGI app on a port of loopback, in a thread of its own."""

import socket
import threading

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from inference_edge_cache.local.errors import LocalEdgeError

HOST = "127.0.0.1"
_SECONDS_TO_STOP = 5
# More than any cloud takes, so that it is the cloud's rule that refuses; h11 itself would at 16 KiB.
_HEADERS_MAX = 64 * 1024


class Background:
    """``app``, served from ``start`` to ``stop``. ``name`` is the thread's."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._server = _Server(app)
        self._name = name
        self._thread: threading.Thread | None = None

    def start(self, listener: socket.socket) -> None:
        """Serve what connects to ``listener``, and close it at the end. Raises ``LocalEdgeError``."""
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name=self._name, daemon=True)
        self._thread.start()
        self._server.settled.wait()
        if not self._server.started:
            self.stop()
            raise LocalEdgeError(f"the local edge did not start: {self._server.failure}") from self._server.failure

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
                h11_max_incomplete_event_size=_HEADERS_MAX,
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


def url_of(port: int) -> str:
    """``http://127.0.0.1:PORT``."""
    return f"http://{HOST}:{port}"


def listen(port: int) -> socket.socket:
    """A socket that is bound to ``port``, or to a free one for 0. Raises ``LocalEdgeError`` when it is taken."""
    # The protocol is named because asyncio sets TCP_NODELAY only then: without it a hit waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise LocalEdgeError(f"port {port} cannot be used: {getattr(error, 'strerror', None) or error}") from error
    return listener
