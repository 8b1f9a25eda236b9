"""A recorded resource's inputs, each of which somebody has to translate."""

from collections.abc import Mapping
from typing import Any

REQUIRED = object()


class Given:
    """Inputs that are taken one by one. What is left was not translated: ``left`` tells where it is."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = dict(values)
        self._path = path
        self._inner: list[Given] = []

    def take(self, name: str, default: Any = REQUIRED) -> Any:
        """The value of an input; without a default it has to be there."""
        if name not in self._values and default is REQUIRED:
            raise KeyError(f"{self._path}{name} is missing")
        return self._values.pop(name, default)

    def has(self, name: str) -> bool:
        return name in self._values

    def one(self, name: str) -> "Given":
        """The inputs in an input. Without it, none: whoever asks for a required one is told."""
        return self._below(self.take(name, {}), name)

    def many(self, name: str) -> "list[Given]":
        return [self._below(item, f"{name}.{index}") for index, item in enumerate(self.take(name, []))]

    def left(self) -> list[str]:
        """The paths of the inputs that nobody has taken."""
        return [self._path + name for name in self._values] + [path for inner in self._inner for path in inner.left()]

    def _below(self, values: Mapping[str, Any], name: str) -> "Given":
        inner = Given(values, f"{self._path}{name}.")
        self._inner.append(inner)
        return inner


def present(**params: Any) -> dict[str, Any]:
    """Parameters without those that are None: an API takes no null."""
    return {name: value for name, value in params.items() if value is not None}
