"""`segment-assets demo` as a newcomer runs it, killed with SIGKILL all along the road, and what looks at its home.

One home for the whole chain of kills, so that together they cost little more than one demo and its starts. What is
killed is the demo's own process: its workers have to end with it. The platform sandbox is a process of its own that
outlives them, as platforms do; at some of the moments it is killed as well: it is durable.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg
import httpx
import pyarrow.compute as pc
import pytest
import yaml
from click.testing import CliRunner, Result

from segment_assets.cli import main
from segment_assets.contracts import Pattern
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.settling import acknowledged_state, balanced
from segment_assets.deployment import Deployment, Kind
from segment_assets.destinations import registry
from segment_assets.plan import default_plan, load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.road import open_instance
from segment_assets.sandbox import process
from segment_assets.workers import Wanted, Workers
from segment_assets_tests import processes
from segment_assets_tests.conformance.kit.record import records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# All the kills are in the setup of one test.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEGMENT_ASSETS = [sys.executable, "-c", "from segment_assets.cli import main; main()"]
PEOPLE, SEED = "2000", "5"
HELD, META = "store_visitors_unreviewed", "lumen_eu"
MUST_COME_WITHIN, WORKERS_END_WITHIN = 180, 10
# Pinterest makes no list without a record, so the connector fills each with one of its own that is nobody's.
FILLERS = {"pinterest": 1}
# Where what the sandbox calls people are whole people, and not identifiers of one kind.
SHOWS_PEOPLE = {"meta", "google"}


class Demo:
    """A home in which the demo is walked; a plan of two segments whose limits fit a small world.

    The newsletter goes to every platform of the shipped plan but Meta, where another segment goes: one pair each.
    """

    def __init__(self, folder: Path) -> None:
        document = yaml.safe_load(default_plan().read_text(encoding="utf-8"))
        document["segments"].pop("high_value_converters")
        goes = dict.fromkeys(document["accounts"], "newsletter_subscribers") | {META: "exposed_non_converters"}
        document["activations"] = [a for a in document["activations"] if a["segment"] == goes[a["account"]]]
        for segment in document["segments"].values():
            segment["guards"] = {"minimum_size": 1}
        self.folder, self.log, self.plan_file = folder, folder / "demo.log", folder / "plan.yaml"
        self.plan_file.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
        self.plan = load_plan(self.plan_file)
        self.home = folder / "worlds" / f"{PEOPLE}-people-seed-{SEED}"
        self.lake = LocalLake(self.home / "lake")
        self.unplanned = self.home / "landing" / "segments" / HELD
        self.put_away = folder / HELD
        # Of a sandbox that is started: the first answers slowly, so that there is time to meet calls on their way.
        self.latency = "2000"

    def starts(self) -> subprocess.Popen:
        self.log.write_bytes(b"")
        environment = {
            **os.environ,
            "SEGMENT_ASSETS_HOME": str(self.folder),
            "SEGMENT_ASSETS_PLAN": str(self.plan_file),
            "SEGMENT_ASSETS_SANDBOX_LATENCY_MS": self.latency,
        }
        command = [*SEGMENT_ASSETS, "demo", "--people", PEOPLE, "--seed", SEED]
        with self.log.open("ab") as said:
            return subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)

    def says(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def is_killed(self, moment: Callable[[Demo], bool], *, with_sandbox: bool) -> str:
        """What it says until the moment comes."""
        running, deadline = self.starts(), time.monotonic() + MUST_COME_WITHIN
        try:
            while not moment(self):
                assert running.poll() is None, f"it ended before the moment came:\n{self.says()}"
                assert time.monotonic() < deadline, self.says()
                time.sleep(0.02)
        finally:
            running.kill()
            running.wait()
        platforms = process.running(self.home / "sandbox")
        assert platforms is not None, "the sandbox has died with the demo"
        if with_sandbox:
            os.kill(platforms.pid, signal.SIGKILL)
            self.latency = "20"
        self.workers_end(platforms.pid)
        return self.says()

    def workers_end(self, sandbox: int) -> None:
        """Nobody goes on with what the killed demo was at."""
        deadline = time.monotonic() + WORKERS_END_WITHIN
        while left := {pid: line for pid, line in processes.of_home(self.home).items() if pid != sandbox}:
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.02)

    def hides_unplanned_list(self) -> None:
        """The list of nobody's segment is put away, which spares every start but the last two runs."""
        if self.unplanned.exists() and not self.put_away.exists():
            self.unplanned.rename(self.put_away)

    def asks(self, *words: str) -> Result:
        """A command in this process, which saves the start of another one."""
        env = {"SEGMENT_ASSETS_HOME": str(self.home), "SEGMENT_ASSETS_PLAN": str(self.plan_file)}
        return CliRunner().invoke(main, list(words), env=env)

    def ends(self) -> str:
        running = self.starts()
        try:
            assert running.wait(MUST_COME_WITHIN) == 0, self.says()
        finally:
            running.kill()
            running.wait()
        return self.says()

    def pairs(self) -> Iterator[tuple[Pair, AudienceLedger]]:
        for name, account in self.plan.accounts.items():
            for segment in self.plan.activations_of(name):
                pair = Pair(self.plan.tenant, account.destination, account.account, segment)
                yield pair, AudienceLedger(self.lake, pair, time.time)

    def scratch(self) -> list[str]:
        """Hidden and scratch files and folders of ours below the home, wherever they are."""
        found = (path.relative_to(self.home) for path in self.home.rglob("*"))
        ours = (path for path in found if path.name.startswith(".") or path.parent.name == "work")
        return sorted(str(path) for path in ours if path.parts[0] != "dagster")


