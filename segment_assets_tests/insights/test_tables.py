"""Every number of every weekly table is the one that counting people one by one gives."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from segment_assets.assets.insights import WEEKLY
from segment_assets_tests.insights.conftest import Insights
from segment_assets_tests.insights.truth import told

pytestmark = pytest.mark.slow

# The first number of each table that the clean room may withhold.
WITHHOLDABLE = {
    "audience_overlap": ("exposed_customers", "matched_converters"),
    "audience_profile_index": ("matched_converters", "matched_share", "affinity_index", "index_low", "index_high"),
    "creative_overlap": ("matched_converters", "share_of_matched"),
    "value_bands": ("matched_converters", "matched_share"),
    "reach_by_campaign_channel": ("reached_customers", "reach_rate"),
    "reach_frequency": ("people", "impressions"),
    "exposure_overlap_groups": ("people", "impressions"),
    "incremental_reach": ("incremental_people", "incremental_share_low", "incremental_share_high"),
    "attribution": ("credit",),
    "path_to_conversion": ("people",),
    "time_to_conversion": ("at_risk", "converters", "converted_share"),
    "net_new_reach": ("new_people", "new_share"),
    "new_to_brand": ("new_buyers", "new_share"),
    "marginals": ("people", "impressions", "average_frequency"),
    "reach_forecast": ("impressions", "expected_people", "people_low", "people_high"),
    "cross_publisher_reach": ("people",),
    "inventory_match_rate": ("impressions", "addressable_impressions", "matched_impressions"),
}
# What is withheld besides is a list, which may be empty.
SHOWN = [insight for insight in WEEKLY if insight.table.name in WITHHOLDABLE]


def both_kinds(values: list[int | None]) -> bool:
    return any(value is None for value in values) and any(value is not None for value in values)


def test_converters_by_creative_are_those_who_saw_it_before(insights: Insights) -> None:
    for week in insights.weeks:
        truth = insights.truth[week]
        expected = {
            creative: told(len(truth.matched_by_creative.get(creative, ())))
            for creative in truth.known_creatives
            | {c for c, who in truth.matched_by_creative.items() if told(len(who))}
        }
        rows = insights.rows("creative_overlap", week)
        assert {row["creative_id"]: row["matched_converters"] for row in rows} == expected
        assert both_kinds(list(expected.values()))
        for row in rows:
            share = row["matched_converters"] and row["matched_converters"] / len(truth.matched)
            assert row["share_of_matched"] == pytest.approx(share)


def test_value_bands_compare_buyers_after_an_impression_with_all_buyers(insights: Insights) -> None:
    seen: list[int | None] = []
    for week in insights.weeks:
        truth = insights.truth[week]
        rows = insights.rows("value_bands", week)
        assert {row["price_band"] for row in rows} >= set(truth.converters_by_band)
        for row in rows:
            buyers = len(truth.converters_by_band.get(row["price_band"], ()))
            matched = told(len(truth.matched_by_band.get(row["price_band"], ())), out_of=buyers)
            assert (row["converters"], row["matched_converters"]) == (buyers, matched), row
            assert row["matched_share"] == pytest.approx(matched and matched / buyers)
            seen.append(matched)
    assert both_kinds(seen)


def test_the_profile_index_compares_shares_among_converters_with_shares_in_the_base(insights: Insights) -> None:
    seen: list[int | None] = []
    for week in insights.weeks:
        truth = insights.truth[week]
        rows = {row["attribute_value"]: row for row in insights.rows("audience_profile_index", week)}
        assert set(rows) == set(truth.base_by_country) - {None}
        every_match = truth.matched & truth.base
        alone = {
            country: told(
                len(truth.base_by_country[country] & truth.matched), out_of=len(truth.base_by_country[country])
            )
            for country in rows
        }
        rest = len(every_match) - sum(filter(None, alone.values()))
        # The smallest go until what is left is several countries and 100 people, 200 with a told one.
        smallest = sorted((n, name) for name, n in alone.items() if n)
        withheld = sum(n is None and len(truth.base_by_country[name]) >= 100 for name, n in alone.items())
        for number, (people_there, country) in enumerate(smallest if rest > 0 else []):
            if withheld + number > 1 and rest >= (200 if number else 100):
                break
            rest, alone[country] = rest + people_there, None
        for country, row in rows.items():
            people = truth.base_by_country[country]
            matched = alone[country]
            assert (row["base_people"], row["matched_converters"]) == (len(people), matched)
            assert row["base_share"] == pytest.approx(len(people) / len(truth.base))
            seen.append(matched)
            if matched is None:
                assert row["affinity_index"] is None
                continue
            share = matched / len(truth.matched & truth.base)
            index = share / (len(people) / len(truth.base)) * 100
            spread = math.exp(1.96 * math.sqrt((1 - share) / matched))
            assert row["affinity_index"] == pytest.approx(index)
            assert (row["index_low"], row["index_high"]) == pytest.approx((index / spread, index * spread))
    assert both_kinds(seen)


def test_reach_by_campaign_is_counted_in_customers_and_their_impressions(insights: Insights) -> None:
    for week in insights.weeks:
        truth = insights.truth[week]
        rows = {(row["campaign_id"], row["channel"]): row for row in insights.rows("reach_by_campaign_channel", week)}
        everybody = rows.pop(("(all)", "(all)"))
        assert (everybody["reached_customers"], everybody["impressions"]) == (len(truth.reached), None)
        expected = {key: who for key, who in truth.reached_by_campaign.items() if told(len(who))}
        assert set(rows) == set(expected) != set()
        for key, row in rows.items():
            reach, impressions = len(expected[key]), truth.impressions_by_campaign[key]
            assert (row["reached_customers"], row["impressions"]) == (reach, impressions)
            assert row["average_frequency"] == pytest.approx(impressions / reach)
            assert row["reach_rate"] == pytest.approx(reach / len(truth.base))


def test_reach_over_all_campaigns_lies_between_the_largest_and_the_sum(insights: Insights) -> None:
    """With the bounds of Frechet, which every deduplicated reach has to keep."""
    for week in insights.weeks:
        rows = insights.rows("reach_by_campaign_channel", week)
        single = [row["reached_customers"] for row in rows if row["campaign_id"] != "(all)"]
        (total,) = (row["reached_customers"] for row in rows if row["campaign_id"] == "(all)")
        assert max(single) <= total < sum(single)


def test_the_overlap_is_the_people_of_the_base_who_were_reached_and_converted(insights: Insights) -> None:
    for week in insights.weeks:
        truth = insights.truth[week]
        (row,) = insights.rows("audience_overlap", week)
        assert row["customers"] == len(truth.base)
        assert row["exposed_customers"] == len(truth.reached)
        assert row["matched_converters"] == len(truth.matched & truth.base)
        assert row["conversion_rate"] == pytest.approx(len(truth.matched & truth.base) / len(truth.reached))
        assert row["overlap_rate"] == pytest.approx(len(truth.reached) / len(truth.base))


@pytest.mark.parametrize("insight", SHOWN, ids=lambda insight: insight.table.name)
def test_a_number_is_empty_exactly_where_it_is_below_threshold_and_never_zero(insights: Insights, insight) -> None:
    for week in insights.weeks:
        rows = insights.rows(insight.table.name, week)
        assert rows
        for row in rows:
            numbers = [row[column] for column in WITHHOLDABLE[insight.table.name]]
            assert row["below_threshold"] == any(value is None for value in numbers)
            assert 0 not in numbers
            assert str(row["reporting_week"]) == week


@pytest.mark.parametrize("insight", WEEKLY, ids=lambda insight: insight.table.name)
def test_a_row_is_identified_by_the_declared_grain(insights: Insights, insight) -> None:
    for week in insights.weeks:
        keys = [
            tuple(str(row[name]) for name in insight.table.grain) for row in insights.rows(insight.table.name, week)
        ]
        assert len(set(keys)) == len(keys)


def test_bands_stand_in_their_order(insights: Insights) -> None:
    rows = insights.rows("value_bands", insights.weeks[0])
    assert all(a["band_number"] < b["band_number"] for a, b in pairwise(rows))
    assert rows[-1]["price_band"] == "without price"
