"""A recorded graph as the rules ask it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recorded import RecordedGraph

from inference_edge_cache.testing import Resource

SERVICE = "networkservices/edgeCacheService:EdgeCacheService"
ORIGIN = "networkservices/edgeCacheOrigin:EdgeCacheOrigin"
KEYSET = "networkservices/edgeCacheKeyset:EdgeCacheKeyset"
BUCKET = "storage/bucket:Bucket"
OBJECT = "storage/bucketObject:BucketObject"
FUNCTION = "cloudfunctionsv2/function:Function"
SECRET, VERSION = "secretmanager/secret:Secret", "secretmanager/secretVersion:SecretVersion"
ACCOUNT = "serviceaccount/account:Account"
CUSTOM_ROLE = "projects/iAMCustomRole:IAMCustomRole"
METRIC, DASHBOARD = "logging/metric:Metric", "monitoring/dashboard:Dashboard"

RESULTS, MASTER, HEADERS = "STORE", "MASTER_SOURCE", "MODEL_HEADERS_SOURCE"
PREFIX = "INFERENCE_EDGE_CACHE_"
"""Of the variables by which a deployment tells the gateway where things are."""

_SECONDS = re.compile(r"(\d+(?:\.\d{1,9})?)s")


@dataclass(frozen=True)
class Route:
    """A route rule, and where it stands. ``number`` is its priority, or None where that is none."""

    service: Resource
    matcher: str
    rule: Mapping[str, Any]

    @property
    def number(self) -> int | None:
        text = self.rule.get("priority")
        return int(text) if isinstance(text, str) and re.fullmatch("[0-9]+", text) else None

    @property
    def matches(self) -> list[Mapping[str, Any]]:
        return self.rule.get("matchRules", [])

    @property
    def action(self) -> Mapping[str, Any]:
        return self.rule.get("routeAction", {})

    @property
    def cdn_policy(self) -> Mapping[str, Any]:
        return self.action.get("cdnPolicy", {})

    @property
    def mode(self) -> str:
        return self.cdn_policy.get("cacheMode", "CACHE_ALL_STATIC")

    @property
    def methods(self) -> frozenset[str]:
        """GET, HEAD and OPTIONS are the default (DOCS/media-cdn/docs/routing)."""
        return frozenset(self.rule.get("routeMethods", {}).get("allowedMethods", ["GET", "HEAD", "OPTIONS"]))

    def __str__(self) -> str:
        return f"{self.service.name} {self.matcher} {self.rule.get('priority')}"


@dataclass(frozen=True)
class Grant:
    """A role for a member: on ``what``, the input that names it, or on nothing less than the project."""

    resource: Resource
    kind: str
    what: str | None
    role: str
    member: str

    def __str__(self) -> str:
        return f"{self.resource.name} gives {self.role} to {self.member}"


GRANTED_ON: Mapping[str, str | None] = {
    "cloudrunv2/serviceIamMember:ServiceIamMember": "name",
    "projects/iAMMember:IAMMember": None,
    "secretmanager/secretIamMember:SecretIamMember": "secretId",
    "storage/bucketIAMMember:BucketIAMMember": "bucket",
    "vertex/aiEndpointIamMember:AiEndpointIamMember": "endpoint",
}
"""The input of a grant that names what it is on."""


class Graph(RecordedGraph):
    cloud = "gcp"

    @property
    def services(self) -> list[Resource]:
        return self.of(SERVICE)

    @property
    def origins(self) -> list[Resource]:
        return self.of(ORIGIN)

    def routes(self) -> Iterator[Route]:
        for service in self.services:
            for matcher in service.inputs["routing"].get("pathMatchers", []):
                for rule in matcher.get("routeRules", []):
                    yield Route(service, matcher.get("name", ""), rule)

    def origin(self, reference: str | None) -> Resource | None:
        """The origin that a route or another origin names: by its id, or by its name alone."""
        return next((one for one in self.origins if reference in (one.id, one.outputs["name"])), None)

    def chain(self, origin: Resource) -> list[Resource]:
        """An origin and those that are asked after it, each once."""
        found = [origin]
        while (after := self.origin(found[-1].inputs.get("failoverOrigin"))) is not None and after not in found:
            found.append(after)
        return found

    def grants(self) -> Iterator[Grant]:
        for kind, named in GRANTED_ON.items():
            for one in self.of(kind):
                what = None if named is None else one.inputs[named]
                yield Grant(one, kind, what, one.inputs["role"], one.inputs["member"])

    def grants_to(self, account: Resource | None) -> list[Grant]:
        member = None if account is None else account.outputs["member"]
        return [grant for grant in self.grants() if grant.member == member]

    def account(self, function: Resource) -> Resource | None:
        """What a function runs as."""
        email = function.inputs.get("serviceConfig", {}).get("serviceAccountEmail")
        return next((one for one in self.of(ACCOUNT) if one.outputs["email"] == email), None)

    def origins_of(self, function: Resource) -> list[Resource]:
        """The origins that lead to a function."""
        host = function.outputs["serviceConfig"]["uri"].removeprefix("https://")
        return [one for one in self.origins if one.inputs["originAddress"] == host]


def variables(function: Resource) -> Mapping[str, str]:
    return function.inputs.get("serviceConfig", {}).get("environmentVariables", {})


def seconds(value: Any) -> float | None:
    """A duration as the APIs write it, or None for what is none."""
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    return None if found is None else float(found[1])
