"""A viewer of a distribution, and the address where other clients are viewers of it.

The emulator takes a request for a distribution by its Host, on the port where it takes everything else, and believes
``X-Forwarded-Proto``. It sends requests to one origin and knows no origin groups: failover is done here.
"""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aws_rules.graph import matches
from http_kit import Handler, listening

from aws_emulator.cloudfront import delete_distribution
from aws_emulator.process import Emulator

TIMEOUT = 60
FAILOVER_METHODS = ("GET", "HEAD", "OPTIONS")
"""DG/high_availability_origin_failover: CloudFront fails over for no other method."""


@dataclass(frozen=True)
class Answer:
    """What a viewer gets. Header names are in lower case; ``lines`` keeps repeated ones."""

    status: int
    lines: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.lines}


def ask(
    aws: Emulator,
    host: str,
    path: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    scheme: str = "https",
) -> Answer:
    """Ask ``host``, which may be a distribution's, a bucket's or a function URL's, as a client out there would."""
    connection = http.client.HTTPSConnection("127.0.0.1", aws.port, timeout=TIMEOUT, context=aws.certificates.client())
    try:
        sent = {**(headers or {}), "Host": host, "X-Forwarded-Proto": scheme}
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        return Answer(answer.status, tuple(answer.getheaders()), answer.read())
    finally:
        connection.close()


@dataclass(frozen=True)
class Viewers:
    """Viewers of one distribution, with failover where a behaviour points at an origin group."""

    aws: Emulator
    domain: str
    config: Mapping[str, Any]
    twins: tuple[str, ...] = ()
    """The domains of distributions that are the same but for their groups: all first members, all second ones."""
    asked: list[str] = field(default_factory=list[str])
    """Which member answered each request for a group: ``first`` or ``second``."""

    def ask(self, path: str, method: str = "GET", **how: Any) -> Answer:
        """Ask the distribution. What a group's first member fails is asked of its second, if it is only a read."""
        statuses = self._failover_statuses(path.partition("?")[0])
        if statuses is None:
            return ask(self.aws, self.domain, path, method, **how)
        answer = ask(self.aws, self.twins[0], path, method, **how)
        failed = answer.status in statuses and method in FAILOVER_METHODS
        self.asked.append("second" if failed else "first")
        return ask(self.aws, self.twins[1], path, method, **how) if failed else answer

    def _failover_statuses(self, path: str) -> list[int] | None:
        """The statuses that make a request for ``path`` fail over; None where it goes to a single origin."""
        behaviors = [*self.config["CacheBehaviors"].get("Items", []), self.config["DefaultCacheBehavior"]]
        target = next(one["TargetOriginId"] for one in behaviors if _matches(one.get("PathPattern", "*"), path))
        groups = {one["Id"]: one for one in self.config["OriginGroups"].get("Items", [])}
        return groups[target]["FailoverCriteria"]["StatusCodes"]["Items"] if target in groups else None


@contextmanager
def viewers(aws: Emulator, distribution: str) -> Iterator[Viewers]:
    """Viewers of the distribution with this id."""
    found = aws.call("cloudfront", "GetDistribution", Id=distribution)["Distribution"]
    config = found["DistributionConfig"]
    made = [_twin(aws, config, member) for member in range(2)] if config["OriginGroups"].get("Items") else []
    try:
        yield Viewers(aws, found["DomainName"], config, tuple(one["DomainName"] for one in made))
    finally:
        for one in made:
            delete_distribution(aws, one["Id"])


def _twin(aws: Emulator, config: Mapping[str, Any], member: int) -> Mapping[str, Any]:
    twin = {**_without_groups(config, member), "CallerReference": str(uuid4()), "Aliases": {"Quantity": 0}}
    return aws.call("cloudfront", "CreateDistribution", DistributionConfig=twin)["Distribution"]


def _without_groups(config: Mapping[str, Any], member: int) -> dict[str, Any]:
    """A configuration whose behaviours point at this member of each group."""
    groups = {one["Id"]: one["Members"]["Items"][member]["OriginId"] for one in config["OriginGroups"]["Items"]}

    def pointed(behavior: Mapping[str, Any]) -> dict[str, Any]:
        target = behavior["TargetOriginId"]
        return {**behavior, "TargetOriginId": groups.get(target, target)}

    ordered = [pointed(one) for one in config["CacheBehaviors"].get("Items", [])]
    return {
        **config,
        "OriginGroups": {"Quantity": 0},
        "DefaultCacheBehavior": pointed(config["DefaultCacheBehavior"]),
        "CacheBehaviors": {"Quantity": len(ordered), "Items": ordered} if ordered else {"Quantity": 0},
    }


@contextmanager
def first_members_alone(seen: Viewers, id_: str) -> Iterator[Viewers]:
    """Viewers of a distribution whose groups are their first members until the block ends. A twin has an ARN of its
    own, which no access control of a bucket lets in."""
    etag = seen.aws.call("cloudfront", "GetDistribution", Id=id_)["ETag"]
    alone = _without_groups(seen.config, 0)
    etag = seen.aws.call("cloudfront", "UpdateDistribution", Id=id_, IfMatch=etag, DistributionConfig=alone)["ETag"]
    try:
        yield Viewers(seen.aws, seen.domain, alone)
    finally:
        seen.aws.call("cloudfront", "UpdateDistribution", Id=id_, IfMatch=etag, DistributionConfig=seen.config)


def _matches(pattern: str, path: str) -> bool:
    """DG/DownloadDistValuesCacheBehavior: a leading slash may be left out."""
    return matches(pattern if pattern.startswith(("/", "*")) else f"/{pattern}", path)


@contextmanager
def served(seen: Viewers) -> Iterator[str]:
    """The URL where clients that know nothing of the emulator are viewers, over HTTPS as far as it can tell."""

    class Seeing(Handler):
        def _handle(self) -> None:
            body = self.body() or None
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            answer = seen.ask(self.path, self.command, headers=sent, body=body)
            self.send_response_only(answer.status)
            for name, value in answer.lines:
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            if answer.status >= 200 and answer.status not in (204, 304):
                own = answer.headers.get("content-length") if self.command == "HEAD" else None
                self.send_header("Content-Length", own or str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle

    with listening(Seeing) as port:
        yield f"http://127.0.0.1:{port}"


_HOP_BY_HOP = ("connection", "content-length", "host", "keep-alive", "transfer-encoding")
