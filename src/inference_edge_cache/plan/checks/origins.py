"""The endpoint, its failover and the bucket: what a cloud can reach and read."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from inference_edge_cache import capabilities as caps
from inference_edge_cache.args import BucketAccess
from inference_edge_cache.capabilities import Cloud, capability
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.model import FailoverPlan, OriginPlan
from inference_edge_cache.policy import CachePolicy


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


def keyed_bucket(policy: CachePolicy, path: str) -> list[Problem]:
    """A bucket answers everybody alike: what is in its key besides the path is only sent there."""
    named = [field for field in ("headers", "cookies") if getattr(policy.key, field)]
    if not named:
        return []
    limit = "a bucket answers the same whatever the headers and cookies, and must not be sent them"
    return [Problem(f"{path}.key", ", ".join(named), limit, "key the bucket's files on nothing but the path")]


def untouched_bucket(bucket: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
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
        # On AWS the region says where the existing bucket is, on GCP its name is enough.
        for key in ("retention_days", "kms_key", "force_destroy", *(["region"] if cloud is Cloud.GCP else []))
        if key in bucket
    ]
