"""``make_plan``: arguments in, plan out, or every problem of the whole input in one error."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from inference_edge_cache import _shape
from inference_edge_cache.args import BucketAccess, InferenceEdgeCacheArgs, PriceClass
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.plan.checks.origins import attempts_in_time, reachable_failover
from inference_edge_cache.plan.checks.policies import shared_error_table
from inference_edge_cache.plan.checks.uses import Use, problems_of_uses, warnings_of_uses
from inference_edge_cache.plan.children import CHILDREN
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.model import EdgePlan
from inference_edge_cache.plan.origins import check_rewritten_paths, plan_failover, plan_origin
from inference_edge_cache.plan.routes import count_rules, given_routes, plan_forward_headers, plan_routes, policies_at
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
    check_name(draft)
    check_groups(draft)
    routes = given_routes(draft)
    aws, gcp = draft.args.get("aws", {}), draft.args.get("gcp", {})
    access = aws.get("bucket_access", BucketAccess.OAI)
    web_acl_id = draft.identifier(aws, "web_acl_id", "aws")
    edge_security_policy = draft.identifier(gcp, "edge_security_policy", "gcp")
    origin = plan_origin(draft, draft.args.get("origin", {}), "origin")
    parts: dict[str, Any] = {
        "failover": plan_failover(draft),
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
    planned = plan_routes(draft, routes)
    rules = count_rules(draft, planned)
    draft.uses.append(Use("routes", "routes", f"{rules} routes", rules))
    check_rewritten_paths(draft, origin, planned)
    draft.problems.extend(problems_of_uses(draft.uses, draft.cloud))
    if origin is not None:
        draft.problems.extend(reachable_failover(origin, parts["failover"], draft.cloud))
    if origin is None or draft.problems:
        return None
    plan = EdgePlan(
        name=draft.name,
        cloud=draft.cloud,
        origin=origin,
        routes=planned,
        price_class=aws.get("price_class", PriceClass.ALL),
        bucket_access=access,
        web_acl_id=web_acl_id,
        edge_security_policy=edge_security_policy,
        **parts,
    )
    policies = len(plan.policies)
    browser_ttls = len({(route.policy.browser_ttl, route.caches) for route in planned})
    draft.uses.append(Use("policies", "routes", f"{policies} policies", policies))
    draft.uses.append(Use("browser_ttls", "routes", f"{browser_ttls} policies", browser_ttls))
    warnings = warnings_of_uses(draft.uses, draft.cloud)
    warnings += attempts_in_time(plan.origin, plan.failover, draft.cloud)
    if draft.cloud is Cloud.AWS:
        warnings += shared_error_table(policies_at(routes))
    return dataclasses.replace(plan, warnings=tuple(warnings))
