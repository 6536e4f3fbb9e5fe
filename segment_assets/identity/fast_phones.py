"""Plainly written phone numbers, a whole column at a time.

Belongs here: the steps of `phone_plan` on columns. The patterns are phonenumbers' own, run by RE2; prefixes are cut off
and lengths looked up in whole numbers. Not here: any rule; what `phone_plan` would not decide is not decided here.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import TYPE_CHECKING, Any

from segment_assets.identity.fast_reading import Reading, kernels, nothing_read, yes
from segment_assets.identity.phone_plan import LONGEST_CALLING_CODE, plan_of_calling_code, plan_of_region

if TYPE_CHECKING:
    from collections.abc import Collection

    from segment_assets.identity.fast_reading import Countries
    from segment_assets.identity.phone_plan import Plan

# Without the slash of `phone_plan`, which means one thing with a space and another without.
_SEPARATORS = b" ().-"
_LONGEST_PLAIN = 31  # one more could be a digest
_FEWEST_DIGITS, _MOST_DIGITS = 4, 15
# In the sum of a text's bytes (see `_weights`): the bits below count digits, a plus weighs more than all strange bytes.
_STRANGE_BITS, _ONE_PLUS = 8, 64
_ONE_STRANGE = 1 << _STRANGE_BITS
_HEAD = ((0, 100), (1, 10), (2, 1))
# Below it the thirty calls of a group cost more than the reference does.
_SMALLEST_GROUP = 24
_NORTH_AMERICA, _NORTH_AMERICAN_DIGITS = "1", 10


def read_phones(texts: Any, countries: Countries | None, wanted: Collection[str]) -> Reading:
    """Digits and separators, with a plus or with a country whose plan reads them in one way."""
    import numpy as np
    import pyarrow as pa

    if countries is None:
        return nothing_read(len(texts))

    plain = _plain(texts)
    decided, numbers = np.zeros(len(texts), bool), np.zeros(len(texts), np.int64)
    groups = np.where(plain.international, _calling_codes()[plain.heads], 0)
    groups = np.where(plain.international, groups, -1 - countries.numbers[plain.places])
    order = np.argsort(groups.astype(np.int16), kind="stable")
    names, sizes = np.unique(groups[order], return_counts=True)
    places, digits = plain.places[order], plain.digits.take(pa.array(plain.rows[order]))
    values = np.asarray(digits.cast(pa.int64()))
    lengths = np.asarray(kernels().binary_length(digits)).astype(np.int64)
    for name, end, size in zip(names.tolist(), np.cumsum(sizes).tolist(), sizes.tolist(), strict=True):
        rows = slice(end - size, end)
        if size < _SMALLEST_GROUP or name == 0:
            continue
        group = digits.slice(end - size, size), values[rows], lengths[rows]
        found = _of_calling_code(name, *group) if name > 0 else _of_country(countries.names[-1 - name], *group)
        if found is not None:
            sound, numbers[places[rows]] = found
            decided[places[rows]] = sound
    text = pa.array(numbers, mask=~decided).cast(pa.string())
    normals = {"phone_digits": text}
    if "phone_e164" in wanted:
        normals["phone_e164"] = kernels().binary_join_element_wise("+", text, "")
    return Reading(pa.array(decided), normals)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class _Plain:
    """The digits of some texts, and which `rows` of them are a plain number each, at which `places` of the column.

    `heads` are the first three digits of each plain number, `international` says whether it is written with a plus.
    """

    digits: Any
    rows: Any
    places: Any
    heads: Any
    international: Any


def _plain(texts: Any) -> _Plain:
    """The plain numbers among texts: at most one plus, in front, and else nothing but digits and separators."""
    import numpy as np
    import pyarrow as pa

    pc = kernels()
    short = np.asarray(yes(pc.less_equal(pc.binary_length(texts), _LONGEST_PLAIN)))
    places = np.flatnonzero(short)
    chosen = texts if len(places) == len(texts) else texts.take(pa.array(places))
    written, ends = _bytes_of(chosen)
    # No byte is out of range, and not to look twice halves the time.
    weights = np.take(_weights(), written, mode="clip")
    # One sum over all bytes counts the digits, pluses and strange bytes of each text; wrapped round, it still does.
    sums = np.zeros(len(written) + 1, np.int32)
    np.cumsum(weights, out=sums[1:])
    of_text = sums[ends[1:]] - sums[ends[:-1]]
    counts, others = of_text & (_ONE_STRANGE - 1), of_text >> _STRANGE_BITS
    fit = (counts >= _FEWEST_DIGITS) & (counts <= _MOST_DIGITS) & ((others == 0) | (others == _ONE_PLUS))
    rows = np.flatnonzero(fit)
    first, last = written[ends[rows]], ends[rows + 1]
    international = first == ord("+")
    is_number = international == (others[rows] == _ONE_PLUS)
    # What a spreadsheet held.
    is_number &= (written[last - 1] != ord("0")) | (written[last - 2] != ord("."))
    rows, international = rows[is_number], international[is_number]
    starts = np.zeros(len(chosen) + 1, np.int32)
    np.cumsum(counts, out=starts[1:])
    left = written[weights == 1]
    heads = sum(scale * (left[starts[rows] + place].astype(np.int64) - ord("0")) for place, scale in _HEAD)
    return _Plain(_as_texts(left, starts), rows, places[rows], heads, international)


def _bytes_of(texts: Any) -> tuple[Any, Any]:
    """All bytes of the texts one after the other, and where each text ends, from 0 on."""
    import numpy as np

    _, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int32)
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(content, np.uint8)[ends[0] : ends[-1]], ends - ends[0]


def _as_texts(content: Any, ends: Any) -> Any:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.string(), len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(content)])


@functools.cache
def _weights() -> Any:
    """What each byte adds to the sum of its text."""
    import numpy as np

    weights = np.full(256, _ONE_STRANGE, np.int32)
    weights[list(_SEPARATORS)] = 0
    weights[list(b"0123456789")] = 1
    weights[ord("+")] = _ONE_STRANGE * _ONE_PLUS
    return weights


def _of_calling_code(calling_code: int, digits: Any, values: Any, lengths: Any) -> tuple[Any, Any] | None:
    plan, size = plan_of_calling_code(str(calling_code)), len(str(calling_code))
    if plan is None:
        return None
    return _finish(
        plan, kernels().utf8_slice_codeunits(digits, size), _remainder(values, _ten_to(lengths - size)), lengths - size
    )


def _of_country(country: str | None, digits: Any, values: Any, lengths: Any) -> tuple[Any, Any] | None:
    import numpy as np

    plan = plan_of_region(country) if country else None
    if plan is None:
        return None
    pc = kernels()
    abroad = pc.or_(pc.starts_with(digits, "00"), pc.starts_with(digits, plan.calling_code))
    if plan.international_prefix:
        abroad = pc.or_(abroad, _begins_with(digits, plan.international_prefix))
    sound, numbers = _finish(plan, digits, values, lengths)
    return sound & ~np.asarray(abroad), numbers


def _finish(plan: Plan, digits: Any, values: Any, lengths: Any) -> tuple[Any, Any]:
    """Which numbers the plan reads for certain, and all of them as international numbers."""
    import numpy as np

    certain, dropped = _prefixes(plan, digits)
    lengths = lengths - dropped
    possible = np.zeros(_MOST_DIGITS + 1, bool)
    possible[[size for size in plan.lengths & plan.own_lengths if size <= _MOST_DIGITS]] = True
    possible[0] = False
    sound = certain & possible[np.maximum(lengths, 0)]
    lengths = np.where(sound, lengths, 1)
    scale = _ten_to(lengths)
    national = _remainder(values, scale)
    # 77777 is 7 times 11111.
    one_digit_repeated = national == _quotient(national, _ten_to(lengths - 1)) * _ones()[lengths]
    sound &= ~one_digit_repeated
    if plan.calling_code == _NORTH_AMERICA:
        area, exchange = _quotient(national, 10**9), _remainder(_quotient(national, 10**6), 10)
        sound &= (lengths == _NORTH_AMERICAN_DIGITS) & (area > 1) & (exchange > 1)
    sound &= lengths + len(plan.calling_code) <= _MOST_DIGITS
    return sound, int(plan.calling_code) * scale + national


def _prefixes(plan: Plan, digits: Any) -> tuple[Any, Any]:
    """Where the plan says for certain whether a national prefix such as 0 goes, and how many digits that takes off."""
    import numpy as np
    import pyarrow as pa

    certain, dropped = np.ones(len(digits), bool), np.zeros(len(digits), np.int64)
    if plan.prefix is None:
        return certain, dropped
    hits = np.flatnonzero(_begins_with(digits, plan.prefix))
    if not len(hits):
        return certain, dropped
    pc = kernels()
    begun = digits.take(pa.array(hits))
    if plan.prefix.pattern.isdigit():
        sizes = np.full(len(hits), len(plan.prefix.pattern))
        transformed = np.full(len(hits), plan.transforms)
    else:
        groups = pc.extract_regex(begun, _with_names(plan.prefix.pattern)).flatten()
        sizes = np.asarray(pc.binary_length(groups[0])).astype(np.int64)
        # A group that took no part is empty in Arrow; none of phonenumbers' groups can match nothing.
        last_took_part = np.asarray(pc.greater(pc.binary_length(groups[-1]), 0))
        transformed = (last_took_part | (plan.prefix.groups == 0)) & plan.transforms
    whole = np.asarray(pc.match_substring_regex(begun, rf"\A(?:{plan.national.pattern})\z"))
    certain[hits] = ~transformed & (~whole | (sizes == 0))
    dropped[hits] = sizes
    return certain, dropped


def _begins_with(digits: Any, pattern: re.Pattern[str]) -> Any:
    pc = kernels()
    if pattern.pattern.isdigit():
        return pc.starts_with(digits, pattern.pattern)
    return pc.match_substring_regex(digits, rf"\A(?:{pattern.pattern})")


@functools.cache
def _with_names(pattern: str) -> str:
    """The pattern, anchored, as one named group with every group of its own named, as Arrow wants them."""
    count = iter(range(1, 100))
    return rf"\A(?P<all>{re.sub(r'[(](?![?])', lambda _: f'(?P<g{next(count)}>', pattern)})"


@functools.cache
def _calling_codes() -> Any:
    """Per first three digits of an international number its calling code, 0 where there is none."""
    import numpy as np
    import phonenumbers

    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    codes = np.zeros(1000, np.int64)
    for head in range(100, 1000):
        beginnings = [int(str(head)[:size]) for size in range(1, LONGEST_CALLING_CODE + 1)]
        codes[head] = next((code for code in beginnings if code in known), 0)
    return codes


def _ten_to(sizes: Any) -> Any:
    import numpy as np

    return (10 ** np.arange(19, dtype=np.int64))[np.maximum(sizes, 0)]


def _ones() -> Any:
    """1, 11, 111 …, by the number of digits."""
    import numpy as np

    return (10 ** np.arange(19, dtype=np.int64) - 1) // 9


def _quotient(values: Any, power_of_ten: Any) -> Any:
    """Whole quotients. Exact in floating point, and eight times faster, as no value has more than 15 digits."""
    import numpy as np

    return (values / power_of_ten).astype(np.int64)


def _remainder(values: Any, power_of_ten: Any) -> Any:
    return values - _quotient(values, power_of_ten) * power_of_ten
