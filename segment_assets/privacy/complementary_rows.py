"""The rows of the table `complementary_cells`: which groups of a week's results readers' tables withhold as well.

Belongs here: which results have a population in common, and how their groups are named. Not here: what follows
(`complementary`). Kinds whose groups no table shows are left out of what is withheld, and count for the total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.privacy.complementary import Groups, Withheld, complementary, overlapping, with_totals

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    Rows = Sequence[Mapping[str, Any]]

# The strictest minimum of the collaboration.
MINIMUM = 100
JOURNEYS, VIEWERS, SETS, FREQUENCIES = "journey_groups", "viewer_groups", "exposure_sets", "exposure_frequency"
FLAGS = ("ctv", "olv", "display", "audio", "social")
_JOURNEY_PARTS = tuple(f"part_{n}" for n in range(1, 6))
_VIEWER_PARTS = ("part_1", "part_2")
# People hardly ever see ads in two of them in one week.
_PLACES = ("country", "region")
_EVERY_SET, _DAYS, _FREQUENCIES = 2 ** len(FLAGS) - 1, 7, 10


def complementary_rows(week: dt.date, results: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """The rows of a week. `results` are rows of the room's tables by name; a table without rows told nothing."""
    viewers, customers = _viewers(results), _customers(results)
    found = [*complementary(viewers, MINIMUM), *complementary(customers, MINIMUM), *_publishers(results)]
    return [
        {
            "reporting_week": week,
            "source": withheld.source,
            "kind": withheld.kind,
            "cell": withheld.cell,
            "reason": withheld.reason,
        }
        for withheld in found
    ]


def shown(rows: Rows, source: str, kind: str, hidden: Rows) -> list[Mapping[str, Any]]:
    """The rows of one kind of `journey_groups` or `viewer_groups` that readers may be shown."""
    withheld = {row["cell"] for row in hidden if (row["source"], row["kind"]) == (source, kind)}
    parts = _JOURNEY_PARTS if source == JOURNEYS else _VIEWER_PARTS
    return [row for row in rows if row["kind"] == kind and cell(row, parts) not in withheld]


def everybody(rows: Rows) -> int | None:
    """The people of the row `all`, None where that was withheld."""
    return next((row["people"] for row in rows if row["kind"] == "all"), None)


def cell(row: Mapping[str, Any], parts: Iterable[str]) -> str:
    """The name of a group, as the SQL of readers' tables writes it."""
    return "/".join("" if row[part] is None else str(row[part]) for part in parts)


def _viewers(results: Mapping[str, Rows]) -> list[Groups]:
    journeys, viewers = results[JOURNEYS], results[VIEWERS]
    whole = max((people for rows in (journeys, viewers) if (people := everybody(rows))), default=None)

    def journey(kind: str, possible: int | None) -> Groups:
        return Groups(JOURNEYS, kind, _people(journeys, kind, _JOURNEY_PARTS), whole, disjoint=True, possible=possible)

    # No table shows people by set of channels: they only count for the total.
    paths, days, _ = with_totals([journey("path", None), journey("days", _DAYS), journey("channels", _EVERY_SET)])
    placed = [
        Groups(VIEWERS, kind, _people(viewers, kind, _VIEWER_PARTS), paths.total, disjoint=kind in _PLACES)
        for kind in ("channel", "publisher", "device", "hour", *_PLACES)
    ]
    return [paths, days, *placed]


def _customers(results: Mapping[str, Rows]) -> list[Groups]:
    whole = next((row["exposed_customers"] for row in results["customer_reach"]), None)
    sets = {cell(row, FLAGS): row["people"] for row in results[SETS]}
    frequencies = {cell(row, ("frequency",)): row["people"] for row in results[FREQUENCIES]}
    return with_totals(
        [
            Groups(SETS, "", sets, whole, disjoint=True, possible=_EVERY_SET),
            Groups(FREQUENCIES, "", frequencies, whole, disjoint=True, possible=_FREQUENCIES),
        ]
    )


def _publishers(results: Mapping[str, Rows]) -> list[Withheld]:
    rows = results[VIEWERS]
    single = {str(row["part_1"]): row["people"] for row in rows if row["kind"] == "publisher"}
    pairs = {(str(row["part_1"]), str(row["part_2"])): row["people"] for row in rows if row["kind"] == "publishers"}
    return overlapping(Groups(VIEWERS, "publisher", single, everybody(rows), disjoint=False), pairs, MINIMUM)


def _people(rows: Rows, kind: str, parts: Sequence[str]) -> dict[str, int]:
    return {cell(row, parts): row["people"] for row in rows if row["kind"] == kind}
