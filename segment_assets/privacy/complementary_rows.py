"""The rows of the table `complementary_cells`: which groups of a week's results readers' tables withhold as well.

Belongs here: which results have a population in common, and how their groups are named. Not here: what follows
(`complementary`). Kinds whose groups no table shows are left out of what is withheld, and count for the total.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.privacy.complementary import (
    CONVERTERS,
    Groups,
    Sum,
    Withheld,
    complementary,
    overlapping,
    with_totals,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    Rows = Sequence[Mapping[str, Any]]

# The strictest minimum of the collaboration.
MINIMUM = 100
JOURNEYS, VIEWERS, SETS, FREQUENCIES = "journey_groups", "viewer_groups", "exposure_sets", "exposure_frequency"
INVENTORY, CAMPAIGNS, OVERLAP = "inventory_days", "campaign_reach", "audience_overlap"
FLAGS = ("ctv", "olv", "display", "audio", "social")
_JOURNEY_PARTS = tuple(f"part_{n}" for n in range(1, 6))
_VIEWER_PARTS = ("part_1", "part_2")
# People hardly ever see ads in two of them in one week.
_PLACES = ("country", "region")
_SHOWN = ("all", "device", "hour", *_PLACES)
_DAYS = 7


def complementary_rows(week: dt.date, results: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """The rows of a week. `results` are rows of tables by name; a table without rows told nothing.

    They are those of the room, and of `audience_overlap`, which tells how many customers there are.
    """
    viewers = _viewers(results)
    countries = [withheld for withheld in complementary(viewers, MINIMUM) if withheld.kind == "country"]
    silent = {withheld.cell for withheld in countries}
    hidden = {withheld.cell for withheld in countries if withheld.reason != CONVERTERS}
    # First what withheld countries ask of their regions: it often serves the sums over all of them as well.
    viewers = [*_silent_countries(results[VIEWERS], silent), *_viewers(results, silent)]
    viewers += _countryless(results[VIEWERS], hidden)
    kinds = (viewers, _customers(results), _inventory(week, results))
    found = [withheld for groups in kinds for withheld in complementary(groups, MINIMUM)]
    found += _publishers(results)
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


def shown(
    rows: Rows, source: str, kind: str, hidden: Rows, *, with_converters: bool = False
) -> list[Mapping[str, Any]]:
    """The rows of one kind of `journey_groups` or `viewer_groups` that readers may be shown.

    `with_converters`: only those whose converters may be shown as well.
    """
    mine = [row for row in hidden if (row["source"], row["kind"]) == (source, kind)]
    withheld = {row["cell"] for row in mine if with_converters or row["reason"] != CONVERTERS}
    parts = _JOURNEY_PARTS if source == JOURNEYS else _VIEWER_PARTS
    return [row for row in rows if row["kind"] == kind and cell(row, parts) not in withheld]


def everybody(rows: Rows) -> int | None:
    """The people of the row `all`, None where that was withheld."""
    return next((row["people"] for row in rows if row["kind"] == "all"), None)


def cell(row: Mapping[str, Any], parts: Iterable[str]) -> str:
    """The name of a group, as the SQL of readers' tables writes it."""
    return "/".join("" if row[part] is None else str(row[part]) for part in parts)


def shown_days(week: dt.date, rows: Rows, hidden: Rows) -> list[Mapping[str, Any]]:
    """The rows of `inventory_days` that readers may be shown."""
    withheld = {row["cell"] for row in hidden if row["source"] == INVENTORY}
    return [row for row in rows if _channel_day(week, row) not in withheld]


def _channel_day(week: dt.date, row: Mapping[str, Any]) -> str:
    """Channel and days since Monday: engines write dates differently."""
    return f"{row['channel']}/{(row['day'] - week).days}"


