"""Journeys counted person by person in plain Python, and the models' rows on results made by hand."""

from __future__ import annotations

import collections
import datetime as dt
import itertools
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segment_assets.assets.invariants import broken_invariants
from segment_assets.measurement.attribution import Journey, first_touch, last_touch, linear, position, time_decay
from segment_assets.measurement.attribution_rows import RULES, attribution_rows
from segment_assets.measurement.markov import markov, transitions
from segment_assets.measurement.shapley import coalitions, of_conversions, of_rates
from segment_assets.privacy.complementary_rows import FLAGS
from segment_assets.tables import ATTRIBUTION, CHANNELS
from segment_assets_tests.insights.conftest import Insights
from segment_assets_tests.insights.truth import _rows

MONDAY = dt.date(2026, 10, 5)


class Seen:
    """Impressions of a week by join key, in order, and the last order of every buyer."""

    def __init__(self, insights: Insights, week: str) -> None:
        accounts = insights.deployment.home / "accounts"
        self.base = {row["email_sha256"] for row in _rows(accounts / "a" / "customers")} - {None}
        self.seen = collections.defaultdict(list)
        for row in _rows(accounts / "b" / "impressions" / f"week={week}"):
            if row["email_sha256"]:
                self.seen[row["email_sha256"]].append((row["event_time"], row["impression_id"], row["channel"]))
        for touches in self.seen.values():
            touches.sort()
        self.last: dict[str, dt.datetime] = {}
        for row in _rows(accounts / "a" / "conversions" / f"week={week}"):
            if row["email_sha256"]:
                self.last[row["email_sha256"]] = max(
                    row["event_time"], self.last.get(row["email_sha256"], row["event_time"])
                )

    def converted(self, person: str) -> bool:
        return person in self.last and self.last[person] > self.seen[person][0][0]

    def journeys(self) -> list[Journey]:
        """Of all viewers: up to the last order where that came after the first ad, else all of the week."""
        found = []
        for person, touches in self.seen.items():
            end = self.last[person] if self.converted(person) else None
            mine = [touch for touch in touches if end is None or touch[0] < end]
            ages = [(end.date() - moment.date()).days for moment, _, _ in mine] if end else None
            channels = [channel for _, _, channel in mine]
            found.append(Journey(channels, conversions=end is not None, nulls=end is None, ages_days=ages))
        return found

    def groups(self, key) -> dict[Any, list[str]]:
        found = collections.defaultdict(list)
        for person, touches in self.seen.items():
            if person in self.base:
                found[key(touches)].append(person)
        return found


@pytest.fixture(scope="module")
def seen(insights: Insights) -> dict[str, Seen]:
    return {week: Seen(insights, week) for week in insights.weeks}


def enough(seen: Seen, people: list[str]) -> bool:
    """As both owners ask: 100 viewers, and 25 people with an order of the week, whenever it was."""
    return len(people) >= 100 and sum(person in seen.last for person in people) >= 25


def withheld_besides(insights: Insights, week: str, table: str, *, converters: bool = False) -> set[str]:
    """The groups of complementary_cells, by the names that the table for readers has for them.

    Either those that are withheld, or those of which the converters are and nothing else.
    """
    source = {"reach_frequency": "exposure_frequency", "exposure_overlap_groups": "exposure_sets"}[table]
    rows = [row for row in insights.rows("complementary_cells", week) if row["source"] == source]
    cells = [row["cell"] for row in rows if (row["reason"] == "converters") == converters]
    names = [[name for name, seen in zip(FLAGS, cell.split("/"), strict=False) if seen == "1"] for cell in cells]
    return set(cells) if table == "reach_frequency" else {" ".join(sorted(mine)) for mine in names}


def test_conversion_by_frequency_tells_and_withholds_what_reach_frequency_does(insights: Insights) -> None:
    names = ("frequency", "converters", "conversion_rate", "rate_low", "rate_high")
    for week in insights.weeks:
        told, of = (insights.rows(table, week) for table in ("conversion_by_frequency", "reach_frequency"))
        assert [tuple(row[name] for name in names) for row in told] == [
            tuple(row[name] for name in names) for row in of
        ]
        assert [row["below_threshold"] for row in told] == [row["converters"] is None for row in of]


