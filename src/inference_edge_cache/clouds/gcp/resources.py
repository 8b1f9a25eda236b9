"""What the GCP backend made: the escape hatch behind ``InferenceEdgeCache.gcp``."""

from dataclasses import dataclass

from pulumi_gcp.networkservices import EdgeCacheOrigin, EdgeCacheService
from pulumi_gcp.storage import Bucket, BucketIAMMember


@dataclass(frozen=True)
class GcpResources:
    """Every resource of one cache on GCP; None where the deployment has none."""

    service: EdgeCacheService
    """The Media CDN service: addresses, routes, certificates, logs."""
    origin: EdgeCacheOrigin
    """The inference endpoint."""
    failover_origin: EdgeCacheOrigin | None
    """The second endpoint, with ``origin.failover``."""
    bucket: Bucket | None
    """The bucket, with ``bucket`` and no ``bucket.name``."""
    bucket_reader: BucketIAMMember | None
    """The grant by which Media CDN reads the bucket, with ``bucket``."""
    bucket_origin: EdgeCacheOrigin | None
    """The bucket as an origin, with ``bucket``."""
