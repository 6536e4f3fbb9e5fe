"""Mobile advertising ids (IDFA, GAID).

Belongs here: the shape of the id and its case. Not here: which platform wants it hashed (`destinations`); Meta forbids
it.
Source: Meta, Customer File Custom Audiences (MADID: lower-case, keep hyphens, not hashed); for the case as issued
Pinterest's, Reddit's and LiveRamp's connectors (AAID lower-case, IDFA upper-case).
"""

from __future__ import annotations

import re

from segment_assets.contracts import Reason

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ALL_ZERO = "00000000-0000-0000-0000-000000000000"  # what a phone gives when its owner limits ad tracking


def mobile_ad_id(value: str, country: str | None = None) -> str | Reason:
    """The id in lower case.

    >>> mobile_ad_id("AECE52E7-03EE-455A-B3C4-E57283966239")
    'aece52e7-03ee-455a-b3c4-e57283966239'
    >>> mobile_ad_id("00000000-0000-0000-0000-000000000000")
    <Reason.ZERO_MOBILE_AD_ID: 'zero_mobile_ad_id'>
    """
    del country
    identifier = value.lower()
    if identifier == _ALL_ZERO:
        return Reason.ZERO_MOBILE_AD_ID
    return identifier if _UUID.fullmatch(identifier) else Reason.NOT_A_MOBILE_AD_ID


def mobile_ad_id_as_issued(value: str, country: str | None = None) -> str | Reason:
    """The id in the case in which its system issues it: IDFA in upper case, AAID in lower case.

    The value does not say which it is but by its case, so one in mixed case is refused.

    >>> mobile_ad_id_as_issued("AECE52E7-03EE-455A-B3C4-E57283966239")
    'AECE52E7-03EE-455A-B3C4-E57283966239'
    >>> mobile_ad_id_as_issued("Aece52e7-03ee-455a-b3c4-e57283966239")
    <Reason.NOT_A_MOBILE_AD_ID: 'not_a_mobile_ad_id'>
    """
    lowered = mobile_ad_id(value, country)
    if isinstance(lowered, Reason):
        return lowered
    return value if value in {lowered, lowered.upper()} else Reason.NOT_A_MOBILE_AD_ID
