"""The visuals of QuickSight that our panels take: bars, lines, points, flows, single numbers, tables.

Belongs here: the JSON of one visual from fields that are chosen already. Not here: choosing them (`drawing`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.dashboard.quicksight.fields import Field, Json

# Characters that the API takes.
TITLE, SUBTITLE = 512, 1024
_HIDDEN, _VISIBLE = {"Visibility": "HIDDEN"}, {"Visibility": "VISIBLE"}


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """What stands around a visual: its id, the question, what the numbers are."""

    id: str
    title: str
    subtitle: str

    def around(self) -> Json:
        """The members that every visual has."""
        made: Json = {
            "VisualId": self.id,
            "Title": {"Visibility": "VISIBLE", "FormatText": {"PlainText": cut(self.title, TITLE)}},
        }
        if self.subtitle:
            made["Subtitle"] = {"Visibility": "VISIBLE", "FormatText": {"PlainText": cut(self.subtitle, SUBTITLE)}}
        return made


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """Which marks come first, and how many are shown."""

    field: str
    direction: str
    most: int

    def of(self, *, limit: str) -> Json:
        """A sort configuration; `limit` is what the visual calls it."""
        return {
            "CategorySort": [{"FieldSort": {"FieldId": self.field, "Direction": self.direction}}],
            limit: {"ItemsLimit": self.most, "OtherCategories": "EXCLUDE"},
        }


@dataclasses.dataclass(frozen=True, slots=True)
class _Arranged:
    """How the values of a category stand: side by side, or on each other."""

    how: str
    category: Field
    values: Sequence[Field]


def bars(words: Words, category: Field, values: Sequence[Field], axis: str, order: Order) -> Json:
    """Horizontal bars, several values side by side."""
    return _bars(words, _wells(words.id, category, values), axis, order, _Arranged("CLUSTERED", category, values))


def parts_of_rows(words: Words, category: Field, values: Sequence[Field], axis: str, order: Order) -> Json:
    """Bars of 100 %, of columns that make up a whole together."""
    arranged = _Arranged("STACKED_PERCENT", category, values)
    return _bars(words, _wells(words.id, category, values), axis, order, arranged)


def parts(words: Words, category: Field, value: Field, part: Field, *, axis: str, order: Order) -> Json:
    """Bars of 100 %, of rows that make up a whole together."""
    wells = _wells(words.id, category, [value]) | {"Colors": [part.dimension(words.id, "color")]}
    return _bars(words, wells, axis, order, _Arranged("STACKED_PERCENT", category, [value]))


def line(words: Words, along: Field, values: Sequence[Field], axis: str) -> Json:
    """A curve and the ends of its interval, with a gap where a number is withheld: it is neither 0 nor known."""
    key = along.id(words.id, "category")
    chart: Json = {
        "FieldWells": {"LineChartAggregatedFieldWells": _wells(words.id, along, values)},
        "SortConfiguration": {"CategorySort": [{"FieldSort": {"FieldId": key, "Direction": "ASC"}}]},
        "Type": "LINE",
        "XAxisLabelOptions": _labels([(key, along)]),
        "PrimaryYAxisDisplayOptions": {"MissingDataConfigurations": [{"TreatmentOption": "SHOW_AS_BLANK"}]},
        "PrimaryYAxisLabelOptions": _value_labels(words.id, values, axis),
        "Legend": _VISIBLE if len(values) > 1 else _HIDDEN,
    }
    return {"LineChartVisual": words.around() | {"ChartConfiguration": chart}}


def points(words: Words, along: Field, value: Field, part: Field | None) -> Json:
    """Points at their places on two number axes: what happens along a quantity that is no whole number."""
    wells: Json = {
        "XAxis": [along.dimension(words.id, "along")],
        "YAxis": [value.dimension(words.id, "value")],
    }
    if part is not None:
        wells["Category"] = [part.dimension(words.id, "color")]
    chart: Json = {
        "FieldWells": {"ScatterPlotUnaggregatedFieldWells": wells},
        "XAxisLabelOptions": _labels([(along.id(words.id, "along"), along)]),
        "YAxisLabelOptions": _labels([(value.id(words.id, "value"), value)]),
    }
    return {"ScatterPlotVisual": words.around() | {"ChartConfiguration": chart}}


def flow(words: Words, source: Field, destination: Field, weight: Field, most: int) -> Json:
    """How many go from where to where: the only visual that adds up, so its weight has to be additive."""
    wells = {
        "Source": [source.dimension(words.id, "source")],
        "Destination": [destination.dimension(words.id, "destination")],
        "Weight": [weight.measure(words.id, "weight", "SUM")],
    }
    limit = {"ItemsLimit": most, "OtherCategories": "INCLUDE"}
    sort = {
        "WeightSort": [{"FieldSort": {"FieldId": weight.id(words.id, "weight"), "Direction": "DESC"}}],
        "SourceItemsLimit": limit,
        "DestinationItemsLimit": limit,
    }
    chart = {"FieldWells": {"SankeyDiagramAggregatedFieldWells": wells}, "SortConfiguration": sort}
    return {"SankeyDiagramVisual": words.around() | {"ChartConfiguration": chart}}


def one_number(words: Words, value: Field) -> Json:
    """A single number."""
    chart = {"FieldWells": {"Values": [value.measure(words.id, "value")]}}
    return {"KPIVisual": words.around() | {"ChartConfiguration": chart}}


def table(words: Words, cells: Sequence[Field]) -> Json:
    """Rows as they are, without a line of totals."""
    chart: Json = {
        "FieldWells": {"TableUnaggregatedFieldWells": {"Values": [cell.cell(words.id) for cell in cells]}},
        "TotalOptions": {"TotalsVisibility": "HIDDEN"},
        "FieldOptions": {
            "SelectedFieldOptions": [
                {"FieldId": cell.id(words.id, "cell"), "CustomLabel": cell.label or cell.of.name} for cell in cells
            ]
        },
    }
    return {"TableVisual": words.around() | {"ChartConfiguration": chart}}


def cut(text: str, most: int) -> str:
    """What the API takes of a text, at a word's end.

    >>> cut("one two three", 9)
    'one two …'
    """
    return text if len(text) <= most else f"{text[: most - 1].rpartition(' ')[0]} …"


def _wells(visual: str, category: Field, values: Sequence[Field]) -> Json:
    return {
        "Category": [category.dimension(visual, "category")],
        "Values": [value.measure(visual, "value") for value in values],
    }


def _bars(words: Words, wells: Json, axis: str, order: Order, arranged: _Arranged) -> Json:
    category, values = arranged.category, arranged.values
    several = len(values) > 1 or "Colors" in wells
    chart: Json = {
        "FieldWells": {"BarChartAggregatedFieldWells": wells},
        "SortConfiguration": order.of(limit="CategoryItemsLimit"),
        "Orientation": "HORIZONTAL",
        "BarsArrangement": arranged.how,
        "CategoryLabelOptions": _labels([(category.id(words.id, "category"), category)]),
        "ValueLabelOptions": _value_labels(words.id, values, axis),
        "Legend": _VISIBLE if several else _HIDDEN,
        "DataLabels": {"Visibility": "HIDDEN" if "Colors" in wells else "VISIBLE"},
    }
    return {"BarChartVisual": words.around() | {"ChartConfiguration": chart}}


def _value_labels(visual: str, values: Sequence[Field], axis: str) -> Json:
    if len(values) == 1:
        return _labels([(values[0].id(visual, "value"), dataclasses.replace(values[0], label=axis))])
    return _labels([(value.id(visual, "value"), value) for value in values])


def _labels(named: Sequence[tuple[str, Field]]) -> Json:
    options: list[dict[str, Any]] = [
        {"CustomLabel": field.label or field.of.name, "ApplyTo": {"FieldId": key, "Column": field.identifier}}
        for key, field in named
    ]
    return {"Visibility": "VISIBLE", "AxisLabelOptions": options}
