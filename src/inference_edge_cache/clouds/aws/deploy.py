"""Makes the resources. What is in them is in the ``render_*`` modules."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import cloudfront as cf
from pulumi_aws import cloudwatch, s3

from inference_edge_cache.args import BucketAccess
from inference_edge_cache.clouds import Deployed
from inference_edge_cache.clouds.aws import (
    deploy_gateway,
    render_bucket,
    render_distribution,
    render_logging,
    render_origins,
    render_policies,
    render_response_headers,
)
from inference_edge_cache.clouds.aws.render_bucket import Statement
from inference_edge_cache.clouds.aws.render_distribution import Refs
from inference_edge_cache.clouds.aws.render_origins import BucketOrigin
from inference_edge_cache.clouds.aws.render_response_headers import HeaderChanges
from inference_edge_cache.clouds.aws.resources import AwsResources
from inference_edge_cache.clouds.making import Maker
from inference_edge_cache.clouds.overrides import problems_in
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.checks.origins import readable_bucket
from inference_edge_cache.plan.model import PolicyPlan
from inference_edge_cache.protocol import DISCOVERY_PATH

ARGS: Mapping[str, type] = {
    "bucket": s3.BucketArgs,
    "bucket_ownership": s3.BucketOwnershipControlsArgs,
    "bucket_public_access_block": s3.BucketPublicAccessBlockArgs,
    "bucket_encryption": s3.BucketServerSideEncryptionConfigurationInitArgs,
    "bucket_versioning": s3.BucketVersioningInitArgs,
    "bucket_lifecycle": s3.BucketLifecycleConfigurationArgs,
    "bucket_policy": s3.BucketPolicyArgs,
    "origin_access_identity": cf.OriginAccessIdentityArgs,
    "origin_access_control": cf.OriginAccessControlArgs,
    "cache_policy": cf.CachePolicyArgs,
    "origin_request_policy": cf.OriginRequestPolicyArgs,
    "response_headers_policy": cf.ResponseHeadersPolicyArgs,
    "distribution": cf.DistributionArgs,
    "monitoring_subscription": cf.MonitoringSubscriptionArgs,
    "log_delivery_source": cloudwatch.LogDeliverySourceArgs,
    "log_delivery_destination": cloudwatch.LogDeliveryDestinationArgs,
    "log_delivery": cloudwatch.LogDeliveryArgs,
    **deploy_gateway.ARGS,
}
"""Logical child to its arguments: what ``overrides`` may name."""


def overrides_problems(overrides: Mapping[str, Any], plan: EdgePlan | None = None) -> list[Problem]:
    """What is wrong in ``overrides``: names that pulumi_aws does not know, and what ``plan`` does not make."""
    return problems_in(overrides, ARGS, None if plan is None else children_made(plan))


def deploy(plan: EdgePlan, parent: pulumi.Resource) -> Deployed:
    """Create the resources of ``plan`` as children of ``parent``."""
    make = Maker(plan, parent)
    _check_region(plan, parent)
    bucket = _bucket(make)
    settings = _bucket_settings(make, bucket)
    place = _bucket_place(plan, bucket, parent)
    identity = _access_identity(make)
    control = _access_control(make)
    cache_policies = _cache_policies(make)
    origin_request_policy = _origin_request_policy(make)
    response_headers_policies = _response_headers_policies(make)
    gateway = deploy_gateway.make_gateway(make)
    refs = Refs(
        cache_policies={policy: made.id for policy, made in cache_policies.items()},
        response_headers_policies={changes: made.id for changes, made in response_headers_policies.items()},
        origin_request_policy=origin_request_policy.id if origin_request_policy else None,
        bucket=_bucket_origin(place, identity, control),
        gateway=deploy_gateway.gateway_origin(make, gateway, identity, control) if gateway else None,
        payload_policy=gateway.resources["payload_policy"].id if gateway else None,
        preflight=gateway.resources["preflight"].arn if gateway and plan.cors else None,
    )
    distribution = make(
        cf.Distribution,
        "distribution",
        render_distribution.distribution_args(plan, refs),
        depends_on=gateway.ready if gateway else None,
    )
    statement = _read_statement(plan, place, identity, distribution)
    bucket_policy = _bucket_policy(make, bucket, settings, statement)
    monitoring = make(
        cf.MonitoringSubscription,
        "monitoring_subscription",
        render_logging.monitoring_subscription_args(distribution.id),
    )
    logs = _logs(make, distribution)
    behind = deploy_gateway.open_gateway(make, gateway, identity, distribution) if gateway else {}

    return Deployed(
        url=_url(plan, distribution),
        domain_name=distribution.domain_name,
        cache_id=distribution.id,
        bucket_name=pulumi.Output.from_input(place.name if place else None),
        bucket_policy_statement=_statement_to_add(plan, statement),
        resources=AwsResources(
            distribution=distribution,
            monitoring_subscription=monitoring,
            cache_policies=tuple(cache_policies.values()),
            origin_request_policy=origin_request_policy,
            response_headers_policies=tuple(response_headers_policies.values()),
            bucket=bucket,
            bucket_ownership=settings.ownership,
            bucket_public_access_block=settings.public_access_block,
            bucket_encryption=settings.encryption,
            bucket_versioning=settings.versioning,
            bucket_lifecycle=settings.lifecycle,
            bucket_policy=bucket_policy,
            origin_access_identity=identity,
            origin_access_control=control,
            log_delivery_source=logs.source,
            log_delivery_destination=logs.destination,
            log_delivery=logs.delivery,
            **behind,
        ),
        config_url=pulumi.Output.concat(_url(plan, distribution), DISCOVERY_PATH) if gateway else None,
        results_bucket_name=gateway.results.bucket if gateway else None,
    )


# What is made ---------------------------------------------------------------------------------------------------------
def children_made(plan: EdgePlan) -> frozenset[str]:
    """The logical children that ``plan`` makes, known before any of them is."""
    logged = ("log_delivery_source", "log_delivery_destination", "log_delivery")
    return frozenset(
        {"distribution", "monitoring_subscription", "response_headers_policy"}
        | ({"cache_policy"} if plan.policies else set())
        | ({"origin_request_policy"} if render_policies.forwarded_headers(plan) else set())
        | deploy_gateway.children_made(plan)
        | ({child for child in ARGS if child.startswith("bucket")} if _makes_bucket(plan) else set())
        | ({"origin_access_identity"} if _reads_bucket(plan, BucketAccess.OAI) else set())
        | ({"origin_access_control"} if _reads_bucket(plan, BucketAccess.OAC) else set())
        | ({*logged} if plan.logging is not None else set())
    )


def _makes_bucket(plan: EdgePlan) -> bool:
    return plan.bucket is not None and plan.bucket.existing is None


def _reads_bucket(plan: EdgePlan, access: BucketAccess) -> bool:
    """Whether CloudFront reads a bucket this way: the one of files, or the one of results."""
    return (plan.bucket is not None or plan.gateway is not None) and plan.bucket_access is access


# Bucket ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _BucketSettings:
    """What surrounds a bucket of ours. None without one."""

    ownership: s3.BucketOwnershipControls | None = None
    public_access_block: s3.BucketPublicAccessBlock | None = None
    encryption: s3.BucketServerSideEncryptionConfiguration | None = None
    versioning: s3.BucketVersioning | None = None
    lifecycle: s3.BucketLifecycleConfiguration | None = None


@dataclass(frozen=True)
class _BucketPlace:
    """Where the bucket is, ours or an existing one."""

    name: pulumi.Input[str]
    arn: pulumi.Output[str]
    domain_name: pulumi.Output[str]


def _check_region(plan: EdgePlan, parent: pulumi.Resource) -> None:
    """Refuse an Origin Access Identity for a bucket in a provider's region that has none, in the preview already."""
    bucket = plan.bucket
    there = plan.gateway is not None or (bucket is not None and bucket.region is None)
    if not there or plan.bucket_access is not BucketAccess.OAI:
        return

    def check(region: str) -> None:
        problems = readable_bucket({"region": region}, plan.bucket_access, plan.cloud)
        if plan.gateway is not None:  # the results are where the provider is, wherever the bucket may be
            problems = [dataclasses.replace(problem, path="aws.bucket_access") for problem in problems]
        if problems:
            raise InvalidArgsError(plan.name, problems)

    aws.get_region_output(opts=pulumi.InvokeOptions(parent=parent)).region.apply(check)


