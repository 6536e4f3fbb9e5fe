"""Which customer records an opt-out means, and which are those of people who were forgotten before.

Belongs here: reading opt-outs and matching them to customers, by number, e-mail or phone; matching the digests of
requests whose file may be gone. Not here: what is then suppressed (suppressing).

Tables made: `requests` (one row per opt-out: request, opted_out_at, customer_id, e-mail and phone digests in every
form, the raw e-mail, phone and country), `hits` (request, customer_id), `erased_hits` (customer_id, opted_out_at),
`matched` (one row per customer record with its raw identifiers and the earliest request).
"""

from __future__ import annotations

import re
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
_OF_A_CUSTOMER = ("customer_id", "email_address", "email_sha256", "phone_number", "country")
_DIGEST = re.compile("[0-9a-f]{64}")
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


def match_erased(
    connection: duckdb.DuckDBPyConnection,
    customers: pads.Dataset,
    erasures: pads.Dataset | None,
    key: bytes,
    *,
    phones: bool,
) -> None:
    """Create `erased_hits` from rows of ERASURES: customer records with a number, an e-mail or a phone among these.

    What somebody is known by changes, and a request to be forgotten outlives its file as digests alone. Customers are
    streamed once and digested, for which there is a price only where anybody asked to be forgotten. A phone is a match
    where a request said it, as of an opt-out; without `phones` none is: it may be a household's.
    """
    connection.execute("CREATE TEMP TABLE erased_hits (customer_id VARCHAR, opted_out_at TIMESTAMPTZ)")
    if erasures is None:
        return
    connection.register("erasure_rows", erasures)
    connection.execute("CREATE TEMP TABLE erased AS SELECT kind, digest, opted_out_at, asked FROM erasure_rows")
    connection.unregister("erasure_rows")
    # Column of a customer -> which rows of the requests may name it.
    kinds = {name: f"e.kind = '{name}'" for name in ("member", "email", "email_gmail_folded")}
    kinds |= {"email_sha256": "e.kind = 'email'"}
    # A phone that was looked up is perhaps a household's, of whom one has asked; an opt-out by e-mail finds no more.
    kinds |= {"phone_digits": "e.kind = 'phone_digits' AND e.asked IS NOT FALSE"} if phones else {}
    if not engine.number(connection, "SELECT count(*) FROM erased"):
        return
    for batch in scan(customers, _PIECE_ROWS, _OF_A_CUSTOMER):
        connection.register("piece", _digested(batch, key, phones=phones))
        for column, is_named in kinds.items():
            connection.execute(
                f"INSERT INTO erased_hits SELECT p.customer_id, e.opted_out_at FROM piece p "
                f"JOIN erased e ON e.digest = p.{column} AND {is_named}"
            )
        connection.unregister("piece")


def _digested(batch: pa.RecordBatch, key: bytes, *, phones: bool) -> pa.Table:
    """What names the customers of a batch, as it is among the suppressions."""
    import pyarrow as pa

    from segment_assets.identity import digest_batch

    raw = batch.select(["email_address", "phone_number", "country"]).rename_columns(["email", "phone", "country"])
    forms = digest_batch(raw, forms=[*staging.E_MAIL_FORMS, *(["phone_digits"] if phones else [])]).forms
    numbers, _ = staging.customer_numbers(batch.column("customer_id"))
    # The join key may be known where the e-mail itself is not.
    known = [_as_digest(text) for text in batch.column("email_sha256").to_pylist()]
    return pa.table(
        {
            "customer_id": batch.column("customer_id"),
            "member": staging.pseudonyms(key, "customer", numbers),
            "email_sha256": pa.array(known, pa.binary(32)),
            **forms,
        }
    )


def _as_digest(text: str | None) -> bytes | None:
    return bytes.fromhex(text) if text and _DIGEST.fullmatch(text := text.strip().lower()) else None


def match_customers(
    connection: duckdb.DuckDBPyConnection, customers: pads.Dataset, *, shared_phones: bool = True
) -> None:
    """Create `hits` and `matched` from `requests`, `erased_hits` and rows of CUSTOMERS, which are streamed twice.

    Without `shared_phones` a phone finds nobody beside whom the request finds by number or e-mail, and where it finds
    several customers it finds none of them: such requests are in `ambiguous`.

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
    connection.execute("CREATE TEMP TABLE sure AS SELECT DISTINCT * FROM hits")
    _match_phones(connection)
    connection.execute(
        "CREATE TEMP TABLE ambiguous AS SELECT request FROM hits ANTI JOIN sure USING (request) "
        "GROUP BY request HAVING count(DISTINCT customer_id) > 1"
    )
    if not shared_phones:
        connection.execute("DELETE FROM hits WHERE request IN (FROM ambiguous)")
        connection.execute("DELETE FROM hits WHERE request IN (SELECT request FROM sure)")
        connection.execute("INSERT INTO hits FROM sure")
    connection.execute(
        """
        CREATE TEMP TABLE earliest AS
        SELECT customer_id, min(opted_out_at) AS opted_out_at
        FROM (SELECT h.customer_id, r.opted_out_at FROM hits h JOIN requests r USING (request)
              UNION ALL SELECT customer_id, opted_out_at FROM erased_hits)
        GROUP BY customer_id
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

    for batch in scan(customers, _PIECE_ROWS, [*_OF_A_CUSTOMER, "mobile_ad_id"]):
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
