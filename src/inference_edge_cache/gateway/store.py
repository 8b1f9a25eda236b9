"""What a store of results is to the gateway. One file per kind of store lies in ``stores/``."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Result:
    """An answer that may be kept. ``produced_at`` is when the model gave it, in whole Unix seconds."""

    body: bytes = field(repr=False)
    content_type: str
    produced_at: int


@dataclass(frozen=True)
class Stored:
    """A result as it lies in the store."""

    result: Result
    etag: str
    """As it stands in the header, quotes included: what a CDN is told, too, that reads the object by itself."""
    last_modified: int
    """Unix seconds."""
    version: str
    """What the store calls this state of the object; ``put`` replaces nothing else."""


@dataclass(frozen=True)
class Damaged:
    """An object that is not a whole result: cut short, changed, or written by something else. A miss."""

    version: str


class StoreFailed(Exception):
    """The store could not be asked, or refused: for the gateway a reason to do without, never to fail.

    The message names the store's own error and holds no path: a path is a capability for its answer.
    """


class Store(Protocol):
    """Results by inference path. Safe to use from several threads."""

    def get(self, path: str) -> Stored | Damaged | None:
        """What lies at ``path``, read whole and verified. Raises ``StoreFailed``."""
        ...

    def put(self, path: str, result: Result, cache_control: str, replaces: str | None = None) -> Stored | None:
        """Write ``result``, whole or not at all.

        Only if nothing lies there, or, with ``replaces``, only if what lies there still is that version. ``None`` when
        somebody else was faster. ``cache_control`` is what a CDN is told that reads the object by itself. Raises
        ``StoreFailed``; nothing was written then, or all of it.
        """
        ...
