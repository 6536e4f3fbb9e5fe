"""The people of the identity benchmark: made up, in the mix that the benchmark prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

COUNTRIES = ("US", "GB", "DE", "FR", "IT", "ES", "CA", "AU", "JP", "BR", "IN", "NL")
MIX = (
    "mix: e-mails 80 % clean ASCII, 15 % messy (case, white space), 5 % non-ASCII or invalid, 40 % of all at Gmail; "
    f"phones half E.164, half national as written in {', '.join(COUNTRIES)}; "
    "5,000 first names (4 % with accents), 60,000 last names, 8,000 towns, 48,000 postal codes (a quarter with letters), 25,000 birth dates"
)
_ROW_GROUP = 131_072
_DOMAINS = ("gmail.com", "gmail.com", "yahoo.com", "hotmail.com", "example.org")
_SYLLABLES = [c + v for c in "bcdfghjklmnprstvwz" for v in "aeiou"]


def write(path: Path, rows: int, seed: int = 7) -> str:
    """Write the people to a Parquet file, and say what they are like."""
    rng = np.random.default_rng(seed)
    writer = None
    for first in range(0, rows, _ROW_GROUP):
        batch = _batch(rng, first, min(_ROW_GROUP, rows - first))
        writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd")
        writer.write_batch(batch)
    if writer:
        writer.close()
    return MIX


def _words(count: int, syllables: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(_SYLLABLES[i] for i in picks) for picks in rng.integers(0, len(_SYLLABLES), (count, syllables))]


_FIRST = [name.title() for name in _words(4800, 3, 1)] + [f"{name.title()}é" for name in _words(200, 2, 2)]
_LAST = [name.title() for name in _words(60_000, 4, 3)]
_TOWNS = [name.title() for name in _words(7000, 4, 4)] + [f"San {name.title()}" for name in _words(1000, 3, 5)]
# Postal codes as each country writes them; 1 stands for a digit, A for a letter.
_SHAPES = {
    "GB": "AA1 1AA",
    "CA": "A1A 1A1",
    "NL": "1111 AA",
    "AU": "1111",
    "JP": "1111111",
    "BR": "11111111",
    "IN": "111111",
}
_STATES = ["CA", "NY", "Texas", "FL", "Bayern", "NSW", "Lombardia", "Ontario"]


def _codes(shape: str) -> list[str]:
    rng = np.random.default_rng(len(shape))
    draws = {"1": "123456789", "A": "ABDEFGHJ", " ": " "}
    return [
        "".join(draws[c][i % len(draws[c])] for c, i in zip(shape, picks, strict=True))
        for picks in rng.integers(0, 72, (4_000, len(shape)))
    ]


_CODES = [_codes(_SHAPES.get(country, "11111")) for country in COUNTRIES]


def _batch(rng: np.random.Generator, first: int, rows: int) -> pa.RecordBatch:
    def some(values: list[str]) -> list[str]:
        return [values[i] for i in rng.integers(0, len(values), rows)]

    countries = rng.integers(0, len(COUNTRIES), rows)
    postal_codes = rng.integers(0, 4_000, rows)
    days = np.datetime64("1940-01-01") + rng.integers(0, 25_000, rows)
    return pa.RecordBatch.from_pydict(
        {
            "email": _emails(rng, first, rows),
            "phone": _phones(rng, countries),
            "first_name": some(_FIRST),
            "last_name": some(_LAST),
            "city": some(_TOWNS),
            "state": some(_STATES),
            "postal_code": [_CODES[c][n] for c, n in zip(countries.tolist(), postal_codes.tolist(), strict=True)],
            "country": [COUNTRIES[i] for i in countries],
            "birth_date": days.astype(str).tolist(),
            "gender": some(["m", "f", "Female", "MALE"]),
        }
    )


def _emails(rng: np.random.Generator, first: int, rows: int) -> list[str]:
    kinds, domains = rng.random(rows), rng.integers(0, len(_DOMAINS), rows)
    names = rng.integers(0, len(_LAST), (rows, 2))
    emails = []
    for row in range(rows):
        name = f"{_LAST[names[row, 0]].lower()}.{_LAST[names[row, 1]].lower()}{first + row}"
        email = f"{name}@{_DOMAINS[domains[row]]}"
        if kinds[row] >= 0.8:
            email = f" {email.title()}" if kinds[row] < 0.875 else f"{email.upper()}\t"
        if kinds[row] >= 0.95:
            email = f"jos\u00e9.{email}" if kinds[row] < 0.975 else name
        emails.append(email)
    return emails


def _phones(rng: np.random.Generator, countries: np.ndarray) -> list[str]:
    """Mobile numbers of each plan with random last digits."""
    examples = [phonenumbers.example_number_for_type(name, phonenumbers.PhoneNumberType.MOBILE) for name in COUNTRIES]
    shapes = []
    for number in examples:
        # Groups and prefix as the country writes them; the last six digits are drawn.
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        shapes.append((_with_slots(digits), _with_slots(national)))
    tails = rng.integers(200_000, 1_000_000, len(countries))
    styles = rng.integers(0, 2, len(countries))
    return [
        shapes[country][style].format(*str(tail))
        for country, style, tail in zip(countries.tolist(), styles.tolist(), tails.tolist(), strict=True)
    ]


def _with_slots(written: str) -> str:
    characters, left = list(written), 6
    for place in reversed(range(len(characters))):
        if characters[place].isdigit() and left:
            left -= 1
            characters[place] = f"{{{left}}}"
    return "".join(characters)
