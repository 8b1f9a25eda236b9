"""Routes and their policies: gathered and checked as they were given, then decided."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from inference_edge_cache import capabilities as caps
from inference_edge_cache.args import RouteTarget
from inference_edge_cache.capabilities import Cloud, capability
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.headers import header_names
from inference_edge_cache.plan.checks.identifiers import identifier
from inference_edge_cache.plan.checks.origins import keyed_bucket
from inference_edge_cache.plan.checks.policies import one_error_table, problems_on, uses_of_policy
from inference_edge_cache.plan.checks.routes import (
    distinct_routes,
    expressible_path,
    forwardable_headers,
    known_methods,
    private_headers,
)
from inference_edge_cache.plan.checks.uses import Use
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.inference import GivenInference, has_inference, is_inference, reserved_paths
from inference_edge_cache.plan.model import PolicyPlan, QueryPlan, RoutePlan
from inference_edge_cache.plan.paths import DEFAULT_PATH, PathPattern
from inference_edge_cache.policy import CacheMode, CachePolicy, QueryMode, parse_seconds
from inference_edge_cache.policy.presets import STATIC_ARTIFACTS

DEFAULT_BUCKET_PATH = "/artifacts/*"
BUCKET_FILES = "the bucket's files"
"""Where a bucket's policy was given when it was not."""
DEFAULT_BUCKET_POLICIES = {
    Cloud.AWS: STATIC_ARTIFACTS.policy,
    # Cloud Storage sends no public Cache-Control for a private bucket's objects, and Media CDN keeps nothing without.
    Cloud.GCP: CachePolicy(
        mode=CacheMode.FORCE, default_ttl=STATIC_ARTIFACTS.policy.default_ttl, key=STATIC_ARTIFACTS.policy.key
    ),
}


@dataclass
class GivenRoute:
    """A route as it was given: the policy before it is decided, and where its parts stand in the arguments."""

    path: PathPattern
    given_at: str
    policy: CachePolicy
    policy_at: str
    methods: tuple[str, ...]
    target: RouteTarget
    existing_policy_id: pulumi.Input[str] | None = None


def given_routes(draft: Draft, inference: Sequence[GivenInference] = ()) -> list[GivenRoute]:
    """Every route past the gateway, most specific first. The default route is the last one, and where there are
    inference routes it is the gateway's unless it was given."""
    routes = [
        _route(draft, given, f"routes[{index}]")
        for index, given in enumerate(draft.args.get("routes", []))
        if not is_inference(given)
    ]
    routes = [route for route in routes if route is not None]
    if not has_inference(draft) and not any(route.path.is_default for route in routes):
        default = _route(draft, {"path": DEFAULT_PATH}, "the default route")
        assert default is not None
        routes.append(default)
    if "bucket" in draft.args:
        path = draft.args["bucket"].get("path", DEFAULT_BUCKET_PATH)
        route = _route(draft, {"path": path, "to": RouteTarget.BUCKET}, "bucket")
        routes += [] if route is None else [route]
    routes.sort(key=lambda route: route.path.specificity)
    paths = [(route.path, f"{route.given_at}.path") for route in routes] + reserved_paths(inference)
    draft.problems.extend(distinct_routes(sorted(paths, key=lambda path: path[0].specificity)))
    _check_policies(draft, routes, [route.policy_at for route in inference])
    return routes


def plan_routes(draft: Draft, routes: Sequence[GivenRoute]) -> tuple[RoutePlan, ...]:
    """The routes with everything decided."""
    fails_over = "failover" in draft.args.get("origin", {})
    planned = []
    for route in routes:
        plan = RoutePlan(
            path=route.path,
            target=route.target,
            policy=_decided(route.policy),
            methods=route.methods,
            existing_policy_id=route.existing_policy_id,
        )
        # CloudFront takes no method with a body on a behaviour that can fail over; Media CDN does not retry it.
        able = route.target is RouteTarget.ENDPOINT and (draft.cloud is Cloud.GCP or not plan.takes_bodies)
        planned.append(dataclasses.replace(plan, fails_over=fails_over and able))
    endpoints = any(route.target is RouteTarget.ENDPOINT for route in routes)
    if fails_over and (endpoints or not has_inference(draft)) and not any(route.fails_over for route in planned):
        row = capability("origin.failover", draft.cloud)
        draft.problems.append(Problem("origin.failover", "", row.reason, row.remedy, kind="unsupported"))
    return tuple(planned)


