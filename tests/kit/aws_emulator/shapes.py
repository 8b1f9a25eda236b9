"""What an AWS API's own model says of a call's parameters.

botocore checks types, what is required and what is known, and leaves the rest to the service.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator


def problems(params: Mapping[str, Any], shape: Shape) -> list[str]:
    """What the model does not allow: types, required and unknown members, enumerations, lengths, ranges, patterns."""
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        return [report.generate_report()]
    return list(_walk(params, shape, shape.name))


def _walk(value: Any, shape: Shape, at: str) -> Iterator[str]:
    match shape:
        case StructureShape():
            for name, member in shape.members.items():
                if name in value:
                    yield from _walk(value[name], member, f"{at}.{name}")
        case ListShape():
            yield from _within(len(value), shape, at, "items")
            for index, item in enumerate(value):
                yield from _walk(item, shape.member, f"{at}[{index}]")
        case MapShape():
            for key, item in value.items():
                yield from _walk(item, shape.value, f"{at}.{key}")
        case StringShape():
            yield from _text(value, shape, at)
        case _ if shape.type_name in ("integer", "long", "float", "double"):
            yield from _within(value, shape, at, "")


def _text(value: str, shape: StringShape, at: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{at} is {value!r}, not one of {', '.join(shape.enum)}"
    yield from _within(len(value), shape, at, "characters")
    pattern = shape.metadata.get("pattern")
    # Patterns are Java's; those that Python does not read are left to the service.
    compiled = pattern and _compiled(pattern)
    if compiled and not compiled.fullmatch(value):
        yield f"{at} does not match {pattern}"


def _within(count: float, shape: Shape, at: str, unit: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and count < least:
        yield f"{at} has {count} {unit}, fewer than {least}"
    if most is not None and count > most:
        yield f"{at} has {count} {unit}, more than {most}"


def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None
