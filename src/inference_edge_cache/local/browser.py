"""``browser_ttl``: the Cache-Control that the caller sees."""

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.policy import CachePolicy, parse_seconds


def browser_cache_control(policy: CachePolicy, cloud: Cloud, from_origin: str | None, kept: int) -> str | None:
    """What the caller is told, given what the origin said and how many seconds the edge keeps the answer.

    CloudFront's response headers policy adds the header where the origin sends none
    (understanding-response-headers-policies.html); Media CDN's client TTL replaces it on answers that it keeps, never
    with more than the edge's own TTL (caching page, "Client TTL"). Without ``browser_ttl`` the origin's word stands.
    """
    if policy.browser_ttl is None:
        return from_origin
    seconds = parse_seconds(policy.browser_ttl)
    if cloud is Cloud.AWS:
        return from_origin or f"max-age={seconds}"
    return f"public, max-age={min(seconds, kept)}" if kept else from_origin
