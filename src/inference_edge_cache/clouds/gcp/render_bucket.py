"""The private bucket, and the grant by which Media CDN reads it."""

import pulumi
from pulumi_gcp import storage

from inference_edge_cache.clouds.gcp.render_labels import labels
from inference_edge_cache.clouds.gcp.values import lifted
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.model import BucketPlan

DEFAULT_LOCATION = "US"
NONCURRENT_DAYS = 30
ABANDONED_UPLOAD_DAYS = 7
READER_ROLE = "roles/storage.objectViewer"


def bucket_args(plan: EdgePlan, bucket: BucketPlan) -> storage.BucketArgs:
    """A bucket that nobody can make public, with old versions and abandoned uploads cleaned up."""
    return storage.BucketArgs(
        location=bucket.region or DEFAULT_LOCATION,
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        versioning=storage.BucketVersioningArgs(enabled=True),
        lifecycle_rules=_lifecycle(bucket.retention_days),
        encryption=_encryption(bucket.kms_key),
        force_destroy=bucket.force_destroy,
        labels=labels(plan),
    )


def forgetful_args(plan: EdgePlan, region: pulumi.Input[str]) -> storage.BucketArgs:
    """A bucket that nobody can make public either, for what can be made again: it keeps no versions and nothing that
    was deleted, and goes with the stack."""
    return storage.BucketArgs(
        location=region,
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        soft_delete_policy=storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=0),
        versioning=storage.BucketVersioningArgs(enabled=False),
        force_destroy=True,
        labels=labels(plan),
    )


def bucket_reader_args(
    bucket_name: pulumi.Input[str], project_number: pulumi.Input[str]
) -> storage.BucketIAMMemberArgs:
    """Read access for the service agent that fills Media CDN's caches in this project.

    For the whole bucket: under a condition on object names the agent could not list, and Cloud Storage answers 403 in
    place of 404 for a missing object to whoever cannot list; and a bucket without uniform access takes no conditions.
    """
    return storage.BucketIAMMemberArgs(bucket=bucket_name, role=READER_ROLE, member=lifted(project_number, _fill_agent))


def abandoned_uploads() -> storage.BucketLifecycleRuleArgs:
    """Whoever may put an object may begin one in parts, and parts are kept until somebody ends it."""
    old = storage.BucketLifecycleRuleConditionArgs(age=ABANDONED_UPLOAD_DAYS)
    return _rule("AbortIncompleteMultipartUpload", old)


def _encryption(kms_key: pulumi.Input[str] | None) -> storage.BucketEncryptionArgs | None:
    """The user's own key; without one Cloud Storage encrypts with Google's (AES-256)."""
    return None if kms_key is None else storage.BucketEncryptionArgs(default_kms_key_name=kms_key)


def _fill_agent(project_number: str) -> str:
    return f"serviceAccount:service-{project_number}@gcp-sa-mediaedgefill.iam.gserviceaccount.com"


def _lifecycle(retention_days: int | None) -> list[storage.BucketLifecycleRuleArgs]:
    noncurrent = storage.BucketLifecycleRuleConditionArgs(
        days_since_noncurrent_time=NONCURRENT_DAYS, with_state="ARCHIVED"
    )
    rules = [_rule("Delete", noncurrent), abandoned_uploads()]
    if retention_days is not None:
        # Of any state: the version that deleting a live object leaves behind is as old, and goes with the next run.
        old = storage.BucketLifecycleRuleConditionArgs(age=retention_days, with_state="ANY")
        rules.append(_rule("Delete", old))
    return rules


def _rule(action: str, condition: storage.BucketLifecycleRuleConditionArgs) -> storage.BucketLifecycleRuleArgs:
    return storage.BucketLifecycleRuleArgs(
        action=storage.BucketLifecycleRuleActionArgs(type=action), condition=condition
    )
