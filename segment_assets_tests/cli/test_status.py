"""`segment-assets status` and `why` on a home with one delivery to Meta: people, and the reason of each."""

from __future__ import annotations

import time

import pyarrow as pa

from segment_assets.cli.pairs import named, pair_of
from segment_assets.cli.status import people_by_standing
from segment_assets.delivery.approvals import Desk
from segment_assets.delivery.guards import Stop
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.plan import load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import ACKNOWLEDGED, HASHED_AUDIENCE
from segment_assets_tests.cli.test_ledger_commands import WANTS, delivered, home, typed  # noqa: F401 - fixtures
from segment_assets_tests.fakes import digest, person, publish_audience
from segment_assets_tests.orchestration.local_world import ACCOUNT, NEWSLETTER


def pair(home):  # noqa: F811
    plan = load_plan(home / "plan.yaml")
    return plan, pair_of(plan, f"meta/{ACCOUNT}[{NEWSLETTER}]")


def said_of(home, name):  # noqa: F811
    lake = LocalLake(home / "lake")
    rows = lake.dataset(lake.current(HASHED_AUDIENCE.name, NEWSLETTER)).to_table().to_pylist()
    (member,) = [row["member_id"].hex() for row in rows if row["email"] == digest(f"{name}@x")]
    lines = typed("why", member).output.splitlines()
    return next(line for line in lines if line.strip().startswith(f"meta/{ACCOUNT}:"))


def test_whoever_is_there_is_told_as_there_and_the_pair_by_its_name(home):  # noqa: F811
    shown = typed("status")
    assert shown.exit_code == 0
    row = next(line for line in shown.output.splitlines() if f"meta/{ACCOUNT}[{NEWSLETTER}]" in line)
    assert f" {len(WANTS)} " in row
    assert "acknowledged" in said_of(home, WANTS[0])


def test_why_somebody_is_not_there_is_told_apart(home):  # noqa: F811
    known = [person(name, email=f"{name}@x") for name in WANTS]
    others = [
        person("held", email="held@x", eligibility="held_out"),
        person("late", email="late@x"),
        person("poor", email="poor@x"),
    ]
    publish_audience(LocalLake(home / "lake"), NEWSLETTER, [*known, *others])
    assert "held out, so that what ads do can be measured" in said_of(home, "held")
    assert "in none of the audiences that were delivered so far" in said_of(home, "late")


def test_what_a_guard_stopped_stands_in_the_line_of_its_pair(home):  # noqa: F811
    plan, stopped = pair(home)
    lake = LocalLake(home / "lake")
    audience = lake.current(HASHED_AUDIENCE.name, NEWSLETTER)
    newer = publish_audience(lake, NEWSLETTER, [person("a", email="a@x")])
    assert newer.id != audience.id
    Desk(lake, stopped, newer.id, "permission", time.time).not_approved([Stop("short_source", "1 row", 1)])
    shown = typed("status").output
    assert "stopped: short_source" in " ".join(shown.split())
    assert f"Waits for approval: {Desk(lake, stopped, newer.id, 'permission', time.time).delivery_id()[:12]} " in shown
    assert named(plan, stopped) in shown


def test_people_are_counted_and_not_their_records_in_each_lane(tmp_path):
    lake, pair = LocalLake(tmp_path), Pair("tenant", "criteo", "1", "seg")
    rows = [
        {"member_id": digest(who), "record_id": digest(f"{who}{lane}"), "standing": standing}
        for who, lane, standing in [
            ("a", 1, "acknowledged"), ("a", 2, "acknowledged"), ("b", 1, "acknowledged"), ("b", 2, "rejected"),
        ]
    ]  # fmt: skip
    writer = lake.writer(ACKNOWLEDGED.name, pair.partition)
    writer.write(pa.Table.from_pylist(rows, ACKNOWLEDGED.arrow_schema()))
    state = writer.publish({})
    ledger = AudienceLedger(lake, pair, time.time)
    assert people_by_standing(lake, ledger, state.id) == {"acknowledged": 2, "rejected": 1}


def test_a_pair_is_named_by_the_plans_name_or_the_platforms_number_with_brackets_or_a_slash(home):  # noqa: F811
    plan, meant = pair(home)
    number = plan.accounts[ACCOUNT].account
    for text in (f"meta/{number}/{NEWSLETTER}", f"meta/{number}[{NEWSLETTER}]", f" meta/{ACCOUNT}/{NEWSLETTER} "):
        assert pair_of(plan, text) == meant
    assert [pair_of(plan, text) for text in ("0a1b2c3d4e5f", "meta/x", "meta/x[y", "meta/x/y/z", "")] == [None] * 5
    for text in (f"meta/{ACCOUNT}[{NEWSLETTER}]", f"meta/{number}/{NEWSLETTER}"):
        assert typed("verify", "--pair", text).exit_code == 0
        assert typed("resync", text, "--reason", "a test", "--as", "kim").exit_code == 0
