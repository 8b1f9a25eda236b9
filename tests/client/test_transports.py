"""What the two transports are to a client: what they wrap, what they refuse, what they close."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from typing import Any

import httpx
import httpx2
import pytest
from client_kit import API_KEY, BODY, CONFIG, ROUTE, Caller, request_headers

from inference_edge_cache import client
from inference_edge_cache.client import AsyncEdgeCacheTransport, EdgeCacheTransport, Served
from inference_edge_cache.protocol import DISCOVERY_PATH, KeyMaterialError

BOTH = pytest.mark.parametrize("transport", [EdgeCacheTransport, AsyncEdgeCacheTransport])
LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])


def recorder(library: Any) -> Any:
    """A transport of ``library``, of either kind, that notes what becomes of it."""

    class Recorder(library.BaseTransport, library.AsyncBaseTransport):
        def __init__(self) -> None:
            self.notes: list[str] = []
            self.requests: list[Any] = []
            self.response = library.Response(404, content=b"none here")

        def handle_request(self, request: Any) -> Any:
            self.requests.append(request)
            return self.response

        async def handle_async_request(self, request: Any) -> Any:
            return self.handle_request(request)

        def __enter__(self) -> Any:
            self.notes.append("entered")
            return self

        def __exit__(self, *error: object) -> None:
            self.notes.append("left")

        def close(self) -> None:
            self.notes.append("closed")

        async def __aenter__(self) -> Any:
            return self.__enter__()

        async def __aexit__(self, *error: object) -> None:
            self.__exit__()

        async def aclose(self) -> None:
            self.close()

    return Recorder()


def handle(transport: Any, request: Any) -> Any:
    if isinstance(transport, EdgeCacheTransport):
        return transport.handle_request(request)
    return asyncio.run(transport.handle_async_request(request))


@BOTH
@LIBRARIES
@pytest.mark.parametrize("method", ["GET", "POST", "CONNECT"])
def test_what_is_passed_is_the_very_request_and_the_very_answer(transport, library, method):
    inner = recorder(library)
    request = library.Request(method, "https://example.com/v1", content=BODY, extensions={"timeout": {"read": 1.0}})
    assert handle(transport(inner), request) is inner.response
    assert inner.requests[-1] is request
    assert request.extensions == {"timeout": {"read": 1.0}}


@BOTH
@LIBRARIES
def test_what_it_makes_has_the_class_and_the_extensions_of_the_request(transport, library, edge):
    inner = recorder(library)
    inner.response = library.Response(200, headers={"content-type": "application/json"}, content=edge.config.to_json())
    extensions = {"timeout": {"read": 60.0}, "sni_hostname": "cache.example.com"}
    request = library.Request(
        "POST", "https://example.com" + ROUTE, headers=request_headers(), content=BODY, extensions=extensions
    )
    handle(transport(inner), request)
    document, get = inner.requests
    assert type(document) is type(get) is library.Request
    assert get.extensions == extensions
    assert document.extensions["sni_hostname"] == "cache.example.com"
    assert (document.url.scheme, document.url.host, get.url.scheme, get.url.host) == ("https", "example.com") * 2


@pytest.mark.parametrize("error", ["ConnectError", "ConnectTimeout", "PoolTimeout", "ReadTimeout", "WriteTimeout"])
@LIBRARIES
def test_an_edge_that_a_post_would_not_reach_either_is_not_sent_one(library, error):
    def answer(request: Any) -> Any:
        seen.append(request.url.path)
        if request.url.path == DISCOVERY_PATH:
            return library.Response(200, content=CONFIG.to_json())
        raise getattr(library, error)("no")

    seen: list[str] = []
    request = library.Request("POST", "https://example.com" + ROUTE, headers=request_headers(), content=BODY)
    with pytest.raises(getattr(library, error)):
        EdgeCacheTransport(library.MockTransport(answer)).handle_request(request)
    assert len(seen) == 2


@pytest.mark.parametrize("error", ["ReadError", "WriteError", "CloseError", "RemoteProtocolError"])
@LIBRARIES
def test_an_edge_that_drops_the_get_is_sent_the_post(library, error):
    def answer(request: Any) -> Any:
        if request.method == "POST":
            return library.Response(200, json={})
        if request.url.path == DISCOVERY_PATH:
            return library.Response(200, content=CONFIG.to_json())
        raise getattr(library, error)("no")

    request = library.Request("POST", "https://example.com" + ROUTE, headers=request_headers(), content=BODY)
    response = EdgeCacheTransport(library.MockTransport(answer)).handle_request(request)
    assert response.extensions["inference_edge_cache"] == Served("passed", "get-lost")


@pytest.mark.parametrize(("length", "read"), [("16384", True), ("16385", False), (None, False), ("9" * 5000, False)])
@LIBRARIES
def test_an_answer_that_is_not_used_is_read_when_it_is_short_and_closed_in_any_case(library, length, read):
    class Body(library.SyncByteStream):
        was_read = was_closed = False

        def __iter__(self) -> Any:
            self.was_read = True
            yield b"no"

        def close(self) -> None:
            self.was_closed = True

    def answer(request: Any) -> Any:
        if request.method == "POST":
            return library.Response(200, json={})
        if request.url.path == DISCOVERY_PATH:
            return library.Response(200, content=CONFIG.to_json())
        return library.Response(404, headers={"content-length": length} if length else {}, stream=body)

    body = Body()
    request = library.Request("POST", "https://example.com" + ROUTE, headers=request_headers(), content=BODY)
    EdgeCacheTransport(library.MockTransport(answer)).handle_request(request)
    assert (body.was_read, body.was_closed) == (read, True)


def test_the_name_in_the_certificate_of_the_edge_is_not_asked_of_the_upload_url():
    config = replace(CONFIG, upload_url="https://gateway.example.com").to_json()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=config) if request.method == "GET" else httpx.Response(200, json={})

    seen: list[httpx.Request] = []
    request = httpx.Request(
        "POST",
        "https://example.com" + ROUTE,
        headers=request_headers(),
        content=b"x" * 20_000,
        extensions={"sni_hostname": "cache.example.com"},
    )
    EdgeCacheTransport(httpx.MockTransport(answer)).handle_request(request)
    assert (seen[-1].url.host, seen[-1].headers["host"]) == ("gateway.example.com", "gateway.example.com")
    assert (seen[-1].extensions, seen[-1].content) == ({}, request.content)


@LIBRARIES
def test_a_client_enters_leaves_and_closes_what_is_wrapped(library):
    inner = recorder(library)
    with library.Client(transport=EdgeCacheTransport(inner)):
        assert inner.notes == ["entered"]
    assert inner.notes == ["entered", "left"]
    library.Client(transport=EdgeCacheTransport(inner)).close()
    assert inner.notes == ["entered", "left", "closed"]


@LIBRARIES
def test_an_async_client_enters_leaves_and_closes_what_is_wrapped(library):
    async def use() -> None:
        async with library.AsyncClient(transport=AsyncEdgeCacheTransport(inner)):
            assert inner.notes == ["entered"]
        assert inner.notes == ["entered", "left"]
        await library.AsyncClient(transport=AsyncEdgeCacheTransport(inner)).aclose()

    inner = recorder(library)
    asyncio.run(use())
    assert inner.notes == ["entered", "left", "closed"]


def test_one_that_was_never_used_can_be_closed(call):
    async def use() -> None:
        async with caller.client:
            pass

    call(transport=None).close()
    caller = call(transport=None)
    if call.kind is Caller:
        with caller.client:
            pass
    else:
        caller.loop.run(use())


def test_its_own_transport_is_the_librarys_and_is_closed_with_it(call, edge):
    caller = call(transport=None)
    caller.send("POST", edge.url + ROUTE, content=BODY, headers=request_headers())
    transport = caller.transport._inner.transport
    assert type(transport) is getattr(call.library, call.transport_name)
    assert transport._pool.connections
    assert (transport._pool._max_connections, transport._pool._max_keepalive_connections) == (1000, 100)
    caller.close()
    assert transport._pool.connections == []


@pytest.mark.parametrize(("mine", "other"), [(httpx, httpx2), (httpx2, httpx)])
@BOTH
def test_a_transport_of_the_other_library_is_refused_with_the_remedy(transport, mine, other):
    name = "HTTPTransport" if transport is EdgeCacheTransport else "AsyncHTTPTransport"
    wrapped = transport(getattr(other, name)())
    with pytest.raises(TypeError, match=rf"wrap an {mine.__name__}\.{name}$"):
        handle(wrapped, mine.Request("GET", "https://example.com"))


@BOTH
def test_a_transport_of_neither_library_is_taken(transport):
    class Other:
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(404)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(404)

    assert handle(transport(Other()), httpx.Request("GET", "https://example.com")).status_code == 404


@BOTH
def test_a_request_of_neither_library_is_refused(transport):
    with pytest.raises(TypeError, match="requests of httpx or httpx2"):
        handle(transport(), object())


@BOTH
@pytest.mark.parametrize("key", ["", "sk-secret", "iec1.secret", API_KEY.text + "x", f"Bearer {API_KEY.text}"])
def test_an_api_key_that_is_none_is_refused_and_not_repeated(transport, key):
    with pytest.raises(KeyMaterialError) as refused:
        transport(api_key=key)
    assert key == "" or key not in str(refused.value)
    assert "secret" not in str(refused.value)


@BOTH
def test_printing_it_shows_no_key(transport):
    own = transport(api_key=API_KEY.text)
    secret = API_KEY.text.rpartition(".")[2]
    assert secret not in repr(own)
    assert secret not in repr(vars(own))


# --- What is loaded ---------------------------------------------------------------------------------------------------

HEAVY = {"httpx", "httpx2", "anyio", "pydantic", "pulumi", "openai", "yaml"}


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_and_making_one_loads_neither_library():
    code = "from inference_edge_cache.client import *; EdgeCacheTransport(), AsyncEdgeCacheTransport()"
    assert loaded_by(code) == set()


@pytest.mark.parametrize(("library", "other"), [("httpx", "httpx2"), ("httpx2", "httpx")])
def test_the_library_that_is_not_in_use_is_not_loaded_nor_needed(edge, library, other):
    code = f"""
