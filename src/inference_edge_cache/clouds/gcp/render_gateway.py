"""The gateway: a function on Cloud Run, its source, its account and what that may do, and who may call it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_gcp import cloudfunctionsv2, cloudrunv2, projects, secretmanager, serviceaccount, storage, vertex

from inference_edge_cache.clouds import gateways
from inference_edge_cache.clouds.gcp import render_bucket
from inference_edge_cache.clouds.gcp.render_labels import labels
from inference_edge_cache.gateway import archive, assembly
from inference_edge_cache.plan.model import EdgePlan, GatewayPlan, HttpsModelPlan, VertexModelPlan

RUNTIME = "python313"

PROCESSORS = "1"
"""A function with less than one works on one request at a time (cloud.google.com/run/docs/configuring/concurrency)."""

PREDICT = "aiplatform.endpoints.predict"


# Secrets --------------------------------------------------------------------------------------------------------------
def secret_args(plan: EdgePlan) -> secretmanager.SecretArgs:
    automatic = secretmanager.SecretReplicationArgs(auto=secretmanager.SecretReplicationAutoArgs())
    return secretmanager.SecretArgs(replication=automatic, labels=labels(plan))


def master_version_args(gateway: GatewayPlan, secret: pulumi.Input[str]) -> secretmanager.SecretVersionArgs:
    """Another master is another version, and the one before it counts beside it until somebody disables it: so it is
    left where it is, and goes with the secret."""
    assert gateway.master_secret is not None
    return secretmanager.SecretVersionArgs(
        secret=secret, secret_data=pulumi.Output.secret(gateway.master_secret), deletion_policy="ABANDON"
    )


def headers_version_args(model: HttpsModelPlan, secret: pulumi.Input[str]) -> secretmanager.SecretVersionArgs:
    return secretmanager.SecretVersionArgs(secret=secret, secret_data=gateways.headers_secret(model))


def secret_reader_args(secret: pulumi.Input[str], member: pulumi.Input[str]) -> secretmanager.SecretIamMemberArgs:
    """That one secret, and what it says: neither its history nor its name can be listed."""
    return secretmanager.SecretIamMemberArgs(secret_id=secret, role="roles/secretmanager.secretAccessor", member=member)


# Account --------------------------------------------------------------------------------------------------------------
def account_args(plan: EdgePlan, short_name: str) -> serviceaccount.AccountArgs:
    return serviceaccount.AccountArgs(account_id=short_name, description=f"What the gateway of {plan.name} runs as")


def model_role_args(plan: EdgePlan, model: VertexModelPlan, short_name: str) -> projects.IAMCustomRoleArgs:
    """One permission. Of Vertex AI's own roles the narrowest that has it, roles/aiplatform.user, may delete endpoints
    (cloud.google.com/vertex-ai/docs/general/access-control)."""
    return projects.IAMCustomRoleArgs(
        # A hyphen is refused (cloud.google.com/iam/docs/creating-custom-roles).
        role_id=short_name.replace("-", "_"),
        title=f"Gateway of {plan.name}",
        description="Asks models on Vertex AI",
        permissions=[PREDICT],
        project=model.project,
    )


def model_caller_args(
    model: VertexModelPlan, role: pulumi.Input[str], member: pulumi.Input[str]
) -> vertex.AiEndpointIamMemberArgs:
    """The one endpoint (cloud.google.com/vertex-ai/docs/general/endpoint-access-control)."""
    return vertex.AiEndpointIamMemberArgs(
        endpoint=model.endpoint, location=model.region, project=model.project, role=role, member=member
    )


def publisher_model_caller_args(
    project: pulumi.Input[str], role: pulumi.Input[str], member: pulumi.Input[str]
) -> projects.IAMMemberArgs:
    """A publisher's model has no access policy of its own: the project's is the narrowest there is."""
    return projects.IAMMemberArgs(project=project, role=role, member=member)


# Source ---------------------------------------------------------------------------------------------------------------
def source_args(plan: EdgePlan, region: pulumi.Input[str]) -> storage.BucketArgs:
    """A bucket apart from the results: what runs is not for what runs to write."""
    return render_bucket.forgetful_args(plan, region)


def source_archive_args(gateway: GatewayPlan, bucket: pulumi.Input[str]) -> storage.BucketObjectArgs:
    """The gateway as it is installed here, and its configuration. Its name says what is in it, so that a function is
    built anew when something of it changes, and only then."""
    installed = archive.archive_paths()
    written = {**archive.function_files(), assembly.CONFIG_NAME: gateway.config}
    contents = {**{name: path.read_bytes() for name, path in installed.items()}, **written}
    return storage.BucketObjectArgs(
        bucket=bucket,
        name=f"gateway-{digest_of(contents)}.zip",
        source=gateways.source(installed, written),
        content_type="application/zip",
    )


def digest_of(files: Mapping[str, bytes]) -> str:
    """Sixteen hex characters: equal for equal files under equal names, in any order."""
    parts = [hashlib.sha256(name.encode()).digest() + hashlib.sha256(files[name]).digest() for name in sorted(files)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


# Function -------------------------------------------------------------------------------------------------------------
def function_args(
    plan: EdgePlan,
    gateway: GatewayPlan,
    *,
    short_name: str,
    region: pulumi.Input[str],
    bucket: pulumi.Input[str],
    archive_name: pulumi.Input[str],
    account: pulumi.Input[str],
    variables: Mapping[str, pulumi.Input[str]],
) -> cloudfunctionsv2.FunctionArgs:
    """Built by Cloud Build from the archive. Media CDN comes from outside, so everybody reaches it, and it looks who it
    is."""
    source = cloudfunctionsv2.FunctionBuildConfigSourceStorageSourceArgs(bucket=bucket, object=archive_name)
    return cloudfunctionsv2.FunctionArgs(
        name=short_name,
        location=region,
        description=f"The gateway of the edge cache {plan.name}",
        build_config=cloudfunctionsv2.FunctionBuildConfigArgs(
            runtime=RUNTIME,
            entry_point=archive.FUNCTION_ENTRY_POINT,
            source=cloudfunctionsv2.FunctionBuildConfigSourceArgs(storage_source=source),
        ),
        service_config=cloudfunctionsv2.FunctionServiceConfigArgs(
            available_cpu=PROCESSORS,
            available_memory=f"{gateway.memory}Mi",
            timeout_seconds=gateway.timeout,
            min_instance_count=gateway.min_instances,
            max_instance_count=gateway.max_instances,
            max_instance_request_concurrency=gateway.concurrency,
            environment_variables=dict(variables),
            service_account_email=account,
            ingress_settings="ALLOW_ALL",
            all_traffic_on_latest_revision=True,
        ),
        labels=labels(plan),
    )


def invoker_args(region: pulumi.Input[str], function: pulumi.Input[str]) -> cloudrunv2.ServiceIamMemberArgs:
    """Everybody: Cloud Run knows callers by tokens of Google's, and Media CDN has none to show."""
    return cloudrunv2.ServiceIamMemberArgs(location=region, name=function, role="roles/run.invoker", member="allUsers")


