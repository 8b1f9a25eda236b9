"""What the chosen cloud, and the rest of the input, say about each part of the input.

Rules that are a row of ``capabilities.py`` are not written here: a rule only says which feature is used, where and how
much (:class:`Use`), and the table says what that means. The rules below the table's are those a row cannot hold: names a
cloud forbids, routes that hide one another, answers that would leak between callers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pulumi

from inference_edge_cache import capabilities as caps
from inference_edge_cache.args import BucketAccess
from inference_edge_cache.capabilities import Capability, Cloud, Support, capability
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.labels import label_key
from inference_edge_cache.plan.model import FailoverPlan, OriginPlan
from inference_edge_cache.plan.paths import PathKind, PathPattern
from inference_edge_cache.policy import CacheMode, CachePolicy, parse_seconds

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2


@dataclass(frozen=True)
class Use:
    """That a feature of the capability table is used: where, with what value, and how much of it (seconds, names)."""

    feature: str
    path: str
    value: object = ""
    amount: int | None = None


def problems_of_uses(uses: Iterable[Use], cloud: Cloud) -> list[Problem]:
    """What the capability table refuses."""
    return [problem for use in uses for problem in _problems_of_use(use, capability(use.feature, cloud))]


def warnings_of_uses(uses: Iterable[Use], cloud: Cloud) -> list[str]:
    """What the capability table warns of, once each. A row with a soft quota warns only above it."""
    warnings: dict[str, str] = {}
    for use in uses:
        row = capability(use.feature, cloud)
        quiet = row.advised is not None and (use.amount is None or use.amount <= row.advised)
        if row.warning and not quiet:
            warnings.setdefault(row.warning, f"{use.path}: {row.warning}" if use.path else row.warning)
    return list(warnings.values())


def _problems_of_use(use: Use, row: Capability) -> list[Problem]:
    if row.support is Support.UNSUPPORTED:
        return [Problem.at(use.path, use.value, row.reason, row.remedy, kind="unsupported")]
    if use.amount is None:
        return []
    too_little = row.minimum is not None and use.amount < row.minimum
    too_much = row.maximum is not None and use.amount > row.maximum
    if not (too_little or too_much):
        return []
    return [Problem.at(use.path, use.value, f"{_CLOUD_NAMES[row.cloud]} takes {row.limit}", row.remedy)]


_CLOUD_NAMES = {Cloud.AWS: "CloudFront", Cloud.GCP: "Media CDN"}


# Policies ------------------------------------------------------------------------------------------------------------
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


def keyable_headers(policy: CachePolicy, path: str, cloud: Cloud) -> list[Problem]:
    """Headers and cookies that the cloud cannot key on."""
    forbidden, prefixes = {
        Cloud.AWS: (caps.AWS_UNKEYABLE_HEADERS, caps.AWS_UNKEYABLE_HEADER_PREFIXES),
        Cloud.GCP: (caps.GCP_UNKEYABLE_HEADERS, caps.GCP_UNKEYABLE_HEADER_PREFIXES),
    }[cloud]
    remedies = {
        "cookie": "name the cookies that count in key.cookies",
        "accept-encoding": "remove it: compression already keeps encodings apart",
        "authorization": "give callers of different rights different paths or a header of your own",
    }
    problems = [
        Problem.at(
            f"{path}.key.headers",
            header,
            f"{_CLOUD_NAMES[cloud]} cannot key on this header",
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
            f"{_CLOUD_NAMES[cloud]} caches only {', '.join(map(str, sorted(statuses)))} on its own",
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


# Routes --------------------------------------------------------------------------------------------------------------
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
                f"{_CLOUD_NAMES[cloud]} cannot match {' '.join(map(repr, strange))} in a path",
                "leave out these characters, or cover them with a * at the end",
            )
        ]
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
                problems.append(Problem.at(path, pattern.text, f"is the same path as {earlier_path}", "keep one of them"))
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
        return [Problem.at(path, methods, "must name methods once each, in capitals", f"use {', '.join(caps.ALL_METHODS)}")]
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
        if header != "cookie"
        and (header in caps.AWS_UNKEYABLE_HEADERS or header.startswith(caps.AWS_UNKEYABLE_HEADER_PREFIXES))
        and header != "proxy-authorization"
    ]


def header_names(names: Sequence[str], path: str) -> list[Problem]:
    """Texts that can be header names, once each."""
    problems = [
        Problem.at(f"{path}[{index}]", name, "cannot be the name of a header", "use letters, digits and hyphens")
        for index, name in enumerate(names)
        if not _TOKEN.fullmatch(name)
    ]
    lowered = [name.lower() for name in names]
    problems += [
        Problem.at(f"{path}[{index}]", name, "is named twice", "keep one of them")
        for index, name in enumerate(lowered)
        if name in lowered[:index]
    ]
    return problems


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
    return [
        f"{speaking[0]}.negative_ttl: CloudFront has one error table for all routes, so it holds for {', '.join(silent)} too."
    ]


# Origins -------------------------------------------------------------------------------------------------------------
def origin_headers(headers: Mapping[str, Any], path: str, cloud: Cloud) -> list[Problem]:
    """Headers that the cache adds: names that may be sent, values that fit. Values are never shown."""
    problems = []
    for name, value in headers.items():
        where = f'{path}["{name}"]'
        lowered = name.lower()
        if not _TOKEN.fullmatch(name):
            problems.append(Problem.at(where, value, "cannot be the name of a header", "use letters, digits and hyphens"))
        elif cloud is Cloud.AWS and (
            lowered in caps.AWS_FORBIDDEN_ORIGIN_HEADERS
            or lowered.startswith(caps.AWS_FORBIDDEN_ORIGIN_HEADER_PREFIXES)
        ):
            problems.append(
                Problem.at(
                    where, value, "CloudFront cannot add this header to requests", "use another name", kind="unsupported"
                )
            )
        elif lowered == "host":
            problems.append(Problem.at(where, value, "is not set this way", "use origin.host_header"))
        if isinstance(value, str):
            problems += header_value(value, where, cloud)
    lowered_names = [name.lower() for name in headers]
    problems += [
        Problem.at(f'{path}["{name}"]', "", "is named twice: header names do not tell cases apart", "keep one of them")
        for index, name in enumerate(headers)
        if name.lower() in lowered_names[:index]
    ]
    return problems


def header_value(value: str, path: str, cloud: Cloud) -> list[Problem]:
    """A header value that can be sent: one line of visible ASCII, short enough. The value is never shown."""
    if not re.fullmatch(r"[\x20-\x7e\t]+", value) or value != value.strip():
        return [Problem.at(path, value, "is not one line of visible characters", "remove line breaks and outer spaces")]
    return problems_of_uses([Use("origin.header_length", path, value, len(value))], cloud)


def reachable_host(host: str, path: str, cloud: Cloud) -> list[Problem]:
    """CloudFront takes domain names only."""
    if cloud is not Cloud.AWS:
        return []
    try:
        ip_address(host)
    except ValueError:
        return []
    return [
        Problem.at(
            path,
            host,
            "CloudFront takes a domain name, not an IP address",
            "give the endpoint a domain name",
            kind="unsupported",
        )
    ]


def reachable_port(port: int, path: str, cloud: Cloud) -> list[Problem]:
    """CloudFront connects to the usual ports and to unprivileged ones."""
    if cloud is not Cloud.AWS or port in caps.AWS_ORIGIN_PORTS:
        return []
    remedy = "let the endpoint listen on one of these"
    return [Problem.at(path, port, "CloudFront connects to port 80, 443 and 1024 to 65535", remedy, kind="unsupported")]


def reachable_failover(origin: OriginPlan, failover: FailoverPlan | None, cloud: Cloud) -> list[Problem]:
    """On Media CDN a path is a rewrite of the route, for both endpoints alike, and attempts count over both."""
    if cloud is not Cloud.GCP or failover is None:
        return []
    problems = []
    if _plain_path(origin) != _plain_path(failover.origin):
        problems.append(
            Problem.at(
                "origin.failover.url",
                _plain_path(failover.origin),
                f"must have the path of origin.url, {_plain_path(origin)!r}: Media CDN asks both for one path",
                "give both URLs the same path, as plain strings",
                kind="unsupported",
            )
        )
    most = capability("origin.attempts", cloud).maximum or 0
    if most < origin.attempts + failover.origin.attempts:
        problems.append(
            Problem.at(
                "origin.attempts",
                origin.attempts,
                f"Media CDN makes {most} attempts in all, so the failover would never be asked",
                f"give at most {most - failover.origin.attempts}",
                kind="unsupported",
            )
        )
    return problems


def attempts_in_time(origin: OriginPlan, failover: FailoverPlan | None, cloud: Cloud) -> list[str]:
    """The warning that Media CDN gives up before the last attempt."""
    tried = [origin] if failover is None else [origin, failover.origin]
    seconds = sum(each.attempts * each.connect_timeout for each in tried)
    if cloud is not Cloud.GCP or seconds <= caps.GCP_ATTEMPTS_TIMEOUT_MAX:
        return []
    last = "the last attempts" if failover is None else "the failover"
    return [
        f"origin.connect_timeout: Media CDN gives all attempts together {caps.GCP_ATTEMPTS_TIMEOUT_MAX} s, and these "
        f"may take {seconds} s: when the endpoint hangs, {last} may not be reached. Lower connect_timeout or attempts."
    ]


def _plain_path(origin: OriginPlan) -> str:
    """The path that is known now. On GCP an Output has none: it is refused when it resolves to a URL with a path."""
    return origin.path if isinstance(origin.path, str) else ""


def readable_bucket(bucket: Mapping[str, Any], access: BucketAccess, cloud: Cloud) -> list[Problem]:
    """An Origin Access Identity has limits that Origin Access Control has not."""
    if cloud is not Cloud.AWS or access is not BucketAccess.OAI:
        return []
    problems = []
    if "kms_key" in bucket:
        row = capability("bucket.kms_key", cloud)
        problems.append(Problem.at("bucket.kms_key", bucket["kms_key"], row.reason, row.remedy, kind="unsupported"))
    if bucket.get("region") in caps.AWS_REGIONS_WITHOUT_OAI:
        row = capability("bucket.region", cloud)
        problems.append(Problem.at("bucket.region", bucket["region"], row.reason, row.remedy, kind="unsupported"))
    return problems


def untouched_bucket(bucket: Mapping[str, Any]) -> list[Problem]:
    """An existing bucket is never modified: what would change it is refused."""
    if "name" not in bucket:
        return []
    return [
        Problem.at(
            f"bucket.{key}",
            bucket[key],
            "would change an existing bucket, and an existing bucket is never modified",
            "remove it, or leave out bucket.name so that a bucket is created",
        )
        for key in ("retention_days", "kms_key", "force_destroy")
        if key in bucket
    ]


# The rest ------------------------------------------------------------------------------------------------------------
def host_names(names: Sequence[str], path: str) -> list[Problem]:
    """Host names, once each, with at most a leading ``*.``."""
    if not names:
        return [Problem.at(path, names, "is empty", "name at least one host")]
    problems = [
        Problem.at(f"{path}[{index}]", name, "is not a host name", 'write it as in "cache.example.com"')
        for index, name in enumerate(names)
        if not re.fullmatch(r"(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}", name)
    ]
    lowered = [name.lower() for name in names]
    problems += [
        Problem.at(f"{path}[{index}]", name, "is named twice", "keep one of them")
        for index, name in enumerate(lowered)
        if name in lowered[:index]
    ]
    if names[0].startswith("*."):
        problems.append(
            Problem.at(f"{path}[0]", names[0], "cannot be the address of the cache", "put a name without * first")
        )
    return problems


def certificate_id(certificate: str, path: str, cloud: Cloud) -> list[Problem]:
    """A certificate that the cloud can use for its edge."""
    if cloud is Cloud.AWS and not re.fullmatch(r"arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[\w-]+", certificate):
        return [
            Problem.at(
                path,
                certificate,
                "CloudFront takes the ARN of an ACM certificate in us-east-1",
                'make it with aws.acm.Certificate(..., region="us-east-1") and pass its arn',
            )
        ]
    if cloud is Cloud.GCP and certificate.startswith("arn:"):
        return [Problem.at(path, certificate, "is not a Certificate Manager id", "pass the id of a certificate of scope EDGE_CACHE")]
    return []


def country_lists(geo: Mapping[str, Any]) -> list[Problem]:
    """One list of two-letter codes."""
    if len(geo) != 1:
        return [Problem.at("geo", ", ".join(sorted(geo)), "takes one of allow and deny", "keep one of them")]
    ((name, codes),) = geo.items()
    problems = [
        Problem.at(f"geo.{name}[{index}]", code, "is not an ISO 3166-1 alpha-2 country code", 'write it as in "DE"')
        for index, code in enumerate(codes)
        if not re.fullmatch(r"[A-Z]{2}", code)
    ]
    return problems or ([] if codes else [Problem.at(f"geo.{name}", codes, "is empty", "name at least one country")])


def cors_rules(cors: Mapping[str, Any]) -> list[Problem]:
    """Origins that a browser could send, and no credentials for everybody."""
    origins = cors["allow_origins"]
    problems = [
        Problem.at(f"cors.allow_origins[{i}]", origin, "is not an origin", 'write it as in "https://app.example.com"')
        for i, origin in enumerate(origins)
        if origin != "*" and not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]+)?", origin)
    ]
    if not origins:
        problems.append(Problem.at("cors.allow_origins", origins, "is empty", 'name at least one origin, or "*"'))
    if "*" in origins and cors.get("allow_credentials"):
        problems.append(
            Problem.at("cors.allow_credentials", True, "browsers refuse it together with *", "list the origins")
        )
    unknown = [method for method in cors.get("allow_methods", []) if method not in caps.ALL_METHODS]
    if unknown:
        problems.append(
            Problem.at("cors.allow_methods", unknown, "are not methods", f"use {', '.join(caps.ALL_METHODS)}")
        )
    for field in ("allow_headers", "expose_headers"):
        problems += header_names(cors.get(field, []), f"cors.{field}")
    return problems


def cors_on_media_cdn(cors: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """Media CDN compares origins letter by letter, and takes fewer methods than there are."""
    if cloud is not Cloud.GCP:
        return []
    problems = [
        Problem.at(
            f"cors.allow_origins[{index}]",
            origin,
            "Media CDN knows no wildcard within an origin",
            'list the origins, or use "*"',
            kind="unsupported",
        )
        for index, origin in enumerate(cors["allow_origins"])
        if "*" in origin and origin != "*"
    ]
    methods = cors.get("allow_methods", [])
    if len(methods) > caps.GCP_CORS_METHODS_MAX:
        limit = f"Media CDN takes at most {caps.GCP_CORS_METHODS_MAX} methods"
        problems.append(Problem.at("cors.allow_methods", methods, limit, "name fewer"))
    return problems


def shield_region(region: str, cloud: Cloud) -> list[Problem]:
    """A region that can stand in front of the endpoint."""
    if cloud is Cloud.AWS and region not in caps.AWS_SHIELD_REGIONS:
        known = ", ".join(sorted(caps.AWS_SHIELD_REGIONS))
        return [Problem.at("origin_shield", region, "is not an Origin Shield region", f"use the nearest of {known}")]
    if cloud is Cloud.GCP and not re.fullmatch(r"[A-Z]+_[A-Z]+[0-9]+", region.upper().replace("-", "_")):
        return [Problem.at("origin_shield", region, "is not a Google Cloud region", 'write it as in "europe-west3"')]
    return []


def log_settings(logging: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """CloudFront needs to know where logs go; a share is above 0 up to 1."""
    problems = []
    if cloud is Cloud.AWS and "destination" not in logging:
        problems.append(
            Problem(
                "logging.destination", "", "is required on AWS", "pass the ARN of a log group, S3 bucket or Firehose stream"
            )
        )
    destination = logging.get("destination")
    if cloud is Cloud.AWS and isinstance(destination, str) and not destination.startswith("arn:"):
        problems.append(Problem.at("logging.destination", destination, "is not an ARN", "pass the ARN of the destination"))
    rate = logging.get("sample_rate", 1.0)
    if not 0 < rate <= 1:
        problems.append(
            Problem.at("logging.sample_rate", rate, "must be above 0 and at most 1", "leave out logging to log nothing")
        )
    return problems


def tag_names(tags: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """Tag keys that are allowed and stay apart when they become labels."""
    problems = []
    labels: dict[str, str] = {}
    for key in tags:
        path = f'tags["{key}"]'
        if not key or len(key) > 128 or key.lower().startswith("aws:"):
            problems.append(Problem.at(path, "", "must be 1 to 128 characters and not start with aws:", "rename it"))
        elif cloud is Cloud.GCP and labels.setdefault(label_key(key), key) != key:
            problems.append(
                Problem.at(path, "", f"becomes the same label as {labels[label_key(key)]!r}", "rename one of them")
            )
    return problems


def is_plain(value: Any) -> bool:
    """Whether ``value`` is known now, and not only after a deployment."""
    return not isinstance(value, pulumi.Output)
