"""Opt-outs to everything that names the people behind them: their pseudonym and every identifier known of them.

Belongs here: finding the customers an opt-out means, and writing digests of all they are known by. Not here: what a
suppression does to an audience (doors), or how opt-outs reach the platforms (delivery).
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.audience import matching, staging
from segment_assets.tables import SUPPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as pads


@dataclasses.dataclass(frozen=True, slots=True)
class SuppressionCounts:
    """`naming_nobody`: requests without any usable identifier and without a customer; each needs a person's look.

    `customers` are the distinct customer records that the requests mean; `rows` are rows of SUPPRESSIONS. `ambiguous`
    are requests that find several customers by a phone, and none by anything else. `members_lost` of `members_before`
    were named by requests before and are by nothing now: pseudonyms, of which a request has one for each number, e-mail
    and phone that it says.
    """

    opt_outs: int
    naming_nobody: int
    customers: int
    rows: int
    ambiguous: int = 0
    members_before: int = 0
    members_lost: int = 0

    def as_stats(self) -> dict[str, object]:
        """Plain JSON values for Snapshot.stats and for metadata."""
        return dataclasses.asdict(self)


def build_suppressions(
    opt_outs: pads.Dataset,
    customers: pads.Dataset,
    key: bytes,
    write: Callable[[pa.RecordBatch], None],
    *,
    workdir: Path,
    erasures: pads.Dataset | None = None,
    erased_phones: bool = True,
    shared_phones: bool = True,
    before: pads.Dataset | None = None,
    kept: pads.Dataset | None = None,
) -> SuppressionCounts:
    """Turn rows of OPT_OUTS into rows of SUPPRESSIONS, sorted by (kind, digest), in bounded memory.

    A request by e-mail, phone or customer number reaches every identifier of every customer record that it matches,
    so it also stops the record that has nothing but a phone. Only matched customers are digested. `key` is the
    tenant's pseudonym key, the same as for audiences. Rows of `erasures` (ERASURES) are suppressions as well, and so is
    everything that the customers are known by now whom one of them names by number, by e-mail or, with `erased_phones`,
    by phone. Without `shared_phones` a phone of a request that several customers have means none of them (`matching`).
    Rows of `before` (SUPPRESSIONS) are what the counts are compared with; those of `kept` are written as they are.
    `workdir` is an existing folder on a disk with room; what is spilled there is personal data and is removed
    at the end.
    """
    with (
        tempfile.TemporaryDirectory(dir=workdir, prefix="suppressions-") as spill,
        engine.connect(Path(spill)) as connection,
    ):
        requests = matching.load(connection, opt_outs)
        connection.execute(
            "CREATE TEMP TABLE named (kind VARCHAR, digest BLOB, opted_out_at TIMESTAMPTZ, asked BOOLEAN)"
        )
        _name_requests(connection, key)
        matching.match_erased(connection, customers, erasures, key, phones=erased_phones)
        matching.match_customers(connection, customers, shared_phones=shared_phones)
        _name_customers(connection, key)
        _name_people_without_a_number(connection, key)
        if erasures is not None:
            connection.execute("INSERT INTO named SELECT kind, digest, opted_out_at, true FROM erased")
        if kept is not None:
            _take_over(connection, kept)
        was, lost = _lost(connection, before) if before is not None else (0, 0)
        rows = _write(connection, write)
        return SuppressionCounts(
            opt_outs=requests,
            naming_nobody=engine.number(connection, _NAMING_NOBODY),
            customers=engine.number(
                connection, "SELECT count(*) FROM matched WHERE customer_id IN (SELECT customer_id FROM hits)"
            ),
            rows=rows,
            ambiguous=engine.number(connection, "SELECT count(*) FROM ambiguous"),
            members_before=was,
            members_lost=lost,
        )


_NAMING_NOBODY = """
    SELECT count(*) FROM requests
    WHERE customer_id IS NULL AND email IS NULL AND phone_digits IS NULL AND request NOT IN (SELECT request FROM hits)
