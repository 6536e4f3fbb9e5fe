"""User lists: create, show, list, update, delete.

Source: docs/destinations/google.md 2.1 and 7. Our readings where Google says nothing: sizes are the matched people,
rounded down to two figures, hidden below 1,000 (Display & Video 360) or 100 (Google Ads); only what follows may be
updated: name, description, integration code, duration, status. Not here: the people (`membership`).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google import errors, filters, messages, requests, wire
from segment_assets.sandbox.platforms.google.visit import PLATFORM
from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.google.visit import Visit

_FIRST_ID = 9_007_199_254_741_003
"""Above 2**53 and odd, so that a caller who makes a float of an id reaches another list."""

_DAY = 86_400
_LONGEST_DAYS = 540
_DEFAULT_PAGE, _LARGEST_PAGE = 50, 1_000
_TYPES = {"CONTACT_ID", "MOBILE_ID", "USER_ID"}
_UPDATABLE = ("display_name", "description", "integration_code", "membership_duration", "membership_status")
_HIDDEN_BELOW = {"GOOGLE_ADS": 100}
_HIDDEN_BELOW_ELSEWHERE = 1_000


def create(visit: Visit) -> Answer:
    """Make an empty list."""
    account = visit.enter_account()
    values = wire.read_body(visit.call.body, messages.USER_LIST)
    validate_only = wire.read_query(visit.call.query, messages.VALIDATE_ONLY).get("validate_only")
    info = values.get("ingested_user_list_info", {})
    _refuse_account(visit, account)
    _judge_name(visit, account, values.get("display_name"), None)
    _judge_info(info)
    detail = {
        "description": values.get("description", ""),
        "integration_code": values.get("integration_code", ""),
        "membership_seconds": _membership_seconds(values),
        "closed": values.get("membership_status") == "CLOSED",
        "info": info,
        "widest": {},
        "oldest": None,
    }
    if validate_only:
        return Answer(200, {})
    number = audiences.create(visit.db, PLATFORM, account, name=values["display_name"], detail=detail, now=visit.now)
    list_id = str(_FIRST_ID + 10 * number)
    audiences.set_id(visit.db, number, list_id)
    visit.audience = list_id
    return Answer(200, _show(visit, _found(visit, list_id)))


def show(visit: Visit) -> Answer:
    """One list."""
    wire.read_query(visit.call.query, messages.NOTHING)
    return Answer(200, _show(visit, _target(visit)))


def show_all(visit: Visit) -> Answer:
    """The account's lists, in pages."""
    account = visit.enter_account()
    values = wire.read_query(visit.call.query, messages.LIST)
    matches = filters.parse(values.get("filter", ""))
    size = min(values.get("page_size") or _DEFAULT_PAGE, _LARGEST_PAGE)
    if size < 1:
        errors.invalid_field("page_size", "The page size must not be negative.", "INVALID_ARGUMENT")
    after = _after(values.get("page_token", ""))
    every = [row for row in audiences.of_account(visit.db, PLATFORM, account) if row["number"] > after]
    found = [shown for shown in (_show(visit, row) for row in every) if matches(_searchable(shown))]
    body: dict[str, Any] = {"userLists": found[:size]} if found else {}
    if len(found) > size:
        last = int(found[size - 1]["id"]) - _FIRST_ID
        body["nextPageToken"] = base64.urlsafe_b64encode(str(last // 10).encode()).decode()
    return Answer(200, body)


def update(visit: Visit) -> Answer:
    """Change the fields that the mask names; without a mask, those that are sent."""
    row = _target(visit)
    values = wire.read_body(visit.call.body, messages.USER_LIST)
    query = wire.read_query(visit.call.query, messages.UPDATE)
    named = _masked(query.get("update_mask"), values)
    if "display_name" in named:
        _judge_name(visit, row["account"], values.get("display_name"), row["id"])
    changes: dict[str, Any] = {
        name: values.get(name, "") for name in named if name in ("description", "integration_code")
    }
    if "membership_duration" in named:
        changes["membership_seconds"] = _membership_seconds(values)
    if "membership_status" in named:
        changes["closed"] = values.get("membership_status") == "CLOSED"
    if query.get("validate_only"):
        return Answer(200, {})
    audiences.update(visit.db, row, changes, values["display_name"] if "display_name" in named else None)
    return Answer(200, _show(visit, _found(visit, row["id"])))


def delete(visit: Visit) -> Answer:
    """Delete a list with all that is in it."""
    row = _target(visit)
    if not wire.read_query(visit.call.query, messages.VALIDATE_ONLY).get("validate_only"):
        people.clear(visit.db, row["number"])
        audiences.delete(visit.db, row)
    return Answer(200, {})


def state(audience: sqlite3.Row, db: sqlite3.Connection) -> str:
    """Whether a list is open, and how many requests for it wait."""
    word = "Closed" if audiences.detail(audience).get("closed") else "Open"
    waiting = requests.processing(db, audience["id"])
    return f"{word}, {waiting} processing" if waiting else word


# ── inside ──


def _target(visit: Visit) -> sqlite3.Row:
    account = visit.enter_account()
    row = audiences.find(visit.db, visit.call.path["list"], PLATFORM)
    if row is None or row["account"] != account:
        errors.not_found("The user list")
    visit.audience = row["id"]
    return row


def _found(visit: Visit, list_id: str) -> sqlite3.Row:
    row = audiences.find(visit.db, list_id, PLATFORM)
    assert row is not None
    return row


def _refuse_account(visit: Visit, account: str) -> None:
    if not visit.account_switch(account, "eu_political_declared", default=True):
        words = "Declare in the account whether it runs EU political ads."
        errors.invalid_field("parent", words, "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED")


def _judge_name(visit: Visit, account: str, name: str | None, own_id: str | None) -> None:
    if name is None or not name.strip():
        errors.invalid_field("user_list.display_name", "A display name is required.", "REQUIRED_FIELD_MISSING")
    others = (row for row in audiences.of_account(visit.db, PLATFORM, account) if row["id"] != own_id)
    if any(row["name"] == name for row in others):
        words = "The display name is used by another list of the account."
        errors.invalid_field("user_list.display_name", words, "DISPLAY_NAME_ALREADY_USED")


def _judge_info(info: dict[str, Any]) -> None:
    """One upload key type, and what belongs to it."""
    field = "user_list.ingested_user_list_info"
    types = info.get("upload_key_types", [])
    if not types:
        errors.invalid_field(f"{field}.upload_key_types", "Upload key types are required.", "REQUIRED_FIELD_MISSING")
    if len(set(types)) > 1 or not _TYPES.issuperset(types):
        words = "These upload key types cannot be had in one list."
        errors.invalid_field(f"{field}.upload_key_types", words, "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES")
    wanted = {"CONTACT_ID": "contact_id_info", "MOBILE_ID": "mobile_id_info", "USER_ID": "user_id_info"}[types[0]]
    if set(info) - {"upload_key_types", wanted}:
        words = "There is information about another upload key type."
        errors.invalid_field(field, words, "UNSUPPORTED_INGESTED_USER_LIST_INFO_CONFIG")
    mobile = info.get("mobile_id_info", {})
    if types[0] == "MOBILE_ID" and (mobile.get("key_space") not in ("IOS", "ANDROID") or not mobile.get("app_id")):
        words = "A list of mobile ids needs a key space and an app id."
        errors.invalid_field(f"{field}.mobile_id_info", words, "REQUIRED_FIELD_MISSING")


def _membership_seconds(values: dict[str, Any]) -> int:
    seconds = values.get("membership_duration", _LONGEST_DAYS * _DAY)
    field = "user_list.membership_duration"
    if seconds <= 0 or seconds % _DAY:
        errors.invalid_field(field, "The duration must be a multiple of 24 hours.", "INVALID_ARGUMENT")
    if seconds > _LONGEST_DAYS * _DAY:
        words = f"The duration must be at most {_LONGEST_DAYS} days."
        errors.invalid_field(field, words, "MEMBERSHIP_DURATION_TOO_LONG")
    return int(seconds)


def _masked(mask: str | None, values: dict[str, Any]) -> list[str]:
    if mask is None:
        return [name for name in _UPDATABLE if name in values]
    names = [messages.USER_LIST.names.get(name.strip()) for name in mask.split(",")]
    known = [name for name in names if name is not None]
    if not mask or len(known) < len(names):
        errors.invalid_field("update_mask", "The mask names an unknown field.", "INVALID_UPDATE_MASK")
    if not set(known) <= set(_UPDATABLE):
        errors.invalid_field("update_mask", "The mask names an immutable field.", "IMMUTABLE_FIELD_FOR_UPDATE")
    return known


def _after(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError:
        errors.invalid_field("page_token", "The page token is not valid.", "INVALID_PAGE_TOKEN")


def _searchable(shown: dict[str, Any]) -> dict[str, str]:
    return {name: str(shown.get(wire.camel(name), "")) for name in messages.USER_LIST.fields}


def _show(visit: Visit, row: sqlite3.Row) -> dict[str, Any]:
    """The list as Google shows it, what is zero or blank left out."""
    detail = audiences.detail(row)
    kind = visit.account_type(row["account"])
    shown = {
        "name": f"accountTypes/{kind}/accounts/{row['account']}/userLists/{row['id']}",
        "id": row["id"],
        "displayName": row["name"],
        "description": detail["description"],
        "membershipStatus": "CLOSED" if detail["closed"] else "OPEN",
        "integrationCode": detail["integration_code"],
        "membershipDuration": f"{detail['membership_seconds']}s",
        "closingReason": "UNUSED" if detail.get("unused") else "",
        "accessReason": "OWNED",
        "accountAccessStatus": "ENABLED",
        "sizeInfo": _sizes(visit, row, kind),
        "targetNetworkInfo": {"eligibleForDisplay": True, "eligibleForSearch": kind == "GOOGLE_ADS"},
        "ingestedUserListInfo": wire.to_json(detail["info"]),
    }
    return {name: value for name, value in shown.items() if value not in ("", {})}


def _sizes(visit: Visit, row: sqlite3.Row, kind: str) -> dict[str, str]:
    rate = visit.account_switch(row["account"], "match_rate", requests.DEFAULT_MATCH_RATE)
    matched = int(row["people"] * rate)
    if matched < _HIDDEN_BELOW.get(kind, _HIDDEN_BELOW_ELSEWHERE):
        return {}
    step = 10 ** max(0, len(str(matched)) - 2)
    names = ["displayNetworkMembersCount", "searchNetworkMembersCount", "youtubeMembersCount", "gmailMembersCount"]
    return dict.fromkeys(names, str(matched // step * step))
