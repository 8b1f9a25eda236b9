"""Request collapsing: of several callers who miss the same key at once, one asks the origin."""

import asyncio


class Fetch:
    """One caller's trip to the origin. Who comes later waits for its outcome: whether the answer was stored."""

    def __init__(self, fetches: "dict[str, Fetch]", key: str) -> None:
        self._fetches, self._key = fetches, key
        self._outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        fetches[key] = self

    def done(self, stored: bool) -> None:
        """Let the others go on. The first call counts."""
        if not self._outcome.done():
            self._outcome.set_result(stored)
            del self._fetches[self._key]

    async def stored(self, patience: float) -> bool:
        """Whether the answer was stored; not, too, when it takes longer than ``patience`` seconds to know."""
        try:
            async with asyncio.timeout(patience):
                return await asyncio.shield(self._outcome)
        except TimeoutError:
            return False
