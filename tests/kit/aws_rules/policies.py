"""CloudFront's policies: cache, origin request, response headers."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule

from aws_rules.graph import Graph
from inference_edge_cache.testing import Resource

CACHE = "cloudfront/cachePolicy:CachePolicy"
REQUEST = "cloudfront/originRequestPolicy:OriginRequestPolicy"
RESPONSE = "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
LISTED = ("whitelist", "allExcept", "allViewerAndWhitelistCloudFront")


def ttls_are_in_order(graph: Graph) -> Iterator[str]:
    """Minimum, default, maximum; what is left out is 0, a day, a year. ``InvalidTTLOrder``, API_CachePolicyConfig."""
    for one in graph.of(CACHE):
        least, usual, most = _ttls(one)
        if not 0 <= least <= usual <= most:
            yield f"{one.name} has {least}, {usual}, {most}"


def a_policy_that_caches_nothing_has_no_key(graph: Graph) -> Iterator[str]:
    """With a maximum TTL of 0 every other setting is refused: ``The parameter HeaderBehavior is invalid for policy with
    caching disabled``. API_CachePolicyConfig."""
    for one in graph.of(CACHE):
        key = one.inputs["parametersInCacheKeyAndForwardedToOrigin"]
        flags = key.get("enableAcceptEncodingGzip") or key.get("enableAcceptEncodingBrotli")
        behaviors = {behavior for behavior, _ in _parts(key).values()}
        if _ttls(one)[2] == 0 and (flags or behaviors != {"none"}):
            yield one.name


def lists_are_there_when_they_are_used(graph: Graph) -> Iterator[str]:
    """``whitelist`` and its like name something, the other rules name nothing. API_CachePolicyHeadersConfig."""
    for one, key in _keys(graph):
        for part, (behavior, names) in _parts(key).items():
            if (behavior in LISTED) != bool(names):
                yield f"{one.name}: {part} {behavior} of {names}"


def lists_are_short(graph: Graph) -> Iterator[str]:
    """10 headers, 10 cookies, 10 query strings; 1024 characters of names. DG/cloudfront-limits."""
    for one, key in _keys(graph):
        names = [name for _, found in _parts(key).values() for name in found]
        if any(len(found) > 10 for _, found in _parts(key).values()) or sum(map(len, names)) > 1024:
            yield one.name


def lists_hold_no_stars(graph: Graph) -> Iterator[str]:
    """``*`` is a literal name there. API_CachePolicyHeadersConfig."""
    for one, key in _keys(graph):
        if any("*" in name for _, found in _parts(key).values() for name in found):
            yield one.name


def compression_is_not_keyed_on_twice(graph: Graph) -> Iterator[str]:
    """Accept-Encoding is not listed where the flags are on. DG/controlling-the-cache-key."""
    for one, key in _keys(graph):
        if "accept-encoding" in {name.lower() for name in _parts(key)["headers"][1]}:
            yield one.name


def authorization_is_forwarded_by_a_key_only(graph: Graph) -> Iterator[str]:
    """An origin request policy does not take it: what is not in the key would be served to everybody.
    DG/add-origin-custom-headers."""
    for one in graph.of(REQUEST):
        if "authorization" in {name.lower() for name in _parts(one.inputs)["headers"][1]}:
            yield one.name


def names_of_policies_are_allowed(graph: Graph) -> Iterator[str]:
    """128 letters, digits, ``-`` and ``_``, unique for each kind; comments of 128. API_CachePolicyConfig."""
    for kind in (CACHE, REQUEST, RESPONSE):
        names = Counter(one.outputs["name"] for one in graph.of(kind))
        yield from (name for name, count in names.items() if not NAME.fullmatch(name) or count > 1)
        yield from (one.name for one in graph.of(kind) if len(one.inputs.get("comment", "")) > 128)


def policies_stay_within_an_account(graph: Graph) -> Iterator[str]:
    """20 of each kind. DG/cloudfront-limits."""
    for kind in (CACHE, REQUEST, RESPONSE):
        if len(found := graph.of(kind)) > 20:
            yield f"{len(found)} of {kind}"


def every_policy_is_used(graph: Graph) -> Iterator[str]:
    """One of 20 that no behaviour names is a waste. DG/cloudfront-limits."""
    used = {
        behavior.get(name)
        for _, _, behavior in graph.behaviors()
        for name in ("cachePolicyId", "originRequestPolicyId", "responseHeadersPolicyId")
    }
    yield from (one.name for kind in (CACHE, REQUEST, RESPONSE) for one in graph.of(kind) if one.id not in used)


def credentials_are_for_named_origins(graph: Graph) -> Iterator[str]:
    """With credentials no list of a CORS policy may be ``*``. API_ResponseHeadersPolicyCorsConfig."""
    for one in graph.of(RESPONSE):
        cors = one.inputs.get("corsConfig", {})
        lists = [part["items"] for part in cors.values() if isinstance(part, Mapping)]
        if cors.get("accessControlAllowCredentials") and any("*" in found for found in lists):
            yield one.name


def response_headers_are_few_and_short(graph: Graph) -> Iterator[str]:
    """10 custom ones, 10 removed ones, values of 1783 characters. DG/cloudfront-limits."""
    for one in graph.of(RESPONSE):
        custom, removed = (
            one.inputs.get(name, {}).get("items", []) for name in ("customHeadersConfig", "removeHeadersConfig")
        )
        if len(custom) > 10 or len(removed) > 10 or any(len(header["value"]) > 1783 for header in custom):
            yield one.name


def a_cached_answer_sets_no_cookie(graph: Graph) -> Iterator[str]:
    """CloudFront keeps a Set-Cookie with the answer and hands it to everybody. DG/Cookies."""
    removes = {
        one.id
        for one in graph.of(RESPONSE)
        if {"Set-Cookie"} & {header["header"] for header in one.inputs.get("removeHeadersConfig", {}).get("items", [])}
    }
    disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    for _, path, behavior in graph.behaviors():
        if behavior.get("cachePolicyId") != disabled and behavior.get("responseHeadersPolicyId") not in removes:
            yield path


def _ttls(one: Resource) -> tuple[int, int, int]:
    inputs = one.inputs
    return inputs.get("minTtl", 0), inputs.get("defaultTtl", 86_400), inputs.get("maxTtl", 31_536_000)


def _keys(graph: Graph) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for one in graph.of(CACHE):
        yield one, one.inputs["parametersInCacheKeyAndForwardedToOrigin"]
    for one in graph.of(REQUEST):
        yield one, one.inputs


def _parts(key: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """Headers, cookies and query strings: the rule, and the names it is about."""
    names = {"headers": "header", "cookies": "cookie", "queryStrings": "queryString"}
    return {
        part: (key[f"{part}Config"][f"{one}Behavior"], key[f"{part}Config"].get(part, {}).get("items", []))
        for part, one in names.items()
    }


RULES: tuple[Rule, ...] = (
    ttls_are_in_order,
    a_policy_that_caches_nothing_has_no_key,
    lists_are_there_when_they_are_used,
    lists_are_short,
    lists_hold_no_stars,
    compression_is_not_keyed_on_twice,
    authorization_is_forwarded_by_a_key_only,
    names_of_policies_are_allowed,
    policies_stay_within_an_account,
    every_policy_is_used,
    credentials_are_for_named_origins,
    response_headers_are_few_and_short,
    a_cached_answer_sets_no_cookie,
)
