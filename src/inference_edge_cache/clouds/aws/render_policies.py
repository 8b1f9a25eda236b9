"""CloudFront's cache policies and origin request policies: TTLs, the key, and what the endpoint gets to see.

The rule that keeps answers apart: what is not in the key is not forwarded. A cached route forwards its key, and beside
it only the headers that ``forward_headers`` says do not change the answer.
"""

from pulumi_aws import cloudfront as cf

from inference_edge_cache.args import RouteTarget
from inference_edge_cache.plan.model import EdgePlan, PolicyPlan, QueryPlan, RoutePlan
from inference_edge_cache.protocol import PAYLOAD_HEADER

# Policies that AWS manages have one id in every account, which is printed in its documentation:
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

_QUERY_BEHAVIORS = {"all": "all", "none": "none", "only": "whitelist", "except": "allExcept"}


def suffix(plan: EdgePlan, policy: PolicyPlan) -> str:
    """What the name of the cache policy for ``policy`` ends in: nothing for the default route's, else its digest."""
    default = plan.default_route
    is_default = default.caches and default.existing_policy_id is None and default.policy.kept == policy
    return "" if is_default else policy.digest


def cache_policy_args(plan: EdgePlan, policy: PolicyPlan) -> cf.CachePolicyArgs:
    """All three TTLs, always: CloudFront's own defaults, a day and a year, are out of order with most others."""
    return cf.CachePolicyArgs(
        comment=f"How the edge cache {plan.name} keeps answers",
        min_ttl=policy.min_ttl,
        default_ttl=policy.default_ttl,
        max_ttl=policy.max_ttl,
        parameters_in_cache_key_and_forwarded_to_origin=cf.CachePolicyParametersInCacheKeyAndForwardedToOriginArgs(
            enable_accept_encoding_gzip=policy.compression,
            enable_accept_encoding_brotli=policy.compression,
            query_strings_config=_query_strings(policy.query),
            headers_config=_headers(policy.headers),
            cookies_config=_cookies(policy.cookies),
        ),
    )


def _query_strings(
    query: QueryPlan,
) -> cf.CachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfigArgs:
    names = cf.CachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfigQueryStringsArgs(
        items=list(query.names)
    )
    return cf.CachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfigArgs(
        query_string_behavior=_QUERY_BEHAVIORS[query.rule], query_strings=names if query.names else None
    )


def _headers(
    headers: tuple[str, ...],
) -> cf.CachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigArgs:
    names = cf.CachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigHeadersArgs(items=list(headers))
    return cf.CachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigArgs(
        header_behavior="whitelist" if headers else "none", headers=names if headers else None
    )


def _cookies(
    cookies: tuple[str, ...],
) -> cf.CachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfigArgs:
    names = cf.CachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfigCookiesArgs(items=list(cookies))
    return cf.CachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfigArgs(
        cookie_behavior="whitelist" if cookies else "none", cookies=names if cookies else None
    )


def forwarded_headers(plan: EdgePlan) -> tuple[str, ...]:
    """``forward_headers`` for which a cached route needs an origin request policy.

    Not Authorization: CloudFront takes it in no such policy. The plan has made sure that every cached route is keyed on
    it, and what is in the key is forwarded.
    """
    if not any(_is_cached_endpoint(route) for route in plan.routes):
        return ()
    return tuple(header for header in plan.forward_headers if header != "authorization")


def origin_request_policy_args(plan: EdgePlan) -> cf.OriginRequestPolicyArgs:
    return cf.OriginRequestPolicyArgs(
        comment=f"What the edge cache {plan.name} forwards without keying on it",
        headers_config=cf.OriginRequestPolicyHeadersConfigArgs(
            header_behavior="whitelist",
            headers=cf.OriginRequestPolicyHeadersConfigHeadersArgs(items=list(forwarded_headers(plan))),
        ),
        query_strings_config=cf.OriginRequestPolicyQueryStringsConfigArgs(query_string_behavior="none"),
        cookies_config=cf.OriginRequestPolicyCookiesConfigArgs(cookie_behavior="none"),
    )


def payload_policy_args(plan: EdgePlan) -> cf.OriginRequestPolicyArgs:
    """What the gateway needs to run a model for a GET: the request itself, in one header. No query string: a request
    with one is none of the protocol's, and no bucket answers by it."""
    return cf.OriginRequestPolicyArgs(
        comment=f"What the edge cache {plan.name} forwards of inference requests",
        headers_config=cf.OriginRequestPolicyHeadersConfigArgs(
            header_behavior="whitelist",
            headers=cf.OriginRequestPolicyHeadersConfigHeadersArgs(items=[PAYLOAD_HEADER]),
        ),
        query_strings_config=cf.OriginRequestPolicyQueryStringsConfigArgs(query_string_behavior="none"),
        cookies_config=cf.OriginRequestPolicyCookiesConfigArgs(cookie_behavior="none"),
    )


def _is_cached_endpoint(route: RoutePlan) -> bool:
    return route.caches and route.target is RouteTarget.ENDPOINT
