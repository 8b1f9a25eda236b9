"""What a cloud refuses at its edge, before any origin is asked: methods, bodies and sizes."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from inference_edge_cache.capabilities import (
    AWS_FUNCTION_BODY_MAX,
    AWS_REQUEST_HEADERS_MAX,
    AWS_URL_MAX,
    CLOUD_NAMES,
    GCP_REQUEST_BODY_MAX,
    GCP_REQUEST_HEADERS_MAX,
    Cloud,
)
from inference_edge_cache.local.answers import problem
from inference_edge_cache.local.status import marks
from inference_edge_cache.local.wire import has_body, headers_of, path_of, query_of

READS = ("GET", "HEAD")

# RequestAndResponseBehaviorCustomOrigin.html: a GET with a body is a 403. Media CDN routing page: a 400.
_READ_WITH_BODY = {Cloud.AWS: 403, Cloud.GCP: 400}
# DownloadDistValuesCacheBehavior.html, "Allowed HTTP methods": a 403. Media CDN routing page: a 405.
_METHOD_NOT_ALLOWED = {Cloud.AWS: 403, Cloud.GCP: 405}
_HEADERS = {Cloud.AWS: (AWS_REQUEST_HEADERS_MAX, 494), Cloud.GCP: (GCP_REQUEST_HEADERS_MAX, 431)}
BODY_MAX: Mapping[Cloud, int] = {Cloud.AWS: AWS_FUNCTION_BODY_MAX, Cloud.GCP: GCP_REQUEST_BODY_MAX}
"""Bytes of body that reach the gateway through the cloud's edge: its function's limit on AWS, the edge's own on GCP."""

_TAKES_BODIES = {Cloud.AWS: "the gateway's Lambda function", Cloud.GCP: CLOUD_NAMES[Cloud.GCP]}


def refused_body(request: Request, cloud: Cloud, instead: str) -> Response | None:
    """The answer to a GET or HEAD with a body. ``instead``: what to do with the input."""
    if request.method not in READS or not has_body(request):
        return None
    refused = f"{CLOUD_NAMES[cloud]} refuses a {request.method} with a body"
    return problem(_READ_WITH_BODY[cloud], f"{refused}: {instead}", marks("Error", "", refused))


def refused_method(request: Request, cloud: Cloud) -> Response | None:
    """The answer to a method other than GET and HEAD, on a route that has no other."""
    if request.method in READS:
        return None
    refused = f"{CLOUD_NAMES[cloud]} takes only GET and HEAD here"
    return problem(_METHOD_NOT_ALLOWED[cloud], refused, [("allow", "GET, HEAD"), *marks("Error", "", refused)])


def refused_size(request: Request, cloud: Cloud) -> Response | None:
    """The answer to a request whose URL or headers are larger than the cloud takes."""
    target = len(path_of(request)) + len(query_of(request)) + bool(query_of(request))
    if cloud is Cloud.AWS and target > AWS_URL_MAX:
        return _too_large(414, cloud, f"{AWS_URL_MAX:,} bytes of URL")
    most, status = _HEADERS[cloud]
    line = len(f"{request.method}  HTTP/1.1\r\n") + target
    if line + sum(len(name) + len(value) + len(": \r\n") for name, value in headers_of(request).raw) > most:
        return _too_large(status, cloud, f"{most:,} bytes of headers")
    return None


async def body_within(request: Request, limit: int) -> bytes | None:
    """The whole body; ``None`` when it has more than ``limit`` bytes. One that says so is not read."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def body_too_large(cloud: Cloud, instead: str | None) -> Response:
    """The answer to a longer body than reaches the gateway. ``instead`` is where it can be sent."""
    refused = f"{_TAKES_BODIES[cloud]} takes at most {BODY_MAX[cloud]:,} bytes of body"
    said = f"{refused}: POST it to {instead}" if instead else refused
    return problem(413, said, marks("Error", "", refused))


def _too_large(status: int, cloud: Cloud, what: str) -> Response:
    refused = f"{CLOUD_NAMES[cloud]} takes at most {what}"
    return problem(status, refused, marks("Error", "", refused))
