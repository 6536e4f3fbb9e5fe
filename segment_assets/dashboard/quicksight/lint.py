"""What QuickSight would refuse, or take and show wrongly: looked for before anything is sent.

Belongs here: ids, references, types, limits. Not here: what may be added up (`marks`), shapes of the API (botocore
has them, and takes a definition that names a data set or a column which is not there).
Limits: https://docs.aws.amazon.com/quicksight/latest/APIReference, as of botocore 1.44; a test compares them.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.dashboard.quicksight import reading
from segment_assets.dashboard.quicksight.fields import NUMBERS, TIMES
from segment_assets.dashboard.quicksight.marks import wrong_marks
from segment_assets.dashboard.quicksight.reading import Schema
from segment_assets.tables import Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_assets.dashboard.quicksight.fields import Json

__all__ = ["BrokenDefinitionError", "Fault", "Schema", "faults", "refuse_broken"]

SHEETS, VISUALS, DATA_SETS, COMPUTED, GROUPS, NAME, EXPRESSION = 20, 75, 50, 2000, 2000, 128, 32_000
TITLE, SUBTITLE, FIELD_ID = 512, 1024, 512
_ID = re.compile(r"[\w-]{1,512}", re.ASCII)
_WORDS = frozenset({Type.STRING, Type.BOOLEAN})
# Kind of a field -> the types that it takes. A cell of a table takes all.
_TAKES: Mapping[str, frozenset[Type]] = {
    "NumericalDimensionField": NUMBERS,
    "NumericalMeasureField": NUMBERS,
    "DateDimensionField": TIMES,
    "DateMeasureField": TIMES,
    "CategoricalDimensionField": _WORDS,
    "CategoricalMeasureField": _WORDS,
}
_FILTERS = {"CategoryFilter": _WORDS, "NumericEqualityFilter": NUMBERS, "NumericRangeFilter": NUMBERS} | dict.fromkeys(
    ("TimeEqualityFilter", "TimeRangeFilter", "RelativeDatesFilter"), TIMES
)


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """`code` is stable; `where` is an id or a name of the definition, `action` what mends it."""

    code: str
    where: str
    action: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.where}: {self.code.replace('_', ' ')} ({self.action})"


class BrokenDefinitionError(PermanentError):
    """A dashboard's definition that was not sent, with all that is wrong with it."""

    def __init__(self, name: str, found: Iterable[Fault]) -> None:
        self.faults = tuple(found)
        super().__init__(f"QuickSight dashboard {name} is not sent: {'; '.join(map(str, self.faults))}")


def refuse_broken(name: str, definition: Json, schemas: Mapping[str, Schema]) -> None:
    """Raises BrokenDefinitionError with everything that is wrong; `schemas` by identifier of the data set."""
    if found := faults(definition, schemas):
        raise BrokenDefinitionError(name, found)


def faults(definition: Json, schemas: Mapping[str, Schema]) -> list[Fault]:
    """Everything that is wrong with a definition whose shape is right."""
    return [
        *_ids(definition),
        *_identifiers(definition, schemas),
        *_columns(definition, schemas),
        *_types(definition, schemas),
        *_computed(definition, schemas),
        *_references(definition),
        *_scopes(definition),
        *_limits(definition),
        *(Fault(*told) for told in wrong_marks(definition, schemas)),
    ]


def _ids(definition: Json) -> Iterator[Fault]:
    visuals = reading.visuals(definition)
    sheets = definition.get("Sheets", ())
    told = {
        "sheet": [sheet.get("SheetId", "") for sheet in sheets],
        "visual": [visual.id for visual in visuals],
        "filter_group": [group.get("FilterGroupId", "") for group in definition.get("FilterGroups", ())],
        "filter": [body.get("FilterId", "") for _, _, body in reading.filters(definition)],
        "control": [node["ParameterControlId"] for node in reading.nodes(sheets) if "ParameterControlId" in node],
    }
    for kind, ids in told.items():
        yield from (
            Fault(f"invalid_{kind}_id", one, "use letters, digits, - and _") for one in ids if not _ID.fullmatch(one)
        )
        yield from (Fault(f"repeated_{kind}_id", one, "give each its own") for one in _repeated(ids))
    field_ids = [field.field_id for visual in visuals for field in visual.fields()]
    yield from (Fault("repeated_field_id", one, "give each its own") for one in _repeated(field_ids))


def _identifiers(definition: Json, schemas: Mapping[str, Schema]) -> Iterator[Fault]:
    declared = [one.get("Identifier", "") for one in definition.get("DataSetIdentifierDeclarations", ())]
    yield from (Fault("repeated_data_set", one, "declare it once") for one in _repeated(declared))
    unknown = sorted(set(declared) - set(schemas))
    yield from (Fault("unknown_data_set", one, "declare the table in segment_assets.tables") for one in unknown)
    named = {str(node["DataSetIdentifier"]) for node in reading.nodes(definition) if "DataSetIdentifier" in node}
    for one in sorted(named - set(declared)):
        yield Fault("undeclared_data_set", one, "add it to DataSetIdentifierDeclarations")


def _columns(definition: Json, schemas: Mapping[str, Schema]) -> Iterator[Fault]:
    named = [
        (str(node.get("DataSetIdentifier", "")), str(node["ColumnName"]))
        for node in reading.nodes(definition)
        if "ColumnName" in node
    ]
    for data_set, column in dict.fromkeys(named):
        if data_set in schemas and schemas[data_set].type_of(column) is None:
            yield Fault("unknown_column", f"{data_set}.{column}", "name a column that the table declares")


