"""Birth dates in the notations that customer files hold, and their three parts.

Belongs here: reading a date without guessing. Not here: anything about age or its use.
Source: Meta, Customer File Custom Audiences (DOBY 1900..now, DOBM 01-12, DOBD 01-31, three separate keys).
Two-digit years are refused (05 is 1905 or 2005). A time of day is dropped and never moves the day: a birth date has
no time zone, a "T00:00:00Z" is an artefact of the export.
"""

from __future__ import annotations

import datetime as dt
import functools
import re

from segment_assets.contracts import Reason
from segment_assets.identity.text import whole_number, without_accents

_EARLIEST_YEAR = 1900
# Where the month is written first: the United States and the territories that share its habits.
_MONTH_FIRST = frozenset({"us", "pr", "vi", "gu", "as", "mp", "um", "fm", "mh", "pw"})

_MONTHS_BY_LANGUAGE = (
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janner feber maerz apr mai jun jul aug sept okt nov dez",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "janv fevr mars avr mai juin juil aout sept oct nov dec",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
)
_MONTH_NUMBERS = {word: number for months in _MONTHS_BY_LANGUAGE for number, word in enumerate(months.split(), start=1)}

_TIME_OF_DAY = re.compile(r"(?<=[0-9])(?:T|\s+)[0-9]{1,2}:[0-9]{2}.*$", re.ASCII)
_YEAR_FIRST = re.compile(r"([0-9]{4})(?:\s*[-/.年]\s*([0-9]{1,2})(?:\s*[-/.月]\s*([0-9]{1,2})日?)?)?")
_YEAR_LAST = re.compile(r"([0-9]{1,2})\s*([-/. ])\s*([0-9]{1,2})\s*[-/. ]\s*([0-9]{4})")
_EIGHT_DIGITS = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_WITH_MONTH_NAME = re.compile(r"(?:(\d{1,2})(?:st|nd|rd|th|er|\.)?[\s,-]+)?(?:de )?([a-z]+)\.?[\s,-]+(.+)", re.ASCII)
_YEAR_THEN_NAME = re.compile(r"([0-9]{4})[\s,-]+([a-z]+)\.?[\s,-]+([0-9]{1,2})")
_AFTER_MONTH_NAME = re.compile(r"(?:(\d{1,2})(?:st|nd|rd|th)?[\s,-]+)?(?:del? )?(\d{4})", re.ASCII)

# (year, month, day); month or day is None where the file only knows the year, or year and month.
Reading = tuple[int, int | None, int | None]


def birth_year(value: str, country: str | None = None) -> str | Reason:
    """The year, YYYY.

    >>> birth_year("17.02.1985"), birth_year("1985")
    ('1985', '1985')
    """
    return _part(value, country, 0)


def birth_month(value: str, country: str | None = None) -> str | Reason:
    """The month, MM. The country settles 03/04/1985.

    >>> birth_month("03/04/1985", "us"), birth_month("03/04/1985", "de"), birth_month("03/04/1985")
    ('03', '04', <Reason.NO_COUNTRY: 'no_country'>)
    """
    return _part(value, country, 1)


def birth_day(value: str, country: str | None = None) -> str | Reason:
    """The day of the month, DD.

    >>> birth_day("February 4th, 1985"), birth_day("1985-02-30")
    ('04', <Reason.IMPOSSIBLE_DATE: 'impossible_date'>)
    """
    return _part(value, country, 2)


def month_alone(value: str) -> str | Reason:
    """A month that stands in a field of its own.

    >>> month_alone("2"), month_alone("13")
    ('02', <Reason.IMPOSSIBLE_DATE: 'impossible_date'>)
    """
    return _number_alone(value, 12)


def day_alone(value: str) -> str | Reason:
    """A day of the month that stands in a field of its own.

    >>> day_alone("4"), day_alone("31."), day_alone("32")
    ('04', <Reason.NOT_A_DATE: 'not_a_date'>, <Reason.IMPOSSIBLE_DATE: 'impossible_date'>)
    """
    return _number_alone(value, 31)


