"""Units of what a panel shows, and how a number is written in each.

Belongs here: words and axis formats. Not here: which column has which unit (`pages`).
"""

from __future__ import annotations

import enum
from typing import Any


class Unit(enum.Enum):
    """What a column counts. Shares are fractions in the tables and per cent on the page."""

    WORD = "text"
    DAY = "day"
    PEOPLE = "people"
    COUNT = "number"
    SHARE = "share"
    POINTS = "percentage points"
    INDEX = "index"
    RATIO = "ratio"
    P_VALUE = "p-value"
    HOURS = "hours"
    EUR = "EUR"

    @property
    def factor(self) -> float:
        """What a value is multiplied with where it is drawn."""
        return 100.0 if self is Unit.POINTS else 1.0

    @property
    def axis_format(self) -> str:
        """Numbers on the axis, as d3-format takes it."""
        if self is Unit.SHARE:
            return "~%"
        return "~s" if self in {Unit.PEOPLE, Unit.COUNT} else "~r"


def written(value: Any, unit: Unit) -> str:
    """A known value in the page's words.

    >>> written(12737, Unit.PEOPLE), written(0.0941, Unit.SHARE), written(0.64, Unit.SHARE)
    ('12,737', '9.4 %', '64.0 %')
    >>> written(0.0123, Unit.POINTS), written(-2.5, Unit.EUR), written(0.25, Unit.HOURS)
    ('+1.23 points', '-2.50 EUR', '0.2 h')
    >>> written(0.003, Unit.P_VALUE), written(0.000005, Unit.P_VALUE)
    ('0.003', '< 0.001')
    """
    if unit is Unit.DAY:
        return f"{value:%Y-%m-%d}"
    if unit is Unit.P_VALUE and value < _SMALLEST_P:
        return f"< {_SMALLEST_P}"
    scale, how = _WRITTEN[unit]
    return how.format(value * scale if scale else value)


def between(low: float | None, high: float | None, unit: Unit, *, alone: bool = True) -> str:
    """The ends of an interval, of which one may be open. `alone` False: beside a value, which has the unit already.

    >>> between(0.29, 0.303, Unit.SHARE), between(0.29, 0.303, Unit.SHARE, alone=False), between(2, None, Unit.COUNT)
    ('29.0 to 30.3 %', '29.0 to 30.3', 'at least 2')
    """
    ends = [written(end, unit) for end in (low, high) if end is not None]
    if not ends:
        return ""
    sign = next((sign for sign in (" %", " points", " h", " EUR") if ends[0].endswith(sign)), "")
    said = " to ".join(end.removesuffix(sign) for end in ends)
    side = "at most " if low is None else "at least " if high is None else ""
    return f"{side}{said}{sign if alone else ''}"


# 0 would say that chance cannot do it.
_SMALLEST_P = 0.001
# What a value is multiplied with, 0 for what is no number, and how it is written then.
_WRITTEN = {
    Unit.WORD: (0, "{}"),
    Unit.PEOPLE: (1, "{:,.0f}"),
    Unit.COUNT: (1, "{:,.0f}"),
    Unit.INDEX: (1, "{:,.0f}"),
    Unit.SHARE: (100, "{:.1f} %"),
    Unit.POINTS: (100, "{:+.2f} points"),
    Unit.RATIO: (1, "{:,.2f}"),
    Unit.P_VALUE: (1, "{:.3f}"),
    Unit.HOURS: (1, "{:,.1f} h"),
    Unit.EUR: (1, "{:,.2f} EUR"),
}
