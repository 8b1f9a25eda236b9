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
        return PathKind.PREFIX if "?" not in self.text and self.text.find("*") == len(self.text) - 1 else PathKind.WILDCARD

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
        """Whether every path that ``other`` matches is matched by this pattern too."""
        mine, theirs = _normal(self.text), _normal(other.text)
        reachable = _skip_stars(mine, {0})  # positions in mine that the characters of theirs so far can lead to
        for char in theirs:
            if char == "*":
                # Any run of characters, none included: only a * of ours keeps up with it.
                reachable = _skip_stars(mine, {at for at in reachable if mine[at : at + 1] == "*"})
            else:
                step = {at for at in reachable if mine[at : at + 1] == "*"}
                step |= {at + 1 for at in reachable if mine[at : at + 1] == "?" or (char != "?" and mine[at : at + 1] == char)}
                reachable = _skip_stars(mine, step)
        return len(mine) in reachable


def _normal(text: str) -> str:
    """``text`` with every run of wildcards written one way: its question marks, then at most one star."""
    return re.sub(r"[*?]+", lambda run: "?" * run[0].count("?") + "*" * ("*" in run[0]), text)


def _skip_stars(pattern: str, positions: set[int]) -> set[int]:
    """``positions`` and those that a * standing there lets through unmatched."""
    return positions | {at + 1 for at in positions if pattern[at : at + 1] == "*"}
