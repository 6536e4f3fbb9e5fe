"""A REST service of AWS by its model in botocore: which operation a call is, whether request and answer fit.

Belongs here: members, types, enums, lengths, ranges and patterns (botocore's own validator checks few of these).
Not here: what any operation does.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PLACE = re.compile(r"\{(\w+)\}")
_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str, "boolean": bool, "integer": int, "long": int, "double": (int, float), "float": (int, float),
    "timestamp": dt.datetime, "list": list, "map": dict, "structure": dict,
}  # fmt: skip


class Misfit(Exception):  # noqa: N818 - an answer on its way up
    """A request does not fit the model. `fields` are the places."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


@dataclasses.dataclass(frozen=True, slots=True)
class _Route:
    operation: str
    method: str
    path: re.Pattern[str]
    names: tuple[str, ...]


class Model:
    """Some operations of a rest-json service."""

    def __init__(self, service: str, operations: Sequence[str]) -> None:
        from botocore import loaders, model

        self._model = model.ServiceModel(loaders.create_loader().load_service_model(service, "service-2"), service)
        self._routes = [self._route(name) for name in operations]

    def _route(self, operation: str) -> _Route:
        http = self._model.operation_model(operation).http
        path = re.compile(_PLACE.sub(r"([^/]+)", http["requestUri"]))
        return _Route(operation, http["method"], path, tuple(_PLACE.findall(http["requestUri"])))

    def matched(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """The operation of a call and what its path names, None where there is none. `path` is as on the wire."""
        for route in self._routes:
            if route.method == method and (found := route.path.fullmatch(path)):
                return route.operation, dict(zip(route.names, map(unquote, found.groups()), strict=True))
        return None

    def request(
        self, operation: str, named: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        """The parameters of a call. Raises Misfit."""
        shape = self._model.operation_model(operation).input_shape
        try:
            told = json.loads(body) if body else {}
        except ValueError:
            raise Misfit(["body"]) from None
        parameters: dict[str, Any] = dict(told) if isinstance(told, dict) else {}
        for name, member in shape.members.items():
            place, key = member.serialization.get("location"), member.serialization.get("name", name)
            if place == "uri":
                parameters[name] = _read(member, named[key])
            elif place == "querystring" and key in query:
                parameters[name] = _read(member, query[key])
        if wrong := list(_misfits(shape, parameters, "")):
            raise Misfit(wrong)
        return parameters

    def answer(self, operation: str, told: dict[str, Any]) -> bytes:
        """The body of an answer; one that does not fit is a defect of the stand-in."""
        return _written(self._model.operation_model(operation).output_shape, told)

    def error(self, operation: str, code: str, told: dict[str, Any]) -> tuple[int, bytes]:
        """Status and body of a documented error of an operation."""
        shapes = {shape.name: shape for shape in self._model.operation_model(operation).error_shapes}
        return int(shapes[code].metadata["error"]["httpStatusCode"]), _written(shapes[code], told)


def _read(member: Any, text: str) -> Any:
    is_number = member.type_name in {"integer", "long"} and text.isdecimal()
    return int(text) if is_number else text


def _written(shape: Any, told: dict[str, Any]) -> bytes:
    if wrong := list(_misfits(shape, told, "")):
        raise AssertionError(f"the stand-in's {shape.name} does not fit the model at {', '.join(wrong)}")
    return json.dumps(told, default=lambda moment: moment.timestamp()).encode()


def _misfits(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Places of a value that do not fit its shape."""
    kind, here = shape.type_name, where or "body"
    expected: Any = _KINDS[kind]
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
        yield here
        return
    if kind == "structure":
        yield from _members(shape, value, where)
    elif kind == "list":
        for place, part in enumerate(value):
            yield from _misfits(shape.member, part, f"{where}[{place}]")
    elif kind == "map":
        for key, part in value.items():
            yield from _misfits(shape.key, key, f"{where} key")
            yield from _misfits(shape.value, part, f"{where} value")
    if not _within(shape, value):
        yield here


def _members(shape: Any, value: Mapping[str, Any], where: str) -> Iterator[str]:
    dot = f"{where}." if where else ""
    yield from (f"{dot}{name}" for name in value if name not in shape.members)
    yield from (f"{dot}{name}" for name in shape.required_members if name not in value)
    if shape.is_tagged_union and len(value) != 1:
        yield where
    for name, part in value.items():
        if name in shape.members:
            yield from _misfits(shape.members[name], part, f"{dot}{name}")


def _within(shape: Any, value: Any) -> bool:
    limits = shape.metadata
    size = value if isinstance(value, (int, float)) else len(value) if isinstance(value, (str, list, dict)) else None
    if size is not None and not limits.get("min", size) <= size <= limits.get("max", size):
        return False
    if limits.get("enum") and value not in limits["enum"]:
        return False
    pattern = limits.get("pattern")
    return not pattern or re.fullmatch(pattern, value, re.ASCII) is not None
