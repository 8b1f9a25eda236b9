"""A recorded graph as the rules ask it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import RecordedGraph

from inference_edge_cache.testing import Resource


class Graph(RecordedGraph):
    cloud = "aws"

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
