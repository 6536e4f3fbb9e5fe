"""`make drill`: prints the table and, as its last line, one JSON object. Ends with 1 when a cell is not right.

Meta, Google and all others are tried side by side, by a process each, with a sandbox of its own on loopback.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from segment_assets_tests.drill.lane import LANES

PEOPLE, QUICK_PEOPLE = 100_000, 20_000
KILLS, QUICK_KILLS = 50, 6


def main() -> int:
    arguments = _arguments()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="segment-assets-drill-") as folder:
        cells = _lanes(arguments, Path(folder))
    told = {
        "drill": "quick" if arguments.quick else "whole",
        "right": all(cell["right"] for cell in cells),
        "platforms": sorted({cell["platform"] for cell in cells}),
        "people": arguments.people,
        "kills": sum(cell["more"].get("kills", 0) for cell in cells),
        "kills_of": {cell["platform"]: cell["more"]["kills"] for cell in cells if "kills" in cell["more"]},
        "erasures": {
            "platforms": sorted({cell["platform"] for cell in cells if "forgotten" in cell["more"]}),
            "people": sum(cell["more"].get("forgotten", 0) for cell in cells),
            "kills": sum(cell["more"].get("erasure_kills", 0) for cell in cells),
        },
        "places": sum(cell["places"] for cell in cells),
        "worst_request_ratio": max((cell["ratio"] for cell in cells), default=0.0),
        "seconds": round(time.monotonic() - began, 1),
        "cells": cells,
    }
    _print_table(cells)
    _say(json.dumps(told))
    return 0 if told["right"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m segment_assets_tests.drill", description=__doc__)
    parser.add_argument("--people", type=int, help=f"of the large audiences ({PEOPLE:,})")
    parser.add_argument("--kills", type=int, help=f"of couriers, on one platform of each pattern ({KILLS})")
    parser.add_argument("--seconds", type=float, default=1_800, help="after which nothing new is tried")
    parser.add_argument("--quick", action="store_true", help="each fault at one place, fewer kills, fewer people")
    arguments = parser.parse_args()
    arguments.people = arguments.people or (QUICK_PEOPLE if arguments.quick else PEOPLE)
    arguments.kills = arguments.kills or (QUICK_KILLS if arguments.quick else KILLS)
    return arguments


def _lanes(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    limits = [f"--people={arguments.people}", f"--kills={arguments.kills}", f"--seconds={arguments.seconds}"]
    quick = ["--quick"] if arguments.quick else []
    module = [sys.executable, "-m", "segment_assets_tests.drill.lane"]
    started = {side: subprocess.Popen([*module, side, str(folder / side), *limits, *quick]) for side in LANES}
    cells: list[dict[str, Any]] = []
    for side, lane in started.items():
        try:
            lane.wait(arguments.seconds + 300)
        except subprocess.TimeoutExpired:
            lane.kill()
        told = folder / side / "cells.json"
        none = [{"platform": side, "fault": "the lane itself", "right": False, "wrong": [f"ended with {lane.poll()}"]}]
        empty = {"places": 0, "requests": 0, "ratio": 0.0, "seconds": 0.0, "more": {}}
        cells += json.loads(told.read_text("utf-8")) if told.exists() else [{**empty, **one} for one in none]
    return cells


def _print_table(cells: list[dict[str, Any]]) -> None:
    _say(f"{'platform':17} {'fault':30} {'places':>6} {'requests':>8} {'x ideal':>7} {'seconds':>8}  result")
    for cell in cells:
        ratio = f"{cell['ratio']:.2f}" if cell["ratio"] else "-"
        numbers = f"{cell['places']:6} {cell['requests'] or '-':>8} {ratio:>7} {cell['seconds']:8.1f}"
        _say(f"{cell['platform']:17} {cell['fault']:30} {numbers}  {'right' if cell['right'] else 'WRONG'}")
        for words in cell["wrong"]:
            _say(f"{'':17}   {words}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
