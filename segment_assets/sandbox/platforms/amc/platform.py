"""Advertiser audiences behind their paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.amc import audience as rooms
from segment_assets.sandbox.platforms.amc import errors, jobs
from segment_assets.sandbox.platforms.amc.visit import ADVERTISER, PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

_TERMS = "/amc/audiences/connections/terms"
_NEW, _ONE = "/amc/audiences/metadata", "/amc/audiences/metadata/{audience}"
_RECORDS, _JOB = "/amc/audiences/records", "/amc/audiences/records/{job}"
_LIST = "/audiences/list"


class AmazonMarketingCloud:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = jobs.SHAPE
    templates: tuple[str, ...] = (_TERMS, _NEW, _ONE, _RECORDS, _JOB, _LIST)
    switches = frozenset(
        {"tokens", "token_ends", "calls_per_second", "terms_accepted", "rejected_share", "fails", "one_place_fails"}
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The tables of calls and jobs, and the first advertiser."""
        db.execute(windows.TABLES)
        db.execute(jobs.TABLES)
        audiences.add_account(db, self.name, ADVERTISER)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Work off the jobs that have fallen due."""
        jobs.work_off(db, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        self.catch_up(db, clock)
        return _answered(Visit(call, db, clock.now()))

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in Amazon's own form. Poison is a record that is invalid in the end."""
        if rule.kind is Kind.POISON:
            return _answered(Visit(call, db, Clock(db).now(), is_poisoned=rule.poisoned))
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.error_answer(401, "Unauthorized")
        if rule.kind is Kind.STATUS:
            return errors.error_answer(rule.status, "The service is not available")
        return errors.throttled()

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether an audience serves anybody. Amazon has no word for it."""
        del db
        if not audiences.detail(audience)["ttl"]:
            return "its life is over"
        return "matched" if rooms.matched(audience, clock.now()) else "not matched yet"


def _answered(visit: Visit) -> Answer:
    answer = visit.stopped() or answer_or_roll_back(visit.db, partial(_perform, visit))
    return dataclasses.replace(answer, account=visit.account, audience=visit.audience, records=visit.records)


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(501, "This address has no such method")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("GET", _TERMS): rooms.terms,
    ("PATCH", _TERMS): rooms.accept_terms,
    ("POST", _NEW): rooms.create,
    ("GET", _ONE): rooms.show,
    ("PUT", _ONE): rooms.update,
    ("POST", _RECORDS): jobs.manage,
    ("GET", _JOB): jobs.status,
    ("POST", _LIST): rooms.every,
}
