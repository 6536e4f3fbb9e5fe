"""Google behind the Data Manager API's paths: the platform object.

Not here: what a call does (`lists`, `uploads`, `status`), nor the checks before (`visit`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.google import errors, lists, membership, quota, requests, status, uploads
from segment_assets.sandbox.platforms.google.visit import DEFAULT_ACCOUNT_TYPE, PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNTS = {"1234567890": DEFAULT_ACCOUNT_TYPE, "7654321": "DISPLAY_VIDEO_ADVERTISER"}

_LISTS = "/v1/accountTypes/{account_type}/accounts/{account}/userLists"
_LIST = f"{_LISTS}/{{list}}"
_INGEST = "/v1/audienceMembers:ingest"
_REMOVE = "/v1/audienceMembers:remove"
_REMOVE_ALL = "/v1/audienceMembers:removeAll"
_STATUS = "/v1/requestStatus:retrieve"
_RETRY_SECONDS = 12


class Google:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = membership.SHAPE
    templates: tuple[str, ...] = (_LISTS, _LIST, _INGEST, _REMOVE, _REMOVE_ALL, _STATUS)
    switches = frozenset(
        {
            *quota.DEFAULTS, "tokens", "retry_info", "processing_seconds", "fail_next", "fail_reason",
            "most_violations", "takes_upper_case_hex",
        }
    )  # fmt: skip
    account_switches = frozenset(
        {
            "account_type", "accessible", "managers", "allowlisted", "eu_political_declared", "match_rate",
            "home_region", "core_services_consent",
        }
    )  # fmt: skip
    audience_switches = frozenset({"closed", "unused"})

    def prepare(self, db: sqlite3.Connection) -> None:
        """Create Google's own tables and the first accounts."""
        for statement in (quota.TABLES, *requests.TABLES):
            db.execute(statement)
        for account, kind in DEFAULT_ACCOUNTS.items():
            if not audiences.account_exists(db, self.name, account):
                audiences.add_account(db, self.name, account)
                settings.write(db, audiences.scope(self.name, account), "account_type", kind)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Do what has fallen due on the sandbox's clock."""
        requests.catch_up(db, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call, on the state as of now."""
        self.catch_up(db, clock)
        visit = Visit(call, db, clock.now())
        answer = visit.stopped() or answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:  # noqa: ARG002  the protocol's shape
        """Injected faults in Google's own form."""
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.unauthenticated()
        if rule.kind is Kind.STATUS:
            return errors.server_trouble(rule.status)
        if rule.kind is Kind.POISON:
            return uploads.poisoned(rule, call)
        return errors.exhausted(_RETRY_SECONDS)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:  # noqa: ARG002  likewise
        """Whether the list is open, and how many requests for it wait."""
        return lists.state(audience, db)


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.not_found("The method")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", _LISTS): lists.create,
    ("GET", _LISTS): lists.show_all,
    ("GET", _LIST): lists.show,
    ("PATCH", _LIST): lists.update,
    ("DELETE", _LIST): lists.delete,
    ("POST", _INGEST): uploads.ingest,
    ("POST", _REMOVE): uploads.remove,
    ("POST", _REMOVE_ALL): uploads.remove_all,
    ("GET", _STATUS): status.retrieve,
}
