"""The arms of an experiment and what their people bought, in sums: all that the statistics of a hold-out need.

Belongs here: who counts as assigned, joining orders to them, adding up. Not here: drawing the hold-out (`audience`),
the effect (`lift`).

A person belongs to the arm that the first delivered audience put them in, and stays there. Later audiences only add
people: in a list of non-converters whoever the campaign wins is missing next time, and comparing who is left would
compare the arms after they have been changed by what is to be measured.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.contracts import Eligibility
from segment_assets.measurement.covariates import Sums

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as pads

_BATCH = 50_000
_PURCHASE = "purchase"


@dataclasses.dataclass(frozen=True, slots=True)
class Arm:
    """One arm. `delivered` people were added to an account of the experiment at some time; `buyers` are customers.

    `revenue` is per person in EUR, with the revenue of the time before as covariate; None below two people.
    """

    people: int
    delivered: int
    buyers: int
    revenue: Sums | None


@dataclasses.dataclass(frozen=True, slots=True)
class Arms:
    """Both arms of a segment. `unrated_orders` have a currency without a rate: revenue is then incomplete."""

    treatment: Arm
    held_out: Arm
    design_effect: float
    unrated_orders: int


@dataclasses.dataclass(frozen=True, slots=True)
class Period:
    """Days in UTC: orders of `first` to `last`, both included, are outcomes.

    Those from `before` until the day before `assigned`, that of the first delivery, are the covariate: no delivery can
    have caused them. Between `assigned` and `first`, when the campaign had not begun, orders are neither.
    """

    before: dt.date
    assigned: dt.date
    first: dt.date
    last: dt.date


def add_up(
    versions: Iterable[pads.Dataset],
    delivered: pads.Dataset,
    orders: pads.Dataset,
    *,
    period: Period,
    per_eur: Mapping[str, float],
    pseudonyms: Callable[[pa.Array[Any]], pa.Array[Any]],
    workdir: Path,
) -> Arms:
    """Sums of both arms.

    `versions` are the delivered HASHED_AUDIENCE versions in order of delivery, `delivered` HOLD_OUT_PEOPLE rows of the
    experiment, `orders` CONVERSIONS. `per_eur` says how much of a currency one EUR buys. `pseudonyms` turns customer
    numbers into member_ids. An order finds its person by the customer number, else by the e-mail.
    """
    with engine.connect(workdir) as db:
        _assign(db, versions)
        db.register("experiment_people", delivered)
        db.register("all_orders", orders)
        db.execute("CREATE TEMP TABLE rates (currency VARCHAR, per_eur DOUBLE)")
        if per_eur:
            db.executemany("INSERT INTO rates VALUES (?, ?)", [list(rate) for rate in sorted(per_eur.items())])
        days = {name: getattr(period, name) for name in ("before", "assigned", "first", "last")}
        db.execute(_ORDERS, {**days, "purchase": _PURCHASE})
        _name_buyers(db, pseudonyms)
        db.execute(_BOUGHT)
        arms = {bool(row[0]): row[1:] for row in db.execute(_ARMS).fetchall()}
        effect = db.execute(_DESIGN_EFFECT).fetchall()[0][0]
        unrated = engine.number(db, "SELECT sum(unrated) FROM bought")
    return Arms(_arm(arms.get(False)), _arm(arms.get(True)), float(effect or 1.0), unrated)


def _assign(db: duckdb.DuckDBPyConnection, versions: Iterable[pads.Dataset]) -> None:
    db.execute("CREATE TEMP TABLE assigned (member_id BLOB, cluster_id BLOB, held_out BOOLEAN, email BLOB)")
    for version in versions:
        db.register("audience_rows", version)
        db.execute(f"""
            INSERT INTO assigned
            SELECT member_id, cluster_id, eligibility = '{Eligibility.HELD_OUT}', email FROM audience_rows
            WHERE eligibility IN ('{Eligibility.HELD_OUT}', '{Eligibility.ELIGIBLE}')
            AND member_id NOT IN (SELECT member_id FROM assigned)
        """)
        db.unregister("audience_rows")


def _name_buyers(db: duckdb.DuckDBPyConnection, pseudonyms: Callable[[pa.Array[Any]], pa.Array[Any]]) -> None:
    """Table `numbers`: the member_id of every customer number among the orders."""
    import pyarrow as pa

    db.execute("CREATE TEMP TABLE numbers (customer_id VARCHAR, member_id BLOB)")
    reader = db.sql("SELECT DISTINCT customer_id FROM orders WHERE customer_id IS NOT NULL").to_arrow_reader(_BATCH)
    named = [(batch.column(0), pseudonyms(batch.column(0))) for batch in reader]
    for customers, members in named:
        db.register("named", pa.table({"customer_id": customers, "member_id": members}))
        db.execute("INSERT INTO numbers SELECT customer_id, member_id FROM named")
        db.unregister("named")


def _arm(row: tuple[Any, ...] | None) -> Arm:
    if row is None:
        return Arm(0, 0, 0, None)
    people, delivered, buyers, *sums = row
    enough = people > 1
    return Arm(people, delivered, buyers, Sums(people, *(float(value) for value in sums)) if enough else None)


# What is no digest names nobody, and must not cost everybody their numbers.
_ORDERS = """
    CREATE TEMP TABLE orders AS
    SELECT customer_id, date BETWEEN $first AND $last AS counts, price / per_eur AS eur,
           CASE WHEN regexp_full_match(email_sha256, '[0-9a-fA-F]{64}') THEN unhex(email_sha256) END AS email,
           price IS NOT NULL AND per_eur IS NULL AS unrated
    FROM all_orders LEFT JOIN rates USING (currency)
    WHERE (date BETWEEN $first AND $last OR date >= $before AND date < $assigned) AND event_type = $purchase