def _viewers(results: Mapping[str, Rows], silent: AbstractSet[str] = frozenset()) -> list[Groups]:
    """Groups of one population; `silent` countries are those of which converters are not told."""
    journeys, viewers = results[JOURNEYS], results[VIEWERS]
    whole = max((people for rows in (journeys, viewers) if (people := everybody(rows))), default=None)
    converted = max(_totals(journeys, "conversions"), default=0)

    def journey(kind: str) -> Groups:
        return Groups(JOURNEYS, kind, _people(journeys, kind, _JOURNEY_PARTS), whole, disjoint=True)

    # No table shows people by set of channels: they only count for the total.
    paths, days, _ = (
        dataclasses.replace(
            groups,
            converters=_counted(journeys, groups.kind, _JOURNEY_PARTS, "conversions"),
            every_converter=converted,
        )
        for groups in with_totals([journey("path"), journey("days"), journey("channels")])
    )
    reached = _reached(results.get(INVENTORY, ()))
    everyone = reached.pop("(all)/", 0)
    placed = [
        Groups(
            VIEWERS, kind, also | _people(viewers, kind, _VIEWER_PARTS), max(paths.total or 0, everyone), disjoint=False
        )
        for kind, also in (("channel", reached), ("publisher", {}))
    ]
    return [paths, days, *placed, *_marginals(viewers, paths.total, silent)]


def _reached(days: Rows) -> dict[str, int]:
    """People that each channel reached, where the new ones of every day tell it: the forecast ends there."""
    new: dict[str, list[int | None]] = {}
    for row in days:
        new.setdefault(f"{row['channel']}/", []).append(row.get("newly_reached"))
    told = {channel: [people for people in counts if people is not None] for channel, counts in new.items()}
    return {channel: sum(people) for channel, people in told.items() if len(people) == _DAYS}


def _marginals(viewers: Rows, whole: int | None, silent: AbstractSet[str]) -> list[Groups]:
    """Kinds of which impressions add up, to those of everybody; and the regions of each country, to the country's."""
    impressions = max(_totals([row for row in viewers if row["kind"] in _SHOWN], "impressions"), default=0)
    converters = next((row.get("converters") or 0 for row in viewers if row["kind"] == "all"), 0)

    def kind(name: str, within: str | None, people: int | None, shown: int, converted: int | None) -> Groups:
        rows = [row for row in viewers if row["kind"] == name and within in (None, str(row["part_1"]))]
        counted = _counted(rows, name, _VIEWER_PARTS, "impressions")
        won = _counted(rows, name, _VIEWER_PARTS, "converters")
        told = _people(rows, name, _VIEWER_PARTS)
        disjoint = name in _PLACES
        total = converted if disjoint else None
        return Groups(VIEWERS, name, told, people, disjoint, _sums(counted, shown), won, total)

    countries = [row for row in viewers if row["kind"] == "country"]
    won = {cell(row, _VIEWER_PARTS): row.get("converters") or 0 for row in countries}
    told = {name: None if name in silent else number for name, number in won.items()}
    within = [
        kind("region", str(row["part_1"]), row["people"], row.get("impressions") or 0, told[cell(row, _VIEWER_PARTS)])
        for row in countries
    ]
    single = [kind(name, None, whole, impressions, converters) for name in ("device", "hour", *_PLACES)]
    # A region withheld for its country's sake counts for the whole as well.
    return [*single[:-1], *within, single[-1]]


def _countryless(viewers: Rows, withheld: AbstractSet[str]) -> Iterator[Groups]:
    """The regions of each country that is withheld: it must not be their sum."""
    for mine in _regions_without(viewers, withheld).values():
        yield Groups(VIEWERS, "region", _people(mine, "region", _VIEWER_PARTS), None, disjoint=True, open_total=True)


def _silent_countries(viewers: Rows, silent: AbstractSet[str]) -> Iterator[Groups]:
    """The regions of each country of which converters are not told, and of all these: what told countries leave.

    A country of few converters takes another with it; the sum of that one's regions would tell the first again.
    """
    told = [row for row in viewers if row["kind"] == "country" and cell(row, _VIEWER_PARTS) not in silent]
    whole = next((row.get("converters") for row in viewers if row["kind"] == "all"), None)
    left = None if whole is None else whole - sum(row.get("converters") or 0 for row in told)

    def regions(rows: Rows, total: int | None, *, is_open: bool) -> Groups:
        people, won = (_counted(rows, "region", _VIEWER_PARTS, name) for name in ("people", "converters"))
        one = Groups(VIEWERS, "region", people, None, disjoint=True, converters=won)
        return dataclasses.replace(one, every_converter=total, open_converters=is_open)

    by_country = _regions_without(viewers, silent)
    yield from (regions(rows, None, is_open=True) for rows in by_country.values())
    yield regions([row for rows in by_country.values() for row in rows], left, is_open=False)


