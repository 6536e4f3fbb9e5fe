"""What only Amazon asks for: words reduced to a-z and 0-9, e-mails to word characters, its own postal codes.

Belongs here: the rules of one platform that no other shares. Not here: street lines (`streets`), states (`states`).
Source: the normalisers and the published sample rows of AWS's uploader for Amazon Marketing Cloud. Amazon's own page
on formatting is behind a login.
"""

from __future__ import annotations

import re
import unicodedata

from segment_assets.contracts import Reason
from segment_assets.identity.places import restored
from segment_assets.identity.text import whole_number

_LETTERS = str.maketrans({"ß": "ss", "ä": "ae", "ö": "oe", "ü": "ue", "ø": "o", "æ": "ae"})
_NOT_A_WORD = re.compile(r"[^a-z0-9]")
_NOT_OF_AN_EMAIL = re.compile(r"[^\w.@-]")
_NO_CODE_CHARACTER = re.compile(r"[^0-9A-Z]")
_LEADING_DIGITS = re.compile(r"[0-9]+")
_DIGITS = {"in": 6, "jp": 7, "us": 5, "de": 5, "fr": 5, "it": 5, "es": 5}
_CODES = {
    "ca": re.compile(r"(?:[A-Z][0-9]){3}"),
    "gb": re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}"),
}
_LONGEST_POSTAL_CODE = 12


def word_characters(address: str) -> str | Reason:
    """An address in normal form without what is no letter, digit, "_", "." or "-": the plus goes, the tag stays.

    >>> word_characters("jane.doe+news@example.com"), word_characters("+@example.com")
    ('jane.doenews@example.com', <Reason.NOT_AN_EMAIL: 'not_an_email'>)
    """
    kept = _NOT_OF_AN_EMAIL.sub("", address)
    return kept if not kept.startswith("@") else Reason.NOT_AN_EMAIL


def name_amazon(value: str, country: str | None = None) -> str | Reason:
    """A name in a-z and 0-9: umlauts are written out, all other accented letters are deleted with their accent.

    >>> name_amazon("O'Brien"), name_amazon("Müller"), name_amazon("José")
    ('obrien', 'mueller', 'jos')
    >>> name_amazon("太郎")
    <Reason.NO_LETTERS: 'no_letters'>
    """
    del country
    return _word(_lowered(value).translate(_LETTERS))


def city_amazon(value: str, country: str | None = None) -> str | Reason:
    """A city in a-z and 0-9: all accented letters are deleted.

    >>> city_amazon("Frankfurt am Main"), city_amazon("München")
    ('frankfurtammain', 'mnchen')
    """
    del country
    return _word(_lowered(value))


def postal_code_amazon(value: str, country: str | None = None) -> str | Reason:
    """Digits of the country's length, or letters and digits in upper case; "CEDEX" and the like fall away.

    >>> postal_code_amazon("75236-9599", "us"), postal_code_amazon("42014 CEDEX 2", "fr")
    ('75236', '42014')
    >>> postal_code_amazon("sw1a 1aa", "gb"), postal_code_amazon("2134", "us")
    ('SW1A1AA', '02134')
    """
    if country is None:
        return Reason.NO_COUNTRY
    code = whole_number(unicodedata.normalize("NFKC", value).strip("〒 ")).upper()
    if country in _DIGITS:
        return _digits(code, country)
    key = _NO_CODE_CHARACTER.sub("", code)
    shape = _CODES.get(country)
    is_code = shape.fullmatch(key) if shape else any(c.isdigit() for c in key) and len(key) <= _LONGEST_POSTAL_CODE
    return key if is_code and key.strip("0") else Reason.NOT_A_POSTAL_CODE


def postal_code_amazon_lower(value: str, country: str | None = None) -> str | Reason:
    """The same in lower case, as connectors of others send it.

    >>> postal_code_amazon_lower("SW1A 1AA", "gb")
    'sw1a1aa'
    """
    code = postal_code_amazon(value, country)
    return code if isinstance(code, Reason) else code.lower()


def _digits(code: str, country: str) -> str | Reason:
    size = _DIGITS[country]
    joined = re.sub(r"(?<=[0-9])[\s-]+(?=[0-9])", "", code) if country in {"in", "jp"} else code
    match = _LEADING_DIGITS.match(joined)
    digits = restored(match[0], country) if match else ""
    if len(digits) < size or (len(digits) > size and not (country == "us" and len(digits) == size + 4)):
        return Reason.NOT_A_POSTAL_CODE
    return digits[:size] if digits[:size].strip("0") else Reason.NOT_A_POSTAL_CODE


def _lowered(value: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).lower())


def _word(lowered: str) -> str | Reason:
    word = _NOT_A_WORD.sub("", lowered)
    return word if any(c.isalpha() for c in word) else Reason.NO_LETTERS
