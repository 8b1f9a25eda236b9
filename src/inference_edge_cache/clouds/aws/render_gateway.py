"""The gateway: a Lambda function, what it may do, where it logs, and who may call it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudfront as cf
from pulumi_aws import cloudwatch, iam, lambda_, secretsmanager

from inference_edge_cache.args import FrontDoor
from inference_edge_cache.clouds import gateways
from inference_edge_cache.gateway import archive, assembly
from inference_edge_cache.plan.model import (
    BedrockModelPlan,
    GatewayPlan,
    HttpsModelPlan,
    SageMakerModelPlan,
    VertexModelPlan,
)

RUNTIME, ARCHITECTURE = "python3.13", "arm64"

Tags = Mapping[str, pulumi.Input[str]] | None
Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """Where the deployment goes: what the ARN of a model in the provider's own region and account is made of."""

    partition: pulumi.Input[str]
    region: pulumi.Input[str]
    account: pulumi.Input[str]


# Secrets --------------------------------------------------------------------------------------------------------------
def secret_args(description: str, tags: Tags) -> secretsmanager.SecretArgs:
    """No time to recover it in: what is in it comes from the program, and a secret that lingers is one more to lose."""
    return secretsmanager.SecretArgs(description=description, recovery_window_in_days=0, tags=tags)


def master_version_args(gateway: GatewayPlan, secret: pulumi.Input[str]) -> secretsmanager.SecretVersionArgs:
    assert gateway.master_secret is not None
    return secretsmanager.SecretVersionArgs(secret_id=secret, secret_string=pulumi.Output.secret(gateway.master_secret))


def headers_version_args(model: HttpsModelPlan, secret: pulumi.Input[str]) -> secretsmanager.SecretVersionArgs:
    return secretsmanager.SecretVersionArgs(secret_id=secret, secret_string=gateways.headers_secret(model))


# Role -----------------------------------------------------------------------------------------------------------------
def role_args(name: str, tags: Tags) -> iam.RoleArgs:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return iam.RoleArgs(description=f"What the gateway of {name} runs as", assume_role_policy=document, tags=tags)


def role_policy_args(role: pulumi.Input[str], statements: list[Statement]) -> iam.RolePolicyArgs:
    document = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
    return iam.RolePolicyArgs(role=role, policy=document)


def may_store(gateway: GatewayPlan, bucket: pulumi.Input[str]) -> list[Statement]:
    """Results are read and written under the routes' own prefixes. Listing is for the sake of a 404: to whoever may
    not list, S3 says 403 of an object that is not there (S3 API_GetObject), and a condition on the prefix would not
    hold for that."""
    objects = [pulumi.Output.concat(bucket, route.answers, "*") for route in gateway.routes]
    return [
        _allow("Results", ["s3:GetObject", "s3:PutObject"], objects),
        _allow("MissingResults", ["s3:ListBucket"], [bucket]),
    ]


def may_log(group: pulumi.Input[str]) -> Statement:
    streams = [pulumi.Output.concat(group, ":*")]
    return _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], streams)


def may_read(secrets: list[pulumi.Input[str]]) -> list[Statement]:
    return [_allow("Secrets", ["secretsmanager:GetSecretValue"], secrets)] if secrets else []


def may_ask(gateway: GatewayPlan, account: Account | None) -> list[Statement]:
    """The one model. ``account`` is None where nothing of the provider's own is named."""
    match gateway.model:
        case SageMakerModelPlan() as model:
            return [_allow("Model", ["sagemaker:InvokeEndpoint"], _endpoint_arns(model, account))]
        case BedrockModelPlan() as model:
            return _may_ask_bedrock(model, account)
        case _:
            return []


def needs_account(gateway: GatewayPlan) -> bool:
    """Whether the model is named without its account."""
    match gateway.model:
        case SageMakerModelPlan() as model:
            return model.arn is None
        case BedrockModelPlan() as model:
            return not model.model_id.startswith("arn:")
        case _:
            return False


def _endpoint_arns(model: SageMakerModelPlan, account: Account | None) -> list[pulumi.Input[str]]:
    """The ARN, and where the name has capitals the one in lower case too: SageMaker writes the ARNs it makes so."""
    if model.arn is not None:
        return [model.arn]
    assert account is not None
    return [
        pulumi.Output.concat(
            "arn:", account.partition, ":sagemaker:", account.region, ":", account.account, f":endpoint/{name}"
        )
        for name in dict.fromkeys([model.endpoint_name, model.endpoint_name.lower()])
    ]


def _may_ask_bedrock(model: BedrockModelPlan, account: Account | None) -> list[Statement]:
    """InvokeModel is the action of Converse too. A profile passes a request on to its model, in regions of its own
    choice, which has to be allowed as well, and is only by way of the profile:
    docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html."""
    arn: pulumi.Input[str] = model.model_id
    if account is not None:
        kind, owner = ("inference-profile", account.account) if model.profile else ("foundation-model", "")
        region = account.region
        arn = pulumi.Output.concat(
            "arn:", account.partition, ":bedrock:", region, ":", owner, f":{kind}/{model.model_id}"
        )
    if not model.profile:
        return [_allow("Model", ["bedrock:InvokeModel"], [arn])]
    partition = model.model_id.split(":")[1] if account is None else account.partition
    # An id of AWS's own profiles is a geography and the model's id; which model is behind one's own, no name tells.
    own = "application-inference-profile/" in model.model_id
    foundation = "*" if own else model.model_id.rpartition("/")[2].partition(".")[2]
    through = _allow(
        "ModelOfTheProfile",
        ["bedrock:InvokeModel"],
        [pulumi.Output.concat("arn:", partition, f":bedrock:*::foundation-model/{foundation}")],
    )
    return [
        _allow("Model", ["bedrock:InvokeModel"], [arn]),
        {**through, "Condition": {"ArnEquals": {"bedrock:InferenceProfileArn": arn}}},
    ]


