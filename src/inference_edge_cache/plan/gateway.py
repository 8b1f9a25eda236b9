"""The gateway: its arguments, with the model and the rules of the routes, become what is deployed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from inference_edge_cache.args import Access
from inference_edge_cache.errors import Problem
from inference_edge_cache.inference_rules import gateway_config
from inference_edge_cache.plan.checks.gateway import (
    MASTER_AT,
    long_enough,
    own_variables,
    secret_with_access,
    sensible,
    usable_secret,
    uses_of_gateway,
)
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.inference import GivenInference
from inference_edge_cache.plan.model import GatewayPlan, InferenceRoutePlan, ModelPlan, VertexModelPlan
from inference_edge_cache.plan.upstreams import GLOBAL
from inference_edge_cache.protocol import OriginIdentity, ProtocolError

_PLAIN = (
    *("access", "front_door", "memory", "timeout", "reserved_concurrency", "log_retention_days"),
    *("concurrency", "min_instances", "max_instances", "dashboard"),
)


def plan_gateway(
    draft: Draft, routes: Sequence[GivenInference], upstream: tuple[ModelPlan, OriginIdentity] | None
) -> GatewayPlan | None:
    """The gateway, or None when something of it is wrong. ``upstream`` is None where the model is what is wrong."""
    given: Mapping[str, Any] = draft.args.get("gateway", {})
    # Without a gateway that is what is wrong; where it was no text, that has been said.
    if "gateway" in draft.args and not any(problem.path == MASTER_AT for problem in draft.problems):
        draft.problems.extend(secret_with_access(given))
    draft.uses.extend(uses_of_gateway(given))
    draft.problems.extend(sensible(given, draft.cloud))
    draft.problems.extend(own_variables(given.get("environment", {}), draft.cloud))
    master = _master(draft, given)
    if upstream is None or draft.problems:
        return None
    model, identity = upstream
    access = given.get("access", Access.KEYED)
    try:
        config = gateway_config(
            [each.route for each in routes], identity, draft.args.get("generation", ""), access=access.value
        )
    except ProtocolError as error:  # of what the checks know nothing: a generation that has no UTF-8
        draft.problems.append(Problem("generation", "", str(error), "correct it"))
        return None
    return GatewayPlan(
        config=config.to_json(),
        discovery=config.edge.to_json(),
        routes=tuple(
            InferenceRoutePlan(route.path, route.generation, config.results[route.path].result_max_age)
            for route in config.edge.routes
        ),
        model=model,
        master_secret=master,
        region=given.get("region", _region_of(model)),
        environment=tuple(sorted(given.get("environment", {}).items())),
        **{key: given[key] for key in _PLAIN if key in given},
    )


def _region_of(model: ModelPlan) -> str | None:
    """The region to be near to. ``global`` is none that a function could run in."""
    return model.region if isinstance(model, VertexModelPlan) and model.region != GLOBAL else None


def _master(draft: Draft, given: Mapping[str, Any]) -> pulumi.Input[str] | None:
    if "master_secret" not in given:
        return None
    master = draft.checked(given["master_secret"], long_enough)
    return master.apply(usable_secret) if isinstance(master, pulumi.Output) else usable_secret(str(master))
