"""A recorded graph as the rules ask it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from inference_edge_cache.testing import Recording, Resource, reveal

Rule = Any
"""A function from a ``Graph`` to what is wrong, as texts. Its docstring gives the rule and its source."""


@dataclass(frozen=True)
class Graph:
    """Resources by type, with their secrets opened."""

    recording: Recording

    @cached_property
    def resources(self) -> Sequence[Resource]:
        opened = [one for one in self.recording.resources if one.custom and not one.existing]
        return [replace(one, inputs=reveal(one.inputs), outputs=reveal(one.outputs or {})) for one in opened]

    def of(self, type_: str) -> list[Resource]:
        """Every resource of a type: ``s3/bucket:Bucket``."""
        return [one for one in self.resources if one.type == f"aws:{type_}"]

    @property
    def distributions(self) -> list[Resource]:
        return self.of("cloudfront/distribution:Distribution")

    def behaviors(self) -> Iterator[tuple[Resource, str, Mapping[str, Any]]]:
        """Each distribution's behaviours, the default one under the path ``*``."""
        for one in self.distributions:
            for behavior in one.inputs.get("orderedCacheBehaviors", []):
                yield one, behavior["pathPattern"], behavior
            yield one, "*", one.inputs["defaultCacheBehavior"]

    def origins(self) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
        for one in self.distributions:
            for origin in one.inputs["origins"]:
                yield one, origin

    def documents(self) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
        """Every policy document in the graph, with the resource it stands in."""
        for one in self.resources:
            for name in ("policy", "assumeRolePolicy"):
                if isinstance(text := one.inputs.get(name), str):
                    yield one, json.loads(text)

    def statements(self, *types: str) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
        for one, document in self.documents():
            if one.type.removeprefix("aws:") in types:
                for statement in document["Statement"]:
                    yield one, statement


def many(value: Any) -> list[Any]:
    """A policy's value, which may be one or a list, as a list."""
    return value if isinstance(value, list) else [value]


def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` matches ``*`` and ``?`` as IAM and CloudFront read them, without special brackets."""
    reached = {0}
    for character in pattern:
        if character == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(text) and character in ("?", text[at])}
    return len(text) in reached
