"""A tier of this process where an edge has a connection: the same requests, answers, timeouts and failures."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx

from inference_edge_cache.gateway.messages import Request, Response
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.local.threads import Threads
from inference_edge_cache.local.tiers import Tier


class InProcess(httpx.AsyncBaseTransport):
    """Carries requests to ``tier``. Made for one event loop.

    Of a request's timeouts ``connect`` bounds the time to the head of the answer, ``read`` that between two chunks of
    its body. A caller who leaves, or is no longer waited for, stops nothing that the tier has begun.
    """

    def __init__(self, tier: Tier) -> None:
        self._tier, self._threads = tier, Threads()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = _request(request, await request.aread())
        timeouts = request.extensions["timeout"]
        outcome: asyncio.Future[Response] | None = None
        try:
            async with asyncio.timeout(timeouts["connect"]):
                outcome = await self._threads.start(lambda: self._tier(asked))
                response = await asyncio.shield(outcome)
        except BaseException as error:
            if outcome:
                outcome.add_done_callback(_let_go)
            if isinstance(error, TimeoutError):
                raise httpx.ReadTimeout("no answer in time") from None
            raise
        if response.chunks is None:
            stream: httpx.AsyncByteStream = httpx.ByteStream(response.body)
        else:
            stream = _Live(response.chunks, self._threads, timeouts["read"])
        return httpx.Response(response.status, headers=list(response.headers), stream=stream)


class _Live(httpx.AsyncByteStream):
    """Chunks that are still coming in, each waited for at most ``patience`` seconds."""

    def __init__(self, chunks: Any, threads: Threads, patience: float) -> None:
        self._chunks, self._threads, self._patience = chunks, threads, patience
        self._turn = threading.Lock()  # a generator that runs cannot be closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    chunk = await asyncio.shield(await self._threads.start(self._next))
            except TimeoutError:
                raise httpx.ReadTimeout("the answer stopped coming") from None
            except ModelFailed as failed:
                raise httpx.ReadError(str(failed)) from failed
            if chunk is None:
                return
            yield chunk

    async def aclose(self) -> None:
        _on_the_side(self._close)

    def _next(self) -> bytes | None:
        with self._turn:
            return next(self._chunks, None)

    def _close(self) -> None:
        with self._turn:
            self._chunks.close()


def _let_go(outcome: asyncio.Future[Response]) -> None:
    """Close an answer that nobody is there any more to read."""
    if outcome.exception() is None and outcome.result().chunks is not None:
        _on_the_side(outcome.result().chunks.close)  # type: ignore[union-attr]


def _on_the_side(close: Any) -> None:
    """Nobody waits for it: it may take as long as a model takes for its next chunk."""
    threading.Thread(target=close, name="local-edge-close", daemon=True).start()


def _request(request: httpx.Request, body: bytes) -> Request:
    path, _, query = request.url.raw_path.decode("latin-1").partition("?")
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw)
    return Request(method=request.method, path=path, query=query, headers=headers, body=body)