def _bucket(make: Maker) -> s3.Bucket | None:
    plan = make.plan.bucket
    if plan is None or plan.existing is not None:
        return None
    return make(s3.Bucket, "bucket", render_bucket.bucket_args(plan, dict(make.plan.tags) or None))


def _bucket_settings(make: Maker, bucket: s3.Bucket | None) -> _BucketSettings:
    plan = make.plan.bucket
    if plan is None or bucket is None:
        return _BucketSettings()
    name = bucket.bucket
    versioning = make(s3.BucketVersioning, "bucket_versioning", render_bucket.versioning_args(plan, name))
    return _BucketSettings(
        ownership=make(s3.BucketOwnershipControls, "bucket_ownership", render_bucket.ownership_args(plan, name)),
        public_access_block=make(
            s3.BucketPublicAccessBlock,
            "bucket_public_access_block",
            render_bucket.public_access_block_args(plan, name),
        ),
        encryption=make(
            s3.BucketServerSideEncryptionConfiguration, "bucket_encryption", render_bucket.encryption_args(plan, name)
        ),
        versioning=versioning,
        lifecycle=make(
            s3.BucketLifecycleConfiguration,
            "bucket_lifecycle",
            render_bucket.lifecycle_args(plan, name),
            depends_on=[versioning],
        ),
    )


