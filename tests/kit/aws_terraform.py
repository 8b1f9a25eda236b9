"""A recorded graph in Terraform's words, for tools that read nothing else.

Pulumi's AWS provider is generated from Terraform's, so the two differ in names alone: camel case for snake case,
plurals for repeated blocks, an id where Terraform has a reference. What is not known here is an error, never left out.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference_edge_cache.testing import Resource, Secret

TYPES: Mapping[str, str] = {
    "aws:cloudfront/cachePolicy:CachePolicy": "aws_cloudfront_cache_policy",
    "aws:cloudfront/distribution:Distribution": "aws_cloudfront_distribution",
    "aws:cloudfront/function:Function": "aws_cloudfront_function",
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": "aws_cloudfront_monitoring_subscription",
    "aws:cloudfront/originAccessControl:OriginAccessControl": "aws_cloudfront_origin_access_control",
    "aws:cloudfront/originAccessIdentity:OriginAccessIdentity": "aws_cloudfront_origin_access_identity",
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": "aws_cloudfront_origin_request_policy",
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": "aws_cloudfront_response_headers_policy",
    "aws:cloudwatch/dashboard:Dashboard": "aws_cloudwatch_dashboard",
    "aws:cloudwatch/logDelivery:LogDelivery": "aws_cloudwatch_log_delivery",
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": "aws_cloudwatch_log_delivery_destination",
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": "aws_cloudwatch_log_delivery_source",
    "aws:cloudwatch/logGroup:LogGroup": "aws_cloudwatch_log_group",
    "aws:iam/role:Role": "aws_iam_role",
    "aws:iam/rolePolicy:RolePolicy": "aws_iam_role_policy",
    "aws:lambda/function:Function": "aws_lambda_function",
    "aws:lambda/functionUrl:FunctionUrl": "aws_lambda_function_url",
    "aws:lambda/permission:Permission": "aws_lambda_permission",
    "aws:s3/bucket:Bucket": "aws_s3_bucket",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "aws_s3_bucket_lifecycle_configuration",
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "aws_s3_bucket_ownership_controls",
    "aws:s3/bucketPolicy:BucketPolicy": "aws_s3_bucket_policy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "aws_s3_bucket_public_access_block",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "aws_s3_bucket_server_side_encryption_configuration"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "aws_s3_bucket_versioning",
    "aws:secretsmanager/secret:Secret": "aws_secretsmanager_secret",
    "aws:secretsmanager/secretVersion:SecretVersion": "aws_secretsmanager_secret_version",
}
"""Pulumi's type to Terraform's."""

RENAMED: Mapping[tuple[str, str], str] = {
    ("aws_lambda_function", "name"): "function_name",
    ("aws_lambda_function", "code"): "filename",
    ("aws_lambda_permission", "function"): "function_name",
}
"""Inputs and outputs that have another name in Terraform, by its type."""

BLOCKS: Mapping[str, str] = {
    "customErrorResponses": "custom_error_response",
    "customHeaders": "custom_header",
    "functionAssociations": "function_association",
    "items": "items",
    "members": "member",
    "orderedCacheBehaviors": "ordered_cache_behavior",
    "originGroups": "origin_group",
    "origins": "origin",
    "rules": "rule",
}
"""Lists of blocks: a plural in Pulumi, in Terraform one block's name."""

MAPS = frozenset({"tags", "variables"})
"""Their keys are names of the user's, and no words of the provider's."""

HIDDEN = "${var.secret}"


def terraform(resources: Sequence[Resource], prefix: str = "") -> dict[str, Any]:
    """The resources in Terraform's JSON syntax. ``prefix`` comes before each one's name.

    What Pulumi keeps secret is a sensitive variable. An input that is another resource's output, as a whole, is a
    reference to it; policies keep their ARNs. What a role may is written twice, as the text that it is and as
    Terraform's ``aws_iam_policy_document``: some tools read the one and some the other.
    """
    written: dict[str, dict[str, Any]] = {}
    documents: dict[str, Any] = {}
    for one in resources:
        sources = {urn for urns in one.options.property_dependencies.values() for urn in urns}
        known = {text: to for other in resources if other.urn in sources for text, to in _references(other, prefix)}
        kind = TYPES[one.type]
        written.setdefault(kind, {})[f"{prefix}{one.name}"] = _converted(one.inputs, kind, known)
        if kind == "aws_iam_role_policy":
            documents[f"{prefix}{one.name}"] = {"statement": _statements(one.inputs["policy"])}
    return {
        "variable": {"secret": {"type": "string", "sensitive": True}},
        "data": {"aws_iam_policy_document": documents},
        "resource": written,
    }


def _statements(policy: str) -> list[dict[str, Any]]:
    """A policy's statements, as far as roles of ours have them: an empty block is one too many for some tools."""
    return [
        {
            "effect": statement["Effect"],
            "actions": _many(statement["Action"]),
            "resources": _many(statement["Resource"]),
            **({"condition": _conditions(statement["Condition"])} if "Condition" in statement else {}),
        }
        for statement in json.loads(policy)["Statement"]
    ]


def _conditions(given: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"test": test, "variable": variable, "values": _many(values)}
        for test, asked in given.items()
        for variable, values in asked.items()
    ]


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _references(one: Resource, prefix: str) -> list[tuple[str, str]]:
    """What others may hold of ``one``, and how Terraform writes it."""
    kind = TYPES[one.type]
    outputs = {**(one.outputs or {}), "id": one.id}
    mine = {"id", "arn", "name", "bucket"} | outputs.keys() - one.inputs.keys()
    return [
        (value, f"${{{kind}.{prefix}{one.name}.{_name(key, value, kind)}}}")
        for key in sorted(mine & outputs.keys())
        if isinstance(value := outputs[key], str)
    ]


def _converted(value: Any, kind: str, known: Mapping[str, str]) -> Any:
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, Mapping) and value.keys() <= {"assets", "text", "path"}:
        return "archive.zip"
    if isinstance(value, Mapping):
        return {
            _name(key, item, kind): _converted_map(item, known) if key in MAPS else _converted(item, kind, known)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_converted(item, kind, known) for item in value]
    return known.get(value, value) if isinstance(value, str) else value


def _converted_map(given: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    return {key: _converted(item, "", known) for key, item in given.items()}


def _name(key: str, value: Any, kind: str) -> str:
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return BLOCKS[key]
    return RENAMED.get((kind, key)) or re.sub("(?<=.)([A-Z])", r"_\1", key).lower()
