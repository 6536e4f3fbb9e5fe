"""Errors that we raise on purpose: transient, permanent, or for a person to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from segment_assets.contracts.delivery import Answer


class SegmentAssetsError(Exception):
    """Base of every error that we raise on purpose. The message names the thing and the next action.

    No message carries an identifier, raw or hashed, nor a secret. `code` is the platform's own code, where it gave one.
    """

    code: str = ""


class TransientError(SegmentAssetsError):
    """Trying again later may work (throttled, timed out, another run holds the audience).

    `retry_after` is in seconds where the other side said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(SegmentAssetsError):
    """Trying the same again cannot work; something of ours must change."""


class GoneError(PermanentError):
    """What is asked for was there and is not any more: a version past its retention, an object that was removed."""


class RefusedMembersError(PermanentError):
    """A platform refused a whole request and named the members at fault: place in the batch -> its code.

    The others may be sent again without them.
    """

    def __init__(self, message: str, places: Mapping[int, str]) -> None:
        super().__init__(message)
        self.places = places


class PassingMembersError(TransientError):
    """A platform took a request but for some members, of whom it said that their trouble passes.

    `answer` is what it said of all others; `places` are those members' places in the batch. When trying the whole again
    did not help within the run's patience, the others are done, and these go with a later run.
    """

    def __init__(self, message: str, places: Collection[int], answer: Answer) -> None:
        super().__init__(message)
        self.places, self.answer = places, answer


class RefusedBatchError(PermanentError):
    """A platform refused a whole request for something in it, and named nobody: a half of it may be taken.

    Only destinations without jobs raise it.
    """


class RefusedRemovalError(PermanentError):
    """A platform lets nobody out of this audience (too small, unsupported), whoever asks for it.

    `Contract.on_refused_removal` says what becomes of the audience when somebody has to leave who said no.
    """


class NeedsHumanError(SegmentAssetsError):
    """Nothing is broken, but a person has to decide (guard rails, terms, a held segment)."""
