"""The whole road in the AWS world over loopback: the same people, versions and receipts as in the local one.

It is walked for the newest week alone: what a week's tables are does not depend on the weeks before.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from segment_assets.assets.activations import activation_key
from segment_assets.contracts import MatchKey
from segment_assets.destinations import registry
from segment_assets.plan import default_plan
from segment_assets.road import clear_up_after_killed_runs
from segment_assets.sandbox import process
from segment_assets.tables import TABLES, Type
from segment_assets_tests.aws import aws_world
from segment_assets_tests.aws.faults import Fault, in_front_of
from segment_assets_tests.orchestration import local_world
from segment_assets_tests.orchestration.local_world import HASHED, NEWSLETTER, Platforms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.contracts import Lake
    from segment_assets.road import RunOutcome
    from segment_assets_tests.aws.aws_world import AwsWorld
    from segment_assets_tests.aws.emulators import Emulator
    from segment_assets_tests.orchestration.conftest import Walked

pytestmark = [pytest.mark.aws, pytest.mark.slow]

# Tables of a delivery hold its moments, which no two worlds share, and digests over these.
MOMENTS = {column.name for table in TABLES.values() for column in table.columns if column.type is Type.TIMESTAMP}
MOMENTS |= {"at", "previous", "digest", "entry", "chain"}


@dataclasses.dataclass(frozen=True)
class Account:
    """The world after its walk."""

    world: AwsWorld
    outcomes: Sequence[RunOutcome]
    local: Walked


@pytest.fixture(scope="module")
def account(ministack: Emulator, walked: Walked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The inputs of the walked world in an AWS account, and the same walk there."""
    home = tmp_path_factory.mktemp("aws")
    with aws_world.standing(ministack, walked.world, home, "road") as world, world.opened() as instance:
        outcomes = local_world.walk(world, world.road(instance), weeks=walked.weeks[-1:])
        yield Account(world, outcomes, walked)


def rows(lake: Lake, table: str, partition: str) -> list[dict[str, Any]]:
    """The rows of a table without moments."""
    snapshot = lake.current(table, partition)
    assert snapshot is not None, f"{table}[{partition}] was not made"
    told = lake.dataset(snapshot).to_table().to_pylist()
    return [{name: cell for name, cell in row.items() if name not in MOMENTS} for row in told]


def test_every_run_of_the_road_succeeds(account: Account) -> None:
    assert [(outcome.what, list(outcome.problems)) for outcome in account.outcomes if not outcome.success] == []


def test_equal_inputs_make_equal_versions_of_every_table(account: Account) -> None:
    ours, local = account.world.lake, account.local.world.lake
    made = {name: ours.partitions(name) for name in TABLES}
    assert sum(bool(partitions) for partitions in made.values()) >= 25
    same, by_moment = 0, []
    for name, partitions in made.items():
        # The weeks before are walked locally only; what is about no week has all that was made.
        assert set(partitions) <= set(local.partitions(name)), name
        for partition in partitions:
            here, there = ours.current(name, partition), local.current(name, partition)
            if here.id == there.id:
                same += 1
            else:
                by_moment.append(name)
                assert rows(ours, name, partition) == rows(local, name, partition), f"{name}[{partition}]"
    assert same > 2 * len(by_moment)
    moments = {name for name in by_moment if not MOMENTS & set(TABLES[name].column_names())}
    assert moments == set(), "these differ and hold no moment"


def test_equal_inputs_make_equal_receipts(account: Account) -> None:
    def receipts(lake: Lake) -> list[tuple[Any, ...]]:
        found = []
        for key in lake.keys("ledger"):
            note = json.loads(lake.get(key) or b"{}")
            body = {name: cell for name, cell in note["body"].items() if name not in MOMENTS}
            found.append((key, note["kind"], sorted(body)))
        return found

    ours, local = receipts(account.world.lake), receipts(account.local.world.lake)
    assert ours
    assert ours == local


