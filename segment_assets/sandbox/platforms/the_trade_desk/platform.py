"""The Trade Desk and UID2 behind their paths: hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.the_trade_desk import data, errors, identity_map, logins
from segment_assets.sandbox.platforms.the_trade_desk.visit import Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "adv12345"
_MAP, _LOGIN = "/v3/identity/map", "/v3/authentication"
_CALLS: dict[str, Callable[[Visit], Answer]] = {
    "/data/advertiser": data.ingest,
    "/data/deletion-optout/advertiser": data.erase,
}
_HOUR = 3_600.0
_REST = 30


class TheTradeDesk:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = identity_map.PLATFORM
    shape = data.SHAPE
    templates: tuple[str, ...] = (*_CALLS, _MAP, _LOGIN)
    switches = frozenset(
        {"tokens", "given", "identity_map_key", "opted_out_share", "rotations", "not_mapped_share", "most_bytes"}
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of times to live, and the first advertiser."""
        db.execute(data.TABLES)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Let go whoever's time is over."""
        data.let_expire(db, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        self.catch_up(db, clock)
        if call.template == _MAP:
            return identity_map.answer(call, db, clock.now())
        if call.template == _LOGIN:
            return logins.answer(call, db, clock.now())
        return _answered(Visit(call, db, clock.now()), _CALLS[call.template])

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in the form of the service that is called. A member that cannot be read is a failed line."""
        if rule.kind is Kind.POISON and call.template in _CALLS and rule.names_members:
            return _answered(Visit(call, db, Clock(db).now()), partial(data.ingest, poisoned=rule.identifiers))
        if rule.kind is Kind.POISON:
            return errors.error_answer(400, "SerializationFailed", "The request cannot be read")
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.invalid_token()
        if rule.kind is Kind.STATUS:
            return errors.error_answer(rule.status, "Unknown", "The service is not available")
        return errors.throttled(_REST)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether a segment can be bought yet. The Trade Desk has no word for it."""
        del db
        is_bought = clock.now() >= audience["content_updated"] + data.HOURS_UNTIL_BOUGHT * _HOUR
        return "available" if is_bought else "processing"


def _answered(visit: Visit, do: Callable[[Visit], Answer]) -> Answer:
    answer = visit.stopped() or answer_or_roll_back(visit.db, partial(_perform, visit, do))
    answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
    return answer


def _perform(visit: Visit, do: Callable[[Visit], Answer]) -> Answer:
    if visit.call.method != "POST":
        errors.refuse(404, "EndpointNotConfigured", "There is no such endpoint")
    return do(visit)
