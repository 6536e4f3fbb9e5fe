"""TikTok behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.tiktok import envelope, mapping, segments
from segment_assets.sandbox.platforms.tiktok.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "7012345678901234567"

_AUDIENCE = "/open_api/v1.3/segment/audience"
_MAPPING = "/open_api/v1.3/segment/mapping"
_LIST = "/open_api/v1.3/dmp/custom_audience/list"
_GET = "/open_api/v1.3/dmp/custom_audience/get"
_DELETE = "/open_api/v1.3/dmp/custom_audience/delete"


class TikTok:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = mapping.SHAPE
    templates: tuple[str, ...] = (_AUDIENCE, _MAPPING, _LIST, _GET, _DELETE)
    switches = frozenset({"tokens", "calls_per_second", "dropped_share"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of quotas, and the first advertiser."""
        db.execute(windows.TABLES)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        visit = Visit(call, db, clock.now())
        answer = visit.stopped() or answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in TikTok's own form."""
        del call, db
        if rule.kind is Kind.EXPIRED_TOKEN:
            return envelope.envelope(envelope.TOKEN_EXPIRED, "Access token is expired")
        if rule.kind is Kind.STATUS:
            return envelope.envelope(envelope.SYSTEM, "Internal service error", status=rule.status)
        if rule.kind is Kind.POISON:
            return envelope.envelope(envelope.PARAMETER, "Invalid parameter")
        return envelope.envelope(envelope.TOO_FREQUENT, "Too many requests. Please retry in some seconds")

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether TikTok has worked through the last change."""
        del db
        return "valid" if segments.is_valid(audience, clock.now()) else "computing"


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        envelope.refuse(envelope.NO_ROUTE, "There is no such route")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", _AUDIENCE): segments.edit,
    ("POST", _MAPPING): mapping.edit,
    ("GET", _LIST): segments.listed,
    ("GET", _GET): segments.got,
    ("POST", _DELETE): segments.delete_all,
}
