"""From the rows of a segment to one record per person with the door that the person reached.

Belongs here: what needs more than one row (merging, clusters, suppression, consent, hold-out) and its order.
Not here: reading files, digesting a value, judging the result.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.audience import clusters, doors, staging
from segment_assets.audience.accounting import AudienceCounts
from segment_assets.audience.arrow import kernels
from segment_assets.contracts import CONSENT_COLUMNS, VALUE_COLUMN, Eligibility
from segment_assets.tables import HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.audience.consent import AudiencePolicy
    from segment_assets.audience.staging import Digested


# To plan a statement takes longer than to merge a few rows: neighbouring buckets of up to this many bytes (about 40,000
# rows) are merged together, a small audience at once instead of in sixteen parts.
TOGETHER_BYTES = 16_000_000


def build_audience(
    members: pads.Dataset,
    suppressions: pads.Dataset,
    *,
    policy: AudiencePolicy,
    key: bytes,
    workdir: Path,
    write_member: Callable[[pa.RecordBatch], None],
    write_quarantine: Callable[[pa.RecordBatch], None],
    digested: Iterable[Digested] | None = None,
    before: pads.Dataset | None = None,
) -> AudienceCounts:
    """Build a hashed audience from rows of SEGMENT_MEMBERS and rows of SUPPRESSIONS, in bounded memory.

    `key` is the tenant's pseudonym key. `workdir` is an existing folder on a disk with room for about 500 bytes a
    row; what is put there is digests and is removed at the end. `write_member` gets batches of HASHED_AUDIENCE
    sorted by member_id, `write_quarantine` batches of QUARANTINE; publish neither when this raises. `digested` are the
    same rows where they were digested elsewhere (`distributed`), in their order; without it they are digested here.
    `before` are rows of HASHED_AUDIENCE as the segment was: who was drawn for an experiment then stays in the arm,
    whoever of their household has come or gone since.
    Raises PermanentError when rows or members do not add up.
    """
    counts = AudienceCounts()
    with tempfile.TemporaryDirectory(dir=workdir, prefix="audience-") as name:
        folder = Path(name)
        rows = staging.digest_rows(members, policy) if digested is None else digested
        staging.stage(
            rows, key=key, folder=folder, write_quarantine=write_quarantine, counts=counts, states=policy.column_states
        )
        with engine.connect(folder) as connection:
            _merge(connection, folder, counts)
            counts.shared_clusters = clusters.find_clusters(connection)
            suppressed = doors.load_suppressions(connection, suppressions)
            doors.decide(connection, policy, key, suppressed, before if policy.experiments else None)
            _write(connection, folder, write_member, counts)
    counts.assert_balanced()
    return counts


def _in_quotes(path: Path) -> str:
    """A path ready to stand between quotes in SQL."""
    return str(path).replace("'", "''")


def _neighbours(folder: Path) -> Iterator[list[Path]]:
    """The staged buckets in their order, as many together as may be merged at once."""
    together: list[Path] = []
    size = 0
    buckets = (staging.bucket_path(folder, bucket) for bucket in range(staging.BUCKETS))
    for path in filter(Path.exists, buckets):
        more = path.stat().st_size
        if together and size + more > TOGETHER_BYTES:
            yield together
            together, size = [], 0
        together.append(path)
        size += more
    yield together


def _merge(connection: duckdb.DuckDBPyConnection, folder: Path, counts: AudienceCounts) -> None:
    """Merge rows to one per person, number the people in order of member_id, view all as `merged`."""
    import pyarrow.dataset as pads

    for number, sources in enumerate(_neighbours(folder)):
        merged = _in_quotes(folder / f"merged-{number:02}.parquet")
        connection.register("staged", pads.dataset([str(source) for source in sources], format="ipc"))
        connection.execute(f"COPY ({_merge_sql(counts.members)}) TO '{merged}' (FORMAT parquet, COMPRESSION lz4)")
        connection.unregister("staged")
        for source in sources:
            source.unlink()
        [(people, rows)] = connection.execute(
            f"SELECT count(*), coalesce(sum(source_rows), 0)::BIGINT FROM read_parquet('{merged}')"
        ).fetchall()
        counts.members += people
        counts.duplicates_merged += rows - people
    connection.execute(f"CREATE TEMP VIEW merged AS FROM read_parquet('{_in_quotes(folder)}/merged-*.parquet')")


def _merge_sql(first_member: int) -> str:
    """Each cell from the lowest source_row that has it; of several statements about consent the strictest."""
    # arg_min passes over rows whose cell is null.
    cells = [
        f"arg_min({name}, source_row) AS {name}" for name in ("consent_country", VALUE_COLUMN, *staging.FORM_COLUMNS)
    ]
    strictest = [f"max({name}) AS {name}" for name in CONSENT_COLUMNS]
    columns = ", ".join(
        ["count(*) AS source_rows", *strictest, "coalesce(bool_or(gpc_opt_out), false) AS gpc_opt_out", *cells]
    )
    return f"""
        SELECT {first_member} + row_number() OVER (ORDER BY member_id) - 1 AS member, *
        FROM (SELECT member_id, {columns} FROM staged GROUP BY member_id)
        ORDER BY member_id
        """


def _write(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    write_member: Callable[[pa.RecordBatch], None],
    counts: AudienceCounts,
) -> None:
    schema = HASHED_AUDIENCE.arrow_schema()
    for merged in sorted(folder.glob("merged-*.parquet")):
        for batch in engine.batches(connection, _audience_sql(_in_quotes(merged)), schema):
            _count(batch.column("eligibility"), counts)
            write_member(batch)


def _audience_sql(source: str) -> str:
    """People in order; whoever may not be sent leaves without any identifier (data minimisation)."""
    consent = ", ".join(doors.consent_sql(column) for column in CONSENT_COLUMNS)
    kept = f"eligibility IN ('{Eligibility.ELIGIBLE}', '{Eligibility.HELD_OUT}')"
    forms = ", ".join(f"CASE WHEN {kept} THEN {name} END AS {name}" for name in (VALUE_COLUMN, *staging.FORM_COLUMNS))
    return f"""
        SELECT member_id, coalesce(d.cluster_id, member_id) AS cluster_id,
               d.eligibility::VARCHAR AS eligibility, {consent}, {forms}
        FROM read_parquet('{source}') JOIN decided d USING (member)
        ORDER BY member
        """


def _count(eligibility: pa.Array[Any], counts: AudienceCounts) -> None:
    pc = kernels()

    for tally in pc.value_counts(eligibility).to_pylist():
        door = Eligibility(tally["values"]).value
        setattr(counts, door, getattr(counts, door) + tally["counts"])