def test_people_by_frequency_and_by_channels_are_those_counted_one_by_one(insights: Insights, seen) -> None:
    withheld = 0
    for week, truth in seen.items():
        by_frequency = truth.groups(lambda touches: min(len(touches), 10))
        by_set = truth.groups(lambda touches: " ".join(sorted({channel for _, _, channel in touches})))
        for table, name, groups in (
            ("reach_frequency", "frequency", by_frequency),
            ("exposure_overlap_groups", "channels", by_set),
        ):
            rows = {row[name]: row for row in insights.rows(table, week)}
            hidden = withheld_besides(insights, week, table)
            silent = withheld_besides(insights, week, table, converters=True)
            assert set(groups) <= set(rows)
            for key, row in rows.items():
                people = groups.get(key, [])
                if not enough(truth, people) or str(key) in hidden:
                    assert row["people"] is None, key
                    withheld += 1
                    continue
                assert row["people"] == len(people)
                assert row["impressions"] == sum(len(truth.seen[person]) for person in people)
                if str(key) in silent:
                    assert (row["converters"], row["conversion_rate"], row["rate_low"]) == (None, None, None)
                    continue
                assert row["converters"] == sum(map(truth.converted, people))
                assert min(row["converters"], row["people"] - row["converters"]) >= 25
                assert row["rate_low"] < row["converters"] / len(people) < row["rate_high"]
    assert withheld


def test_incremental_reach_bounds_hold_the_true_reach_of_every_channel(insights: Insights, seen) -> None:
    for week, truth in seen.items():
        by_set = truth.groups(lambda touches: frozenset(channel for _, _, channel in touches))
        for row in insights.rows("incremental_reach", week):
            reached = sum(len(people) for channels, people in by_set.items() if row["channel"] in channels)
            if row["reached_at_least"] is None:
                assert row["below_threshold"]
                continue
            assert row["reached_at_least"] <= reached <= row["reached_at_most"]
            only = by_set[frozenset([row["channel"]])]
            told = enough(truth, only) and row["channel"] not in withheld_besides(
                insights, week, "exposure_overlap_groups"
            )
            assert row["incremental_people"] == (len(only) if told else None)


def test_credits_of_the_fixed_rules_are_those_of_the_models_over_every_journey(insights: Insights, seen) -> None:
    """The room computes them in SQL, the models person by person."""
    models = dict(zip(RULES, (first_touch, last_touch, linear, position, time_decay), strict=True))
    for week, truth in seen.items():
        journeys = [journey for journey in truth.journeys() if journey.conversions]
        rows = insights.rows("attribution", week)
        told = 0
        for rule, model in models.items():
            expected = model(journeys)
            for row in (row for row in rows if row["model"] == rule and row["credit"] is not None):
                assert row["credit"] == pytest.approx(expected[row["channel"]], rel=1e-5), (rule, row["channel"])
                told += 1
        assert told == 5 * len(CHANNELS)


def test_every_model_has_every_channel_and_shares_add_up(insights: Insights) -> None:
    for week in insights.weeks:
        rows = insights.rows("attribution", week)
        assert len(rows) == 8 * len(CHANNELS)
        for model, group in itertools.groupby(rows, key=lambda row: row["model"]):
            told = list(group)
            if any(row["credit"] is None for row in told):
                assert model in {"markov_removal", "shapley_conversions", "shapley_rates"}
                assert all(row["share"] is None for row in told)
                assert model != "shapley_rates" or all(row["credit"] is None for row in told)
                continue
            assert sum(row["share"] for row in told) == pytest.approx(1.0)


CREDITS = [
    {"channel": channel, "converters": n, **dict.fromkeys(RULES, float(n))}
    for channel, n in (("ctv", 300), ("olv", 200), ("display", 150), ("social", 120), ("audio", 12))
]


@pytest.mark.parametrize(("told", "without"), [(5, set()), (4, {"audio", "social"}), (3, {"audio", "social"})])
def test_the_credit_of_one_withheld_channel_is_not_what_the_others_leave_of_all_conversions(
    told: int, without: set[str]
) -> None:
    results = {"touch_credits": CREDITS[:told], "channel_steps": [], "journey_groups": []}
    rows = attribution_rows(MONDAY, results, CHANNELS)
    for rule in RULES:
        mine = [row for row in rows if row["model"] == rule]
        assert {row["channel"] for row in mine if row["below_threshold"]} == without, rule
        shares = [row["share"] for row in mine]
        assert shares == [None] * len(CHANNELS) if without else sum(shares) == pytest.approx(1), rule


