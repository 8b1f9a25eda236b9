"""The reference deployment of inference routes, every input of every resource; what front doors and models change."""

import json
from pathlib import Path

import pulumi
import pytest
from aws_rules import findings

from inference_edge_cache import InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.gateway.archive import archive_files
from inference_edge_cache.gateway.assembly import gateway_from
from inference_edge_cache.gateway.config import parse_gateway_config
from inference_edge_cache.protocol import parse_edge_config
from inference_edge_cache.protocol.keys import origin_proof
from inference_edge_cache.testing import CloudMocks, Secret, Unknown, record, reveal
from inference_edge_cache.testing._cloud import Cloud

MASTER = "a master secret of at least 32 bytes"
HEADERS = {"x-api-key": "hush-hush", "x-team": "search"}
ACCOUNT = "123456789012"
EMBEDDINGS = {"preset": "embeddings"}
CHAT = {"path": "/chat", "inference": {"dialect": "openai-chat"}, "policy": {"default_ttl": "1h", "max_ttl": "6h"}}
REFERENCE = {
    "origin": {"url": "https://model.example.com/base", "headers": HEADERS},
    "routes": [EMBEDDINGS, CHAT],
    "gateway": {"master_secret": MASTER},
    "tags": {"team": "search"},
}
TAGS = {"team": "search"}
NAMES = [
    "cache-cache-policy-411ebd9e",
    "cache-discovery-document",
    "cache-distribution",
    "cache-gateway",
    "cache-gateway-invoke-permission",
    "cache-gateway-logs",
    "cache-gateway-role",
    "cache-gateway-role-policy",
    "cache-gateway-url",
    "cache-gateway-url-permission",
    "cache-master-secret",
    "cache-master-secret-version",
    "cache-model-headers",
    "cache-model-headers-version",
    "cache-monitoring-subscription",
    "cache-origin-access-identity",
    "cache-payload-policy",
    "cache-response-headers-policy",
    "cache-response-headers-policy-uncached",
    "cache-results",
    "cache-results-encryption",
    "cache-results-lifecycle",
    "cache-results-ownership",
    "cache-results-policy",
    "cache-results-public-access-block",
]


def deployed(preview=False, region="us-east-1", **args):
    mocks = CloudMocks(cloud=Cloud(region=region))
    given = {"cloud": "aws", **REFERENCE, **args}
    return record(lambda: InferenceEdgeCache("cache", given), preview=preview, mocks=mocks)


@pytest.fixture(scope="module")
def reference():
    return deployed()


@pytest.fixture(scope="module")
def bucket(reference):
    return reference.one("cache-results").outputs["bucket"]


def inputs(recording, name):
    return recording.one(name).inputs


def generations(recording):
    """Path of a route to its generation, as clients learn it."""
    document = parse_edge_config(inputs(recording, "cache-discovery-document")["content"].encode())
    return {route.path: route.generation for route in document.routes}


def waits_for(recording, name):
    return {urn.rpartition("::")[2] for urn in recording.one(name).options.depends_on}


# --- The reference ------------------------------------------------------------------------------------------------


def test_these_resources_and_no_others(reference):
    assert sorted(child.name for child in reference.children("cache")) == NAMES
    assert reference.warnings == ()


@pytest.mark.parametrize("preview", [False, True])
def test_a_preview_shows_the_same_resources(preview):
    assert sorted(child.name for child in deployed(preview).children("cache")) == NAMES


def test_results(reference):
    assert inputs(reference, "cache-results") == {"forceDestroy": True, "tags": TAGS}


def test_results_ownership(reference, bucket):
    owner = {"objectOwnership": "BucketOwnerEnforced"}
    assert inputs(reference, "cache-results-ownership") == {"bucket": bucket, "rule": owner}


def test_results_public_access_block(reference, bucket):
    assert inputs(reference, "cache-results-public-access-block") == {
        "bucket": bucket,
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }


def test_results_encryption(reference, bucket):
    assert inputs(reference, "cache-results-encryption") == {
        "bucket": bucket,
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
    }


