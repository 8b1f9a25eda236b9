import asyncio

import pytest


@pytest.fixture
def event_loop_for_outputs():
    """A current event loop, which pulumi needs to make an Output outside a program."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
