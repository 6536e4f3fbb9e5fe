"""What was read of a segment's files, and what could not be: counts for people, places for the quarantine table.

Belongs here: the report. Not here: reading. No value of a file is kept, and no header that looks like one.
"""

from __future__ import annotations

import collections
import dataclasses
from array import array
from typing import TYPE_CHECKING, Any

from segment_assets.audience.headers import printable
from segment_assets.audience.refusals import Refusal
from segment_assets.tables import QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

_LISTED_HEADERS = 1_000
_REFUSALS = tuple(Refusal)


@dataclasses.dataclass(slots=True)
class FileReport:
    """How one file was understood. `mapped` is our column -> header; headers that look like values are numbered.

    `refused` counts unreadable rows by reason, `first_refused` is the line of the first row of each reason.
    """

    name: str
    format: str
    encoding: str | None = None
    separator: str | None = None
    first_source_row: int = 0
    rows: int = 0
    unreadable: int = 0
    refused: dict[str, int] = dataclasses.field(default_factory=dict)
    first_refused: dict[str, int] = dataclasses.field(default_factory=dict)
    mapped: dict[str, str] = dataclasses.field(default_factory=dict)
    unmapped: list[str] = dataclasses.field(default_factory=list)

    def describe(self, headers: Sequence[str], positions: Mapping[str, int]) -> None:
        """Note which headers were taken for which of our columns and which were left."""
        shown = [printable(header) or f"(column {number})" for number, header in enumerate(headers, 1)]
        self.mapped = {column: shown[position] for column, position in positions.items()}
        taken = set(positions.values())
        left = [header for position, header in enumerate(shown) if position not in taken]
        self.unmapped = left[:_LISTED_HEADERS]

    def count_refused(self, refusal: Refusal, line: int) -> None:
        """Count one unreadable row."""
        self.unreadable += 1
        self.refused[refusal] = self.refused.get(refusal, 0) + 1
        self.first_refused.setdefault(refusal, line)


@dataclasses.dataclass(slots=True)
class ReadReport:
    """What was read so far; complete once the rows have been read to the end.

    `rows` counts readable and unreadable rows. `unreadable` holds the source_row of each that could not be read;
    where it is and why is in `quarantine`.
    """

    files: list[FileReport] = dataclasses.field(default_factory=list)
    rows: int = 0
    unreadable: array[int] = dataclasses.field(default_factory=lambda: array("q"))
    _lines: array[int] = dataclasses.field(default_factory=lambda: array("q"))
    _files: array[int] = dataclasses.field(default_factory=lambda: array("l"))
    _reasons: array[int] = dataclasses.field(default_factory=lambda: array("b"))

    def refuse(self, refusal: Refusal, line: int, source_row: int) -> None:
        """Note that a row of the last file cannot be read."""
        self.unreadable.append(source_row)
        self._lines.append(line)
        self._files.append(len(self.files) - 1)
        self._reasons.append(_REFUSALS.index(refusal))
        self.files[-1].count_refused(refusal, line)

    def refused(self) -> collections.Counter[str]:
        """Unreadable rows by reason, over all files."""
        return sum((collections.Counter(file.refused) for file in self.files), collections.Counter())

    def quarantine(self) -> pa.Table:
        """The unreadable rows in the schema of tables.QUARANTINE."""
        import pyarrow as pa

        names = pa.array([file.name for file in self.files], pa.string())
        columns: list[pa.Array[Any]] = [
            pa.array(self.unreadable, pa.int64()),
            names.take(pa.array(self._files, pa.int64())),
            pa.array(self._lines, pa.int64()),
            pa.repeat(pa.scalar("*"), len(self.unreadable)),
            pa.array(_REFUSALS, pa.string()).take(pa.array(self._reasons, pa.int64())),
        ]
        return pa.Table.from_arrays(columns, schema=QUARANTINE.arrow_schema())
