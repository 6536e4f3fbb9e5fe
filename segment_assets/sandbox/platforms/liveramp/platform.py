"""LiveRamp behind its bucket: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.liveramp import bucket, files

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule
    from segment_assets.sandbox.platforms.kit.store import Store


class LiveRamp:
    """The simulated platform. Holds no state of its own but its SFTP server: everything is in the store."""

    def __init__(self) -> None:
        self._acceptor: Any = None

    name = bucket.PLATFORM
    shape = files.SHAPE
    templates: tuple[str, ...] = ("/s3/{bucket}/{key:path}",)
    switches = frozenset({"tokens", "waits_for_marker", "processing_seconds", "minimum_rows", "poisoned"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The bucket, and the first audience."""
        db.execute(bucket.TABLES)
        files.begin_anew(db)
        audiences.add_account(db, self.name, files.ACCOUNT)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Fetch what is due."""
        files.fetch(db, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        answer = answer_or_roll_back(db, partial(bucket.answer, call, db, clock.now()))
        answer.account = files.ACCOUNT
        self.catch_up(db, clock)
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in S3's form. It refuses no content: LiveRamp passes over a row, and tells nobody."""
        if rule.kind is Kind.POISON:
            settings.write(db, self.name, "poisoned", sorted(rule.identifiers))
            return answer_or_roll_back(db, partial(bucket.answer, call, db, Clock(db).now()))
        if rule.kind is Kind.EXPIRED_TOKEN:
            return bucket.error("ExpiredToken", "The provided token has expired.")
        if rule.kind is Kind.STATUS:
            return bucket.error("InternalError", "We encountered an internal error. Please try again.", rule.status)
        return bucket.error("SlowDown", "Please reduce your request rate.")

    async def drop(self, home: Path, store: Store) -> dict[str, str]:
        """The SFTP server, from the first question on: whoever does not ask need not load what it is made of."""
        from segment_assets.sandbox.platforms.liveramp import sftp

        if self._acceptor is None:
            self._acceptor = await sftp.listen(home, store)
        return sftp.told(home, self._acceptor)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """The state of the newest file of a field."""
        del clock
        return files.state_of(db, audience["id"])
