"""Audiences that are made of customer lists: one is what ads are shown to, a list alone is not.

Source: the OpenAPI description (Audience, AudienceCreateRequest, AudienceUpdateRequest) has a status TOO_SMALL of
audiences; the guide "Create audiences" says that the API takes none below 100 members. Our readings: a list of any size
is taken, unless the switch `audiences_from` names the smallest; when the last audience of a list is removed the list
goes with it, unless the switch `lists_stay` is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.pinterest import errors, lists
from segment_assets.sandbox.platforms.pinterest.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3

_FIRST_ID = 254_000_000_000_000_001
_TYPES = {"CUSTOMER_LIST", "VISITOR", "ENGAGEMENT", "ACTALIKE", "PERSONA"}
_STATES = {"READY": "READY", "PROCESSING": "INITIALIZING", "TOO_SMALL": "TOO_SMALL"}


def create(visit: Visit) -> Answer:
    """An audience of a list. Names may repeat."""
    account, values = visit.reach(), visit.body()
    name, rule = values.get("name"), values.get("rule")
    if not isinstance(name, str) or not name.strip() or not isinstance(rule, dict):
        errors.invalid("'audience_type', 'name' and 'rule' are required properties")
    if values.get("audience_type") not in _TYPES:
        errors.invalid(f"audience_type must be one of {', '.join(sorted(_TYPES))}")
    if values["audience_type"] != "CUSTOMER_LIST":
        errors.invalid("the sandbox has audiences of customer lists only")
    row = lists.own(visit, account, rule.get("customer_list_id"))
    if row["people"] < visit.switch("audiences_from", 0):
        errors.invalid("Audience size is too small.")
    made = audiences.detail(row)["made_of_it"]
    count = audiences.detail(row).get("ever_made", 0)
    own = {
        "id": str(_FIRST_ID + 1_000 * row["number"] + 10 * count),
        "name": name,
        "description": values.get("description"),
        "created": int(visit.now),
    }
    audiences.update(visit.db, row, {"made_of_it": [*made, own], "ever_made": count + 1})
    return Answer(200, _show(visit, row, own))


def update(visit: Visit) -> Answer:
    """Edit an audience, or remove it."""
    row, own = _find(visit)
    values = visit.body()
    operation = values.get("operation_type", "UPDATE")
    if operation not in {"UPDATE", "REMOVE"}:
        errors.invalid("operation_type must be UPDATE or REMOVE")
    others = [one for one in audiences.detail(row)["made_of_it"] if one["id"] != own["id"]]
    changed: dict[str, Any] = own | {name: values[name] for name in ("name", "description") if name in values}
    answer = Answer(200, _show(visit, row, changed))
    if operation == "UPDATE":
        audiences.update(visit.db, row, {"made_of_it": [*others, changed]})
    elif others or visit.switch("lists_stay", default=False):
        audiences.update(visit.db, row, {"made_of_it": others})
    else:
        people.clear(visit.db, row["number"])
        audiences.delete(visit.db, row)
    return answer


def get(visit: Visit) -> Answer:
    """One audience."""
    row, own = _find(visit)
    return Answer(200, _show(visit, row, own))


def listed(visit: Visit) -> Answer:
    """The account's audiences, page by page."""
    rows = audiences.of_account(visit.db, PLATFORM, visit.reach())
    return visit.paged([_show(visit, row, own) for row in rows for own in audiences.detail(row)["made_of_it"]])


def _find(visit: Visit) -> tuple[sqlite3.Row, dict[str, Any]]:
    rows = audiences.of_account(visit.db, PLATFORM, visit.reach())
    pairs = ((row, own) for row in rows for own in audiences.detail(row)["made_of_it"])
    found = next((pair for pair in pairs if pair[1]["id"] == visit.call.path["audience"]), None)
    if found is None:
        errors.not_found("Audience")
    visit.audience = found[0]["id"]
    return found


def _show(visit: Visit, row: sqlite3.Row, own: dict[str, Any]) -> dict[str, Any]:
    state = _STATES[lists.show(visit, row)["status"]]
    return {
        "ad_account_id": row["account"],
        "id": own["id"],
        "name": own["name"],
        "description": own["description"],
        "audience_type": "CUSTOMER_LIST",
        "rule": {"customer_list_id": row["id"]},
        "size": row["people"] if state == "READY" else None,
        "status": state,
        "type": "audience",
        "created_timestamp": own["created"],
        "updated_timestamp": int(row["content_updated"]),
    }
