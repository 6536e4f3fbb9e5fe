"""Reading and judging `payload`: which keys, how wide, which cells are well formed.

Belongs here: parameters (JSON body, form or query), schema, cells. Not here: sessions (`sessions`), what a row does.
Source: Customer File Custom Audiences guide and Custom Audience Users reference (docs/destinations/meta.md 3 and 4).

Our readings where Meta says nothing: a row with one badly formed cell is invalid as a whole and no person is stored
for it; so is a row without any identifier. Combination keys (`LN_FN_ZIP` with `is_raw` false) are not simulated.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit.people import Shape
from segment_assets.sandbox.platforms.meta import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segment_assets.sandbox.platforms.kit.people import Columns

ROWS_PER_REQUEST = 10_000
_SAMPLES = 100

_DIGESTED = ("EMAIL", "PHONE", "FN", "LN", "FI", "CT", "ST", "ZIP", "COUNTRY", "GEN", "DOBY", "DOBM", "DOBD")
SHAPE = Shape(
    keys=(*_DIGESTED, "MADID", "EXTERN_ID"),
    strong=("EMAIL", "PHONE", "MADID", "EXTERN_ID"),
    combination=("FN", "LN", "ZIP", "COUNTRY"),
)
"""Meta's identifiers. Names, places and birth dates find a person only as first + last name + postcode + country."""

_LEGACY_SCHEMAS = {"EMAIL_SHA256": "EMAIL", "PHONE_SHA256": "PHONE", "MOBILE_ADVERTISER_ID": "MADID"}

_EMPTY_STRING_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LOWER_CASE_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEX_DIGITS = b"0123456789abcdef"


def _is_digest(cell: object) -> bool:
    return isinstance(cell, str) and (
        not cell or (_DIGEST.fullmatch(cell) is not None and cell != _EMPTY_STRING_DIGEST)
    )


def _is_mobile_id(cell: object) -> bool:
    return isinstance(cell, str) and (not cell or _LOWER_CASE_UUID.fullmatch(cell) is not None)


def _is_extern_id(cell: object) -> bool:
    return isinstance(cell, str) and _CONTROL.search(cell) is None


def _is_value(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool) and cell >= 0


def _is_place_code(cell: object) -> bool:
    return isinstance(cell, int) and not isinstance(cell, bool) and cell >= 0


def _is_processing_option(cell: object) -> bool:
    return cell in ([], ["LDU"])


_EXTRAS: dict[str, Callable[[object], bool]] = {
    "LOOKALIKE_VALUE": _is_value,
    "DATA_PROCESSING_OPTIONS": _is_processing_option,
    "DATA_PROCESSING_OPTIONS_COUNTRY": _is_place_code,
    "DATA_PROCESSING_OPTIONS_STATE": _is_place_code,
}
_JUDGES: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(_DIGESTED, _is_digest),
    "MADID": _is_mobile_id,
    "EXTERN_ID": _is_extern_id,
    **_EXTRAS,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Upload:
    """A judged payload: the good rows as columns, and the entries that were found invalid."""

    schema: tuple[str, ...]
    received: int
    columns: Columns = dataclasses.field(repr=False)
    extras: Sequence[str | None] | None = dataclasses.field(repr=False)
    invalid: int
    samples: dict[str, str] = dataclasses.field(repr=False)


def read_upload(payload: object) -> Upload:
    """Judge a payload. Refuses (code 100) what no row can be read from; counts what single rows got wrong."""
    if not isinstance(payload, dict):
        errors.invalid("param payload is required and must be a JSON object")
    schema, rows = _schema_and_rows(payload)
    if len(rows) > ROWS_PER_REQUEST:
        errors.invalid(f"payload.data has {len(rows)} rows, at most {ROWS_PER_REQUEST} are accepted in one request")
    if any(not isinstance(row, list) or len(row) != len(schema) for row in rows):
        errors.invalid(f"every row of payload.data must be a list of {len(schema)} cells, as the schema has")
    columns: dict[str, Sequence[Any]] = dict(zip(schema, zip(*rows, strict=True), strict=True))
    bad = _invalid_rows(columns, len(rows))
    if bad:
        good = [row for number, row in enumerate(rows) if number not in bad]
        columns = dict(zip(schema, zip(*good, strict=True) if good else [()] * len(schema), strict=True))
    samples = {str(number): json.dumps(rows[number]) for number in sorted(bad)[:_SAMPLES]}
    identifiers = {key: columns[key] for key in schema if key not in _EXTRAS}
    return Upload(schema, len(rows), identifiers, _extras(columns), len(bad), samples)


def _schema_and_rows(payload: dict[str, Any]) -> tuple[tuple[str, ...], list[Any]]:
    schema, rows = payload.get("schema"), payload.get("data")
    if not isinstance(rows, list) or not rows:
        errors.invalid("payload.data is required and must be a list with at least one row")
    if isinstance(schema, str) and schema in _LEGACY_SCHEMAS:
        return (_LEGACY_SCHEMAS[schema],), [[row] for row in rows]
    if not isinstance(schema, list) or not schema:
        errors.invalid("payload.schema must be a list of keys")
    if any(not isinstance(key, str) or key not in _JUDGES for key in schema) or len(set(schema)) != len(schema):
        errors.invalid(f"payload.schema must hold distinct keys out of {', '.join(_JUDGES)}")
    if all(key in _EXTRAS for key in schema):
        errors.invalid("payload.schema names no identifier")
    return tuple(schema), rows


def _invalid_rows(columns: dict[str, Sequence[Any]], rows: int) -> set[int]:
    bad: set[int] = set()
    for key, cells in columns.items():
        judge = _JUDGES[key]
        if judge is _is_digest and _all_digests(cells):
            continue
        bad.update(number for number, cell in enumerate(cells) if not judge(cell))
    identifiers = [cells for key, cells in columns.items() if key not in _EXTRAS]
    if all("" in cells for cells in identifiers):
        bad.update(number for number in range(rows) if not any(cells[number] for cells in identifiers))
    return bad


def _all_digests(cells: Sequence[Any]) -> bool:
    """Judge a whole column at once; False only means that its cells must be looked at one by one.

    Ten times faster than a pattern per cell, and most of what a request costs beside the database.
    """
    try:
        joined = "".join(cells).encode()
    except TypeError:
        return False
    lengths_fit = set(map(len, cells)) <= {0, 64}
    return lengths_fit and not joined.translate(None, _HEX_DIGITS) and _EMPTY_STRING_DIGEST not in cells


def _extras(columns: dict[str, Sequence[Any]]) -> Sequence[str | None] | None:
    keys = [key for key in columns if key in _EXTRAS]
    if not keys:
        return None
    rows = zip(*(columns[key] for key in keys), strict=True)
    return [json.dumps(dict(zip(keys, row, strict=True))) for row in rows]
