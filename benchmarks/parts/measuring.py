"""Timing, and tables."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

Case = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    :param rounds: in each of which every case has its turn. :param samples: requests of a case in a round.
    :param seconds: of load, in a round. :param small: requests of 1 KB for a peak of memory. :param large: of 1 MB.
    """

    rounds: int
    samples: int
    seconds: float
    small: int
    large: int

    def at_most(self, rounds: int, samples: int) -> "Scale":
        """For what takes long by itself."""
        return replace(self, rounds=min(rounds, self.rounds), samples=min(samples, self.samples))


WARM_UP = 10
"""Requests of each case before any counts."""

FULL = Scale(rounds=5, samples=200, seconds=0.5, small=2000, large=50)
QUICK = Scale(rounds=1, samples=20, seconds=0.1, small=50, large=8)


def percentiles(seconds: Sequence[float]) -> Timing:
    inorder = sorted(seconds)
    return Timing(*(inorder[int(len(inorder) * share)] * 1000 for share in (0.5, 0.99)))


def best(rounds: Sequence[Timing]) -> Timing:
    """A machine that others use too is only ever slower than it could be: the best round says most."""
    return Timing(min(each.p50 for each in rounds), min(each.p99 for each in rounds))


def sampled(case: Case, samples: int) -> Timing:
    taken = list[float]()
    for _ in range(samples):
        started = time.perf_counter()
        case()
        taken.append(time.perf_counter() - started)
    return percentiles(taken)


def timings(cases: dict[str, Case], scale: Scale) -> dict[str, Timing]:
    """The best round of each case. In every round each case has its turn, so that all of them meet the same noise."""
    rounds: dict[str, list[Timing]] = {name: [] for name in cases}
    for case in cases.values():
        sampled(case, WARM_UP)
    for _ in range(scale.rounds):
        for name, case in cases.items():
            rounds[name].append(sampled(case, scale.samples))
    return {name: best(each) for name, each in rounds.items()}


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *notes: str) -> None:
    """The first column is aligned to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    print(f"\n{title}\n")
    for row in (header, *rows):
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  " + "   ".join((row[0].ljust(widths[0]), *cells)).rstrip())
    for note in notes:
        print(f"  {note}")


def ms(milliseconds: float) -> str:
    return f"{milliseconds:.2f} ms"


def times(value: float, baseline: float) -> str:
    """``value`` as a multiple of ``baseline``."""
    ratio = value / baseline
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"
