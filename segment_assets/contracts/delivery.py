"""What crosses between the delivery room and a destination: members, batches in a session, answers, jobs."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts.vocabulary import MatchKey


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One person's record: every identifier in it belongs to that person. Never written to a log.

    `consent` is what is known of the person's answers, by column (CONSENT_COLUMNS), for a platform that takes them, and
    `value` what they are worth, as a decimal number in text, where the audience is by value; empty elsewhere.
    """

    member_id: bytes
    keys: Mapping[str, bytes | str]
    consent: Mapping[str, str] = dataclasses.field(default_factory=dict)
    value: str = ""

    def __repr__(self) -> str:
        return f"Member({len(self.keys)} keys)"


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """Where a batch stands in one phase of a delivery, or, where the contract has lanes, in one lane of the phase.

    `token` is the same for every batch of that phase and lane; `sequence` counts from 1. `lane` are the match keys of
    its records, empty where the contract declares no lanes: `(key,) = session.lane` where a lane has one key.

    Of a workflow: `batches` is how many uploads the session has, `noted` what the answer to its opening named, and
    `uploads`, when it is committed, what the answer to each of its uploads named, in order (a batch that was refused
    and sent in parts is several uploads). `members_in_total` counts the records of the whole lane.

    `rank` is greater in every later phase of every later delivery of an audience: for a platform that keeps rows, of
    which the newest of a person counts.
    """

    token: int
    sequence: int
    last: bool
    members_in_total: int
    received_before: int
    lane: tuple[MatchKey, ...] = ()
    batches: int = 1
    noted: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    uploads: tuple[Mapping[str, str], ...] = dataclasses.field(default=(), repr=False)
    rank: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a platform said about one batch, in people. `rejected` maps a place in the batch to the platform's code.

    `session_received` is the platform's running count for the phase, where it keeps one.
    `pause` is how many seconds the platform wants to be left alone before the next call.
    `job` names the work that the platform will do later; until that has ended all people of the batch are `unproven`.
    `noted` is what the answer to an upload names that the commit needs (a file's path). It goes to the ledger.
    """

    received: int
    accepted: int
    rejected: Mapping[int, str]
    unproven: int
    session_received: int
    code: str
    pause: float = 0.0
    job: str = ""
    noted: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


class Step(enum.StrEnum):
    """The calls of a workflow beside its uploads."""

    OPEN = "open"
    COMMIT = "commit"


@dataclasses.dataclass(frozen=True, slots=True)
class StepAnswer:
    """What a platform said to a step. `noted` (of an opening) goes to the ledger, for the calls that follow.

    Of a commit: `job` as in Answer, and `accepted` the people whom the answer proves at once; all others are unproven.
    """

    code: str
    noted: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    job: str = ""
    accepted: int = 0


class JobState(enum.StrEnum):
    """Where a platform's job is. All but `processing` are final."""

    PROCESSING = "processing"
    SUCCESS = "success"
    PARTIAL_SUCCESS = "partial_success"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class JobReport:
    """What a platform says about a job, in people. `rejected` counts by the platform's reason; nobody is named.

    `match_rate` is the platform's own word for it, empty where it gives none.
    """

    state: JobState
    received: int
    rejected: Mapping[str, int]
    match_rate: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class AudienceSpec:
    """What an audience on a platform is created with. The statements about the data come from the plan.

    `marker` is an opaque token of ours that recognises an audience that we created, after a crash between the
    platform's answer and our note of it; audiences are never adopted by name.
    """

    name: str
    marker: str
    statements: Mapping[str, str]
