"""A definition read: its fields, filters and visuals, wherever they stand in it.

Belongs here: finding. Not here: what is wrong (`lint`, `marks`).
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.dashboard.quicksight.fields import Calculated, Json
    from segment_assets.tables import Table, Type

_REFERENCE = re.compile(r"(?<!\$)\{([^{}]+)\}")
_PARAMETER = re.compile(r"\$\{([^{}]+)\}")
_DECLARES = re.compile(r"DimensionField$|MeasureField$")


@dataclasses.dataclass(frozen=True, slots=True)
class Schema:
    """What a data set has: its table's columns, and computed fields by name."""

    table: Table
    computed: Mapping[str, Calculated]

    def type_of(self, name: str) -> Type | None:
        """None for a name that it has not."""
        if name in self.computed:
            return self.computed[name].type
        return next((column.type for column in self.table.columns if column.name == name), None)

    def stands_for(self, name: str) -> tuple[str, ...]:
        """The columns that are known where a field is."""
        return self.computed[name].stands_for if name in self.computed else (name,)


@dataclasses.dataclass(frozen=True, slots=True)
class Used:
    """A field of a visual: what kind of field it is there (`cell` in a table), and what is made of its rows."""

    kind: str
    field_id: str
    data_set: str
    column: str
    aggregation: str = ""

    @property
    def is_measure(self) -> bool:
        """Whether several rows become one number."""
        return self.kind.endswith("MeasureField")


@dataclasses.dataclass(frozen=True, slots=True)
class Visual:
    """A visual, on which sheet it stands."""

    kind: str
    id: str
    sheet: str
    body: Json

    def fields(self) -> list[Used]:
        """In the order of the definition."""
        return list(_fields(self.body, ""))


def visuals(definition: Json) -> list[Visual]:
    """All visuals of all sheets."""
    return [
        Visual(kind, str(body.get("VisualId", "")), str(sheet.get("SheetId", "")), body)
        for sheet in definition.get("Sheets", ())
        for one in sheet.get("Visuals", ())
        for kind, body in one.items()
    ]


def nodes(value: Any) -> Iterator[Json]:
    """Every object within a value, outermost first."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from nodes(part)


def references(expression: str) -> list[str]:
    """The fields that an expression names.

    >>> references("ifelse({a} = 1, {b}, 'x')")
    ['a', 'b']
    """
    return _REFERENCE.findall(expression)


def parameters(expression: str) -> list[str]:
    """The parameters that an expression asks for.

    >>> parameters("ifelse(${Week} = {a}, 1, 0)")
    ['Week']
    """
    return _PARAMETER.findall(expression)


def filters(definition: Json) -> Iterator[tuple[Json, str, Json]]:
    """(group, kind, filter) of every filter."""
    for group in definition.get("FilterGroups", ()):
        for one in group.get("Filters", ()):
            for kind, body in one.items():
                yield group, kind, body


def scope(group: Json) -> list[tuple[str, Sequence[str]]]:
    """(sheet, visuals) that a group of filters is over."""
    chosen = group.get("ScopeConfiguration", {}).get("SelectedSheets", {}).get("SheetVisualScopingConfigurations", ())
    return [(one.get("SheetId", ""), one.get("VisualIds", ())) for one in chosen]


def leaves_one_value(kind: str, body: Json) -> bool:
    """Whether a filter lets one value of its column through."""
    if kind == "NumericEqualityFilter":
        return bool(body.get("MatchOperator") == "EQUALS")
    if kind != "CategoryFilter":
        return False
    told = body.get("Configuration", {})
    listed, custom = told.get("FilterListConfiguration"), told.get("CustomFilterConfiguration")
    if listed:
        return listed.get("MatchOperator") == "CONTAINS" and len(listed.get("CategoryValues", ())) == 1
    return bool(custom and custom.get("MatchOperator") == "EQUALS")


def _fields(value: Any, key: str) -> Iterator[Used]:
    if isinstance(value, list):
        for part in value:
            yield from _fields(part, key)
        return
    if not isinstance(value, dict):
        return
    is_cell = key == "Values" and "FieldId" in value
    if (_DECLARES.search(key) or is_cell) and "FieldId" in value:
        column = value.get("Column", {})
        how = value.get("AggregationFunction", {})
        simple = how.get("SimpleNumericalAggregation", "") if isinstance(how, dict) else str(how)
        names = (str(column.get("DataSetIdentifier", "")), str(column.get("ColumnName", "")))
        yield Used("cell" if is_cell else key, str(value["FieldId"]), *names, str(simple))
        return
    for name, part in value.items():
        yield from _fields(part, name)
