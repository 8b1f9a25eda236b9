"""A Media CDN edge cache in front of an inference endpoint. The project must be allow-listed for Media CDN."""

import pulumi

from inference_edge_cache import CacheKey, CachePolicy, InferenceEdgeCache

config = pulumi.Config()

cache = InferenceEdgeCache(
    "embeddings",
    {
        "cloud": "gcp",
        "origin": {
            "url": config.require("modelUrl"),
            "headers": {"x-api-key": config.require_secret("modelKey")},
        },
        "policy": CachePolicy(mode="bypass"),
        "routes": [
            {
                "path": "/v1/embed",
                "methods": ["GET", "HEAD"],
                # Media CDN caches JSON on its own only when told to: "force" tells it.
                "policy": CachePolicy(mode="force", default_ttl="1h", key=CacheKey(query_only=["model", "text"])),
            },
        ],
        "custom_domain": {
            "names": [config.require("domain")],
            "certificate": config.require("certificate"),
        },
        # Whoever reaches the cache reaches the model: a Cloud Armor edge policy decides who that is.
        "gcp": {"edge_security_policy": config.require("edgeSecurityPolicy")},
        "logging": {"sample_rate": 1.0},
        "tags": {"component": "embeddings"},
    },
)

pulumi.export("url", cache.url)
pulumi.export("ipv4Address", cache.domain_name)
