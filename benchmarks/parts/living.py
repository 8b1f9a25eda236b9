"""A server process says where it listens, and lives as long as the process that started it wants it to."""

import json
import socket
import sys
import threading
from typing import Any

import uvicorn

HOST = "127.0.0.1"


def announce(port: int) -> None:
    print(json.dumps({"url": f"http://{HOST}:{port}"}), flush=True)


def until_orphaned() -> None:
    """Returns when standard input ends: the process that holds the other end has ended, or wants this one to."""
    sys.stdin.read()


def serve(app: Any, lifespan: str = "off") -> None:
    """``app`` on uvicorn."""
    # The protocol is named because asyncio sets TCP_NODELAY only then.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        listener.listen(1024)
        server = uvicorn.Server(uvicorn.Config(app, lifespan=lifespan, log_level="critical", access_log=False))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        announce(listener.getsockname()[1])
        until_orphaned()
        server.should_exit = True
        thread.join()
