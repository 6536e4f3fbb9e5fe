"""People who asked to be forgotten, on one platform account: asked of the platform by its own call, where it has one.

Belongs here: the order of one run (whom it was ever sent, the removal first, the call, what was answered). Not here:
finding people (`ever_sent`), the call (`destinations`), what then stands (`erasure_standing`), their removal from
audiences, which the opt-out lane does as for every no (`leaving`).

Everybody is also among the suppressions, so nobody is added again. Nothing is sent of people whom the account was never
sent: a request to be forgotten would tell it of them. The ledger is as of an audience, below `erasures/`: a delivery
each time that there is somebody to ask about, with an intent before each call and a receipt after it. A call is
repeated where its answer is not known, which does no harm on any of these platforms.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, cast

from segment_assets import engine
from segment_assets.contracts import SegmentAssetsError
from segment_assets.delivery.courier import Courier, Patience
from segment_assets.delivery.erasure_answers import answers
from segment_assets.delivery.erasure_standing import STANDINGS, TAKEN_ON, TAKEN_OUT, Account, Forgotten
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.ever_sent import EverSent, ever_sent
from segment_assets.delivery.filling import FilledBatches
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, FencedError, Pair, utc
from segment_assets.delivery.legs import Leg, header, outcome
from segment_assets.delivery.records import columns, counted, load_state, sent_to_remove, write_batches
from segment_assets.delivery.rereading import by_reading, reread
from segment_assets.delivery.wanted import FORMS, Wanted
from segment_assets.tables import CHANGES, ERASED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.contracts import (
        Answer,
        Clock,
        Contract,
        Destination,
        ErasingDestination,
        Lake,
        Member,
        Operation,
        Request,
        Response,
        Session,
        Sleep,
        Snapshot,
        Transport,
    )
    from segment_assets.delivery.ledger import DeliveryLog
    from segment_assets.delivery.wanted import ChangeCounts

__all__ = ["Eraser", "ErasurePair", "Forgotten"]

# In a closing entry: the rows of its unproven batches say so. Earlier versions wrote that they were acknowledged.
_MARKED = "unproven_rows_marked"


class ErasurePair(Pair):
    """An account as a whole, in the place of one audience of it."""

    __slots__ = ()

    @property
    def prefix(self) -> str:
        """Where the account's erasures are."""
        return self.partition

    @property
    def partition(self) -> str:
        """Partition of the tables that are kept per account."""
        return f"erasures/{self.destination}/{self.account}"

    def __str__(self) -> str:
        return f"{self.destination}/{self.account}[erasures]"


