"""What the core asks of the world: to send a request, to read an answer, to wait for somebody else."""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from httpx2 import AsyncBaseTransport, BaseTransport, Request, Response

_T = TypeVar("_T")


class Event(Protocol):
    """A ``threading.Event``, or one of anyio."""

    def set(self) -> Any: ...


class Wire(Protocol):
    """The one way out of the core. On a blocking one nothing is ever suspended: see ``run``."""

    async def send(self, request: Request) -> Response:
        """The answer, its body still to come."""
        ...

    async def read(self, response: Response, limit: int) -> bytes | None:
        """The body as it was sent, ``None`` when it has more than ``limit`` bytes; either way the answer is closed."""
        ...

    async def close(self, response: Response) -> None: ...

    def event(self) -> Event: ...

    async def wait(self, event: Any, seconds: float) -> bool:
        """Whether ``event`` was set within ``seconds``."""
        ...


class BlockingWire:
    """A transport that blocks its thread."""

    def __init__(self, transport: BaseTransport) -> None:
        self._transport = transport

    async def send(self, request: Request) -> Response:
        return self._transport.handle_request(request)

    async def read(self, response: Response, limit: int) -> bytes | None:
        body: Any = response.stream
        read = bytearray()
        try:
            for chunk in body:
                read += chunk
                if len(read) > limit:
                    return None
            return bytes(read)
        finally:
            response.close()

    async def close(self, response: Response) -> None:
        response.close()

    def event(self) -> threading.Event:
        return threading.Event()

    async def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


class AsyncWire:
    """A transport on an event loop, asyncio's or trio's."""

    def __init__(self, transport: AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, request: Request) -> Response:
        return await self._transport.handle_async_request(request)

    async def read(self, response: Response, limit: int) -> bytes | None:
        body: Any = response.stream
        read = bytearray()
        try:
            async for chunk in body:
                read += chunk
                if len(read) > limit:
                    return None
            return bytes(read)
        finally:
            await response.aclose()

    async def close(self, response: Response) -> None:
        await response.aclose()

    def event(self) -> Event:
        import anyio  # here, because both libraries bring it and the blocking transport needs none

        return anyio.Event()

    async def wait(self, event: Any, seconds: float) -> bool:
        import anyio

        with anyio.move_on_after(seconds):
            await event.wait()
        return event.is_set()


def run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that waits for nothing but a ``BlockingWire``, and so runs to its end in one step."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    coroutine.close()
    raise RuntimeError("a blocking transport was suspended")
