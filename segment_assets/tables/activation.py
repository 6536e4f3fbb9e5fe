"""Tables on what platforms made of our audiences: sizes, match rates over time, how soon opt-outs are out.

Not here: deliveries themselves (`ledger`), their summary (`insights`).
"""

from __future__ import annotations

from segment_assets.tables.model import Column, ComputedIn, Table, Type, text

_PAIR = (
    text("destination", "Platform", nullable=False),
    text("account", "Platform account", nullable=False),
    text("segment", "Segment", nullable=False),
)
_SIZES = (
    Column("acknowledged", Type.INTEGER, "People whom the platform had acknowledged when it was asked"),
    Column("size_low", Type.INTEGER, "People whom the platform says it matched: the lower end of its range"),
    Column("size_high", Type.INTEGER, "The upper end; both are empty where the platform hides small sizes"),
)

MATCH_RATE_TREND = Table(
    name="match_rate_trend",
    description="The share of acknowledged people whom each platform says it matched, by day, as a range.",
    question="Does a platform recognise fewer of our people than it used to?",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account", "segment", "asked_on"),
    retention_days=400,
    query="activation/match_rate_trend",
    columns=(
        *_PAIR,
        Column("asked_on", Type.DATE, "Day (UTC); the last answer of it counts", nullable=False),
        text("state", "ready, updating, too_small, closed or unknown, as the platform says", nullable=False),
        *_SIZES,
        Column(
            "match_rate_low",
            Type.DOUBLE,
            "size_low / acknowledged. May exceed 1: platforms count accounts, and a person may have several",
        ),
        Column("match_rate_high", Type.DOUBLE, "size_high / acknowledged"),
        Column("change_low", Type.DOUBLE, "match_rate_low minus that of the day before with an answer"),
    ),
    invariants=("size_low <= size_high", "match_rate_low <= match_rate_high", "match_rate_low >= 0"),
)

AUDIENCE_FLOW = Table(
    name="audience_flow",
    description="Where everybody of each audience is: which door they stopped at, or how they stand on the platform.",
    question="Where do people get lost between the audience and the platform?",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account", "segment", "door"),
    retention_days=400,
    query="activation/audience_flow",
    columns=(
        *_PAIR,
        Column("place", Type.INTEGER, "The door's place on the way, from 1", nullable=False),
        text(
            "door",
            "suppressed, no_consent, held_out, no_usable_key (not sent, in this order), refused, unsent, unproven, "
            "taken_out (since the last delivery of the audience) or acknowledged (on the platform)",
            nullable=False,
        ),
        Column("people", Type.INTEGER, "Of audience; its doors add up to all of it, but never add up audiences"),
        Column("audience", Type.INTEGER, "All people of the audience, in every row of it: never add up"),
    ),
    invariants=(
        "people >= 0",
        # An error in one audience must not be made good by another's.
        (
            "NOT EXISTS (SELECT 1 FROM this_table GROUP BY destination, account, segment"
            " HAVING sum(people) <> max(audience))"
        ),
    ),
)

SEGMENT_SIZE_BY_DESTINATION = Table(
    name="segment_size_by_destination",
    description="How large every activated segment is on each platform account, beside the platform's own minimum.",
    question="Where is a segment too small to be served, and how many people are missing?",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account", "segment"),
    retention_days=400,
    columns=(
        *_PAIR,
        Column("wanted", Type.INTEGER, "People who should be there, last time", of=("deliveries.wanted",)),
        Column(
            "acknowledged",
            Type.INTEGER,
            "Of wanted, proven by the platform to be there",
            of=(
                "deliveries.unchanged",
                "deliveries.accepted",
                "deliveries.removes_acknowledged",
                "deliveries.removes_unproven",
            ),
        ),
        Column(
            "size_low",
            Type.INTEGER,
            "People whom the platform said last that it matched: the lower end of its range",
            of=("audience_sizes.size_lower",),
        ),
        Column(
            "size_high", Type.INTEGER, "The upper end; empty where it does not say", of=("audience_sizes.size_upper",)
        ),
        Column("asked_at", Type.TIMESTAMP, "When it was asked (UTC)", of=("audience_sizes.asked_at",)),
        Column("minimum", Type.INTEGER, "Fewest people whom the platform serves, by its connector's contract"),
        Column("missing", Type.INTEGER, "minimum - the largest size that is possible, where that is below the minimum"),
        text(
            "verdict",
            "served (surely large enough), too_small (surely not), perhaps (the platform's range holds its minimum) or "
            "not_told (it does not say how many it matched, and enough were acknowledged)",
            nullable=False,
        ),
    ),
    invariants=(
        "size_low <= size_high",
        "(verdict = 'too_small') = (missing IS NOT NULL)",
        "missing > 0",
        "acknowledged <= wanted",
    ),
)

OPTOUT_LATENCY = Table(
    name="optout_latency",
    description="How soon people who opted out were out of each audience, in the last weeks, and who still waits.",
    question="Is everybody who said no out within the deadline, on every platform?",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account", "segment"),
    retention_days=400,
    columns=(
        *_PAIR,
        Column("deadline_hours", Type.DOUBLE, "The plan's deadline, from the request", nullable=False),
        Column(
            "taken_out",
            Type.INTEGER,
            "People taken out in the window",
            nullable=False,
            of=("suppressions.opted_out_at",),
        ),
        Column(
            "in_time", Type.INTEGER, "Of them, within the deadline", nullable=False, of=("suppressions.opted_out_at",)
        ),
        Column("in_time_share", Type.DOUBLE, "in_time / taken_out", of=("suppressions.opted_out_at",)),
        Column("slowest_hours", Type.DOUBLE, "The longest of them took so long", of=("suppressions.opted_out_at",)),
        Column("waiting", Type.INTEGER, "People who opted out and are there still", nullable=False),
        Column("overdue", Type.INTEGER, "Of waiting, for longer than the deadline", nullable=False),
        Column("oldest_waiting_hours", Type.DOUBLE, "The longest of them waits so long"),
    ),
    invariants=("in_time <= taken_out", "overdue <= waiting", "slowest_hours >= 0"),
)
