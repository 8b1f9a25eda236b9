"""A tier in this process, asked as if it were behind a connection."""

import asyncio
import threading
from contextlib import asynccontextmanager

import httpx
import pytest

from inference_edge_cache.gateway.messages import Response
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.local import threads
from inference_edge_cache.local.in_process import InProcess

pytestmark = pytest.mark.asyncio


class Chunks:
    """A body that is still to come, and remembers whether it was closed."""

    def __init__(self, *chunks):
        self.left, self.closed = list(chunks), threading.Event()

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        chunk = self.left.pop(0)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk() if callable(chunk) else chunk

    def close(self):
        self.closed.set()


def answer(chunks=None, body=b""):
    return Response(status=200, headers=(("a", "1"), ("a", "2")), body=body, chunks=chunks)


def request(method="GET", target="/a%2Fb?c=d", content=None, *, connect=20.0, read=20.0):
    timeout = httpx.Timeout(20, connect=connect, read=read).as_dict()
    url = httpx.URL("http://gateway").copy_with(raw_path=target.encode())
    return httpx.Request(method, url, headers={"X-A": "b"}, content=content, extensions={"timeout": timeout})


@asynccontextmanager
async def asked(tier, **options):
    async with InProcess(tier) as transport:
        yield await transport.handle_async_request(request(**options))


async def test_the_tier_sees_the_request_as_it_stood_on_the_wire():
    seen = []

    def tier(request):
        seen.append(request)
        return answer(body=b"whole")

    async def body():
        yield b"1"
        yield b"2"

    async with asked(tier, method="POST", content=body()) as found:
        assert b"".join([chunk async for chunk in found.aiter_raw()]) == b"whole"
        assert (found.status_code, found.headers.get_list("a")) == (200, ["1", "2"])
    assert (seen[0].method, seen[0].path, seen[0].query, seen[0].body) == ("POST", "/a%2Fb", "c=d", b"12")
    assert seen[0].header("x-a") == "b"


async def test_a_tier_that_takes_too_long_goes_on_and_what_it_brings_is_closed():
    released, chunks = threading.Event(), Chunks(b"late")

    def tier(_):
        assert released.wait(20)
        return answer(chunks)

    with pytest.raises(httpx.ReadTimeout):
        async with asked(tier, connect=0.05):
            pass
    released.set()
    assert await asyncio.to_thread(chunks.closed.wait, 20)


async def test_a_caller_who_leaves_closes_what_is_still_coming():
    started, released = threading.Event(), threading.Event()

    def slow():
        started.set()
        assert released.wait(20)
        return b"second"

    chunks = Chunks(b"first", slow)
    async with asked(lambda _: answer(chunks)) as found:
        coming = found.aiter_raw()
        assert await anext(coming) == b"first"
        second = asyncio.ensure_future(anext(coming))
        assert await asyncio.to_thread(started.wait, 20)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await found.aclose()
        assert not chunks.closed.is_set()  # a step is under way, and nobody has waited for it
    released.set()
    assert await asyncio.to_thread(chunks.closed.wait, 20)


@pytest.mark.parametrize(
    ("chunk", "error"),
    [(ModelFailed(502, "the model's answer broke off"), httpx.ReadError), (ValueError("boom"), ValueError)],
)
async def test_a_body_that_breaks_off_is_an_error_for_who_reads_it(chunk, error):
    chunks = Chunks(b"first", chunk)
    async with asked(lambda _: answer(chunks)) as found:
        coming = found.aiter_raw()
        assert await anext(coming) == b"first"
        with pytest.raises(error):
            await anext(coming)


async def test_a_body_that_stands_still_is_a_timeout():
    released = threading.Event()
    chunks = Chunks(lambda: released.wait(20) and b"late")
    async with asked(lambda _: answer(chunks), read=0.05) as found:
        with pytest.raises(httpx.ReadTimeout):
            await anext(found.aiter_raw())
    released.set()


async def test_a_fault_of_a_tier_is_the_callers_to_see():
    def tier(_):
        raise KeyError("boom")

    with pytest.raises(KeyError):
        async with asked(tier):
            pass


async def test_calls_beyond_the_most_wait_for_a_free_thread(monkeypatch):
    monkeypatch.setattr(threads, "MOST", 1)
    calls = threads.Threads()
    released, second_ran = threading.Event(), threading.Event()
    first = await calls.start(lambda: released.wait(20))
    second = asyncio.ensure_future(calls.start(second_ran.set))
    await asyncio.sleep(0)
    assert not second_ran.is_set()
    released.set()
    assert await first
    await (await second)
    assert second_ran.is_set()


async def test_a_call_that_nobody_waits_for_is_forgotten_without_a_word(caplog):
    def failing():
        raise ValueError

    outcome = await threads.Threads().start(failing)
    await asyncio.wait([outcome])
    del outcome
    assert caplog.text == ""
