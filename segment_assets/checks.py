"""Blocking checks of hashed audiences, and the accounting check of deliveries.

Belongs here: asking the pure judges and reporting their findings. An activation asks the same judges again in its own
run, because a blocking check blocks only inside the run that made the audience.
Not here: what is good or bad (`audience.judging`, `delivery.settling.balanced`).
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from segment_assets.assets.refusals_shown import column_states
from segment_assets.contracts import Lake, NeedsHumanError
from segment_assets.partitions import SEGMENTS
from segment_assets.plan import AudienceGuards, Plan
from segment_assets.tables import DELIVERIES, HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.audience import Finding
    from segment_assets.contracts import Snapshot

HASHED = dg.AssetKey(["audiences", "hashed_audience"])
AUDIENCE_CHECKS = {
    "schema": "The declared columns, one row per person, nothing required missing.",
    "digest_shape": "Every digest is 32 bytes, and nobody who may not be sent has one.",
    "no_digest_of_empty": "No digest is that of an empty text, a blank or a written-out null.",
    "minimum_size": "As many people may be sent as the plan asks for.",
    "quarantine_share": "No more rows are in quarantine than the plan allows.",
    "drift": "The audience did not grow or shrink by more than the plan allows.",
    "column_states": "Columns hold what the plan says, raw or hashed, up to the share that may disagree.",
}

# What a named person may let through for one delivery; the others say that the audience itself is broken.
APPROVABLE = frozenset({"minimum_size", "quarantine_share", "drift"})
_DECIDES_NOBODY = {"guards", "description", "owner", "sensitive", "minors", "allowed_by"}


@contextlib.contextmanager
def _partitioned_checks() -> Iterator[None]:
    """Partitioned checks are in preview; we use them knowingly (see `_audience_checks`), without a warning each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield


def guards_of(plan: Plan, segment: str) -> AudienceGuards:
    """The plan's limits for a segment, the defaults for one that it does not name."""
    planned = plan.segments.get(segment)
    return planned.guards if planned is not None else AudienceGuards()


def judge(lake: Lake, plan: Plan, snapshot: "Snapshot") -> "Sequence[Finding]":
    """All findings about one version of a hashed audience: its counts, and a scan of its rows."""
    from segment_assets.audience import AudienceCounts, AudienceLimits, AudienceStats, audience_stats, inspect
    from segment_assets.audience import judge_audience as judged

    guards = guards_of(plan, snapshot.partition)
    told = audience_stats(snapshot.stats)
    stats = AudienceStats(told.counts, inspect(lake.dataset(snapshot)), told.unreadable_rows)
    before = snapshot.stats.get("members_before")
    previous = AudienceStats(AudienceCounts(members=int(str(before))), stats.inspection) if before else None
    limits = AudienceLimits(
        guards.minimum_size,
        guards.max_quarantine_share,
        guards.max_drift,
        guards.column_state_disagreement_limit,
    )
    return judged(stats, limits, previous)


def policy_version(plan: Plan, segment: str) -> str:
    """Digest of what the plan says about who of a segment may be sent; another plan needs another audience."""
    from segment_assets.delivery.ledger import minted

    planned = plan.segments.get(segment)
    if planned is None:
        return minted("held")
    experiment = plan.experiments[planned.experiment].model_dump_json() if planned.experiment else ""
    # Limits, descriptions and who allowed it decide nothing about a person.
    return minted(planned.model_dump_json(exclude=_DECIDES_NOBODY), experiment)


def failed_findings(lake: Lake, plan: Plan, snapshot: "Snapshot | None") -> "Sequence[Finding]":
    """What keeps an audience from being sent. Raises NeedsHumanError when it was made under another plan."""
    if snapshot is None:
        return []
    built, now = snapshot.stats.get("policy"), policy_version(plan, snapshot.partition)
    if built is not None and built != now:
        raise NeedsHumanError(
            f"hashed_audience[{snapshot.partition}] was made under an earlier plan (consent, experiment or columns "
            "have changed since); materialise it again"
        )
    return [finding for finding in judge(lake, plan, snapshot) if not finding.passed]


