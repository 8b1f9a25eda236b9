"""Path patterns: which requests a route is for, and which of two routes is the more specific one.

One small language for both clouds: an exact path, or a path that ends in its only ``*`` (a prefix). A ``*`` or ``?``
elsewhere makes a wildcard pattern, which CloudFront has and Media CDN has not.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_PATH = "/*"


class PathKind(StrEnum):
    """How a pattern matches."""

    EXACT = "exact"
    PREFIX = "prefix"
    WILDCARD = "wildcard"


@dataclass(frozen=True)
class PathPattern:
    """A path pattern. ``*`` stands for any characters, slashes included, ``?`` for one."""

    text: str

    @property
    def kind(self) -> PathKind:
        if "?" not in self.text and "*" not in self.text:
            return PathKind.EXACT
        return (
            PathKind.PREFIX if "?" not in self.text and self.text.find("*") == len(self.text) - 1 else PathKind.WILDCARD
        )

    @property
    def literal(self) -> str:
        """What comes before the first wildcard: the whole path of an exact pattern, the prefix of a prefix pattern."""
        return re.split(r"[*?]", self.text, maxsplit=1)[0]

    @property
    def is_default(self) -> bool:
        return self.text == DEFAULT_PATH

    @property
    def specificity(self) -> tuple[bool, int, int, int, str]:
        """Sort key that puts a pattern before every pattern that covers it.

        Exact paths first; then the pattern whose shortest match is longer, that pins down more characters, and that
        has fewer stars; then by text.
        """
        pinned = len(re.sub(r"[*?]", "", self.text))
        shortest = pinned + self.text.count("?")
        return (self.kind is not PathKind.EXACT, -shortest, -pinned, self.text.count("*"), self.text)

    def matches(self, path: str) -> bool:
        """Whether a request for ``path`` belongs to this pattern. Case matters, as on both clouds."""
        pieces = ("." if char == "?" else ".*" if char == "*" else re.escape(char) for char in self.text)
        return re.fullmatch("".join(pieces), path, re.DOTALL) is not None

    def covers(self, other: "PathPattern") -> bool:
        """Whether every path that ``other`` matches is matched by this pattern too.

        Both patterns are walked side by side, character by character, over every character that either names and one
        that neither does, until a path is found that only ``other`` matches, or there is nowhere new to go.
        """
        alphabet = {*self.text, *other.text} - {"*", "?"} | {"\0"}
        start = (_at(self.text, {0}), _at(other.text, {0}))
        seen, ahead = {start}, [start]
        while ahead:
            mine, theirs = ahead.pop()
            if len(other.text) in theirs and len(self.text) not in mine:
                return False
            for char in alphabet:
                step = (_after(self.text, mine, char), _after(other.text, theirs, char))
                if step[1] and step not in seen:
                    seen.add(step)
                    ahead.append(step)
        return True


def _at(pattern: str, positions: set[int]) -> frozenset[int]:
    """``positions`` in ``pattern``, and those that stars standing there let through unmatched."""
    reached = set(positions)
    for at in range(len(pattern)):
        if at in reached and pattern[at] == "*":
            reached.add(at + 1)
    return frozenset(reached)


def _after(pattern: str, positions: frozenset[int], char: str) -> frozenset[int]:
    """Where in ``pattern`` one can be after ``char``."""
    stayed = {at for at in positions if pattern[at : at + 1] == "*"}
    return _at(pattern, stayed | {at + 1 for at in positions if pattern[at : at + 1] in ("?", char)})
