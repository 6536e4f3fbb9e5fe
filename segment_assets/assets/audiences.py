"""Group `audiences`: who said no, and the hashed audience of every segment.

Belongs here: handing a segment, the suppressions and the plan's policy to the audience room, and publishing.
Not here: normal forms (`identity`), the order of the doors (`audience`).
"""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from segment_assets.assets.common import Owner, as_failure, published, table_metadata
from segment_assets.assets.refusals_shown import column_states, refused_cells
from segment_assets.assets.segments import CLEAN_ROOM_MEMBERS, LANDING_MEMBERS
from segment_assets.assets.who_said_no import COMPARED, compared_with, readable, reading, refuse_a_fall
from segment_assets.automation import UNTIL_IT_IS_MADE
from segment_assets.checks import members_before, policy_version
from segment_assets.contracts import GoneError, Lake, NeedsHumanError, PermanentError, SegmentAssetsError, Snapshot
from segment_assets.partitions import SEGMENTS
from segment_assets.plan import ConsentSource, LandingSegment, Plan
from segment_assets.resources.identity_engine import IdentityEngine, Order
from segment_assets.resources.ports import AccountTables
from segment_assets.resources.secrets import Secrets
from segment_assets.tables import (
    CUSTOMERS,
    ERASURES,
    HASHED_AUDIENCE,
    OPT_OUTS,
    QUARANTINE,
    SEGMENT_MEMBERS,
    SUPPRESSIONS,
)

FORGOTTEN = dg.AssetKey(["audiences", "erasures"])
SUPPRESSED = dg.AssetKey(["audiences", "suppressions"])
HASHED = dg.AssetKey(["audiences", "hashed_audience"])
EVERYBODY = "all"


@dg.asset(
    key=SUPPRESSED,
    group_name="audiences",
    owners=[Owner.AUDIENCES.value],
    kinds={"duckdb", "parquet"},
    deps=[dg.AssetDep(["account_a", "opt_outs"]), dg.AssetDep(["account_a", "customers"]), dg.AssetDep(FORGOTTEN)],
    metadata=table_metadata(SUPPRESSIONS.name),
    automation_condition=UNTIL_IT_IS_MADE,
    # Of two runs the one that ends last would win, and it may have read the older tables.
    pool="suppressions",
)
def suppressions(
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    accounts: dg.ResourceParam[AccountTables],
    secrets: dg.ResourceParam[Secrets],
    workdir: dg.ResourceParam[Path],
) -> dg.MaterializeResult:
    """Everybody who opted out or asked to be forgotten, by every identifier that account A knows of them.

    An opt-out by e-mail so also reaches a record of the same customer that has nothing but a phone number. A table that
    is not there, not as declared, or without many whom it named before is refused: whoever said no stays suppressed,
    and whoever says no in it is suppressed too.
    """
    try:
        snapshot = _suppressions(plan, lake, accounts, secrets.tenant_key(plan.tenant), workdir)
    except SegmentAssetsError as error:
        raise as_failure(error) from error
    return published(snapshot, snapshot.stats)


def _suppressions(plan: Plan, lake: Lake, accounts: AccountTables, key: bytes, workdir: Path) -> Snapshot:
    from segment_assets.audience import build_suppressions

    before, forgotten = lake.current(SUPPRESSIONS.name, EVERYBODY), lake.current(ERASURES.name, EVERYBODY)
    asked = {"erasures": forgotten.id if forgotten else ""}
    workdir.mkdir(parents=True, exist_ok=True)
    build = functools.partial(
        build_suppressions, key=key, workdir=workdir, erasures=lake.dataset(forgotten) if forgotten else None
    )
    compared = compared_with(lake, before) if before else None
    try:
        writer = lake.writer(SUPPRESSIONS.name, EVERYBODY)
        with reading(accounts) as versions:
            tables = accounts.dataset(OPT_OUTS.name), accounts.dataset(CUSTOMERS.name)
            known = lake.dataset(compared) if compared else None
            counts = build(*tables, write=writer.write, before=known).as_stats()
        refuse_a_fall(compared, counts, most=plan.max_opt_out_drop)
        return writer.publish({**counts, **versions, **asked})
    except (NeedsHumanError, PermanentError):
        if before and compared:
            # Nobody is let go, and everybody is heard whom the tables still name.
            added = lake.writer(SUPPRESSIONS.name, EVERYBODY)
            tables = readable(accounts, OPT_OUTS.name), readable(accounts, CUSTOMERS.name)
            build(*tables, write=added.write, kept=lake.dataset(before))
            added.publish({**before.stats, **asked, COMPARED: compared.id})
        raise


