"""OpenAI's open-weight model on Amazon Bedrock, behind CloudFront, for unchanged OpenAI clients."""

import pulumi

from inference_edge_cache import InferenceEdgeCache

config = pulumi.Config()

cache = InferenceEdgeCache(
    "chat",
    {
        "cloud": "aws",
        # InvokeModel takes a body in the model's own form, and that of this model is OpenAI's.
        "origin": {"bedrock": {"model_id": config.require("modelId"), "api": "invoke"}},
        "routes": [{"preset": "openai_chat"}],
        "gateway": {"master_secret": config.require_secret("master")},
    },
)

pulumi.export("url", cache.url)
pulumi.export("configUrl", cache.config_url)
# What the commands purge and warm go by.
pulumi.export("cacheId", cache.cache_id)
pulumi.export("resultsBucketName", cache.results_bucket_name)
