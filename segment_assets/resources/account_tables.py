"""The tables of both accounts, as files per table and reporting week.

Belongs here: which files a table has. In the AWS world the Glue Data Catalog answers this.
Not here: what is in them; account B's rows are read by nobody but the clean room.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError, TransientError
from segment_assets.resources.ports import CatalogEntry
from segment_assets.tables import TABLES, ComputedIn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads


@dataclasses.dataclass(frozen=True, slots=True)
class LocalAccountTables:
    """Parquet below `root/<account>/<table>/`, weekly tables in folders `week=<Monday>`."""

    root: Path

    def files(self, table: str, week: str | None = None) -> list[str]:
        """The Parquet files of a table, of one week or of all, sorted."""
        account = "b" if TABLES[table].computed_in is ComputedIn.PARTNER else "a"
        folder = self.root / account / table
        base = folder / f"week={week}" if week else folder
        return sorted(str(path) for path in base.rglob("*.parquet"))

    def version(self, table: str) -> str:
        """Changes when a file of a table appears, vanishes or is written again; cheap enough for a sensor's tick."""
        marks = [(file, (told := os.stat(file)).st_size, told.st_mtime_ns) for file in self.files(table)]  # noqa: PTH116
        return hashlib.sha256(repr(marks).encode()).hexdigest()

    def weeks(self, table: str) -> list[str]:
        """Reporting weeks (ISO dates of Mondays) that have files, sorted."""
        return sorted({part for file in self.files(table) for part in _weeks_in(file)})

    def catalogue(self, table: str, week: str | None = None) -> CatalogEntry | None:
        """A table, or one week of it, as a catalogue sees it; None when nothing was contributed."""
        files = self.files(table, week)
        return catalogue(table, files) if files else None

    def dataset(self, table: str, week: str | None = None) -> pads.Dataset:
        """The rows of one of account A's own tables."""
        import pyarrow.dataset as pads

        if TABLES[table].computed_in is ComputedIn.PARTNER:
            raise PermanentError(f"{table}: the partner's rows never leave the clean room; write a query for it")
        schema = TABLES[table].arrow_schema()
        files = self.files(table, week)
        return pads.dataset(files, format="parquet", schema=schema) if files else pads.dataset(schema.empty_table())


def catalogue(table: str, files: Sequence[str]) -> CatalogEntry:
    """Look at a table's files: row count, content version, and how its columns differ from the declared ones.

    Raises PermanentError for a file that is no Parquet file, TransientError for one that went away meanwhile.
    """
    declared = TABLES[table].arrow_schema()
    rows, differences, digest = 0, set(), hashlib.sha256()
    for file in files:
        found, number = _looked_at(table, file, digest)
        rows += number
        differences |= {f"{f.name} is {f.type}" for f in found if f not in declared.remove_metadata()}
        differences |= {f"{name} is missing" for name in set(declared.names) - set(found.names)}
    return CatalogEntry(rows, len(files), digest.hexdigest(), sorted(differences))


def _looked_at(table: str, file: str, digest: hashlib._Hash) -> tuple[pa.Schema, int]:
    """The columns and rows of a file, whose content is added to `digest`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = f"{table}: {'/'.join(file.split('/')[-2:])}"
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - the catalogue speaks of uris, not of paths
            digest.update(hashlib.file_digest(stream, "sha256").digest())
        return pq.read_schema(file), pq.read_metadata(file).num_rows
    except FileNotFoundError:
        raise TransientError(f"{said} went away while it was looked at; it is looked at again later") from None
    except (pa.ArrowException, OSError):
        raise PermanentError(f"{said} cannot be read as a Parquet file; ask its owner to write it again") from None


def _weeks_in(file: str) -> list[str]:
    return [part.removeprefix("week=") for part in file.split("/") if part.startswith("week=")]