@pytest.mark.parametrize(("withheld", "told"), [(0, [30, 40, 50, 60, 70]), (90, [50, 60, 70])])
def test_the_conversions_of_a_withheld_set_are_not_what_the_others_leave(withheld: int, told: list[int]) -> None:
    sets = [channels_seen([channel], n, 10 * n) for channel, n in zip(CHANNELS, (30, 40, 50, 60, 70), strict=True)]
    whole = {**channels_seen([], 257, 2500 + withheld), "kind": "all"}
    results = {"touch_credits": [], "channel_steps": [], "journey_groups": [*sets, whole]}
    rows = attribution_rows(MONDAY, results, CHANNELS)
    mine = [row["credit"] for row in rows if row["model"] == "shapley_conversions" and row["credit"] is not None]
    assert sorted(mine) == told


def channels_seen(seen: Collection[str], conversions: float, people: float) -> dict[str, Any]:
    parts = {f"part_{place}": name if name in seen else None for place, name in enumerate(CHANNELS, 1)}
    return {"kind": "channels", **parts, "conversions": conversions, "people": people}


def told_by_the_room(journeys: list[Journey]) -> dict[str, list[dict[str, Any]]]:
    steps: dict[Any, collections.Counter] = collections.defaultdict(collections.Counter)
    for journey in journeys:
        for place, channel in enumerate(journey.channels):
            cell = steps[journey.channels[place - 1] if place else None, channel]
            cell["steps"] += journey.conversions + journey.nulls
            if place == len(journey.channels) - 1:
                cell["conversions"] += journey.conversions
                cell["ends_without"] += journey.nulls
    sets = [channels_seen(seen, won, people) for seen, (won, people) in coalitions(journeys).items()]
    counted = ("steps", "conversions", "ends_without")
    return {
        "touch_credits": [],
        "channel_steps": [
            {"channel_before": before, "channel": channel, **{name: cell[name] for name in counted}}
            for (before, channel), cell in steps.items()
        ],
        "journey_groups": sets,
    }


JOURNEYS = [
    Journey(("ctv", "display", "display"), conversions=3, nulls=10),
    Journey(("social",), conversions=2, nulls=20),
    Journey(("display", "social", "olv"), conversions=5, nulls=1),
    Journey(("audio", "ctv"), conversions=1, nulls=6),
]


def test_a_table_of_steps_gives_the_credits_of_the_journeys_behind_it() -> None:
    rows = attribution_rows(MONDAY, told_by_the_room(JOURNEYS), CHANNELS)
    credit = {(row["model"], row["channel"]): row["credit"] for row in rows}
    for model, expected in (
        ("markov_removal", markov(transitions(JOURNEYS))),
        ("shapley_conversions", of_conversions(coalitions(JOURNEYS))),
    ):
        assert {channel: credit[model, channel] for channel in CHANNELS} == pytest.approx(expected)


def test_without_any_result_every_model_says_that_it_knows_nothing() -> None:
    rows = attribution_rows(MONDAY, {"touch_credits": [], "channel_steps": [], "journey_groups": []}, CHANNELS)
    assert len(rows) == 8 * len(CHANNELS)
    assert all(row["below_threshold"] and row["credit"] is None for row in rows)
    assert {row["withheld_cells"] for row in rows if row["model"] == "markov_removal"} == {30}


def test_a_channel_whose_ends_were_withheld_gives_no_error_and_no_credit_that_is_not_told() -> None:
    results = told_by_the_room(JOURNEYS)
    results["channel_steps"] = [row for row in results["channel_steps"] if row["channel"] != "olv"]
    rows = [row for row in attribution_rows(MONDAY, results, CHANNELS) if row["model"] == "markov_removal"]
    told = {row["channel"]: row["credit"] for row in rows}
    assert told["olv"] is None
    # All told conversions are 6: the smallest other credit is withheld, or these would tell it.
    shown_credits = [value for value in told.values() if value is not None]
    assert len(shown_credits) == 3
    assert 0 < sum(shown_credits) < 6


def step(before: str | None, channel: str, steps: int, conversions: int, ends_without: int) -> dict[str, Any]:
    counted = {"steps": steps, "conversions": conversions, "ends_without": ends_without}
    return {"channel_before": before, "channel": channel, **counted}


# The room told how people go on from audio, and not how they come to it.
TOLD_STEPS = [
    step(None, "ctv", 3000, 300, 1500),
    step(None, "olv", 2000, 200, 1000),
    step("ctv", "olv", 900, 100, 500),
    step("olv", "display", 600, 60, 400),
    step("olv", "social", 200, 20, 180),
    step("audio", "ctv", 130, 30, 100),
]


