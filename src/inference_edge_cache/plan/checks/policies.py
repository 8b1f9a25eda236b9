"""A cache policy on one cloud: the features it uses, and the names and statuses that a cloud does not take."""

from collections.abc import Iterator, Sequence

from inference_edge_cache import capabilities as caps
from inference_edge_cache.capabilities import CLOUD_NAMES, Cloud
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.uses import Use
from inference_edge_cache.policy import CacheMode, CachePolicy, parse_seconds, policy_problems


def uses_of_policy(policy: CachePolicy, path: str) -> Iterator[Use]:
    """The features of the table that ``policy`` uses."""
    yield Use(f"policy.mode.{CacheMode(policy.mode).value}", f"{path}.mode", policy.mode)
    given = policy.model_fields_set
    for field, feature in (("default_ttl", "policy.ttl"), ("max_ttl", "policy.ttl"), ("min_ttl", "policy.min_ttl")):
        seconds = parse_seconds(getattr(policy, field))
        if field in given and (seconds or field != "min_ttl"):
            yield Use(feature, f"{path}.{field}", seconds, seconds)
    for field in ("browser_ttl", "stale_while_revalidate", "stale_if_error"):
        if getattr(policy, field) is not None:
            seconds = parse_seconds(getattr(policy, field))
            yield Use(f"policy.{field}", f"{path}.{field}", seconds, seconds)
    if "compression" in given:
        yield Use("policy.compression", f"{path}.compression", policy.compression)
    for status, seconds in policy.negative_ttl.items():
        yield Use("policy.negative_ttl", f'{path}.negative_ttl["{status}"]', seconds, parse_seconds(seconds))
    yield from _uses_of_key(policy, f"{path}.key")


def _uses_of_key(policy: CachePolicy, path: str) -> Iterator[Use]:
    key = policy.key
    for field, feature in (
        ("query_only", "policy.key.query"),
        ("query_except", "policy.key.query"),
        ("headers", "policy.key.headers"),
        ("cookies", "policy.key.cookies"),
    ):
        names = getattr(key, field)
        if names:
            yield Use(feature, f"{path}.{field}", f"{len(names)} names", len(names))
            if feature == "policy.key.query":
                longest = max(names, key=len)
                yield Use("policy.key.query_name_length", f"{path}.{field}", longest, len(longest))
    names = [*(key.query_only or []), *(key.query_except or []), *key.headers, *key.cookies]
    if names:
        characters = sum(map(len, names))
        yield Use("policy.key.names_in_all", path, f"{characters} characters in all", characters)


def problems_on(policy: CachePolicy, path: str, cloud: Cloud) -> list[Problem]:
    """Everything that is wrong with ``policy`` on ``cloud``, beside what the capability table says of its uses."""
    return [
        *policy_problems(policy, path),
        *keyable_headers(policy, path, cloud),
        *cacheable_errors(policy, path, cloud),
        *browser_within_edge(policy, path, cloud),
    ]


def keyable_headers(policy: CachePolicy, path: str, cloud: Cloud) -> list[Problem]:
    """Headers and cookies that the cloud cannot key on."""
    forbidden, prefixes = {
        Cloud.AWS: (caps.AWS_UNKEYABLE_HEADERS, caps.AWS_UNKEYABLE_HEADER_PREFIXES),
        Cloud.GCP: (caps.GCP_UNKEYABLE_HEADERS, caps.GCP_UNKEYABLE_HEADER_PREFIXES),
    }[cloud]
    remedies = {
        "cookie": "name the cookies that count in key.cookies",
        "accept-encoding": "remove it: compression already keeps encodings apart",
        "host": "remove it: the endpoint is asked for its own host name, whatever the caller's",
        "authorization": "give callers of different rights different paths or a header of your own",
    }
    problems = [
        Problem.at(
            f"{path}.key.headers",
            header,
            f"{CLOUD_NAMES[cloud]} cannot key on this header",
            remedies.get(header, "key on a header of your own, such as x-variant"),
            kind="unsupported",
        )
        for header in policy.key.headers
        if header in forbidden or header.startswith(prefixes)
    ]
    if cloud is Cloud.GCP:
        problems += [
            Problem.at(
                f"{path}.key.cookies",
                cookie,
                "Media CDN cannot key on cookies of its own",
                "key on another cookie",
                kind="unsupported",
            )
            for cookie in policy.key.cookies
            if cookie.startswith(caps.GCP_UNKEYABLE_COOKIE_PREFIX)
        ]
    return problems


def cacheable_errors(policy: CachePolicy, path: str, cloud: Cloud) -> list[Problem]:
    """Error statuses that the cloud never caches on its own."""
    statuses = caps.AWS_NEGATIVE_STATUSES if cloud is Cloud.AWS else caps.GCP_NEGATIVE_STATUSES
    return [
        Problem.at(
            f'{path}.negative_ttl["{status}"]',
            seconds,
            f"{CLOUD_NAMES[cloud]} caches only {', '.join(map(str, sorted(statuses)))} on its own",
            "remove it; on AWS an origin can still send a max-age with 400, 403 and 405"
            if cloud is Cloud.AWS
            else "remove it",
            kind="unsupported",
        )
        for status, seconds in policy.negative_ttl.items()
        if int(status) not in statuses
    ]


def browser_within_edge(policy: CachePolicy, path: str, cloud: Cloud) -> list[Problem]:
    """Media CDN lets a browser keep an answer for no longer than default_ttl (EdgeCacheService cdnPolicy.clientTtl)."""
    if cloud is not Cloud.GCP or policy.browser_ttl is None:
        return []
    browser, edge = parse_seconds(policy.browser_ttl), parse_seconds(policy.default_ttl)
    if browser <= edge:
        return []
    return [
        Problem.at(
            f"{path}.browser_ttl",
            browser,
            f"Media CDN takes at most default_ttl, which is {edge}",
            "lower it, raise default_ttl, or leave it out so that the origin's Cache-Control reaches the caller",
            kind="unsupported",
        )
    ]


def one_error_table(routes: Sequence[tuple[CachePolicy, str]]) -> list[Problem]:
    """CloudFront has one error table for all routes: they may not disagree on a status."""
    problems = []
    said: dict[str, tuple[int | str, str]] = {}
    for policy, path in routes:
        for status, seconds in policy.negative_ttl.items():
            other, where = said.setdefault(str(status), (seconds, path))
            if other != seconds:
                problems.append(
                    Problem.at(
                        f'{path}.negative_ttl["{status}"]',
                        seconds,
                        f"CloudFront has one error table for all routes, and {where} says {other} s",
                        "give both the same time",
                        kind="unsupported",
                    )
                )
    return problems


def shared_error_table(routes: Sequence[tuple[CachePolicy, str]]) -> list[str]:
    """The warning that an error table of one route holds for the others too."""
    caching = [(policy, path) for policy, path in routes if policy.mode != CacheMode.BYPASS]
    silent = [path for policy, path in caching if not policy.negative_ttl]
    speaking = [path for policy, path in caching if policy.negative_ttl]
    if not (silent and speaking):
        return []
    others = ", ".join(silent)
    return [f"{speaking[0]}.negative_ttl: CloudFront has one error table for all routes, so it holds for {others} too."]
