"""Reddit behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.reddit import custom_audiences, errors, tokens, users
from segment_assets.sandbox.platforms.reddit.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "a2_sandbox1"

_AUDIENCES = "/api/v3/ad_accounts/{account}/custom_audiences"
_AUDIENCE = "/api/v3/custom_audiences/{audience}"
_USERS = "/api/v3/custom_audiences/{audience}/users"
_TOKEN = "/api/v1/access_token"  # noqa: S105  a path
_WAIT = 7.0


class Reddit:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = users.SHAPE
    templates: tuple[str, ...] = (_AUDIENCES, _USERS, _AUDIENCE, _TOKEN)
    switches = frozenset({"tokens", "budgets", "dropped_share"})
    account_switches: frozenset[str] = frozenset()
    audience_switches = frozenset({"status"})

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
        """Injected faults in Reddit's own form. It names nobody, whatever a rule asks for."""
        del call, db
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.unauthorised()
        if rule.kind is Kind.STATUS:
            return errors.error(rule.status, "Something went wrong.")
        if rule.kind is Kind.POISON:
            return errors.error(400, "is not valid", "data.user_data")
        return errors.throttled("ads-custom-audience-ingestion-burst", 500, 60.0, _WAIT)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """The audience's status on Reddit."""
        del db
        return custom_audiences.state(audience, clock.now())


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(405, "Method Not Allowed")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("GET", _AUDIENCES): custom_audiences.listed,
    ("POST", _AUDIENCES): custom_audiences.create,
    ("GET", _AUDIENCE): custom_audiences.get,
    ("DELETE", _AUDIENCE): custom_audiences.delete,
    ("PATCH", _USERS): users.edit,
}
