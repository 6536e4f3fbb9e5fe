"""Every number about viewers is the one that counting them one by one gives, from the accounts' own files."""

from __future__ import annotations

import collections
import datetime as dt
import itertools
from collections.abc import Callable, Collection
from typing import Any

import pytest

from segment_assets.tables import CHANNELS
from segment_assets_tests.insights.conftest import Insights
from segment_assets_tests.insights.truth import MINIMUM, _rows

pytestmark = pytest.mark.slow

Touch = dict[str, Any]
# Account A's own minimum: people with an order of the week, and customers.
A_MINIMUM = 25


class Viewers:
    """The impressions of a week by viewer, in order, and what account A knows of each."""

    def __init__(self, insights: Insights, week: str) -> None:
        accounts = insights.deployment.home / "accounts"
        self.monday = dt.date.fromisoformat(week)
        self.impressions = _rows(accounts / "b" / "impressions" / f"week={week}")
        self.touches: dict[str, list[Touch]] = collections.defaultdict(list)
        for row in sorted(self.impressions, key=lambda row: (row["event_time"], row["impression_id"])):
            if row["email_sha256"]:
                self.touches[row["email_sha256"]].append(row)
        self.orders: dict[str, list[Touch]] = collections.defaultdict(list)
        for row in _rows(accounts / "a" / "conversions"):
            if row["email_sha256"] and row["date"] < self.monday + dt.timedelta(days=7):
                self.orders[row["email_sha256"]].append(row)
        self.since: dict[str, dt.date] = {}
        for row in _rows(accounts / "a" / "customers"):
            if key := row["email_sha256"]:
                self.since[key] = min(row["date_created"], self.since.get(key, row["date_created"]))

    def first(self, who: str) -> dt.datetime:
        return self.touches[who][0]["event_time"]

    def after(self, who: str) -> list[Touch]:
        return [order for order in self.orders[who] if order["event_time"] > self.first(who)]

    def before(self, who: str, days: int) -> list[Touch]:
        first = self.first(who)
        return [o for o in self.orders[who] if first - dt.timedelta(days=days) <= o["event_time"] < first]

    def is_known(self, who: str) -> bool:
        return bool(self.before(who, 182)) or self.since.get(who, dt.date.max) < self.monday

    def is_buyer(self, who: str) -> bool:
        return any(order["event_type"] == "purchase" for order in self.after(who))

    def bought_before(self, who: str) -> bool:
        return any(order["event_type"] == "purchase" for order in self.before(who, 365))

    def ordered_in_week(self, who: str) -> bool:
        return any(order["date"] >= self.monday for order in self.orders[who])

    def path(self, who: str) -> str:
        orders = self.after(who)
        end = max(order["event_time"] for order in orders) if orders else None
        seen = [t["channel"] for t in self.touches[who] if end is None or t["event_time"] < end]
        steps = [channel for channel, _ in itertools.groupby(seen)]
        return " > ".join([*steps[:4], "(more)"] if len(steps) > 4 else steps)

    def groups(self, names: Callable[[Touch], Collection[str]]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = collections.defaultdict(set)
        for who, touches in self.touches.items():
            for name in {name for touch in touches for name in names(touch)}:
                found[name].add(who)
        return found

    def told(self, people: Collection[str]) -> bool:
        """As the owners ask of a group: viewers, customers, people with any order."""
        customers = sum(who in self.since for who in people)
        return len(people) >= MINIMUM and min(customers, sum(bool(self.orders[who]) for who in people)) >= A_MINIMUM


@pytest.fixture(scope="module")
def viewers(insights: Insights) -> dict[str, Viewers]:
    return {week: Viewers(insights, week) for week in insights.weeks}


def hidden(insights: Insights, week: str, kind: str, *, converters: bool = False) -> set[str]:
    """Groups that are withheld besides, or those of which only the converters are."""
    rows = [row for row in insights.rows("complementary_cells", week) if row["kind"] == kind]
    return {row["cell"] for row in rows if (row["reason"] == "converters") == converters}


def may_be_told(everybody: Collection[str], people: Collection[str], holds: Callable[[str], bool]) -> bool:
    """Both parts of a group are many people; what it leaves of the whole is many, or nobody."""
    ours, whole = sum(map(holds, people)), sum(map(holds, everybody))
    left = (whole - ours, len(everybody) - len(people) - (whole - ours))
    return min(ours, len(people) - ours) >= MINIMUM and all(rest == 0 or rest >= MINIMUM for rest in left)


def test_paths_are_those_that_people_went_one_by_one_and_none_is_missing(insights: Insights, viewers) -> None:
    for week, truth in viewers.items():
        people = collections.defaultdict(list)
        for who in truth.touches:
            people[truth.path(who)].append(who)
        told = {
            path: who
            for path, who in people.items()
            if len(who) >= MINIMUM and sum(map(truth.ordered_in_week, who)) >= A_MINIMUM
        }
        told["(other)"] = [who for path, mine in people.items() if path not in told for who in mine]
        rows = {row["path"]: row for row in insights.rows("path_to_conversion", week)}
        assert set(rows) == set(told)
        besides = hidden(insights, week, "path")
        silent = hidden(insights, week, "path", converters=True)
        converters = sum(bool(truth.after(who)) for who in truth.touches)
        for path, row in rows.items():
            cell = "/".join([*path.split(" > "), "", "", "", ""][:5])
            if cell in besides:
                assert row["below_threshold"]
                continue
            if cell in silent:
                assert (row["people"], row["converters"], row["share_of_converters"]) == (len(told[path]), None, None)
                continue
            won = sum(bool(truth.after(who)) for who in told[path])
            assert (row["people"], row["converters"]) == (len(told[path]), won), path
            assert row["share_of_converters"] == pytest.approx(won / converters)
        assert len(told) > 3


def test_all_models_of_attribution_and_all_groups_of_journeys_count_the_same_people(
    insights: Insights, viewers
) -> None:
    for week, truth in viewers.items():
        everybody, converters = len(truth.touches), sum(bool(truth.after(who)) for who in truth.touches)
        groups = insights.rows("journey_groups", week)
        for kind in ("all", "days", "path"):
            mine = [row for row in groups if row["kind"] == kind]
            assert sum(row["people"] for row in mine) == everybody, kind
            assert sum(row["conversions"] for row in mine) == converters, kind
        begun = [row["steps"] for row in insights.rows("channel_steps", week) if row["channel_before"] is None]
        assert sum(begun) == everybody
        for rule in ("first_touch", "linear"):
            shared = [row["credit"] for row in insights.rows("attribution", week) if row["model"] == rule]
            assert sum(shared) == pytest.approx(converters)
        (total,) = (row for row in insights.rows("viewer_groups", week) if row["kind"] == "all")
        assert (total["people"], total["converters"]) == (everybody, converters)


def test_the_days_until_people_convert_are_counted_among_those_who_were_still_watched(
    insights: Insights, viewers
) -> None:
    for week, truth in viewers.items():
        staying = 1.0
        rows = insights.rows("time_to_conversion", week)
        assert [row["days"] for row in rows] == list(range(7))
        for day, row in enumerate(rows):
            at_risk = converted = 0
            for who in truth.touches:
                seen_on = truth.first(who).date()
                orders = truth.after(who)
                waited = (min(order["date"] for order in orders) - seen_on).days if orders else None
                watched = (truth.monday + dt.timedelta(days=6) - seen_on).days
                at_risk += (watched if waited is None else waited) >= day
                converted += waited == day
            staying *= 1 - converted / at_risk
            assert (row["at_risk"], row["converters"]) == (at_risk, converted)
            assert row["converted_share"] == pytest.approx(1 - staying)


def test_new_people_and_new_buyers_are_those_whom_no_earlier_row_names(insights: Insights, viewers) -> None:
    seen = set()
    for week, truth in viewers.items():
        groups = truth.groups(lambda touch: (touch["channel"], "(all)"))
        reach = {row["channel"]: row for row in insights.rows("net_new_reach", week)}
        bought = {row["channel"]: row for row in insights.rows("new_to_brand", week)}
        assert set(reach) == set(bought) == set(groups) == {*CHANNELS, "(all)"}
        for channel, people in groups.items():
            new = sum(not truth.is_known(who) for who in people)
            told = may_be_told(groups["(all)"], people, truth.is_known)
            assert (reach[channel]["people"], reach[channel]["new_people"]) == (len(people), new if told else None)
            buyers = {who for who in people if truth.is_buyer(who)}
            every_buyer = {who for who in groups["(all)"] if truth.is_buyer(who)}
            told = len(buyers) >= MINIMUM and not 0 < len(every_buyer) - len(buyers) < MINIMUM
            assert bought[channel]["buyers"] == (len(buyers) if told else None)
            first = sum(not truth.bought_before(who) for who in buyers)
            told = told and may_be_told(every_buyer, buyers, truth.bought_before)
            assert bought[channel]["new_buyers"] == (first if told else None)
            seen.add(reach[channel]["below_threshold"])
    assert False in seen


def test_marginals_are_people_of_one_dimension_at_a_time(insights: Insights, viewers) -> None:
    dimensions: dict[str, Callable[[Touch], str]] = {
        "country": lambda touch: touch["geo_country"],
        "region": lambda touch: f"{touch['geo_country']}-{touch['geo_region'] or '(none)'}",
        "hour": lambda touch: str(touch["local_hour"]),
        "device": lambda touch: touch["device"],
    }
    for week, truth in viewers.items():
        rows = {(row["dimension"], row["dimension_value"]): row for row in insights.rows("marginals", week)}
        compared = collections.Counter()
        for dimension, name in dimensions.items():
            besides = hidden(insights, week, dimension)
            silent = hidden(insights, week, dimension, converters=True)
            for value, people in truth.groups(lambda touch, name=name: [name(touch)]).items():
                row = rows.pop((dimension, value), None)
                cell = value.replace("-(none)", "/").replace("-", "/") if dimension == "region" else f"{value}/"
                if not truth.told(people) or cell in besides:
                    assert row is None or row["below_threshold"]
                    continue
                shown = sum(name(touch) == value for who in people for touch in truth.touches[who])
                won = None if cell in silent else sum(bool(truth.after(who)) for who in people)
                assert (row["people"], row["impressions"], row["converters"]) == (len(people), shown, won), value
                compared[dimension] += 1
        assert min(compared[dimension] for dimension in dimensions) > 2
        assert all(row["below_threshold"] for row in rows.values())


def test_inventory_is_counted_in_impressions_with_an_email_and_of_customers(insights: Insights, viewers) -> None:
    for week, truth in viewers.items():
        rows = insights.rows("inventory_match_rate", week)
        assert len(rows) == 7 * (len(CHANNELS) + 1)
        for row in rows:
            mine = [
                shown
                for shown in truth.impressions
                if shown["date"] == row["day"] and row["channel"] in ("(all)", shown["channel"])
            ]
            named = [shown for shown in mine if shown["email_sha256"]]
            ours = [shown for shown in named if shown["email_sha256"] in truth.since]
            expected = (len(mine), len(named), len(ours))
            assert (row["impressions"], row["addressable_impressions"], row["matched_impressions"]) == expected
            assert row["match_rate"] == pytest.approx(len(ours) / len(named))


def test_publishers_together_reach_the_people_of_any_of_them(insights: Insights, viewers) -> None:
    for week, truth in viewers.items():
        reached = truth.groups(lambda touch: [touch["publisher"]])
        rows = insights.rows("cross_publisher_reach", week)
        assert len(rows) == 2 ** len(reached)
        for row in rows:
            names = sorted(reached) if row["publishers"] == "(all)" else row["publishers"].split(" + ")
            together = len(set().union(*(reached[name] for name in names)))
            assert row["people_low"] <= together <= row["people_high"]
            if row["publisher_count"] < 3 or row["publishers"] == "(all)":
                assert row["people"] == together
                assert row["duplicated_share"] == pytest.approx(1 - together / sum(len(reached[n]) for n in names))


def test_the_expected_reach_of_the_weeks_own_impressions_is_close_to_what_was_reached(
    insights: Insights, viewers
) -> None:
    for week, truth in viewers.items():
        groups = truth.groups(lambda touch: (touch["channel"], "(all)"))
        rows = {(row["channel"], row["impressions_factor"]): row for row in insights.rows("reach_forecast", week)}
        for channel, people in groups.items():
            shown = [t for who in people for t in truth.touches[who] if channel in ("(all)", t["channel"])]
            row = rows[channel, 1.0]
            assert row["impressions"] == len(shown)
            assert row["expected_people"] == pytest.approx(len(people), rel=0.02)
