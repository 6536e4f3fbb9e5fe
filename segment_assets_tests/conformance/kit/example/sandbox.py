"""Example Ads as its (made-up) contract describes it, on the sandbox's kit: written without a look at the connector."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

ACCOUNT, TOKEN = "4711", "sandbox-example_ads-token"
MEMBERS_PER_REQUEST = 500
_LISTS = "/v2/advertisers/{account}/lists"
_FIELDS = ("email_sha256", "phone_sha256")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ExampleAds:
    """The simulated platform."""

    name = "example_ads"
    shape = people.Shape(keys=_FIELDS, strong=_FIELDS, combination=())
    templates = (_LISTS, f"{_LISTS}/{{list}}", f"{_LISTS}/{{list}}/members")
    switches = account_switches = audience_switches = frozenset[str]()

    def prepare(self, db: sqlite3.Connection) -> None:
        audiences.add_account(db, self.name, ACCOUNT)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        return answer_or_roll_back(db, lambda: self._answer(call, db, clock.now()))

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        if rule.kind is Kind.EXPIRED_TOKEN:
            return Answer(401, {"error": "token_expired"})
        if rule.kind is Kind.POISON:
            return Answer(422, {"error": "invalid_member"})
        if rule.kind is Kind.THROTTLE:
            return Answer(429, {"error": "slow_down"}, headers={"Retry-After": "7"})
        return Answer(rule.status, {"error": "unavailable"})

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        return "ready"

    def _answer(self, call: Call, db: sqlite3.Connection, now: float) -> Answer:
        if call.headers.get("authorization") != f"Bearer {TOKEN}":
            _refuse(401, "unknown_token")
        if not audiences.account_exists(db, self.name, call.path["account"]):
            _refuse(403, "unknown_advertiser")
        if "list" not in call.path:
            return self._create(call, db, now) if call.method == "POST" else self._find(call, db)
        found = audiences.find(db, call.path["list"], self.name)
        if found is None:
            _refuse(404, "unknown_list")
        if call.template.endswith("/members"):
            return self._members(call, db, found)
        people.clear(db, found["number"])
        audiences.delete(db, found)
        return Answer(200, {})

    def _create(self, call: Call, db: sqlite3.Connection, now: float) -> Answer:
        body = _body(call, {"name", "reference"})
        number = audiences.create(db, self.name, call.path["account"], name=body["name"], detail=body, now=now)
        audiences.set_id(db, number, f"ex-{number}")
        return Answer(200, {"id": f"ex-{number}"})

    def _find(self, call: Call, db: sqlite3.Connection) -> Answer:
        rows = audiences.of_account(db, self.name, call.path["account"])
        lists = [{"id": row["id"], "reference": audiences.detail(row)["reference"]} for row in rows]
        return Answer(200, {"lists": [one for one in lists if one["reference"] == call.query.get("reference")]})

    def _members(self, call: Call, db: sqlite3.Connection, found: sqlite3.Row) -> Answer:
        rows = _body(call, {"members"})["members"]
        if not 1 <= len(rows) <= MEMBERS_PER_REQUEST:
            _refuse(400, "too_many_members")
        bad = {place: "invalid_hash" for place, row in enumerate(rows) if not _is_good(row)}
        good = [row for place, row in enumerate(rows) if place not in bad]
        columns: people.Columns = {field: [row.get(field, "") for row in good] for field in _FIELDS}
        if call.method == "POST":
            people.add(db, found["number"], self.shape, columns)
        else:
            people.remove(db, found["number"], self.shape, columns)
        rejected = [{"index": place, "code": code} for place, code in bad.items()]
        return Answer(200, {"taken": len(good), "rejected": rejected}, records=len(rows))


def _is_good(row: dict[str, Any]) -> bool:
    return bool(row) and set(row) <= set(_FIELDS) and all(_DIGEST.fullmatch(cell) for cell in row.values())


def _body(call: Call, fields: set[str]) -> dict[str, Any]:
    body = json.loads(call.body)
    if set(body) != fields:
        _refuse(400, "unknown_field")
    return body


def _refuse(status: int, code: str) -> NoReturn:
    raise Refusal(Answer(status, {"error": code}))
