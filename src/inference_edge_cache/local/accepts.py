"""What the local edge starts with: a policy that the cloud takes, an origin that is a URL, headers that can be sent."""

import re
from collections.abc import Mapping, Sequence

import httpx

from inference_edge_cache.capabilities import Cloud, Support, capability, features
from inference_edge_cache.errors import Problem
from inference_edge_cache.local.errors import LocalEdgeError
from inference_edge_cache.local.forward import HOP_BY_HOP
from inference_edge_cache.policy import CachePolicy, parse_seconds, policy_problems
from inference_edge_cache.policy.models import HTTP_NAME

_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")


def check_policy(policy: CachePolicy, cloud: Cloud) -> None:
    """Raises ``LocalEdgeError`` with every problem that keeps an edge from doing what ``policy`` says."""
    raise_problems([*policy_problems(policy, "policy"), *_unsupported(policy, cloud)])


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raises ``LocalEdgeError`` when there are any.

    Where the cloud does not know a field at all, what else is wrong with it is left out: the remedies would contradict.
    """
    unknown = {problem.path for problem in problems if problem.kind == "unsupported"}
    problems = [problem for problem in problems if problem.kind == "unsupported" or problem.path not in unknown]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise LocalEdgeError(f"the policy has {count}:", problems)


def _unsupported(policy: CachePolicy, cloud: Cloud) -> list[Problem]:
    """The fields that say anything but their default and that, by the capability table, the cloud has not got."""
    given = {
        name: getattr(policy, name)
        for name, field in CachePolicy.model_fields.items()
        if f"policy.{name}" in features() and getattr(policy, name) != field.default
    }
    rows = {name: capability(f"policy.{name}", cloud) for name in given}
    return [
        Problem.at(f"policy.{name}", parse_seconds(value), rows[name].reason, rows[name].remedy, kind="unsupported")
        for name, value in given.items()
        if rows[name].support is Support.UNSUPPORTED
    ]


def check_origin(origin: str) -> httpx.URL:
    """``origin`` as a URL without a trailing slash. Raises ``LocalEdgeError`` when it is none."""
    try:
        url = httpx.URL(origin)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise LocalEdgeError(f"{origin!r} is no origin: give a URL such as http://127.0.0.1:8000 or https://host/path")
    if url.port is not None and not 0 < url.port <= 65_535:
        raise LocalEdgeError(f"{origin!r}: there is no port {url.port}; ports are 1 to 65535")
    if url.userinfo:
        raise LocalEdgeError("the origin's URL holds credentials: send them in a header that the edge adds")
    return url.copy_with(path=url.path.rstrip("/"))


def check_origin_headers(headers: Mapping[str, str]) -> None:
    """Raises ``LocalEdgeError`` when one of them cannot be sent. No value is repeated, nor a name that may hold one."""
    for name, value in headers.items():
        if not HTTP_NAME.fullmatch(name):
            raise LocalEdgeError("an origin header's name must be letters, digits and hyphens, as in x-api-key")
        if name.lower() in HOP_BY_HOP | {"content-length"}:
            raise LocalEdgeError(f"the origin header {name} belongs to the connection: the edge sets it by itself")
        if not _HEADER_VALUE.fullmatch(value):
            raise LocalEdgeError(
                f"the value of the origin header {name} must be one line of visible ASCII characters, not empty"
            )
