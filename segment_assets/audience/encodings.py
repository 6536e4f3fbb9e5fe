"""The encoding of a text file, told from its first bytes, or why it is no text file.

Belongs here: byte order marks, UTF-8 or not, the code pages of spreadsheets. Not here: lines and cells.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_BYTES = 256 * 1024
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
# Content that a wrong file name hides -> what to do about it.
_OTHER_FORMATS = (
    (b"\x1f\x8b", "it is packed with gzip; end its name in .gz"),
    (b"PAR1", "it is Parquet; end its name in .parquet"),
    (b"PK\x03\x04", "it is a zip archive or a spreadsheet; export it as UTF-8 CSV"),
)
# Characters that no text has but by accident.
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\v\f\r\x1a"))
_FEW_CONTROLS = 0.05
_MOST = 0.4


def sniff_encoding(sample: bytes, name: str) -> str:
    """Name the codec of a text file from its first bytes; UTF-8 wins wherever most of the text is UTF-8.

    Raises PermanentError for binary content and for text of no encoding that we know.
    """
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    for magic, remedy in _OTHER_FORMATS:
        if sample.startswith(magic):
            raise PermanentError(f"{name}: this is not a text file: {remedy}")
    if b"\0" in sample:
        wide = _wide_encoding(sample)
        if wide:
            return wide
        if _is_binary(sample):
            raise PermanentError(f"{name}: this is not a text file; export it as UTF-8 CSV, JSON lines or Parquet")
        sample = sample.replace(b"\0", b"")
    return _encoding_of_bytes(sample, name)


def _encoding_of_bytes(sample: bytes, name: str) -> str:
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


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 without its byte order mark: every other byte of Western text is zero."""
    high, low = sample[0::2].count(0), sample[1::2].count(0)
    if min(high, low) or max(high, low) < _MOST * len(sample) / 2:
        return None
    return "utf-16-be" if high else "utf-16-le"


def _is_binary(sample: bytes) -> bool:
    """A few NUL characters are a damaged export, of which the rows without them are fine."""
    if len(sample) - len(sample.translate(None, _CONTROLS)) > _FEW_CONTROLS * len(sample):
        return True
    head, *rest = sample.splitlines()
    return b"\0" in head or 2 * sum(b"\0" in line for line in rest) > len(rest)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def open_sample(open_file: Callable[[], BinaryIO]) -> bytes:
    """The first bytes of a file."""
    with open_file() as opened:
        return opened.read(SAMPLE_BYTES)
