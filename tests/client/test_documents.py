"""When the discovery document is fetched, how long it counts, and what happens where there is none."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import httpx2
import pytest
from client_kit import (
    API_KEY,
    BODY,
    CONFIG,
    GENERATION,
    HANG_UP,
    HIT,
    NEXT_GENERATION,
    ROUTE,
    Clock,
    Edge,
    Says,
    json_answer,
    post_it,
    problem,
    request_headers,
)

from inference_edge_cache.client import AsyncEdgeCacheTransport, EdgeCacheTransport, Served
from inference_edge_cache.client.documents import MAX_ORIGINS
from inference_edge_cache.protocol import DISCOVERY_PATH, parse_path
from inference_edge_cache.protocol.discovery import MAX_DOCUMENT_BYTES

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])


def fetches(edge: Edge) -> int:
    return len(edge.asked("document"))


def generations(edge: Edge) -> list[str]:
    return [path.generation for seen in edge.asked("get") if (path := parse_path(seen.target))]


# --- Fetching ---------------------------------------------------------------------------------------------------------


def test_the_document_is_fetched_on_first_use_without_anything_of_the_callers(call, edge):
    assert fetches(edge) == 0
    call.post(user_agent="me/1", cookie="a=b", accept="text/event-stream")
    (seen,) = edge.asked("document")
    assert (seen.method, seen.target, seen.body) == ("GET", DISCOVERY_PATH, b"")
    assert sorted((name.lower(), value) for name, value in seen.headers) == [
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("host", edge.url.removeprefix("http://")),
        ("user-agent", "me/1"),
    ]


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_requests_that_are_never_inference_fetch_nothing(call, edge, method):
    call.usual.send(method, edge.url + "/v1/models")
    assert fetches(edge) == 0


def test_32_threads_fetch_it_once(edge):
    everybody = threading.Barrier(32)
    with httpx.Client(transport=EdgeCacheTransport(), timeout=30) as client, ThreadPoolExecutor(32) as threads:

        def post(_number):
            everybody.wait()
            response = client.post(edge.url + ROUTE, content=BODY, headers=request_headers())
            return response.status_code

        assert list(threads.map(post, range(32))) == [200] * 32
    assert fetches(edge) == 1
    assert edge.kinds == ["get"] * 32


@LIBRARIES
def test_32_tasks_fetch_it_once(edge, library):
    async def post_all() -> list[int]:
        async with library.AsyncClient(transport=AsyncEdgeCacheTransport(), timeout=30) as client:
            posts = [client.post(edge.url + ROUTE, content=BODY, headers=request_headers()) for _ in range(32)]
            return [response.status_code for response in await asyncio.gather(*posts)]

    assert asyncio.run(post_all()) == [200] * 32
    assert fetches(edge) == 1
    assert edge.kinds == ["get"] * 32


def test_who_has_waited_long_enough_for_somebody_elses_fetch_is_sent_as_it_is(edge):
    asked, answer = threading.Event(), threading.Event()

    def slow(_seen):
        asked.set()
        answer.wait()
        return Says(200, edge.config.to_json())

    edge.says["document"] = slow
    with httpx.Client(transport=EdgeCacheTransport(), timeout=30) as client, ThreadPoolExecutor(1) as thread:
        first = thread.submit(client.post, edge.url + ROUTE, content=BODY, headers=request_headers())
        asked.wait()
        patience = httpx.Timeout(30, pool=0.1)
        second = client.post(edge.url + ROUTE, content=BODY, headers=request_headers(), timeout=patience)
        assert second.extensions["inference_edge_cache"] == Served("passed", "no-document")
        answer.set()
        assert first.result().status_code == 200
    assert edge.kinds == ["post", "get"]


@LIBRARIES
def test_a_task_that_has_waited_long_enough_is_sent_as_it_is(edge, library):
    asked, answer = threading.Event(), threading.Event()

    def slow(_seen):
        asked.set()
        answer.wait()
        return Says(200, edge.config.to_json())

    async def two() -> list[Served]:
        async with library.AsyncClient(transport=AsyncEdgeCacheTransport(), timeout=30) as client:
            first = asyncio.create_task(client.post(edge.url + ROUTE, content=BODY, headers=request_headers()))
            await asyncio.to_thread(asked.wait)
            patience = library.Timeout(30, pool=0.1)
            second = await client.post(edge.url + ROUTE, content=BODY, headers=request_headers(), timeout=patience)
            answer.set()
            return [response.extensions["inference_edge_cache"] for response in (await first, second)]

    edge.says["document"] = slow
    assert asyncio.run(two()) == [Served("model", "uri-miss"), Served("passed", "no-document")]


@LIBRARIES
def test_a_fetch_that_is_cancelled_is_taken_over_by_who_waits(edge, library):
    asked, answer = threading.Event(), threading.Event()

    def slow_once(_seen):
        if not asked.is_set():
            asked.set()
            answer.wait()
        return Says(200, edge.config.to_json())

    async def cancelled() -> Served:
        async with library.AsyncClient(transport=AsyncEdgeCacheTransport(), timeout=30) as client:
            posts = [
                asyncio.create_task(client.post(edge.url + ROUTE, content=BODY, headers=request_headers()))
                for _ in range(2)
            ]
            await asyncio.to_thread(asked.wait)
            posts[0].cancel()
            response = await posts[1]
            return response.extensions["inference_edge_cache"]

    edge.says["document"] = slow_once
    assert asyncio.run(cancelled()) == Served("model", "uri-miss")
    answer.set()
    assert fetches(edge) == 2


def test_a_fetch_that_is_interrupted_leaves_nobody_waiting(edge):
    class Interrupted(httpx.HTTPTransport):
        fails = True

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if self.fails:
                self.fails = False
                raise KeyboardInterrupt
            return super().handle_request(request)

    with httpx.Client(transport=EdgeCacheTransport(Interrupted()), timeout=30) as client:
        with pytest.raises(KeyboardInterrupt):
            client.post(edge.url + ROUTE, content=BODY, headers=request_headers())
        assert client.post(edge.url + ROUTE, content=BODY, headers=request_headers()).status_code == 200
    assert edge.kinds == ["get"]


@pytest.mark.parametrize(
    ("timeout", "fetch"),
    [
        (None, {"connect": 5, "read": 5, "write": 5, "pool": 5}),
        (600, {"connect": 5, "read": 5, "write": 5, "pool": 5}),
        (2, {"connect": 2, "read": 2, "write": 2, "pool": 2}),
        (httpx.Timeout(600, connect=1), {"connect": 1, "read": 5, "write": 5, "pool": 5}),
    ],
)
def test_a_fetch_takes_5_seconds_a_step_or_what_the_request_has(edge, timeout, fetch):
    timeouts = {}

    class Noting(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            timeouts[request.url.path == DISCOVERY_PATH] = request.extensions["timeout"]
            return super().handle_request(request)

    with httpx.Client(transport=EdgeCacheTransport(Noting()), timeout=timeout) as client:
        client.post(edge.url + ROUTE, content=BODY, headers=request_headers())
    assert timeouts == {True: fetch, False: httpx.Timeout(timeout).as_dict()}


# --- How long it counts -----------------------------------------------------------------------------------------------


def test_it_counts_for_60_seconds(call, edge, clock):
    call.post()
    clock.turn(59.9)
    call.post()
    assert fetches(edge) == 1
    edge.publish(generation=NEXT_GENERATION)
    clock.turn(0.1)
    call.post()
    assert fetches(edge) == 2
    assert generations(edge) == [GENERATION, GENERATION, NEXT_GENERATION]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"cache-control": "no-cache"}, 60),
        ({"cache-control": "public, max-age=20"}, 20),
        ({"cache-control": "public,Max-Age=20"}, 20),
        ({"cache-control": "s-maxage=20"}, 60),
        ({"cache-control": "max-age=86400"}, 60),
        ({"cache-control": "max-age=0"}, 5),
        ({"cache-control": "max-age=60", "age": "25"}, 35),
        ({"cache-control": "max-age=60", "age": "1000"}, 5),
        ({"cache-control": "max-age=60", "age": "-3"}, 60),
        ({"age": "25"}, 35),
    ],
)
def test_what_is_left_of_its_max_age_counts_between_5_and_60_seconds(edge, clock, headers, seconds):
    edge.says["document"] = lambda seen: Says(200, edge.config.to_json(), headers)
    with httpx.Client(transport=EdgeCacheTransport(clock=clock), timeout=30) as client:
        for turn, fetched in ((0, 1), (seconds - 0.1, 1), (0.1, 2)):
            clock.turn(turn)
            client.post(edge.url + ROUTE, content=BODY, headers=request_headers())
            assert fetches(edge) == fetched


def test_while_one_fetches_it_again_the_others_go_on_with_the_old_one(edge, clock):
    asked, answer = threading.Event(), threading.Event()

    def slow(_seen):
        asked.set()
        answer.wait()
        return Says(200, edge.config.to_json())

    with httpx.Client(transport=EdgeCacheTransport(clock=clock), timeout=30) as client, ThreadPoolExecutor(1) as thread:
        client.post(edge.url + ROUTE, content=BODY, headers=request_headers())
        clock.turn(60)
        edge.says["document"] = slow
        refresher = thread.submit(client.post, edge.url + ROUTE, content=BODY, headers=request_headers())
        asked.wait()
        client.post(edge.url + ROUTE, content=BODY, headers=request_headers())
        assert edge.kinds == ["get", "get"]
        answer.set()
        refresher.result()
    assert (fetches(edge), edge.kinds) == (2, ["get"] * 3)


def old() -> bytes:
    return json.dumps({"version": 0, "routes": []}).encode()


GONE = {
    "down": Says(503),
    "lost": HANG_UP,
    "removed": Says(404),
    "a page": Says(200, b"<html>"),
    "a lower version": Says(200, old()),
}


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE.keys())
def test_one_that_cannot_be_fetched_again_counts_for_10_minutes(call, edge, clock, gone):
    call.post()
    edge.says["document"] = gone
    clock.turn(599.9)
    assert call.post().served.tier == "model"
    assert edge.kinds == ["get", "get"]
    clock.turn(0.1)
    assert call.post().served == Served("passed", "no-document")
    assert edge.kinds == ["get", "get", "post"]
    del edge.says["document"]
    edge.says["document"] = lambda seen: Says(200, edge.config.to_json())
    clock.turn(60)
    call.post()
    assert edge.kinds == ["get", "get", "post", "get"]


def test_an_edge_that_is_back_is_found_after_a_minute(call, edge, clock):
    edge.says["document"] = Says(503)
    call.post()
    clock.turn(59.9)
    call.post()
    assert (fetches(edge), edge.kinds) == (1, ["post", "post"])
    edge.says["document"] = Says(200, edge.config.to_json())
    clock.turn(0.1)
    call.post()
    assert (fetches(edge), edge.kinds) == (2, ["post", "post", "get"])


# --- Where there is none ----------------------------------------------------------------------------------------------


def changed(**fields: object) -> bytes:
    """A sound document but for ``fields``."""
    return json.dumps({**json.loads(CONFIG.to_json()), **fields}).encode()


MALFORMED = {
    "empty": b"",
    "not json": b"<html></html>",
    "cut short": changed()[:-1],
    "another document": b'{"issuer": "https://example.com"}',
    "an array": b"[]",
    "a later version": changed(version=2),
    "an earlier version": changed(version=0),
    "no routes": changed(routes=None),
    "a route that is none": changed(routes=[{"path": "/a/../b"}]),
    "a generation that is none": changed(routes=[{**json.loads(changed())["routes"][0], "generation": "x"}]),
    "an access that is unknown": changed(access="open"),
    "a budget beyond the protocol's": changed(payload_budget=100_000),
    "an upload_url in the clear": changed(upload_url="http://gateway.example.com"),
    "an upload_url with credentials": changed(upload_url="https://a:b@gateway.example.com"),
    "deep": b"[" * 100_000,
    "too large": changed(more="x" * MAX_DOCUMENT_BYTES),
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_document_that_cannot_be_used_is_none(call, edge, document):
    edge.says["document"] = Says(200, document, {"content-type": "application/json"})
    for _ in range(2):
        assert call.post().served == Served("passed", "no-document")
    assert (fetches(edge), edge.kinds) == (1, ["post", "post"])


@pytest.mark.parametrize(
    "answer",
    [Says(404), Says(404, CONFIG.to_json()), Says(403), Says(301, headers={"location": "/"}), Says(500), HANG_UP],
)
def test_an_edge_without_the_protocol_is_used_as_it_is(call, edge, answer):
    edge.says["document"] = answer
    edge.says["post"] = Says(201, b"made", {"x-a": "b"})
    request = {"content": BODY, "headers": request_headers(x_trace="t")}
    plain = call.plainly("POST", "/post", **request)
    for _ in range(3):
        got = call.usual.send("POST", edge.url + "/post", **request)
        assert (got.status, got.body) == plain
        assert (got.headers["x-a"], got.served) == ("b", Served("passed", "no-document"))
    assert fetches(edge) == 1
    without, *with_it = edge.asked("post")
    assert with_it == [without] * 3


def test_an_edge_that_is_not_there_is_the_requests_own_error(call, edge):
    edge.close()
    with pytest.raises(call.library.ConnectError):
        call.post()


def test_a_transport_of_tests_that_expects_no_such_request_does_no_harm():
    """Mock transports raise errors of their own for a request that nobody told them of."""

    def only_posts(request: httpx.Request) -> httpx.Response:
        assert request.method == "POST", "unexpected request"
        return httpx.Response(200, json={})

    with httpx.Client(transport=EdgeCacheTransport(httpx.MockTransport(only_posts))) as client:
        assert client.post("https://a.example.com/v1", content=BODY).json() == {}


# --- A rollout --------------------------------------------------------------------------------------------------------


def test_a_428_that_names_another_generation_has_the_next_request_fetch_the_document(call, edge, clock):
    call.post()
    edge.publish(generation=NEXT_GENERATION)
    edge.says["get"] = lambda seen: post_it(NEXT_GENERATION) if f"/{GENERATION}/" in seen.target else HIT
    clock.turn(5)
    assert call.post().served.tier == "model"
    assert fetches(edge) == 1
    assert call.post().served == Served("store")
    assert fetches(edge) == 2
    assert edge.kinds == ["get", "get", "post", "get"]


def test_it_is_not_fetched_more_often_than_every_5_seconds(call, edge, clock):
    edge.says["get"] = post_it(NEXT_GENERATION)
    for _ in range(3):
        call.post()
    assert fetches(edge) == 1
    clock.turn(5)
    for _ in range(3):
        call.post()
    assert fetches(edge) == 2


def test_nor_when_it_cannot_be_fetched_again(call, edge, clock):
    call.post()
    edge.says |= {"document": Says(503), "get": post_it(NEXT_GENERATION)}
    clock.turn(60)
    for _ in range(3):
        call.post()
    assert fetches(edge) == 2
    clock.turn(5)
    for _ in range(3):
        call.post()
    assert fetches(edge) == 3


@pytest.mark.parametrize(
    "answer",
    [
        post_it(GENERATION),
        problem(428),
        problem(428, generation=7),
        problem(404, generation=NEXT_GENERATION),
        Says(428, b"not json"),
        Says(428, b"[]"),
        Says(428, b""),
        Says(428, b"[" * 10_000),
        Says(428, post_it(NEXT_GENERATION).body + b" " * 20_000),
    ],
)
def test_an_answer_that_names_no_other_generation_changes_nothing(call, edge, clock, answer):
    edge.says["get"] = answer
    for _ in range(3):
        call.post()
        clock.turn(5)
    assert fetches(edge) == 1


# --- Whose it is ------------------------------------------------------------------------------------------------------


def test_a_document_counts_for_the_origin_that_it_came_from(call, edge, gateway):
    gateway.publish(generation=NEXT_GENERATION)
    for origin in (edge, gateway, edge, gateway):
        call.usual.send("POST", origin.url + ROUTE, content=BODY, headers=request_headers())
    assert (fetches(edge), fetches(gateway)) == (1, 1)
    assert (set(generations(edge)), set(generations(gateway))) == ({GENERATION}, {NEXT_GENERATION})


def test_two_sites_on_one_host_have_two_documents(call, edge):
    edge.says["document"] = lambda seen: (
        Says(200, edge.config.to_json()) if seen.header("host") == "one.example.com" else Says(404)
    )
    tiers = [call.post(host=f"{site}.example.com").served.tier for site in ("one", "two", "one")]
    assert tiers == ["model", "passed", "model"]
    assert [seen.header("host") for seen in edge.asked("document")] == ["one.example.com", "two.example.com"]
    assert {seen.header("host") for seen in edge.asked("get")} == {"one.example.com"}


def test_the_least_used_origin_is_forgotten(call, edge):
    sites = [f"site-{number}.example.com" for number in range(MAX_ORIGINS)]
    for site in [*sites, sites[0], "another.example.com"]:
        call.post(host=site)
    assert fetches(edge) == MAX_ORIGINS + 1
    call.post(host=sites[0])
    assert fetches(edge) == MAX_ORIGINS + 1
    call.post(host=sites[1])
    assert fetches(edge) == MAX_ORIGINS + 2


def test_an_origin_that_is_forgotten_while_it_answers_is_just_fetched_again(edge):
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == DISCOVERY_PATH:
            return httpx.Response(200, content=edge.config.to_json())
        if request.method == "GET" and request.url.host == "a.example.com":
            for number in range(MAX_ORIGINS):
                client.post(f"https://site-{number}.example.com{ROUTE}", content=BODY, headers=request_headers())
            return httpx.Response(428, json={"generation": NEXT_GENERATION})
        return httpx.Response(200, json={})

    clock = Clock()
    with httpx.Client(transport=EdgeCacheTransport(httpx.MockTransport(answer), clock=clock)) as client:
        response = client.post("https://a.example.com" + ROUTE, content=BODY, headers=request_headers())
    assert response.extensions["inference_edge_cache"] == Served("passed", "get-428")


def test_a_document_is_fetched_by_the_clients_own_transport(call, edge):
    """With its proxy, its certificates and its limits."""
    caller = call(transport=getattr(call.library, call.transport_name)(proxy=edge.url, verify=False))
    answer = caller.send("POST", "http://cache.example.com" + ROUTE, content=BODY, headers=request_headers())
    assert answer.served.tier == "model"
    assert [seen.target for seen in edge.asked("document")] == ["http://cache.example.com" + DISCOVERY_PATH]
    assert API_KEY.text not in str(edge.seen)


@LIBRARIES
@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_document_without_an_end_is_not_read_to_it(library, kind):
    class Endless(library.SyncByteStream, library.AsyncByteStream):
        sent, closed = 0, False

        def __iter__(self):
            while self.sent < 100 * MAX_DOCUMENT_BYTES:
                self.sent += 2**16
                yield b" " * 2**16

        async def __aiter__(self):
            for chunk in self:
                yield chunk

        def close(self) -> None:
            self.closed = True

        async def aclose(self) -> None:
            self.close()

    def answer(request):
        if request.url.path == DISCOVERY_PATH:
            return library.Response(200, stream=endless)
        return library.Response(200, json={})

    endless = Endless()
    request = library.Request("POST", f"https://a.example.com{ROUTE}", content=BODY, headers=request_headers())
    inner = library.MockTransport(answer)
    if kind == "blocking":
        response = EdgeCacheTransport(inner).handle_request(request)
    else:
        response = asyncio.run(AsyncEdgeCacheTransport(inner).handle_async_request(request))
    assert response.extensions["inference_edge_cache"] == Served("passed", "no-document")
    assert endless.closed
    assert endless.sent <= MAX_DOCUMENT_BYTES + 2**16


def test_a_compressed_document_is_none(call, edge):
    """None was asked for, and what cannot be read is not used."""
    edge.says["document"] = json_answer(b"\x1f\x8b", content_encoding="gzip")
    assert call.post().served == Served("passed", "no-document")