class Eraser:
    """Has people forgotten by one destination account, over one lake. `key` keys the request digests of receipts."""

    def __init__(
        self,
        lake: Lake,
        destination: ErasingDestination,
        transport: Transport,
        *,
        pair: ErasurePair,
        key: bytes,
        workdir: Path,
        clock: Clock = time.time,
        sleep: Sleep = time.sleep,
        patience: Patience | None = None,
    ) -> None:
        self._lake, self._transport, self._pair, self._key = lake, transport, pair, key
        self._workdir, self._clock = workdir, clock
        self._ledger = AudienceLedger(lake, pair, clock)
        self._erasure = destination.contract.erasure
        self._call = _Call(destination, _of_calls(destination.contract))
        self._sleep, self._patience = sleep, patience or Patience()

    def run(self, erasures: Snapshot, *, removal_until: float = 0.0) -> Forgotten:
        """Ask about everybody named by `erasures` (ERASURES) who was ever sent there and is not forgotten yet.

        Nobody is asked about before their time while an audience of the account holds them: a platform that forgets
        somebody first may answer their removal with an error. `removal_until` (seconds since the epoch) is that time
        for the newest of `erasures`. Whoever asked earlier has theirs as much earlier, so that new requests put off
        nobody's.
        Raises TransientError, PermanentError or NeedsHumanError; what was answered by then is noted.
        """
        log = self._ledger.last()
        if log is not None and log.closed is None:
            self._close(log, "interrupted")
        sent = self._ever_sent(erasures)
        left = removal_until - self._clock() - sent.newest
        waiting = {member for member, asked_at in sent.there.items() if asked_at + left > 0}
        if self._erasure is not None:
            records = self._not_asked(sent, waiting)
            if records.num_rows:
                for contract, ours in by_reading(records, self._call.contract):
                    self._ask(self._call.by(contract), ours, erasures)
        else:
            self._remember(sent)
        return self._standing(sent, waits=bool(waiting))

    def look(self, erasures: Snapshot) -> Forgotten:
        """Where the account stands with everybody named by `erasures` (ERASURES); the platform is asked nothing."""
        sent = self._ever_sent(erasures)
        if self._erasure is None:
            self._remember(sent)
        return self._standing(sent, waits=False)

    def _ever_sent(self, erasures: Snapshot) -> EverSent:
        account = (self._pair.tenant, self._pair.destination, self._pair.account)
        named = self._lake.dataset(erasures)
        return ever_sent(self._lake, account, named, workdir=self._workdir, clock=self._clock)

    def _not_asked(self, sent: EverSent, waiting: set[bytes]) -> pa.Table:
        """The records that the platform has not acknowledged to have forgotten, each once, as in ACKNOWLEDGED.

        Those of the people in `waiting` are left out.
        """
        import pyarrow as pa

        # A record was asked about as it was added and as it was taken out, the latter with fewer of its keys.
        by_person = ["member_id"] if self._by_member else ["member_id", "record_id"]
        is_same = " AND ".join(f"a.{name} = s.{name}" for name in by_person)
        with engine.connect(self._workdir) as db:
            db.register("sent", sent.records)
            db.register("asked", self._asked())
            db.register("waiting", pa.table({"member_id": pa.array(sorted(waiting), pa.binary(32))}))
            found: pa.Table = db.sql(f"""
                SELECT member_id, record_id, 'acknowledged' AS standing, NULL::TIMESTAMPTZ AS answered_at,
                       {", ".join(FORMS)}
                FROM sent s
                WHERE NOT EXISTS (SELECT 1 FROM asked a WHERE a.standing IN {TAKEN_ON} AND {is_same})
                  AND member_id NOT IN (SELECT member_id FROM waiting)
                QUALIFY row_number() OVER (PARTITION BY {", ".join(by_person)}
                                           ORDER BY phase IN ('add', 'replace', 'reaffirm') DESC, record_id) = 1
                ORDER BY member_id, record_id
            """).to_arrow_table()
            return found

    def _asked(self) -> pa.Table:
        snapshot = self._lake.current(ERASED.name, self._pair.partition)
        return self._lake.dataset(snapshot).to_table() if snapshot else ERASED.arrow_schema().empty_table()

    def _remember(self, sent: EverSent) -> None:
        """Note who has left every audience of a platform that has no call: our own copies of them go next."""
        known = self._asked().to_pylist()
        names = {row["member_id"] for row in known} | set(sent.there)
        found = {(row["member_id"], row["record_id"]) for row in sent.records.to_pylist()}
        answered_at = utc(self._clock())
        new = [
            {"member_id": member, "record_id": record, "standing": TAKEN_OUT, "code": None, "answered_at": answered_at}
            for member, record in found
            if member not in names
        ]
        if new:
            self._publish(sorted([*known, *new], key=lambda row: (row["member_id"], row["record_id"])))

    def _ask(self, call: _Call, records: pa.Table, erasures: Snapshot) -> None:
        speaker, wanted = cast("Destination", call), Wanted(call.contract, [*call.contract.forms()])
        writer = FilledBatches(self._lake.writer(CHANGES.name, self._pair.partition), speaker, "")
        counts = writer.counted(self._written(records, wanted, writer))
        leg = Leg("erasure", None, erasures.id, erasures.id, writer.publish({}), counts)
        errand = Errand(self._pair, wanted, "", {}, GuardRails(1.0), self._key)
        log = self._ledger.open(header(self._ledger, errand, leg))
        courier = Courier(speaker, self._transport, key=self._key, sleep=self._sleep, patience=self._patience)
        changes = self._lake.dataset(leg.changes)
        try:
            courier.carry(log, changes, "")
        except FencedError:
            raise
        except SegmentAssetsError:
            self._close(log, "failed")
            raise
        self._close(log, outcome(log))

    def _written(self, records: pa.Table, wanted: Wanted, writer: FilledBatches) -> ChangeCounts:
        """What is asked: the identifying keys of each record, and the weaker ones of a record that has no other."""
        import pyarrow.dataset as pads

        held: Any = pads
        with engine.connect(self._workdir) as db:
            db.execute("CREATE TEMP TABLE audience AS SELECT NULL::VARCHAR AS eligibility WHERE false")
            load_state(db, held.dataset(records), wanted)
            db.execute(f"CREATE TEMP TABLE wanted AS SELECT {columns(wanted)} FROM state WHERE false")
            db.execute(f"""
                CREATE TEMP TABLE records AS
                SELECT 'remove' AS phase, 'gone' AS kind, {columns(wanted, "s", keep=sent_to_remove(wanted, "s"))}
                FROM state s
            """)
            write_batches(db, wanted, writer)
            return counted(db, wanted)

    def _close(self, log: DeliveryLog, ended: str) -> None:
        """Note what became of each record, and end the delivery. Before the closing entry it can all be repeated."""
        told = answers(log, self._lake.dataset(self._changes_of(log)).to_table())
        answered_at = utc(self._clock())
        new = [{**row, "answered_at": answered_at} for row in told]
        names = {self._name_of(row) for row in new}
        rows = [row for row in self._asked().to_pylist() if self._name_of(row) not in names] + new
        self._publish(sorted(rows, key=lambda row: (row["member_id"], row["record_id"])))
        counts = {name: sum(row["standing"] == name for row in new) for name in STANDINGS}
        unproven = sum(entry.body["unproven"] for entry in log.final_answers())
        accounting = {**counts, "unproven": unproven}
        log.chain.append("closed", {"outcome": ended, "accounting": accounting, _MARKED: True})

    def _name_of(self, row: Mapping[str, object]) -> tuple[object, ...]:
        """What the platform knows a record by: the person, or the record itself."""
        return (row["member_id"],) if self._by_member else (row["member_id"], row["record_id"])

    @property
    def _by_member(self) -> bool:
        """Whether the call names a person by our id of them."""
        by_identifiers = self._erasure is not None and self._erasure.by_identifiers
        return self._call.contract.known_by_member and not by_identifiers

    def _changes_of(self, log: DeliveryLog) -> Snapshot:
        return self._lake.snapshot(CHANGES.name, self._pair.partition, log.header["changes"])

    def _publish(self, rows: Sequence[Mapping[str, object]]) -> None:
        import pyarrow as pa

        writer = self._lake.writer(ERASED.name, self._pair.partition)
        writer.write(pa.Table.from_pylist(list(rows), ERASED.arrow_schema()))
        writer.publish({})

    def _standing(self, sent: EverSent, *, waits: bool) -> Forgotten:
        closed = [log.closed.body for log in self._ledger.deliveries() if log.closed]
        account = Account(
            self._erasure,
            by_member=self._by_member,
            unproven=sum(body["accounting"]["unproven"] for body in closed),
            now=self._clock(),
            unmarked=sum(body["accounting"]["unproven"] for body in closed if _MARKED not in body),
        )
        return account.standing(sent, self._asked().to_pylist(), waits=waits)


