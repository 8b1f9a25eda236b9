"""What a cache costs in a month, and what it saves: list prices of November 2026, without free tiers and discounts.

An estimate for a decision, not a bill. What it takes for granted is in ``Load`` and in the constants below; it is
written so that the cache looks rather dearer than it is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inference_edge_cache.capabilities import GATEWAY_MEMORY, Cloud, capability
from inference_edge_cache.errors import Problem, ProblemsError

PRICED = "2026-11"
"""The month of the prices below: us-east-1 and callers in North America; on GCP a region of tier 1 (us-central1)."""

GATEWAY_SECONDS = 0.1
"""What a call of the gateway takes beside the model: keys, a look into the bucket, now and then a start."""

LOG_BYTES = 1000
"""What a call of the gateway writes to its log: its own line, and those of the platform."""

SECRET_READ_SECONDS = 600
"""How often a gateway that runs reads its secrets again."""

_MONTH_DAYS = 30
_MONTH_SECONDS = _MONTH_DAYS * 86_400
_GB = 1e9  # Where a cloud counts 2^30 bytes it charges up to 7 % less than is said here.
_PROCESSORS = 1  # of the function on GCP

_CLOUDFRONT = "https://aws.amazon.com/cloudfront/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_S3 = "https://aws.amazon.com/s3/pricing/"
_SECRETS_MANAGER = "https://aws.amazon.com/secrets-manager/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_MEDIA_CDN = "https://cloud.google.com/media-cdn"
_CLOUD_RUN = "https://cloud.google.com/run/pricing"
_CLOUD_STORAGE = "https://cloud.google.com/storage/pricing"
_SECRET_MANAGER = "https://cloud.google.com/secret-manager/pricing"  # noqa: S105  # an address, not a secret
_CLOUD_LOGGING = "https://cloud.google.com/stackdriver/pricing"


class LoadError(ProblemsError):
    """Every problem of a load, at once."""


@dataclass(frozen=True)
class Price:
    """``usd`` for each ``per`` of ``unit``. ``usd`` is None where the cloud has no public price: ask for a quote."""

    usd: float | None
    per: float
    unit: str
    source: str


PRICES: Mapping[Cloud, Mapping[str, Price]] = MappingProxyType(
    {
        Cloud.AWS: MappingProxyType(
            {
                "CDN: requests": Price(0.0100, 10_000, "requests", _CLOUDFRONT),
                "CDN: bytes to callers": Price(0.085, 1, "GB", _CLOUDFRONT),
                "CDN: bytes to the gateway": Price(0.020, 1, "GB", _CLOUDFRONT),
                "CDN: Origin Shield": Price(0.0075, 10_000, "requests", _CLOUDFRONT),
                "CDN: metrics": Price(2.40, 1, "months", _CLOUDWATCH),
                "gateway: calls": Price(0.20, 1_000_000, "calls", _LAMBDA),
                "gateway: memory": Price(0.0000133334, 1, "GB-seconds", _LAMBDA),
                "storage: writes": Price(0.005, 1_000, "writes", _S3),
                "storage: reads": Price(0.0004, 1_000, "reads", _S3),
                "storage: results": Price(0.023, 1, "GB-months", _S3),
                "secrets: kept": Price(0.40, 1, "secret-months", _SECRETS_MANAGER),
                "secrets: read": Price(0.05, 10_000, "reads", _SECRETS_MANAGER),
                "log": Price(0.50, 1, "GB", _CLOUDWATCH),
            }
        ),
        Cloud.GCP: MappingProxyType(
            {
                "CDN: requests": Price(None, 1, "requests", _MEDIA_CDN),
                "CDN: bytes to callers": Price(None, 1, "GB", _MEDIA_CDN),
                "CDN: bytes into the cache": Price(None, 1, "GB", _MEDIA_CDN),
                "gateway: calls": Price(0.40, 1_000_000, "calls", _CLOUD_RUN),
                "gateway: memory": Price(0.0000025, 1, "GB-seconds", _CLOUD_RUN),
                "gateway: processor": Price(0.000024, 1, "vCPU-seconds", _CLOUD_RUN),
                "storage: writes": Price(0.005, 1_000, "writes", _CLOUD_STORAGE),
                "storage: reads": Price(0.0004, 1_000, "reads", _CLOUD_STORAGE),
                "storage: results": Price(0.020, 1, "GB-months", _CLOUD_STORAGE),
                "secrets: kept": Price(0.06, 1, "secret-months", _SECRET_MANAGER),
                "secrets: read": Price(0.03, 10_000, "reads", _SECRET_MANAGER),
                "log": Price(0.50, 1, "GB", _CLOUD_LOGGING),
            }
        ),
    }
)
"""What each line costs, by its name."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What callers ask in a month of 30 days. Raises ``LoadError`` for what cannot be.

    Every request may be stored, every miss is, and each fits into the header of a GET (6 KiB, compressed): larger ones
    cost a second request and a second call for each miss.

    :param requests: how many, in a month.
    :param hit_ratio: the share of them that was asked before and is still stored, 0 to 1.
    :param request_bytes: the body of a request, on average.
    :param response_bytes: the body of an answer, on average.
    :param model_usd: what the model costs for one request, in US dollars.
    :param model_seconds: how long the model takes. The gateway waits, and is paid for waiting.
    :param transport: whether callers have the client transport. Without it every request is a call of the gateway.
    :param edge_ratio: the share of the hits that the edge location near the caller has, 0 to 1. Only with the
        transport; default 0.
    :param kept_days: how long a result is kept: ``result_max_age``, in days. Default 30.
    :param memory_mb: ``gateway.memory``. Default 512. Each cloud has a range of its own, which ``cost_of`` knows.
    :param secrets: how many secrets the gateway reads: the master secret, the model's headers. Default 1.
    """

    requests: int
    hit_ratio: float
    request_bytes: float
    response_bytes: float
    model_usd: float
    model_seconds: float
    transport: bool = True
    edge_ratio: float = 0.0
    kept_days: float = 30
    memory_mb: int = 512
    secrets: int = 1

    def __post_init__(self) -> None:
        problems = [
            *_within("requests", self.requests, 1, 1e15),
            *_within("hit_ratio", self.hit_ratio, 0, 1),
            *_within("request_bytes", self.request_bytes, 0, 1e9),
            *_within("response_bytes", self.response_bytes, 0, 1e9),
            *_within("model_usd", self.model_usd, 0, 1e6),
            *_within("model_seconds", self.model_seconds, 0, 3600),
            *_within("edge_ratio", self.edge_ratio, 0, 1),
            *_within("kept_days", self.kept_days, 0, 3650),
            *_within("memory_mb", self.memory_mb, *GATEWAY_MEMORY),
            *_within("secrets", self.secrets, 0, 100),
        ]
        if not self.transport and self.edge_ratio and not problems:
            limit = "is 0 without the transport: no CDN answers a POST"
            problems.append(Problem.at("edge_ratio", self.edge_ratio, limit, "leave it out, or set transport=True"))
        if problems:
            raise LoadError("the load", problems)

    @property
    def misses(self) -> float:
        """How many requests reach the model."""
        return self.requests * (1 - self.hit_ratio)

    @property
    def past_the_edge(self) -> float:
        """How many requests the edge location near the caller cannot answer."""
        return self.requests * (1 - self.hit_ratio * self.edge_ratio)


@dataclass(frozen=True)
class Line:
    """One line of the bill: ``quantity`` of ``unit`` in a month; ``usd`` is None where there is no public price."""

    name: str
    quantity: float
    unit: str
    usd: float | None


@dataclass(frozen=True)
class CostTable:
    """What a load costs in a month, in US dollars.

    ``model_usd`` is what the model costs behind the cache, ``model_usd_without`` without one.
    """

    cloud: Cloud
    lines: tuple[Line, ...]
    model_usd: float
    model_usd_without: float
    hits: float

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The lines that have no public price."""
        return tuple(line.name for line in self.lines if line.usd is None)

    @property
    def cache_usd(self) -> float:
        """The lines that have a price, in all."""
        return sum(line.usd for line in self.lines if line.usd is not None)

    @property
    def saved_usd(self) -> float | None:
        """What is saved in all, or lost where it is less than 0. None while a line has no price."""
        return None if self.unpriced else self.model_usd_without - self.model_usd - self.cache_usd

    @property
    def pays_from_usd(self) -> float | None:
        """What a model call has to cost for the cache to pay for itself. None without hits, or while a line has no
        price."""
        return None if self.unpriced or not self.hits else self.cache_usd / self.hits