def test_results_lifecycle(reference, bucket):
    def rule(path, prefix, days):
        return {"id": path, "status": "Enabled", "filter": {"prefix": prefix}, "expiration": {"days": days}}

    assert inputs(reference, "cache-results-lifecycle") == {
        "bucket": bucket,
        "rules": [
            rule("/v1/embeddings", "v1/embeddings/~/", 30),
            rule("/chat", "chat/~/", 1),
            {
                "id": "abandoned-uploads",
                "status": "Enabled",
                "filter": {},
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
            },
        ],
    }


def test_results_policy(reference, bucket):
    """CloudFront reads what it serves by itself: not the results of the chat, which do not count for a day."""
    given = inputs(reference, "cache-results-policy")
    assert {**given, "policy": json.loads(given["policy"])} == {
        "bucket": bucket,
        "policy": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AllowCloudFrontRead",
                    "Effect": "Allow",
                    "Principal": {"AWS": reference.one("cache-origin-access-identity").outputs["iamArn"]},
                    "Action": "s3:GetObject",
                    "Resource": [
                        f"arn:aws:s3:::{bucket}/.well-known/inference-edge-cache.json",
                        f"arn:aws:s3:::{bucket}/v1/embeddings/~/*",
                    ],
                },
                {
                    "Sid": "DenyPlainHttp",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        },
    }


def test_discovery_document(reference, bucket):
    given = dict(inputs(reference, "cache-discovery-document"))
    config = parse_edge_config(given.pop("content").encode())
    assert [route.path for route in config.routes] == ["/v1/embeddings", "/chat"]
    assert (config.access, config.upload_url) == ("keyed", None)
    assert given == {
        "bucket": bucket,
        "key": ".well-known/inference-edge-cache.json",
        "contentType": "application/json",
        "cacheControl": "public, max-age=60",
    }


def test_master_secret(reference):
    assert inputs(reference, "cache-master-secret") == {
        "description": "What the API keys of the edge cache cache follow from",
        "recoveryWindowInDays": 0,
        "tags": TAGS,
    }
    assert inputs(reference, "cache-master-secret-version") == {
        "secretId": reference.one("cache-master-secret").id,
        "secretString": Secret(MASTER),
    }


def test_model_headers(reference):
    assert inputs(reference, "cache-model-headers") == {
        "description": "The headers with which the gateway of cache asks the model",
        "recoveryWindowInDays": 0,
        "tags": TAGS,
    }
    given = inputs(reference, "cache-model-headers-version")
    assert set(given) == {"secretId", "secretString"}
    assert isinstance(given["secretString"], Secret)
    assert json.loads(given["secretString"].value) == HEADERS


def test_gateway_role(reference):
    given = inputs(reference, "cache-gateway-role")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    assert {**given, "assumeRolePolicy": json.loads(given["assumeRolePolicy"])} == {
        "description": "What the gateway of cache runs as",
        "assumeRolePolicy": {"Version": "2012-10-17", "Statement": [trust]},
        "tags": TAGS,
    }


def may(recording):
    """What the gateway may do, by the statement's name."""
    document = json.loads(inputs(recording, "cache-gateway-role-policy")["policy"])
    return {statement.pop("Sid"): statement for statement in document["Statement"]}


def allow(actions, *resources):
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def test_the_gateway_may_do_this_and_nothing_else(reference, bucket):
    assert inputs(reference, "cache-gateway-role-policy")["role"] == reference.one("cache-gateway-role").id
    secrets = [reference.one(f"cache-{name}").outputs["arn"] for name in ("master-secret", "model-headers")]
    logs = reference.one("cache-gateway-logs").outputs["arn"]
    assert may(reference) == {
        "Results": allow(
            ["s3:GetObject", "s3:PutObject"],
            f"arn:aws:s3:::{bucket}/v1/embeddings/~/*",
            f"arn:aws:s3:::{bucket}/chat/~/*",
        ),
        "MissingResults": allow(["s3:ListBucket"], f"arn:aws:s3:::{bucket}"),
        "Secrets": allow(["secretsmanager:GetSecretValue"], *secrets),
        "Log": allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{logs}:*"),
    }


def test_gateway_logs(reference):
    assert inputs(reference, "cache-gateway-logs") == {"retentionInDays": 30, "tags": TAGS}


