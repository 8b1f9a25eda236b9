"""Answers to the caller: streamed from elsewhere, without their body, or the edge's own."""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from email.utils import formatdate

import anyio
import httpx
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message, Send

from inference_edge_cache.local.collapse import Fetch
from inference_edge_cache.local.forward import Pairs

_TITLES = {
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    413: "Content Too Large",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    494: "Request Header Too Large",  # CloudFront's own
    502: "Bad Gateway",
    504: "Gateway Timeout",
}


class Streamed(StreamingResponse):
    """A body from elsewhere. However the caller leaves, the origin's connection and those who wait are let go."""

    def __init__(
        self,
        status: int,
        headers: Pairs,
        chunks: AsyncGenerator[bytes, None],
        upstream: httpx.Response | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        super().__init__(chunks, status)
        self.raw_headers = _raw(headers)
        self._chunks, self._upstream, self._fetch = chunks, upstream, fetch

    async def read_up(self) -> None:
        """Read the body to its end, and with that store it, for a caller who needs none of it."""
        await self.stream_response(_nowhere)

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            if self._fetch:
                self._fetch.done(stored=False)  # unless it was by then
            with anyio.CancelScope(shield=True):
                await self._chunks.aclose()
                if self._upstream:
                    await self._upstream.aclose()


def bare(status: int, headers: Pairs) -> Response:
    """An answer without its body: to a HEAD with the body's length, as a 304 without (RFC 9110 section 15.4.5)."""
    response = Response(status_code=status)
    response.raw_headers = _raw(pair for pair in headers if status != 304 or pair[0] != "content-length")
    return response


def problem(status: int, detail: str, marks: Pairs) -> Response:
    """An answer of the edge itself (RFC 9457), which nobody keeps."""
    return JSONResponse(
        {"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail},
        status,
        dict([*dated([]), ("cache-control", "no-store"), *marks]),
        media_type="application/problem+json",
    )


async def all_but_the_last_until_stored(
    chunks: AsyncGenerator[bytes, None], length: str | None, fetch: Fetch
) -> AsyncGenerator[bytes, None]:
    """``chunks``, of which the last leaves once the answer is stored.

    A caller who has all of an answer may hang up at once, and hanging up ends what is done for it. Without a length the
    caller cannot know that it has all before the end is sent, which comes after storing anyway.
    """
    passed = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            passed += len(chunk)
            if str(passed) == length:
                rest = b"".join([last async for last in chunks])
                fetch.done(stored=True)
                yield chunk + rest
            else:
                yield chunk
        fetch.done(stored=True)


def raw_body(upstream: httpx.Response) -> AsyncGenerator[bytes, None]:
    chunks = upstream.aiter_raw()
    assert isinstance(chunks, AsyncGenerator)
    return chunks


def dated(headers: Pairs) -> Pairs:
    """With the Date that a recipient adds where the sender gave none (RFC 9110 section 6.6.1)."""
    missing = all(name != "date" for name, _ in headers)
    return [*headers, ("date", formatdate(time.time(), usegmt=True))] if missing else headers


async def _nowhere(_: Message) -> None:
    """Where a body goes that is read only to be stored."""


def _raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
