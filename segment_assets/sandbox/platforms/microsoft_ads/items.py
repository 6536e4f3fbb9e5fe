"""Who is in a customer list: Apply, one kind of identifier a call, an error for each item that is refused.

Source: CustomerListUserData (an e-mail is 64 characters of lower-case hex; AcceptCustomerMatchTerm false is 8003),
CustomerListActionType and CustomerListItemSubType of msads 13.0.30.1; CRM and Phone are not supported, as the comments
of Microsoft's PHP package say.
Our readings: a call has at most 1,000 items; an item that is no digest is refused alone, and one that leaves without
having been there is fine; None does nothing; each item is a person of its own, since the sandbox knows no others; the
seeded `rejected_share` of items is refused.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.microsoft_ads import errors

if TYPE_CHECKING:
    from segment_assets.sandbox.platforms.microsoft_ads.visit import Visit

ITEMS_PER_CALL = 1_000
SHAPE = people.Shape(keys=("Email",), strong=("Email",), combination=())
"""What Microsoft takes: an e-mail finds a person."""
_KNOWN = {"AcceptCustomerMatchTerm", "ActionType", "AudienceId", "CustomerListItemSubType", "CustomerListItems"}
_ACTIONS = ("None", "Add", "Remove", "Replace")
_SUB_TYPES = ("Email", "CRM", "Phone")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def apply(visit: Visit) -> Answer:
    """Items in, out, or in the place of all that are there."""
    data = visit.body("CustomerListUserData").get("CustomerListUserData")
    if not isinstance(data, dict) or not set(data) <= _KNOWN:
        errors.refuse(400, errors.NULL_PARAMETER, "CustomerListUserData is required")
    items = _items(data)
    _check_terms(visit, data.get("AcceptCustomerMatchTerm"))
    row = visit.list_of(data.get("AudienceId"))
    if row is None:
        errors.refuse(400, errors.NO_SUCH_AUDIENCE)
    visit.audience, visit.records = row["id"], len(items)
    refused = {index for index, item in enumerate(items) if _is_refused(visit, item)}
    taken = [item for index, item in enumerate(items) if index not in refused]
    if data["ActionType"] == "Replace":
        people.clear(visit.db, row["number"])
    if taken and data["ActionType"] != "None":
        change = people.remove if data["ActionType"] == "Remove" else people.add
        change(visit.db, row["number"], SHAPE, {"Email": taken})
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))
    return Answer(200, {"PartialErrors": [errors.partial(index, errors.BAD_ITEM) for index in sorted(refused)]})


def _items(data: dict[str, Any]) -> list[Any]:
    if data.get("ActionType") not in _ACTIONS or data.get("CustomerListItemSubType") not in _SUB_TYPES:
        errors.refuse(400, errors.INVALID_INPUT, "ActionType and CustomerListItemSubType must be of their enumerations")
    if data["CustomerListItemSubType"] != "Email":
        errors.refuse(400, errors.NOT_SUPPORTED, "Only Email is supported")
    items = data.get("CustomerListItems")
    if not isinstance(items, list) or not items:
        errors.refuse(400, errors.NULL_PARAMETER, "CustomerListItems must be a list")
    if len(items) > ITEMS_PER_CALL:
        errors.refuse(400, errors.TOO_MANY_IDS, f"CustomerListItems must be at most {ITEMS_PER_CALL}")
    return items


def _check_terms(visit: Visit, told: object) -> None:
    """A yes or no of the call goes before what was said on Microsoft's pages."""
    if told is False or (told is not True and not visit.switch("terms_accepted", default=True)):
        errors.refuse(400, errors.TERMS)


def _is_refused(visit: Visit, item: object) -> bool:
    if not isinstance(item, str) or not _DIGEST.fullmatch(item):
        return True
    share = visit.switch("rejected_share", 0)
    drawn = hashlib.blake2b(item.encode(), digest_size=4).digest()
    return visit.is_poisoned(item.encode()) or int.from_bytes(drawn) < share * 2**32
