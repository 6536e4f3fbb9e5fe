"""A replace that broke off: its session is ended, and its audience is filled up before anything else goes there.

Belongs here: what was left of a replace, by the ledger, and the request that ends its session. Not here: the order of a
run (`run`, `steps`), the wire format (`destinations`), what a replace takes out and in (`modes`).

The first batch of a replace takes everybody out, and nothing else may edit the audience until its session has ended. So
a replace that stops between two batches is never begun again: its session is ended with a member who is there already,
and who is missing goes by single changes. A platform that does not take that request lets the session end by itself.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import Mode, NeedsHumanError, Operation, PermanentError, TransientError
from segment_assets.delivery.gate import heard
from segment_assets.delivery.outgoing import Batch, batches, request_digest, session_of
from segment_assets.delivery.records import is_suppressed, load_suppressions
from segment_assets.tables import CHANGES

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow.dataset as pads

    from segment_assets.contracts import Contract, Destination, Lake, Member, Snapshot, Transport
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Pair
    from segment_assets.delivery.wanted import ChangeCounts

# Of the window that a platform gives for a replace, this much is left to waiting and trying again.
_SAFETY = 0.5


def broken_off(ledger: AudienceLedger) -> str:
    """The audience that a broken replace was for and that is not there yet, empty when there is none.

    A replace whose first batch was never sent took nobody out, so it left nothing to finish.
    """
    for log in ledger.newest_first():
        closed = log.closed
        if log.header["lane"] == "opt_out" or closed is None:
            continue
        if log.header["lane"] != "audience" or closed.body["outcome"] in {"done", "empty"}:
            return ""
        if has_begun(log):
            return str(log.header["to_snapshot"])
    return ""


def has_begun(log: DeliveryLog) -> bool:
    """Whether the first batch of a replace was sent, whatever became of it, and not refused."""
    return log.batch_standings().get(("replace", 1), "refused") != "refused"


def rests_until(ledger: AudienceLedger, contract: Contract, *, after_anything: bool = False) -> float:
    """Until when a platform that keeps no order may still work on what took everybody out; 0 for any other.

    `after_anything`: for what takes everybody out, which has to be the last there is. Seconds since the epoch.
    """
    rest = contract.replacing.rest_seconds if contract.replacing else 0.0
    for log in ledger.newest_first() if rest else ():
        took_out = log.header["lane"] == "withdrawal" or has_begun(log)
        # Single people cannot be taken out there, so an opt-out by itself has sent nothing.
        has_sent = took_out or (log.header["lane"] != "opt_out" and log.answered("intent"))
        if log.closed is not None and has_sent:
            return log.closed.at + rest if took_out or after_anything else 0.0
    return 0.0


def refuse_what_cannot_be_replaced(counts: ChangeCounts, contract: Contract) -> None:
    """Raise PermanentError for a replace that the platform would not take, or not in time. Nothing was sent."""
    replacing = contract.replacing
    if replacing is None:
        modes = ", ".join(mode.value for mode in contract.modes)
        raise PermanentError(f"{contract.platform} has no replace; change the mode in the plan to one of {modes}")
    number, size = counts.batches.get("replace", 0), counts.records.get("replace", 0)
    if size > replacing.most_members:
        raise PermanentError(
            f"{contract.platform} replaces audiences of at most {replacing.most_members} members, and this has {size}; "
            "change the mode in the plan to mirror"
        )
    seconds = number / contract.quota.requests * contract.quota.per_seconds
    if seconds > replacing.window_seconds * _SAFETY:
        raise PermanentError(
            f"{contract.platform} gives a replace {replacing.window_seconds:.0f} s, and {number} requests take "
            f"{seconds:.0f} s of them or more; change the mode in the plan to mirror"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """Ends the session of a replace that goes no further. `key` is the tenant's, for the digest of the request."""

    pair: Pair
    lake: Lake
    destination: Destination
    transport: Transport
    key: bytes
    workdir: Path

    def end(self, log: DeliveryLog, audience_id: str, suppressions: Snapshot | None) -> None:
        """Send one member who is there already, as the last of the session. Does nothing where there is nobody to send.

        An answer is not needed: a session that was never seen or has ended by itself is ended as well, and a platform
        that is away lets it end in its own time. A platform that keeps no order has no session: it is left to rest.
        Raises FencedError when another run took over.
        """
        replacing = self.destination.contract.replacing
        has_session = replacing is None or not replacing.rest_seconds
        if not has_begun(log) or not has_session or log.answered("session_ended"):
            return
        changes = self.lake.dataset(self.lake.snapshot(CHANGES.name, self.pair.partition, log.header["changes"]))
        found = self._somebody(log, changes, suppressions)
        if found is None:
            return
        batch, member = found
        session = dataclasses.replace(
            session_of(log.header, batch), sequence=log.header["batches"]["replace"] + 1, last=True
        )
        request = self.destination.request(audience_id, Operation.REPLACE, [member], session)
        log.chain.append("ending", {"request_digest": request_digest(self.key, request)})
        try:
            with heard(self.transport):
                answer = self.destination.read([member], session, self.transport.send(request))
        except (TransientError, PermanentError, NeedsHumanError) as said:
            code = said.code or type(said).__name__
        else:
            code = answer.code
        log.chain.append("session_ended", {"code": code})

    def _somebody(
        self, log: DeliveryLog, changes: pads.Dataset, suppressions: Snapshot | None
    ) -> tuple[Batch, Member] | None:
        """A member of the batches that were sent who did not say no; the whole batch with them."""
        said_no = self._said_no(changes, suppressions)
        standings = log.batch_standings()
        refused = {member for entry in log.answered("receipt") for member in entry.body["rejected_members"]}
        for batch in batches(changes):
            if batch.phase == "replace" and standings.get((batch.phase, batch.number)) in {"acknowledged", "in_doubt"}:
                for member in batch.members:
                    if member.member_id not in said_no and member.member_id.hex() not in refused:
                        return batch, member
        return None

    def _said_no(self, changes: pads.Dataset, suppressions: Snapshot | None) -> set[bytes]:
        if suppressions is None:
            return set()
        with engine.connect(self.workdir) as db:
            load_suppressions(db, self.lake.dataset(suppressions))
            db.register("changes", changes)
            rows = db.execute(f"SELECT member_id FROM changes a WHERE phase = 'replace' AND ({is_suppressed('a')})")
            return {bytes(row[0]) for row in rows.fetchall()}


def mode_of(mode: Mode, counts: ChangeCounts) -> Mode:
    """The mode that a delivery has in the ledger: an empty list in the place of another is made by single changes."""
    return mode if mode is not Mode.REPLACE or counts.batches.get("replace") else Mode.MIRROR
