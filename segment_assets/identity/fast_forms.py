"""Plainly written values, a whole column at a time: what a provably sufficient test decides without the rules.

Belongs here: the test and the normal form of each column that has a short cut. Not here: a rule of ours, a reason for
refusal, or phones (`fast_phones`). Whatever is not plain stays undecided and goes to the reference, so a reader may
pass over a value, never get it wrong; a property test holds each one to its rule.

All that is decided here is printable ASCII after its edges are trimmed, of no shape that a digest has, and no word for
"nothing": on such text `digests.screen` does nothing but trim.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Reason
from segment_assets.identity import amazon, fast_phones, places
from segment_assets.identity.fast_reading import (
    Countries,
    Reading,
    Refined,
    Refused,
    kernels,
    mask_of,
    nothing_read,
    yes,
)
from segment_assets.identity.text import NULL_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Reader = Callable[[Any, Countries | None, Collection[str]], Reading]

# The white space of ASCII as `text.trimmed` has it. A control that is no white space makes no pattern below match.
_EDGE = "".join(map(chr, (*range(0x09, 0x0E), *range(0x1C, 0x21))))
_LONGEST_PLAIN = 31
# Within it local part, domain and every label are, whatever the address looks like.
_LONGEST_ADDRESS = 63
_ATOM = "[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+"
_ADDRESS = (
    rf"\A{_ATOM}(?:\.{_ATOM})*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])\z"
)
# Lower-cased, these letters are letters to every rule, and no compatibility form changes them.
_WESTERN_ATOM = "[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff0-9_!#$%&'*+/=?^`{|}~-]+"
_WESTERN_ADDRESS = _ADDRESS.replace(_ATOM, _WESTERN_ATOM)
_ONE_WORD = r"\A[!-~]{1,63}\z"
_TAG = r"\+.*"
_LOWER_CASE = r"a-z0-9\x{df}-\x{f6}\x{f8}-\x{ff}"
# Per form which addresses it may change, and what it takes out of the mailbox.
_MAILBOXES = {
    "email_gmail_folded": (r"@(?:gmail|googlemail)\.com\z", rf"{_TAG}|\."),
    "email_uid2": (r"@gmail\.com\z", rf"{_TAG}|\."),
    "email_folded": (r"\A[^@]*[.+]", rf"{_TAG}|\."),
    "email_alphanumeric": (
        rf"\A[^@]*[^{_LOWER_CASE}@]",
        rf"{_TAG}|[^{_LOWER_CASE}]",
    ),
}
_LETTERS = r"\A[A-Za-z]+\z"
_UUID = r"\A[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z"
# Every day from 1900 to 2019; February 29th is left to the reference.
_PAST_DAY = (
    r"\A(?:19[0-9]{2}|20[01][0-9])-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)\z"
)
_SHORTEST_CODE, _LONGEST_CODE = 3, 10
_CODE = r"\A[0-9]{3,10}\z"
_POSTAL_FORMS = ("postal_code", "postal_code_plain", "postal_code_amazon", "postal_code_amazon_lower")
_NO_DEVICE = "00000000-0000-0000-0000-000000000000"


def trimmed(texts: Any) -> Any:
    r"""An Arrow string array without ASCII white space at the edges.

    >>> import pyarrow as pa
    >>> trimmed(pa.array([" a b\t"])).to_pylist()
    ['a b']
    """
    return kernels().ascii_trim(texts, characters=_EDGE)


def read_emails(texts: Any, countries: Countries | None, wanted: Collection[str]) -> Reading:
    """Addresses in ASCII, or with the letters of Western Europe before the at sign, which are only lower-cased."""
    import numpy as np
    import pyarrow as pa

    del countries
    pc = kernels()
    short = pc.less_equal(pc.binary_length(texts), _LONGEST_ADDRESS)
    decided = yes(pc.and_(short, pc.match_substring_regex(texts, _ADDRESS)))
    lowered = pc.ascii_lower(texts)
    left = np.flatnonzero(~np.asarray(decided))
    accented = texts.take(pa.array(left))
    western = pc.and_(
        pc.less_equal(pc.binary_length(accented), _LONGEST_ADDRESS),
        pc.match_substring_regex(accented, _WESTERN_ADDRESS),
    )
    is_western = np.asarray(yes(western))
    found, other = left[is_western], left[~is_western]
    if len(found):
        decided = _with(decided, found, value=True)
        lowered = pc.replace_with_mask(lowered, mask_of(len(texts), found), pc.utf8_lower(texts.take(pa.array(found))))
    refused = np.zeros(len(texts), bool)
    refused[other] = _no_addresses(texts.take(pa.array(other)))
    refined = {}
    for form in [form for form in _MAILBOXES if form in wanted]:
        refined[form], nobody = _with_mailbox(lowered, decided, *_MAILBOXES[form])
        decided = _with(decided, nobody, value=False)
    kept = np.asarray(decided)
    return Reading(
        decided,
        dict.fromkeys(("email", "email_plain", "email_spaceless"), lowered),
        {name: _of_decided(form, kept) for name, form in refined.items()},
        Refused(refused, Reason.NOT_AN_EMAIL),
    )


def _no_addresses(texts: Any) -> Any:
    """Which of some values that are no plain address (numpy mask) are ASCII without a space, and so are none at all."""
    import numpy as np

    pc = kernels()
    is_value = pc.and_not(_is_short(texts), pc.is_in(pc.ascii_lower(texts), value_set=_null_words()))
    return np.asarray(yes(pc.and_(pc.match_substring_regex(texts, _ONE_WORD), pc.or_(is_value, _has_at(texts)))))


def _has_at(texts: Any) -> Any:
    """No digest has an at sign, nor has a word for "nothing"."""
    return kernels().match_substring(texts, "@")


def _with_mailbox(lowered: Any, decided: Any, concerned: str, dropped: str) -> tuple[Refined, Any]:
    """What becomes of the addresses that a form folds, and the places where nothing is left of the mailbox.

    `concerned` is the pattern of the addresses that the form may change, `dropped` that of what it takes out of a
    mailbox.
    """
    import numpy as np
    import pyarrow as pa

    pc = kernels()
    changed = np.flatnonzero(yes(pc.and_(decided, pc.match_substring_regex(lowered, concerned))))
    parts = pc.extract_regex(lowered.take(pa.array(changed)), r"\A(?P<mailbox>[^@]*)@(?P<domain>.*)\z")
    mailboxes, domains = parts.flatten() if len(changed) else (pa.array([], pa.string()),) * 2
    mailboxes = pc.replace_substring_regex(mailboxes, dropped, "")
    is_left = pc.greater(pc.binary_length(mailboxes), 0)
    kept = np.asarray(is_left)
    folded = pc.binary_join_element_wise(mailboxes, domains, "@").filter(is_left)
    return Refined("email", changed[kept], folded), changed[~kept]


def _of_decided(form: Refined, decided: Any) -> Refined:
    """Without the places that another form has given up: the reference judges them under all forms."""
    import pyarrow as pa

    kept = decided[form.places]
    return form if kept.all() else Refined(form.base, form.places[kept], form.normals.filter(pa.array(kept)))


def read_names(texts: Any, countries: Countries | None, wanted: Collection[str], *, column: str) -> Reading:
    """Names of nothing but a-z: every rule for names lower-cases them, or leaves them, and that is all."""
    del countries, wanted
    pc = kernels()
    lowered = pc.ascii_lower(texts)
    plain = pc.and_(_is_short(texts), pc.match_substring_regex(texts, _LETTERS))
    decided = yes(pc.and_not(plain, pc.is_in(lowered, value_set=_null_words())))
    lower_cased = (column, f"{column}_lower", f"{column}_amazon")
    return Reading(decided, {**dict.fromkeys(lower_cased, lowered), f"{column}_plain": texts})


def read_mobile_ad_ids(texts: Any, countries: Countries | None, wanted: Collection[str]) -> Reading:
    """Ids in their canonical notation."""
    del countries, wanted
    pc = kernels()
    plain = pc.and_(pc.equal(pc.binary_length(texts), len(_NO_DEVICE)), pc.match_substring_regex(texts, _UUID))
    return Reading(
        yes(pc.and_(plain, pc.not_equal(texts, _NO_DEVICE))),
        dict.fromkeys(("mobile_ad_id", "mobile_ad_id_hashed"), pc.ascii_lower(texts)),
    )


def read_birth_dates(texts: Any, countries: Countries | None, wanted: Collection[str]) -> Reading:
    """Days that were, as YYYY-MM-DD: no country reads them otherwise."""
    del countries, wanted
    pc = kernels()
    parts = {"birth_year": (0, 4), "birth_month": (5, 7), "birth_day": (8, 10)}
    normals = {form: pc.utf8_slice_codeunits(texts, start, stop) for form, (start, stop) in parts.items()}
    return Reading(yes(pc.match_substring_regex(texts, _PAST_DAY)), normals)


def read_postal_codes(texts: Any, countries: Countries | None, wanted: Collection[str]) -> Reading:
    """Codes of digits, in the lengths in which the rules of their country leave them as they are."""
    import numpy as np
    import pyarrow as pa

    del wanted
    if countries is None:
        return nothing_read(len(texts))
    pc = kernels()
    plain = yes(pc.and_(pc.match_substring_regex(texts, _CODE), pc.match_substring_regex(texts, "[1-9]")))
    lengths = np.asarray(pc.binary_length(texts).fill_null(0))
    known = np.array([_lengths_left_alone(name) for name in countries.names], bool)
    alone = known[countries.numbers, np.minimum(lengths, _LONGEST_CODE + 1)]
    return Reading(pa.array(np.asarray(plain) & alone), dict.fromkeys(_POSTAL_FORMS, texts))


@functools.cache
def _lengths_left_alone(country: str | None) -> list[bool]:
    """Per length whether the country's rules leave a code of so many digits alone: they look at nothing else in it."""
    rules = (places.postal_code, places.postal_code_as_written, amazon.postal_code_amazon)
    codes = ["1" * length for length in range(_LONGEST_CODE + 2)]
    return [
        _SHORTEST_CODE <= len(code) <= _LONGEST_CODE and all(rule(code, country) == code for rule in rules)
        for code in codes
    ]


