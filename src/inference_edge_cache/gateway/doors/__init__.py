"""Front doors: what a cloud or a server hands over becomes a ``Request``, a ``Response`` becomes what it takes back."""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from inference_edge_cache.gateway.answers import refusal
from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline, HeaderLines, Request, Response
from inference_edge_cache.gateway.passing import ORIGIN_PROOF_HEADER

logger = logging.getLogger(__name__)


class Handles(Protocol):
    """What a front door opens to: a ``Gateway``, or one that is ``Guarded``."""

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response: ...


@dataclass(frozen=True)
class Guarded:
    """A gateway that answers the CDN alone: whoever sends what ``knows`` knows.

    CloudFront and Media CDN send it as a header of the origin, and replace what a viewer sends under its name. Where
    the discovery document names the gateway's own URL, ``uploads`` says which requests may come past the CDN.
    """

    gateway: Handles
    knows: Callable[[bytes], bool] = field(repr=False)
    uploads: Callable[[Request], bool] | None = field(default=None, repr=False)

    def refused(self, request: Request) -> Response | None:
        """Why ``request`` is not let in, whatever its body is: who is not gets none of a front door's memory."""
        if self.knows((request.header(ORIGIN_PROOF_HEADER) or "").encode("utf-8", "replace")):
            return None
        if self.uploads is None:
            return refusal(403, "this gateway answers the cache in front of it and nobody else")
        if self.uploads(request):
            return None
        return refusal(
            403, "past the cache this gateway answers a POST to a route, with an API key as its Bearer key, alone"
        )

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
        return self.refused(request) or self.gateway.handle(request, deadline, live=live)


def one_of(secrets: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    """Knows ``secrets``: two of them during a rotation."""
    # All of them, so that the time does not tell which one it was.
    return lambda given: sum(hmac.compare_digest(given, secret) for secret in secrets) > 0


def uploads_to(routes: frozenset[str], caller: Callable[[HeaderLines], object | None]) -> Callable[[Request], bool]:
    """Lets in a POST to one of ``routes`` whose headers have a ``caller``: the keyring says so, in constant time."""

    def let_in(request: Request) -> bool:
        return request.method == "POST" and request.path in routes and caller(request.headers) is not None

    return let_in


def not_set_up(error: GatewayConfigError) -> Response:
    """The answer of a gateway whose configuration cannot be used. The log says why, and names no values."""
    logger.error("%s", error)
    return refusal(503, "the gateway is not set up; its log says why")


def too_large(limit: int) -> Response:
    """413: a longer body than any route takes."""
    return refusal(413, f"the body has more than {limit} bytes")
