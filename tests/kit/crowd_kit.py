"""Many callers at once: over real sockets to a real server, or on threads."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import h11
import uvicorn

from inference_edge_cache.gateway.flights import Flights

LONG = 60.0
"""Seconds after which something is taken to hang. Nothing is measured."""

Address = tuple[str, int]
_T = TypeVar("_T")


@contextmanager
def served(app: Any) -> Iterator[Address]:
    """``app`` on a port of its own, with uvicorn."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", backlog=1024))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """One connection with one request on it, which is complete when ``release`` has sent its last byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: bytes) -> None:
        self._reader, self._writer, self._last = reader, writer, last
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def ready(cls, address: Address, method: str, path: str, headers: dict[str, str], body: bytes) -> "Caller":
        caller = cls(*await asyncio.open_connection(*address), b"")
        lines = {"host": "gateway.example.com", **headers, "content-length": str(len(body)), "connection": "close"}
        sent = caller._http.send(h11.Request(method=method, target=path, headers=list(lines.items()))) or b""
        sent += caller._http.send(h11.Data(body)) or b""
        sent += caller._http.send(h11.EndOfMessage()) or b""
        caller._writer.write(sent[:-1])
        await caller._writer.drain()
        caller._last = sent[-1:]
        return caller

    def release(self) -> None:
        self._writer.write(self._last)

    async def answer(self) -> Answer:
        """All of it. Raises ``h11.RemoteProtocolError`` when it breaks off."""
        head, body = None, b""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
        assert head
        self._writer.close()
        return Answer(head.status_code, {name.decode(): value.decode() for name, value in head.headers}, body)

    async def first_piece(self) -> bytes:
        """What comes first of the body."""
        while not isinstance(event := await self._event(), h11.Data):
            assert isinstance(event, h11.Response | h11.InformationalResponse)
        return bytes(event.data)

    async def rest(self) -> bytes:
        """What comes after the first piece."""
        body = b""
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage)
        self._writer.close()
        return body

    def leave(self) -> None:
        """Without a word: the connection is reset."""
        self._writer.transport.abort()

    async def _event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await asyncio.wait_for(self._reader.read(65_536), LONG))
        return event


@dataclass(frozen=True)
class Call:
    """What a caller sends."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


async def gathered(address: Address, calls: Sequence[Call]) -> list[Caller]:
    """Callers whose requests lack a byte each."""
    return await asyncio.gather(*(Caller.ready(address, it.method, it.path, it.headers, it.body) for it in calls))


async def released(callers: Sequence[Caller]) -> list[Answer]:
    """All of them let go together."""
    for caller in callers:
        caller.release()
    return await asyncio.gather(*(caller.answer() for caller in callers))


def crowd(address: Address, calls: Sequence[Call]) -> list[Answer]:
    """The answers to ``calls``, all of which are made at once."""

    async def all_of_them() -> list[Answer]:
        return await released(await gathered(address, calls))

    return asyncio.run(all_of_them())


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(count) as pool:
        yield pool


def at_once(*calls: Callable[[], _T]) -> list[_T]:
    """What ``calls`` return, each of them on a thread of its own, started together."""
    start = threading.Barrier(len(calls))

    def called(call: Callable[[], _T]) -> _T:
        start.wait(LONG)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(LONG) for future in [pool.submit(called, call) for call in calls]]


class Boarding:
    """Counts who has boarded a flight, or leads one."""

    def __init__(self) -> None:
        self._boarded = threading.Semaphore(0)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self._boarded.acquire(timeout=LONG)

    @classmethod
    def watched(cls, monkeypatch: Any) -> "Boarding":
        boarding, join = cls(), Flights.join

        def joined(self: Flights, path: str, trip: Any) -> Any:
            flight = join(self, path, trip)
            boarding._boarded.release()
            return flight

        monkeypatch.setattr(Flights, "join", joined)
        return boarding
