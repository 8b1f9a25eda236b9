import pulumi
import pytest

from inference_edge_cache import CacheKey, CachePolicy, InferenceEdgeCache
from inference_edge_cache.testing import record

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_OPTIMIZED_FOR_UNCOMPRESSED = "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"

ORIGIN = {"url": "https://model.example.com"}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/edge"
KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
BYPASS = CachePolicy(mode="bypass")
READ_ONLY = {"methods": ["GET", "HEAD"]}

EVERYTHING = {
    "origin": {
        "url": "https://model.example.com:8443/base",
        "headers": {"x-api-key": "hush", "x-team": lambda: pulumi.Output.secret("hush")},
        "failover": {
            "url": "https://backup.example.com",
            "headers": {"x-api-key": "hush"},
            "conditions": ["forbidden"],
        },
    },
    "policy": {
        "default_ttl": "10m",
        "browser_ttl": "1m",
        "negative_ttl": {"404": "5s"},
        "key": {"headers": ["x-lang"]},
    },
    "routes": [
        {"path": "/v1/chat", "policy": {"mode": "bypass"}},
        {"path": "/v1/*", "policy": {"mode": "force", "default_ttl": "1h"}, "methods": ["GET", "HEAD"]},
        {"path": "/v2/*", "policy": {"default_ttl": "1h", "key": {"query_except": ["trace"], "cookies": ["plan"]}}},
    ],
    "bucket": {"retention_days": 90, "region": "eu-west-1", "force_destroy": True},
    "forward_headers": ["X-Request-Id"],
    "custom_domain": {"names": ["cache.example.com"], "certificate": CERTIFICATE},
    "cors": {"allow_origins": ["https://app.example.com"], "expose_headers": ["x-model"]},
    "geo": {"deny": ["AQ"]},
    "logging": {"destination": LOG_GROUP},
    "origin_shield": "eu-west-1",
    "tags": {"team": "search", "cost-center": "42"},
    "aws": {"price_class": "PriceClass_100", "web_acl_id": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b"},
}

MASTER = "a master secret of at least 32 bytes"
GATEWAY = {"gateway": {"master_secret": lambda: pulumi.Output.secret(MASTER)}}
CHAT = {"path": "/chat", "inference": {"dialect": "openai-chat"}, "policy": {"default_ttl": "1h", "max_ttl": "6h"}}

SCENARIOS = {
    "minimal": {},
    "bucket": {"bucket": {}, "tags": {"team": "search"}},
    "bucket through OAC": {
        "bucket": {"kms_key": KMS_KEY},
        "aws": {"bucket_access": "oac"},
        "tags": {"team": "search"},
    },
    "existing bucket": {"bucket": {"name": "theirs", "region": "eu-west-1"}},
    "existing bucket through OAC": {"bucket": {"name": "theirs"}, "aws": {"bucket_access": "oac"}},
    "everything": EVERYTHING,
    "nothing cached": {"policy": {"mode": "bypass"}, "forward_headers": ["x-request-id"]},
    "existing policies": {
        "bucket": {},
        "routes": [{"path": "/v1/*"}],
        "policy": {"key": CacheKey(query="none")},
        "aws": {
            "existing_policy_ids": {
                "/v1/*": CACHING_OPTIMIZED,
                "/artifacts/*": CACHING_OPTIMIZED_FOR_UNCOMPRESSED,
            }
        },
    },
    "a gateway": {
        **GATEWAY,
        "origin": {**ORIGIN, "headers": {"x-api-key": "hush"}},
        "routes": [{"preset": "embeddings"}, CHAT],
        "tags": {"team": "search"},
    },
    "a gateway that IAM guards": {
        "origin": {"sagemaker": {"endpoint_name": "e5-small"}},
        "routes": [{"preset": "embeddings"}],
        "gateway": {"access": "public", "front_door": "iam"},
        "aws": {"bucket_access": "oac"},
    },
    "a gateway beside everything": {
        **GATEWAY,
        "origin": {**ORIGIN, "headers": {"x-api-key": "hush"}, "failover": {"url": "https://backup.example.com"}},
        "policy": {"default_ttl": "10m"},
        "routes": [{"preset": "embeddings"}, {"path": "/v1/*", **READ_ONLY}],
        "bucket": {},
        "forward_headers": ["x-request-id"],
        "origin_shield": "eu-west-1",
        "logging": {"destination": LOG_GROUP},
        "cors": {"allow_origins": ["https://app.example.com"]},
        "tags": {"team": "search"},
    },
    "failover": {
        "origin": {**ORIGIN, "failover": {"url": "https://backup.example.com"}},
        "routes": [{"path": "/v1/*", **READ_ONLY}, {"path": "/v2/*", "methods": ["GET", "HEAD", "OPTIONS"]}],
    },
}


def resolved(value):
    """``value`` with every function in it called: an Output belongs to the program that makes it."""
    if callable(value):
        return value()
    if isinstance(value, dict):
        return {key: resolved(item) for key, item in value.items()}
    return [resolved(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def arguments():
    """The arguments of a cache: those given, beside cloud and origin. To be called inside the program."""
    return lambda **args: {"cloud": "aws", "origin": ORIGIN, **resolved(args)}


@pytest.fixture
def deployed(arguments):
    """Records a program with one cache, named "cache"."""

    def run(*, preview=False, **args):
        return record(lambda: InferenceEdgeCache("cache", arguments(**args)), preview=preview)

    return run


@pytest.fixture(params=SCENARIOS)
def scenario(request):
    """The arguments of one deployment after the other."""
    return SCENARIOS[request.param]


@pytest.fixture
def distribution(deployed):
    """The inputs of the distribution that arguments lead to."""
    return lambda **args: deployed(**args).one("Distribution").inputs


@pytest.fixture
def behaviors(distribution):
    """Path to behaviour; the default one is under "/*"."""

    def run(**args):
        inputs = distribution(**args)
        ordered = {behavior["pathPattern"]: behavior for behavior in inputs.get("orderedCacheBehaviors", [])}
        return {**ordered, "/*": inputs["defaultCacheBehavior"]}

    return run
