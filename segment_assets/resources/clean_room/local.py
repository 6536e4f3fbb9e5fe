"""The clean room on this machine: the real judge, DuckDB as the engine, a folder as the result bucket.

Belongs here: running an accepted query over Parquet files and leaving its result where AWS would.
Not here: what is remembered of a query (`local_queries`), rules and thresholds (`privacy`), results (`results`).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import PermanentError
from segment_assets.privacy import enforce, judge, redact
from segment_assets.privacy.verdicts import Outcome
from segment_assets.processes import aside
from segment_assets.resources.clean_room import (
    ErrorCode,
    Pace,
    ProtectedQuery,
    QueryError,
    QueryOutcome,
    QueryState,
    ResultFormat,
    Statistics,
    query_log,
)
from segment_assets.resources.clean_room.answers import Answers
from segment_assets.resources.clean_room.local_queries import LocalQueries, digest_of
from segment_assets.resources.clean_room.results import read_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb
    import pyarrow as pa

    from segment_assets.contracts import Clock
    from segment_assets.privacy import Collaboration, RunnableQuery, Verdict

# What the API accepts as a key prefix, without dots at the start of a folder: those hide unfinished results.
_KEY_PREFIX = re.compile(r"([\w!*=-][\w!.*=-]*)(/[\w!*=-][\w!.*=-]*)*", re.ASCII)
_WRITERS = {
    ResultFormat.PARQUET: ("part-00000.parquet", "FORMAT parquet, COMPRESSION zstd"),
    ResultFormat.CSV: ("part-00000.csv", "FORMAT csv, HEADER true"),
}


class _Failure(Exception):  # noqa: N818 - an outcome on its way up, never seen by callers
    def __init__(self, error: QueryError) -> None:
        super().__init__(error.message)
        self.error = error


class LocalCleanRoom:
    """A `CleanRoom` whose tables are Parquet files.

    `tables` gives the files of a Glue table by name. Results go to `results/prefix/<query id>/`, the log to
    `results/query_log.jsonl`, what is known of a query to `results/queries`. The work is done by whoever starts the
    query; for `answers_after` seconds from then on every process is told that it is STARTED. Where it is `guarded`, a
    result that together with an earlier one would tell fewer people apart than a group must have is refused.
    `memory_limit` bounds DuckDB; what does not fit is spilled to `temp`, removed after. Nothing is billed, so
    `billed_units` is always 0.
    """

    def __init__(
        self,
        collaboration: Collaboration,
        tables: Callable[[str], list[str]],
        results: Path,
        prefix: str,
        runner: str,
        *,
        clock: Clock = time.time,
        # 600 MB did not do for `viewer_groups` over a million people: distinct counts over many groupings spill badly.
        memory_limit: str = "2000MB",
        temp: Path | None = None,
        answers_after: float = 0.0,
        guarded: bool = False,
    ) -> None:
        if not _KEY_PREFIX.fullmatch(prefix):
            raise PermanentError(
                f"The key prefix {prefix!r} is not valid in S3 or hidden; use letters, digits, - and /"
            )
        self._collaboration = collaboration
        self._tables = tables
        self._results = results
        self._prefix = prefix
        self._runner = runner
        self._clock = clock
        self._memory_limit = memory_limit
        self._temp = temp
        self._answers_after = answers_after
        self._answers = Answers(results / "answers.jsonl") if guarded else None
        self._queries = LocalQueries(results / "queries")

    def __repr__(self) -> str:
        return f"LocalCleanRoom(runner={self._runner!r}, prefix={self._prefix!r})"

    @property
    def pace(self) -> Pace:
        """It answers at once or much later, and a start that is not found never arrived: nobody waits."""
        return Pace(look_for=0.0, arrives_within=0.0)

    def start(self, query: ProtectedQuery) -> str:
        """Judge, run, write. A refused query costs nothing and fails with MALFORMED_QUERY."""
        query_id = str(uuid.uuid4())
        begun = self._clock()
        verdict = judge(query.sql, self._collaboration, self._runner)
        known = query_log.about(verdict, query_text=redact(query.sql), runner=self._runner)
        with self._queries.working(query_id, {"sql": digest_of(query.sql), "at": begun, "log": known}):
            try:
                location, rows = self._answer(query, query_id, verdict)
            except _Failure as failure:
                outcome = QueryOutcome(query_id, QueryState.FAILED, self._took(begun), error=failure.error)
            else:
                outcome = QueryOutcome(query_id, QueryState.SUCCESS, self._took(begun), location=location, rows=rows)
            answer = {"due": begun + self._answers_after, "outcome": outcome.to_json()}
            self._queries.put_once(query_id, "answer", answer)
            if not self._answers_after:
                self._end(outcome)
        return query_id

    def look(self, query_id: str) -> QueryOutcome:
        """How a query is. One whose process died before it had an answer has failed, and may be started again."""
        submitted = self._queries.submitted(query_id)
        end = self._queries.get(query_id, "end")
        if end is not None:
            return QueryOutcome.from_json(end)
        abandoned = not self._queries.is_worked_on(query_id)
        # Asked after the lock, since the answer is written before the lock is dropped.
        answer = self._queries.get(query_id, "answer")
        now = self._clock()
        if answer is not None and now >= answer["due"]:
            return self._end(QueryOutcome.from_json(answer["outcome"]))
        if answer is None and abandoned:
            message = "the process that ran the query has died; start it again"
            error = QueryError(ErrorCode.TRANSIENT_ERROR, message, retryable=True)
            return self._end(QueryOutcome(query_id, QueryState.FAILED, self._took(submitted["at"]), error=error))
        return QueryOutcome(query_id, QueryState.STARTED, self._took(submitted["at"]))

    def cancel(self, query_id: str) -> None:
        """End a query now. What it has written is taken away."""
        if self.look(query_id).state.final:
            return
        submitted = self._queries.submitted(query_id)
        ended = self._end(QueryOutcome(query_id, QueryState.CANCELLED, self._took(submitted["at"])))
        if ended.state is QueryState.CANCELLED:
            shutil.rmtree(self._results / self._prefix / query_id, ignore_errors=True)

    def find(self, query: ProtectedQuery, since: float) -> list[str]:
        """Queries with this text. One whose process died in the middle was never answered and is left out."""
        return [
            query_id
            for query_id in self._queries.with_text(query.sql, since)
            if self._queries.is_worked_on(query_id) or self._queries.get(query_id, "answer") is not None
        ]

    def read(
        self, location: str, schema: pa.Schema, result_format: ResultFormat = ResultFormat.PARQUET
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a result of this machine."""
        return read_batches(location, schema, result_format)

    def _end(self, outcome: QueryOutcome) -> QueryOutcome:
        """Say once and for all how a query ended, also to the log; what was said first stays."""
        if self._queries.put_once(outcome.query_id, "end", outcome.to_json()):
            known = self._queries.submitted(outcome.query_id)["log"]
            entry = query_log.termination(known, outcome, at=self._clock())
            query_log.append(self._results / "query_log.jsonl", entry)
            return outcome
        said = self._queries.get(outcome.query_id, "end")
        assert said is not None, "an end is never taken back"
        return QueryOutcome.from_json(said)

    def _took(self, started: float) -> Statistics:
        return Statistics(total_duration_in_millis=round((self._clock() - started) * 1000), billed_units=0.0)

    def _answer(self, query: ProtectedQuery, query_id: str, verdict: Verdict) -> tuple[str, int]:
        """The result's location and rows. Everything that goes wrong is a `_Failure`."""
        if not verdict.may_run(uncertain_allowed=query.uncertain_allowed):
            message = f"{query.name}: {verdict.explain()}"
            if verdict.outcome is Outcome.UNCERTAIN and not query.uncertain_allowed:
                message += f"\n{query.how_to_allow}"
            raise _Failure(QueryError(ErrorCode.MALFORMED_QUERY, message, retryable=False))
        files = {name: self._files(name) for name in verdict.tables}
        with _failures(query.name), self._engine() as connection:
            for name, paths in files.items():
                self._show(connection, name, paths)
            if self._answers and (close := self._answers.too_close(connection, verdict, query_id)):
                message = f"{query.name}: together with query {close[0].query_id} the result would tell fewer people "
                message += "apart than may be; ask for it without the condition that makes the difference"
                raise _Failure(QueryError(ErrorCode.MALFORMED_QUERY, message, retryable=False))
            return self._write(
                connection, enforce(verdict, uncertain_allowed=query.uncertain_allowed), query_id, query.result_format
            )

    def _files(self, name: str) -> list[str]:
        table = self._collaboration.table(name)
        assert table is not None, "the judge knows every table of an accepted query"
        paths = self._tables(table.glue_table)
        if not paths:
            message = f"table {name} has no data files; publish {table.glue_table} first"
            raise _Failure(QueryError(ErrorCode.RESOURCE_NOT_FOUND, message, retryable=False))
        return paths

    @contextlib.contextmanager
    def _engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """An engine of this query's own, whose spill files go away after it. It reckons in UTC, as Clean Rooms does."""
        if self._temp:
            self._temp.mkdir(parents=True, exist_ok=True)
        options = {
            "memory_limit": self._memory_limit,
            "threads": str(engine.THREADS),
            # Spark answers NULL; an error would tell the runner about single rows.
            "error_on_division_by_zero": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        with (
            tempfile.TemporaryDirectory(prefix="clean-room-", dir=self._temp) as spill,
            engine.connect(Path(spill), options) as connection,
        ):
            yield connection

    def _show(self, connection: duckdb.DuckDBPyConnection, name: str, paths: list[str]) -> None:
        """A view with the allowed columns only, which is all that the engine ever sees of a table."""
        table = self._collaboration.table(name)
        assert table is not None
        columns = ", ".join(_identifier(column) for column in table.configured_table.allowed_columns)
        files = ", ".join(_text(path) for path in paths)
        source = f"read_parquet([{files}], hive_partitioning = false)"
        connection.execute(f"CREATE TEMP VIEW {_identifier(name)} AS SELECT {columns} FROM {source}")

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        runnable: RunnableQuery,
        query_id: str,
        result_format: ResultFormat,
    ) -> tuple[str, int]:
        """Write aside, mark as complete, then move into place in one step."""
        unfinished = self._results / aside("unfinished")
        final = self._results / self._prefix / query_id
        name, options = _WRITERS[result_format]
        unfinished.mkdir(parents=True)
        try:
            sql = f"COPY ({_with_spark_types(connection, runnable.sql)}) TO {_text(str(unfinished / name))} ({options})"
            row = connection.execute(sql).fetchone()
            (unfinished / "_SUCCESS").touch()
            final.parent.mkdir(parents=True, exist_ok=True)
            unfinished.rename(final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return final.absolute().as_uri(), int(row[0]) if row else 0


@contextlib.contextmanager
def _failures(name: str) -> Iterator[None]:
    """Turn errors into outcomes. Their messages quote values of the data, so none is passed on.

    What nobody expected is a permanent failure of this query: raised, it would look like a process that died, and the
    query would be asked again for ever.
    """
    import duckdb

    try:
        yield
    except _Failure:
        raise
    except duckdb.OutOfMemoryException:
        message = f"{name}: not enough memory or disk; raise memory_limit or free the temp folder"
        error = QueryError(ErrorCode.INSUFFICIENT_COMPUTE, message, retryable=False)
    except (duckdb.IOException, OSError):
        message = f"{name}: a file of a table could not be read, or the result not be written; look at both folders"
        error = QueryError(ErrorCode.RESOURCE_NOT_FOUND, message, retryable=True)
    except (duckdb.BinderException, duckdb.CatalogException):
        message = f"{name}: the files of a table lack an allowed column, or its type does not fit the query"
        error = QueryError(ErrorCode.INVALID_RESOURCE, message, retryable=False)
    except Exception as problem:  # noqa: BLE001 - see above
        message = f"{name}: the engine stopped with {type(problem).__name__}; run the query on test data to see why"
        error = QueryError(ErrorCode.INTERNAL_ERROR, message, retryable=False)
    else:
        return
    raise _Failure(error)


def _with_spark_types(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The same rows in the types that Spark gives: DuckDB sums whole numbers to 128 bits, which no Parquet has."""
    described = connection.execute(f"DESCRIBE {sql}").fetchall()
    columns = [
        f"CAST({_identifier(name)} AS BIGINT) AS {_identifier(name)}" if type_ == "HUGEINT" else _identifier(name)
        for name, type_, *_ in described
    ]
    return f"SELECT {', '.join(columns)} FROM ({sql})"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
