"""How long each cloud keeps an answer: pure rules from a policy, a request and a response to seconds.

Every rule names the page of the cloud's documentation it comes from:

- CloudFront, "Manage how long content stays in the cache (expiration)": ``Expiration.html``
- CloudFront, "How CloudFront processes HTTP 4xx and 5xx status codes": ``HTTPStatusCodes.html``
- CloudFront, "How CloudFront processes HTTP 3xx status codes": ``http-3xx-status-codes.html``
- Media CDN, "Cache configuration": https://cloud.google.com/media-cdn/docs/caching

Header names are lower-case here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from inference_edge_cache.capabilities import AWS_NEGATIVE_STATUSES, GCP_NEGATIVE_STATUSES, Cloud
from inference_edge_cache.local.directives import directives, explicit_age, refuses_storage
from inference_edge_cache.policy import CacheMode, CachePolicy, parse_seconds

# HTTPStatusCodes.html: "CloudFront caches ... only if the origin returns a Cache-Control max-age or s-maxage".
AWS_STATUSES_CACHED_ON_REQUEST = frozenset({400, 403, 405, 412, 415})
# http-3xx-status-codes.html: "CloudFront caches 307 and 308 responses only when you include the Cache-Control header".
AWS_REDIRECTS_CACHED_ON_REQUEST = frozenset({307, 308})
# Media CDN caching page, "Cacheable responses". A 206 never gets here: ranges pass through the local edge.
GCP_SUCCESSES = frozenset({200, 203, 204})
GCP_CACHEABLE_STATUSES = GCP_SUCCESSES | GCP_NEGATIVE_STATUSES
# Media CDN caching page, "Static MIME types".
GCP_STATIC_TYPES = frozenset(
    {"text/css", "text/ecmascript", "text/javascript", "application/javascript", "application/pdf"}
    | {"application/postscript"}
)
GCP_STATIC_TYPE_PREFIXES = ("font/", "image/", "video/", "audio/")
# Media CDN caching page, "Vary headers". A header that the key holds is supported too.
GCP_SUPPORTED_VARY = frozenset(
    {"accept", "accept-encoding", "available-dictionary", "origin", "x-origin", "x-goog-allowed-resources"}
    | {"sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site"}
)


@dataclass(frozen=True)
class Freshness:
    """How long the edge keeps an answer, in seconds (0: not at all), and which rule says so."""

    seconds: int
    reason: str


def edge_ttl(
    policy: CachePolicy,
    cloud: Cloud,
    request_headers: Mapping[str, str],
    status: int,
    response_headers: Mapping[str, str],
) -> Freshness:
    """How long ``cloud`` keeps the answer to a GET or HEAD under ``policy``.

    ``request_headers`` are those the cache works on: on cached routes the deployed cache has removed Authorization and
    unkeyed cookies from them. ``Expires`` counts from the response's ``Date`` header.
    """
    if policy.mode == CacheMode.BYPASS:
        return Freshness(0, "mode is bypass")
    if cloud is Cloud.AWS:
        return _cloudfront(policy, status, response_headers)
    return _media_cdn(policy, request_headers, status, response_headers)


def _negative_ttl(policy: CachePolicy, status: int) -> int | None:
    return {str(given): parse_seconds(ttl) for given, ttl in policy.negative_ttl.items()}.get(str(status))


# CloudFront ----------------------------------------------------------------------------------------------------------
def _cloudfront(policy: CachePolicy, status: int, headers: Mapping[str, str]) -> Freshness:
    """It ignores the caller's Cache-Control (Expiration.html) and Vary, unless the key holds that header."""
    if policy.mode == CacheMode.FORCE:
        low = usual = high = parse_seconds(policy.default_ttl)
    else:
        low, usual, high = (parse_seconds(ttl) for ttl in (policy.min_ttl, policy.default_ttl, policy.max_ttl))
    if status >= 400:
        return _cloudfront_error(policy, status, headers, high)
    if not low:
        refused = refuses_storage(headers)
        if refused:
            return Freshness(0, f"the origin says {refused}")
        if "*" in headers.get("vary", ""):
            return Freshness(0, "the origin says Vary: *")
    if status in AWS_REDIRECTS_CACHED_ON_REQUEST and "cache-control" not in headers:
        return Freshness(0, f"CloudFront keeps a {status} only when the origin sends Cache-Control")
    if policy.mode == CacheMode.FORCE:
        return Freshness(usual, "mode is force: default_ttl")
    if refuses_storage(headers):
        return Freshness(low, "min_ttl, against the origin's wish")
    said = explicit_age(headers)
    if said is None:
        return Freshness(usual, "the origin does not say: default_ttl")
    return _within(said, low, high)


