"""What the rules of both clouds ask of a recorded graph."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from inference_edge_cache.testing import Recording, Resource, Secret, reveal

Rule = Any
"""A function from a graph to what is wrong, as texts. Its docstring gives the rule and its source."""


@dataclass(frozen=True)
class RecordedGraph:
    """Resources by type, with their secrets opened."""

    recording: Recording
    cloud: ClassVar[str]
    """What types begin with: ``aws``."""

    @cached_property
    def resources(self) -> Sequence[Resource]:
        opened = [one for one in self.recording.resources if one.custom and not one.existing]
        return [replace(one, inputs=reveal(one.inputs), outputs=reveal(one.outputs or {})) for one in opened]

    def of(self, type_: str) -> list[Resource]:
        """Every resource of a type without its cloud: ``s3/bucket:Bucket``."""
        return [one for one in self.resources if one.type == f"{self.cloud}:{type_}"]


def secrets_are_not_in_plain_text(graph: RecordedGraph) -> Iterator[str]:
    """What is secret in one place is secret in all, in base64 too: in inputs, in what the mocks return, in what the
    stack exports. State and previews show the rest."""
    recording = graph.recording
    found = [one for resource in recording.resources for one in _secrets(resource.inputs)]
    hidden = {text for one in found for text in _texts(reveal(one)) if len(text) >= 8}
    hidden |= {base64.b64encode(text.encode()).decode() for text in hidden}
    places = [(one.name, {"inputs": one.inputs, "outputs": one.outputs}) for one in recording.resources]
    for name, values in [*places, ("the stack", recording.outputs)]:
        if any(word in text for text in _texts(_open(values)) for word in hidden):
            yield name


def _secrets(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _secrets(item)


def _open(value: Any) -> Any:
    """``value`` without its secrets."""
    if isinstance(value, Mapping):
        return {key: _open(item) for key, item in value.items() if not isinstance(item, Secret)}
    return [_open(item) for item in value if not isinstance(item, Secret)] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
