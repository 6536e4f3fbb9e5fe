"""Meta behind the Graph API's paths: the platform object, and the calls on audiences themselves.

Source: docs/destinations/meta.md 3.1, 3.5 and 3.6. Our reading where Meta says nothing: an account with as many
audiences as it may have gets code 100. Not here: the checks before (`visit`), people (`uploads`),
the fields that an audience shows (`fields`).
"""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.convertors import Convertor, register_url_convertor

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind
from segment_assets.sandbox.platforms.meta import errors, fields, payload, sessions, throttle, uploads
from segment_assets.sandbox.platforms.meta.visit import ENTERED, Visit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.clock import Clock
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

DEFAULT_ACCOUNT = "1001"

_AUDIENCES_PER_ACCOUNT = 500
_FIRST_ID = 120_210_987_600_000_003
"""Above 2**53 and odd, so that a caller who makes a float of an id reaches another audience."""

_SOURCES = ("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED")

_CREATE_AND_LIST = "/{version:graph}/act_{account}/customaudiences"
_ANY_AUDIENCE = "/{version:graph}/act_{account}/usersofanyaudience"
_NODE = "/{version:graph}/{audience}"
_USERS = "/{version:graph}/{audience}/users"
_REPLACE = "/{version:graph}/{audience}/usersreplace"


class Meta:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = "meta"
    shape = payload.SHAPE
    templates: tuple[str, ...] = (_CREATE_AND_LIST, _ANY_AUDIENCE, _USERS, _REPLACE, _NODE)
    switches = frozenset({"tokens", "calls_per_hour", "retired_below"})
    account_switches = frozenset({"terms_accepted", "calls_per_hour"})
    audience_switches = frozenset({"flagged"})

    def prepare(self, db: sqlite3.Connection) -> None:
        """Create Meta's own tables and the first account."""
        for statement in (sessions.TABLES, throttle.TABLES):
            db.execute(statement)
        audiences.add_account(db, self.name, DEFAULT_ACCOUNT)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a Graph call."""
        visit = Visit(call, db, clock.now())
        answer = answer_or_roll_back(db, visit.enter)
        if answer.status == ENTERED:
            answer = visit.throttled() or answer_or_roll_back(db, partial(_perform, visit))
        answer.account = visit.account or None
        answer.audience = None if visit.audience is None else visit.audience["id"]
        answer.headers |= visit.usage
        return answer

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in Meta's own form."""
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.expired_token()
        if rule.kind is Kind.STATUS:
            return errors.server_trouble(rule.status)
        if rule.kind is Kind.POISON:
            return errors.invalid_somewhere()
        audience = audiences.find(db, call.path.get("audience", ""), self.name)
        account = call.path.get("account") or (audience["account"] if audience is not None else "0")
        answer = errors.throttled()
        answer.headers |= throttle.usage_header(account, 101, 1)
        return answer

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Meta's operation status, in words."""
        return str(fields.operation_status(audience, db, clock.now())["description"])


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.method, visit.call.template))
    if do is None:
        errors.invalid(f"Unsupported {visit.method.lower()} request")
    visit.refuse_without_terms()
    return do(visit)


def _create(visit: Visit) -> Answer:
    values, db = visit.values, visit.db
    name = values.get("name")
    if not isinstance(name, str) or not name.strip():
        errors.invalid("param name is required")
    if values.get("subtype", "CUSTOM") != "CUSTOM":
        errors.invalid("param subtype must be CUSTOM, the sandbox simulates no other")
    if values.get("customer_file_source") not in _SOURCES:
        errors.invalid(f"param customer_file_source is required and must be one of {', '.join(_SOURCES)}")
    if len(audiences.of_account(db, "meta", visit.account)) >= _AUDIENCES_PER_ACCOUNT:
        errors.invalid(f"The ad account has {_AUDIENCES_PER_ACCOUNT} customer file audiences, the most there can be")
    detail = {
        "description": str(values.get("description", "")),
        "customer_file_source": values["customer_file_source"],
        "is_value_based": fields.truth(values.get("is_value_based")),
    }
    number = audiences.create(db, "meta", visit.account, name=name, detail=detail, now=visit.now)
    audience_id = str(_FIRST_ID + 10 * number)
    audiences.set_id(db, number, audience_id)
    visit.audience = audiences.find(db, audience_id, "meta")
    return Answer(200, {"id": audience_id})


def _list(visit: Visit) -> Answer:
    names = fields.wanted_fields(visit.values)
    limit = fields.whole(visit.values, "limit", 25, 500)
    after = _cursor_number(visit.values.get("after"))
    rows = [row for row in audiences.of_account(visit.db, "meta", visit.account) if row["number"] > after]
    page = rows[:limit]
    body: dict[str, Any] = {"data": [fields.show(row, names, visit.db, visit.now) for row in page]}
    if page:
        cursors = {"before": _cursor(page[0]["number"]), "after": _cursor(page[-1]["number"])}
        body["paging"] = {"cursors": cursors}
        if len(rows) > limit:
            body["paging"]["next"] = _next_page(visit, names, limit, cursors["after"])
    return Answer(200, body)


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(str(number).encode()).decode()


def _cursor_number(cursor: object) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.urlsafe_b64decode(str(cursor)))
    except ValueError:
        errors.invalid("param after is not a cursor of this list")


def _next_page(visit: Visit, names: list[str], limit: int, after: str) -> str:
    """Without the token, unlike Meta's own: a caller sends it anew."""
    host, version = visit.call.headers.get("host", ""), visit.call.path["version"]
    asked = ",".join(names)
    return f"http://{host}/{version}/act_{visit.account}/customaudiences?fields={asked}&limit={limit}&after={after}"


def _show(visit: Visit) -> Answer:
    return Answer(200, fields.show(visit.target(), fields.wanted_fields(visit.values), visit.db, visit.now))


def _rename(visit: Visit) -> Answer:
    name, description = visit.values.get("name"), visit.values.get("description")
    if name is not None and not (isinstance(name, str) and name.strip()):
        errors.invalid("param name must not be blank")
    changes = {} if description is None else {"description": str(description)}
    audiences.update(visit.db, visit.target(), changes, name)
    return Answer(200, {"success": True})


def _delete(visit: Visit) -> Answer:
    people.clear(visit.db, visit.target()["number"])
    audiences.delete(visit.db, visit.target())
    return Answer(200, {"success": True})


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("POST", _CREATE_AND_LIST): _create,
    ("GET", _CREATE_AND_LIST): _list,
    ("DELETE", _ANY_AUDIENCE): uploads.remove_everywhere,
    ("GET", _NODE): _show,
    ("POST", _NODE): _rename,
    ("DELETE", _NODE): _delete,
    ("POST", _USERS): uploads.edit_users,
    ("DELETE", _USERS): uploads.edit_users,
    ("POST", _REPLACE): uploads.replace_users,
}


class _GraphVersion(Convertor[str]):
    """A path's version prefix, such as v26.0."""

    regex = r"v[0-9]+[.][0-9]"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("graph", _GraphVersion())
