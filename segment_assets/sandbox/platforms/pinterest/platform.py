"""Pinterest behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.pinterest import errors, lists, made_of_lists, tokens
from segment_assets.sandbox.platforms.pinterest.visit import PLATFORM, WRITES_PER_MINUTE, Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "549756359984"

_LISTS = "/v5/ad_accounts/{account}/customer_lists"
_LIST = "/v5/ad_accounts/{account}/customer_lists/{list}"
_AUDIENCES = "/v5/ad_accounts/{account}/audiences"
_AUDIENCE = "/v5/ad_accounts/{account}/audiences/{audience}"
_TOKEN = "/v5/oauth/token"  # noqa: S105  a path
_WAIT = 60.0


class Pinterest:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = lists.SHAPE
    templates: tuple[str, ...] = (_LISTS, _LIST, _AUDIENCES, _AUDIENCE, _TOKEN)
    switches = frozenset(
        {
            "tokens",
            "reads_per_minute",
            "writes_per_minute",
            "processing_seconds",
            "dropped_share",
            "audiences_from",
            "lists_stay",
            "refresh",
        }
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches = frozenset({"exceptions"})

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of quotas, and the first ad account."""
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
        """Injected faults in Pinterest's own form."""
        del call, db
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.unauthenticated()
        if rule.kind is Kind.STATUS:
            return errors.error_answer(rule.status, errors.SERVICE, "Something went wrong on our end.")
        if rule.kind is Kind.POISON:
            return errors.error_answer(400, errors.INVALID, "Invalid request.")
        return errors.throttled(WRITES_PER_MINUTE, _WAIT)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """The list's status, and how many audiences are made of it."""
        seconds = settings.read(db, PLATFORM, "processing_seconds", lists.PROCESSING_SECONDS)
        made = len(audiences.detail(audience)["made_of_it"])
        return f"{lists.state(audience, clock.now(), seconds)}, audiences: {made}"


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(405, errors.INVALID, "Method not allowed.")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("GET", _LISTS): lists.listed,
    ("POST", _LISTS): lists.create,
    ("GET", _LIST): lists.get,
    ("PATCH", _LIST): lists.update,
    ("GET", _AUDIENCES): made_of_lists.listed,
    ("POST", _AUDIENCES): made_of_lists.create,
    ("GET", _AUDIENCE): made_of_lists.get,
    ("PATCH", _AUDIENCE): made_of_lists.update,
}
