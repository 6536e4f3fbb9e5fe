"""One platform's part of the drill, as a process of its own: `python -m segment_assets_tests.drill.lane`."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import time
from pathlib import Path

from segment_assets.sandbox import process
from segment_assets_tests.drill.cells import Ground
from segment_assets_tests.drill.crash import killed_at_random_instants
from segment_assets_tests.drill.crowding import poisoned, shared_phones
from segment_assets_tests.drill.places import every_fault_everywhere
from segment_assets_tests.faults.room import Sandbox
from segment_assets_tests.faults.sides import SIDES


def main() -> None:
    arguments = _arguments()
    os.environ["SEGMENT_ASSETS_SANDBOX_LATENCY_MS"] = "0"
    home = arguments.folder / "sandbox"
    deadline = time.monotonic() + arguments.seconds
    try:
        with contextlib.closing(Sandbox(process.start(home).url)) as sandbox:
            ground = Ground(SIDES[arguments.side], arguments.folder, sandbox, deadline)
            every_fault_everywhere(ground, quick=arguments.quick)
            killed_at_random_instants(ground, arguments.kills)
            shared_phones(ground, arguments.people)
            poisoned(ground, arguments.people)
    finally:
        process.stop(home)
    cells = [{**dataclasses.asdict(cell), "right": cell.is_right} for cell in ground.cells.values()]
    (arguments.folder / "cells.json").write_text(json.dumps(cells), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=sorted(SIDES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
