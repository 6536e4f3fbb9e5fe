"""A small local world that a test can walk, change and copy.

Belongs here: the handling that several tests of this folder share. Not here: any expectation.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from segment_assets.assets.activations import activation_key
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind
from segment_assets.plan import Plan, default_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.landing import LocalLanding
from segment_assets.road import Road, RunOutcome, open_instance
from segment_assets.sandbox import process, world

PEOPLE, SEED = 2_000, 7
NEWSLETTER, HELD = "newsletter_subscribers", "store_visitors_unreviewed"
EXPOSED, VALUABLE = "exposed_non_converters", "high_value_converters"
ACCOUNT = "lumen_eu"

CUSTOMERS, OPT_OUTS = ("account_a", "customers"), ("account_a", "opt_outs")
SUPPRESSIONS, HASHED = ("audiences", "suppressions"), ("audiences", "hashed_audience")
ERASURES = ("audiences", "erasures")
CLEAN_ROOM_MEMBERS, LANDING_MEMBERS = ("segment_members", "clean_room"), ("segment_members", "landing")
ACTIVATION = ("activation", "meta", ACCOUNT)

Change = Callable[[dict[str, Any]], object]


def write_plan(file: Path, change: Change = lambda _document: None) -> Path:
    """Three segments of the shipped plan on one account, limits that fit a small world, and what a test changes."""
    document = copy.deepcopy(_shipped())
    segments = (EXPOSED, VALUABLE, NEWSLETTER)
    document["segments"] = {name: document["segments"][name] for name in segments}
    document["accounts"] = {ACCOUNT: document["accounts"][ACCOUNT]}
    permitted = {a["segment"]: a for a in document["activations"] if a["account"] == ACCOUNT}
    document["activations"] = [permitted[name] for name in segments]
    document["segments"][VALUABLE]["guards"] = {"minimum_size": 1}
    document["segments"][NEWSLETTER]["guards"] = {"minimum_size": 10}
    change(document)
    file.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return file


@functools.cache
def _shipped() -> dict[str, Any]:
    return yaml.safe_load(default_plan().read_text(encoding="utf-8"))


@dataclasses.dataclass(frozen=True)
class LocalWorld:
    """One home folder. `plan.yaml` in it is the plan."""

    home: Path

    @property
    def deployment(self) -> Deployment:
        return Deployment(Kind.LOCAL, self.home, self.home / "plan.yaml")

    @property
    def plan(self) -> Plan:
        return self.deployment.plan()

    @property
    def lake(self) -> LocalLake:
        return LocalLake(self.home / "lake")

    @property
    def landing(self) -> LocalLanding:
        return LocalLanding(self.home / "landing" / "segments")

    def replan(self, change: Change) -> None:
        write_plan(self.home / "plan.yaml", change)

    def definitions(self, overrides: Mapping[str, object] | None = None) -> dg.Definitions:
        return build_definitions(self.deployment, overrides)

    def copy_to(self, home: Path) -> LocalWorld:
        shutil.copytree(self.home, home)
        return LocalWorld(home)

    @contextlib.contextmanager
    def opened(self) -> Iterator[dg.DagsterInstance]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", "")  # `open_instance` names the home in the environment; put back afterwards
            with open_instance(self.home) as instance:
                yield instance

    @contextlib.contextmanager
    def sandbox(self) -> Iterator[Platforms]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SEGMENT_ASSETS_SANDBOX_LATENCY_MS", "0")
            running = process.start(self.deployment.sandbox_home)
        try:
            with httpx.Client(base_url=running.url, trust_env=False, verify=False) as http:
                yield Platforms(http)
        finally:
            process.stop(self.deployment.sandbox_home)

    def road(self, instance: dg.DagsterInstance, overrides: Mapping[str, object] | None = None) -> Road:
        return Road(self.deployment, instance, self.definitions(overrides))


@dataclasses.dataclass(frozen=True)
class Platforms:
    """What tests ask the running sandbox."""

    http: httpx.Client

    def requests(self) -> list[dict[str, Any]]:
        return self.http.get("/_sandbox/requests", params={"limit": 100_000}).json()

    def audiences(self) -> dict[str, str]:
        """Name -> id."""
        return {audience["name"]: audience["id"] for audience in self.http.get("/_sandbox/audiences").json()}

    def members(self, name: str) -> list[dict[str, str]]:
        audience = self.audiences()[name]
        return self.http.get(f"/_sandbox/audiences/{audience}/members", params={"limit": 100_000}).json()


def create(home: Path) -> LocalWorld:
    """A world of two weeks whose unplanned list is long enough to pass the default limits."""
    facts = world.create(home, seed=SEED, people=PEOPLE)
    assert len(facts.weeks) == 2
    write_plan(home / "plan.yaml")
    customers = pq.read_table(next((home / "accounts" / "a" / "customers").glob("*.parquet")))
    columns = {"email": "email_address", "phone": "phone_number", "country": "country"}
    rows = customers.slice(0, 400).select(list(columns.values())).rename_columns(list(columns)).to_pylist()
    drop(home, HELD, rows, "visitors.csv")
    return LocalWorld(home)


def drop(home: Path, segment: str, rows: Sequence[Mapping[str, object]], name: str = "list.csv") -> Path:
    """Let a file land."""
    import csv

    file = home / "landing" / "segments" / segment / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def opt_out(home: Path, *, email: str, name: str = "part-99999.parquet") -> None:
    """Let one more person say no, by e-mail."""
    import datetime as dt

    from segment_assets.tables import OPT_OUTS as TABLE

    row = dict.fromkeys(TABLE.column_names()) | {
        "opt_out_id": "o-late",
        "opted_out_at": dt.datetime(2026, 10, 20, tzinfo=dt.UTC),
        "email_address": email,
        "source": "letter",
    }
    pq.write_table(pa.Table.from_pylist([row], TABLE.arrow_schema()), home / "accounts" / "a" / "opt_outs" / name)


def walk(
    world_: LocalWorld, road: Road, *, weeks: Sequence[str], only: Sequence[str] | None = None
) -> list[RunOutcome]:
    """Every run of the road in its order, or those of some segments only."""
    plan, landed = world_.plan, world_.landing.segments()

    def chosen(segments: Iterable[str]) -> list[str]:
        return [segment for segment in segments if only is None or segment in only]

    road.sync_partitions(plan, landed)
    outcomes = [road.run(CUSTOMERS, OPT_OUTS, ERASURES, SUPPRESSIONS)]
    weekly = [key for group in ("clean_room", "planning", "measurement") for key in road.keys(group)]
    events = [("account_a", "conversions"), ("account_b", "impressions")]
    outcomes += [road.run(*events, *weekly, partition=week) for week in weeks]
    queried = chosen(name for name, segment in plan.segments.items() if segment.source == "clean_room")
    outcomes += [road.run(CLEAN_ROOM_MEMBERS, partition=segment) for segment in queried]
    outcomes += [road.run(LANDING_MEMBERS, partition=segment) for segment in chosen(landed)]
    outcomes += [road.run(HASHED, partition=segment) for segment in [*queried, *chosen(landed)]]
    for name, account in plan.accounts.items():
        key = activation_key(name, account).path
        outcomes += [road.run(key, partition=segment) for segment in chosen(plan.activations_of(name))]
    outcomes.append(road.run(("activation_insights", "delivery_summary")))
    outcomes.append(road.run(("activation_insights", "hold_out_people"), ("activation_insights", "hold_outs")))
    late = (
        "audience_flow",
        "match_rate_trend",
        "segment_size_by_destination",
        "optout_latency",
        "audience_incrementality",
        "geo_lift",
    )
    outcomes.append(road.run(("account_a", "spend"), *(("activation_insights", name) for name in late)))
    outcomes.append(road.run(*road.keys("dashboards")))
    return outcomes


@contextlib.contextmanager
def everything_said() -> Iterator[list[str]]:
    """Collect what is written to stdout and stderr, by Python and below it; the list has it after the block."""
    said: list[str] = []
    with tempfile.TemporaryFile() as file, contextlib.ExitStack() as stack:
        saved = [os.dup(1), os.dup(2)]
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        # Pytest's own streams do not write to 1 and 2.
        stream = stack.enter_context(os.fdopen(os.dup(file.fileno()), "w", buffering=1))
        stack.enter_context(contextlib.redirect_stdout(stream))
        stack.enter_context(contextlib.redirect_stderr(stream))
        try:
            yield said
        finally:
            stack.close()
            for descriptor, before in zip((1, 2), saved, strict=True):
                os.dup2(before, descriptor)
                os.close(before)
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
