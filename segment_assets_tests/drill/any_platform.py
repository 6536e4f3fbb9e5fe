"""Faults and kills for any destination of the kit: its record is all that is known of it.

Where people are in a call is seen, not known, so nothing in here names a path. The two destinations whose faults are
tried at more places and with larger audiences (`places`, `crowding`) are Meta and Google.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Pattern, SegmentAssetsError
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import BATCH
from segment_assets_tests.drill.crash import CALL_SECONDS, KILLS_OF_AN_AUDIENCE, LONGEST_RUN, SEED, is_over_before
from segment_assets_tests.drill.deployed import DeployedHouse, RunningOutside, drilled, house
from segment_assets_tests.faults.room import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from segment_assets_tests.conformance.kit.outside import Call
    from segment_assets_tests.drill.cells import Ground

PEOPLE = 35
IMPATIENCE = 0.2
EVERYBODY = range(PEOPLE)
# The switch of the sandbox that lets jobs fail which were taken, and what the platform says of one.
FAILING_JOBS = {"salesforce": ("failing_runs", b'"Error"')}


@dataclasses.dataclass(frozen=True)
class Undisturbed:
    """A delivery without trouble: its calls, and the lines of the sandbox's log, in the same order."""

    calls: tuple[Call, ...]
    lines: tuple[dict[str, Any], ...]

    @property
    def carrying(self) -> frozenset[tuple[str, str]]:
        """Method and path of the calls that have people in them."""
        said = zip(self.calls, self.lines, strict=True)
        return frozenset((line["method"], line["path"]) for call, line in said if call.people)

    @property
    def places(self) -> tuple[int, ...]:
        """The first call of each kind, and of those with people also one in the middle and the last; from 0."""
        first: dict[tuple[str, str], int] = {}
        for place, line in enumerate(self.lines):
            first.setdefault((line["method"], line["path"]), place)
        carrying = [place for place, call in enumerate(self.calls) if call.people]
        return tuple(sorted({*first.values(), carrying[len(carrying) // 2], carrying[-1]}))


def undisturbed(ground: Ground) -> Undisturbed:
    found: list[Undisturbed] = []

    def deliver(room: DeployedHouse) -> None:
        room.wants(EVERYBODY)
        room.run()
        is_right(room)
        found.append(Undisturbed(tuple(room.line.calls), tuple(room.outside.log())))

    ground.tried("no trouble", "a delivery", deliver)
    return found[0]


def every_fault_at_every_call(ground: Ground, *, quick: bool) -> None:
    clean = undisturbed(ground)
    for name, rule in FAULTS.items():
        for place in clean.places[-1:] if quick else clean.places:
            work = partial(_one_fault, ground=ground, clean=clean, name=name, place=place)
            ground.tried(name, f"{clean.lines[place]['method']} {clean.lines[place]['path']}, call {place + 1}", work)
        if not quick:
            ground.tried(name, "an outage", partial(_outage, rule=rule, is_slow=name == "slow"))
    ground.tried("200 with rejects", "one person", _poisoned)
    if ground.name in FAILING_JOBS:
        ground.tried("job fails late", "all jobs of a delivery", _jobs_fail_late)


def _one_fault(room: DeployedHouse, *, ground: Ground, clean: Undisturbed, name: str, place: int) -> None:
    rule = ground.side.throttle if name == "throttle" else FAULTS[name]
    room.wants(EVERYBODY)
    waiting = [rule]

    def before(_: Call) -> None:
        if waiting and len(room.line.calls) == place:
            room.outside.faults({**waiting.pop(), "nth": 1})

    room.line.before = before
    _impatient(room, name == "slow")
    room.until_done()
    assert not waiting, "the delivery never came to this call"
    assert room.outside.hits() == 1
    _patient(room)
    is_right(room)
    _compare(ground, clean, room, name)


def _compare(ground: Ground, clean: Undisturbed, room: DeployedHouse, name: str) -> None:
    """Calls with people: those without trouble, and one more for the spoiled one.

    A drop of files counts with its last file, so whoever breaks off begins again.
    """
    usual = sum((line["method"], line["path"]) in clean.carrying for line in clean.lines)
    due = usual + 1 + (usual if room.errors and room.record.contract.pattern is Pattern.FILE else 0)
    made = sum((line["method"], line["path"]) in clean.carrying for line in room.outside.log())
    cell = ground.cell(name)
    cell.requests, cell.ratio = max(cell.requests, made), max(cell.ratio, round(made / due, 3))


def _outage(room: DeployedHouse, *, rule: dict[str, Any], is_slow: bool) -> None:
    room.wants(range(2 * BATCH))
    room.run()
    room.wants(EVERYBODY)
    _impatient(room, is_slow)
    room.outside.faults(rule)
    with contextlib.suppress(SegmentAssetsError):
        room.run()
    room.outside.faults()
    _patient(room)
    room.until_done()
    is_right(room)


def _poisoned(room: DeployedHouse) -> None:
    bad = 4
    room.wants(EVERYBODY)
    room.outside.faults({**room.record.poison, "identifiers": sorted(people.identifiers(room.record, bad))})
    room.until_done()
    room.holds_exactly(number for number in EVERYBODY if number != bad)
    room.is_balanced()
    assert sum(row["rejected"] for row in room.rows) == (1 if room.record.names_refused else 0)
    assert room.run().deliveries == [], "who was refused is not sent again as they are"


def _jobs_fail_late(room: DeployedHouse) -> None:
    """The first job that was taken fails, and we hear of it when we ask."""
    platform = f"platforms/{room.record.destination}"
    switch, says = FAILING_JOBS[room.record.destination]
    heard: list[Call] = []

    def after(call: Call, answer: httpx.Response) -> httpx.Response:
        if says in answer.content and not heard:
            heard.append(call)
            room.outside.admin(platform, {switch: False})
        return answer

    room.line.after = after
    room.wants(EVERYBODY)
    room.outside.admin(platform, {switch: True})
    room.until_done()
    assert heard, "no job has failed"
    is_right(room)


def _impatient(room: DeployedHouse, is_slow: bool) -> None:
    if is_slow:
        room.outside.wire.patience, room.is_impatient = IMPATIENCE, True


def _patient(room: DeployedHouse) -> None:
    if room.is_impatient:
        # A call that nobody waits for any more is still processed.
        time.sleep(FAULTS["slow"]["seconds"])
    room.outside.wire.patience, room.is_impatient = None, False


def is_right(room: DeployedHouse) -> None:
    """Everybody is there once, all are accounted for, and nothing is sent any more."""
    room.holds_exactly(EVERYBODY)
    room.is_balanced()
    assert room.run().deliveries == [], "there is something to send although everybody is there"


def killed(ground: Ground, kills: int) -> None:
    """Couriers that are killed at random instants, over and over, until the audience is there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "httpx", "duckdb", "pyarrow.dataset", "pyrate_limiter"])
    instants, whole, done = random.Random(SEED), [0.0], 0
    clean = undisturbed(ground)

    def is_over(room: DeployedHouse, seconds: float) -> bool:
        arguments = (room.record.destination, room.folder, room.outside.address)
        return is_over_before(context, _deliver, arguments, seconds)

    def not_killed(room: DeployedHouse) -> None:
        _begin(room)
        began = time.monotonic()
        assert is_over(room, LONGEST_RUN), "a run that nobody kills does not end"
        whole[0] = time.monotonic() - began

    def one_audience(room: DeployedHouse, wanted: int) -> None:
        nonlocal done
        _begin(room)
        here = 0
        # Some kills come too late: then the audience is there already.
        while here < wanted and not is_over(room, instants.uniform(0, whole[0])):
            here += 1
        done += here
        room.outside.faults()
        room.outside.offset = RunningOutside(room.outside.address).offset
        room.until_done()
        is_right(room)
        _at_most_one_batch_again(clean, room, here)

    cell = ground.cell("kill -9")
    ground.tried("no trouble", "the first process, which imports", not_killed)
    ground.tried("no trouble", "a process of its own", not_killed)
    while done < kills and not cell.wrong:
        left = min(KILLS_OF_AN_AUDIENCE, kills - done)
        ground.tried("kill -9", f"after {done} kills", partial(one_audience, wanted=left))
    cell.more["kills"] = done


def _begin(room: DeployedHouse) -> None:
    room.wants(EVERYBODY)
    room.outside.faults({"kind": "slow", "seconds": CALL_SECONDS})


def _at_most_one_batch_again(clean: Undisturbed, room: DeployedHouse, kills: int) -> None:
    """Per kill. In records, or in calls on platforms whose log does not count them."""
    log = room.outside.log()
    for counted in (lambda line: line["records"], lambda line: (line["method"], line["path"]) in clean.carrying):
        usual = [int(counted(line)) for line in clean.lines]
        if any(usual):
            sent = sum(int(counted(line)) for line in log)
            assert sent <= sum(usual) + kills * max(usual), f"{sent} sent where {sum(usual)} and {kills} kills are due"
            return


def _deliver(name: str, folder: Path, url: str) -> None:
    """What the process does that is killed: one delivery, and what its jobs need."""
    with contextlib.closing(RunningOutside(url)) as outside:
        house(drilled()[name], folder, outside).found().run()


def room_of(name: str, url: str) -> Callable[..., DeployedHouse]:
    """Makes the houses of a ground."""
    outside, record = RunningOutside(url), drilled()[name]

    def new(home: Path) -> DeployedHouse:
        outside.offset, outside.wire.patience = 0.0, None
        return house(record, home, outside)

    return new
