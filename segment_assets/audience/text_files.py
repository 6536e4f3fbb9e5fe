"""CSV and JSON lines as rows of text: separator, quoting, and the rows that cannot be read.

Belongs here: lines to cells, one row at a time, in bounded memory. Not here: the encoding, what a cell means.
A row is yielded with the number of its first line. One that cannot be read is yielded as its refusal, so that it keeps
its number and is counted.
"""

from __future__ import annotations

import collections
import csv
import io
import json
import math
from typing import TYPE_CHECKING, BinaryIO

from segment_assets.audience.headers import TARGETS
from segment_assets.audience.refusals import Refusal
from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.audience.headers import HeaderMap

    Row = tuple[int, Sequence[str | None] | Refusal]

# Longer than any honest row of identifiers; a file without line ends must not fill the memory.
LINE_LIMIT = 1024 * 1024
# A cell beyond this is no identifier; the same limit as the csv module's own.
CELL_LIMIT = 131_072
# A quote that is never closed swallows the rows after it; this many lines are read before we say so.
RECORD_LINES = 50
SEPARATORS = (",", ";", "\t", "|")
_TOO_LONG_LINE = "\0\n"


class Lines:
    """The lines of a text file, with the number of the line last read and the characters read so far."""

    def __init__(self, opened: BinaryIO, encoding: str) -> None:
        # surrogateescape keeps the rest of the file readable: only the row with the bad byte is refused.
        self._text = io.TextIOWrapper(opened, encoding=encoding, errors="surrogateescape", newline="")
        self.number = 0
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LINE_LIMIT):
            self.number += 1
            self.characters += len(line)
            if len(line) < LINE_LIMIT:
                yield line
                continue
            while len(line) == LINE_LIMIT and not line.endswith(("\n", "\r")):
                line = self._text.readline(LINE_LIMIT)
            yield _TOO_LONG_LINE


def is_clean(text: str) -> bool:
    """False for text with undecodable bytes, lone surrogates or NUL, none of which Arrow or a platform can take."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def csv_header(lines: Iterator[str], headers: HeaderMap) -> tuple[str, list[str]]:
    """Read a CSV's header line; return its separator and the headers. An empty file has no headers."""
    line = next((line for line in lines if line.strip()), "").removeprefix("\ufeff")
    declared = line.strip().lower()
    # Excel's own hint: a first line such as `sep=;`.
    if declared.startswith("sep=") and len(declared) == 5:  # noqa: PLR2004
        separator = line.strip()[-1]
        return separator, _split(next(lines, ""), separator)
    options = [(separator, _split(line, separator)) for separator in SEPARATORS]
    return max(options, key=lambda option: (len(headers.positions(option[1])), len(option[1])))


