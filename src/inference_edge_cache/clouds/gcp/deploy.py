"""Makes the resources. What is in them is in the ``render_*`` modules."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_gcp import networkservices as ns
from pulumi_gcp import projects, storage

from inference_edge_cache.clouds import Deployed
from inference_edge_cache.clouds.gcp import (
    deploy_gateway,
    render_apis,
    render_bucket,
    render_origins,
    render_service,
)
from inference_edge_cache.clouds.gcp.deploy_origins import make_origin, make_reader
from inference_edge_cache.clouds.gcp.render_routes import OriginIds
from inference_edge_cache.clouds.gcp.resources import GcpResources
from inference_edge_cache.clouds.making import Maker
from inference_edge_cache.clouds.overrides import problems_in
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.protocol import DISCOVERY_PATH

ARGS: Mapping[str, type] = {
    "bucket": storage.BucketArgs,
    "bucket_reader": storage.BucketIAMMemberArgs,
    "origin": ns.EdgeCacheOriginArgs,
    "failover_origin": ns.EdgeCacheOriginArgs,
    "bucket_origin": ns.EdgeCacheOriginArgs,
    "service": ns.EdgeCacheServiceArgs,
    "api": projects.ServiceArgs,
    **deploy_gateway.ARGS,
}
"""Logical child to its arguments: what ``overrides`` may name."""

# As long as the provider itself waits for it.
_SERVICE_TIMEOUTS = pulumi.CustomTimeouts(create="60m", update="60m", delete="60m")


def overrides_problems(overrides: Mapping[str, Any], plan: EdgePlan | None = None) -> list[Problem]:
    """What is wrong in ``overrides``: names that pulumi_gcp does not know, and what ``plan`` does not make."""
    return problems_in(overrides, ARGS, None if plan is None else children_made(plan))


def deploy(plan: EdgePlan, parent: pulumi.Resource) -> Deployed:
    """Create the resources of ``plan`` as children of ``parent``."""
    apis = _apis(Maker(plan, parent))
    make = Maker(plan, parent, after=apis)
    failover = _failover_origin(make)
    origin = _origin(make, failover)
    bucket = _bucket(make)
    bucket_name = _bucket_name(plan, bucket)
    bucket_origin = _bucket_origin(make, bucket_name)
    reader = _bucket_reader(make, bucket_name, bucket_origin)
    gateway = deploy_gateway.make_gateway(make)
    origins = OriginIds(
        endpoint=_id(origin),
        bucket=_id(bucket_origin),
        results=_id(gateway.results_origin if gateway else None),
        gateway=_id(gateway.origin if gateway else None),
    )
    service = make(
        ns.EdgeCacheService,
        "service",
        render_service.service_args(plan, origins),
        depends_on=[*([] if reader is None else [reader]), *(gateway.ready if gateway else [])],
        custom_timeouts=_SERVICE_TIMEOUTS,
    )
    behind = deploy_gateway.publish(make, gateway, service) if gateway else {}

    return Deployed(
        url=_url(plan, service),
        domain_name=_address(service),
        cache_id=service.id,
        bucket_name=pulumi.Output.from_input(bucket_name),
        bucket_policy_statement=pulumi.Output.from_input(None),
        resources=GcpResources(
            service=service,
            origin=origin,
            failover_origin=failover,
            bucket=bucket,
            bucket_reader=reader,
            bucket_origin=bucket_origin,
            api=apis,
            **behind,
        ),
        config_url=pulumi.Output.concat(_url(plan, service), DISCOVERY_PATH) if gateway else None,
        results_bucket_name=gateway.results.name if gateway else None,
    )


def children_made(plan: EdgePlan) -> frozenset[str]:
    """The logical children that ``plan`` makes, known before any of them is."""
    return frozenset(
        {"service"}
        | ({"origin"} if plan.origin is not None else set())
        | ({"api"} if plan.enable_apis else set())
        | deploy_gateway.children_made(plan)
        | ({"failover_origin"} if plan.failover is not None else set())
        | ({"bucket_origin", "bucket_reader"} if plan.bucket is not None else set())
        | ({"bucket"} if plan.bucket is not None and plan.bucket.existing is None else set())
    )


def _apis(make: Maker) -> tuple[projects.Service, ...]:
    if not make.plan.enable_apis:
        return ()
    return tuple(
        make(projects.Service, "api", render_apis.api_args(api), digest=api)
        for api in render_apis.needed_apis(make.plan)
    )


def _origin(make: Maker, failover: ns.EdgeCacheOrigin | None) -> ns.EdgeCacheOrigin | None:
    if make.plan.origin is None:
        return None
    args = render_origins.origin_args(make.plan, _id(failover))
    return make_origin(make, "origin", args)


def _failover_origin(make: Maker) -> ns.EdgeCacheOrigin | None:
    if make.plan.failover is None:
        return None
    args = render_origins.failover_origin_args(make.plan, make.plan.failover.origin)
    return make_origin(make, "failover_origin", args)


def _bucket(make: Maker) -> storage.Bucket | None:
    bucket = make.plan.bucket
    if bucket is None or bucket.existing is not None:
        return None
    return make(storage.Bucket, "bucket", render_bucket.bucket_args(make.plan, bucket))


def _bucket_name(plan: EdgePlan, bucket: storage.Bucket | None) -> pulumi.Input[str] | None:
    if bucket is not None:
        return bucket.name
    return None if plan.bucket is None else plan.bucket.existing


def _bucket_origin(make: Maker, bucket_name: pulumi.Input[str] | None) -> ns.EdgeCacheOrigin | None:
    if bucket_name is None:
        return None
    args = render_origins.bucket_origin_args(make.plan, bucket_name)
    return make_origin(make, "bucket_origin", args)


def _bucket_reader(
    make: Maker, bucket_name: pulumi.Input[str] | None, bucket_origin: ns.EdgeCacheOrigin | None
) -> storage.BucketIAMMember | None:
    if bucket_name is None or bucket_origin is None:
        return None
    return make_reader(make, "bucket_reader", bucket_name, bucket_origin)


def _id(resource: pulumi.CustomResource | None) -> pulumi.Output[str] | None:
    return None if resource is None else resource.id


def _address(service: ns.EdgeCacheService) -> pulumi.Output[str]:
    return service.ipv4_addresses.apply(lambda addresses: addresses[0])


def _url(plan: EdgePlan, service: ns.EdgeCacheService) -> pulumi.Output[str]:
    """The first custom name, which is known before the service is; else the service's address, without TLS."""
    if plan.custom_domain is None:
        return pulumi.Output.concat("http://", _address(service))
    return pulumi.Output.from_input(f"https://{plan.custom_domain.names[0]}")
