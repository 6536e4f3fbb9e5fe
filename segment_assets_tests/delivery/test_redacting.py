"""Whoever is through with every platform is taken out of our own copies, and what was proven stays proven."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import time
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest

from segment_assets.contracts import GoneError, PermanentError, Snapshot
from segment_assets.delivery.erasing import ErasurePair
from segment_assets.delivery.ledger import AudienceLedger, FencedError
from segment_assets.delivery.redacting import (
    KEPT,
    TABLES_WITH_PEOPLE,
    Redaction,
    redact,
    redacted_digests,
    redactions_of,
)
from segment_assets.delivery.replaying import replay
from segment_assets.delivery.verifying import MisfitError, Verified, Verifier
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import (
    ACKNOWLEDGED,
    CHANGES,
    ERASURES,
    HASHED_AUDIENCE,
    HOLD_OUT_PEOPLE,
    RECEIPTS,
    REJECTIONS,
    TABLES,
    Pii,
)
from segment_assets_tests.delivery.road import PAIR, Crash, Road, crowd
from segment_assets_tests.delivery.test_verifying import proven
from segment_assets_tests.fakes import FakeDestination, digest, person

WITH_PEOPLE = (HASHED_AUDIENCE.name, CHANGES.name, ACKNOWLEDGED.name)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """Ann and Ben said no after two deliveries; a third brought Eve. Ann and Dan share a phone. Not to be changed."""
    road = Road(tmp_path_factory.mktemp("delivered"))
    ann, dan = (person(name, email=f"{name}@x", phone="1") for name in ("ann", "dan"))
    road.wants(ann, *crowd("ben", "cleo"), dan)
    road.run()
    road.wants(ann, *crowd("ben", "cleo", "fay"), dan)
    road.run()
    road.opt_out(("email", digest("ann@x")), ("email", digest("ben@x")))
    road.wants(person("ann", eligibility="suppressed"), *crowd("cleo", "eve", "fay"), dan)
    road.run()
    return road


@pytest.fixture
def road(delivered, tmp_path):
    shutil.copytree(delivered.workdir.parent / "lake", tmp_path / "lake")
    made = Road(tmp_path)
    made.audience = made.lake.current(HASHED_AUDIENCE.name, PAIR.segment)
    made.suppressions = made.lake.current("suppressions", "all")
    made.platform.people, made.platform.audiences = list(delivered.platform.people), list(delivered.platform.audiences)
    return made


def asks(lake: Any, *named: tuple[str, bytes]) -> Snapshot:
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    rows = [{"kind": kind, "digest": value, "opted_out_at": at} for kind, value in sorted(named)]
    writer = lake.writer(ERASURES.name, "all")
    writer.write(pa.Table.from_pylist(rows, ERASURES.arrow_schema()))
    return writer.publish({})


def sweep(road: Road, *named: tuple[str, bytes], spared: Iterable[bytes] = (), lake: Any = None) -> Redaction:
    erasures = asks(road.lake, *(named or [("email", digest("ann@x")), ("member", digest("id:ann"))]))
    return redact(lake or road.lake, erasures, set(spared), workdir=road.workdir, clock=time.time)


def copies(lake: LocalLake) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(table, version) -> its rows, of everything that is retained."""
    found = {}
    for table in WITH_PEOPLE:
        partition = PAIR.segment if table == HASHED_AUDIENCE.name else PAIR.partition
        for version in lake.versions(table, partition):
            found[table, version] = lake.dataset(lake.snapshot(table, partition, version)).to_table().to_pylist()
    return found


def of(rows: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["member_id"] == digest(f"id:{name}")]


def checked(road: Road) -> Verified:
    return proven(road.workdir.parent)


