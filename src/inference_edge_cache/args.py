"""What a program passes to ``InferenceEdgeCache``: plain dicts, typed key by key.

``pulumi.Input[...]`` marks what may be an ``Output`` of another resource. What decides the shape of the deployment (the
cloud, routes, flags, every policy) is plain, so that a preview shows what will be made.

No ``from __future__ import annotations`` and, at run time, no unions or literals here: Pulumi's component analyzer
reads these annotations to build the schema for other languages. Type checkers see the precise face of each alias.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeAlias, TypedDict

import pulumi

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.policy import CachePolicy, InferencePolicy


class BucketAccess(StrEnum):
    """How CloudFront proves to S3 that it may read the bucket."""

    OAI = "oai"
    """Origin Access Identity: works everywhere but with KMS keys and in regions launched after December 2022."""
    OAC = "oac"
    """Origin Access Control: AWS's newer way, without those limits."""


class PriceClass(StrEnum):
    """Which CloudFront edge locations answer."""

    ALL = "PriceClass_All"
    """Every location."""
    WITHOUT_COSTLIEST = "PriceClass_200"
    """Every location but the most expensive ones (South America, Australia and New Zealand)."""
    NORTH_AMERICA_EUROPE = "PriceClass_100"
    """North America, Europe and Israel."""


class RouteTarget(StrEnum):
    """Who answers a route."""

    ENDPOINT = "endpoint"
    """The inference endpoint of ``origin``."""
    BUCKET = "bucket"
    """The bucket of ``bucket``."""


class Access(StrEnum):
    """Who shares answers with whom on inference routes."""

    KEYED = "keyed"
    """Callers have API keys: those of one tenant share answers, others never do."""
    PUBLIC = "public"
    """Everybody shares with everybody, and needs no key."""


class FrontDoor(StrEnum):
    """How CloudFront proves itself to the gateway."""

    SECRET = "secret"  # noqa: S105  # a name, not a secret
    """By a header that follows from the master secret. Any HTTP client can POST."""
    IAM = "iam"
    """By AWS's own signature. A POST has to bring the hash of its body, and its Authorization is replaced."""


class BedrockApi(StrEnum):
    """In whose form a model of Amazon Bedrock is asked."""

    INVOKE = "invoke"
    """InvokeModel: the model's own."""
    CONVERSE = "converse"
    """Converse: Bedrock's, alike for every model."""


class VertexMethod(StrEnum):
    """In whose form a model on Vertex AI is asked."""

    PREDICT = "predict"
    """predict: Vertex AI's, with ``instances`` and ``predictions``."""
    RAW_PREDICT = "rawPredict"
    """rawPredict: the model's own."""


