"""Who counts as assigned, and whose orders count when; which rows of spend are read."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from segment_assets.audience.staging import pseudonyms
from segment_assets.measurement.arms import Arms, Period, add_up
from segment_assets.measurement.spend import read_spend
from segment_assets.tables import CONVERSIONS, HASHED_AUDIENCE, HOLD_OUT_PEOPLE
from segment_assets_tests.fakes import person

START = dt.date(2026, 10, 12)
PERIOD = Period(START - dt.timedelta(days=28), START, START, START + dt.timedelta(days=6))
KEY = b"a key of 32 bytes or more, please"
EXPERIMENT = "autumn_holdout"
SPEND = "day,destination,account,segment,amount,currency\n"


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
    period: Period = PERIOD,
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
        period=period,
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


def test_orders_between_the_delivery_and_the_campaign_are_neither_outcome_nor_covariate(tmp_path: Path) -> None:
    late = Period(PERIOD.before, START, START + dt.timedelta(days=3), PERIOD.last)
    days = [START - dt.timedelta(days=1), START, START + dt.timedelta(days=2), START + dt.timedelta(days=3)]
    orders = [order("a", day, price=10.0**n) for n, day in enumerate(days)]
    between = order("b", START, currency="SEK")
    arms = counted(tmp_path, [row("a"), row("b"), row("h", held_out=True)], orders=[*orders, between], period=late)
    assert (arms.treatment.buyers, arms.unrated_orders) == (1, 0)
    assert arms.treatment.revenue is not None
    assert (arms.treatment.revenue.y, arms.treatment.revenue.x) == (1000.0, 1.0)


@pytest.mark.parametrize("damaged", ["zz", "abc", "", "g" * 64])
def test_an_order_whose_email_is_no_digest_costs_nobody_their_numbers(tmp_path: Path, damaged: str) -> None:
    orders = [order("guest", email_sha256=damaged), order("a", email_sha256=damaged)]
    assert counted(tmp_path, [row("a"), row("b")], orders=orders).treatment.buyers == 1


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


def test_a_file_that_is_not_utf8_is_refused_as_a_whole_and_the_others_are_read(tmp_path: Path) -> None:
    """Excel writes Latin-1 where nobody asks it for UTF-8."""
    good = "2026-10-12,meta,1001,list,5,EUR\n"
    (tmp_path / "spend_a.csv").write_bytes(
        (SPEND + good * 2000 + "2026-10-12,meta,1001,späte,5,EUR\n").encode("latin-1")
    )
    (tmp_path / "spend_b.csv").write_text(SPEND + good, encoding="utf-8")
    found = read_spend(list(tmp_path.iterdir()))
    assert [kept.amount for kept in found.rows] == [5.0]
    assert [(bad.file, bad.line, bad.reason) for bad in found.refused] == [("spend_a.csv", 1, "not_utf8")]
