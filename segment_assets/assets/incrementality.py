"""What activations cost and what they caused: `spend` and `audience_incrementality`.

Belongs here: finding the inputs of both, publishing. Not here: reading files and statistics (`measurement`).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.activations import LEDGER_TABLES
from segment_assets.assets.audiences import HASHED
from segment_assets.assets.common import Owner, published, table_metadata
from segment_assets.assets.experiments import ALL, PEOPLE
from segment_assets.assets.invariants import checked, invariant_specs
from segment_assets.assets.sources import all_rows
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake, PermanentError, Snapshot
from segment_assets.plan import Plan, Use
from segment_assets.resources.ports import AccountTables, Landing
from segment_assets.resources.secrets import Secrets
from segment_assets.tables import (
    AUDIENCE_INCREMENTALITY,
    AUDIENCE_SIZES,
    CONVERSIONS,
    DELIVERIES,
    HASHED_AUDIENCE,
    HOLD_OUT_PEOPLE,
    SPEND,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pyarrow.dataset as pads

    from segment_assets.measurement.arms import Period
    from segment_assets.measurement.incrementality import Trial

SPENT = dg.AssetKey(["account_a", SPEND.name])
CAUSED = dg.AssetKey(["activation_insights", AUDIENCE_INCREMENTALITY.name])
# A week of the calendar or a segment that was never made, or spend that never landed, holds nothing up: what is missing
# leaves numbers empty.
ON_NEW_NUMBERS = ON_NEW_VERSIONS.replace(
    "an input was never made",
    dg.AutomationCondition.any_deps_missing()
    .allow(dg.AssetSelection.assets(PEOPLE))
    .with_label("nobody was ever assigned"),
)
# Beside the folder `segments` of the landing area.
FOLDER = "spend"
# The covariate's time. Four whole weeks, so that every weekday counts equally.
_BEFORE = dt.timedelta(days=28)
_DAY = dt.timedelta(days=1)
_Rows = Sequence[Mapping[str, Any]]


@dg.asset(
    key=SPENT,
    group_name="collaboration",
    owners=[Owner.INSIGHTS.value],
    kinds={"csv", "parquet"},
    metadata=table_metadata(SPEND.name),
    check_specs=invariant_specs(SPEND, SPENT),
)
def spend(
    lake: dg.ResourceParam[Lake], landing: dg.ResourceParam[Landing], workdir: dg.ResourceParam[Path]
) -> dg.MaterializeResult:
    """What each segment cost on each account by day, from the files in `landing/spend`.

    Files are spend*.csv and exchange_rates*.csv. Several rows of one day add up. A row that cannot be read is left out
    and counted by reason, with file and line.
    """
    import pyarrow as pa

    from segment_assets.measurement.spend import read_spend

    with landing.beside(FOLDER) as files:
        found = read_spend(files)
    sums: dict[tuple[Any, ...], float] = {}
    for row in found.rows:
        key = (row.day, row.destination, row.account, row.segment, row.currency)
        sums[key] = sums.get(key, 0.0) + row.amount
    rows = [
        dict(zip(SPEND.grain, key, strict=True))
        | {"amount": amount, "per_eur": (rate := found.per_eur.get(key[-1])), "amount_eur": rate and amount / rate}
        for key, amount in sorted(sums.items())
    ]
    table = pa.Table.from_pylist(rows, SPEND.arrow_schema())
    writer = lake.writer(SPEND.name, ALL)
    writer.write(table)
    # Refused rows by place and reason: their cells may hold anything, so none is shown.
    refused = [f"{row.file}:{row.line} {row.reason}" for row in found.refused]
    snapshot = writer.publish({"per_eur": found.per_eur, "refused_rows": len(refused)})
    made = published(snapshot, {"refused_rows": len(refused), "refused": refused[:20]})
    return checked(made, SPEND, table, workdir)


@dg.asset(
    key=CAUSED,
    group_name="activation_insights",
    owners=[Owner.INSIGHTS.value],
    kinds={"python", "duckdb", "parquet"},
    deps=[
        dg.AssetDep(PEOPLE),
        dg.AssetDep(HASHED, partition_mapping=dg.AllPartitionMapping()),
        *(dg.AssetDep(["ledger", table.name]) for table in LEDGER_TABLES),
        dg.AssetDep(["account_a", CONVERSIONS.name], partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(SPENT),
    ],
    metadata=table_metadata(AUDIENCE_INCREMENTALITY.name),
    check_specs=invariant_specs(AUDIENCE_INCREMENTALITY, CAUSED),
    automation_condition=ON_NEW_NUMBERS,
)
def audience_incrementality(
    *,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    accounts: dg.ResourceParam[AccountTables],
    secrets: dg.ResourceParam[Secrets],
    workdir: dg.ResourceParam[Path],
) -> dg.MaterializeResult:
    """What activating each segment of an experiment caused, against its randomised hold-out, and what that cost.

    People are compared by the arm that they were assigned to, whatever they were sent (intention to treat).
    """
    import pyarrow as pa

    from segment_assets.measurement.incrementality import rows_of

    trials = _trials(plan, lake, accounts, secrets.tenant_key(plan.tenant), workdir)
    rows = [row for trial in trials for row in rows_of(trial)]
    table = pa.Table.from_pylist(rows, AUDIENCE_INCREMENTALITY.arrow_schema())
    writer = lake.writer(AUDIENCE_INCREMENTALITY.name, ALL)
    writer.write(table)
    measured = sum(row["state"] == "measured" for row in rows)
    return checked(published(writer.publish({}), {"measured": measured}), AUDIENCE_INCREMENTALITY, table, workdir)


def _trials(plan: Plan, lake: Lake, accounts: AccountTables, key: bytes, workdir: Path) -> "Iterator[Trial]":
    """Every segment of an experiment that was ever delivered where a hold-out counts."""
    from segment_assets.audience.staging import pseudonyms
    from segment_assets.measurement.arms import add_up
    from segment_assets.measurement.incrementality import OnAccount, Trial

    excluding = {(*_account(plan, a.account), a.segment) for a in plan.activations if a.use is Use.EXCLUDE}
    deliveries = [
        row
        for row in all_rows(lake, DELIVERIES.name).to_table().to_pylist()
        if row["lane"] == "audience" and not _is_exclusion(row, excluding)
    ]
    sizes = all_rows(lake, AUDIENCE_SIZES.name).to_table().to_pylist()
    spent, rates = _spent(lake)
    newest = _newest_orders(accounts)
    for segment, planned in sorted(plan.segments.items()):
        mine = sorted((row for row in deliveries if row["segment"] == segment), key=lambda row: row["opened_at"])
        if planned.experiment is None or not mine:
            continue
        assigning = _assigning(mine)
        period = _period(assigning, [row["day"] for row in spent if row["segment"] == segment], newest)
        versions = _versions(lake, segment, assigning)
        arms = None
        if versions is not None:
            arms = add_up(
                [lake.dataset(version) for version in versions],
                _in_experiment(lake, planned.experiment),
                accounts.dataset(CONVERSIONS.name),
                period=period,
                per_eur=rates,
                pseudonyms=lambda customers: pseudonyms(key, "customer", customers),
                workdir=workdir,
            )
        places = sorted({(row["destination"], row["account"]) for row in mine})
        on = [
            OnAccount(*place, *_answered(mine, sizes, segment, place), _spent_on(spent, segment, place, period))
            for place in places
        ]
        share = plan.experiments[planned.experiment].share
        yield Trial(planned.experiment, segment, share, arms, period if newest >= period.first else None, on)


def _is_exclusion(row: Mapping[str, Any], excluding: "Collection[tuple[str, str, str]]") -> bool:
    """Of a delivery that did not note it the plan's word of today is taken."""
    noted = row["is_exclusion"]
    return (row["destination"], row["account"], row["segment"]) in excluding if noted is None else bool(noted)


