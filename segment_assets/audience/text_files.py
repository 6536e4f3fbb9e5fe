"""CSV and JSON lines as rows of text: encoding, separator, quoting, and the rows that cannot be read.

Belongs here: bytes to cells, one row at a time, in bounded memory. Not here: what a cell means.
A row that cannot be read is yielded as None, so that it keeps its number and is counted.
"""

from __future__ import annotations

import codecs
import collections
import csv
import io
import json
import math
from typing import TYPE_CHECKING, BinaryIO

from segment_assets.audience.headers import TARGETS
from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_assets.audience.headers import HeaderMap

SAMPLE_BYTES = 256 * 1024
# Longer than any honest row of identifiers; a file without line ends must not fill the memory.
LINE_LIMIT = 1024 * 1024
# A quote that is never closed swallows the rows after it; this many lines are read before we say so.
RECORD_LINES = 50
SEPARATORS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What spreadsheets and older shops still write. An open list makes charset-normalizer find exotic code pages in
# short samples, and a wrong guess would hash a wrong name.
_LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "euc_kr", "gb18030", "big5"]
_UNREADABLE_LINE = "\0\n"


def sniff_encoding(sample: bytes, name: str) -> str:
    """Name the codec of a text file from its first bytes; UTF-8 wins wherever most of the text is UTF-8.

    Raises PermanentError for binary content and for text of no encoding that we know.
    """
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    if b"\0" in sample:
        raise PermanentError(f"{name}: this is not a text file; export it as UTF-8 CSV, JSON lines or Parquet")
    # Lines, not the whole: in a mixed file the few lines of another encoding are reported, the rest is read right.
    lines = [line for line in sample.splitlines() if not line.isascii()]
    if len(lines) > 1 and len(sample) >= SAMPLE_BYTES:
        lines.pop()
    if 2 * sum(map(_is_utf8, lines)) >= len(lines):
        return "utf-8"
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=_LEGACY)
    guess = matches.best()
    if guess is None:
        raise PermanentError(f"{name}: the encoding cannot be told; export the file as UTF-8")
    # On short samples cp1250 and cp1252 tie, and the first in the alphabet wins: "Søren" became "Sřren" in a trial.
    western = next((match for match in matches if "cp1252" in match.could_be_from_charset), guess)
    as_good = western.chaos <= guess.chaos and western.coherence >= guess.coherence
    return "cp1252" if as_good and western is not guess else guess.encoding


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class Lines:
    """The lines of a text file, with the number of the line last read for error messages."""

    def __init__(self, opened: BinaryIO, encoding: str) -> None:
        # surrogateescape keeps the rest of the file readable: only the row with the bad byte is refused.
        self._text = io.TextIOWrapper(opened, encoding=encoding, errors="surrogateescape", newline="")
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LINE_LIMIT):
            self.number += 1
            if len(line) < LINE_LIMIT:
                yield line
                continue
            while len(line) == LINE_LIMIT and not line.endswith("\n"):
                line = self._text.readline(LINE_LIMIT)
            yield _UNREADABLE_LINE


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
    """Hands lines to csv.reader and remembers those of the record at hand, so that they can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
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

    def give_back_all_but_first(self) -> None:
        self._returned.extendleft(reversed(self.taken[1:]))


def csv_rows(lines: Iterator[str], separator: str, width: int) -> Iterator[list[str] | None]:
    """Yield the cells of each row after the header; None for a ragged or undecodable row.

    An unclosed quote costs its own row only: the lines that it swallowed are read again one by one.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.taken.clear()
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
        if cells is None or len(cells) != width:
            feed.give_back_all_but_first()
            yield None
        else:
            yield cells if all(map(is_clean, feed.taken)) else None


class JsonRows:
    """Rows of a JSON lines file in the order of TARGETS; keeps every key that it met for the report."""

    def __init__(self, name: str, headers: HeaderMap) -> None:
        self._name = name
        self._headers = headers
        self.keys: dict[str, tuple[str, int] | None] = {}

    def rows(self, lines: Iterator[str]) -> Iterator[list[str | None] | None]:
        """Yield cells; None for a line that is no JSON object of plain values.

        Raises PermanentError for a file that is one array, of which every line but the last would be refused.
        """
        filled = (line for line in lines if line.strip())
        for number, line in enumerate(filled):
            if number == 0 and (line.strip() == "[" or line.replace(" ", "").startswith("[{")):
                raise PermanentError(f"{self._name}: this is one JSON array; write one object per line")
            yield self._cells(line) if is_clean(line) else None

    def _cells(self, line: str) -> list[str | None] | None:
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                return None
            cells: list[str | None] = [None] * len(TARGETS)
            ranks = [9] * len(TARGETS)
            for key, value in record.items():
                self._place(key, value, cells, ranks)
        # RecursionError: a line of a hundred thousand brackets. ValueError: not JSON, or a number of 5,000 digits.
        except (ValueError, TypeError, RecursionError):
            return None
        return cells

    def _place(self, key: str, value: object, cells: list[str | None], ranks: list[int]) -> None:
        if key not in self.keys:
            self.keys[key] = self._headers.find(key)
        found = self.keys[key]
        if found is None:
            return
        column = _POSITION[found[0]]
        text = json_text(value)
        if text is not None and found[1] < ranks[column]:
            cells[column], ranks[column] = text, found[1]


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


def open_sample(open_file: Callable[[], BinaryIO]) -> bytes:
    """The first bytes of a file."""
    with open_file() as opened:
        return opened.read(SAMPLE_BYTES)
