"""A page as a dashboard's definition: a sheet of charts, a sheet of their numbers, the week that a reader chooses.

Belongs here: what is on which sheet, where, and the filters over it. Not here: single visuals (`drawing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.dashboard.flow import PARTS
from segment_assets.dashboard.quicksight import drawing, fields
from segment_assets.tables import AUDIENCE_OVERLAP, DELIVERY_SUMMARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from segment_assets.dashboard.pages import Page
    from segment_assets.dashboard.quicksight.drawing import Drawn, Where
    from segment_assets.dashboard.quicksight.fields import Calculated, Json
    from segment_assets.dashboard.quicksight.place import Place
    from segment_assets.tables import Table

CHARTS, NUMBERS = "charts", "numbers"
# The numbers at the top of the overview, which stand above the planning page too.
CARDS = (
    ("customers", "Customers with a join key"),
    ("exposed_customers", "Reached on the publisher in the week"),
    ("matched_converters", "Converted after an impression in the week"),
)
_WITH_CARDS = ("road", "planning")
# QuickSight's grid has 36 columns.
_GRID, _HALF, _THIRD = 36, 18, 12
_HIGH, _LOW = 12, 5


def contents(page: Page, tables: Sequence[Table]) -> Mapping[str, list[Drawn]]:
    """Sheet -> what is drawn on it. `tables`: everything that the page shows, in any of its sections."""
    charts: list[Drawn] = []
    numbers: list[Drawn] = []
    if page.name in _WITH_CARDS and AUDIENCE_OVERLAP in tables:
        charts += [drawing.card(AUDIENCE_OVERLAP, column, words) for column, words in CARDS]
    if DELIVERY_SUMMARY in tables:
        named = [(door, words) for door, (words, _) in PARTS.items()]
        charts.append(drawing.doors(DELIVERY_SUMMARY, named, DELIVERY_SUMMARY.grain))
    for panel in page.panels():
        drawn, table = drawing.drawn(panel)
        charts += drawn
        numbers.append(table)
    declared = set(page.tables())
    numbers += [drawing.whole_table(table) for table in tables if table.name not in declared]
    return {CHARTS: charts, NUMBERS: numbers}


def computed(page: Page, tables: Sequence[Table]) -> Mapping[str, Mapping[str, Calculated]]:
    """Table -> computed field by name, for every table that the page shows."""
    found: dict[str, dict[str, Calculated]] = {table.name: {} for table in _used(contents(page, tables))}
    for drawn in _all(contents(page, tables)):
        found[drawn.table.name] |= {field.name: field for field in drawn.computed}
    chosen = _chosen_from(contents(page, tables))
    if chosen is not None:
        found[chosen.name][fields.WEEK] = fields.choices(chosen)
    return found


def definition(page: Page, tables: Sequence[Table], place: Place) -> Json:
    """The definition of a page's dashboard, as CreateDashboard takes it."""
    sheets = contents(page, tables)
    chosen = _chosen_from(sheets)
    made: Json = {
        "DataSetIdentifierDeclarations": [
            {"Identifier": table.name, "DataSetArn": place.arn("dataset", table.name)} for table in _used(sheets)
        ],
        "Sheets": [_sheet(name, page, drawn, chosen) for name, drawn in sheets.items() if drawn],
        "CalculatedFields": [
            {"DataSetIdentifier": table, "Name": field.name, "Expression": field.expression}
            for table, named in computed(page, tables).items()
            for field in named.values()
        ],
        "FilterGroups": list(_filters(page.name, sheets)),
    }
    if chosen is not None:
        made["ParameterDeclarations"] = [
            {
                "StringParameterDeclaration": {
                    "ParameterValueType": "SINGLE_VALUED",
                    "Name": fields.PARAMETER,
                    "DefaultValues": {"StaticValues": [fields.NEWEST]},
                }
            }
        ]
    return made


def _all(sheets: Mapping[str, Sequence[Drawn]]) -> list[Drawn]:
    return [drawn for of_sheet in sheets.values() for drawn in of_sheet]


def _chosen_from(sheets: Mapping[str, Sequence[Drawn]]) -> Table | None:
    """The table whose weeks can be chosen: one of several rows a week, which has the newest by name and by date."""
    weekly = [drawn.table for drawn in _all(sheets) if _is_weekly(drawn)]
    return next((table for table in weekly if len(table.grain) > 1), weekly[0] if weekly else None)


