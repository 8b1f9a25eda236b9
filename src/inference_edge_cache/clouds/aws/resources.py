"""What is made on AWS: the escape hatch behind ``cache.aws``."""

from dataclasses import dataclass

from pulumi_aws import cloudfront as cf
from pulumi_aws import cloudwatch, iam, lambda_, s3, secretsmanager


@dataclass(frozen=True)
class AwsResources:
    """Every AWS resource of a cache. None or an empty tuple: not made.

    A field has the name of the resource's key in ``overrides``, in the plural where there may be several.
    """

    distribution: cf.Distribution
    """The CloudFront distribution: the cache itself."""
    monitoring_subscription: cf.MonitoringSubscription
    """The metrics that a distribution has not by itself: cache hit rate, origin latency, errors by status. CloudWatch
    charges them as eight custom metrics: up to $2.40 a month for each distribution (US price, 2026)."""
    cache_policies: tuple[cf.CachePolicy, ...]
    """One for each distinct set of TTLs and key, the default route's first. Empty when every route bypasses the cache
    or names an existing policy."""
    origin_request_policy: cf.OriginRequestPolicy | None
    """``forward_headers``: sent to the endpoint on cached routes, without being part of the key."""
    response_headers_policies: tuple[cf.ResponseHeadersPolicy, ...]
    """Security headers, CORS and Server-Timing, the default route's first; one more for each distinct ``browser_ttl``,
    and for routes that cache nothing: where something is cached, Set-Cookie is removed."""
    bucket: s3.Bucket | None
    """The private bucket. None without ``bucket``, and with an existing one."""
    bucket_ownership: s3.BucketOwnershipControls | None
    """No ACLs: the bucket's owner owns every object in it."""
    bucket_public_access_block: s3.BucketPublicAccessBlock | None
    """No public access, by ACL or policy."""
    bucket_encryption: s3.BucketServerSideEncryptionConfiguration | None
    """AES-256 with S3's keys, or ``bucket.kms_key``. The policy of such a key must let the distribution decrypt: the
    component cannot change a key that is not its own."""
    bucket_versioning: s3.BucketVersioning | None
    """An overwritten or deleted object is kept as an older version."""
    bucket_lifecycle: s3.BucketLifecycleConfiguration | None
    """Deletes unfinished uploads, older versions and, after ``retention_days``, objects."""
    bucket_policy: s3.BucketPolicy | None
    """Lets this distribution read what it serves, and refuses plain HTTP to everybody."""
    origin_access_identity: cf.OriginAccessIdentity | None
    """Who CloudFront is to the bucket, with ``bucket_access`` ``oai``."""
    origin_access_control: cf.OriginAccessControl | None
    """How CloudFront signs its requests to the bucket, with ``bucket_access`` ``oac``."""
    log_delivery_source: cloudwatch.LogDeliverySource | None
    """The distribution's access logs."""
    log_delivery_destination: cloudwatch.LogDeliveryDestination | None
    """Where they go: ``logging.destination``."""
    log_delivery: cloudwatch.LogDelivery | None
    """The one to the other."""
    results: s3.Bucket | None = None
    """The results bucket of inference routes. It goes with the stack, whatever is in it. None without such routes; so
    too what follows."""
    results_ownership: s3.BucketOwnershipControls | None = None
    """No ACLs."""
    results_public_access_block: s3.BucketPublicAccessBlock | None = None
    """No public access, by ACL or policy."""
    results_encryption: s3.BucketServerSideEncryptionConfiguration | None = None
    """AES-256 with S3's keys."""
    results_lifecycle: s3.BucketLifecycleConfiguration | None = None
    """Deletes the results of each route when none of them counts any more."""
    results_policy: s3.BucketPolicy | None = None
    """Lets this distribution read results and the discovery document, and refuses plain HTTP to everybody."""
    discovery_document: s3.BucketObjectv2 | None = None
    """What clients learn the current generation from."""
    master_secret: secretsmanager.Secret | None = None
    """Where the gateway reads the master secret. None with public access."""
    master_secret_version: secretsmanager.SecretVersion | None = None
    """``gateway.master_secret``. The one before it counts until the next one."""
    model_headers: secretsmanager.Secret | None = None
    """Where the gateway reads ``origin.headers``. None without them."""
    model_headers_version: secretsmanager.SecretVersion | None = None
    """``origin.headers``, as JSON."""
    gateway: lambda_.Function | None = None
    """The gateway."""
    gateway_role: iam.Role | None = None
    """What it runs as."""
    gateway_role_policy: iam.RolePolicy | None = None
    """What it may do: ask the one model, keep results, read its secrets, write its log."""
    gateway_logs: cloudwatch.LogGroup | None = None
    """Its log."""
    gateway_url: lambda_.FunctionUrl | None = None
    """Where CloudFront calls it."""
    gateway_url_permission: lambda_.Permission | None = None
    """Who may call that URL, in the first of the two steps that AWS asks for."""
    gateway_invoke_permission: lambda_.Permission | None = None
    """In the second one."""
    gateway_signing: cf.OriginAccessControl | None = None
    """How CloudFront signs its requests to the gateway, with ``front_door`` ``iam``."""
    payload_policy: cf.OriginRequestPolicy | None = None
    """``Inference-Payload``: sent to the gateway without being part of the key."""
    preflight: cf.Function | None = None
    """Answers a browser's preflight of inference routes, with ``cors``."""
    dashboard: cloudwatch.Dashboard | None = None
    """What is to be seen of the cache and its gateway, with ``gateway.dashboard``. CloudWatch charges $3 a month for
    each dashboard above three (US price, 2026), and what its queries read of the log."""
