"""One delivery before it is opened, and what its ledger says about it as a whole.

Belongs here: the header that a delivery is opened with, its id, its outcome. Not here: sending (`courier`), settling.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.ledger import minted
from segment_assets.delivery.wanted import LATE_SECONDS

if TYPE_CHECKING:
    from segment_assets.contracts import Snapshot
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog
    from segment_assets.delivery.wanted import ChangeCounts


@dataclasses.dataclass(frozen=True, slots=True)
class Leg:
    """One delivery before it is opened: lane, what it starts from and goes to, and the changes in between."""

    lane: str
    state: Snapshot | None
    to_snapshot: str
    suppressions: str
    changes: Snapshot
    counts: ChangeCounts


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
    """How a delivery ended of which everything was sent: `failed` when a job of it failed in the end."""
    if not sum(log.header["records"].values()):
        return "empty"
    return "failed" if "refused" in log.batch_standings().values() else "done"


def is_noted(ledger: AudienceLedger, audience: Snapshot, on_removal: str) -> bool:
    """True when the last delivery, opt-outs aside, already says what is there, and what becomes of it.

    A pair that the plan names no more is dealt with by its ledger alone, so a new `on_removal` has to be in there.
    """
    for log in reversed(list(ledger.deliveries())):
        if log.header["lane"] != "opt_out":
            return bool(log.header["to_snapshot"] == audience.id and log.header["on_removal"] == on_removal)
    return False


def header(ledger: AudienceLedger, errand: Errand, leg: Leg) -> dict[str, Any]:
    """What a delivery is opened with. The id is a digest of everything that decides what the delivery does."""
    pair, last, counts = errand.pair, ledger.last(), leg.counts
    previous = str(last.header["delivery_id"]) if last is not None else ""
    version = str(errand.wanted.contract.version)
    from_state = leg.state.id if leg.state else ""
    names = (pair.tenant, pair.destination, pair.account, pair.segment)
    # The previous id is part of it, so that going back and forth between two audiences never repeats an id.
    delivery_id = minted(*names, previous, leg.lane, from_state, leg.to_snapshot, version)
    return {
        "delivery_id": delivery_id,
        "previous_delivery": previous,
        "lane": leg.lane,
        "from_state": from_state,
        "to_snapshot": leg.to_snapshot,
        "suppressions": leg.suppressions,
        "changes": leg.changes.id,
        "contract_version": version,
        "forms": list(errand.wanted.forms),
        "on_removal": errand.on_removal,
        "counts": {name: getattr(counts, name) for name in _PEOPLE},
        "batches": dict(counts.batches),
        "records": dict(counts.records),
    }


_PEOPLE = (
    "audience", "held_out", "suppressed", "no_consent", "no_usable_key", "wanted", "last_known",
    "unchanged", "known_refused", "changed", "adds", "removes",
)  # fmt: skip