@dg.asset(
    key=HASHED,
    group_name="audiences",
    owners=[Owner.AUDIENCES.value],
    kinds={"python", "duckdb", "parquet"},
    partitions_def=SEGMENTS,
    deps=[
        dg.AssetDep(CLEAN_ROOM_MEMBERS, partition_mapping=dg.IdentityPartitionMapping()),
        dg.AssetDep(LANDING_MEMBERS, partition_mapping=dg.IdentityPartitionMapping()),
        dg.AssetDep(SUPPRESSED),
    ],
    metadata=table_metadata(HASHED_AUDIENCE.name),
    automation_condition=UNTIL_IT_IS_MADE,
)
def hashed_audience(
    context: dg.AssetExecutionContext,
    *,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    secrets: dg.ResourceParam[Secrets],
    workdir: dg.ResourceParam[Path],
    identity_engine: dg.ResourceParam[IdentityEngine],
) -> dg.MaterializeResult:
    """One row per person of the segment: SHA-256 digests of normal forms, and the door at which the person stands.

    Doors, in this order: suppressed (opted out), no consent (by region), held out (experiment), eligible. Values that
    are no e-mail, phone, date … are quarantined with a reason code, never hashed. Rows in = people + merged
    duplicates + quarantined rows. Segments with more rows than the plan's engine setting are digested on Spark.
    """
    try:
        members = _current(lake, SEGMENT_MEMBERS.name, context.partition_key, "materialise segment_members first")
        suppressed = _current(lake, SUPPRESSIONS.name, EVERYBODY, "materialise suppressions first")
        policy = policy_of(plan, context.partition_key)
        with _digested_on_spark(context, plan, identity_engine, members, policy) as digested:
            inputs = _Inputs(members, suppressed, policy, digested)
            snapshot, numbers = _build(inputs, plan, lake, secrets, workdir)
    except SegmentAssetsError as error:
        raise as_failure(error) from error
    digested_on = "this process" if digested is None else "spark"
    held = context.partition_key not in plan.segments
    return published(snapshot, {**numbers, "held": held, "digested_on": digested_on})


@dataclasses.dataclass(frozen=True, slots=True)
class _Inputs:
    """What one audience is made of. `digested` are the members' rows, where Spark has digested them."""

    members: Snapshot
    suppressed: Snapshot
    policy: Any
    digested: Iterator[Any] | None


def _digested_on_spark(
    context: dg.AssetExecutionContext, plan: Plan, engine: IdentityEngine, members: Snapshot, policy: Any
) -> contextlib.AbstractContextManager[Iterator[Any] | None]:
    """The members' rows digested on Spark where there are too many for this process, else None."""
    from segment_assets.audience.staging import FORM_COLUMNS

    if members.rows <= plan.engine.in_process_up_to_rows:
        return contextlib.nullcontext()
    return engine.digested(context, Order(members, policy.column_states, FORM_COLUMNS))


def _build(inputs: _Inputs, plan: Plan, lake: Lake, secrets: Secrets, workdir: Path) -> tuple[Snapshot, dict[str, Any]]:
    from segment_assets.audience import build_audience

    members, segment = inputs.members, inputs.members.partition
    before, rows_before = _before(lake, segment)
    workdir.mkdir(parents=True, exist_ok=True)
    writer, quarantine = lake.writer(HASHED_AUDIENCE.name, segment), lake.writer(QUARANTINE.name, f"{segment}/building")
    counts = build_audience(
        lake.dataset(members),
        lake.dataset(inputs.suppressed),
        policy=inputs.policy,
        key=secrets.tenant_key(plan.tenant),
        workdir=workdir,
        write_member=writer.write,
        write_quarantine=quarantine.write,
        digested=inputs.digested,
        before=rows_before,
    )
    stats = {
        **counts.as_stats(),
        "unreadable_rows": members.stats.get("unreadable_rows", 0),
        "members_before": members_before(before, plan, segment),
        "policy": policy_version(plan, segment),
        # When the source was read, not when its people were digested: opt-outs make the same old people anew.
        "source_made_at": members.stats.get("made_at"),
    }
    quarantine.publish({"members": members.id})
    numbers = {name: value for name, value in stats.items() if isinstance(value, int)}
    return writer.publish(stats), {**numbers, **refused_cells(stats), **column_states(stats)}


def _before(lake: Lake, segment: str) -> tuple[Snapshot | None, Any]:
    """The audience as it was and its rows, as far as retention has left them: an old one must not stop the next."""
    before = None
    try:
        before = lake.current(HASHED_AUDIENCE.name, segment)
        return before, lake.dataset(before) if before is not None else None
    except GoneError:
        return before, None


def policy_of(plan: Plan, segment: str) -> Any:
    """The audience room's policy for a segment; a held segment gets the strictest: no assertion, no experiment."""
    from segment_assets.audience import AudiencePolicy, HoldOut, Regime

    planned = plan.segments.get(segment)
    if planned is None:
        return AudiencePolicy()
    experiment = planned.experiment
    drawn = plan.experiments[experiment] if experiment else None
    landed = planned if isinstance(planned, LandingSegment) else None
    elsewhere = Regime.OPT_IN if planned.opt_in_everywhere else Regime.OPT_OUT
    return AudiencePolicy(
        regime_elsewhere=elsewhere,
        consent_asserted=landed is not None and landed.consent is ConsentSource.ASSERTED,
        column_states=dict(landed.column_states) if landed else {},
        experiments=(HoldOut(str(experiment), drawn.salt, drawn.share),) if drawn else (),
    )


def _current(lake: Lake, table: str, partition: str, action: str) -> Snapshot:
    snapshot = lake.current(table, partition)
    if snapshot is None:
        raise PermanentError(f"{table}[{partition}] does not exist yet; {action}")
    return snapshot


ASSETS = [suppressions, hashed_audience]
