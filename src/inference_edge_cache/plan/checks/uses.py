"""What of the capability table an input uses, and what the table says to it.

A rule that is a row of the table is not written anywhere else: the input is turned into uses (which feature, where, how
much), and the table decides whether that is fine, an error or a warning.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from inference_edge_cache.capabilities import CLOUD_NAMES, Capability, Cloud, Support, capability
from inference_edge_cache.errors import Problem, show


@dataclass(frozen=True)
class Use:
    """That a feature of the capability table is used: where, with what value, and how much of it (seconds, names)."""

    feature: str
    path: str
    value: object = ""
    amount: int | None = None


def problems_of_uses(uses: Iterable[Use], cloud: Cloud) -> list[Problem]:
    """What the capability table refuses."""
    return [problem for use in uses for problem in _problems_of_use(use, capability(use.feature, cloud))]


def warnings_of_uses(uses: Iterable[Use], cloud: Cloud) -> list[str]:
    """What the capability table warns of, once each. A row with a soft quota warns only above it."""
    warnings: dict[str, str] = {}
    for use in uses:
        row = capability(use.feature, cloud)
        quiet = row.advised is not None and (use.amount is None or use.amount <= row.advised)
        if row.warning and not quiet:
            warnings.setdefault(row.warning, f"{use.path}: {row.warning}" if use.path else row.warning)
    return list(warnings.values())


def _problems_of_use(use: Use, row: Capability) -> list[Problem]:
    if row.support is Support.UNSUPPORTED:
        given = "" if use.value == "" else show(use.path, use.value)
        return [Problem(use.path, given, row.reason, row.remedy, kind="unsupported")]
    if use.amount is None:
        return []
    too_little = row.minimum is not None and use.amount < row.minimum
    too_much = row.maximum is not None and use.amount > row.maximum
    if not (too_little or too_much):
        return []
    taker = "the gateway" if row.feature.startswith("gateway.") else CLOUD_NAMES[row.cloud]
    return [Problem.at(use.path, use.value, f"{taker} takes {row.limit}", row.remedy)]
