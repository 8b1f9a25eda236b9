"""What the local edge starts with: policies that the cloud takes, an origin that is a URL, headers that can be sent."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from inference_edge_cache.capabilities import Cloud, Support, capability, features
from inference_edge_cache.errors import Problem, told
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local.errors import LocalEdgeError
from inference_edge_cache.local.forward import HOP_BY_HOP
from inference_edge_cache.policy import CachePolicy, inference_problems, parse_seconds, policy_problems
from inference_edge_cache.policy.models import HTTP_NAME
from inference_edge_cache.protocol.paths import is_route

_SAID_BY_GATEWAY = frozenset({"stale_while_revalidate", "stale_if_error"})
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")


def check_policies(policy: CachePolicy, routes: Sequence[InferenceRoute], cloud: Cloud) -> None:
    """Raises ``LocalEdgeError`` with every problem that keeps an edge from doing what ``policy`` and ``routes`` say."""
    problems = [*policy_problems(policy, "policy"), *_unsupported(policy, cloud, "policy")]
    for index, route in enumerate(routes):
        at = f"routes[{index}]"
        earlier = [other.path for other in routes[:index]]
        problems += [
            *_unroutable(route.path, earlier, f"{at}.path"),
            *policy_problems(route.policy, f"{at}.policy"),
            # The gateway says stale-*, and CloudFront honours what an origin says.
            *_unsupported(route.policy, cloud, f"{at}.policy", _SAID_BY_GATEWAY if cloud is Cloud.AWS else frozenset()),
            *inference_problems(route.policy, route.inference, at),
        ]
    raise_problems(problems, "the edge" if routes else "the policy")


def _unroutable(path: str, earlier: Sequence[str], at: str) -> list[Problem]:
    if not is_route(path):
        said = "must be / or segments of A-Z, a-z, 0-9 and . _ : @ -, none of them . or .., without a / at the end"
        return [Problem.at(at, path, said, "write it as callers do, such as /v1/chat/completions")]
    if path in earlier:
        return [Problem.at(at, path, "stands there twice", "give each path one route")]
    return []


def raise_problems(problems: Sequence[Problem], where: str = "the policy") -> None:
    """Raises ``LocalEdgeError`` when there are any. ``where`` is what they are called the problems of.

    Where the cloud does not know a field at all, what else is wrong with it is left out: the remedies would contradict.
    """
    unknown = {problem.path for problem in problems if problem.kind == "unsupported"}
    problems = [problem for problem in problems if problem.kind == "unsupported" or problem.path not in unknown]
    if problems:
        raise LocalEdgeError(told(where, problems), problems)


def _unsupported(policy: CachePolicy, cloud: Cloud, at: str, but: frozenset[str] = frozenset()) -> list[Problem]:
    """The fields that say anything but their default and that, by the capability table, the cloud has not got."""
    given = {
        name: getattr(policy, name)
        for name, field in CachePolicy.model_fields.items()
        if f"policy.{name}" in features() and getattr(policy, name) != field.default and name not in but
    }
    rows = {name: capability(f"policy.{name}", cloud) for name in given}
    return [
        Problem.at(f"{at}.{name}", parse_seconds(value), rows[name].reason, rows[name].remedy, kind="unsupported")
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


def check_folder(path: Path) -> None:
    """Raises ``LocalEdgeError`` unless ``path`` is, or can become, a folder to write to. Creates nothing."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise LocalEdgeError(f"{path}: cannot hold results: {there} is no directory that can be written to")
