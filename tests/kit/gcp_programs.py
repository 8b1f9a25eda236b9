"""Programs to record: direct caches and gateways of every kind, and a service that uses what caches do not."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi_gcp import networkservices as ns
from pulumi_gcp import secretmanager

from inference_edge_cache import InferenceEdgeCache
from inference_edge_cache.testing import Recording, record

CERTIFICATE = "projects/my-project/locations/global/certificates/cache"
KMS_KEY = "projects/my-project/locations/us/keyRings/edge/cryptoKeys/artifacts"
ARMOR = "projects/my-project/global/securityPolicies/edge"
MODEL = "https://model.example.com"
MODEL_KEY = "a key of the model's"
MASTER = "a master secret of at least thirty-two bytes"
ED25519 = "A" * 43

CACHES: Mapping[str, Mapping[str, Any]] = {
    "minimal": {},
    "a bucket": {"bucket": {}, "tags": {"team": "search"}},
    "a bucket that forgets": {"bucket": {"retention_days": 90, "force_destroy": True, "kms_key": KMS_KEY}},
    "a bucket elsewhere": {"bucket": {"region": "EUROPE-WEST3"}},
    "a bucket of somebody else": {"bucket": {"name": "theirs"}},
    "failover": {
        "origin": {
            "url": MODEL,
            "attempts": 2,
            "failover": {"url": "https://backup.example.com", "conditions": ["forbidden", "too_many_requests"]},
        },
        "routes": [{"path": "/v1/*", "methods": ["GET", "HEAD"]}],
    },
    "routes": {
        "origin": {"url": "https://model.example.com:8443/base", "headers": {"x-api-key": MODEL_KEY}},
        "policy": {"default_ttl": "10m", "browser_ttl": "1m", "negative_ttl": {"404": "5s"}},
        "routes": [
            {"path": "/v1/chat", "policy": {"mode": "bypass"}},
            {"path": "/v1/*", "policy": {"mode": "force", "default_ttl": "1h"}, "methods": ["GET", "HEAD"]},
            {"path": "/v2/*", "policy": {"key": {"query_except": ["trace"], "cookies": ["plan"]}}},
            {"path": "/v3/*", "policy": {"key": {"headers": ["x-lang"], "query_only": ["page"]}}},
            {"path": "/v1/models", "methods": ["GET", "HEAD", "OPTIONS"]},
        ],
    },
    "nothing cached": {"policy": {"mode": "bypass"}},
    "names, pages, logs": {
        "custom_domain": {"names": ["cache.example.com", "*.cache.example.com"], "certificate": CERTIFICATE},
        "cors": {"allow_origins": ["https://app.example.com"], "expose_headers": ["x-model"]},
        "logging": {"sample_rate": 0.5},
        "origin_shield": "europe-west3",
        "tags": {"Team": "Search team"},
        "gcp": {"edge_security_policy": ARMOR},
    },
    "APIs": {"bucket": {}, "gcp": {"enable_apis": True}},
}
"""The arguments of caches, beside cloud and origin."""

EMBEDDINGS = {"path": "/v1/embeddings", "preset": "embeddings"}
ENDPOINT = {"endpoint": "1234567890", "region": "us-central1", "method": "predict"}
PUBLISHED = {"endpoint": "publishers/google/models/text-embedding-005", "region": "us-central1", "method": "predict"}

GATEWAYS: Mapping[str, Mapping[str, Any]] = {
    "a gateway to Vertex AI": {},
    "a gateway to a publisher's model": {"origin": {"vertex": PUBLISHED}, "routes": [{"preset": "vertex_predict"}]},
    "a gateway to a model's own API": {"origin": {"vertex": {**ENDPOINT, "method": "rawPredict"}}},
    "a gateway to a dedicated endpoint": {
        "origin": {
            "vertex": {
                **ENDPOINT,
                "method": "rawPredict",
                "domain": "123.us-central1-456.prediction.vertexai.goog",
                "project": "models",
            }
        },
    },
    "a gateway to an https model": {
        "origin": {"url": f"{MODEL}/base", "headers": {"x-api-key": MODEL_KEY}},
        "routes": [EMBEDDINGS, {"path": "/v1/chat/completions", "preset": "openai_chat"}, {"path": "/v1/files/*"}],
        "gateway": {"master_secret": MASTER, "region": "europe-west3", "memory": 2048, "timeout": 120},
    },
    "a gateway for everybody": {"origin": {"url": MODEL}, "gateway": {"access": "public", "region": "us-east1"}},
    "a gateway that forgets soon": {
        "routes": [
            {**EMBEDDINGS, "policy": {"max_ttl": "10m", "default_ttl": "10m"}},
            {"path": "/v1/moderations", "preset": "moderation"},
        ]
    },
    "a gateway for web pages": {
        "cors": {
            "allow_origins": ["https://app.example.com"],
            "allow_methods": ["GET", "HEAD", "OPTIONS", "POST"],
            "allow_headers": ["authorization", "content-type"],
        },
        "bucket": {},
        "tags": {"team": "search"},
    },
    "a gateway under a name": {
        "custom_domain": {"names": ["cache.example.com"], "certificate": CERTIFICATE},
        "origin_shield": "us-central1",
        "gcp": {"enable_apis": True},
        "gateway": {
            "master_secret": MASTER,
            "min_instances": 1,
            "max_instances": 3,
            "environment": {"MODE": "a"},
            "dashboard": True,
        },
        "generation": "2",
    },
}
"""The arguments of gateways, where they are not those of the first."""

GATEWAY: Mapping[str, Any] = {
    "origin": {"vertex": ENDPOINT},
    "routes": [EMBEDDINGS],
    "gateway": {"master_secret": MASTER},
}


def cache(**args: Any) -> Recording:
    """What a program with one cache, named ``cache``, registers."""
    return record(lambda: InferenceEdgeCache("cache", {"cloud": "gcp", "origin": {"url": MODEL}, **args}))


def gateway(**args: Any) -> Recording:
    """What a program with one gateway, named ``cache``, registers; its secrets are such."""

    def program() -> None:
        given = {**GATEWAY, **args}
        given["gateway"] = {
            name: pulumi.Output.secret(value) if name == "master_secret" else value
            for name, value in given["gateway"].items()
        }
        InferenceEdgeCache("cache", {"cloud": "gcp", **given})

    return record(program)


def by_hand() -> Recording:
    """What a program registers that uses what caches do not: templates, redirects, tokens, keysets, S3."""
    return record(_by_hand)


def _by_hand() -> None:
    secret = secretmanager.Secret("s3", replication={"auto": {}})
    version = secretmanager.SecretVersion("s3", secret=secret.id, secret_data=pulumi.Output.secret("a key of S3's"))
    keyset = ns.EdgeCacheKeyset(
        "keys",
        public_keys=[{"id": "ours", "value": ED25519}, {"id": "google", "managed": True}],
        validation_shared_keys=[{"secret_version": version.name}],
    )
    origin = ns.EdgeCacheOrigin(
        "s3",
        origin_address="archive.s3.eu-west-1.amazonaws.com",
        protocol="HTTPS",
        origin_override_action={"url_rewrite": {"host_rewrite": "archive.s3.eu-west-1.amazonaws.com"}},
        origin_redirect={"redirect_conditions": ["FOUND", "TEMPORARY_REDIRECT"]},
        aws_v4_authentication={
            "access_key_id": "AKIAEXAMPLEEXAMPLE00",
            "origin_region": "eu-west-1",
            "secret_access_key_version": version.name,
        },
    )
    strip = {
        "request_header_to_removes": [{"header_name": "authorization"}, {"header_name": "cookie"}],
        "response_header_to_adds": [{"header_name": "x-cache", "header_value": "{cdn_cache_status}"}],
    }
    signed = {
        "cache_mode": "FORCE_CACHE_ALL",
        "default_ttl": "3600s",
        "signed_request_mode": "REQUIRE_TOKENS",
        "signed_request_keyset": keyset.id,
        "signed_request_maximum_expiration_ttl": "600s",
        "signed_token_options": {"token_query_parameter": "token", "allowed_signature_algorithms": ["ED25519"]},
        "add_signatures": {
            "actions": "GENERATE_COOKIE",
            "keyset": keyset.id,
            "token_ttl": "3600s",
            "copied_parameters": ["PathGlobs"],
        },
    }
    videos = {
        "priority": "10",
        "match_rules": [
            {
                "path_template_match": "/videos/{language=*}/{file=**}",
                "header_matches": [{"header_name": "x-player", "prefix_match": "web"}],
                "query_parameter_matches": [{"name": "v", "exact_match": "2"}, {"name": "w", "present_match": True}],
            }
        ],
        "origin": origin.name,
        "header_action": strip,
        "route_action": {"cdn_policy": signed, "url_rewrite": {"path_template_rewrite": "/{language}/{file}"}},
    }
    moved = {
        "priority": "20",
        "match_rules": [{"full_path_match": "/old"}, {"prefix_match": "/older/"}],
        "url_redirect": {"prefix_redirect": "/new/", "redirect_response_code": "FOUND", "https_redirect": True},
    }
    rest = {
        "priority": "30",
        "match_rules": [{"prefix_match": "/"}],
        "origin": origin.id,
        "header_action": strip,
        "route_action": {"cdn_policy": {"cache_mode": "USE_ORIGIN_HEADERS"}},
    }
    ns.EdgeCacheService(
        "videos",
        edge_ssl_certificates=[CERTIFICATE],
        require_tls=True,
        routing={
            "host_rules": [{"hosts": ["videos.example.com", "*"], "path_matcher": "all"}],
            "path_matchers": [{"name": "all", "route_rules": [videos, moved, rest]}],
        },
    )


BY_HAND = "a service by hand"

Make = Callable[[], Recording]
PROGRAMS: Mapping[str, Make] = {
    **{name: (lambda args=args: cache(**args)) for name, args in CACHES.items()},
    **{name: (lambda args=args: gateway(**args)) for name, args in GATEWAYS.items()},
    BY_HAND: by_hand,
}
"""Everything that the rules have to find valid."""