def test_the_platform_holds_the_same_people(account: Account) -> None:
    running = process.running(account.world.home / "sandbox")
    assert running is not None
    with httpx.Client(base_url=running.url, trust_env=False, verify=False) as http:
        platforms = Platforms(http)
        members = {name: platforms.members(name) for name in platforms.audiences()}
    assert {name: len(people) for name, people in members.items()} == {
        name: len(people) for name, people in account.local.members.items()
    }


def test_no_query_was_paid_for_twice_and_no_statement_was_started_twice(account: Account) -> None:
    asked = [
        told["sqlParameters"]["queryString"] for name, told in account.world.room.calls if name == "StartProtectedQuery"
    ]
    assert len(asked) == len(set(asked)) > 10
    # Two assets ask for the summary of the same deliveries: the second is given the answer of the first.
    starts = account.world.athena.calls.count("StartQueryExecution")
    assert 0 < account.world.athena.executions.started == starts - 1


def test_a_second_walk_makes_no_new_version_and_sends_nothing(account: Account) -> None:
    world = account.world
    before = {name: {p: world.lake.current(name, p).id for p in world.lake.partitions(name)} for name in ("hashed_audience", "segment_members", "suppressions", "acknowledged")}  # fmt: skip
    running = process.running(world.home / "sandbox")
    assert running is not None
    with httpx.Client(base_url=running.url, trust_env=False, verify=False) as http, world.opened() as instance:
        sent = len(Platforms(http).requests())
        road = world.road(instance)
        for name, planned in world.plan.accounts.items():
            assert road.run(HASHED, partition=NEWSLETTER).success
            assert road.run(activation_key(name, planned).path, partition=NEWSLETTER).success
        assert len(Platforms(http).requests()) == sent
    after = {name: {p: world.lake.current(name, p).id for p in world.lake.partitions(name)} for name in before}
    assert after == before


def test_the_same_version_is_published_whatever_happens_between_us_and_s3(
    account: Account, ministack: Emulator
) -> None:
    world = account.world
    before = world.lake.current("hashed_audience", NEWSLETTER)
    slow_down, expired = (503, "SlowDown"), (400, "ExpiredToken")
    with in_front_of(ministack) as proxy, aws_world.reached_by(proxy):
        # Copies that are on this machine are not fetched again.
        for copies in (world.home / "work").glob("*/copies"):
            shutil.rmtree(copies)
        proxy.plan(
            Fault("GET", "part-00000", times=2, cut=2_000),
            Fault("GET", "current.json", refuse=slow_down),
            Fault("PUT", "_manifest.json", refuse=slow_down),
            Fault("PUT", "_manifest.json", lose=True),
            Fault("GET", "_manifest.json", wait=0.2),
        )
        with world.opened() as instance:
            assert world.road(instance).run(HASHED, partition=NEWSLETTER).success
        assert proxy.faults == [], "a fault did not strike"
        proxy.plan(Fault("GET", times=50, refuse=expired), Fault("PUT", times=50, refuse=expired))
        with world.opened() as instance:
            failed = world.road(instance).run(HASHED, partition=NEWSLETTER)
    assert not failed.success
    assert any("ExpiredToken" in problem and "role" in problem for problem in failed.problems)
    after = world.lake.current("hashed_audience", NEWSLETTER)
    assert (after.id, after.stats["rows_in"]) == (before.id, before.stats["rows_in"])


WIDER = {"lumen_ads": "google", "lumen_crm": "salesforce"}


@pytest.fixture(scope="module")
def wider(account: Account) -> AwsWorld:
    """The same world with an account of each of the other two patterns."""

    def change(document: dict[str, Any]) -> None:
        shipped = yaml.safe_load(default_plan().read_text(encoding="utf-8"))
        for name in WIDER:
            document["accounts"][name] = shipped["accounts"][name]
            document["activations"] += [
                one for one in shipped["activations"] if (one["account"], one["segment"]) == (name, NEWSLETTER)
            ]

    world = account.world
    plan_file = local_world.write_plan(world.home / "wider.yaml", change)
    made = dataclasses.replace(world, plan_file=plan_file)
    aws_world.keep_tokens(made, WIDER)
    return made


