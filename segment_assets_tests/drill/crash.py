"""A courier process that is killed with -9 at random instants, over and over, until the audience is there."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import time
from typing import TYPE_CHECKING

from segment_assets_tests.faults.room import BATCH, SEGMENT, Room, Sandbox, calls_with_people, crowd, holds_exactly
from segment_assets_tests.faults.scenarios import PEOPLE
from segment_assets_tests.faults.sides import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_assets_tests.drill.cells import Ground

SEED = 7
KILLS_OF_AN_AUDIENCE = 5
# A call takes this long, so that there is something to hit.
CALL_SECONDS = 0.03
LONGEST_RUN = 60.0


def killed_at_random_instants(ground: Ground, kills: int) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "httpx", "duckdb", "pyarrow.dataset", "pyrate_limiter"])
    instants = random.Random(SEED)
    whole, done = [0.0], 0

    def is_over(room: Room, seconds: float) -> bool:
        return is_over_before(context, _deliver, (room.folder, room.sandbox.url, room.side.name), seconds)

    def one_audience(room: Room, wanted: int) -> None:
        nonlocal done
        room.wants(crowd(range(PEOPLE)))
        room.sandbox.faults({"kind": "slow", "seconds": CALL_SECONDS, "path": room.side.people})
        killed = 0
        # Some kills come too late: then the audience is there already.
        while killed < wanted and not is_over(room, instants.uniform(0, whole[0])):
            killed += 1
        done += killed
        room.sandbox.faults()
        for _ in range(3):
            if not room.run().deliveries:
                break
        holds_exactly(room, range(PEOPLE))
        room.is_balanced()
        sent = sum(line["records"] for line in calls_with_people(room))
        assert sent <= PEOPLE + killed * BATCH, f"{sent} records for {PEOPLE} people and {killed} kills"

    def not_killed(room: Room) -> None:
        room.wants(crowd(range(PEOPLE)))
        room.sandbox.faults({"kind": "slow", "seconds": CALL_SECONDS, "path": room.side.people})
        began = time.monotonic()
        assert is_over(room, LONGEST_RUN), "a run that nobody kills does not end"
        whole[0] = time.monotonic() - began

    cell = ground.cell("kill -9")
    ground.tried("no trouble", "the first process, which imports", not_killed)
    ground.tried("no trouble", "a process of its own", not_killed)
    while done < kills and not cell.wrong:
        left = min(KILLS_OF_AN_AUDIENCE, kills - done)
        ground.tried("kill -9", f"after {done} kills", lambda room, left=left: one_audience(room, left))
    cell.more["kills"] = done


def is_over_before(context, deliver: Callable[..., None], arguments: tuple, seconds: float) -> bool:
    """Start a courier process, and kill it after so long. Whether it had ended by then."""
    process = context.Process(target=deliver, args=arguments)
    process.start()
    process.join(seconds)
    is_over = process.exitcode is not None
    if not is_over:
        process.kill()
        process.join()
        # It may have ended on its own just before.
        is_over = process.exitcode == 0
    assert process.exitcode in (0, -9), f"the courier ended with {process.exitcode}"
    # What was in flight still arrives.
    time.sleep(CALL_SECONDS * 2)
    return is_over


def _deliver(folder: Path, url: str, side: str) -> None:
    """What the process does that is killed: one delivery, and what its jobs need."""
    with contextlib.closing(Sandbox(url)) as sandbox:
        room = Room(folder, sandbox, side=SIDES[side])
        room.audience = room.lake.current("hashed_audience", SEGMENT)
        room.run(time.sleep)
