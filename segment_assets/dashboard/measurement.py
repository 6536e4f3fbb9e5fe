"""The sections about what the campaign did: reach by campaign, converters by creative and by order value.

Belongs here: choosing rows, wording, what is said where a number is withheld. Not here: drawing (`charts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.dashboard import charts, look
from segment_assets.dashboard.figures import BELOW, EVERYTHING, newest, number, percent, rate, told
from segment_assets.dashboard.parts import Numbers, Section, week_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.dashboard.figures import Figures, Row

# Shares of bands that differ by less than this say nothing: a band holds a few hundred people.
ALIKE = 0.1


def reach(of: Figures) -> Section:
    """Reach and frequency by campaign and channel."""
    rows = newest(of.reach)
    parts = sorted(
        (row for row in rows if row["campaign_id"] != EVERYTHING),
        key=lambda row: row["reached_customers"] or 0,
        reverse=True,
    )
    total = next((row for row in rows if row["campaign_id"] == EVERYTHING), None)
    shown = [
        charts.Bar(_campaign(row), row["reached_customers"], _reach_label(row)) for row in parts[: look.SHOWN_ROWS]
    ]
    if total is not None:
        shown.insert(0, charts.Bar("All campaigns together", total["reached_customers"], _reach_label(total)))
    return Section(
        "reach",
        "Measurement",
        _reach_title(parts),
        f"Customers of account A reached by each campaign on each channel, {week_of(rows)}, and how often on average.",
        [("Reach by campaign and channel", charts.bars(shown, "customers reached (distinct people)"))],
        Numbers(
            ("Campaign", "Channel", "Customers reached", "Share of customers", "Impressions", "Average frequency"),
            [
                (
                    row["campaign_id"],
                    row["channel"],
                    number(row["reached_customers"]),
                    percent(row["reach_rate"]),
                    _frequency_text(row, "impressions", 0),
                    _frequency_text(row, "average_frequency", 2),
                )
                for row in [*parts, *([total] if total else [])]
            ],
        ),
        [
            "The bars do not add up: a person reached by two campaigns is in both bars and once in the first.",
            "A campaign that the clean room withheld has no bar, but its people are in the first one.",
        ],
    )


def _frequency_text(row: Row, column: str, places: int) -> str:
    if row[column] is None and row["campaign_id"] == EVERYTHING:
        return "not known"
    return number(row[column], places=places)


def _reach_label(row: Row) -> str:
    if row["reached_customers"] is None:
        return ""
    frequency = row["average_frequency"]
    often = f" · {number(frequency, places=1)} times" if frequency is not None else ""
    return f"{number(row['reached_customers'])}{often}"


def _campaign(row: Row) -> str:
    return f"{row['campaign_id']} · {row['channel']}"


def _reach_title(parts: Sequence[Row]) -> str:
    if not told(parts):
        return f"The reach of single campaigns is {BELOW}"
    top = told(parts)[0]
    return (
        f"{_campaign(top)} reached most customers: {number(top['reached_customers'])}, "
        f"{number(top['average_frequency'], places=1)} times each"
    )


def creatives(of: Figures) -> Section:
    """Matched converters by creative."""
    rows = sorted(newest(of.creatives), key=lambda row: row["matched_converters"] or 0, reverse=True)
    shown = [
        charts.Bar(
            row["creative_id"],
            row["matched_converters"],
            f"{number(row['matched_converters'])} · {percent(row['share_of_matched'])}"
            if row["matched_converters"]
            else "",
        )
        for row in rows[: look.SHOWN_ROWS]
    ]
    return Section(
        "creatives",
        "Measurement",
        _creative_title(rows),
        f"People who converted on or after the day they saw the creative, {week_of(rows)}. The share is that of all "
        "matched converters.",
        [("Converters by creative seen", charts.bars(shown, "converters who saw it (distinct people)"))],
        Numbers(
            ("Creative", "Converters who saw it", "Share of matched converters"),
            [(row["creative_id"], number(row["matched_converters"]), percent(row["share_of_matched"])) for row in rows],
        ),
        [
            "A person who saw two creatives is in both bars, so shares exceed 100 % in sum. Seeing is not causing.",
            f"“{BELOW}” is a creative that we know of, but whose number is withheld: few people, or nobody.",
        ],
    )


def _creative_title(rows: Sequence[Row]) -> str:
    if not told(rows):
        return f"Converters by creative are {BELOW}"
    top = told(rows)[0]
    # How many all matched converters are may be withheld although those of a creative are told.
    share = top["share_of_matched"]
    seen = number(top["matched_converters"]) if share is None else f"{percent(share)} of those matched"
    return f"{top['creative_id']} was seen by most converters: {seen}"


def bands(of: Figures) -> Section:
    """Buyers by band of order value."""
    rows = sorted(newest(of.bands), key=lambda row: (row["band_number"], row["price_band"]))
    shown = [
        charts.Bar(
            _band(row),
            row["matched_converters"],
            f"{number(row['matched_converters'])} of {number(row['converters'])} · "
            f"{rate(row['matched_converters'], row['converters'])}"
            if row["matched_converters"]
            else f"{number(row['converters'])} buyers",
            behind=row["converters"],
        )
        for row in rows
    ]
    return Section(
        "bands",
        "Measurement",
        _band_title(rows),
        f"All converters of the {week_of(rows, plain=True)} by order value (pale), and those who had seen an "
        "impression before (blue).",
        [("Converters by order value", charts.bars(shown, "converters (distinct people)"))],
        Numbers(
            ("Order value", "Converters", "After an impression", "Share"),
            [
                (
                    _band(row),
                    number(row["converters"]),
                    number(row["matched_converters"]),
                    rate(row["matched_converters"], row["converters"]),
                )
                for row in rows
            ],
        ),
        ["A person who ordered in two bands is in both.", "Shares stand with their 95 % interval (Wilson)."],
    )


def _band(row: Row) -> str:
    return row["price_band"] if row["price_band"] == "without price" else f"{row['price_band']} EUR"


def _band_title(rows: Sequence[Row]) -> str:
    if not told(rows):
        return f"Converters by order value are {BELOW}"
    shares = sorted(row["matched_share"] for row in told(rows))
    if shares[-1] - shares[0] < ALIKE:
        where = "whatever they spent" if len(shares) == len(rows) else "in every band that is told"
        return f"About {percent(sum(shares) / len(shares))} of converters had seen an impression, {where}"
    low, high = (pick(told(rows), key=lambda row: row["matched_share"]) for pick in (min, max))
    return (
        f"{percent(high['matched_share'])} of converters had seen an impression at {_band(high)}, "
        f"{percent(low['matched_share'])} at {_band(low)}"
    )
