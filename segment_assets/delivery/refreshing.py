"""Who is sent again although nothing about them changed: before a platform lets them expire, and on request.

Belongs here: when a member is due, and the record of a request for a full resync. Not here: other changes (`changes`).

Platforms that let members expire (Google after 540 days) count from the last time that a member was added, so unchanged
people would leave one by one without anybody noticing. A resync is for members that a platform lost by itself.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Mode, PermanentError
from segment_assets.delivery.ledger import Chain
from segment_assets.delivery.reasons import names_somebody
from segment_assets.delivery.records import columns
from segment_assets.tables import CHANGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import pyarrow.dataset as pads

    from segment_assets.contracts import Contract, Lake
    from segment_assets.delivery.ledger import AudienceLedger, Entry, Pair
    from segment_assets.delivery.wanted import Wanted

_DAY = 86_400.0
_LONGEST_NOTE = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Refresh:
    """What decides who is sent again, in seconds since the epoch.

    `undated` is the date of records from before dates were kept: that of the state itself. Whoever the platform
    answered about before `resync_from` is sent again, also those whom it refused: a person asked for that, or something
    else is said of everybody since then (see `said`). `sent_before`: the changes of the last delivery that sent people
    again and added nobody, and those since (see `sent_before`); empty where whoever is in doubt is sent again anyhow.
    """

    now: float
    undated: float
    resync_from: float = 0.0
    sent_before: Sequence[pads.Dataset] = ()


def add_refreshed(db: duckdb.DuckDBPyConnection, wanted: Wanted, refresh: Refresh) -> None:
    """Records that may be sent again (`staying`) and are due; on a resync also those that were refused."""
    answered = _answered(refresh)
    _load_unanswered(db, refresh)
    is_unanswered = "(s.member_id, s.record_id) IN (SELECT (member_id, record_id) FROM unanswered)"
    db.execute(f"""
        INSERT INTO records
        SELECT 'add', CASE WHEN s.standing IN ('acknowledged', 'in_doubt') THEN 'refreshed'
                           WHEN s.member_id IN (SELECT member_id FROM state WHERE standing <> 'rejected') THEN 'changed'
                           ELSE 'new' END,
               {columns(wanted, "a")}
        FROM staying a JOIN state s ON s.member_id = a.member_id AND s.record_id = a.record_id
        WHERE (s.standing IN ('acknowledged', 'rejected') AND {answered} < {refresh.resync_from!r})
           OR (s.standing = 'acknowledged' AND {_due(wanted.contract, answered)} <= {refresh.now!r})
           OR (s.standing = 'in_doubt' AND {is_unanswered})
    """)


def _load_unanswered(db: duckdb.DuckDBPyConnection, refresh: Refresh) -> None:
    """Table `unanswered` (member_id, record_id): who was sent again, and had to do with nothing that was sent since."""
    db.execute("CREATE TEMP TABLE unanswered (member_id BLOB, record_id BLOB)")
    for place, changes in enumerate(refresh.sent_before):
        db.register(f"sent_{place}", changes)
        if place:
            db.execute(f"DELETE FROM unanswered WHERE member_id IN (SELECT member_id FROM sent_{place})")
        else:
            db.execute(f"INSERT INTO unanswered SELECT member_id, record_id FROM sent_{place} WHERE phase = 'add'")


def next_due(db: duckdb.DuckDBPyConnection, contract: Contract, refresh: Refresh) -> float | None:
    """When the first member will be due once these changes are delivered; None where nobody expires."""
    if contract.expiry_days is None:
        return None
    rows = db.execute(f"""
        SELECT min(due) FROM (
            SELECT {_due(contract, _answered(refresh))} AS due
            FROM staying a JOIN state s ON s.member_id = a.member_id AND s.record_id = a.record_id
            WHERE s.standing = 'acknowledged'
              AND (a.member_id, a.record_id) NOT IN (SELECT (member_id, record_id) FROM records WHERE phase = 'add')
            UNION ALL
            SELECT {_due(contract, repr(refresh.now), "r")} FROM records r WHERE r.phase = 'add')
    """).fetchall()
    return rows[0][0] if rows and rows[0][0] is not None else refresh.now + contract.expiry_days * _DAY


def is_refresh_due(ledger: AudienceLedger, contract: Contract, *, clock: float) -> bool:
    """Whether members have to be refreshed by now, as far as the last delivery of the audience tells."""
    if contract.expiry_days is None:
        return False
    for log in ledger.newest_first():
        if log.header["lane"] == "audience":
            due = log.header.get("refresh_due")
            # A delivery from before dates were kept: the next one will tell. So will it where members leave sooner by
            # now (another setting, or what the plan states of an adopted audience), or it was not noted when they do.
            return due is None or clock >= due or log.header.get("expiry_days", math.inf) > contract.expiry_days
    return False


def said(ledger: AudienceLedger, contract: Contract) -> dict[str, Any]:
    """What the contract says of everybody (`said_of_people`) and since when (`said_since`); empty for never anything.

    Since now, where the newest delivery of the audience said something else. It is noted when a delivery is opened, so
    after one that breaks off the next goes on with those who are left. Seconds since the epoch, 0 for always.
    """
    newest = next((log.header for log in ledger.newest_first() if log.header["lane"] == "audience"), None)
    before = newest.get("said_of_people", "") if newest is not None else contract.said_of_people
    since = newest.get("said_since", 0.0) if newest is not None else 0.0
    if before != contract.said_of_people:
        since = ledger.clock()
    return {"said_of_people": contract.said_of_people, "said_since": since} if contract.said_of_people or since else {}


def sent_before(lake: Lake, ledger: AudienceLedger) -> Sequence[pads.Dataset]:
    """The changes of the newest delivery of the audience, where it added nobody, and of the opt-outs since.

    Whom that delivery sent again had been acknowledged. So whoever of them had no answer is there all the same, and may
    be sent once more without being added, unless an opt-out may have taken them out with an identifier they share.
    """
    since: list[pads.Dataset] = []
    for log in ledger.newest_first():
        try:
            changes = lake.dataset(lake.snapshot(CHANGES.name, ledger.pair.partition, log.header["changes"]))
        except PermanentError:
            # Past its retention. Nobody is sent again whom nothing shows to have been there.
            return ()
        lane = log.header["lane"]
        if lane == "audience" and log.header.get("mode") == Mode.REMOVE_ONLY.value:
            return (changes, *since)
        if lane != "opt_out":
            return ()
        since.append(changes)
    return ()


def _answered(refresh: Refresh) -> str:
    return f"coalesce(epoch(s.answered_at), {refresh.undated!r})"


def _due(contract: Contract, answered: str, alias: str = "s") -> str:
    """SQL for when a member is due: after the contract's share of the expiry, or up to half of the rest later.

    How much later is drawn by the member's pseudonym, so that people who were added in one day are not all sent again
    in one day. It is a whole day, so that there is at most one refresh a day.
    """
    if contract.expiry_days is None:
        return "'infinity'::DOUBLE"
    expiry, share = contract.expiry_days * _DAY, contract.refresh_share
    spread = expiry * (1 - share) / 2
    # Of a short expiry a whole day would be more than what is left.
    step = min(_DAY, spread / 2)
    drawn = f"('0x' || substr(hex({alias}.member_id), 1, 8))::UBIGINT / {2**32}.0"
    return f"(floor(({answered} + {expiry * share!r} + {spread!r} * {drawn}) / {step!r}) * {step!r})"


def resyncs(ledger: AudienceLedger) -> Chain:
    """The requests for a full resync of a pair, oldest first."""
    return Chain(ledger.lake, f"{ledger.pair.prefix}/resyncs", ledger.clock)


def resyncs_asked(lake: Lake, pair: Pair) -> int:
    """How often a full resync of a pair was asked for."""
    return len(lake.keys(f"{pair.prefix}/resyncs"))


def ask_for_resync(ledger: AudienceLedger, *, reason: str, who: str) -> Entry:
    """Note that everything wanted is to be sent once more. Raises FencedError when somebody asks at the same moment.

    Raises PermanentError for a pair that nothing was ever sent to, and for words that look like an identifier.
    """
    if ledger.last() is None:
        raise PermanentError(f"{ledger.pair}: nothing was ever delivered there, so there is nothing to send again")
    for name, words in (("--reason", reason), ("--as", who)):
        if not words.strip() or len(words) > _LONGEST_NOTE:
            raise PermanentError(f"{name}: give a short text of at most {_LONGEST_NOTE} characters")
        if name == "--reason" and names_somebody(words):
            raise PermanentError(
                f"{name}: it looks as if it named a person (an address, a number, a digest); it is kept for years, so "
                "say it without"
            )
    return resyncs(ledger).append("asked", {"reason": reason.strip(), "as": who.strip()})
