"""The declared charts: what they read, what they may add up, what they say where nothing is known."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from segment_assets.dashboard import PAGES, Figures, Page, page
from segment_assets.dashboard.flow import PARTS
from segment_assets.dashboard.panels import Panel, Shape
from segment_assets.dashboard.parts import Section
from segment_assets.dashboard.showing import section_of
from segment_assets.dashboard.units import Unit
from segment_assets.tables import DELIVERY_SUMMARY, TABLES, Column, Type
from segment_assets.tables.adding import Adds, adds_up, wholes
from segment_assets_tests.browser import example, example_tables

PANELS = [panel for one in PAGES.values() for panel in one.panels()]
NEW = [one for one in PAGES.values() if one.name != "road"]
# Letters that have room below a chart on a phone.
MOST_OF_AN_AXIS = 48

of_panels = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)


@functools.cache
def figures(kind: str) -> Figures:
    if kind == "empty":
        return Figures(tenant="lumen_shop")
    rows = example_tables.tables() if kind == "told" else example_tables.withheld()
    return dataclasses.replace(example.figures(nothing_told=kind == "withheld"), tables=rows)


@functools.cache
def sections(kind: str) -> dict[str, tuple[Page, Section]]:
    return {f"{one.name}/{part.id}": (one, part) for one in NEW for part in one.sections_of(figures(kind))}


def section(panel: Panel, kind: str = "told") -> Section:
    (found,) = [part for name, (_, part) in sections(kind).items() if name.endswith(f"/{panel.id}")]
    return found


@functools.cache
def specification(panel: Panel) -> dict[str, Any]:
    """Validated by Altair against Vega-Lite's own schema, which the page does not do again."""
    ((_, chart),) = section(panel).charts
    found: dict[str, Any] = chart.to_dict(validate=True)
    return found


def drawn(panel: Panel) -> list[dict[str, Any]]:
    return [row for rows in specification(panel)["datasets"].values() for row in rows]


