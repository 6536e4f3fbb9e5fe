"""One delivery before it is opened, and what its ledger says about it as a whole.

Belongs here: the header that a delivery is opened with, its id, its outcome. Not here: sending (`courier`), settling.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Mode
from segment_assets.delivery.ledger import minted
from segment_assets.delivery.ledger_rows import ROWS_VERSION
from segment_assets.delivery.outgoing import begun, rank_of
from segment_assets.delivery.refreshing import is_refresh_due
from segment_assets.delivery.wanted import LATE_SECONDS, SILENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Snapshot
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog
    from segment_assets.delivery.wanted import ChangeCounts


@dataclasses.dataclass(frozen=True, slots=True)
class Leg:
    """One delivery before it is opened: lane, what it starts from and goes to, and the changes in between.

    `mode`: what was done with the people, which is `mirror` where a broken replace is filled up. `said`: what the
    contract says of everybody who is sent, and since when; as the header notes it.
    """

    lane: str
    state: Snapshot | None
    to_snapshot: str
    suppressions: str
    changes: Snapshot
    counts: ChangeCounts
    mode: Mode = Mode.MIRROR
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def leaving_is_due(ledger: AudienceLedger) -> bool:
    """Whether the last delivery left people to be taken out once more, and long enough ago (see LATE_SECONDS)."""
    log = ledger.last()
    closed = log.closed if log is not None else None
    return closed is not None and bool(closed.body.get("leaving")) and ledger.clock() - closed.at >= LATE_SECONDS


def goes_to(ledger: AudienceLedger) -> str:
    """The version that the newest delivery of a pair goes to, empty before the first."""
    log = ledger.last()
    return str(log.header["to_snapshot"]) if log is not None else ""


def outcome(log: DeliveryLog) -> str:
    """How a delivery ended of which everything was sent: `failed` when a job of it failed or came short in the end.

    Likewise where members were passed over whose trouble passes, so that they are asked about again.
    """
    if not sum(log.header["records"].values()):
        return "empty"
    is_passing = any(entry.body.get("passed_over") for entry in log.answered("receipt"))
    has_failed = not {"refused", "in_doubt"}.isdisjoint(log.batch_standings().values())
    return "failed" if is_passing or has_failed else "done"


def is_through(log: DeliveryLog) -> bool:
    """Whether everything of a delivery was sent, and every job of it has ended."""
    sent = sum(count for phase, count in log.header["batches"].items() if phase not in SILENT)
    return not log.open_jobs() and len(log.batch_standings()) >= sent


def is_to_get_through(ledger: AudienceLedger, log: DeliveryLog) -> bool:
    """Whether a delivery of opt-outs is stopped for nobody else who says no, since the one before was.

    Where noes came in more often than jobs took, none was ever acknowledged. The next no so waits for one job at most.
    """
    before = next(itertools.islice(ledger.newest_first(), 1, 2), None)
    return (
        before is not None
        and before.closed is not None
        and log.header["lane"] == before.header["lane"] == "opt_out"
        and before.closed.body["outcome"] == "interrupted"
    )


def outcome_now(log: DeliveryLog) -> str:
    """How a delivery ended that is not gone on with, whatever is left of it."""
    return outcome(log) if is_through(log) else "interrupted"


def is_noted(ledger: AudienceLedger, audience: Snapshot, errand: Errand) -> bool:
    """True when the last delivery, opt-outs aside, already says what is there, and what becomes of it.

    A pair that the plan names no more is dealt with by its ledger alone, so a new `on_removal` has to be in there, and
    so has the day on which members have to be refreshed.
    """
    if is_refresh_due(ledger, errand.wanted.contract, clock=ledger.clock()):
        return False
    for log in ledger.newest_first():
        if log.header["lane"] != "opt_out":
            return bool(log.header["to_snapshot"] == audience.id and log.header["on_removal"] == errand.on_removal)
    return False


def state_date(ledger: AudienceLedger) -> float:
    """When the state that the next delivery starts from was noted, in seconds since the epoch; 0 before the first."""
    log = ledger.last()
    return log.closed.at if log is not None and log.closed is not None else 0.0


def header(ledger: AudienceLedger, errand: Errand, leg: Leg) -> dict[str, Any]:
    """What a delivery is opened with. The id is a digest of everything that decides what the delivery does."""
    pair, last, counts = errand.pair, ledger.last(), leg.counts
    previous = str(last.header["delivery_id"]) if last is not None else ""
    last_rank = rank_of(last.header) if last is not None else 0
    version = str(errand.wanted.contract.version)
    from_state = leg.state.id if leg.state else ""
    names = (pair.tenant, pair.destination, pair.account, pair.segment)
    # The previous id is part of it, so that going back and forth between two audiences never repeats an id. The changes
    # stand for the state, which holds times: a rehearsal has the same id as what is then sent.
    delivery_id = minted(*names, previous, leg.lane, leg.mode.value, leg.changes.id, leg.to_snapshot, version)
    return {
        "delivery_id": delivery_id,
        "previous_delivery": previous,
        "lane": leg.lane,
        "mode": leg.mode.value,
        "from_state": from_state,
        # Members of a state from before dates were kept count as of then.
        "state_date": state_date(ledger),
        # Whatever the clock of the machine that closed the delivery before said, the newer delivery counts.
        "rank": max(begun(state_date(ledger)), last_rank + 1),
        "to_snapshot": leg.to_snapshot,
        "suppressions": leg.suppressions,
        "changes": leg.changes.id,
        "contract_version": version,
        "forms": list(errand.wanted.forms),
        "on_removal": errand.on_removal,
        "is_exclusion": errand.wanted.keep_held_out,
        "rows": ROWS_VERSION,
        "counts": {name: getattr(counts, name) for name in _PEOPLE},
        "batches": dict(counts.batches),
        "records": dict(counts.records),
        "refresh_due": counts.refresh_due,
        "expiry_days": errand.wanted.contract.expiry_days,
        **({"lanes": dict(counts.lanes)} if counts.lanes else {}),
        **leg.said,
    }


_PEOPLE = (
    "audience", "held_out", "suppressed", "no_consent", "no_usable_key", "wanted", "last_known",
    "unchanged", "refreshed", "known_refused", "changed", "adds", "not_added", "removes", "kept",
)  # fmt: skip