def standing_unasked(
    lake: Lake, contract: Contract, pair: ErasurePair, erasures: Snapshot, *, workdir: Path, clock: Clock = time.time
) -> Forgotten:
    """Where an account stands that is out of reach: by what it answered before, and by what its audiences hold."""
    unreached = cast("ErasingDestination", _Unreached(contract))
    eraser = Eraser(lake, unreached, cast("Transport", None), pair=pair, key=b"", workdir=workdir, clock=clock)
    return eraser.look(erasures)


@dataclasses.dataclass(frozen=True, slots=True)
class _Unreached:
    """A destination of which nothing is asked."""

    contract: Contract


def _of_calls(contract: Contract) -> Contract:
    """The contract as it is for erasures: another number of people in a request, and one call for each batch."""
    size = contract.erasure.members if contract.erasure else contract.batch_members
    return dataclasses.replace(contract, batch_members=size, workflow=None, follow=None)


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    """A destination whose only request is its erasure, as the courier carries it."""

    destination: ErasingDestination
    contract: Contract

    def by(self, contract: Contract) -> _Call:
        """The same by other readings of the match keys."""
        whole = dataclasses.replace(self.destination.contract, match_keys=contract.match_keys)
        return _Call(cast("ErasingDestination", reread(self.destination, whole)), contract)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        del audience_id, operation
        return self.destination.erasure(members, session)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        return self.destination.read_erasure(members, session, response)
