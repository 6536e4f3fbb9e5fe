"""The short cut for phone numbers that are written plainly: digits and the usual separators.

Belongs here: phonenumbers' own steps on phonenumbers' own metadata, for the cases in which they come down to
looking at a prefix and a length. Not here: a rule of ours; whatever is not plain goes to the reference (`phone`).
A property test holds the two together over every region.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

from segment_assets.identity.phone import is_plausible

_PLAIN = re.compile(r"\+?[0-9 ()./-]+")
_NO_SEPARATORS = str.maketrans("", "", " ()./-")
LONGEST_CALLING_CODE = 3
_LONGEST_PLAIN = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is needed to read a plain number of one region. `lengths` are those of the calling code's main region."""

    calling_code: str
    lengths: frozenset[int]
    own_lengths: frozenset[int]
    prefix: re.Pattern[str] | None
    transforms: bool
    international_prefix: re.Pattern[str] | None
    national: re.Pattern[str]


def plain_phone_digits(value: str, country: str | None) -> str | None:
    """International digits of a plainly written number, or None when the reference has to judge.

    >>> plain_phone_digits("+1 206-555-0100", None), plain_phone_digits("07911 123456", "gb")
    ('12065550100', '447911123456')
    >>> plain_phone_digits("Tel. 07911 123456", "gb") is None
    True
    """
    if len(value) > _LONGEST_PLAIN or not _PLAIN.fullmatch(value) or " /" in value or value.endswith(".0"):
        return None
    digits = value.translate(_NO_SEPARATORS)
    if digits.startswith("+"):
        return _from_international(digits[1:])
    if country is None or digits.startswith("00"):
        return None
    return _from_national(digits, country)


def _from_international(digits: str) -> str | None:
    for size in range(1, LONGEST_CALLING_CODE + 1):
        plan = plan_of_calling_code(digits[:size])
        if plan:
            return _finish(plan, digits[size:])
    return None


def _from_national(digits: str, country: str) -> str | None:
    plan = plan_of_region(country)
    if plan is None or digits.startswith(plan.calling_code):
        return None
    if plan.international_prefix and plan.international_prefix.match(digits):
        return None
    return _finish(plan, digits)


def _finish(plan: Plan, digits: str) -> str | None:
    national = _without_prefix(plan, digits)
    if national is None or len(national) not in plan.lengths or len(national) not in plan.own_lengths:
        return None
    return plan.calling_code + national if is_plausible(int(plan.calling_code), national) else None


def _without_prefix(plan: Plan, digits: str) -> str | None:
    """Drop a national prefix such as 0. None where phonenumbers would weigh or transform it."""
    match = plan.prefix.match(digits) if plan.prefix else None
    if match is None:
        return digits
    if plan.transforms and (not match.groups() or match.groups()[-1] is not None):
        return None
    if not match.end():
        return digits
    return None if plan.national.fullmatch(digits) else digits[match.end() :]


@functools.cache
def plan_of_calling_code(calling_code: str) -> Plan | None:
    """The plan of the main region of a calling code, None where there is no such code."""
    import phonenumbers

    if not calling_code or calling_code[0] == "0" or int(calling_code) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        return None
    region = phonenumbers.region_code_for_country_code(int(calling_code))
    return _plan_of(phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(calling_code), region))


@functools.cache
def plan_of_region(country: str) -> Plan | None:
    """The plan of a country (alpha-2 in lower case), None where it has none."""
    import phonenumbers

    return _plan_of(phonenumbers.PhoneMetadata.metadata_for_region(country.upper(), None))


def _plan_of(metadata: Any) -> Plan | None:
    import phonenumbers

    if metadata is None:
        return None
    calling_code: int = metadata.country_code
    main_region = phonenumbers.region_code_for_country_code(calling_code)
    main: Any = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(calling_code, main_region)
    prefix, idd = metadata.national_prefix_for_parsing, metadata.international_prefix
    return Plan(
        calling_code=str(calling_code),
        lengths=frozenset(main.general_desc.possible_length),
        own_lengths=frozenset(metadata.general_desc.possible_length),
        prefix=re.compile(prefix) if prefix else None,
        transforms=bool(metadata.national_prefix_transform_rule),
        international_prefix=re.compile(idd) if idd else None,
        national=re.compile(metadata.general_desc.national_number_pattern or ""),
    )
