"""What a campaign cost and what it caused: spend and rates as they landed, and the effect of every activation.

Not here: how arms are drawn (`audience`), the statistics (`measurement`).
"""

from __future__ import annotations

from segment_assets.tables.model import Column, ComputedIn, Table, Type, text

SPEND = Table(
    name="spend",
    description="What each segment cost on each platform account by day, as the files in `landing/spend` say it.",
    computed_in=ComputedIn.OWN,
    grain=("day", "destination", "account", "segment", "currency"),
    retention_days=400,
    columns=(
        Column("day", Type.DATE, "Day (UTC)", nullable=False),
        text("destination", "Platform", nullable=False),
        text("account", "Platform account", nullable=False),
        text("segment", "Segment", nullable=False),
        Column(
            "amount",
            Type.DOUBLE,
            "Media cost of the day in `currency`; additive within a currency, but never add up currencies",
            nullable=False,
        ),
        text("currency", "ISO 4217 code", nullable=False),
        Column("per_eur", Type.DOUBLE, "How much of the currency one EUR buys; empty where no rate has landed"),
        Column("amount_eur", Type.DOUBLE, "amount / per_eur; additive"),
    ),
    invariants=("amount >= 0", "per_eur IS NULL OR per_eur > 0", "(per_eur IS NULL) = (amount_eur IS NULL)"),
)

_DELIVERED_MEMBERS = ("hashed_audience.member_id", "hashed_audience.eligibility", "deliveries.to_snapshot")
_BOUGHT = (*_DELIVERED_MEMBERS, "conversions.customer_id", "conversions.email_sha256", "conversions.date")
_REVENUE = (*_BOUGHT, "conversions.price", "conversions.currency")
_SPENT = ("spend.amount_eur", "spend.day")
# People who share an identifier are drawn together: see `sample_ratio`.
_BY_CLUSTER = "widened by the design effect of clusters"


def _estimate(
    name: str, description: str, of: tuple[str, ...], *, formula: str = "", interval: str = "95 % interval"
) -> tuple[Column, ...]:
    said = f"{description} = {formula}" if formula else description
    return (
        Column(name, Type.DOUBLE, said, of=of),
        Column(f"{name}_low", Type.DOUBLE, f"Lower end of its {interval}", of=of),
        Column(f"{name}_high", Type.DOUBLE, f"Upper end of its {interval}", of=of),
    )


def _in_order(name: str) -> str:
    """The interval holds its own estimate, or there is none."""
    return f"{name} IS NULL OR {name} BETWEEN {name}_low AND {name}_high"