def encodings(found: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(mark, encoding) of every layer."""
    for layer in found.get("layer", ()):
        yield from encodings(layer)
    if "mark" in found:
        yield found["mark"], found.get("encoding", {})


@of_panels
def test_a_chart_reads_columns_that_its_table_declares(panel: Panel) -> None:
    declared = {column.name: column for column in TABLES[panel.table].columns}
    assert set(panel.columns()) <= set(declared)
    assert panel.value or panel.interval, "nothing is drawn"
    for number in panel.numbers:
        kind = declared[number.column].type
        numeric = kind in {Type.INTEGER, Type.DOUBLE}
        assert numeric == (number.unit not in {Unit.WORD, Unit.DAY}), number.column


@of_panels
def test_a_chart_asks_a_question_and_says_its_unit_and_its_definition(panel: Panel) -> None:
    assert panel.title.endswith("?")
    assert any(unit in panel.axis for unit in ("(%)", "people", "points)", "100 =", "hours")), panel.axis
    assert len(panel.axis) <= MOST_OF_AN_AXIS
    assert len(panel.definition) > 40
    titles = {layer.get("title") for layer in axes(specification(panel))}
    assert panel.axis in titles
    assert panel.definition in section(panel).notes


def axes(found: Any) -> Iterator[dict[str, Any]]:
    for _, encoding in encodings(found):
        yield from (
            channel["axis"] for channel in encoding.values() if isinstance(channel, dict) and channel.get("axis")
        )


@of_panels
def test_no_chart_sums_a_number_that_its_table_does_not_declare_additive(panel: Panel) -> None:
    """Vega-Lite stacks bars and areas unless it is told not to, so every one of them has to say so."""
    table = TABLES[panel.table]
    for mark, encoding in encodings(specification(panel)):
        text = str(encoding)
        assert "aggregate" not in text
        assert "'bin'" not in text
        if mark["type"] not in {"bar", "area"}:
            continue
        stacks = [channel["stack"] for name, channel in encoding.items() if name in {"x", "y"} and "stack" in channel]
        assert stacks == (["normalize"] if panel.shape is Shape.STACK else [None])
    assert "transform" not in specification(panel)
    if panel.shape is Shape.STACK:
        column = next(column for column in table.columns if column.name == panel.value)
        assert adds_up(column) in {Adds.YES, Adds.IN_PART} or any(f"sum({column.name})" in i for i in table.invariants)


def test_the_audience_flow_stacks_exactly_the_doors_that_make_up_the_audience() -> None:
    assert wholes(DELIVERY_SUMMARY)["audience"] == set(PARTS)


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Distinct people: never add up over rows or weeks", Adds.NO),
        ("converters / people", Adds.NO),
        ("Impressions that they saw; additive", Adds.YES),
        ("Customers; groups are disjoint and add up, but never add up weeks", Adds.IN_PART),
    ],
)
def test_what_a_declaration_says_of_adding_up_is_read_from_its_words(description: str, expected: Adds) -> None:
    assert adds_up(Column("any", Type.DOUBLE, description)) is expected


@of_panels
def test_a_withheld_row_is_words_and_no_number(panel: Panel) -> None:
    gone = section(panel, "withheld")
    assert gone.charts == []
    assert gone.empty
    room = "below_threshold" in TABLES[panel.table].column_names()
    for row in gone.numbers.rows:
        for number, cell in zip(panel.numbers, row, strict=True):
            if number.unit not in {Unit.WORD, Unit.DAY} and number.column not in example_tables.SPINE:
                assert cell == ("below threshold" if room else panel.unknown)
    if room:
        assert any("It is unknown, it is not 0." in note for note in gone.notes)


def test_a_number_that_is_withheld_draws_nothing_beside_numbers_that_are_told() -> None:
    panels = {panel.id: panel for panel in PANELS}
    (row,) = (row for row in drawn(panels["frequency"]) if row.get("name") == "9 impressions")
    assert (row["value"], row["low"], row["label"]) == (None, None, "below threshold")
    assert "ctv > display" not in {row.get("name") for row in drawn(panels["paths"])}
    assert any("1 of 3 are below threshold: ctv > display." in note for note in section(panels["paths"]).notes)


@of_panels
def test_without_rows_a_sentence_says_why_and_no_frame_is_drawn(panel: Panel) -> None:
    nothing = section(panel, "empty")
    assert (nothing.charts, list(nothing.numbers.rows)) == ([], [])
    assert nothing.empty == panel.empty
    assert nothing.empty.endswith((".", "”"))


@of_panels
def test_who_does_not_see_a_chart_is_told_what_it_shows(panel: Panel) -> None:
    told = section(panel)
    assert "are in the table." in told.alternative
    assert list(told.numbers.rows)


def test_the_effect_of_a_segment_is_shown_once_though_it_stands_in_the_row_of_every_account() -> None:
    lift = next(panel for panel in PANELS if panel.id == "lift")
    names = [row["name"] for row in drawn(lift) if "label" in row]
    assert names == ["exposed_non_converters · autumn", "newsletter_subscribers · autumn"]
    effect, open_trial = (row for row in drawn(lift) if "label" in row)
    assert (effect["value"], effect["low"], effect["high"]) == pytest.approx((0.6, 0.2, 1.0))
    assert (open_trial["value"], open_trial["label"]) == (None, "no outcomes yet")
    assert [row["mark"] for row in drawn(lift) if "mark" in row] == pytest.approx([-0.5, 0.5])
    assert "more than chance" in section(lift).lead


def hours(*values: str) -> Section:
    """The panel of hours with one row for each."""
    panel = next(panel for panel in PANELS if panel.id == "hours")
    like = next(row for row in example_tables.tables()["marginals"] if row["dimension"] == "hour")
    rows = [like | {"dimension_value": value} for value in values]
    return section_of(panel, "measurement", Figures("lumen_shop", tables={"marginals": rows}))


def test_an_hour_that_is_no_number_stands_in_the_table_and_a_note_and_not_on_the_axis() -> None:
    found = hours("9", "(none)", "10")
    ((_, chart),) = found.charts
    assert {row["along"] for rows in chart.to_dict()["datasets"].values() for row in rows} == {9.0, 10.0}
    assert found.notes[0] == "Without a place on the axis, and in the table only: (none)."
    assert len(found.numbers.rows) == 3
    alone = hours("(none)")
    assert (alone.charts, alone.empty) == (
        [], "No number of this chart has a place on its axis; all of them are in the table."
    )  # fmt: skip


def test_an_experiment_on_regions_that_is_not_over_says_so_beside_its_mark() -> None:
    panel = next(panel for panel in PANELS if panel.id == "geo_lift")
    rows = [row | {"state": "running", "p_value": 0.003} for row in example_tables.tables()["geo_lift"][:1]]
    found = section_of(panel, "measurement", Figures("lumen_shop", tables={"geo_lift": rows}))
    assert found.alternative.startswith("spring_regions · purchases · still running: ")
    assert next(iter(found.numbers.rows))[-1] == "0.003"
    assert section(panel).alternative.startswith("spring_regions · purchases: ")


def test_what_can_only_be_described_says_that_it_is_no_effect() -> None:
    profile = next(panel for panel in PANELS if panel.id == "profile")
    assert any(note.startswith("Descriptive, not an effect") for note in section(profile).notes)
    assert not re.search(r"\b(move|cause|bring)", profile.title)


def test_a_number_may_be_withheld_for_the_sake_of_another_one() -> None:
    assert any(
        "would give away" in note for note in section(next(panel for panel in PANELS if panel.id == "frequency")).notes
    )


@of_panels
def test_an_estimate_stands_with_its_interval_where_the_table_has_one(panel: Panel) -> None:
    declared = TABLES[panel.table].column_names()
    for number in panel.numbers:
        if f"{number.column}_low" in declared:
            assert (number.low, number.high) == (f"{number.column}_low", f"{number.column}_high"), number.column


def made(name: str, *rows: dict[str, Any]) -> Section:
    """A panel with rows of its own."""
    panel = next(panel for panel in PANELS if panel.id == name)
    return section_of(panel, "measurement", Figures("lumen_shop", tables={panel.table: list(rows)}))


def test_money_that_perhaps_nobody_came_for_has_an_open_end_beside_its_estimate() -> None:
    trial = next(row for row in example_tables.tables()["audience_incrementality"] if row["effect"])
    revenue = {"incremental_revenue_eur": 5e3, "incremental_revenue_eur_low": -2e4, "incremental_revenue_eur_high": 3e4}
    cost = {"cost_per_incremental_customer_eur": 22.5, "cost_per_incremental_customer_eur_low": 11.0}
    (cells,) = made("lift", trial | revenue | cost).numbers.rows
    assert "5,000.00 EUR (-20,000.00 to 30,000.00)" in cells
    assert "22.50 EUR (at least 11.00)" in cells


def test_a_share_that_only_a_formula_has_the_interval_of_stands_with_it_in_the_table_too() -> None:
    reached = next(panel for panel in PANELS if panel.id == "overlap_reached")
    assert next(iter(section(reached).numbers.rows))[-1] == "29.3 % (28.9 to 29.7)"


def test_converters_that_are_withheld_of_people_who_are_told_are_below_threshold_everywhere() -> None:
    rows = [row for row in example_tables.tables()["reach_frequency"] if row["frequency"] in {1, 2}]
    silent = dict.fromkeys(("converters", "conversion_rate", "rate_low", "rate_high"))
    found = made("frequency", rows[0], rows[1] | silent)
    assert list(found.numbers.rows)[1][-2:] == ["below threshold", "below threshold"]
    assert "2 impressions: below threshold" in found.alternative
    assert "not known" not in str((found.numbers.rows, found.alternative, found.notes))


def test_a_model_of_which_channels_are_withheld_has_no_bar_beside_models_of_all_channels() -> None:
    models = example_tables.tables()["attribution"]
    linear = [row | {"share": None} for row in models if row["model"] == "linear"]
    gone = {"credit": None, "below_threshold": True}
    rows = [row | gone if row["channel"] in {"audio", "social"} else row for row in linear]
    rows += [row for row in models if row["model"] == "markov_removal"]
    ((_, chart),) = (found := made("attribution", *rows)).charts
    data = [row for each in chart.to_dict(validate=False)["datasets"].values() for row in each]
    assert {row["name"] for row in data if "part" in row} == {"markov removal"}
    assert {row["label"] for row in data if row["name"] == "linear"} == {"no shares without audio, social"}
    shares = {row[1]: row[2] for row in found.numbers.rows if row[0] == "linear"}
    assert (shares["audio"], shares["ctv"]) == ("below threshold", "no shares without audio, social")


def test_a_range_without_a_best_guess_has_no_point() -> None:
    reach = next(panel for panel in PANELS if panel.id == "incremental_reach")
    (row,) = (row for row in drawn(reach) if row.get("name") == "ctv")
    assert (row["value"], row["low"], row["high"]) == (None, 0.1305, 0.2682)
    assert row["label"] == "13.1 to 26.8 % · 439 people"


def test_the_share_of_customers_reached_has_wilsons_interval() -> None:
    """Both ends are where the score test turns: as many standard errors of their own away as 95 % takes."""
    reached = next(panel for panel in PANELS if panel.id == "overlap_reached")
    row = next(row for row in drawn(reached) if row.get("name") == "Week of 12 Oct 2026")
    people, share = 46_903, 13_757 / 46_903
    for end in (row["low"], row["high"]):
        assert abs(end - share) / math.sqrt(end * (1 - end) / people) == pytest.approx(1.959964)


def test_the_newest_answer_of_a_platform_counts() -> None:
    rate = next(panel for panel in PANELS if panel.id == "match_rate")
    labels = {row["name"]: row["label"] for row in drawn(rate) if "label" in row}
    assert labels["meta/1001 ← exposed_non_converters"] == "60.6 to 63.1 % · -1.90 points"
    assert labels["criteo/12345 ← newsletter_subscribers"] == "not told"


@pytest.mark.parametrize("one", NEW, ids=lambda one: one.name)
def test_a_page_is_one_file_that_links_to_the_others_and_to_nothing_else(one: Page) -> None:
    text = page(figures("told"), one)
    # The script of the charts is the renderer's; what we write ends before it.
    ours = text[: text.index("<script>")]
    assert re.findall(r'href="([^"]*)"', ours) == ["data:,", *(other.file for other in PAGES.values())]
    assert "src=" not in ours
    assert ours.count('aria-current="page"') == 1
    assert ours.count('class="chart"') == ours.count('role="img" aria-label="') > 0
    assert len(text.encode()) < 1_100_000


@pytest.mark.parametrize("one", NEW, ids=lambda one: one.name)
def test_previews_are_the_two_charts_that_a_page_names(one: Page) -> None:
    known = {part.id for of, part in sections("told").values() if of is one}
    assert len(set(one.previews)) == 2
    assert set(one.previews) <= known
