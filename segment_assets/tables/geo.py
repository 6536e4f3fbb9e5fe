"""Experiments on whole regions: what the campaign caused where it ran, against regions drawn to go without.

Not here: how regions are compared (`measurement.geo`), which regions an experiment has (files that land).
"""

from __future__ import annotations

from segment_assets.tables.model import Column, ComputedIn, Table, Type, text

_ORDERS = ("conversions.date", "conversions.event_type", "customers.country", "customers.state")
_MONEY = (*_ORDERS, "conversions.price", "conversions.currency")


def _estimate(name: str, description: str) -> tuple[Column, ...]:
    return (
        Column(name, Type.DOUBLE, description, of=_MONEY),
        Column(f"{name}_low", Type.DOUBLE, "Lower end of its 95 % interval (inverted randomisation test)", of=_MONEY),
        Column(f"{name}_high", Type.DOUBLE, "Upper end of its 95 % interval", of=_MONEY),
    )


GEO_LIFT = Table(
    name="geo_lift",
    description=(
        "What a campaign caused in the regions where it ran: growth of their purchases from before to during, over the "
        "growth of regions that were drawn by lot to go without it. No identifier and no match is needed. Experiments "
        "and their regions are the files in `landing/geo_experiments`."
    ),
    question="How much more is bought where the campaign runs, whoever sees it?",
    computed_in=ComputedIn.OWN,
    grain=("experiment", "metric"),
    retention_days=400,
    columns=(
        text("experiment", "Experiment, as the file calls it", nullable=False),
        text("metric", "purchases, or revenue_eur", nullable=False),
        text(
            "state",
            "measured; running (days of the campaign are still to come, numbers are of those that are over); "
            "not_begun; too_few_regions (no interval can be told: add regions); empty_region (one without a purchase "
            "before or during: merge it with another); no_rate (an order's currency has no exchange rate)",
            nullable=False,
        ),
        Column("treated_regions", Type.INTEGER, "Regions with the campaign", nullable=False),
        Column("control_regions", Type.INTEGER, "Regions without", nullable=False),
        Column("before_from", Type.DATE, "First day of the comparison time, which ends the day before first_day"),
        Column("first_day", Type.DATE, "First day of the campaign (UTC)"),
        Column("last_day", Type.DATE, "Last day whose orders count: of the campaign, or of account A's orders so far"),
        Column("treated_before", Type.DOUBLE, "Sum over treated regions before, in the metric's unit", of=_MONEY),
        Column("treated_during", Type.DOUBLE, "The same during", of=_MONEY),
        Column("control_before", Type.DOUBLE, "Sum over the other regions before", of=_MONEY),
        Column("control_during", Type.DOUBLE, "The same during", of=_MONEY),
        *_estimate("relative_lift", "Growth of treated regions over that of the others, less 1: 0.1 is 10 % more"),
        *_estimate("incremental", "What treated regions would not have brought otherwise, in the metric's unit"),
        Column("p_value", Type.DOUBLE, "Share of all draws of as many regions that differ at least as much", of=_MONEY),
        Column("smallest_p", Type.DOUBLE, "The smallest p-value that so few regions can have"),
    ),
    invariants=(
        "relative_lift BETWEEN relative_lift_low AND relative_lift_high",
        "incremental BETWEEN incremental_low AND incremental_high",
        "p_value BETWEEN smallest_p - 0.000001 AND 1",
        "(state IN ('measured', 'running')) = (relative_lift IS NOT NULL)",
        "before_from < first_day",
        "treated_before >= 0 AND treated_during >= 0 AND control_before >= 0 AND control_during >= 0",
    ),
)
