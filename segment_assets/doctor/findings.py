"""Findings, and looking at one thing after the other so that a broken one hides none of the others.

Belongs here: the vocabulary. Not here: anything that is looked at.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from segment_assets.contracts import SegmentAssetsError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Level(enum.StrEnum):
    """How bad it is. `unknown` is what this look could not tell; only `wrong` keeps a deployment from working."""

    OK = "ok"
    ADVICE = "advice"
    UNKNOWN = "unknown"
    WRONG = "wrong"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing. `code` is stable, for machines; `action` is for people, empty where all is well.

    Neither an identifier nor a secret is in any of them.
    """

    area: str
    subject: str
    level: Level
    code: str
    said: str
    action: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """One thing that is looked at, and findings about it."""

    area: str
    name: str

    def fine(self, said: str) -> Finding:
        """It is as it should be."""
        return Finding(self.area, self.name, Level.OK, "ok", said)

    def wrong(self, code: str, said: str, action: str) -> Finding:
        """It cannot work so."""
        return Finding(self.area, self.name, Level.WRONG, code, said, action)

    def advice(self, code: str, said: str, action: str) -> Finding:
        """It works, and could be better."""
        return Finding(self.area, self.name, Level.ADVICE, code, said, action)

    def unknown(self, code: str, said: str, action: str) -> Finding:
        """Nothing can be said."""
        return Finding(self.area, self.name, Level.UNKNOWN, code, said, action)

    def unseen(self, what: str, permission: str) -> Finding:
        """Whoever looks is not allowed to."""
        return self.unknown("not_allowed", f"{what} cannot be seen", f"run it again with {permission}, or look by hand")


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A look at one thing."""

    subject: Subject
    look: Callable[[], Iterable[Finding]]


def examined(checks: Iterable[Check]) -> list[Finding]:
    """The findings of all checks. An error of one is its finding; what it had found before stays."""
    return [finding for check in checks for finding in _findings(check)]


def _findings(check: Check) -> Iterator[Finding]:
    try:
        yield from check.look()
    except SegmentAssetsError as error:
        said, _, action = str(error).rpartition("; ")
        code = "not_reached" if isinstance(error, TransientError) else error.code or "refused"
        yield check.subject.wrong(code, said or action, action if said else "see docs/aws.md")