def test_gateway(reference, bucket):
    given = dict(inputs(reference, "cache-gateway"))
    assert set(given.pop("code")["assets"]) == {*archive_files(), "gateway.json"}
    master, headers = (reference.one(f"cache-{name}").outputs for name in ("master-secret", "model-headers"))
    version, newest = (
        reference.one(f"cache-{name}-version").outputs["versionId"] for name in ("model-headers", "master-secret")
    )
    assert given == {
        "description": "The gateway of the edge cache cache",
        "role": reference.one("cache-gateway-role").outputs["arn"],
        "handler": "inference_edge_cache.gateway.doors.aws_lambda.handler",
        "runtime": "python3.13",
        "architectures": ["arm64"],
        "memorySize": 512,
        "timeout": 60,
        "reservedConcurrentExecutions": 50,
        "loggingConfig": {"logFormat": "JSON", "logGroup": reference.one("cache-gateway-logs").outputs["name"]},
        "environment": {
            "variables": {
                "INFERENCE_EDGE_CACHE_STORE": f"s3://{bucket}",
                "INFERENCE_EDGE_CACHE_MODEL": json.dumps(
                    {"https": {"connect_timeout": 5, "url": "https://model.example.com/base"}}
                ),
                "INFERENCE_EDGE_CACHE_MODEL_HEADERS_SOURCE": f"aws:{headers['arn']}@{version}",
                "INFERENCE_EDGE_CACHE_MASTER_SOURCE": f"aws:{master['arn']}",
                "INFERENCE_EDGE_CACHE_MASTER_VERSION": newest,
                "INFERENCE_EDGE_CACHE_ORIGIN_PROOF": "master",
                "INFERENCE_EDGE_CACHE_TIMEOUT": "58",
            }
        },
        "tags": TAGS,
    }


def test_the_code_is_the_package_as_it_is_installed_and_the_configuration(reference):
    assets = inputs(reference, "cache-gateway")["code"]["assets"]
    config = parse_gateway_config(assets["gateway.json"]["text"].encode())
    assert {route.path: route.generation for route in config.edge.routes} == generations(reference)
    assert config.results["/chat"].result_max_age == 6 * 3600
    files = {name: Path(asset["path"]).read_bytes() for name, asset in assets.items() if name != "gateway.json"}
    assert files == archive_files()


def test_the_gateway_starts_with_what_it_is_given(reference, monkeypatch):
    """The environment and the configuration, as a Lambda function would read them."""
    code, given = inputs(reference, "cache-gateway")["code"], inputs(reference, "cache-gateway")["environment"]
    kept = {"master": MASTER.encode(), "headers": json.dumps(HEADERS).encode()}
    monkeypatch.setattr(
        "inference_edge_cache.gateway.secrets._versions_of_aws",
        lambda name, versions: [kept["master" if "master" in name else "headers"]],
    )
    gateway = gateway_from(given["variables"], code["assets"]["gateway.json"]["text"].encode())
    assert gateway.timeout == 58
    assert gateway.max_body_bytes == 32 * 1024 * 1024


def test_gateway_url(reference):
    function = reference.one("cache-gateway").outputs["name"]
    assert inputs(reference, "cache-gateway-url") == {"functionName": function, "authorizationType": "NONE"}


def test_gateway_permissions(reference):
    function = reference.one("cache-gateway").outputs["name"]
    assert inputs(reference, "cache-gateway-url-permission") == {
        "action": "lambda:InvokeFunctionUrl",
        "function": function,
        "principal": "*",
        "functionUrlAuthType": "NONE",
    }
    assert inputs(reference, "cache-gateway-invoke-permission") == {
        "action": "lambda:InvokeFunction",
        "function": function,
        "principal": "*",
        "invokedViaFunctionUrl": True,
    }


def test_payload_policy(reference):
    assert inputs(reference, "cache-payload-policy") == {
        "comment": "What the edge cache cache forwards of inference requests",
        "headersConfig": {"headerBehavior": "whitelist", "headers": {"items": ["Inference-Payload"]}},
        "queryStringsConfig": {"queryStringBehavior": "none"},
        "cookiesConfig": {"cookieBehavior": "none"},
    }


