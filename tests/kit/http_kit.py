"""Servers on 127.0.0.1, and what every handler of theirs has in common."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        """The name that it was asked by."""
        return self.headers.get("host", "").partition(":")[0]


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, and says nothing of what it was asked."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def seen(self) -> Seen:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Seen(self.command, self.path, headers, self.body())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def process_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # whoever asked need not wait for all of it
            super().handle_error(request, client_address)


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port where ``handler`` answers until the block ends; over TLS with a ``context``."""
    server = _Server(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def moto_server() -> Iterator[str]:
    """The URL of AWS as moto plays it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def ministack_server(folder: Path) -> Iterator[str]:
    """The URL of AWS as ministack plays it, in a process of its own that knows no home but ``folder``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connections wait in it until the emulator is up
        fd = listener.fileno()
        command = [sys.executable, "-m", "uvicorn", "ministack.app:app", "--lifespan", "off", "--fd", str(fd)]
        quiet = subprocess.DEVNULL
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "TMPDIR": str(folder)}
        with subprocess.Popen(command, pass_fds=[fd], env=environment, stdout=quiet, stderr=quiet) as emulator:
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                emulator.terminate()


@contextmanager
def gcs_server() -> Iterator[str]:
    """The URL of Cloud Storage as gcp-storage-emulator plays it."""
    from gcp_storage_emulator.server import create_server

    port = free_port()
    with create_server("127.0.0.1", port, in_memory=True):
        yield f"http://127.0.0.1:{port}"