def _cloudfront_error(policy: CachePolicy, status: int, headers: Mapping[str, str], high: int) -> Freshness:
    """HTTPStatusCodes.html: the error caching minimum TTL, or the origin's max-age where longer, up to the maximum.

    The deployed cache sets that minimum to 0 for every status that ``negative_ttl`` does not name.
    """
    cached_anyway = status in AWS_NEGATIVE_STATUSES
    if not cached_anyway and status not in AWS_STATUSES_CACHED_ON_REQUEST:
        return Freshness(0, f"CloudFront never keeps a {status}")
    asked = (_negative_ttl(policy, status) or 0) if cached_anyway else 0
    said = None if refuses_storage(headers) else explicit_age(headers)
    if said is not None and min(said[0], high) > asked:
        return _within(said, 0, high)
    return Freshness(asked, f"negative_ttl for {status}" if asked else f"nothing asks to keep a {status}")


def _within(said: tuple[int, str], low: int, high: int) -> Freshness:
    """Expiration.html and the Media CDN caching page: what the origin says, between the policy's bounds."""
    seconds, where = said
    if seconds < low:
        return Freshness(low, f"the origin's {where}, raised to min_ttl")
    if seconds > high:
        return Freshness(high, f"the origin's {where}, lowered to max_ttl")
    return Freshness(seconds, f"the origin's {where}")


# Media CDN -----------------------------------------------------------------------------------------------------------
def _media_cdn(policy: CachePolicy, request: Mapping[str, str], status: int, headers: Mapping[str, str]) -> Freshness:
    uncacheable = _media_cdn_never(policy, request, status, headers)
    if uncacheable:
        return Freshness(0, uncacheable)
    negative = _negative_ttl(policy, status)
    if negative is not None:
        # "Negative caching": a TTL given for a status overrides the origin's headers.
        return Freshness(negative, f"negative_ttl for {status}")
    usual = parse_seconds(policy.default_ttl)
    if policy.mode == CacheMode.FORCE and status in GCP_SUCCESSES:
        # "Cache modes": FORCE_CACHE_ALL ignores private, no-store and no-cache.
        return Freshness(usual, "mode is force: default_ttl")
    refused = refuses_storage(headers)
    if refused:
        return Freshness(0, f"the origin says {refused}")
    said = explicit_age(headers)
    if said is not None:
        high = usual if policy.mode == CacheMode.FORCE else parse_seconds(policy.max_ttl)
        return _within(_less_age(said, headers), 0, high)
    if status != 200:
        # "Default caching behavior": without negative caching and without directives, only successes are kept.
        return Freshness(0, f"nothing asks to keep a {status}")
    mime = headers.get("content-type", "").partition(";")[0].strip().lower()
    if mime in GCP_STATIC_TYPES or mime.startswith(GCP_STATIC_TYPE_PREFIXES):
        return Freshness(usual, f"{mime} is static content, the origin does not say: default_ttl")
    return Freshness(0, f"Media CDN keeps {mime or 'content without a type'} only when the origin sends a max-age")


def _media_cdn_never(
    policy: CachePolicy, request: Mapping[str, str], status: int, headers: Mapping[str, str]
) -> str | None:
    """ "Uncacheable responses": these hold in every cache mode, FORCE_CACHE_ALL included."""
    if "no-store" in directives(request.get("cache-control")):
        return "the caller says no-store"
    if status not in GCP_CACHEABLE_STATUSES:
        return f"Media CDN never keeps a {status}"
    if "set-cookie" in headers:
        return "the answer sets a cookie"
    if "authorization" in request and "public" not in directives(headers.get("cache-control")):
        return "the request carries Authorization and the answer is not public"
    varied = {name.strip().lower() for name in headers.get("vary", "").split(",")} - {""}
    unsupported = sorted(varied - GCP_SUPPORTED_VARY - set(policy.key.headers))
    if unsupported:
        return f"Media CDN keeps no answer that varies by {', '.join(unsupported)}"
    return None


def _less_age(said: tuple[int, str], headers: Mapping[str, str]) -> tuple[int, str]:
    """ "Cacheable responses": an Age that the origin sends has already passed."""
    age = headers.get("age", "")
    return (max(0, said[0] - int(age)), f"{said[1]} less Age={age}") if age.isdecimal() else said
