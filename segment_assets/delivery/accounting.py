"""How the people of a delivery add up: accepted, rejected, unproven, not sent; and the same for those who leave.

Belongs here: from what was answered about batches to numbers of people. Not here: what the platform holds now
(`settling`), what an answer means (`destinations`).

A platform counts records, and names few of them. Where a person has several (lanes), they are accepted when at least
one of them was, and rejected only when all of them were. So a number of a batch becomes a number of people only as far
as it proves one: three accepted of five prove two people where two of the five are not counted yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.delivery.lanes import stretch_of

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from segment_assets.delivery.ledger import DeliveryLog


def people(db: duckdb.DuckDBPyConnection, log: DeliveryLog) -> dict[str, int]:
    """The right side of the accounting, in people, from table `outcome` (see `settling`) and the last answers."""
    _load_told(db, log)
    _load_people(db)

    def one(sql: str) -> int:
        return engine.number(db, sql)

    everybody = one("SELECT count(*) FROM people")
    accepted = one("SELECT count(*) FROM people WHERE accepted")
    accepted += one("SELECT max(proven) FROM (SELECT lane, sum(accepted) AS proven FROM partly GROUP BY lane)")
    rejected = one("SELECT count(*) FROM people WHERE rejected") + one("SELECT sum(rejected) FROM partly")
    unsent = one("SELECT count(*) FROM people WHERE unsent")
    return {
        "accepted": accepted,
        "rejected": rejected,
        "unproven": everybody - accepted - rejected - unsent,
        "unsent": unsent,
        **_leavers(db),
        "requests": _requests(log),
    }


def nobody(log: DeliveryLog) -> dict[str, int]:
    """The same of nobody, where all people of a delivery are counted elsewhere."""
    counts = ("accepted", "rejected", "unproven", "unsent")
    removes = ("removes_acknowledged", "removes_refused", "removes_unproven", "removes_unsent")
    return {**dict.fromkeys((*counts, *removes), 0), "requests": _requests(log)}


def _requests(log: DeliveryLog) -> int:
    return len(log.answered("receipt")) + len(log.answered("refused"))


def _load_told(db: duckdb.DuckDBPyConnection, log: DeliveryLog) -> None:
    """Table `told`: the last answer on every acknowledged batch, and which batches it is about together (`unit`)."""
    import pyarrow as pa

    standings, rows = log.batch_standings(), []
    for unit, entry in enumerate(log.final_answers()):
        phase = entry.body["phase"]
        numbers = {name: int(entry.body[name]) for name in ("accepted", "rejected", "unproven")}
        for batch in log.covered(entry):
            if standings[(phase, batch)] == "acknowledged":
                lane = stretch_of(log.header, phase, batch).first
                rows.append({"phase": phase, "batch": batch, "unit": unit, "lane": lane, **numbers})
    columns: list[pa.Field[Any]] = [pa.field("phase", pa.string())]
    columns += [pa.field(name, pa.int64()) for name in ("batch", "unit", "lane", "accepted", "rejected", "unproven")]
    db.register("told", pa.Table.from_pylist(rows, pa.schema(columns)))


def _load_people(db: duckdb.DuckDBPyConnection) -> None:
    """Tables `people` (who is certain) and `partly` (by batch: how many more its numbers prove)."""
    db.execute("""
        CREATE TEMP TABLE carried AS
        SELECT o.member_id, t.unit, t.lane, t.accepted, t.rejected,
               CASE WHEN o.refused_by_name THEN 'refused' ELSE o.answer END AS said
        FROM outcome o LEFT JOIN told t ON t.phase = o.asked_as AND t.batch = o.batch AND o.answer = 'acknowledged'
        WHERE o.phase = 'add'
    """)
    # The named are among the rejected of an answer, and are no question any more.
    db.execute("""
        CREATE TEMP TABLE units AS
        SELECT unit, any_value(lane) AS lane, count(*) FILTER (said = 'acknowledged') AS asked,
               least(any_value(accepted), asked) AS accepted,
               greatest(any_value(rejected) - count(*) FILTER (said = 'refused'), 0) AS rejected
        FROM carried WHERE unit IS NOT NULL GROUP BY unit
    """)
    db.execute("""
        CREATE TEMP TABLE people AS
        WITH known AS (
            SELECT c.member_id,
                   CASE WHEN c.said <> 'acknowledged' THEN c.said
                        WHEN u.accepted >= u.asked THEN 'accepted'
                        WHEN u.rejected >= u.asked THEN 'refused' ELSE 'open' END AS said
            FROM carried c LEFT JOIN units u USING (unit)
        )
        SELECT member_id, bool_or(said = 'accepted') AS accepted, bool_and(said = 'refused') AS rejected,
               bool_and(said IN ('refused', 'unsent')) AND bool_or(said = 'unsent') AS unsent, count(*) = 1 AS alone
        FROM known GROUP BY member_id
    """)
    db.execute("""
        CREATE TEMP TABLE partly AS
        SELECT u.unit, any_value(u.lane) AS lane,
               greatest(0, any_value(u.accepted) - any_value(u.asked) + count(*) FILTER (NOT p.accepted)) AS accepted,
               greatest(0, any_value(u.rejected) - any_value(u.asked) + count(*) FILTER (p.alone)) AS rejected
        FROM units u JOIN carried c ON c.unit = u.unit AND c.said = 'acknowledged' JOIN people p USING (member_id)
        WHERE u.accepted < u.asked AND u.rejected < u.asked
        GROUP BY u.unit
    """)


def _leavers(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """People who leave: out when all of their records are, and without proof where the platform gave none for one."""
    gone = dict(
        db.execute("""
            SELECT said, count(*) FROM (
                SELECT member_id, CASE WHEN bool_and(answer = 'acknowledged') THEN 'acknowledged'
                                       WHEN bool_or(answer = 'refused') THEN 'refused'
                                       WHEN bool_or(answer = 'in_doubt') THEN 'in_doubt' ELSE 'unsent' END AS said
                FROM outcome WHERE kind = 'gone' GROUP BY 1)
            GROUP BY 1
        """).fetchall()
    )
    db.execute("""
        CREATE TEMP TABLE doubted AS
        SELECT o.member_id, t.unit, t.unproven, t.unproven >= count(*) OVER (PARTITION BY t.unit) AS all_of_them
        FROM outcome o JOIN told t ON t.phase = o.asked_as AND t.batch = o.batch
        WHERE o.kind = 'gone' AND o.answer = 'acknowledged'
    """)
    whole = engine.number(db, "SELECT count(DISTINCT member_id) FROM doubted WHERE all_of_them")
    parts = engine.number(
        db, "SELECT sum(n) FROM (SELECT max(unproven) AS n FROM doubted WHERE NOT all_of_them GROUP BY unit)"
    )
    unproven = min(whole + parts, gone.get("acknowledged", 0))
    return {
        "removes_acknowledged": gone.get("acknowledged", 0) - unproven,
        "removes_refused": gone.get("refused", 0),
        "removes_unproven": gone.get("in_doubt", 0) + unproven,
        "removes_unsent": gone.get("unsent", 0),
    }
