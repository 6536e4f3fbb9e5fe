"""Experiments on regions as files that land, and what each region bought: the inputs of `geo_lift`, and its rows.

Belongs here: reading the files row by row, adding up orders by region, the rows of the table. Not here: the comparison
(`geo`), where files land. `*.csv`: experiment, country, region, arm (treatment or control), before_from, first_day,
last_day; UTF-8 with a header and commas. A region is a country where its column is empty. Arms have to be drawn by lot:
no statistics repairs regions that were chosen.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.contracts import PermanentError, Reason
from segment_assets.identity import places, states
from segment_assets.measurement.geo import Region, geo_lift

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    import pyarrow.dataset as pads

COLUMNS = ("experiment", "country", "region", "arm", "before_from", "first_day", "last_day")
ARMS = ("treatment", "control")
METRICS = ("purchases", "revenue_eur")
_DAY = dt.timedelta(days=1)
Place = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class GeoExperiment:
    """Regions with and without a campaign. Days in UTC, ends included; a place is (alpha-2 country, region code)."""

    name: str
    treated: frozenset[Place]
    control: frozenset[Place]
    before_from: dt.date
    first_day: dt.date
    last_day: dt.date


@dataclasses.dataclass(frozen=True, slots=True)
class ExperimentsRead:
    """The experiments of all files, and what was refused: `file:line reason`. One bad row refuses its experiment."""

    experiments: Sequence[GeoExperiment]
    refused: Sequence[str]


def read_experiments(files: Sequence[Path]) -> ExperimentsRead:
    """Read all files, in order of name.

    Without one of its regions an experiment would be another one, so a row that cannot be used refuses all of it. Rows
    of a file with other columns (`columns`) or not in UTF-8 (`not_utf8`) are not read at all; these, and a row without
    a name, may belong to any experiment and refuse all (`region_unread`, at the first row of each).
    """
    rows: dict[str, list[dict[str, str]]] = {}
    begins: dict[str, str] = {}
    refused: list[str] = []
    spoilt: set[str] = set()
    for file in sorted(files):
        for line, cells, unreadable in _lines(file):
            name = cells.get("experiment", "")
            if reason := unreadable or _reason(cells, rows.get(name, [])):
                refused.append(f"{file.name}:{line} {reason}")
                spoilt.add(name)
            rows.setdefault(name, []).append(cells)
            begins.setdefault(name, f"{file.name}:{line}")
    if "" in spoilt:
        refused += [f"{begins[name]} region_unread" for name in rows if name not in spoilt]
        spoilt |= set(rows)
    return ExperimentsRead([_experiment(n, cells) for n, cells in sorted(rows.items()) if n not in spoilt], refused)


def geo_lift_rows(
    experiment: GeoExperiment,
    customers: pads.Dataset,
    orders: pads.Dataset,
    per_eur: Mapping[str, float],
    workdir: Path,
) -> list[dict[str, Any]]:
    """One row per metric. `customers` and `orders` are account A's, `per_eur` is what one EUR buys of a currency."""
    with engine.connect(workdir) as db:
        newest = _placed_orders(db, customers, orders, per_eur)
        last = min(experiment.last_day, newest) if newest else experiment.first_day - _DAY
        sums = {metric: _sums(db, experiment, last, metric) for metric in METRICS}
        unrated = _lacks_a_rate(db, experiment, last)
    return [_row(experiment, metric, sums[metric], last, unrated and metric == "revenue_eur") for metric in METRICS]


def place_of(country: str | None, region: str | None) -> Place | None:
    """The place that two texts mean, None where they mean none.

    >>> place_of("Deutschland", "Bavaria")
    ('de', 'by')
    """
    nation = places.country(country) if country else None
    if nation is None or isinstance(nation, Reason):
        return None
    if not region:
        return nation, ""
    code = states.state_code(region, nation)
    return None if isinstance(code, Reason) else (nation, code)


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str], str]]:
    """Line, trimmed cells by column, and the reason why they cannot be read."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        yield 1, {}, "not_utf8"
        return
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(reader, [])]
    if sorted(header) != sorted(COLUMNS):
        yield 1, {}, "columns"
        return
    for cells in reader:
        named = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        # Spreadsheets write the rows below the last one as well.
        if not any(named.values()):
            continue
        yield reader.line_num, named, "" if len(cells) == len(header) else "columns"


def _reason(cells: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> str:
    """Why a row cannot be used, empty where it can."""
    try:
        before, first, last = (dt.date.fromisoformat(cells[day]) for day in COLUMNS[-3:])
    except ValueError:
        return "not_a_day"
    if not before < first <= last:
        return "days_out_of_order"
    if not cells["experiment"] or cells["arm"] not in ARMS:
        return "empty" if not cells["experiment"] else "not_an_arm"
    place = place_of(cells["country"], cells["region"])
    if place is None:
        return "not_a_region"
    if any(place_of(other.get("country"), other.get("region")) == place for other in others):
        return "region_twice"
    return "other_days" if any(other[day] != cells[day] for other in others[:1] for day in COLUMNS[-3:]) else ""


def _experiment(name: str, rows: Sequence[Mapping[str, str]]) -> GeoExperiment:
    arms: dict[str, set[Place]] = {arm: set() for arm in ARMS}
    for cells in rows:
        place = place_of(cells["country"], cells["region"])
        assert place is not None, "rows without a place are refused"
        arms[cells["arm"]].add(place)
    days = (dt.date.fromisoformat(rows[0][day]) for day in COLUMNS[-3:])
    return GeoExperiment(name, frozenset(arms["treatment"]), frozenset(arms["control"]), *days)


def _placed_orders(
    db: duckdb.DuckDBPyConnection, customers: pads.Dataset, orders: pads.Dataset, per_eur: Mapping[str, float]
) -> dt.date | None:
    """Table `placed`: purchases with their customer's place. The newest day of all orders is returned."""
    import pyarrow as pa

    db.register("customers", customers)
    db.register("orders", orders)
    typed = db.execute("SELECT DISTINCT country, state FROM customers").fetchall()
    known = [(country, state, place_of(country, state) or place_of(country, None)) for country, state in typed]
    read = [(country, state, *place) for country, state, place in known if place is not None]
    names = ("country", "state", "nation", "region")
    db.register("read", pa.table(dict(zip(names, zip(*read, strict=True) if read else [[]] * 4, strict=True))))
    rates = sorted(per_eur.items())
    db.register("rates", pa.table({"currency": [c for c, _ in rates], "per_eur": [rate for _, rate in rates]}))
    db.execute("""
        CREATE TEMP TABLE placed AS
        SELECT o.date, r.nation, r.region, o.price / x.per_eur AS eur,
               o.price IS NOT NULL AND x.per_eur IS NULL AS unrated
        FROM orders o
        JOIN customers c ON c.customer_id = o.customer_id
        JOIN read r ON r.country IS NOT DISTINCT FROM c.country AND r.state IS NOT DISTINCT FROM c.state
        LEFT JOIN rates x ON x.currency = o.currency
        WHERE o.event_type = 'purchase'
    """)
    newest: dt.date | None = db.execute("SELECT max(date) FROM orders").fetchall()[0][0]
    return newest


