"""Text clean-up that every normal form shares.

Belongs here: edges, invisible characters, words that stand for "no value", and letter folding.
Not here: the rule of any one identifier.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from segment_assets.contracts import Reason

# Joiners shape letters inside Persian and Indic words, so they are only dropped at the edges.
_JOINERS = "\u200c\u200d"
_EDGE = "".join(c for c in map(chr, range(0x3001)) if c.isspace()) + _JOINERS

# Controls, soft hyphen, zero-width and direction marks, byte order mark: copied along, never typed.
_INVISIBLE = dict.fromkeys(
    code
    for first, last in (
        *((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200F)),
        *((0x202A, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB)),
    )
    for code in range(first, last + 1)
    if chr(code) not in _EDGE
)

# What exports write for "nothing". Left out because people and places bear them: "na" (Namibia, Napoli, a surname),
# "nil" and "nat" (first names). "Null", "None" and "Nan" are names too, but far more often a broken export;
# such a person loses one key, with a reason, instead of sharing a constant digest with thousands.
NULL_WORDS = frozenset(
    {
        *("null", "(null)", "<null>", "[null]", "\\n", "none", "<none>", "nan", "-nan", "#nan", "n/a", "#n/a", "<na>"),
        *("undefined", "unknown", "missing", "void", "not available", "not provided", "not specified", "no value"),
        *("#null!", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "?", "-", "--", "---", ".", "..", "...", "_"),
    }
)

# Latin letters that Unicode does not decompose into a base letter and an accent.
_LATIN_FOLDS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\u0131": "i",
        "ħ": "h",
        "ŋ": "n",
        "ŧ": "t",
        "ĸ": "k",
        "ƒ": "f",
    }
)
_EXPORTED_AS_FLOAT = re.compile(r"(\+?[0-9]+)\.0")


def trimmed(value: str) -> str:
    r"""Drop white space of any script at the edges, and invisible characters wherever they are.

    >>> trimmed("\ufeff\u00a0Jane\u200b ")
    'Jane'
    """
    if value.isascii() and value.isprintable():
        return value.strip(" ")
    return value.translate(_INVISIBLE).strip(_EDGE)


def absence(value: str) -> Reason | None:
    """Why this (trimmed) value stands for no value at all, or None when it is one.

    >>> absence("NULL"), absence("")
    (<Reason.NULL_TEXT: 'null_text'>, <Reason.EMPTY: 'empty'>)
    """
    if not value:
        return Reason.EMPTY
    return Reason.NULL_TEXT if len(value) <= _LONGEST_NULL_WORD and value.lower() in NULL_WORDS else None


_LONGEST_NULL_WORD = max(map(len, NULL_WORDS))


def whole_number(value: str) -> str:
    """Undo the ".0" that a column of whole numbers gets when an export made it a float.

    >>> whole_number("2134.0"), whole_number("21.34")
    ('2134', '21.34')
    """
    match = _EXPORTED_AS_FLOAT.fullmatch(value)
    return match[1] if match else value


def without_accents(value: str) -> str:
    """Lower-case letters with accents folded to their base letter; other scripts are left as they are.

    >>> without_accents("Łódź"), without_accents("Straße")
    ('lodz', 'strasse')
    """
    lowered = value.lower().translate(_LATIN_FOLDS)
    if lowered.isascii():
        return lowered
    decomposed = unicodedata.normalize("NFKD", lowered).lower().translate(_LATIN_FOLDS)
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


@functools.lru_cache(maxsize=4096)
def is_punctuation(character: str) -> bool:
    """Unicode category P, and the three marks that people type for an apostrophe (grave, acute, modifier letter).

    >>> is_punctuation("'"), is_punctuation("é")
    (True, False)
    """
    return unicodedata.category(character)[0] == "P" or character in "`\u00b4\u02bc"


def without_punctuation(value: str) -> str:
    """Remove punctuation of any script.

    >>> without_punctuation("O'Brien-Smith")
    'OBrienSmith'
    """
    if value.isalpha():
        return value
    return "".join(c for c in value if not is_punctuation(c))
