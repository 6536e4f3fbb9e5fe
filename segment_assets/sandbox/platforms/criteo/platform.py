"""Criteo behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.criteo import contact_list, errors, segments, tokens
from segment_assets.sandbox.platforms.criteo.visit import CALLS_PER_MINUTE, PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "12345"

_SEGMENTS = "/{version}/marketing-solutions/audience-segments"
_CREATE = f"{_SEGMENTS}/create"
_SEARCH = f"{_SEGMENTS}/search"
_DELETE = f"{_SEGMENTS}/delete"
_LIST = _SEGMENTS + "/{segment}/contact-list"
_STATISTICS = f"{_LIST}/statistics"
_TOKEN = "/oauth2/token"  # noqa: S105  a path
_MINUTE = 60.0


class Criteo:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = contact_list.SHAPE
    templates: tuple[str, ...] = (_CREATE, _SEARCH, _DELETE, _LIST, _STATISTICS, _TOKEN)
    switches = frozenset({"tokens", "given", "versions", "calls_per_minute", "invalid_share", "sample_size"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of quotas, and the first advertiser."""
        db.execute(windows.TABLES)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        if call.template == _TOKEN:
            return tokens.give(call, db, clock.now())
        visit = Visit(call, db, clock.now())
        answer = visit.stopped() or answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in Criteo's own form."""
        del call, db
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.expired_token()
        if rule.kind is Kind.STATUS:
            return errors.error_answer(rule.status, "service-unavailable", "The service is not available")
        if rule.kind is Kind.POISON:
            return errors.error_answer(400, "invalid-request", "The request is not valid")
        return errors.throttled(CALLS_PER_MINUTE, _MINUTE)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether Criteo has matched the list since its last change. It has no word for it."""
        del db
        return "matched" if contact_list.is_matched(audience, clock.now()) else "processing"


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(405, "method-not-allowed", "This route has no such method")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", _CREATE): segments.create,
    ("POST", _SEARCH): segments.search,
    ("POST", _DELETE): segments.delete,
    ("PATCH", _LIST): contact_list.amend,
    ("DELETE", _LIST): contact_list.clear,
    ("GET", _STATISTICS): contact_list.statistics,
}
