"""Street lines as Amazon hashes them.

Belongs here: how a line is cut into words and put together again. Not here: the table of words (`street_words`).
Source: Amazon's amazon-ads-advertiser-audience-normalization-sdk-py and AWS's uploader for Amazon Marketing Cloud.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from segment_assets.contracts import Reason

_BETWEEN_WORDS = re.compile(r"[\s,.!\[\]{}()]+|\bc/o\b")
# "12-b" is two words, "12-14" one.
_NUMBER_AND_LETTER = re.compile(r"([0-9-]*[0-9])-([^-]*[^0-9-][^-]*)")
_POUND = re.compile(r"#")
_LONGEST_ADDRESS = 500


def address(value: str, country: str | None = None) -> str | Reason:
    """The street line in lower case, its usual words abbreviated, without spaces, commas, dots and brackets.

    Only for the countries for which Amazon publishes a table of words.

    >>> address("1600 Amphitheatre Parkway, Apt #5", "us"), address("4 Karstens Terrace", "fr")
    ('1600amphitheatrepkwyaptnumber5', '4karstensterrace')
    >>> address("1 Main Street"), address("Strandgade 3", "dk")
    (<Reason.NO_COUNTRY: 'no_country'>, <Reason.UNSUPPORTED_COUNTRY: 'unsupported_country'>)
    """
    if country is None:
        return Reason.NO_COUNTRY
    words = _table().get(country)
    if words is None:
        return Reason.UNSUPPORTED_COUNTRY
    if len(value) > _LONGEST_ADDRESS:
        return Reason.NOT_AN_ADDRESS
    # Upper case first, as Amazon's code does: it turns ß into ss.
    line = unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).upper().lower())
    joined = "".join(words.get(word, word) for word in _words(line))
    return joined if any(c.isalpha() for c in joined) else Reason.NOT_AN_ADDRESS


def address_as_written(value: str, country: str | None = None) -> str | Reason:
    """The street line with its runs of white space as one space, for platforms that take it plain.

    >>> address_as_written("1  Main Street")
    '1 Main Street'
    """
    del country
    line = " ".join(value.split())
    return line if any(c.isalpha() for c in line) and len(line) <= _LONGEST_ADDRESS else Reason.NOT_AN_ADDRESS


def _words(line: str) -> list[str]:
    words: list[str] = []
    for word in _BETWEEN_WORDS.split(line):
        if not word:
            continue
        match = _NUMBER_AND_LETTER.fullmatch(word)
        pieces = match.groups() if match else (word,)
        for piece in pieces:
            words += [part for part in _POUND.sub(" # ", piece).split(" ") if part]
    return words


@functools.cache
def _table() -> dict[str, dict[str, str]]:
    from segment_assets.identity.street_words import STREET_WORDS

    return STREET_WORDS
