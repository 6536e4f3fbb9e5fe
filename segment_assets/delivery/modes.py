"""What a mode makes of the changes: whom it leaves alone, and a replace in the place of single changes.

Belongs here: SQL over the tables of `changes`, before and after the differences are found. Not here: the differences
(`changes`), who has to be sent again for their age (`refreshing`).

`asked` is who should be there by the audience. In the modes that leave somebody alone, `wanted` becomes what the
platform shall hold afterwards, record by record: so nobody of those is touched, and their identifiers count as held.
`staying` are the records that may be sent again before they expire. Where nobody is added these are the records that
people who stay are there by already, also those whose identifiers have changed since: the platform learns nothing new
of them, and nobody falls out whom nobody took out.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import CONSENT_COLUMNS, Consent, Eligibility, Mode
from segment_assets.delivery.records import columns

if TYPE_CHECKING:
    import duckdb

    from segment_assets.delivery.wanted import ChangeCounts, Wanted

_MAY_NOT_STAY = (Eligibility.SUPPRESSED.value, Eligibility.NO_CONSENT.value)


def leave_alone(db: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Make `asked` of `wanted`, `wanted` what shall be there afterwards in this mode, and `staying`."""
    db.execute("ALTER TABLE wanted RENAME TO asked")
    record, mode = columns(wanted), wanted.mode
    if mode is Mode.ADD_ONLY:
        db.execute(f"""
            CREATE TEMP TABLE wanted AS
            SELECT {record} FROM asked
            UNION ALL
            SELECT {record} FROM state s
            WHERE s.standing <> 'rejected'
              AND NOT EXISTS (SELECT 1 FROM asked a WHERE a.member_id = s.member_id AND a.record_id = s.record_id)
              AND s.member_id NOT IN (SELECT member_id FROM audience WHERE eligibility IN {_MAY_NOT_STAY})
        """)
    elif mode is Mode.REMOVE_ONLY:
        db.execute(f"""
            CREATE TEMP TABLE wanted AS
            SELECT {record} FROM state WHERE member_id IN (SELECT member_id FROM asked)
        """)
    else:
        db.execute(f"CREATE TEMP VIEW wanted AS SELECT {record} FROM asked")
    db.execute(f"CREATE TEMP VIEW staying AS {_as_they_are(wanted) if mode is Mode.REMOVE_ONLY else 'FROM asked'}")


def _as_they_are(wanted: Wanted) -> str:
    """SQL for the records that people who stay are there by, as far as these may still be said of them.

    Not with an identifier that the plan does not give this account any more, and not with a yes that is none today.
    """
    taken_back = [f"w.{form} IS NULL" for form in wanted.columns if form not in wanted.forms]
    answers = [column for column in CONSENT_COLUMNS if column in wanted.forms]
    said = [
        f"(w.{column} IS DISTINCT FROM '{Consent.GRANTED}' OR a.{column} = '{Consent.GRANTED}')" for column in answers
    ]
    return f"""
        SELECT w.* FROM wanted w
        WHERE {" AND ".join(taken_back) or "true"}
          AND EXISTS (SELECT 1 FROM asked a WHERE a.member_id = w.member_id {"".join(f" AND {test}" for test in said)})
    """


def drop_what_the_mode_forbids(db: duckdb.DuckDBPyConnection, mode: Mode) -> None:
    """Nobody is added whom nobody asked for, and nobody at all where the mode only takes out."""
    if mode is Mode.REMOVE_ONLY:
        db.execute("DELETE FROM records WHERE phase = 'add' AND kind <> 'refreshed'")
    elif mode is Mode.ADD_ONLY:
        db.execute("""
            DELETE FROM records
            WHERE phase = 'add' AND (member_id, record_id) NOT IN (SELECT (member_id, record_id) FROM asked)
        """)


