"""Consent as Amazon takes it with each person, and what it makes of it.

Source: consent management (formats, which countries need one, what a missing signal of cookies means), dataset
management (a removal without a granted signal is ignored), the enumerations of amazon-ads-api-v1 0.11.0.
Our readings: whom Amazon may not use is passed over without a word; a string of another format counts as a yes.
"""

from __future__ import annotations

import re
from typing import Any

from segment_assets.sandbox.platforms.amazon_ads import errors
from segment_assets.sandbox.platforms.amazon_ads.visit import checked

_COUNTRY = re.compile(r"[A-Z]{2}")
_WORDS = ("DENIED", "GRANTED", "NOT_APPLICABLE", "UNKNOWN")
_ASKS_FOR_A_YES = frozenset(re.findall("..", "ATBEBGCHCYCZDEDKEEESFIFRGBGRHRHUIEISITLILTLULVMTNLNOPLPTROSESISK"))


def check_consent(told: object) -> None:
    """Refuse a request with a consent that no model has."""
    said = checked({} if told is None else told, (), ("geo", "consent"))
    geo = checked(said.get("geo", {}), (), ("countryCode", "ipAddress"))
    if "countryCode" in geo and not _COUNTRY.fullmatch(str(geo["countryCode"])):
        errors.refuse(400, "countryCode is no code of two letters")
    consent = checked(said.get("consent", {}), (), ("amzn", "gpp", "tcf"))
    words = checked(consent.get("amzn", {}), (), ("amznAdStorage", "amznUserData")).values()
    if not all(word in _WORDS for word in words):
        errors.refuse(400, f"A signal is one of {', '.join(_WORDS)}")


def is_heard(member: dict[str, Any], country: str) -> bool:
    """Whether anything is done with a member. `country` is that of whoever says no other."""
    said = member.get("userConsent") or {}
    consent = said.get("consent") or {}
    signal = consent.get("amzn") or {}
    place = (said.get("geo") or {}).get("countryCode", country)
    has_granted = signal.get("amznUserData") == "GRANTED" and signal.get("amznAdStorage") != "DENIED"
    if member["action"] == "DELETE" or place in _ASKS_FOR_A_YES:
        return has_granted or (member["action"] == "CREATE" and bool(consent.get("tcf") or consent.get("gpp")))
    return "DENIED" not in signal.values()
