"""The first place where two JSON documents differ, and what stands there, without showing more of them than needed."""

import json
import re
from dataclasses import dataclass
from typing import Any

LONGEST = 40
"""Characters of a document that are shown: enough to tell two values apart, too few for most prompts."""

_BEFORE = 10
_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST - 1}}}")


class _Absent:
    """A field or item that only the other document has."""


@dataclass(frozen=True)
class Difference:
    """A JSON path, and what the two documents have there."""

    path: str
    first: Any
    second: Any

    def in_words(self) -> tuple[str, str]:
        """What the two documents have there. Texts are shown from just before they part."""
        start = 0
        if isinstance(self.first, str) and isinstance(self.second, str):
            start = max(_part_at(self.first, self.second) - _BEFORE, 0)
        shown = _shown(self.first, start), _shown(self.second, start)
        if shown[0] == shown[1]:  # NFC and NFD look alike
            shown = _shown(self.first, start, ascii_only=True), _shown(self.second, start, ascii_only=True)
        return shown


def first_difference(first: Any, second: Any, path: str = "$") -> Difference | None:
    """Where two canonical documents first differ, in the order of the canonical form; ``None`` if they do not.

    Types count: ``1`` is neither ``1.0`` nor ``true``.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        for name in sorted(first.keys() | second.keys()):
            found = first_difference(first.get(name, _Absent), second.get(name, _Absent), path + _step(name))
            if found:
                return found
        return None
    if isinstance(first, list) and isinstance(second, list):
        for index in range(max(len(first), len(second))):
            one, other = (items[index] if index < len(items) else _Absent for items in (first, second))
            found = first_difference(one, other, f"{path}[{index}]")
            if found:
                return found
        return None
    same = first is second or (type(first) is type(second) and repr(first) == repr(second))
    return None if same else Difference(path, first, second)


def _part_at(first: str, second: str) -> int:
    """How many characters two texts share before they part."""
    pairs = zip(first, second, strict=False)
    return next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def _step(name: str) -> str:
    return f".{name}" if _NAME.fullmatch(name) else f"[{_quoted(name[:LONGEST], ascii_only=False)}]"


def _shown(value: Any, start: int, *, ascii_only: bool = False) -> str:
    if value is _Absent:
        return "absent"
    if isinstance(value, dict):
        return f"an object of {len(value):,} fields"
    if isinstance(value, list):
        return f"a list of {len(value):,} items"
    if isinstance(value, str):
        piece = _quoted(value[start : start + LONGEST], ascii_only=ascii_only)
        whole = not start and len(value) <= LONGEST
        return f"text {piece}" if whole else f"text of {len(value):,} characters, from {start:,} on: {piece}"
    return "null" if value is None else f"{'boolean' if isinstance(value, bool) else 'number'} {json.dumps(value)}"


def _quoted(text: str, *, ascii_only: bool) -> str:
    """As JSON. What a terminal would not print as a character is escaped."""
    return json.dumps(text, ensure_ascii=ascii_only or not text.isprintable())