def _is_weekly(drawn: Drawn) -> bool:
    return any(one.column == fields.SHOWN for one in drawn.where)


def _used(sheets: Mapping[str, Sequence[Drawn]]) -> list[Table]:
    return sorted({drawn.table.name: drawn.table for drawn in _all(sheets)}.values(), key=lambda table: table.name)


def _sheet(name: str, page: Page, drawn: Sequence[Drawn], chosen: Table | None) -> Json:
    sheet_id = f"{page.name}-{name}"
    sheet: Json = {
        "SheetId": sheet_id,
        "Name": page.menu if name == CHARTS else "The numbers",
        "Title": f"{page.menu}: {page.title}",
        "ContentType": "INTERACTIVE",
        "Visuals": [one.visual for one in drawn],
        "Layouts": [{"Configuration": {"GridLayout": {"Elements": list(_placed(drawn))}}}],
    }
    if chosen is not None and any(map(_is_weekly, drawn)):
        sheet["ParameterControls"] = [{"Dropdown": _control(sheet_id, chosen)}]
    return sheet


def _control(sheet_id: str, chosen: Table) -> Json:
    """One week for all tables: their newest weeks may be different ones."""
    return {
        "ParameterControlId": f"{sheet_id}-week",
        "Title": "Reporting week",
        "SourceParameterName": fields.PARAMETER,
        "Type": "SINGLE_SELECT",
        "SelectableValues": {
            "LinkToDataSetColumn": {"DataSetIdentifier": chosen.name, "ColumnName": fields.WEEK},
        },
        "DisplayOptions": {"SelectAllOptions": {"Visibility": "HIDDEN"}},
    }


def _placed(drawn: Iterable[Drawn]) -> Iterable[Json]:
    """Left to right, then down."""
    column = row = height = 0
    for one in drawn:
        span = _GRID if one.wide else _THIRD if one.low else _HALF
        rows = _LOW if one.low else _HIGH
        if column + span > _GRID or (column and rows != height):
            column, row = 0, row + height
        yield {
            "ElementId": one.id,
            "ElementType": "VISUAL",
            "ColumnIndex": column,
            "ColumnSpan": span,
            "RowIndex": row,
            "RowSpan": rows,
        }
        column, height = column + span, rows


def _filters(page: str, sheets: Mapping[str, Sequence[Drawn]]) -> Iterable[Json]:
    """One group for each table and condition, over exactly the visuals that ask for it."""
    asked: dict[tuple[str, Where], dict[str, list[str]]] = {}
    for name, drawn in sheets.items():
        for one in drawn:
            for where in one.where:
                asked.setdefault((one.table.name, where), {}).setdefault(name, []).append(one.id)
    numbers: dict[tuple[str, str], int] = {}
    for (table, where), by_sheet in sorted(asked.items(), key=lambda pair: repr(pair[0])):
        number = numbers[table, where.column] = numbers.get((table, where.column), 0) + 1
        group = f"{table}-{where.column}-{number}"
        yield {
            "FilterGroupId": group,
            "Filters": [_filter(table, where, f"{group}-filter")],
            "ScopeConfiguration": {
                "SelectedSheets": {
                    "SheetVisualScopingConfigurations": [
                        {"SheetId": f"{page}-{name}", "Scope": "SELECTED_VISUALS", "VisualIds": visuals}
                        for name, visuals in by_sheet.items()
                    ]
                }
            },
            "Status": "ENABLED",
            "CrossDataset": "SINGLE_DATASET",
        }


def _filter(table: str, where: Where, filter_id: str) -> Json:
    common: Json = {"FilterId": filter_id, "Column": {"DataSetIdentifier": table, "ColumnName": where.column}}
    if isinstance(where.values[0], int):
        equals = {"Value": float(where.values[0]), "MatchOperator": "EQUALS", "NullOption": "NON_NULLS_ONLY"}
        return {"NumericEqualityFilter": common | equals}
    way = "DOES_NOT_CONTAIN" if where.is_not else "CONTAINS"
    listed = {"MatchOperator": way, "CategoryValues": list(where.values)}
    return {"CategoryFilter": common | {"Configuration": {"FilterListConfiguration": listed}}}
