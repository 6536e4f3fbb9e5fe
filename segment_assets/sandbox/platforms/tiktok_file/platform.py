"""TikTok's customer files behind their paths: hands each call to the room that answers it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.tiktok import envelope
from segment_assets.sandbox.platforms.tiktok.platform import TikTok
from segment_assets.sandbox.platforms.tiktok.visit import Visit
from segment_assets.sandbox.platforms.tiktok_file import changes, files, lists

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "7012345678901234567"

_API = "/open_api/v1.3/dmp/custom_audience"
_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", f"{_API}/file/upload"): files.upload,
    ("POST", f"{_API}/create"): lists.create,
    ("POST", f"{_API}/update"): lists.update,
    ("POST", f"{_API}/delete"): lists.delete,
    ("GET", f"{_API}/list"): lists.listed,
    ("GET", f"{_API}/get"): lists.got,
}


class TikTokFile:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = "tiktok_file"
    shape = changes.SHAPE
    templates: tuple[str, ...] = tuple(template for _, template in _CALLS)
    switches = frozenset(
        {
            "tokens",
            "calls_per_second",
            "processing_seconds",
            "smallest_audience",
            "files_per_audience",
            "unreadable_share",
            "most_of_a_page",
        }
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """Tables, and the first advertiser."""
        for table in (windows.TABLES, files.TABLE, changes.TABLE):
            db.execute(table)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Work through the changes that are due."""
        changes.catch_up(db, self.name, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        self.catch_up(db, clock)
        visit = Visit(call, db, clock.now(), self.name)
        answer = visit.stopped() or answer_or_roll_back(db, partial(_perform, visit))
        answer.account, answer.audience, answer.records = visit.account, visit.audience, visit.records
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in TikTok's own form."""
        return TikTok().trouble(rule, call, db)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether TikTok has worked through the last change."""
        del clock
        return changes.state(db, audience)


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        envelope.refuse(envelope.NO_ROUTE, "There is no such route")
    return do(visit)
