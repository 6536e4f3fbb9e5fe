"""Which customer records an opt-out means.

Belongs here: reading opt-outs and matching them to customers, by number, e-mail or phone. Not here: what is then
suppressed (suppressing).

Tables made: `requests` (one row per opt-out: request, opted_out_at, customer_id, e-mail and phone digests in every
form, the raw e-mail, phone and country), `hits` (request, customer_id), `matched` (one row per customer record with
its raw identifiers and the earliest request).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.audience import staging
from segment_assets.audience.arrow import kernels, scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as pads

# What a request can name a person by.
SAID_FORMS = (*staging.E_MAIL_FORMS, *staging.PHONE_FORMS)
_SLICE_ROWS = 20_000
_PIECE_ROWS = 50_000
# Seven digits are the shortest tail that national and international notation of one number share everywhere, and
# long enough that few strangers share it.
_TAIL = "nullif(right(regexp_replace({column}, '[^0-9]', '', 'g'), 7), '')"


def load(connection: duckdb.DuckDBPyConnection, opt_outs: pads.Dataset) -> int:
    """Create `requests` from rows of OPT_OUTS; return how many there are."""
    import pyarrow as pa

    from segment_assets.identity import digest_batch

    connection.execute(
        "CREATE TEMP TABLE requests (request BIGINT, opted_out_at TIMESTAMPTZ, customer_id VARCHAR, "
        f"{', '.join(f'{form} BLOB' for form in SAID_FORMS)}, raw_email VARCHAR, phone VARCHAR, country VARCHAR)"
    )
    columns = ["opted_out_at", "customer_id", "email_address", "phone_number", "country"]
    first = 0
    for batch in scan(opt_outs, _SLICE_ROWS, columns):
        raw = batch.select(columns).rename_columns(["opted_out_at", "customer_id", "email", "phone", "country"])
        forms = digest_batch(raw.select(["email", "phone", "country"]), forms=SAID_FORMS).forms
        numbers, _ = staging.customer_numbers(raw.column("customer_id"))
        rows = {
            "request": pa.array(range(first, first + raw.num_rows), pa.int64()),
            "opted_out_at": raw.column("opted_out_at"),
            "customer_id": numbers,
            **{form: forms[form] for form in SAID_FORMS},
            "raw_email": raw.column("email"),
            "phone": raw.column("phone"),
            "country": raw.column("country"),
        }
        connection.register("batch", pa.table(rows))
        connection.execute("INSERT INTO requests BY NAME SELECT * FROM batch")
        connection.unregister("batch")
        first += raw.num_rows
    return first


def match_customers(connection: duckdb.DuckDBPyConnection, customers: pads.Dataset) -> None:
    """Create `hits` and `matched` from `requests` and rows of CUSTOMERS, which are streamed twice and never held.

    Piece by piece because DuckDB, which cannot know the size of an Arrow dataset, built its hash tables over the
    customers: 879 MB for a million of them.
    """
    connection.execute("CREATE TEMP TABLE hits (request BIGINT, customer_id VARCHAR)")
    connection.execute(
        "CREATE TEMP TABLE candidates (request BIGINT, wanted VARCHAR, wanted_digits BLOB, customer_id VARCHAR, "
        "phone VARCHAR, country VARCHAR)"
    )
    connection.execute(f"CREATE TEMP TABLE tails AS SELECT *, {_TAIL.format(column='phone')} AS tail FROM requests")
    for sql in _each_piece(connection, customers, _FIND):
        connection.execute(sql)
    _match_phones(connection)
    connection.execute(
        """
        CREATE TEMP TABLE earliest AS
        SELECT h.customer_id, min(r.opted_out_at) AS opted_out_at
        FROM hits h JOIN requests r USING (request) GROUP BY h.customer_id
        """
    )
    connection.execute(
        "CREATE TEMP TABLE matched (customer_id VARCHAR, opted_out_at TIMESTAMPTZ, email VARCHAR, phone VARCHAR, "
        "country VARCHAR, mobile_ad_id VARCHAR, email_sha256 VARCHAR)"
    )
    for sql in _each_piece(connection, customers, (_TAKE,)):
        connection.execute(sql)


_FIND = (
    """INSERT INTO hits SELECT request, c.customer_id FROM piece c
    JOIN requests r ON r.customer_id = trim(c.customer_id)""",
    """INSERT INTO hits SELECT request, c.customer_id FROM piece c
    JOIN requests r ON lower(hex(r.email)) = lower(trim(c.email_sha256))""",
    """INSERT INTO hits SELECT request, c.customer_id FROM piece c
    JOIN requests r ON lower(trim(r.raw_email)) = lower(trim(c.email_address)) AND r.email IS NOT NULL""",
    f"""INSERT INTO candidates SELECT request, r.phone, r.phone_digits, c.customer_id, c.phone_number, c.country
    FROM piece c JOIN tails r ON r.tail = {_TAIL.format(column="c.phone_number")}""",
)
_TAKE = """
    INSERT INTO matched
    SELECT c.customer_id, e.opted_out_at, c.email_address, c.phone_number, c.country, c.mobile_ad_id,
           lower(trim(c.email_sha256))
    FROM piece c JOIN earliest e USING (customer_id)
"""


def _each_piece(
    connection: duckdb.DuckDBPyConnection, customers: pads.Dataset, statements: Sequence[str]
) -> Iterator[str]:
    """Yield the statements once per piece of the customers, which they see as `piece`."""
    import pyarrow as pa

    columns = ["customer_id", "email_address", "email_sha256", "phone_number", "country", "mobile_ad_id"]
    for batch in scan(customers, _PIECE_ROWS, columns):
        connection.register("piece", pa.Table.from_batches([batch]))
        yield from statements
        connection.unregister("piece")


def _match_phones(connection: duckdb.DuckDBPyConnection) -> None:
    """Candidates share the last seven digits; the digests decide.

    A national number that came without a country is read in the candidate's country: better one person too many
    suppressed than an opt-out that reaches nobody.
    """
    import pyarrow as pa

    pc = kernels()

    for batch in in_slices(connection, "candidates", "request, wanted, wanted_digits, customer_id, phone, country"):
        theirs = _phone_digests(batch.column("phone"), batch.column("country"))
        in_their_country = _phone_digests(batch.column("wanted"), batch.column("country"))
        wanted = pc.coalesce(batch.column("wanted_digits").cast(pa.binary(32)), in_their_country)
        hit = pc.fill_null(pc.equal(theirs, wanted), False)  # noqa: FBT003
        connection.register("batch", pa.Table.from_batches([batch.select(["request", "customer_id"]).filter(hit)]))
        connection.execute("INSERT INTO hits FROM batch")
        connection.unregister("batch")


def _phone_digests(phones: pa.Array[Any], countries: pa.Array[Any]) -> pa.Array[Any]:
    import pyarrow as pa

    from segment_assets.identity import digest_batch

    batch = pa.RecordBatch.from_arrays([phones, countries], names=["phone", "country"])
    return digest_batch(batch, forms=["phone_digits"]).forms["phone_digits"]


def in_slices(connection: duckdb.DuckDBPyConnection, table: str, columns: str) -> Iterator[pa.RecordBatch]:
    """The rows of a table of ours piece by piece, each read to its end so that the connection is free between."""
    total = engine.number(connection, f"SELECT count(*) FROM {table}")
    for start in range(0, total, _SLICE_ROWS):
        rows = f"SELECT {columns} FROM {table} WHERE rowid >= {start} AND rowid < {start + _SLICE_ROWS}"
        pieces = connection.sql(rows).to_arrow_table().combine_chunks().to_batches()
        yield from pieces
