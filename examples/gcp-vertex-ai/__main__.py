"""An embedding model on Vertex AI behind Media CDN. The project must be allow-listed for Media CDN."""

import pulumi

from inference_edge_cache import CachePolicy, InferenceEdgeCache, InferencePolicy

config = pulumi.Config()
# What this model answers depends on the request alone, and predict has no word for that.
inference = InferencePolicy(dialect="vertex-predict", determinism="deterministic_endpoint")
policy = CachePolicy(default_ttl="7d", max_ttl="30d")

cache = InferenceEdgeCache(
    "embed",
    {
        "cloud": "gcp",
        "origin": {
            "vertex": {"endpoint": config.require("model"), "region": config.require("region"), "method": "predict"}
        },
        "routes": [{"path": "/v1/embed", "inference": inference, "policy": policy}],
        "gateway": {"master_secret": config.require_secret("master")},
        "custom_domain": {"names": [config.require("domain")], "certificate": config.require("certificate")},
        "gcp": {"enable_apis": True},
    },
)

pulumi.export("url", cache.url)
pulumi.export("configUrl", cache.config_url)
pulumi.export("ipv4Address", cache.domain_name)
pulumi.export("cacheId", cache.cache_id)
pulumi.export("resultsBucketName", cache.results_bucket_name)
