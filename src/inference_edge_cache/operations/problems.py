"""Everything that is wrong with what somebody typed, in one error."""

from collections.abc import Iterable

from inference_edge_cache.errors import ProblemsError


class OperationError(ProblemsError):
    """What was asked for cannot be done as it was said."""


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in order as a reader takes them in: ``3, 7-9, 20``."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)
