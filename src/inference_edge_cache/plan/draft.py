"""What is known while a plan is made: the arguments as they were read, and what has been found so far."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.plan.checks.identifiers import identifier
from inference_edge_cache.plan.checks.uses import Use


@dataclass(frozen=True)
class Draft:
    """Readable arguments of the component called ``name``, with the problems and uses found in them so far."""

    name: str
    cloud: Cloud
    args: Mapping[str, Any]
    problems: list[Problem]
    uses: list[Use] = field(default_factory=list)

    def identifier(
        self, given: Mapping[str, Any], key: str, path: str, argument: str | None = None
    ) -> pulumi.Input[str] | None:
        """The name or id at ``given[key]``, in the shape that ``argument`` (``path.key``) takes; None without one."""
        if key not in given:
            return None
        at = f"{path}.{key}"
        return self.checked(given[key], lambda value: identifier(value, argument or at, at, self.cloud))

    def checked(self, value: pulumi.Input[str], rule: Callable[[str], list[Problem]]) -> pulumi.Input[str]:
        """``value``, checked by ``rule`` now or, for an Output, when it resolves."""
        if isinstance(value, pulumi.Output):
            return self.late(value, rule)
        self.problems.extend(rule(str(value)))
        return value

    def late(self, value: pulumi.Input[str], rule: Callable[[str], list[Problem]]) -> pulumi.Input[str]:
        def check(resolved: str) -> str:
            self.raise_late(rule(str(resolved)))
            return resolved

        return pulumi.Output.from_input(value).apply(check)

    def raise_late(self, problems: Sequence[Problem]) -> None:
        """Raise for a value that has resolved. It is not shown: it may have been a secret."""
        if problems:
            raise InvalidArgsError(self.name, [dataclasses.replace(p, value="<output>") for p in problems])