"""
# A shared e-mail names several people of one cluster, who are in one arm: the order counts once.
_BOUGHT = """
    CREATE TEMP TABLE bought AS
    WITH by_email AS (SELECT email, min(member_id) AS member_id FROM assigned WHERE email IS NOT NULL GROUP BY email),
    by_number AS (SELECT n.customer_id, n.member_id FROM numbers n SEMI JOIN assigned a ON a.member_id = n.member_id),
    named AS (
        SELECT coalesce(n.member_id, e.member_id) AS member_id, o.counts, o.eur, o.unrated
        FROM orders o LEFT JOIN by_number n USING (customer_id) LEFT JOIN by_email e ON e.email = o.email
    )
    SELECT member_id, bool_or(counts) AS buyer, count(*) FILTER (unrated) AS unrated,
           coalesce(sum(eur) FILTER (counts), 0) AS y, coalesce(sum(eur) FILTER (NOT counts), 0) AS x
    FROM named WHERE member_id IS NOT NULL GROUP BY member_id
"""
_ARMS = """
    WITH reached AS (
        SELECT member_id FROM experiment_people WHERE delivered_at IS NOT NULL GROUP BY member_id
    ),
    people AS (
        SELECT a.held_out, r.member_id IS NOT NULL AS delivered, coalesce(b.buyer, false) AS buyer,
               coalesce(b.y, 0) AS y, coalesce(b.x, 0) AS x
        FROM assigned a LEFT JOIN bought b ON b.member_id = a.member_id
        LEFT JOIN reached r ON r.member_id = a.member_id
    )
    SELECT held_out, count(*), count(*) FILTER (delivered), count(*) FILTER (buyer),
           sum(y), sum(y * y), sum(x), sum(x * x), sum(x * y)
    FROM people GROUP BY held_out
"""
_DESIGN_EFFECT = """
    SELECT sum(size * size) / sum(size) FROM (SELECT count(*) AS size FROM assigned GROUP BY cluster_id)
"""
