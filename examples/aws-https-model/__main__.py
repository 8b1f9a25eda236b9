"""A hosted API behind CloudFront: what unchanged OpenAI clients POST is asked of the model once."""

import pulumi

from inference_edge_cache import InferenceEdgeCache

config = pulumi.Config()

cache = InferenceEdgeCache(
    "chat",
    {
        "cloud": "aws",
        "origin": {
            "url": config.require("modelUrl"),
            "headers": {"authorization": pulumi.Output.concat("Bearer ", config.require_secret("modelKey"))},
        },
        "routes": [{"preset": "openai_chat"}, {"preset": "embeddings"}],
        "gateway": {"master_secret": config.require_secret("master")},
    },
)

pulumi.export("url", cache.url)
pulumi.export("configUrl", cache.config_url)
# What the commands purge and warm go by.
pulumi.export("cacheId", cache.cache_id)
pulumi.export("resultsBucketName", cache.results_bucket_name)