def test_whoever_is_forgotten_is_in_no_copy_that_is_not_in_use_and_nobody_else_is_touched(road):
    before, untouched = copies(road.lake), checked(road)
    assert untouched.recomputed == untouched.deliveries
    done = sweep(road)
    after = copies(road.lake)
    assert after.keys() == before.keys(), "a version keeps its name"
    current = (HASHED_AUDIENCE.name, road.audience.id)
    holding = {key for key, rows in before.items() if of(rows, "ann")}
    assert {key for key, rows in after.items() if of(rows, "ann")} == {current}
    assert {table for table, _ in holding} == set(WITH_PEOPLE)
    for key, rows in before.items():
        gone = of(rows, "ann") if key != current else []
        assert after[key] == [row for row in rows if row not in gone]
    lost = sum(len(of(rows, "ann")) for key, rows in before.items() if key != current)
    assert done == Redaction(versions=len(holding) - 1, rows=lost, waiting=1)


def test_the_ledger_is_proven_as_before_but_for_what_cannot_be_computed_again(road):
    before = checked(road)
    entries = {key: road.lake.get(key) for key in road.lake.keys(PAIR.prefix)}
    sweep(road)
    found = checked(road)
    assert (found.deliveries, found.recomputed + found.redacted) == (before.deliveries, before.deliveries)
    assert found.redacted > 0
    assert entries == {key: road.lake.get(key) for key in road.lake.keys(PAIR.prefix)}, "no entry was touched"


def test_a_replay_says_plainly_why_there_is_none(road):
    sweep(road)
    ledger = AudienceLedger(road.lake, PAIR, time.time)
    told = [said_of_a_replay(road, log) for log in ledger.deliveries()]
    refused = [said for said in told if said]
    assert refused
    assert all("asked to be forgotten" in said and digest("ann@x").hex() not in said for said in refused)
    assert "" in told, "a delivery of others is made again as ever"


def said_of_a_replay(road: Road, log: Any) -> str:
    """Empty where every request is proven."""
    ledger = AudienceLedger(road.lake, PAIR, time.time)
    try:
        made = list(replay(road.lake, ledger, log, FakeDestination(), b"key"))
    except PermanentError as error:
        return str(error)
    assert made
    assert all(one.is_proven for one in made)
    return ""


def test_deliveries_go_on_as_if_nothing_had_been(road):
    sweep(road)
    assert road.run().deliveries == []
    road.wants(*crowd("cleo", "gil"))
    (row,) = road.run().deliveries
    assert (row["adds"], row["unchanged"], row["removes"]) == (1, 1, 3)
    assert checked(road).deliveries == row["number"]
    # What was in use before is not any more.
    assert sweep(road).versions >= 1
    assert not any(of(rows, "ann") for rows in copies(road.lake).values())
    assert sweep(road) == Redaction()


def test_who_shares_a_phone_and_who_a_platform_has_still_to_be_told_of_stay(road):
    before = copies(road.lake)
    assert sweep(road, ("phone_digits", digest("1"))) == Redaction()
    everybody = [("member", digest("id:ann")), ("member", digest("id:ben"))]
    sweep(road, *everybody, spared=[digest("id:ben")])
    after = copies(road.lake)
    assert [of(rows, "ben") for rows in after.values()] == [of(rows, "ben") for rows in before.values()]
    assert [of(rows, "dan") for rows in after.values()] == [of(rows, "dan") for rows in before.values()]
    sweep(road, *everybody)
    gone = [key for key, rows in copies(road.lake).items() if of(rows, "ben")]
    assert gone == []
    assert checked(road).redacted > 0


def test_nothing_of_an_open_delivery_is_touched(road):
    road.wants(*crowd("cleo", "gil"))
    road.platform.before = lambda call: (_ for _ in ()).throw(Crash())
    with pytest.raises(Crash):
        road.run()
    before = copies(road.lake)
    done = sweep(road)
    assert (done.versions, done.waiting) == (0, len([rows for rows in before.values() if of(rows, "ann")]))
    assert copies(road.lake) == before
    road.platform.before = lambda call: None
    road.run()
    assert sweep(road).versions > 0