def cost_of(load: Load, cloud: Cloud, quoted: Mapping[str, Price] | None = None) -> CostTable:
    """What ``load`` costs in a month on ``cloud``.

    ``quoted`` are prices of your own, which replace those of ``PRICES`` by name: a quote for Media CDN, a discount,
    another region. Raises ``LoadError`` for a name that is no line, and for a memory that the cloud has not.
    """
    listed = PRICES[cloud]
    unknown = [name for name in quoted or {} if name not in listed]
    if unknown:
        limit, remedy = "is no line of this cloud's bill", f"use one of {', '.join(listed)}"
        raise LoadError("quoted", [Problem.at("quoted", name, limit, remedy) for name in unknown])
    memory = capability("gateway.memory", cloud)
    problems = _within("memory_mb", load.memory_mb, memory.minimum or 0, memory.maximum or math.inf)
    if problems:
        raise LoadError(f"the load on {cloud}", problems)
    quantities = _quantities(load)
    lines = tuple(
        Line(
            name,
            quantities[name],
            price.unit,
            None if price.usd is None else quantities[name] / price.per * price.usd,
        )
        for name, price in {**listed, **(quoted or {})}.items()
    )
    return CostTable(
        cloud=cloud,
        lines=lines,
        model_usd=load.misses * load.model_usd,
        model_usd_without=load.requests * load.model_usd,
        hits=load.requests * load.hit_ratio,
    )


