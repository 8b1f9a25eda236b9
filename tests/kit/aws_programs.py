"""Programs to record: direct caches of every kind, and inference routes with every model and both front doors."""

from collections.abc import Callable, Mapping
from typing import Any

from inference_edge_cache import InferenceEdgeCache
from inference_edge_cache.testing import Recording, record

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/edge"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/edge/12345678-1234-1234-1234-123456789012"
MODEL = "https://model.example.com"
MANAGED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
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


MODEL_KEY = "a key of the model's"
PAGE = "https://app.example.com"
EMBEDDINGS, CHAT, CONVERSE = ({"preset": name} for name in ("embeddings", "openai_chat", "bedrock_converse"))
FOR_AN_HOUR = {
    "path": "/v1/chat/completions",
    "inference": {"dialect": "openai-chat", "result_max_age": "1h"},
    "policy": {"default_ttl": "10m", "max_ttl": "1h"},
}
KEYED = {"gateway": {"master_secret": MASTER}}

GATEWAYS: Mapping[str, Mapping[str, Any]] = {
    "a gateway with a secret": {
        **KEYED,
        "origin": {"url": MODEL, "headers": {"x-api-key": MODEL_KEY}},
        "routes": [EMBEDDINGS, CHAT],
        "tags": {"team": "search"},
    },
    "a gateway that IAM guards": {
        "origin": {"sagemaker": {"endpoint_name": "E5-small"}},
        "routes": [EMBEDDINGS],
        "gateway": {"access": "public", "front_door": "iam"},
        "aws": {"bucket_access": "oac"},
    },
    "a gateway for everybody": {"routes": [EMBEDDINGS], "gateway": {"access": "public"}},
    "a gateway that web pages ask": {
        **KEYED,
        "routes": [EMBEDDINGS],
        "cors": {
            "allow_origins": [PAGE],
            "allow_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
            "allow_headers": ["authorization", "content-type"],
        },
        "tags": {"team": "search"},
    },
    "results for an hour": {**KEYED, "routes": [FOR_AN_HOUR]},
    "a SageMaker endpoint": {
        **KEYED,
        "origin": {
            "sagemaker": {
                "endpoint_name": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/e5-small",
                "target_variant": "blue",
            }
        },
        "routes": [{"preset": "sagemaker"}],
    },
    "a Bedrock model": {
        **KEYED,
        "origin": {"bedrock": {"model_id": "anthropic.claude-3-haiku-20240307-v1:0", "api": "converse"}},
        "routes": [CONVERSE],
    },
    "an inference profile": {
        **KEYED,
        "origin": {"bedrock": {"model_id": "us.anthropic.claude-haiku-4-5-20251001-v1:0", "api": "converse"}},
        "routes": [CONVERSE],
    },
    "an inference profile of one's own": {
        **KEYED,
        "origin": {
            "bedrock": {
                "model_id": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
                "api": "converse",
            }
        },
        "routes": [CONVERSE],
    },
    "a gateway beside everything": {
        "origin": {
            "url": MODEL,
            "headers": {"x-api-key": MODEL_KEY},
            "failover": {"url": "https://backup.example.com"},
        },
        "policy": {"default_ttl": "10m"},
        "routes": [EMBEDDINGS, FOR_AN_HOUR, {"path": "/v1/*", "methods": ["GET", "HEAD"]}],
        "gateway": {
            "master_secret": MASTER,
            "memory": 1024,
            "timeout": 120,
            "reserved_concurrency": 5,
            "log_retention_days": 7,
            "environment": {"LOG_COLOUR": "none"},
            "dashboard": True,
        },
        "generation": "2",
        "bucket": {},
        "forward_headers": ["x-request-id"],
        "custom_domain": {"names": ["cache.example.com"], "certificate": CERTIFICATE},
        "cors": {"allow_origins": [PAGE]},
        "geo": {"deny": ["AQ"]},
        "logging": {"destination": LOG_GROUP},
        "origin_shield": "eu-west-1",
        "tags": {"team": "search"},
        "aws": {"price_class": "PriceClass_100", "web_acl_id": WEB_ACL},
    },
}
"""The arguments of caches with inference routes, beside cloud and, where none is given, origin."""


def cache(name: str = "cache", /, **args: Any) -> Recording:
    """What a program with one cache registers."""
    return record(lambda: InferenceEdgeCache(name, {"cloud": "aws", "origin": {"url": MODEL}, **args}))


def gateway(program: str = "a gateway with a secret", **args: Any) -> Recording:
    """One of ``GATEWAYS``, with other arguments in place of its own."""
    return cache(**{**GATEWAYS[program], **args})


Make = Callable[[], Recording]
PROGRAMS: Mapping[str, Make] = {
    name: (lambda args=args: cache(**args)) for name, args in {**CACHES, **GATEWAYS}.items()
}
"""Everything that the rules have to find valid, and the deployer has to deploy."""
