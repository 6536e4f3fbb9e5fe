"""Columns in the words of a visual: dimensions, measures, cells; how their numbers are written; computed fields.

Belongs here: one field. Not here: a whole visual (`visuals`), which fields a panel has (`drawing`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError
from segment_assets.dashboard.units import Unit
from segment_assets.tables import Column, Table, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = dict[str, Any]

# An absent number is unknown: neither 0 nor QuickSight's word `null`.
NOTHING = "\N{EN DASH}"
# What a reader chooses, what it is called there, and the field that says whether a row is of it.
PARAMETER, WEEK, SHOWN, NEWEST = "Week", "week", "of_the_week", "newest"
_NEWEST_HERE = "{reporting_week} = maxOver({reporting_week}, [], PRE_FILTER)"
_WRITTEN = "formatDate({reporting_week}, 'yyyy-MM-dd')"
# Athena's types as QuickSight calls them: docs.aws.amazon.com/quicksight/latest/user/supported-data-types.html. It has
# none for bytes.
TYPES: Mapping[Type, str] = {
    Type.STRING: "STRING",
    Type.INTEGER: "INTEGER",
    Type.DOUBLE: "DECIMAL",
    Type.BOOLEAN: "BOOLEAN",
    Type.DATE: "DATETIME",
    Type.TIMESTAMP: "DATETIME",
}
NUMBERS = frozenset({Type.INTEGER, Type.DOUBLE})
TIMES = frozenset({Type.DATE, Type.TIMESTAMP})
_PLACES = {Unit.SHARE: 1, Unit.POINTS: 2, Unit.RATIO: 2, Unit.P_VALUE: 3, Unit.HOURS: 1, Unit.EUR: 2}


@dataclasses.dataclass(frozen=True, slots=True)
class Calculated:
    """A field that QuickSight computes. `stands_for`: columns that are known where its value is known."""

    name: str
    type: Type
    expression: str
    stands_for: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A column or a computed field of a data set, with its unit. `label` is what a reader sees."""

    table: Table
    of: Column | Calculated
    unit: Unit = Unit.WORD
    label: str = ""

    def id(self, visual: str, role: str) -> str:
        """Unique over a dashboard, as QuickSight wants ids of fields."""
        return f"{visual}.{role}.{self.of.name}"

    @property
    def identifier(self) -> Json:
        """The column, as every reference names it."""
        return {"DataSetIdentifier": self.table.name, "ColumnName": self.of.name}

    def dimension(self, visual: str, role: str) -> Json:
        """To tell marks apart by."""
        field: Json = {"FieldId": self.id(visual, role), "Column": self.identifier}
        if self.of.type in NUMBERS:
            return {
                "NumericalDimensionField": field | {"FormatConfiguration": {"FormatConfiguration": number(self.unit)}}
            }
        if self.of.type in TIMES:
            return {"DateDimensionField": field | {"DateGranularity": "DAY", "FormatConfiguration": _date()}}
        return {"CategoricalDimensionField": field}

    def measure(self, visual: str, role: str, aggregation: str = "MAX") -> Json:
        """What is drawn. A mark stands for one row, of which MAX is the number; of several it is never a sum."""
        return {
            "NumericalMeasureField": {
                "FieldId": self.id(visual, role),
                "Column": self.identifier,
                "AggregationFunction": {"SimpleNumericalAggregation": aggregation},
                "FormatConfiguration": {"FormatConfiguration": number(self.unit)},
            }
        }

    def cell(self, visual: str) -> Json:
        """A column of a table visual."""
        cell: Json = {"FieldId": self.id(visual, "cell"), "Column": self.identifier}
        if self.of.type in NUMBERS:
            form: Json = {"NumberFormatConfiguration": {"FormatConfiguration": number(self.unit)}}
        elif self.of.type in TIMES:
            form = {"DateTimeFormatConfiguration": _date()}
        else:
            form = {"StringFormatConfiguration": _nothing()}
        return cell | {"FormatConfiguration": form}


def input_columns(table: Table) -> list[Json]:
    """The columns of a data set. Raises PermanentError for a type that QuickSight has not."""
    unknown = [column.name for column in table.columns if column.type not in TYPES]
    if unknown:
        raise PermanentError(
            f"{table.name}: QuickSight has no type for {', '.join(unknown)}; show a table without digests"
        )
    return [{"Name": column.name, "Type": TYPES[column.type]} for column in table.columns]


