"""Judging audience members, one by one: shape of digests, whole addresses, mobile ids, consent.

Belongs here: what makes a member invalid, and what remains of a valid one. Not here: limits and needs of the request as
a whole (`uploads`). Source: docs/destinations/google.md 2.2, 4 and 5. Our readings where Google says nothing: digests
in upper-case hex are refused unless a switch allows them; a postcode that looks like a digest is refused, since it is
sent plain; a member's consent replaces the request's as a whole; mobile ids are compared without regard to case.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import ipaddress
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google.errors import Violation
from segment_assets.sandbox.platforms.google.membership import IDENTIFIERS_PER_MEMBER

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.google.membership import Identifiers

DENIED, UNKNOWN, NONE_GIVEN = (
    f"PROCESSING_ERROR_REASON_{name}" for name in ("DENIED_CONSENT", "UNKNOWN_CONSENT", "NO_CONSENT")
)
_EEA_CODES = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO"
_EEA_REGIONS = frozenset(_EEA_CODES.split(" "))
_DIGEST_BYTES = 32
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_REGION = re.compile(r"[A-Z]{2}")
_POSTAL_CODE = re.compile(r"[^\x00-\x1f\x7f]{1,20}")
_PLAIN_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NO_PHONE_CODE = {"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What a request says about all its members. `home` is the region of members who send no address."""

    encoding: str
    takes_upper_case: bool
    consent: dict[str, Any] | None
    home: str | None
    core_services: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A valid member: its identifiers, the destinations that it names, and why processing will refuse it, if so."""

    identifiers: Identifiers = dataclasses.field(repr=False)
    references: list[str]
    refused: str | None


class _Fault(Exception):  # noqa: N818  never leaves this module
    """What is wrong with a part of a member."""

    def __init__(self, part: str, description: str, reason: str) -> None:
        super().__init__(reason)
        self.part, self.description, self.reason = part, description, reason


def judge(member: dict[str, Any], index: int, terms: Terms) -> Judged | Violation:
    """The member, or what is wrong with it, at Google's own odd path."""
    try:
        kind = next((kind for kind in _READERS if kind in member), "")
        found, region = _READERS.get(kind, _without_data)(member.get(kind, {}), terms)
    except _Fault as fault:
        path = f"audience_members.audience_members[{index}]{fault.part}"
        return Violation(path, fault.description, fault.reason)
    distinct = {name: sorted(set(cells)) for name, cells in found.items()}
    return Judged(distinct, member.get("destination_references", []), _refusal(member, region, terms))


def _refusal(member: dict[str, Any], region: str | None, terms: Terms) -> str | None:
    """Why a member of the EEA is not processed."""
    if (region or terms.home) not in _EEA_REGIONS:
        return None
    if not terms.core_services:
        return NONE_GIVEN
    consent = member.get("consent", terms.consent) or {}
    given = {consent.get(name) for name in ("ad_user_data", "ad_personalization")}
    if "CONSENT_DENIED" in given:
        return DENIED
    return None if given == {"CONSENT_GRANTED"} else UNKNOWN


def _user_data(data: dict[str, Any], terms: Terms) -> tuple[Identifiers, str | None]:
    part = ".user_data.user_identifiers"
    identifiers = data.get("user_identifiers", [])
    if not identifiers:
        raise _Fault(part, "At least one user identifier is required.", "REQUIRED_FIELD_MISSING")
    if len(identifiers) > IDENTIFIERS_PER_MEMBER:
        words = f"At most {IDENTIFIERS_PER_MEMBER} user identifiers are allowed."
        raise _Fault(part, words, "TOO_MANY_USER_IDENTIFIERS")
    found: Identifiers = {}
    region = None
    for identifier in identifiers:
        if "email_address" in identifier:
            found.setdefault("EMAIL", []).append(_digest(identifier["email_address"], "Email", terms, part))
        elif "phone_number" in identifier:
            found.setdefault("PHONE", []).append(_digest(identifier["phone_number"], "Phone number", terms, part))
        elif "address" in identifier:
            found.setdefault("ADDRESS", []).append(_address(identifier["address"], terms, part))
            region = region or identifier["address"]["region_code"]
        else:
            raise _Fault(part, "A user identifier is empty.", "REQUIRED_FIELD_MISSING")
    return found, region


