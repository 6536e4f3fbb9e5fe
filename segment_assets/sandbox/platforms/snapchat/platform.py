"""Snapchat behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.snapchat import envelope, segments, tokens, users
from segment_assets.sandbox.platforms.snapchat.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "8adc3db7-8148-4fbf-999c-8d2266369d74"

_SEGMENTS = "/v1/adaccounts/{account}/segments"
_SEGMENT = "/v1/segments/{audience}"
_USERS = "/v1/segments/{audience}/users"
_ALL_USERS = "/v1/segments/{audience}/all_users"
_TOKEN = "/login/oauth2/access_token"  # noqa: S105  a path


class Snapchat:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = users.SHAPE
    templates: tuple[str, ...] = (_SEGMENTS, _ALL_USERS, _USERS, _SEGMENT, _TOKEN)
    switches = frozenset({"tokens", "calls_per_minute", "dropped_share"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of budgets, and the first ad account."""
        db.execute(windows.TABLES)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        if call.template == _TOKEN:
            return tokens.renew(call, db, clock.now())
        visit = Visit(call, db, clock.now())
        answer = visit.stopped() or answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in Snap's own form. It names nobody, whatever a rule asks for."""
        del call, db
        if rule.kind is Kind.EXPIRED_TOKEN:
            return envelope.unauthorised()
        if rule.kind is Kind.STATUS:
            return envelope.error(rule.status, "E9001", "Internal error")
        if rule.kind is Kind.POISON:
            return envelope.error(400, envelope.INVALID, "Invalid request")
        return envelope.throttled()

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether the segment can be targeted."""
        del db
        return segments.state(audience, clock.now())


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        envelope.refuse(405, envelope.UNREADABLE, "There is no such method")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("GET", _SEGMENTS): segments.listed,
    ("POST", _SEGMENTS): segments.create,
    ("PUT", _SEGMENTS): segments.rename,
    ("GET", _SEGMENT): segments.get,
    ("DELETE", _SEGMENT): segments.delete,
    ("POST", _USERS): users.add,
    ("DELETE", _USERS): users.remove,
    ("DELETE", _ALL_USERS): users.remove_all,
}
