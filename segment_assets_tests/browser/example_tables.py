"""Rows made by hand for the declared panels: intervals, bounds, withheld numbers, trials in every state.

Not here: any expectation. A row has every column that its table declares; what is not named is empty.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from segment_assets.dashboard import PAGES
from segment_assets.tables import TABLES

WEEK, BEFORE = dt.date(2026, 10, 12), dt.date(2026, 10, 5)
CHANNELS = ("audio", "ctv", "display", "olv", "social")
MODELS = ("first_touch", "last_touch", "linear", "markov_removal", "shapley_rates")
PAIRS = (
    ("newsletter_subscribers", "criteo", "12345"),
    ("newsletter_subscribers", "snapchat", "8adc3db7-8148-4fbf-999c-8d2266369d74"),
    ("exposed_non_converters", "meta", "1001"),
)
SHOWN = sorted({name for page in PAGES.values() for name in page.tables()})
# Numbers that tell rows apart: they are known whatever is withheld.
SPINE = {"impressions_factor", "is_extrapolated", "frequency", "days", "channel_count", "publisher_count"}

Row = dict[str, Any]


def row(table: str, **known: Any) -> Row:
    columns = TABLES[table].column_names()
    assert set(known) <= set(columns), set(known) - set(columns)
    filled = {"reporting_week": WEEK, "below_threshold": False} | known
    return {column: filled.get(column) for column in columns}


def pair(table: str, place: tuple[str, str, str], **known: Any) -> Row:
    return row(table, segment=place[0], destination=place[1], account=place[2], **known)


def tables() -> dict[str, list[Row]]:
    made = {**_planning(), **_activation(), **_causes(), **_journeys()}
    assert sorted(made) == SHOWN
    return made


def withheld() -> dict[str, list[Row]]:
    """The same rows, of which the clean room told nothing and no platform said anything: only names are left."""
    words = {"string", "date", "boolean", "timestamp"}
    kept = {name: {c.name for c in TABLES[name].columns if c.type.value in words} for name in SHOWN}
    return {
        name: [
            {column: value if column in kept[name] | SPINE else None for column, value in one.items()}
            | ({"below_threshold": True} if "below_threshold" in one else {})
            for one in rows
        ]
        for name, rows in tables().items()
    }


def _rate(converters: int, people: int) -> Row:
    share = converters / people
    return {
        "people": people, "converters": converters, "conversion_rate": share,
        "rate_low": share * 0.8, "rate_high": share * 1.2,
    }  # fmt: skip


def _planning() -> dict[str, list[Row]]:
    def forecast(channel: str, factor: float, size: int) -> Row:
        impressions = factor * size
        people = 20_000 * impressions / (impressions + 20_000)
        return row(
            "reach_forecast", channel=channel, impressions_factor=factor, impressions=impressions,
            expected_people=people, people_low=people * 0.95, people_high=people * 1.05, points=7,
            expected_frequency=impressions / people, is_extrapolated=factor > 1,
        )  # fmt: skip

    sizes = [("(all)", 40_000), *((name, 4_000 + 3_000 * n) for n, name in enumerate(CHANNELS))]
    return {
        "reach_forecast": [forecast(name, factor, size) for name, size in sizes for factor in (0.5, 1.0, 1.5, 2.0, 3.0)],
        "audience_overlap": [
            row("audience_overlap", customers=46_903, exposed_customers=13_757, matched_converters=1_382,
                overlap_rate=13_757 / 46_903, conversion_rate=1_382 / 13_757),
            row("audience_overlap", reporting_week=BEFORE, customers=46_903, exposed_customers=13_806,
                overlap_rate=13_806 / 46_903, below_threshold=True),
        ],
        "audience_profile_index": [
            *(
                row("audience_profile_index", attribute="birth_country", attribute_value=name, base_people=5_000,
                    base_share=0.1, matched_converters=150, matched_share=index / 1_000, affinity_index=index,
                    index_low=index * 0.9, index_high=index * 1.1)
                for name, index in (("US", 99.0), ("GB", 131.0))
            ),
            row("audience_profile_index", attribute="birth_country", attribute_value="SE", base_people=1_474,
                base_share=0.03, below_threshold=True),
        ],
        "exposure_overlap_groups": [
            row("exposure_overlap_groups", channels="display", channel_count=1, impressions=3_000, **_rate(90, 900)),
            row("exposure_overlap_groups", channels="ctv display", channel_count=2, impressions=2_000, **_rate(60, 400)),
            row("exposure_overlap_groups", channels="audio", channel_count=1, below_threshold=True),
        ],
        "cross_publisher_reach": [
            row("cross_publisher_reach", publishers="morning_courier", publisher_count=1, people=6_233,
                people_low=6_233, people_high=6_233, duplicated_share=0.0, basis="exact"),
            row("cross_publisher_reach", publishers="morning_courier + puzzle_parlour + streamhaus_tv",
                publisher_count=3, people_low=11_565, people_high=12_636, basis="bounds", below_threshold=True),
        ],
        "inventory_match_rate": [
            row("inventory_match_rate", channel=channel, day=WEEK + dt.timedelta(days=n), impressions=5_700,
                addressable_impressions=5_400, matched_impressions=2_400, addressable_rate=0.947, match_rate=0.444)
            for channel in ("(all)", "ctv")
            for n in range(7)
        ],
    }  # fmt: skip


def _activation() -> dict[str, list[Row]]:
    asked = dt.date(2026, 10, 20)
    criteo, snapchat, meta = PAIRS
    return {
        "match_rate_trend": [
            pair("match_rate_trend", meta, asked_on=asked - dt.timedelta(days=1), state="ready", acknowledged=8_000,
                 size_low=5_000, size_high=5_200, match_rate_low=0.625, match_rate_high=0.65),
            pair("match_rate_trend", meta, asked_on=asked, state="ready", acknowledged=8_084, size_low=4_900,
                 size_high=5_100, match_rate_low=0.606, match_rate_high=0.631, change_low=-0.019),
            pair("match_rate_trend", criteo, asked_on=asked, state="too_small", acknowledged=222),
        ],
        "segment_size_by_destination": [
            pair("segment_size_by_destination", meta, wanted=8_084, acknowledged=8_084, size_low=4_900,
                 size_high=5_100, minimum=100, verdict="served"),
            pair("segment_size_by_destination", criteo, wanted=222, acknowledged=222, minimum=1_000, missing=778,
                 verdict="too_small"),
            pair("segment_size_by_destination", snapchat, wanted=229, acknowledged=0, minimum=1_000, missing=1_000,
                 verdict="too_small"),
        ],
        "optout_latency": [
            pair("optout_latency", meta, deadline_hours=24.0, taken_out=40, in_time=39, in_time_share=0.975,
                 slowest_hours=26.5, waiting=2, overdue=1, oldest_waiting_hours=30.0),
            pair("optout_latency", criteo, deadline_hours=24.0, taken_out=3, in_time=3, in_time_share=1.0,
                 slowest_hours=0.4, waiting=0, overdue=0),
            pair("optout_latency", snapchat, deadline_hours=24.0, taken_out=0, in_time=0, waiting=0, overdue=0),
        ],
    }  # fmt: skip


def _causes() -> dict[str, list[Row]]:
    def trial(segment: str, account: str, state: str, **known: Any) -> Row:
        return row(
            "audience_incrementality", experiment="autumn", segment=segment, destination="meta", account=account,
            accounts=2, state=state, treatment=90_000, held_out=10_000, assigned=100_000, contaminated_share=0.01,
            **known,
        )  # fmt: skip

    effect = {
        "effect": 0.006, "effect_low": 0.002, "effect_high": 0.01, "minimum_detectable_effect": 0.005,
        "buyers_treatment": 2_700, "buyers_held_out": 240, "incremental_customers": 540.0,
        "incremental_customers_low": 180.0, "incremental_customers_high": 900.0,
    }  # fmt: skip
    channel = {"reached_at_least": 1_637, "reached_at_most": 3_364}
    return {
        "audience_incrementality": [
            trial("exposed_non_converters", "1001", "measured", **effect),
            trial("exposed_non_converters", "1002", "measured", **effect),
            trial("newsletter_subscribers", "1001", "no_outcomes_yet"),
        ],
        "geo_lift": [
            row("geo_lift", experiment="spring_regions", metric="purchases", state="measured", treated_regions=6,
                control_regions=6, relative_lift=0.08, relative_lift_low=0.01, relative_lift_high=0.15,
                incremental=210.0, incremental_low=30.0, incremental_high=400.0, p_value=0.03, smallest_p=0.001),
            row("geo_lift", experiment="autumn_regions", metric="purchases", state="not_begun", treated_regions=6,
                control_regions=6),
        ],
        "incremental_reach": [
            row("incremental_reach", channel="ctv", **channel, incremental_people=439, incremental_share_low=0.1305,
                incremental_share_high=0.2682),
            row("incremental_reach", channel="audio", **channel, below_threshold=True),
        ],
        "net_new_reach": [
            row("net_new_reach", channel=name, people=12_000, new_people=6_700, new_share=0.559, share_low=0.551,
                share_high=0.568)
            for name in ("(all)", "ctv")
        ],
        "new_to_brand": [
            row("new_to_brand", channel="(all)", buyers=484, new_buyers=200, new_share=0.41, share_low=0.37,
                share_high=0.46),
            row("new_to_brand", channel="ctv", buyers=270, below_threshold=True),
        ],
    }  # fmt: skip


def _journeys() -> dict[str, list[Row]]:
    credit = dict(zip(CHANNELS, (0.11, 0.2, 0.37, 0.15, 0.17), strict=True))
    days = [row("time_to_conversion", days=n, at_risk=12_000 - 1_300 * n, converters=80, converted_share=0.01 * (n + 1),
                share_low=0.009 * (n + 1), share_high=0.011 * (n + 1)) for n in range(7)]  # fmt: skip
    return {
        "reach_frequency": [
            *(
                row("reach_frequency", frequency=n, impressions=n * 900, reach_share=0.1, **_rate(40 + 9 * n, 900))
                for n in range(1, 9)
            ),
            row("reach_frequency", frequency=9, below_threshold=True),
            row("reach_frequency", frequency=10, impressions=1_573, reach_share=0.02, **_rate(28, 129)),
        ],
        "conversion_by_frequency": [
            *(row("conversion_by_frequency", frequency=n, **_rate(40 + 9 * n, 900)) for n in range(1, 9)),
            row("conversion_by_frequency", frequency=9, below_threshold=True),
            row("conversion_by_frequency", frequency=10, **_rate(28, 129)),
        ],
        "path_to_conversion": [
            row("path_to_conversion", path="(other)", share_of_converters=0.6, **_rate(294, 7_451)),
            row("path_to_conversion", path="display", steps=1, share_of_converters=0.4, **_rate(106, 2_098)),
            row("path_to_conversion", path="ctv > display", steps=2, below_threshold=True),
        ],
        "attribution": [
            row("attribution", model=model, channel=channel, unit="conversions", withheld_cells=0,
                **({"below_threshold": True} if model == "shapley_rates" else {"credit": part * 500, "share": part}))
            for model in MODELS
            for channel, part in credit.items()
        ],
        "time_to_conversion": days,
        "marginals": [
            *(
                row("marginals", dimension="device", dimension_value=name, impressions=9_000, average_frequency=3.0,
                    **_rate(150, 3_000))
                for name in ("ctv", "desktop", "mobile", "tablet")
            ),
            *(
                row("marginals", dimension="hour", dimension_value=str(n), impressions=900, average_frequency=1.5,
                    **_rate(30 + n % 5, 600))
                for n in range(24)
            ),
        ],
    }  # fmt: skip
