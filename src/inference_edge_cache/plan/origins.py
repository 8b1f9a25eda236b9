"""The endpoint behind the cache and the one it fails over to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi

from inference_edge_cache import capabilities as caps
from inference_edge_cache.args import RouteTarget
from inference_edge_cache.capabilities import Cloud, capability
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.headers import header_value, origin_headers
from inference_edge_cache.plan.checks.origins import reachable_host, reachable_port
from inference_edge_cache.plan.checks.uses import Use
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.model import FailoverPlan, OriginPlan, RoutePlan
from inference_edge_cache.plan.urls import OriginUrl, parse_origin_url


def plan_origin(draft: Draft, given: Mapping[str, Any], path: str) -> OriginPlan | None:
    timeouts = {
        "connect_timeout": given.get("connect_timeout", caps.DEFAULT_CONNECT_TIMEOUT[draft.cloud]),
        "read_timeout": given.get("read_timeout", caps.DEFAULT_READ_TIMEOUT),
        "response_timeout": given.get(
            "response_timeout", caps.GCP_RESPONSE_TIMEOUT_MAX if draft.cloud is Cloud.GCP else None
        ),
        "attempts": given.get("attempts", 1),
    }
    draft.uses.extend(
        [Use(f"origin.{key}", f"{path}.{key}", given[key], given[key]) for key in timeouts if key in given]
    )
    if "host_header" in given:
        draft.uses.append(Use("origin.host_header", f"{path}.host_header", given["host_header"]))
    if given.get("allow_http"):
        draft.uses.append(Use("origin.allow_http", f"{path}.allow_http", True))
    response, read = timeouts["response_timeout"], timeouts["read_timeout"]
    if response is not None and response < read:
        draft.problems.append(
            Problem.at(
                f"{path}.response_timeout",
                response,
                f"must be at least read_timeout, which is {read}",
                "raise it, or lower read_timeout",
            )
        )
    headers = _headers(draft, given.get("headers", {}), f"{path}.headers")
    host_header = draft.identifier(given, "host_header", path, "origin.host_header")
    if "url" not in given:
        return None
    url = _url(draft, given["url"], f"{path}.url", bool(given.get("allow_http")))
    if url is None:
        return None
    return OriginPlan(
        scheme=_part(url, "scheme"),
        host=_part(url, "host"),
        port=_part(url, "port"),
        path=_part(url, "path"),
        host_header=_part(url, "host") if host_header is None else host_header,
        headers=headers,
        **timeouts,
    )


def plan_failover(draft: Draft) -> FailoverPlan | None:
    given = draft.args.get("origin", {}).get("failover")
    if given is None:
        return None
    draft.uses.append(Use("origin.failover", "origin.failover"))
    conditions = given.get("conditions", ["server_error"])
    unknown = [name for name in conditions if name not in caps.AWS_FAILOVER_STATUSES]
    if unknown or not conditions or len(set(conditions)) < len(conditions):
        known = ", ".join(caps.AWS_FAILOVER_STATUSES)
        draft.problems.append(
            Problem.at("origin.failover.conditions", conditions, "must name conditions once each", f"use {known}")
        )
    primary = draft.args["origin"]
    inherited = {key: primary[key] for key in ("connect_timeout", "read_timeout", "response_timeout") if key in primary}
    allow_http = {"allow_http": primary["allow_http"]} if "allow_http" in primary else {}
    before = len(draft.uses)
    origin = plan_origin(draft, {**inherited, **allow_http, **given}, "origin.failover")
    # What it inherits was counted at the primary origin already.
    draft.uses[before:] = [use for use in draft.uses[before:] if use.path.rpartition(".")[2] not in inherited]
    return None if origin is None else FailoverPlan(origin, tuple(sorted(conditions)))


def check_rewritten_paths(draft: Draft, origin: OriginPlan | None, routes: Sequence[RoutePlan]) -> None:
    """The path of ``origin.url`` is put in front of the routes'."""
    if origin is None or not isinstance(origin.path, str) or not origin.path:
        return
    behind = [route.path.literal for route in routes if route.target is RouteTarget.ENDPOINT]
    longest = len(origin.path) + max(map(len, behind), default=0)
    draft.uses.append(Use("origin.rewritten_path_length", "origin.url", f"{longest} characters", longest))


def _url(draft: Draft, url: pulumi.Input[str], path: str, allow_http: bool) -> pulumi.Input[OriginUrl] | None:
    def parse(text: str) -> tuple[OriginUrl | None, list[Problem]]:
        parsed = parse_origin_url(text, path, allow_http=allow_http)
        if isinstance(parsed, Problem):
            return None, [parsed]
        return parsed, [
            *reachable_host(parsed.host, path, draft.cloud),
            *reachable_port(parsed.port, path, draft.cloud),
        ]

    if not isinstance(url, pulumi.Output):
        parsed, problems = parse(str(url))
        draft.problems.extend(problems)
        if parsed is not None and parsed.path:
            draft.uses.append(Use("origin.path", path, url))
        return parsed

    def parse_late(text: Any) -> OriginUrl:
        parsed, problems = parse(str(text))
        if parsed is not None and parsed.path and draft.cloud is Cloud.GCP:
            row = capability("origin.path", draft.cloud)
            problems = [*problems, Problem(path, "", row.reason, row.remedy, kind="unsupported")]
        draft.raise_late(problems)
        assert parsed is not None
        return parsed

    return url.apply(parse_late)


def _headers(draft: Draft, headers: Mapping[str, Any], path: str) -> tuple[tuple[str, pulumi.Input[str]], ...]:
    draft.problems.extend(origin_headers(headers, path, draft.cloud))
    draft.uses.append(Use("origin.headers", path, "", len(headers)))

    def rule_at(where: str) -> Callable[[str], list[Problem]]:
        return lambda value: header_value(value, where, draft.cloud)

    return tuple(
        (name, draft.late(value, rule_at(f'{path}["{name}"]')) if isinstance(value, pulumi.Output) else value)
        for name, value in sorted(headers.items())
    )


def _part(url: pulumi.Input[OriginUrl], name: str) -> Any:
    if isinstance(url, pulumi.Output):
        return url.apply(lambda parsed: getattr(parsed, name))
    return getattr(url, name)