@pytest.mark.parametrize(
    ("more", "unknown"),
    [
        ([], {"audio", "social"}),
        ([step("audio", "audio", 40, 25, 10)], {"audio", "social"}),
        ([step("ctv", "audio", 150, 0, 0)], set()),
    ],
    ids=["no way in", "no way in but from itself", "told both ways"],
)
def test_a_channel_of_which_the_steps_are_withheld_has_no_credit_of_nought(more, unknown) -> None:
    """The smallest other credit goes with it: all told conversions would give it away."""
    results = {"touch_credits": [], "channel_steps": [*TOLD_STEPS, *more], "journey_groups": []}
    rows = [row for row in attribution_rows(MONDAY, results, CHANNELS) if row["model"] == "markov_removal"]
    assert {row["channel"] for row in rows if row["credit"] is None} == unknown
    assert all(row["below_threshold"] == (row["credit"] is None) for row in rows)
    assert all(row["credit"] > 0 for row in rows if row["credit"] is not None)
    assert all((row["share"] is None) == bool(unknown) for row in rows)


def test_a_circle_of_channels_whose_ends_are_withheld_leads_nowhere_and_has_no_credit() -> None:
    circle = [step("ctv", "audio", 150, 0, 0), step("audio", "social", 150, 0, 0), step("social", "audio", 140, 0, 0)]
    steps = [each for each in TOLD_STEPS if each["channel"] != "social" and each["channel_before"] != "audio"]
    results = {"touch_credits": [], "channel_steps": [*steps, *circle], "journey_groups": []}
    rows = [row for row in attribution_rows(MONDAY, results, CHANNELS) if row["model"] == "markov_removal"]
    assert {row["channel"] for row in rows if row["credit"] is None} == {"audio", "social"}


def every_set(people: int = 200) -> list[Journey]:
    """Journeys of every set of channels, the more of them seen the more often with a conversion."""
    sizes = range(1, len(CHANNELS) + 1)
    sets = [chosen for size in sizes for chosen in itertools.combinations(CHANNELS, size)]
    return [Journey(chosen, conversions=10 * len(chosen), nulls=people - 10 * len(chosen)) for chosen in sets]


def shown(journeys: list[Journey], *, more: tuple[dict[str, Any], ...] = ()) -> dict[str, tuple[Any, Any, bool]]:
    results = told_by_the_room(journeys)
    results["journey_groups"] += more
    rows = attribution_rows(MONDAY, results, CHANNELS)
    return {
        row["channel"]: (row["credit"], row["share"], row["below_threshold"])
        for row in rows
        if row["model"] == "shapley_rates"
    }


def test_rates_are_shared_out_where_every_set_was_told() -> None:
    found = shown(every_set())
    expected = of_rates(coalitions(every_set()))
    assert {channel: credit for channel, (credit, _, _) in found.items()} == pytest.approx(expected)
    assert all(share == pytest.approx(1 / len(CHANNELS)) and not below for _, share, below in found.values())


@pytest.mark.parametrize("withheld", [0, 7, 30])
def test_a_set_that_was_withheld_is_not_one_that_converts_at_nought(withheld: int) -> None:
    journeys = every_set()
    del journeys[withheld]
    assert shown(journeys) == dict.fromkeys(CHANNELS, (None, None, True))


def test_people_of_no_asked_channel_do_not_stand_in_for_a_withheld_set() -> None:
    nobody = channels_seen((), conversions=90, people=100)
    assert shown(every_set()[1:], more=(nobody,)) == dict.fromkeys(CHANNELS, (None, None, True))


def test_no_share_is_told_where_a_channel_takes_conversions_away() -> None:
    journeys = [
        Journey(journey.channels, journey.conversions, journey.nulls + (2000 if "audio" in journey.channels else 0))
        for journey in every_set()
    ]
    found = shown(journeys)
    assert found["audio"][0] < 0
    assert all(share is None and not below for _, share, below in found.values())


def test_a_share_beyond_the_whole_blocks_the_table(tmp_path: Path) -> None:
    row = {"reporting_week": MONDAY, "model": "linear", "unit": "conversions", "credit": 1.0, "withheld_cells": 0}
    rows = [
        row | {"channel": channel, "share": share, "below_threshold": False}
        for channel, share in (("ctv", 3.0), ("olv", -2.0))
    ]
    made = pa.Table.from_pylist(rows, ATTRIBUTION.arrow_schema())
    assert broken_invariants(ATTRIBUTION, made, tmp_path) == {"share BETWEEN 0 AND 1": 2}
