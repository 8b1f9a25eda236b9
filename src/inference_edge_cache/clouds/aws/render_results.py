"""The results bucket: what the gateway has stored, where CloudFront reads it by itself, and the discovery document.

Private as the other bucket is, and otherwise unlike it: everything in it can be made again, so it keeps no versions,
forgets by itself, and goes with the stack.
"""

from collections.abc import Mapping

import pulumi
from pulumi_aws import s3

from inference_edge_cache.clouds import gateways
from inference_edge_cache.clouds.aws import render_bucket
from inference_edge_cache.clouds.aws.render_bucket import Statement
from inference_edge_cache.plan.model import BucketPlan, GatewayPlan
from inference_edge_cache.plan.paths import PathPattern
from inference_edge_cache.protocol import DISCOVERY_PATH

BUCKET = BucketPlan(existing=None, paths=(), retention_days=None, region=None, kms_key=None, force_destroy=True)
"""What the two buckets have in common is rendered alike."""


def bucket_args(tags: Mapping[str, pulumi.Input[str]] | None) -> s3.BucketArgs:
    return render_bucket.bucket_args(BUCKET, tags)


def lifecycle_args(gateway: GatewayPlan, bucket: pulumi.Input[str]) -> s3.BucketLifecycleConfigurationArgs:
    """Results of a route are deleted when none of them counts any more, in whole days: S3 knows no shorter ones."""
    rules = [
        s3.BucketLifecycleConfigurationRuleArgs(
            id=route.path,
            status="Enabled",
            filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=route.answers.lstrip("/")),
            expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=route.days),
        )
        for route in gateway.routes
    ]
    return s3.BucketLifecycleConfigurationArgs(bucket=bucket, rules=[*rules, render_bucket.abandoned_uploads()])


def served_paths(gateway: GatewayPlan) -> tuple[PathPattern, ...]:
    """What CloudFront reads in the bucket by itself."""
    answers = (PathPattern(f"{route.answers}*") for route in gateway.routes if route.in_the_bucket_of_the_cdn)
    return (PathPattern(DISCOVERY_PATH), *answers)


def policy_args(bucket: pulumi.Input[str], arn: pulumi.Input[str], read: Statement) -> s3.BucketPolicyArgs:
    return render_bucket.policy_args(BUCKET, bucket, arn, read)


def discovery_args(gateway: GatewayPlan, bucket: pulumi.Input[str]) -> s3.BucketObjectv2Args:
    return s3.BucketObjectv2Args(
        bucket=bucket,
        key=DISCOVERY_PATH.lstrip("/"),
        content=gateway.discovery.decode("utf-8"),
        content_type="application/json",
        cache_control=f"public, max-age={gateways.DISCOVERY_MAX_AGE}",
    )
