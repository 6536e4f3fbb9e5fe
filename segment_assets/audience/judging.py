"""Is this audience fit to be sent? Blocking checks as pure functions over its numbers and its rows.

Belongs here: limits, findings, and the scan that proves the shape of what was written. Not here: who asks (the
asset checks) or what happens to an audience that fails.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import TYPE_CHECKING, Any

from segment_assets.audience.accounting import AudienceCounts, counts_from_stats
from segment_assets.audience.arrow import kernels, scan
from segment_assets.audience.findings import Finding, judge_columns, otherwise
from segment_assets.contracts import ATTRIBUTE_COLUMNS, Eligibility, PermanentError
from segment_assets.tables import HASHED_AUDIENCE, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    import pyarrow.dataset as pads

_DIGEST_BYTES = 32
_SCAN_ROWS = 50_000
_FORMS = tuple(c.name for c in HASHED_AUDIENCE.columns if c.type is Type.DIGEST and c.nullable)
_PLAIN_FORMS = tuple(
    c.name
    for c in HASHED_AUDIENCE.columns
    if c.type is not Type.DIGEST and c.nullable and c.name not in ATTRIBUTE_COLUMNS
)


@dataclasses.dataclass(frozen=True, slots=True)
class AudienceLimits:
    """The plan's guard rails. Shares are fractions; `max_drift` compares members with the last snapshot.

    `column_state_disagreement_limit` is the share of a column's values that may be in another state than declared.
    """

    minimum_size: int = 100
    max_quarantine_share: float = 0.2
    max_drift: float = 0.5
    column_state_disagreement_limit: float = 0.05

    def __post_init__(self) -> None:
        shares = (self.max_quarantine_share, self.column_state_disagreement_limit)
        if self.minimum_size < 0 or self.max_drift < 0 or not all(0 <= share <= 1 for share in shares):
            raise PermanentError("audience limits must be shares and sizes from 0 upwards; correct the plan")


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """What a scan of the written rows found. All numbers but `rows` are 0 in a sound audience."""

    rows: int = 0
    schema_differences: tuple[str, ...] = ()
    missing_values: int = 0
    repeated_members: int = 0
    misshapen_digests: int = 0
    digests_of_nothing: int = 0
    digests_of_withheld_people: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class AudienceStats:
    """All numbers about one snapshot. `unreadable_rows` are those that reading could not make into rows."""

    counts: AudienceCounts
    inspection: Inspection
    unreadable_rows: int = 0

    def as_stats(self) -> dict[str, object]:
        """Plain JSON values for Snapshot.stats: the counts at the top, the scan below `inspection`."""
        inspection = dataclasses.asdict(self.inspection)
        inspection["schema_differences"] = list(self.inspection.schema_differences)
        return {**self.counts.as_stats(), "unreadable_rows": self.unreadable_rows, "inspection": inspection}


def audience_stats(stats: Mapping[str, object]) -> AudienceStats:
    """The inverse of `AudienceStats.as_stats`. Numbers that an older snapshot lacks are 0."""
    unreadable, scan = stats.get("unreadable_rows"), stats.get("inspection")
    known = {field.name for field in dataclasses.fields(Inspection)}
    values = {name: value for name, value in scan.items() if name in known} if isinstance(scan, dict) else {}
    if "schema_differences" in values:
        values["schema_differences"] = tuple(values["schema_differences"])
    return AudienceStats(
        counts_from_stats(stats), Inspection(**values), unreadable if isinstance(unreadable, int) else 0
    )


def inspect(dataset: pads.Dataset) -> Inspection:
    """Scan an audience's rows, which must be in order of member_id, batch by batch."""
    differences = _schema_differences(dataset.schema)
    if differences:
        return Inspection(rows=dataset.count_rows(), schema_differences=differences)
    required = [column.name for column in HASHED_AUDIENCE.columns if not column.nullable]
    rows = missing = repeated = misshapen = nothing = withheld = 0
    last: bytes | None = None
    for batch in scan(dataset, _SCAN_ROWS):
        rows += batch.num_rows
        missing += sum(batch.column(name).null_count for name in required)
        repeats, last = _out_of_order(batch.column("member_id"), last)
        repeated += repeats
        misshapen += sum(_misshapen(batch.column(name)) for name in _FORMS)
        nothing += sum(_of_nothing(batch.column(name)) for name in _FORMS)
        withheld += _of_withheld_people(batch)
    return Inspection(rows, (), missing, repeated, misshapen, nothing, withheld)


