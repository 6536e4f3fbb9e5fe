"""What an activation caused: who counts as assigned, whose orders count, what money is compared with what."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from segment_assets.assets.incrementality import audience_incrementality, spend
from segment_assets.assets.invariants import broken_invariants, checked
from segment_assets.audience.staging import pseudonyms
from segment_assets.measurement.arms import Arms, Period, add_up
from segment_assets.measurement.spend import read_spend
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
    HOLD_OUT_PEOPLE,
)
from segment_assets_tests.fakes import person, publish_audience
from segment_assets_tests.insights.conftest import delivered

START = dt.date(2026, 10, 12)
PERIOD = Period(START - dt.timedelta(days=28), START, START + dt.timedelta(days=6))
KEY = b"a key of 32 bytes or more, please"
SEGMENT, EXPERIMENT = "exposed_non_converters", "autumn_holdout"
TREATED, HELD = 3600, 400


def member(customer: str) -> bytes:
    return pseudonyms(KEY, "customer", pa.array([customer]))[0].as_py()


def row(customer: str, *, held_out: bool = False, email: str | None = None, cluster: str | None = None) -> dict:
    made = person(customer, email=email, eligibility="held_out" if held_out else "eligible")
    return made | {"member_id": member(customer), "cluster_id": member(cluster or customer)}


def order(customer: str, day: dt.date = START, price: float | None = 50.0, **more: Any) -> dict:
    number = f"{customer}-{day}-{more}"
    moment = dt.datetime.combine(day, dt.time(12), dt.UTC)
    return {
        "transaction_id": number, "customer_id": customer, "date": day, "event_time": moment, "event_type": "purchase",
        "price": price, "currency": "EUR", **more,
    }  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | dict(each) for each in rows], schema)


def counted(
    folder: Path,
    *audiences: Sequence[Mapping[str, Any]],
    orders: Sequence[Mapping[str, Any]],
    sent: Sequence[str] = (),
    rates: Mapping[str, float] | None = None,
) -> Arms:
    moment = dt.datetime(2026, 10, 12, tzinfo=dt.UTC)
    people = [
        {
            "experiment": EXPERIMENT,
            "reporting_week": START,
            "member_id": member(name),
            "arm": "x",
            "delivered_at": moment,
        }
        for name in sent
    ]
    return add_up(
        [pads.dataset(table(rows, HASHED_AUDIENCE.arrow_schema())) for rows in audiences],
        pads.dataset(table(people, HOLD_OUT_PEOPLE.arrow_schema())),
        pads.dataset(table(orders, CONVERSIONS.arrow_schema())),
        period=PERIOD,
        per_eur=rates or {"EUR": 1.0},
        pseudonyms=lambda customers: pseudonyms(KEY, "customer", customers),
        workdir=folder,
    )


def test_people_stay_in_the_arm_of_the_first_audience_also_when_a_later_one_has_lost_them(tmp_path: Path) -> None:
    """Whoever the campaign won has left a list of non-converters by the next delivery."""
    first = [row("won"), row("t"), row("h", held_out=True)]
    later = [row("t"), row("h"), row("new", held_out=True)]
    arms = counted(tmp_path, first, later, orders=[order("won")])
    assert (arms.treatment.people, arms.treatment.buyers) == (2, 1)
    assert (arms.held_out.people, arms.held_out.buyers) == (2, 0)


def test_only_purchases_of_the_period_count_and_earlier_ones_are_the_covariate(tmp_path: Path) -> None:
    before, last, after = (START + dt.timedelta(days=days) for days in (-1, 6, 7))
    orders = [
        order("a", price=10.0), order("a", last, price=5.0), order("a", before, price=100.0), order("b", after),
        order("b", event_type="lead"), order("b", START - dt.timedelta(days=29)), order("stranger"),
    ]  # fmt: skip
    arms = counted(tmp_path, [row("a"), row("b"), row("h", held_out=True)], orders=orders)
    assert arms.treatment.buyers == 1
    revenue = arms.treatment.revenue
    assert revenue is not None
    assert (revenue.y, revenue.yy, revenue.x, revenue.xy) == (15.0, 225.0, 100.0, 1500.0)
    assert arms.held_out.revenue is None


def test_an_order_without_a_known_number_finds_its_person_by_the_email_once(tmp_path: Path) -> None:
    key = hashlib.sha256(b"x@y").hexdigest()
    family = [row("a", email="x@y", cluster="a"), row("b", email="x@y", cluster="a"), row("h", held_out=True)]
    arms = counted(tmp_path, family, orders=[order("guest", email_sha256=key)])
    assert arms.treatment.buyers == 1
    assert arms.design_effect == pytest.approx(5 / 3)


def test_prices_become_euros_and_an_order_without_a_rate_is_counted(tmp_path: Path) -> None:
    orders = [order("a", price=22.0, currency="USD"), order("b", price=9.0, currency="SEK"), order("b", price=None)]
    arms = counted(tmp_path, [row("a"), row("b")], orders=orders, rates={"EUR": 1.0, "USD": 1.1})
    assert arms.treatment.revenue is not None
    assert arms.treatment.revenue.y == pytest.approx(20.0)
    assert (arms.treatment.buyers, arms.unrated_orders) == (2, 1)


def test_held_out_people_who_were_delivered_are_contaminated(tmp_path: Path) -> None:
    arms = counted(tmp_path, [row("t"), row("h", held_out=True), row("i", held_out=True)], orders=[], sent=["t", "i"])
    assert (arms.treatment.delivered, arms.held_out.delivered) == (1, 1)


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
        sent = {"segment": SEGMENT, "to_snapshot": version.id, "unchanged": 100, "accepted": 3400}
        delivered(self.lake, [sent], f"meta/1001/{SEGMENT}/1")
        asked = {"destination": "meta", "account": "1001", "segment": SEGMENT, "state": "ready"}
        sizes = [
            asked
            | {"asked_at": dt.datetime(2026, 10, day, tzinfo=dt.UTC), "size_lower": day * 100, "size_upper": day * 110}
            for day in (14, 13)
        ]
        self.publish(AUDIENCE_SIZES.name, table(sizes, AUDIENCE_SIZES.arrow_schema()))

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
SPEND = "day,destination,account,segment,amount,currency\n"


def test_effect_customers_money_and_matched_range_of_an_activation(sold: World) -> None:
    sold.land(
        "spend_october.csv", SPEND + f"2026-10-12,meta,1001,{SEGMENT},600,EUR\n2026-10-13,meta,1001,{SEGMENT},440,USD\n"
    )
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
    """The delivery was on 20 October, after the newest week of orders."""
    found = sold.caused()
    assert (found["state"], found["effect"], found["outcomes_from"]) == ("no_outcomes_yet", None, None)
    assert (found["spend_eur"], found["iroas"]) == (None, None)


def test_spend_in_a_currency_without_a_rate_leaves_the_return_unknown(sold: World) -> None:
    sold.land("spend.csv", SPEND + f"2026-10-12,meta,1001,{SEGMENT},600,NOK\n")
    found = sold.caused()
    assert (found["state"], found["spend_eur"], found["iroas"]) == ("measured", None, None)
    assert found["incremental_revenue_eur"] is not None


def test_arms_that_are_not_those_of_the_plan_are_called_so(sold: World) -> None:
    lost = [person(f"p{n}", eligibility="eligible" if n < 3600 else "held_out") for n in range(3800)]
    version = publish_audience(sold.lake, SEGMENT, lost)
    sent = {"segment": SEGMENT, "to_snapshot": version.id}
    delivered(sold.lake, [sent], f"meta/1001/{SEGMENT}/1")
    sold.land("spend.csv", SPEND + f"2026-10-12,meta,1001,{SEGMENT},600,EUR\n")
    assert sold.caused()["state"] == "sample_ratio_mismatch"


def test_unusable_rows_of_spend_are_left_out_with_file_line_and_reason(tmp_path: Path) -> None:
    texts = {
        "spend_a.csv": SPEND + "2026-10-12,meta,1001,list,5,EUR\nyesterday,meta,1,list,5,EUR\n2026-10-12,meta,1,list,-1,EUR\n"
        "2026-10-12,meta,1,list,nan,EUR\n2026-10-12,meta,1,list,5,Euro\n2026-10-12,meta,,list,5,EUR\nshort,row\n",
        "spend_b.csv": "date,cost\n2026-10-12,5\n",
        "exchange_rates.csv": "currency,per_eur\nUSD,1.1\nUSD,1.2\nGBP,0\npound,1\nEUR,1\n",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_spend(list(tmp_path.iterdir()))
    assert [(kept.amount, kept.currency) for kept in found.rows] == [(5.0, "EUR")]
    assert found.per_eur == {"EUR": 1.0, "USD": 1.1}
    assert [(bad.file, bad.line, bad.reason) for bad in found.refused] == [
        ("exchange_rates.csv", 3, "second_rate"), ("exchange_rates.csv", 4, "not_a_rate"),
        ("exchange_rates.csv", 5, "not_a_currency"), ("spend_a.csv", 3, "not_a_day"),
        ("spend_a.csv", 4, "not_an_amount"), ("spend_a.csv", 5, "not_an_amount"), ("spend_a.csv", 6, "not_a_currency"),
        ("spend_a.csv", 7, "empty"), ("spend_a.csv", 8, "columns"), ("spend_b.csv", 1, "columns"),
    ]  # fmt: skip


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
