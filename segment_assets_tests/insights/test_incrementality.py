"""What an activation caused: from which day, of which deliveries, and what money is compared with what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.assets.incrementality import audience_incrementality, spend
from segment_assets.assets.invariants import broken_invariants, checked
from segment_assets.audience.staging import pseudonyms
from segment_assets.plan import load_plan
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.landing import LocalLanding
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.tables import (
    AUDIENCE_INCREMENTALITY,
    AUDIENCE_OVERLAP,
    AUDIENCE_SIZES,
    CONVERSIONS,
    HASHED_AUDIENCE,
)
from segment_assets_tests.fakes import person, publish_audience
from segment_assets_tests.insights.conftest import delivered
from segment_assets_tests.insights.test_arms import SPEND, START, order, table

SEGMENT = "exposed_non_converters"
TREATED, HELD = 3600, 400
# Another campaign of the account, on every day of the orders: its spend has landed that far.
THAT_FAR = "".join(f"2026-10-{day},meta,1001,newsletter_subscribers,7,EUR\n" for day in range(12, 19))


class World:
    """A lake with one delivered audience, accounts with orders, a landing folder."""

    def __init__(self, home: Path) -> None:
        self.home, self.lake = home, LocalLake(home / "lake")
        secrets = LocalSecrets(home / "secrets")
        self.plan = load_plan()
        self.key = secrets.tenant_key(self.plan.tenant)
        self.resources = {
            "plan": self.plan,
            "lake": self.lake,
            "accounts": LocalAccountTables(home / "accounts"),
            "landing": LocalLanding(home / "landing" / "segments"),
            "secrets": secrets,
            "workdir": home / "work",
        }
        numbers = [f"c{n}" for n in range(TREATED + HELD)]
        ids = pseudonyms(self.key, "customer", pa.array(numbers)).to_pylist()
        people = [
            person(number, eligibility="eligible" if n < TREATED else "held_out") | {"member_id": m, "cluster_id": m}
            for n, (number, m) in enumerate(zip(numbers, ids, strict=True))
        ]
        version = publish_audience(self.lake, SEGMENT, people)
        self.sent = {
            "segment": SEGMENT, "to_snapshot": version.id, "unchanged": 100, "accepted": 3400, "held_out": HELD,
            "opened_at": dt.datetime.combine(START, dt.time(9), dt.UTC),
        }  # fmt: skip
        self.deliver(self.sent)
        asked = {"destination": "meta", "account": "1001", "segment": SEGMENT, "state": "ready"}
        sizes = [
            asked
            | {"asked_at": dt.datetime(2026, 10, day, tzinfo=dt.UTC), "size_lower": day * 100, "size_upper": day * 110}
            for day in (14, 13)
        ]
        self.publish(AUDIENCE_SIZES.name, table(sizes, AUDIENCE_SIZES.arrow_schema()))

    def deliver(self, *sent: dict[str, Any]) -> None:
        delivered(self.lake, sent, f"meta/1001/{SEGMENT}/1")

    def publish(self, name: str, rows: pa.Table) -> None:
        writer = self.lake.writer(name, "all")
        writer.write(rows)
        writer.publish({})

    def bought(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for week in {each["date"] - dt.timedelta(days=each["date"].weekday()) for each in rows}:
            file = self.home / "accounts" / "a" / "conversions" / f"week={week}" / "part-0.parquet"
            file.parent.mkdir(parents=True)
            mine = [each for each in rows if dt.timedelta() <= each["date"] - week < dt.timedelta(days=7)]
            pq.write_table(table(mine, CONVERSIONS.arrow_schema()), file)

    def land(self, name: str, text: str) -> None:
        folder = self.home / "landing" / "spend"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    def caused(self) -> dict[str, Any]:
        result = dg.materialize([spend, audience_incrementality], resources=self.resources)
        assert all(check.passed for check in result.get_asset_check_evaluations())
        snapshot = self.lake.current(AUDIENCE_INCREMENTALITY.name, "all")
        assert snapshot is not None
        [found] = self.lake.dataset(snapshot).to_table().to_pylist()
        return found


@pytest.fixture
def sold(tmp_path: Path) -> World:
    """360 of 3,600 treated people and 30 of 400 held-out ones buy for 50 EUR; two weeks before some had bought too."""
    made = World(tmp_path)
    buyers = [*range(360), *range(TREATED, TREATED + 30)]
    before = [order(f"c{n}", START - dt.timedelta(days=14), 40.0) for n in range(0, TREATED + HELD, 40)]
    made.bought([order(f"c{n}", START + dt.timedelta(days=n % 7)) for n in buyers] + before)
    return made


_NULLABLE = pa.schema([field.with_nullable(True) for field in AUDIENCE_INCREMENTALITY.arrow_schema()])  # noqa: FBT003


def test_effect_customers_money_and_matched_range_of_an_activation(sold: World) -> None:
    days = f"2026-10-12,meta,1001,{SEGMENT},600,EUR\n2026-10-13,meta,1001,{SEGMENT},440,USD\n"
    sold.land("spend_october.csv", SPEND + days + THAT_FAR)
    sold.land("exchange_rates.csv", "currency,per_eur\nUSD,1.1\n")
    found = sold.caused()
    assert (found["state"], found["assigned"], found["held_out"]) == ("measured", TREATED + HELD, HELD)
    assert (found["buyers_treatment"], found["buyers_held_out"]) == (360, 30)
    assert found["effect"] == pytest.approx(0.025)
    assert found["effect_low"] < 0.025 < found["effect_high"]
    assert found["relative_lift"] == pytest.approx(1 / 3)
    assert found["incremental_customers"] == pytest.approx(90)
    assert found["sample_ratio_p"] == pytest.approx(1.0)
    assert found["incremental_revenue_eur"] == pytest.approx(3600 * 50 * 0.025, rel=0.1)
    assert (found["spend_eur"], found["segment_spend_eur"]) == (pytest.approx(1000), pytest.approx(1000))
    assert found["iroas"] == pytest.approx(found["incremental_revenue_eur"] / 1000)
    assert found["cost_per_incremental_customer_eur"] == pytest.approx(1000 / 90)
    assert (found["accepted"], found["matched_low"], found["matched_high"]) == (3500, 1400, 1540)
    assert (found["outcomes_from"], found["outcomes_to"]) == (START, START + dt.timedelta(days=6))
    assert found["minimum_detectable_effect"] > found["effect"]


def test_without_spend_orders_count_from_the_first_delivery_and_money_is_unknown(sold: World) -> None:
    found = sold.caused()
    assert (found["state"], found["outcomes_from"], found["buyers_treatment"]) == ("measured", START, 360)
    assert (found["spend_eur"], found["iroas"]) == (None, None)


def test_what_was_bought_before_the_first_delivery_is_no_outcome_although_money_was_spent(sold: World) -> None:
    """The campaign ran on other audiences from 12 October; this one was delivered on the 15th."""
    opened = dt.datetime(2026, 10, 15, 9, tzinfo=dt.UTC)
    sold.deliver(sold.sent | {"opened_at": opened})
    days = f"2026-10-12,meta,1001,{SEGMENT},600,EUR\n2026-10-16,meta,1001,{SEGMENT},40,EUR\n"
    sold.land("spend.csv", SPEND + days + THAT_FAR)
    found = sold.caused()
    assert (found["state"], found["outcomes_from"]) == ("measured", opened.date())
    assert found["buyers_treatment"] == sum(n % 7 >= 3 for n in range(360))
    assert (found["spend_eur"], found["segment_spend_eur"]) == (40, 40)


def test_a_delivery_after_the_newest_orders_has_no_outcomes_whatever_was_spent_before(sold: World) -> None:
    sold.deliver(sold.sent | {"opened_at": dt.datetime(2026, 10, 20, tzinfo=dt.UTC)})
    sold.land("spend.csv", SPEND + f"2026-10-12,meta,1001,{SEGMENT},600,EUR\n")
    found = sold.caused()
    assert (found["state"], found["effect"], found["outcomes_from"]) == ("no_outcomes_yet", None, None)
    assert (found["spend_eur"], found["iroas"]) == (None, None)


def test_only_spend_of_the_days_whose_orders_count_is_held_against_them(sold: World) -> None:
    days = ("2026-10-13", "2026-10-18", "2026-10-19", "2026-12-01")
    sold.land("spend.csv", SPEND + "".join(f"{day},meta,1001,{SEGMENT},100,EUR\n" for day in days) + THAT_FAR)
    found = sold.caused()
    assert (found["outcomes_from"], found["outcomes_to"]) == (dt.date(2026, 10, 13), dt.date(2026, 10, 18))
    assert (found["spend_eur"], found["segment_spend_eur"]) == (200, 200)
    assert found["cost_per_incremental_customer_eur"] == pytest.approx(200 / found["incremental_customers"])


def test_spend_that_has_landed_in_part_is_not_held_against_the_orders_of_all_days(tmp_path: Path) -> None:
    """Money of two days against orders of three; these end on Wednesday, whatever the week of their file promises."""
    made = World(tmp_path)
    buyers = [*range(60), *range(TREATED, TREATED + 30)]
    made.bought([order(f"c{n}", START + dt.timedelta(days=n % 3)) for n in buyers])
    landed = SPEND + "".join(f"{day},meta,1001,{SEGMENT},100,EUR\n" for day in ("2026-10-12", "2026-10-13"))
    made.land("spend.csv", landed + "2026-10-18,criteo,12345,newsletter_subscribers,7,EUR\n")
    found = made.caused()
    assert (found["state"], found["outcomes_to"]) == ("measured", dt.date(2026, 10, 14))
    assert found["incremental_revenue_eur"] is not None
    money = ("spend_eur", "segment_spend_eur", "iroas", "cost_per_incremental_customer_eur")
    assert [found[name] for name in money] == [None] * len(money)


@pytest.mark.parametrize(("nothing", "spent"), [("", None), (f"2026-10-15,meta,1001,{SEGMENT},0,EUR\n", 600)])
def test_a_day_without_a_row_in_the_middle_of_the_spend_leaves_it_unknown_and_a_row_of_nothing_does_not(
    sold: World, nothing: str, spent: float | None
) -> None:
    days = (12, 13, 14, 16, 17, 18)
    rows = "".join(f"2026-10-{day},meta,1001,{SEGMENT},100,EUR\n" for day in days)
    sold.land("spend.csv", SPEND + rows + nothing)
    found = sold.caused()
    assert (found["spend_eur"], found["segment_spend_eur"]) == (spent, spent)
    assert (found["iroas"] is None) == (spent is None)


def test_an_audience_past_its_retention_leaves_no_effect_of_who_is_left(sold: World) -> None:
    gone = sold.sent | {"to_snapshot": "0" * 64}
    later = sold.sent | {"opened_at": dt.datetime(2026, 10, 14, tzinfo=dt.UTC)}
    sold.deliver(gone, later)
    found = sold.caused()
    assert (found["state"], found["effect"], found["assigned"]) == ("assignment_lost", None, None)
    assert (found["accepted"], found["matched_low"]) == (3500, 1400)


def test_deliveries_from_before_the_experiment_assign_nobody(sold: World) -> None:
    """Without an arm to compare with they would put everybody into the treatment, those held out later too."""
    newest = sold.lake.current(HASHED_AUDIENCE.name, SEGMENT)
    assert newest is not None
    everybody = sold.lake.dataset(newest).to_table().to_pylist()
    before = publish_audience(sold.lake, SEGMENT, [each | {"eligibility": "eligible"} for each in everybody])
    old = sold.sent | {"to_snapshot": before.id, "held_out": 0, "opened_at": dt.datetime(2026, 9, 1, tzinfo=dt.UTC)}
    sold.deliver(old, sold.sent)
    found = sold.caused()
    assert (found["state"], found["held_out"], found["outcomes_from"]) == ("measured", HELD, START)


def test_people_who_are_drawn_in_families_make_the_interval_wider(sold: World) -> None:
    alone = sold.caused()
    newest = sold.lake.current(HASHED_AUDIENCE.name, SEGMENT)
    assert newest is not None
    people = sold.lake.dataset(newest).to_table().to_pylist()
    for arm in ("eligible", "held_out"):
        mine = [each for each in people if each["eligibility"] == arm]
        for one, other in zip(mine[::2], mine[1::2], strict=True):
            other["cluster_id"] = one["cluster_id"]
    sold.deliver(sold.sent | {"to_snapshot": publish_audience(sold.lake, SEGMENT, people).id})
    paired = sold.caused()
    for name in ("effect", "incremental_customers", "incremental_revenue_eur"):
        assert paired[name] == pytest.approx(alone[name])
        width, wider = (each[f"{name}_high"] - each[f"{name}_low"] for each in (alone, paired))
        assert wider == pytest.approx(width * 2**0.5)
    assert paired["p_value"] > alone["p_value"]


def test_spend_in_a_currency_without_a_rate_leaves_the_return_unknown(sold: World) -> None:
    sold.land("spend.csv", SPEND + f"2026-10-12,meta,1001,{SEGMENT},600,NOK\n" + THAT_FAR)
    found = sold.caused()
    assert (found["state"], found["spend_eur"], found["iroas"]) == ("measured", None, None)
    assert found["incremental_revenue_eur"] is not None


def test_arms_that_are_not_those_of_the_plan_are_called_so(sold: World) -> None:
    lost = [person(f"p{n}", eligibility="eligible" if n < 3600 else "held_out") for n in range(3800)]
    version = publish_audience(sold.lake, SEGMENT, lost)
    sold.deliver(sold.sent | {"to_snapshot": version.id})
    assert sold.caused()["state"] == "sample_ratio_mismatch"


def test_a_table_that_contradicts_its_declaration_names_the_condition(tmp_path: Path) -> None:
    good = {
        "reporting_week": START,
        "customers": 10,
        "exposed_customers": 5,
        "matched_converters": 2,
        "below_threshold": False,
    }
    withheld = good | {
        "exposed_customers": None,
        "below_threshold": True,
        "reporting_week": START + dt.timedelta(days=7),
    }
    schema = AUDIENCE_OVERLAP.arrow_schema()
    assert broken_invariants(AUDIENCE_OVERLAP, table([good, withheld], schema), tmp_path) == {}
    too_many = table([good | {"exposed_customers": 11}, good], schema)
    assert broken_invariants(AUDIENCE_OVERLAP, too_many, tmp_path) == {
        "one row per reporting_week": 1, "exposed_customers <= customers": 1,
    }  # fmt: skip


def test_a_broken_invariant_fails_the_blocking_check_and_says_which(tmp_path: Path) -> None:
    [spec] = audience_incrementality.check_specs
    assert spec.blocking
    rows = table([{"state": "no_hold_out", "assigned": 3, "treatment": 1, "held_out": 1}], _NULLABLE)
    [verdict] = checked(dg.MaterializeResult(), AUDIENCE_INCREMENTALITY, rows, tmp_path).check_results
    assert (verdict.check_name, verdict.passed) == (spec.name, False)
    assert "assigned = treatment + held_out: 1 rows" in verdict.description
