"""A digested batch as one flat table, which Spark can carry and Parquet can hold, and back.

Belongs here: that shape. Not here: who writes or reads it. One row per row of SEGMENT_MEMBERS, with its columns but
for the identifiers that were digested: of those the refused cells alone stay, which the caller looks at again
(`audience.column_states`).

What `DigestedBatch` counts per batch travels in the batch's first row, so that it is committed with the rows it counts:
an accumulator of Spark counts a task twice when it is tried twice.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from segment_assets.identity import NORMAL_FORMS, DigestedBatch
from segment_assets.tables import SEGMENT_MEMBERS
from segment_assets.tables.audiences import IDENTIFIER_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

ROW = "source_row"
COUNTS = "batch_counts"
# The country decides on consent, whatever becomes of it as an identifier.
_DIGESTED = frozenset(column.name for column in IDENTIFIER_COLUMNS) - {"country"}
_FORM, _REASON = "form_", "reason_"
_COUNTED = tuple(field.name for field in dataclasses.fields(DigestedBatch) if field.name not in ("forms", "reasons"))


def members_schema() -> pa.Schema:
    """What a job reads."""
    return SEGMENT_MEMBERS.arrow_schema()


def flat_schema(forms: Sequence[str]) -> pa.Schema:
    """What a job writes for some normal forms. Digests are of variable length: Spark knows no other binary."""
    import pyarrow as pa

    fields: list[pa.Field[Any]] = list(members_schema())
    for name in forms:
        fields.append(pa.field(_FORM + name, pa.binary() if NORMAL_FORMS[name].hashed else pa.string()))
        fields.append(pa.field(_REASON + name, pa.string()))
    return pa.schema([*fields, pa.field(COUNTS, pa.string())])


def flatten(batch: pa.RecordBatch, digested: DigestedBatch, forms: Sequence[str]) -> pa.RecordBatch:
    """One non-empty batch of members and what became of it in some normal forms, row by row."""
    import pyarrow as pa

    counts = {
        "rows": batch.num_rows,
        "batches": 1,
        "reasons": _reasons(digested, forms),
        **{name: getattr(digested, name) for name in _COUNTED},
    }
    columns: dict[str, Any] = {name: _kept(batch, name, digested, forms) for name in SEGMENT_MEMBERS.column_names()}
    columns |= {_FORM + name: digested.forms[name] for name in forms}
    columns |= {_REASON + name: digested.reasons[name] for name in forms}
    columns[COUNTS] = pa.array([json.dumps(counts), *[None] * (batch.num_rows - 1)], pa.string())
    schema = flat_schema(forms)
    arrays = [columns[field.name].cast(field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def unflatten(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, DigestedBatch]:
    """What `flatten` made its rows of, however they were cut into batches since; fine identifiers are null."""
    import pyarrow as pa

    forms, reasons = {}, {}
    for name in (name.removeprefix(_FORM) for name in rows.schema.names if name.startswith(_FORM)):
        forms[name] = rows.column(_FORM + name).cast(pa.binary(32) if NORMAL_FORMS[name].hashed else pa.string())
        reasons[name] = rows.column(_REASON + name).dictionary_encode()
    counts = total(text for text in rows.column(COUNTS).to_pylist() if text)
    counted = {name: counts.get(name, {}) for name in _COUNTED}
    return rows.select(SEGMENT_MEMBERS.column_names()), DigestedBatch(forms=forms, reasons=reasons, **counted)


def _kept(batch: pa.RecordBatch, column: str, digested: DigestedBatch, forms: Sequence[str]) -> pa.Array[Any]:
    """A column of members as it leaves Spark: the refused cells of one that was digested, all cells of another."""
    import pyarrow as pa
    import pyarrow.compute

    pc: Any = pyarrow.compute  # the stubs know no null scalars
    cells = batch.column(column)
    if column not in _DIGESTED:
        return cells
    refused = pa.repeat(pa.scalar(value=False), len(cells))
    for name in (name for name in forms if NORMAL_FORMS[name].column == column):
        refused = pc.or_(refused, pc.is_valid(digested.reasons[name]))
    kept: pa.Array[Any] = pc.if_else(refused, cells, pa.scalar(None, cells.type))
    return kept


def total(counts: Iterable[str]) -> dict[str, Any]:
    """The sum of what several batches counted: numbers, and numbers by name at any depth."""
    summed: dict[str, Any] = {}
    for text in counts:
        summed = _plus(summed, json.loads(text))
    return summed


def _plus(one: Any, other: Any) -> Any:
    if not isinstance(other, dict):
        return one + other
    return {**one, **{name: _plus(one[name], value) if name in one else value for name, value in other.items()}}


def _reasons(digested: DigestedBatch, forms: Sequence[str]) -> dict[str, dict[str, int]]:
    """Raw column -> reason -> refused cells, counted in the column's first form."""
    import pyarrow as pa

    counted: dict[str, dict[str, int]] = {}
    for name in forms:
        column = NORMAL_FORMS[name].column
        if column not in counted:
            reasons = digested.reasons[name].cast(pa.string()).drop_null().to_pylist()
            counted[column] = dict(Counter(reason for reason in reasons if reason))
    return counted
