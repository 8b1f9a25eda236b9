"""How answers are cached: modes, TTLs, keys, errors, signed requests."""

import re
from collections.abc import Iterator, Mapping

from recorded import Rule

from gcp_rules.graph import KEYSET, Graph, seconds

TTLS: Mapping[str, frozenset[str]] = {
    "CACHE_ALL_STATIC": frozenset({"defaultTtl", "maxTtl", "clientTtl"}),
    "FORCE_CACHE_ALL": frozenset({"defaultTtl", "clientTtl"}),
    "USE_ORIGIN_HEADERS": frozenset(),
    "BYPASS_CACHE": frozenset(),
}
"""By mode, the TTLs that it takes."""
YEAR, DAY, HOUR = 31_536_000, 86_400, 3600
NEGATIVE = frozenset({300, 301, 302, 307, 308, 400, 403, 404, 405, 410, 451, 500, 501, 502, 503, 504})
FORBIDDEN_IN_KEYS = re.compile(
    r"access-control-.*|sec-fetch-.*|accept|accept-encoding|authorization|connection|content-md5|content-type|cookie|"
    r"date|forwarded|from|host|if-match|if-modified-since|if-none-match|origin|proxy-authorization|range|referrer|"
    r"referer|user-agent|want-digest|x-csrf-token|x-csrftoken|x-forwarded-for",
    re.IGNORECASE,
)
SIGNATURES = frozenset({"ED25519", "HMAC_SHA_256", "HMAC_SHA1"})
ADDED = frozenset({"GENERATE_COOKIE", "GENERATE_TOKEN_HLS_COOKIELESS", "PROPAGATE_TOKEN_HLS_COOKIELESS"})
COPIED = frozenset({"PathGlobs", "paths", "acl", "URLPrefix", "IPRanges", "SessionID", "id", "Data", "data", "payload"})
COPIED |= {"Headers"}
TOKEN = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")
ED25519_KEY = re.compile(r"[A-Za-z0-9_+/-]{43}=?")
SECRET_VERSION = re.compile(r"projects/[^/]+/secrets/[^/]+/versions/[^/]+")


def modes_are_known(graph: Graph) -> Iterator[str]:
    """MM cdnPolicy.cacheMode."""
    yield from (f"{route} {route.mode}" for route in graph.routes() if route.mode not in TTLS)


def ttls_are_those_of_their_mode(graph: Graph) -> Iterator[str]:
    """``defaultTtl must not be set when cacheMode is USE_ORIGIN_HEADERS or BYPASS_CACHE``, and no ``maxTtl`` with
    FORCE_CACHE_ALL. DOCS/media-cdn/docs/caching; API CDNPolicy."""
    every = TTLS["CACHE_ALL_STATIC"]
    for route in graph.routes():
        many = (every & route.cdn_policy.keys()) - TTLS.get(route.mode, every)
        if many:
            yield f"{route} {route.mode} with {', '.join(sorted(many))}"


def ttls_are_said_where_they_count(graph: Graph) -> Iterator[str]:
    """The provider keeps the last value of what is left out, so both are said. MM: Optional and Computed."""
    for route in graph.routes():
        said = TTLS.get(route.mode, frozenset()) - {"clientTtl"} if "origin" in route.rule else frozenset[str]()
        yield from (f"{route} has no {name}" for name in sorted(said - route.cdn_policy.keys()))


def ttls_are_in_order(graph: Graph) -> Iterator[str]:
    """Whole seconds, up to a year; the default at most the maximum, which is a day if nothing is said; the client's
    above 0, at most a day and at most the default. API CDNPolicy; MM cdnPolicy."""
    for route in graph.routes():
        texts = {name: route.cdn_policy[name] for name in TTLS["CACHE_ALL_STATIC"] if name in route.cdn_policy}
        if any(not re.fullmatch(r"\d+s", text) for text in texts.values()):
            yield f"{route} {texts}"
            continue
        default = seconds(texts.get("defaultTtl", f"{HOUR}s"))
        most = seconds(texts.get("maxTtl", f"{YEAR if route.mode == 'FORCE_CACHE_ALL' else DAY}s"))
        client = seconds(texts.get("clientTtl", "1s"))
        assert default is not None
        assert most is not None
        assert client is not None
        if not default <= most <= YEAR or not 0 < client <= DAY or ("clientTtl" in texts and client > default):
            yield f"{route} {texts}"


def errors_are_those_one_can_keep(graph: Graph) -> Iterator[str]:
    """Only with ``negativeCaching``; known statuses, up to a day. API CDNPolicy; DOCS/media-cdn/docs/caching."""
    for route in graph.routes():
        kept = route.cdn_policy.get("negativeCachingPolicy", {})
        if kept and route.cdn_policy.get("negativeCaching") is not True:
            yield f"{route} keeps {sorted(kept)} without negative caching"
        for status, text in kept.items():
            known = status.isdigit() and int(status) in NEGATIVE
            if not known or not re.fullmatch(r"\d+s", text) or int(text[:-1]) > DAY:
                yield f"{route} keeps {status} for {text}"


def keys_are_short(graph: Graph) -> Iterator[str]:
    """20 query parameters of 1 to 32 characters, that are in the key or that are not; 5 headers; 3 cookies; none of
    them where the whole query is left out. MM cacheKeyPolicy; DOCS/media-cdn/docs/caching."""
    most = {"includedQueryParameters": 20, "excludedQueryParameters": 20, "includedHeaderNames": 5}
    most |= {"includedCookieNames": 3}
    for route in graph.routes():
        key = route.cdn_policy.get("cacheKeyPolicy", {})
        long = [name for name, count in most.items() if len(key.get(name, [])) > count]
        parameters = [name for name in most if "Query" in name and name in key]
        names = [name for each in parameters for name in key[each]]
        whole = key.get("excludeQueryString") and parameters
        if long or len(parameters) > 1 or whole or not all(1 <= len(name) <= 32 for name in names):
            yield f"{route} {[*long, *parameters]}"


