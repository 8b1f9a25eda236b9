"""The gateway: its secret, its size, its variables, and the headers it adds for the model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference_edge_cache import capabilities as caps
from inference_edge_cache.args import Access, FrontDoor
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import HIDDEN, Problem
from inference_edge_cache.plan.checks.headers import header_names, one_line
from inference_edge_cache.plan.checks.identifiers import identifier
from inference_edge_cache.plan.checks.uses import Use
from inference_edge_cache.plan.model import CorsPlan, DomainPlan, GatewayPlan
from inference_edge_cache.policy import CachePolicy, parse_seconds
from inference_edge_cache.protocol.keys import MIN_MASTER_BYTES

MASTER_AT = "gateway.master_secret"
_OWN_VARIABLES = 2048
_MAKE_ONE = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"

# RFC 9110 sections 7.6.1, 8.6, 10.1.1: what is about the gateway's own connection to the model.
_OF_THE_CONNECTION = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "keep-alive", "proxy-authenticate"}
    | {"proxy-authentication-info", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade"}
)


def given_together(gateway: Mapping[str, Any] | None, *, inference: bool, generation: bool) -> list[Problem]:
    """A gateway with inference routes, and none without."""
    if inference and gateway is None:
        limit = "is required: there are inference routes"
        remedy = 'add "gateway": {"master_secret": config.require_secret("master")}'
        return [Problem("gateway", "", limit, remedy)]
    if inference:
        return []
    limit, remedy = "means nothing: there is no inference route", "give a route a preset or an inference policy"
    given = {"gateway": gateway is not None, "generation": generation}
    return [Problem(name, "", limit, f"{remedy}, or remove it") for name, there in given.items() if there]


def secret_with_access(gateway: Mapping[str, Any]) -> list[Problem]:
    """A master secret, unless everybody shares with everybody."""
    public = gateway.get("access") is Access.PUBLIC
    if public and "master_secret" in gateway:
        limit = 'means nothing with access "public": callers have no keys'
        return [Problem(MASTER_AT, HIDDEN, limit, "remove one of them")]
    if not public and "master_secret" not in gateway:
        remedy = f'{_MAKE_ONE}; or set gateway.access to "public"'
        return [Problem(MASTER_AT, "", "is required: every caller's key is derived from it", remedy)]
    return []


def long_enough(master: str) -> list[Problem]:
    """A master secret of 32 bytes, without the line break that an editor may have put after it."""
    if len(usable_secret(master).encode("utf-8", "surrogateescape")) >= MIN_MASTER_BYTES:
        return []
    return [Problem(MASTER_AT, HIDDEN, f"must be at least {MIN_MASTER_BYTES} bytes", _MAKE_ONE)]


def usable_secret(master: str) -> str:
    """``master`` as the gateway reads it."""
    return master.rstrip("\r\n")


def uses_of_gateway(gateway: Mapping[str, Any]) -> list[Use]:
    """What of the capability table the gateway's arguments use."""
    sizes = ("memory", "timeout", "reserved_concurrency", "concurrency", "min_instances", "max_instances")
    uses = [Use(f"gateway.{key}", f"gateway.{key}", gateway[key], gateway[key]) for key in sizes if key in gateway]
    words = ("log_retention_days", "region")
    uses += [Use(f"gateway.{key}", f"gateway.{key}", gateway[key]) for key in words if key in gateway]
    if gateway.get("front_door") is FrontDoor.IAM:
        uses.append(Use("gateway.front_door.iam", "gateway.front_door", "iam"))
    return uses


