"""What of a request reaches the origin, and what of its answer reaches the caller."""

from collections.abc import Iterable

import httpx

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.key import keyed_cookies, keyed_parameters, normalized_encodings
from inference_edge_cache.policy import CachePolicy

# RFC 9110 section 7.6.1, and what a hop answers or sets by itself.
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_NOT_FORWARDED = HOP_BY_HOP | {"expect", "host"}
_CONDITIONS = frozenset({"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"})

Pairs = list[tuple[str, str]]


def forwarded_query(policy: CachePolicy, cloud: Cloud, query: str) -> str:
    """On a cached route CloudFront sends the keyed parameters alone, Media CDN all of them.

    controlling-origin-requests.html: "All URL query strings ... that you specify in the cache policy".
    """
    return "&".join(keyed_parameters(policy, query)) if cloud is Cloud.AWS else query


def forwarded_headers(policy: CachePolicy, cloud: Cloud, headers: httpx.Headers) -> Pairs:
    """The headers of a GET or HEAD that reach the origin of a cached route.

    CloudFront sends keyed headers and cookies alone, besides its own. Media CDN sends all, less Authorization, and less
    Cookie unless the key holds cookies: the deployed cache removes them. Conditions and ranges are the edge's business.
    """
    pairs = end_to_end(headers.multi_items(), _NOT_FORWARDED | _CONDITIONS)
    if cloud is Cloud.GCP:
        removed = {"authorization"} if policy.key.cookies else {"authorization", "cookie"}
        return [pair for pair in pairs if pair[0] not in removed]
    cookies = "; ".join(keyed_cookies(policy, headers.get("cookie", "")))
    encodings = normalized_encodings(policy, cloud, headers.get("accept-encoding", ""))
    own = [(name, value) for name, value in (("accept-encoding", encodings), ("cookie", cookies)) if value]
    return [*(pair for pair in pairs if pair[0] in policy.key.headers), *own]


def passed_headers(headers: httpx.Headers) -> Pairs:
    """The headers of an uncached request that reach the origin: all that are not about this connection."""
    return end_to_end(headers.multi_items(), _NOT_FORWARDED)


def answered_headers(headers: httpx.Headers) -> Pairs:
    """The headers of the origin's answer that reach the caller."""
    return end_to_end(headers.multi_items(), HOP_BY_HOP)


def end_to_end(pairs: Iterable[tuple[str, str]], without: frozenset[str]) -> Pairs:
    """``pairs`` lower-cased, less ``without`` and whatever a Connection header names."""
    lowered = [(name.lower(), value) for name, value in pairs]
    named = {item.strip().lower() for name, value in lowered if name == "connection" for item in value.split(",")}
    return [(name, value) for name, value in lowered if name not in without and name not in named]
