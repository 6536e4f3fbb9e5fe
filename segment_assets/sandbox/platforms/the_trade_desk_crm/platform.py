"""CRM data behind its paths: tokens, segments, and the platform object, which hands each call to where it is answered.

Source: Segment's connector (segments are made under one of two paths, listed page by page until an empty page).
Our readings: names need not be unique; a page has two segments, so that callers have to turn it; fields that no
connector sends are refused, `RetentionEnabled` among them, which is no more.
"""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.the_trade_desk_crm import files

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

ADVERTISER = "adv12345"
TOKEN = "sandbox-the_trade_desk_crm-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
_SEGMENTS = ("/v3/crmdata/targeting/segment", "/v3/crmdata/segment")
_LIST, _SEGMENT = "/v3/crmdata/segment/{advertiser}", "/v3/crmdata/segment/{advertiser}/{segment}"
_REGIONS = ("US", "EU", "APAC")
_PAGE = 2


class CrmData:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = files.PLATFORM
    shape = files.SHAPE
    templates: tuple[str, ...] = (*_SEGMENTS, _LIST, _SEGMENT, files.DROP)
    switches = frozenset({"tokens", "processing_seconds", "minimum_rows", "poisoned"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The table of files, and the first advertiser."""
        db.execute(files.TABLES)
        audiences.add_account(db, self.name, ADVERTISER)

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Work off files that have fallen due."""
        files.work_off(db, clock.now())

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        self.catch_up(db, clock)
        if call.template == files.DROP:
            answer = files.put(call, db, clock.now())
            self.catch_up(db, clock)
        else:
            answer = answer_or_roll_back(db, partial(_perform, call, db, clock.now()))
        answer.account = ADVERTISER
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in the form of whoever is called. A file may hold anything: a line is passed over."""
        is_file = call.template == files.DROP
        if rule.kind is Kind.POISON:
            settings.write(db, self.name, "poisoned", sorted(rule.identifiers))
            return self.answer(call, db, Clock(db))
        if rule.kind is Kind.EXPIRED_TOKEN:
            # An address knows no token: of a file it is the next question that is refused.
            settings.write(db, self.name, "refused_next", is_file)
            return files.s3_error("AccessDenied", 403) if is_file else _error(401, "The token is not valid")
        status = rule.status if rule.kind is Kind.STATUS else 429
        return files.s3_error("SlowDown", 503) if is_file else _error(status, "Try again later")

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """What became of the newest file. The Trade Desk tells nobody."""
        del clock
        return files.state_of(db, audience["id"])


def _perform(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    if settings.read(db, files.PLATFORM, "refused_next", default=False):
        settings.write(db, files.PLATFORM, "refused_next", value=False)
        # A refusal takes back what a call has changed, and this has to stay.
        return _error(401, "The token is not valid")
    if call.headers.get("ttd-auth") not in settings.read(db, files.PLATFORM, "tokens", [TOKEN]):
        _refuse(401, "The token is not valid")
    advertiser = call.path.get("advertiser", ADVERTISER)
    if advertiser != ADVERTISER:
        _refuse(403, "The token has no access to the advertiser")
    if call.template in _SEGMENTS and call.method == "POST":
        return _created(call, db, now)
    if call.template == _LIST and call.method == "GET":
        return _listed(call, db)
    if call.template == _SEGMENT and call.method == "POST":
        row = audiences.find(db, call.path["segment"], files.PLATFORM)
        if row is None:
            _refuse(404, "The segment is not there")
        wanted = _body(call, {"PiiType", "MergeMode"})
        if wanted["PiiType"] != files.PII_TYPE or wanted["MergeMode"] not in files.MODES:
            _refuse(400, "PiiType or MergeMode is not one that the sandbox knows")
        return files.address(db, call, row["id"], wanted["MergeMode"], now)
    return _refuse(405, "This address has no such method")


def _created(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    wanted = _body(call, {"AdvertiserId", "SegmentName", "Region"})
    if wanted["AdvertiserId"] != ADVERTISER:
        _refuse(403, "The token has no access to the advertiser")
    if not isinstance(wanted["SegmentName"], str) or not wanted["SegmentName"] or wanted["Region"] not in _REGIONS:
        _refuse(400, "SegmentName or Region is not valid")
    number = audiences.create(db, files.PLATFORM, ADVERTISER, name=wanted["SegmentName"], detail={}, now=now)
    segment = uuid.uuid4().hex
    audiences.set_id(db, number, segment)
    return Answer(200, {"CrmDataId": segment, "FirstPartyDataId": str(number)})


def _listed(call: Call, db: sqlite3.Connection) -> Answer:
    after = call.query.get("pagingToken", "0")
    rows = audiences.of_account(db, files.PLATFORM, ADVERTISER)
    page = rows[int(after) : int(after) + _PAGE] if after.isdecimal() else []
    told = [{"SegmentName": row["name"], "CrmDataId": row["id"]} for row in page]
    return Answer(200, {"Segments": told, "PagingToken": str(int(after) + _PAGE) if page else None})


def _body(call: Call, fields: set[str]) -> dict[str, Any]:
    try:
        values = json.loads(call.body)
    except ValueError:
        values = None
    if not isinstance(values, dict) or set(values) != fields:
        _refuse(400, "The request cannot be read")
    return values


def _refuse(status: int, words: str) -> Any:
    raise Refusal(_error(status, words))


def _error(status: int, words: str) -> Answer:
    return Answer(status, {"Message": words})