def _bucket_place(plan: EdgePlan, bucket: s3.Bucket | None, parent: pulumi.Resource) -> _BucketPlace | None:
    """Where the bucket is. An existing one is looked up and never modified."""
    if bucket is not None:
        return _BucketPlace(bucket.bucket, bucket.arn, bucket.bucket_regional_domain_name)
    if plan.bucket is None or plan.bucket.existing is None:
        return None
    found = s3.get_bucket_output(
        bucket=plan.bucket.existing, region=plan.bucket.region, opts=pulumi.InvokeOptions(parent=parent)
    )
    return _BucketPlace(plan.bucket.existing, found.arn, found.bucket_regional_domain_name)


def _access_identity(make: Maker) -> cf.OriginAccessIdentity | None:
    if not _reads_bucket(make.plan, BucketAccess.OAI):
        return None
    args = render_origins.access_identity_args(make.plan)
    return make(cf.OriginAccessIdentity, "origin_access_identity", args)


def _access_control(make: Maker) -> cf.OriginAccessControl | None:
    if not _reads_bucket(make.plan, BucketAccess.OAC):
        return None
    args = render_origins.access_control_args(make.plan)
    return make(cf.OriginAccessControl, "origin_access_control", args)


def _bucket_origin(
    place: _BucketPlace | None,
    identity: cf.OriginAccessIdentity | None,
    control: cf.OriginAccessControl | None,
) -> BucketOrigin | None:
    if place is None:
        return None
    return BucketOrigin(
        place.domain_name,
        identity_path=identity.cloudfront_access_identity_path if identity else None,
        access_control_id=control.id if control else None,
    )


def _read_statement(
    plan: EdgePlan,
    place: _BucketPlace | None,
    identity: cf.OriginAccessIdentity | None,
    distribution: cf.Distribution,
) -> Statement | None:
    if plan.bucket is None or place is None:
        return None
    if identity is not None:
        return render_bucket.read_by_identity(plan.bucket.paths, place.arn, identity.iam_arn)
    return render_bucket.read_by_distribution(plan.bucket.paths, place.arn, distribution.arn)


def _bucket_policy(
    make: Maker, bucket: s3.Bucket | None, settings: _BucketSettings, statement: Statement | None
) -> s3.BucketPolicy | None:
    plan, block = make.plan.bucket, settings.public_access_block
    if plan is None or bucket is None or block is None or statement is None:
        return None
    args = render_bucket.policy_args(plan, bucket.bucket, bucket.arn, statement)
    # S3 refuses one of the two when they are put at the same time.
    return make(s3.BucketPolicy, "bucket_policy", args, depends_on=[block])


def _statement_to_add(plan: EdgePlan, statement: Statement | None) -> pulumi.Output[str | None]:
    """The statement that the policy of an existing bucket lacks, as JSON."""
    if statement is None or _makes_bucket(plan):
        return pulumi.Output.from_input(None)
    return pulumi.Output.json_dumps(statement)


# Policies -------------------------------------------------------------------------------------------------------------
def _cache_policies(make: Maker) -> dict[PolicyPlan, cf.CachePolicy]:
    return {
        policy: make(
            cf.CachePolicy,
            "cache_policy",
            render_policies.cache_policy_args(make.plan, policy),
            digest=render_policies.suffix(make.plan, policy),
        )
        for policy in make.plan.policies
    }


def _origin_request_policy(make: Maker) -> cf.OriginRequestPolicy | None:
    if not render_policies.forwarded_headers(make.plan):
        return None
    args = render_policies.origin_request_policy_args(make.plan)
    return make(cf.OriginRequestPolicy, "origin_request_policy", args)


def _response_headers_policies(make: Maker) -> dict[HeaderChanges, cf.ResponseHeadersPolicy]:
    return {
        changes: make(
            cf.ResponseHeadersPolicy,
            "response_headers_policy",
            render_response_headers.response_headers_policy_args(make.plan, changes),
            digest=changes.suffix,
        )
        for changes in render_response_headers.all_header_changes(make.plan)
    }


# The rest -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Logs:
    """The chain that delivers access logs. None when they are not asked for."""

    source: cloudwatch.LogDeliverySource | None = None
    destination: cloudwatch.LogDeliveryDestination | None = None
    delivery: cloudwatch.LogDelivery | None = None


def _logs(make: Maker, distribution: cf.Distribution) -> _Logs:
    logging, tags = make.plan.logging, dict(make.plan.tags) or None
    if logging is None:
        return _Logs()
    source = make(
        cloudwatch.LogDeliverySource, "log_delivery_source", render_logging.source_args(distribution.arn, tags)
    )
    destination = make(
        cloudwatch.LogDeliveryDestination, "log_delivery_destination", render_logging.destination_args(logging, tags)
    )
    delivery = make(
        cloudwatch.LogDelivery, "log_delivery", render_logging.delivery_args(source.name, destination.arn, tags)
    )
    return _Logs(source, destination, delivery)


def _url(plan: EdgePlan, distribution: cf.Distribution) -> pulumi.Output[str]:
    if plan.custom_domain is not None:
        return pulumi.Output.from_input(f"https://{plan.custom_domain.names[0]}")
    return pulumi.Output.concat("https://", distribution.domain_name)
