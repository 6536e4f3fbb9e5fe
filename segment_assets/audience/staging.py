"""Rows of a segment to staged people: identifiers digested, a pseudonym minted, refusals written down.

Belongs here: what is decided row by row, one batch at a time. Not here: anything that needs two rows (building).
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any, Self, cast

from segment_assets.audience import column_states, consent
from segment_assets.audience.arrow import kernels, nothing, scan
from segment_assets.audience.worth import numbers
from segment_assets.contracts import ATTRIBUTE_COLUMNS, CONSENT_COLUMNS, VALUE_COLUMN, ColumnState, Reason
from segment_assets.tables import HASHED_AUDIENCE, QUARANTINE, SOURCE_PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.audience.accounting import AudienceCounts
    from segment_assets.audience.consent import AudiencePolicy
    from segment_assets.identity import DigestedBatch, NormalForm

    Digested = tuple[pa.RecordBatch, DigestedBatch]  # rows of SEGMENT_MEMBERS, and what became of their identifiers

BATCH_ROWS = 20_000
# The first four bits of the pseudonym choose the bucket: all rows of a person meet in one bucket, buckets in order
# of their number are in order of member_id, and each is small enough to merge and sort in memory.
BUCKETS = 16

FORM_COLUMNS: tuple[str, ...] = tuple(
    name
    for name in HASHED_AUDIENCE.column_names()
    if name not in ("member_id", "cluster_id", "eligibility", *ATTRIBUTE_COLUMNS)
)
# Best first: an e-mail is rarely shared, a phone sometimes, an advertising id changes with the device.
NAMING_FORMS = ("email", "phone_digits", "mobile_ad_id")
# One mailbox and one phone each have two normal forms, of which a platform holds one. A digest that a source brought
# may be of either, so the forms of a family are looked for among each other's.
E_MAIL_FORMS = ("email", "email_gmail_folded")
PHONE_FORMS = ("phone_digits", "phone_e164")
# Every form by which a platform recognises a person by itself.
STRONG_FORMS = (*E_MAIL_FORMS, *PHONE_FORMS, "mobile_ad_id")


def staged_schema() -> pa.Schema:
    """The schema of the staged rows."""
    import pyarrow as pa

    audience = HASHED_AUDIENCE.arrow_schema()
    fields: list[pa.Field[Any]] = [
        pa.field("source_row", pa.int64()),
        pa.field("member_id", pa.binary(32)),
        *(pa.field(name, pa.int8()) for name in CONSENT_COLUMNS),
        pa.field("gpc_opt_out", pa.bool_()),
        pa.field("consent_country", pa.string()),
        pa.field(VALUE_COLUMN, pa.string()),
        *(audience.field(name) for name in FORM_COLUMNS),
    ]
    return pa.schema(fields)


def bucket_path(folder: Path, bucket: int) -> Path:
    """Where a bucket's staged rows are (Arrow IPC). All but the first are missing where nobody is in them."""
    return folder / f"staged-{bucket:02}.arrow"


def digest_rows(members: pads.Dataset, policy: AudiencePolicy) -> Iterator[Digested]:
    """Digest rows of SEGMENT_MEMBERS in this process, batch by batch. `distributed` does the same on Spark."""
    from segment_assets.identity import Digester

    digester = Digester(policy.column_states, FORM_COLUMNS)
    for batch in scan(members, BATCH_ROWS):
        yield batch, digester.digest(batch)


def stage(
    digested_rows: Iterable[Digested],
    *,
    key: bytes,
    folder: Path,
    write_quarantine: Callable[[pa.RecordBatch], None],
    counts: AudienceCounts,
    states: Mapping[str, ColumnState],
) -> None:
    """Put digested rows into the buckets below `folder`; refusals go to `write_quarantine`, numbers to `counts`.

    `states` are the states that the rows were digested by.
    """
    with _Buckets(folder) as buckets:
        for batch, digested in digested_rows:
            rows, refused = stage_batch(batch, digested, key, counts, states)
            if refused.num_rows:
                write_quarantine(refused)
            if rows.num_rows:
                buckets.scatter(rows)


