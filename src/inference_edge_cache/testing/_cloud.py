"""What the tables of mocked resources are written in: the cloud, a new resource, ids made from a text."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any


@dataclass(frozen=True)
class Cloud:
    """The AWS account and GCP project the mocked resources live in."""

    region: str = "us-east-1"
    account: str = "123456789012"
    gcp_region: str = "us-central1"
    project: str = "my-project"
    project_number: str = "456789012345"

    def arn(self, service: str, resource: str, *, regional: bool = True, account: bool = True) -> str:
        """`arn:aws:{service}:{region}:{account}:{resource}`, with region or account left empty when not wanted."""
        region, owner = self.region if regional else "", self.account if account else ""
        return f"arn:aws:{service}:{region}:{owner}:{resource}"


@dataclass(frozen=True)
class NewResource:
    """A resource about to be created, as a function that makes up its outputs sees it.

    `inputs` have wire (camelCase) names and plain values. `existing_id` is set when the resource is read or imported.
    """

    type: str
    name: str
    inputs: Mapping[str, Any]
    cloud: Cloud
    seed: str
    existing_id: str | None = None

    def named(self, key: str = "name") -> str:
        """The physical name: the one read, the input `key`, or the auto-name Pulumi would give, `name-1a2b3c4`."""
        return self.existing_id or self.inputs.get(key) or f"{self.name}-{self.hex(7)}"

    def hex(self, length: int) -> str:
        """`length` (at most 128) hexadecimal digits that depend on nothing but the resource's URN."""
        return (_digest(self.seed) + _digest(self.seed + "+"))[:length]

    def uuid(self) -> str:
        """The id of a CloudFront policy, and of other things that have a UUID."""
        return self.existing_id or uuid_of(self.seed)

    def code(self, prefix: str, length: int = 13) -> str:
        """An id in capitals such as CloudFront's `E2QWRUHAPOMQZL`: `prefix` and `length` more characters."""
        return self.existing_id or prefix + self.hex(length).upper()


Outputs = Callable[[NewResource], Mapping[str, Any]]
Answer = Callable[[Mapping[str, Any], Cloud], Mapping[str, Any]]


def uuid_of(text: str) -> str:
    """A UUID that depends on `text` alone."""
    return str(uuid.UUID(_digest(text)[:32], version=4))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
