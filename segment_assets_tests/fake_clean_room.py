"""A clean room whose queries end when a test says so, and the notes of a lake in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.resources.clean_room import (
    ErrorCode,
    Pace,
    ProtectedQuery,
    QueryError,
    QueryOutcome,
    QueryState,
    ResultFormat,
    Statistics,
)
from segment_assets.resources.clean_room.results import read_batches
from segment_assets.tables import TABLES


class Killed(BaseException):
    """The process ends here: no `except Exception` of the code under test may see it."""


class NotesInMemory:
    """The objects of a lake. `before_put` may raise, as a process that dies does."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.before_put: Callable[[str], None] = lambda key: None

    def put_if_absent(self, key: str, body: bytes) -> bool:
        self.before_put(key)
        return self.objects.setdefault(key, body) is body

    def get(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(f"{prefix}/"))


@dataclasses.dataclass
class FakeCleanRoom:
    """Ids are q1, q2, … in the order of the starts. Hooks may raise before and after a query exists."""

    clock: Callable[[], float]
    pace: Pace = dataclasses.field(default_factory=lambda: Pace(look_for=0.0, arrives_within=120.0))
    before_start: Callable[[], None] = lambda: None
    after_start: Callable[[str], None] = lambda query_id: None
    before_look: Callable[[str], None] = lambda query_id: None
    texts: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)
    ends: dict[str, QueryOutcome] = dataclasses.field(default_factory=dict)

    @property
    def started(self) -> list[str]:
        return list(self.texts)

    @property
    def working(self) -> list[str]:
        return [query_id for query_id in self.texts if query_id not in self.ends]

    def start(self, query: ProtectedQuery) -> str:
        self.before_start()
        query_id = f"q{len(self.texts) + 1}"
        self.texts[query_id] = (query.sql, self.clock())
        self.after_start(query_id)
        return query_id

    def look(self, query_id: str) -> QueryOutcome:
        self.before_look(query_id)
        return self.ends.get(query_id) or QueryOutcome(query_id, QueryState.STARTED, Statistics(1, 0.0))

    def cancel(self, query_id: str) -> None:
        self.end(query_id, QueryState.CANCELLED)

    def find(self, query: ProtectedQuery, since: float) -> list[str]:
        return [query_id for query_id, (sql, at) in self.texts.items() if sql == query.sql and at >= since]

    def read(
        self, location: str, schema: pa.Schema, result_format: ResultFormat = ResultFormat.PARQUET
    ) -> Iterator[pa.RecordBatch]:
        return read_batches(location, schema, result_format)

    def end(self, query_id: str, state: QueryState, **more: object) -> None:
        self.ends.setdefault(query_id, QueryOutcome(query_id, state, Statistics(60_000, 0.5), **more))

    def answer(self, query_id: str, folder: Path | None = None, rows: int = 1) -> None:
        """Let a query succeed; with a folder its result has rows of zeros and blanks in the columns of `overlap`."""
        if folder is not None:
            place = folder / query_id
            place.mkdir(parents=True)
            schema = TABLES["overlap"].arrow_schema()
            pq.write_table(pa.Table.from_pylist([{"matched_converters": 100 + rows}], schema), place / "p.parquet")
        self.end(query_id, QueryState.SUCCESS, location=(folder / query_id).as_uri() if folder else None, rows=rows)

    def fail(self, query_id: str, *, retryable: bool) -> None:
        code = ErrorCode.TRANSIENT_ERROR if retryable else ErrorCode.RESOURCE_ACCESS_DENIED
        self.end(query_id, QueryState.FAILED, error=QueryError(code, "as the test says", retryable))
