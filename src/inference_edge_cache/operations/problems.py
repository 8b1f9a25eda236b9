"""Everything that is wrong with what somebody typed, in one error."""

from collections.abc import Iterable, Sequence

from inference_edge_cache.errors import EdgeCacheError, Problem


class OperationError(EdgeCacheError, ValueError):
    """What was asked for cannot be done as it was said. ``problems`` is a tuple of ``Problem``."""

    def __init__(self, what: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{what} has {count}:\n" + "\n".join(f"  {problem}" for problem in problems))


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in order as a reader takes them in: ``3, 7-9, 20``."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)
