"""Programs to record: direct caches of every kind, and a gateway behind a distribution."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from inference_edge_cache import InferenceEdgeCache
from inference_edge_cache.testing import Recording, record

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/edge"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/edge/12345678-1234-1234-1234-123456789012"
MODEL = "https://model.example.com"
MANAGED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
FRONT_DOOR = "the secret of the front door"
MASTER = "a master secret of at least thirty-two bytes"

CACHES: Mapping[str, Mapping[str, Any]] = {
    "minimal": {},
    "bucket through OAI": {"bucket": {}, "tags": {"team": "search"}},
    "bucket through OAC": {"bucket": {"kms_key": KMS_KEY}, "aws": {"bucket_access": "oac"}},
    "bucket that forgets": {"bucket": {"retention_days": 90, "force_destroy": True}},
    "bucket elsewhere": {"bucket": {"region": "eu-west-1"}},
    "bucket of somebody else": {"bucket": {"name": "theirs"}},
    "failover": {
        "origin": {"url": MODEL, "failover": {"url": "https://backup.example.com", "conditions": ["forbidden"]}},
        "routes": [{"path": "/v1/*", "methods": ["GET", "HEAD"]}],
    },
    "routes": {
        "origin": {"url": "https://model.example.com:8443/base", "headers": {"x-api-key": "a key of the model's"}},
        "policy": {"default_ttl": "10m", "browser_ttl": "1m", "negative_ttl": {"404": "5s"}},
        "routes": [
            {"path": "/v1/chat", "policy": {"mode": "bypass"}},
            {"path": "/v1/*", "policy": {"mode": "force", "default_ttl": "1h"}, "methods": ["GET", "HEAD"]},
            {"path": "/v2/*", "policy": {"key": {"query_except": ["trace"], "cookies": ["plan"]}}},
            {"path": "/v3/*", "policy": {"key": {"headers": ["authorization"]}}},
        ],
        "forward_headers": ["x-request-id"],
    },
    "nothing cached": {"policy": {"mode": "bypass"}},
    "policies of AWS": {"routes": [{"path": "/v1/*"}], "aws": {"existing_policy_ids": {"/v1/*": MANAGED}}},
    "names, pages, countries, logs": {
        "custom_domain": {"names": ["cache.example.com"], "certificate": CERTIFICATE},
        "cors": {"allow_origins": ["https://app.example.com"], "expose_headers": ["x-model"]},
        "geo": {"deny": ["AQ"]},
        "logging": {"destination": LOG_GROUP},
        "origin_shield": "eu-west-1",
        "tags": {"team": "search"},
        "aws": {"price_class": "PriceClass_100", "web_acl_id": WEB_ACL},
    },
}
"""The arguments of caches, beside cloud and origin."""


def cache(**args: Any) -> Recording:
    """What a program with one cache, named ``cache``, registers."""
    return record(lambda: InferenceEdgeCache("cache", {"cloud": "aws", "origin": {"url": MODEL}, **args}))


def gateway(front_door: str = "secret", code: Mapping[str, str] | None = None) -> Recording:
    """What a program registers that puts a function behind a distribution, by hand and as narrow as it can be.

    It has one resource of each type that a function behind a distribution takes. ``code`` is the function's, by name of
    the file; ``front_door`` is ``secret`` or ``iam``.
    """
    return record(lambda: _gateway(front_door, code or {"app.py": "def handler(event, context): return {}"}))


def _gateway(front_door: str, code: Mapping[str, str]) -> None:
    signed = front_door == "iam"
    secret = aws.secretsmanager.Secret("master", recovery_window_in_days=0)
    aws.secretsmanager.SecretVersion("master", secret_id=secret.id, secret_string=pulumi.Output.secret(MASTER))
    results = _results()
    role = _role()
    name = "gateway"
    logs = aws.cloudwatch.LogGroup("logs", name=f"/aws/lambda/{name}", retention_in_days=14)
    policy = aws.iam.RolePolicy(
        "what-it-may",
        role=role.id,
        policy=pulumi.Output.json_dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    _allow("Model", "sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/m"),
                    _allow("Results", ["s3:GetObject", "s3:PutObject"], pulumi.Output.concat(results.arn, "/v1/*")),
                    _allow("Secret", "secretsmanager:GetSecretValue", secret.arn),
                    _allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(logs.arn, ":*")),
                ],
            }
        ),
    )
    function = aws.lambda_.Function(
        "gateway",
        name=name,
        role=role.arn,
        handler="app.handler",
        runtime="python3.13",
        architectures=["arm64"],
        memory_size=256,
        timeout=30,
        reserved_concurrent_executions=10,
        code=pulumi.AssetArchive({file: pulumi.StringAsset(text) for file, text in code.items()}),
        environment={"variables": {"MASTER_SECRET_ARN": secret.arn, "BUCKET": results.bucket}},
        opts=pulumi.ResourceOptions(depends_on=[policy, logs]),
    )
    url = aws.lambda_.FunctionUrl(
        "url", function_name=function.name, authorization_type="AWS_IAM" if signed else "NONE"
    )
    control = None
    if signed:
        control = aws.cloudfront.OriginAccessControl(
            "signs",
            origin_access_control_origin_type="lambda",
            signing_behavior="always",
            signing_protocol="sigv4",
        )
    distribution = _distribution(url, control)
    principal = "cloudfront.amazonaws.com" if signed else "*"
    source = distribution.arn if signed else None
    aws.lambda_.Permission(
        "calls-the-url",
        function=function.name,
        action="lambda:InvokeFunctionUrl",
        principal=principal,
        source_arn=source,
        function_url_auth_type=None if signed else "NONE",
    )
    aws.lambda_.Permission(
        "calls-the-function",
        function=function.name,
        action="lambda:InvokeFunction",
        principal=principal,
        source_arn=source,
        invoked_via_function_url=True,
    )
    aws.s3.BucketObjectv2(
        "page", bucket=results.bucket, key="v1/page.json", content="{}", content_type="application/json"
    )


def _allow(sid: str, action: Any, resource: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}


def _role() -> aws.iam.Role:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return aws.iam.Role("runs", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))


def _results() -> aws.s3.Bucket:
    bucket = aws.s3.Bucket("results", force_destroy=True)
    block = aws.s3.BucketPublicAccessBlock(
        "results",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketOwnershipControls("results", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"})
    default = {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    aws.s3.BucketServerSideEncryptionConfiguration("results", bucket=bucket.bucket, rules=[default])
    rule = {"id": "v1", "status": "Enabled", "filter": {"prefix": "v1/"}, "expiration": {"days": 30}}
    aws.s3.BucketLifecycleConfiguration("results", bucket=bucket.bucket, rules=[rule])
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    aws.s3.BucketPolicy(
        "results",
        bucket=bucket.bucket,
        policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [deny]}),
        opts=pulumi.ResourceOptions(depends_on=[block]),
    )
    return bucket


PREFLIGHT = """
function handler(event) {
    if (event.request.method === 'OPTIONS') {
        return {statusCode: 204, statusDescription: 'No Content', headers: {}};
    }
    return event.request;
}
"""


def _distribution(
    url: aws.lambda_.FunctionUrl, control: aws.cloudfront.OriginAccessControl | None
) -> aws.cloudfront.Distribution:
    function = aws.cloudfront.Function("preflight", runtime="cloudfront-js-2.0", code=PREFLIGHT)
    header = {"name": "x-front-door", "value": pulumi.Output.secret(FRONT_DOOR)}
    guard = {"custom_headers": [header]} if control is None else {"origin_access_control_id": control.id}
    return aws.cloudfront.Distribution(
        "cdn",
        enabled=True,
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate={"cloudfront_default_certificate": True},
        origins=[
            {
                "origin_id": "gateway",
                "domain_name": url.function_url.apply(lambda found: found.removeprefix("https://").rstrip("/")),
                **guard,
                "custom_origin_config": {
                    "http_port": 80,
                    "https_port": 443,
                    "origin_protocol_policy": "https-only",
                    "origin_ssl_protocols": ["TLSv1.2"],
                },
            }
        ],
        default_cache_behavior={
            "target_origin_id": "gateway",
            "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
            "cached_methods": ["GET", "HEAD"],
            "viewer_protocol_policy": "redirect-to-https",
            "cache_policy_id": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            "origin_request_policy_id": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
            "function_associations": [{"event_type": "viewer-request", "function_arn": function.arn}],
        },
    )


Make = Callable[[], Recording]
PROGRAMS: Mapping[str, Make] = {
    **{name: (lambda args=args: cache(**args)) for name, args in CACHES.items()},
    "a gateway with a secret": lambda: gateway(),
    "a gateway that IAM guards": lambda: gateway("iam"),
}
"""Everything that the rules have to find valid, and the deployer has to deploy."""