def _schema_differences(schema: pa.Schema) -> tuple[str, ...]:
    import pyarrow as pa

    expected = HASHED_AUDIENCE.arrow_schema()
    if schema.names != expected.names:
        return (f"columns are {', '.join(schema.names)}",)
    # A digest column of variable width is the right column; its values are then measured one by one.
    return tuple(
        f"{field.name} is {schema.field(field.name).type} instead of {field.type}"
        for field in expected
        if schema.field(field.name).type
        not in ((field.type, pa.binary()) if field.type == pa.binary(32) else (field.type,))
    )


def _out_of_order(member_ids: pa.Array[Any], last: bytes | None) -> tuple[int, bytes | None]:
    """How many ids are not greater than the one before (equal ones are the same person twice), and the last id."""
    import pyarrow as pa

    pc = kernels()

    ids = member_ids.cast(pa.binary())
    steps = int(pc.sum(pc.less_equal(ids[1:], ids[:-1])).as_py() or 0)
    first, final = ids[0].as_py(), ids[-1].as_py()
    return steps + int(last is not None and first is not None and first <= last), final


def _misshapen(digests: pa.Array[Any]) -> int:
    import pyarrow as pa

    pc = kernels()

    lengths = pc.binary_length(digests.cast(pa.binary()))
    return int(pc.sum(pc.not_equal(lengths, _DIGEST_BYTES)).as_py() or 0)


def _of_nothing(digests: pa.Array[Any]) -> int:
    import pyarrow as pa

    pc = kernels()

    known = pa.array(digests_of_nothing(), pa.binary())
    return int(pc.sum(pc.is_in(digests.cast(pa.binary()), known)).as_py() or 0)


@functools.cache
def digests_of_nothing() -> list[bytes]:
    """Digests of the empty text and of what exports write for nothing, in the usual cases of letters."""
    from segment_assets.identity.text import NULL_WORDS

    texts = {"", " ", "NaN", *NULL_WORDS, *map(str.upper, NULL_WORDS), *map(str.capitalize, NULL_WORDS)}
    return [hashlib.sha256(text.encode()).digest() for text in sorted(texts)]


def _of_withheld_people(batch: pa.RecordBatch) -> int:
    import pyarrow as pa

    pc = kernels()

    sent = pa.array([Eligibility.ELIGIBLE.value, Eligibility.HELD_OUT.value])
    withheld = pc.invert(pc.is_in(batch.column("eligibility"), sent))
    people = batch.filter(withheld)
    return sum(len(people) - people.column(name).null_count for name in (*_FORMS, *_PLAIN_FORMS))


def judge_audience(stats: AudienceStats, limits: AudienceLimits, previous: AudienceStats | None) -> list[Finding]:
    """All findings, in a fixed order.

    schema, digest_shape, no_digest_of_empty, minimum_size, quarantine_share, drift, column_states. `previous` is the
    last published snapshot of the same segment, None for the first.
    """
    return [
        _schema(stats.inspection, stats.counts),
        _digest_shape(stats.inspection),
        _no_digest_of_empty(stats.inspection),
        _minimum_size(stats.counts, limits),
        _quarantine_share(stats, limits),
        _drift(stats.counts, limits, previous),
        judge_columns(stats.counts.columns, limits.column_state_disagreement_limit),
    ]


