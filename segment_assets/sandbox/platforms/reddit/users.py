"""The users of an audience: added and removed by a request of up to 2,500 rows, which is answered by nothing.

Source: the OpenAPI description (`UpdateCustomAudienceRequestData`). Our readings where Reddit says nothing: a cell is a
SHA-256 in lower-case hex, or empty where the row has another; one bad row has the whole request refused; only a
customer list takes users; the seeded `dropped_share` of rows is passed over in silence.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.reddit import errors

if TYPE_CHECKING:
    from segment_assets.sandbox.platforms.reddit.visit import Visit

ROWS_PER_REQUEST = 2_500
_COLUMNS = ("EMAIL_SHA256", "MAID_SHA256")
_FIELDS = {"action_type", "column_order", "user_data"}
_DIGEST = re.compile(r"[0-9a-f]{64}")

SHAPE = people.Shape(keys=_COLUMNS, strong=_COLUMNS, combination=())
"""Reddit's identifiers: any of them finds a user."""


def edit(visit: Visit) -> Answer:
    """204 whatever became of the single rows."""
    row = visit.find()
    values = visit.data(_FIELDS, _FIELDS)
    if audiences.detail(row)["type"] != "CUSTOMER_LIST":
        errors.invalid("data", "only a customer list takes users")
    if values["action_type"] not in {"ADD", "REMOVE"}:
        errors.invalid("data.action_type", "must be ADD or REMOVE")
    columns = _columns(values["column_order"])
    rows = _rows(values["user_data"], len(columns))
    visit.records = len(rows)
    share = visit.switch("dropped_share", 0)
    kept = [one for one in rows if not share or not _is_dropped(one, share)]
    change = people.add if values["action_type"] == "ADD" else people.remove
    if kept:
        change(visit.db, row["number"], SHAPE, dict(zip(columns, zip(*kept, strict=True), strict=True)))
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))
    return Answer(204, None)


def _columns(told: Any) -> list[str]:
    if not isinstance(told, list) or not 1 <= len(told) <= len(_COLUMNS) or not all(one in _COLUMNS for one in told):
        errors.invalid("data.column_order", f"must name one or both of {', '.join(_COLUMNS)}")
    if len(set(told)) != len(told):
        errors.invalid("data.column_order", "must not name a column twice")
    return told


def _rows(told: Any, columns: int) -> list[list[str]]:
    if not isinstance(told, list) or len(told) > ROWS_PER_REQUEST:
        errors.invalid("data.user_data", f"must be a list of at most {ROWS_PER_REQUEST} rows")
    for row in told:
        if not isinstance(row, list) or len(row) != columns:
            errors.invalid("data.user_data", "each row must match column_order")
        if not any(row) or not all(isinstance(cell, str) and (not cell or _DIGEST.fullmatch(cell)) for cell in row):
            errors.invalid("data.user_data", "each cell must be a SHA-256 hash")
    return told


def _is_dropped(row: list[str], share: float) -> bool:
    drawn = hashlib.blake2b("".join(row).encode(), digest_size=4).digest()
    return int.from_bytes(drawn) < share * 2**32