def there(pattern: str) -> Callable[[Demo], bool]:
    return lambda demo: any(True for _ in demo.home.glob(pattern))


def said(pattern: str) -> Callable[[Demo], bool]:
    return lambda demo: re.search(pattern, demo.says()) is not None


def in_doubt_on(platforms: int) -> Callable[[Demo], bool]:
    """A batch was sent to so many platforms at once, or is about to be, and no answer is noted."""

    def moment(demo: Demo) -> bool:
        logs = [log for _, ledger in demo.pairs() if (log := ledger.last()) is not None]
        return sum("in_doubt" in log.batch_standings().values() for log in logs) >= platforms

    return moment


# In the order of the road; after each the next start gets further.
MOMENTS: dict[str, tuple[Callable[[Demo], bool], bool]] = {
    "in the clean room": (there("work/*/clean-room-*"), False),
    "while platforms are sent people": (in_doubt_on(2), True),
    "while jobs are open": (said("works on 1 jobs"), True),
    "while the dashboard is drawn": (said("delivery_summary"), True),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    one = Demo(tmp_path_factory.mktemp("killed"))
    yield one
    process.stop(one.home / "sandbox")
    processes.kill_all(one.folder)


@pytest.fixture(scope="module")
def killed(demo: Demo) -> str:
    """What the demos said that were killed."""
    told, left = "", 0
    for moment, with_sandbox in MOMENTS.values():
        told += demo.is_killed(moment, with_sandbox=with_sandbox)
        left += len(demo.scratch())
        demo.hides_unplanned_list()
    assert left, "no kill left anything behind: the test of clearing up is void"
    return told


@pytest.fixture(scope="module")
def ended(demo: Demo, killed: str) -> str:
    """What the demo says that gets to the end, after all the kills."""
    demo.put_away.rename(demo.unplanned)
    return demo.ends()


@pytest.fixture(scope="module")
def platforms(demo: Demo, ended: str) -> Iterator[httpx.Client]:
    """The inspection doors of the sandbox, started again from what is on its disk."""
    with httpx.Client(
        base_url=f"{process.start(demo.home / 'sandbox').url}/_sandbox/", trust_env=False, verify=False
    ) as http:
        yield http


def test_the_demo_ends_well_and_shows_where_everybody_is(demo: Demo, killed: str, ended: str):
    for told in ("Segments: where everybody is", "HELD", "google/lumen_ads[newsletter_subscribers]", "Tables built"):
        assert told in ended
    for account in ("google/lumen_ads", "salesforce/lumen_crm", "hubspot/lumen_contacts"):
        assert f"{account} works on 1 jobs" in killed
    assert "killed runs cleared up" in killed
    by_runs = [path.read_text() for path in (demo.home / "dagster" / "storage").rglob("*.err")]
    assert by_runs, "what runs say is not where the UI looks for it"
    assert not [word for word in ("Traceback", "Warning") if any(word in text for text in (killed, ended, *by_runs))]
    assert process.running(demo.home / "sandbox") is None, "the demo stops the sandbox that it started"


def test_what_was_delivered_before_the_last_kill_is_not_sent_again(demo: Demo, ended: str):
    assert "Nothing to send" in ended
    assert "works on" not in ended


def test_every_platform_holds_exactly_the_eligible_people_and_nobody_twice(demo: Demo, platforms: httpx.Client):
    shown: list[dict[str, Any]] = platforms.get("audiences").json()
    # Beside the platforms the event bus shows what it was told.
    audiences = [one for one in shown if one["platform"] in registry()]
    assert [one["platform"] for one in shown if one not in audiences] == ["eventbridge"]
    found = {(a["platform"], a["account"]): a for a in audiences}
    assert len(found) == len(audiences), "an audience was created twice"
    patterns = {registry()[platform].pattern for platform, _ in found}
    assert len(found) >= 8
    assert patterns >= {Pattern.SINGLE_STEP, Pattern.MULTI_STEP, Pattern.MANAGED}
    for pair, ledger in demo.pairs():
        audience = found.pop((pair.destination, pair.account))
        rows = demo.lake.dataset(demo.lake.current("hashed_audience", pair.segment)).to_table()
        eligible = rows.filter(pc.field("eligibility") == "eligible").to_pylist()
        strong = found_alone(eligible, pair.destination)
        told = platforms.get(f"audiences/{audience['id']}/identifiers", params={"platform": pair.destination})
        # Names and addresses are lines of several parts.
        held = {line for line in told.text.splitlines() if "|" not in line}
        assert strong
        assert strong <= held, pair
        assert len(held - strong) == FILLERS.get(pair.destination, 0), pair
        if pair.destination in SHOWS_PEOPLE:
            acknowledged = demo.lake.dataset(acknowledged_state(demo.lake, ledger)).to_table()
            members = platforms.get(f"audiences/{audience['id']}/members", params={"limit": 100_000}).json()
            assert len({tuple(sorted(person.items())) for person in members}) == len(members)
            assert len(members) == audience["people"] == len(set(acknowledged["member_id"].to_pylist()))
    assert not found


def found_alone(people: list[dict[str, Any]], platform: str) -> set[str]:
    """What finds a person alone, as the platform has it."""
    (record,) = (record for record in records() if record.destination == platform)
    as_held, keys = record.held or record.written, record.contract.match_keys
    sent = [(person[keys[key].form], keys[key]) for person in people for key in record.contract.identifying]
    return {as_held(cell, key) for cell, key in sent if cell}


def test_every_delivery_is_closed_and_accounts_for_everybody(demo: Demo, ended: str):
    for pair, ledger in demo.pairs():
        for log in ledger.deliveries():
            log.chain.verify()
            assert log.closed is not None
            current = demo.lake.current("deliveries", f"{pair.partition}/{log.number:06d}")
            (row,) = demo.lake.dataset(current).to_table().to_pylist()
            assert balanced(row) == []


def test_no_run_no_slot_and_no_scratch_file_is_left(demo: Demo, ended: str):
    over = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
    with open_instance(demo.home) as instance:
        assert [run.run_id for run in instance.get_runs() if run.status not in over] == []
        for pool in instance.event_log_storage.get_concurrency_keys():
            slots = instance.event_log_storage.get_concurrency_info(pool)
            assert (slots.active_slot_count, slots.pending_step_count) == (0, 0)
    assert demo.scratch() == []


def test_status_says_what_is_live_and_what_is_held(demo: Demo, ended: str):
    told = demo.asks("status")
    assert told.exit_code == 0
    assert "google/lumen_ads[newsletter_subscribers]" in told.output
    assert f"Held, because the plan does not name them: {HELD}" in told.output


def test_why_tells_the_door_of_a_person_and_no_identifier(demo: Demo, ended: str):
    rows = demo.lake.dataset(demo.lake.current("hashed_audience", "newsletter_subscribers")).to_table()
    for eligibility, said_of_them in (("eligible", "acknowledged"), ("no_consent", "not there, and not wanted")):
        person = rows.filter(pc.field("eligibility") == eligibility).to_pylist()[0]
        told = demo.asks("why", person["member_id"].hex())
        assert told.exit_code == 0
        assert f"door: {eligibility}" in told.output
        assert said_of_them in told.output
        assert not any(v.hex() in told.output for k, v in person.items() if isinstance(v, bytes))
    assert demo.asks("why", "f" * 64).exit_code == 1


def test_plan_diff_says_that_nothing_would_change_and_what_a_removed_pair_means(demo: Demo, ended: str):
    told = demo.asks("plan", "diff")
    assert told.exit_code == 0
    assert "0 to add, 0 to change, 0 to take out" in told.output
    document = yaml.safe_load(demo.plan_file.read_text(encoding="utf-8"))
    document["activations"] = document["activations"][1:3]
    fewer = demo.folder / "fewer.yaml"
    fewer.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    assert "meta/1001/exposed_non_converters: not in the plan any more" in demo.asks("plan", "diff", str(fewer)).output


def test_a_worker_that_dies_costs_its_run_and_another_takes_its_place(demo: Demo, ended: str):
    summary = Wanted((("activation_insights", "delivery_summary"),))
    with Workers(Deployment(Kind.LOCAL, demo.home, demo.plan_file), count=1) as workers:
        others = set(multiprocessing.active_children())
        workers.start()
        (worker,) = set(multiprocessing.active_children()) - others
        worker.kill()
        worker.join()
        first, second = [outcome for _, outcome in workers.run([[summary, summary]])]
    assert (first.what, first.success) == ("activation_insights/delivery_summary", False)
    assert "has died" in first.problems[0]
    assert second.success
    assert set(multiprocessing.active_children()) <= others
