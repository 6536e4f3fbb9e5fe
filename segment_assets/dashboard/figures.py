"""What the page is made from, and how numbers and weeks are written.

Belongs here: the rows of the insight tables as the page takes them, and words for numbers. Not here: charts, HTML.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.dashboard.units import Unit, between, written

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

BELOW = "below threshold"
EVERYTHING = "(all)"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Audience:
    """People of one hashed audience by the door they reached. `planned` False: held, since the plan does not name it.

    `counts` are those of Snapshot.stats: rows_in, quarantined_rows, duplicates_merged, members, suppressed,
    no_consent, held_out, eligible.
    """

    segment: str
    planned: bool
    counts: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """Rows of the insight tables, over all weeks, in any order; columns as `segment_assets.tables` declares them.

    `tables` holds those that declared panels show, by name.
    """

    tenant: str
    audiences: Sequence[Audience] = ()
    deliveries: Sequence[Row] = ()
    overlap: Sequence[Row] = ()
    reach: Sequence[Row] = ()
    creatives: Sequence[Row] = ()
    bands: Sequence[Row] = ()
    profile: Sequence[Row] = ()
    tables: Mapping[str, Sequence[Row]] = dataclasses.field(default_factory=dict)


def newest(rows: Sequence[Row]) -> list[Row]:
    """The rows of the newest reporting week."""
    week = max((row["reporting_week"] for row in rows), default=None)
    return [row for row in rows if row["reporting_week"] == week]


def told(rows: Sequence[Row]) -> list[Row]:
    """The rows that are not withheld."""
    return [row for row in rows if not row["below_threshold"]]


def week_name(week: dt.date) -> str:
    """`week of 5 October 2026`, whatever the machine's language is."""
    return f"week of {week.day} {_MONTHS[week.month - 1]} {week.year}"


def short_week(week: dt.date) -> str:
    """`Week of 12 Oct 2026`: a phone has no room for the whole month beside a number with its interval."""
    day, month, year = week_name(week).removeprefix("week of ").split()
    return f"Week of {day} {month[:3]} {year}"


def number(value: float | None, *, places: int = 0) -> str:
    """`12,737`; an unknown number is `below threshold`.

    >>> number(12737), number(None), number(1.849, places=1)
    ('12,737', 'below threshold', '1.8')
    """
    return BELOW if value is None else f"{value:,.{places}f}"


def percent(share: float | None) -> str:
    """`9.4 %`, `64 %` from a share: one decimal below 10 %; an unknown share is `below threshold`.

    >>> percent(0.0941), percent(0.6396), percent(None)
    ('9.4 %', '64 %', 'below threshold')
    """
    if share is None:
        return BELOW
    return f"{share * 100:.{1 if 0 < share < 0.095 else 0}f} %"  # noqa: PLR2004 - explained above


def rate(counted: int | None, among: int | None) -> str:
    """A share of people, in per cent, with its 95 % interval (Wilson); `below threshold` where a count is not known.

    >>> rate(13757, 46903), rate(None, 46903)
    ('29.3 % (28.9 to 29.7)', 'below threshold')
    """
    from segment_assets.measurement.intervals import Proportion, wilson

    if counted is None or not among:
        return BELOW
    found = wilson(Proportion(counted, among))
    return f"{written(found.value, Unit.SHARE)} ({between(found.low, found.high, Unit.SHARE, alone=False)})"
