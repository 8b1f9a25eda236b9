"""The results bucket: what the gateway has stored, where Media CDN reads it by itself, and the discovery document.

Everything in it can be made again, so it is a forgetful one, and forgets by itself.
"""

import dataclasses

import pulumi
from pulumi_gcp import storage

from inference_edge_cache.clouds import gateways
from inference_edge_cache.clouds.gcp import render_bucket
from inference_edge_cache.clouds.gcp.values import lifted
from inference_edge_cache.plan.model import EdgePlan, GatewayPlan
from inference_edge_cache.protocol import DISCOVERY_PATH, parse_edge_config

WRITER_ROLE = "roles/storage.objectUser"
"""The narrowest of Cloud Storage's own roles that may get, create, delete (to replace one) and list objects
(cloud.google.com/storage/docs/access-control/iam-roles)."""

_DOCUMENT = DISCOVERY_PATH.lstrip("/")


def bucket_args(plan: EdgePlan, gateway: GatewayPlan, region: pulumi.Input[str]) -> storage.BucketArgs:
    """Beside the gateway, so that a look into it is quick."""
    args = render_bucket.forgetful_args(plan, region)
    args.lifecycle_rules = _lifecycle(gateway)
    return args


def _lifecycle(gateway: GatewayPlan) -> list[storage.BucketLifecycleRuleArgs]:
    """Results of a route are deleted when none of them counts any more, in whole days: there are no shorter ones. One
    rule for all routes of as many days: a bucket has at most 100 (cloud.google.com/storage/quotas)."""
    expired = [
        storage.BucketLifecycleRuleArgs(
            action=storage.BucketLifecycleRuleActionArgs(type="Delete"),
            condition=storage.BucketLifecycleRuleConditionArgs(
                age=days,
                matches_prefixes=[route.answers.lstrip("/") for route in gateway.routes if route.days == days],
            ),
        )
        for days in sorted({route.days for route in gateway.routes})
    ]
    return [*expired, render_bucket.abandoned_uploads()]


def writer_args(bucket: pulumi.Input[str], member: pulumi.Input[str]) -> storage.BucketIAMMemberArgs:
    """All objects but the discovery document: whoever can write that tells clients where to send their API keys.

    Listing is for the sake of a 404: to whoever may not list, Cloud Storage says 403 of an object that is not there
    (cloud.google.com/storage/docs/json_api/v1/status-codes).
    """
    condition = lifted(bucket, lambda name: f'resource.name != "projects/_/buckets/{name}/objects/{_DOCUMENT}"')
    return storage.BucketIAMMemberArgs(
        bucket=bucket,
        role=WRITER_ROLE,
        member=member,
        condition=storage.BucketIAMMemberConditionArgs(title="results", expression=condition),
    )


def discovery_args(
    gateway: GatewayPlan, bucket: pulumi.Input[str], upload_url: pulumi.Input[str]
) -> storage.BucketObjectArgs:
    """The document, with the gateway's own URL for what Media CDN does not take."""
    return storage.BucketObjectArgs(
        bucket=bucket,
        name=_DOCUMENT,
        content=lifted(upload_url, lambda url: _document(gateway, url)),
        content_type="application/json",
        cache_control=f"public, max-age={gateways.DISCOVERY_MAX_AGE}",
    )


def _document(gateway: GatewayPlan, upload_url: str) -> str:
    config = dataclasses.replace(parse_edge_config(gateway.discovery), upload_url=upload_url)
    return config.to_json().decode("utf-8")
