"""An activation whose process is killed or stopped in the middle, and what the next one makes of it.

30,100 people are four batches behind one creation; every upload takes half a second, so there is time to hit it. The
process is a real one with a persistent Dagster instance and a real sandbox: nothing is simulated but the platform.
"""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.settling import balanced
from segment_assets.resources.lake import LocalLake
from segment_assets.sandbox import process
from segment_assets_tests.fakes import digest, marked, person, publish_audience, publish_suppressions
from segment_assets_tests.faults.activate import Activation
from segment_assets_tests.faults.room import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

PEOPLE, OPTED_OUT, BATCH = 30_100, 5, 10_000
WANTED = PEOPLE - OPTED_OUT
SEGMENT = "exposed_non_converters"
PAIR = Pair("lumen_shop", "meta", "1001", SEGMENT)
SLOW = {"kind": "slow", "seconds": 0.5, "path": "/users$"}
MUST_END_WITHIN = 60


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Sandbox]]:
    """A home with an audience and opt-outs, to be copied, and the one sandbox that all copies share."""
    home = tmp_path_factory.mktemp("prepared")
    lake = LocalLake(home / "lake")
    people = [person(f"p{n}", email=f"p{n}@x.example") for n in range(PEOPLE)]
    stats = {"rows_in": PEOPLE, "members": PEOPLE, "eligible": PEOPLE, "unreadable_rows": 0, "members_before": None}
    publish_audience(lake, SEGMENT, people, stats)
    # They said no after the audience was built.
    publish_suppressions(lake, [("email", digest(f"p{n}@x.example")) for n in range(OPTED_OUT)])
    platforms = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(process.start(platforms).url)
    (home / "sandbox").symlink_to(platforms)
    yield home, sandbox
    sandbox.close()
    process.stop(platforms)


@pytest.fixture
def sandbox(prepared: tuple[Path, Sandbox]) -> Sandbox:
    prepared[1].reset()
    prepared[1].faults(SLOW)
    return prepared[1]


@pytest.fixture
def home(prepared: tuple[Path, Sandbox], tmp_path: Path) -> Path:
    return shutil.copytree(prepared[0], tmp_path / "home", symlinks=True)


@pytest.fixture
def start(home: Path) -> Iterator:
    """Starts activations of the home; whatever is left of them at the end is killed."""
    started: list[Activation] = []

    def begin(**options) -> Activation:
        started.append(Activation(home, home / f"told-{len(started)}.json", **options))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.join()


def told_by(running: Activation) -> dict:
    return running.told(MUST_END_WITHIN)


def wait_for_requests(sandbox: Sandbox, number: int, *, path: str = "", after: int = 0) -> None:
    deadline = time.monotonic() + MUST_END_WITHIN
    while sum(line["path"].endswith(path) for line in sandbox.log()[after:]) < number:
        assert time.monotonic() < deadline, "the activation makes no calls"
        time.sleep(0.02)


def wait_for_an_open_delivery(home: Path) -> None:
    """Until a run has noted that it is about to send a batch, which then takes its half second."""
    deadline = time.monotonic() + MUST_END_WITHIN
    before = len(deliveries(home))
    while not any(log.answered("intent") for log in deliveries(home)[before:]):
        assert time.monotonic() < deadline, "the activation opens no delivery"
        time.sleep(0.02)


def deliveries(home: Path) -> list:
    return list(AudienceLedger(LocalLake(home / "lake"), PAIR, lambda: 0.0).deliveries())


def acknowledged(home: Path) -> int:
    """Records that the ledger has an answer for."""
    return sum(note.body["sent"] for log in deliveries(home) for note in log.answered("receipt"))


def records(lines: list[dict]) -> int:
    return sum(line["records"] for line in lines)


def platform_is_right(sandbox: Sandbox) -> None:
    (audience,) = sandbox.audiences()
    assert audience["people"] == WANTED
    expected = {marked(f"p{n}@x.example") for n in range(OPTED_OUT, PEOPLE)}
    assert {held["EMAIL"] for held in sandbox.people()} == expected


def ledger_is_whole(home: Path) -> None:
    """Each chain holds, continues the one before, is closed, and its row adds up."""
    lake, before = LocalLake(home / "lake"), ""
    for log in deliveries(home):
        log.chain.verify()
        assert log.chain.entries[0].previous == before
        assert log.closed is not None
        before = log.chain.head
        snapshot = lake.current("deliveries", f"{PAIR.partition}/{log.number:06d}")
        (row,) = lake.dataset(snapshot).to_table().to_pylist()
        assert balanced(row) == []


CREATION, UPLOAD = "/customaudiences", "/users"
# Each run of a chain is killed: after so many answered calls to a path, and so many seconds later. The drill kills at
# random instants.
CHAINS = {
    "creation, first batch, second batch": [(CREATION, 1, 0.0), (UPLOAD, 1, 0.0), (UPLOAD, 2, 0.0)],
}


@pytest.mark.parametrize("kills", CHAINS.values(), ids=CHAINS)
def test_a_killed_activation_is_continued_by_the_next_and_nothing_acknowledged_is_sent_again(
    sandbox: Sandbox, home: Path, start, kills: list[tuple[str, int, float]]
):
    for path, answered, wait in kills:
        known, seen = acknowledged(home), len(sandbox.log())
        killed = start()
        if answered:
            wait_for_requests(sandbox, answered, path=path, after=seen)
        else:
            wait_for_an_open_delivery(home)
        time.sleep(wait)
        killed.signal(signal.SIGKILL)
        killed.process.join()
        batches = answered if path == UPLOAD else 0
        assert max(0, batches - 1) * BATCH <= acknowledged(home) - known <= batches * BATCH
        # What was in flight still arrives, and must not be counted as the next run's.
        time.sleep(SLOW["seconds"] + 0.3)

    sandbox.faults()
    known, before = acknowledged(home), sandbox.log()
    told = told_by(start(times=2))
    assert told["cleared"] == 1
    assert [end["success"] for end in told["ends"]] == [True, True], told["ends"]
    assert (told["unfinished"], told["slots"]) == ([], [0, 0])
    platform_is_right(sandbox)
    ledger_is_whole(home)
    lines = sandbox.log()[len(before) :]
    assert records(lines) == WANTED - known
    assert records(before) <= known + BATCH * len(kills), "at most the batch in flight is sent twice"
    assert all(line["at"] <= told["ends"][0]["at"] for line in lines), "the second run after the crash sends nothing"


def test_a_courier_that_wakes_up_after_another_took_over_stops_without_sending(sandbox: Sandbox, home: Path, start):
    sleeper = start(courier=True)
    wait_for_requests(sandbox, 2)
    time.sleep(0.2)  # into the next call, which takes half a second
    sleeper.signal(signal.SIGSTOP)
    other = told_by(start(courier=True))
    assert other["sent"] > 0
    platform_is_right(sandbox)
    before = sandbox.log()
    sleeper.signal(signal.SIGCONT)
    assert told_by(sleeper) == {"error": "FencedError"}
    assert sandbox.log() == before
    platform_is_right(sandbox)
    ledger_is_whole(home)
    assert told_by(start(courier=True)) == {"sent": 0}