def _allow(sid: str, actions: list[str], resources: list[Any]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


# Function -------------------------------------------------------------------------------------------------------------
def logs_args(gateway: GatewayPlan, tags: Tags) -> cloudwatch.LogGroupArgs:
    return cloudwatch.LogGroupArgs(retention_in_days=gateway.log_retention_days, tags=tags)


def function_args(
    name: str,
    gateway: GatewayPlan,
    *,
    role: pulumi.Input[str],
    log_group: pulumi.Input[str],
    variables: Mapping[str, pulumi.Input[str]],
    tags: Tags,
) -> lambda_.FunctionArgs:
    return lambda_.FunctionArgs(
        description=f"The gateway of the edge cache {name}",
        role=role,
        handler=archive.LAMBDA_HANDLER,
        runtime=RUNTIME,
        architectures=[ARCHITECTURE],
        code=gateways.source(archive.archive_paths(), {assembly.CONFIG_NAME: gateway.config}),
        memory_size=gateway.memory,
        timeout=gateway.timeout,
        reserved_concurrent_executions=gateway.reserved_concurrency,
        environment=lambda_.FunctionEnvironmentArgs(variables=dict(variables)),
        logging_config=lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=log_group),
        tags=tags,
    )


def variables(
    gateway: GatewayPlan,
    bucket: pulumi.Input[str],
    master: tuple[pulumi.Input[str], pulumi.Input[str]] | None,
    headers: tuple[pulumi.Input[str], pulumi.Input[str]] | None,
) -> dict[str, pulumi.Input[str]]:
    """No secret among them: ``master`` and ``headers`` say where one lies, and its version, so that a new one starts
    the function anew."""
    found: dict[str, pulumi.Input[str]] = {
        **dict(gateway.environment),
        assembly.STORE: pulumi.Output.concat("s3://", bucket),
        assembly.MODEL: json.dumps(model_spec(gateway), sort_keys=True),
        assembly.TIMEOUT: gateways.seconds_to_answer(gateway),
    }
    if master is not None:
        found[assembly.MASTER] = pulumi.Output.concat("aws:", master[0])
        found[assembly.MASTER_VERSION] = master[1]
        if gateway.front_door is FrontDoor.SECRET:
            found[assembly.ORIGIN_PROOF] = assembly.PROOF_BY_MASTER
    if headers is not None:
        found[assembly.MODEL_HEADERS] = pulumi.Output.concat("aws:", headers[0], "@", headers[1])
    return found


def model_spec(gateway: GatewayPlan) -> dict[str, Any]:
    """The model in the words of ``gateway.models.model_from``, without its headers."""
    assert not isinstance(gateway.model, VertexModelPlan)  # the plan refuses models of the other cloud
    match gateway.model:
        case HttpsModelPlan() as model:
            return gateways.https_spec(model)
        case SageMakerModelPlan() as model:
            spec = {"endpoint_name": model.endpoint_name, "region": model.region, "target_model": model.target_model}
            spec |= {"target_variant": model.target_variant, "inference_component": model.inference_component}
            return {"sagemaker": _present(spec)}
        case BedrockModelPlan() as model:
            return {"bedrock": _present({"model_id": model.model_id, "api": model.api, "region": model.region})}


def _present(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if value is not None}


# Front door -----------------------------------------------------------------------------------------------------------
def url_args(gateway: GatewayPlan, function: pulumi.Input[str]) -> lambda_.FunctionUrlArgs:
    kind = "AWS_IAM" if gateway.front_door is FrontDoor.IAM else "NONE"
    return lambda_.FunctionUrlArgs(function_name=function, authorization_type=kind)


def url_permission_args(
    gateway: GatewayPlan, function: pulumi.Input[str], distribution: pulumi.Input[str] | None
) -> lambda_.PermissionArgs:
    """A function URL asks for two permissions since October 2025: this one, and ``invoke_permission_args``
    (docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). ``distribution`` is the ARN of the one that is let in with
    ``iam``; with ``secret`` everybody reaches the function, and the function looks who it is."""
    return lambda_.PermissionArgs(
        action="lambda:InvokeFunctionUrl",
        function=function,
        function_url_auth_type=None if gateway.front_door is FrontDoor.IAM else "NONE",
        **_caller(gateway, distribution),
    )


def invoke_permission_args(
    gateway: GatewayPlan, function: pulumi.Input[str], distribution: pulumi.Input[str] | None
) -> lambda_.PermissionArgs:
    """By way of the URL alone: else anybody could call the function itself."""
    return lambda_.PermissionArgs(
        action="lambda:InvokeFunction",
        function=function,
        invoked_via_function_url=True,
        **_caller(gateway, distribution),
    )


def _caller(gateway: GatewayPlan, distribution: pulumi.Input[str] | None) -> dict[str, Any]:
    if gateway.front_door is FrontDoor.IAM:
        return {"principal": "cloudfront.amazonaws.com", "source_arn": distribution}
    return {"principal": "*"}


def signing_args(name: str) -> cf.OriginAccessControlArgs:
    return cf.OriginAccessControlArgs(
        description=f"How the edge cache {name} calls its gateway",
        origin_access_control_origin_type="lambda",
        signing_behavior="always",
        signing_protocol="sigv4",
    )
