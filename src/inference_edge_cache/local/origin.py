"""What lies behind the edge, as the edge asks it: the endpoint, or the gateway and its bucket."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import httpx

from inference_edge_cache.local.forward import Pairs

# Shorter than common servers keep connections (uvicorn 5 s), so that no request meets one that is being closed.
_KEEP_ALIVE_SECONDS = 2


class OriginFailed(Exception):
    """The origin gave no answer: ``status`` is what the caller gets, ``forwarded`` why the origin was asked."""

    def __init__(self, status: int, said: str, forwarded: str) -> None:
        super().__init__(said)
        self.status, self.forwarded = status, forwarded


def over_http() -> httpx.AsyncBaseTransport:
    """Connections that are kept, and shared."""
    return httpx.AsyncHTTPTransport(limits=httpx.Limits(keepalive_expiry=_KEEP_ALIVE_SECONDS))


class Origin:
    """Sends requests to ``url``, each with ``headers``, in place of the caller's of the same name.

    ``timeout``: seconds, or httpx's. ``name`` is what errors call it, ``transport`` makes what carries its requests.
    """

    def __init__(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        timeout: float | httpx.Timeout,
        *,
        name: str | None = None,
        transport: Callable[[], httpx.AsyncBaseTransport] = over_http,
    ) -> None:
        self.url = url
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._timeout = httpx.Timeout(timeout).as_dict()
        self._name = name or f"the origin {url.scheme}://{url.netloc.decode()}"
        self._carried_by = transport
        self._transport: httpx.AsyncBaseTransport | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Requests can be sent until the end of the block."""
        async with self._carried_by() as self._transport:
            yield

    def target(self, path: str, query: str) -> str:
        """Path and query at the origin, as they stood on the wire."""
        path = self.url.raw_path.decode().rstrip("/") + path
        return f"{path}?{query}" if query else path

    async def ask(
        self, method: str, target: str, headers: Pairs, body: AsyncIterator[bytes] | bytes | None = None
    ) -> httpx.Response:
        """The answer, its body still to be read. Runs within ``connected``."""
        assert self._transport
        headers = [pair for pair in headers if pair[0] not in self._headers]
        request = httpx.Request(
            method,
            self.url.copy_with(raw_path=target.encode("latin-1")),
            headers=[*headers, *self._headers.items()],
            content=body,
            extensions={"timeout": self._timeout},
        )
        return await self._transport.handle_async_request(request)

    @contextmanager
    def failures(self, forwarded: str) -> Iterator[None]:
        """Within, whatever goes wrong at the origin is an ``OriginFailed``."""
        try:
            yield
        except httpx.LocalProtocolError:
            raise  # the fault of the request
        except httpx.TimeoutException as error:
            raise OriginFailed(504, f"{self._name} did not answer in time", forwarded) from error
        except httpx.TransportError as error:
            said = f"{self._name} did not answer ({type(error).__name__})"
            raise OriginFailed(502, said, forwarded) from error
