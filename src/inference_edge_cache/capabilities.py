"""What each cloud can do: one table, one row per feature and cloud.

It drives the errors (a feature a cloud lacks, an amount over its limit), the warnings (soft quotas, surprises), the
table in the docs and the test that tries every row. A number that comes from a cloud stands here, with its source,
and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Cloud(StrEnum):
    """Where the edge cache runs."""

    AWS = "aws"
    """CloudFront and S3: a distribution, its policies and an optional bucket."""
    GCP = "gcp"
    """Media CDN: an EdgeCacheService and its EdgeCacheOrigins. Needs a project that Google has allow-listed."""


CLOUD_NAMES = {Cloud.AWS: "CloudFront", Cloud.GCP: "Media CDN"}
"""What the cache is called there."""


class Support(StrEnum):
    """How far a cloud goes with a feature."""

    SUPPORTED = "supported"
    LIMITED = "limited"
    UNSUPPORTED = "unsupported"


# Sources -------------------------------------------------------------------------------------------------------------
_CLOUDFRONT = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide"
_CLOUDFRONT_API = "https://docs.aws.amazon.com/cloudfront/latest/APIReference"
_MEDIA_CDN = "https://cloud.google.com/media-cdn/docs"
_EDGE_CACHE_API = "https://cloud.google.com/media-cdn/docs/reference/rest/v1"

AWS_QUOTAS = f"{_CLOUDFRONT}/cloudfront-limits.html"
AWS_EXPIRATION = f"{_CLOUDFRONT}/Expiration.html"
AWS_CACHE_KEY = f"{_CLOUDFRONT}/controlling-the-cache-key.html"
AWS_CACHE_POLICY = f"{_CLOUDFRONT_API}/API_CachePolicyConfig.html"
AWS_ERRORS = f"{_CLOUDFRONT}/HTTPStatusCodes.html"
AWS_BEHAVIOR = f"{_CLOUDFRONT}/DownloadDistValuesCacheBehavior.html"
AWS_ORIGIN = f"{_CLOUDFRONT}/DownloadDistValuesOrigin.html"
AWS_CUSTOM_ORIGIN = f"{_CLOUDFRONT}/RequestAndResponseBehaviorCustomOrigin.html"
AWS_CUSTOM_HEADERS = f"{_CLOUDFRONT}/add-origin-custom-headers.html"
AWS_RESPONSE_HEADERS = f"{_CLOUDFRONT}/understanding-response-headers-policies.html"
AWS_S3_ACCESS = f"{_CLOUDFRONT}/private-content-restricting-access-to-s3.html"
AWS_FAILOVER = f"{_CLOUDFRONT}/high_availability_origin_failover.html"
AWS_SHIELD = f"{_CLOUDFRONT}/origin-shield.html"
AWS_INVOCATIONS = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html"
AWS_SAGEMAKER = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"
AWS_BEDROCK = "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html"
AWS_LOGS = f"{_CLOUDFRONT}/standard-logging.html"
AWS_GEO = f"{_CLOUDFRONT}/georestrictions.html"
AWS_ALIASES = f"{_CLOUDFRONT}/CNAMEs.html"
AWS_TAGS = "https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html"
GCP_CACHING = f"{_MEDIA_CDN}/caching"
GCP_ORIGINS = f"{_MEDIA_CDN}/origins"
GCP_ROUTING = f"{_MEDIA_CDN}/routing"
GCP_QUOTAS = "https://cloud.google.com/media-cdn/quotas"
GCP_LOGGING = f"{_MEDIA_CDN}/logging"
GCP_TLS = f"{_MEDIA_CDN}/configure-ssl-certificates"
GCP_SERVICE_API = f"{_EDGE_CACHE_API}/projects.locations.edgeCacheServices"
GCP_ORIGIN_API = f"{_EDGE_CACHE_API}/projects.locations.edgeCacheOrigins"
GCP_ARMOR = "https://cloud.google.com/armor/docs/security-policy-overview"
GCP_LABELS = "https://cloud.google.com/resource-manager/docs/labels-overview"
GCP_VERTEX = "https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions"
GCP_CMEK = "https://cloud.google.com/storage/docs/encryption/customer-managed-keys"
GCP_RUN_QUOTAS = "https://cloud.google.com/run/quotas"
GCP_RUN_MEMORY = "https://cloud.google.com/run/docs/configuring/services/memory-limits"
GCP_RUN_TIMEOUT = "https://cloud.google.com/run/docs/configuring/request-timeout"
GCP_RUN_CONCURRENCY = "https://cloud.google.com/run/docs/configuring/concurrency"
GCP_RUN_MIN_INSTANCES = "https://cloud.google.com/run/docs/configuring/min-instances"
GCP_RUN_MAX_INSTANCES = "https://cloud.google.com/run/docs/configuring/max-instances"
GCP_RUN_LOCATIONS = "https://cloud.google.com/run/docs/locations"
GCP_RUN_ACCESS = "https://cloud.google.com/run/docs/authenticating/public"
GCP_LOG_RETENTION = "https://cloud.google.com/logging/docs/buckets#custom-retention"
AWS_LAMBDA_LIMITS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
AWS_LAMBDA_CONCURRENCY = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"
AWS_LOG_RETENTION = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"

# Sets of names -------------------------------------------------------------------------------------------------------
# API_CustomErrorResponse and HTTPStatusCodes: the errors CloudFront caches by itself, and so for error_caching_min_ttl.
# 400, 403, 405, 412 and 415 are cached only when the origin sends max-age, whatever the distribution says.
AWS_NEGATIVE_STATUSES = frozenset({404, 414, 500, 501, 502, 503, 504})
# EdgeCacheService cdnPolicy.negativeCachingPolicy.
GCP_NEGATIVE_STATUSES = frozenset({300, 301, 302, 307, 308, 400, 403, 404, 405, 410, 451, 500, 501, 502, 503, 504})

# Cookie is keyed by cookie name, Accept-Encoding by the compression flags (API_CachePolicyConfig); a keyed Host would
# reach the endpoint as the caller's, for which it has no certificate; the others are
# removed or rewritten by CloudFront before they could reach the origin (RequestAndResponseBehaviorCustomOrigin).
AWS_UNKEYABLE_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "via", "x-amz-cf-id", "x-real-ip"}
)
AWS_UNKEYABLE_HEADER_PREFIXES = ("proxy-", "x-edge-", "if-")
# Media CDN caching page, "Cache keys".
GCP_UNKEYABLE_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-md5", "content-type", "cookie", "date"}
    | {"forwarded", "from", "host", "if-match", "if-modified-since", "if-none-match", "origin"}
    | {"proxy-authorization", "range", "referer", "referrer", "user-agent", "want-digest", "x-csrf-token"}
    | {"x-csrftoken", "x-forwarded-for"}
)
GCP_UNKEYABLE_HEADER_PREFIXES = ("access-control-", "sec-fetch-")
GCP_UNKEYABLE_COOKIE_PREFIX = "Edge-Cache-"

# add-origin-custom-headers: "Custom headers that CloudFront can't add to origin requests".
AWS_FORBIDDEN_ORIGIN_HEADERS = frozenset(
    {"cache-control", "connection", "content-length", "cookie", "host", "max-forwards", "pragma", "range"}
    | {"request-range", "te", "trailer", "transfer-encoding", "upgrade", "via", "x-real-ip"}
)
AWS_FORBIDDEN_ORIGIN_HEADER_PREFIXES = ("if-", "proxy-", "x-amz-", "x-edge-")

# AllowedMethods takes exactly these three sets (API_AllowedMethods).
READ_METHODS = ("GET", "HEAD")
READ_METHODS_AND_OPTIONS = ("GET", "HEAD", "OPTIONS")
ALL_METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")
AWS_METHOD_SETS = (READ_METHODS, READ_METHODS_AND_OPTIONS, ALL_METHODS)

# DownloadDistValuesOrigin, "HTTP port" and "HTTPS port": 80, 443, or 1024 to 65535.
AWS_ORIGIN_PORTS = frozenset({80, 443, *range(1024, 65_536)})

# origin-shield: "Choosing the AWS Region for Origin Shield".
AWS_SHIELD_REGIONS = frozenset(
    {"us-east-1", "us-east-2", "us-west-2", "ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-southeast-1"}
    | {"ap-southeast-2", "eu-central-1", "eu-west-1", "eu-west-2", "sa-east-1", "me-central-1"}
)
# private-content-restricting-access-to-s3: no OAI reaches a bucket in "opt-in Regions launched after December 2022".
AWS_REGIONS_WITHOUT_OAI = frozenset(
    {"ap-east-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"}
    | {"ca-west-1", "il-central-1", "mx-central-1"}
)
# origin-shield, the same table: for regions without one of their own.
AWS_NEAREST_SHIELD_REGION = {
    **{region: region for region in sorted(AWS_SHIELD_REGIONS)},
    "us-west-1": "us-west-2",
    "ca-central-1": "us-east-1",
    "eu-west-3": "eu-west-2",
    "eu-north-1": "eu-west-2",
    "eu-south-1": "eu-central-1",
    "ap-east-1": "ap-southeast-1",
    "af-south-1": "eu-west-1",
    "me-south-1": "ap-south-1",
}
AWS_PATH_CHARACTERS = r"[A-Za-z0-9_\-.*$/~\"'@:+&?]"  # DownloadDistValuesCacheBehavior, "Path pattern"
GCP_PATH_CHARACTERS = r"[A-Za-z0-9_\-.*$/~'@:+&!(),;=%?]"  # RFC 3986 path characters, and the two wildcards

# One wording for what a failed origin is, and what each cloud calls it.
AWS_FAILOVER_STATUSES = {
    "server_error": (500, 502, 503, 504),
    "gateway_error": (502, 503, 504),
    "not_found": (404,),
    "forbidden": (403,),
    "too_many_requests": (429,),
}
# high_availability_origin_failover: an endpoint that cannot be connected to counts as 503, one that is silent as 504.
AWS_UNREACHABLE_STATUSES = (503, 504)
GCP_RETRY_CONDITIONS = {
    "server_error": "HTTP_5XX",
    "gateway_error": "GATEWAY_ERROR",
    "not_found": "NOT_FOUND",
    "forbidden": "FORBIDDEN",
    "too_many_requests": "RETRIABLE_4XX",
}

# Defaults that differ because the clouds count differently: Media CDN's connect timeout runs until the response headers
# arrive, so it is also the time a model has to answer.
DEFAULT_CONNECT_TIMEOUT = {Cloud.AWS: 5, Cloud.GCP: 15}
DEFAULT_READ_TIMEOUT = 30
GATEWAY_CONNECT_TIMEOUT = 5  # the gateway's own, to a model behind a URL
GCP_RESPONSE_TIMEOUT_MAX = 120
GCP_READ_TIMEOUT_MAX = 30
GCP_ATTEMPTS_TIMEOUT_MAX = 30  # all attempts together, failover included
# The gateway on AWS. A Lambda function has 128 to 10,240 MB, is handed and returns 6 MB, and takes 4 KB of variables
# (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); CloudFront waits 120 s for an answer
# (DownloadDistValuesOrigin, "Response timeout"), and below 5 s there is no room for a cold start.
GATEWAY_MEMORY = (128, 10_240)
GATEWAY_TIMEOUT = (5, 120)
GATEWAY_PAYLOAD_MAX = 6 * 1024 * 1024
GATEWAY_ENVIRONMENT_MAX = 4096
# docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
AWS_RESERVED_VARIABLES = ("AWS_", "LAMBDA_", "_")
# The gateway on GCP: a request has at most 32 MiB over HTTP/1 (GCP_RUN_QUOTAS).
GCP_GATEWAY_BODY_MAX = 32 * 1024 * 1024
# An object above 1 MiB is fetched in ranges, and is not served where the origin knows none (GCP_CACHING): the gateway
# sends whole answers.
GCP_WHOLE_ANSWER_MAX = 1024 * 1024
# cloud.google.com/functions/docs/configuring/env-var; the Functions Framework reads THREADS and WORKERS.
GCP_RESERVED_VARIABLES = ("K_", "X_GOOGLE_", "FUNCTION_", "GOOGLE_CLOUD_", "CLOUD_RUN_")
GCP_RESERVED_VARIABLE_NAMES = frozenset({"PORT", "LOG_EXECUTION_ID", "THREADS", "WORKERS"})
GCP_GATEWAY_ENVIRONMENT_MAX = 32 * 1024  # the same page
# docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
AWS_LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
GCP_CORS_METHODS_MAX = 5  # EdgeCacheService corsPolicy.allowMethods

# The largest requests, in bytes. Headers are counted with the request line, the target included.
AWS_URL_MAX = 8_192  # cloudfront-limits; a longer one is a 414
AWS_REQUEST_HEADERS_MAX = 32_768  # cloudfront-limits; a 494
AWS_FUNCTION_BODY_MAX = 6 * 1024 * 1024  # lambda/latest/dg/gettingstarted-limits, invocation payload; a 413
S3_REQUEST_HEADERS_MAX = 8 * 1024  # AmazonS3/latest/API/ErrorResponses, RequestHeaderSectionTooLarge; a 400
GCP_REQUEST_HEADERS_MAX = 16 * 1024  # GCP_QUOTAS, request headers with the path; a 431
GCP_REQUEST_BODY_MAX = 16 * 1024  # GCP_QUOTAS, request body; a 413


# The table -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Capability:
    """One row: how far ``cloud`` goes with ``feature``.

    ``minimum`` and ``maximum`` bound an amount (over them is an error), ``advised`` is a soft quota (over it is a
    warning); ``reason`` and ``remedy`` are shown to whoever asks for more; ``warning`` is shown whenever the feature
    is used; ``source`` is where the fact comes from.
    """

    feature: str
    cloud: Cloud
    support: Support
    source: str
    reason: str = ""
    remedy: str = ""
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    advised: int | None = None
    warning: str = ""

    @property
    def limit(self) -> str:
        """The bounds in words: ``1 to 10 s``, ``at most 5``, or empty."""
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:,} to {self.maximum:,}{unit}"
        if self.maximum is not None:
            return f"at most {self.maximum:,}{unit}"
        if self.minimum is not None:
            return f"at least {self.minimum:,}{unit}"
        return f"more than {self.advised:,} need a raised quota" if self.advised is not None else ""


def _aws(feature: str, source: str, support: Support = Support.SUPPORTED, **row: Any) -> Capability:
    return Capability(feature, Cloud.AWS, support, source, **row)


def _gcp(feature: str, source: str, support: Support = Support.SUPPORTED, **row: Any) -> Capability:
    return Capability(feature, Cloud.GCP, support, source, **row)


_LIMITED, _UNSUPPORTED = Support.LIMITED, Support.UNSUPPORTED
_YEAR = 31_536_000
_SHORTER = "give it fewer, or share the rest between several caches"

CAPABILITIES: tuple[Capability, ...] = (
    # What to cache, for how long
    _aws("policy.mode.honor_origin", AWS_EXPIRATION),
    _gcp(
        "policy.mode.honor_origin",
        GCP_CACHING,
        _LIMITED,
        reason="JSON is not static content there: it is cached only with an explicit Cache-Control from the origin",
        remedy='have the origin send "Cache-Control: public, max-age=...", or choose mode="force"',
        warning="Media CDN caches JSON only when the origin sends Cache-Control with public and a max-age. "
        'Have the endpoint send it, or choose mode="force"; default_ttl reaches static content types only.',
    ),
    _aws("policy.mode.force", AWS_EXPIRATION),
    _gcp("policy.mode.force", GCP_CACHING),
    _aws("policy.mode.bypass", AWS_CACHE_POLICY),
    _gcp("policy.mode.bypass", GCP_CACHING),
    _aws("policy.ttl", AWS_EXPIRATION, maximum=_YEAR, unit="s", remedy="a year (365d) is the longest"),
    _gcp("policy.ttl", GCP_CACHING, maximum=_YEAR, unit="s", remedy="a year (365d) is the longest"),
    _aws("policy.min_ttl", AWS_EXPIRATION, maximum=_YEAR, unit="s", remedy="a year (365d) is the longest"),
    _gcp(
        "policy.min_ttl",
        GCP_CACHING,
        _UNSUPPORTED,
        reason="Media CDN has no minimum TTL: an origin can always keep an answer for less",
        remedy='leave min_ttl at 0, or choose mode="force"',
    ),
    _aws(
        "policy.browser_ttl",
        AWS_RESPONSE_HEADERS,
        _LIMITED,
        maximum=_YEAR,
        unit="s",
        reason="added as Cache-Control where the origin sends none; an origin's own Cache-Control reaches the caller",
        remedy="a year (365d) is the longest",
    ),
    _gcp(
        "policy.browser_ttl",
        GCP_CACHING,
        minimum=1,
        maximum=86_400,
        unit="s",
        remedy="give 1 s to 1d, or leave it out so that the origin's Cache-Control reaches the caller",
    ),
    *(
        row
        for field in ("stale_while_revalidate", "stale_if_error")
        for row in (
            _aws(
                f"policy.{field}",
                AWS_EXPIRATION,
                _UNSUPPORTED,
                reason=f"CloudFront takes {field.replace('_', '-')} from the origin's Cache-Control only",
                remedy=f"have the origin send it: Cache-Control: max-age=..., {field.replace('_', '-')}=...",
            ),
            _gcp(
                f"policy.{field}",
                GCP_CACHING,
                _UNSUPPORTED,
                reason=f"{field.replace('_', '-')} has no effect on Media CDN",
                remedy="leave it out",
            ),
        )
    ),
    _aws("policy.compression", AWS_CACHE_POLICY),
    _gcp("policy.compression", GCP_SERVICE_API),
    # Errors
    _aws(
        "policy.negative_ttl",
        AWS_ERRORS,
        _LIMITED,
        maximum=_YEAR,
        unit="s",
        reason="one table for the whole distribution; an origin's max-age can keep the error longer",
        remedy="a year (365d) is the longest",
    ),
    _gcp(
        "policy.negative_ttl",
        GCP_CACHING,
        maximum=86_400,
        advised=1800,
        unit="s",
        remedy="a day (1d) is the longest",
        warning="Media CDN's documentation gives 1,800 s as the longest negative TTL, its API accepts 86,400 s.",
    ),
    # Key
    _aws("policy.key.query", AWS_QUOTAS, maximum=10, unit="names", remedy='name fewer, or use query="all"'),
    _gcp("policy.key.query", GCP_CACHING, maximum=20, unit="names", remedy='name fewer, or use query="all"'),
    _aws("policy.key.query_name_length", AWS_QUOTAS, maximum=1024, unit="characters", remedy="use a shorter name"),
    _gcp("policy.key.query_name_length", GCP_SERVICE_API, maximum=32, unit="characters", remedy="use a shorter name"),
    _aws("policy.key.headers", AWS_QUOTAS, maximum=10, unit="names", remedy="key on fewer headers"),
    _gcp("policy.key.headers", GCP_CACHING, maximum=5, unit="names", remedy="key on fewer headers"),
    _aws("policy.key.cookies", AWS_QUOTAS, maximum=10, unit="names", remedy="key on fewer cookies"),
    _gcp("policy.key.cookies", GCP_CACHING, maximum=3, unit="names", remedy="key on fewer cookies"),
    _aws(
        "policy.key.names_in_all", AWS_QUOTAS, maximum=1024, unit="characters", remedy="key on fewer or shorter names"
    ),
    _gcp("policy.key.names_in_all", GCP_SERVICE_API),
    _aws("bucket.honor_origin", AWS_EXPIRATION),
    _gcp(
        "bucket.honor_origin",
        GCP_CACHING,
        _LIMITED,
        reason="a file of a private bucket is kept only when its object has Cache-Control metadata with public and a "
        "max-age; JSON, weights and other types that are not static content have no default TTL",
        remedy='set the metadata on the objects, or choose mode="force"',
        warning="Media CDN keeps a file of a private bucket only when its object has Cache-Control metadata with "
        'public and a max-age. Set it on the objects, or choose mode="force".',
    ),
    _aws(
        "browser_ttls",
        AWS_QUOTAS,
        advised=20,
        unit="distinct response headers policies",
        warning="An AWS account holds 20 response headers policies: one for each distinct browser_ttl, one for "
        "uncached routes. Use fewer different times, or ask AWS for a higher quota.",
    ),
    _gcp("browser_ttls", GCP_QUOTAS),
    _aws(
        "policies",
        AWS_QUOTAS,
        advised=20,
        unit="distinct policies",
        warning="An AWS account holds 20 custom cache policies. Let routes share a policy, name an existing one in "
        "aws.existing_policy_ids, or ask AWS for a higher quota.",
    ),
    _gcp("policies", GCP_QUOTAS, reason="a policy is part of its route, without a quota of its own"),
    # Routes
    _aws(
        "routes",
        AWS_QUOTAS,
        advised=75,
        unit="routes",
        warning="A CloudFront distribution holds 75 behaviours. Join routes, or ask AWS for a higher quota.",
    ),
    _gcp("routes", GCP_QUOTAS, maximum=200, unit="route rules", remedy="join routes that share a prefix"),
    _aws("routes.wildcards", AWS_BEHAVIOR),
    _gcp(
        "routes.wildcards",
        GCP_ROUTING,
        _UNSUPPORTED,
        reason="Media CDN's wildcards match within one path segment, CloudFront's across segments",
        remedy="end the path with its only *, as in /v1/models/*",
    ),
    _aws("routes.path_length", AWS_QUOTAS, maximum=255, unit="characters", remedy="shorten the path"),
    _gcp("routes.path_length", GCP_SERVICE_API, maximum=1024, unit="characters", remedy="shorten the path"),
    _aws(
        "routes.methods",
        AWS_BEHAVIOR,
        _LIMITED,
        reason="CloudFront takes GET and HEAD, GET, HEAD and OPTIONS, or all seven methods",
        remedy=f"use one of {', '.join(str(list(methods)) for methods in AWS_METHOD_SETS)}",
    ),
    _gcp(
        "routes.methods",
        GCP_ROUTING,
        _LIMITED,
        reason="methods with a body are proxied, never cached, with at most 16 KiB of body and 15 s to the first byte",
        remedy="send larger or slower requests to the endpoint itself",
    ),
    _aws("routes.inference", AWS_INVOCATIONS),
    _gcp(
        "routes.inference",
        GCP_ORIGINS,
        _LIMITED,
        reason="Media CDN takes at most 16 KiB of request body, waits 15 s for the first byte of an answer, and serves "
        "at most 1 MiB from the gateway: larger and slower requests go to the gateway's own URL (upload_url)",
        warning="Media CDN takes at most 16 KiB of request body and waits 15 s for the first byte of an answer. "
        "Client transports send what is larger or slower to the gateway's own URL, upload_url in the discovery "
        "document; other clients have to be pointed there.",
    ),
    _aws(
        "gateway.memory",
        AWS_LAMBDA_LIMITS,
        minimum=GATEWAY_MEMORY[0],
        maximum=GATEWAY_MEMORY[1],
        unit="MB",
        remedy="choose a size between",
    ),
    # One processor goes with at most 4 GiB; with 128 MB Python and Google's libraries would hardly start.
    _gcp("gateway.memory", GCP_RUN_MEMORY, minimum=256, maximum=4096, unit="MB", remedy="choose a size between"),
    _aws(
        "gateway.timeout",
        AWS_ORIGIN,
        minimum=GATEWAY_TIMEOUT[0],
        maximum=GATEWAY_TIMEOUT[1],
        unit="s",
        remedy="choose a time between",
    ),
    _gcp("gateway.timeout", GCP_RUN_TIMEOUT, minimum=5, maximum=3600, unit="s", remedy="choose a time between"),
    _aws(
        "gateway.reserved_concurrency",
        AWS_LAMBDA_CONCURRENCY,
        minimum=1,
        unit="requests: a function with none is never run",
        remedy="raise it",
    ),
    _gcp(
        "gateway.reserved_concurrency",
        GCP_RUN_MAX_INSTANCES,
        _UNSUPPORTED,
        reason="Cloud Run reserves nothing of a quota: instances times concurrency bound what the model gets",
        remedy="give gateway.max_instances and gateway.concurrency instead",
    ),
    _aws("gateway.log_retention_days", AWS_LOG_RETENTION),
    _gcp(
        "gateway.log_retention_days",
        GCP_LOG_RETENTION,
        _UNSUPPORTED,
        reason="Cloud Logging keeps logs for as long as the project's log bucket says, 30 days unless changed",
        remedy="remove it, and set the retention of the log bucket _Default",
    ),
    _aws("gateway.front_door.iam", AWS_INVOCATIONS),
    _gcp(
        "gateway.front_door.iam",
        GCP_RUN_ACCESS,
        _UNSUPPORTED,
        reason="Media CDN has no identity that it could show to Cloud Run",
        remedy='remove it: "secret" is what Media CDN proves itself with',
    ),
    _aws(
        "gateway.region",
        AWS_LAMBDA_LIMITS,
        _UNSUPPORTED,
        reason="a Lambda function runs in the provider's region",
        remedy="pass a provider of that region in the component's options",
    ),
    _gcp("gateway.region", GCP_RUN_LOCATIONS),
    *(
        row
        for name, source, least, most, unit in (
            ("concurrency", GCP_RUN_CONCURRENCY, 1, 1000, "requests"),
            ("min_instances", GCP_RUN_MIN_INSTANCES, 0, 1000, "instances"),
            ("max_instances", GCP_RUN_MAX_INSTANCES, 1, 1000, "instances"),
        )
        for row in (
            _aws(
                f"gateway.{name}",
                AWS_LAMBDA_CONCURRENCY,
                _UNSUPPORTED,
                reason="Lambda works on one request at a time in as many places as there are requests",
                remedy="remove it; gateway.reserved_concurrency bounds how many there are",
            ),
            _gcp(f"gateway.{name}", source, minimum=least, maximum=most, unit=unit, remedy="choose a number between"),
        )
    ),
    _aws("origin.sagemaker", AWS_SAGEMAKER, reason="asked by the gateway, by inference routes only"),
    _gcp(
        "origin.sagemaker",
        AWS_SAGEMAKER,
        _UNSUPPORTED,
        reason="a SageMaker endpoint is asked with AWS's own signature, which nothing on GCP can make",
        remedy='choose cloud "aws", or give origin.url',
    ),
    _aws("origin.bedrock", AWS_BEDROCK, reason="asked by the gateway, by inference routes only"),
    _gcp(
        "origin.bedrock",
        AWS_BEDROCK,
        _UNSUPPORTED,
        reason="a model of Amazon Bedrock is asked with AWS's own signature, which nothing on GCP can make",
        remedy='choose cloud "aws", or give origin.url',
    ),
    _aws(
        "origin.vertex",
        GCP_VERTEX,
        _UNSUPPORTED,
        reason="a model on Vertex AI is asked with Google's credentials, which a function on AWS has not",
        remedy='choose cloud "gcp", or give origin.url',
    ),
    _gcp("origin.vertex", GCP_VERTEX, reason="asked by the gateway, by inference routes only"),
    _aws("forward_headers", AWS_QUOTAS, maximum=10, unit="names", remedy="forward fewer headers"),
    _gcp(
        "forward_headers",
        GCP_ORIGINS,
        _LIMITED,
        reason="Media CDN forwards every header but those the cache removes (Authorization and Cookie on cached "
        "routes): the list names what the endpoint needs, it does not keep others away",
    ),
    # Origin
    _aws("origin.path", AWS_ORIGIN),
    _aws("origin.rewritten_path_length", AWS_ORIGIN),
    _gcp(
        "origin.rewritten_path_length",
        GCP_SERVICE_API,
        maximum=1024,
        unit="characters",
        remedy="shorten the path of origin.url or of the route",
    ),
    _gcp(
        "origin.path",
        GCP_ROUTING,
        _LIMITED,
        reason="a path in origin.url becomes a rewrite per route, so it must be known before deployment",
        remedy="give origin.url as a plain string, or without a path",
    ),
    _aws("origin.allow_http", AWS_ORIGIN),
    _gcp("origin.allow_http", GCP_ORIGINS),
    _aws(
        "origin.host_header",
        AWS_ORIGIN,
        _UNSUPPORTED,
        reason="CloudFront sends the origin's own domain name as Host",
        remedy="leave it out, and give the endpoint a domain name under which it answers",
    ),
    _gcp("origin.host_header", GCP_ORIGINS),
    _aws("origin.headers", AWS_QUOTAS, maximum=30, unit="headers", remedy="send fewer headers"),
    _gcp("origin.headers", GCP_ORIGIN_API, maximum=25, unit="headers", remedy="send fewer headers"),
    _aws(
        "origin.headers_in_all", AWS_QUOTAS, maximum=10_240, unit="characters", remedy="send fewer or shorter headers"
    ),
    _gcp("origin.headers_in_all", GCP_ORIGIN_API),
    _aws("origin.header_name_length", AWS_QUOTAS, maximum=256, unit="characters", remedy="use a shorter name"),
    _gcp("origin.header_name_length", GCP_ORIGIN_API),
    _aws("origin.header_length", AWS_QUOTAS, maximum=1783, unit="characters", remedy="use a shorter value"),
    _gcp("origin.header_length", GCP_ORIGIN_API),
    _aws("origin.connect_timeout", AWS_ORIGIN, minimum=1, maximum=10, unit="s", remedy="give 1 to 10 s"),
    _gcp(
        "origin.connect_timeout",
        GCP_ORIGINS,
        minimum=1,
        maximum=15,
        unit="s",
        reason="counts until the response headers arrive, so it bounds a model's time to answer",
        remedy="give 1 to 15 s",
    ),
    _aws("origin.read_timeout", AWS_ORIGIN, minimum=1, maximum=120, unit="s", remedy="give 1 to 120 s"),
    _gcp(
        "origin.read_timeout",
        GCP_ORIGINS,
        minimum=1,
        maximum=GCP_READ_TIMEOUT_MAX,
        unit="s",
        remedy="give 1 to 30 s",
    ),
    _aws("origin.response_timeout", AWS_ORIGIN, minimum=1, unit="s", remedy="give at least 1 s"),
    _gcp(
        "origin.response_timeout",
        GCP_ORIGINS,
        minimum=1,
        maximum=GCP_RESPONSE_TIMEOUT_MAX,
        unit="s",
        remedy="give 1 to 120 s",
    ),
    _aws("origin.attempts", AWS_ORIGIN, minimum=1, maximum=3, unit="attempts", remedy="give 1 to 3"),
    _gcp("origin.attempts", GCP_ORIGIN_API, minimum=1, maximum=4, unit="attempts", remedy="give 1 to 4"),
    _aws(
        "origin.failover",
        AWS_FAILOVER,
        _LIMITED,
        reason="CloudFront fails over on routes that take only GET, HEAD and OPTIONS",
        remedy='give the route methods ["GET", "HEAD"], and POST a route of its own',
    ),
    _gcp("origin.failover", GCP_ORIGINS, _LIMITED, reason="GET, HEAD and OPTIONS fail over, other methods do not"),
    _aws("origin_shield", AWS_SHIELD),
    _gcp("origin_shield", GCP_ORIGINS),
    # Bucket
    _aws(
        "bucket.kms_key",
        AWS_S3_ACCESS,
        _LIMITED,
        reason="an Origin Access Identity cannot read objects encrypted with a KMS key",
        remedy='set aws.bucket_access to "oac", or leave out bucket.kms_key',
    ),
    _gcp("bucket.kms_key", GCP_CMEK),
    _aws(
        "bucket.region",
        AWS_S3_ACCESS,
        _LIMITED,
        reason="an Origin Access Identity reaches no bucket in regions launched after December 2022",
        remedy='set aws.bucket_access to "oac", or choose another region',
    ),
    _gcp("bucket.region", GCP_ORIGINS),
    # The rest
    _aws("custom_domain.names", AWS_QUOTAS, maximum=100, unit="names", remedy=_SHORTER),
    _gcp("custom_domain.names", GCP_SERVICE_API, maximum=10, unit="names", remedy=_SHORTER),
    _aws(
        "no_custom_domain",
        AWS_ALIASES,
        reason="the cache answers on its cloudfront.net name, where the TLS floor is fixed",
    ),
    _gcp(
        "no_custom_domain",
        GCP_TLS,
        _LIMITED,
        reason="without a certificate the cache answers on its IP address over plain HTTP",
        warning="Without custom_domain the cache answers on its IP address over plain HTTP. Give custom_domain names "
        "and a Certificate Manager certificate (scope EDGE_CACHE) before real traffic.",
    ),
    _aws(
        "cors",
        AWS_RESPONSE_HEADERS,
        _LIMITED,
        reason="CloudFront adds the headers to answers; an OPTIONS preflight is answered by the endpoint, and on "
        "inference routes by a CloudFront Function",
    ),
    _gcp("cors", GCP_ROUTING),
    _aws("cors.list", AWS_RESPONSE_HEADERS),
    _gcp("cors.list", GCP_SERVICE_API, maximum=25, unit="entries", remedy="list fewer"),
    _aws("cors.max_age", AWS_RESPONSE_HEADERS, maximum=_YEAR, unit="s", remedy="a year (365d) is the longest"),
    _gcp("cors.max_age", GCP_SERVICE_API, maximum=86_400, unit="s", remedy="a day (1d) is the longest"),
    _aws("geo", AWS_GEO),
    _gcp(
        "geo",
        GCP_ARMOR,
        _UNSUPPORTED,
        reason="Media CDN restricts countries through a Cloud Armor edge security policy",
        remedy="make a policy that matches origin.region_code and name it in gcp.edge_security_policy",
    ),
    _aws("logging.destination", AWS_LOGS),
    _gcp(
        "logging.destination",
        GCP_LOGGING,
        _UNSUPPORTED,
        reason="Media CDN logs to Cloud Logging only",
        remedy="leave it out, and route the logs with a Cloud Logging sink",
    ),
    _aws(
        "logging.sample_rate",
        AWS_LOGS,
        _UNSUPPORTED,
        reason="CloudFront's standard logs hold every request",
        remedy="leave it out",
    ),
    _gcp("logging.sample_rate", GCP_LOGGING),
    _aws("tags", AWS_TAGS, maximum=50, unit="tags", remedy="use fewer tags"),
    _gcp("tags", GCP_LABELS, maximum=64, unit="labels", remedy="use fewer tags"),
    _aws("aws", AWS_BEHAVIOR),
    _gcp(
        "aws",
        GCP_SERVICE_API,
        _UNSUPPORTED,
        reason='means something on AWS only, and cloud is "gcp"',
        remedy="remove it",
    ),
    _aws(
        "gcp", AWS_BEHAVIOR, _UNSUPPORTED, reason='means something on GCP only, and cloud is "aws"', remedy="remove it"
    ),
    _gcp("gcp", GCP_SERVICE_API),
)

_BY_FEATURE_AND_CLOUD = {(row.feature, row.cloud): row for row in CAPABILITIES}


def capability(feature: str, cloud: Cloud) -> Capability:
    """The row for ``feature`` on ``cloud``. Raises ``KeyError`` for a feature that is not in the table."""
    return _BY_FEATURE_AND_CLOUD[feature, cloud]


def features() -> Sequence[str]:
    """Every feature of the table, in its order, once."""
    return tuple(dict.fromkeys(row.feature for row in CAPABILITIES))