class Breaking(LocalLake):
    """Ends the process at one step of replacing a version: before anything, or between the rows and what is said."""

    step = ""

    def rewrite(self, snapshot: Snapshot) -> Any:
        made, whole = super().rewrite(snapshot), self

        class Rewrite(type(made)):
            def replace(self) -> Snapshot:
                if whole.step == "before the rows":
                    raise Crash
                told = whole._partition_folder(snapshot.table, snapshot.partition) / snapshot.id / "_manifest.json"
                said = told.read_bytes()
                done = super().replace()
                if whole.step == "before what is said":
                    told.write_bytes(said)
                    raise Crash
                return done

        made.__class__ = Rewrite
        return made


class Overtaken(LocalLake):
    """Lets a newer redaction do all of its work at one step of replacing the first version of changes."""

    step = ""

    def __init__(self, root: Any, newer: Any) -> None:
        super().__init__(root)
        self.newer = newer

    def rewrite(self, snapshot: Snapshot) -> Any:
        made, whole = super().rewrite(snapshot), self

        class Rewrite(type(made)):
            def write(self, data: Any) -> None:
                whole.reach("reads")
                super().write(data)

            def replace(self) -> Snapshot:
                whole.reach("has noted")
                return super().replace()

        made.__class__ = Rewrite
        return made

    def reach(self, step: str) -> None:
        if step == self.step:
            self.step = ""
            self.newer()


@pytest.mark.parametrize(("step", "is_brought_back"), [("reads", False), ("has noted", False), ("reads", True)])
def test_an_older_redaction_that_a_newer_one_overtakes_stops_and_brings_nobody_back_for_good(
    road, step, is_brought_back
):
    both = [("member", digest("id:ann")), ("member", digest("id:ben"))]
    if is_brought_back:
        # The newer one then notes what is noted already, and nothing else.
        version = next(v for (table, v), rows in copies(road.lake).items() if table == CHANGES.name and of(rows, "ben"))
        folder = road.workdir.parent / "lake" / "tables" / CHANGES.name / PAIR.partition / version
        kept = {file: file.read_bytes() for file in folder.iterdir()}
        sweep(road, *both)
        for file, raw in kept.items():
            file.write_bytes(raw)
    older = Overtaken(road.workdir.parent / "lake", lambda: sweep(road, *both))
    older.step = step
    with pytest.raises(FencedError, match="redactions/changes"):
        sweep(road, both[0], lake=older)
    if step == "reads":
        assert not any(of(rows, "ben") for rows in copies(road.lake).values())
    sweep(road, *both)
    assert not any(of(rows, "ben") for rows in copies(road.lake).values())
    assert checked(road).redacted > 0


@pytest.mark.parametrize("step", ["before the rows", "before what is said"])
def test_whoever_is_interrupted_does_it_again_and_every_moment_is_proven(road, step):
    lake = Breaking(road.workdir.parent / "lake")
    lake.step = step
    with pytest.raises(Crash):
        sweep(road, lake=lake)
    checked(road)
    ledger = AudienceLedger(road.lake, PAIR, time.time)
    (begun,) = notes(road.lake)
    told = [said_of_a_replay(road, log) for log in ledger.deliveries() if log.header["changes"] == begun]
    assert told
    assert all("asked to be forgotten" in said for said in told), "what is noted may be gone already"
    lake.step = ""
    sweep(road, lake=lake)
    assert checked(road).redacted > 0
    assert {key[0] for key, rows in copies(road.lake).items() if of(rows, "ann")} == {HASHED_AUDIENCE.name}
    for version, noted in notes(road.lake).items():
        assert redacted(road.lake, version) == noted[-1]


def test_what_is_altered_after_it_is_found_and_so_is_an_altered_note(road):
    sweep(road)
    (note, *_) = road.lake.keys(redactions_of(CHANGES.name, PAIR.partition))
    file = road.workdir.parent / "lake" / "objects" / note
    as_it_was = file.read_bytes()
    file.write_bytes(as_it_was.replace(b'"rows":', b'"rows" :'))
    with pytest.raises(MisfitError, match="altered"):
        checked(road)
    file.write_bytes(as_it_was)
    checked(road)
    version = next(v for v in road.lake.versions(CHANGES.name, PAIR.partition) if redacted(road.lake, v))
    [data] = (road.workdir.parent / "lake" / "tables" / CHANGES.name / PAIR.partition / version).glob("*.parquet")
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    with pytest.raises(MisfitError, match="altered"):
        checked(road)


