"""What is noted about the query of one table for one week, from before its start until its result is published.

Belongs here: the kinds of notes, and reading them as one standing. Not here: what follows from it (`asking`).
The notes are a ledger chain: two runs that want to write the same note are fenced by its number, as deliveries are.

Kinds: intent (a start is about to be asked for), refused (nothing was started), started, collecting (a run publishes
the result), collected, failed, superseded (the query's text was changed meanwhile). A `refused` or `failed` that is
`final` ends the matter; another one is tried again. After an end the next run starts a new query.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.ledger import Chain, Entry, FencedError

if TYPE_CHECKING:
    from segment_assets.contracts import Clock, Lake
    from segment_assets.resources.clean_room import QueryOutcome

PREFIX = "queries"
FIRST_BACKOFF_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 3600.0


class Standing(enum.StrEnum):
    """Where the query of a table and week stands."""

    IDLE = "idle"
    IN_DOUBT = "in_doubt"
    OPEN = "open"
    TO_RETRY = "to_retry"


_STANDINGS = {
    "intent": Standing.IN_DOUBT,
    "started": Standing.OPEN,
    "collecting": Standing.OPEN,
    "collected": Standing.IDLE,
    "superseded": Standing.IDLE,
}


class QueryRecord:
    """The notes about one table and week. Every writing method raises FencedError when another run was first."""

    def __init__(self, lake: Lake, table: str, week: str, clock: Clock) -> None:
        self.name = f"{table}[{week}]"
        self._lake, self._prefix, self._clock = lake, f"{PREFIX}/{table}/{week}", clock
        self.read_again()

    @property
    def number(self) -> int:
        """How many notes there are. It grows with every note, so it names a standing."""
        return len(self._chain.entries)

    @property
    def standing(self) -> Standing:
        """Where the query stands by its newest note."""
        return _standing(self._chain.entries[-1]) if self._chain.entries else Standing.IDLE

    @property
    def sql(self) -> str:
        """Digest of the text that is asked now, empty when idle."""
        return next((e.body["sql"] for e in reversed(self._matter()) if e.kind == "intent"), "")

    @property
    def query_id(self) -> str:
        """Id of the query that was started last in this matter, empty before."""
        return next((e.body["query_id"] for e in reversed(self._matter()) if e.kind == "started"), "")

    @property
    def failures(self) -> int:
        """How many queries of this matter have failed."""
        return sum(e.kind == "failed" for e in self._matter())

    @property
    def since(self) -> float:
        """When the newest note was written, in seconds since 1970; 0 without any."""
        return self._chain.entries[-1].at if self._chain.entries else 0.0

    @property
    def due(self) -> float:
        """From when a failed or refused start is worth another one, in seconds since 1970."""
        tries = sum(e.kind == "intent" for e in self._matter())
        return self.since + min(FIRST_BACKOFF_SECONDS * 2.0 ** max(tries - 1, 0), LONGEST_BACKOFF_SECONDS)

    @property
    def first_intent(self) -> float:
        """When this matter began, in seconds since 1970."""
        return self._matter()[0].at

    def known_ids(self) -> set[str]:
        """Ids of all queries that were ever noted here."""
        return {e.body["query_id"] for e in self._chain.entries if e.kind == "started"}

    def read_again(self) -> None:
        """Take in what other runs have noted meanwhile."""
        self._chain = Chain(self._lake, self._prefix, self._clock)

    def intend(self, sql: str) -> None:
        """A start is about to be asked for. `sql` is the digest of the text."""
        self._note("intent", sql=sql)

    def started(self, query_id: str) -> None:
        """The room has given an id."""
        self._note("started", query_id=query_id)

    def refused(self, message: str, *, final: bool) -> None:
        """Nothing was started."""
        self._note("refused", message=message, final=final)

    def collecting(self, outcome: QueryOutcome) -> None:
        """The result is there and is about to be published."""
        self._note("collecting", outcome=outcome.to_json())

    def collected(self, snapshot_id: str) -> None:
        """The result is published and reported."""
        self._note("collected", snapshot=snapshot_id)

    def failed(self, message: str, *, final: bool) -> None:
        """The query has ended without a result, or with one that cannot be used."""
        self._note("failed", query_id=self.query_id, message=message, final=final)

    def superseded(self) -> None:
        """Nobody wants the answer any more: the text was changed."""
        self._note("superseded", query_id=self.query_id)

    def _note(self, kind: str, **body: Any) -> None:
        try:
            self._chain.append(kind, body)
        except FencedError:
            raise FencedError(
                f"{self.name}: another run looks after this query at this moment; leave it to it"
            ) from None

    def _matter(self) -> list[Entry]:
        """The notes since the last end."""
        entries = self._chain.entries
        ends = [place for place, e in enumerate(entries) if _standing(e) is Standing.IDLE]
        return entries[ends[-1] + 1 if ends else 0 :]


def newest_notes(lake: Lake) -> dict[tuple[str, str], int]:
    """(table, week) -> number of its newest note, over everything that was ever asked. Reads names only."""
    newest: dict[tuple[str, str], int] = {}
    for key in lake.keys(PREFIX):
        _, table, week, file = key.split("/")
        newest[table, week] = max(newest.get((table, week), 0), int(file.partition(".")[0]))
    return newest


def _standing(entry: Entry) -> Standing:
    if entry.kind in {"failed", "refused"}:
        return Standing.IDLE if entry.body["final"] else Standing.TO_RETRY
    return _STANDINGS[entry.kind]
