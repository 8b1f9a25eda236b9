"""Answers in place of a model's own, where its service refused a request."""

import json
from http import HTTPStatus

from inference_edge_cache.gateway.messages import HeaderLines
from inference_edge_cache.gateway.model import ModelAnswer
from inference_edge_cache.gateway.models.chunks import whole


def problem(status: int, detail: str, retry_after: str | None = None) -> ModelAnswer:
    """A problem document (RFC 9457). ``retry_after`` is passed on as the service gave it."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Refused"
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return in_place(status, "application/problem+json", json.dumps(document).encode("ascii"), retry_after)


def in_place(status: int, content_type: str, body: bytes, retry_after: str | None = None) -> ModelAnswer:
    headers: HeaderLines = (("content-type", content_type),)
    if retry_after is not None:
        headers = (*headers, ("retry-after", retry_after))
    return ModelAnswer(status, headers, whole(body))