def _regions_without(viewers: Rows, withheld: AbstractSet[str]) -> dict[str, list[Mapping[str, Any]]]:
    """The regions by country, of the countries that are not told."""
    countries = {cell(row, _VIEWER_PARTS): row["part_1"] for row in viewers if row["kind"] == "country"}
    told = {country or "" for name, country in countries.items() if name not in withheld}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in viewers:
        if row["kind"] == "region" and (row["part_1"] or "") not in told:
            found.setdefault(row["part_1"] or "", []).append(row)
    return dict(sorted(found.items()))


def _customers(results: Mapping[str, Rows]) -> list[Groups]:
    whole = next((row["exposed_customers"] for row in results["customer_reach"]), None)
    customers = next((row["customers"] for row in results.get(OVERLAP, ())), None)
    # Account A knows how many there are, and would know the few who were not reached.
    if whole is not None and customers is not None and 0 < customers - whole < MINIMUM:
        whole = customers
    sets = {cell(row, FLAGS): row["people"] for row in results[SETS]}
    frequencies = {cell(row, ("frequency",)): row["people"] for row in results[FREQUENCIES]}
    bought = {cell(row, FLAGS): row["converters"] for row in results[SETS] if "converters" in row}
    often = {cell(row, ("frequency",)): row["converters"] for row in results[FREQUENCIES] if "converters" in row}
    won = max(sum(bought.values()), sum(often.values()))

    def kind(source: str, people: Mapping[str, int], converters: Mapping[str, int], fewest: int) -> Groups:
        return Groups(
            source, "", people, whole, disjoint=True, converters=converters, every_converter=won, fewest=fewest
        )

    # Impressions are frequency times people, and their total can be had: two unknown frequencies would follow.
    both = with_totals([kind(SETS, sets, bought, 2), kind(FREQUENCIES, frequencies, often, 3)])
    return [*both, *_channels(results, sets, both[0].total)]


def _channels(results: Mapping[str, Rows], sets: Mapping[str, int], whole: int | None) -> Iterator[Groups]:
    """Sets with a channel of which one campaign was told, and those without: they add up to its reach, and the rest."""
    for number, channel in enumerate(FLAGS):
        reached = [row["reached_customers"] for row in results.get(CAMPAIGNS, ()) if row["channel"] == channel]
        if len(reached) != 1:
            continue
        saw = {name: people for name, people in sets.items() if name.split("/")[number] == "1"}
        others = {name: people for name, people in sets.items() if name not in saw}
        yield Groups(SETS, "", saw, reached[0], disjoint=True)
        if whole is not None:
            yield Groups(SETS, "", others, whole - reached[0], disjoint=True)


def _inventory(week: dt.date, results: Mapping[str, Rows]) -> list[Groups]:
    """Impressions of a day by channel, which add up to those of the day."""
    rows = results.get(INVENTORY, ())
    found = []
    for day in sorted({row["day"] for row in rows}):
        mine = [row for row in rows if row["day"] == day]
        total = next((row["impressions"] for row in mine if row["channel"] == "(all)"), None)
        shown = {_channel_day(week, row): row["impressions"] for row in mine if row["channel"] != "(all)"}
        found.append(Groups(INVENTORY, "", shown, total, disjoint=True))
    return found


def _publishers(results: Mapping[str, Rows]) -> list[Withheld]:
    rows = results[VIEWERS]
    single = {str(row["part_1"]): row["people"] for row in rows if row["kind"] == "publisher"}
    pairs = {(str(row["part_1"]), str(row["part_2"])): row["people"] for row in rows if row["kind"] == "publishers"}
    return overlapping(Groups(VIEWERS, "publisher", single, everybody(rows), disjoint=False), pairs, MINIMUM)


def _people(rows: Rows, kind: str, parts: Sequence[str]) -> dict[str, int]:
    return {cell(row, parts): row["people"] for row in rows if row["kind"] == kind}


def _counted(rows: Rows, kind: str, parts: Sequence[str], column: str) -> dict[str, int]:
    """Another number of the groups, empty where rows do not have it."""
    return {cell(row, parts): row[column] for row in rows if row["kind"] == kind and row.get(column) is not None}


def _totals(rows: Rows, column: str) -> list[int]:
    """The sum of every kind: all of them are at most the one of everybody."""
    kinds = {row["kind"] for row in rows}
    return [sum(row.get(column) or 0 for row in rows if row["kind"] == kind) for kind in kinds]


def _sums(of: Mapping[str, int], total: int) -> tuple[Sum, ...]:
    return (Sum(of, total),) if of else ()
