"""What a digesting job is asked and what it says at the end. Both cross a process border as JSON: counts, no values.

Belongs here: the two messages and the checks on what was said. Not here: how they travel (Dagster Pipes, resources).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_DIGESTED, _FAILED = "digested", "failed"
_KINDS = {kind.__name__: kind for kind in (TransientError, PermanentError, NeedsHumanError)}


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """One digesting job.

    `members`: folder of a snapshot of SEGMENT_MEMBERS. `target`: the folder to create for the digested parts.
    `forms`: the normal forms to make. `column_states`: what the source declares of its columns. `fingerprint`: what the
    caller would digest with.
    """

    members: str
    target: str
    forms: Sequence[str]
    column_states: Mapping[str, str]
    fingerprint: Mapping[str, str]

    def as_extras(self) -> dict[str, Any]:
        """For `extras` of Dagster Pipes."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did, in rows and batches. `reasons`: raw column -> reason code -> refused cells."""

    rows_in: int
    rows_out: int
    batches: int
    reasons: Mapping[str, Mapping[str, int]]

    def assert_conserved(self, rows: int) -> None:
        """Raise PermanentError unless the job read `rows` rows and wrote each of them."""
        if not self.rows_in == self.rows_out == rows:
            raise PermanentError(
                f"the identity job does not add up: the snapshot has {rows} rows, the job read {self.rows_in} and "
                f"wrote {self.rows_out}; nothing was published, report this as a defect with the segment's name"
            )

    def as_message(self) -> dict[str, Any]:
        """For `report_custom_message` of Dagster Pipes."""
        return {_DIGESTED: dataclasses.asdict(self)}


def failure_message(failure: SegmentAssetsError) -> dict[str, Any]:
    """For `report_custom_message` of Dagster Pipes."""
    kind = next(name for name, kind in _KINDS.items() if isinstance(failure, kind))
    return {_FAILED: {"kind": kind, "message": str(failure)}}


def outcome_of(messages: Iterable[object]) -> Outcome | None:
    """What the job said it did; None where it said nothing. Raises the error that it ended with."""
    outcome = None
    for message in messages:
        if not isinstance(message, dict):
            continue
        if _FAILED in message:
            raise _KINDS[message[_FAILED]["kind"]](message[_FAILED]["message"])
        if _DIGESTED in message:
            outcome = Outcome(**message[_DIGESTED])
    return outcome
