"""How a gateway answers: the discovery document, and for each route how long results count and how large they get."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.protocol import EdgeConfig, parse_edge_config

DEFAULT_MAX_RESULT_BYTES = 5 * 1024 * 1024

PASSED_BODY_BYTES = 32 * 1024 * 1024
"""A request that is too large for its route's key passes through, up to here: Cloud Run takes no more over HTTP/1
(cloud.google.com/run/quotas)."""


class GatewayConfigError(EdgeCacheError):
    """A gateway's configuration contradicts itself, or is not one. The message names the field."""


@dataclass(frozen=True, kw_only=True)
class ResultRules:
    """How results of one route are kept. All times are seconds.

    :param ttl: how long the edge may keep a result, at most.
    :param result_max_age: how old a result may become, counted from when the model gave it.
    :param browser_ttl: how long callers themselves may keep it. 0: ask each time, so that a purge reaches them.
    :param stale_while_revalidate: RFC 5861, as far as ``result_max_age`` leaves room.
    :param stale_if_error: likewise.
    :param max_result_bytes: a larger answer is not kept.
    """

    ttl: int
    result_max_age: int
    browser_ttl: int = 0
    stale_while_revalidate: int = 0
    stale_if_error: int = 0
    max_result_bytes: int = DEFAULT_MAX_RESULT_BYTES

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise GatewayConfigError(f"{name} must be a whole number, 0 or more")


@dataclass(frozen=True)
class GatewayConfig:
    """The whole of it, as it travels with the gateway's code. Holds no secret."""

    edge: EdgeConfig
    results: Mapping[str, ResultRules] = field(default_factory=dict[str, ResultRules])
    """By the path of the route."""

    def __post_init__(self) -> None:
        if set(self.results) != {route.path for route in self.edge.routes}:
            raise GatewayConfigError("results must name exactly the routes of the discovery document")

    @property
    def longest_body(self) -> int:
        """Bytes of the longest request that a front door takes."""
        return max(PASSED_BODY_BYTES, *(route.rules.max_body_bytes for route in self.edge.routes), 0)

    def to_json(self) -> bytes:
        """The same bytes for the same configuration."""
        document = {
            "edge": json.loads(self.edge.to_json()),
            "results": {path: asdict(rules) for path, rules in self.results.items()},
        }
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def parse_gateway_config(document: bytes) -> GatewayConfig:
    """The configuration that ``to_json`` wrote. Raises ``GatewayConfigError`` or ``DiscoveryError``."""
    try:
        fields: Any = json.loads(document)
        edge = json.dumps(fields["edge"]).encode("utf-8")
        results = {path: ResultRules(**rules) for path, rules in fields["results"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise GatewayConfigError(f"not the configuration of a gateway: {type(error).__name__}") from None
    return GatewayConfig(parse_edge_config(edge), results)
