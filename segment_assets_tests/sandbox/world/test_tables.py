"""The two accounts' tables as declared: types, grain, weeks, join keys."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from segment_assets.sandbox.world import read_facts
from segment_assets.tables import CONVERSIONS, CUSTOMERS, IMPRESSIONS, OPT_OUTS

FOLDERS = {
    "accounts/a/customers": CUSTOMERS,
    "accounts/a/conversions": CONVERSIONS,
    "accounts/a/opt_outs": OPT_OUTS,
    "accounts/b/impressions": IMPRESSIONS,
}
EVENTS = ["accounts/a/conversions", "accounts/b/impressions"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_has_exactly_the_declared_columns_and_types(advanced, folder):
    files = sorted((advanced / folder).rglob("*.parquet"))
    assert files
    for file in files:
        assert pq.read_schema(file).equals(FOLDERS[folder].arrow_schema()), file.name


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_grain_is_unique_over_chunks_and_weeks_and_required_columns_are_filled(advanced, read, folder):
    table, declared = read(advanced / folder), FOLDERS[folder]
    assert len(table) > 0
    (key,) = declared.grain
    assert pc.count_distinct(table[key]).as_py() == len(table)
    assert all(table[column.name].null_count == 0 for column in declared.columns if not column.nullable)


@pytest.mark.parametrize("folder", EVENTS)
def test_every_event_lies_within_the_week_of_its_folder_in_utc(advanced, folder):
    for monday in read_facts(advanced).weeks:
        table = pq.ParquetDataset(advanced / folder / f"week={monday}", partitioning=None).read()
        first = dt.datetime.fromisoformat(monday).replace(tzinfo=dt.UTC)
        assert first.weekday() == 0
        assert pc.min(table["event_time"]).as_py() >= first
        assert pc.max(table["event_time"]).as_py() < first + dt.timedelta(days=7)
        assert pc.all(pc.equal(table["date"], table["event_time"].cast(pa.timestamp("us")).cast(pa.date32()))).as_py()


def test_the_local_hour_is_the_hour_on_the_viewers_clock(root, read):
    shown = read(root / "accounts/b/impressions")
    for country, offset in {
        "IN": dt.timedelta(minutes=330),
        "JP": dt.timedelta(hours=9),
        "US": dt.timedelta(hours=-5),
    }.items():
        rows = shown.filter(pc.equal(shown["geo_country"], country)).select(["event_time", "local_hour"]).to_pylist()
        assert rows
        assert all((row["event_time"] + offset).hour == row["local_hour"] for row in rows)


def test_account_b_reaches_two_of_five_customers_and_as_many_strangers(root, read, truth):
    reached = pc.unique(read(root / "accounts/b/impressions")["viewer_id"]).to_pylist()
    seen = truth.filter(pc.is_in(truth["viewer_id"], pa.array(reached)))
    customers = pc.sum(seen["is_customer"]).as_py()
    assert 0.35 < customers / 6_000 < 0.45
    assert 0.85 < (len(seen) - customers) / customers < 1.15


def test_join_keys_meet_between_the_accounts_for_the_intended_share_of_reached_customers(root, read, truth):
    shown, customers = read(root / "accounts/b/impressions"), read(root / "accounts/a/customers")
    reached = truth.filter(
        pc.and_(truth["is_customer"], pc.is_in(truth["viewer_id"], shown["viewer_id"].combine_chunks()))
    )
    met = pc.is_in(reached["email_sha256"], pc.unique(shown["email_sha256"]))
    known = pc.is_in(reached["email_sha256"], pc.unique(customers["email_sha256"].drop_null()))
    # 88 % of viewers use the same address at account B, and account A knows the address of 95 % of its customers.
    assert 0.78 < pc.mean(pc.and_(met, known).cast(pa.float64())).as_py() < 0.90


def test_a_viewer_with_several_publishers_exists_and_there_are_three_publishers(root, read):
    shown = read(root / "accounts/b/impressions")
    per_viewer = shown.group_by("viewer_id").aggregate([("publisher", "count_distinct")])
    assert pc.count_distinct(shown["publisher"]).as_py() == 3
    assert pc.max(per_viewer["publisher_count_distinct"]).as_py() == 3


def test_a_creative_belongs_to_one_campaign_and_one_channel(advanced, read):
    shown = read(advanced / "accounts/b/impressions")
    creatives = shown.group_by(["creative_id", "campaign_id", "channel"]).aggregate([])
    assert len(creatives) == pc.count_distinct(shown["creative_id"]).as_py() == 8
    assert pc.count_distinct(shown["campaign_id"]).as_py() == 4


def test_the_price_band_is_that_of_the_value_in_euro(root, read):
    bought = read(root / "accounts/a/conversions").to_pylist()
    euros = [row for row in bought if row["currency"] == "EUR"]
    assert euros
    for row in euros:
        low, _, high = row["price_band"].rstrip("+").partition("-")
        assert float(low) <= row["price"] < float(high or "inf")
    assert {row["price_band"] for row in bought if row["event_type"] == "purchase"} == {
        "0-25",
        "25-50",
        "50-100",
        "100-250",
        "250+",
    }
    assert all((row["price"] is None) == (row["event_type"] != "purchase") for row in bought)
    assert all(row["price"] == int(row["price"]) for row in bought if row["currency"] in {"JPY", "KRW"})


def test_some_conversions_come_before_any_impression_and_some_after(root, read):
    shown = read(root / "accounts/b/impressions").group_by("email_sha256").aggregate([("event_time", "min")])
    first = dict(zip(*(shown[name].to_pylist() for name in ("email_sha256", "event_time_min")), strict=True))
    bought = read(root / "accounts/a/conversions").select(["email_sha256", "event_time"]).to_pylist()
    later = [row["event_time"] > first[row["email_sha256"]] for row in bought if row["email_sha256"] in first]
    assert any(later)
    assert not all(later)


def test_opt_outs_name_the_person_in_exactly_one_way_and_all_three_ways_occur(advanced, read):
    named = [
        tuple(column for column in ("customer_id", "email_address", "phone_number") if row[column] is not None)
        for row in read(advanced / "accounts/a/opt_outs").to_pylist()
    ]
    assert set(named) == {("customer_id",), ("email_address",), ("phone_number",)}
