"""What a resource type is to the deployer: three small functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_emulator.given import Given
from aws_emulator.process import REGION, Emulator

Outputs = Mapping[str, str]
"""What AWS answered, under the names of the provider's outputs; ``id`` is among them."""


@dataclass(frozen=True)
class New:
    """A resource to be made: its inputs, and what the provider would have named it."""

    aws: Emulator
    given: Given
    recorded: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The physical name: the one given, or the one that the recording made up as Pulumi does."""
        return self.recorded["id"]

    @property
    def region(self) -> str:
        return self.recorded["inputs"].get("region", REGION)


@dataclass(frozen=True)
class Made:
    """A resource that is there: what it was made from, and what became of it."""

    aws: Emulator
    inputs: Mapping[str, Any]
    outputs: Outputs

    @property
    def region(self) -> str:
        return self.inputs.get("region", REGION)


@dataclass(frozen=True)
class Kind:
    """How a type is made, changed and deleted. A change of an input in ``replaced_by`` makes another one."""

    create: Callable[[New], Outputs]
    update: Callable[[New, Made], Outputs]
    delete: Callable[[Made], None]
    replaced_by: frozenset[str] = frozenset()


def put(create: Callable[[New], Outputs], delete: Callable[[Made], None], *replaced_by: str) -> Kind:
    """A type whose API has one call for making and for changing it."""
    return Kind(create, lambda new, _: create(new), delete, frozenset(replaced_by))


def unchangeable(new: New, made: Made) -> Outputs:
    """The update of a type that has none: a change of any of its inputs replaces it."""
    raise AssertionError("a resource of this type is replaced, never updated")
