"""A fake edge, a fake gateway beside it, and callers of both libraries, blocking and not."""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import unquote

import httpx
import httpx2
import pytest
from client_kit import PROMPT, AsyncCaller, Caller, Callers, Clock, Edge


@pytest.fixture
def edge() -> Iterator[Edge]:
    """Whatever a test does, what the transport sends by itself holds neither prompts in URLs nor keys."""
    edge = Edge()
    yield edge
    edge.close()
    assert [seen.target for _, seen in edge.seen if PROMPT in unquote(seen.target)] == []
    own = [seen for kind, seen in edge.seen if kind in ("document", "get", "look")]
    assert [seen for seen in own if "iec1" in str(seen.headers) or "cookie" in str(seen.headers).lower()] == []
    assert [seen for seen in own if seen.body or seen.method not in ("GET", "HEAD")] == []


@pytest.fixture
def gateway() -> Iterator[Edge]:
    """Another server: what ``upload_url`` names."""
    gateway = Edge()
    yield gateway
    gateway.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(
    params=[(Caller, httpx), (Caller, httpx2), (AsyncCaller, httpx), (AsyncCaller, httpx2)],
    ids=["httpx", "httpx2", "httpx-async", "httpx2-async"],
)
def call(request: pytest.FixtureRequest, edge: Edge, clock: Clock) -> Iterator[Callers]:
    with ExitStack() as stack:
        yield Callers(stack, edge, clock, *request.param)