def refuse(snapshot: "Snapshot | None", failed: "Sequence[Finding]") -> None:
    """Raise NeedsHumanError with the findings, when there are any."""
    if snapshot is not None and failed:
        said = "; ".join(f"{finding.name}: {finding.message}" for finding in failed)
        raise NeedsHumanError(f"hashed_audience[{snapshot.partition}] may not be sent: {said}")


def members_before(before: "Snapshot | None", plan: Plan, segment: str) -> int | None:
    """What the next audience is compared with: the last one whose own change was within the plan's drift.

    Comparing with a refused audience would let the second file of a broken source pass.
    """
    if before is None:
        return None
    now, then = before.stats.get("members"), before.stats.get("members_before")
    if not isinstance(now, int) or not isinstance(then, int) or not then:
        return now if isinstance(now, int) else None
    return now if abs(now - then) / then <= guards_of(plan, segment).max_drift else then


@_partitioned_checks()
def _audience_checks() -> dg.AssetChecksDefinition:
    # Partitioned like the asset: an unpartitioned check let a bad audience through in an experiment, since the
    # verdict on the last partition counted for all. One step for all of them, because all come of one scan of the rows.
    specs = [
        dg.AssetCheckSpec(name, asset=HASHED, description=description, blocking=True, partitions_def=SEGMENTS)
        for name, description in AUDIENCE_CHECKS.items()
    ]

    @dg.multi_asset_check(name="hashed_audience_checks", specs=specs, can_subset=True)
    def checks(
        context: dg.AssetCheckExecutionContext, plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.AssetCheckResult]:
        snapshot = lake.current(HASHED_AUDIENCE.name, context.partition_key)
        found = {finding.name: finding for finding in judge(lake, plan, snapshot)} if snapshot else {}
        for name in sorted(key.name for key in context.selected_asset_check_keys):
            if snapshot is None:
                yield dg.AssetCheckResult(
                    asset_key=HASHED, check_name=name, passed=False, description="there is no audience to look at"
                )
                continue
            shown = column_states(snapshot.stats) if name == "column_states" else {}
            yield dg.AssetCheckResult(
                asset_key=HASHED,
                check_name=name,
                passed=found[name].passed,
                description=found[name].message,
                metadata={**found[name].numbers, **shown},
            )

    return checks


@_partitioned_checks()
def accounting_check(key: dg.AssetKey, partitions: dg.PartitionsDefinition, prefix: str) -> dg.AssetChecksDefinition:
    """After every delivery of one account: every person of every delivery is accounted for.

    `prefix` is where the account's deliveries are (`<platform>/<account>`); the partition is the segment.
    """

    @dg.asset_check(
        asset=key,
        name="everybody_is_accounted_for",
        description="audience = held out + suppressed + no consent + no usable key + wanted, and so on to the answers.",
        partitions_def=partitions,
    )
    def check(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
        from segment_assets.delivery.settling import balanced

        pair = f"{prefix}/{context.partition_key}"
        numbers = [n for n in lake.partitions(DELIVERIES.name) if n.rsplit("/", 1)[0] == pair]
        broken = {}
        for number in numbers:
            snapshot = lake.current(DELIVERIES.name, number)
            assert snapshot is not None
            for row in lake.dataset(snapshot).to_table().to_pylist():
                broken |= {f"{row['number']}: {equation}": True for equation in balanced(row)}
        said = "; ".join(broken) or f"{len(numbers)} deliveries, every person is accounted for"
        return dg.AssetCheckResult(passed=not broken, description=said, metadata={"deliveries": len(numbers)})

    return check


AUDIENCE_CHECK_DEFINITIONS = [_audience_checks()]
