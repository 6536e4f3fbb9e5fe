"""Tables for planning: what more impressions would reach, what several publishers reach together, whom inventory names.

Not here: how much of the base is reached (`insights`), the SQL (`queries`), curves and bounds (`measurement`).
"""

from __future__ import annotations

from segment_assets.tables.model import Column, ComputedIn, Table, Type, text

_WEEK = Column("reporting_week", Type.DATE, "Monday of the reporting week", nullable=False)
_BELOW = Column(
    "below_threshold",
    Type.BOOLEAN,
    "True when the number is withheld (too few people, nobody, or it would tell of so few elsewhere); it is then "
    "empty, never 0",
    nullable=False,
)
_GROWS = (
    "expected_people >= coalesce((SELECT max(t.expected_people) FROM this_table AS t WHERE t.channel = "
    "this_table.channel AND t.impressions_factor < this_table.impressions_factor), 0)"
)
_POINTS = ("inventory_days.addressable_impressions", "inventory_days.newly_reached")
_SINGLES = ("viewer_groups.people",)

REACH_FORECAST = Table(
    name="reach_forecast",
    description=(
        "Viewers that a channel is expected to reach with other amounts of impressions in a week like this one: the "
        "curve ceiling * x / (x + half), fitted to the impressions of each day and the people whom it reached first."
    ),
    question="How many more people would we reach if we bought more?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "channel", "impressions_factor"),
    retention_days=400,
    columns=(
        _WEEK,
        text("channel", "Channel, or `(all)`: any", nullable=False),
        Column("impressions_factor", Type.DOUBLE, "impressions / those of the week", nullable=False),
        Column(
            "impressions",
            Type.DOUBLE,
            "Impressions with the viewer's e-mail in the week; empty when below threshold",
            of=("inventory_days.addressable_impressions",),
        ),
        Column("expected_people", Type.DOUBLE, "Expected viewers: never add up over channels or weeks", of=_POINTS),
        Column(
            "people_low",
            Type.DOUBLE,
            "Lower end of the 95 % interval of the curve (Student's t): never add up. It knows how days scatter in "
            "what they add, not what else will be different another time",
            of=_POINTS,
        ),
        Column("people_high", Type.DOUBLE, "Upper end of that interval: never add up", of=_POINTS),
        Column("expected_frequency", Type.DOUBLE, "impressions / expected_people", of=_POINTS),
        Column("is_extrapolated", Type.BOOLEAN, "More impressions than the week had: shape assumed", nullable=False),
        Column("points", Type.INTEGER, "Days that the curve is fitted to; below 3 there is none", nullable=False),
        _BELOW,
    ),
    invariants=(
        "expected_people BETWEEN people_low AND people_high",
        "expected_people <= impressions",
        _GROWS,
        "is_extrapolated = (impressions_factor > 1)",
        "below_threshold = (expected_people IS NULL)",
    ),
)

CROSS_PUBLISHER_REACH = Table(
    name="cross_publisher_reach",
    description=(
        "Viewers that each set of account B's publishers reached together. Exact for one, for two and for all of them "
        "where the room told the numbers, else between the bounds of Frechet and Bonferroni."
    ),
    question="How many people do several publishers reach together, and does another one add anybody?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "publishers"),
    retention_days=400,
    columns=(
        _WEEK,
        text(
            "publishers",
            "Publishers in order, joined by ` + `, or `(all)`",
            nullable=False,
            of=("viewer_groups.part_1",),
        ),
        Column(
            "publisher_count",
            Type.INTEGER,
            "How many these are; empty for `(all)` where a publisher is withheld",
            of=("viewer_groups.impressions",),
        ),
        Column(
            "people", Type.INTEGER, "Viewers whom any of them reached, where that is known: never add up", of=_SINGLES
        ),
        Column("people_low", Type.INTEGER, "Fewest that it can be: never add up", of=_SINGLES),
        Column("people_high", Type.INTEGER, "Most that it can be: never add up", of=_SINGLES),
        Column(
            "duplicated_share",
            Type.DOUBLE,
            "1 - people / sum of their single reaches; empty for bounds, and for `(all)` where a publisher is withheld",
            of=_SINGLES,
        ),
        text("basis", "exact or bounds", nullable=False),
        _BELOW,
    ),
    invariants=(
        "people <> 0",
        "people_low <= people_high",
        "people BETWEEN people_low AND people_high",
        "(basis = 'exact') = (people IS NOT NULL)",
        "duplicated_share BETWEEN 0 AND 1",
        "below_threshold = (people IS NULL)",
    ),
)

INVENTORY_MATCH_RATE = Table(
    name="inventory_match_rate",
    description="Account B's impressions by day: how many name the viewer by e-mail, how many a customer of account A.",
    question="How much of the inventory can be addressed, and how much of it shows our own customers?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "channel", "day"),
    retention_days=400,
    query="planning/inventory_match_rate",
    columns=(
        _WEEK,
        text("channel", "Channel, or `(all)`: any", nullable=False),
        Column("day", Type.DATE, "Day (UTC)", nullable=False),
        Column(
            "impressions",
            Type.INTEGER,
            "All impressions; additive over days and channels, but never add up with `(all)`",
        ),
        Column(
            "addressable_impressions",
            Type.INTEGER,
            "Of impressions, with the viewer's e-mail; additive likewise, never add up with `(all)`",
        ),
        Column(
            "matched_impressions",
            Type.INTEGER,
            "Of these, seen by a customer of account A; additive likewise, never add up with `(all)`",
        ),
        Column("addressable_rate", Type.DOUBLE, "addressable_impressions / impressions"),
        Column("match_rate", Type.DOUBLE, "matched_impressions / addressable_impressions"),
        _BELOW,
    ),
    invariants=(
        "impressions <> 0",
        "addressable_impressions <= impressions",
        "matched_impressions <= addressable_impressions",
        "addressable_rate BETWEEN 0 AND 1 AND match_rate BETWEEN 0 AND 1",
        "below_threshold = (impressions IS NULL)",
    ),
)

COMPLEMENTARY_CELLS = Table(
    name="complementary_cells",
    description=(
        "Groups of the week's results that readers' tables withhold although the clean room told them, because with "
        "other numbers of the week they would give away a withheld one by subtraction."
    ),
    question="Why is a number withheld that is large enough?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "source", "kind", "cell"),
    retention_days=400,
    columns=(
        _WEEK,
        text("source", "Table of the group `clean_room` that told it", nullable=False),
        text("kind", "Kind of the group, empty text where the table has one kind only", nullable=False),
        text(
            "cell",
            "The group: its parts joined by `/`; a day as the number of days since Monday",
            nullable=False,
            of=(
                *(f"journey_groups.part_{n}" for n in range(1, 6)),
                *(f"viewer_groups.part_{n}" for n in (1, 2)),
                *(f"exposure_sets.{name}" for name in ("ctv", "olv", "display", "audio", "social")),
                "exposure_frequency.frequency",
                *(f"inventory_days.{name}" for name in ("channel", "day")),
            ),
        ),
        text(
            "reason",
            "remainder (what is left of a total would be few people, or one group), complement (few were not in it), "
            "converters (its converters alone are withheld: fewer than 25 converted or did not, here or in what the "
            "other groups leave) or intersection (few were in it with nobody else's)",
            nullable=False,
        ),
    ),
    invariants=(
        "reason IN ('remainder', 'complement', 'converters', 'intersection')",
        "source IN ('journey_groups', 'viewer_groups', 'exposure_sets', 'exposure_frequency', 'inventory_days')",
    ),
)
