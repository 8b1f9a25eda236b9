"""Callers: one that waits for each answer, and many at once."""

import asyncio
import http.client
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from parts.servers import Server

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def cache_status(self) -> str:
        return self.headers.get("cache-status", "")


class Caller:
    """One connection, kept. Answers other than 200 are errors."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(*server.address)

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer = Answer(response.headers, response.read())
        if response.status != 200:
            raise SystemExit(f"{method} {path.partition('~')[0]}: {response.status} {answer.body[:300]!r}")
        return answer

    def close(self) -> None:
        self._connection.close()


def on_the_wire(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = {"host": "127.0.0.1", **headers, "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def _load(server: Server, requests: Iterator[bytes], clients: int, until: float) -> int:
    loop = asyncio.get_running_loop()
    callers = []
    for _ in range(clients):
        _, caller = await loop.create_connection(lambda: _Closed(requests, until), *server.address)
        callers.append(caller)
    return sum(await asyncio.gather(*(caller.done for caller in callers)))


def per_second(server: Server, requests: Iterator[bytes], clients: int, seconds: float) -> float:
    """Answers per second to ``clients`` callers, each of whom asks again as soon as it has an answer."""
    started = time.perf_counter()
    count = asyncio.run(_load(server, requests, clients, started + seconds))
    return count / (time.perf_counter() - started)


def send_all(server: Server, requests: Iterable[bytes], clients: int) -> None:
    """Have all of ``requests`` answered."""
    asyncio.run(_load(server, iter(requests), clients, float("inf")))


class _Closed(asyncio.Protocol):
    """One caller in a closed loop. ``done`` is how many answers it had."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self._requests, self._until = requests, until
        self._received, self._answered, self._missing = bytearray(), 0, 0
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) < self._missing:
            return
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = bytes(self._received[:end])
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or not length:
            self.done.set_exception(SystemExit(f"not an answer: {head[:200]!r}"))
            self._transport.close()
            return
        self._missing = end + len(_HEAD_END) + int(length[1])
        if len(self._received) < self._missing:
            return
        self._received.clear()
        self._missing = 0
        self._answered += 1
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or SystemExit("the server hung up"))

    def _next(self) -> None:
        request = next(self._requests, None) if time.perf_counter() < self._until else None
        if request is None:
            self.done.set_result(self._answered)
            self._transport.close()
        else:
            self._transport.write(request)