def test_cache_policy(reference):
    assert inputs(reference, "cache-cache-policy-411ebd9e") == {
        "comment": "How the edge cache cache keeps answers",
        "minTtl": 0,
        "defaultTtl": 0,
        "maxTtl": 30 * 86_400,
        "parametersInCacheKeyAndForwardedToOrigin": {
            "enableAcceptEncodingGzip": True,
            "enableAcceptEncodingBrotli": True,
            "queryStringsConfig": {"queryStringBehavior": "none"},
            "headersConfig": {"headerBehavior": "none"},
            "cookiesConfig": {"cookieBehavior": "none"},
        },
    }


def test_distribution(reference, bucket):
    cached, uncached = (reference.one(f"cache-response-headers-policy{end}").id for end in ("", "-uncached"))
    policy, payload = reference.one("cache-cache-policy-411ebd9e").id, reference.one("cache-payload-policy").id
    disabled, whole = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    shield = {"enabled": True, "originShieldRegion": "us-east-1"}
    proof = [{"name": "x-inference-edge-cache-origin", "value": Secret(origin_proof(MASTER.encode()))}]
    read, every = ["GET", "HEAD"], ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    current = generations(reference)

    def behavior(target, methods, cache, headers, request):
        return {
            "targetOriginId": target,
            "allowedMethods": methods,
            "cachedMethods": read,
            "cachePolicyId": cache,
            **({"originRequestPolicyId": request} if request else {}),
            "responseHeadersPolicyId": headers,
            "viewerProtocolPolicy": "redirect-to-https",
            "compress": cache == policy,
        }

    def gateway(name):
        return {
            "originId": name,
            "domainName": reference.one("cache-gateway-url").outputs["functionUrl"][len("https://") : -1],
            "connectionTimeout": 5,
            "connectionAttempts": 1,
            "customOriginConfig": {
                "originProtocolPolicy": "https-only",
                "httpPort": 80,
                "httpsPort": 443,
                "originSslProtocols": ["TLSv1.2"],
                "originReadTimeout": 60,
                "originKeepaliveTimeout": 5,
            },
            "customHeaders": proof,
        }

    identity = reference.one("cache-origin-access-identity").outputs["cloudfrontAccessIdentityPath"]
    assert inputs(reference, "cache-distribution") == {
        "comment": "Edge cache cache",
        "enabled": True,
        "httpVersion": "http2and3",
        "isIpv6Enabled": True,
        "priceClass": "PriceClass_All",
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "origins": [
            {
                "originId": "results",
                "domainName": f"{bucket}.s3.us-east-1.amazonaws.com",
                "connectionTimeout": 5,
                "connectionAttempts": 1,
                "s3OriginConfig": {"originAccessIdentity": identity},
                "originShield": shield,
            },
            gateway("gateway"),
            {**gateway("gateway-shielded"), "originShield": shield},
        ],
        "originGroups": [
            {
                "originId": "results-then-gateway",
                "members": [{"originId": "results"}, {"originId": "gateway-shielded"}],
                "failoverCriteria": {"statusCodes": [403, 404, 500, 502, 503, 504]},
            }
        ],
        "orderedCacheBehaviors": [
            {"pathPattern": path, **behavior(*args)}
            for path, args in {
                "/.well-known/inference-edge-cache.json": ("results", read, policy, cached, None),
                "/v1/embeddings": ("gateway", every, disabled, uncached, whole),
                "/chat": ("gateway", every, disabled, uncached, whole),
                f"/v1/embeddings/~/{current['/v1/embeddings']}/*": (
                    "results-then-gateway",
                    read,
                    policy,
                    cached,
                    payload,
                ),
                f"/chat/~/{current['/chat']}/*": ("gateway-shielded", read, policy, cached, payload),
                "/v1/embeddings/~/*": ("gateway", read, disabled, uncached, payload),
                "/chat/~/*": ("gateway", read, disabled, uncached, payload),
            }.items()
        ],
        "defaultCacheBehavior": behavior("gateway", every, disabled, uncached, whole),
        "customErrorResponses": [
            {"errorCode": code, "errorCachingMinTtl": 0} for code in (404, 414, 500, 501, 502, 503, 504)
        ],
        "tags": TAGS,
    }


