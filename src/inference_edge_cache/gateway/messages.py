"""What goes through the gateway: requests, answers, and the time that is left for them."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

HeaderLines = tuple[tuple[str, str], ...]
"""Names in lower case, each with one value; a name may stand there more than once."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it reached the gateway. Printing it shows neither its headers nor its body."""

    method: str
    path: str
    """As it stands on the wire, percent-encoding included, without the query."""
    query: str = ""
    headers: HeaderLines = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """The value of ``name`` (lower case); several lines as one (RFC 9110 section 5.3)."""
        values = [value for line, value in self.headers if line == name]
        return ", ".join(values) if values else None


@dataclass(frozen=True, kw_only=True)
class Response:
    """What the gateway answers: a whole body, or chunks that are to be relayed as they come."""

    status: int
    headers: HeaderLines
    body: bytes = field(default=b"", repr=False)
    chunks: Generator[bytes, None, None] | None = field(default=None, repr=False)
    """In place of ``body``, when the answer is relayed live. To be closed by whoever leaves early."""
    stored_at: str | None = None
    """The path under which exactly this answer is stored, where it is."""
    model_seconds: float | None = field(default=None, compare=False)
    """How long the model took, from being asked to its last byte, where it was asked for this very answer."""
    whole: "Callable[[], Response] | None" = field(default=None, repr=False, compare=False)
    """Beside ``chunks`` that have come to their end: the answer as it were had it not been relayed, which knows whether
    it is stored. Raises ``ModelFailed`` before, or when they broke off."""

    def header(self, name: str) -> str | None:
        """The value of ``name`` (lower case)."""
        return next((value for line, value in self.headers if line == name), None)


@dataclass(frozen=True)
class Deadline:
    """A moment by which an answer has to be there, on a clock that only goes forward."""

    at: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Seconds that are left, 0 when none are."""
        return max(0.0, self.at - self.clock())
