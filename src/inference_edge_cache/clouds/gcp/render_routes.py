"""Routes as route rules: which requests, from which origin, cached how.

A cached route that also takes methods with a body becomes two rules. The first passes those methods through untouched;
the second, for GET, HEAD and OPTIONS, is cached and stripped of who is asking.
"""

from dataclasses import dataclass

import pulumi
from pulumi_gcp import networkservices as ns

from inference_edge_cache.args import RouteTarget
from inference_edge_cache.capabilities import READ_METHODS, READ_METHODS_AND_OPTIONS
from inference_edge_cache.clouds.gcp.priorities import priorities
from inference_edge_cache.clouds.gcp.render_cdn_policy import BYPASS_CACHE, CdnPolicy, bypass, cdn_policy
from inference_edge_cache.clouds.gcp.values import duration
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.model import CorsPlan, GatewayTarget, RoutePlan
from inference_edge_cache.plan.paths import PathKind

RouteRule = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleArgs
_MatchRule = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleMatchRuleArgs
_HeaderMatch = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleMatchRuleHeaderMatchArgs
_Methods = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleRouteMethodsArgs
_HeaderAction = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleHeaderActionArgs
_AddResponse = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleHeaderActionResponseHeaderToAddArgs
_RemoveRequest = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleHeaderActionRequestHeaderToRemoveArgs
_RouteAction = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleRouteActionArgs
_UrlRewrite = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleRouteActionUrlRewriteArgs
_CorsPolicy = ns.EdgeCacheServiceRoutingPathMatcherRouteRuleRouteActionCorsPolicyArgs

STATUS_HEADER = "x-cache"
_STATUS = "{cdn_cache_status}"  # Media CDN fills it in: "hit", "miss", with the place that answered


@dataclass(frozen=True)
class OriginIds:
    """The ids of the origins that routes lead to."""

    endpoint: pulumi.Input[str] | None = None
    bucket: pulumi.Input[str] | None = None
    results: pulumi.Input[str] | None = None
    gateway: pulumi.Input[str] | None = None

    def of(self, target: RouteTarget | GatewayTarget) -> pulumi.Input[str] | None:
        """Who answers what has ``target``. The gateway stands behind the results by their own failover, the discovery
        document among them: where it is missing the gateway gives its own, which knows no ``upload_url``."""
        return {
            RouteTarget.ENDPOINT: self.endpoint,
            RouteTarget.BUCKET: self.bucket,
            GatewayTarget.STORED: self.results,
            GatewayTarget.DISCOVERY: self.results,
            GatewayTarget.ANSWERED: self.gateway,
            GatewayTarget.GATEWAY: self.gateway,
        }[target]


def route_rules(plan: EdgePlan, origins: OriginIds) -> list[RouteRule]:
    """Every route of ``plan``, in the order in which Media CDN tries them."""
    numbers = priorities([route.path for route in plan.routes])
    in_order = sorted(plan.routes, key=lambda route: numbers[route.path])
    return [_rule(plan, part, origins) for route in in_order for part in _parts(route, *numbers[route.path])]


@dataclass(frozen=True)
class _Part:
    """Methods of a route that are treated alike: all, or with ``passes_through`` those that another part leaves."""

    route: RoutePlan
    priority: int
    methods: tuple[str, ...]
    cdn_policy: CdnPolicy
    passes_through: bool = False

    @property
    def is_cached(self) -> bool:
        return self.cdn_policy.cache_mode != BYPASS_CACHE


def _parts(route: RoutePlan, first: int, second: int) -> list[_Part]:
    reads = tuple(method for method in route.methods if method in READ_METHODS_AND_OPTIONS)
    others = tuple(method for method in route.methods if method not in READ_METHODS_AND_OPTIONS)
    if not route.caches or not set(reads) & set(READ_METHODS):
        return [_Part(route, second, route.methods, bypass())]
    cached = _Part(route, second, reads, cdn_policy(route.policy))
    return [_Part(route, first, others, bypass(), passes_through=True), cached] if others else [cached]


def _rule(plan: EdgePlan, part: _Part, origins: OriginIds) -> RouteRule:
    route = part.route
    return RouteRule(
        priority=str(part.priority),
        match_rules=[_match(route, method) for method in part.methods] if part.passes_through else [_match(route)],
        route_methods=_Methods(allowed_methods=_allowed(part, plan.cors)),
        origin=origins.of(route.target),
        header_action=_HeaderAction(
            request_header_to_removes=[_RemoveRequest(header_name=name) for name in _removed(part)] or None,
            response_header_to_adds=[_AddResponse(header_name=STATUS_HEADER, header_value=_STATUS, replace=True)],
        ),
        route_action=_RouteAction(
            cdn_policy=part.cdn_policy,
            compression_mode="AUTOMATIC" if route.policy.compression else "DISABLED",
            cors_policy=None if plan.cors is None else _cors(plan.cors),
            url_rewrite=_rewrite(plan, route),
        ),
    )


def _match(route: RoutePlan, method: str | None = None) -> _MatchRule:
    """Requests under the route's path; with ``method``, only those made with it."""
    is_exact = route.path.kind is PathKind.EXACT
    return _MatchRule(
        full_path_match=route.path.literal if is_exact else None,
        prefix_match=None if is_exact else route.path.literal,
        header_matches=None if method is None else [_HeaderMatch(header_name=":method", exact_match=method)],
    )


def _allowed(part: _Part, cors: CorsPlan | None) -> list[str]:
    """The methods let in. A preflight is answered at the edge, but only where OPTIONS is let in."""
    preflight = ["OPTIONS"] if cors is not None and not part.passes_through else []
    return list(dict.fromkeys([*part.methods, *preflight]))


def _removed(part: _Part) -> list[str]:
    """Request headers that say who is asking: an answer to be shared must not depend on them, a bucket does not ask.

    Where cookies are in the key the others pass too: Media CDN removes the whole header or nothing.
    """
    if part.route.target is RouteTarget.BUCKET:
        return ["authorization", "cookie"]
    if not part.is_cached:
        return []
    return ["authorization"] if part.route.policy.cookies else ["authorization", "cookie"]


def _rewrite(plan: EdgePlan, route: RoutePlan) -> _UrlRewrite | None:
    """The path of ``origin.url`` in front of what the route matched. An Output has none: the plan refuses it."""
    path = plan.origin.path if plan.origin is not None and route.target is RouteTarget.ENDPOINT else ""
    if not isinstance(path, str) or not path:
        return None
    return _UrlRewrite(path_prefix_rewrite=path + route.path.literal)


def _cors(cors: CorsPlan) -> _CorsPolicy:
    return _CorsPolicy(
        allow_origins=list(cors.allow_origins),
        allow_methods=list(cors.allow_methods),
        allow_headers=list(cors.allow_headers) or None,
        expose_headers=list(cors.expose_headers) or None,
        max_age=duration(cors.max_age),
        allow_credentials=cors.allow_credentials,
    )