def _address(address: dict[str, Any], terms: Terms, part: str) -> str:
    missing = [name for name in ("given_name", "family_name", "region_code", "postal_code") if not address.get(name)]
    if missing:
        raise _Fault(part, f"Address lacks {', '.join(missing)}.", "REQUIRED_FIELD_MISSING")
    region, postal_code = address["region_code"], address["postal_code"]
    if not _is_region(region):
        raise _Fault(part, "Region code is not valid.", "INVALID_REGION_CODE")
    if not _POSTAL_CODE.fullmatch(postal_code.strip()):
        raise _Fault(part, "Postal code is not valid.", "INVALID_POSTAL_CODE")
    names = (_digest(address[name], "Name", terms, part) for name in ("given_name", "family_name"))
    return "|".join((*names, region, postal_code.strip()))


def _digest(text: str, what: str, terms: Terms, part: str) -> str:
    """A digest as lower-case hex, whichever way it came."""
    if terms.encoding == "BASE64":
        try:
            decoded = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise _Fault(part, f"{what} is not base64 encoded.", "INVALID_BASE64_ENCODING") from None
    else:
        folded = text.lower() if terms.takes_upper_case else text
        if not _HEX.fullmatch(folded):
            raise _Fault(part, f"{what} is not hex encoded.", "INVALID_HEX_ENCODING")
        decoded = bytes.fromhex(folded)
    if len(decoded) != _DIGEST_BYTES:
        raise _Fault(part, f"{what} is not a SHA-256 digest.", "INVALID_SHA256_FORMAT")
    return decoded.hex()


@cache
def _regions() -> frozenset[str]:
    from phonenumbers import SUPPORTED_REGIONS

    return frozenset(SUPPORTED_REGIONS) | _NO_PHONE_CODE


def _is_region(code: str) -> bool:
    return _REGION.fullmatch(code) is not None and code in _regions()


def _mobile_data(data: dict[str, Any], _terms: Terms) -> tuple[Identifiers, None]:
    part = ".mobile_data.mobile_ids"
    ids = data.get("mobile_ids", [])
    if not ids:
        raise _Fault(part, "At least one mobile id is required.", "REQUIRED_FIELD_MISSING")
    if len(ids) > IDENTIFIERS_PER_MEMBER:
        raise _Fault(part, f"At most {IDENTIFIERS_PER_MEMBER} mobile ids are allowed.", "TOO_MANY_ELEMENTS")
    if not all(map(_UUID.fullmatch, ids)):
        raise _Fault(part, "Mobile ID format is not valid.", "INVALID_MOBILE_ID_FORMAT")
    return {"MOBILE_ID": [one.lower() for one in ids]}, None


def _user_id_data(data: dict[str, Any], _terms: Terms) -> tuple[Identifiers, None]:
    user_id = data.get("user_id", "")
    if not _PLAIN_TEXT.fullmatch(user_id):
        raise _Fault(".user_id_data.user_id", "User ID is required.", "REQUIRED_FIELD_MISSING")
    return {"USER_ID": [user_id]}, None


def _composite_data(data: dict[str, Any], terms: Terms) -> tuple[Identifiers, str | None]:
    found: Identifiers = {}
    region = None
    if "user_data" in data:
        try:
            found, region = _user_data(data["user_data"], terms)
        except _Fault as fault:
            raise _Fault(f".composite_data{fault.part}", fault.description, fault.reason) from None
    part = ".composite_data.ip_data"
    addresses = [one.get("ip_address", "") for one in data.get("ip_data", [])]
    if len(addresses) > IDENTIFIERS_PER_MEMBER:
        raise _Fault(part, f"At most {IDENTIFIERS_PER_MEMBER} IP addresses are allowed.", "TOO_MANY_ELEMENTS")
    try:
        ips = [str(ipaddress.ip_address(address)) for address in addresses]
    except ValueError:
        raise _Fault(part, "IP address is not valid.", "INVALID_FORMAT") from None
    if ips:
        found = {**found, "IP_ADDRESS": ips}
    if not found:
        raise _Fault(".composite_data", "User data or IP data is required.", "REQUIRED_FIELD_MISSING")
    return found, region


def _without_data(_data: dict[str, Any], _terms: Terms) -> tuple[Identifiers, None]:
    raise _Fault("", "No data was provided for the audience member.", "INVALID_AUDIENCE_MEMBER")


def _for_partners(_data: dict[str, Any], _terms: Terms) -> tuple[Identifiers, None]:
    raise _Fault("", "This data type is for allow-listed data partners only.", "NOT_ALLOWLISTED")


_READERS: dict[str, Callable[[dict[str, Any], Terms], tuple[Identifiers, str | None]]] = {
    "user_data": _user_data,
    "mobile_data": _mobile_data,
    "user_id_data": _user_id_data,
    "composite_data": _composite_data,
    "pair_data": _for_partners,
    "ppid_data": _for_partners,
    "google_user_id_data": _for_partners,
    "partner_provided_id_data": _for_partners,
}
DATA_TYPES = tuple(_READERS)
