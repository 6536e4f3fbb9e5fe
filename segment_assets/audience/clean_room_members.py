"""Members of a segment that comes out of a clean-room LIST result.

Belongs here: joining the listed customers to account A's own records, with or without its own converters. A LIST rule
only joins, so "exposed but not converted" is subtracted here, in account A, and not in the room.
Not here: normal forms, consent (`building`), the query (`queries/clean_room`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import PermanentError
from segment_assets.tables import SEGMENT_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

_CONVERTERS = {
    "any": "true",
    "without": "l.customer_id NOT IN (SELECT customer_id FROM converters)",
    "only": "l.customer_id IN (SELECT customer_id FROM converters)",
}


def clean_room_members(
    listed: pads.Dataset,
    customers: pads.Dataset,
    conversions: pads.Dataset,
    *,
    converters: str,
    price_bands: Sequence[str],
    value_currency: str | None = None,
    workdir: Path,
    write: Callable[[pa.RecordBatch], None],
) -> None:
    """Write rows of SEGMENT_MEMBERS for the listed customers, in the order of customer_id.

    `converters`: any | without | only, where a converter has a conversion in one of `price_bands` (all when empty).
    `value_currency`: a person is worth the sum of their conversions in this currency; without it nothing is said.
    Raises PermanentError for another word.
    """
    if converters not in _CONVERTERS:
        raise PermanentError(f"converters: {converters!r} is not one of {', '.join(_CONVERTERS)}; correct the plan")
    with engine.connect(workdir) as db:
        db.register("listed", listed)
        db.register("customer_rows", customers)
        db.register("conversion_rows", conversions)
        db.execute("CREATE TEMP TABLE bands (band VARCHAR)")
        if price_bands:
            db.executemany("INSERT INTO bands VALUES (?)", [[band] for band in price_bands])
        db.execute("""
            CREATE TEMP TABLE converters AS SELECT DISTINCT customer_id FROM conversion_rows
            WHERE price_band IN (SELECT band FROM bands) OR (SELECT count(*) FROM bands) = 0
        """)
        # To the cent: sums of floats differ by their order. A price that is no amount of money is worth nothing, and
        # an error about it would quote it.
        db.execute(
            """
            CREATE TEMP TABLE worth AS
            SELECT customer_id, sum(cents)::VARCHAR AS customer_value
            FROM (
                SELECT customer_id, CASE WHEN isfinite(price) THEN TRY_CAST(price AS DECIMAL(18, 2)) END AS cents
                FROM conversion_rows
                WHERE upper(trim(currency)) = ? AND price >= 0
            )
            WHERE cents IS NOT NULL GROUP BY customer_id
            """,
            [value_currency],
        )
        sql = f"""
            SELECT row_number() OVER (ORDER BY c.customer_id) - 1 AS source_row,
                   NULL AS source_file, NULL AS source_line,
                   c.customer_id, c.email_address AS email, c.phone_number AS phone, c.first_name, c.last_name,
                   c.city, c.state, c.zip AS postal_code, c.country, c.birth_date, c.gender, c.mobile_ad_id,
                   NULL AS ramp_id,
                   c.consent_ad_user_data, c.consent_ad_personalization, c.gpc_opt_out, w.customer_value
            FROM (SELECT DISTINCT customer_id FROM listed) l
            JOIN customer_rows c ON c.customer_id = l.customer_id
            LEFT JOIN worth w ON w.customer_id = c.customer_id
            WHERE {_CONVERTERS[converters]}
            ORDER BY c.customer_id
        """
        for batch in engine.batches(db, sql, SEGMENT_MEMBERS.arrow_schema()):
            write(batch)
