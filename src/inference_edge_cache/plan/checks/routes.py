"""Routes: paths a cloud can match, routes that hide one another, methods and headers that may pass."""

import re
from collections.abc import Sequence

from inference_edge_cache import capabilities as caps
from inference_edge_cache.capabilities import CLOUD_NAMES, Cloud, capability
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.uses import Use, problems_of_uses
from inference_edge_cache.plan.paths import PathKind, PathPattern
from inference_edge_cache.policy import CacheMode, CachePolicy


def expressible_path(text: str, path: str, cloud: Cloud) -> list[Problem]:
    """A path pattern that neither cloud, or not the chosen one, has words for."""
    if not text.startswith("/"):
        return [Problem.at(path, text, "must start with a slash", f'write "/{text}"')]
    allowed = caps.AWS_PATH_CHARACTERS if cloud is Cloud.AWS else caps.GCP_PATH_CHARACTERS
    strange = sorted(set(re.sub(allowed, "", text)))
    if strange:
        return [
            Problem.at(
                path,
                text,
                f"{CLOUD_NAMES[cloud]} cannot match {' '.join(map(repr, strange))} in a path",
                "leave out these characters, or cover them with a * at the end",
            )
        ]
    if re.search(r"//|/\.{1,2}(/|$)", text):
        return [Problem.at(path, text, "is never asked for: clouds tidy //, . and .. up", "write it without them")]
    uses = [Use("routes.path_length", path, f"{len(text)} characters", len(text))]
    if PathPattern(text).kind is PathKind.WILDCARD:
        uses.append(Use("routes.wildcards", path, text))
    return problems_of_uses(uses, cloud)


def distinct_routes(routes: Sequence[tuple[PathPattern, str]]) -> list[Problem]:
    """No two routes for the same requests, and none that another one hides. ``routes`` are most specific first."""
    problems = []
    for index, (pattern, path) in enumerate(routes):
        for earlier, earlier_path in routes[:index]:
            if earlier.text == pattern.text:
                problems.append(
                    Problem.at(path, pattern.text, f"is the same path as {earlier_path}", "keep one of them")
                )
                break
            if earlier.covers(pattern):
                problems.append(
                    Problem.at(
                        path,
                        pattern.text,
                        f"is never reached: {earlier_path} ({earlier.text}) matches all of its requests first",
                        "remove one of them, or make the paths distinct",
                    )
                )
                break
    return problems


def known_methods(methods: Sequence[str], path: str, cloud: Cloud) -> list[Problem]:
    """A set of methods that the cloud takes."""
    wrong = [method for method in methods if method not in caps.ALL_METHODS]
    if wrong or not methods or len(set(methods)) < len(methods):
        return [
            Problem.at(path, methods, "must name methods once each, in capitals", f"use {', '.join(caps.ALL_METHODS)}")
        ]
    if cloud is Cloud.AWS and set(methods) not in [set(allowed) for allowed in caps.AWS_METHOD_SETS]:
        row = capability("routes.methods", cloud)
        return [Problem.at(path, methods, row.reason, row.remedy, kind="unsupported")]
    return []


def private_headers(
    forward_headers: Sequence[str], routes: Sequence[tuple[CachePolicy, str]], cloud: Cloud
) -> list[Problem]:
    """Who is asking must not reach the endpoint of a cached route unless the key tells callers apart."""
    problems = []
    for index, header in enumerate(forward_headers):
        path = f"forward_headers[{index}]"
        if header not in ("authorization", "cookie", "proxy-authorization"):
            continue
        leaking = [
            where
            for policy, where in routes
            if policy.mode != CacheMode.BYPASS and (header != "authorization" or header not in policy.key.headers)
        ]
        if not leaking:
            continue
        remedies = {
            "authorization": "add it to key.headers of these policies, or give them mode bypass"
            if cloud is Cloud.AWS
            else "give these routes mode bypass: Media CDN cannot key on it",
            "cookie": "name the cookies that count in key.cookies, which forwards them too",
        }
        problems.append(
            Problem.at(
                path,
                header,
                f"one caller's answer would be cached for every other caller ({', '.join(leaking)})",
                remedies.get(header, "remove it, or give these routes mode bypass"),
            )
        )
    return problems


def forwardable_headers(headers: Sequence[str], cloud: Cloud) -> list[Problem]:
    """CloudFront forwards some headers in its own way, and refuses them in an origin request policy."""
    if cloud is not Cloud.AWS:
        return []
    return [
        Problem.at(
            f"forward_headers[{index}]",
            header,
            "CloudFront does not forward this header by name",
            "remove it: compression decides on accept-encoding" if header == "accept-encoding" else "remove it",
            kind="unsupported",
        )
        for index, header in enumerate(headers)
        # Cookie and Proxy-Authorization have a rule of their own.
        if header not in ("cookie", "proxy-authorization")
        and (header in caps.AWS_UNKEYABLE_HEADERS or header.startswith(caps.AWS_UNKEYABLE_HEADER_PREFIXES))
    ]
