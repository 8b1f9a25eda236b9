"""``overrides``: the user's last word on a resource's arguments.

The names are checked at every level against the provider's own typed ``Args`` classes, so a misspelled argument is an
error before anything is made, and not an input that the provider drops.
"""

import difflib
import inspect
import sys
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ForwardRef, TypeVar

from inference_edge_cache.errors import Problem

ArgsT = TypeVar("ArgsT")


def problems_in(
    overrides: Mapping[str, Any], args_of: Mapping[str, type], made: Collection[str] | None
) -> list[Problem]:
    """What is wrong in ``overrides``: names that the SDK's ``args_of`` a child do not have, and children not ``made``.

    ``made`` is None while it is not known, because other arguments are wrong.
    """
    wrong_names = [
        problem
        for child, override in overrides.items()
        for problem in override_problems(f"overrides.{child}", args_of[child], override)
    ]
    return wrong_names + ([] if made is None else unmade_problems(overrides, made))


def override_problems(path: str, args_class: type, override: Mapping[str, Any]) -> list[Problem]:
    """Names in ``override`` that ``args_class``, or a class nested in it, does not have."""
    known = _fields(args_class)
    problems: list[Problem] = []
    for name, value in override.items():
        where = f"{path}.{name}"
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(sorted(known))}"
            owner = args_class.__name__.removesuffix("Args")
            problems.append(Problem(where, "", f"is not an argument of {owner}", remedy))
            continue
        nested, is_list = known[name]
        if value is None and name in _required(args_class):
            problems.append(Problem(where, "", "is required and cannot be taken away", "give it another value"))
        if nested is None or value is None:
            continue
        if is_list and isinstance(value, Sequence) and not isinstance(value, str):
            for index, item in enumerate(value):
                problems += override_problems(f"{where}[{index}]", nested, item) if isinstance(item, Mapping) else []
        elif is_list and isinstance(value, Mapping):
            problems.append(Problem(where, "", "is a list, which is replaced and not merged", "pass the whole list"))
        elif isinstance(value, Mapping):
            problems += override_problems(where, nested, value)
        elif isinstance(value, list | tuple):
            problems.append(Problem(where, "", "is not a list", "pass a dict"))
    return problems


def unmade_problems(overrides: Mapping[str, Any], made: Collection[str]) -> list[Problem]:
    """Overrides of children that are not made with these arguments: they would change nothing."""
    return [
        Problem(f"overrides.{child}", "", "is not made with these arguments", f"use one of {', '.join(sorted(made))}")
        for child in overrides
        if child not in made
    ]


def merged(args: ArgsT, override: Mapping[str, Any]) -> ArgsT:
    """``args``, a typed ``Args`` object, with ``override`` merged in deeply; lists and plain values are replaced."""
    for name, value in override.items():
        current = getattr(args, name)
        if isinstance(value, Mapping) and _is_args(current):
            merged(current, value)
        elif isinstance(value, Mapping) and isinstance(current, Mapping):
            setattr(args, name, {**current, **value})
        else:
            setattr(args, name, value)
    return args


def _is_args(value: object) -> bool:
    return type(value).__name__.endswith("Args") and type(value).__module__.startswith("pulumi_")


def _required(args_class: type) -> frozenset[str]:
    parameters = inspect.signature(args_class.__init__).parameters.items()
    return frozenset(
        name
        for name, parameter in parameters
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is inspect.Parameter.empty
    )


def _fields(args_class: type) -> dict[str, tuple[type | None, bool]]:
    """Argument name to the ``Args`` class it takes, if any, and whether it takes a list of them."""
    annotations = {
        name: parameter.annotation
        for name, parameter in inspect.signature(args_class.__init__).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    namespace = vars(sys.modules[args_class.__module__])
    return {name: _nested(hint, namespace) for name, hint in annotations.items()}


def _nested(hint: Any, namespace: Mapping[str, Any]) -> tuple[type | None, bool]:
    """The ``Args`` class inside ``pulumi.Input[...]``, ``Optional[...]`` and ``Sequence[...]``."""
    if isinstance(hint, ForwardRef | str):
        name = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
        return (namespace.get(name) if name.endswith("Args") else None), False
    is_list = typing.get_origin(hint) in (list, Sequence)
    for argument in typing.get_args(hint):
        found, inner_list = _nested(argument, namespace)
        if found is not None:
            return found, is_list or inner_list
    return None, False
