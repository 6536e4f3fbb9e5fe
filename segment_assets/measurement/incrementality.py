"""The rows of `audience_incrementality`: what a segment's activation caused, beside what was sent and what it cost.

Belongs here: putting arms, deliveries, matched sizes and spend together. Not here: any statistics (`lift`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.measurement.covariates import variance_kept
from segment_assets.measurement.intervals import Interval, Proportion
from segment_assets.measurement.lift import (
    Bounds,
    cost_per_incremental_customer,
    incremental_revenue,
    iroas,
    lift,
)
from segment_assets.measurement.sample_ratio import sample_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.measurement.arms import Arms, Period

# Order values are skewed: with fewer buyers a normal interval holds the truth too rarely (bench_truth has 45: 94 %).
_FEWEST_BUYERS = 30


@dataclasses.dataclass(frozen=True, slots=True)
class OnAccount:
    """One account that the segment was delivered to.

    `spend_eur` is of the trial's period; None where none has landed for it.
    """

    destination: str
    account: str
    accepted: int
    matched_low: int | None
    matched_high: int | None
    spend_eur: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """A segment of an experiment: the planned share of its hold-out, its arms and its accounts.

    `arms` is None where an audience that assigned people is not retained any more: who is left by then is who the
    campaign did not win. `period` is None before there are orders of any day on which it could have had an effect.
    """

    experiment: str
    segment: str
    planned_share: float
    arms: Arms | None
    period: Period | None
    accounts: Sequence[OnAccount]


def rows_of(trial: Trial) -> Iterator[dict[str, Any]]:
    """One row per account. People are drawn once for all accounts, so the effect is that of all of them together.

    Spend is therefore that of all accounts too where money is compared with effect, and no such number exists while an
    account's spend is missing.
    """
    effect = _effect(trial)
    for on in sorted(trial.accounts, key=lambda on: (on.destination, on.account)):
        yield {
            "experiment": trial.experiment,
            "segment": trial.segment,
            "destination": on.destination,
            "account": on.account,
            "accounts": len(trial.accounts),
            "accepted": on.accepted,
            "matched_low": on.matched_low,
            "matched_high": on.matched_high,
            "spend_eur": on.spend_eur,
            **effect,
        }


def _effect(trial: Trial) -> dict[str, Any]:
    """Everything that is the segment's, whatever the account."""
    spends = [on.spend_eur for on in trial.accounts]
    spend = None if None in spends or not spends else sum(amount for amount in spends if amount is not None)
    if trial.arms is None:
        return {"segment_spend_eur": spend, "state": "assignment_lost"}
    arms = trial.arms
    treatment, held_out = arms.treatment, arms.held_out
    row: dict[str, Any] = {
        "assigned": treatment.people + held_out.people,
        "treatment": treatment.people,
        "held_out": held_out.people,
        "delivered": treatment.delivered,
        "contaminated": held_out.delivered,
        "contaminated_share": held_out.delivered / held_out.people if held_out.people else None,
        "segment_spend_eur": spend,
        "state": "no_hold_out",
    }
    if not treatment.people or not held_out.people:
        return row
    ratio = sample_ratio(
        held_out.people, treatment.people, planned=trial.planned_share, design_effect=arms.design_effect
    )
    row |= {"sample_ratio_p": ratio.p_value, "state": "no_outcomes_yet"}
    if trial.period is None:
        return row
    found = lift(
        Proportion(treatment.buyers, treatment.people),
        Proportion(held_out.buyers, held_out.people),
        design_effect=arms.design_effect,
    )
    return row | {
        "outcomes_from": trial.period.first,
        "outcomes_to": trial.period.last,
        "buyers_treatment": treatment.buyers,
        "buyers_held_out": held_out.buyers,
        **_ends("effect", found.effect),
        **_ends("relative_lift", found.relative),
        "p_value": found.p_value,
        "minimum_detectable_effect": found.minimum_detectable_effect,
        **_ends("incremental_customers", found.incremental),
        **_money(arms, found.incremental, spend),
        "state": "sample_ratio_mismatch" if ratio.mismatch else "measured",
    }


def _money(arms: Arms, customers: Interval, spend: float | None) -> dict[str, Any]:
    ours, theirs = arms.treatment.revenue, arms.held_out.revenue
    enough = min(arms.treatment.buyers, arms.held_out.buyers) >= _FEWEST_BUYERS
    revenue, kept = None, None
    if ours is not None and theirs is not None and enough and not arms.unrated_orders:
        revenue = incremental_revenue(ours, theirs).widened(arms.design_effect)
        kept = variance_kept(ours, theirs)
    returned = iroas(revenue, spend) if revenue is not None and spend is not None else None
    cost = cost_per_incremental_customer(customers, spend) if spend is not None else None
    return {
        **_ends("incremental_revenue_eur", revenue),
        "variance_kept": kept,
        "unrated_orders": arms.unrated_orders,
        **_ends("iroas", returned),
        **_ends("cost_per_incremental_customer_eur", cost),
    }


def _ends(name: str, told: Interval | Bounds | None) -> dict[str, float | None]:
    if told is None:
        return {}
    return {name: told.value, f"{name}_low": told.low, f"{name}_high": told.high}
