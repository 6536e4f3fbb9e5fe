"""One raw value as a platform wants it: the digest in its encoding or the plain value, or the reason why neither.

Belongs here: the plain reference for a single value, for people who look for the cause of a low match rate.
Not here: batches (`identity.digest_batch`) and wire formats.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import ColumnState, Encoding, MatchKey, Reason
from segment_assets.identity import NORMAL_FORMS
from segment_assets.identity.birth import day_alone, month_alone
from segment_assets.identity.digests import screen
from segment_assets.identity.phone_plan import plain_phone_digits
from segment_assets.identity.text import trimmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import Sent
    from segment_assets.identity import NormalForm

_ALONE: dict[MatchKey, Callable[[str], str | Reason]] = {
    MatchKey.BIRTH_MONTH: month_alone,
    MatchKey.BIRTH_DAY: day_alone,
}
_NUMBER = re.compile(r"[0-9]{1,2}(?:\.0)?")
_SAME_IN_BOTH = (Encoding.SHA256_HEX, Encoding.SHA256_BASE64)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """`written` is what goes over the wire, None with a `reason`. `normalised` is None for values hashed already."""

    written: str | None
    normalised: str | None
    reason: Reason | None
    already_hashed: bool = False


def prepare(
    key: MatchKey, sent: Sent, value: str | None, country: str | None = None, state: ColumnState = ColumnState.AUTO
) -> Prepared:
    """What a platform is sent for one raw value. `country` is alpha-2 in lower case, or None where it is not known.

    A month or day of birth may be a whole date or the number alone.

    >>> from segment_assets.contracts import Sent
    >>> prepare(MatchKey.EMAIL, Sent("email", "email", Encoding.MD5_HEX), "John.Doe@gmail.com").written
    'e13743a7f1db7f4246badd6fd6ff54ff'
    """
    form = NORMAL_FORMS[sent.form]
    text = trimmed(value or "")
    if key in _ALONE and _NUMBER.fullmatch(text):
        normal = _ALONE[key](text)
        return _refused(normal) if isinstance(normal, Reason) else Prepared(encoded(normal, sent), normal, None)
    screened = screen(form, value, state)
    if not isinstance(screened, str):
        found, reason, _ = screened
        return _refused(reason) if reason else _taken_over(found, sent)
    normal = _normal(form, screened, country)
    return _refused(normal) if isinstance(normal, Reason) else Prepared(encoded(normal, sent), normal, None)


def _taken_over(found: bytes | str | None, sent: Sent) -> Prepared:
    """The source's own digest; one of another algorithm cannot be made of it."""
    if sent.encoding not in _SAME_IN_BOTH or not isinstance(found, bytes):
        return _refused(Reason.HASHED_WHERE_PLAIN_IS_NEEDED)
    return Prepared(_spelled(found, sent.encoding), None, None, already_hashed=True)


def _normal(form: NormalForm, text: str, country: str | None) -> str | Reason:
    """As `form.rule`, with the short cut for plainly written phone numbers, which agrees with it."""
    digits = plain_phone_digits(text, country) if form.column == "phone" else None
    if digits is None:
        return form.rule(text, country)
    return form.refine(digits) if form.base else digits


def encoded(normal: str, sent: Sent) -> str:
    """A normal form in a platform's encoding.

    >>> from segment_assets.contracts import Sent
    >>> encoded("janesaoirse@gmail.com", Sent("email_hash", "email_uid2", Encoding.SHA256_BASE64))
    'ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8='
    """
    body = normal.encode()
    match sent.encoding:
        case Encoding.PLAIN:
            return normal
        case Encoding.SHA1_HEX:
            return hashlib.sha1(body, usedforsecurity=False).hexdigest()
        case Encoding.MD5_HEX:
            return hashlib.md5(body, usedforsecurity=False).hexdigest()
        case Encoding.SHA256_OF_MD5_HEX:
            return hashlib.sha256(hashlib.md5(body, usedforsecurity=False).hexdigest().encode()).hexdigest()
        case Encoding.SHA512_HEX:
            return hashlib.sha512(body).hexdigest()
        case Encoding.SHA256_HEX | Encoding.SHA256_BASE64:
            return _spelled(hashlib.sha256(body).digest(), sent.encoding)


def _spelled(found: bytes, encoding: Encoding) -> str:
    return base64.b64encode(found).decode() if encoding is Encoding.SHA256_BASE64 else found.hex()


def _refused(reason: Reason) -> Prepared:
    return Prepared(None, None, reason)
