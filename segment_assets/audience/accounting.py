"""The numbers of an audience, and the sums that must come out.

Belongs here: what is counted and which equations hold. Not here: judging whether the numbers are good (judging).
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from segment_assets.audience.column_states import ColumnTally, tally_from_stats
from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(slots=True)
class AudienceCounts:
    """Where the rows of a segment went. Rows are source rows, members are people.

    `refused_cells` counts by (column, reason); a column or a whole row (`*`). `consent_not_understood` counts
    consent words that we do not know and therefore read as a no. `shared_clusters` counts groups of at least two
    members that share an identifier. `columns` says of each raw column in which state its values came.
    """

    rows_in: int = 0
    quarantined_rows: int = 0
    duplicates_merged: int = 0
    members: int = 0
    eligible: int = 0
    suppressed: int = 0
    no_consent: int = 0
    held_out: int = 0
    shared_clusters: int = 0
    empty_cells: int = 0
    consent_not_understood: int = 0
    refused_cells: collections.Counter[tuple[str, str]] = dataclasses.field(default_factory=collections.Counter)
    already_hashed: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    columns: dict[str, ColumnTally] = dataclasses.field(default_factory=dict)

    def assert_balanced(self) -> None:
        """Raise PermanentError unless every row and every member is accounted for."""
        rows_out = self.members + self.duplicates_merged + self.quarantined_rows
        doors = self.eligible + self.suppressed + self.no_consent + self.held_out
        if self.rows_in != rows_out or self.members != doors:
            raise PermanentError(
                f"accounting does not balance: {self.rows_in} rows in, but {self.members} members + "
                f"{self.duplicates_merged} duplicates + {self.quarantined_rows} quarantined; {self.members} members, "
                f"but {doors} at the doors; nothing was published, report this as a defect with the segment's name"
            )

    def as_stats(self) -> dict[str, object]:
        """Plain JSON values for Snapshot.stats and for metadata: counts only."""
        stats: dict[str, object] = dataclasses.asdict(self)
        stats["refused_cells"] = {f"{column}:{reason}": n for (column, reason), n in sorted(self.refused_cells.items())}
        stats["already_hashed"] = dict(sorted(self.already_hashed.items()))
        stats["columns"] = {column: tally.as_stats() for column, tally in sorted(self.columns.items())}
        return stats


def counts_from_stats(stats: Mapping[str, object]) -> AudienceCounts:
    """The counts that `as_stats` wrote. Missing numbers are 0, so that older snapshots can still be read."""
    counts = AudienceCounts()
    for field in dataclasses.fields(AudienceCounts):
        value = stats.get(field.name)
        if isinstance(value, int):
            setattr(counts, field.name, value)
    refused, hashed, columns = (stats.get(name) for name in ("refused_cells", "already_hashed", "columns"))
    if isinstance(refused, dict):
        for name, number in refused.items():
            column, _, reason = str(name).partition(":")
            counts.refused_cells[column, reason] = int(number)
    if isinstance(hashed, dict):
        counts.already_hashed.update({str(column): int(number) for column, number in hashed.items()})
    if isinstance(columns, dict):
        counts.columns = {str(column): tally_from_stats(tally) for column, tally in columns.items()}
    return counts