class _Buckets:
    """Writers of the bucket files, opened when first needed; the first always, so that "nobody" is no exception."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = contextlib.ExitStack()
        self._writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}

    def __enter__(self) -> Self:
        self._writer(0)
        return self

    def __exit__(self, *failure: object) -> None:
        self._files.close()

    def _writer(self, bucket: int) -> pa.ipc.RecordBatchFileWriter:
        import pyarrow as pa

        if bucket not in self._writers:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            writer = pa.ipc.new_file(str(bucket_path(self._folder, bucket)), staged_schema(), options=options)
            self._writers[bucket] = self._files.enter_context(writer)
        return self._writers[bucket]

    def scatter(self, rows: pa.RecordBatch) -> None:
        """Write each row to the bucket of its member_id."""
        import numpy as np

        ids = rows.column("member_id")
        # A sliced array keeps its whole buffer: start where its own rows start.
        content = np.frombuffer(cast("Any", ids.buffers()[1]), dtype=np.uint8)[ids.offset * 32 :]
        buckets = content[: len(ids) * 32 : 32] // (256 // BUCKETS)
        order = np.argsort(buckets, kind="stable")
        bounds = np.searchsorted(buckets[order], np.arange(BUCKETS + 1))
        ordered = rows.take(order)
        for bucket in range(BUCKETS):
            start, end = int(bounds[bucket]), int(bounds[bucket + 1])
            if end > start:
                self._writer(bucket).write_batch(ordered.slice(start, end - start))


def stage_batch(
    batch: pa.RecordBatch,
    digested: DigestedBatch,
    key: bytes,
    counts: AudienceCounts,
    states: Mapping[str, ColumnState],
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The staged rows of one batch, and its refusals in the schema of tables.QUARANTINE; adds to `counts`."""
    import pyarrow as pa

    pc = kernels()

    customers, customer_reasons = customer_numbers(batch.column("customer_id"))
    member_ids = _member_ids(customers, digested, key)
    named = pc.is_valid(member_ids)
    arrays: list[pa.Array[Any]] = [batch.column("source_row"), member_ids]
    for name in CONSENT_COLUMNS:
        counts.consent_not_understood += consent.unknown_words(batch.column(name))
        arrays.append(consent.statement(batch.column(name)))
    worth, worth_reasons = numbers(batch.column(VALUE_COLUMN))
    arrays += [batch.column("gpc_opt_out"), country_codes(batch.column("country")), worth]
    arrays += [digested.forms[name] for name in FORM_COLUMNS]
    rows = pa.RecordBatch.from_arrays(arrays, schema=staged_schema()).filter(named)

    counts.rows_in += batch.num_rows
    counts.quarantined_rows += batch.num_rows - rows.num_rows
    counts.already_hashed.update(dict(digested.already_hashed))
    reasons = {
        "customer_id": customer_reasons,
        VALUE_COLUMN: worth_reasons,
        **_column_reasons(batch, digested, states, counts),
    }
    no_identifier = pa.scalar(Reason.NO_IDENTIFIER.value)
    reasons["*"] = pc.if_else(named, nothing(pa.string()), no_identifier)
    return rows, _refusals(batch, reasons, counts)


