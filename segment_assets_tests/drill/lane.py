"""One part of the drill, as a process of its own: `python -m segment_assets_tests.drill.lane`.

Meta and Google have a lane each; every other destination is tried in one lane, by what the conformance kit knows of it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets.sandbox import process
from segment_assets_tests.drill import any_platform, erasures
from segment_assets_tests.drill.cells import Ground
from segment_assets_tests.drill.crash import killed_at_random_instants
from segment_assets_tests.drill.crowding import poisoned, shared_phones
from segment_assets_tests.drill.deployed import drilled
from segment_assets_tests.drill.places import every_fault_everywhere
from segment_assets_tests.faults.room import Sandbox
from segment_assets_tests.faults.sides import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

KIT = "kit"
LANES = (*sorted(SIDES), KIT)
# Those beside Meta (single step) and Google (multi step) that have every fault and all kills: one of each pattern.
ALL_FAULTS = ("liveramp", "salesforce")
KILLS_OF_OTHERS = 3


def main() -> None:
    arguments = _arguments()
    os.environ["SEGMENT_ASSETS_SANDBOX_LATENCY_MS"] = "0"
    home = arguments.folder / "sandbox"
    deadline = time.monotonic() + arguments.seconds
    try:
        with contextlib.closing(Sandbox(process.start(home).url)) as sandbox:
            if arguments.side in SIDES:
                grounds = [Ground(SIDES[arguments.side], arguments.folder, sandbox, deadline)]
                _thoroughly(grounds[0], arguments)
            else:
                grounds = list(_of_the_kit(arguments, sandbox, deadline))
    finally:
        process.stop(home)
    cells = [{**dataclasses.asdict(cell), "right": cell.is_right} for one in grounds for cell in one.cells.values()]
    (arguments.folder / "cells.json").write_text(json.dumps(cells), encoding="utf-8")


def _thoroughly(ground: Ground, arguments: argparse.Namespace) -> None:
    every_fault_everywhere(ground, quick=arguments.quick)
    killed_at_random_instants(ground, arguments.kills)
    shared_phones(ground, arguments.people)
    poisoned(ground, arguments.people)


def _of_the_kit(arguments: argparse.Namespace, sandbox: Sandbox, deadline: float) -> Iterator[Ground]:
    """Every other destination by its record: all faults for the first of a pattern, kills for all."""
    for name, record in drilled().items():
        if name in SIDES:
            continue
        new_room = any_platform.room_of(name, sandbox.url)
        ground = Ground(record, arguments.folder / name, sandbox, deadline, new_room)
        if name in ALL_FAULTS:
            any_platform.every_fault_at_every_call(ground, quick=arguments.quick)
        any_platform.killed(ground, arguments.kills if name in ALL_FAULTS else min(KILLS_OF_OTHERS, arguments.kills))
        yield ground
    yield from _forgetting(arguments, sandbox, deadline)


def _forgetting(arguments: argparse.Namespace, sandbox: Sandbox, deadline: float) -> Iterator[Ground]:
    for name in erasures.erasing():
        ground = erasures.ground_of(name, arguments.folder, sandbox, deadline)
        erasures.people_are_forgotten(ground, min(KILLS_OF_OTHERS, arguments.kills), quick=arguments.quick)
        yield ground


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=LANES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
