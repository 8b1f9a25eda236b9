"""Servers on real sockets of 127.0.0.1."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn


@contextmanager
def served(app: Any) -> Iterator[str]:
    """``app`` on a port of its own, with uvicorn; its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", server_header=False))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # connections wait here until the server takes them
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def client_of() -> Iterator[Callable[[Any], httpx.Client]]:
    """A client of an ASGI app that is served."""
    with ExitStack() as stack:

        def client_of(app: Any) -> httpx.Client:
            url = stack.enter_context(served(app))
            return stack.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=30))

        yield client_of
