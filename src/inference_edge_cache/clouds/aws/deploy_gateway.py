"""Makes the gateway and what surrounds it. What is in the resources is in ``render_gateway`` and ``render_results``.

In this order: what the function needs, the function, its URL; the distribution, which is not made here; then who may
call, and the discovery document, so that clients hear of a generation when everything behind it answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import cloudfront as cf
from pulumi_aws import cloudwatch, iam, lambda_, s3, secretsmanager

from inference_edge_cache.args import FrontDoor
from inference_edge_cache.clouds import gateways
from inference_edge_cache.clouds.aws import (
    render_bucket,
    render_dashboard,
    render_gateway,
    render_origins,
    render_policies,
    render_preflight,
    render_results,
)
from inference_edge_cache.clouds.aws.render_gateway import Account, Tags
from inference_edge_cache.clouds.aws.render_origins import BucketOrigin, GatewayOrigin
from inference_edge_cache.clouds.making import Maker
from inference_edge_cache.plan.model import EdgePlan, GatewayPlan

ARGS: Mapping[str, type] = {
    "results": s3.BucketArgs,
    "results_ownership": s3.BucketOwnershipControlsArgs,
    "results_public_access_block": s3.BucketPublicAccessBlockArgs,
    "results_encryption": s3.BucketServerSideEncryptionConfigurationInitArgs,
    "results_lifecycle": s3.BucketLifecycleConfigurationArgs,
    "results_policy": s3.BucketPolicyArgs,
    "discovery_document": s3.BucketObjectv2Args,
    "master_secret": secretsmanager.SecretArgs,
    "master_secret_version": secretsmanager.SecretVersionArgs,
    "model_headers": secretsmanager.SecretArgs,
    "model_headers_version": secretsmanager.SecretVersionArgs,
    "gateway": lambda_.FunctionArgs,
    "gateway_role": iam.RoleArgs,
    "gateway_role_policy": iam.RolePolicyArgs,
    "gateway_logs": cloudwatch.LogGroupArgs,
    "gateway_url": lambda_.FunctionUrlArgs,
    "gateway_url_permission": lambda_.PermissionArgs,
    "gateway_invoke_permission": lambda_.PermissionArgs,
    "gateway_signing": cf.OriginAccessControlArgs,
    "payload_policy": cf.OriginRequestPolicyArgs,
    "preflight": cf.FunctionArgs,
    "dashboard": cloudwatch.DashboardArgs,
}
"""Logical child to its arguments: what ``overrides`` may name."""


def children_made(plan: EdgePlan) -> frozenset[str]:
    """The logical children that the gateway of ``plan`` makes, known before any of them is."""
    gateway = plan.gateway
    if gateway is None:
        return frozenset()
    unmade = {"master_secret", "master_secret_version"} if gateway.master_secret is None else set[str]()
    unmade |= set() if gateways.model_with_headers(gateway) else {"model_headers", "model_headers_version"}
    unmade |= {"preflight"} if plan.cors is None else set()
    unmade |= set() if gateway.front_door is FrontDoor.IAM else {"gateway_signing"}
    unmade |= set() if gateway.dashboard else {"dashboard"}
    return frozenset(ARGS.keys() - unmade)


@dataclass(frozen=True)
class Gateway:
    """The gateway, as far as it is made before the distribution; ``resources`` are by logical child."""

    plan: GatewayPlan
    results: s3.Bucket
    function: lambda_.Function
    url: lambda_.FunctionUrl
    resources: Mapping[str, Any]

    @property
    def ready(self) -> list[pulumi.Resource]:
        """What the distribution waits for: the function, and with ``secret`` that everybody may call it."""
        permissions = [made for child, made in self.resources.items() if child.endswith("_permission")]
        return [self.function, self.url, *permissions]


def make_gateway(make: Maker) -> Gateway | None:
    """The gateway, ready for a distribution in front of it."""
    plan = make.plan.gateway
    if plan is None:
        return None
    tags = dict(make.plan.tags) or None
    bucket = make(s3.Bucket, "results", render_results.bucket_args(tags))
    secrets = {**_master_secret(make, plan, tags), **_model_headers(make, plan, tags)}
    runs_as = _role(make, plan, bucket, secrets, tags)
    function = make(
        lambda_.Function,
        "gateway",
        render_gateway.function_args(
            make.plan.name,
            plan,
            role=runs_as["gateway_role"].arn,
            log_group=runs_as["gateway_logs"].name,
            variables=_variables(plan, bucket, secrets),
            tags=tags,
        ),
        # One that starts before it may read its secrets would not be set up.
        depends_on=[runs_as["gateway_role_policy"], *_versions(secrets)],
    )
    url = make(lambda_.FunctionUrl, "gateway_url", render_gateway.url_args(plan, function.name))
    resources = {
        "results": bucket,
        **_results_settings(make, plan, bucket),
        **secrets,
        **runs_as,
        "gateway": function,
        "gateway_url": url,
        **(_signing(make) if plan.front_door is FrontDoor.IAM else _permissions(make, plan, function, None)),
        "payload_policy": make(
            cf.OriginRequestPolicy, "payload_policy", render_policies.payload_policy_args(make.plan)
        ),
    }
    if make.plan.cors is not None:
        args = render_preflight.function_args(make.plan.name, make.plan.cors, tags)
        resources["preflight"] = make(cf.Function, "preflight", args)
    return Gateway(plan, bucket, function, url, resources)


def gateway_origin(
    make: Maker,
    gateway: Gateway,
    identity: cf.OriginAccessIdentity | None,
    control: cf.OriginAccessControl | None,
) -> GatewayOrigin:
    """How the distribution reaches the gateway and the results bucket."""
    signing = gateway.resources.get("gateway_signing")
    return GatewayOrigin(
        domain_name=gateway.url.function_url.apply(_host),
        results=BucketOrigin(
            gateway.results.bucket_regional_domain_name,
            identity_path=identity.cloudfront_access_identity_path if identity else None,
            access_control_id=control.id if control else None,
        ),
        shield=render_origins.shield_near(make.plan.origin_shield or aws.get_region_output(opts=_invoke(make)).region),
        # Where CloudFront signs, it has nothing else to show.
        proof=None if gateway.plan.front_door is FrontDoor.IAM else gateways.proof(gateway.plan),
        access_control_id=None if signing is None else signing.id,
    )


def open_gateway(
    make: Maker, gateway: Gateway, identity: cf.OriginAccessIdentity | None, distribution: cf.Distribution
) -> dict[str, Any]:
    """What comes after the distribution: who may read and call by way of it, then the discovery document. All
    resources of the gateway, by logical child."""
    plan, bucket = gateway.plan, gateway.results
    paths = render_results.served_paths(plan)
    if identity is not None:
        read = render_bucket.read_by_identity(paths, bucket.arn, identity.iam_arn)
    else:
        read = render_bucket.read_by_distribution(paths, bucket.arn, distribution.arn)
    policy = make(
        s3.BucketPolicy,
        "results_policy",
        render_results.policy_args(bucket.bucket, bucket.arn, read),
        # S3 refuses one of the two when they are put at the same time.
        depends_on=[gateway.resources["results_public_access_block"]],
    )
    permissions = {}
    if plan.front_door is FrontDoor.IAM:
        permissions = _permissions(make, plan, gateway.function, distribution.arn)
    document = make(
        s3.BucketObjectv2,
        "discovery_document",
        render_results.discovery_args(plan, bucket.bucket),
        # Clients hear of a generation when everything that answers it is there.
        depends_on=[distribution, policy, *permissions.values()],
    )
    made = {**gateway.resources, "results_policy": policy, **permissions, "discovery_document": document}
    return made | _dashboard(make, gateway, distribution)


# Results --------------------------------------------------------------------------------------------------------------
def _results_settings(make: Maker, plan: GatewayPlan, bucket: s3.Bucket) -> dict[str, Any]:
    place, name = render_results.BUCKET, bucket.bucket
    return {
        "results_ownership": make(
            s3.BucketOwnershipControls, "results_ownership", render_bucket.ownership_args(place, name)
        ),
        "results_public_access_block": make(
            s3.BucketPublicAccessBlock,
            "results_public_access_block",
            render_bucket.public_access_block_args(place, name),
        ),
        "results_encryption": make(
            s3.BucketServerSideEncryptionConfiguration,
            "results_encryption",
            render_bucket.encryption_args(place, name),
        ),
        "results_lifecycle": make(
            s3.BucketLifecycleConfiguration, "results_lifecycle", render_results.lifecycle_args(plan, name)
        ),
    }


# Secrets --------------------------------------------------------------------------------------------------------------
def _master_secret(make: Maker, plan: GatewayPlan, tags: Tags) -> dict[str, Any]:
    if plan.master_secret is None:
        return {}
    description = f"What the API keys of the edge cache {make.plan.name} follow from"
    args = render_gateway.secret_args(description, tags)
    return _secret(make, "master_secret", args, lambda secret: render_gateway.master_version_args(plan, secret))


def _model_headers(make: Maker, plan: GatewayPlan, tags: Tags) -> dict[str, Any]:
    model = gateways.model_with_headers(plan)
    if model is None:
        return {}
    description = f"The headers with which the gateway of {make.plan.name} asks the model"
    args = render_gateway.secret_args(description, tags)
    return _secret(make, "model_headers", args, lambda secret: render_gateway.headers_version_args(model, secret))


def _secret(
    make: Maker,
    child: str,
    args: secretsmanager.SecretArgs,
    version_args: Callable[[pulumi.Output[str]], secretsmanager.SecretVersionArgs],
) -> dict[str, Any]:
    secret, version = make(secretsmanager.Secret, child, args), f"{child}_version"
    return {child: secret, version: make(secretsmanager.SecretVersion, version, version_args(secret.id))}


def _versions(secrets: Mapping[str, Any]) -> list[pulumi.Resource]:
    return [made for child, made in secrets.items() if child.endswith("_version")]


# Function -------------------------------------------------------------------------------------------------------------
def _role(make: Maker, plan: GatewayPlan, bucket: s3.Bucket, secrets: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
    role = make(iam.Role, "gateway_role", render_gateway.role_args(make.plan.name, tags))
    logs = make(cloudwatch.LogGroup, "gateway_logs", render_gateway.logs_args(plan, tags))
    account = _account(make) if render_gateway.needs_account(plan) else None
    statements = [
        *render_gateway.may_ask(plan, account),
        *render_gateway.may_store(plan, bucket.arn),
        *render_gateway.may_read(
            [secrets[child].arn for child in ("master_secret", "model_headers") if child in secrets]
        ),
        render_gateway.may_log(logs.arn),
    ]
    policy = make(iam.RolePolicy, "gateway_role_policy", render_gateway.role_policy_args(role.id, statements))
    return {"gateway_role": role, "gateway_logs": logs, "gateway_role_policy": policy}


def _account(make: Maker) -> Account:
    opts = _invoke(make)
    return Account(
        partition=aws.get_partition_output(opts=opts).partition,
        region=aws.get_region_output(opts=opts).region,
        account=aws.get_caller_identity_output(opts=opts).account_id,
    )


def _variables(plan: GatewayPlan, bucket: s3.Bucket, secrets: Mapping[str, Any]) -> dict[str, pulumi.Input[str]]:
    def version(child: str) -> tuple[pulumi.Input[str], pulumi.Input[str]] | None:
        return (secrets[child].arn, secrets[f"{child}_version"].version_id) if child in secrets else None

    return render_gateway.variables(plan, bucket.bucket, version("master_secret"), version("model_headers"))


# Front door -----------------------------------------------------------------------------------------------------------
def _signing(make: Maker) -> dict[str, Any]:
    args = render_gateway.signing_args(make.plan.name)
    return {"gateway_signing": make(cf.OriginAccessControl, "gateway_signing", args)}


def _permissions(
    make: Maker, plan: GatewayPlan, function: lambda_.Function, distribution: pulumi.Input[str] | None
) -> dict[str, Any]:
    return {
        "gateway_url_permission": make(
            lambda_.Permission,
            "gateway_url_permission",
            render_gateway.url_permission_args(plan, function.name, distribution),
        ),
        "gateway_invoke_permission": make(
            lambda_.Permission,
            "gateway_invoke_permission",
            render_gateway.invoke_permission_args(plan, function.name, distribution),
        ),
    }


# What is seen of it --------------------------------------------------------------------------------------------------
def _dashboard(make: Maker, gateway: Gateway, distribution: cf.Distribution) -> dict[str, Any]:
    if not gateway.plan.dashboard:
        return {}
    shown = render_dashboard.Shown(
        region=aws.get_region_output(opts=_invoke(make)).region,
        distribution=distribution.id,
        function=gateway.function.name,
        log_group=gateway.resources["gateway_logs"].name,
    )
    return {
        "dashboard": make(cloudwatch.Dashboard, "dashboard", render_dashboard.dashboard_args(make.plan.name, shown))
    }


def _host(url: str) -> str:
    """``https://<id>.lambda-url.<region>.on.aws/`` as CloudFront names an origin."""
    return url.removeprefix("https://").rstrip("/")


def _invoke(make: Maker) -> pulumi.InvokeOptions:
    return pulumi.InvokeOptions(parent=make.parent)
