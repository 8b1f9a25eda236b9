"""CloudFront and S3."""

from inference_edge_cache.clouds.aws.deploy import deploy, overrides_problems
from inference_edge_cache.clouds.aws.resources import AwsResources

__all__ = ["AwsResources", "deploy", "overrides_problems"]
