"""What will be deployed, before any cloud's words for it: frozen dataclasses and tuples.

Fields typed ``pulumi.Input`` may be Outputs of other resources; everything else is plain and known at preview.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import pulumi

from inference_edge_cache.args import Access, BucketAccess, FrontDoor, PriceClass, RouteTarget
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.plan.paths import PathPattern
from inference_edge_cache.policy import CacheMode
from inference_edge_cache.protocol.paths import BUCKET_FROM, generation_prefix, route_prefix

_DAY = 86_400


@dataclass(frozen=True)
class QueryPlan:
    """Which query parameters are in the key: ``rule`` is all, none, only or except; ``names`` go with the last two."""

    rule: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyPlan:
    """A cache policy with everything decided: seconds are ints, names are sorted tuples. Equal policies are equal."""

    mode: CacheMode
    min_ttl: int
    default_ttl: int
    max_ttl: int
    browser_ttl: int | None
    query: QueryPlan
    headers: tuple[str, ...]
    cookies: tuple[str, ...]
    negative_ttl: tuple[tuple[int, int], ...]
    compression: bool

    @property
    def caches(self) -> bool:
        return self.mode is not CacheMode.BYPASS

    @property
    def kept(self) -> "PolicyPlan":
        """What of it decides how answers are kept and told apart: TTLs, key, compression. Routes that differ in the
        rest can share a policy, which matters where an account holds 20."""
        return dataclasses.replace(self, mode=CacheMode.HONOR_ORIGIN, browser_ttl=None, negative_ttl=())

    @property
    def digest(self) -> str:
        """Eight hex characters that name this policy: equal for equal policies, on every machine."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:8]


class GatewayTarget(StrEnum):
    """Who answers what an inference route becomes. Not for a program to choose."""

    STORED = "stored"
    """The results bucket, and the gateway where it has nothing: the current generation."""
    ANSWERED = "answered"
    """The gateway, which is cached: the current generation, where results are too short-lived for a bucket's days."""
    GATEWAY = "gateway"
    """The gateway, uncached: POST, and generations that are over."""
    DISCOVERY = "discovery"
    """The results bucket alone."""


