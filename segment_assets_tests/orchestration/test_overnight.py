"""Overnight 40 % of a segment opt out and its source arrives truncated: the opt-outs leave, nobody else does."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from segment_assets.followers import follow_account
from segment_assets.plan import default_plan
from segment_assets.tables import OPT_OUTS as OPT_OUTS_TABLE
from segment_assets_tests.orchestration.conftest import UNOPENED
from segment_assets_tests.orchestration.local_world import (
    ACTIVATION,
    HASHED,
    LANDING_MEMBERS,
    NEWSLETTER,
    OPT_OUTS,
    SUPPRESSIONS,
    LocalWorld,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from segment_assets.road import Road, RunOutcome
    from segment_assets_tests.orchestration.conftest import Walked
    from segment_assets_tests.orchestration.local_world import Platforms

pytestmark = pytest.mark.slow

ADS = "lumen_ads"
ON_GOOGLE = ("activation", "google", ADS)
SHARE = 0.4
Records = frozenset[frozenset[tuple[str, str]]]


def on_google_too(document: dict[str, Any]) -> None:
    """The newsletter on both platforms, as in the plan that ships."""
    shipped = yaml.safe_load(default_plan().read_text(encoding="utf-8"))
    document["accounts"][ADS] = shipped["accounts"][ADS]
    document["activations"] += [a for a in shipped["activations"] if a["account"] == ADS]


def held(platforms: Platforms, platform: str) -> Records:
    """Everybody in the newsletter's audience, as the platform's own inspection door says."""
    every = platforms.http.get("/_sandbox/audiences").json()
    [audience] = [a for a in every if a["platform"] == platform and a["name"].endswith(NEWSLETTER)]
    params = {"limit": 100_000, "platform": platform}
    members = platforms.http.get(f"/_sandbox/audiences/{audience['id']}/members", params=params).json()
    return frozenset(frozenset(member.items()) for member in members)


def an_hour_later(platforms: Platforms, road: Road) -> None:
    """Google has worked on its jobs, and was asked about them."""
    offset = platforms.http.get("/_sandbox/clock").json()["offset"]
    platforms.http.post("/_sandbox/clock", json={"offset": offset + 3_600}).raise_for_status()
    assert follow_account(road.resources, ADS, {})["open"] == 0


def with_any(records: Records, identifiers: Iterable[str]) -> Records:
    wanted = set(identifiers)
    return frozenset(record for record in records if any(value in wanted for _, value in record))


def say_no(home: Path, emails: Iterable[str]) -> None:
    """The night's file of opt-outs, by e-mail as people typed it."""
    empty = dict.fromkeys(OPT_OUTS_TABLE.column_names())
    rows = [
        empty
        | {
            "opt_out_id": f"o-night-{number}",
            "opted_out_at": dt.datetime(2026, 10, 20, tzinfo=dt.UTC),
            "email_address": email,
            "source": "preference_center",
        }
        for number, email in enumerate(emails)
    ]
    table = pa.Table.from_pylist(rows, OPT_OUTS_TABLE.arrow_schema())
    pq.write_table(table, home / "accounts" / "a" / "opt_outs" / "part-99999.parquet")


def truncate(world: LocalWorld) -> None:
    """Of the export's files only the smallest arrived."""
    files = sorted(world.landing.files(NEWSLETTER), key=lambda file: file.stat().st_size)
    assert len(files) == 3
    for file in files[1:]:
        file.unlink()


def mailboxes(world: LocalWorld) -> dict[str, str]:
    """Digest -> e-mail as it is in the list, for addresses that need no more than lower case. Hashed here, not by us."""
    snapshot = world.lake.current("segment_members", NEWSLETTER)
    assert snapshot is not None
    rows = world.lake.dataset(snapshot).to_table(columns=["email"]).to_pylist()
    typed = [row["email"] for row in rows if row["email"]]
    return {hashlib.sha256(email.strip().lower().encode()).hexdigest(): email for email in typed}


@dataclasses.dataclass(frozen=True)
class Night:
    """What each platform held before and after, and what was said."""

    before: dict[str, Records]
    after: dict[str, Records]
    opted_out: dict[str, Records]
    hashed: RunOutcome
    sent: dict[str, RunOutcome]
    again: tuple[RunOutcome, RunOutcome]
    check: dg.AssetCheckEvaluation
    sizes: tuple[int, int]
    left_in_the_source: frozenset[str]


