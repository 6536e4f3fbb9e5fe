"""What `requestStatus:retrieve` tells of a request: one entry per destination, counts only, never a member.

Not here: when a request is processed (`requests`). Proto3 JSON leaves zeros out, and so does this.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google import errors, messages, requests, wire
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.google.visit import Visit

_COUNTED = {
    "user_data": ("userIdentifierCount", ("EMAIL", "PHONE", "ADDRESS")),
    "mobile_data": ("mobileIdCount", ("MOBILE_ID",)),
    "user_id_data": ("userIdCount", ("USER_ID",)),
}
_DATA_TYPES = {"EMAIL": "EMAIL", "PHONE": "PHONE_NUMBER", "ADDRESS": "ADDRESS", "IP_ADDRESS": "IP_ADDRESS"}
_RATED = ("user_data", "composite_data")
_LOWEST_RATE = 20


def retrieve(visit: Visit) -> Answer:
    """The status of one request."""
    values = wire.read_query(visit.call.query, messages.STATUS)
    if not values.get("request_id"):
        errors.invalid_field("request_id", "The request ID is required.", "REQUIRED_FIELD_MISSING")
    request, outcomes = requests.find(visit, values["request_id"])
    for outcome in outcomes:
        named = json.loads(outcome["destination"])
        visit.reach(outcome["account"])
        visit.audience = outcome["audience"]
        if not visit.may_log_in(outcome["account"], named.get("login_account", {}).get("account_id")):
            errors.no_permission()
    return Answer(200, {"requestStatusPerDestination": [_entry(request, outcome) for outcome in outcomes]})


def _entry(request: sqlite3.Row, outcome: sqlite3.Row) -> dict[str, Any]:
    entry: dict[str, Any] = {"destination": wire.to_json(json.loads(outcome["destination"]))}
    if not request["processed"]:
        return {**entry, "requestStatus": "PROCESSING"}
    refused: dict[str, int] = json.loads(outcome["errors"])
    entry["requestStatus"] = _status(request, outcome, refused)
    if refused:
        counts = [{"recordCount": str(count), "reason": reason} for reason, count in sorted(refused.items())]
        entry["errorInfo"] = {"errorCounts": counts}
    if request["kind"] == "remove_all":
        return {**entry, "removeAllAudienceMembersStatus": {}}
    done = "Ingestion" if request["kind"] == "ingest" else "Removal"
    counted = {f"{wire.camel(request['data'])}{done}Status": _counts(request, outcome)}
    return {**entry, f"audienceMembers{done}Status": counted}


def _status(request: sqlite3.Row, outcome: sqlite3.Row, refused: dict[str, int]) -> str:
    if not refused:
        return "SUCCESS"
    everybody = sum(refused.values()) >= outcome["records"]
    return "FAILED" if request["fails"] or everybody else "PARTIAL_SUCCESS"


def _counts(request: sqlite3.Row, outcome: sqlite3.Row) -> dict[str, Any]:
    sent: dict[str, int] = json.loads(outcome["counts"])
    told: dict[str, Any] = {"recordCount": str(outcome["records"])} if outcome["records"] else {}
    if request["data"] in _COUNTED:
        name, kinds = _COUNTED[request["data"]]
        number = sum(sent.get(kind, 0) for kind in kinds)
        told |= {name: str(number)} if number else {}
    else:
        types = [{"type": _DATA_TYPES[kind], "count": str(count)} for kind, count in sorted(sent.items())]
        told["dataTypeCounts"] = types
    if request["kind"] == "ingest" and request["data"] in _RATED and not request["fails"]:
        told["uploadMatchRateRange"] = match_rate_range(outcome["match_rate"])
    return told


def match_rate_range(rate: float) -> str:
    """The published range that a rate from 0 to 1 falls into."""
    percent = int(rate * 100)
    if percent < _LOWEST_RATE:
        return "MATCH_RATE_RANGE_LESS_THAN_20"
    upper = max(30, -(-percent // 10) * 10)
    lower = 20 if upper == 30 else upper - 9  # noqa: PLR2004  the lowest range is the only one of eleven figures
    return f"MATCH_RATE_RANGE_{lower}_TO_{upper}"
