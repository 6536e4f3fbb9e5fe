"""A ledger is proven, and whatever is altered in it afterwards is found and named."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.verifying import MisfitError, Verified, Verifier
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import TABLES
from segment_assets_tests.delivery import test_following
from segment_assets_tests.delivery.road import PAIR, Road, crowd
from segment_assets_tests.fakes import digest, marked

LAKE = "lake"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory) -> Path:
    """A ledger with an addition, a refusal by name, a removal and an opt-out. Not to be changed."""
    folder = tmp_path_factory.mktemp("delivered")
    road = Road(folder)
    road.platform.refuse = {marked("b@x")}
    road.wants(*crowd(*"abcd"))
    road.run()
    road.wants(*crowd(*"bcde"))
    road.run()
    road.opt_out(("email", digest("c@x")))
    road.run()
    return folder


@pytest.fixture
def folder(delivered, tmp_path) -> Path:
    """A copy to be altered."""
    shutil.copytree(delivered / LAKE, tmp_path / LAKE)
    return tmp_path


def proven(folder: Path, *, now: float | None = None) -> Verified:
    scratches = iter(range(1_000))

    @contextlib.contextmanager
    def scratch():
        place = folder / f"scratch-{next(scratches)}"
        yield LocalLake(place)
        shutil.rmtree(place, ignore_errors=True)

    verifier = Verifier(LocalLake(folder / LAKE), scratch, folder / "work", time.time() if now is None else now)
    return verifier.verify(PAIR)


def objects(folder: Path) -> list[Path]:
    return sorted((folder / LAKE / "objects" / PAIR.prefix).rglob("*.json"))


def versions(folder: Path, table: str) -> list[Path]:
    return sorted((folder / LAKE / "tables" / table).rglob("*.parquet"))


def test_what_was_written_is_proven_and_proving_leaves_no_trace(delivered):
    before = {path: path.read_bytes() for path in (delivered / LAKE).rglob("*") if path.is_file()}
    found = proven(delivered)
    assert (found.deliveries, found.recomputed) == (3, 3)
    assert found.entries == len(objects(delivered))
    assert {path: path.read_bytes() for path in (delivered / LAKE).rglob("*") if path.is_file()} == before


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_other_byte_in_any_entry_is_found(data, delivered):
    path = data.draw(st.sampled_from(objects(delivered)))
    raw = path.read_bytes()
    place = data.draw(st.integers(0, len(raw) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[place]))
    path.write_bytes(raw[:place] + bytes([other]) + raw[place + 1 :])
    try:
        with pytest.raises(MisfitError, match=PAIR.prefix):
            proven(delivered)
    finally:
        path.write_bytes(raw)


def test_every_missing_entry_is_found_but_the_last_ones(delivered):
    deliveries = [path for path in objects(delivered) if "deliveries" in path.parts]
    # Without its closing entry the newest delivery looks as after a crash, and nothing says otherwise.
    for path in [p for p in objects(delivered) if p != deliveries[-1]]:
        raw = path.read_bytes()
        path.unlink()
        try:
            with pytest.raises(MisfitError):
                proven(delivered)
        finally:
            path.write_bytes(raw)


def test_swapped_deliveries_are_found(folder):
    base = folder / LAKE / "objects" / PAIR.prefix / "deliveries"
    (base / "000001").rename(base / "aside")
    (base / "000002").rename(base / "000001")
    (base / "aside").rename(base / "000002")
    with pytest.raises(MisfitError, match="000001/000001"):
        proven(folder)


@pytest.mark.parametrize("number", [1, 3])
def test_a_delivery_that_is_gone_is_found(folder, number):
    shutil.rmtree(folder / LAKE / "objects" / PAIR.prefix / "deliveries" / f"{number:06d}")
    with pytest.raises(MisfitError, match=f"delivery {number}"):
        proven(folder)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("deliveries", "accepted", 4),
        ("deliveries", "outcome", "failed"),
        ("deliveries", "to_snapshot", "0" * 64),
        ("receipts", "accepted", 4),
        ("receipts", "chain", "0" * 64),
        ("rejections", "code", "other"),
    ],
)
def test_another_value_in_a_table_s_row_is_found_and_the_table_is_named(folder, table, column, value):
    lake, partition = LocalLake(folder / LAKE), f"{PAIR.partition}/000001"
    rows = lake.dataset(lake.current(table, partition)).to_table().to_pylist()
    rows[0][column] = value
    writer = lake.writer(table, partition)
    writer.write(pa.Table.from_pylist(rows, TABLES[table].arrow_schema()))
    writer.publish({})
    with pytest.raises(MisfitError, match=rf"{table}\[{PAIR.partition}/000001\]"):
        proven(folder)


@pytest.mark.parametrize("table", ["acknowledged", "changes"])
def test_another_value_in_a_snapshot_is_found_and_the_table_is_named(folder, table):
    path = next(path for path in versions(folder, table) if pq.read_metadata(path).num_rows)
    rows = pq.read_table(path)
    other = pa.array([digest("somebody else"), *rows["member_id"].to_pylist()[1:]], pa.binary(32))
    pq.write_table(rows.set_column(rows.schema.get_field_index("member_id"), "member_id", other), path)
    with pytest.raises(MisfitError, match=rf"{table}\[{PAIR.partition}\].*altered"):
        proven(folder)


def test_a_state_that_receipts_do_not_add_up_to_is_found_even_where_its_entry_was_written_for_it(tmp_path):
    road = Road(tmp_path)
    road.wants(*crowd(*"abc"))
    road.run()
    log = AudienceLedger(road.lake, PAIR, time.time).last()
    real = road.lake.snapshot("acknowledged", PAIR.partition, log.closed.body["state"])
    writer = road.lake.writer("acknowledged", PAIR.partition)
    writer.write(road.lake.dataset(real).to_table().slice(0, 2))
    forged = writer.publish({}).id
    objects(tmp_path)[-1].unlink()
    closed = log.chain.entries.pop()
    log.chain.append("closed", {**closed.body, "state": forged})
    with pytest.raises(MisfitError, match="acknowledged state after delivery 1"):
        proven(tmp_path)


def test_rows_of_a_delivery_that_nobody_made_are_found(folder):
    lake = LocalLake(folder / LAKE)
    rows = lake.dataset(lake.current("deliveries", f"{PAIR.partition}/000003")).to_table()
    writer = lake.writer("deliveries", f"{PAIR.partition}/000004")
    writer.write(rows)
    writer.publish({})
    with pytest.raises(MisfitError, match="no delivery 4"):
        proven(folder)


def test_changes_may_be_gone_when_their_time_has_passed_and_not_before(folder):
    shutil.rmtree(folder / LAKE / "tables" / "changes")
    with pytest.raises(MisfitError, match="changes"):
        proven(folder)
    late = time.time() + (TABLES["changes"].retention_days + 1) * 86_400
    assert proven(folder, now=late) == Verified(len(objects(folder)), 3, 0)


def test_a_delivery_of_jobs_that_ended_in_part_is_proven(tmp_path):
    road = test_following.Road(tmp_path)
    road.platform.named = {marked("c@x")}
    road.wants(*test_following.crowd("abcde"))
    road.run()
    road.platform.work(denied=1)
    assert road.follow() is not None
    found = proven(tmp_path, now=road.now)
    assert (found.deliveries, found.recomputed) == (1, 1)


def test_a_delivery_that_was_cut_off_is_proven_as_far_as_it_goes(tmp_path):
    road = Road(tmp_path)
    road.wants(*crowd(*"abcdef"))

    class Cut(BaseException):
        pass

    def cut(call):
        if call == 1:
            raise Cut

    road.platform.before = cut
    with pytest.raises(Cut):
        road.run()
    found = proven(tmp_path)
    assert (found.deliveries, found.recomputed) == (1, 0)
