"""Names and gender.

Belongs here: the rules for a person's own attributes that are words. Not here: dates (`birth`), addresses (`places`).
Source: Meta, Customer Information Parameters: lower-case, no punctuation, UTF-8 letters kept ("Valéry" is "valéry").
Google, Data Manager API: its field comments ask for names without punctuation, its own google-ads-datamanager-util
0.4.0 only trims and lower-cases. `lower_case_name` does as the code does, since that is what Google's users hash.
Meta does not say what becomes of spaces inside a name: runs collapse to one space, none is removed, because
removal is not in the rule and "Mary Ann" is typed with one space at Meta as well.
"""

from __future__ import annotations

import unicodedata

from segment_assets.contracts import Reason
from segment_assets.identity.text import trimmed, without_accents, without_punctuation

# Words of the larger European languages and of Chinese and Japanese. "1" and "2" (ISO/IEC 5218) are refused:
# as many files use 0 and 1.
_MALE = "m male man masculine mannlich maennlich mann homme masculin hombre masculino uomo maschio maschile homem"
_FEMALE = "f w female woman feminine weiblich frau femme feminin mujer femenino donna femmina femminile mulher feminino"
_GENDERS = {
    **dict.fromkeys([*_MALE.split(), "男", "男性"], "m"),
    **dict.fromkeys([*_FEMALE.split(), "女", "女性"], "f"),
}


def name(value: str, country: str | None = None) -> str | Reason:
    """First or last name: lower-case letters of any script, composed (NFC), without punctuation.

    >>> name(" O'Brien "), name("Valéry"), name("Mary  Ann")
    ('obrien', 'valéry', 'mary ann')
    >>> name("--1--")
    <Reason.NO_LETTERS: 'no_letters'>
    """
    del country
    if value.isascii() and value.isalpha():
        return value.lower()
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).lower())
    words = " ".join(trimmed(without_punctuation(composed)).split())
    return words if any(c.isalpha() for c in words) else Reason.NO_LETTERS


def lower_case_name(value: str, country: str | None = None) -> str | Reason:
    """First or last name in lower case, composed (NFC), with its punctuation and inner spaces.

    >>> lower_case_name("O'Brien"), lower_case_name("Anne-Marie")
    ("o'brien", 'anne-marie')
    >>> lower_case_name("--1--")
    <Reason.NO_LETTERS: 'no_letters'>
    """
    del country
    if value.isascii():
        lowered = value.lower()
    else:
        lowered = trimmed(unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).lower()))
    return lowered if any(c.isalpha() for c in lowered) else Reason.NO_LETTERS


def first_initial(value: str, country: str | None = None) -> str | Reason:
    """The first letter of a first name in normal form, with the marks that belong to it.

    >>> first_initial("Élodie"), first_initial("o'Brien"), first_initial("12")
    ('é', 'o', <Reason.NO_LETTERS: 'no_letters'>)
    """
    whole = name(value, country)
    return whole if isinstance(whole, Reason) else next(c for c in whole if c.isalpha())


def name_as_written(value: str, country: str | None = None) -> str | Reason:
    """A name with its case and punctuation, for platforms that take it plain.

    >>> name_as_written("  Anne-Marie   O'Brien ")
    "Anne-Marie O'Brien"
    """
    del country
    words = " ".join(unicodedata.normalize("NFC", value).split())
    return words if any(c.isalpha() for c in words) else Reason.NO_LETTERS


def gender(value: str, country: str | None = None) -> str | Reason:
    """`m` or `f`, from the letter or a word; anything else is refused, as Meta's rule has no third code.

    >>> gender("Female"), gender("männlich"), gender("x")
    ('f', 'm', <Reason.NOT_A_GENDER: 'not_a_gender'>)
    """
    del country
    return _GENDERS.get(without_accents(value).strip(" ."), Reason.NOT_A_GENDER)
