"""The digesting job on Spark: Parquet of SEGMENT_MEMBERS in, Parquet parts of digested rows out.

Belongs here: what runs on Spark's driver and, in `digest_batches`, on its workers. Not here: how the job was started
and whom it reports to (deploy/glue/digest_identifiers.py). Read by whoever debugs it on Glue: it imports Spark,
`identity` and nothing that knows the outside.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import ColumnState, NeedsHumanError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.distributed import flat
from segment_assets.distributed.fingerprint import assert_same
from segment_assets.distributed.work import Outcome, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyspark.sql import SparkSession

# As in the process (audience.staging), though the result does not depend on it.
BATCH_ROWS = 20_000
_SPLIT_BYTES = 32 * 1024 * 1024
_ROW_GROUP_BYTES = 16 * 1024 * 1024
_SETTINGS = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    # An opening that "costs" a whole split keeps Spark from packing two splits into one task: every part then holds
    # one unbroken stretch of a file, and sorting the parts by their first row sorts the rows without a shuffle.
    "spark.sql.files.maxPartitionBytes": str(_SPLIT_BYTES),
    "spark.sql.files.openCostInBytes": str(_SPLIT_BYTES),
}
_OWN_ERROR = re.compile(r"segment_assets\.contracts\.errors\.(TransientError|PermanentError|NeedsHumanError): (.+)")
_KINDS = {kind.__name__: kind for kind in (TransientError, PermanentError, NeedsHumanError)}


def digest_members(work: Work, session: Callable[[], SparkSession]) -> Outcome:
    """Do the work on the Spark session that `session` makes. The target folder is complete when `_SUCCESS` is in it.

    Raises PermanentError, also for whatever Spark fails with: no message of it holds a value.
    """
    assert_same(work.fingerprint)
    try:
        return _digest_members(work, session())
    except SegmentAssetsError:
        raise
    except Exception as failure:  # noqa: BLE001 (whatever Spark raises may quote a value)
        raise _typed(failure) from None


def _digest_members(work: Work, spark: SparkSession) -> Outcome:
    from pyspark.sql.pandas.types import from_arrow_schema

    for name, value in _SETTINGS.items():
        spark.conf.set(name, value)
    members = spark.read.schema(from_arrow_schema(flat.members_schema())).parquet(work.members)
    rows_in = members.count()
    written_schema = from_arrow_schema(flat.flat_schema(work.forms))
    digest = functools.partial(digest_batches, forms=tuple(work.forms), states=dict(work.column_states))
    digested = members.mapInArrow(digest, written_schema)
    # Small row groups: the reader holds one at a time.
    digested.write.option("parquet.block.size", _ROW_GROUP_BYTES).parquet(work.target)
    written = spark.read.schema(written_schema).parquet(work.target)
    counts = written.select(flat.COUNTS).where(f"{flat.COUNTS} IS NOT NULL").collect()
    counted = flat.total(row[0] for row in counts)
    return Outcome(rows_in, counted.get("rows", 0), counted.get("batches", 0), counted.get("reasons", {}))


def digest_batches(
    batches: Iterator[pa.RecordBatch], *, forms: Sequence[str], states: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    """Digest batch by batch; Spark's workers call this. Raises PermanentError, never with a value in it."""
    from segment_assets.identity import digest_batch

    declared = {name: ColumnState(state) for name, state in states.items()}
    for batch in batches:
        if not batch.num_rows:
            continue
        try:
            digested = flat.flatten(batch, digest_batch(batch, declared, forms), forms)
        except SegmentAssetsError:
            raise
        except Exception as failure:  # noqa: BLE001 (Spark writes it into its log, and it may quote a value)
            raise PermanentError(
                f"digesting a batch failed with {type(failure).__name__}; make the audience in process (raise "
                "engine.in_process_up_to_rows in the plan) and report this as a defect with the segment's name"
            ) from None
        yield digested


def local_session(workdir: str) -> SparkSession:
    """Spark on this machine, on loopback, with its scratch files in `workdir`. Raises PermanentError without Java."""
    from pyspark.sql import SparkSession

    settings: dict[str, Any] = {
        "spark.master": "local[*]",
        "spark.app.name": "segment-assets-identity",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": workdir,
        "spark.sql.warehouse.dir": f"{workdir}/warehouse",
    }
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as failure:  # noqa: BLE001 (of Spark, of its bridge to Java, or of the system)
        raise PermanentError(
            f"Spark does not start ({type(failure).__name__}): install Java 17, or raise "
            "engine.in_process_up_to_rows in the plan"
        ) from None
    session.sparkContext.setLogLevel("ERROR")
    return session


def _typed(failure: Exception) -> SegmentAssetsError:
    """Our own error from a worker, or the name of Spark's. Of Spark's own words nothing is passed on."""
    own = _OWN_ERROR.search(str(failure))
    if own:
        return _KINDS[own.group(1)](own.group(2).strip())
    code = getattr(failure, "getErrorClass", lambda: None)() or type(failure).__name__
    return PermanentError(
        f"the identity job failed in Spark ({code}): look at the job's log, or make the audience in process "
        "(engine.in_process_up_to_rows in the plan)"
    )
