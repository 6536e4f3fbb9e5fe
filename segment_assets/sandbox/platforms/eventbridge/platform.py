"""PutEvents: entries are taken or refused one by one, under HTTP 200.

Our readings: a bus that is not there is refused with the whole request; an entry without source, type or detail is
InvalidArgument; a source that begins with `aws.` is AWS's own. Each kind of event (bus, source, type) is shown as an
audience, its events as its members.
"""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.customer_profiles.visit import fits
from segment_assets.sandbox.platforms.kit import audiences, people, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

PLATFORM, BUS = "eventbridge", "default"
_KEY = f"sandbox-{PLATFORM}-token"
_TARGET = "AWSEvents.PutEvents"
_LARGEST = 1_000_000
_TIME_BYTES = 14
_STATUS = {"AccessDeniedException": 400, "ThrottlingException": 400, "InternalException": 500}


class EventBridge:
    """The simulated service. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = people.Shape(keys=("id", "detail"), strong=("id",), combination=())
    templates: tuple[str, ...] = ("/",)
    switches = frozenset({"failing_entries"})
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The bus that every account has."""
        audiences.add_account(db, PLATFORM, BUS)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        return answer_or_roll_back(db, partial(_perform, call, db, clock.now()))

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in the service's own form."""
        del call, db
        if rule.kind is Kind.EXPIRED_TOKEN:
            return _refused("ExpiredTokenException", "The security token included in the request is expired")
        if rule.kind is Kind.STATUS:
            return _refused("InternalException", "An internal error has occurred", rule.status)
        return _refused("ThrottlingException", "Rate exceeded")

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Nothing is pending: who listens is not known here."""
        del audience, db, clock
        return "put"


def _perform(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    if not (rest == _KEY if scheme == "Bearer" else rest.startswith(f"Credential={_KEY}/")):
        raise Refusal(_refused("UnrecognizedClientException", "The security token included in the request is invalid."))
    if call.method != "POST" or call.headers.get("x-amz-target") != _TARGET:
        raise Refusal(_refused("UnknownOperationException", "There is no such operation here"))
    entries = _entries(call.body)
    if sum(_size(entry) for entry in entries) >= _LARGEST:
        raise Refusal(_refused("ValidationException", "Total size of the entries in the request is over the limit."))
    failing = settings.read(db, PLATFORM, "failing_entries", "")
    told = [_put(db, entry, now, failing) for entry in entries]
    body = {"FailedEntryCount": sum("ErrorCode" in one for one in told), "Entries": told}
    return Answer(200, body, {"content-type": "application/x-amz-json-1.1"}, account=BUS, records=len(entries))


def _entries(body: bytes) -> list[dict[str, Any]]:
    import botocore.session
    from botocore.validate import ParamValidator

    try:
        wanted = json.loads(body)
    except ValueError:
        wanted = None
    model = botocore.session.get_session().get_service_model("events").operation_model("PutEvents").input_shape
    if not isinstance(wanted, dict) or ParamValidator().validate(wanted, model).has_errors() or not fits(wanted, model):
        raise Refusal(_refused("ValidationException", "The request has not the shape of the operation"))
    if len(wanted["Entries"]) > model.members["Entries"].metadata["max"]:
        raise Refusal(_refused("ValidationException", "There are too many entries in the request"))
    entries: list[dict[str, Any]] = wanted["Entries"]
    return entries


def _size(entry: dict[str, Any]) -> int:
    """As the user guide counts it."""
    texts = [entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", ""), *entry.get("Resources", [])]
    return sum(len(text.encode()) for text in texts) + (_TIME_BYTES if "Time" in entry else 0)


def _put(db: sqlite3.Connection, entry: dict[str, Any], now: float, failing: str) -> dict[str, str]:
    bus = entry.get("EventBusName", BUS).rpartition("/")[2]
    if not audiences.account_exists(db, PLATFORM, bus):
        raise Refusal(_refused("ResourceNotFoundException", "Event bus does not exist."))
    code = failing or _fault_of(entry)
    if code:
        return {"ErrorCode": code, "ErrorMessage": "The entry was not put"}
    kind = f"{entry['Source']}: {entry['DetailType']}"
    row = next((one for one in audiences.of_account(db, PLATFORM, bus) if one["name"] == kind), None)
    number = row["number"] if row is not None else audiences.create(db, PLATFORM, bus, name=kind, detail={}, now=now)
    if row is None:
        audiences.set_id(db, number, f"{bus}-{number}")
    held = db.execute("SELECT people FROM audience WHERE number = ?", (number,)).fetchone()["people"]
    event = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PLATFORM}/{bus}/{kind}/{held}"))
    people.add(db, number, EventBridge.shape, {"id": [event], "detail": [entry["Detail"]]})
    db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (now, number))
    return {"EventId": event}


def _fault_of(entry: dict[str, Any]) -> str:
    if not all(entry.get(name) for name in ("Source", "DetailType", "Detail")):
        return "InvalidArgument"
    if entry["Source"].startswith("aws."):
        return "NotAuthorizedForSourceException"
    try:
        is_object = isinstance(json.loads(entry["Detail"]), dict)
    except ValueError:
        is_object = False
    return "" if is_object else "MalformedDetail"


def _refused(code: str, words: str, status: int | None = None) -> Answer:
    body = {"__type": code, "message": words}
    return Answer(status or _STATUS.get(code, 400), body, {"x-amzn-errortype": code})