@pytest.mark.parametrize("name", list(WIDER))
def test_an_activation_that_is_killed_is_ended_exactly_by_the_next_run(wider: AwsWorld, name: str) -> None:
    running = process.running(wider.home / "sandbox")
    assert running is not None
    planned = wider.plan.accounts[name]
    with httpx.Client(base_url=running.url, trust_env=False, verify=False, timeout=60) as http:
        platforms = Platforms(http)
        known = len(platforms.requests())
        killed_in_the_middle = _killed_at_the_next_request(wider, name, platforms)
        assert killed_in_the_middle, "the run had ended before it could be killed"
        with wider.opened() as instance:
            clear_up_after_killed_runs(instance)
            road = wider.road(instance)
            road.sync_partitions(wider.plan, [NEWSLETTER])
            outcome = road.run(activation_key(name, planned).path, partition=NEWSLETTER)
            assert outcome.success, list(outcome.problems)
            _follow_to_the_end(road, name, http)
        sent = [one for one in platforms.requests()[known:] if one["platform"] == planned.destination]
        assert sent
        [audience] = [one for one in http.get("/_sandbox/audiences").json() if one["platform"] == planned.destination]
        there = http.get(f"/_sandbox/audiences/{audience['id']}/members", params={"limit": 100_000}).json()
    [row] = [row for row in _deliveries(wider.lake, planned.destination) if row["outcome"] == "done"]
    assert row["wanted"] == row["accepted"] + row["unproven"] + row["rejected"] > 0
    assert row["accepted"] == row["wanted"]
    # The sandbox keeps people: of two who share an identifier it has one.
    assert 0 < len(there) <= row["wanted"]
    form = registry()[planned.destination].match_keys[MatchKey.EMAIL].form
    kept = wider.lake.current("acknowledged", f"{planned.destination}/{planned.account}/{NEWSLETTER}")
    emails = wider.lake.dataset(kept).to_table().column(form).drop_null().to_pylist()
    held = json.dumps(there)
    assert [email for email in emails if email.hex() not in held] == []


def _killed_at_the_next_request(world: AwsWorld, name: str, platforms: Platforms) -> bool:
    """Start the activation in a process of its own, and end that as soon as the platform was asked something."""
    before = len(platforms.requests())
    environment = {**os.environ, **world.environment(), "DAGSTER_HOME": str(world.home / "dagster")}
    command = [sys.executable, "-m", "segment_assets_tests.aws.activate_once", name, NEWSLETTER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < deadline and len(platforms.requests()) == before:
            time.sleep(0.005)
        alive = child.poll() is None
        child.send_signal(signal.SIGKILL)
    return alive


def _follow_to_the_end(road: Any, name: str, http: httpx.Client) -> None:
    """What the follower does, a day on both clocks for each look."""
    from segment_assets import followers

    cursor: dict[str, Any] = {}
    for day in range(1, 6):
        offset = http.get("/_sandbox/clock").json()["offset"]
        http.post("/_sandbox/clock", json={"offset": offset + 86_400}).raise_for_status()
        now = time.time() + day * 86_400
        told = followers.follow_account(road.resources, name, cursor, now=lambda now=now: now)
        if not told["open"]:
            return
        cursor = told
    pytest.fail(f"{name} still works on its jobs: {told}")


def _deliveries(lake: Lake, destination: str) -> list[dict[str, Any]]:
    found = []
    for partition in lake.partitions("deliveries"):
        if partition.startswith(f"{destination}/"):
            snapshot = lake.current("deliveries", partition)
            found += lake.dataset(snapshot).to_table().to_pylist()
    return found
