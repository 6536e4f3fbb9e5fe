"""Where a person lives: city, state, postal code, country.

Belongs here: the rules and the table of US states. Not here: the table of countries (`countries`).
Source: Meta, Customer File Custom Audiences and Customer Information Parameters: city a-z without spaces; US states as
two-letter code, others without punctuation and space; postal codes without space and dash, five digits in the US,
area, district and sector in the UK; countries as alpha-2. Google, Data Manager API, "Format user data": postal codes
trimmed and otherwise as written, regions as alpha-2 in upper case, neither hashed.
A rule that depends on a country we do not know is applied only where every country's rule gives the same answer.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from segment_assets.contracts import Reason
from segment_assets.identity.countries import entries, other_names
from segment_assets.identity.text import whole_number, without_accents, without_punctuation

_STATE_NAMES = """
AL Alabama; AK Alaska; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut; DE Delaware;
DC District of Columbia; DC Washington DC; FL Florida; GA Georgia; HI Hawaii; ID Idaho; IL Illinois; IN Indiana;
IA Iowa; KS Kansas; KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan; MN Minnesota;
MS Mississippi; MO Missouri; MT Montana; NE Nebraska; NV Nevada; NH New Hampshire; NJ New Jersey; NM New Mexico;
NY New York; NC North Carolina; ND North Dakota; OH Ohio; OK Oklahoma; OR Oregon; PA Pennsylvania; RI Rhode Island;
SC South Carolina; SD South Dakota; TN Tennessee; TX Texas; UT Utah; VT Vermont; VA Virginia; WA Washington;
WV West Virginia; WI Wisconsin; WY Wyoming; AS American Samoa; GU Guam; MP Northern Mariana Islands; PR Puerto Rico;
VI Virgin Islands; VI US Virgin Islands; UM US Minor Outlying Islands; AA Armed Forces Americas; AE Armed Forces Europe;
AP Armed Forces Pacific
"""
_US_STATES: dict[str, str] = {}
for _code, _name in (entry.split(maxsplit=1) for entry in _STATE_NAMES.split(";")):
    _US_STATES |= dict.fromkeys(
        (_code.lower(), f"us{_code.lower()}", re.sub("[^a-z]", "", _name.lower())), _code.lower()
    )

# Served by the US Postal Service, so their codes are ZIP codes.
_ZIP_COUNTRIES = frozenset({"us", "pr", "vi", "gu", "as", "mp", "um", "fm", "mh", "pw"})
# The first five digits, or three or four where a spreadsheet took the leading zeros (00601 Adjuntas, 02134 Boston).
_ZIP = re.compile(r"([0-9]{5})(?:-?[0-9]{4})?|([0-9]{3,4})(?:-[0-9]{4})?")
# The length of codes that are digits only: what a spreadsheet made 1067 is 01067 in Dresden, 150 is 0150 in Oslo.
_DIGITS_OF_CODE = {
    **dict.fromkeys(("de", "es", "fi", "fr", "it", "kr", "mx", "my", "pl", "tr", "ua", "us"), 5),
    **dict.fromkeys(("au", "dk", "no", "ph", "za"), 4),
    **dict.fromkeys(("cn", "ro", "sg"), 6),
    "jp": 7,
    "br": 8,
}
_MOST_LOST_ZEROS = 2
_UK_POSTCODE = re.compile(r"((?:[a-z]{1,2}[0-9][a-z0-9]?|gir)[0-9])[a-z]{2}")
_WHITE_SPACE_OR_DASH = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_LONGEST_POSTAL_CODE = 12


def city(value: str, country: str | None = None) -> str | Reason:
    """Letters a-z only: accents are folded, everything else that is no letter goes.

    A name with letters that have no a-z form is refused rather than mutilated; we do not transliterate, because there
    is more than one way to (Moskva, Moscow, Moskau) and Meta does not say which.

    >>> city("São Paulo"), city("Saint-Étienne (42)")
    ('saopaulo', 'saintetienne')
    >>> city("東京")
    <Reason.NO_LETTERS: 'no_letters'>
    """
    del country
    letters = "".join(c for c in without_accents(value) if c.isalpha())
    return letters if letters.isascii() and letters else Reason.NO_LETTERS


def state(value: str, country: str | None = None) -> str | Reason:
    """US: the two-letter code, from code or name. Elsewhere lower-case without punctuation and space.

    >>> state("California", "us"), state("D.C.", "us"), state("Baden-Württemberg", "de")
    ('ca', 'dc', 'badenwürttemberg')
    """
    if country is None:
        return _agreed(_us_state(value), _other_state(value))
    return _us_state(value) if country == "us" else _other_state(value)


def postal_code(value: str, country: str | None = None) -> str | Reason:
    """US: five digits. UK: area, district and sector. Elsewhere lower-case without space and dash.

    >>> postal_code("94025-1234", "us"), postal_code("2134", "us"), postal_code("SW1A 1AA", "gb")
    ('94025', '02134', 'sw1a1')
    >>> postal_code("1067", "de"), postal_code("K1A 0B1", "ca")
    ('01067', 'k1a0b1')
    >>> postal_code("01310-100", "br"), postal_code("75018"), postal_code("SW1A 1AA")
    ('01310100', '75018', <Reason.NO_COUNTRY: 'no_country'>)
    """
    code = whole_number(unicodedata.normalize("NFKC", value).strip("〒 ")).lower()
    if country is None:
        return _agreed(_us_zip(code), _uk_postcode(code), _other_postal_code(code))
    if country in _ZIP_COUNTRIES:
        return _us_zip(code)
    if country == "gb":
        return _uk_postcode(code)
    key = _other_postal_code(code)
    return key if isinstance(key, Reason) else restored(key, country)


def restored(digits: str, country: str) -> str:
    """Put back up to two leading zeros that a spreadsheet took from a code of digits.

    >>> restored("1067", "de"), restored("601", "us"), restored("75018", "fr"), restored("12", "us")
    ('01067', '00601', '75018', '12')
    """
    size = _DIGITS_OF_CODE.get(country, 0)
    is_short = size - _MOST_LOST_ZEROS <= len(digits) < size and digits.isascii() and digits.isdigit()
    return digits.zfill(size) if is_short else digits


def postal_code_as_written(value: str, country: str | None = None) -> str | Reason:
    """The code with its spaces and hyphens. What is no code is refused: one such value costs Google's whole request.

    >>> postal_code_as_written("SW1A 1AA"), postal_code_as_written("94025-1234")
    ('SW1A 1AA', '94025-1234')
    >>> postal_code_as_written("Paris")
    <Reason.NOT_A_POSTAL_CODE: 'not_a_postal_code'>
    """
    del country
    code = whole_number(unicodedata.normalize("NFKC", value).strip("〒 "))
    shape = _other_postal_code(code.lower())
    return shape if isinstance(shape, Reason) else code


def postal_code_compact(value: str, country: str | None = None) -> str | Reason:
    """The code in upper case without spaces and dashes, and with the zeros that its country's codes cannot lack.

    >>> postal_code_compact("94025-1234", "us"), postal_code_compact("2134", "us"), postal_code_compact("sw1a 1aa")
    ('940251234', '02134', 'SW1A1AA')
    """
    written = postal_code_as_written(value)
    if isinstance(written, Reason):
        return written
    key = _WHITE_SPACE_OR_DASH.sub("", written).upper()
    return restored(key, country) if country else key


def city_as_written(value: str, country: str | None = None) -> str | Reason:
    """The city with its case and accents, for platforms that take it plain.

    >>> city_as_written("São  Paulo")
    'São Paulo'
    """
    del country
    words = " ".join(unicodedata.normalize("NFC", value).split())
    return words if any(c.isalpha() for c in words) else Reason.NO_LETTERS


def country(value: str, country: str | None = None) -> str | Reason:
    """Alpha-2 in lower case from a code (alpha-2, alpha-3, numeric) or a name, English or a common local one.

    >>> country("USA"), country("Deutschland"), country("840"), country("Atlantis")
    ('us', 'de', 'us', <Reason.UNKNOWN_COUNTRY: 'unknown_country'>)
    """
    del country
    text = whole_number(value)
    # ISO's own lists write "Korea, Republic of".
    head, _, tail = text.partition(",")
    for spelling in (text, f"{tail} {head}"):
        key = _country_key(spelling)
        found = _countries().get(key.zfill(3) if key.isdigit() else key)
        if found:
            return found
    return Reason.UNKNOWN_COUNTRY


def _agreed(*results: str | Reason) -> str | Reason:
    """The answer that all countries' rules give that can read the value at all."""
    answers = {result for result in results if not isinstance(result, Reason)}
    if not answers:
        return results[-1]
    return answers.pop() if len(answers) == 1 else Reason.NO_COUNTRY


