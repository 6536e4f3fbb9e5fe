"""The pages as QuickSight's dashboards: AWS's model takes them, they leave nothing out, and nothing wrong passes."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.assets.dashboards import tables_of
from segment_assets.contracts import PermanentError
from segment_assets.dashboard import PAGES
from segment_assets.dashboard.panels import Panel
from segment_assets.dashboard.quicksight import (
    BrokenDefinitionError,
    Bundle,
    ImportMode,
    Place,
    boards,
    bundle,
    faults,
    fields,
    lint,
    reading,
)
from segment_assets.dashboard.quicksight.lint import refuse_broken
from segment_assets.tables import TABLES, Column, ComputedIn, Table, Type
from segment_assets.tables.adding import Adds, adds_up

PLACE = Place(account="123456789012", region="eu-central-1", tenant="lumen_shop", workgroup="w", database="lumen_lake")
PANELS = [(page.name, panel) for page in PAGES.values() for panel in page.panels()]
Json = dict[str, Any]

of_pages = pytest.mark.parametrize("page", list(PAGES))


@functools.cache
def everything() -> Bundle:
    return bundle(PLACE, [(page, tables_of(page)) for page in PAGES.values()])


@functools.cache
def schemas(page: str) -> dict[str, lint.Schema]:
    computed = boards.computed(PAGES[page], tables_of(PAGES[page]))
    return {name: lint.Schema(TABLES[name], found) for name, found in computed.items()}


def definition(page: str) -> Json:
    found: Json = everything().dashboards[page]["Definition"]
    return found


def visuals(page: str) -> dict[str, reading.Visual]:
    return {visual.id: visual for visual in reading.visuals(everything().dashboards[page]["Definition"])}


@functools.cache
def shape(operation: str) -> Any:
    return botocore.session.get_session().get_service_model("quicksight").operation_model(operation).input_shape


def test_the_model_of_aws_takes_every_request() -> None:
    made = everything()
    copies = dataclasses.replace(PLACE, mode=ImportMode.SPICE)
    spice = bundle(copies, [(PAGES["activation"], tables_of(PAGES["activation"]))])
    requests = [
        ("CreateDataSource", made.data_source),
        *(("CreateDataSet", request) for request in (*made.data_sets.values(), *spice.data_sets.values())),
        *(("CreateDashboard", request) for request in made.dashboards.values()),
    ]
    for operation, request in requests:
        report = ParamValidator().validate(request, shape(operation))
        assert not report.has_errors(), report.generate_report()
    assert {request["ImportMode"] for request in made.data_sets.values()} == {"DIRECT_QUERY"}
    assert {request["ImportMode"] for request in spice.data_sets.values()} == {"SPICE"}


def test_the_same_declarations_give_the_same_bytes() -> None:
    again = bundle(PLACE, [(PAGES["planning"], tables_of(PAGES["planning"]))])
    first = dict(everything().files())

    assert {name: first[name] for name, _ in again.files()} == dict(again.files())
    assert all(json.loads(text) for text in first.values())


def test_a_changed_panel_changes_its_dashboard_only() -> None:
    first, *rest = PAGES["planning"].sections
    assert isinstance(first, Panel)
    changed = dataclasses.replace(
        PAGES["planning"], sections=(dataclasses.replace(first, title="Another question?"), *rest)
    )
    other = bundle(PLACE, [(page, tables_of(page)) for page in (changed, PAGES["activation"])])

    described = {page: request["VersionDescription"] for page, request in everything().dashboards.items()}
    assert {p for p, r in other.dashboards.items() if r["VersionDescription"] != described[p]} == {"planning"}
    assert all(everything().data_sets[name] == request for name, request in other.data_sets.items())


def test_every_table_that_a_page_shows_is_a_data_set_with_its_declared_columns() -> None:
    made = everything().data_sets

    assert set(made) == {table.name for page in PAGES.values() for table in tables_of(page)}
    for name, request in made.items():
        (physical,) = request["PhysicalTableMap"].values()
        relational = physical["RelationalTable"]
        assert (relational["Schema"], relational["Name"]) == ("lumen_lake", name)
        assert [one["Name"] for one in relational["InputColumns"]] == TABLES[name].column_names()


def test_a_table_with_bytes_is_refused() -> None:
    digests = Table("x", "", ComputedIn.OWN, ("a",), (Column("a", Type.DIGEST, "A digest"),), 1)

    with pytest.raises(PermanentError, match="QuickSight has no type for a"):
        fields.input_columns(digests)


@pytest.mark.parametrize(("page", "panel"), PANELS, ids=lambda one: getattr(one, "id", one))
def test_every_panel_has_a_chart_and_the_table_of_its_numbers(page: str, panel: Panel) -> None:
    there = visuals(page)
    chart, numbers = there[f"{panel.id}-chart"], there[f"{panel.id}-numbers"]
    cells = {field.column for field in numbers.fields()}
    wanted = {name for one in panel.numbers for name in (one.column, one.low, one.high) if name}

    assert (chart.sheet, numbers.sheet) == (f"{page}-charts", f"{page}-numbers")
    assert numbers.kind == "TableVisual"
    assert wanted <= cells
    assert ("below_threshold" in cells) == ("below_threshold" in TABLES[panel.table].column_names())
    if panel.value:
        assert panel.value in {field.column for field in chart.fields()}
    for visual in (chart, numbers):
        assert visual.body["Title"]["FormatText"]["PlainText"] == panel.title
        said = visual.body["Subtitle"]["FormatText"]["PlainText"]
        assert said[1:].startswith(panel.axis[1:])
        assert panel.definition in said
        assert ("no number is told" in said) == ("below_threshold" in cells)


@of_pages
def test_what_is_no_panel_is_a_table_of_all_its_columns(page: str) -> None:
    declared = {panel.table for panel in PAGES[page].panels()}
    rest = [table for table in tables_of(PAGES[page]) if table.name not in declared]

    for table in rest:
        shown = [field.column for field in visuals(page)[f"{table.name}-numbers"].fields()]
        assert shown == table.column_names()


def test_forms_are_those_that_a_panel_asks_for() -> None:
    kinds = {(page, name): one.kind for page in PAGES for name, one in visuals(page).items()}

    assert kinds["planning", "reach_curve-chart"] == "ScatterPlotVisual"
    assert kinds["measurement", "hours-chart"] == "LineChartVisual"
    assert kinds["measurement", "attribution-chart"] == "BarChartVisual"
    assert kinds["measurement", "paths-flow"] == "SankeyDiagramVisual"
    assert kinds["road", "audience_overlap-customers-card"] == "KPIVisual"
    assert {visuals("activation")["flow-chart"].body["ChartConfiguration"]["BarsArrangement"]} == {"STACKED_PERCENT"}


@of_pages
def test_a_reader_chooses_the_week_of_every_weekly_visual_that_shows_one(page: str) -> None:
    told = everything().dashboards[page]["Definition"]
    chosen = {
        visual
        for group, _, body in reading.filters(told)
        if body["Column"]["ColumnName"] == fields.SHOWN
        for _, ids in reading.scope(group)
        for visual in ids
    }
    several = {
        f"{panel.id}-{part}" for panel in PAGES[page].panels() if panel.weeks > 1 for part in ("chart", "numbers")
    }
    weekly = {
        visual.id
        for visual in visuals(page).values()
        if "reporting_week" in TABLES[visual.fields()[0].data_set].column_names()
    }

    assert chosen == weekly - several


@of_pages
def test_only_the_flow_adds_up_and_only_what_does(page: str) -> None:
    sums = [
        (visual, field)
        for visual in visuals(page).values()
        for field in visual.fields()
        if field.aggregation not in {"", "MAX"}
    ]

    assert {visual.kind for visual, _ in sums} <= {"SankeyDiagramVisual"}
    for _, field in sums:
        column = next(column for column in TABLES[field.data_set].columns if column.name == field.column)
        assert adds_up(column) in {Adds.YES, Adds.IN_PART}


def test_wilsons_interval_in_quicksights_words_is_where_the_score_test_turns() -> None:
    """Both ends are as many standard errors of their own away from the share as 95 % takes (Wilson 1927)."""
    low, high = fields.wilson("hits", "people")
    for hits, people in ((1, 7), (13_757, 46_903), (299, 300)):
        known = {"hits": hits, "people": people, "sqrt": math.sqrt}
        ends = [eval(re.sub(r"[{}]", "", end.expression), {}, known) for end in (low, high)]
        assert ends[0] < hits / people < ends[1]
        for end in ends:
            assert abs(end - hits / people) / math.sqrt(end * (1 - end) / people) == pytest.approx(1.959964, abs=1e-5)


def test_an_hour_of_one_digit_comes_before_one_of_two() -> None:
    expression = fields.two_digits("dimension_value").expression

    assert expression == "right(concat('0', {dimension_value}), 2)"
    assert sorted(f"0{hour}"[-2:] for hour in range(24)) == [f"{hour:02}" for hour in range(24)]


def test_limits_of_the_linter_are_those_of_the_model() -> None:
    model = shape("CreateDashboard").members["Definition"].members
    visual = model["Sheets"].member.members["Visuals"].member.members["TableVisual"].members
    computed = model["CalculatedFields"].member.members

    assert model["Sheets"].metadata["max"] == lint.SHEETS
    assert model["Sheets"].member.members["Visuals"].metadata["max"] == lint.VISUALS
    assert model["DataSetIdentifierDeclarations"].metadata["max"] == lint.DATA_SETS
    assert model["CalculatedFields"].metadata["max"] == lint.COMPUTED
    assert model["FilterGroups"].metadata["max"] == lint.GROUPS
    assert visual["Title"].members["FormatText"].members["PlainText"].metadata["max"] == lint.TITLE
    assert visual["Subtitle"].members["FormatText"].members["PlainText"].metadata["max"] == lint.SUBTITLE
    assert (computed["Name"].metadata["max"], computed["Expression"].metadata["max"]) == (lint.NAME, lint.EXPRESSION)


@of_pages
def test_every_page_passes_the_linter(page: str) -> None:
    assert faults(definition(page), schemas(page)) == []


# What may go wrong: code of the fault -> how a definition is spoilt. `pick` chooses among places.
Pick = Callable[[list[Any]], Any]


def _fields_of(told: Json, *kinds: str) -> list[Json]:
    return [node[kind] for node in reading.nodes(told) for kind in kinds if kind in node]


def _body(told: Json, kind: str) -> list[Json]:
    return [visual.body for visual in reading.visuals(told) if visual.kind == kind]


def _same(told: Json, places: list[Json], key: str, pick: Pick) -> None:
    one = pick(places)
    other = next(each for each in places if each[key] != one[key])
    one[key] = other[key]


def repeated_sheet(told: Json, pick: Pick) -> None:
    _same(told, told["Sheets"], "SheetId", pick)


def repeated_visual(told: Json, pick: Pick) -> None:
    _same(told, [visual.body for visual in reading.visuals(told)], "VisualId", pick)


def repeated_field(told: Json, pick: Pick) -> None:
    _same(told, _fields_of(told, "NumericalMeasureField"), "FieldId", pick)


def repeated_filter(told: Json, pick: Pick) -> None:
    _same(told, [body for _, _, body in reading.filters(told)], "FilterId", pick)


def invalid_visual(told: Json, pick: Pick) -> None:
    pick(_body(told, "TableVisual"))["VisualId"] = "two words"


def undeclared_data_set(told: Json, pick: Pick) -> None:
    told["DataSetIdentifierDeclarations"].remove(pick(told["DataSetIdentifierDeclarations"]))


def unknown_data_set(told: Json, pick: Pick) -> None:
    pick(told["DataSetIdentifierDeclarations"])["Identifier"] = "nowhere"


def unknown_column(told: Json, pick: Pick) -> None:
    pick([node for node in reading.nodes(told) if "ColumnName" in node])["ColumnName"] = "nobody"


def unknown_reference(told: Json, pick: Pick) -> None:
    field = pick(told["CalculatedFields"])
    field["Expression"] = re.sub(r"(?<!\$)\{\w+\}", "{nobody}", field["Expression"], count=1)


def wrong_type(told: Json, pick: Pick) -> None:
    wrapper = pick([node for node in reading.nodes(told) if "NumericalMeasureField" in node])
    wrapper["DateMeasureField"] = wrapper.pop("NumericalMeasureField")


def missing_field(told: Json, pick: Pick) -> None:
    told["CalculatedFields"].remove(pick(told["CalculatedFields"]))


def unknown_label(told: Json, pick: Pick) -> None:
    pick([node for node in reading.nodes(told) if "CustomLabel" in node and "FieldId" in node])["FieldId"] = "gone"


def undeclared_parameter(told: Json, _pick: Pick) -> None:
    told["ParameterDeclarations"] = []


def unknown_visual(told: Json, pick: Pick) -> None:
    scope = pick([node for node in reading.nodes(told["FilterGroups"]) if "VisualIds" in node])
    scope["VisualIds"] = ["gone"]


def unplaced_visual(told: Json, pick: Pick) -> None:
    sheet = pick(told["Sheets"])
    sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"].pop()


def too_much(told: Json, pick: Pick) -> None:
    pick(_body(told, "TableVisual"))["Title"]["FormatText"]["PlainText"] = "x" * 513


def too_many(told: Json, pick: Pick) -> None:
    sheet = pick(told["Sheets"])
    sheet["Visuals"] = sheet["Visuals"][:1] * 76


def summed(told: Json, pick: Pick) -> None:
    """Over all weeks, which never add up."""
    told["FilterGroups"] = []
    field = pick(_fields_of(told, "NumericalMeasureField"))
    field["AggregationFunction"]["SimpleNumericalAggregation"] = "SUM"


def several_weeks(told: Json, _pick: Pick) -> None:
    told["FilterGroups"] = []


def stacked(told: Json, pick: Pick) -> None:
    charts = [body["ChartConfiguration"] for body in _body(told, "BarChartVisual")]
    rates = [one for one in charts if "conversion_rate" in str(one["FieldWells"])]
    pick(rates)["BarsArrangement"] = "STACKED"


def invented(told: Json, pick: Pick) -> None:
    chart = pick(_body(told, "LineChartVisual"))["ChartConfiguration"]
    chart["PrimaryYAxisDisplayOptions"]["MissingDataConfigurations"][0]["TreatmentOption"] = "SHOW_AS_ZERO"


def totalled(told: Json, pick: Pick) -> None:
    pick(_body(told, "TableVisual"))["ChartConfiguration"]["TotalOptions"]["TotalsVisibility"] = "VISIBLE"


SPOILT: list[tuple[str, Callable[[Json, Pick], None]]] = [
    ("repeated_sheet_id", repeated_sheet),
    ("repeated_visual_id", repeated_visual),
    ("repeated_field_id", repeated_field),
    ("repeated_filter_id", repeated_filter),
    ("invalid_visual_id", invalid_visual),
    ("undeclared_data_set", undeclared_data_set),
    ("unknown_data_set", unknown_data_set),
    ("unknown_column", unknown_column),
    ("unknown_column", unknown_reference),
    ("wrong_type", wrong_type),
    ("missing_field", missing_field),
    ("unknown_field", unknown_label),
    ("undeclared_parameter", undeclared_parameter),
    ("unknown_visual", unknown_visual),
    ("unplaced_visual", unplaced_visual),
    ("too_much", too_much),
    ("too_much", too_many),
    ("non_additive_sum", summed),
    ("several_rows", several_weeks),
    ("non_additive_stack", stacked),
    ("invented_numbers", invented),
    ("non_additive_total", totalled),
]


@functools.cache
def _small() -> tuple[str, dict[str, lint.Schema]]:
    """A page with every kind of visual but a card, as JSON, and what its data sets have."""
    few = [panel for panel in PAGES["measurement"].panels() if panel.id in {"paths", "frequency", "waiting"}]
    page = dataclasses.replace(PAGES["measurement"], sections=tuple(few))
    tables = [TABLES[name] for name in page.tables()]
    found = boards.computed(page, tables)
    return json.dumps(boards.definition(page, tables, PLACE)), {
        name: lint.Schema(TABLES[name], computed) for name, computed in found.items()
    }


@settings(max_examples=50, deadline=None)
@given(spoil=st.sampled_from(SPOILT), data=st.data())
def test_a_definition_that_is_broken_anywhere_is_not_sent(spoil: tuple[str, Any], data: st.DataObject) -> None:
    code, break_it = spoil
    text, there = _small()
    told = json.loads(text)
    break_it(told, lambda places: data.draw(st.sampled_from(places)))

    with pytest.raises(BrokenDefinitionError) as refused:
        refuse_broken("measurement", told, there)
    assert code in {fault.code for fault in refused.value.faults}
    assert all(fault.action and fault.where in str(refused.value) for fault in refused.value.faults)


@pytest.mark.parametrize(("code", "break_it"), SPOILT, ids=lambda one: getattr(one, "__name__", ""))
def test_each_rule_of_the_linter_finds_its_fault(code: str, break_it: Callable[[Json, Pick], None]) -> None:
    text, there = _small()
    told = json.loads(text)
    break_it(told, lambda places: places[0])

    assert code in {fault.code for fault in faults(told, there)}


@pytest.mark.parametrize("tenant", ["two words", "a/b", ""])
def test_a_tenant_that_is_no_id_is_refused(tenant: str) -> None:
    with pytest.raises(PermanentError):
        dataclasses.replace(PLACE, tenant=tenant)
