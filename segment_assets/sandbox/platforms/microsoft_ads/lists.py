"""Customer lists themselves: made, shown, deleted, several in a call, each answered for itself.

Source: learn.microsoft.com: CustomerList (a name of at most 128 characters, a description of at most 1,024, 1 to 390
days, Scope with ParentId, sizes null while a list is built, for up to 48 hours), GetAudiencesByIds (100 ids at most;
without any, all of the account).
Our readings: names are unique in an account, whatever their case; a list in use is not deleted; an id that is not there
is null in the answer, with a partial error; sizes are those of the search network, half of the people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.microsoft_ads import errors
from segment_assets.sandbox.platforms.microsoft_ads.visit import DEFAULT_CUSTOMER, PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3

TWO_DAYS = 48 * 3_600.0
_FIRST_ID = 812_100_000
_TYPE = "CustomerList"
_KNOWN = {"Type", "Name", "Description", "MembershipDuration", "Scope", "ParentId", "CustomerShare"}
_LONGEST_NAME, _LONGEST_DESCRIPTION = 128, 1_024
_MOST = 100
_DAYS, _DEFAULT_DAYS = range(1, 391), 30
_MATCHED = 0.5


def create(visit: Visit) -> Answer:
    """200, with the id of each list that was made, and null for each that was not."""
    wanted = visit.body("Audiences").get("Audiences")
    if not isinstance(wanted, list) or not wanted:
        errors.refuse(400, errors.NULL_PARAMETER, "Audiences must be a list")
    if len(wanted) > _MOST:
        errors.refuse(400, errors.TOO_MANY_IDS)
    ids: list[str | None] = []
    refused = []
    for index, one in enumerate(wanted):
        code = _wrong(visit, one)
        ids.append(None if code else _made(visit, one))
        refused += [errors.partial(index, code)] if code else []
    return Answer(200, {"AudienceIds": ids, "PartialErrors": refused})


def query(visit: Visit) -> Answer:
    """The lists with these ids, or all of the account."""
    body = visit.body("AudienceIds", "Type", "ReturnAdditionalFields")
    kinds = str(body.get("Type", "")).replace(",", " ").split()
    if not kinds:
        errors.refuse(400, errors.NULL_PARAMETER, "Type is required")
    ids = _ids(body.get("AudienceIds"))
    if not ids:
        rows = audiences.of_account(visit.db, PLATFORM, visit.account or "") if _TYPE in kinds else []
        return Answer(200, {"Audiences": [_shown(row, visit.now) for row in rows], "PartialErrors": []})
    found = [visit.list_of(one) if _TYPE in kinds else None for one in ids]
    shown = [None if row is None else _shown(row, visit.now) for row in found]
    refused = [errors.partial(n, errors.NO_SUCH_AUDIENCE) for n, row in enumerate(found) if row is None]
    return Answer(200, {"Audiences": shown, "PartialErrors": refused})


def delete(visit: Visit) -> Answer:
    """200, with a partial error for each list that was not deleted."""
    refused = []
    for index, one in enumerate(_ids(visit.body("AudienceIds").get("AudienceIds"))):
        row = visit.list_of(one)
        if row is None:
            refused.append(errors.partial(index, errors.NO_SUCH_AUDIENCE))
        elif visit.switch("in_use", default=False):
            refused.append(errors.partial(index, errors.IN_USE))
        else:
            visit.audience = row["id"]
            people.clear(visit.db, row["number"])
            audiences.delete(visit.db, row)
    return Answer(200, {"PartialErrors": refused})


def size(row: sqlite3.Row, now: float) -> int | None:
    """Matched people, None while the list is built."""
    return None if now < row["content_updated"] + TWO_DAYS else int(row["people"] * _MATCHED)


def _wrong(visit: Visit, wanted: object) -> tuple[int, str] | None:
    if not isinstance(wanted, dict) or wanted.get("Type") != _TYPE or not set(wanted) <= _KNOWN:
        return errors.BAD_AUDIENCE
    if not visit.switch("terms_accepted", default=True):
        return errors.TERMS
    name, days = wanted.get("Name"), wanted.get("MembershipDuration", _DEFAULT_DAYS)
    parents = {"Account": visit.account, "Customer": DEFAULT_CUSTOMER}
    scope = wanted.get("Scope", "Customer")
    is_right = (
        isinstance(name, str)
        and 0 < len(name.strip()) <= len(name) <= _LONGEST_NAME
        and len(str(wanted.get("Description", ""))) <= _LONGEST_DESCRIPTION
        and isinstance(days, int)
        and days in _DAYS
        and scope in parents
        and wanted.get("ParentId", parents[scope]) == parents[scope]
    )
    if not is_right:
        return errors.BAD_AUDIENCE
    names = {row["name"].casefold() for row in audiences.of_account(visit.db, PLATFORM, visit.account or "")}
    return errors.DUPLICATE_NAME if str(name).casefold() in names else None


def _made(visit: Visit, wanted: dict[str, Any]) -> str:
    detail = {
        "description": wanted.get("Description"),
        "days": wanted.get("MembershipDuration", _DEFAULT_DAYS),
        "scope": wanted.get("Scope", "Customer"),
        "parent": wanted.get("ParentId", DEFAULT_CUSTOMER),
    }
    account, name = visit.account or "", wanted["Name"]
    number = audiences.create(visit.db, PLATFORM, account, name=name, detail=detail, now=visit.now)
    visit.audience = str(_FIRST_ID + number)
    audiences.set_id(visit.db, number, visit.audience)
    return visit.audience


def _ids(told: object) -> list[object]:
    ids = told if isinstance(told, list) else []
    if len(ids) > _MOST:
        errors.refuse(400, errors.TOO_MANY_IDS)
    return ids


def _shown(row: sqlite3.Row, now: float) -> dict[str, Any]:
    detail, people_there = audiences.detail(row), size(row, now)
    told = None if people_there is None else str(people_there)
    return {
        "AudienceNetworkSize": told,
        "CustomerShare": None,
        "Description": detail["description"],
        "ForwardCompatibilityMap": [],
        "Id": row["id"],
        "MembershipDuration": detail["days"],
        "Name": row["name"],
        "ParentId": detail["parent"],
        "Scope": detail["scope"],
        "SearchSize": told,
        "SupportedCampaignTypes": ["Audience", "DynamicSearchAds", "Search", "Shopping"],
        "Type": _TYPE,
    }
