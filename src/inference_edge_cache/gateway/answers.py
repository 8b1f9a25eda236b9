"""The gateway's answers: a stored result with what caches are told of it, what the model said, or a problem."""

import json
from collections.abc import Iterable
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus

from inference_edge_cache.gateway import status as cache_status
from inference_edge_cache.gateway.config import ResultRules
from inference_edge_cache.gateway.messages import HeaderLines, Request, Response
from inference_edge_cache.gateway.store import Result, Stored

NO_STORE = ("cache-control", "no-store")

# RFC 9110 section 7.6.1, and what describes the model's own connection.
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)

# The gateway says these itself of every answer.
_ITS_OWN = HOP_BY_HOP | {
    *("age", "alt-svc", "cache-control", "cache-status", "cdn-cache-control", "content-encoding", "content-length"),
    *("content-location", "date", "etag", "expires", "last-modified", "pragma", "server", "surrogate-control", "vary"),
}


def cache_control(rules: ResultRules, age: int) -> str:
    """What caches are told of a result that is ``age`` seconds old.

    However long a cache may keep it, and however long it may serve it stale (RFC 5861), it never gets older than
    ``result_max_age``.
    """
    left = max(0, rules.result_max_age - age)
    shared = min(rules.ttl, left)
    directives = ["public", f"max-age={min(rules.browser_ttl, left)}", f"s-maxage={shared}"]
    for name, seconds in (
        ("stale-while-revalidate", rules.stale_while_revalidate),
        ("stale-if-error", rules.stale_if_error),
    ):
        if min(seconds, left - shared) > 0:
            directives.append(f"{name}={min(seconds, left - shared)}")
    return ", ".join(directives)


def age_of(result: Result, now: float) -> int:
    """Seconds since the model gave it. 0 for one from the future: clocks of two gateways differ."""
    return max(0, int(now) - result.produced_at)


def stored_answer(request: Request, path: str, stored: Stored, rules: ResultRules, age: int, said: str) -> Response:
    """A stored result. Nothing of the turn that produced it is replayed but its body and type.

    To a POST, ``Content-Location`` names the form of the request that a CDN can cache (RFC 9110 section 8.7).
    """
    validators = (("etag", stored.etag), ("last-modified", formatdate(stored.last_modified, usegmt=True)))
    told = (("cache-control", cache_control(rules, age)), *validators, ("cache-status", said))
    if request.method in ("GET", "HEAD") and _unchanged(request, stored):
        return Response(status=304, headers=told, stored_at=path)
    body = stored.result.body
    headers = (("content-type", stored.result.content_type), ("content-length", str(len(body))), *told)
    if request.method == "POST":
        headers = (*headers, ("content-location", path))
    return Response(status=200, headers=headers, body=b"" if request.method == "HEAD" else body, stored_at=path)


def _unchanged(request: Request, stored: Stored) -> bool:
    """RFC 9110 section 13.2.2: the entity tag decides where the caller sent one, else the date."""
    known = request.header("if-none-match")
    if known is not None:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return "*" in tags or stored.etag.removeprefix("W/") in tags
    since = request.header("if-modified-since")
    try:
        return since is not None and stored.last_modified <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):
        return False


def model_headers(headers: HeaderLines, said: str, *, cookies: bool) -> HeaderLines:
    """The model's headers as they go with an answer that nobody stores, its request ids and rate limits among them."""
    dropped = _ITS_OWN if cookies else _ITS_OWN | {"set-cookie"}
    kept = tuple(line for line in headers if line[0] not in dropped)
    return (*kept, NO_STORE, ("cache-status", said))


def problem(
    status: int, detail: str, said: str, *, headers: Iterable[tuple[str, str]] = (), **members: str
) -> Response:
    """An answer of the gateway itself (RFC 9457), which nobody may keep."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    body = json.dumps({**document, **members}).encode("ascii")
    told = (
        ("content-type", "application/problem+json"),
        ("content-length", str(len(body))),
        NO_STORE,
        ("cache-status", said),
    )
    return Response(status=status, headers=(*told, *headers), body=body)


def refusal(status: int, detail: str, *, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """A problem that the request itself is, found without asking anybody."""
    return problem(status, detail, cache_status.refused(HTTPStatus(status).phrase), headers=headers)


def json_answer(document: bytes, cache: str) -> Response:
    """A small document of the gateway itself."""
    headers = (("content-type", "application/json"), ("content-length", str(len(document))), ("cache-control", cache))
    return Response(status=200, headers=headers, body=document)


def without_body(response: Response) -> Response:
    """The answer to a HEAD: the headers of a GET (RFC 9110 section 9.3.2)."""
    return Response(status=response.status, headers=response.headers, stored_at=response.stored_at)
