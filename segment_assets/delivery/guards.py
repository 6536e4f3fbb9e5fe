"""Guards: what stops a delivery before anything is sent, and asks a person.

Belongs here: limits on what a delivery would do to an audience, and on what its audience is made of. Opt-outs never
pass through here. Not here: the quality of the audience itself (`audience.judging`), who may let one through
(`approvals`).
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING

from segment_assets.contracts import NeedsHumanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from segment_assets.contracts import Contract
    from segment_assets.delivery.approvals import Desk
    from segment_assets.delivery.ledger import Pair
    from segment_assets.delivery.wanted import ChangeCounts


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """One guard's no. `amount` says how far it goes: an approval holds for that much and no more.

    `numbers` are counts for the person who decides. `of_audience`: holds also when there is nothing to send.
    """

    guard: str
    message: str
    amount: float = 0.0
    numbers: Mapping[str, float] = dataclasses.field(default_factory=dict)
    of_audience: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class GuardRails:
    """The plan's limits for one pair. `max_removal_share` is of the people that the platform holds.

    `found` tells what speaks against the audience and its source; it is asked after the opt-outs. `desk` knows what a
    person has approved; without one nothing is.
    """

    max_removal_share: float = 0.3
    found: Callable[[], Sequence[Stop]] = tuple
    desk: Desk | None = None


def stop_what_needs_a_human(pair: Pair, counts: ChangeCounts, rails: GuardRails, contract: Contract) -> None:
    """Raise NeedsHumanError, with the numbers, when something goes beyond the rails and nobody has approved it."""
    found = [stop for stop in rails.found() if stop.of_audience or not counts.nothing_to_send]
    stops = [*found, *_stopped_removals(pair, counts, rails, contract)]
    if rails.desk is not None:
        stops = rails.desk.not_approved(stops)
    if stops:
        said = ". ".join(stop.message for stop in stops)
        raise NeedsHumanError(said + (f". {rails.desk.how_to_approve()}" if rails.desk is not None else ""))


def _stopped_removals(pair: Pair, counts: ChangeCounts, rails: GuardRails, contract: Contract) -> Iterator[Stop]:
    if not counts.removes:
        return
    numbers = {"removes": counts.removes, "last_known": counts.last_known, "wanted": counts.wanted}
    if not counts.wanted:
        yield Stop(
            "empty_source",
            f"{pair}: the segment is empty, and {counts.removes} people would be taken out. "
            "If that is meant, remove the activation from the plan; if not, look at the segment's source",
            counts.removes,
            numbers,
        )
        return
    share = counts.removes / counts.last_known
    if share > rails.max_removal_share:
        yield Stop(
            "removal_share",
            f"{pair}: {counts.removes} of {counts.last_known} people ({share:.0%}) would be taken out, above "
            f"the plan's max_removal_share of {rails.max_removal_share:.0%}. If that is meant, raise the limit in the "
            "plan for this activation; if not, look at the segment's source. Opt-outs were delivered before this check",
            counts.removes,
            numbers,
        )
    if counts.wanted < contract.minimum_members <= counts.last_known:
        yield Stop(
            "below_minimum",
            f"{pair}: {counts.wanted} people would remain, below the {contract.minimum_members} that "
            f"{contract.platform} needs to use an audience. Decide whether to end the activation in the plan",
            contract.minimum_members - counts.wanted,
            numbers,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What is known of an audience's source without opening it. `made_at` in seconds since the epoch, None if unknown.

    `filled` counts the people who have each of the columns that the pair is sent.
    """

    rows: int
    filled: Mapping[str, int]
    made_at: float | None = None


def stopped_sources(
    pair: Pair, source: Source, before: Sequence[Source], *, max_drop: float, max_age_days: float | None, now: float
) -> Iterator[Stop]:
    """Compare a source with those of earlier audiences of the pair, newest first: short, old, or without a column."""
    usual = statistics.median(one.rows for one in before) if before else 0
    if usual and source.rows < usual * (1 - max_drop):
        yield Stop(
            "short_source",
            f"{pair}: the source has {source.rows} rows where the last {len(before)} had {usual:g} in the middle, "
            f"{1 - source.rows / usual:.0%} less and more than the plan's max_source_drop of {max_drop:.0%}. Look "
            "whether the export was cut off",
            numbers={"rows": source.rows, "usual_rows": usual},
        )
    days = (now - source.made_at) / 86_400 if source.made_at is not None else 0.0
    if max_age_days is not None and days > max_age_days:
        yield Stop(
            "stale_source",
            f"{pair}: the source was read {days:.0f} days ago, and the plan's max_age_days is {max_age_days:g}. Look "
            "whether its export or query still runs",
            numbers={"days": round(days, 1), "max_age_days": max_age_days},
        )
    last = before[0].filled if before else {}
    for column, people in sorted(last.items()):
        if people and source.rows and not source.filled.get(column, 0):
            yield Stop(
                f"schema_drift:{column}",
                f"{pair}: {people} people had {column} in the audience before and nobody has it now. Look whether a "
                "column of the source was renamed or left out",
                numbers={"people_before": people},
            )