def _sums(
    db: duckdb.DuckDBPyConnection, experiment: GeoExperiment, last: dt.date, metric: str
) -> dict[Place, tuple[float, float]]:
    """Before and during by place of the experiment; a place with a region is not also part of its country."""
    counted = "1" if metric == "purchases" else "coalesce(eur, 0)"
    rows = db.execute(
        f"""
        SELECT nation, region, sum({counted}) FILTER (date < $first), sum({counted}) FILTER (date >= $first)
        FROM placed WHERE date BETWEEN $before AND $last GROUP BY nation, region
        """,
        {"before": experiment.before_from, "first": experiment.first_day, "last": last},
    ).fetchall()
    wanted = experiment.treated | experiment.control
    found = dict.fromkeys(wanted, (0.0, 0.0))
    for nation, region, before, during in rows:
        place = _of(wanted, nation, region)
        if place in wanted:
            had = found[place]
            found[place] = (had[0] + float(before or 0), had[1] + float(during or 0))
    return found


def _lacks_a_rate(db: duckdb.DuckDBPyConnection, experiment: GeoExperiment, last: dt.date) -> bool:
    """Whether an order of the experiment's places, on its days, has a price that cannot be told in EUR."""
    rows = db.execute(
        "SELECT DISTINCT nation, region FROM placed WHERE unrated AND date BETWEEN $before AND $last",
        {"before": experiment.before_from, "last": last},
    ).fetchall()
    wanted = experiment.treated | experiment.control
    return any(_of(wanted, *place) in wanted for place in rows)


def _of(wanted: Collection[Place], nation: str, region: str) -> Place:
    """The place of an experiment that people live in, if any is: their region, else their country."""
    return (nation, region) if (nation, region) in wanted else (nation, "")


def _row(
    experiment: GeoExperiment, metric: str, sums: Mapping[Place, tuple[float, float]], last: dt.date, unrated: bool
) -> dict[str, Any]:
    arms = {"treated": experiment.treated, "control": experiment.control}
    row: dict[str, Any] = {
        "experiment": experiment.name,
        "metric": metric,
        "treated_regions": len(experiment.treated),
        "control_regions": len(experiment.control),
        "before_from": experiment.before_from,
        "first_day": experiment.first_day,
        "last_day": last if last >= experiment.first_day else None,
    }
    for arm, mine in arms.items():
        for number, when in enumerate(("before", "during")):
            row[f"{arm}_{when}"] = sum(sums[place][number] for place in mine)
    return row | _measured(experiment, sums, last, unrated)


def _measured(
    experiment: GeoExperiment, sums: Mapping[Place, tuple[float, float]], last: dt.date, unrated: bool
) -> dict[str, Any]:
    """The state, and the numbers where there are any."""
    if last < experiment.first_day:
        return {"state": "not_begun"}
    if unrated:
        return {"state": "no_rate"}
    if any(min(pair) <= 0 for pair in sums.values()):
        return {"state": "empty_region"}
    regions = [Region(*pair, treated=place in experiment.treated) for place, pair in sorted(sums.items())]
    try:
        found = geo_lift(regions)
    except PermanentError:
        return {"state": "too_few_regions"}
    return {
        "state": "measured" if last == experiment.last_day else "running",
        "relative_lift": found.relative.value,
        "relative_lift_low": found.relative.low,
        "relative_lift_high": found.relative.high,
        "incremental": found.incremental.value,
        "incremental_low": found.incremental.low,
        "incremental_high": found.incremental.high,
        "p_value": found.p_value,
        "smallest_p": found.smallest_p,
    }
