"""LinkedIn behind its Rest.li paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.linkedin import errors, segments, tokens, users
from segment_assets.sandbox.platforms.linkedin.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "502001"

_SEGMENTS = "/rest/dmpSegments"
_SEGMENT = "/rest/dmpSegments/{audience}"
_USERS = "/rest/dmpSegments/{audience}/users"
_TOKEN = "/oauth/v2/accessToken"  # noqa: S105  a path


class LinkedIn:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = users.SHAPE
    templates: tuple[str, ...] = (_SEGMENTS, _USERS, _SEGMENT, _TOKEN)
    switches = frozenset(
        {"tokens", "oldest_version", "calls_per_minute", "visible_after_seconds", "rejected_share", "consented_at"}
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches = frozenset({"conflicts", "status"})

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of quotas, and the first account."""
        db.execute(windows.TABLES)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        if call.template == _TOKEN:
            return tokens.renew(call, db, clock.now())
        visit = Visit(call, db, clock.now())
        answer = visit.stopped()
        if answer is None and call.template == _USERS:
            answer = users.conflict(visit)
        if answer is None:
            answer = answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in LinkedIn's own form."""
        del call, db
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.expired_token()
        if rule.kind is Kind.STATUS:
            return errors.server_trouble(rule.status)
        return errors.invalid_somewhere() if rule.kind is Kind.POISON else errors.throttled()

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """The segment's status on LinkedIn."""
        del db
        return segments.state(audience, clock.now())


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(405, "METHOD_NOT_ALLOWED", "This resource has no such method")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("GET", _SEGMENTS): segments.find,
    ("POST", _SEGMENTS): segments.create,
    ("GET", _SEGMENT): segments.get,
    ("DELETE", _SEGMENT): segments.delete,
    ("POST", _USERS): users.edit,
}