def _newest_orders(accounts: AccountTables) -> dt.date:
    """The newest day that any row of the orders is of: the file of a week may end in the middle of it."""
    import pyarrow.compute as pc

    for week in reversed(accounts.weeks(CONVERSIONS.name)):
        batches = accounts.dataset(CONVERSIONS.name, week).to_batches(columns=["date"])
        days = [day for batch in batches if (day := pc.max(batch.column(0)).as_py()) is not None]
        if days:
            return min(max(days), dt.date.fromisoformat(week) + 6 * _DAY)
    return dt.date.min


def _account(plan: Plan, name: str) -> tuple[str, str]:
    return plan.accounts[name].destination, plan.accounts[name].account


def _assigning(deliveries: _Rows) -> _Rows:
    """Deliveries from the first one on that kept anybody back: those before it are older than the experiment.

    All of them, where nobody was ever kept back.
    """
    keeping = (number for number, row in enumerate(deliveries) if row["held_out"])
    return deliveries[next(keeping, 0) :]


def _period(deliveries: _Rows, spent_on: Sequence[dt.date], newest: dt.date) -> "Period":
    """No order is an outcome before the first delivery, nor before the campaign that it was for began to cost money."""
    from segment_assets.measurement.arms import Period

    assigned: dt.date = deliveries[0]["opened_at"].date()
    first = max(assigned, min(spent_on, default=assigned))
    return Period(assigned - _BEFORE, assigned, first, max(newest, first - _DAY))


