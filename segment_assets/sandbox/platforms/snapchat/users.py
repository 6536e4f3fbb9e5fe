"""The users of a segment, by one kind of identifier at a time: added, removed, all removed.

Source: "Customer Lists" (100,000 identifiers a request; schema and data). Our readings where Snap says nothing: one row
that is no digest has the whole request refused; a row twice is counted twice and kept once; each identifier is a user
of its own, since the sandbox does not know whose others are; the seeded `dropped_share` of rows is passed over, and
shows in the count alone; only a first-party segment takes users.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.snapchat import envelope, segments

if TYPE_CHECKING:
    from segment_assets.sandbox.platforms.kit.exchange import Answer
    from segment_assets.sandbox.platforms.snapchat.visit import Visit

IDENTIFIERS_PER_REQUEST = 100_000
_KINDS = ("EMAIL_SHA256", "PHONE_SHA256", "MOBILE_AD_ID_SHA256")
_DIGEST = re.compile(r"[0-9a-f]{64}")

SHAPE = people.Shape(keys=_KINDS, strong=_KINDS, combination=())
"""Snap's identifiers: any of them finds a user."""


def add(visit: Visit) -> Answer:
    """Users into the segment."""
    return _edit(visit, is_added=True)


def remove(visit: Visit) -> Answer:
    """Users out of the segment: a DELETE with a body."""
    return _edit(visit, is_added=False)


def remove_all(visit: Visit) -> Answer:
    """Everybody out of the segment, which stays."""
    row = visit.segment()
    people.clear(visit.db, row["number"])
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))
    return segments.get(visit)


def _edit(visit: Visit, *, is_added: bool) -> Answer:
    row = visit.segment()
    kind, digests = _identifiers(visit)
    if audiences.detail(row)["source_type"] != "FIRST_PARTY":
        envelope.invalid("users can be added to first-party segments only")
    visit.records = len(digests)
    share = visit.switch("dropped_share", 0)
    kept = [one for one in digests if not share or not _is_dropped(one, share)]
    change = people.add if is_added else people.remove
    if kept:
        change(visit.db, row["number"], SHAPE, {kind: kept})
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))
    return envelope.done("users", "user", [{"number_uploaded_users": len(kept)}])


def _identifiers(visit: Visit) -> tuple[str, list[str]]:
    """The kind and the digests of a request. Refuses anything that Snap would."""
    values = visit.only("users")
    schema, data = values.get("schema"), values.get("data")
    if not set(values) <= {"id", "schema", "data"} or values.get("id", visit.audience) != visit.audience:
        envelope.invalid("users: a user has schema, data and at most the id of the segment")
    if not isinstance(schema, list) or len(schema) != 1 or schema[0] not in _KINDS:
        envelope.invalid(f"schema must name one of {', '.join(_KINDS)}")
    if not isinstance(data, list) or not data:
        envelope.invalid("data must be a list of rows")
    if len(data) > IDENTIFIERS_PER_REQUEST:
        envelope.invalid(f"data must have at most {IDENTIFIERS_PER_REQUEST} identifiers")
    rows = [row[0] for row in data if isinstance(row, list) and len(row) == 1 and isinstance(row[0], str)]
    if len(rows) != len(data) or not all(map(_DIGEST.fullmatch, rows)):
        envelope.invalid("data: a row must be one SHA-256 digest")
    return schema[0], rows


def _is_dropped(digest: str, share: float) -> bool:
    drawn = hashlib.blake2b(digest.encode(), digest_size=4).digest()
    return int.from_bytes(drawn) < share * 2**32
