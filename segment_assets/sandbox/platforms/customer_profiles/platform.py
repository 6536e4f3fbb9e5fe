"""Customer Profiles behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.appflow import errors as s3
from segment_assets.sandbox.platforms.customer_profiles import errors, jobs, segments
from segment_assets.sandbox.platforms.customer_profiles.visit import PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_DOMAIN = "lumen-shop"

_DEFINITION = "/domains/{DomainName}/segment-definitions/{SegmentDefinitionName}"
_JOBS = "/domains/{DomainName}/upload-jobs"
_JOB = f"{_JOBS}/{{JobId}}"
_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", _DEFINITION): segments.create,
    ("GET", _DEFINITION): segments.get,
    ("DELETE", _DEFINITION): segments.delete,
    ("POST", _JOBS): jobs.create,
    ("GET", _JOBS): jobs.every,
    ("GET", _JOB): jobs.get,
    ("PUT", _JOB): jobs.start,
    ("GET", f"{_JOB}/path"): jobs.path,
    ("PUT", jobs.FILE): jobs.put,
}


class CustomerProfiles:
    """The simulated service. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = segments.SHAPE
    templates: tuple[str, ...] = tuple(dict.fromkeys(template for _, template in _CALLS))
    switches = frozenset({"job_seconds", "failed_share", "failing_jobs"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """Tables, and the first domain."""
        # One by one: a script would end the transaction.
        for statement in filter(str.strip, jobs.TABLES.split(";")):
            db.execute(statement)
        audiences.add_account(db, self.name, DEFAULT_DOMAIN)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Do the jobs whose time has come."""
        jobs.catch_up(db, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        self.catch_up(db, clock)
        visit = Visit(call, db, clock.now())
        answer = answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in the form of S3 or of the service. S3 refuses no content: a job refuses a record."""
        is_s3 = call.template == jobs.FILE
        if rule.kind is Kind.POISON:
            jobs.poison(db, set(rule.identifiers))
            return self.answer(call, db, Clock(db))
        if rule.kind is Kind.EXPIRED_TOKEN:
            words = "The provided token has expired."
            return s3.s3("ExpiredToken", words) if is_s3 else errors.answer("ExpiredTokenException", words)
        if rule.kind is Kind.STATUS:
            words = "The service is not available"
            if is_s3:
                return s3.s3("InternalError", words, rule.status)
            return errors.answer("InternalServerException", words, rule.status)
        words = "Please reduce your request rate."
        return s3.s3("SlowDown", words) if is_s3 else errors.answer("ThrottlingException", words)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether a job of the domain is going."""
        del clock
        going = db.execute(
            "SELECT 1 FROM profile_job WHERE domain = ? AND status = 'IN_PROGRESS'", (audience["account"],)
        ).fetchone()
        return "IN_PROGRESS" if going is not None else "READY"


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.bad("There is no such operation")
    if do is not jobs.put and not visit.is_let_in():
        errors.refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
    return do(visit)
