"""How fast identifiers become digests, Parquet to Parquet, beside other ways to do it on the same machine.

`python -m segment_assets_tests.benchmarks.bench_identity --rows 5000000 --repeat 5`; the last line is one JSON object.
Each measurement is a process of its own (so that its peak memory is its own), contestants take turns.
"""

# ruff: noqa: T201 -- a command line, whose output is its result
from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from segment_assets_tests.benchmarks import contestants, people

CONTESTS = {
    "narrow": ("ours", "duckdb", "polars_hash", "aws_pandas"),
    "wide": ("ours", "duckdb", "polars_hash"),
}
LIMIT = ("limit", "hasher")


def measured(kind: str, name: str, source: Path, target: Path) -> dict[str, float]:
    """Run one contestant in this process. CPU and wall time are without its imports."""
    contestant = contestants.CONTESTANTS[kind, name]
    contestants.warm_up(name)
    wall, cpu = time.perf_counter(), time.process_time()
    digests = contestant(source, target)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return {"wall": wall, "cpu": cpu, "peak_mib": peak, "digests": digests}


def in_a_process_of_its_own(kind: str, name: str, source: Path, target: Path) -> dict[str, float]:
    arguments = [sys.executable, "-m", __spec__.name, "--run", kind, name, str(source), str(target)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=1800)
    return json.loads(done.stdout.splitlines()[-1])


def contest(kind: str, source: Path, rows: int, repeat: int) -> dict[str, dict[str, float]]:
    """Median of each contestant's runs."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTS[kind]}
    for _ in range(repeat):
        for name, so_far in runs.items():
            target = source.with_name(f"out-{name}.parquet")
            so_far.append(in_a_process_of_its_own(kind, name, source, target))
            target.unlink()
    return {
        name: {
            "rows_per_s": rows / statistics.median(run["wall"] for run in so_far),
            "cpu_s_per_m_rows": statistics.median(run["cpu"] for run in so_far) / rows * 1e6,
            "peak_mib": statistics.median(run["peak_mib"] for run in so_far),
        }
        for name, so_far in runs.items()
    }


def shown(kind: str, results: dict[str, dict[str, float]]) -> None:
    print(f"\n{kind:12} {'rows/s':>12} {'CPU s/M rows':>14} {'peak MiB':>10}")
    for name, result in results.items():
        print(f"{name:12} {result['rows_per_s']:12,.0f} {result['cpu_s_per_m_rows']:14.2f} {result['peak_mib']:10.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", help="where the files go (default: a temporary folder)")
    parser.add_argument("--run", nargs=4, metavar=("KIND", "NAME", "SOURCE", "TARGET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        kind, name, source, target = options.run
        print(json.dumps(measured(kind, name, Path(source), Path(target))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-identity-") as folder:
        source = Path(folder) / "people.parquet"
        print(people.write(source, options.rows))
        print(f"{options.rows:,} rows, median of {options.repeat}, {os.cpu_count()} cores, Parquet to Parquet")
        results = {kind: contest(kind, source, options.rows, options.repeat) for kind in CONTESTS}
        for kind, result in results.items():
            shown(kind, result)
        bare = [
            {name: in_a_process_of_its_own("bare", name, source, source) for name in LIMIT}
            for _ in range(options.repeat)
        ]
    limit, hasher = (statistics.median(run[name]["digests"] / run[name]["wall"] for run in bare) for name in LIMIT)
    print(
        f"\nbare SHA-256, all cores: {limit / 1e6:.1f} M blocks/s; our hasher on e-mails: {hasher / 1e6:.1f} M digests/s"
    )
    narrow, wide = results["narrow"], results["wide"]
    ratios = {
        "narrow_vs_aws_pandas": narrow["ours"]["rows_per_s"] / narrow["aws_pandas"]["rows_per_s"],
        "narrow_vs_polars_hash": narrow["ours"]["rows_per_s"] / narrow["polars_hash"]["rows_per_s"],
        "wide_vs_polars_hash": wide["ours"]["rows_per_s"] / wide["polars_hash"]["rows_per_s"],
        "wide_share_of_limit": wide["ours"]["rows_per_s"] * len(contestants.WIDE) / limit,
        "hasher_share_of_limit": hasher / limit,
    }
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    print(json.dumps({"ratios": rounded, "rows": options.rows, "repeat": options.repeat, "results": results}))


if __name__ == "__main__":
    main()
