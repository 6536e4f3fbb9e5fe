"""What a mark of a chart stands for: one row, or a sum that the table declares to be one.

Belongs here: aggregation, stacking, gaps. Not here: ids and references (`lint`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_assets.dashboard.quicksight import reading
from segment_assets.tables.adding import Adds, adds_up, wholes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.dashboard.quicksight.fields import Json
    from segment_assets.dashboard.quicksight.reading import Schema, Used, Visual
    from segment_assets.tables import Column

_SUMS = frozenset({"SUM", "AVERAGE"})
_WEEK = "reporting_week"
_WITH_TOTALS = re.compile(r"never add up with `\(all\)`")
Told = tuple[str, str, str]


def wrong_marks(definition: Json, schemas: Mapping[str, Schema]) -> Iterator[Told]:
    """(code, where, action) of every mark that would say something wrong."""
    for visual in reading.visuals(definition):
        known = _known(definition, visual, schemas)
        for field in visual.fields():
            if field.is_measure and field.data_set in schemas:
                yield from _measured(field, schemas[field.data_set], known)
        yield from _stacked(visual, schemas)
        yield from _gaps(visual)


def _known(definition: Json, visual: Visual, schemas: Mapping[str, Schema]) -> set[str]:
    """Columns of which a mark has one value: those that marks are told apart by, and those that a filter holds."""
    found: set[str] = set()
    for field in visual.fields():
        if not field.is_measure and field.data_set in schemas:
            found.update(schemas[field.data_set].stands_for(field.column))
    for group, kind, body in reading.filters(definition):
        over = any(visual.id in ids for sheet, ids in reading.scope(group) if sheet == visual.sheet)
        column = body.get("Column", {})
        if over and reading.leaves_one_value(kind, body) and column.get("DataSetIdentifier") in schemas:
            found.update(schemas[column["DataSetIdentifier"]].stands_for(column.get("ColumnName", "")))
    return found


def _measured(field: Used, schema: Schema, known: set[str]) -> Iterator[Told]:
    open_ = [name for name in schema.table.grain if name not in known]
    if not open_ or field.kind != "NumericalMeasureField":
        return
    if field.aggregation in {"COUNT", "DISTINCT_COUNT"}:
        return
    if field.aggregation not in _SUMS:
        yield ("several_rows", field.field_id, f"a mark stands for all of {', '.join(open_)}: tell them apart")
        return
    column = _column(schema, field.column)
    if column is None or not _may_be_summed(column, schema, set(open_)):
        action = f"{field.column} does not add up over {', '.join(open_)}: tell them apart, or show a table"
        yield ("non_additive_sum", field.field_id, action)


def _may_be_summed(column: Column, schema: Schema, over: set[str]) -> bool:
    """Weeks are never added up except of what adds up over everything; nor parts together with their `(all)`."""
    adds = adds_up(column)
    if adds is not Adds.IN_PART:
        return adds is Adds.YES
    if _WITH_TOTALS.search(column.description):
        return not {one.name for one in schema.table.columns if "`(all)`" in one.description} & over
    return _WEEK not in over and len(over) == 1


def _stacked(visual: Visual, schemas: Mapping[str, Schema]) -> Iterator[Told]:
    """A stack adds up what it shows, whatever the aggregation is."""
    chart = visual.body.get("ChartConfiguration", {})
    if not str(chart.get("BarsArrangement", "")).startswith("STACKED"):
        return
    measures = [field for field in visual.fields() if field.is_measure and field.data_set in schemas]
    columns = {field.column for field in measures}
    if len(columns) > 1:
        tables = [schemas[field.data_set].table for field in measures]
        if not any(columns == set(parts) for table in tables for parts in wholes(table).values()):
            yield ("non_additive_stack", visual.id, "stack columns that an invariant says make up a whole")
        return
    for field in measures:
        schema, column = schemas[field.data_set], _column(schemas[field.data_set], field.column)
        is_share = any(f"sum({field.column})" in text for text in schema.table.invariants)
        if column is None or not (is_share or adds_up(column) in {Adds.YES, Adds.IN_PART}):
            yield ("non_additive_stack", visual.id, f"{field.column} does not add up: set the bars side by side")


def _gaps(visual: Visual) -> Iterator[Told]:
    """A withheld number is neither 0 nor on the line between its neighbours."""
    if visual.kind == "LineChartVisual":
        axis = visual.body.get("ChartConfiguration", {}).get("PrimaryYAxisDisplayOptions", {})
        told = [one.get("TreatmentOption") for one in axis.get("MissingDataConfigurations", ())]
        if told != ["SHOW_AS_BLANK"]:
            yield ("invented_numbers", visual.id, "show what is missing as blank")
    total = visual.body.get("ChartConfiguration", {}).get("TotalOptions", {}).get("TotalsVisibility", "HIDDEN")
    if visual.kind == "TableVisual" and total != "HIDDEN":
        yield ("non_additive_total", visual.id, "show no line of totals")


def _column(schema: Schema, name: str) -> Column | None:
    return next((column for column in schema.table.columns if column.name == name), None)
