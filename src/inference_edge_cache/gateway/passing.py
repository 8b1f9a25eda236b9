"""What of an unstored request reaches the model: all that is not about this cache or about connections."""

import re

from inference_edge_cache.gateway.answers import HOP_BY_HOP
from inference_edge_cache.gateway.controls import MODE_HEADER, TTL_HEADER
from inference_edge_cache.gateway.messages import HeaderLines
from inference_edge_cache.protocol import PAYLOAD_HEADER

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2

ORIGIN_PROOF_HEADER = "x-inference-edge-cache-origin"
"""By which the CDN proves itself to the gateway. It ends there."""

# What CDNs and front doors add on the way says nothing to a model, and tells it who called.
_ADDED_ON_THE_WAY = frozenset({"cdn-loop", "forwarded", "true-client-ip", "via", "x-cloud-trace-context", "x-real-ip"})
_ADDED_PREFIXES = ("cloudfront-", "x-amz-cf-", "x-amzn-trace-", "x-forwarded-", "x-client-", "x-goog-iap-")
_DROPPED = HOP_BY_HOP | _ADDED_ON_THE_WAY
_DROPPED |= {"accept-encoding", "content-length", "expect", "host", MODE_HEADER, TTL_HEADER}
_DROPPED |= {PAYLOAD_HEADER.lower(), ORIGIN_PROOF_HEADER}


def passed_headers(headers: HeaderLines, *, keyed: bool) -> HeaderLines:
    """The headers that go on to the model.

    With ``keyed`` access Authorization is this cache's own API key, and stays here. Any other credential of the caller
    goes on: the answer is for that caller alone.
    """
    named = {item.strip().lower() for name, value in headers if name == "connection" for item in value.split(",")}
    dropped = _DROPPED | named | ({"authorization"} if keyed else set())
    return tuple(line for line in headers if line[0] not in dropped and not line[0].startswith(_ADDED_PREFIXES))


def is_name(name: str) -> bool:
    """Whether a header can be called that. What is none would leave as another header than it came as."""
    return _TOKEN.fullmatch(name) is not None


def sendable(value: str) -> bool:
    """Whether a header's value can be sent on: a line break in it would begin another header (RFC 9110 section 5.5)."""
    return "\r" not in value and "\n" not in value and "\0" not in value
