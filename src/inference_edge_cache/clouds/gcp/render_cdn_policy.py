"""How the answers of a route are cached: mode, TTLs, errors, cache key."""

from pulumi_gcp import networkservices as ns

from inference_edge_cache.clouds.gcp.values import duration
from inference_edge_cache.plan.model import PolicyPlan, QueryPlan
from inference_edge_cache.policy import CacheMode

CdnPolicy = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleRouteActionCdnPolicyArgs
CacheKeyPolicy = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleRouteActionCdnPolicyCacheKeyPolicyArgs

BYPASS_CACHE = "BYPASS_CACHE"
_MODES = {
    CacheMode.HONOR_ORIGIN: "CACHE_ALL_STATIC",
    CacheMode.FORCE: "FORCE_CACHE_ALL",
}


def cdn_policy(policy: PolicyPlan) -> CdnPolicy:
    """A caching ``policy``, in exactly the fields that its mode takes: the API refuses a TTL too many."""
    args = CdnPolicy(cache_mode=_MODES[policy.mode], default_ttl=duration(policy.default_ttl))
    if policy.mode is CacheMode.HONOR_ORIGIN:
        args.max_ttl = duration(policy.max_ttl)
    if policy.browser_ttl is not None:
        args.client_ttl = duration(policy.browser_ttl)
    args.negative_caching = bool(policy.negative_ttl)
    if policy.negative_ttl:
        args.negative_caching_policy = {str(status): duration(seconds) for status, seconds in policy.negative_ttl}
    args.cache_key_policy = _cache_key(policy)
    return args


def bypass() -> CdnPolicy:
    """For requests that are passed through: of a route that caches nothing, or with a method that is never cached."""
    return CdnPolicy(cache_mode=BYPASS_CACHE)


def _cache_key(policy: PolicyPlan) -> CacheKeyPolicy:
    """The key. The host is not in it: each origin is asked for one Host, so the caller's cannot change an answer."""
    query: QueryPlan = policy.query
    return CacheKeyPolicy(
        exclude_host=True,
        exclude_query_string=query.rule == "none",
        included_query_parameters=list(query.names) if query.rule == "only" else None,
        excluded_query_parameters=list(query.names) if query.rule == "except" else None,
        included_header_names=list(policy.headers) or None,
        included_cookie_names=list(policy.cookies) or None,
    )
