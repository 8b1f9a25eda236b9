"""What one policy may not say, whatever the cloud: pure functions from a policy to its problems.

Every rule takes the policy and the path it was given at (``policy``, ``routes[0].policy``) and returns a list.
"""

from collections.abc import Callable

from inference_edge_cache.errors import Problem
from inference_edge_cache.policy.durations import format_seconds, parse_seconds
from inference_edge_cache.policy.models import CacheMode, CachePolicy, QueryMode

PolicyRule = Callable[[CachePolicy, str], list[Problem]]

_FIELDS_WITHOUT_MEANING = {
    CacheMode.BYPASS: (
        "default_ttl",
        "min_ttl",
        "max_ttl",
        "browser_ttl",
        "key",
        "negative_ttl",
        "stale_while_revalidate",
        "stale_if_error",
    ),
    CacheMode.FORCE: ("min_ttl", "max_ttl"),
    CacheMode.HONOR_ORIGIN: (),
}


def policy_problems(policy: CachePolicy, path: str) -> list[Problem]:
    """Every problem of ``policy`` in itself."""
    return [problem for rule in POLICY_RULES for problem in rule(policy, path)]


def ttls_in_order(policy: CachePolicy, path: str) -> list[Problem]:
    """min_ttl <= default_ttl <= max_ttl, where the origin has a say."""
    if policy.mode != CacheMode.HONOR_ORIGIN:
        return []
    low, usual, high = (parse_seconds(ttl) for ttl in (policy.min_ttl, policy.default_ttl, policy.max_ttl))
    problems = []
    if low > usual:
        problems.append(
            Problem.at(
                f"{path}.min_ttl",
                low,
                f"must be at most default_ttl, which is {usual} ({format_seconds(usual)})",
                f"lower min_ttl, or raise default_ttl to at least {low}",
            )
        )
    if usual > high:
        problems.append(
            Problem.at(
                f"{path}.default_ttl",
                usual,
                f"must be at most max_ttl, which is {high} ({format_seconds(high)})",
                f"lower default_ttl, or raise max_ttl to at least {usual}",
            )
        )
    return problems


def some_ttl(policy: CachePolicy, path: str) -> list[Problem]:
    """A policy that keeps nothing says so with its mode."""
    ttls = (policy.default_ttl,) if policy.mode == CacheMode.FORCE else (policy.default_ttl, policy.max_ttl)
    if policy.mode == CacheMode.BYPASS or any(parse_seconds(ttl) for ttl in ttls):
        return []
    return [
        Problem.at(
            f"{path}.default_ttl",
            0,
            "with every TTL at 0 nothing is cached, which clouds accept only as a mode of its own",
            'say mode="bypass" to cache nothing, or give max_ttl at least 1 to let the origin decide',
        )
    ]


def one_query_rule(policy: CachePolicy, path: str) -> list[Problem]:
    """The key includes query parameters or excludes them, not both."""
    said = [
        text
        for text, holds in (
            ('query="none"', policy.key.query == QueryMode.NONE),
            ("query_only", policy.key.query_only is not None),
            ("query_except", policy.key.query_except is not None),
        )
        if holds
    ]
    if len(said) < 2:
        return []
    return [
        Problem.at(
            f"{path}.key",
            " and ".join(said),
            "says which query parameters count in more than one way",
            "keep one of query, query_only and query_except",
        )
    ]


def only_what_the_mode_uses(policy: CachePolicy, path: str) -> list[Problem]:
    """A field that the mode gives no meaning is refused, not ignored."""
    reasons = {
        CacheMode.BYPASS: ("means nothing when mode is bypass: nothing is cached", "remove it, or choose another mode"),
        CacheMode.FORCE: (
            "means nothing when mode is force: every answer is kept for default_ttl",
            'remove it, or choose mode="honor_origin"',
        ),
    }
    return [
        Problem.at(f"{path}.{field}", _plain(policy, field), *reasons[CacheMode(policy.mode)])
        for field in _FIELDS_WITHOUT_MEANING[CacheMode(policy.mode)]
        if field in policy.model_fields_set
    ]


def _plain(policy: CachePolicy, field: str) -> object:
    value = policy.model_dump(mode="json", exclude_unset=True)[field]
    return value if not isinstance(value, dict) else ", ".join(value)


POLICY_RULES: tuple[PolicyRule, ...] = (ttls_in_order, some_ttl, one_query_rule, only_what_the_mode_uses)
