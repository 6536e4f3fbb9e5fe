"""The product's own queries: legal, and with the columns that their tables declare."""

from __future__ import annotations

import datetime as dt

import pytest

from segment_assets import collaboration, queries, tables
from segment_assets.contracts import PermanentError
from segment_assets.privacy import Collaboration, RuleKind, judge

WEEK = {"week_start": dt.date(2026, 1, 5), "week_end": dt.date(2026, 1, 12)}
NAMES = queries.names("clean_room")


def test_every_query_of_the_guidance_is_there():
    assert {name.removeprefix("clean_room/") for name in NAMES} >= {
        "overlap",
        "overlap_by_creative",
        "overlap_by_price_band",
        "audience_by_birth_country",
        "customer_reach",
        "exposed_customers",
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_query_is_accepted_runs_here_and_its_outputs_are_the_columns_of_its_table(name):
    ours = Collaboration.parse(collaboration.document())
    verdict = judge(queries.render(queries.read(name), WEEK), ours, ours.creator_account_id)
    assert verdict.runnable, verdict.explain()
    assert list(verdict.outputs) == tables.TABLES[name.removeprefix("clean_room/")].column_names()
    assert verdict.strictest == (None if verdict.kind is RuleKind.LIST else 100)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_that_was_not_rendered_is_refused(name):
    ours = Collaboration.parse(collaboration.document())
    assert not judge(queries.read(name), ours, ours.creator_account_id).accepted


@pytest.mark.parametrize(
    "value",
    ["2026-01-05", "x' OR '1' = '1", 5, None, dt.datetime(2026, 1, 5, tzinfo=dt.UTC)],
)
def test_nothing_but_a_date_is_rendered(value):
    with pytest.raises(PermanentError, match="must be a datetime"):
        queries.render("SELECT :day", {"day": value})


@pytest.mark.parametrize(
    "values", [{}, {"day": WEEK["week_start"], "more": WEEK["week_end"]}, {"days": WEEK["week_end"]}]
)
def test_a_date_without_a_place_or_a_place_without_a_date_is_refused(values):
    with pytest.raises(PermanentError, match="do not fit"):
        queries.render("SELECT :day", values)


def test_only_placeholders_are_replaced():
    text = queries.render("SELECT a::date, '10:30', b:day, :day", {"day": dt.date(2026, 1, 5)})
    assert text == "SELECT a::date, '10:30', b:day, DATE '2026-01-05'"


@pytest.mark.parametrize(
    "name", ["clean_room/missing", "../contracts", "clean_room/../clean_room/overlap", "clean_room"]
)
def test_a_query_that_is_not_there_is_an_error_that_names_it(name):
    with pytest.raises(PermanentError, match="There is no query"):
        queries.read(name)