def test_a_version_that_is_brought_back_from_a_backup_is_found_and_rewritten_again(road):
    folder = road.workdir.parent / "lake" / "tables" / CHANGES.name / PAIR.partition
    kept = {file: file.read_bytes() for file in folder.rglob("*.parquet")}
    done = sweep(road)
    for file, raw in kept.items():
        file.write_bytes(raw)
    with pytest.raises(MisfitError, match="altered"):
        checked(road)
    again = sweep(road)
    assert 0 < again.versions < done.versions
    checked(road)


def test_rows_of_the_redaction_before_the_last_are_found_when_they_are_brought_back(road):
    sweep(road, ("member", digest("id:ann")))
    folder = road.workdir.parent / "lake" / "tables" / CHANGES.name / PAIR.partition
    kept = {file: file.read_bytes() for file in folder.rglob("*.parquet")}
    both = [("member", digest("id:ann")), ("member", digest("id:ben"))]
    sweep(road, *both)
    for file, raw in kept.items():
        file.write_bytes(raw)
    with pytest.raises(MisfitError, match=r"altered.*erasure/platforms"):
        checked(road)
    sweep(road, *both)
    assert not any(of(rows, "ben") for rows in copies(road.lake).values())
    checked(road)


@pytest.mark.parametrize(
    ("table", "altered"), [(RECEIPTS, {"accepted": 0, "platform_code": "500"}), (REJECTIONS, {"code": "none"})]
)
def test_what_the_ledger_says_is_compared_also_where_people_were_forgotten(road, table, altered):
    sweep(road)
    partition, whole = f"{PAIR.partition}/000001", dict.fromkeys(table.arrow_schema().names)
    rows = road.lake.dataset(road.lake.current(table.name, partition)).to_table().to_pylist()
    row = {**whole, "delivery_id": "d", "member_id": digest("id:ann")} if not rows else rows[0]
    writer = road.lake.writer(table.name, partition)
    writer.write(pa.Table.from_pylist([{**row, **altered}, *rows[1:]], table.arrow_schema()))
    writer.publish({})
    with pytest.raises(MisfitError, match=rf"{table.name}\[{partition}\]"):
        checked(road)


class Late(LocalLake):
    """Lets something happen right before the rows of changes are asked for the first time."""

    first: Any = None

    def dataset(self, snapshot: Snapshot) -> Any:
        if snapshot.table == CHANGES.name and self.first is not None:
            happens, self.first = self.first, None
            happens()
        return super().dataset(snapshot)


@pytest.mark.parametrize("when", ["before a digest is made", "before a delivery is settled again"])
def test_a_redaction_beside_a_verification_is_not_taken_for_an_alteration(road, when, tmp_path):
    lake, places = Late(tmp_path / "lake"), iter(range(9))
    later = [] if when == "before a digest is made" else [lambda: sweep(road)]
    if not later:
        lake.first = lambda: sweep(road)

    @contextlib.contextmanager
    def scratch():
        for happens in later[:1]:
            later.clear()
            happens()
        yield LocalLake(tmp_path / f"scratch-{next(places)}")

    found = Verifier(lake, scratch, road.workdir, time.time()).verify(PAIR)
    assert (found.redacted, found.recomputed + found.redacted) == (3, found.deliveries)


class Expiring(LocalLake):
    """Its first version of changes is listed, and what is asked for of it raises an error."""

    def __init__(self, root: Any, of_what: str, error: PermanentError) -> None:
        super().__init__(root)
        self.of_what, self.error, self.first = of_what, error, self.versions(CHANGES.name, PAIR.partition)[0]

    def snapshot(self, table: str, partition: str, snapshot_id: str) -> Snapshot:
        if (self.of_what, snapshot_id) == ("manifest", self.first):
            raise self.error
        return super().snapshot(table, partition, snapshot_id)

    def dataset(self, snapshot: Snapshot) -> Any:
        if (self.of_what, snapshot.id) == ("rows", self.first):
            raise self.error
        return super().dataset(snapshot)


