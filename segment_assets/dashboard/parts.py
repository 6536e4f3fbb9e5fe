"""What a section of the page consists of.

Belongs here: the shape that `flow`, `planning` and `measurement` fill and `page` writes. Not here: any wording.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.dashboard.figures import week_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.dashboard.charts import Chart
    from segment_assets.dashboard.figures import Row


@dataclasses.dataclass(frozen=True, slots=True)
class Numbers:
    """The same as a table of text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One part of the page. `charts` are (what it shows, specification); `notes` are sentences below them.

    `empty` says why there is no chart, and stands in its place; `alternative` says what the chart shows. `opened`:
    the numbers need no click on a desk.
    """

    id: str
    area: str
    title: str
    lead: str
    charts: Sequence[tuple[str, Chart]]
    numbers: Numbers
    notes: Sequence[str] = ()
    empty: str = ""
    alternative: str = ""
    wide: bool = False
    opened: bool = False


def week_of(rows: Sequence[Row], *, plain: bool = False) -> str:
    """`in the week of 5 October 2026`, or without `in the`."""
    if not rows:
        return "no week yet"
    return week_name(rows[0]["reporting_week"]) if plain else f"in the {week_name(rows[0]['reporting_week'])}"


def capital(text: str) -> str:
    """A sentence begins with it."""
    return text[:1].upper() + text[1:]
