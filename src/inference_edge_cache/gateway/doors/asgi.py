"""The front door for ASGI servers: the gateway on threads, event streams relayed as they come.

A caller who leaves ends the relay to them and nothing else: the work goes on, and its result is stored.
Pure ASGI (asgi.readthedocs.io/en/latest/specs/www.html); the server must hand over ``raw_path``, as uvicorn does.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from inference_edge_cache.gateway.doors import Handles, too_large
from inference_edge_cache.gateway.logs import Logged, RequestLog
from inference_edge_cache.gateway.messages import Deadline, Request, Response

logger = logging.getLogger(__name__)

THREADS = 256
"""Requests that are answered at once. Those who wait for another one's answer hold a thread each."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_T = TypeVar("_T")


class _Left(Exception):
    """The caller has left before all of the request was there."""


class _TooLarge(Exception):
    """The body is longer than any route takes."""


def gateway_asgi(
    gateway: Handles,
    *,
    timeout: float,
    max_body_bytes: int,
    threads: int = THREADS,
    refused: Callable[[Request], Response | None] | None = None,
    log: RequestLog | None = None,
) -> App:
    """An ASGI app that is ``gateway``.

    ``timeout``: seconds for an answer, from when the request is there. ``max_body_bytes``: a longer body is a 413 and
    is not read. ``refused``: what is said of a request before any of its body is read; default: nobody is refused.
    ``log``: what writes a line for each request; default: nothing does. Relays have as many threads of their own, so
    that a stream on which others wait can always go on.
    """
    handles = gateway if log is None else Logged(gateway, log)
    working = ThreadPoolExecutor(threads, "gateway")
    relaying = ThreadPoolExecutor(threads, "gateway-relay")

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, (working, relaying))
        elif scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            raise NotImplementedError(f"the gateway does not speak {scope['type']}")

    async def answer(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        request = _request(scope)
        early = None if refused is None else await _ended(working.submit(refused, request))
        try:
            if early is None:
                request = replace(request, body=await _body(scope, receive, max_body_bytes))
        except _Left:
            return
        except _TooLarge:
            early = too_large(max_body_bytes)
        if early is not None:
            if log is not None:
                log.begin(request.method, request.path).answered(early)
            await _send_whole(send, early, request.method)
            return
        # The work is not asyncio's to cancel.
        deadline = Deadline.after(timeout)
        work = working.submit(handles.handle, request, deadline, live=True)
        try:
            response = await _ended(work)
        except asyncio.CancelledError:
            work.add_done_callback(_let_go)
            raise
        if response.chunks is None:
            await _send_whole(send, response, request.method)
        else:
            await _send_live(send, receive, response, response.chunks, deadline, relaying)

    return app


def _request(scope: MutableMapping[str, Any]) -> Request:
    """The request without its body."""
    lines = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=tuple(lines),
    )


async def _body(scope: MutableMapping[str, Any], receive: Receive, limit: int) -> bytes:
    """The whole body. One that says it is too long is refused before any of it is read."""
    lengths = [int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()]
    if any(length > limit for length in lengths):
        raise _TooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Left
        body += message.get("body", b"")
        if len(body) > limit:
            raise _TooLarge
        if not message.get("more_body", False):
            return bytes(body)


async def _send_whole(send: Send, response: Response, method: str) -> None:
    await send(_start(response))
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})


async def _send_live(
    send: Send,
    receive: Receive,
    response: Response,
    chunks: Iterator[bytes],
    deadline: Deadline,
    relaying: ThreadPoolExecutor,
) -> None:
    """Relay ``chunks`` one by one, each when the one before it is sent.

    One thread reads them to their end, or until the caller has left, and closes them. A body that breaks off is left
    without its end, so that the server breaks the connection off too (RFC 9112 section 8).
    """
    left, loop = threading.Event(), asyncio.get_running_loop()

    async def sent(message: Message) -> None:
        await send(message)

    def relay() -> bool:
        try:
            asyncio.run_coroutine_threadsafe(sent(_start(response)), loop).result(deadline.remaining())
            for chunk in chunks:
                if left.is_set():
                    return False
                message = {"type": "http.response.body", "body": chunk, "more_body": True}
                asyncio.run_coroutine_threadsafe(sent(message), loop).result(deadline.remaining())
            return True
        except Exception as error:  # the model broke off, or the caller did; an error's text may quote the answer
            logger.warning("a relayed answer broke off: %s", type(error).__name__)
            return False
        finally:
            _close(chunks)

    async def watch() -> None:
        await receive()  # after the body, nothing but http.disconnect can come
        left.set()

    watching = asyncio.create_task(watch())
    try:
        if await _ended(relaying.submit(relay)):
            await send({"type": "http.response.body", "body": b""})
    finally:
        left.set()
        watching.cancel()


def _start(response: Response) -> Message:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _ended(work: Future[_T]) -> _T:
    """What ``work`` brings; it goes on when whoever waits is cancelled."""
    return await asyncio.shield(asyncio.wrap_future(work))


def _let_go(work: Future[Response]) -> None:
    """Close what nobody is there any more to read."""
    if not work.cancelled() and work.result().chunks is not None:
        _close(work.result().chunks)


def _close(chunks: Any) -> None:
    chunks.close()


async def _lifespan(receive: Receive, send: Send, pools: tuple[ThreadPoolExecutor, ...]) -> None:
    """Before it stops, what callers still wait for comes to its end."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            for pool in pools:
                await asyncio.to_thread(pool.shutdown, cancel_futures=True)
            await send({"type": "lifespan.shutdown.complete"})
            return