def number(unit: Unit) -> Json:
    """A number's form: shares as per cent, amounts with their currency, thousands apart."""
    common: Json = {
        "SeparatorConfiguration": {
            "DecimalSeparator": "DOT",
            "ThousandsSeparator": {"Symbol": "COMMA", "Visibility": "VISIBLE"},
        },
        "DecimalPlacesConfiguration": {"DecimalPlaces": _PLACES.get(unit, 0)},
        **_nothing(),
    }
    if unit in {Unit.SHARE, Unit.POINTS}:
        return {"PercentageDisplayFormatConfiguration": common}
    if unit is Unit.EUR:
        return {"CurrencyDisplayFormatConfiguration": common | {"Symbol": "EUR", "NumberScale": "NONE"}}
    suffix = {"Suffix": " h"} if unit is Unit.HOURS else {}
    return {"NumberDisplayFormatConfiguration": common | {"NumberScale": "NONE"} | suffix}


def shown() -> Calculated:
    """1 for rows of the week that a reader chose, of the table's own newest for `newest`, else 0.

    Dates are compared as what they are in every table: where only the newest week had a name instead of its date, a
    table that was a week behind had no row for a date that others had.
    """
    newest, dated = f"${{{PARAMETER}}} = '{NEWEST}' AND {_NEWEST_HERE}", f"${{{PARAMETER}}} = {_WRITTEN}"
    return Calculated(SHOWN, Type.INTEGER, f"ifelse({newest}, 1, {dated}, 1, 0)", ("reporting_week",))


def choices(table: Table) -> Calculated:
    """What can be chosen: `newest`, and the date of every week.

    A row has one value, so the first row of the newest week has the word and its others have the date. A table of one
    row a week has no date for its newest.
    """
    others = [(name, "ASC") for name in table.grain if name != "reporting_week"]
    first = f" AND {first_of(('reporting_week',), tuple(others)).expression} = 1" if others else ""
    expression = f"ifelse({_NEWEST_HERE}{first}, '{NEWEST}', {_WRITTEN})"
    return Calculated(WEEK, Type.STRING, expression, ("reporting_week",))


def joined(names: tuple[str, ...], texts: Mapping[str, Type]) -> Calculated:
    """Several columns as one label."""
    parts = [_text(name, texts[name]) for name in names]
    name = f"label_{'_'.join(names)}"
    return Calculated(name, Type.STRING, f"concat({', '.join(_between(parts))})", names)


def first_of(group: tuple[str, ...], order: tuple[tuple[str, str], ...]) -> Calculated:
    """A row's place within its group, from 1: to take the newest, or one of rows that say the same."""
    by = ", ".join(f"{{{column}}} {way}" for column, way in order)
    within = ", ".join(f"{{{column}}}" for column in group)
    columns = tuple(column for column, _ in order)
    return Calculated(f"place_by_{'_'.join(columns)}", Type.INTEGER, f"rank([{by}], [{within}], PRE_FILTER)", columns)


def two_digits(column: str) -> Calculated:
    """A text of one or two digits so that 10 comes after 9. As a number it could fail on the column's other texts."""
    return Calculated(f"{column}_in_order", Type.STRING, f"right(concat('0', {{{column}}}), 2)", (column,))


def wilson(successes: str, trials: str) -> tuple[Calculated, Calculated]:
    """Both ends of the 95 % interval of a share (Wilson, 1927), which `measurement.intervals` has for the page."""
    # 1.0: counts are whole numbers, and Athena divides such without a remainder.
    z, n, p = "1.959963984540054", f"{{{trials}}}", f"({{{successes}}} * 1.0 / {{{trials}}})"
    middle = f"{p} + {z} * {z} / (2 * {n})"
    reach = f"{z} * sqrt({p} * (1 - {p}) / {n} + {z} * {z} / (4 * {n} * {n}))"
    low, high = (f"({middle} {sign} {reach}) / (1 + {z} * {z} / {n})" for sign in "-+")
    name, columns = f"{successes}_of_{trials}", (successes, trials)
    return Calculated(f"{name}_low", Type.DOUBLE, low, columns), Calculated(f"{name}_high", Type.DOUBLE, high, columns)


def _text(name: str, kind: Type) -> str:
    if kind in TIMES:
        return f"formatDate({{{name}}}, 'yyyy-MM-dd')"
    return f"toString({{{name}}})" if kind in NUMBERS else f"{{{name}}}"


def _between(parts: list[str]) -> list[str]:
    return [part for place, text in enumerate(parts) for part in ((text,) if not place else ("' · '", text))]


def _nothing() -> Json:
    return {"NullValueFormatConfiguration": {"NullString": NOTHING}}


def _date() -> Json:
    return {"DateTimeFormat": "YYYY-MM-DD", **_nothing()}
