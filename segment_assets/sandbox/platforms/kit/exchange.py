"""One request and one answer as a platform sees them, and the protocol that each platform fulfils.

Not here: sockets and ASGI (`platforms/app.py`), nor any platform's own error format.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.faults import Rule
    from segment_assets.sandbox.platforms.kit.people import Shape


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A request as received. The body and the query may hold identifiers and tokens: they stay out of the repr."""

    method: str
    template: str
    path: Mapping[str, str]
    query: Mapping[str, str] = dataclasses.field(repr=False)
    headers: Mapping[str, str] = dataclasses.field(repr=False)
    body: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(slots=True)
class Answer:
    """What the platform says. `account`, `audience` and `records` are for the request log only."""

    status: int
    body: object
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    account: str | None = None
    audience: str | None = None
    records: int = 0


class Refusal(Exception):  # noqa: N818  a refusal is an answer of the platform, not a failure of the sandbox
    """Ends a call with an error answer. Whatever the call had changed is rolled back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with HTTP status {answer.status}")
        self.answer = answer


def answer_or_roll_back(db: sqlite3.Connection, work: Callable[[], Answer]) -> Answer:
    """Do the work of a call; a refusal takes back what it had changed, and only that, and becomes the answer."""
    db.execute("SAVEPOINT work")
    try:
        answer = work()
    except Refusal as refusal:
        db.execute("ROLLBACK TO work")
        answer = refusal.answer
    db.execute("RELEASE work")
    return answer


class Platform(Protocol):
    """One simulated platform: its routes, its switches, and how it answers a call within one transaction."""

    name: str
    shape: Shape
    templates: tuple[str, ...]
    switches: frozenset[str]
    account_switches: frozenset[str]
    audience_switches: frozenset[str]

    def prepare(self, db: sqlite3.Connection) -> None:
        """Create the platform's own tables and first-start accounts. Called at every start and reset."""
        ...

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call, errors included. What a refused call changed must not stay (`answer_or_roll_back`)."""
        ...

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """The answer for an injected fault of kind `status`, `throttle` or `expired_token`, in the platform's form."""
        ...

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """The state of one audience in the platform's words, for the page and the admin list."""
        ...
