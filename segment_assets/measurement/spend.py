"""What a campaign cost, and exchange rates, as files that land: the two inputs that no system of ours knows.

Belongs here: reading these files row by row and refusing what is unusable. Not here: where they land.
`spend*.csv`: day, destination, account, segment, amount, currency (one row for each; several rows of a day add up). An
account's spend is known to the newest day that it has a row of: a row of 0 says that a campaign has ended.
`exchange_rates*.csv`: currency, per_eur. Both UTF-8 with a header and commas.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SPEND_COLUMNS = ("day", "destination", "account", "segment", "amount", "currency")
RATE_COLUMNS = ("currency", "per_eur")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was left out: the file, its line from 1, and the reason code."""

    file: str
    line: int
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class SpendRow:
    """What one segment cost on one account on one day (UTC), in `currency`."""

    day: dt.date
    destination: str
    account: str
    segment: str
    amount: float
    currency: str


@dataclasses.dataclass(frozen=True, slots=True)
class SpendRead:
    """Everything that could be read, and what could not. Rates always hold EUR itself."""

    rows: Sequence[SpendRow]
    per_eur: dict[str, float]
    refused: Sequence[RefusedRow]


def read_spend(files: Sequence[Path]) -> SpendRead:
    """Read all files. A row that cannot be used is refused by itself.

    A file with other columns (`columns`), or one that is not UTF-8 (`not_utf8`), is refused as a whole, at line 1.
    Of two different rates for one currency the second is refused (`second_rate`); files are read in order of name.
    """
    rows: list[SpendRow] = []
    refused: list[RefusedRow] = []
    per_eur = {"EUR": 1.0}
    for file in sorted(files):
        wanted = RATE_COLUMNS if file.name.startswith("exchange_rates") else SPEND_COLUMNS
        for line, cells in _lines(file, wanted):
            reason = cells if isinstance(cells, str) else ""
            if not isinstance(cells, str):
                reason = _take_rate(cells, per_eur) if wanted is RATE_COLUMNS else _take_spend(cells, rows)
            if reason:
                refused.append(RefusedRow(file.name, line, reason))
    return SpendRead(rows, per_eur, refused)


def _lines(file: Path, wanted: Sequence[str]) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Line and trimmed cells by column, or the reason why the file or the row cannot be read."""
    try:
        # Whole, before any row is taken: of a file that breaks in the middle nothing may count.
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        yield 1, "not_utf8"
        return
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(reader, [])]
    if sorted(header) != sorted(wanted):
        yield 1, "columns"
        return
    for cells in reader:
        whole = len(cells) == len(header)
        named = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        yield reader.line_num, named if whole else "columns"


def _take_spend(cells: dict[str, str], rows: list[SpendRow]) -> str:
    """Add the row, or say why not."""
    try:
        day = dt.date.fromisoformat(cells["day"])
    except ValueError:
        return "not_a_day"
    amount = _number(cells["amount"])
    if amount is None or amount < 0:
        return "not_an_amount"
    if not _CURRENCY.fullmatch(cells["currency"]):
        return "not_a_currency"
    destination, account, segment = (cells[name] for name in ("destination", "account", "segment"))
    if not (destination and account and segment):
        return "empty"
    rows.append(SpendRow(day, destination, account, segment, amount, cells["currency"]))
    return ""


def _take_rate(cells: dict[str, str], per_eur: dict[str, float]) -> str:
    rate = _number(cells["per_eur"])
    if rate is None or rate <= 0:
        return "not_a_rate"
    if not _CURRENCY.fullmatch(cells["currency"]):
        return "not_a_currency"
    if per_eur.setdefault(cells["currency"], rate) != rate:
        return "second_rate"
    return ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
