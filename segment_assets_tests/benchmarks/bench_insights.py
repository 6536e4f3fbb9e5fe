"""Attribution and reach on one machine: our SQL on DuckDB beside the same job in pandas and in PySpark (local).

`python -m segment_assets_tests.benchmarks.bench_insights --touchpoints 10000000 --impressions 100000000`; the last line
is one JSON object. Each measurement is a process of its own, so that its peak memory is its own. DuckDB and Spark run
one text: the room's template for attribution, which a test holds to the models, and one SELECT for reach. Results are
compared; times are without imports and without Spark's start.
"""

# ruff: noqa: T201 -- a command line, whose output is its result
from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets import queries

WEEK = {"week_start": dt.date(2026, 10, 5), "week_end": dt.date(2026, 10, 12)}
CHANNELS = ("audio", "ctv", "display", "olv", "social")
CAMPAIGNS = tuple(f"campaign_{n}" for n in range(20))
CONTESTANTS = ("duckdb", "pandas", "pyspark")
REACH = """
    SELECT campaign_id, channel, COUNT(DISTINCT person) AS people, COUNT(*) AS impressions FROM impressions
    GROUP BY campaign_id, channel
"""
_WEEK_SECONDS = 7 * 86_400
_PART = 5_000_000


def write_journeys(folder: Path, touchpoints: int) -> None:
    """Four touches per person on average, and a conversion of one person in ten."""
    rng, people = np.random.default_rng(1), max(touchpoints // 4, 1)
    start = np.datetime64(WEEK["week_start"], "us")

    def events(who: Any) -> dict[str, Any]:
        moment = start + rng.integers(0, _WEEK_SECONDS, len(who)) * np.timedelta64(1_000_000, "us")
        named = pa.array(who).cast(pa.string())
        return {"email_sha256": named, "date": pa.array(moment.astype("datetime64[D]")), "event_time": pa.array(moment)}

    touches = events(rng.integers(0, people, touchpoints))
    touches["impression_id"] = pa.array(np.arange(touchpoints)).cast(pa.string())
    touches["channel"] = words(CHANNELS, rng.integers(0, len(CHANNELS), touchpoints))
    pq.write_table(pa.table(touches), folder / "impressions_journeys.parquet")
    pq.write_table(pa.table(events(rng.permutation(people)[: people // 10])), folder / "conversions_journeys.parquet")


def write_impressions(folder: Path, impressions: int) -> None:
    """Ten impressions per person on average, part by part."""
    rng, people = np.random.default_rng(2), max(impressions // 10, 1)
    with pq.ParquetWriter(folder / "impressions.parquet", _impressions(rng, people, 1).schema) as writer:
        for first in range(0, impressions, _PART):
            writer.write_table(_impressions(rng, people, min(_PART, impressions - first)))


def _impressions(rng: np.random.Generator, people: int, size: int) -> pa.Table:
    return pa.table({
        "person": rng.integers(0, people, size),
        "campaign_id": words(CAMPAIGNS, rng.integers(0, len(CAMPAIGNS), size)),
        "channel": words(CHANNELS, rng.integers(0, len(CHANNELS), size)),
    })  # fmt: skip


def words(names: tuple[str, ...], numbers: Any) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(names)).cast(pa.string())


def sql_of(job: str) -> str:
    return REACH if job == "reach" else queries.render(queries.read("clean_room/touch_credits"), WEEK)


def attribution_in_pandas(folder: Path) -> Any:
    import pandas as pd

    touches = pd.read_parquet(folder / "impressions_journeys.parquet")
    orders = pd.read_parquet(folder / "conversions_journeys.parquet")
    last = orders.groupby("email_sha256", as_index=False).agg(converted_at=("event_time", "max"), on=("date", "max"))
    touches = touches.merge(last, on="email_sha256")
    touches = touches[touches["event_time"] < touches["converted_at"]]
    touches = touches.sort_values(["email_sha256", "event_time", "impression_id"])
    journeys = touches.groupby("email_sha256", sort=False)
    place, size = journeys.cumcount() + 1, journeys["channel"].transform("size")
    age = (pd.to_datetime(touches["on"]) - pd.to_datetime(touches["date"])).dt.days
    weight = 2.0 ** (-age / 7)
    ends = (place == 1) | (place == size)
    between = np.where(ends, 0.4, 0.2 / np.maximum(size - 2, 1))
    touches["first_touch"], touches["last_touch"] = place == 1, place == size
    touches["linear"] = 1.0 / size
    touches["position_based"] = np.where(size <= 2, 1.0 / size, between)
    touches["time_decay"] = weight / weight.groupby(touches["email_sha256"], sort=False).transform("sum")
    credit = ["first_touch", "last_touch", "linear", "position_based", "time_decay"]
    grouped = touches.groupby("channel")
    return grouped[credit].sum().assign(converters=grouped["email_sha256"].nunique()).reset_index()


def reach_in_pandas(folder: Path) -> Any:
    import pandas as pd

    shown = pd.read_parquet(folder / "impressions.parquet").astype({"campaign_id": "category", "channel": "category"})
    groups = shown.groupby(["campaign_id", "channel"], observed=True)["person"]
    return groups.agg(people="nunique", impressions="size").reset_index()


def timed(job: str, name: str, folder: Path) -> dict[str, Any]:
    """Run one contestant in this process, after its imports."""
    if name == "duckdb":
        import duckdb
        import sqlglot

        text = sqlglot.transpile(sql_of(job), read="spark", write="duckdb")[0]
        config = {"threads": "2", "memory_limit": "3GB", "temp_directory": str(folder / "spill")}
        db = duckdb.connect(config=config)
        for file in folder.glob("*.parquet"):
            db.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM read_parquet('{file}')")
        run = lambda: db.sql(text).to_arrow_table().to_pandas()  # noqa: E731
    elif name == "pandas":
        import pandas as pd

        assert pd
        run = lambda: (reach_in_pandas if job == "reach" else attribution_in_pandas)(folder)  # noqa: E731
    else:
        from pyspark.sql import SparkSession

        options = {"spark.driver.memory": "3g", "spark.sql.shuffle.partitions": "8", "spark.ui.enabled": "false"}
        builder = SparkSession.builder.master("local[2]").config(map=options)
        spark = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
        for file in folder.glob("*.parquet"):
            spark.read.parquet(str(file)).createOrReplaceTempView(file.stem)
        run = lambda: spark.sql(sql_of(job)).toPandas()  # noqa: E731
    wall, cpu = time.perf_counter(), os.times()
    found = run()
    wall, after = time.perf_counter() - wall, os.times()
    told = sorted(found[["converters"] if job == "attribution" else ["people"]].iloc[:, 0].astype(int).tolist())
    return {
        "wall": wall,
        "cpu": after.user + after.system - cpu.user - cpu.system,
        "peak_mib": _peak(name),
        "told": told,
    }


def _peak(name: str) -> float:
    """Of this process; Spark's memory is that of its Java machine, a child."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if name != "pyspark":
        return own
    children = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "rss="], capture_output=True, text=True, check=False
    )
    return own + sum(int(line) for line in children.stdout.split()) / 1024


def contest(job: str, folder: Path, rows: int) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    told: dict[str, list[int]] = {}
    for name in CONTESTANTS:
        arguments = [sys.executable, "-m", __spec__.name, "--run", job, name, str(folder)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode:
            results[name] = {"failed": done.returncode}
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        told[name] = found.pop("told")
        results[name] = {"seconds": found["wall"], "rows_per_s": rows / found["wall"], "peak_mib": found["peak_mib"]}
    assert len({tuple(counts) for counts in told.values()}) == 1, f"{job}: the contestants differ: {told}"
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--touchpoints", type=int, default=10_000_000)
    parser.add_argument("--impressions", type=int, default=100_000_000)
    parser.add_argument("--folder", help="where the files go (default: a temporary folder)")
    parser.add_argument("--run", nargs=3, metavar=("JOB", "NAME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        job, name, folder = options.run
        print(json.dumps(timed(job, name, Path(folder))))
        return
    results = {}
    jobs = (("attribution", write_journeys, options.touchpoints), ("reach", write_impressions, options.impressions))
    for job, write, rows in jobs:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-insights-") as name:
            write(Path(name), rows)
            results[job] = contest(job, Path(name), rows)
        for contestant, told in results[job].items():
            print(f"{job:12} {contestant:8} " + "  ".join(f"{key} {value:,.1f}" for key, value in told.items()))
    print(json.dumps({"touchpoints": options.touchpoints, "impressions": options.impressions, "results": results}))


if __name__ == "__main__":
    main()