def _types(definition: Json, schemas: Mapping[str, Schema]) -> Iterator[Fault]:
    used = [
        (field.kind, field.field_id, field.data_set, field.column)
        for visual in reading.visuals(definition)
        for field in visual.fields()
    ]
    for _, kind, body in reading.filters(definition):
        column = body.get("Column", {})
        used.append((kind, body.get("FilterId", ""), column.get("DataSetIdentifier", ""), column.get("ColumnName", "")))
    for kind, where, data_set, column in used:
        found = schemas[data_set].type_of(column) if data_set in schemas else None
        taken = {**_TAKES, **_FILTERS}.get(kind)
        if found is not None and taken is not None and found not in taken:
            yield Fault("wrong_type", where, f"{column} is {found.value}, which {kind} does not take")


def _computed(definition: Json, schemas: Mapping[str, Schema]) -> Iterator[Fault]:
    told = definition.get("CalculatedFields", ())
    names = [(str(one.get("DataSetIdentifier", "")), str(one.get("Name", ""))) for one in told]
    yield from (Fault("repeated_field", ".".join(name), "give it another name") for name in _repeated(names))
    for name, one in zip(names, told, strict=True):
        schema = schemas.get(name[0])
        if schema is None:
            continue
        if name[1] in schema.table.column_names():
            yield Fault("hidden_column", ".".join(name), "give it a name that no column has")
        unknown = [each for each in reading.references(one.get("Expression", "")) if schema.type_of(each) is None]
        yield from (Fault("unknown_column", f"{'.'.join(name)} → {each}", "name a declared column") for each in unknown)
    for data_set, schema in schemas.items():
        missing = [name for name in schema.computed if (data_set, name) not in names]
        yield from (Fault("missing_field", f"{data_set}.{name}", "add it to CalculatedFields") for name in missing)


def _references(definition: Json) -> Iterator[Fault]:
    """Fields that a visual sorts by or labels, parameters, and what a layout places."""
    for visual in reading.visuals(definition):
        own = {field.field_id for field in visual.fields()}
        named = {str(node["FieldId"]) for node in reading.nodes(visual.body) if "FieldId" in node}
        yield from (Fault("unknown_field", one, f"{visual.id} has no such field") for one in sorted(named - own))
    declared = [body.get("Name", "") for one in definition.get("ParameterDeclarations", ()) for body in one.values()]
    yield from (Fault("repeated_parameter", one, "declare it once") for one in _repeated(declared))
    asked = {
        str(node[key])
        for node in reading.nodes(definition)
        for key in ("ParameterName", "SourceParameterName")
        if key in node
    }
    for computed in definition.get("CalculatedFields", ()):
        asked |= set(reading.parameters(computed.get("Expression", "")))
    yield from (Fault("undeclared_parameter", one, "declare it") for one in sorted(asked - set(declared)))
    for sheet in definition.get("Sheets", ()):
        there = {body.get("VisualId", "") for one in sheet.get("Visuals", ()) for body in one.values()}
        placed = [node["ElementId"] for node in reading.nodes(sheet.get("Layouts", [])) if "ElementId" in node]
        yield from (Fault("unknown_element", one, "it is not on this sheet") for one in sorted(set(placed) - there))
        yield from (Fault("repeated_element", one, "place it once") for one in _repeated(placed))
        if placed:
            yield from (Fault("unplaced_visual", one, "place it") for one in sorted(there - set(placed)))


def _scopes(definition: Json) -> Iterator[Fault]:
    there = {(visual.sheet, visual.id): visual for visual in reading.visuals(definition)}
    for group in definition.get("FilterGroups", ()):
        for sheet, ids in reading.scope(group):
            for one in ids:
                if (sheet, one) not in there:
                    yield Fault(
                        "unknown_visual", f"{group.get('FilterGroupId', '')} → {one}", "filter one that is there"
                    )


def _limits(definition: Json) -> Iterator[Fault]:
    counted: list[tuple[str, int, int]] = [
        ("sheets", len(definition.get("Sheets", ())), SHEETS),
        ("data sets", len(definition.get("DataSetIdentifierDeclarations", ())), DATA_SETS),
        ("computed fields", len(definition.get("CalculatedFields", ())), COMPUTED),
        ("filter groups", len(definition.get("FilterGroups", ())), GROUPS),
        *((sheet.get("SheetId", ""), len(sheet.get("Visuals", ())), VISUALS) for sheet in definition.get("Sheets", ())),
    ]
    for visual in reading.visuals(definition):
        for part, most in (("Title", TITLE), ("Subtitle", SUBTITLE)):
            text = visual.body.get(part, {}).get("FormatText", {}).get("PlainText", "")
            counted.append((f"{part.lower()} of {visual.id}", len(text), most))
        counted += [(field.field_id, len(field.field_id), FIELD_ID) for field in visual.fields()]
    for one in definition.get("CalculatedFields", ()):
        name = str(one.get("Name", ""))
        counted += [(name, len(name), NAME), (f"expression of {name}", len(one.get("Expression", "")), EXPRESSION)]
    for what, number, most in counted:
        if number > most:
            yield Fault("too_much", what, f"{number} where QuickSight takes {most}")


def _repeated(names: Iterable[object]) -> list[str]:
    counts = collections.Counter(names)
    return sorted(".".join(one) if isinstance(one, tuple) else str(one) for one, number in counts.items() if number > 1)
