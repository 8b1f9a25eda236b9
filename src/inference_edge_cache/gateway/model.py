"""What a model is to the gateway. One file per kind of endpoint lies in ``models/``."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Protocol

from inference_edge_cache.gateway.messages import Deadline, HeaderLines


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What the model is asked. Of a storable request: the keyed body and the key headers, nothing else."""

    method: str = "POST"
    path: str
    """The route, as callers name it."""
    query: str = ""
    headers: HeaderLines = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class ModelAnswer:
    """What the model said. ``chunks`` is its body, identity-coded; reading it may raise ``ModelFailed``."""

    status: int
    headers: HeaderLines = field(repr=False)
    """The model's own, lower case, with neither hop-by-hop headers nor content-length."""
    chunks: Generator[bytes, None, None] = field(repr=False)
    """Ends only when the body is complete. Closing it lets the connection go."""


class ModelFailed(Exception):
    """The model gave no answer, or not all of it. ``status`` is what the caller gets: 502, or 504 for too late.

    The message says what happened in words that may be shown to a caller: no URL, no credential, no body.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Model(Protocol):
    """Asks one model, once: no retry is made, since each may be billed. Safe to use from several threads."""

    def answer(self, request: ModelRequest, deadline: Deadline) -> ModelAnswer:
        """The model's answer, whatever its status. Raises ``ModelFailed`` when there is none within ``deadline``."""
        ...
