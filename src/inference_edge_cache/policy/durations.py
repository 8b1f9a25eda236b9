"""Durations: whole seconds inside, ``90`` or ``"90s"``, ``"15m"``, ``"1h"``, ``"7d"`` outside."""

import re
from typing import Any

DURATION_PATTERN = r"^[0-9]+[smhd]$"
_SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_seconds(value: Any) -> int:
    """``value`` in whole seconds.

    Accepts an int, a float that is a whole number (``3.0``: Pulumi hands every number of another language over as a
    float), or digits with one of the units s, m, h, d. Raises ``ValueError`` for anything else, negative numbers and
    booleans included.
    """
    if isinstance(value, str) and re.fullmatch(DURATION_PATTERN, value.strip()):
        text = value.strip()
        return int(text[:-1]) * _SECONDS_PER_UNIT[text[-1]]
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1 and value >= 0:
        return int(value)
    raise ValueError('must be whole seconds (90) or a number with a unit: "90s", "15m", "1h", "7d"')


def format_seconds(seconds: int) -> str:
    """``seconds`` in the largest unit that divides it: 3600 is ``1h``, 90 is ``90s``."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS_PER_UNIT[unit] == 0:
            return f"{seconds // _SECONDS_PER_UNIT[unit]}{unit}"
    return f"{seconds}s"
