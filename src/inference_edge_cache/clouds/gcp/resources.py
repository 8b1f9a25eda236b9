"""What the GCP backend made: the escape hatch behind ``InferenceEdgeCache.gcp``."""

from dataclasses import dataclass

from pulumi_gcp.cloudfunctionsv2 import Function
from pulumi_gcp.cloudrunv2 import ServiceIamMember
from pulumi_gcp.logging import Metric
from pulumi_gcp.monitoring import Dashboard
from pulumi_gcp.networkservices import EdgeCacheOrigin, EdgeCacheService
from pulumi_gcp.projects import IAMCustomRole, IAMMember, Service
from pulumi_gcp.secretmanager import Secret, SecretIamMember, SecretVersion
from pulumi_gcp.serviceaccount import Account
from pulumi_gcp.storage import Bucket, BucketIAMMember, BucketObject
from pulumi_gcp.vertex import AiEndpointIamMember


@dataclass(frozen=True)
class GcpResources:
    """Every resource of one cache on GCP; None where the deployment has none."""

    service: EdgeCacheService
    """The Media CDN service: addresses, routes, certificates, logs."""
    origin: EdgeCacheOrigin | None
    """The inference endpoint, where a route reaches it past the gateway."""
    failover_origin: EdgeCacheOrigin | None
    """The second endpoint, with ``origin.failover``."""
    bucket: Bucket | None
    """The bucket, with ``bucket`` and no ``bucket.name``."""
    bucket_reader: BucketIAMMember | None
    """The grant by which Media CDN reads the bucket, with ``bucket``."""
    bucket_origin: EdgeCacheOrigin | None
    """The bucket as an origin, with ``bucket``."""
    api: tuple[Service, ...] = ()
    """The APIs that were enabled, with ``gcp.enable_apis``."""
    results: Bucket | None = None
    """What the gateway has stored, and the discovery document, with inference routes."""
    results_reader: BucketIAMMember | None = None
    """The grant by which Media CDN reads the results, with inference routes."""
    results_writer: BucketIAMMember | None = None
    """The grant by which the gateway reads and writes them, with inference routes."""
    results_origin: EdgeCacheOrigin | None = None
    """The results as an origin, and the gateway where they have nothing, with inference routes."""
    discovery_document: BucketObject | None = None
    """What client transports learn the inference routes from, with inference routes."""
    master_secret: Secret | None = None
    """Holds ``gateway.master_secret``."""
    master_secret_version: SecretVersion | None = None
    """``gateway.master_secret`` itself."""
    master_secret_reader: SecretIamMember | None = None
    """The grant by which the gateway reads it."""
    model_headers: Secret | None = None
    """Holds ``origin.headers``, with inference routes in front of a URL."""
    model_headers_version: SecretVersion | None = None
    """``origin.headers`` themselves."""
    model_headers_reader: SecretIamMember | None = None
    """The grant by which the gateway reads them."""
    model_role: IAMCustomRole | None = None
    """The one permission to ask a model, with ``origin.vertex``."""
    model_caller: AiEndpointIamMember | None = None
    """The grant by which the gateway asks that endpoint, with ``origin.vertex``."""
    publisher_model_caller: IAMMember | None = None
    """The grant by which it asks a publisher's model, with one in ``origin.vertex``."""
    source: Bucket | None = None
    """Where the gateway's source lies, with inference routes."""
    source_archive: BucketObject | None = None
    """The source itself."""
    gateway: Function | None = None
    """The gateway, with inference routes."""
    gateway_account: Account | None = None
    """The service account that it runs as."""
    gateway_invoker: ServiceIamMember | None = None
    """The grant by which everybody may call it, as Media CDN does."""
    gateway_origin: EdgeCacheOrigin | None = None
    """The gateway as an origin."""
    requests_metric: Metric | None = None
    """How many requests the gateway has answered, counted from its log, with ``gateway.dashboard``."""
    latency_metric: Metric | None = None
    """How long they took, likewise."""
    dashboard: Dashboard | None = None
    """What is to be seen of the cache and its gateway, with ``gateway.dashboard``."""
