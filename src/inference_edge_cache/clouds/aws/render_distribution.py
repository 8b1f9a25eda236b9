"""The distribution: a behaviour for each route, and what holds for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudfront as cf

from inference_edge_cache.args import RouteTarget
from inference_edge_cache.capabilities import AWS_NEGATIVE_STATUSES, READ_METHODS
from inference_edge_cache.clouds.aws import render_origins
from inference_edge_cache.clouds.aws.render_origins import BucketOrigin, GatewayOrigin
from inference_edge_cache.clouds.aws.render_policies import (
    ALL_VIEWER_EXCEPT_HOST_HEADER,
    CACHING_DISABLED,
)
from inference_edge_cache.clouds.aws.render_response_headers import HeaderChanges, header_changes
from inference_edge_cache.plan.model import DomainPlan, EdgePlan, GatewayTarget, GeoPlan, PolicyPlan, RoutePlan

MINIMUM_TLS = "TLSv1.2_2021"


@dataclass(frozen=True)
class Refs:
    """What the distribution points at: made before it, and known by id."""

    cache_policies: Mapping[PolicyPlan, pulumi.Input[str]]
    response_headers_policies: Mapping[HeaderChanges, pulumi.Input[str]]
    origin_request_policy: pulumi.Input[str] | None = None
    bucket: BucketOrigin | None = None
    gateway: GatewayOrigin | None = None
    payload_policy: pulumi.Input[str] | None = None
    preflight: pulumi.Input[str] | None = None


def distribution_args(plan: EdgePlan, refs: Refs) -> cf.DistributionArgs:
    domain = plan.custom_domain
    return cf.DistributionArgs(
        comment=f"Edge cache {plan.name}",
        enabled=True,
        http_version="http2and3",
        is_ipv6_enabled=True,
        price_class=plan.price_class.value,
        aliases=None if domain is None else list(domain.names),
        viewer_certificate=_certificate(domain),
        origins=render_origins.origins(plan, refs.bucket, refs.gateway),
        origin_groups=render_origins.origin_groups(plan),
        # CloudFront takes the first behaviour that matches; the plan has put the most specific route first.
        ordered_cache_behaviors=[_ordered_behavior_args(route, refs) for route in plan.routes[:-1]] or None,
        default_cache_behavior=cf.DistributionDefaultCacheBehaviorArgs(**_behavior(plan.default_route, refs)),
        custom_error_responses=_errors(plan),
        restrictions=_restrictions(plan.geo),
        web_acl_id=plan.web_acl_id,
        tags=dict(plan.tags) or None,
    )


def _ordered_behavior_args(route: RoutePlan, refs: Refs) -> cf.DistributionOrderedCacheBehaviorArgs:
    return cf.DistributionOrderedCacheBehaviorArgs(path_pattern=route.path.text, **_behavior(route, refs))


def _behavior(route: RoutePlan, refs: Refs) -> dict[str, Any]:
    """What the default behaviour and the others have in common. TTLs stand in the cache policy, and only there."""
    return {
        "target_origin_id": _target(route),
        "allowed_methods": list(route.methods),
        "cached_methods": list(READ_METHODS),  # CloudFront caches nothing else
        "cache_policy_id": _cache_policy_id(route, refs),
        "origin_request_policy_id": _origin_request_policy_id(route, refs),
        "response_headers_policy_id": refs.response_headers_policies[header_changes(route)],
        # GET and HEAD are redirected with 301, other methods with 307, which keeps method and body.
        "viewer_protocol_policy": "redirect-to-https",
        "compress": route.caches and route.policy.compression,
        **_preflight(route, refs),
    }


def _preflight(route: RoutePlan, refs: Refs) -> dict[str, Any]:
    """Whoever answers OPTIONS where the gateway would not."""
    asked = isinstance(route.target, GatewayTarget) and route.target is not GatewayTarget.DISCOVERY
    if refs.preflight is None or not asked:
        return {}
    kind = cf.DistributionDefaultCacheBehaviorFunctionAssociationArgs
    if not route.path.is_default:
        kind = cf.DistributionOrderedCacheBehaviorFunctionAssociationArgs
    return {"function_associations": [kind(event_type="viewer-request", function_arn=refs.preflight)]}


def _target(route: RoutePlan) -> str:
    if route.target is not RouteTarget.ENDPOINT:
        return render_origins.TARGETS[route.target]
    return render_origins.ENDPOINT_WITH_FAILOVER if route.fails_over else render_origins.ENDPOINT


def _cache_policy_id(route: RoutePlan, refs: Refs) -> pulumi.Input[str]:
    if route.existing_policy_id is not None:
        return route.existing_policy_id
    return refs.cache_policies[route.policy.kept] if route.caches else CACHING_DISABLED


def _origin_request_policy_id(route: RoutePlan, refs: Refs) -> pulumi.Input[str] | None:
    """What is not cached may depend on the whole request, so the endpoint sees it all but its Host.

    Of a GET to the gateway nothing counts but its path and its payload, whatever the generation.
    """
    if route.target in (RouteTarget.BUCKET, GatewayTarget.DISCOVERY):
        return None
    if route.target is not RouteTarget.ENDPOINT and not route.takes_bodies:
        return refs.payload_policy
    return refs.origin_request_policy if route.caches else ALL_VIEWER_EXCEPT_HOST_HEADER


def _errors(plan: EdgePlan) -> list[cf.DistributionCustomErrorResponseArgs]:
    """How long errors are kept: not at all unless a policy asks for it. CloudFront's own default is 10 s for each."""
    asked = dict(plan.negative_ttl)
    return [
        cf.DistributionCustomErrorResponseArgs(error_code=status, error_caching_min_ttl=asked.get(status, 0))
        for status in sorted(AWS_NEGATIVE_STATUSES)
    ]


def _restrictions(geo: GeoPlan | None) -> cf.DistributionRestrictionsArgs:
    kind = "none" if geo is None else "whitelist" if geo.allows else "blacklist"
    countries = None if geo is None else list(geo.countries)
    return cf.DistributionRestrictionsArgs(
        geo_restriction=cf.DistributionRestrictionsGeoRestrictionArgs(restriction_type=kind, locations=countries)
    )


def _certificate(domain: DomainPlan | None) -> cf.DistributionViewerCertificateArgs:
    """CloudFront's own certificate takes no minimum TLS version; a certificate of the user's own does."""
    if domain is None:
        return cf.DistributionViewerCertificateArgs(cloudfront_default_certificate=True)
    return cf.DistributionViewerCertificateArgs(
        acm_certificate_arn=domain.certificate, ssl_support_method="sni-only", minimum_protocol_version=MINIMUM_TLS
    )