@pytest.fixture(scope="module")
def night(walked: Walked, tmp_path_factory: pytest.TempPathFactory) -> Night:
    home = tmp_path_factory.mktemp("night") / "home"
    world = LocalWorld(walked.world.home.with_name(UNOPENED)).copy_to(home)
    world.replan(on_google_too)
    with world.sandbox() as platforms, world.opened() as instance:
        road = world.road(instance)
        road.sync_partitions(world.plan, world.landing.segments())
        assert road.run(ON_GOOGLE, partition=NEWSLETTER).success
        an_hour_later(platforms, road)
        before = {platform: held(platforms, platform) for platform in ("meta", "google")}
        # People whom both platforms know by the same digest, so that one choice can be looked for on both.
        known = mailboxes(world)
        common = [d for d in sorted(known) if all(with_any(records, [d]) for records in before.values())]
        chosen = common[: round(SHARE * len(before["meta"]))]
        say_no(world.home, (known[digest] for digest in chosen))
        truncate(world)
        people = size(world)
        hashed, sent = morning(road), {}
        check = failed_check(instance)
        for platform, key in (("meta", ACTIVATION), ("google", ON_GOOGLE)):
            sent[platform] = road.run(key, partition=NEWSLETTER)
        an_hour_later(platforms, road)
        sent["google"] = road.run(ON_GOOGLE, partition=NEWSLETTER)
        again = road.run(HASHED, partition=NEWSLETTER), road.run(ACTIVATION, partition=NEWSLETTER)
        after = {platform: held(platforms, platform) for platform in before}
        sizes = people, size(world)
    opted_out = {platform: with_any(records, chosen) for platform, records in before.items()}
    return Night(before, after, opted_out, hashed, sent, again, check, sizes, frozenset(mailboxes(world)))


def size(world: LocalWorld) -> int:
    """People in the newest audience."""
    snapshot = world.lake.current("hashed_audience", NEWSLETTER)
    assert snapshot is not None
    return snapshot.rows


def morning(road: Road) -> RunOutcome:
    """The runs that conditions and sensors ask for: opt-outs, the list, its audience."""
    assert road.run(OPT_OUTS, SUPPRESSIONS).success
    assert road.run(LANDING_MEMBERS, partition=NEWSLETTER).success
    return road.run(HASHED, partition=NEWSLETTER)


def failed_check(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """The one check of the newest run that has not passed, as the page of the run shows it."""
    [run] = instance.get_runs(limit=1)
    assert run.status is dg.DagsterRunStatus.FAILURE
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    [failed] = [e.dagster_event.asset_check_evaluation_data for e in entries
                if not e.dagster_event.asset_check_evaluation_data.passed]  # fmt: skip
    return failed


@pytest.mark.parametrize("platform", ["meta", "google"])
def test_exactly_those_who_opted_out_have_left(night: Night, platform: str) -> None:
    assert len(night.opted_out[platform]) >= 0.35 * len(night.before[platform]) > 20
    assert night.before[platform] - night.after[platform] == night.opted_out[platform]


@pytest.mark.parametrize("platform", ["meta", "google"])
def test_everybody_else_stays_although_the_source_has_lost_most_of_them(night: Night, platform: str) -> None:
    assert night.after[platform] == night.before[platform] - night.opted_out[platform]
    before, now = night.sizes
    assert now < 0.4 * before
    lost = night.after[platform] - with_any(night.after[platform], night.left_in_the_source)
    assert len(lost) > 0.5 * len(night.after[platform])


def test_the_check_is_red_and_names_both_numbers_and_what_to_do(night: Night) -> None:
    before, now = night.sizes
    assert night.check.check_name == "drift"
    assert f"{now} people after {before}" in night.check.description
    assert "check that the source is complete" in night.check.description
    assert (night.check.metadata["members"].value, night.check.metadata["before"].value) == (now, before)
    assert not night.hashed.success


@pytest.mark.parametrize("platform", ["meta", "google"])
def test_the_run_of_the_pair_is_stopped_by_a_guard_and_says_why(night: Night, platform: str) -> None:
    before, now = night.sizes
    sent = night.sent[platform]
    assert not sent.success
    assert sent.stopped_by_a_guard
    [said] = sent.problems
    assert said.startswith(f"needs a human: hashed_audience[{NEWSLETTER}] may not be sent: drift: ")
    assert f"{now} people after {before}" in said
    assert "check that the source is complete, or raise max_drift in the plan" in said


def test_making_the_audience_again_does_not_clear_the_stop(night: Night) -> None:
    assert [outcome.stopped_by_a_guard for outcome in night.again] == [True, True]
