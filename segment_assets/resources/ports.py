"""What assets need of the outside, whichever world they run in.

Belongs here: the protocols that local and AWS classes both fulfil (the clean room's and the secrets' are with their
vocabulary, the lake's is in `contracts`). Not here: either of the two.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Snapshot
    from segment_assets.dashboard.quicksight import Bundle, Place

    # A name, and what opens the file for reading bytes; it may be called several times while the context is open.
    LandedFile = tuple[str, Callable[[], BinaryIO]]


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogEntry:
    """What a catalogue knows of a table without showing rows. `version` changes with the content.

    `rows` is None where the owner does not tell it.
    """

    rows: int | None
    files: int
    version: str
    differences: Sequence[str]


class AccountTables(Protocol):
    """The tables that the two accounts contribute."""

    def version(self, table: str) -> str:
        """Changes when a table's content may have changed; cheap enough for a sensor's tick."""
        ...

    def weeks(self, table: str) -> list[str]:
        """Reporting weeks (ISO dates of Mondays) that have rows, sorted."""
        ...

    def catalogue(self, table: str, week: str | None = None) -> CatalogEntry | None:
        """A table, or one week of it, as a catalogue sees it; None when nothing was contributed."""
        ...

    def dataset(self, table: str, week: str | None = None) -> pads.Dataset:
        """The rows of one of account A's own tables. Raises PermanentError for the partner's: they never leave."""
        ...


class AnalysisLog(Protocol):
    """What the clean room logs of analyses: of ours, and of other members' over our tables."""

    def records(self) -> Sequence[Mapping[str, Any]] | None:
        """Every record that is kept, in AWS's shape; None where the deployment is not told where they are."""
        ...


class Changes(Protocol):
    """Segments that were said to have changed, and `done`, to be called when they have been looked at."""

    @property
    def segments(self) -> frozenset[str]:
        """Their names."""
        ...

    @property
    def done(self) -> Callable[[], None]:
        """Have nobody say it again."""
        ...


class Landing(Protocol):
    """The area where others drop files: `segments/<segment>/` and folders beside."""

    @property
    def appears_whole(self) -> bool:
        """Whether a file is there whole or not at all. Where not, one whose version still changes is being written."""
        ...

    def segments(self, *, after: str = "", limit: int = 1000) -> list[str]:
        """Names of segments that have files, in order, beginning after a name; at most `limit`."""
        ...

    def version(self, segment: str) -> str:
        """Changes when a file of a segment appears, vanishes or is written again; cheap enough for every tick."""
        ...

    def fetched(self, segment: str) -> AbstractContextManager[list[Path]]:
        """The complete files of a segment, on this machine's disk while the context is open, sorted by name.

        Raises PermanentError where there are folders with files in the segment's folder: nobody would read these.
        """
        ...

    def changed(self) -> Changes | None:
        """Which segments were said to have changed since the last time; None where nobody says it.

        What is said may be lost or late: it saves looking at every folder, and never replaces it.
        """
        ...

    def beside(self, folder: str) -> AbstractContextManager[list[Path]]:
        """The same for a folder beside `segments`, for instance `spend`."""
        ...

    def each(self, folder: str) -> AbstractContextManager[list[LandedFile]]:
        """Every complete file below a folder beside `segments`, in it or deeper, by its path from there and sorted.

        A file is fetched when it is opened, and raises then: one that cannot be had keeps none of the others back.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Rows that a statement reads under one name.

    `found` is for an engine that reads files, and may be a way to find them: in AWS that fetches them. A warehouse with
    a catalogue finds the same rows by `table`, which is declared in `tables`: exactly these `snapshots` of a lake's
    table, or account A's own table (`snapshots` is None), of one `week` or of all.
    """

    table: str
    found: pads.Dataset | Callable[[], pads.Dataset]
    snapshots: Sequence[Snapshot] | None = None
    week: str | None = None

    @property
    def dataset(self) -> pads.Dataset:
        """The rows."""
        return self.found() if callable(self.found) else self.found


class Warehouse(Protocol):
    """Runs insight SQL, written for Athena."""

    def select(self, sql: str, sources: Mapping[str, Source], schema: pa.Schema) -> pa.Table:
        """The rows of one SELECT over named sources, cast to `schema`. Raises PermanentError for other statements."""
        ...


class QuickSight(Protocol):
    """Where dashboards of Amazon QuickSight go: an account, or files that a person may look at and import."""

    def place(self, tenant: str) -> Place:
        """The account, the Region and the names that definitions are made for."""
        ...

    def publish(self, bundle: Bundle, versions: Mapping[str, str]) -> Mapping[str, str]:
        """Have everything of a bundle there as it says: thing -> created, updated, unchanged, loading or written.

        `versions`: table -> what changes with its published content; a copy (SPICE) is loaded once for each.
        """
        ...
