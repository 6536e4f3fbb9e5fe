"""People who ask to be forgotten, while every fault strikes and couriers are killed, on each platform with a call for it.

Belongs here: what is tried and what is right in the end. Not here: removals from audiences, which are deliveries.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import random
import time
from functools import partial
from typing import TYPE_CHECKING

from segment_assets.contracts import SegmentAssetsError
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.tables import ERASED, ERASURES
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.forgetting import account_of, forgets, publish_erasures
from segment_assets_tests.drill.any_platform import EVERYBODY, IMPATIENCE, room_of
from segment_assets_tests.drill.cells import MOST_REQUESTS, Ground
from segment_assets_tests.drill.crash import CALL_SECONDS, LONGEST_RUN, SEED, is_over_before
from segment_assets_tests.drill.deployed import RunningOutside, drilled, house
from segment_assets_tests.faults.room import FAULTS

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.delivery.erasing import Forgotten
    from segment_assets_tests.drill.deployed import DeployedHouse
    from segment_assets_tests.faults.room import Sandbox

IN_A_CALL, FEW = 5, 15
RUNS = 5
FAULTS_CELL, KILLS_CELL = "erasures, every fault", "erasures, kill -9"


def erasing() -> list[str]:
    """Every destination that has an erasure call."""
    return [name for name, record in drilled().items() if record.contract.erasure is not None]


def ground_of(name: str, folder: Path, sandbox: Sandbox, deadline: float) -> Ground:
    return Ground(drilled()[name], folder / f"{name}-erasures", sandbox, deadline, room_of(name, sandbox.url))


@dataclasses.dataclass(frozen=True)
class Crowd:
    """Who is there, of whom every second asks to be forgotten."""

    everybody: range

    @property
    def forgotten(self) -> tuple[int, ...]:
        return tuple(number for number in self.everybody if number % 2)

    @property
    def calls(self) -> int:
        return -(-len(self.forgotten) // IN_A_CALL)

    def begins(self, room: DeployedHouse) -> None:
        """All are there, and the requests have come."""
        room.wants(self.everybody)
        room.run()
        room.holds_exactly(self.everybody)
        publish_erasures(room, self.forgotten)
        room.already = len(room.outside.log())

    def is_right(self, room: DeployedHouse, found: Forgotten) -> None:
        """None of them is known there, nobody else is touched, and the ledger has an answer about each, for good."""
        room.holds_exactly(number for number in self.everybody if number not in self.forgotten)
        assert (found.people, found.acknowledged) == (len(self.forgotten), len(self.forgotten)), f"{found}"
        assert (found.refused, found.in_doubt, found.unproven) == (0, 0, 0), f"{found}"
        kept = room.lake.current(ERASED.name, account_of(room).partition)
        assert kept is not None
        rows = room.lake.dataset(kept).to_table().to_pylist()
        wanted = {people.row(room.record.contract, number)["member_id"] for number in self.forgotten}
        assert {row["member_id"] for row in rows if row["standing"] == "acknowledged"} == wanted
        for log in AudienceLedger(room.lake, account_of(room), time.time).deliveries():
            log.chain.verify()
            assert log.closed is not None
        before = _calls(room)
        _forget(room)
        assert _calls(room) == before, "somebody is asked about although all are forgotten"


def people_are_forgotten(ground: Ground, kills: int, *, quick: bool) -> None:
    """Both rows of one platform."""
    crowd = Crowd(EVERYBODY[:FEW] if quick else EVERYBODY)
    ground.cell(FAULTS_CELL).more["forgotten"] = len(crowd.forgotten)
    clean = _undisturbed(ground, crowd)
    for name in FAULTS if clean else ():
        for place in (clean,) if quick else (1, clean // 2, clean):
            work = partial(_one_fault, ground=ground, crowd=crowd, clean=clean, name=name, place=place)
            ground.tried(FAULTS_CELL, f"{name}, call {place}", work)
        if not quick:
            ground.tried(FAULTS_CELL, f"{name}, an outage", partial(_outage, ground=ground, crowd=crowd, name=name))
    _killed(ground, crowd, clean, kills)


def _forget(room: DeployedHouse) -> Forgotten:
    asked = room.lake.current(ERASURES.name, "all")
    assert asked is not None
    return forgets(room, asked, size=IN_A_CALL)


def _until_done(room: DeployedHouse) -> Forgotten:
    """Past errors that pass, as the sensor does."""
    for _ in range(RUNS):
        with contextlib.suppress(SegmentAssetsError):
            found = _forget(room)
            if found.acknowledged == found.people:
                return found
    return _forget(room)


def _undisturbed(ground: Ground, crowd: Crowd) -> int:
    """The calls of a run without trouble, those to an identity map among them."""
    made = list[int]()

    def forget(room: DeployedHouse) -> None:
        crowd.begins(room)
        found = _forget(room)
        made.append(_calls(room))
        crowd.is_right(room, found)

    ground.tried("erasures, no trouble", "all at once", forget)
    return made[0] if made else 0


def _one_fault(room: DeployedHouse, *, ground: Ground, crowd: Crowd, clean: int, name: str, place: int) -> None:
    crowd.begins(room)
    room.outside.faults({**_rule(ground, name), "nth": place})
    room.outside.wire.patience = IMPATIENCE if name == "slow" else None
    found = _until_done(room)
    assert room.outside.hits() == 1, "the run never came to this call"
    _patient(room, name)
    _compare(ground, FAULTS_CELL, room, clean + 1)
    crowd.is_right(room, found)


def _outage(room: DeployedHouse, *, ground: Ground, crowd: Crowd, name: str) -> None:
    """Longer than a run has patience for."""
    crowd.begins(room)
    room.outside.faults(_rule(ground, name))
    room.outside.wire.patience = IMPATIENCE if name == "slow" else None
    with contextlib.suppress(SegmentAssetsError):
        _forget(room)
    room.outside.faults()
    _patient(room, name)
    crowd.is_right(room, _until_done(room))


def _killed(ground: Ground, crowd: Crowd, clean: int, kills: int) -> None:
    """Runs that are killed at random instants, over and over, until nobody is there any more."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "httpx", "duckdb", "pyarrow.dataset", "pyrate_limiter"])
    instants, whole = random.Random(SEED), [0.0]

    def is_over(room: DeployedHouse, seconds: float) -> bool:
        arguments = (room.record.destination, room.folder, room.outside.address)
        return is_over_before(context, _run, arguments, seconds)

    def not_killed(room: DeployedHouse) -> None:
        crowd.begins(room)
        room.outside.faults({"kind": "slow", "seconds": CALL_SECONDS})
        began = time.monotonic()
        assert is_over(room, LONGEST_RUN), "a run that nobody kills does not end"
        whole[0] = time.monotonic() - began

    def over_and_over(room: DeployedHouse) -> None:
        crowd.begins(room)
        room.outside.faults({"kind": "slow", "seconds": CALL_SECONDS})
        done = 0
        while done < kills and not is_over(room, instants.uniform(0, whole[0])):
            done += 1
        ground.cell(KILLS_CELL).more["erasure_kills"] = done
        room.outside.faults()
        room.outside.offset = RunningOutside(room.outside.address).offset
        found = _until_done(room)
        # A kill costs a batch again: its call, and where there is an identity map the calls to that.
        _compare(ground, KILLS_CELL, room, clean + done * -(-clean // crowd.calls))
        crowd.is_right(room, found)

    # The first process imports.
    ground.tried("erasures, no trouble", "a process", not_killed)
    ground.tried("erasures, no trouble", "a process", not_killed)
    ground.tried(KILLS_CELL, f"{kills} kills", over_and_over)


def _run(name: str, folder: Path, url: str) -> None:
    """What the process does that is killed."""
    with contextlib.closing(RunningOutside(url)) as outside:
        _forget(house(drilled()[name], folder, outside))


def _calls(room: DeployedHouse) -> int:
    """Since the people asked: nothing but their erasure is sent from then on."""
    return len(room.outside.log()) - room.already


def _compare(ground: Ground, cell: str, room: DeployedHouse, due: int) -> None:
    row, made = ground.cell(cell), _calls(room)
    row.requests, row.ratio = max(row.requests, made), max(row.ratio, round(made / due, 3))
    assert made / due <= MOST_REQUESTS, f"{made} calls where {due} are due"


def _rule(ground: Ground, name: str) -> dict[str, object]:
    return dict(ground.side.throttle if name == "throttle" else FAULTS[name])


def _patient(room: DeployedHouse, name: str) -> None:
    if name == "slow":
        # A call that nobody waits for any more is still processed.
        time.sleep(float(FAULTS["slow"]["seconds"]))
    room.outside.wire.patience = None
