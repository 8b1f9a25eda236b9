"""Small conversions that several arguments share."""

from collections.abc import Callable
from typing import TypeVar

import pulumi

T = TypeVar("T")
U = TypeVar("U")


def lifted(value: pulumi.Input[T], function: Callable[[T], U]) -> pulumi.Input[U]:
    """``function`` of ``value``: now, or when an Output resolves."""
    return value.apply(function) if isinstance(value, pulumi.Output) else function(value)  # pyright: ignore[reportArgumentType]


def duration(seconds: int) -> str:
    """``3600`` as the API writes it: ``3600s``."""
    return f"{seconds}s"
