"""Who is in a dataset: up to 10,000 members a request, each judged by itself, each known by the caller's own id.

Source: dataset management (10 MB, an error for each member that is refused, a removal without a granted consent signal
is ignored), consent management (which countries need one), the models of amazon-ads-api-v1 0.11.0 (fields, counts).
Our readings where Amazon says nothing: what a strict model does not know refuses the whole request; identifiers are
judged by their form; a member of the UK, the EEA or Switzerland without a granted signal is passed over without a word,
as is anybody whose signal says no; adding a known id adds what is new of it; a removal goes by the id, or, with
`removes_by` identity, takes everybody who holds any one of its identifiers; the seeded `rejected_share` is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amazon_ads import errors
from segment_assets.sandbox.platforms.amazon_ads.consent import check_consent, is_heard
from segment_assets.sandbox.platforms.amazon_ads.visit import Visit, checked
from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

MEMBERS_PER_REQUEST, BYTES_PER_REQUEST = 10_000, 10_000_000
TYPE = "application/vnd.admAudiences.v1+json"
_HASHED = ("em", "ph", "fn", "ln", "ad", "cty", "st", "zip")
_OUTSIDE = (
    *("maId", "liveRampId", "experianId", "kantarId", "merkleId", "merkuryId", "neustarId", "realId", "sambaTvId"),
    "transunionId",
)
_ID = "externalUserId"
SHAPE = people.Shape(
    keys=(_ID, "em", "ph", "maId", "liveRampId"), strong=(_ID, "em", "ph", "maId", "liveRampId"), combination=()
)
"""What the sandbox keeps of a member. A person may have several records under one id."""
_DIGEST, _TEXT = re.compile(r"[0-9a-f]{64}"), re.compile(r"[\x21-\x7e]{1,256}")
_MOST_IDENTITIES = 10


def ingest(visit: Visit) -> Answer:
    """200, with an id of the upload and an error for each member that was refused."""
    visit.is_prepared()
    if visit.call.headers.get("content-type") != TYPE:
        errors.refuse(415, f"Members are of type {TYPE}")
    if len(visit.call.body) > BYTES_PER_REQUEST:
        errors.refuse(413, "The request is too large")
    members = visit.body(("members",))["members"]
    if not isinstance(members, list) or not 0 < len(members) <= MEMBERS_PER_REQUEST:
        errors.refuse(400, f"A request has from 1 to {MEMBERS_PER_REQUEST} members")
    row, detail = _prepared(visit, len(members))
    wrong = [_wrong(visit, member) for member in members]
    refused = [errors.of_member(place, word, "The member is refused") for place, word in enumerate(wrong) if word]
    taken = [member for member, word in zip(members, wrong, strict=True) if not word]
    heard = [member for member in taken if is_heard(member, detail["country"])]
    for action, change in (("CREATE", people.add), ("DELETE", people.remove)):
        cells = [_cells(visit, one) for one in heard if one["action"] == action]
        if cells:
            change(visit.db, row["number"], SHAPE, {key: [one.get(key, "") for one in cells] for key in SHAPE.keys})
    _note(visit, row, len(taken) - len(heard))
    told = {"ingressId": f"ingress-{row['number']}-{detail.get('uploads', 0) + 1}"} if taken else {}
    return Answer(200, {**told, **({"errors": refused} if refused else {})})


def _prepared(visit: Visit, size: int) -> tuple[sqlite3.Row, dict[str, Any]]:
    row = visit.dataset()
    visit.records = size
    return row, audiences.detail(row)


def _note(visit: Visit, row: sqlite3.Row, passed_over: int) -> None:
    detail = audiences.detail(row)
    counts = {"uploads": detail.get("uploads", 0) + 1, "passed_over": detail["passed_over"] + passed_over}
    audiences.update(visit.db, row, counts)
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))


def _wrong(visit: Visit, member: object) -> str:
    """The type of the error of a member, empty for one that is taken. Refuses the request for what no model has."""
    one = checked(member, ("action", _ID, "userIdentity"), ("userConsent",))
    identity = checked(one["userIdentity"], (), ("hashedPiis", "externalIdentities"))
    hashed = [checked(pii, (), _HASHED) for pii in identity.get("hashedPiis") or []]
    outside = [checked(found, (), _OUTSIDE) for found in identity.get("externalIdentities") or []]
    check_consent(one.get("userConsent"))
    if one["action"] not in ("CREATE", "DELETE"):
        errors.refuse(400, "action is CREATE or DELETE")
    values = [value for found in (*hashed, *outside) for value in found.values()]
    if not values or max(len(hashed), len(outside)) > _MOST_IDENTITIES:
        return "INVALID_IDENTITY"
    is_right = all(isinstance(value, str) and _TEXT.fullmatch(value) for value in (one[_ID], *values))
    if not is_right or not all(_DIGEST.fullmatch(value) for found in hashed for value in found.values()):
        return "INVALID_FORMAT"
    drawn = int.from_bytes(hashlib.blake2b(one[_ID].encode(), digest_size=4).digest())
    is_drawn = drawn < visit.switch("rejected_share", 0) * 2**32
    return "INVALID_RECORD" if is_drawn or visit.is_poisoned(json.dumps(one).encode()) else ""


def _cells(visit: Visit, member: dict[str, Any]) -> dict[str, str]:
    """One record of a member, with the last of several identifiers of a kind."""
    if member["action"] == "DELETE" and visit.switch("removes_by", "id") == "id":
        return {_ID: member[_ID]}
    identity = member["userIdentity"]
    found = {
        key: value
        for part in (*(identity.get("hashedPiis") or []), *(identity.get("externalIdentities") or []))
        for key, value in part.items()
        if key in SHAPE.keys
    }
    return found | ({_ID: member[_ID]} if member["action"] == "CREATE" else {})