def refined_by_value(name: str, refine: Callable[[str], str | Reason], decided: Any, normals: Any) -> Reading:
    """A form that is another and a step more, where the step has no short cut: only the step is taken by value.

    Whom the step refuses is refused here too: to read ten million numbers again, for a form that takes those of one
    country, cost more than all other forms together. Where it has several reasons, all but the first go to the referee.
    """
    import numpy as np
    import pyarrow as pa

    steps = [
        refine(normal) if plain else None
        for normal, plain in zip(normals.to_pylist(), decided.to_pylist(), strict=True)
    ]
    refined = [None if isinstance(step, Reason) else step for step in steps]
    reason = next((step for step in steps if isinstance(step, Reason)), None)
    refused = None if reason is None else Refused(np.array([step is reason for step in steps], bool), reason)
    return Reading(
        pa.array(np.array([step is not None for step in refined], bool)),
        {name: pa.array(refined, pa.string())},
        refused=refused,
    )


READERS: Mapping[str, Reader] = {
    "email": read_emails,
    "first_name": functools.partial(read_names, column="first_name"),
    "last_name": functools.partial(read_names, column="last_name"),
    "city": functools.partial(read_names, column="city"),
    "mobile_ad_id": read_mobile_ad_ids,
    "birth_date": read_birth_dates,
    "postal_code": read_postal_codes,
    "phone": fast_phones.read_phones,
}


def _is_short(texts: Any) -> Any:
    pc = kernels()
    return pc.less_equal(pc.binary_length(texts), _LONGEST_PLAIN)


def _with(mask: Any, rows: Any, *, value: bool) -> Any:
    import numpy as np
    import pyarrow as pa

    changed = np.array(mask)
    changed[rows] = value
    return pa.array(changed)


@functools.cache
def _null_words() -> Any:
    import pyarrow as pa

    return pa.array(sorted(NULL_WORDS), pa.string())
