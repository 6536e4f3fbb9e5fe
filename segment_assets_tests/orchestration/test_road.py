"""The road end to end: the numbers agree, nothing is sent twice, nothing leaves that the plan does not name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from segment_assets.assets.activations import activation_key
from segment_assets.delivery.settling import balanced
from segment_assets.destinations.meta import CONTRACT
from segment_assets_tests.orchestration import local_world
from segment_assets_tests.orchestration.local_world import (
    ACCOUNT,
    ACTIVATION,
    EXPOSED,
    HASHED,
    HELD,
    LANDING_MEMBERS,
    NEWSLETTER,
    OPT_OUTS,
    SUPPRESSIONS,
    VALUABLE,
    LocalWorld,
)

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets_tests.orchestration.conftest import Walked

pytestmark = pytest.mark.slow

PLANNED = [EXPOSED, VALUABLE, NEWSLETTER]


def audience(world: LocalWorld, segment: str) -> list[dict[str, Any]]:
    return world.lake.dataset(world.lake.current("hashed_audience", segment)).to_table().to_pylist()


def deliveries(world: LocalWorld) -> list[dict[str, Any]]:
    lake = world.lake
    return [
        row
        for part in lake.partitions("deliveries")
        for row in lake.dataset(lake.current("deliveries", part)).to_table().to_pylist()
    ]


def versions(instance: dg.DagsterInstance) -> dict[tuple[str, str | None], str]:
    """(asset, partition) -> newest data version, over everything that was made."""
    found = {}
    for key in instance.all_asset_keys():
        records = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key), limit=1000).records
        for record in reversed(records):
            tags = record.asset_materialization.tags
            found[key.to_user_string(), record.partition_key] = tags["dagster/data_version"]
    return found


def test_every_run_of_the_road_succeeds(walked: Walked) -> None:
    assert [(outcome.what, list(outcome.problems)) for outcome in walked.outcomes if not outcome.success] == []
    assert {outcome.what for outcome in walked.outcomes} >= {f"activation/meta/{ACCOUNT}[{name}]" for name in PLANNED}


@pytest.mark.parametrize("segment", [*PLANNED, HELD])
def test_rows_in_are_members_and_duplicates_and_quarantined_rows(walked: Walked, segment: str) -> None:
    lake = walked.world.lake
    told, source = lake.current("hashed_audience", segment), lake.current("segment_members", segment)
    stats = told.stats
    assert stats["rows_in"] == source.rows > 0
    assert stats["rows_in"] == stats["members"] + stats["duplicates_merged"] + stats["quarantined_rows"]
    assert stats["members"] == told.rows
    rows = audience(walked.world, segment)
    for door in ("eligible", "suppressed", "no_consent", "held_out"):
        assert stats[door] == sum(row["eligibility"] == door for row in rows)


def test_every_delivery_is_balanced_and_says_what_the_audience_says(walked: Walked) -> None:
    rows = deliveries(walked.world)
    assert {row["segment"] for row in rows} == set(PLANNED)
    for row in rows:
        assert balanced(row) == []
        assert row["audience"] == walked.world.lake.current("hashed_audience", row["segment"]).rows
        assert row["accepted"] == row["wanted"] == row["adds"] > 0


@pytest.mark.parametrize("segment", PLANNED)
def test_a_platform_audience_holds_exactly_the_eligible_people(walked: Walked, segment: str) -> None:
    """Record by record, all identifiers. Two members with equal identifiers are one person to the platform."""
    eligible = [row for row in audience(walked.world, segment) if row["eligibility"] == "eligible"]
    wanted = {record for row in eligible if (record := as_sent(row)) and identifies(dict(record))}
    assert len(wanted) > 5
    assert {frozenset(row.items()) for row in walked.members[f"lumen_shop {segment}"]} == wanted


def as_sent(row: dict[str, Any]) -> frozenset[tuple[str, str]]:
    cells = ((key.field, row[key.form]) for key in CONTRACT.match_keys.values())
    return frozenset((name, cell.hex() if isinstance(cell, bytes) else cell) for name, cell in cells if cell)


def identifies(record: dict[str, str]) -> bool:
    groups = [[CONTRACT.match_keys[key].field for key in group] for group in CONTRACT.match_groups]
    return any(all(field in record for field in group) for group in groups)


def test_walking_it_again_sends_nothing_and_changes_no_version(walked: Walked, copied: LocalWorld) -> None:
    with copied.sandbox() as platforms, copied.opened() as instance:
        before, asked = versions(instance), len(platforms.requests())
        road = copied.road(instance)
        outcomes = [
            road.run(("clean_room", "exposed_customers"), partition=walked.weeks[-1]),
            *local_world.walk(copied, road, weeks=(), only=(NEWSLETTER,)),
        ]
        assert all(outcome.success for outcome in outcomes)
        assert len(platforms.requests()) == asked > 0
        assert versions(instance) == before


def test_a_segment_that_the_plan_does_not_name_is_hashed_and_held(walked: Walked) -> None:
    with walked.world.opened() as instance:
        for key in (LANDING_MEMBERS, HASHED):
            assert latest(instance, key, HELD).metadata["held"].value is True
            assert latest(instance, key, NEWSLETTER).metadata["held"].value is False
        assert instance.has_dynamic_partition("segments", HELD)
        assert not instance.has_dynamic_partition(f"activated_{ACCOUNT}", HELD)
    assert audience(walked.world, HELD)
    assert set(walked.members) == {f"lumen_shop {segment}" for segment in PLANNED}
    assert walked.world.lake.keys(f"ledger/meta/1001/{HELD}") == []


def latest(instance: dg.DagsterInstance, key: tuple[str, ...], partition: str) -> dg.AssetMaterialization:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(list(key)), asset_partitions=[partition])
    return instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization


def test_a_held_segment_that_is_launched_by_hand_does_not_exist_as_a_pair(copied: LocalWorld) -> None:
    with copied.opened() as instance, pytest.raises(dg.DagsterUnknownPartitionError):
        copied.road(instance).run(ACTIVATION, partition=HELD)


def test_a_pair_that_the_plan_names_no_more_is_refused_even_where_its_partition_is_left(copied: LocalWorld) -> None:
    copied.replan(lambda plan: plan["activations"].pop())
    with copied.sandbox() as platforms, copied.opened() as instance:
        asked = len(platforms.requests())
        outcome = copied.road(instance).run(ACTIVATION, partition=NEWSLETTER)
        assert not outcome.success
        assert "needs a human" in outcome.problems[0]
        assert "the plan does not name it" in outcome.problems[0]
        assert len(platforms.requests()) == asked


def test_an_opt_out_leaves_the_platform_although_the_audience_may_not_be_sent(copied: LocalWorld) -> None:
    name = f"lumen_shop {NEWSLETTER}"
    copied.replan(lambda plan: plan["segments"][NEWSLETTER].update(guards={"minimum_size": 100_000}))
    with copied.sandbox() as platforms, copied.opened() as instance:
        before = {row["EMAIL"] for row in platforms.members(name) if row.get("EMAIL")}
        email, digest = somebody_of(copied.home, before)
        local_world.opt_out(copied.home, email=email)
        road = copied.road(instance)
        assert road.run(OPT_OUTS, SUPPRESSIONS).success
        hashed = road.run(HASHED, partition=NEWSLETTER)
        sent = road.run(ACTIVATION, partition=NEWSLETTER)
        after = {row["EMAIL"] for row in platforms.members(name) if row.get("EMAIL")}
    assert not hashed.success
    assert any("minimum_size" in problem for problem in hashed.problems)
    assert not sent.success
    assert "may not be sent" in sent.problems[0]
    assert before - after == {digest}
    assert after < before
    assert [row["lane"] for row in deliveries(copied) if row["segment"] == NEWSLETTER] == ["audience", "opt_out"]


def somebody_of(home: Path, digests: set[str]) -> tuple[str, str]:
    """A customer of account A who is in an audience: the e-mail as typed, and its digest."""
    customers = pq.read_table(next((home / "accounts" / "a" / "customers").glob("*.parquet")))
    there = customers.filter(pc.is_in(customers["email_sha256"], pc.cast(sorted(digests), "string"))).slice(0, 1)
    row = there.to_pylist()[0]
    return row["email_address"], row["email_sha256"]


def test_the_accounts_of_the_plan_are_its_assets(walked: Walked) -> None:
    account = walked.world.plan.accounts[ACCOUNT]
    assert tuple(activation_key(ACCOUNT, account).path) == ACTIVATION