def test_outputs(reference):
    domain = reference.one("cache-distribution").outputs["domainName"]
    assert reference.one("cache").outputs == {
        "url": f"https://{domain}",
        "domainName": domain,
        "cacheId": reference.one("cache-distribution").id,
        "configUrl": f"https://{domain}/.well-known/inference-edge-cache.json",
        "resultsBucketName": reference.one("cache-results").id,
    }


@pytest.mark.parametrize("preview", [False, True])
def test_clients_hear_of_a_generation_when_everything_behind_it_answers(preview):
    recording = deployed(preview)
    assert {"cache-gateway-role-policy", "cache-master-secret-version", "cache-model-headers-version"} <= waits_for(
        recording, "cache-gateway"
    )
    permissions = {"cache-gateway-url-permission", "cache-gateway-invoke-permission"}
    assert {"cache-gateway", "cache-gateway-url", *permissions} <= waits_for(recording, "cache-distribution")
    assert {"cache-distribution", "cache-results-policy"} <= waits_for(recording, "cache-discovery-document")


# --- Secrets ------------------------------------------------------------------------------------------------------


def in_the_open(value):
    if isinstance(value, Secret):
        return "<secret>"
    if isinstance(value, dict):
        return {key: in_the_open(item) for key, item in value.items()}
    return [in_the_open(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("wrap", [lambda text: text, pulumi.Output.secret, pulumi.Output.from_input])
def test_no_secret_is_anywhere_in_the_open(preview, wrap):
    def program():
        args = {
            **REFERENCE,
            "gateway": {"master_secret": wrap(MASTER)},
            "origin": {**REFERENCE["origin"], "headers": {name: wrap(value) for name, value in HEADERS.items()}},
        }
        InferenceEdgeCache("cache", {"cloud": "aws", **args})

    recording = record(program, preview=preview)
    told = [[in_the_open(one.inputs), in_the_open(one.outputs)] for one in recording.resources]
    told.append([line.message for line in recording.logs])
    text = json.dumps(told, default=repr)
    for hidden in (MASTER, origin_proof(MASTER.encode()), HEADERS["x-api-key"]):
        assert hidden not in text
    if not preview:
        opened = json.dumps([reveal(one.inputs) for one in recording.resources], default=repr)
        assert all(hidden in opened for hidden in (MASTER, origin_proof(MASTER.encode()), HEADERS["x-api-key"]))


def test_the_proof_of_the_cdn_is_no_key_of_a_caller():
    from inference_edge_cache.protocol import derive_api_key

    assert origin_proof(MASTER.encode()) not in derive_api_key(MASTER.encode(), "alice").text


def test_another_master_changes_its_version_and_the_proof_and_nothing_of_the_function():
    before, after = (deployed(gateway={"master_secret": master}) for master in (MASTER, MASTER[::-1]))
    changed = [one.name for one, other in zip(before.resources, after.resources, strict=True) if one != other]
    assert changed == ["cache-distribution", "cache-master-secret-version"]


# --- Front doors --------------------------------------------------------------------------------------------------


def test_with_iam_the_distribution_alone_may_call():
    recording = deployed(gateway={"master_secret": MASTER, "front_door": "iam"})
    distribution, function = recording.one("cache-distribution").outputs["arn"], recording.one("cache-gateway").outputs
    assert inputs(recording, "cache-gateway-url")["authorizationType"] == "AWS_IAM"
    assert inputs(recording, "cache-gateway-url-permission") == {
        "action": "lambda:InvokeFunctionUrl",
        "function": function["name"],
        "principal": "cloudfront.amazonaws.com",
        "sourceArn": distribution,
    }
    assert inputs(recording, "cache-gateway-invoke-permission") == {
        "action": "lambda:InvokeFunction",
        "function": function["name"],
        "principal": "cloudfront.amazonaws.com",
        "sourceArn": distribution,
        "invokedViaFunctionUrl": True,
    }
    assert inputs(recording, "cache-gateway-signing") == {
        "description": "How the edge cache cache calls its gateway",
        "originAccessControlOriginType": "lambda",
        "signingBehavior": "always",
        "signingProtocol": "sigv4",
    }
    for origin in inputs(recording, "cache-distribution")["origins"][1:]:
        assert origin["originAccessControlId"] == recording.one("cache-gateway-signing").id
        assert "customHeaders" not in origin
    assert "INFERENCE_EDGE_CACHE_ORIGIN_PROOF" not in inputs(recording, "cache-gateway")["environment"]["variables"]
    assert {"cache-gateway-url-permission", "cache-gateway-invoke-permission"} <= waits_for(
        recording, "cache-discovery-document"
    )


def test_with_public_access_there_is_no_secret_at_all():
    recording = deployed(gateway={"access": "public"}, origin={"sagemaker": {"endpoint_name": "e5"}})
    assert recording.of_type("Secret") == recording.of_type("SecretVersion") == ()
    assert "Secrets" not in may(recording)
    variables = inputs(recording, "cache-gateway")["environment"]["variables"]
    assert set(variables) == {f"INFERENCE_EDGE_CACHE_{name}" for name in ("STORE", "MODEL", "TIMEOUT")}
    assert not any("customHeaders" in origin for origin in inputs(recording, "cache-distribution")["origins"])


# --- Models -------------------------------------------------------------------------------------------------------

ENDPOINT = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/e5"
PROFILE = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
OWN_PROFILE = f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:application-inference-profile/abc"


def through(profile, model):
    resource = f"arn:aws:bedrock:*::foundation-model/{model}"
    return {
        **allow(["bedrock:InvokeModel"], resource),
        "Condition": {"ArnEquals": {"bedrock:InferenceProfileArn": profile}},
    }


@pytest.mark.parametrize(
    ("origin", "spec", "allowed"),
    [
        (
            {"sagemaker": {"endpoint_name": "e5", "target_model": "a.tar.gz", "target_variant": "b"}},
            {"sagemaker": {"endpoint_name": "e5", "target_model": "a.tar.gz", "target_variant": "b"}},
            {"Model": allow(["sagemaker:InvokeEndpoint"], f"arn:aws:sagemaker:us-west-1:{ACCOUNT}:endpoint/e5")},
        ),
        (
            {"sagemaker": {"endpoint_name": "E5"}},
            {"sagemaker": {"endpoint_name": "E5"}},
            {
                "Model": allow(
                    ["sagemaker:InvokeEndpoint"],
                    f"arn:aws:sagemaker:us-west-1:{ACCOUNT}:endpoint/E5",
                    f"arn:aws:sagemaker:us-west-1:{ACCOUNT}:endpoint/e5",
                )
            },
        ),
        (
            {"sagemaker": {"endpoint_name": ENDPOINT, "inference_component": "c"}},
            {"sagemaker": {"endpoint_name": "e5", "region": "eu-west-1", "inference_component": "c"}},
            {"Model": allow(["sagemaker:InvokeEndpoint"], ENDPOINT)},
        ),
        (
            {"bedrock": {"model_id": "amazon.titan-embed-text-v1", "api": "invoke"}},
            {"bedrock": {"model_id": "amazon.titan-embed-text-v1", "api": "invoke"}},
            {
                "Model": allow(
                    ["bedrock:InvokeModel"],
                    "arn:aws:bedrock:us-west-1::foundation-model/amazon.titan-embed-text-v1",
                )
            },
        ),
        (
            {"bedrock": {"model_id": PROFILE, "api": "converse"}},
            {"bedrock": {"model_id": PROFILE, "api": "converse"}},
            {
                "Model": allow(
                    ["bedrock:InvokeModel"], f"arn:aws:bedrock:us-west-1:{ACCOUNT}:inference-profile/{PROFILE}"
                ),
                "ModelOfTheProfile": through(
                    f"arn:aws:bedrock:us-west-1:{ACCOUNT}:inference-profile/{PROFILE}", PROFILE[len("eu.") :]
                ),
            },
        ),
        (
            {"bedrock": {"model_id": OWN_PROFILE, "api": "converse"}},
            {"bedrock": {"model_id": OWN_PROFILE, "api": "converse", "region": "eu-west-1"}},
            {"Model": allow(["bedrock:InvokeModel"], OWN_PROFILE), "ModelOfTheProfile": through(OWN_PROFILE, "*")},
        ),
        ({"url": "https://m.example.com"}, {"https": {"url": "https://m.example.com", "connect_timeout": 5}}, {}),
        (
            {"url": "http://m.example.com", "allow_http": True},
            {"https": {"url": "http://m.example.com", "connect_timeout": 5, "allow_http": True}},
            {},
        ),
    ],
)
def test_the_gateway_asks_one_model_and_may_ask_no_other(origin, spec, allowed):
    recording = deployed(region="us-west-1", origin=origin)
    assert (
        json.loads(inputs(recording, "cache-gateway")["environment"]["variables"]["INFERENCE_EDGE_CACHE_MODEL"]) == spec
    )
    others = {"Results", "MissingResults", "Secrets", "Log"}
    assert {name: statement for name, statement in may(recording).items() if name not in others} == allowed
    assert recording.of_type("SecretVersion") == (recording.one("cache-master-secret-version"),)


def test_every_model_that_is_deployed_is_one_that_the_gateway_can_make():
    from inference_edge_cache.gateway.models import model_from

    for origin in (
        {"sagemaker": {"endpoint_name": ENDPOINT}},
        {"bedrock": {"model_id": OWN_PROFILE, "api": "converse"}},
        {"url": "https://m.example.com"},
    ):
        variables = inputs(deployed(origin=origin), "cache-gateway")["environment"]["variables"]
        assert model_from(variables["INFERENCE_EDGE_CACHE_MODEL"])


# --- Regions, and what is beside it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "shield"),
    [
        ("us-east-1", {"enabled": True, "originShieldRegion": "us-east-1"}),
        ("eu-west-3", {"enabled": True, "originShieldRegion": "eu-west-2"}),
        ("eu-central-2", {"enabled": False, "originShieldRegion": None}),
    ],
)
def test_answers_are_shielded_where_it_is_nearest(region, shield):
    results, plain, shielded = inputs(deployed(region=region), "cache-distribution")["origins"]
    assert results["originShield"] == shielded["originShield"] == shield
    assert "originShield" not in plain


def test_a_shield_of_ones_own_region():
    results, _, _ = inputs(deployed(origin_shield="sa-east-1"), "cache-distribution")["origins"]
    assert results["originShield"] == {"enabled": True, "originShieldRegion": "sa-east-1"}


def test_an_identity_cannot_read_results_in_a_region_that_is_too_young():
    with pytest.raises(InvalidArgsError) as caught:
        deployed(region="ca-west-1")
    assert [problem.path for problem in caught.value.problems] == ["aws.bucket_access"]
    assert 'aws.bucket_access to "oac"' in str(caught.value)
    assert deployed(region="ca-west-1", aws={"bucket_access": "oac"})


def test_results_may_be_read_by_access_control():
    recording = deployed(aws={"bucket_access": "oac"})
    (read, _) = json.loads(inputs(recording, "cache-results-policy")["policy"])["Statement"]
    assert read["Condition"]["StringEquals"]["AWS:SourceArn"] == recording.one("cache-distribution").outputs["arn"]
    results = inputs(recording, "cache-distribution")["origins"][0]
    assert results["originAccessControlId"] == recording.one("cache-access-control").id


def test_without_a_route_of_a_day_no_group_is_made():
    recording = deployed(routes=[CHAT])
    assert "originGroups" not in inputs(recording, "cache-distribution")
    (read, _) = json.loads(inputs(recording, "cache-results-policy")["policy"])["Statement"]
    assert [resource.partition("/")[2] for resource in read["Resource"]] == [".well-known/inference-edge-cache.json"]


def test_variables_of_ones_own_never_replace_the_gateways():
    recording = deployed(gateway={"master_secret": MASTER, "environment": {"HTTPS_PROXY": "http://proxy.example.com"}})
    variables = inputs(recording, "cache-gateway")["environment"]["variables"]
    assert variables["HTTPS_PROXY"] == "http://proxy.example.com"
    assert len(variables) == 8


def test_beside_the_gateway_an_endpoint_is_reached_with_its_own_origin():
    recording = deployed(routes=[EMBEDDINGS, {"path": "/v1/models", "policy": {"mode": "bypass"}}])
    origins = [origin["originId"] for origin in inputs(recording, "cache-distribution")["origins"]]
    assert origins == ["endpoint", "results", "gateway", "gateway-shielded"]


# --- Updates ------------------------------------------------------------------------------------------------------

# Inputs that AWS takes at creation only, by type: a change replaces the resource.
REPLACED_BY = {
    "Bucket": {"bucket", "bucketPrefix"},
    "Distribution": set(),
    "Function": {"name"},
    "FunctionUrl": {"functionName", "qualifier"},
    "LogGroup": {"name"},
    "Role": {"name", "path"},
    "Secret": {"name", "namePrefix"},
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"generation": "2"},
            {"cache-discovery-document", "cache-distribution", "cache-gateway"},
        ),
        (
            {"routes": [{**EMBEDDINGS, "policy": {"default_ttl": "1h", "max_ttl": "30d"}}, CHAT]},
            {"cache-gateway"},
        ),
        (
            {"routes": [EMBEDDINGS, CHAT, {"preset": "rerank"}]},
            {
                "cache-discovery-document",
                "cache-distribution",
                "cache-gateway",
                "cache-gateway-role-policy",
                "cache-results-lifecycle",
                "cache-results-policy",
            },
        ),
        (
            {"routes": [EMBEDDINGS]},
            {
                "cache-discovery-document",
                "cache-distribution",
                "cache-gateway",
                "cache-gateway-role-policy",
                "cache-results-lifecycle",
            },
        ),
        (
            {"origin": {**REFERENCE["origin"], "headers": {**HEADERS, "x-api-key": "another"}}},
            {"cache-model-headers-version"},
        ),
    ],
)
def test_an_update_changes_what_it_has_to_and_replaces_nothing_that_has_a_name(reference, change, expected):
    after = deployed(**change)
    before = {one.name: one for one in reference.resources}
    assert {one.name for one in after.resources} == set(before)
    changed = {one.name for one in after.resources if one.inputs != before[one.name].inputs}
    assert changed == expected
    for one in after.resources:
        kind = one.type.rpartition(":")[2]
        earlier = before[one.name].inputs
        assert not {key for key in REPLACED_BY.get(kind, ()) if one.inputs.get(key) != earlier.get(key)}
        assert one.id == before[one.name].id


