"""Whom suppressions name among millions of rows: most rows are ruled out by marks, the few others are asked in SQL.

Belongs here: finding the named in bounded memory. Not here: what names a person (`records.is_suppressed`), and what
follows.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.delivery.cells import first_bytes, words
from segment_assets.delivery.comparing import is_value, owners
from segment_assets.delivery.marks import Marks
from segment_assets.delivery.ranges import Kept, filled, stream
from segment_assets.delivery.records import is_suppressed, load_suppressions
from segment_assets.delivery.wanted import FORMS
from segment_assets.tables import ACKNOWLEDGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import pyarrow.dataset as pads

# What a suppression can name a person by, see `records.is_suppressed`.
NAMED_BY = frozenset({"member_id", *(form for form in FORMS if form.startswith(("email", "phone", "mobile_ad_id")))})


def marks_of(suppressions: pads.Dataset | None) -> Marks:
    """Everything that suppressions name."""
    marks = Marks()
    for batch in stream(suppressions, ["digest"]) if suppressions is not None else ():
        marks.add(batch.column("digest"))
    return marks


def may_be_named(rows: pa.RecordBatch, marks: Marks) -> Any:
    """A numpy mask of who may be named. Of the others it is certain that nothing names them."""
    import numpy as np

    named = np.zeros(rows.num_rows, np.bool_)
    if not marks.is_empty:
        for name in NAMED_BY.intersection(rows.schema.names):
            named |= marks.found(rows.column(name))
    return named


@contextlib.contextmanager
def kept_candidates(table: pads.Dataset | None, marks: Marks, workdir: Path) -> Iterator[Kept]:
    """The rows of a table of the ledger, or of an audience, that may be named, kept until the context ends."""
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="named-") as folder:
        schema = ACKNOWLEDGED.arrow_schema() if table is None else table.schema
        columns = filled(table, schema.names) if table is not None else []
        candidates = Kept(Path(folder) / "candidates.arrow", schema, columns)
        for rows in stream(table, columns) if table is not None else ():
            candidates.add(rows, may_be_named(rows, marks))
        yield candidates


def named_members(table: pads.Dataset, suppressions: pads.Dataset | None, workdir: Path) -> pa.RecordBatch:
    """The members (`member_id`, in order, each once) of whom a suppression names any row of an audience or a state."""
    import pyarrow as pa

    nobody = pa.RecordBatch.from_pylist([], pa.schema([table.schema.field("member_id")]))
    marks = marks_of(suppressions)
    if marks.is_empty:
        return nobody
    with kept_candidates(table, marks, workdir) as candidates:
        if not candidates.rows:
            return nobody
        with engine.connect(workdir) as db:
            db.register("candidates", candidates.dataset())
            load_suppressions(db, suppressions)
            sql = f"SELECT DISTINCT member_id FROM candidates a WHERE {is_suppressed('a')} ORDER BY member_id"
            found = db.sql(sql).to_arrow_table().column("member_id").combine_chunks()
    return pa.record_batch([found.cast(nobody.schema.field(0).type)], schema=nobody.schema)


@contextlib.contextmanager
def set_unnamed_apart(
    state: pads.Dataset, suppressions: pads.Dataset | None, took_back: pads.Dataset | None, workdir: Path
) -> Iterator[tuple[pads.Dataset, int]]:
    """The rows of a state of whom somebody said no, or who are leaving, and how many other people it knows.

    It is the whole state where consent may have been taken back: what those share with others has to be looked at.
    Likewise where rows are not in the order of members. What is kept lies below `workdir` until the context ends.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="named-") as folder:
        affected = Kept(Path(folder) / "affected.arrow", state.schema, filled(state, state.schema.names))
        others = _keep_affected(affected, state, named_members(state, suppressions, workdir), marks_of(took_back))
        kept = affected.dataset()
        if others is None:
            yield state, 0
        else:
            yield kept, others


def _keep_affected(affected: Kept, state: pads.Dataset, named: pa.RecordBatch, took_back: Marks) -> int | None:
    """Keep the rows of the named and of who is leaving. Returns how many others there are, None to look at all."""
    import numpy as np

    named_keys, others = first_bytes(named.column("member_id")), 0
    last_key, last_member = np.uint64(0), None
    for rows in stream(state, affected.columns):
        if not rows.num_rows:
            continue
        keys, standing = first_bytes(rows.column("member_id")), rows.column("standing")
        is_in_order = keys[0] >= last_key and not (keys[1:] < keys[:-1]).any()
        if not is_in_order or took_back.found(rows.column("member_id")).any():
            return None
        is_named = owners(named, named_keys, rows, keys)[1] if named.num_rows else np.zeros(len(keys), np.bool_)
        is_leaving = is_value(standing, "leaving")
        affected.add(rows, is_named | is_leaving)
        known = words(rows.column("member_id"))[~is_named & ~is_leaving & ~is_value(standing, "rejected")]
        if len(known):
            # A person may have several records, which stand together.
            others += 1 + int((known[1:] != known[:-1]).any(axis=1).sum())
            others -= last_member is not None and bool((known[0] == last_member).all())
            last_member = known[-1].copy()
        last_key = keys[-1]
    return others
