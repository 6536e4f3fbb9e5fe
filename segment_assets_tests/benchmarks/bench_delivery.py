"""How fast changes are found, bodies made and sent, and a whole delivery is, beside other ways on the same machine.

`python -m segment_assets_tests.benchmarks.bench_delivery --people 10000000 --repeat 3`; the last line is one JSON object.
Each measurement is a process of its own (so that its peak memory is its own), contestants take turns.
"""

# ruff: noqa: T201 -- a command line, whose output is its result
from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets_tests.benchmarks import carriers

if TYPE_CHECKING:
    from collections.abc import Callable

WRITERS = {"write_changes": carriers.write_changes, "write_road": carriers.write_road}
MIB = 1024 if sys.platform != "darwin" else 1024**2


def contestant(name: str) -> Callable[[Path], dict[str, float]]:
    kind = name.partition("/")[0]
    if kind not in ("road", "body"):
        return carriers.CONTESTANTS[name]
    # The room and the sandbox are imported for a road only: they would count as the peak of all others.
    module = importlib.import_module(f"segment_assets_tests.benchmarks.{'roads' if kind == 'road' else 'bodies'}")
    return module.CONTESTANTS[name]


def measured(name: str, folder: Path) -> dict[str, float]:
    """Run one contestant in this process. CPU and wall time are without its imports; so is `base_mib` of the peak."""
    for module in (
        *carriers.WARM_UP.get(name.partition("/")[2], ("duckdb", "httpx", "stringzilla")),
        "pyarrow.dataset",
    ):
        importlib.import_module(module)
    run = contestant(name)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    wall, cpu = time.perf_counter(), time.process_time()
    done = run(folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    return {"wall": wall, "cpu": cpu, "peak_mib": peak, "base_mib": base, **done}


def in_a_process_of_its_own(name: str, folder: Path, people: int = 0) -> dict[str, float]:
    # This process stays small: what it holds would count as its children's peak.
    arguments = [sys.executable, "-m", __spec__.name, "--run", name, str(folder), str(people)]
    done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    return json.loads(done.stdout.splitlines()[-1])


def contest(kind: str, folder: Path, repeat: int, without: tuple[str, ...] = ()) -> dict[str, dict[str, float]]:
    """Medians of the contestants of one kind, which take turns."""
    names = [name for name in carriers.CONTESTANTS if name.startswith(f"{kind}/") and name not in without]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(repeat):
        for name, so_far in runs.items():
            so_far.append(in_a_process_of_its_own(name, folder))
    return {
        name.partition("/")[2]: {key: statistics.median(run[key] for run in so_far) for key in so_far[0]}
        for name, so_far in runs.items()
    }


def shown(title: str, results: dict[str, dict[str, float]]) -> None:
    print(f"\n{title:44} {'wall s':>8} {'CPU s':>8} {'peak MiB':>9}")
    for name, result in results.items():
        print(f"{name:44} {result['wall']:8.2f} {result['cpu']:8.2f} {result['peak_mib']:9.0f}")


def changes(folder: Path, people: int, repeat: int, pandas_people: int) -> dict[str, object]:
    """The same churn at two sizes: what grows with the audience, and what does not."""
    results, small = {}, max(people // 4, 1)
    for size in (small, people):
        place = folder / f"changes-{size}"
        in_a_process_of_its_own("write_changes", place, size)
        without = ("changes/pandas",) if size > pandas_people else ()
        results[size] = contest("changes", place, repeat, without)
        shown(f"changes, {size:,} against {size:,}, {carriers.CHURN:.0%} churn", results[size])
        expected = {"came": round(size * carriers.CHURN), "went": round(size * carriers.CHURN)}
        for name, result in results[size].items():
            assert {key: result[key] for key in expected} == expected, f"{name} is wrong"
    ours = results[people]["ours"]
    return {
        "results": results,
        "ratios": {
            "changes_wall_duckdb_over_ours": results[people]["duckdb"]["wall"] / ours["wall"],
            "changes_cpu_duckdb_over_ours": results[people]["duckdb"]["cpu"] / ours["cpu"],
            "changes_peak_duckdb_over_ours": results[people]["duckdb"]["peak_mib"] / ours["peak_mib"],
            "changes_peak_large_over_small": ours["peak_mib"] / results[small]["ours"]["peak_mib"],
            **{
                f"changes_cpu_pandas_over_ours_at_{size}": of["pandas"]["cpu"] / of["ours"]["cpu"]
                for size, of in results.items()
                if "pandas" in of
            },
        },
    }


def upload(folder: Path, repeat: int) -> dict[str, object]:
    """CPU per full request, and how many of them the quota lets through."""
    results = contest("upload", folder, repeat)
    print(f"\n{'upload, milliseconds of CPU per 10,000 records':44}")
    per_request: dict[str, float] = {}
    for name, result in results.items():
        parts = {
            key[4:]: 1e3 * value * carriers.BATCH / result["records"] for key, value in result.items() if "cpu_" in key
        }
        per_request[name] = sum(parts.values())
        print(
            f"{name:44} {per_request[name]:8.1f}   " + ", ".join(f"{key} {value:.1f}" for key, value in parts.items())
        )
    quota = carriers.meta()[1].quota
    between = 1e3 * quota.per_seconds / quota.requests
    print(
        f"Meta's quota leaves {between:.0f} ms between two requests of an account; ours are busy for {per_request['ours']:.0f}"
    )
    return {
        "per_10000_records_ms": per_request,
        "ratios": {
            "upload_ours_share_of_quota": per_request["ours"] / between,
            "send_httpx_over_urllib3": per_request["httpx"] / per_request["urllib3"],
            "send_httpx_over_aiohttp": per_request["httpx"] / per_request["aiohttp"],
        },
    }


def bodies(folder: Path) -> dict[str, object]:
    """What a record costs in the body of each platform that writes it from columns."""
    from segment_assets_tests.benchmarks.bodies import PLATFORMS

    print(f"\n{'bodies, microseconds of CPU a record':44} {'columns':>8} {'one by one':>10}")
    found = {}
    for platform in PLATFORMS:
        of = found[platform] = in_a_process_of_its_own(f"body/{platform}", folder)
        print(f"{platform:44} {of['columns']:8.2f} {of['one_by_one']:10.2f}")
    ratios = [of["one_by_one"] / of["columns"] for of in found.values()]
    return {"results": found, "ratios": {"body_one_by_one_over_columns_at_least": min(ratios)}}


def road(folder: Path, people: int, people_alone: int) -> dict[str, object]:
    """The whole room: changes, batches, ledger, sending, settling, for each of five accounts.

    Against the sandbox, and against a platform that takes everybody at once, where memory and time are ours alone.
    """
    found = {}
    for name, of, size in (("sandbox", "road/ours", people), ("answered", "road/answered", people_alone)):
        place = folder / name
        in_a_process_of_its_own("write_road", place, size)
        result = in_a_process_of_its_own(of, place)
        assert result["accepted"] == size * carriers.ACCOUNTS, "somebody was not taken"
        own = result["wall"] - result["waited_for_platform"] - result["waited_for_quota"]
        records = size * carriers.ACCOUNTS
        shown(f"first delivery, {size:,} people x {carriers.ACCOUNTS} accounts", {name: result})
        print(f"{own:.1f} s of the wall time are ours; {1e6 * result['cpu'] / records:.1f} us of CPU a record")
        found[name] = {"results": result, "own_s": own, "own_s_per_million_records": own / records * 1e6}
        found[name]["cpu_s_per_million_records"] = result["cpu"] / records * 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000_000, help="of the changes")
    parser.add_argument("--road-people", type=int, default=100_000, help="of the whole delivery")
    parser.add_argument("--alone-people", type=int, default=1_000_000, help="of the whole delivery without the sandbox")
    parser.add_argument("--pandas-people", type=int, default=3_000_000, help="above so many pandas is left out")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", help="where the files go (default: a temporary folder)")
    parser.add_argument("--run", nargs=3, metavar=("NAME", "FOLDER", "PEOPLE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        name, folder, people = options.run[0], Path(options.run[1]), int(options.run[2])
        if name in WRITERS:
            WRITERS[name](folder, people)
        print(json.dumps({} if name in WRITERS else measured(name, folder)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-delivery-") as name:
        folder = Path(name)
        print(f"median of {options.repeat}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
        found = changes(folder, options.people, options.repeat, options.pandas_people)
        sent = upload(folder / f"changes-{options.people}", options.repeat)
        made = bodies(folder)
        whole = road(folder / "road", options.road_people, options.alone_people)
    ratios = {key: round(value, 3) for key, value in {**found["ratios"], **sent["ratios"], **made["ratios"]}.items()}
    asked = {name: getattr(options, name) for name in ("people", "road_people", "alone_people", "repeat")}
    print(
        json.dumps(
            {"ratios": ratios, **asked, "changes": found["results"], "upload": sent, "bodies": made, "road": whole}
        )
    )


if __name__ == "__main__":
    main()