def test_a_longer_life_makes_another_cache_policy_and_keeps_bucket_and_distribution(reference):
    after = deployed(routes=[{**EMBEDDINGS, "policy": {"default_ttl": "1h", "max_ttl": "60d"}}, CHAT])
    gone = {one.name for one in reference.resources} - {one.name for one in after.resources}
    assert gone == {"cache-cache-policy-411ebd9e"}
    assert after.one("cache-distribution").id == reference.one("cache-distribution").id


def test_the_same_program_twice_changes_nothing(reference):
    assert deployed() == reference


# --- AWS's own rules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"gateway": {"access": "public"}},
        {"gateway": {"master_secret": MASTER, "front_door": "iam"}, "aws": {"bucket_access": "oac"}},
        {"origin": {"sagemaker": {"endpoint_name": "e5"}}, "routes": [CHAT]},
        {"origin": {"bedrock": {"model_id": "amazon.titan-embed-text-v2:0", "api": "invoke"}}},
        {"routes": [EMBEDDINGS, {"path": "/v1/*", "policy": {"mode": "bypass"}}], "bucket": {}},
    ],
)
def test_what_is_deployed_breaks_no_rule_of_aws(args):
    assert findings(deployed(**args)) == []


def test_a_preview_knows_what_decides_and_not_what_is_made():
    recording = deployed(preview=True)
    origins = inputs(recording, "cache-distribution")["origins"]
    assert origins[1]["domainName"] == Unknown()
    assert inputs(recording, "cache-gateway")["code"]["assets"]["gateway.json"]["text"]