if TYPE_CHECKING:
    CloudName: TypeAlias = Cloud | Literal["aws", "gcp"]
    BucketAccessName: TypeAlias = BucketAccess | Literal["oai", "oac"]
    PriceClassName: TypeAlias = PriceClass | Literal["PriceClass_All", "PriceClass_200", "PriceClass_100"]
    RouteTargetName: TypeAlias = RouteTarget | Literal["endpoint", "bucket"]
    Methods: TypeAlias = list[Literal["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]]
    FailoverConditions: TypeAlias = list[
        Literal["server_error", "gateway_error", "not_found", "forbidden", "too_many_requests"]
    ]
    Seconds: TypeAlias = int | str
    AccessName: TypeAlias = Access | Literal["keyed", "public"]
    FrontDoorName: TypeAlias = FrontDoor | Literal["secret", "iam"]
    BedrockApiName: TypeAlias = BedrockApi | Literal["invoke", "converse"]
    VertexMethodName: TypeAlias = VertexMethod | Literal["predict", "rawPredict"]
    PresetName: TypeAlias = Literal[
        "openai_chat",
        "openai_responses",
        "embeddings",
        "rerank",
        "moderation",
        "classification",
        "sagemaker",
        "bedrock_converse",
        "vertex_predict",
    ]
else:
    CloudName = Cloud
    BucketAccessName = BucketAccess
    PriceClassName = PriceClass
    RouteTargetName = RouteTarget
    Methods = FailoverConditions = list[str]
    Seconds = int
    AccessName = Access
    FrontDoorName = FrontDoor
    BedrockApiName = BedrockApi
    VertexMethodName = VertexMethod
    PresetName = str

DURATIONS = frozenset({"connect_timeout", "read_timeout", "response_timeout", "max_age", "timeout"})
"""The keys below that are typed ``Seconds``: at run time they look like any other int."""


class FailoverArgs(TypedDict):
    """A second endpoint, asked when the first one fails a request. Not for requests with a body, on either cloud."""

    url: pulumi.Input[str]
    """Where it answers, as in ``origin.url``."""
    headers: NotRequired[dict[str, pulumi.Input[str]]]
    """Headers for it alone, as in ``origin.headers``. Default: none."""
    host_header: NotRequired[pulumi.Input[str]]
    """The Host it is asked for, as in ``origin.host_header``. GCP only. Default: the host of its ``url``."""
    conditions: NotRequired[FailoverConditions]
    """What counts as failure: ``server_error`` (5xx), ``gateway_error`` (502, 503, 504), ``not_found`` (404),
    ``forbidden`` (403), ``too_many_requests`` (429). Not being reachable always does. Default: ``["server_error"]``."""


class SageMakerArgs(TypedDict):
    """A model on a SageMaker endpoint. Its names are in the generation of every answer, so they are plain."""

    endpoint_name: str
    """The endpoint's name, or its ARN. A name is one in the provider's region and account."""
    target_model: NotRequired[str]
    """The model of a multi-model endpoint. Default: what the request's headers say, or none."""
    target_variant: NotRequired[str]
    """The production variant. Default: as the endpoint shares its traffic out."""
    inference_component: NotRequired[str]
    """The inference component of the endpoint. Default: none."""


class BedrockArgs(TypedDict):
    """A model of Amazon Bedrock. Its names are in the generation of every answer, so they are plain."""

    model_id: str
    """The id or ARN of a model or of an inference profile: ``us.anthropic.claude-haiku-4-5-20251001-v1:0``. An id is
    one in the provider's region."""
    api: BedrockApiName
    """In whose form it is asked: ``invoke`` (the model's own) or ``converse`` (Bedrock's)."""


class VertexArgs(TypedDict):
    """A model on Vertex AI. Its names are in the generation of every answer, so they are plain."""

    endpoint: str
    """The endpoint's id, or a publisher's model: ``publishers/google/models/text-embedding-005``."""
    region: str
    """Where it is: ``us-central1``. Of a publisher's model also ``global``."""
    method: VertexMethodName
    """What is called: ``predict`` (``instances`` in, ``predictions`` out) or ``rawPredict`` (the model's own form)."""
    project: NotRequired[str]
    """The project it is in. Default: the provider's."""
    domain: NotRequired[str]
    """The domain name of a dedicated endpoint: ``123.us-central1-456.prediction.vertexai.goog``. Default: the
    region's, which a dedicated endpoint does not answer at."""


class OriginArgs(TypedDict, total=False):
    """The model behind the cache: exactly one of ``url``, ``sagemaker``, ``bedrock`` and ``vertex``.

    ``url`` takes every route, and everything below it belongs to it. The others are reached by inference routes only.
    """

    url: pulumi.Input[str]
    """Where the endpoint answers: ``https://host[:port][/path]``. The path, if any, is put before every request's.
    Plain where there are inference routes: it is in the generation of every answer."""
    sagemaker: SageMakerArgs
    """A SageMaker endpoint, asked by the gateway. AWS only."""
    bedrock: BedrockArgs
    """A model of Amazon Bedrock, asked by the gateway. AWS only."""
    vertex: VertexArgs
    """A model on Vertex AI, asked by the gateway. GCP only."""
    allow_http: bool
    """Whether ``url`` may be plain ``http``. Default: no."""
    headers: dict[str, pulumi.Input[str]]
    """Headers that the cache adds to every request it sends to the endpoint, such as an API key. Kept as secrets.
    Default: none."""
    host_header: pulumi.Input[str]
    """The Host that the endpoint is asked for. GCP only. Default: the host of ``url``."""
    connect_timeout: Seconds
    """How long the endpoint may take to accept a connection; on GCP, until its response headers have arrived.
    Seconds. AWS 1 to 10, default 5. GCP 1 to 15, default 15."""
    read_timeout: Seconds
    """How long the endpoint may be silent while it answers. Seconds. AWS 1 to 120, GCP 1 to 30. Default 30."""
    response_timeout: Seconds
    """How long a whole answer may take. Seconds. AWS: at least ``read_timeout``, default: no limit. GCP 1 to 120,
    default 120."""
    attempts: int
    """How often a GET is tried. AWS 1 to 3, GCP 1 to 4. Default 1: every further attempt may run the model again."""
    failover: FailoverArgs
    """A second endpoint for when this one fails. Default: none."""


class BucketArgs(TypedDict, total=False):
    """A private bucket that the cache serves files from: created, or an existing one that is never modified."""

    name: pulumi.Input[str]
    """The name of an existing bucket. Default: a bucket is created."""
    path: str
    """The path it serves: objects lie under the same path in the bucket. Default ``/artifacts/*``."""
    policy: CachePolicy
    """How long its files are kept. Default: the ``static_artifacts`` preset; on GCP a day, whatever the objects say."""
    retention_days: int
    """Days after which an object is deleted. Default: never."""
    region: str
    """Where it is created: an AWS region or a GCP location. Default: the provider's region; on GCP ``US``. For an
    existing bucket on AWS: where it is. Default: the provider's region."""
    kms_key: pulumi.Input[str]
    """The key that encrypts its objects: a KMS key ARN or a Cloud KMS key name. On AWS it needs ``aws.bucket_access``
    ``oac``. Default: the cloud's own key (AES-256)."""
    force_destroy: bool
    """Whether destroying the stack may delete a bucket that holds objects. Default: no."""


class RouteArgs(TypedDict, total=False):
    """What happens to requests under one path. With ``preset`` or ``inference`` it is an inference route, whose POST
    requests are cached too: it takes ``path``, ``policy`` and one of the two."""

    path: str
    """An exact path (``/v1/models``) or a prefix (``/v1/*``); ``/*`` is the default route. On AWS ``*`` and ``?`` may
    stand anywhere. Case matters. The most specific route wins, whatever the order. Of an inference route an exact path.
    Required, but for a ``preset``, which has one."""
    preset: PresetName
    """Makes it an inference route with the policies of ``INFERENCE_PRESETS`` under this name: ``embeddings``,
    ``openai_chat``. Default: none."""
    inference: InferencePolicy
    """Makes it an inference route: how its requests are keyed, and which answers may be kept. Default: none."""
    policy: CachePolicy
    """How its answers are cached. Default: that of its ``preset``, else the ``policy`` of the cache; for the bucket,
    that of ``bucket``."""
    methods: Methods
    """The methods it takes; only GET and HEAD are ever cached. AWS takes ``GET, HEAD``, these with ``OPTIONS``, or all.
    Default: all, and ``GET, HEAD`` for the bucket."""
    to: RouteTargetName
    """Who answers: ``endpoint`` or ``bucket``. Default ``endpoint``."""


class GatewayArgs(TypedDict, total=False):
    """The function behind inference routes: it knows the model, the keys of the callers, and the results bucket."""

    master_secret: pulumi.Input[str]
    """What every API key is derived from: at least 32 bytes, kept in the cloud's secret manager. Required, unless
    ``access`` is ``public``."""
    access: AccessName
    """Whether callers have API keys: ``keyed`` (default), or ``public`` to share every answer with everybody."""
    front_door: FrontDoorName
    """How the cache proves itself to the gateway: ``secret`` (default) or ``iam``, for client transports alone. AWS
    only: Media CDN knows ``secret`` alone."""
    memory: int
    """MB of the function. AWS 128 to 10240, and with it its share of a processor; GCP 256 to 4096, beside one
    processor. Default 512."""
    timeout: Seconds
    """How long an answer may take, the model's time included. Seconds. AWS 5 to 120. GCP 5 to 3600, of which Media CDN
    waits 15 for the first byte. Default 60."""
    reserved_concurrency: int
    """How many requests it works on at once, and so how many the model gets: taken from the account's own quota.
    Default 50. AWS only."""
    log_retention_days: int
    """Days its log is kept: a number that CloudWatch knows. Default 30. AWS only."""
    region: str
    """Where it runs, and where its results lie. Default: the region of ``origin.vertex``, else the provider's. GCP
    only."""
    concurrency: int
    """How many requests one instance works on at once. Callers in one instance share the model's answer to the same
    request. 1 to 1000, default 80. GCP only."""
    min_instances: int
    """Instances that are kept running, and paid for, so that nobody waits for one to start. Default 0. GCP only."""
    max_instances: int
    """Instances at most: times ``concurrency``, how many requests the model gets at once. Default 10. GCP only."""
    environment: dict[str, pulumi.Input[str]]
    """More variables for the function. Default: none."""
    dashboard: bool
    """Whether a dashboard is made: hits by tier, model calls saved, errors, latency. CloudWatch charges for it, and for
    what its queries read of the log; Cloud Monitoring for the metrics behind it. Default: no."""


class CustomDomainArgs(TypedDict):
    """Names of your own, with their certificate."""

    names: list[str]
    """Host names that the cache answers to, the first one being the one in ``url``. A leading ``*.`` is allowed."""
    certificate: pulumi.Input[str]
    """AWS: ARN of an ACM certificate in us-east-1. GCP: id of a Certificate Manager certificate of scope EDGE_CACHE."""


class CorsArgs(TypedDict):
    """Which web pages may read the answers."""

    allow_origins: list[str]
    """Origins such as ``https://app.example.com``, or ``["*"]``."""
    allow_methods: NotRequired[Methods]
    """Default ``GET, HEAD, OPTIONS``."""
    allow_headers: NotRequired[list[str]]
    """Request headers that pages may send. Default: ``content-type``."""
    expose_headers: NotRequired[list[str]]
    """Response headers that pages may read. Default: none."""
    max_age: NotRequired[Seconds]
    """How long a browser may keep a preflight's answer. Seconds. Default 600."""
    allow_credentials: NotRequired[bool]
    """Whether pages may send cookies and credentials; not with ``*``. Default: no."""


class GeoArgs(TypedDict, total=False):
    """Which countries may ask, as ISO 3166-1 alpha-2 codes. One of the two lists. AWS only."""

    allow: list[str]
    """Only these."""
    deny: list[str]
    """All but these."""


class LoggingArgs(TypedDict, total=False):
    """Access logs."""

    destination: pulumi.Input[str]
    """AWS, required there: ARN of the log group, S3 bucket or Firehose stream that takes the logs."""
    sample_rate: float
    """GCP: share of requests that are logged, above 0 up to 1. Default 1."""


class AwsArgs(TypedDict, total=False):
    """What only CloudFront has."""

    web_acl_id: pulumi.Input[str]
    """ARN of a WAFv2 web ACL of scope CLOUDFRONT. Default: none."""
    price_class: PriceClassName
    """Which edge locations answer. Default ``PriceClass_All``."""
    bucket_access: BucketAccessName
    """How the bucket is read. Default ``oai``."""
    existing_policy_ids: dict[str, pulumi.Input[str]]
    """Route path to the id of a managed or existing cache policy, used instead of a policy made here. Default: none."""


class GcpArgs(TypedDict, total=False):
    """What only Media CDN and its project have."""

    edge_security_policy: pulumi.Input[str]
    """Id of a Cloud Armor policy of type CLOUD_ARMOR_EDGE. Default: none."""
    enable_apis: bool
    """Whether the APIs that the cache needs are enabled in the provider's project first. They stay enabled when the
    cache goes. Default: no."""


class InferenceEdgeCacheArgs(TypedDict):
    """Everything an ``InferenceEdgeCache`` is made from."""

    cloud: CloudName
    """Where the cache runs: ``aws`` (CloudFront) or ``gcp`` (Media CDN)."""
    origin: OriginArgs
    """The inference endpoint behind the cache."""
    policy: NotRequired[CachePolicy]
    """How answers are cached where no route says otherwise. Default: ``CachePolicy()``."""
    routes: NotRequired[list[RouteArgs]]
    """What is different under which path. Default: one route, ``/*``, to the endpoint; beside inference routes, to the
    gateway, which knows no other path."""
    gateway: NotRequired[GatewayArgs]
    """The function behind inference routes, and its secret. Required with such routes, refused without."""
    generation: NotRequired[str]
    """A word of yours for what the model cannot tell by its name: another value puts every stored answer of the
    inference routes out of reach. Default: none."""
    bucket: NotRequired[BucketArgs]
    """A private bucket that the cache serves files from. ``{}`` creates one. Default: none."""
    forward_headers: NotRequired[list[str]]
    """Request headers that the endpoint needs on cached routes but that do not change the answer. Headers that change
    it belong into ``policy.key.headers``. Default: none."""
    custom_domain: NotRequired[CustomDomainArgs]
    """Names of your own. Default: the cloud's name or address."""
    cors: NotRequired[CorsArgs]
    """Which web pages may read the answers. Default: none."""
    geo: NotRequired[GeoArgs]
    """Which countries may ask. Default: all."""
    logging: NotRequired[LoggingArgs]
    """Access logs. Default: none."""
    origin_shield: NotRequired[str]
    """A region whose cache stands in front of the endpoint, so that edge locations share answers: ``us-east-1``,
    ``europe-west3``. Default: none; in front of inference routes' answers on AWS, the one nearest to the provider's."""
    tags: NotRequired[dict[str, pulumi.Input[str]]]
    """Tags (on GCP: labels) of everything that can carry them. Default: none."""
    aws: NotRequired[AwsArgs]
    """What only CloudFront has."""
    gcp: NotRequired[GcpArgs]
    """What only Media CDN has."""
    overrides: NotRequired[dict[str, Any]]
    """Last word on any resource made: logical child (``distribution``) to arguments of the provider's SDK, in
    snake_case, merged deeply; lists are replaced. Unknown names are refused."""
