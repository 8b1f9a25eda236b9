"""Who answers behind the edge on an inference route: the results bucket, then the gateway.

A tier is a blocking function from a request to its answer, in this process.
"""

import math
from collections.abc import Callable, Mapping

from inference_edge_cache.capabilities import AWS_FAILOVER_STATUSES, S3_REQUEST_HEADERS_MAX, Cloud
from inference_edge_cache.gateway.answers import stored_answer
from inference_edge_cache.gateway.config import ResultRules
from inference_edge_cache.gateway.doors import Handles
from inference_edge_cache.gateway.messages import Deadline, HeaderLines, Request, Response
from inference_edge_cache.gateway.store import Store, Stored, StoreFailed
from inference_edge_cache.protocol import parse_path

Tier = Callable[[Request], Response]

FAILOVER_STATUSES = frozenset(
    status for failed in ("forbidden", "not_found", "server_error") for status in AWS_FAILOVER_STATUSES[failed]
)
"""After which the gateway is asked: the bucket has nothing, or fails. By name the same on Media CDN."""

_DAY = 86_400
_XML: HeaderLines = (("content-type", "application/xml"),)
# What a reader who may not list the bucket is told of an object that is not there: S3 says 403
# (AmazonS3/latest/API/API_GetObject.html), Cloud Storage 404.
_ABSENT = {Cloud.AWS: Response(status=403, headers=_XML), Cloud.GCP: Response(status=404, headers=_XML)}
_UNAVAILABLE = Response(status=503, headers=_XML)
_HEADERS_TOO_LARGE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>RequestHeaderSectionTooLarge</Code>"
    b"<Message>Your request header section exceeds the maximum allowed size.</Message>"
    b"<MaxSizeAllowed>%d</MaxSizeAllowed></Error>" % S3_REQUEST_HEADERS_MAX
)


def gateway_tier(gateway: Handles, seconds: float) -> Tier:
    """The gateway, which has ``seconds`` for an answer. What streams is relayed as it comes."""
    return lambda request: gateway.handle(request, Deadline.after(seconds), live=True)


def bucket_tier(store: Store, results: Mapping[str, ResultRules], cloud: Cloud, now: Callable[[], float]) -> Tier:
    """The objects of ``store`` as the cloud's own storage serves them, without the gateway's knowledge of their age.

    Each says the Cache-Control that it was stored with. It is there until the bucket's lifecycle removes it: on the day
    after ``result_max_age`` has passed since it was stored. ``now`` is in Unix seconds.
    """

    def answer(request: Request) -> Response:
        if cloud is Cloud.AWS and _header_bytes(request) > S3_REQUEST_HEADERS_MAX:
            length = ("content-length", str(len(_HEADERS_TOO_LARGE)))
            return Response(status=400, headers=(*_XML, length), body=_HEADERS_TOO_LARGE)
        named = parse_path(request.path)
        if named is None:
            return _ABSENT[cloud]
        rules = results[named.route]
        try:
            lies = store.get(request.path)
        except StoreFailed:
            return _UNAVAILABLE
        if not isinstance(lies, Stored) or now() - lies.last_modified >= _whole_days(rules.result_max_age):
            return _ABSENT[cloud]
        found = stored_answer(request, request.path, lies, rules, 0, "")
        headers = tuple(line for line in found.headers if line[0] != "cache-status")
        return Response(status=found.status, headers=headers, body=found.body)

    return answer


def failing_over(first: Tier, second: Tier) -> Tier:
    """``first``, or ``second`` where it has nothing."""

    def answer(request: Request) -> Response:
        found = first(request)
        return second(request) if found.status in FAILOVER_STATUSES else found

    return answer


def _whole_days(seconds: int) -> int:
    return math.ceil(seconds / _DAY) * _DAY


def _header_bytes(request: Request) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in request.headers)
