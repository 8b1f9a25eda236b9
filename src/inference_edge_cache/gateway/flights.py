"""Single flight: of several callers who need the same answer at once, one trip to the model serves all.

A trip runs on a thread of its own: whoever leaves early, the answer still arrives and is stored. Callers read it as it
comes, or wait until it has landed.
"""

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from inference_edge_cache.gateway.messages import Deadline, HeaderLines
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.gateway.store import Stored

_TOO_LATE = "the model's answer was not complete in time"


@dataclass(frozen=True, kw_only=True)
class Landing:
    """How a trip ended: a result that is stored, an answer that is not (and why), or a failure."""

    stored: Stored | None = None
    from_store: bool = False
    """The model was not asked: another trip had just brought it."""
    status: int = 0
    headers: HeaderLines = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    reason: str = ""
    failure: ModelFailed | None = None
    model_seconds: float | None = None
    """How long the model took; None when it was not asked, or failed."""


@dataclass(frozen=True)
class Head:
    """The first line of an answer that is on its way, and its headers."""

    status: int
    headers: HeaderLines = field(repr=False)


class Flight:
    """One trip to the model, and what it has brought so far."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._head: Head | None = None
        self._chunks: list[bytes] = []
        self._landing: Landing | None = None

    # What the trip tells ----------------------------------------------------------------------------------------------
    def begin(self, head: Head) -> None:
        with self._changed:
            self._head = head

    def add(self, chunk: bytes) -> None:
        with self._changed:
            self._chunks.append(chunk)
            self._changed.notify_all()

    def land(self, landing: Landing) -> None:
        with self._changed:
            self._landing = landing
            self._changed.notify_all()

    # What callers wait for --------------------------------------------------------------------------------------------
    def landed(self, deadline: Deadline) -> Landing:
        """How the trip ended. Raises ``ModelFailed`` when the deadline comes first."""
        with self._changed:
            self._wait(lambda: self._landing is not None, deadline)
            assert self._landing
            return self._landing

    def begun(self, deadline: Deadline) -> Head | Landing:
        """The head of the answer, once there is a first chunk of it too; its landing where none came before.

        Nothing has to be taken back then: what fails at its first byte is not a 200 (lineofflight/frankfurter#347).
        """
        with self._changed:
            self._wait(lambda: self._landing is not None or bool(self._chunks), deadline)
            return self._landing or self._head_now()

    def chunks(self, deadline: Deadline) -> Generator[bytes, None, None]:
        """The body from its start, as it comes. Raises ``ModelFailed`` when it breaks off, or takes too long."""
        at = 0
        while True:
            with self._changed:
                self._wait(lambda seen=at: self._landing is not None or len(self._chunks) > seen, deadline)
                fresh, at = self._chunks[at:], len(self._chunks)
                landing = self._landing
            yield from fresh
            if landing is not None:
                if landing.failure:
                    raise landing.failure
                return

    def _head_now(self) -> Head:
        assert self._head
        return self._head

    def _wait(self, ready: Callable[[], bool], deadline: Deadline) -> None:
        if not self._changed.wait_for(ready, deadline.remaining()):
            raise ModelFailed(504, _TOO_LATE)


Trip = Callable[[Flight], Landing]
"""Asks the model, tells the flight what comes, says how it ended. Turns every failure into a landing."""


class Flights:
    """The trips that are under way in this process, by the path that they bring an answer for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Flight] = {}
        self._landings = 0

    @property
    def landings(self) -> int:
        """How many trips have ended. Unchanged since a look into the store: what the look saw is still true."""
        with self._lock:
            return self._landings

    def join(self, path: str, trip: Trip) -> tuple[Flight, bool]:
        """The flight for ``path``, and whether it starts now, for this caller, with ``trip``."""
        with self._lock:
            flight = self._under_way.get(path)
            if flight is not None:
                return flight, False
            flight = self._under_way[path] = Flight()
        self._start(flight, trip, path)
        return flight, True

    def alone(self, trip: Trip) -> Flight:
        """A flight that nobody joins."""
        flight = Flight()
        self._start(flight, trip, None)
        return flight

    def _start(self, flight: Flight, trip: Trip, path: str | None) -> None:
        def run() -> None:
            landing = Landing(failure=ModelFailed(500, "the gateway failed"))
            try:
                landing = trip(flight)
            finally:
                self._ended(flight, path, landing)

        try:
            threading.Thread(target=run, name="inference-flight", daemon=True).start()
        except RuntimeError:  # no more threads
            self._ended(flight, path, Landing(failure=ModelFailed(503, "the gateway has too much to do")))

    def _ended(self, flight: Flight, path: str | None, landing: Landing) -> None:
        with self._lock:
            self._landings += 1
            if path is not None:
                del self._under_way[path]
        flight.land(landing)
