"""People respond to what was delivered, by their own potential outcomes."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from segment_assets.contracts import PermanentError
from segment_assets.sandbox.world import advance, create, read_facts

WEEK = "week=2026-10-19"


@pytest.fixture(scope="module")
def outcome(advanced, read):
    return read(advanced / "truth/outcomes" / WEEK)


def test_people_in_an_audience_convert_more_than_they_would_have_without_it(outcome):
    targeted = outcome.filter(outcome["targeted"])
    with_it, without = pc.sum(targeted["converted"]).as_py(), pc.sum(targeted["y0"]).as_py()
    assert len(targeted) > 500
    assert with_it > 1.5 * without
    assert pc.all(pc.equal(targeted["converted"], targeted["y1"])).as_py()


def test_people_outside_every_audience_do_exactly_what_they_would_have_done(outcome):
    others = outcome.filter(pc.invert(outcome["targeted"]))
    assert pc.all(pc.equal(others["converted"], others["y0"])).as_py()
    assert pc.all(pc.equal(others["frequency"], others["frequency0"])).as_py()
    assert others["audiences"].null_count == len(others)


def test_an_ad_never_prevents_a_conversion(outcome):
    assert pc.all(pc.less_equal(outcome["y_unexposed"].cast(pa.int8()), outcome["y0"].cast(pa.int8()))).as_py()
    assert pc.all(pc.less_equal(outcome["y0"].cast(pa.int8()), outcome["y1"].cast(pa.int8()))).as_py()


def test_a_campaign_that_never_ran_has_no_effect_on_people_without_an_account(outcome, truth):
    without = truth.filter(pc.invert(truth["platform_account"]))["person"].combine_chunks()
    rows = outcome.filter(pc.is_in(outcome["person"], without))
    assert len(rows) > 0
    assert pc.all(pc.equal(rows["frequency0"], rows["frequency1"])).as_py()


def test_impressions_and_conversions_on_disk_are_those_of_the_truth(advanced, read, outcome, truth):
    shown = read(advanced / "accounts/b/impressions" / WEEK)
    customers = truth.filter(truth["is_customer"])["viewer_id"].combine_chunks()
    assert len(shown.filter(pc.is_in(shown["viewer_id"], customers))) == pc.sum(outcome["frequency"]).as_py()
    bought = read(advanced / "accounts/a/conversions" / WEEK)
    who = truth.select(["person", "customer_id", "second_customer_id"]).to_pylist()
    by_number = {row[name]: row["person"] for row in who for name in ("customer_id", "second_customer_id")}
    converted = outcome.filter(outcome["converted"])["person"].to_pylist()
    assert {by_number[number] for number in bought["customer_id"].to_pylist()} == set(converted)


def test_a_new_week_adds_files_and_changes_none(root, advanced, digests):
    before, after = digests(root), digests(advanced)
    assert {path for path in before if before[path] != after[path]} == {"world.json"}
    new = set(after) - set(before)
    assert all(WEEK in path or path == "accounts/a/opt_outs/part-00002.parquet" for path in new)
    assert read_facts(advanced).weeks[-1] == "2026-10-19"


def test_without_audiences_the_week_is_the_counterfactual_of_the_advanced_one(root, tmp_path, read, outcome):
    folder = tmp_path / "world"
    shutil.copytree(root, folder)
    advance(folder, audiences={})
    alone = read(folder / "truth/outcomes" / WEEK)
    assert alone["converted"].equals(outcome["y0"])
    assert alone["frequency"].equals(outcome["frequency0"])


def test_equal_audiences_in_any_order_and_spelling_give_equal_bytes(root, advanced, targets, tmp_path, digests):
    folder = tmp_path / "world"
    shutil.copytree(root, folder)
    advance(folder, audiences={"meta/main/vip": (digest.upper() for digest in [*reversed(targets), targets[0]])})
    assert digests(folder) == digests(advanced)


@pytest.mark.parametrize(
    "column",
    ["platform_email_sha256", "platform_email_folded_sha256", "platform_phone_sha256", "platform_phone_plus_sha256"],
)
def test_a_person_is_found_by_each_identifier_of_their_platform_account(tmp_path, read, column):
    create(tmp_path, seed=4, people=200, weeks=1)
    people = read(tmp_path / "truth/people")
    mine = people.filter(pc.and_(people["is_customer"], people[column].is_valid())).slice(0, 5)
    named = {"one": [digest.hex() for digest in mine[column].to_pylist()], "two": [mine[column][0].as_py().hex()]}
    advance(tmp_path, audiences=named)
    outcome = read(tmp_path / "truth/outcomes/week=2026-10-12")
    rows = outcome.filter(outcome["targeted"]).select(["person", "audiences"]).to_pylist()
    assert {row["person"]: row["audiences"] for row in rows} == {
        person: "one,two" if position == 0 else "one" for position, person in enumerate(mine["person"].to_pylist())
    }


def test_a_member_that_is_no_digest_is_refused_without_being_shown(tmp_path):
    create(tmp_path, seed=4, people=20, weeks=1)
    for wrong in ("someone@example.com", "abcd"):
        with pytest.raises(PermanentError, match="vip") as refusal:
            advance(tmp_path, audiences={"vip": [wrong]})
        assert wrong not in str(refusal.value)


def test_a_world_that_is_not_finished_cannot_be_advanced(tmp_path):
    with pytest.raises(PermanentError, match="create"):
        advance(tmp_path, audiences={})


def test_exposed_people_convert_more_even_without_any_effect_so_naive_lift_is_biased(outcome):
    exposed = pc.greater(outcome["frequency0"], 0)
    rate = [
        pc.mean(outcome["y_unexposed"].filter(mask).cast(pa.float64())).as_py()
        for mask in (exposed, pc.invert(exposed))
    ]
    assert rate[0] > rate[1]


def _orders_of_customers(folder, read, truth):
    """Per person: moments and creatives of the impressions, and the orders, of the week."""
    who = (
        truth.filter(truth["is_customer"])
        .select(["person", "viewer_id", "customer_id", "second_customer_id"])
        .to_pylist()
    )
    viewer = {row["viewer_id"]: row["person"] for row in who}
    customer = {row[name]: row["person"] for row in who for name in ("customer_id", "second_customer_id")}
    shown: dict[int, list[dict]] = {}
    for row in (
        read(folder / "accounts/b/impressions" / WEEK).select(["viewer_id", "event_time", "creative_id"]).to_pylist()
    ):
        shown.setdefault(viewer.get(row["viewer_id"], -1), []).append(row)
    orders = read(folder / "accounts/a/conversions" / WEEK).to_pylist()
    return [(customer[order["customer_id"]], order) for order in orders], shown


def test_an_order_that_ads_caused_comes_after_the_first_ad_of_the_week(advanced, read, truth, outcome):
    caused = set(outcome.filter(pc.and_not(outcome["converted"], outcome["y_unexposed"]))["person"].to_pylist())
    orders, shown = _orders_of_customers(advanced, read, truth)
    times = [
        (order["event_time"], min(ad["event_time"] for ad in shown[who])) for who, order in orders if who in caused
    ]
    assert len(times) > 50
    assert all(ordered >= first for ordered, first in times)


def test_the_shop_credits_a_creative_that_was_seen_often_but_not_always(advanced, read, truth):
    orders, shown = _orders_of_customers(advanced, read, truth)
    right = [
        order["creative_id"] in {ad["creative_id"] for ad in shown[who]}
        for who, order in orders
        if who in shown and order["creative_id"]
    ]
    assert 0.6 < sum(right) / len(right) < 0.97
    assert any(order["creative_id"] is None for _, order in orders)
