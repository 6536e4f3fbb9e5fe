"""Experiments: who was assigned to which arm, who was delivered, and the counts for readers.

Not here: drawing the hold-out (`audience`), the lift (`measurement`).
"""

from __future__ import annotations

from segment_assets.tables.model import PSEUDONYM, Column, ComputedIn, Table, Type, text

_EXPERIMENT = text("experiment", "Experiment of the plan", nullable=False)
_WEEK = Column("reporting_week", Type.DATE, "Monday of the week (UTC), as it stood at its end", nullable=False)

HOLD_OUT_PEOPLE = Table(
    name="hold_out_people",
    description="Everybody assigned to an arm of an experiment, by week, and when they were first delivered in it.",
    computed_in=ComputedIn.LEDGER,
    grain=("experiment", "reporting_week", "member_id"),
    retention_days=400,
    columns=(
        _EXPERIMENT,
        _WEEK,
        Column(
            "member_id",
            Type.DIGEST,
            "Keyed pseudonym",
            PSEUDONYM,
            nullable=False,
            of=("hashed_audience.member_id",),
        ),
        text("arm", "held_out or treatment", nullable=False, of=("hashed_audience.eligibility",)),
        Column(
            "delivered_at",
            Type.TIMESTAMP,
            "End (UTC) of the first delivery by the end of the week that put them on any account of the experiment, "
            "found by their pseudonym or any identifier",
            of=("deliveries.closed_at",),
        ),
    ),
)

HOLD_OUTS = Table(
    name="hold_outs",
    description="How clean each experiment is: people assigned, delivered and contaminated, by week.",
    computed_in=ComputedIn.LEDGER,
    grain=("experiment", "reporting_week"),
    retention_days=400,
    query="measurement/hold_outs",
    columns=(
        _EXPERIMENT,
        _WEEK,
        Column("assigned", Type.INTEGER, "People in either arm; never add up over weeks"),
        Column("held_out", Type.INTEGER, "Of assigned, kept back from every target"),
        Column("treatment", Type.INTEGER, "Of assigned, may be delivered"),
        Column("delivered", Type.INTEGER, "Of treatment, delivered to at least one account by the end of the week"),
        Column(
            "contaminated",
            Type.INTEGER,
            "Of held_out, delivered all the same: by another segment or account of the experiment, or before",
        ),
        Column("held_out_share", Type.DOUBLE, "held_out / assigned"),
        Column("contaminated_share", Type.DOUBLE, "contaminated / held_out"),
    ),
)
