"""One policy, two clouds: the stack's configuration says where the same cache runs."""

from pathlib import Path

import pulumi

from inference_edge_cache import Cloud, InferenceEdgeCache, load_policy

config = pulumi.Config()

cache = InferenceEdgeCache(
    "embeddings",
    {
        "cloud": Cloud(config.require("cloud")),
        "origin": {"url": config.require("modelUrl")},
        "policy": load_policy(Path(__file__).parent / "policy.yaml"),
        "bucket": {},
        "tags": {"component": "embeddings"},
    },
)

pulumi.export("url", cache.url)
pulumi.export("cacheId", cache.cache_id)
