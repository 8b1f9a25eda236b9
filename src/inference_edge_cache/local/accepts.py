"""What the local edge starts with: a policy that the cloud takes, an origin that is a URL."""

from collections.abc import Sequence

import httpx

from inference_edge_cache.capabilities import Cloud, Support, capability
from inference_edge_cache.errors import Problem
from inference_edge_cache.local.errors import LocalEdgeError
from inference_edge_cache.policy import CachePolicy, parse_seconds, policy_problems

_CLOUD_DEPENDENT = ("min_ttl", "stale_while_revalidate", "stale_if_error")


def check_policy(policy: CachePolicy, cloud: Cloud) -> None:
    """Raises ``LocalEdgeError`` with every problem that keeps an edge from doing what ``policy`` says."""
    raise_problems([*policy_problems(policy, "policy"), *_unsupported(policy, cloud)])


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raises ``LocalEdgeError`` when there are any."""
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise LocalEdgeError(f"the policy has {count}:", problems)


def _unsupported(policy: CachePolicy, cloud: Cloud) -> list[Problem]:
    rows = [
        (field, seconds, capability(f"policy.{field}", cloud))
        for field in _CLOUD_DEPENDENT
        if (seconds := parse_seconds(getattr(policy, field) or 0))
    ]
    return [
        Problem.at(f"policy.{field}", seconds, row.reason, row.remedy, kind="unsupported")
        for field, seconds, row in rows
        if row.support is Support.UNSUPPORTED
    ]


def check_origin(origin: str) -> httpx.URL:
    """``origin`` as a URL without a trailing slash. Raises ``LocalEdgeError`` when it is none."""
    try:
        url = httpx.URL(origin)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise LocalEdgeError(f"{origin!r} is no origin: give a URL such as http://127.0.0.1:8000 or https://host/path")
    if url.userinfo:
        raise LocalEdgeError("the origin's URL holds credentials: send them in a header that the edge adds")
    return url.copy_with(path=url.path.rstrip("/"))