def customer_numbers(values: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """Customer numbers without edges, null where there is none, and the reason of each that was refused.

    A "null" that passed as a number would merge strangers into one person.
    """
    import pyarrow as pa

    pc = kernels()

    from segment_assets.identity.text import NULL_WORDS

    no_text = nothing(pa.string())
    text = pc.utf8_trim_whitespace(values.cast(pa.string()))
    empty = pc.equal(text, "")
    null_word = pc.is_in(pc.utf8_lower(text), pa.array(sorted(NULL_WORDS | {"na", "nil"})))
    reasons = pc.if_else(
        pc.fill_null(empty, True),  # noqa: FBT003
        pa.scalar(Reason.EMPTY.value),
        pc.if_else(null_word, pa.scalar(Reason.NULL_TEXT.value), no_text),
    )
    return pc.if_else(pc.is_null(reasons), text, no_text), reasons


def _member_ids(customers: pa.Array[Any], digested: DigestedBatch, key: bytes) -> pa.Array[Any]:
    pc = kernels()

    ids = pseudonyms(key, "customer", customers)
    for form in NAMING_FORMS:
        missing = pc.is_null(ids)
        values = digested.forms[form]
        candidates = pc.if_else(missing, values, nothing(values.type))
        if candidates.null_count < len(candidates):
            ids = pc.coalesce(ids, pseudonyms(key, form, candidates))
    return ids


def pseudonyms(key: bytes, kind: str, values: pa.Array[Any]) -> pa.Array[Any]:
    """Pseudonyms, binary(32), of customer numbers or of the values of a form; null where there is no value."""
    import pyarrow as pa

    from segment_assets.identity import pseudonym

    ids = [
        None if value is None else pseudonym(key, kind, _as_digest_text(kind, value)) for value in values.to_pylist()
    ]
    return pa.array(ids, pa.binary(32))


def _as_digest_text(kind: str, value: str | bytes) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value if kind == "customer" else hashlib.sha256(value.encode()).hexdigest()


def country_codes(values: pa.Array[Any]) -> pa.Array[Any]:
    """Countries as typed -> alpha-2 in lower case, null where unknown; each distinct spelling is read once."""
    import pyarrow as pa

    from segment_assets.identity import NORMAL_FORMS

    normalise = NORMAL_FORMS["country"].normalise
    spelled = values.cast(pa.string()).dictionary_encode()
    found = [None if text is None else normalise(text, None) for text in spelled.dictionary.to_pylist()]
    codes = pa.array([None if isinstance(code, Reason) else code for code in found], pa.string())
    return codes.take(spelled.indices)


def _column_reasons(
    batch: pa.RecordBatch, digested: DigestedBatch, states: Mapping[str, ColumnState], counts: AudienceCounts
) -> dict[str, pa.Array[Any]]:
    """Reasons per raw column; a column that feeds several forms gives its first reason. Counts the columns' states."""
    import pyarrow as pa

    pc = kernels()

    from segment_assets.identity import NORMAL_FORMS

    reasons: dict[str, pa.Array[Any]] = {}
    forms: dict[str, list[NormalForm]] = {}
    for name, array in digested.reasons.items():
        column, text = NORMAL_FORMS[name].column, array.cast(pa.string())
        reasons[column] = pc.coalesce(reasons[column], text) if column in reasons else text
        forms.setdefault(column, []).append(NORMAL_FORMS[name])
    for column in reasons.keys() & set(batch.schema.names):
        state, taken_over = states.get(column, ColumnState.AUTO), digested.already_hashed.get(column, 0)
        found = column_states.look_at(forms[column], batch.column(column), reasons[column], taken_over, state)
        tally, reasons[column] = found
        counts.columns.setdefault(column, column_states.ColumnTally(state)).add(tally)
    return reasons


def _refusals(batch: pa.RecordBatch, reasons: dict[str, pa.Array[Any]], counts: AudienceCounts) -> pa.RecordBatch:
    import pyarrow as pa

    pc = kernels()

    schema = QUARANTINE.arrow_schema()
    parts: list[pa.RecordBatch] = []
    for column, array in reasons.items():
        for tally in pc.value_counts(array.drop_null()).to_pylist():
            if tally["values"] == Reason.EMPTY.value:
                counts.empty_cells += tally["counts"]
            else:
                counts.refused_cells[column, tally["values"]] += tally["counts"]
        refused = pc.fill_null(pc.not_equal(array, Reason.EMPTY.value), False)  # noqa: FBT003
        place = [batch.column(found.name).filter(refused) for found in SOURCE_PLACE]
        if len(place[0]):
            arrays = [*place, pa.repeat(pa.scalar(column), len(place[0])), array.filter(refused)]
            parts.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    table = pa.Table.from_batches(parts, schema=schema).sort_by([("source_row", "ascending"), ("column", "ascending")])
    return table.combine_chunks().to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], schema=schema)
