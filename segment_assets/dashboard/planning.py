"""The sections about whom the publisher reaches: overlap by week, and the profile of those who converted.

Belongs here: choosing rows, wording, what is said where a number is withheld. Not here: drawing (`charts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.dashboard import charts, look
from segment_assets.dashboard.figures import BELOW, newest, number, percent, rate, short_week, week_name
from segment_assets.dashboard.parts import Numbers, Section, capital, week_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.dashboard.figures import Figures, Row

SHOWN_WEEKS = 8
AS_COMMON = 100


def overlap(of: Figures) -> Section:
    """How much of the base was reached, and how many of those converted, by week."""
    rows = sorted(of.overlap, key=lambda row: row["reporting_week"], reverse=True)
    shown = rows[:SHOWN_WEEKS]
    reached = [
        charts.Bar(
            short_week(row["reporting_week"]),
            row["overlap_rate"],
            rate(row["exposed_customers"], row["customers"]) if row["exposed_customers"] else "",
        )
        for row in shown
    ]
    converted = [
        charts.Bar(
            short_week(row["reporting_week"]),
            row["conversion_rate"],
            rate(row["matched_converters"], row["exposed_customers"]) if row["matched_converters"] else "",
        )
        for row in shown
    ]
    return Section(
        "overlap",
        "Planning",
        _overlap_title(rows[0]) if rows else "No reporting week yet",
        "Customers of account A who saw an impression on account B, and those of them who converted on or after that "
        "day. Matched in the clean room by hashed e-mail.",
        [
            (
                "Customers reached, per week",
                charts.bars(reached, "share of account A's customers (%)", percent=True, whole=1.0),
            ),
            (
                "Converted after an impression, per week",
                charts.bars(converted, "share of reached customers (%)", percent=True),
            ),
        ],
        Numbers(
            ("Week", "Customers", "Reached", "Reached, share", "Converted", "Converted, share"),
            [
                (
                    capital(week_name(row["reporting_week"])),
                    number(row["customers"]),
                    number(row["exposed_customers"]),
                    rate(row["exposed_customers"], row["customers"]),
                    number(row["matched_converters"]),
                    rate(row["matched_converters"], row["exposed_customers"]),
                )
                for row in rows
            ],
        ),
        [
            "People are counted once per week; weeks do not add up, since many are reached again.",
            "Shares stand with their 95 % interval (Wilson): how far chance alone moves one from week to week.",
        ],
        wide=True,
    )


def _overlap_title(row: Row) -> str:
    if row["overlap_rate"] is None:
        return f"How many customers the publisher reached in the {week_name(row['reporting_week'])} is {BELOW}"
    reached = f"The publisher reached {percent(row['overlap_rate'])} of our customers"
    if row["conversion_rate"] is None:
        return f"{reached}; how many of them converted is {BELOW}"
    return f"{reached}, and {percent(row['conversion_rate'])} of those converted"


def profile(of: Figures) -> Section:
    """Affinity index of an attribute."""
    rows = newest(of.profile)
    # Also of a told row: shares tell how many all matched converters are, which may be withheld.
    known = sorted(
        (row for row in rows if row["affinity_index"] is not None), key=lambda row: row["affinity_index"], reverse=True
    )
    withheld = sorted(row["attribute_value"] for row in rows if row["affinity_index"] is None)
    shown = [
        charts.Dot(
            row["attribute_value"],
            row["affinity_index"],
            row["index_low"],
            row["index_high"],
            f"{row['affinity_index']:.0f}   (95 %: {row['index_low']:.0f} to {row['index_high']:.0f})",
        )
        for row in known[: look.SHOWN_ROWS]
    ]
    index = "index (100 = as common as among all customers)"
    return Section(
        "profile",
        "Planning",
        _profile_title(known, everything_told=not withheld),
        f"Country of birth of matched converters compared with all customers, {week_of(rows)}: share among converters "
        "/ share among customers, times 100, with its 95 % interval.",
        [("Affinity index by country of birth", charts.dots(shown, index, usual=AS_COMMON))] if shown else [],
        Numbers(
            ("Country of birth", "Customers", "Share of customers", "Matched converters", "Index"),
            [
                (
                    row["attribute_value"],
                    number(row["base_people"]),
                    percent(row["base_share"]),
                    number(row["matched_converters"]),
                    number(row["affinity_index"]),
                )
                for row in rows
            ],
        ),
        [f"{capital(BELOW)}: {', '.join(withheld)}."] if withheld else [],
    )


def _profile_title(known: Sequence[Row], *, everything_told: bool) -> str:
    if not known:
        return f"The profile of matched converters is {BELOW}"
    more = [row["attribute_value"] for row in known if row["index_low"] > AS_COMMON]
    less = [row["attribute_value"] for row in known if row["index_high"] < AS_COMMON]
    said = [f"{' and '.join(names)} {how}" for names, how in ((more, "over-represented"), (less, "under-represented"))
            if names]  # fmt: skip
    if said:
        return f"Among converters, by country of birth: {', '.join(said)}"
    if everything_told:
        return "Converters are born where our customers are: no difference beyond chance"
    return "Of the countries of birth that are told, none is more or less common among converters beyond chance"
