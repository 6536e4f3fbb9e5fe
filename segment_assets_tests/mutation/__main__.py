"""`make mutation`: prints a table and the survivors, and as its last line one JSON object.

Ends with 1 when a mutant survives that `survivors` does not explain, when there was no time to try all, or when a test
was red before anything was broken (it is left out then).
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import sys
import time

from segment_assets_tests.mutation.groups import groups
from segment_assets_tests.mutation.trying import preload, tried, unbroken

NAMED_SURVIVORS = 200


def main() -> int:
    arguments = _arguments()
    began = time.monotonic()
    found = [unbroken(destination) for destination in arguments.destination]
    preload(list(dict.fromkeys(name for names, _, _ in found for name in names)))
    red_before = [name for _, red, _ in found for name in red]
    took = {name: seconds for *_, taken in found for name, seconds in taken.items()}
    mutants = _mutants(arguments)
    trials = []
    for trial in tried(mutants, arguments.jobs, arguments.seconds - (time.monotonic() - began), red_before, took):
        trials.append(trial)
        if arguments.verbose:
            _say(f"{trial.result:5} {trial.seconds:5.1f} s  {trial.mutant.line:4} {trial.mutant.name}")
    return _told(arguments.destination, mutants, trials, red_before, time.monotonic() - began)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m segment_assets_tests.mutation", description=__doc__)
    parser.add_argument("destination", nargs="*", help="without any: all, and what they share")
    parser.add_argument("--seconds", type=float, default=10_800, help="after which no new mutant is tried")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="mutants whose name holds this")
    parser.add_argument("--every", type=int, default=1, help="each nth mutant only, for a quick look")
    parser.add_argument("--verbose", action="store_true", help="a line for each mutant")
    arguments = parser.parse_args()
    known = list(groups())
    unknown = sorted(set(arguments.destination) - set(known))
    if unknown:
        parser.error(f"nothing is called {', '.join(unknown)}; there are {', '.join(known)}")
    arguments.destination = arguments.destination or known
    return arguments


def _asked_of_the_package(names: list[str]) -> list:
    """Our package is never loaded in this process, whose forks load it broken: another one is asked."""
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_from_package, (names,))


def _from_package(names: list[str]) -> list:
    from segment_assets.identity import NORMAL_FORMS
    from segment_assets.tables import HASHED_AUDIENCE
    from segment_assets_tests.mutation import mutants

    forms = [name for name in HASHED_AUDIENCE.column_names() if name in NORMAL_FORMS]
    return [mutant for name in names for mutant in mutants.of(name, forms)]


def _mutants(arguments: argparse.Namespace) -> list:
    every = _asked_of_the_package(arguments.destination)
    return [mutant for mutant in every if arguments.only in mutant.name][:: arguments.every]


def _told(destinations: list[str], mutants: list, trials: list, red_before: list[str], seconds: float) -> int:
    from segment_assets_tests.mutation.survivors import EXPLAINED

    _say(f"{'destination':12} {'kind':11} {'mutants':>7} {'caught':>7} {'alive':>6} {'left':>5}")
    for (destination, kind), every in sorted(_by_kind(mutants).items()):
        done = [trial for trial in trials if (trial.mutant.destination, trial.mutant.kind) == (destination, kind)]
        alive = sum(trial.result == "green" for trial in done)
        numbers = f"{every:7} {len(done) - alive:7} {alive:6} {every - len(done):5}"
        _say(f"{destination:12} {kind:11} {numbers}")
    survivors = [trial.mutant for trial in trials if trial.result == "green"]
    unexplained = [one for one in survivors if one.name not in EXPLAINED]
    for one in survivors:
        why = EXPLAINED.get(one.name, "NOT EXPLAINED")
        _say(f"survives: {one.destination} line {one.line}: {one.name}: {why}")
    for name in red_before:
        _say(f"red before anything was broken, and left out: {name}")
    right = not unexplained and not red_before and len(trials) == len(mutants)
    told = {
        "mutation": sorted(destinations),
        "right": right,
        "mutants": len(mutants),
        "tried": len(trials),
        "caught": len(trials) - len(survivors),
        "survivors": len(survivors),
        "unexplained": [f"{one.destination} {one.line} {one.name}" for one in unexplained][:NAMED_SURVIVORS],
        "red_before": red_before,
        "slow": sum(trial.result == "slow" for trial in trials),
        "seconds": round(seconds, 1),
    }
    _say(json.dumps(told))
    return 0 if right else 1


def _by_kind(mutants: list) -> collections.Counter:
    return collections.Counter((mutant.destination, mutant.kind) for mutant in mutants)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
