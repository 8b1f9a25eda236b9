"""Inference routes: gathered and checked as they were given, and the three routes of a CDN that each becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference_edge_cache.capabilities import (
    ALL_METHODS,
    GATEWAY_PAYLOAD_MAX,
    GCP_GATEWAY_BODY_MAX,
    GCP_WHOLE_ANSWER_MAX,
    READ_METHODS,
    READ_METHODS_AND_OPTIONS,
    Cloud,
)
from inference_edge_cache.errors import Problem
from inference_edge_cache.inference_rules import InferenceRoute, route_rules
from inference_edge_cache.plan.checks.policies import uses_of_policy
from inference_edge_cache.plan.checks.uses import Use
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.model import GatewayPlan, GatewayTarget, PolicyPlan, QueryPlan, RoutePlan
from inference_edge_cache.plan.paths import DEFAULT_PATH, PathPattern
from inference_edge_cache.policy import (
    INFERENCE_PRESETS,
    CacheMode,
    CachePolicy,
    InferencePolicy,
    inference_problems,
    policy_problems,
)
from inference_edge_cache.protocol import DISCOVERY_PATH, RulesError
from inference_edge_cache.protocol.paths import GENERATION_LENGTH, is_route, route_prefix

DISCOVERY_AT = "the discovery document of the gateway"

# What the gateway itself sends with its answers, or what concerns the direct routes of a cloud.
_SAID_BY_THE_GATEWAY = frozenset(
    {"policy.stale_while_revalidate", "policy.stale_if_error", "policy.mode.honor_origin", "policy.browser_ttl"}
)

_LAMBDA_TAKES = (
    GATEWAY_PAYLOAD_MAX,
    f"a Lambda function is handed, and returns, at most {GATEWAY_PAYLOAD_MAX:,} bytes",
    "lower it: what is larger passes through, as far as Lambda takes it",
)
_LARGEST: Mapping[Cloud, Mapping[str, tuple[int, str, str]]] = {
    Cloud.AWS: {"max_body_bytes": _LAMBDA_TAKES, "max_result_bytes": _LAMBDA_TAKES},
    Cloud.GCP: {
        "max_body_bytes": (
            GCP_GATEWAY_BODY_MAX,
            f"Cloud Run takes at most {GCP_GATEWAY_BODY_MAX:,} bytes of request body",
            "lower it: no larger request reaches the gateway",
        ),
        "max_result_bytes": (
            GCP_WHOLE_ANSWER_MAX,
            f"Media CDN serves at most {GCP_WHOLE_ANSWER_MAX:,} bytes of an answer that it cannot fetch in pieces",
            "lower it: what is larger passes through and is not kept",
        ),
    },
}

_UNCACHED = PolicyPlan(CacheMode.BYPASS, 0, 0, 0, None, QueryPlan("all"), (), (), (), compression=True)


@dataclass(frozen=True)
class GivenInference:
    """An inference route as it was given, and where; ``policy_at`` is empty where its preset says the policy."""

    route: InferenceRoute
    given_at: str
    policy_at: str

    @property
    def patterns(self) -> tuple[PathPattern, PathPattern]:
        """The requests that are its own: under ``~`` and at the path itself."""
        return PathPattern(f"{route_prefix(self.route.path)}*"), PathPattern(self.route.path)


def is_inference(given: Mapping[str, Any]) -> bool:
    """Whether these are the arguments of an inference route."""
    return "preset" in given or "inference" in given


def has_inference(draft: Draft) -> bool:
    """Whether there are inference routes, sound or not."""
    return any(map(is_inference, draft.args.get("routes", [])))


def given_inference(draft: Draft) -> list[GivenInference]:
    """Every inference route that can be read, and problems for the others."""
    routes = [
        _route(draft, given, f"routes[{index}]")
        for index, given in enumerate(draft.args.get("routes", []))
        if is_inference(given)
    ]
    return [route for route in routes if route is not None]


def reserved_paths(routes: Sequence[GivenInference]) -> list[tuple[PathPattern, str]]:
    """The paths that no other route may take, and where each was given."""
    own = [(pattern, f"{route.given_at}.path") for route in routes for pattern in route.patterns]
    return [*own, (PathPattern(DISCOVERY_PATH), DISCOVERY_AT)] if routes else []


def gateway_routes(
    gateway: GatewayPlan, compression: Mapping[str, bool], *, default: bool, preflight: bool
) -> list[RoutePlan]:
    """The routes of a CDN that inference routes become; ``default``: and the one for all other paths. ``preflight``:
    browsers ask with OPTIONS before they send a header of ours.

    ``compression`` is by path. The longest ``result_max_age`` bounds how long the edge keeps answers: the gateway says
    of each how long it counts, and one policy for all of them leaves room in an account that holds 20.
    """
    longest = max(route.result_max_age for route in gateway.routes)

    def kept(compressed: bool) -> PolicyPlan:
        return PolicyPlan(
            CacheMode.HONOR_ORIGIN, 0, 0, longest, None, QueryPlan("none"), (), (), (), compression=compressed
        )

    read = READ_METHODS_AND_OPTIONS if preflight else READ_METHODS
    routes = [RoutePlan(PathPattern(DISCOVERY_PATH), GatewayTarget.DISCOVERY, kept(True), READ_METHODS)]
    for route in gateway.routes:
        target = GatewayTarget.STORED if route.in_the_bucket_of_the_cdn else GatewayTarget.ANSWERED
        routes += [
            RoutePlan(PathPattern(f"{route.current}*"), target, kept(compression[route.path]), read),
            RoutePlan(PathPattern(f"{route.answers}*"), GatewayTarget.GATEWAY, _UNCACHED, read),
            RoutePlan(PathPattern(route.path), GatewayTarget.GATEWAY, _UNCACHED, ALL_METHODS),
        ]
    if default:
        routes.append(RoutePlan(PathPattern(DEFAULT_PATH), GatewayTarget.GATEWAY, _UNCACHED, ALL_METHODS))
    return routes


def _route(draft: Draft, given: Mapping[str, Any], at: str) -> GivenInference | None:
    draft.uses.append(Use("routes.inference", at, given.get("preset", given.get("path", ""))))
    for key in ("methods", "to"):
        if key in given:
            limit = "an inference route is answered by the gateway, to the methods of its protocol"
            draft.problems.append(Problem.at(f"{at}.{key}", given[key], limit, "remove it"))
    preset = INFERENCE_PRESETS.get(given.get("preset", ""))
    if "preset" in given and preset is None:
        known = f"use one of {', '.join(INFERENCE_PRESETS)}"
        draft.problems.append(Problem.at(f"{at}.preset", given["preset"], "is not a preset", known))
    if "preset" in given and "inference" in given:
        limit = "the preset has an inference policy already"
        remedy = f'keep one: INFERENCE_PRESETS["{given["preset"]}"].inference.model_copy(update={{...}}) is a start'
        draft.problems.append(Problem(f"{at}.inference", "", limit, remedy))
    inference = preset.inference if preset else given.get("inference")
    path = given.get("path", preset.path if preset else None)
    if path is None and "preset" not in given:
        draft.problems.append(Problem(f"{at}.path", "", "is required", f"add 'path' to {at}"))
    if path is None or inference is None or not _sound_path(draft, path, f"{at}.path"):
        return None
    policy, policy_at = _policy(draft, given, at, None if preset is None else preset.policy)
    inference = _within_the_cdn(inference, draft.cloud)
    _check_policies(draft, policy, policy_at, inference, at)
    return GivenInference(InferenceRoute(path=path, policy=policy, inference=inference), at, policy_at)


def _within_the_cdn(inference: InferencePolicy, cloud: Cloud) -> InferencePolicy:
    """``inference`` with the size of results that the cloud takes, where the policy itself says none."""
    most = _LARGEST[cloud]["max_result_bytes"][0]
    if "max_result_bytes" in inference.model_fields_set or inference.max_result_bytes <= most:
        return inference
    return inference.model_copy(update={"max_result_bytes": most})


def _policy(draft: Draft, given: Mapping[str, Any], at: str, preset: CachePolicy | None) -> tuple[CachePolicy, str]:
    if "policy" in given:
        return given["policy"], f"{at}.policy"
    if preset is not None:
        return preset, ""
    return draft.args.get("policy", CachePolicy()), "policy"


def _sound_path(draft: Draft, path: str, at: str) -> bool:
    if not is_route(path):
        limit = "must be exact, of segments of A-Z, a-z, 0-9 and . _ : @ -"
        draft.problems.append(Problem.at(at, path, limit, 'write it as in "/v1/embeddings"'))
        return False
    longest = len(path) + len("/~/") + GENERATION_LENGTH + len("/*")
    draft.uses.append(Use("routes.path_length", at, f"{longest} characters with those of its answers", longest))
    return True


def _check_policies(draft: Draft, policy: CachePolicy, policy_at: str, inference: InferencePolicy, at: str) -> None:
    problems = [*(policy_problems(policy, policy_at) if policy_at else ()), *inference_problems(policy, inference, at)]
    draft.uses.extend(use for use in uses_of_policy(policy, policy_at) if use.feature not in _SAID_BY_THE_GATEWAY)
    for field, (most, limit, remedy) in _LARGEST[draft.cloud].items():
        if getattr(inference, field) > most:
            problems.append(Problem.at(f"{at}.inference.{field}", getattr(inference, field), limit, remedy))
    if not problems:
        try:
            route_rules(inference)
        except RulesError as error:
            problems.append(Problem(f"{at}.inference", "", str(error), "correct it"))
    draft.problems.extend(problem for problem in problems if problem not in draft.problems)
