"""The private bucket and what keeps it private."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_aws import s3

from inference_edge_cache.plan.model import BucketPlan
from inference_edge_cache.plan.paths import PathPattern

ABANDONED_UPLOAD_DAYS = 7
OLD_VERSION_DAYS = 30

Statement = Mapping[str, Any]


def bucket_args(plan: BucketPlan, tags: Mapping[str, pulumi.Input[str]] | None) -> s3.BucketArgs:
    return s3.BucketArgs(force_destroy=plan.force_destroy, region=plan.region, tags=tags)


def ownership_args(plan: BucketPlan, bucket: pulumi.Input[str]) -> s3.BucketOwnershipControlsArgs:
    rule = s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced")
    return s3.BucketOwnershipControlsArgs(bucket=bucket, rule=rule, region=plan.region)


def public_access_block_args(plan: BucketPlan, bucket: pulumi.Input[str]) -> s3.BucketPublicAccessBlockArgs:
    return s3.BucketPublicAccessBlockArgs(
        bucket=bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        region=plan.region,
    )


def encryption_args(plan: BucketPlan, bucket: pulumi.Input[str]) -> s3.BucketServerSideEncryptionConfigurationInitArgs:
    """AES-256 with S3's own keys, or a KMS key.

    The policy of a KMS key must allow ``kms:Decrypt`` to ``cloudfront.amazonaws.com`` for the distribution's ARN: the
    component cannot change a key that is not its own.
    """
    kms = plan.kms_key is not None
    usual = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms" if kms else "AES256", kms_master_key_id=plan.kms_key
    )
    # A bucket key makes one KMS request out of many. Without a KMS key it means nothing.
    rule = s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=usual, bucket_key_enabled=True if kms else None
    )
    return s3.BucketServerSideEncryptionConfigurationInitArgs(bucket=bucket, rules=[rule], region=plan.region)


def versioning_args(plan: BucketPlan, bucket: pulumi.Input[str]) -> s3.BucketVersioningInitArgs:
    enabled = s3.BucketVersioningVersioningConfigurationArgs(status="Enabled")
    return s3.BucketVersioningInitArgs(bucket=bucket, versioning_configuration=enabled, region=plan.region)


def lifecycle_args(plan: BucketPlan, bucket: pulumi.Input[str]) -> s3.BucketLifecycleConfigurationArgs:
    """What is deleted, and when. Make it after the versioning it speaks of."""
    rules = [
        abandoned_uploads(),
        _rule(
            "old-versions",
            noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=OLD_VERSION_DAYS
            ),
        ),
    ]
    if plan.retention_days is not None:
        expiration = s3.BucketLifecycleConfigurationRuleExpirationArgs(days=plan.retention_days)
        rules.append(_rule("retention", expiration=expiration))
    return s3.BucketLifecycleConfigurationArgs(bucket=bucket, rules=rules, region=plan.region)


def abandoned_uploads() -> s3.BucketLifecycleConfigurationRuleArgs:
    """Whoever may put an object may begin one in parts, which are kept and charged until somebody ends it."""
    return _rule(
        "abandoned-uploads",
        abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=ABANDONED_UPLOAD_DAYS
        ),
    )


def _rule(name: str, **action: Any) -> s3.BucketLifecycleConfigurationRuleArgs:
    whole_bucket = s3.BucketLifecycleConfigurationRuleFilterArgs()
    return s3.BucketLifecycleConfigurationRuleArgs(id=name, status="Enabled", filter=whole_bucket, **action)


def policy_args(
    plan: BucketPlan, bucket: pulumi.Input[str], arn: pulumi.Input[str], read: Statement
) -> s3.BucketPolicyArgs:
    """``read``, and no plain HTTP for anybody."""
    encrypted_only = {
        "Sid": "DenyPlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, pulumi.Output.concat(arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [read, encrypted_only]})
    return s3.BucketPolicyArgs(bucket=bucket, policy=document, region=plan.region)


def read_by_identity(
    paths: Sequence[PathPattern], arn: pulumi.Input[str], identity_arn: pulumi.Input[str]
) -> Statement:
    """The statement that lets an Origin Access Identity read what ``paths`` serve, and nothing else."""
    return _read(paths, arn, {"Principal": {"AWS": identity_arn}})


def read_by_distribution(
    paths: Sequence[PathPattern], arn: pulumi.Input[str], distribution_arn: pulumi.Input[str]
) -> Statement:
    """The statement that lets one distribution, signing with Origin Access Control, read what ``paths`` serve."""
    return _read(
        paths,
        arn,
        {
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Condition": {"StringEquals": {"AWS:SourceArn": distribution_arn}},
        },
    )


def _read(paths: Sequence[PathPattern], arn: pulumi.Input[str], reader: Statement) -> Statement:
    # * and ? mean the same in a resource pattern of S3 as in a path pattern of CloudFront.
    objects = [pulumi.Output.concat(arn, path.text) for path in paths]
    return {"Sid": "AllowCloudFrontRead", "Effect": "Allow", **reader, "Action": "s3:GetObject", "Resource": objects}
