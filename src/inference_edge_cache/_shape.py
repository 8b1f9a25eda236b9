"""Plain input against a TypedDict: every unknown key, missing key and wrong type as a problem, the rest normalised.

``read`` returns what the rest of the library can rely on: enums are enums, durations are ints, policies are models,
``3.0`` is 3 where an int belongs (Pulumi hands numbers of other languages over as floats), ``None`` is left out.
"""

import difflib
import typing
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pulumi
from pydantic import BaseModel, ValidationError

from inference_edge_cache.args import DURATIONS
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.policy import parse_seconds

_FLOAT_MAX = 1e300

UNREADABLE = object()
"""What ``read`` returns for a value it has reported as a problem."""


@dataclass(frozen=True)
class Reading:
    """What is wrong so far with the arguments of the component called ``name``."""

    name: str
    problems: list[Problem] = field(default_factory=list)


def read(value: Any, hint: Any, path: str, reading: Reading) -> Any:
    """``value`` as ``hint`` wants it, or ``UNREADABLE`` and one or more problems more."""
    hint, may_be_output = _without_input(hint)
    if isinstance(value, pulumi.Output | Awaitable):
        if may_be_output:
            return _never_none(value, path, reading.name)
        return _refuse(
            path,
            value,
            "must be a plain value, not an Output: it decides what is deployed",
            "pass a value known before the deployment, for example from pulumi.Config",
            reading,
        )
    if typing.is_typeddict(hint):
        return _read_typed_dict(value, hint, path, reading)
    if typing.get_origin(hint) is list:
        return _read_list(value, hint, path, reading)
    if typing.get_origin(hint) is dict:
        return _read_dict(value, hint, path, reading)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _read_model(value, hint, path, reading)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _read_enum(value, hint, path, reading)
    return _read_scalar(value, hint, path, reading)


def _never_none(value: Any, path: str, name: str) -> pulumi.Output[Any]:
    """``value``, or an error when it resolves to None: what would be left out may be a web ACL or a credential."""

    def present(resolved: Any) -> Any:
        if resolved is None:
            problem = Problem(
                path, "<output>", "resolved to None", "leave the key out, or pass an output that has a value"
            )
            raise InvalidArgsError(name, [problem])
        return resolved

    return pulumi.Output.from_input(value).apply(present)


def _without_input(hint: Any) -> tuple[Any, bool]:
    """``T`` and True for ``pulumi.Input[T]``, which is ``Union[T, Awaitable[T], Output[T]]``; else hint and False."""
    if typing.get_origin(hint) is typing.NotRequired:
        (hint,) = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)[0], True
    return hint, False


def _read_typed_dict(value: Any, hint: Any, path: str, reading: Reading) -> Any:
    if not isinstance(value, Mapping):
        return _refuse(path, value, f"must be a dict ({hint.__name__})", "pass a dict", reading)
    hints = hint.__annotations__
    for key in value:
        if key not in hints:
            _refuse_unknown(_join(path, key), key, hints, reading)
    given = {key: item for key, item in value.items() if key in hints and item is not None}
    for key in sorted(hint.__required_keys__ - given.keys()):
        reading.problems.append(
            Problem(_join(path, key), "", "is required", f"add {key!r} to {path or 'the arguments'}")
        )
    result = {key: read(item, hints[key], _join(path, key), reading) for key, item in given.items()}
    return {key: item for key, item in result.items() if item is not UNREADABLE}


def _read_list(value: Any, hint: Any, path: str, reading: Reading) -> Any:
    if not isinstance(value, list | tuple):
        return _refuse(path, value, "must be a list", "pass a list", reading)
    (item_hint,) = typing.get_args(hint)
    items = [read(item, item_hint, f"{path}[{index}]", reading) for index, item in enumerate(value)]
    return [item for item in items if item is not UNREADABLE]