def _us_state(value: str) -> str | Reason:
    key = "".join(c for c in without_accents(value) if c.isalpha())
    return _US_STATES.get(key, Reason.NOT_A_STATE)


def _other_state(value: str) -> str | Reason:
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).lower())
    key = "".join(without_punctuation(lowered).split())
    return key if any(c.isalnum() for c in key) else Reason.NOT_A_STATE


def _us_zip(code: str) -> str | Reason:
    match = _ZIP.fullmatch(_WHITE_SPACE_OR_DASH.sub("-", code))
    if not match:
        return Reason.NOT_A_POSTAL_CODE
    return _unless_zeros((match[1] or match[2]).zfill(5))


def _uk_postcode(code: str) -> str | Reason:
    match = _UK_POSTCODE.fullmatch(_WHITE_SPACE_OR_DASH.sub("", code))
    return match[1] if match else Reason.NOT_A_POSTAL_CODE


def _other_postal_code(code: str) -> str | Reason:
    key = _WHITE_SPACE_OR_DASH.sub("", code)
    is_code = key.isascii() and key.isalnum() and any(c.isdigit() for c in key) and len(key) <= _LONGEST_POSTAL_CODE
    return _unless_zeros(key) if is_code else Reason.NOT_A_POSTAL_CODE


def _unless_zeros(code: str) -> str | Reason:
    """No post office has a code of zeros; forms ask for one where the country has none."""
    return code if code.strip("0") else Reason.NOT_A_POSTAL_CODE


def _country_key(value: str) -> str:
    return "".join(c for c in without_accents(value) if c.isalnum())


@functools.cache
def _countries() -> dict[str, str]:
    names = {_country_key(name): alpha2.lower() for alpha2, name in other_names()}
    for alpha2, alpha3, numeric, name in entries():
        names |= dict.fromkeys((_country_key(name), alpha2.lower(), alpha3.lower(), numeric), alpha2.lower())
    return names
