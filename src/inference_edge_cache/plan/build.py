"""``make_plan``: arguments in, plan out, or every problem of the whole input in one error."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_edge_cache import _shape
from inference_edge_cache.args import BucketAccess, InferenceEdgeCacheArgs, PriceClass, RouteTarget
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.plan.checks.gateway import (
    given_together,
    no_kept_errors,
    warnings_of_doors,
    warnings_of_pages,
    warnings_of_uploads,
)
from inference_edge_cache.plan.checks.origins import attempts_in_time, reachable_failover
from inference_edge_cache.plan.checks.policies import shared_error_table
from inference_edge_cache.plan.checks.uses import Use, problems_of_uses, warnings_of_uses
from inference_edge_cache.plan.children import CHILDREN
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.gateway import plan_gateway
from inference_edge_cache.plan.inference import GivenInference, gateway_routes, given_inference, has_inference
from inference_edge_cache.plan.model import EdgePlan, GatewayPlan, RoutePlan
from inference_edge_cache.plan.origins import check_rewritten_paths, plan_failover, plan_origin
from inference_edge_cache.plan.routes import (
    GivenRoute,
    count_rules,
    given_routes,
    plan_forward_headers,
    plan_routes,
    policies_at,
)
from inference_edge_cache.plan.settings import (
    check_groups,
    check_name,
    plan_bucket,
    plan_cors,
    plan_custom_domain,
    plan_geo,
    plan_logging,
    plan_origin_shield,
    plan_overrides,
    plan_tags,
)
from inference_edge_cache.plan.upstreams import check_kinds, plan_model

OverridesRule = Callable[[Mapping[str, Any], EdgePlan | None], list[Problem]]


def make_plan(
    name: str, args: InferenceEdgeCacheArgs | Mapping[str, Any], *, overrides_rule: OverridesRule | None = None
) -> EdgePlan:
    """The deployment that ``args`` describe. Pure: no resource, no cloud SDK, equal input gives an equal plan.

    ``overrides_rule`` checks ``overrides`` against the provider's SDK and the plan; a backend supplies it. Raises
    ``InvalidArgsError`` with every problem of the whole input. Values that are Outputs are checked when they resolve,
    and raise the same error then.
    """
    reading = _shape.Reading(name)
    problems = reading.problems
    given = _shape.read(args, InferenceEdgeCacheArgs, "", reading)
    if given is _shape.UNREADABLE or "cloud" not in given:
        raise InvalidArgsError(name, problems)
    draft = Draft(name, given["cloud"], given, problems)
    plan = _planned(draft)
    if overrides_rule is not None and isinstance(given.get("overrides"), Mapping):
        known = {
            child: value
            for child, value in given["overrides"].items()
            if child in CHILDREN[draft.cloud] and isinstance(value, Mapping)
        }
        problems.extend(overrides_rule(known, plan))
    if plan is None or problems:
        raise InvalidArgsError(name, problems)
    return plan


def _planned(draft: Draft) -> EdgePlan | None:
    """The plan, or None when ``draft`` holds problems."""
    behind = has_inference(draft)
    check_name(draft, inference=behind)
    check_groups(draft, inference=behind)
    inference = given_inference(draft)
    routes = given_routes(draft, inference)
    direct = any(route.target is RouteTarget.ENDPOINT for route in routes)
    kind = check_kinds(draft, inference=behind, direct=direct)
    aws, gcp = draft.args.get("aws", {}), draft.args.get("gcp", {})
    access = aws.get("bucket_access", BucketAccess.OAI)
    web_acl_id = draft.identifier(aws, "web_acl_id", "aws")
    edge_security_policy = draft.identifier(gcp, "edge_security_policy", "gcp")
    past = kind in (None, "url") and (direct or not behind)
    origin = plan_origin(draft, draft.args.get("origin", {}), "origin") if past else None
    gateway = _gateway(draft, routes, inference, kind) if behind else None
    draft.problems.extend(
        given_together(draft.args.get("gateway"), inference=behind, generation="generation" in draft.args)
    )
    parts: dict[str, Any] = {
        "failover": plan_failover(draft) if past else None,
        "bucket": plan_bucket(draft, routes, access),
        "forward_headers": plan_forward_headers(draft, routes),
        "custom_domain": plan_custom_domain(draft),
        "cors": plan_cors(draft),
        "geo": plan_geo(draft),
        "logging": plan_logging(draft),
        "origin_shield": plan_origin_shield(draft),
        "tags": plan_tags(draft),
        "overrides": plan_overrides(draft),
    }
    preflight = parts["cors"] is not None
    planned = _with_gateway(plan_routes(draft, routes), gateway, inference, preflight=preflight)
    rules = count_rules(draft, planned)
    draft.uses.append(Use("routes", "routes", f"{rules} routes", rules))
    check_rewritten_paths(draft, origin, planned)
    draft.problems.extend(problems_of_uses(draft.uses, draft.cloud))
    if origin is not None:
        draft.problems.extend(reachable_failover(origin, parts["failover"], draft.cloud))
    if (origin is None and gateway is None) or draft.problems:
        return None
    plan = EdgePlan(
        name=draft.name,
        cloud=draft.cloud,
        origin=origin,
        routes=planned,
        gateway=gateway,
        price_class=aws.get("price_class", PriceClass.ALL),
        bucket_access=access,
        web_acl_id=web_acl_id,
        edge_security_policy=edge_security_policy,
        enable_apis=gcp.get("enable_apis", False),
        **parts,
    )
    policies = len(plan.policies)
    browser_ttls = len({(route.policy.browser_ttl, route.caches) for route in planned})
    draft.uses.append(Use("policies", "routes", f"{policies} policies", policies))
    draft.uses.append(Use("browser_ttls", "routes", f"{browser_ttls} policies", browser_ttls))
    warnings = warnings_of_uses(draft.uses, draft.cloud)
    if plan.origin is not None:
        warnings += attempts_in_time(plan.origin, plan.failover, draft.cloud)
    if plan.gateway is not None:
        warnings += warnings_of_doors(plan.gateway.access, plan.gateway.front_door, draft.cloud)
        warnings += warnings_of_pages(plan.gateway.access, plan.cors)
        warnings += warnings_of_uploads(plan.custom_domain, draft.cloud)
    if draft.cloud is Cloud.AWS:
        warnings += shared_error_table(policies_at(routes))
    return dataclasses.replace(plan, warnings=tuple(warnings))


def _gateway(
    draft: Draft, routes: Sequence[GivenRoute], inference: Sequence[GivenInference], kind: str | None
) -> GatewayPlan | None:
    """The gateway behind ``inference``, beside ``routes`` that pass it by; None when something of it is wrong."""
    if draft.cloud is Cloud.AWS:
        draft.problems.extend(no_kept_errors(policies_at(routes)))
    direct = [route for route in routes if route.target is RouteTarget.ENDPOINT]
    if kind not in (None, "url"):
        limit, remedy = f"there is no endpoint: {kind} is reached by inference routes only", "give it a preset"
        draft.problems.extend(Problem(route.given_at, "", limit, f"{remedy}, or remove it") for route in direct)
    if "forward_headers" in draft.args and not direct:
        limit = "is used by no route: what counts for an inference route is in inference.key_headers"
        draft.problems.append(Problem("forward_headers", "", limit, "remove it"))
    upstream = None if kind is None else plan_model(draft, kind, direct=bool(direct))
    return plan_gateway(draft, inference, upstream)


def _with_gateway(
    routes: tuple[RoutePlan, ...],
    gateway: GatewayPlan | None,
    inference: Sequence[GivenInference],
    *,
    preflight: bool,
) -> tuple[RoutePlan, ...]:
    """``routes`` and those of the gateway, most specific first."""
    if gateway is None:
        return routes
    compression = {each.route.path: each.route.policy.compression for each in inference}
    default = not any(route.path.is_default for route in routes)
    all_routes = [*routes, *gateway_routes(gateway, compression, default=default, preflight=preflight)]
    return tuple(sorted(all_routes, key=lambda route: route.path.specificity))
