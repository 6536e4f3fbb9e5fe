"""The destinations of a request: accounts that the caller reaches, and user lists that take its data.

Source: docs/destinations/google.md 2.2 and 4. Not here: the request's members (`members`). Our readings where Google
says nothing: paths of destinations are as odd as those of members; the deprecated `product` does instead of a type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google import requests
from segment_assets.sandbox.platforms.google.errors import Violation
from segment_assets.sandbox.platforms.google.visit import PLATFORM
from segment_assets.sandbox.platforms.kit import audiences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.sandbox.platforms.google.visit import Visit

DESTINATIONS_PER_REQUEST = 10
_KEY_TYPES = {
    "user_data": "CONTACT_ID",
    "composite_data": "CONTACT_ID",
    "mobile_data": "MOBILE_ID",
    "user_id_data": "USER_ID",
}


def read(visit: Visit, rows: list[dict[str, Any]]) -> tuple[list[requests.Target], list[Violation]]:
    """What the destinations mean, and what is wrong with the others. Refuses an account that may not be reached."""
    if not rows:
        return [], [Violation("destinations", "At least one destination is required.", "REQUIRED_FIELD_MISSING")]
    if len(rows) > DESTINATIONS_PER_REQUEST:
        words = f"At most {DESTINATIONS_PER_REQUEST} destinations are allowed."
        return [], [Violation("destinations", words, "TOO_MANY_DESTINATIONS")]
    targets: list[requests.Target] = []
    violations: list[Violation] = []
    for index, row in enumerate(rows):
        path = f"destinations.destinations[{index}]"
        account = row.get("operating_account", {})
        found = _unnamed(account, path) or _closed(visit, row, path) or _list(visit, row, path)
        if isinstance(found, Violation):
            violations.append(found)
        else:
            targets.append(found)
    named = [target.reference for target in targets if target.reference]
    if len(set(named)) < len(named):
        words = "References must be unique within the request."
        violations.append(Violation("destinations", words, "DUPLICATE_DESTINATION_REFERENCE"))
    return targets, violations


def _unnamed(operating: dict[str, Any], path: str) -> Violation | None:
    account, field = operating.get("account_id", ""), f"{path}.operating_account"
    kinds = {operating[name] for name in ("account_type", "product") if name in operating}
    if not account or not kinds:
        return Violation(field, "The operating account needs an id and a type.", "REQUIRED_FIELD_MISSING")
    if len(kinds) > 1 or not (account.isascii() and account.isdecimal()):
        return Violation(field, "The operating account is not valid.", "INVALID_DESTINATION")
    return None


def _closed(visit: Visit, row: dict[str, Any], path: str) -> Violation | None:
    """Why the caller may not send to the account."""
    operating = row["operating_account"]
    account, kind = operating["account_id"], operating.get("account_type", operating.get("product"))
    visit.reach(account)
    if visit.account_type(account) != kind:
        words = "The account is of another type."
        return Violation(f"{path}.operating_account", words, "DESTINATION_ACCOUNT_TYPE_MISMATCH")
    if not visit.may_log_in(account, row.get("login_account", {}).get("account_id")):
        words = "The login account cannot reach the operating account."
        return Violation(f"{path}.login_account", words, "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH")
    if not visit.account_switch(account, "allowlisted", default=True):
        return Violation(path, "The advertiser may not upload data.", "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA")
    return None


def _list(visit: Visit, row: dict[str, Any], path: str) -> requests.Target | Violation:
    account = row["operating_account"]["account_id"]
    audience = audiences.find(visit.db, row.get("product_destination_id", ""), PLATFORM)
    if audience is None or audience["account"] != account:
        return Violation(f"{path}.product_destination_id", "The user list is not valid.", "INVALID_USER_LIST_ID")
    visit.audience = audience["id"]
    return requests.Target(row, account, audience["id"])


def unfit(visit: Visit, data: str, targets: list[requests.Target]) -> Iterator[Violation]:
    """Each list must take the data type; IP addresses go to Google Ads only."""
    for index, target in enumerate(targets):
        audience = audiences.find(visit.db, target.audience, PLATFORM)
        assert audience is not None
        fits = _KEY_TYPES.get(data) in audiences.detail(audience)["info"]["upload_key_types"]
        is_ads = visit.account_type(target.account) == "GOOGLE_ADS"
        if not fits or (data == "composite_data" and not is_ads):
            field = f"destinations.destinations[{index}].product_destination_id"
            yield Violation(field, "The user list does not take this type of data.", "INVALID_USER_LIST_TYPE")
