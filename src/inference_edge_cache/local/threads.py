"""Blocking calls from an event loop, each on a thread of its own that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

MOST = 256
"""Calls at once; more of them wait. A call that waits for a model holds its thread until the model has answered."""


class Threads:
    """Daemon threads for the calls of one event loop.

    An executor's threads are waited for at the end of the program, so that a model that hangs would hang it too.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MOST)

    async def start(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Start ``call``. What it brings comes with the returned future, which it does not hurt to forget."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        outcome.add_done_callback(self._ended)

        def settle(result: T | None, error: BaseException | None) -> None:
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, error = None, None
            try:
                result = call()
            except BaseException as raised:  # whatever it is, it is for whoever waits
                error = raised
            with suppress(RuntimeError):  # the loop has ended, and everyone who waited with it
                loop.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=work, name="local-edge-call", daemon=True).start()
        return outcome

    def _ended(self, outcome: asyncio.Future[T]) -> None:
        self._free.release()
        outcome.exception()  # looked at, so that asyncio does not complain of one that nobody waited for
