"""Media CDN and Cloud Storage."""

from inference_edge_cache.clouds.gcp.deploy import deploy, overrides_problems
from inference_edge_cache.clouds.gcp.resources import GcpResources

__all__ = ["GcpResources", "deploy", "overrides_problems"]
