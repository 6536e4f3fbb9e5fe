"""Phone numbers: international digits, without "+" (Meta) and with it (E.164, Google).

Belongs here: the reference definition, by the phonenumbers library. Not here: the short cut for plainly written
numbers (`phone_plan`), which must agree with this module on everything.
Source: Meta, Customer File Custom Audiences (digits with country code, no symbols, no leading zeros); Google, Data
Manager API, "Format user data" (E.164 with its plus).
A number is accepted when its length is possible in its country, not only when its range is assigned: Meta's own
published example 1 555 987 6543 is unassigned. What only a form-filler writes (1234567890, 9999999999) is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_assets.contracts import Reason
from segment_assets.identity.text import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phonenumbers import PhoneNumber

# "1 (206) 555-0100": a country code in front of an area code in brackets is North American and can be nothing else.
_NANP_IN_BRACKETS = re.compile(r"1[\s.-]*\(([2-9][0-9]{2})\)[\s.-]*([2-9][0-9]{2})[\s.-]*([0-9]{4})")
# A field with two numbers: these never stand inside one. A bare slash does ("089/123456"), so it is tried last.
_BETWEEN_NUMBERS = re.compile(r"[;,|\n\r]+|\s/\s|\s(?:or|oder|ou|und|and|&)\s|(?<=\d)\s+(?=\+)")
_SLASH = re.compile(r"/+")
_LEADING_ZEROS = re.compile(r"[\s(]*00(?=[\s)(.-]*[1-9])")
_STRAY_ZERO = re.compile(r"[\s(]*0(?=[1-9])")
_SCIENTIFIC = re.compile(r"[+-]?[0-9][.,]?[0-9]*[eE][+]?[0-9]+")  # a spreadsheet has already lost the digits
_NANP = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6}")  # area code and exchange never begin with 0 or 1
_FEWEST_DIGITS, _MOST_DIGITS = 5, 17
_LONGEST_FIELD = 250  # phonenumbers' own limit, here for the whole field: every piece of it costs a parse


def phone_digits(value: str, country: str | None = None) -> str | Reason:
    """The number in international digits. `country` (alpha-2) is where a national number is at home.

    >>> phone_digits("+44 (0)7911 123456"), phone_digits("(206) 555-0100 ext. 5", "us")
    ('447911123456', '12065550100')
    >>> phone_digits("020 7946 0958")
    <Reason.NO_COUNTRY: 'no_country'>
    """
    if len(value) > _LONGEST_FIELD or _SCIENTIFIC.fullmatch(value):
        return Reason.NOT_A_PHONE
    region = country.upper() if country else _region_of_notation(value)
    for candidate in _candidates(whole_number(value)):
        digits = _read(candidate, region)
        if digits:
            return digits
    return Reason.NO_COUNTRY if _lacks_a_country(value, region) else Reason.NOT_A_PHONE


def e164(digits: str) -> str:
    """International digits in the notation of E.164.

    >>> e164("447911123456")
    '+447911123456'
    """
    return f"+{digits}"


def e164_of_india(digits: str) -> str | Reason:
    """E.164 of an Indian number, for a platform that takes no other (Criteo).

    >>> e164_of_india("919876543210"), e164_of_india("447911123456")
    ('+919876543210', <Reason.UNSUPPORTED_COUNTRY: 'unsupported_country'>)
    """
    return f"+{digits}" if digits.startswith("91") else Reason.UNSUPPORTED_COUNTRY


def ten_digits(digits: str) -> str | Reason:
    """A North American number without its country code, for a platform that takes no other (LiveRamp).

    >>> ten_digits("12065550100"), ten_digits("447911123456")
    ('2065550100', <Reason.UNSUPPORTED_COUNTRY: 'unsupported_country'>)
    """
    is_nanp = digits.startswith("1") and _NANP.fullmatch(digits[1:])
    return digits[1:] if is_nanp else Reason.UNSUPPORTED_COUNTRY


def _region_of_notation(value: str) -> str | None:
    return "US" if _NANP_IN_BRACKETS.fullmatch(value) else None


def _candidates(value: str) -> Iterator[str]:
    """The first piece, the whole (a spaced slash may stand after an area code), then whatever else there is."""
    first, *others = [piece for piece in _BETWEEN_NUMBERS.split(value) if piece] or [value]
    yield first
    if others:
        yield value
    yield from others
    if "/" in value:
        yield from _SLASH.split(value)


def _read(value: str, region: str | None) -> str | None:
    """The first reading that gives a plausible number: "00" as "+", as the region dials it, with a zero too many."""
    if _LEADING_ZEROS.match(value):
        digits = _international_digits(_LEADING_ZEROS.sub("+", value, count=1), None)
        if digits:
            return digits
    return _international_digits(value, region) or _after_a_stray_zero(value, region)


def _after_a_stray_zero(value: str, region: str | None) -> str | None:
    """A zero before the region's own calling code, as in 01 (706) 767-5127 (Meta and Snap drop leading zeros)."""
    import phonenumbers

    calling_code = str(phonenumbers.country_code_for_region(region)) if region else ""
    match = _STRAY_ZERO.match(value)
    if not match or not calling_code or not value[match.end() :].startswith(calling_code):
        return None
    return _international_digits(f"+{value[match.end() :]}", None)


def _international_digits(value: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    calling_code, national = number.country_code or 0, phonenumbers.national_significant_number(number)
    if not is_plausible(calling_code, national) and not _is_assigned(number):
        return None
    return f"{calling_code}{national}"


def is_plausible(calling_code: int, national: str) -> bool:
    """False for what a form-filler writes: one digit repeated, or a North American number that cannot be dialled.

    >>> is_plausible(1, "5559876543"), is_plausible(1, "1234567890"), is_plausible(49, "99999999")
    (True, False, False)
    """
    if calling_code == 1:
        return bool(_NANP.fullmatch(national)) and len(set(national)) > 1
    return len(set(national)) > 1


def _is_assigned(number: PhoneNumber) -> bool:
    import phonenumbers

    return bool(phonenumbers.is_valid_number(number))


def _lacks_a_country(value: str, region: str | None) -> bool:
    """Would it take a country to read this? Not where the number names its own, nor where there is no number."""
    import phonenumbers

    if region in phonenumbers.SUPPORTED_REGIONS or "+" in value or "\uff0b" in value:
        return False
    digits = sum(c.isdigit() for c in value)
    return _FEWEST_DIGITS <= digits <= _MOST_DIGITS and not _LEADING_ZEROS.match(value)