def _read_dict(value: Any, hint: Any, path: str, reading: Reading) -> Any:
    if not isinstance(value, Mapping):
        return _refuse(path, value, "must be a dict", "pass a dict", reading)
    _, item_hint = typing.get_args(hint)
    items = {}
    for key, item in value.items():
        if not isinstance(key, str):
            _refuse(f"{path}[{key!r}]", item, "must have a text as its key", "put the key in quotes", reading)
        elif item is None:
            _refuse(
                f'{path}["{key}"]', item, "is None: nothing was configured", "give it a value, or leave it out", reading
            )
        else:
            items[key] = read(item, item_hint, f'{path}["{key}"]', reading)
    return {key: item for key, item in items.items() if item is not UNREADABLE}


def _read_model(value: Any, hint: type[BaseModel], path: str, reading: Reading) -> Any:
    if not isinstance(value, Mapping | hint):
        return _refuse(
            path, value, f"must be a {hint.__name__} or a dict of its fields", f"pass {hint.__name__}(...)", reading
        )
    try:
        # An instance too: model_copy(update=...) checks nothing.
        return hint.model_validate(_as_given(value) if isinstance(value, BaseModel) else dict(value))
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            where, name = ".".join(map(str, item["loc"])), str(item["loc"][-1]) if item["loc"] else ""
            if item["type"] == "extra_forbidden":
                fields = _fields_at(hint, item["loc"][:-1])
                _refuse_unknown(_join(path, where), name, fields, reading)
            else:
                limit = item["msg"].removeprefix("Value error, ")
                reading.problems.append(Problem(_join(path, where), "", limit, f"correct {name or path}"))
        return UNREADABLE


def _as_given(model: BaseModel) -> dict[str, Any]:
    """What ``model`` was made from, names that it does not know included."""
    fields = type(model).model_fields
    given = {name: v for name, v in model.__dict__.items() if name in model.model_fields_set or name not in fields}
    return {name: _as_given(v) if isinstance(v, BaseModel) else v for name, v in given.items()}


def _fields_at(model: Any, loc: tuple[Any, ...]) -> Mapping[str, Any]:
    """The fields of the model that ``loc`` leads to from ``model``: of ``CacheKey`` for ``("key",)``."""
    for name in loc:
        arguments = [a for a in typing.get_args(model.model_fields[name].annotation) if a is not type(None)]
        model = arguments[0] if arguments else model.model_fields[name].annotation
    return model.model_fields


def _read_enum(value: Any, hint: type[Enum], path: str, reading: Reading) -> Any:
    try:
        return hint(value)
    except ValueError:
        names = [str(member.value) for member in hint]
        return _refuse(path, value, f"must be one of {', '.join(names)}", _closest(value, names), reading)


def _read_scalar(value: Any, hint: Any, path: str, reading: Reading) -> Any:
    if hint is Any:
        return value
    if path.rpartition(".")[2] in DURATIONS:
        try:
            return parse_seconds(value)
        except ValueError as error:
            return _refuse(path, value, str(error), 'write "30s"', reading)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and is_number and abs(value) < _FLOAT_MAX:
        return float(value)
    if hint is int and is_number and value == value // 1:
        return int(value)
    if hint in (str, bool) and isinstance(value, hint):
        return value
    words = {str: "a text", bool: "True or False", int: "a whole number", float: "a number"}
    return _refuse(path, value, f"must be {words[hint]}", f"pass {words[hint]}", reading)


def _refuse(path: str, value: Any, limit: str, remedy: str, reading: Reading) -> Any:
    reading.problems.append(Problem.at(path, value, limit, remedy))
    return UNREADABLE


def _refuse_unknown(path: str, key: Any, known: typing.Iterable[str], reading: Reading) -> None:
    """An unknown key. Its value is not shown: a misspelled ``headers`` may hold a secret."""
    reading.problems.append(Problem(path, "", "is not a known key", _closest(key, list(known))))


def _closest(name: Any, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}"


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
