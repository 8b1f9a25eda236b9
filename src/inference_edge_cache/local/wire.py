"""A request as it stood on the wire."""

import httpx
from starlette.requests import Request


def has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def headers_of(request: Request) -> httpx.Headers:
    return httpx.Headers(request.scope["headers"])


def path_of(request: Request) -> str:
    """Percent-encoding included."""
    return request.scope["raw_path"].decode("latin-1")


def query_of(request: Request) -> str:
    return request.scope["query_string"].decode("latin-1")
