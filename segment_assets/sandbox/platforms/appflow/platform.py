"""AppFlow behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.appflow import crm, errors, flows, objects, runs
from segment_assets.sandbox.platforms.appflow.visit import Visit
from segment_assets.sandbox.platforms.kit import audiences
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule
    from segment_assets.sandbox.platforms.kit.people import Shape

_CALLS: dict[str, Callable[[Visit], Answer]] = {
    "/create-flow": flows.create,
    "/update-flow": flows.update,
    "/describe-flow": flows.describe,
    "/list-flows": flows.every,
    "/delete-flow": flows.delete,
    "/start-flow": runs.start,
    "/describe-flow-execution-records": runs.records,
}
_S3 = "/s3/"


class AppFlow:
    """The simulated services with one CRM behind them. Holds no state of its own: everything is in the store."""

    name: str
    crm: crm.Crm
    shape: Shape
    templates: tuple[str, ...] = (*_CALLS, f"{_S3}{{bucket}}", f"{_S3}{{bucket}}/{{key:path}}")
    switches = frozenset(
        {"run_seconds", "put_failure_share", "failing_runs", "records_per_page", "keys_per_page", "most_flows"}
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """Tables, and the first connector profile."""
        # One by one: a script would end the transaction.
        for tables in (objects.TABLES, flows.TABLES, runs.TABLES, crm.TABLES):
            for statement in filter(str.strip, tables.split(";")):
                db.execute(statement)
        audiences.add_account(db, self.name, self.crm.profile)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Do the runs whose time has come."""
        runs.catch_up(db, self.name, self.crm, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        self.catch_up(db, clock)
        visit = Visit(call, db, clock.now(), self.name, self.crm)
        answer = answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience = visit.account, visit.audience
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in the form of S3 or AppFlow. S3 refuses no content: it is the CRM that refuses a record."""
        is_s3 = call.template.startswith(_S3)
        if rule.kind is Kind.POISON:
            runs.poison(db, self.name, set(rule.identifiers))
            return answer_or_roll_back(db, lambda: objects.answer(call, db, self.name))
        if rule.kind is Kind.EXPIRED_TOKEN:
            words = "The provided token has expired."
            return errors.s3("ExpiredToken", words) if is_s3 else errors.appflow("ExpiredTokenException", words)
        if rule.kind is Kind.STATUS:
            words = "The service is not available"
            if is_s3:
                return errors.s3("InternalError", words, rule.status)
            return errors.appflow("InternalServerException", words, rule.status)
        words = "Please reduce your request rate."
        return errors.s3("SlowDown", words) if is_s3 else errors.appflow("ThrottlingException", words)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """The status of the flow's last run, or that the flow is gone."""
        del clock
        flow = db.execute(
            "SELECT 1 FROM appflow_flow WHERE platform = ? AND name = ?", (self.name, audience["id"])
        ).fetchone()
        run = db.execute(
            "SELECT status FROM appflow_run WHERE platform = ? AND flow = ? ORDER BY number DESC LIMIT 1",
            (self.name, audience["id"]),
        ).fetchone()
        if flow is None:
            return "Deleted"
        return str(run["status"]) if run is not None else "Active"


def _perform(visit: Visit) -> Answer:
    is_s3 = visit.call.template.startswith(_S3)
    if not visit.is_let_in():
        if is_s3:
            errors.refuse_s3("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        errors.refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
    if is_s3:
        return objects.answer(visit.call, visit.db, visit.platform)
    if visit.call.method != "POST":
        errors.refuse("ValidationException", "AppFlow is asked with POST")
    return _CALLS[visit.call.template](visit)
