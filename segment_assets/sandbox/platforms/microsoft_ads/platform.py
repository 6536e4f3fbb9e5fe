"""Microsoft Advertising behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.microsoft_ads import errors, items, lists, tokens
from segment_assets.sandbox.platforms.microsoft_ads.visit import DEFAULT_ACCOUNT, PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

_SERVICE = "/CampaignManagement/v13"
_AUDIENCES = f"{_SERVICE}/Audiences"
_QUERY = f"{_SERVICE}/Audiences/QueryByIds"
_APPLY = f"{_SERVICE}/CustomerListUserData/Apply"
_TOKEN = "/common/oauth2/v2.0/token"  # noqa: S105  a path


class MicrosoftAdvertising:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = items.SHAPE
    templates: tuple[str, ...] = (_QUERY, _AUDIENCES, _APPLY, _TOKEN)
    switches = frozenset({"tokens", "token_ends", "calls_per_minute", "terms_accepted", "rejected_share", "in_use"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of calls, and the first account."""
        db.execute(windows.TABLES)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        if call.template == _TOKEN:
            return tokens.renew(call, db, clock.now())
        return _answered(Visit(call, db, clock.now()))

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in Microsoft's own form. Poison is an item that is refused, while the others are taken."""
        if rule.kind is Kind.POISON and rule.names_members:
            return _answered(Visit(call, db, Clock(db).now(), is_poisoned=rule.poisoned))
        if rule.kind is Kind.POISON:
            return errors.operation_fault(400, errors.INVALID_INPUT)
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.fault(401, errors.TOKEN_EXPIRED)
        return errors.fault(rule.status, errors.INTERNAL) if rule.kind is Kind.STATUS else _throttled()

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether a list has its size yet. Microsoft has no word for it."""
        del db
        return "building" if lists.size(audience, clock.now()) is None else "built"


def _answered(visit: Visit) -> Answer:
    answer = visit.stopped() or answer_or_roll_back(visit.db, partial(_perform, visit))
    return dataclasses.replace(answer, account=visit.account, audience=visit.audience, records=visit.records)


def _throttled() -> Answer:
    return errors.fault(429, errors.CALL_RATE)


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(405, errors.NOT_SUPPORTED)
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", _AUDIENCES): lists.create,
    ("DELETE", _AUDIENCES): lists.delete,
    ("POST", _QUERY): lists.query,
    ("POST", _APPLY): items.apply,
}