import asyncio, sys
sys.modules["{other}"] = None
import {library}
from inference_edge_cache.client import AsyncEdgeCacheTransport, EdgeCacheTransport, Served
request = dict(content={BODY!r}, headers={request_headers()!r})
with {library}.Client(transport=EdgeCacheTransport()) as client:
    assert client.post({edge.url + ROUTE!r}, **request).extensions["inference_edge_cache"].tier == "model"
async def main():
    async with {library}.AsyncClient(transport=AsyncEdgeCacheTransport()) as client:
        assert (await client.post({edge.url + ROUTE!r}, **request)).extensions["inference_edge_cache"].tier == "model"
asyncio.run(main())
del sys.modules["{other}"]
"""
    assert loaded_by(code) & {"httpx", "httpx2"} == {library}
    assert edge.kinds == ["get", "get"]


def test_all_is_sorted_and_every_name_in_it_is_there():
    assert client.__all__ == ["EXTENSION", "AsyncEdgeCacheTransport", "EdgeCacheTransport", "Served", "Tier"]
    assert all(hasattr(client, name) for name in client.__all__)


def test_a_blocking_transport_that_is_suspended_says_so():
    from inference_edge_cache.client.wire import run

    with pytest.raises(RuntimeError, match="suspended"):
        run(asyncio.sleep(0))
