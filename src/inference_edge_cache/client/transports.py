"""The transport, for blocking clients and for those on an event loop: the core around one that does the sending."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from inference_edge_cache.client.core import exchange
from inference_edge_cache.client.documents import Documents
from inference_edge_cache.client.requests import library_of
from inference_edge_cache.client.wire import AsyncWire, BlockingWire, run
from inference_edge_cache.protocol import ApiKey, KeyMaterialError, parse_api_key

if TYPE_CHECKING:
    import httpx
    import httpx2

    # Type checkers want an instance of the client's own library's class. At run time neither library asks.
    class _Transport(httpx.BaseTransport, httpx2.BaseTransport):
        def handle_request(self, request: Any) -> Any: ...

    class _AsyncTransport(httpx.AsyncBaseTransport, httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: Any) -> Any: ...

else:
    _Transport = _AsyncTransport = object

# Those of the OpenAI SDK's own client: a client that is given a transport leaves its limits to it.
_LIMITS = {"max_connections": 1000, "max_keepalive_connections": 100}


class EdgeCacheTransport(_Transport):
    """Sends what an ``httpx.Client`` or ``httpx2.Client`` asks of an edge cache so that the edge itself can answer.

    Example:

        OpenAI(base_url=url, api_key="iec1...", http_client=DefaultHttpxClient(transport=EdgeCacheTransport()))

    A POST to an inference route is sent as a GET of its own path; where nobody answers that, the POST itself follows,
    once. All other requests, and those to hosts that are no edge cache, are sent as they are.
    ``response.extensions["inference_edge_cache"]`` says who answered: see ``Served``.

    :param transport: what does the sending; the library's own ``HTTPTransport`` unless given. A client that is given a
        transport leaves proxies, TLS settings and limits to it. Closed with this one.
    :param api_key: the cache's API key, ``iec1...``, when it is not the Bearer key of the requests themselves.
        ``KeyMaterialError`` when it is none.
    :param clock: seconds, only forward. Tells when a discovery document is out of date.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | httpx2.BaseTransport | None = None,
        *,
        api_key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = _Inner(transport, "HTTPTransport")
        self._api_key = _api_key(api_key)
        self._documents = Documents(clock)

    def handle_request(self, request: Any) -> Any:
        """What the client calls."""
        wire = BlockingWire(self._inner.of(request))
        return run(exchange(request, wire, self._documents, self._api_key))

    def close(self) -> None:
        """Close the transport that does the sending."""
        if self._inner.transport is not None:
            self._inner.transport.close()

    def __enter__(self) -> Self:
        if self._inner.transport is not None:
            self._inner.transport.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._inner.transport is not None:
            self._inner.transport.__exit__(exc_type, exc_value, traceback)


class AsyncEdgeCacheTransport(_AsyncTransport):
    """``EdgeCacheTransport`` for ``httpx.AsyncClient`` and ``httpx2.AsyncClient``, on asyncio or trio.

    Like these clients, it belongs to one event loop.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | httpx2.AsyncBaseTransport | None = None,
        *,
        api_key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = _Inner(transport, "AsyncHTTPTransport")
        self._api_key = _api_key(api_key)
        self._documents = Documents(clock)

    async def handle_async_request(self, request: Any) -> Any:
        """What the client calls."""
        wire = AsyncWire(self._inner.of(request))
        return await exchange(request, wire, self._documents, self._api_key)

    async def aclose(self) -> None:
        """Close the transport that does the sending."""
        if self._inner.transport is not None:
            await self._inner.transport.aclose()

    async def __aenter__(self) -> Self:
        if self._inner.transport is not None:
            await self._inner.transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._inner.transport is not None:
            await self._inner.transport.__aexit__(exc_type, exc_value, traceback)


class _Inner:
    """The transport that does the sending, made when the first request tells of which library it has to be."""

    def __init__(self, transport: Any, default: str) -> None:
        self.transport = transport
        self._default = default
        self._making = threading.Lock()

    def of(self, request: object) -> Any:
        """Raises ``TypeError`` for a request that the transport cannot send."""
        library = library_of(request)
        if library is None:
            raise TypeError("an edge cache transport sends requests of httpx or httpx2")
        with self._making:
            if self.transport is None:
                self.transport = getattr(library, self._default)(limits=library.Limits(**_LIMITS))
        its = library_of(self.transport)
        if its not in (None, library):
            raise TypeError(
                f"the request is one of {library.__name__}, the transport that was to send it one of {its.__name__}: "
                f"wrap an {library.__name__}.{self._default}"
            )
        return self.transport


def _api_key(text: str | None) -> ApiKey | None:
    key = None if text is None else parse_api_key(text)
    if text is not None and key is None:
        raise KeyMaterialError("api_key is no API key of an edge cache: iec1.<scope>.<key>")
    return key