def _number_alone(value: str, most: int) -> str | Reason:
    text = whole_number(value)
    if not re.fullmatch("[0-9]{1,2}", text):
        return Reason.NOT_A_DATE
    return f"{int(text):02d}" if 1 <= int(text) <= most else Reason.IMPOSSIBLE_DATE


def _part(value: str, country: str | None, part: int) -> str | Reason:
    return _parts(value, None if country is None else country in _MONTH_FIRST)[part]


# Three forms read the same value one after the other, and a day of birth is shared by many people.
@functools.lru_cache(maxsize=65_536)
def _parts(value: str, month_first: bool | None) -> tuple[str | Reason, ...]:
    readings = _readings(value, month_first)
    if isinstance(readings, Reason):
        return (readings,) * 3
    return tuple(_agreed({reading[part] for reading in readings}) for part in range(3))


def _agreed(numbers: set[int | None]) -> str | Reason:
    """One part in all readings, two digits at least; a part that they disagree on takes a country."""
    if len(numbers) > 1:
        return Reason.NO_COUNTRY
    number = numbers.pop()
    return Reason.NOT_A_DATE if number is None else f"{number:02d}"


def _readings(value: str, month_first: bool | None) -> list[Reading] | Reason:
    """What the value can mean: one reading, or two when only an unknown country could tell."""
    shapes = _shapes(_plain(value))
    if not shapes:
        return Reason.NOT_A_DATE
    possible = list(dict.fromkeys(filter(_exists, shapes)))
    if not possible:
        return Reason.IMPOSSIBLE_DATE
    if len(possible) == 1 or month_first is None:
        return possible
    return [possible[1] if month_first else possible[0]]


def _plain(value: str) -> str:
    return whole_number(without_accents(_TIME_OF_DAY.sub("", value)))


def _shapes(text: str) -> list[Reading]:
    """Readings by shape alone; of two, the day-first one comes first."""
    if match := _YEAR_FIRST.fullmatch(text):
        return [_reading(match[1], match[2], match[3])]
    if match := _YEAR_LAST.fullmatch(text):
        first, separator, second, year = match.groups()
        day_first = _reading(year, second, first)
        # Dots are only used where the day comes first.
        return [day_first] if separator == "." else [day_first, _reading(year, first, second)]
    if match := _EIGHT_DIGITS.fullmatch(text):
        return _of_eight_digits(*match.groups())
    return _with_month_name(text)


def _of_eight_digits(a: str, b: str, c: str, d: str) -> list[Reading]:
    """YYYYMMDD, DDMMYYYY or MMDDYYYY: never both kinds, since a year of 19xx or 20xx is no month."""
    year_first = _reading(a + b, c, d)
    return [year_first] if _exists(year_first) else [_reading(c + d, b, a), _reading(c + d, a, b)]


def _with_month_name(text: str) -> list[Reading]:
    if match := _YEAR_THEN_NAME.fullmatch(text):
        year, word, day = match.groups()
        return [_reading(year, _MONTH_NUMBERS[word], day)] if word in _MONTH_NUMBERS else []
    match = _WITH_MONTH_NAME.fullmatch(text)
    rest = _AFTER_MONTH_NAME.fullmatch(match[3]) if match else None
    if not match or not rest or match[2] not in _MONTH_NUMBERS or (match[1] and rest[1]):
        return []
    return [_reading(rest[2], _MONTH_NUMBERS[match[2]], match[1] or rest[1])]


def _reading(year: str, month: str | int | None, day: str | None) -> Reading:
    return int(year), None if month is None else int(month), None if day is None else int(day)


def _exists(reading: Reading) -> bool:
    year, month, day = reading
    today = dt.datetime.now(dt.UTC).date()
    if not _EARLIEST_YEAR <= year <= today.year:
        return False
    try:
        return dt.date(year, month or 1, day or 1) <= today and all(p != 0 for p in (month, day))
    except ValueError:
        return False
