"""The requests that the transport reads and makes.

httpx and httpx2 are the same classes twice. What is made has the class of the caller's own request, so that a program
never loads the library that it does not use; for type checkers both are httpx2.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from inference_edge_cache.protocol import DISCOVERY_PATH, PAYLOAD_HEADER, ApiKey, parse_api_key

if TYPE_CHECKING:
    from httpx2 import Request

_LIBRARIES = ("httpx", "httpx2")
_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)  # RFC 6750 section 2.1

# What a GET carries of the caller's headers: what decides the form of the answer, and nothing that says who asks. The
# edge answers it to anybody who knows the path.
_CARRIED = frozenset({b"host", b"accept", b"accept-encoding", b"user-agent"})
_OF_THE_EDGE = frozenset({b"host", b"cookie"})

FETCH_SECONDS = 5.0
"""How long each step of fetching the discovery document may take, unless the caller's own request has less."""

_NUMBER = re.compile(r"[0-9]{1,10}")
_STEPS = ("connect", "read", "write", "pool")


def library_of(thing: object) -> Any:
    """The module ``httpx`` or ``httpx2``, whichever the class of ``thing`` comes from; ``None`` if from neither."""
    names = (base.__module__.partition(".")[0] for base in type(thing).__mro__)
    return next((sys.modules[name] for name in names if name in _LIBRARIES), None)


def whole_body(request: Request) -> bytes | None:
    """The body, when it is there to be read again; ``None`` for one that can be sent only once."""
    try:
        return request.content
    except library_of(request).RequestNotRead:
        return None


def key_of(request: Request) -> ApiKey | None:
    """The API key that the request is sent with."""
    found = _BEARER.fullmatch(request.headers.get("authorization", ""))
    return None if found is None else parse_api_key(found[1])


def target_of(request: Request) -> tuple[str, str]:
    """Path and query, as they stand on the wire."""
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return path, query


def origin_of(request: Request) -> tuple[str, ...]:
    """Whom the request is for: scheme, host, port, and the site on that host (RFC 9110 section 7.2)."""
    url = request.url
    return (url.scheme, url.host, str(url.port or ""), request.headers.get("host", ""))


def patience_of(request: Request) -> float:
    """How many seconds the request may wait for a discovery document that somebody else fetches."""
    return min(_timeouts(request).values())


def path_request(request: Request, path: str, payload: str | None) -> Request:
    """The GET of ``path`` that stands for ``request``. It never carries a credential, a cookie or a body."""
    headers = _carried(request, _CARRIED)
    if payload is not None:
        headers.append((PAYLOAD_HEADER.encode("ascii"), payload.encode("ascii")))
    return _get(request, path, headers, dict(request.extensions))


def discovery_request(request: Request) -> Request:
    """The GET of the discovery document of the edge that ``request`` is for, with short timeouts."""
    headers = _carried(request, _CARRIED - {b"accept", b"accept-encoding"})
    headers += [(b"Accept", b"application/json"), (b"Accept-Encoding", b"identity")]
    return _get(request, DISCOVERY_PATH, headers, {**request.extensions, "timeout": _timeouts(request)})


def upload_request(request: Request, body: bytes, upload_url: str) -> Request:
    """``request``, sent to ``upload_url`` instead of the edge. What belongs to the edge alone stays behind."""
    headers = [line for line in request.headers.raw if line[0].lower() not in _OF_THE_EDGE]
    extensions = {name: value for name, value in request.extensions.items() if name != "sni_hostname"}
    url = upload_url.rstrip("/") + request.url.raw_path.decode("ascii")
    return library_of(request).Request("POST", url, headers=headers, content=body, extensions=extensions)


def whole_number(text: str | None) -> int | None:
    """The number that a header's value is: ``Age``, ``Content-Length``."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def is_loopback(request: Request) -> bool:
    """Whether the edge runs on this machine."""
    return request.url.host in ("localhost", "127.0.0.1", "::1")


def _carried(request: Request, names: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    return [line for line in request.headers.raw if line[0].lower() in names]


def _get(request: Request, path: str, headers: list[tuple[bytes, bytes]], extensions: dict[str, Any]) -> Request:
    url = request.url.copy_with(raw_path=path.encode("ascii"))
    return library_of(request).Request("GET", url, headers=headers, extensions=extensions)


def _timeouts(request: Request) -> dict[str, float]:
    given = request.extensions.get("timeout", {})
    return {step: FETCH_SECONDS if given.get(step) is None else min(given[step], FETCH_SECONDS) for step in _STEPS}
