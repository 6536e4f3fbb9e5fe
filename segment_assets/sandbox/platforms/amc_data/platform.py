"""Advertiser data upload behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.amc_data import bucket, datasets, deletions, errors, rows, uploads
from segment_assets.sandbox.platforms.amc_data.visit import INSTANCE, PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

_DATA = "/amc/advertiserData/{instance}"
_SETS, _SET, _SET_LIST = f"{_DATA}/dataSets", f"{_DATA}/dataSets/{{dataset}}", f"{_DATA}/dataSets/list"
_UPLOADS, _UPLOAD_LIST = f"{_DATA}/uploads/{{dataset}}", f"{_DATA}/uploads/list"
_UPLOAD = f"{_UPLOADS}/{{upload}}"
_DELETIONS, _DELETION = f"{_DATA}/userDeletionRequest", f"{_DATA}/userDeletionRequest/{{request}}"


class AdvertiserDataUpload:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = rows.SHAPE
    # `list` is no name of a data set, so its paths come first.
    templates: tuple[str, ...] = (
        *(bucket.PATH, _SET_LIST, _SETS, _SET),
        *(_UPLOAD_LIST, _UPLOADS, _UPLOAD, _DELETIONS, _DELETION),
    )
    switches = frozenset(
        {
            "tokens",
            "token_ends",
            "calls_per_second",
            "terms_accepted",
            "failing_uploads",
            "poisoned",
            "deletion_seconds",
        }
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The tables, and the first instance."""
        for tables in (windows.TABLES, bucket.TABLES, rows.TABLES, uploads.TABLES, deletions.TABLES):
            db.execute(tables)
        audiences.add_account(db, self.name, INSTANCE)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Load and delete what has fallen due."""
        uploads.work_off(db, clock.now())
        deletions.work_off(db, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        self.catch_up(db, clock)
        if call.template == bucket.PATH:
            return dataclasses.replace(bucket.put(call, db), account=INSTANCE)
        visit = Visit(call, db, clock.now())
        answer = visit.stopped() or answer_or_roll_back(db, partial(_perform, visit))
        return dataclasses.replace(answer, account=visit.account, audience=visit.audience, records=visit.records)

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in the form of S3 or of Amazon. S3 refuses no content: an upload leaves a row out."""
        is_s3 = call.template == bucket.PATH
        if rule.kind is Kind.POISON:
            settings.write(db, self.name, "poisoned", sorted(rule.identifiers))
            return self.answer(call, db, Clock(db))
        if rule.kind is Kind.EXPIRED_TOKEN:
            words = "The provided token has expired."
            return errors.s3_answer("ExpiredToken", words) if is_s3 else errors.error_answer(401, "Unauthorized")
        if rule.kind is Kind.STATUS:
            words = "The service is not available"
            if is_s3:
                return errors.s3_answer("InternalError", words, rule.status)
            return errors.error_answer(rule.status, words)
        if is_s3:
            return errors.s3_answer("SlowDown", "Please reduce your request rate.")
        return errors.error_answer(429, "Too Many Requests")

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether an upload is going."""
        del clock
        return "loading" if uploads.is_going(db, audience["id"]) else "loaded"


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(404, "This address has no such method")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", _SETS): datasets.create,
    ("POST", _SET_LIST): datasets.every,
    ("GET", _SET): datasets.show,
    ("DELETE", _SET): datasets.delete,
    ("POST", _UPLOADS): uploads.create,
    ("POST", _UPLOAD_LIST): uploads.every,
    ("GET", _UPLOAD): uploads.show,
    ("POST", _DELETIONS): deletions.create,
    ("GET", _DELETION): deletions.show,
}
