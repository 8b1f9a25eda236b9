"""One line of JSON for each request, on standard output.

CloudWatch Logs finds the fields of a line that is JSON by itself, and a Lambda function's standard output is not
encoded again (docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html); Cloud Run makes of it a
``jsonPayload``, with ``severity`` and ``message`` in their own places (cloud.google.com/run/docs/logging). Both add the
time.

What a request or a model brought is never in it: no body, header, query or path, no scope, no key. Of a path it has the
route, if that is one of the configuration, and of an answer the numbers of its tokens.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import http_sf

from inference_edge_cache.gateway.config import GatewayConfig
from inference_edge_cache.gateway.doors import Handles
from inference_edge_cache.gateway.messages import Deadline, Request, Response
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.gateway.tokens import Tokens, tokens_in
from inference_edge_cache.protocol import parse_path

logger = logging.getLogger(__name__)

FIELDS = (
    *("severity", "message", "route", "generation", "method", "status", "tier", "reason", "stored", "latency_ms"),
    *("model_ms", "prompt_tokens", "completion_tokens", "total_tokens", "bytes"),
)
"""What is in a line, in this order; null where there is nothing to say."""

CALLER_LEFT = "caller-left"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
_TAIL = 8192
"""Bytes of a relayed answer in whose end tokens are looked for."""

_STDOUT = threading.Lock()


class Tier(StrEnum):
    """Who answered."""

    STORE = "store"
    """A stored result; the model was not asked."""
    MODEL = "model"
    """The model was asked, for an answer that may be stored."""
    COLLAPSED = "collapsed"
    """The model's answer to another caller who asked for the same at the same time."""
    BYPASS = "bypass"
    """The request was passed through to the model; its answer is for this caller alone."""
    REFUSED = "refused"
    """The gateway itself, without asking anybody: a wrong key, an unknown path, a POST that is needed first."""
    DOCUMENT = "document"
    """The discovery document, or that the gateway is there."""
    FAILED = "failed"
    """Nobody: the gateway is not set up, has failed, or may not return an answer of that size."""


def to_stdout(line: str) -> None:
    """Write ``line``, whole, whichever other thread writes another one."""
    with _STDOUT:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class RequestLog:
    """Writes a line for each request.

    :param routes: the current generation of each route. A path that is of none of them has no route in its line.
    :param clock: seconds, only ever forward.
    """

    routes: Mapping[str, str] = field(default_factory=dict[str, str])
    write: Callable[[str], None] = field(default=to_stdout, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @classmethod
    def of(cls, config: GatewayConfig) -> "RequestLog":
        return cls({route.path: route.generation for route in config.edge.routes})

    def begin(self, method: str, path: str) -> "Entry":
        """The line of a request that has just come. ``path`` is as it stands on the wire."""
        found = parse_path(path)
        route = found.route if found else path
        current = self.routes.get(route)
        generation = current if found is None or found.generation == current else None
        return Entry(
            self,
            method=method if method in _METHODS else _OTHER,
            route=None if current is None else route,
            generation=generation,
            began=self.clock(),
        )


@dataclass(frozen=True)
class Entry:
    """A line that is to be written when its request is answered."""

    log: RequestLog
    method: str
    route: str | None
    generation: str | None
    """The route's current one; None for any other that a path names."""
    began: float

    def answered(self, response: Response) -> Response:
        """``response``, to be sent. The line is written now, or, of chunks, when they have ended. Never raises."""
        if response.chunks is None:
            self._write(response, len(response.body), tokens_in(response.body))
            return response
        relayed = self._relayed(response, response.chunks)
        next(relayed)
        return replace(response, chunks=relayed)

    def _relayed(self, response: Response, chunks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        """First an empty chunk, to be left out: a generator that has not begun would be closed without a line."""
        size, tail, reason, broken = 0, b"", CALLER_LEFT, False
        try:
            with closing(chunks):
                yield b""
                for chunk in chunks:
                    size += len(chunk)
                    tail = (tail + chunk[-_TAIL:])[-_TAIL:]
                    yield chunk
            reason, response = "", _as_whole(response)
        except ModelFailed as failed:
            reason, broken = str(failed), True
            raise
        except Exception as error:
            reason, broken = type(error).__name__, True
            raise
        finally:
            self._write(response, size, tokens_in(tail), reason, broken)

    def _write(self, response: Response, size: int, tokens: Tokens, reason: str = "", broken: bool = False) -> None:
        """``reason`` counts for more than what ``response`` says."""
        try:
            self.log.write(json.dumps(self._fields(response, size, tokens, reason, broken), separators=(",", ":")))
        except Exception as error:  # a log never costs an answer
            logger.warning("a request could not be logged: %s", type(error).__name__)

    def _fields(self, response: Response, size: int, tokens: Tokens, reason: str, broken: bool) -> dict[str, Any]:
        said = _parameters(response)
        tier = _tier(said, response.status)
        told = reason or said.get("detail") or said.get("fwd")
        values = (
            "ERROR" if broken or response.status >= 500 else "INFO",
            f"{self.method} {self.route or '-'} {response.status} {tier}",
            self.route,
            self.generation,
            self.method,
            response.status,
            tier,
            None if told is None else str(told),
            said.get("stored") is True,
            _milliseconds(self.log.clock() - self.began),
            _milliseconds(response.model_seconds),
            tokens.prompt,
            tokens.completion,
            tokens.total,
            size,
        )
        return dict(zip(FIELDS, values, strict=True))


@dataclass(frozen=True)
class Logged:
    """A gateway with a line for each request that it is given."""

    gateway: Handles
    log: RequestLog

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
        entry = self.log.begin(request.method, request.path)
        return entry.answered(self.gateway.handle(request, deadline, live=live))


def _as_whole(response: Response) -> Response:
    """What became of a relayed answer. Its status is the one that was sent: as a whole it may be a 304."""
    try:
        return response if response.whole is None else replace(response.whole(), status=response.status)
    except ModelFailed:
        return response


def _parameters(response: Response) -> Mapping[str, Any]:
    """What ``Cache-Status`` says, which is the gateway's own: no model's passes. Its documents have none."""
    text = response.header("cache-status")
    if text is None:
        return {}
    members: Any = http_sf.parse(text.encode("ascii"), tltype="list")
    return members[0][1]


def _tier(said: Mapping[str, Any], status: int) -> Tier:
    if not said:
        return Tier.DOCUMENT
    if "fwd" not in said:
        return Tier.STORE if said.get("hit") is True else Tier.FAILED if status >= 500 else Tier.REFUSED
    if str(said["fwd"]) == "bypass":
        return Tier.BYPASS
    return Tier.COLLAPSED if said.get("collapsed") is True else Tier.MODEL


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(0, round(seconds * 1000))