def _schema(scan: Inspection, counts: AudienceCounts) -> Finding:
    numbers = {
        "rows": scan.rows,
        "members": counts.members,
        "differences": len(scan.schema_differences),
        "missing_values": scan.missing_values,
        "repeated_members": scan.repeated_members,
    }
    sound = scan.rows == counts.members and not any(list(numbers.values())[2:])
    if sound:
        return Finding("schema", True, f"{scan.rows} rows with the declared columns, one per person", numbers)  # noqa: FBT003
    details = "; ".join(scan.schema_differences) or "columns are right"
    message = (
        f"{details}; {scan.rows} rows for {counts.members} members, {scan.missing_values} required values missing, "
        f"{scan.repeated_members} member ids repeated or out of order; rebuild the audience with this version"
    )
    return Finding("schema", False, message, numbers)  # noqa: FBT003


def _digest_shape(scan: Inspection) -> Finding:
    numbers = {
        "misshapen_digests": scan.misshapen_digests,
        "digests_of_withheld_people": scan.digests_of_withheld_people,
    }
    passed = not any(numbers.values())
    message = (
        f"{scan.misshapen_digests} digests are not {_DIGEST_BYTES} bytes long and {scan.digests_of_withheld_people} "
        "identifiers belong to people who may not be sent"
    )
    return Finding("digest_shape", passed, message + otherwise(passed, "rebuild the audience, send nothing"), numbers)


def _no_digest_of_empty(scan: Inspection) -> Finding:
    passed = scan.digests_of_nothing == 0
    message = f"{scan.digests_of_nothing} digests are those of an empty or null text"
    action = "find the source column that was hashed before it was cleaned and have it land again"
    return Finding(
        "no_digest_of_empty", passed, message + otherwise(passed, action), {"digests": scan.digests_of_nothing}
    )


def _minimum_size(counts: AudienceCounts, limits: AudienceLimits) -> Finding:
    passed = counts.eligible >= limits.minimum_size
    message = f"{counts.eligible} of {counts.members} people may be sent, the plan asks for {limits.minimum_size}"
    action = "look at the doors they stopped at, or lower minimum_size in the plan"
    numbers = {"eligible": counts.eligible, "members": counts.members, "minimum_size": limits.minimum_size}
    return Finding("minimum_size", passed, message + otherwise(passed, action), numbers)


def _quarantine_share(stats: AudienceStats, limits: AudienceLimits) -> Finding:
    refused = stats.counts.quarantined_rows + stats.unreadable_rows
    rows = stats.counts.rows_in + stats.unreadable_rows
    share = refused / rows if rows else 0.0
    passed = share <= limits.max_quarantine_share
    message = (
        f"{refused} of {rows} rows ({share:.1%}) are in quarantine, at most {limits.max_quarantine_share:.1%} may be"
    )
    action = "read the reasons in the quarantine table and have the source corrected"
    numbers = {"refused_rows": refused, "rows": rows, "share": share, "limit": limits.max_quarantine_share}
    return Finding("quarantine_share", passed, message + otherwise(passed, action), numbers)


def _drift(counts: AudienceCounts, limits: AudienceLimits, previous: AudienceStats | None) -> Finding:
    before = previous.counts.members if previous else 0
    if not before:
        message = f"{counts.members} people, and no earlier audience to compare with"
        return Finding("drift", True, message, {"members": counts.members})  # noqa: FBT003
    change = abs(counts.members - before) / before
    passed = change <= limits.max_drift
    message = (
        f"{counts.members} people after {before} ({change:.1%} changed), at most {limits.max_drift:.1%} may change"
    )
    action = "check that the source is complete, or raise max_drift in the plan for this change"
    numbers = {"members": counts.members, "before": before, "share": change, "limit": limits.max_drift}
    return Finding("drift", passed, message + otherwise(passed, action), numbers)