def _split(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


class _Feed:
    """Hands lines to csv.reader and remembers those of the record at hand, so that they can be given back.

    `line` is the number of the record's first line.
    """

    def __init__(self, lines: Iterator[str], first_line: int) -> None:
        self._lines = lines
        self.line = first_line
        self._returned: collections.deque[str] = collections.deque()
        self.taken: list[str] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= RECORD_LINES:
            raise StopIteration
        line = self._returned.popleft() if self._returned else next(self._lines)
        self.taken.append(line)
        return line

    def begin(self) -> None:
        """Forget the record at hand: the next line begins another."""
        self.line += len(self.taken)
        self.taken.clear()

    def give_back_all_but_first(self) -> None:
        self._returned.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def csv_rows(lines: Iterator[str], separator: str, width: int, first_line: int) -> Iterator[Row]:
    """Yield each row after the header, of which `first_line` is the first line.

    An unclosed quote costs its own row only: the lines that it swallowed are read again one by one. Lines inside
    quotes that do close are cells, never people, also where the row has too few or too many of them.
    """
    feed = _Feed(lines, first_line)
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = None
        if cells == []:
            continue
        if cells is not None and len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        if cells and len(cells) == width and len(feed.taken) == 1 and _is_plain(feed.taken[0]):
            yield feed.line, cells
            continue
        row = _refusal_of_record(cells, feed.taken, width) or cells or []
        if cells is None:
            feed.give_back_all_but_first()
        yield feed.line, row


def _is_plain(line: str) -> bool:
    """Nearly every line: clean, and as a whole no longer than a cell may be."""
    return len(line) <= CELL_LIMIT and is_clean(line)


def _refusal_of_record(cells: Sequence[str] | None, lines: Sequence[str], width: int) -> Refusal | None:
    """What is wrong with a record, of which `cells` are None where its quotes are."""
    refusal = _refusal_of_lines(lines)
    if refusal:
        return refusal
    if cells is None:
        # The csv module stops at its own limit for a cell too, and does not say so but in words.
        return Refusal.TOO_LONG if sum(map(len, lines)) > CELL_LIMIT else Refusal.BROKEN_QUOTES
    return Refusal.WRONG_NUMBER_OF_CELLS if len(cells) != width else _refusal_of_cells(cells)


def _refusal_of_lines(lines: Sequence[str]) -> Refusal | None:
    if _TOO_LONG_LINE in lines:
        return Refusal.TOO_LONG
    return None if all(map(is_clean, lines)) else Refusal.NOT_TEXT


def _refusal_of_cells(cells: Sequence[str | None]) -> Refusal | None:
    return Refusal.TOO_LONG if any(cell is not None and len(cell) > CELL_LIMIT for cell in cells) else None


class JsonRows:
    """Rows of a JSON lines file in the order of TARGETS; keeps the keys that it met for the report."""

    def __init__(self, name: str, headers: HeaderMap) -> None:
        self._name = name
        self._headers = headers
        self.keys: dict[str, tuple[str, int] | None] = {}

    def rows(self, lines: Iterator[str]) -> Iterator[Row]:
        """Yield the cells of each line that is not blank.

        Raises PermanentError for a file that is one array, of which every line but the last would be refused.
        """
        filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        for place, (number, line) in enumerate(filled):
            if place == 0 and (line.strip() == "[" or line.replace(" ", "").startswith("[{")):
                raise PermanentError(f"{self._name}: this is one JSON array; write one object per line")
            yield number, _refusal_of_lines((line,)) or self._cells(line)

    def _cells(self, line: str) -> list[str | None] | Refusal:
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                return Refusal.NOT_A_JSON_OBJECT
            cells: list[str | None] = [None] * len(TARGETS)
            ranks = [9] * len(TARGETS)
            for key, value in record.items():
                self._place(key, value, cells, ranks)
        # RecursionError: a line of a hundred thousand brackets. ValueError: not JSON, or a number of 5,000 digits.
        except (ValueError, TypeError, RecursionError):
            return Refusal.NOT_A_JSON_OBJECT
        return _refusal_of_cells(cells) or cells

    def _place(self, key: str, value: object, cells: list[str | None], ranks: list[int]) -> None:
        found = self.keys[key] if key in self.keys else self._headers.find(key)
        # A file in which every row has keys of its own must not fill the memory.
        if len(self.keys) < _KEYS_KEPT or found is not None:
            self.keys[key] = found
        if found is None:
            return
        column = _POSITION[found[0]]
        text = json_text(value)
        if text is not None and found[1] < ranks[column]:
            cells[column], ranks[column] = text, found[1]


_KEYS_KEPT = 10_000
_POSITION = {name: position for position, name in enumerate(TARGETS)}


def json_text(value: object) -> str | None:
    """A JSON value as the text a CSV would have held; whole numbers lose their ".0".

    Raises TypeError for lists and objects, ValueError for text that has no UTF-8 form.

    >>> json_text(491701234567.0), json_text(True), json_text(None)
    ('491701234567', 'true', None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        if not is_clean(value):
            raise ValueError
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    raise TypeError