def variables(
    gateway: GatewayPlan,
    bucket: pulumi.Input[str],
    project: pulumi.Input[str],
    master: tuple[pulumi.Input[str], pulumi.Input[str]] | None,
    headers: pulumi.Input[str] | None,
) -> dict[str, pulumi.Input[str]]:
    """No secret among them: ``master`` and ``headers`` say where one lies, and its version, so that a new one starts
    the function anew. ``THREADS`` is the Functions Framework's: how many requests it works on."""
    found: dict[str, pulumi.Input[str]] = {
        **dict(gateway.environment),
        assembly.STORE: pulumi.Output.concat("gs://", bucket),
        assembly.MODEL: pulumi.Output.json_dumps(model_spec(gateway, project), sort_keys=True),
        assembly.TIMEOUT: gateways.seconds_to_answer(gateway),
        "THREADS": str(gateway.concurrency),
    }
    if master is not None:
        found[assembly.MASTER] = pulumi.Output.concat("gcp:", master[0], "/versions/latest")
        found[assembly.MASTER_VERSION] = master[1]
        found[assembly.ORIGIN_PROOF] = assembly.PROOF_BY_MASTER
        found[assembly.UPLOADS] = assembly.UPLOADS_BY_KEY
    if headers is not None:
        found[assembly.MODEL_HEADERS] = pulumi.Output.concat("gcp:", headers)
    return found


def model_spec(gateway: GatewayPlan, project: pulumi.Input[str]) -> dict[str, Any]:
    """The model in the words of ``gateway.models.model_from``, without its headers. ``project`` is the provider's."""
    if isinstance(gateway.model, VertexModelPlan):
        model = gateway.model
        spec = {"endpoint": model.endpoint, "location": model.region, "method": model.method}
        spec |= {"project": project if model.project is None else model.project}
        return {"vertex": {**spec, **({} if model.domain is None else {"base_url": f"https://{model.domain}"})}}
    assert isinstance(gateway.model, HttpsModelPlan)  # the plan refuses models of the other cloud
    return gateways.https_spec(gateway.model)
