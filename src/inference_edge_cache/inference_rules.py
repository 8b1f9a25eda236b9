"""From policies to the rules that gateway and clients go by: the one place that knows both. Loads no Pulumi."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from inference_edge_cache.gateway.config import GatewayConfig, ResultRules
from inference_edge_cache.policy import CachePolicy, Determinism, InferencePolicy, parse_seconds
from inference_edge_cache.protocol import (
    PAYLOAD_BUDGET,
    Access,
    EdgeConfig,
    OriginIdentity,
    RouteConfig,
    RouteRules,
    dialects,
    effective_generation,
)
from inference_edge_cache.protocol import Determinism as DeterminismWord


@dataclass(frozen=True, kw_only=True)
class InferenceRoute:
    """A path whose POST requests are cacheable, and its two policies."""

    path: str
    policy: CachePolicy
    inference: InferencePolicy


def route_rules(policy: InferencePolicy) -> RouteRules:
    """How requests are keyed under ``policy``, and which answers may be stored.

    Raises ``RulesError`` when it keys on a header that no key may hold; ``inference_problems`` says so beforehand.
    """
    dialect = dialects.DIALECTS[policy.dialect]
    return RouteRules(
        dialect=str(policy.dialect),
        ignored_fields=tuple(policy.ignored_fields),
        key_headers=tuple(policy.key_headers),
        output_affecting_headers=dialect.output_affecting_headers,
        keep_number_types=dialect.keep_number_types,
        require_object=dialect.require_object,
        max_body_bytes=policy.max_body_bytes,
        determinism=cast("DeterminismWord", Determinism(policy.determinism).value),
        remote_urls=bool(policy.remote_urls),
    )


def result_rules(policy: CachePolicy, inference: InferencePolicy) -> ResultRules:
    """How long the results of a route count, and how large they get."""
    oldest = policy.max_ttl if inference.result_max_age is None else inference.result_max_age
    return ResultRules(
        ttl=parse_seconds(policy.default_ttl),
        result_max_age=parse_seconds(oldest),
        browser_ttl=parse_seconds(policy.browser_ttl or 0),
        stale_while_revalidate=parse_seconds(policy.stale_while_revalidate or 0),
        stale_if_error=parse_seconds(policy.stale_if_error or 0),
        max_result_bytes=inference.max_result_bytes,
    )


def gateway_config(
    routes: Sequence[InferenceRoute],
    origin: OriginIdentity,
    generation: str = "",
    *,
    access: Access = "keyed",
    upload_url: str | None = None,
    payload_budget: int = PAYLOAD_BUDGET,
) -> GatewayConfig:
    """What a gateway in front of ``origin`` is given, its discovery document included.

    ``generation`` is the user's own: a new one puts every stored answer out of reach. Raises ``RulesError``,
    ``PathError`` or ``DiscoveryError`` for a route that the protocol cannot serve.
    """
    rules = {route.path: route_rules(route.inference) for route in routes}
    edge = EdgeConfig(
        routes=tuple(
            RouteConfig(path=path, generation=effective_generation(generation, origin, each, access), rules=each)
            for path, each in rules.items()
        ),
        access=access,
        upload_url=upload_url,
        payload_budget=payload_budget,
    )
    return GatewayConfig(edge, {route.path: result_rules(route.policy, route.inference) for route in routes})
