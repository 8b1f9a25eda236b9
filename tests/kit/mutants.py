"""Valid programs with the smallest change that breaks a rule: what shows that the rule bites."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from inference_edge_cache.testing import Recording, Resource, Secret

GONE = object()
"""In place of a value: that there is none."""

Change = Callable[[Recording], Recording]


@dataclass(frozen=True)
class Mutant:
    """A valid program, and the smallest change that breaks a rule."""

    rule: str
    program: str
    change: Change


def edited(type_: str, change: Callable[[Resource], Resource], name: str = "") -> Change:
    """The first resource of a type whose name ends with ``name``, changed."""

    def edit(recording: Recording) -> Recording:
        found = first(recording, type_, name)
        after = tuple(change(one) if one is found else one for one in recording.resources)
        return replace(recording, resources=after)

    return edit


def first(recording: Recording, type_: str, name: str = "") -> Resource:
    """Of a type: ``gcp:storage/bucket:Bucket``, or ``storage/bucket:Bucket`` alone."""
    return next(
        one
        for one in recording.resources
        if type_ in (one.type, one.type.partition(":")[2]) and one.name.endswith(name)
    )


def put(type_: str, path: str, value: Any, name: str = "") -> Change:
    """The first resource of a type with ``value`` at ``path``, a secret where one was. A function is asked what becomes
    of the value there."""
    return edited(type_, lambda one: replace(one, inputs=_with(dict(one.inputs), path.split("."), value)), name)


def _with(holder: Any, steps: list[str], value: Any) -> Any:
    if isinstance(holder, Secret):
        return Secret(_with(holder.value, steps, value))
    if not steps:
        return value(copy.deepcopy(holder)) if callable(value) else value
    step: Any = int(steps[0]) if isinstance(holder, list) else steps[0]
    changed = copy.copy(holder)
    if value is GONE and len(steps) == 1:
        del changed[step]
    elif isinstance(holder, dict):
        below = holder.get(step, {} if len(steps) > 1 else None)
        changed[step] = _with(below, steps[1:], value)
    else:
        changed[step] = _with(holder[step], steps[1:], value)
    return changed


def output(type_: str, name: str, value: Any, of: str = "") -> Change:
    return edited(type_, lambda one: replace(one, outputs={**(one.outputs or {}), name: value}), of)


def without(type_: str, name: str = "") -> Change:
    def drop(recording: Recording) -> Recording:
        found = first(recording, type_, name)
        return replace(recording, resources=tuple(one for one in recording.resources if one is not found))

    return drop


def twice(type_: str, count: int = 2, name: str = "", **changed: Any) -> Change:
    """So many of a resource, under names of their own; ``changed`` are fields of all but the first."""

    def double(recording: Recording) -> Recording:
        found = first(recording, type_, name)
        more = [
            replace(found, name=f"{found.name}-{index}", urn=f"{found.urn}-{index}", **changed)
            for index in range(1, count)
        ]
        return replace(recording, resources=(*recording.resources, *more))

    return double


def of_type(type_: str, new: str, name: str = "") -> Change:
    """A resource that is of another type."""
    return edited(type_, lambda one: replace(one, type=new), name)


def independent(type_: str, name: str = "") -> Change:
    """A resource that waits for nothing."""
    return edited(type_, lambda one: replace(one, options=replace(one.options, depends_on=())), name)


def exported(name: str, value: Any) -> Change:
    """A stack that exports something more."""
    return lambda recording: replace(recording, outputs={**recording.outputs, name: value})


def all_of(*changes: Change) -> Change:
    """One change after the other."""

    def change(recording: Recording) -> Recording:
        for each in changes:
            recording = each(recording)
        return recording

    return change
