"""Makes the resources. What is in them is in the ``render_*`` modules."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi
from pulumi_gcp import networkservices as ns
from pulumi_gcp import organizations, storage

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.clouds import Deployed
from inference_edge_cache.clouds.gcp import render_bucket, render_origins, render_service
from inference_edge_cache.clouds.gcp.render_routes import OriginIds
from inference_edge_cache.clouds.gcp.resources import GcpResources
from inference_edge_cache.clouds.overrides import merged, override_problems, unmade_problems
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.children import child_name

ArgsT = TypeVar("ArgsT")

ARGS: Mapping[str, type] = {
    "bucket": storage.BucketArgs,
    "bucket_reader": storage.BucketIAMMemberArgs,
    "origin": ns.EdgeCacheOriginArgs,
    "failover_origin": ns.EdgeCacheOriginArgs,
    "bucket_origin": ns.EdgeCacheOriginArgs,
    "service": ns.EdgeCacheServiceArgs,
}
"""Logical child to its arguments: what ``overrides`` may name."""

# As long as the provider itself waits for these: Media CDN takes its time.
_ORIGIN_TIMEOUTS = pulumi.CustomTimeouts(create="120m", update="120m", delete="120m")
_SERVICE_TIMEOUTS = pulumi.CustomTimeouts(create="60m", update="60m", delete="60m")
_TIMEOUTS = {
    "origin": _ORIGIN_TIMEOUTS,
    "failover_origin": _ORIGIN_TIMEOUTS,
    "bucket_origin": _ORIGIN_TIMEOUTS,
    "service": _SERVICE_TIMEOUTS,
}


def overrides_problems(overrides: Mapping[str, Any]) -> list[Problem]:
    """What is wrong inside ``overrides``: names that pulumi_gcp does not know."""
    return [
        problem
        for child, override in overrides.items()
        for problem in override_problems(f"overrides.{child}", ARGS[child], override)
    ]


def deploy(plan: EdgePlan, parent: pulumi.Resource) -> Deployed:
    """Create the resources of ``plan`` as children of ``parent``.

    Raises ``InvalidArgsError``, before anything is made, for an override of something that this plan does not make.
    """
    problems = unmade_problems(plan.overrides, children_made(plan))
    if problems:
        raise InvalidArgsError(plan.name, problems)

    def new(child: str, args: ArgsT, after: pulumi.Resource | None = None) -> tuple[str, ArgsT, pulumi.ResourceOptions]:
        opts = pulumi.ResourceOptions(parent=parent, custom_timeouts=_TIMEOUTS.get(child), depends_on=after)
        return child_name(plan.name, Cloud.GCP, child), merged(args, plan.overrides.get(child, {})), opts

    failover = bucket = bucket_name = bucket_origin = reader = None
    if plan.failover is not None:
        failover_args = render_origins.failover_origin_args(plan, plan.failover.origin)
        failover = ns.EdgeCacheOrigin(*new("failover_origin", failover_args))
    origin = ns.EdgeCacheOrigin(*new("origin", render_origins.origin_args(plan, _id(failover))))

    if plan.bucket is not None:
        bucket_name = plan.bucket.existing
        if bucket_name is None:
            bucket = storage.Bucket(*new("bucket", render_bucket.bucket_args(plan, plan.bucket)))
            bucket_name = bucket.name
        bucket_origin = ns.EdgeCacheOrigin(*new("bucket_origin", render_origins.bucket_origin_args(plan, bucket_name)))
        project = organizations.get_project_output(opts=pulumi.InvokeOptions(parent=parent))
        reader_args = render_bucket.bucket_reader_args(bucket_name, project.number)
        # After the origin: in a project that has none yet, there is no service agent yet to grant anything to.
        reader = storage.BucketIAMMember(*new("bucket_reader", reader_args, after=bucket_origin))

    origins = OriginIds(endpoint=origin.id, bucket=_id(bucket_origin))
    service = ns.EdgeCacheService(*new("service", render_service.service_args(plan, origins), after=reader))

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
        ),
    )


def children_made(plan: EdgePlan) -> frozenset[str]:
    """The logical children that ``plan`` makes, known before any of them is."""
    return frozenset(
        {"origin", "service"}
        | ({"failover_origin"} if plan.failover is not None else set())
        | ({"bucket_origin", "bucket_reader"} if plan.bucket is not None else set())
        | ({"bucket"} if plan.bucket is not None and plan.bucket.existing is None else set())
    )


def _id(resource: pulumi.CustomResource | None) -> pulumi.Output[str] | None:
    return None if resource is None else resource.id


def _address(service: ns.EdgeCacheService) -> pulumi.Output[str]:
    return service.ipv4_addresses.apply(lambda addresses: addresses[0])


def _url(plan: EdgePlan, service: ns.EdgeCacheService) -> pulumi.Output[str]:
    """The first custom name, which is known before the service is; else the service's address, without TLS."""
    if plan.custom_domain is None:
        return pulumi.Output.concat("http://", _address(service))
    return pulumi.Output.from_input(f"https://{plan.custom_domain.names[0]}")