def replace_everything(db: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Everybody who is wanted in the `replace` phase, in the place of single changes; nothing when nothing differs.

    Whoever was there is swept out by its first batch, also those who come back with it: between the two they are not
    there. An empty list is not made this way, since no batch could carry it: its people are taken out one by one.
    """
    if not engine.number(db, "SELECT count(*) FROM records") or not engine.number(db, "SELECT count(*) FROM asked"):
        return
    db.execute("ALTER TABLE records RENAME TO single")
    db.execute(f"""
        CREATE TEMP TABLE records AS
        SELECT 'replace' AS phase, coalesce(c.kind, 'refreshed') AS kind, {columns(wanted, "a")}
        FROM asked a
        LEFT JOIN single c ON c.phase = 'add' AND c.member_id = a.member_id AND c.record_id = a.record_id
        LEFT JOIN state s ON s.member_id = a.member_id AND s.record_id = a.record_id
        WHERE c.kind IS NOT NULL OR s.standing <> 'rejected'
        UNION ALL
        SELECT 'swept', CASE WHEN s.member_id IN (SELECT member_id FROM asked) THEN 'old_identifiers' ELSE 'gone' END,
               {columns(wanted, "s")}
        FROM state s WHERE s.standing <> 'rejected'
        UNION ALL
        SELECT 'swept', 'old_identifiers', {columns(wanted, "l")}
        FROM leaving l WHERE (l.member_id, l.record_id) IN (SELECT (member_id, record_id) FROM single)
        UNION ALL
        SELECT c.phase, c.kind, {columns(wanted, "c")}
        FROM single c JOIN state s ON s.member_id = c.member_id AND s.record_id = c.record_id
        WHERE c.phase = 'none' AND s.standing = 'rejected'
    """)
    if not engine.number(db, "SELECT count(*) FROM records WHERE phase = 'replace'"):
        # Everybody who is wanted was refused before: there is no batch that could sweep.
        db.execute("DROP TABLE records")
        db.execute("ALTER TABLE single RENAME TO records")


def counted_in_mode(db: duckdb.DuckDBPyConnection, counts: ChangeCounts, wanted: Wanted) -> ChangeCounts:
    """The counts with those whom the mode leaves alone, and those who are sent again.

    Each number is counted by itself, never as what is left of a sum: `settling.balanced` holds them against each other.
    """

    def one(sql: str) -> int:
        return engine.number(db, sql)

    if wanted.mode is Mode.MIRROR and not one("SELECT count(*) FROM records WHERE kind = 'refreshed'"):
        return counts
    db.execute("""
        CREATE TEMP TABLE sent AS
        SELECT member_id, CASE WHEN bool_or(kind = 'changed') THEN 'changed' WHEN bool_or(kind = 'new') THEN 'new'
                               ELSE 'refreshed' END AS kind
        FROM records WHERE phase IN ('add', 'replace') GROUP BY member_id
    """)
    # One row a person, who may have a record in each of several lanes.
    db.execute("""
        CREATE TEMP TABLE same AS
        SELECT a.member_id, bool_or(r.member_id IS NOT NULL) AS sent,
               CASE WHEN bool_or(s.standing = 'acknowledged') THEN 'acknowledged'
                    WHEN bool_or(s.standing = 'rejected') THEN 'rejected' ELSE any_value(s.standing) END AS standing
        FROM asked a
        JOIN state s ON s.member_id = a.member_id AND s.record_id = a.record_id
        LEFT JOIN sent r ON r.member_id = a.member_id
        GROUP BY a.member_id
    """)
    people = one("SELECT count(DISTINCT member_id) FROM asked")
    sent, same = "SELECT count(*) FROM sent WHERE kind", "SELECT count(*) FROM same WHERE NOT sent AND"
    return dataclasses.replace(
        counts,
        no_usable_key=counts.audience - counts.held_out - counts.suppressed - counts.no_consent - people,
        wanted=people,
        # Of whom a new record was refused while an older one is there is unchanged, as in `records.counted`.
        unchanged=one(f"{same} (standing = 'acknowledged' OR {_REFUSED_BUT_THERE})"),
        known_refused=one(f"{same} standing = 'rejected' AND NOT {_REFUSED_BUT_THERE}"),
        changed=one(f"{sent} = 'changed'"),
        adds=one(f"{sent} = 'new'"),
        refreshed=one(f"{sent} = 'refreshed'"),
        kept=one(_KEPT[wanted.mode]),
        not_added=one(_NOT_ADDED) if wanted.mode is Mode.REMOVE_ONLY else 0,
    )


_KNOWN = "SELECT DISTINCT member_id FROM state WHERE standing <> 'rejected'"
_REFUSED_BUT_THERE = f"(standing = 'rejected' AND member_id IN ({_KNOWN}))"
# Whoever is sent again is counted as that alone, whatever they are there by.
_LEFT_AS_THEY_ARE = """
    member_id NOT IN (SELECT member_id FROM same WHERE standing IN ('acknowledged', 'rejected'))
    AND member_id NOT IN (SELECT member_id FROM sent)
"""
_KEPT = {
    Mode.MIRROR: "SELECT 0",
    Mode.REPLACE: "SELECT 0",
    Mode.ADD_ONLY: f"""
        SELECT count(*) FROM ({_KNOWN}) WHERE member_id NOT IN (SELECT member_id FROM asked)
        AND member_id NOT IN (SELECT member_id FROM audience WHERE eligibility IN {_MAY_NOT_STAY})
    """,
    # Wanted, and there by something else than they have now.
    Mode.REMOVE_ONLY: f"""
        SELECT count(*) FROM ({_KNOWN}) WHERE member_id IN (SELECT member_id FROM asked) AND {_LEFT_AS_THEY_ARE}
    """,
}
_NOT_ADDED = f"SELECT count(DISTINCT member_id) FROM asked WHERE {_LEFT_AS_THEY_ARE}"
