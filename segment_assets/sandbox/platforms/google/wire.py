"""Reading JSON as proto3 does: both spellings of a field's name, enums by name or number, nothing that is not declared.

Belongs here: the reader and the kinds of fields. Not here: the API's messages (`messages`), nor what values mean.
Source: the proto3 JSON mapping (protobuf.dev/programming-guides/json) and the wording of Google's API front end.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google.errors import Violation, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

_DURATION = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_BITS = {"TYPE_INT32": 31, "TYPE_INT64": 63}


class Kind(enum.StrEnum):
    """A field's kind, in the words of the front end's refusals. `ANY` is read without a look inside."""

    STRING = "TYPE_STRING"
    BOOL = "TYPE_BOOL"
    INT32 = "TYPE_INT32"
    INT64 = "TYPE_INT64"
    TIMESTAMP = "type.googleapis.com/google.protobuf.Timestamp"
    DURATION = "type.googleapis.com/google.protobuf.Duration"
    ANY = "TYPE_MESSAGE"


@dataclasses.dataclass(frozen=True, slots=True)
class EnumOf:
    """An enum: its name, and the names of its values in the order of their numbers, from 0 without a gap."""

    name: str
    values: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of a message. Fields with the same `oneof` exclude each other."""

    kind: Kind | EnumOf | Message
    repeated: bool = False
    oneof: str = ""


class Message:
    """A message: its fields by their snake_case names."""

    def __init__(self, **fields: Field) -> None:
        self.fields = fields
        self.names = {name: name for name in fields} | {camel(name): name for name in fields}


def camel(name: str) -> str:
    """The JSON spelling of a field's name: `user_data` becomes `userData`."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def to_json(values: Any) -> Any:
    """Values that were read, in JSON's spelling of names again."""
    if isinstance(values, dict):
        return {camel(name): to_json(value) for name, value in values.items()}
    return values


def read_body(body: bytes, message: Message) -> dict[str, Any]:
    """A request's body with snake_case names; absent fields stay absent. Refuses what the message does not declare."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        unreadable([Violation("", "Invalid JSON payload received. Unexpected token.")])
    reader = _Reader()
    found = reader.message(value, message, "")
    if reader.violations:
        unreadable(reader.violations)
    return found


def read_query(query: Mapping[str, str], message: Message) -> dict[str, Any]:
    """A request's query, likewise. What every Google API understands (`$alt`, `key`) is passed over."""
    own = {name: text for name, text in query.items() if name not in _EVERYWHERE}
    reader = _Reader()
    values: dict[str, Any] = {name: _query_value(text, message, name) for name, text in own.items()}
    found = reader.message(values, message, "")
    if reader.violations:
        unreadable(reader.violations)
    return found


_EVERYWHERE = frozenset({"$alt", "alt", "key", "prettyPrint", "$prettyPrint", "quotaUser", "$.xgafv"})


def _query_value(text: str, message: Message, name: str) -> object:
    field = message.fields.get(message.names.get(name, ""))
    if field is not None and field.kind is Kind.BOOL:
        return {"true": True, "false": False}.get(text, text)
    return text


class _Bad(Exception):  # noqa: N818  never leaves this module
    """A value that its field cannot hold."""


class _Reader:
    """Reads one request and collects what is wrong with it."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def message(self, value: object, message: Message, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._invalid_value(path, "TYPE_MESSAGE")
            return {}
        found: dict[str, Any] = {}
        for key, content in value.items():
            name = message.names.get(key)
            if name is None:
                self._unknown(key, path)
            elif content is not None:
                self._refuse_second_choice(key, name, message, found, path)
                found[name] = self._field(content, message.fields[name], f"{path}.{name}" if path else name)
        return found

    def _refuse_second_choice(self, key: str, name: str, message: Message, found: dict[str, Any], path: str) -> None:
        oneof = message.fields[name].oneof
        if name in found or (oneof and any(message.fields[other].oneof == oneof for other in found)):
            where = f" at '{path}'" if path else ""
            words = f"oneof field '{oneof}' is already set. Cannot set '{key}'" if oneof else "Proto field is set twice"
            self.violations.append(Violation(path, f"Invalid value{where}: {words}"))

    def _field(self, content: object, field: Field, path: str) -> Any:
        if not field.repeated:
            return self._single(content, field.kind, path)
        if not isinstance(content, list):
            content = [content]  # the front end takes a lone value for a list of one
        return [self._single(one, field.kind, f"{path}[{number}]") for number, one in enumerate(content)]

    def _single(self, content: object, kind: Kind | EnumOf | Message, path: str) -> Any:
        if isinstance(kind, Message):
            return self.message(content, kind, path)
        try:
            return _enum(content, kind) if isinstance(kind, EnumOf) else _SCALARS[kind](content, kind)
        except _Bad:
            shown = f", {json.dumps(content)}" if isinstance(kind, EnumOf) else ""
            self._invalid_value(path, kind.name if isinstance(kind, EnumOf) else kind.value, shown)
            return None

    def _invalid_value(self, path: str, kind: str, shown: str = "") -> None:
        self.violations.append(Violation(path, f"Invalid value at '{path}' ({kind}){shown}"))

    def _unknown(self, key: str, path: str) -> None:
        where = f" at '{path}'" if path else ""
        words = f'Invalid JSON payload received. Unknown name "{key}"{where}: Cannot find field.'
        self.violations.append(Violation(path, words))


def _enum(content: object, kind: EnumOf) -> str:
    if isinstance(content, str) and content in kind.values:
        return content
    if isinstance(content, int) and not isinstance(content, bool) and 0 <= content < len(kind.values):
        return kind.values[content]
    raise _Bad


def _string(content: object, _kind: Kind) -> str:
    """Text that is valid UTF-8: JSON can escape half a surrogate pair, a proto cannot hold it."""
    if not isinstance(content, str):
        raise _Bad
    try:
        content.encode()
    except UnicodeEncodeError:
        raise _Bad from None
    return content


def _bool(content: object, _kind: Kind) -> bool:
    if not isinstance(content, bool):
        raise _Bad
    return content


def _int(content: object, kind: Kind) -> int:
    """Proto3 takes a whole number as a JSON number or as text."""
    is_text = isinstance(content, str) and _WHOLE.fullmatch(content) is not None
    if not is_text and (not isinstance(content, int) or isinstance(content, bool)):
        raise _Bad
    number = int(content)  # type: ignore[call-overload]
    if not -(2 ** _BITS[kind]) <= number < 2 ** _BITS[kind]:
        raise _Bad
    return int(number)


def _timestamp(content: object, _kind: Kind) -> float:
    """Seconds since the epoch. RFC 3339 wants an offset or Z."""
    try:
        moment = datetime.fromisoformat(content)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _Bad from None
    if moment.tzinfo is None:
        raise _Bad
    return moment.timestamp()


def _duration(content: object, _kind: Kind) -> float:
    if not isinstance(content, str) or _DURATION.fullmatch(content) is None:
        raise _Bad
    return float(content[:-1])


_SCALARS: dict[Kind, Any] = {
    Kind.STRING: _string,
    Kind.BOOL: _bool,
    Kind.INT32: _int,
    Kind.INT64: _int,
    Kind.TIMESTAMP: _timestamp,
    Kind.DURATION: _duration,
    Kind.ANY: lambda content, _kind: content,
}
