"""Files and an endpoint behind one CloudFront distribution. The files lie in a private bucket, read through an OAI."""

import json

import pulumi
import pulumi_aws as aws

from inference_edge_cache import CachePolicy, InferenceEdgeCache

config = pulumi.Config()

cache = InferenceEdgeCache(
    "models",
    {
        "cloud": "aws",
        "origin": {"url": config.require("modelUrl")},
        "policy": CachePolicy(default_ttl="1h", max_ttl="24h"),
        "bucket": {"path": "/artifacts/*", "retention_days": 365},
        "tags": {"component": "models"},
    },
)

# Objects lie under the path they are asked for: /artifacts/labels.json is the object artifacts/labels.json.
bucket = cache.aws.bucket
assert bucket is not None
labels = aws.s3.BucketObjectv2(
    "labels",
    bucket=bucket.bucket,
    key="artifacts/labels.json",
    content=json.dumps(["negative", "neutral", "positive"]),
    content_type="application/json",
    cache_control="public, max-age=86400",
    opts=pulumi.ResourceOptions(parent=cache),
)

pulumi.export("labels", pulumi.Output.concat(cache.url, "/", labels.key))
pulumi.export("bucket", cache.bucket_name)