def _quantities(load: Load) -> Mapping[str, float]:
    """How much of everything, on either cloud; what a cloud does not charge for has no price there."""
    # A bucket forgets in whole days: for less, the CDN asks the gateway alone.
    from_bucket = load.transport and load.kept_days >= 1
    calls = load.misses if from_bucket else load.past_the_edge
    busy = calls * GATEWAY_SECONDS + load.misses * load.model_seconds
    running = max(1, math.ceil(busy / _MONTH_SECONDS))
    results = load.misses * load.response_bytes / _GB
    return {
        "CDN: requests": load.requests,
        "CDN: bytes to callers": load.requests * load.response_bytes / _GB,
        "CDN: bytes to the gateway": load.past_the_edge * load.request_bytes / _GB,
        "CDN: bytes into the cache": load.past_the_edge * load.response_bytes / _GB if load.transport else 0,
        "CDN: Origin Shield": load.past_the_edge if load.transport else 0,  # a POST passes it by
        "CDN: metrics": 1,
        "gateway: calls": calls,
        "gateway: memory": busy * load.memory_mb / 1024,
        "gateway: processor": busy * _PROCESSORS,
        "storage: writes": load.misses,
        "storage: reads": calls + (load.past_the_edge if from_bucket else 0),
        "storage: results": results * max(1, math.ceil(load.kept_days)) / _MONTH_DAYS,
        "secrets: kept": load.secrets,
        "secrets: read": load.secrets * running * _MONTH_SECONDS / SECRET_READ_SECONDS,
        "log": calls * LOG_BYTES / _GB,
    }


def _within(name: str, value: float, least: float, most: float) -> list[Problem]:
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return []
    limit = f"must be a number from {least:,.0f} to {most:,.0f}"
    return [Problem.at(name, value, limit, "choose a number between")]


_MILLION = 1_000_000

EXAMPLES: Mapping[str, Load] = MappingProxyType(
    {
        "search embeddings": Load(
            requests=_MILLION,
            hit_ratio=0.60,
            request_bytes=2_000,
            response_bytes=12_000,
            model_usd=0.00005,
            model_seconds=0.2,
            edge_ratio=0.25,
        ),
        "classification": Load(
            requests=_MILLION,
            hit_ratio=0.40,
            request_bytes=1_000,
            response_bytes=300,
            model_usd=0.0004,
            model_seconds=0.6,
            transport=False,
            kept_days=1,
        ),
        "deterministic chat": Load(
            requests=_MILLION,
            hit_ratio=0.20,
            request_bytes=4_000,
            response_bytes=6_000,
            model_usd=0.008,
            model_seconds=6,
            edge_ratio=0.25,
            kept_days=1,
        ),
    }
)
"""Three loads of a million requests: queries of a search, embedded; texts labelled by a model, asked with an unchanged
SDK; chat at temperature 0."""