def count_rules(draft: Draft, routes: Sequence[RoutePlan]) -> int:
    """How many rules the routes become: Media CDN needs one more where a cached route takes bodies too."""
    extra = [route for route in routes if draft.cloud is Cloud.GCP and route.caches and route.takes_bodies]
    return len(routes) + len(extra)


def plan_forward_headers(draft: Draft, routes: Sequence[GivenRoute]) -> tuple[str, ...]:
    headers = draft.args.get("forward_headers", [])
    draft.problems.extend(header_names(headers, "forward_headers"))
    named = [header.lower() for header in headers]
    if headers:
        draft.uses.append(Use("forward_headers", "forward_headers", f"{len(headers)} names", len(headers)))
    endpoint = policies_at([route for route in routes if route.target is RouteTarget.ENDPOINT])
    draft.problems.extend(private_headers(named, endpoint, draft.cloud))
    draft.problems.extend(forwardable_headers(named, draft.cloud))
    return tuple(sorted(named))


def _route(draft: Draft, given: Mapping[str, Any], path: str) -> GivenRoute | None:
    if "path" not in given:
        draft.problems.append(Problem(f"{path}.path", "", "is required", f"add 'path' to {path}"))
        return None
    wrong = expressible_path(given["path"], f"{path}.path", draft.cloud)
    draft.problems.extend(wrong)
    target = given.get("to", RouteTarget.ENDPOINT)
    usual = caps.READ_METHODS if target is RouteTarget.BUCKET else caps.ALL_METHODS
    methods = given.get("methods", usual)
    draft.problems.extend(known_methods(methods, f"{path}.methods", draft.cloud))
    if "methods" in given:
        draft.uses.append(Use("routes.methods", f"{path}.methods", methods))
    if target is RouteTarget.BUCKET and not set(methods) <= set(caps.READ_METHODS):
        draft.problems.append(
            Problem.at(f"{path}.methods", methods, "a bucket answers GET and HEAD only", 'use ["GET", "HEAD"]')
        )
    if target is RouteTarget.BUCKET and "bucket" not in draft.args:
        draft.problems.append(
            Problem.at(f"{path}.to", "bucket", "there is no bucket", 'add "bucket": {} to the arguments')
        )
    if wrong:
        return None
    existing = _existing_policy(draft, given["path"])
    policy, policy_at = _policy_of(draft, given, path, target)
    if existing is not None:
        said_twice = "policy" in given or (target is RouteTarget.BUCKET and policy_at == "bucket.policy")
        policy, policy_at = CachePolicy(), policy_at if said_twice else _existing_at(given["path"])
    elif not set(methods) & set(caps.READ_METHODS) and policy.mode != CacheMode.BYPASS:
        if "policy" in given:
            limit = "keeps nothing: of the route's methods none is GET or HEAD, and no other is ever cached"
            draft.problems.append(Problem(policy_at, "", limit, "remove it, or add GET to the methods"))
        policy, policy_at = CachePolicy(mode=CacheMode.BYPASS), f"{path}.methods"
    return GivenRoute(
        path=PathPattern(given["path"]),
        given_at=path,
        policy=policy,
        policy_at=policy_at,
        methods=tuple(method for method in caps.ALL_METHODS if method in methods),
        target=target,
        existing_policy_id=existing,
    )


def _policy_of(draft: Draft, given: Mapping[str, Any], path: str, target: RouteTarget) -> tuple[CachePolicy, str]:
    """The policy of a route, and where it was given: at the route, at the bucket, or for the whole cache."""
    if "policy" in given:
        return given["policy"], f"{path}.policy"
    if target is RouteTarget.ENDPOINT:
        return draft.args.get("policy", CachePolicy()), "policy"
    bucket = draft.args.get("bucket", {})
    if "policy" in bucket:
        return bucket["policy"], "bucket.policy"
    return DEFAULT_BUCKET_POLICIES[draft.cloud], BUCKET_FILES


