"""What a pair may do at this moment: the plan's word, held against the clock and against what the pair was sent before.

Belongs here: for one pair, what keeps its audience from being sent now, in the order in which it is asked after the
opt-outs. Nothing here ever holds back an opt-out. Not here: the rules (`plan`), the guards (`delivery.guards`), the
quality of an audience (`checks`).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import time
from typing import TYPE_CHECKING, Any

from segment_assets.checks import APPROVABLE, failed_findings, refuse
from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.delivery.guards import GuardRails, Source, Stop, stopped_sources
from segment_assets.destinations import registry
from segment_assets.plan.policy import broken_by
from segment_assets.plan.sending import opens_at
from segment_assets.tables import HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.audience import Finding
    from segment_assets.contracts import Clock, Lake, Snapshot
    from segment_assets.delivery.errands import Errand
    from segment_assets.plan import Activation, Plan

# How many earlier audiences say what is usual.
_EARLIER = 5


class SendingClosedError(TransientError):
    """The plan lets nothing but opt-outs be sent now. `opens` says when it does again."""

    def __init__(self, message: str, opens: str) -> None:
        super().__init__(message)
        self.opens = opens


def closed_until(plan: Plan, permission: Activation, now: float) -> str:
    """When sending opens again (UTC, to the minute), in words; empty while it is open. `now` in seconds since 1970."""
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    opens = opens_at(plan.sending(permission), moment)
    if opens == moment:
        return ""
    return f"{opens.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if opens is not None else "nothing within a year"


@dataclasses.dataclass(frozen=True)
class Permit:
    """Everything that is asked before an audience of a pair is sent. `audience` is None where there is none yet."""

    plan: Plan
    permission: Activation
    lake: Lake
    errand: Errand
    audience: Snapshot | None
    clock: Clock = time.time

    def ask(self) -> None:
        """Raise what no approval can change: a broken rule, a closed window, an audience that is not sound."""
        broken = list(broken_by(self.plan, self.permission))
        if broken:
            raise NeedsHumanError(f"{self.errand.pair}: {'; '.join(broken)}")
        opens = closed_until(self.plan, self.permission, self.clock())
        if opens:
            raise SendingClosedError(f"{self.errand.pair}: closed by the plan's sending rules; opens {opens}", opens)
        refuse(self.audience, [finding for finding in self._failed if finding.name not in APPROVABLE])

    def rails(self, *, notes: bool = True) -> GuardRails:
        """The pair's guard rails. With `notes` off nothing is written: what a rehearsal asks for."""
        from segment_assets.delivery.approvals import Desk
        from segment_assets.delivery.ledger import minted

        contract = registry()[self.errand.pair.destination]
        permission = minted(self.permission.model_dump_json(), str(contract.version), *self.errand.wanted.forms)
        audience = self.audience.id if self.audience is not None else ""
        desk = Desk(self.lake, self.errand.pair, audience, permission, self.clock, notes)
        return dataclasses.replace(self.errand.rails, found=self.found, desk=desk)

    def found(self) -> Sequence[Stop]:
        """What speaks against the audience and its source, and a person may let through."""
        if self.audience is None:
            return []
        said = [
            Stop(
                finding.name,
                f"hashed_audience[{self.audience.partition}] may not be sent: {finding.name}: {finding.message}",
                numbers=finding.numbers,
                of_audience=True,
            )
            for finding in self._failed
            if finding.name in APPROVABLE
        ]
        return [*said, *self._of_source(self.audience)]

    @functools.cached_property
    def _failed(self) -> Sequence[Finding]:
        return failed_findings(self.lake, self.plan, self.audience)

    def _of_source(self, audience: Snapshot) -> Iterator[Stop]:
        guards = self.plan.segments[self.permission.segment].guards
        earlier = list(self._earlier(audience))
        # Only the newest is opened for its columns; of the others the number of rows is enough.
        before = [self._source(s, columns=place == 0) for place, s in enumerate(earlier)]
        yield from stopped_sources(
            self.errand.pair,
            self._source(audience, columns=bool(before)),
            before,
            max_drop=guards.max_source_drop,
            max_age_days=guards.max_age_days,
            now=self.clock(),
        )

    def _source(self, snapshot: Snapshot, *, columns: bool) -> Source:
        rows, made_at = snapshot.stats.get("rows_in"), snapshot.stats.get("source_made_at")
        return Source(
            rows if isinstance(rows, int) else snapshot.rows,
            _filled(self.lake.dataset(snapshot), self.errand.wanted.forms) if columns else {},
            float(made_at) if isinstance(made_at, int | float) else None,
        )

    def _earlier(self, audience: Snapshot) -> Iterator[Snapshot]:
        """Other audiences that this pair was sent to the end, newest first: a refused one is no measure."""
        from segment_assets.delivery.ledger import AudienceLedger

        seen = {audience.id, ""}
        for log in reversed(list(AudienceLedger(self.lake, self.errand.pair, self.clock).deliveries())):
            wanted = str(log.header["to_snapshot"])
            if log.header["lane"] != "audience" or wanted in seen or log.closed is None:
                continue
            seen.add(wanted)
            if log.closed.body["outcome"] not in {"done", "empty"}:
                continue
            try:
                yield self.lake.snapshot(HASHED_AUDIENCE.name, self.errand.pair.segment, wanted)
            except PermanentError:
                return  # past its retention, and so are those before
            if len(seen) > _EARLIER + 1:
                return


def _filled(dataset: Any, columns: Sequence[str]) -> dict[str, int]:
    """People who have each column, from the files' own statistics: no row is read."""
    counts = dict.fromkeys(columns, 0)
    for fragment in dataset.get_fragments():
        metadata = fragment.metadata
        places = {name: place for place, name in enumerate(metadata.schema.names) if name in counts}
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for name, place in places.items():
                told = group.column(place).statistics
                # Without statistics a column counts as filled: a guard never stops on a guess.
                counts[name] += group.num_rows - (told.null_count if told is not None and told.has_null_count else 0)
    return counts