"""


def _name_requests(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """What the requests say by themselves counts even where no customer record is found."""
    for form in matching.SAID_FORMS:
        connection.execute(
            f"INSERT INTO named SELECT '{form}', {form}, opted_out_at, true FROM requests WHERE {form} IS NOT NULL"
        )
    _name_members(connection, "SELECT *, true AS asked FROM requests WHERE customer_id IS NOT NULL", key)


def _name_customers(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    _name_members(connection, "SELECT *, false AS asked FROM matched", key)
    _stage_digests(connection)
    for form in staging.STRONG_FORMS:
        value = "unhex(sha256(mobile_ad_id))" if form == "mobile_ad_id" else form
        connection.execute(
            f"INSERT INTO named SELECT '{form}', {value}, opted_out_at, false FROM digested WHERE {form} IS NOT NULL"
        )
    # The join key is the digest of the e-mail; it may be known where the e-mail itself is not.
    connection.execute(
        """
        INSERT INTO named SELECT 'email', unhex(email_sha256), opted_out_at, false FROM matched
        WHERE regexp_full_match(email_sha256, '[0-9a-f]{64}')
        """
    )


def _name_people_without_a_number(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Whoever has no customer number is a member by their e-mail, phone or device.

    So they are found also where a platform is sent these in a form of its own only, which no suppression names.
    """
    import pyarrow as pa

    for form in staging.NAMING_FORMS:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE naming AS "
            f"SELECT digest, opted_out_at, asked FROM named WHERE kind = '{form}'"
        )
        for batch in matching.in_slices(connection, "naming", "digest, opted_out_at, asked"):
            ids = staging.pseudonyms(key, form, batch.column("digest"))
            told = {name: batch.column(name) for name in ("opted_out_at", "asked")}
            connection.register("batch", pa.table({"digest": ids, **told}))
            connection.execute("INSERT INTO named SELECT 'member', digest, opted_out_at, asked FROM batch")
            connection.unregister("batch")


def _stage_digests(connection: duckdb.DuckDBPyConnection) -> None:
    """Digest the identifiers of all matched customers into the table `digested`."""
    import pyarrow as pa

    from segment_assets.identity import digest_batch

    connection.execute(
        "CREATE TEMP TABLE digested (opted_out_at TIMESTAMPTZ, mobile_ad_id VARCHAR, "
        f"{', '.join(f'{form} BLOB' for form in matching.SAID_FORMS)})"
    )
    for batch in matching.in_slices(connection, "matched", "opted_out_at, email, phone, country, mobile_ad_id"):
        forms = digest_batch(batch.drop_columns(["opted_out_at"]), forms=staging.STRONG_FORMS).forms
        columns = {name: forms[name] for name in staging.STRONG_FORMS}
        connection.register("batch", pa.table({"opted_out_at": batch.column("opted_out_at"), **columns}))
        connection.execute("INSERT INTO digested BY NAME SELECT * FROM batch")
        connection.unregister("batch")


def _name_members(connection: duckdb.DuckDBPyConnection, sql: str, key: bytes) -> None:
    """Add the pseudonyms that the audience room gives to these customers: `customer_id`, `opted_out_at`, `asked`."""
    import pyarrow as pa

    connection.execute(f"CREATE OR REPLACE TEMP TABLE to_name AS {sql}")
    for batch in matching.in_slices(connection, "to_name", "customer_id, opted_out_at, asked"):
        numbers, _ = staging.customer_numbers(batch.column("customer_id"))
        ids = staging.pseudonyms(key, "customer", numbers)
        told = {name: batch.column(name) for name in ("opted_out_at", "asked")}
        connection.register("batch", pa.table({"digest": ids, **told}))
        connection.execute(
            "INSERT INTO named SELECT 'member', digest, opted_out_at, asked FROM batch WHERE digest IS NOT NULL"
        )
        connection.unregister("batch")


def _take_over(connection: duckdb.DuckDBPyConnection, kept: pads.Dataset) -> None:
    connection.register("kept", kept)
    connection.execute("INSERT INTO named SELECT kind, digest, opted_out_at, asked FROM kept")
    connection.unregister("kept")


def _lost(connection: duckdb.DuckDBPyConnection, before: pads.Dataset) -> tuple[int, int]:
    """How many members requests named before, and how many of them nothing names now.

    By who they are: as many others in their place would leave every count as it was. Not by what was found with the
    customers: a new phone or a device that was reset would look as if somebody had taken their no back. An older
    version does not tell these apart.
    """
    connection.register("rows_before", before)
    members = "SELECT digest FROM rows_before WHERE kind = 'member' AND asked IS NOT FALSE"
    now = "SELECT digest FROM named WHERE kind = 'member'"
    found = [engine.number(connection, f"SELECT count(*) FROM ({sql})") for sql in (members, f"{members} EXCEPT {now}")]
    connection.unregister("rows_before")
    return found[0], found[1]


def _write(connection: duckdb.DuckDBPyConnection, write: Callable[[pa.RecordBatch], None]) -> int:
    # Who said no at a moment that is not told said so no later than the others.
    sql = """
        SELECT kind, digest, coalesce(min(opted_out_at), (SELECT max(opted_out_at) FROM named)) AS opted_out_at,
               bool_or(asked) AS asked
        FROM named GROUP BY kind, digest ORDER BY kind, digest
    """
    rows = 0
    for batch in engine.batches(connection, sql, SUPPRESSIONS.arrow_schema()):
        rows += batch.num_rows
        write(batch)
    return rows