def sensible(gateway: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """What the table does not say of each argument by itself."""
    if cloud is Cloud.AWS:
        days = gateway.get("log_retention_days", 30)
        if days in caps.AWS_LOG_RETENTION_DAYS:
            return []
        known = f"use one of {', '.join(map(str, caps.AWS_LOG_RETENTION_DAYS))}"
        return [Problem.at("gateway.log_retention_days", days, "is not a retention of CloudWatch", known)]
    problems = identifier(gateway["region"], "gateway.region", "gateway.region", cloud) if "region" in gateway else []
    least, most = gateway.get("min_instances", 0), gateway.get("max_instances", GatewayPlan.max_instances)
    if least > most:
        limit = f"must be at most gateway.max_instances, which is {most}"
        problems.append(Problem.at("gateway.min_instances", least, limit, "lower it, or raise gateway.max_instances"))
    return problems


def own_variables(environment: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """Variables that are neither the cloud's nor ours, and small enough. Their values are never shown."""
    problems = []
    taken, prefixes, most, runs = {
        Cloud.AWS: (frozenset[str](), caps.AWS_RESERVED_VARIABLES, caps.GATEWAY_ENVIRONMENT_MAX, "Lambda"),
        Cloud.GCP: (
            caps.GCP_RESERVED_VARIABLE_NAMES,
            caps.GCP_RESERVED_VARIABLES,
            caps.GCP_GATEWAY_ENVIRONMENT_MAX,
            "Cloud Run",
        ),
    }[cloud]
    for name in environment:
        at = f'gateway.environment["{name}"]'
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]+", name):
            problems.append(
                Problem(at, HIDDEN, "cannot be the name of a variable", "use two or more letters, digits and _")
            )
        elif name in taken or name.startswith(prefixes):
            problems.append(Problem(at, HIDDEN, f"is set by {runs} itself", "use another name", kind="unsupported"))
        elif name.startswith("INFERENCE_EDGE_CACHE_"):
            problems.append(Problem(at, HIDDEN, "is set by the deployment itself", "remove it"))
    size = sum(len(name) + len(value) for name, value in environment.items() if isinstance(value, str))
    if size > most - _OWN_VARIABLES:
        limit = f"leaves no room: {runs} takes {most // 1024} KB of variables, and 2 KB are the gateway's own"
        problems.append(Problem("gateway.environment", HIDDEN, limit, "shorten it", kind="unsupported"))
    return problems


def model_headers(headers: Mapping[str, Any], path: str) -> list[Problem]:
    """Headers that the gateway can send to the model."""
    problems = header_names(list(headers), path)
    for name, value in headers.items():
        at = f'{path}["{name}"]'
        if name.lower() in _OF_THE_CONNECTION:
            problems.append(Problem(at, HIDDEN, "is the connection's own", "remove it"))
        if isinstance(value, str):
            problems += one_line(value, at)
    return problems


def no_kept_errors(policies: Sequence[tuple[CachePolicy, str]]) -> list[Problem]:
    """CloudFront has one error table, and what it keeps of an inference route would be what one caller is told."""
    return [
        Problem.at(
            f'{at}.negative_ttl["{status}"]',
            parse_seconds(seconds),
            "CloudFront has one error table for all routes, and would keep errors of the gateway too",
            "remove it, or deploy these routes as a cache of their own",
            kind="unsupported",
        )
        for policy, at in policies
        for status, seconds in policy.negative_ttl.items()
        if parse_seconds(seconds)
    ]


def warnings_of_doors(access: Access, front_door: FrontDoor, cloud: Cloud) -> list[str]:
    """What a front door costs."""
    if cloud is Cloud.GCP and access is Access.PUBLIC:
        return [
            "gateway.access: with public access there is no secret for Media CDN to prove itself with, so whoever "
            "learns the URL of the gateway, which the discovery document names, can ask it past the cache."
        ]
    if front_door is FrontDoor.IAM:
        replaced = (
            "Authorization is replaced, so API keys of plain clients never arrive" if access is Access.KEYED else ""
        )
        return [
            "gateway.front_door: with iam only client transports work, and only for what fits into a GET. A POST needs "
            f"x-amz-content-sha256{'; its ' + replaced if replaced else ''}."
        ]
    if access is Access.PUBLIC:
        return [
            "gateway.access: with public access there is no secret for CloudFront to prove itself with, so whoever "
            'learns the URL of the function can ask it past the cache. gateway.front_door "iam" keeps them out.'
        ]
    return []


def warnings_of_pages(access: Access, cors: CorsPlan | None) -> list[str]:
    """What a web page needs to POST, and was not allowed."""
    if cors is None:
        return []
    allowed = {header.lower() for header in cors.allow_headers}
    needed = {"content-type"} | ({"authorization"} if access is Access.KEYED else set())
    missing = [] if "POST" in cors.allow_methods else ["POST in cors.allow_methods"]
    # The Fetch standard takes no * for Authorization (fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name).
    lacking = needed - allowed - ({"content-type"} if "*" in allowed else set())
    missing += [f"{header} in cors.allow_headers" for header in sorted(lacking)]
    return [f"cors: no web page can ask an inference route without {' and '.join(missing)}."] if missing else []


def warnings_of_uploads(domain: DomainPlan | None, cloud: Cloud) -> list[str]:
    """What becomes of ``upload_url`` without TLS: an API key goes there, so nobody on the way may have written it."""
    if cloud is not Cloud.GCP or domain is not None:
        return []
    return [
        "custom_domain: client transports read the discovery document over plain HTTP, and so do not follow its "
        "upload_url: bodies over 16 KiB fail. API keys of plain clients travel unencrypted."
    ]