@pytest.mark.parametrize("of_what", ["manifest", "rows"])
def test_a_version_that_expires_holds_up_nobody_else_and_one_that_was_altered_is_told(road, of_what):
    folder = road.workdir.parent / "lake"
    with pytest.raises(PermanentError, match="not those"):
        sweep(road, lake=Expiring(folder, of_what, PermanentError("not those that were published")))
    lake = Expiring(folder, of_what, GoneError("past its retention"))
    sweep(road, lake=lake)
    left = {key for key, rows in copies(road.lake).items() if of(rows, "ann")}
    assert left <= {(CHANGES.name, lake.first), (HASHED_AUDIENCE.name, road.audience.id)}


def test_what_an_account_was_asked_to_forget_is_redacted_as_well(road):
    pair = ErasurePair("tenant", "fake", "acc", "")
    changes = next(rows for (table, _), rows in copies(road.lake).items() if table == CHANGES.name and of(rows, "ann"))
    writer = road.lake.writer(CHANGES.name, pair.partition)
    writer.write(pa.Table.from_pylist(of(changes, "ann"), CHANGES.arrow_schema()))
    asked = writer.publish({})
    log = AudienceLedger(road.lake, pair, time.time).open({"changes": asked.id})
    assert sweep(road).waiting > 1, "an erasure that is open is in use"
    log.chain.append("closed", {"outcome": "done"})
    sweep(road)
    assert road.lake.snapshot(CHANGES.name, pair.partition, asked.id).rows == 0


def test_the_arms_of_an_experiment_lose_whoever_is_forgotten_once_they_were_made_again(road):
    def publish(*names: str) -> Snapshot:
        week = dt.date(2026, 11, 2)
        rows = [
            {"experiment": "e", "reporting_week": week, "member_id": digest(f"id:{name}"), "arm": "treatment"}
            for name in names
        ]
        writer = road.lake.writer(HOLD_OUT_PEOPLE.name, "all")
        writer.write(pa.Table.from_pylist(rows, HOLD_OUT_PEOPLE.arrow_schema()))
        return writer.publish({})

    old, newest = publish("ann", "cleo"), publish("ann", "dan")
    sweep(road, ("email", digest("ann@x")))
    assert [road.lake.snapshot(one.table, "all", one.id).rows for one in (old, newest)] == [1, 2]


def test_of_every_table_with_personal_data_it_is_said_whether_people_are_taken_out_of_it():
    personal = {table.name for table in TABLES.values() if any(column.pii is not Pii.NONE for column in table.columns)}
    assert personal == {*TABLES_WITH_PEOPLE, *KEPT}
    assert not set(TABLES_WITH_PEOPLE) & KEPT.keys()


def test_an_equal_version_that_is_published_again_brings_nobody_back(road):
    before = copies(road.lake)
    sweep(road)
    (table, version), rows = next(
        (key, rows) for key, rows in before.items() if key[0] == CHANGES.name and of(rows, "ann")
    )
    writer = road.lake.writer(table, PAIR.partition)
    writer.write(pa.Table.from_pylist(rows, CHANGES.arrow_schema()))
    made = writer.publish({"said": "again"})
    assert (made.id, made.redacted != "", made.rows) == (version, True, len(rows) - len(of(rows, "ann")))
    assert not of(copies(road.lake)[table, version], "ann")
    assert road.lake.snapshot(table, PAIR.partition, version) == made


def redacted(lake: LocalLake, version: str) -> str:
    return lake.snapshot(CHANGES.name, PAIR.partition, version).redacted


def notes(lake: LocalLake) -> Any:
    return redacted_digests(lake, CHANGES.name, PAIR.partition, time.time)