AUDIENCE_INCREMENTALITY = Table(
    name="audience_incrementality",
    description="What activating a segment caused, measured against its randomised hold-out, and what that cost.",
    question="How many customers and how much revenue would we not have had without this activation, and at what cost?",
    computed_in=ComputedIn.LEDGER,
    grain=("experiment", "segment", "destination", "account"),
    retention_days=400,
    columns=(
        text("experiment", "Experiment of the plan", nullable=False),
        text("segment", "Segment", nullable=False),
        text("destination", "Platform", nullable=False, of=("deliveries.destination",)),
        text("account", "Platform account", nullable=False, of=("deliveries.account",)),
        text(
            "state",
            "measured; no_hold_out; no_outcomes_yet (no orders of a day after the start have arrived); "
            "sample_ratio_mismatch: the arms are not those that were drawn, do not use the effect; or assignment_lost: "
            "a delivered audience is past its retention, so who was in which arm is not known any more",
            nullable=False,
        ),
        Column(
            "accounts",
            Type.INTEGER,
            "Accounts that the segment went to. People are drawn once for all of them: effect, customers and revenue "
            "are those of all accounts together and stand in the row of each; never add them up over accounts",
            nullable=False,
        ),
        Column(
            "assigned",
            Type.INTEGER,
            "People in either arm: everybody whom a delivered audience held, by the first one that did, since anybody "
            "was kept back; empty where the assignment is lost",
            of=_DELIVERED_MEMBERS,
        ),
        Column("treatment", Type.INTEGER, "Of assigned, may be delivered", of=_DELIVERED_MEMBERS),
        Column("held_out", Type.INTEGER, "Of assigned, kept back", of=_DELIVERED_MEMBERS),
        Column("sample_ratio_p", Type.DOUBLE, "How often chance gives arms so far from the plan's share"),
        Column(
            "delivered",
            Type.INTEGER,
            "Of treatment, ever delivered to an account of the experiment",
            of=("hold_out_people.delivered_at",),
        ),
        Column(
            "contaminated",
            Type.INTEGER,
            "Of held_out, delivered all the same: the effect is underestimated by about that share",
            of=("hold_out_people.delivered_at",),
        ),
        Column("contaminated_share", Type.DOUBLE, "contaminated / held_out", of=("hold_out_people.delivered_at",)),
        Column(
            "accepted",
            Type.INTEGER,
            "People whom this account had acknowledged after its last delivery",
            of=("deliveries.unchanged", "deliveries.accepted"),
        ),
        Column(
            "matched_low",
            Type.INTEGER,
            "Fewest people whom the platform says it matched, the last time it was asked; empty where it does not say",
            of=("audience_sizes.size_lower",),
        ),
        Column("matched_high", Type.INTEGER, "Most people whom it says it matched", of=("audience_sizes.size_upper",)),
        Column(
            "outcomes_from",
            Type.DATE,
            "First day (UTC) whose orders count: that of the first delivery, or of the first spend where that is later",
            of=("spend.day", "deliveries.opened_at"),
        ),
        Column("outcomes_to", Type.DATE, "Newest day (UTC) of which orders have arrived", of=("conversions.date",)),
        Column("buyers_treatment", Type.INTEGER, "People of treatment with an order in that time", of=_BOUGHT),
        Column("buyers_held_out", Type.INTEGER, "People of held_out with an order in that time", of=_BOUGHT),
        *_estimate(
            "effect",
            "Intention-to-treat effect, a difference of shares",
            _BOUGHT,
            formula="buyers_treatment / treatment - buyers_held_out / held_out",
            interval=f"95 % interval (Newcombe, {_BY_CLUSTER})",
        ),
        *_estimate(
            "relative_lift",
            "effect / (buyers_held_out / held_out)",
            _BOUGHT,
            interval=f"95 % interval (of the log ratio, {_BY_CLUSTER})",
        ),
        Column("p_value", Type.DOUBLE, f"Two-sided, of no effect (pooled z, {_BY_CLUSTER})", of=_BOUGHT),
        Column(
            "minimum_detectable_effect",
            Type.DOUBLE,
            "The smallest effect that arms of this size would show as significant (5 %) in 80 % of cases, "
            f"{_BY_CLUSTER}",
            of=_BOUGHT,
        ),
        *_estimate("incremental_customers", "People who bought because of it", _BOUGHT, formula="effect * treatment"),
        *_estimate(
            "incremental_revenue_eur",
            "Order value because of it, adjusted by each person's orders of the four weeks before the first delivery; "
            "empty with fewer than 30 buyers in an arm, or while orders have a currency without a rate",
            _REVENUE,
            interval=f"95 % interval (normal, unequal variances, {_BY_CLUSTER})",
        ),
        Column("variance_kept", Type.DOUBLE, "Variance left by that adjustment, as a share", of=_REVENUE),
        Column("unrated_orders", Type.INTEGER, "Orders of assigned people without an exchange rate", of=_REVENUE),
        Column(
            "spend_eur",
            Type.DOUBLE,
            "Spend on this account on the days whose orders count, outcomes_from to outcomes_to; additive over "
            "accounts. Empty: no spend of these days has landed, or a day has no row of any segment of the account "
            "(0 says that nothing was spent), or a currency has no rate",
            of=_SPENT,
        ),
        Column(
            "segment_spend_eur",
            Type.DOUBLE,
            "Spend of these days on all accounts of the segment; empty while that of one is. Never add up",
            of=_SPENT,
        ),
        *_estimate(
            "iroas",
            "Incremental return on ad spend",
            (*_REVENUE, *_SPENT),
            formula="incremental_revenue_eur / segment_spend_eur",
        ),
        *_estimate(
            "cost_per_incremental_customer_eur",
            "segment_spend_eur / incremental_customers; without an upper end where perhaps nobody came for the money",
            (*_BOUGHT, *_SPENT),
        ),
    ),
    invariants=(
        "assigned = treatment + held_out",
        "delivered <= treatment AND contaminated <= held_out",
        "buyers_treatment IS NULL OR buyers_treatment <= treatment",
        "buyers_held_out IS NULL OR buyers_held_out <= held_out",
        "matched_low IS NULL OR matched_high IS NULL OR matched_low <= matched_high",
        "(state IN ('measured', 'sample_ratio_mismatch')) = (effect IS NOT NULL)",
        "outcomes_from <= outcomes_to OR outcomes_to IS NULL",
        "incremental_customers IS NULL OR abs(incremental_customers - effect * treatment) < 0.001",
        _in_order("effect"),
        _in_order("incremental_customers"),
        _in_order("incremental_revenue_eur"),
        _in_order("iroas"),
    ),
)
