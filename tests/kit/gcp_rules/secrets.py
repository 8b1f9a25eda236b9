"""Secrets in Secret Manager, and nowhere else."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule, secrets_are_not_in_plain_text

from gcp_rules.graph import ORIGIN, SECRET, VERSION, Graph
from inference_edge_cache.testing import Secret

ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
LARGEST = 65_536


def secrets_are_replicated_in_one_way(graph: Graph) -> Iterator[str]:
    """By Google, or to named places. API Secret.replication."""
    for one in graph.of(SECRET):
        ways = one.inputs.get("replication", {})
        if len(ways) != 1 or not ways.keys() <= {"auto", "userManaged"} or not ID.fullmatch(one.outputs["secretId"]):
            yield one.name


def every_secret_has_a_version(graph: Graph) -> Iterator[str]:
    """Without one it cannot be read: ``NOT_FOUND``. API versions.access."""
    secrets, versions = graph.of(SECRET), graph.of(VERSION)
    filled = {one.inputs["secret"] for one in versions}
    yield from (one.name for one in secrets if one.id not in filled)
    yield from (one.name for one in versions if one.inputs["secret"] not in {secret.id for secret in secrets})


def versions_hold_something(graph: Graph) -> Iterator[str]:
    """1 byte to 64 KiB. DOCS/secret-manager/quotas."""
    for one in graph.of(VERSION):
        if not 1 <= len(one.inputs.get("secretData", "").encode()) <= LARGEST:
            yield one.name


def what_is_in_a_version_is_secret(graph: Graph) -> Iterator[str]:
    """So that state and previews hide it. MM SecretVersion.payload: sensitive."""
    for one in graph.recording.resources:
        if one.type == f"gcp:{VERSION}" and not isinstance(one.inputs.get("secretData"), Secret):
            yield one.name


def headers_of_origins_are_secret(graph: Graph) -> Iterator[str]:
    """They are how the edge proves who it is. The API itself keeps them in the clear. API HeaderAction."""
    for one in graph.recording.resources:
        if one.type == f"gcp:{ORIGIN}":
            yield from (one.name for _ in _plain_values(one.inputs))


def _plain_values(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("headerValue"), str):
            yield value["headerValue"]
        for item in value.values():
            yield from _plain_values(item)
    elif isinstance(value, list):
        for item in value:
            yield from _plain_values(item)


RULES: tuple[Rule, ...] = (
    secrets_are_replicated_in_one_way,
    every_secret_has_a_version,
    versions_hold_something,
    what_is_in_a_version_is_secret,
    headers_of_origins_are_secret,
    secrets_are_not_in_plain_text,
)
