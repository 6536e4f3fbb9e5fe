"""Numbers in answers, which may be anything: what is no number of that size is none, and is never repeated."""

from __future__ import annotations

_COUNT_DIGITS, CODE_DIGITS = 12, 9


def whole_number(value: object, digits: int = _COUNT_DIGITS) -> int | None:
    """A whole number from 0 on; None for anything else.

    `digits` is how many it may have: 12 for counts. A code has 9 at most, since a longer one, which an error would
    repeat, may be a telephone number.

    >>> [whole_number(value) for value in (3, "3", -1, True, 3.0, 10**12 - 1, 10**12)]
    [3, None, None, None, None, 999999999999, None]
    """
    is_one = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**digits
    return value if is_one else None  # type: ignore[return-value]


def written_number(value: object, digits: int = _COUNT_DIGITS) -> int | None:
    """The same for platforms that write theirs as text, as JSON does with an int64.

    >>> [written_number(value) for value in (3, "3", "03", "-3", "three", "9" * 12, "9" * 13)]
    [3, 3, 3, None, None, 999999999999, None]
    """
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) <= digits else None
    return whole_number(value, digits)