@dataclass(frozen=True)
class RoutePlan:
    """What happens to the requests that ``path`` matches."""

    path: PathPattern
    target: RouteTarget | GatewayTarget
    policy: PolicyPlan
    methods: tuple[str, ...]
    fails_over: bool = False
    existing_policy_id: pulumi.Input[str] | None = None

    @property
    def caches(self) -> bool:
        return self.policy.caches

    @property
    def takes_bodies(self) -> bool:
        """Whether it takes methods beyond GET, HEAD and OPTIONS."""
        return not set(self.methods) <= {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class OriginPlan:
    """An endpoint behind the cache. ``path`` is empty or starts with a slash and does not end in one."""

    scheme: pulumi.Input[str]
    host: pulumi.Input[str]
    port: pulumi.Input[int]
    path: pulumi.Input[str]
    host_header: pulumi.Input[str]
    headers: tuple[tuple[str, pulumi.Input[str]], ...]
    connect_timeout: int
    read_timeout: int
    response_timeout: int | None
    attempts: int


@dataclass(frozen=True)
class FailoverPlan:
    """The second endpoint, and what sends a request there."""

    origin: OriginPlan
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class BucketPlan:
    """The private bucket. ``existing`` is the name of one that is not ours to change; ``paths`` are what it serves."""

    existing: pulumi.Input[str] | None
    paths: tuple[PathPattern, ...]
    retention_days: int | None
    region: str | None
    kms_key: pulumi.Input[str] | None
    force_destroy: bool


@dataclass(frozen=True)
class DomainPlan:
    """Host names of the user's own, and the certificate for them."""

    names: tuple[str, ...]
    certificate: pulumi.Input[str]


@dataclass(frozen=True)
class CorsPlan:
    """Which web pages may read the answers."""

    allow_origins: tuple[str, ...]
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    max_age: int
    allow_credentials: bool


@dataclass(frozen=True)
class GeoPlan:
    """Country codes that may ask (``allows``) or may not."""

    allows: bool
    countries: tuple[str, ...]


@dataclass(frozen=True)
class LoggingPlan:
    """Where access logs go (AWS) and what share of requests they hold (GCP)."""

    destination: pulumi.Input[str] | None
    sample_rate: float


@dataclass(frozen=True)
class HttpsModelPlan:
    """A model behind a URL. ``headers`` are secrets."""

    url: str
    allow_http: bool
    connect_timeout: int
    headers: tuple[tuple[str, pulumi.Input[str]], ...] = ()


@dataclass(frozen=True)
class SageMakerModelPlan:
    """A model on a SageMaker endpoint. Without ``arn`` the endpoint is in the provider's region and account."""

    endpoint_name: str
    arn: str | None = None
    region: str | None = None
    target_model: str | None = None
    target_variant: str | None = None
    inference_component: str | None = None


@dataclass(frozen=True)
class BedrockModelPlan:
    """A model of Amazon Bedrock, or an inference profile. Without ``region`` it is asked in the provider's."""

    model_id: str
    api: str
    region: str | None = None
    profile: bool = False


@dataclass(frozen=True)
class VertexModelPlan:
    """A model on Vertex AI: an endpoint, or a publisher's model. Without ``project`` it is in the provider's."""

    endpoint: str
    region: str
    method: str
    project: str | None = None
    domain: str | None = None

    @property
    def is_publishers(self) -> bool:
        """Whether it is a publisher's model, which is no resource of the project's own."""
        return self.endpoint.startswith("publishers/")


ModelPlan = HttpsModelPlan | SageMakerModelPlan | BedrockModelPlan | VertexModelPlan


@dataclass(frozen=True)
class InferenceRoutePlan:
    """An inference route as the results bucket knows it. ``result_max_age`` is in seconds."""

    path: str
    generation: str
    result_max_age: int

    @property
    def answers(self) -> str:
        """What the paths of its answers begin with, in every generation."""
        return route_prefix(self.path)

    @property
    def current(self) -> str:
        """What the paths of its answers begin with, in the current generation."""
        return generation_prefix(self.path, self.generation)

    @property
    def days(self) -> int:
        """How long a result lies in the bucket, whose lifecycle knows whole days only."""
        return -(-self.result_max_age // _DAY)

    @property
    def in_the_bucket_of_the_cdn(self) -> bool:
        """Whether the CDN reads results by itself."""
        return self.result_max_age >= BUCKET_FROM


@dataclass(frozen=True)
class GatewayPlan:
    """The function behind inference routes. ``config`` and ``discovery`` are documents, the same for equal arguments;
    ``master_secret`` is None exactly where access is public."""

    config: bytes
    discovery: bytes
    routes: tuple[InferenceRoutePlan, ...]
    model: ModelPlan
    master_secret: pulumi.Input[str] | None
    access: Access = Access.KEYED
    front_door: FrontDoor = FrontDoor.SECRET
    memory: int = 512
    timeout: int = 60
    reserved_concurrency: int = 50
    log_retention_days: int = 30
    region: str | None = None
    """GCP: where it runs; None for the provider's own region."""
    concurrency: int = 80
    min_instances: int = 0
    max_instances: int = 10
    dashboard: bool = False
    environment: tuple[tuple[str, pulumi.Input[str]], ...] = ()


@dataclass(frozen=True)
class EdgePlan:
    """Everything a backend needs. ``routes`` are most specific first; the last one is the default route."""

    name: str
    cloud: Cloud
    origin: OriginPlan | None
    """None where no route reaches an endpoint past the gateway."""
    routes: tuple[RoutePlan, ...]
    failover: FailoverPlan | None = None
    bucket: BucketPlan | None = None
    gateway: GatewayPlan | None = None
    forward_headers: tuple[str, ...] = ()
    custom_domain: DomainPlan | None = None
    cors: CorsPlan | None = None
    geo: GeoPlan | None = None
    logging: LoggingPlan | None = None
    origin_shield: str | None = None
    tags: tuple[tuple[str, pulumi.Input[str]], ...] = ()
    price_class: PriceClass = PriceClass.ALL
    bucket_access: BucketAccess = BucketAccess.OAI
    web_acl_id: pulumi.Input[str] | None = None
    edge_security_policy: pulumi.Input[str] | None = None
    enable_apis: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def default_route(self) -> RoutePlan:
        return self.routes[-1]

    @property
    def policies(self) -> tuple[PolicyPlan, ...]:
        """The distinct policies to keep answers by, the default route's first."""
        routes = (self.default_route, *self.routes[:-1])
        return tuple(dict.fromkeys(r.policy.kept for r in routes if r.caches and r.existing_policy_id is None))

    @property
    def negative_ttl(self) -> tuple[tuple[int, int], ...]:
        """Error status to seconds over all routes: on a cloud with one table for them, no two routes disagree."""
        return tuple(sorted({pair for route in self.routes for pair in route.policy.negative_ttl}))
