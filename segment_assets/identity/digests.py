"""From one raw value to one cell: the digest, the plain value, or the reason why neither.

Belongs here: the plain reference that the vectorised path (`batch`) must agree with, and what counts as already
hashed. Not here: the rules of the normal forms.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import ColumnState, Reason
from segment_assets.identity.text import NULL_WORDS, absence, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.identity.forms import NormalForm

    Rule = Callable[[str, str | None], str | Reason]
    Judgement = tuple[bytes | str | None, Reason | None, bool]

_SHA_256 = re.compile(r"[0-9a-fA-F]{64}")
# 32 bytes in base64 of either alphabet: the last letter holds four bits, the other two are zero.
_SHA_256_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{42}[AEIMQUYcgkosw048]=")
# MD5, SHA-1, SHA-224, SHA-384 and SHA-512 in hex: hashing them again gives a valid-looking digest that no platform
# can match.
_OTHER_DIGEST = re.compile(
    r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}|[A-Za-z0-9+/_-]{43}="
)
_SHORTEST_DIGEST = 32


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


# Years, months, days, genders, countries and US states are few, and every row has them.
_sha256_of_few = functools.lru_cache(maxsize=4096)(_sha256)
_FEW = 4

# The constants that pipelines produce which hash their blanks (AWS's uploaders do).
_DIGESTS_OF_NOTHING = {
    **{
        _sha256(spelling): Reason.NULL_TEXT
        for word in NULL_WORDS
        for spelling in (word, word.upper(), word.capitalize(), word.title())
    },
    **{_sha256(spelling): Reason.NULL_TEXT for spelling in ("NaN", "NaT", "nat", "\\N")},
    **{_sha256(blank): Reason.EMPTY for blank in ("", " ", "\t", "\n", "\r\n", '""', "''")},
}


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """What became of one value: 32 bytes for a hashed form, text for a plain one, else None and a reason.

    `already_hashed` is True where the source's own digest was taken over. The repr shows no identifier.
    """

    value: bytes | str | None
    reason: Reason | None
    already_hashed: bool = False

    def __repr__(self) -> str:
        shown = "a value" if self.reason is None else self.reason.value
        return f"Cell({shown}{', already hashed' if self.already_hashed else ''})"


def digest(
    form: NormalForm,
    value: str | None,
    country: str | None = None,
    state: ColumnState = ColumnState.AUTO,
) -> Cell:
    """One value under one normal form.

    `country` is the row's country as alpha-2 in lower case, or None where it is not known. `state` is what the source
    says of the column: in `auto` and `hashed` a SHA-256 in hex of either case or in base64 is taken as it is; in `raw`
    it is refused, and in `hashed` everything else is. Nothing raises: whatever is wrong with a value is a reason.

    >>> from segment_assets.identity import NORMAL_FORMS
    >>> digest(NORMAL_FORMS["email"], " Mary@Example.com").value.hex()[:16]
    'f1904cf1a9d73a55'
    >>> digest(NORMAL_FORMS["email"], "NULL")
    Cell(null_text)
    """
    screened = screen(form, value, state)
    return Cell(*(conclude(form, form.rule, screened, country) if isinstance(screened, str) else screened))


def screen(form: NormalForm, value: str | None, state: ColumnState) -> str | Judgement:
    """The trimmed text that a rule has to read, or the judgement where no rule is needed.

    Says the same for every form of one column that `takes_digests` alike, so that a batch asks once per value.
    """
    if value is None:
        return None, Reason.EMPTY, False
    text = trimmed(value)
    reason = absence(text)
    if reason:
        return None, reason, False
    if len(text) >= _SHORTEST_DIGEST and not form.opaque:
        found = _sha256_in(text)
        if found:
            return _take_over(form, found, state)
        if _OTHER_DIGEST.fullmatch(text):
            return None, Reason.UNSUPPORTED_DIGEST, False
    if state is ColumnState.HASHED:
        return None, Reason.UNSUPPORTED_DIGEST, False
    return text if _is_text(text) else (None, Reason.UNREADABLE_ROW, False)


def conclude(form: NormalForm, rule: Rule, text: str, country: str | None) -> Judgement:
    """Normalise a screened text by a rule (the form's own, or a faster one that agrees with it) and hash it."""
    return settle(form, rule(text, country))


def settle(form: NormalForm, normal: str | Reason) -> Judgement:
    """The cell's value for a normal form, hashed where the form is, or the reason that the rule gave."""
    if isinstance(normal, Reason):
        return None, normal, False
    if not form.hashed:
        return normal, None, False
    return (_sha256_of_few(normal) if len(normal) <= _FEW else _sha256(normal)), None, False


def _sha256_in(text: str) -> bytes | None:
    """The 32 bytes that a text spells out in hex or base64."""
    if _SHA_256.fullmatch(text):
        return bytes.fromhex(text)
    if _SHA_256_BASE64.fullmatch(text):
        return base64.b64decode(text.replace("-", "+").replace("_", "/"))
    return None


def _take_over(form: NormalForm, found: bytes, state: ColumnState) -> Judgement:
    nothing = _DIGESTS_OF_NOTHING.get(found)
    if nothing:
        return None, nothing, False
    if not form.takes_digests:
        return None, Reason.HASHED_WHERE_PLAIN_IS_NEEDED, False
    if state is ColumnState.RAW:
        return None, Reason.UNSUPPORTED_DIGEST, False
    return found, None, True


def _is_text(text: str) -> bool:
    """False for half a surrogate pair, which has no UTF-8 and so no digest."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
