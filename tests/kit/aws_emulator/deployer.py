"""Applies what a program registered, as an engine would: in order, only what changed, and all of it gone in the end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from aws_emulator import cloudfront, cloudwatch, iam, lambdas, s3, secrets
from aws_emulator.given import Given
from aws_emulator.kinds import Kind, Made, New, unchangeable
from aws_emulator.process import Emulator
from inference_edge_cache.testing import Recording, Resource, reveal

KINDS: Mapping[str, Kind] = {
    **cloudfront.KINDS,
    **cloudwatch.KINDS,
    **iam.KINDS,
    **lambdas.KINDS,
    **s3.KINDS,
    **secrets.KINDS,
}


class NotDeployable(Exception):
    """A resource type, or an input of one, that nobody translates. The message names it."""


@dataclass
class Stack:
    """What is deployed, by URN. ``apply`` and ``destroy`` return what they did: ``create``, ``update``, ``replace`` or
    ``delete``, and the resource's name."""

    aws: Emulator
    made: dict[str, Made] = field(default_factory=dict[str, Made])
    _types: dict[str, str] = field(default_factory=dict[str, str])
    _real: dict[str, str] = field(default_factory=dict[str, str])

    def apply(self, recording: Recording) -> list[str]:
        """Deploy ``recording``. Raises ``NotDeployable`` before anything is called if a type is unknown."""
        if recording.preview:
            raise NotDeployable("a preview is not deployed: it does not know its ids")
        resources = in_order(recording)
        for resource in resources:
            if resource.type not in KINDS:
                raise NotDeployable(f"{resource.name}: nobody deploys a {resource.type}")
        changes = [change for resource in resources if (change := self._apply(resource)) is not None]
        wanted = [resource.urn for resource in resources]
        changes += self._delete([urn for urn in self.made if urn not in wanted])
        self.made = {urn: self.made[urn] for urn in wanted}  # what is needed by others is deleted after them
        return changes

    def destroy(self) -> list[str]:
        """Delete everything, the last one made first."""
        return self._delete(list(self.made))

    def real(self, value: Any) -> Any:
        """``value`` with what the recording made up replaced by what AWS answered, also within texts."""
        match value:
            case str():
                for made_up in sorted(self._real, key=len, reverse=True):
                    value = value.replace(made_up, self._real[made_up])
                return value
            case Mapping():
                return {key: self.real(item) for key, item in value.items()}
            case list():
                return [self.real(item) for item in value]
            case _:
                return value

    def outputs(self, resource: Resource) -> Mapping[str, str]:
        """What AWS answered when ``resource`` was made."""
        return self.made[resource.urn].outputs

    def _apply(self, resource: Resource) -> str | None:
        kind, before = KINDS[resource.type], self.made.get(resource.urn)
        inputs = self.real(reveal(resource.inputs))
        if before is not None and before.inputs == inputs:
            return None
        new = New(self.aws, Given(inputs), {**(resource.outputs or {}), "id": resource.id, "inputs": inputs})
        replaced = before is not None and _replaces(kind, before.inputs, inputs)
        if before is not None and replaced:
            kind.delete(before)
        outputs = kind.create(new) if before is None or replaced else kind.update(new, before)
        if left := new.given.left():
            raise NotDeployable(f"{resource.name}: nobody translates {', '.join(left)} of a {resource.type}")
        self.made[resource.urn], self._types[resource.urn] = Made(self.aws, inputs, outputs), resource.type
        self._real |= dict(_answers(resource, outputs))
        return f"{'create' if before is None else 'replace' if replaced else 'update'} {resource.name}"

    def _delete(self, urns: list[str]) -> list[str]:
        for urn in reversed(urns):
            KINDS[self._types[urn]].delete(self.made[urn])
            del self.made[urn]
        return [f"delete {urn.rpartition('::')[2]}" for urn in reversed(urns)]


def in_order(recording: Recording) -> list[Resource]:
    """The resources that a provider makes, each after all that it depends on."""
    custom = {resource.urn: resource for resource in recording.resources if resource.custom and not resource.existing}
    graph = {urn: [need for need in resource.options.depends_on if need in custom] for urn, resource in custom.items()}
    return [custom[urn] for urn in TopologicalSorter(graph).static_order()]


def _replaces(kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return kind.update is unchangeable or bool(changed & kind.replaced_by)


def _answers(resource: Resource, outputs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the recording made up, and what AWS answered instead."""
    made_up = {**reveal(resource.outputs or {}), "id": resource.id}
    for name, answered in outputs.items():
        if name not in made_up:
            raise NotDeployable(f"{resource.name}: the recording has no output {name}")
        if made_up[name] != answered:
            yield made_up[name], answered