def _existing_policy(draft: Draft, path: str) -> pulumi.Input[str] | None:
    ids = draft.args.get("aws", {}).get("existing_policy_ids", {})
    if path not in ids:
        return None
    at = _existing_at(path)
    return draft.checked(ids[path], lambda value: identifier(value, "aws.existing_policy_ids", at, draft.cloud))


def _check_policies(draft: Draft, routes: Sequence[GivenRoute], used_elsewhere: Sequence[str]) -> None:
    for route in _once_each(routes):
        if route.existing_policy_id is not None:
            continue
        policy, path = route.policy, route.policy_at
        draft.problems.extend(problems_on(policy, path, draft.cloud))
        uses = list(uses_of_policy(policy, path))
        if route.target is RouteTarget.BUCKET:
            draft.problems.extend(keyed_bucket(policy, path))
            # What the table says of honor_origin is about endpoints; files have a row of their own.
            uses = [use for use in uses if use.feature != "policy.mode.honor_origin"]
            if policy.mode == CacheMode.HONOR_ORIGIN:
                uses.append(Use("bucket.honor_origin", f"{path}.mode"))
        draft.uses.extend(uses)
    if draft.cloud is Cloud.AWS:
        draft.problems.extend(one_error_table(policies_at(routes)))
    if "policy" in draft.args and "policy" not in {*used_elsewhere, *(route.policy_at for route in routes)}:
        draft.problems.append(
            Problem("policy", "", "is used by no route: each has a policy of its own", "remove it, or a route's policy")
        )
    _check_existing_policies(draft, routes)


def _check_existing_policies(draft: Draft, routes: Sequence[GivenRoute]) -> None:
    by_path = {route.path.text: route for route in routes}
    for path, policy_id in draft.args.get("aws", {}).get("existing_policy_ids", {}).items():
        where = _existing_at(path)
        if path not in by_path:
            known = ", ".join(by_path)
            draft.problems.append(Problem.at(where, policy_id, "is not the path of a route", f"use one of {known}"))
        elif by_path[path].policy_at != where:
            draft.problems.append(
                Problem.at(
                    where,
                    policy_id,
                    f"{by_path[path].policy_at} says how this route is cached already",
                    "remove one of them",
                )
            )


def policies_at(routes: Sequence[GivenRoute]) -> list[tuple[CachePolicy, str]]:
    return [(route.policy, route.policy_at) for route in _once_each(routes)]


def _once_each(routes: Sequence[GivenRoute]) -> list[GivenRoute]:
    """One route for each place a policy was given at, so that its problems are told once; endpoints before buckets."""
    ordered = sorted(routes, key=lambda route: (route.policy_at, route.target is not RouteTarget.ENDPOINT))
    return list({route.policy_at: route for route in reversed(ordered)}.values())[::-1]


def _existing_at(path: str) -> str:
    return f'aws.existing_policy_ids["{path}"]'


def _decided(policy: CachePolicy) -> PolicyPlan:
    """``policy`` with everything decided: in force mode the one TTL is all three, in bypass mode there is none."""
    mode = CacheMode(policy.mode)
    usual = parse_seconds(policy.default_ttl)
    ttls = {
        CacheMode.HONOR_ORIGIN: (parse_seconds(policy.min_ttl), usual, parse_seconds(policy.max_ttl)),
        CacheMode.FORCE: (usual, usual, usual),
        CacheMode.BYPASS: (0, 0, 0),
    }[mode]
    return PolicyPlan(
        mode,
        *ttls,
        browser_ttl=None if policy.browser_ttl is None else parse_seconds(policy.browser_ttl),
        query=_query(policy),
        headers=tuple(policy.key.headers),
        cookies=tuple(policy.key.cookies),
        negative_ttl=tuple((int(status), parse_seconds(ttl)) for status, ttl in policy.negative_ttl.items()),
        compression=policy.compression,
    )


def _query(policy: CachePolicy) -> QueryPlan:
    key = policy.key
    if key.query_only is not None:
        return QueryPlan("only", tuple(key.query_only)) if key.query_only else QueryPlan("none")
    if key.query_except is not None:
        return QueryPlan("except", tuple(key.query_except)) if key.query_except else QueryPlan("all")
    return QueryPlan("none" if key.query == QueryMode.NONE else "all")
