"""Asking QuickSight: what its errors mean, waiting behind another change, looking again after a lost answer.

Belongs here: how a call is made. Not here: which calls (`quicksight`), permissions (`quicksight_permissions`).

QuickSight takes no client token, but every resource has an id of ours: what was made twice is found, never doubled.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, SegmentAssetsError, TransientError
from segment_assets.dashboard.quicksight.place import MARK
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_assets.resources.aws.session import AwsSession

ABSENT, THERE, INVALID = "ResourceNotFoundException", "ResourceExistsException", "InvalidParameterValueException"
# Nothing was done: somebody else changes the same thing, or too many ask.
_LATER = frozenset({"ConflictException", "ThrottlingException"})
_TRIES, _LONGEST_PAUSE = 6, 10.0
_ACTIONS: Mapping[str, str] = {
    "AccessDeniedException": (
        "give the role of dashboards its policy (`segment-assets iam`), and look whether the account has QuickSight"
    ),
    "LimitExceededException": "make room in QuickSight, or have its limit raised",
    "PreconditionNotMetException": "look in QuickSight's settings what it waits for",
    "UnsupportedUserEditionException": "dashboards as code need QuickSight's Enterprise edition",
}
IN_PROGRESS = frozenset({"CREATION_IN_PROGRESS", "UPDATE_IN_PROGRESS"})
GOOD = frozenset({"CREATION_SUCCESSFUL", "UPDATE_SUCCESSFUL"})


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long another change, or the end of ours, is waited for."""

    first_seconds: float = 0.5
    most_seconds: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclasses.dataclass(frozen=True, slots=True)
class Calls:
    """Calls about one account's resources."""

    session: AwsSession
    account: str
    patience: Patience

    def ask(self, what: str, operation: str, **arguments: Any) -> Any:
        """One call, waited with while others change the same. Raises our errors with QuickSight's code."""
        pause = self.patience.first_seconds
        for turn in range(1, _TRIES + 1):
            try:
                with translated(what):
                    # Once: a change whose answer was lost may have been made, so we look before it is repeated.
                    client = self.session.client("quicksight", attempts=1)
                    return getattr(client, operation)(AwsAccountId=self.account, **arguments)
            except SegmentAssetsError as refusal:
                if refusal.code in _ACTIONS:
                    raise _for_a_person(what, refusal.code) from None
                if refusal.code not in _LATER:
                    raise
                if turn == _TRIES:
                    raise _passing(what, refusal.code) from None
            self.patience.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise AssertionError("unreachable")

    def look(self, what: str, operation: str, **arguments: Any) -> Any:
        """What a call tells of something, None where it is not there. After silence it is asked again."""
        for is_last in (False, False, True):
            try:
                return self.ask(what, operation, **arguments)
            except SegmentAssetsError as refusal:
                if refusal.code == ABSENT:
                    return None
                if is_last or not isinstance(refusal, TransientError):
                    raise
        raise AssertionError("unreachable")

    def change(self, request: Callable[[], Any], is_done: Callable[[], bool]) -> None:
        """Make a change; one that was made although no answer came, or by somebody quicker, counts as made."""
        try:
            request()
        except SegmentAssetsError as refusal:
            if refusal.code != THERE and not isinstance(refusal, TransientError):
                raise
            if not is_done():
                raise

    def settled(self, what: str, look: Callable[[], Any], status: Callable[[Any], str]) -> Any:
        """What is there when nothing is in progress any more."""
        deadline, pause = self.patience.clock() + self.patience.most_seconds, self.patience.first_seconds
        while True:
            there = look()
            if there is None or status(there) not in IN_PROGRESS:
                return there
            if self.patience.clock() >= deadline:
                raise TransientError(
                    f"{what} is still {status(there)} after {self.patience.most_seconds:g} s; tried again later"
                )
            self.patience.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def tags(self, what: str, arn: str) -> dict[str, str]:
        """The tags of a resource."""
        with translated(what):
            told = self.session.client("quicksight").list_tags_for_resource(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for tag in told.get("Tags", ())}

    def refuse_foreign(self, what: str, arn: str) -> None:
        """Raises NeedsHumanError for what has our id and not our mark: we change only what we made."""
        if MARK not in self.tags(what, arn):
            raise NeedsHumanError(
                f"{what} was not made by this project (no tag {MARK}) and is not changed; rename or remove it, or tag "
                "it when it may be overwritten"
            )


def holds(there: Any, wanted: Any) -> bool:
    """Whether an answer says everything that is wanted; QuickSight adds fields of its own."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(holds(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(holds, there, wanted))
    return bool(there == wanted)


def _for_a_person(what: str, code: str) -> NeedsHumanError:
    error = NeedsHumanError(f"{what}: {code}; {_ACTIONS[code]}")
    error.code = code
    return error


def _passing(what: str, code: str) -> TransientError:
    error = TransientError(f"{what}: {code}, {_TRIES} times; tried again later")
    error.code = code
    return error
