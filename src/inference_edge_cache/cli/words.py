"""Policies in words, as the chosen cloud will take them."""

from inference_edge_cache.capabilities import CLOUD_NAMES, Cloud
from inference_edge_cache.inference_rules import InferenceRoute, result_rules
from inference_edge_cache.policy import (
    CacheMode,
    CachePolicy,
    Determinism,
    QueryMode,
    format_seconds,
    parse_seconds,
)

_KEPT_REQUESTS = {
    Determinism.REQUIRED: "answers to requests that rule sampling out (temperature 0, or a seed)",
    Determinism.SAMPLING_ALLOWED: "answers to all requests: the first sample stands for the others",
    Determinism.DETERMINISTIC_ENDPOINT: "answers to all requests",
}


def cloud_name(cloud: Cloud) -> str:
    return CLOUD_NAMES[cloud]


def counted(number: int, one: str, many: str = "") -> str:
    """``1 call``, ``1,500 calls``. ``many`` is the plural where it is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def policy_in_words(policy: CachePolicy, cloud: Cloud) -> list[tuple[str, str]]:
    """What ``policy`` means on ``cloud``, as pairs of a subject and a sentence."""
    if policy.mode == CacheMode.BYPASS:
        return [("kept", "nothing: every request reaches the origin")]
    return [
        ("kept", _kept(policy, cloud)),
        ("key", _key(policy, cloud)),
        ("errors", _errors(policy)),
        *([("browsers", _browsers(policy, cloud))] if policy.browser_ttl is not None else []),
        ("not kept", "POST and every other method but GET and HEAD: passed through"),
    ]


def route_in_words(route: InferenceRoute) -> str:
    """What is kept of an inference route, and for how long."""
    rules = result_rules(route.policy, route.inference)
    kept = _KEPT_REQUESTS[Determinism(route.inference.determinism)]
    return f"{kept}; for {_time(rules.ttl)} at the edge, for {_time(rules.result_max_age)} behind it"


def _kept(policy: CachePolicy, cloud: Cloud) -> str:
    usual = _time(policy.default_ttl)
    if policy.mode == CacheMode.FORCE:
        return f"GET and HEAD, for {usual}, whatever the origin says"
    least = f" and at least {_time(policy.min_ttl)}" if parse_seconds(policy.min_ttl) else ""
    silent = f"where it says nothing{'' if cloud is Cloud.AWS else ' and the content is static (not JSON)'}"
    if not parse_seconds(policy.default_ttl):
        return f"GET and HEAD, for as long as the origin says, at most {_time(policy.max_ttl)}; else not at all"
    return f"GET and HEAD, for as long as the origin says, at most {_time(policy.max_ttl)}{least}; {usual} {silent}"


def _key(policy: CachePolicy, cloud: Cloud) -> str:
    key = policy.key
    if key.query_only is not None:
        query = f"of the query only {', '.join(key.query_only)}" if key.query_only else "nothing of the query"
    elif key.query_except is not None:
        query = f"the query but {', '.join(key.query_except)}"
    else:
        query = "the whole query" if key.query == QueryMode.ALL else "nothing of the query"
    parts = ["the path", query]
    if key.headers:
        parts.append(f"the headers {', '.join(key.headers)}")
    if key.cookies:
        parts.append(f"the cookies {', '.join(key.cookies)}")
    unkeyed = "what is not in it does not reach the origin" if cloud is Cloud.AWS else "the origin still sees the rest"
    # A list of names has commas of its own, so that one before "and" tells where it ends.
    last = ", and " if len(parts) > 2 or key.query_only else " and "
    return f"{', '.join(parts[:-1])}{last}{parts[-1]}; {unkeyed}"


def _errors(policy: CachePolicy) -> str:
    if not policy.negative_ttl:
        return "not kept, unless the origin gives the error a max-age"
    kept = ", ".join(f"{status} for {_time(seconds)}" for status, seconds in policy.negative_ttl.items())
    return f"{kept}; others not, unless the origin gives them a max-age"


def _browsers(policy: CachePolicy, cloud: Cloud) -> str:
    seconds = _time(policy.browser_ttl or 0)
    return f"told {seconds} where the origin says nothing" if cloud is Cloud.AWS else f"told at most {seconds}"


def _time(ttl: int | str) -> str:
    return format_seconds(parse_seconds(ttl))
