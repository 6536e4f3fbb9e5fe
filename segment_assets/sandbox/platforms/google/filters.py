"""The part of the list's `filter` language (AIP-160) that finds lists by what their owner set.

Simulated: `=`, `!=` and `AND` on the fields below, in either spelling; other operators are refused as INVALID_FILTER.
Not here: the fields' values (`lists`).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.google.errors import invalid_field
from segment_assets.sandbox.platforms.google.wire import camel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIELDS = ("id", "display_name", "description", "membership_status", "integration_code", "access_reason")
_SPELLINGS = {name: name for name in _FIELDS} | {camel(name): name for name in _FIELDS}
_CONDITION = re.compile(r'\s*(?P<field>[A-Za-z_]+)\s*(?P<operator>!?=)\s*(?P<value>"(?:[^"\\]|\\.)*"|[^\s"]+)\s*')


def parse(text: str) -> Callable[[Mapping[str, str]], bool]:
    """A judge of one list's fields, given by their snake_case names. Refuses what it cannot read."""
    conditions: list[tuple[str, bool, str]] = []
    rest = text
    while rest:
        match = _CONDITION.match(rest)
        field = None if match is None else _SPELLINGS.get(match["field"])
        if match is None or field is None:
            invalid_field("filter", "The filter is not valid.", "INVALID_FILTER")
        conditions.append((field, match["operator"] == "=", _value(match["value"])))
        rest = rest[match.end() :]
        if rest and (re.match(r"AND\s", rest) is None or not rest[3:].strip()):
            invalid_field("filter", "The filter is not valid.", "INVALID_FILTER")
        rest = rest[3:]
    return lambda fields: all((fields.get(field, "") == value) is equal for field, equal, value in conditions)


def _value(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        invalid_field("filter", "The filter is not valid.", "INVALID_FILTER")
