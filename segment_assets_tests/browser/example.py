"""Figures made by hand that have everything a page must cope with: withheld numbers, refusals, held lists, names.

Not here: any expectation.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from segment_assets.dashboard import Audience, Figures

WEEKS = (dt.date(2026, 9, 28), dt.date(2026, 10, 5), dt.date(2026, 10, 12))
NEWEST = WEEKS[-1]


def audience(segment: str, members: int, *, planned: bool = True) -> Audience:
    counts = {
        "rows_in": members + 7, "quarantined_rows": 4, "duplicates_merged": 3, "members": members,
        "suppressed": members // 20, "no_consent": members // 4, "held_out": members // 10,
    }  # fmt: skip
    eligible = members - counts["suppressed"] - counts["no_consent"] - counts["held_out"]
    return Audience(segment, planned, counts | {"eligible": eligible})


def delivery(of: Audience, *, destination: str = "meta", refused: int = 0, unproven: int = 0) -> dict[str, Any]:
    wanted = of.counts["eligible"]
    return {
        "destination": destination, "account": "1001", "segment": of.segment, "deliveries": 2,
        "last_closed_at": dt.datetime(2026, 10, 20, 12, 30, tzinfo=dt.UTC), "audience": of.counts["members"],
        **{door: of.counts[door] for door in ("suppressed", "no_consent", "held_out")},
        "no_usable_key": 0, "wanted": wanted, "acknowledged": wanted - refused - unproven, "refused": refused,
        "unproven": unproven, "unsent": 0, "taken_out": 0, "accepted_in_total": wanted - refused - unproven,
        "rejected_in_total": refused, "unproven_in_total": unproven, "removed_in_total": 3, "requests_in_total": 4,
        "deliverable_share": wanted / of.counts["members"],
    }  # fmt: skip


def overlap(week: dt.date, exposed: int | None, matched: int | None) -> dict[str, Any]:
    return {
        "reporting_week": week, "customers": 46_903, "exposed_customers": exposed, "matched_converters": matched,
        "overlap_rate": exposed and exposed / 46_903, "conversion_rate": matched and exposed and matched / exposed,
        "below_threshold": exposed is None or matched is None,
    }  # fmt: skip


def creative(name: str, matched: int | None) -> dict[str, Any]:
    return {
        "reporting_week": NEWEST, "creative_id": name, "matched_converters": matched,
        "share_of_matched": matched and matched / 1_382, "below_threshold": matched is None,
    }  # fmt: skip


def band(name: str, number: int, converters: int, matched: int | None) -> dict[str, Any]:
    return {
        "reporting_week": NEWEST, "price_band": name, "band_number": number, "converters": converters,
        "matched_converters": matched, "matched_share": matched and matched / converters,
        "below_threshold": matched is None,
    }  # fmt: skip


def country(name: str, base: int, index: float | None) -> dict[str, Any]:
    return {
        "reporting_week": NEWEST, "attribute": "birth_country", "attribute_value": name, "base_people": base,
        "base_share": base / 46_903, "matched_converters": index and 150, "matched_share": index and 0.1,
        "affinity_index": index, "index_low": index and index * 0.9, "index_high": index and index * 1.1,
        "below_threshold": index is None,
    }  # fmt: skip


def campaign(name: str, channel: str, reached: int | None, impressions: int | None) -> dict[str, Any]:
    return {
        "reporting_week": NEWEST, "campaign_id": name, "channel": channel, "reached_customers": reached,
        "impressions": impressions, "average_frequency": impressions and reached and impressions / reached,
        "reach_rate": reached and reached / 46_903, "below_threshold": reached is None,
    }  # fmt: skip


def figures(*, segment: str = "exposed_non_converters", nothing_told: bool = False) -> Figures:
    """`nothing_told`: a week in which the clean room withheld everything."""
    big, small, held = (
        audience(segment, 12_737),
        audience("newsletter_subscribers", 705),
        audience("store_visitors", 176, planned=False),
    )

    def number(value: float) -> Any:
        return None if nothing_told else value

    return Figures(
        tenant="lumen_shop",
        audiences=[big, small, held],
        deliveries=[delivery(big, refused=40, unproven=400), delivery(big, destination="google"), delivery(small)],
        overlap=[
            overlap(WEEKS[0], 13_500, None),
            overlap(WEEKS[1], 13_806, 1_351),
            overlap(WEEKS[2], number(13_757), number(1_382)),
        ],
        reach=[
            campaign("(all)", "(all)", number(13_757), None),
            *([] if nothing_told else [
                campaign("cmp_autumn_offer", "display", 6_255, 9_300),
                campaign("cmp_loyalty", "audio", 3_433, 4_000),
            ]),
        ],
        creatives=[
            creative("cr_offer_display_01", number(621)),
            creative("cr_loyalty_audio_01", number(302)),
            creative("cr_retarget_social_01", None),
        ],
        bands=[
            band("0-25", 1, 632, number(325)),
            band("25-50", 2, 753, number(267)),
            band("250+", 5, 69, None),
            band("without price", 6, 371, number(178)),
        ],
        profile=[country("GB", 5_048, number(131.0)), country("US", 15_535, number(99.0)), country("SE", 1_474, None)],
    )  # fmt: skip