def _versions(lake: Lake, segment: str, deliveries: _Rows) -> list[Snapshot] | None:
    """The delivered audiences, oldest first. None as soon as one is past its retention.

    Who it had and the others lack has often left because of the campaign: the others alone would compare survivors.
    """
    wanted = dict.fromkeys(row["to_snapshot"] for row in deliveries if row["to_snapshot"])
    try:
        return [lake.snapshot(HASHED_AUDIENCE.name, segment, version) for version in wanted]
    except PermanentError:
        return None


def _in_experiment(lake: Lake, experiment: str) -> "pads.Dataset":
    import pyarrow.dataset as pads

    people = all_rows(lake, HOLD_OUT_PEOPLE.name)
    return people.filter(pads.field("experiment") == experiment)


def _answered(
    deliveries: _Rows, sizes: _Rows, segment: str, place: tuple[str, str]
) -> tuple[int, int | None, int | None]:
    """Accepted people after the last delivery to an account, and the range that the platform said last."""
    newest = max((row for row in deliveries if _place(row) == place), key=lambda row: row["number"])
    asked = [row for row in sizes if row["segment"] == segment and _place(row) == place]
    last: Mapping[str, Any] = max(asked, key=lambda row: row["asked_at"], default={})
    accepted = (newest["unchanged"] or 0) + (newest["accepted"] or 0)
    return accepted, last.get("size_lower"), last.get("size_upper")


def _spent(lake: Lake) -> tuple[_Rows, Mapping[str, float]]:
    snapshot = lake.current(SPEND.name, ALL)
    if snapshot is None:
        return [], {"EUR": 1.0}
    rates: Any = snapshot.stats["per_eur"]
    return lake.dataset(snapshot).to_table().to_pylist(), rates


def _spent_on(spent: _Rows, segment: str, place: tuple[str, str], period: "Period") -> float | None:
    """In EUR, of the days whose orders are outcomes; None where some of them have not landed, or a currency's rate.

    Files land for an account: a day is known where it has a row of any segment, of 0 where nothing was spent.
    Three days of spend against the orders of three weeks would be a return seven times too high, wherever the lacking
    days are: a file that never came is told from a pause by nothing else.
    """
    of_account = [row for row in spent if _place(row) == place]
    mine = [row for row in of_account if row["segment"] == segment and period.first <= row["day"] <= period.last]
    told = {row["day"] for row in of_account}
    days = range((period.last - period.first).days + 1)
    if not mine or any(period.first + day * _DAY not in told for day in days):
        return None
    amounts = [row["amount_eur"] for row in mine]
    return None if None in amounts else sum(amounts)


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["destination"], row["account"]


ASSETS = [spend, audience_incrementality]