def keys_hold_what_may_be_in_them(graph: Graph) -> Iterator[str]:
    """No header of the list, no cookie of Media CDN's own. DOCS/media-cdn/docs/caching#cache-keys."""
    for route in graph.routes():
        key = route.cdn_policy.get("cacheKeyPolicy", {})
        headers = [name for name in key.get("includedHeaderNames", []) if FORBIDDEN_IN_KEYS.fullmatch(name)]
        cookies = [name for name in key.get("includedCookieNames", []) if name.lower().startswith("edge-cache-")]
        yield from (f"{route} {name}" for name in [*headers, *cookies])


def what_is_shared_does_not_know_who_asks(graph: Graph) -> Iterator[str]:
    """Media CDN stores nothing that was asked with Authorization, unless the answer is ``public``; and an answer that
    depends on who asked must not reach another. What is in the key may be sent. DOCS/media-cdn/docs/caching."""
    for route in graph.routes():
        if route.mode == "BYPASS_CACHE" or "origin" not in route.rule:
            continue
        removed = {
            header.get("headerName", "").lower()
            for header in route.rule.get("headerAction", {}).get("requestHeaderToRemoves", [])
        }
        keyed = {"cookie"} if route.cdn_policy.get("cacheKeyPolicy", {}).get("includedCookieNames") else set()
        yield from (f"{route} sends {name}" for name in sorted({"authorization", "cookie"} - removed - keyed))


def what_is_not_read_is_not_cached(graph: Graph) -> Iterator[str]:
    """GET and HEAD are cached and nothing else, so a rule for other methods passes them through: what it cached would
    be an answer to another request. DOCS/media-cdn/docs/caching."""
    for route in graph.routes():
        if route.mode != "BYPASS_CACHE" and not route.methods <= {"GET", "HEAD", "OPTIONS"}:
            yield f"{route} {sorted(route.methods)}"


def signed_requests_have_keys(graph: Graph) -> Iterator[str]:
    """A keyset of the graph unless the mode is DISABLED; an expiry above 0; tokens with REQUIRE_TOKENS alone, by at
    most 3 algorithms. MM signedRequestMode, signedTokenOptions."""
    keysets = {name for one in graph.of(KEYSET) for name in (one.id, one.outputs["name"])}
    for route in graph.routes():
        policy = route.cdn_policy
        mode = policy.get("signedRequestMode", "DISABLED")
        keyed = mode == "DISABLED" or policy.get("signedRequestKeyset") in keysets
        if mode not in ("DISABLED", "REQUIRE_SIGNATURES", "REQUIRE_TOKENS") or not keyed:
            yield f"{route} {mode}"
        if not seconds(policy.get("signedRequestMaximumExpirationTtl", "1s")):
            yield f"{route} expires at once"
        options = policy.get("signedTokenOptions", {})
        algorithms = options.get("allowedSignatureAlgorithms", ["ED25519"])
        token = options.get("tokenQueryParameter", "edge-cache-token")
        few = 1 <= len(algorithms) <= 3 and set(algorithms) <= SIGNATURES
        if options and (mode != "REQUIRE_TOKENS" or not few or not TOKEN.fullmatch(token)):
            yield f"{route} {options}"


def signatures_are_added_to_tokens(graph: Graph) -> Iterator[str]:
    """With REQUIRE_TOKENS alone; a known action, and a keyset to generate with; a week at most; 6 known parameters. MM
    addSignatures."""
    for route in graph.routes():
        added = route.cdn_policy.get("addSignatures")
        if added is None:
            continue
        copied = added.get("copiedParameters", [])
        life = seconds(added.get("tokenTtl", "86400s"))
        keyed = "keyset" in added or not str(added.get("actions")).startswith("GENERATE")
        if (
            route.cdn_policy.get("signedRequestMode") != "REQUIRE_TOKENS"
            or added.get("actions") not in ADDED
            or not keyed
            or life is None
            or life > 604_800
            or len(copied) > 6
            or not set(copied) <= COPIED
        ):
            yield str(route)


def keysets_have_keys(graph: Graph) -> Iterator[str]:
    """1 to 3 public keys, of which Media CDN keeps one at most, or 1 to 3 shared ones in Secret Manager. MM
    EdgeCacheKeyset."""
    for one in graph.of(KEYSET):
        public, shared = one.inputs.get("publicKeys", []), one.inputs.get("validationSharedKeys", [])
        managed = [key for key in public if key.get("managed")]
        odd = [key for key in public if ("value" in key) == bool(key.get("managed")) or not TOKEN.fullmatch(key["id"])]
        odd += [key for key in public if "value" in key and not ED25519_KEY.fullmatch(key["value"])]
        odd += [key for key in shared if not SECRET_VERSION.fullmatch(key["secretVersion"])]
        if not (public or shared) or len(public) > 3 or len(shared) > 3 or len(managed) > 1 or odd:
            yield one.name


RULES: tuple[Rule, ...] = (
    modes_are_known,
    ttls_are_those_of_their_mode,
    ttls_are_said_where_they_count,
    ttls_are_in_order,
    errors_are_those_one_can_keep,
    keys_are_short,
    keys_hold_what_may_be_in_them,
    what_is_shared_does_not_know_who_asks,
    what_is_not_read_is_not_cached,
    signed_requests_have_keys,
    signatures_are_added_to_tokens,
    keysets_have_keys,
)
