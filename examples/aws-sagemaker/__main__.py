"""An embedding model on SageMaker behind CloudFront."""

import pulumi

from inference_edge_cache import InferenceEdgeCache

config = pulumi.Config()

cache = InferenceEdgeCache(
    "embed",
    {
        "cloud": "aws",
        "origin": {"sagemaker": {"endpoint_name": config.require("endpointName")}},
        "routes": [{"path": "/v1/embeddings", "preset": "embeddings"}],
        "gateway": {"master_secret": config.require_secret("master")},
        # Another word here, and every answer of the model before is out of reach.
        "generation": config.require("generation"),
    },
)

pulumi.export("url", cache.url)
pulumi.export("configUrl", cache.config_url)
# What the commands purge and warm go by.
pulumi.export("cacheId", cache.cache_id)
pulumi.export("resultsBucketName", cache.results_bucket_name)
