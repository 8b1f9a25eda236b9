"""A CloudFront edge cache in front of an inference endpoint on AWS or anywhere else."""

import pulumi

from inference_edge_cache import CacheKey, CachePolicy, InferenceEdgeCache

config = pulumi.Config()

cache = InferenceEdgeCache(
    "embeddings",
    {
        "cloud": "aws",
        "origin": {
            "url": config.require("modelUrl"),
            "headers": {"x-api-key": config.require_secret("modelKey")},
        },
        # What no route below names reaches the endpoint uncached: POST, health checks, anything new.
        "policy": CachePolicy(mode="bypass"),
        "routes": [
            {
                # GET /v1/embed?model=...&text=... : the same two values give the same vector.
                "path": "/v1/embed",
                "methods": ["GET", "HEAD"],
                "policy": CachePolicy(default_ttl="1h", max_ttl="24h", key=CacheKey(query_only=["model", "text"])),
            },
        ],
        # Whoever reaches the cache reaches the model: a web ACL decides who that is.
        "aws": {"web_acl_id": config.require("webAclArn")},
        "tags": {"component": "embeddings"},
    },
)

pulumi.export("url", cache.url)
pulumi.export("distributionId", cache.cache_id)
