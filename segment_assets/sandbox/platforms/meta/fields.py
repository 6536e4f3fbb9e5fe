"""Reading a call's parameters, and the fields that a custom audience shows.

Parameters come as a JSON body, a form or the query, with objects as JSON text in the latter two.
Not here: what a call does (`graph`), nor the judging of `payload` (`payload`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from segment_assets.sandbox.platforms.kit import audiences
from segment_assets.sandbox.platforms.meta import errors, sessions

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

_OBJECTS = ("payload", "session")
_TOO_SMALL, _HIDDEN_BELOW = 100, 1_000


def parameters(call: Call) -> dict[str, Any]:
    """All parameters of a call; the body's win over the query's. Refuses (100) a body that cannot be read."""
    values: dict[str, Any] = {**call.query, **_body(call)}
    for name in _OBJECTS:
        if isinstance(values.get(name), str):
            values[name] = _json(values[name], f"param {name}")
    return values


def _body(call: Call) -> dict[str, Any]:
    if not call.body:
        return {}
    if "json" not in call.headers.get("content-type", ""):
        try:
            return dict(parse_qsl(call.body.decode(), keep_blank_values=True, strict_parsing=True))
        except ValueError:
            errors.invalid("the body is neither a form nor declared as JSON")
    body = _json(call.body, "the body")
    if not isinstance(body, dict):
        errors.invalid("the body must be a JSON object")
    return body


def _json(text: str | bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        errors.invalid(f"{what} is not valid JSON")


def token(call: Call, values: dict[str, Any]) -> str | None:
    """The access token, from the header or the `access_token` parameter."""
    scheme, _, credential = call.headers.get("authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else values.get("access_token")


def truth(value: object) -> bool:
    """A boolean parameter, as JSON or as form text."""
    return value is True or (isinstance(value, str) and value.lower() in {"true", "1"})


def whole(values: dict[str, Any], name: str, default: int, highest: int) -> int:
    """A whole-number parameter from 1 to `highest`. Refuses (100) anything else."""
    try:
        number = int(values.get(name, default))
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= highest:
        errors.invalid(f"param {name} must be a whole number from 1 to {highest}")
    return number


def wanted_fields(values: dict[str, Any]) -> list[str]:
    """The names in `fields`, comma separated or a JSON list. The id always comes along."""
    asked = values.get("fields") or []
    if isinstance(asked, str):
        asked = _json(asked, "param fields") if asked.startswith("[") else asked.split(",")
    names = ["id", *(str(name).strip() for name in asked)]
    unknown = [name for name in names if name not in _FIELDS]
    if unknown:
        errors.invalid(f"Tried accessing nonexisting field ({unknown[0]}) on node type (CustomAudience)")
    return list(dict.fromkeys(names))


def show(audience: sqlite3.Row, names: list[str], db: sqlite3.Connection, now: float) -> dict[str, Any]:
    """The audience as the Graph API shows it, in the named fields."""
    return {name: _FIELDS[name](audience, db, now) for name in names}


def operation_status(audience: sqlite3.Row, db: sqlite3.Connection, now: float) -> dict[str, Any]:
    """Numeric codes beyond 200 and 471 are reported by third parties only (414 and 415)."""
    if audiences.detail(audience).get("flagged"):
        return {"code": 471, "description": "Flagged for integrity. Edit or appeal in the audience manager"}
    if sessions.open_replace(db, audience["account"], audience["id"], now) is not None:
        return {"code": 414, "description": "Replace in progress"}
    if sessions.newest_replace_failed(db, audience["account"], audience["id"], now):
        return {"code": 415, "description": "Replace error"}
    return {"code": 200, "description": "Normal"}


def _delivery_status(audience: sqlite3.Row) -> dict[str, Any]:
    if audience["people"] < _TOO_SMALL:
        return {"code": 300, "description": "This audience is too small"}
    return {"code": 200, "description": "This audience is ready for use"}


def approximate_counts(people: int) -> tuple[int, int]:
    """The published range: -1 below 100 people, 0 to 1,000 below a thousand, else a range of two figures around it."""
    if people < _TOO_SMALL:
        return -1, -1
    if people < _HIDDEN_BELOW:
        return 0, _HIDDEN_BELOW
    step = 10 ** (len(str(people)) - 2)
    lower = people // step * step
    return lower, max(lower + step, lower * 118 // 100)


def _detail(name: str) -> Any:
    return lambda audience, _db, _now: audiences.detail(audience).get(name)


_FIELDS: dict[str, Any] = {
    "id": lambda audience, _db, _now: audience["id"],
    "account_id": lambda audience, _db, _now: audience["account"],
    "name": lambda audience, _db, _now: audience["name"],
    "subtype": lambda _audience, _db, _now: "CUSTOM",
    "description": _detail("description"),
    "customer_file_source": _detail("customer_file_source"),
    "is_value_based": _detail("is_value_based"),
    "operation_status": operation_status,
    "delivery_status": lambda audience, _db, _now: _delivery_status(audience),
    "approximate_count_lower_bound": lambda audience, _db, _now: approximate_counts(audience["people"])[0],
    "approximate_count_upper_bound": lambda audience, _db, _now: approximate_counts(audience["people"])[1],
    "time_created": lambda audience, _db, _now: int(audience["created"]),
    "time_updated": lambda audience, _db, _now: int(audience["content_updated"]),
    "time_content_updated": lambda audience, _db, _now: int(audience["content_updated"]),
}
