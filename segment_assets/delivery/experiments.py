"""Who of an experiment was assigned to which arm, week by week, and when each of them was first delivered.

Belongs here: reading that out of the ledger of the experiment's pairs and the audiences that they were delivered.
Not here: drawing the hold-out (`audience.doors`), the counts (`queries/measurement/hold_outs.sql`).

Everybody counts as delivered who was ever added by a delivery of the experiment, also of another segment or account,
also where they were taken out since. A person is found by the pseudonym or by any identifier that a platform knows
people by: another segment may know them by another customer number.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import Eligibility, PermanentError
from segment_assets.delivery.ledger import utc
from segment_assets.tables import ACKNOWLEDGED, CHANGES, HASHED_AUDIENCE
from segment_assets.tables.experiments import HOLD_OUT_PEOPLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from segment_assets.contracts import SnapshotWriter
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Pair

HELD_OUT, TREATMENT = "held_out", "treatment"
# What one platform or another recognises a person by alone, as in audiences.
_KEYS = ("member_id", "email", "email_gmail_folded", "phone_digits", "phone_e164", "mobile_ad_id")
_ADDING = ("add", "replace")
_WEEK = dt.timedelta(days=7)


def hold_out_people(
    experiment: str,
    ledgers: Sequence[AudienceLedger],
    *,
    write: SnapshotWriter,
    workdir: Path,
    excluding: Collection[Pair] = (),
) -> set[dt.date]:
    """Write rows of HOLD_OUT_PEOPLE for every week from the experiment's first delivery to its last one.

    `ledgers` are of the pairs of the experiment. Deliveries to lists that keep people from being shown ads are passed
    over, since a hold-out protects nobody from these; of those that did not note it, the pairs that are `excluding`
    now are taken to have been so then. A week's arms are those of the audiences that were delivered last by its end. A
    week whose audiences are past their retention is left out.
    Returns the weeks (Mondays) whose arms lack people who were forgotten since: who is shown ads asks more often, so
    these arms are not quite those that were drawn.
    """
    lacking = set[dt.date]()
    closed = [
        (ledger, log)
        for ledger in ledgers
        for log in ledger.deliveries()
        if log.closed is not None and not log.header.get("is_exclusion", ledger.pair in excluding)
    ]
    if not closed:
        return lacking
    with engine.connect(workdir) as db:
        db.execute("CREATE TEMP TABLE sent (kind VARCHAR, value BLOB, sent_at TIMESTAMPTZ)")
        for ledger, log in closed:
            _note_who_was_sent(db, ledger, log)
        db.execute(
            "CREATE TEMP TABLE first_sent AS SELECT kind, value, min(sent_at) AS sent_at FROM sent GROUP BY kind, value"
        )
        for monday in _weeks([_ends(log) for _, log in closed]):
            end = dt.datetime.combine(monday + _WEEK, dt.time(), dt.UTC)
            newest = {ledger.pair: (ledger, log) for ledger, log in closed if _ends(log) < end and _has_audience(log)}
            if not _assign(db, list(newest.values())):
                continue
            lacking |= {monday} if any(_is_redacted(*one) for one in newest.values()) else set()
            for batch in engine.batches(db, _people_sql(experiment, monday, end), HOLD_OUT_PEOPLE.arrow_schema()):
                write.write(batch)
    return lacking


def _is_redacted(ledger: AudienceLedger, log: DeliveryLog) -> bool:
    """Whether people were taken out of the audience that a delivery went to."""
    audience = ledger.lake.snapshot(HASHED_AUDIENCE.name, ledger.pair.segment, log.header["to_snapshot"])
    return bool(audience.redacted)


def _ends(log: DeliveryLog) -> dt.datetime:
    """When a closed delivery was closed."""
    assert log.closed is not None
    return utc(log.closed.at)


def _has_audience(log: DeliveryLog) -> bool:
    return bool(log.header["lane"] == "audience")


def _weeks(moments: Sequence[dt.datetime]) -> Iterator[dt.date]:
    """The Mondays of all weeks from the first moment to the last."""
    monday = min(moments).date() - dt.timedelta(days=min(moments).weekday())
    while monday <= max(moments).date():
        yield monday
        monday += _WEEK


def _note_who_was_sent(db: duckdb.DuckDBPyConnection, ledger: AudienceLedger, log: DeliveryLog) -> None:
    """Add whom a delivery added, and the platform holds or may hold since."""
    lake, partition, header = ledger.lake, ledger.pair.partition, log.header
    if log.closed is None or not any(header["records"].get(phase) for phase in _ADDING):
        return
    db.register("after", lake.dataset(lake.snapshot(ACKNOWLEDGED.name, partition, log.closed.body["state"])))
    try:
        changes = lake.dataset(lake.snapshot(CHANGES.name, partition, header["changes"]))
        db.register("added", changes)
        added = f"(SELECT member_id, record_id FROM added WHERE phase IN {_ADDING})"
    except PermanentError:
        # Changes are kept for months, what a platform holds for years: of an old delivery all who were there then.
        added = "(SELECT member_id, record_id FROM after)"
    db.execute(f"""
        CREATE OR REPLACE TEMP TABLE reached AS
        SELECT a.* FROM after a SEMI JOIN {added} n ON n.member_id = a.member_id AND n.record_id = a.record_id
        WHERE a.standing IN ('acknowledged', 'in_doubt')
    """)
    for key in _KEYS:
        at = f"TIMESTAMPTZ '{_ends(log).isoformat()}'"
        db.execute(f"INSERT INTO sent SELECT '{key}', {_value(key)}, {at} FROM reached WHERE {key} IS NOT NULL")


def _assign(db: duckdb.DuckDBPyConnection, newest: Sequence[tuple[AudienceLedger, DeliveryLog]]) -> bool:
    """Table `assigned`: everybody who is in an arm. Who is held out in one segment is held out.

    False where an audience is not retained any more.
    """
    keys = [key for key in _KEYS if key != "member_id"]
    cells = ", ".join(f"{key} {'VARCHAR' if key == 'mobile_ad_id' else 'BLOB'}" for key in keys)
    db.execute(f"CREATE OR REPLACE TEMP TABLE rows_of_all (member_id BLOB, held_out BOOLEAN, {cells})")
    versions = {(ledger.pair.segment, log.header["to_snapshot"]): ledger.lake for ledger, log in newest}
    for (segment, version), lake in sorted(versions.items(), key=lambda item: item[0]):
        try:
            db.register("audience_rows", lake.dataset(lake.snapshot(HASHED_AUDIENCE.name, segment, version)))
        except PermanentError:
            return False
        db.execute(f"""
            INSERT INTO rows_of_all BY NAME
            SELECT member_id, eligibility = '{Eligibility.HELD_OUT}' AS held_out, {", ".join(keys)} FROM audience_rows
            WHERE eligibility IN ('{Eligibility.HELD_OUT}', '{Eligibility.ELIGIBLE}')
        """)
    merged = ", ".join(f"list(DISTINCT {key}) FILTER ({key} IS NOT NULL) AS {key}" for key in keys)
    db.execute(f"""
        CREATE OR REPLACE TEMP TABLE assigned AS
        SELECT member_id, bool_or(held_out) AS held_out, {merged} FROM rows_of_all GROUP BY member_id
    """)
    return True


def _people_sql(experiment: str, monday: dt.date, end: dt.datetime) -> str:
    named = " UNION ALL ".join(
        f"SELECT member_id, '{key}' AS kind, {_value('v')} AS value FROM (SELECT member_id, unnest({key}) AS v "
        "FROM assigned)"
        for key in _KEYS
        if key != "member_id"
    )
    return f"""
        WITH named AS (SELECT member_id, 'member_id' AS kind, member_id AS value FROM assigned UNION ALL {named}),
        found AS (
            SELECT n.member_id, min(s.sent_at) AS sent_at FROM named n JOIN first_sent s USING (kind, value)
            WHERE s.sent_at < TIMESTAMPTZ '{end.isoformat()}' GROUP BY n.member_id
        )
        SELECT '{experiment.replace("'", "''")}' AS experiment, DATE '{monday.isoformat()}' AS reporting_week,
               a.member_id, CASE WHEN a.held_out THEN '{HELD_OUT}' ELSE '{TREATMENT}' END AS arm,
               f.sent_at AS delivered_at
        FROM assigned a LEFT JOIN found f USING (member_id) ORDER BY a.member_id
    """


def _value(cell: str) -> str:
    """A cell as bytes: mobile ad ids are text, the others digests."""
    return f"{cell}::BLOB" if cell in {"mobile_ad_id", "v"} else cell
