"""The lake on a local disk: ids follow the rows, a death leaves the old version, and no key leads out of the folder.

What every lake does is in `aws.test_lake`, for this one too."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.resources import snapshots as lake_module
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import ACKNOWLEDGED, EXPOSED_CUSTOMERS, MATCH_RATE_TREND
from segment_assets_tests.resources.lakes import TABLE, WEEK, customers, publish, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


@settings(deadline=None, max_examples=25)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8), group=st.integers(1, 7))
def test_equal_rows_have_an_equal_id_in_whatever_batches_they_came(tmp_path_factory, sizes, group) -> None:
    """Row groups are small here, so that the batches cross them in every way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake_module, "ROWS_PER_GROUP", group)
        in_pieces, at_once = (LocalLake(tmp_path_factory.mktemp("lake")) for _ in range(2))
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        pieces = [rows_of(range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
        batches = [batch for piece in pieces for batch in piece.to_batches()]
        assert publish(in_pieces, *batches).id == publish(at_once, rows_of(range(sum(sizes)))).id


@pytest.mark.parametrize("rows", [0, 4])
def test_a_batch_without_rows_does_not_change_the_id(tmp_path: Path, rows: int) -> None:
    first, second = LocalLake(tmp_path / "a"), LocalLake(tmp_path / "b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake_module, "ROWS_PER_GROUP", 4)
        assert (
            publish(first, rows_of(range(rows)), rows_of([])).id == publish(second, *[rows_of(range(rows))][:rows]).id
        )


def test_equal_rows_have_an_equal_id_across_the_real_row_groups(tmp_path: Path) -> None:
    rows = rows_of(range(lake_module.ROWS_PER_GROUP + 10))
    whole, parts = LocalLake(tmp_path / "a"), LocalLake(tmp_path / "b")
    assert publish(whole, rows).id == publish(parts, rows.slice(0, 7), rows.slice(7, 131_060), rows.slice(131_067)).id


@pytest.mark.parametrize("other", [[1, 0, 2], [0, 1], [0, 1, 2, 2], []])
def test_other_rows_or_another_order_have_another_id(lake: LocalLake, other: Sequence[int]) -> None:
    assert publish(lake, rows_of(other)).id != publish(lake, rows_of([0, 1, 2])).id


def test_columns_are_put_into_their_declared_order(tmp_path: Path) -> None:
    first, second = LocalLake(tmp_path / "a"), LocalLake(tmp_path / "b")
    turned = rows_of([1]).append_column("more", pa.array(["x"])).select(["more", "customer_id"])
    assert publish(first, turned).id == publish(second, rows_of([1])).id


def test_a_column_that_is_left_out_of_a_sparse_table_is_null_and_the_id_is_the_same(tmp_path: Path) -> None:
    """Also where only some batches bring it; one that may not be null is missed, and one by another name is refused."""
    ids_of_rows = [bytes([n]) * 32 for n in range(3)]
    cells = {"member_id": ids_of_rows, "record_id": ids_of_rows, "standing": ["acknowledged"] * 3}
    cells["email"] = [ids_of_rows[0], None, None]
    schema = ACKNOWLEDGED.arrow_schema()
    rows = pa.table({name: cells.get(name, [None] * 3) for name in schema.names}, schema)
    ids = []
    for name, parts in {
        "whole": [rows],
        "in parts": [rows.slice(0, 1), rows.slice(1).drop_columns(["email", "phone_digits"])],
        "turned": [rows.slice(0, 1), rows.slice(1).select(["standing", "record_id", "member_id"])],
    }.items():
        writer = LocalLake(tmp_path / name).writer(ACKNOWLEDGED.name, WEEK)
        for part in parts:
            writer.write(part)
        ids.append(writer.publish({}).id)
    assert len(set(ids)) == 1
    with pytest.raises(PermanentError, match="member_id"):
        LocalLake(tmp_path / "bad").writer(ACKNOWLEDGED.name, WEEK).write(rows.drop_columns(["member_id"]))
    with pytest.raises(PermanentError, match="e_mail"):
        LocalLake(tmp_path / "misspelt").writer(ACKNOWLEDGED.name, WEEK).write(rows.rename_columns({"email": "e_mail"}))


def test_rows_of_any_other_table_must_bring_every_column(lake: LocalLake) -> None:
    """A column that a query has forgotten would else be null for everybody, and nobody would know."""
    rows = pa.table({"destination": ["meta"]})
    with pytest.raises(PermanentError, match="match_rate"):
        lake.writer(MATCH_RATE_TREND.name, WEEK).write(rows)


WRITE_AND_DIE = """
import os, sys
from pathlib import Path
import pyarrow as pa
from segment_assets.resources import lake as module
from segment_assets.tables import EXPOSED_CUSTOMERS
root, last_step = Path(sys.argv[1]), int(sys.argv[2])
steps = 0
real = Path.replace
def replace(self, target):
    # The process dies before its n-th move: the version into place, then the pointer.
    global steps
    steps += 1
    if steps > last_step:
        os._exit(9)
    return real(self, target)
Path.replace = replace
writer = module.LocalLake(root).writer("exposed_customers", "2026-10-05")
writer.write(pa.table({"customer_id": ["c1", "c2"]}, EXPOSED_CUSTOMERS.arrow_schema()))
writer.publish({"new": True})
"""


@pytest.mark.parametrize(("steps", "seen"), [(0, "old"), (1, "old"), (2, "new")])
def test_a_writer_that_dies_leaves_the_old_version(tmp_path: Path, steps: int, seen: str) -> None:
    lake = LocalLake(tmp_path / "lake")
    publish(lake, rows_of(range(3)), stats={"old": True})
    command = [sys.executable, "-c", WRITE_AND_DIE, str(tmp_path / "lake"), str(steps)]
    code = subprocess.run(command, check=False, timeout=60).returncode
    assert code == (0 if steps == 2 else 9)
    now = lake.current(TABLE, WEEK)
    assert now.stats == {seen: True}
    assert len(customers(lake, now)) == now.rows
    # What it left behind does not hinder the next writer, who comes with the same rows.
    again = publish(lake, pa.table({"customer_id": ["c1", "c2"]}, EXPOSED_CUSTOMERS.arrow_schema()))
    assert lake.current(TABLE, WEEK) == again
    assert customers(lake, again) == ["c1", "c2"]


def race(root: str, worker: int, barrier, results) -> None:
    lake = LocalLake(Path(root))
    won = []
    for number in range(30):
        barrier.wait()
        # Long bodies, so that a reader could catch one half-way.
        if lake.put_if_absent(f"race/{number:06d}", bytes([65 + worker]) * 200_000):
            won.append(number)
        body = lake.get(f"race/{number:06d}")
        assert body is not None
        assert len(body) == 200_000
        assert len(set(body)) == 1
    results.put((worker, won))


def test_of_two_processes_that_create_an_object_exactly_one_does(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=race, args=(str(tmp_path), n, barrier, results)) for n in range(2)]
    for worker in workers:
        worker.start()
    won = dict(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sorted(won[0] + won[1]) == list(range(30))
    lake = LocalLake(tmp_path)
    for worker, numbers in won.items():
        assert {lake.get(f"race/{number:06d}")[0] for number in numbers} <= {65 + worker}
    assert len(lake.keys("race")) == 30


UNSAFE = [
    "", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "a/./b", ".hidden", "a/.hidden", "a\\b", "a\x00b", "a\nb",
    "ü", "a" * 300, "a:b", "*",
]  # fmt: skip


NEWLINE = "a\n"


@pytest.mark.parametrize("key", [*UNSAFE, NEWLINE])
def test_an_unsafe_key_is_refused_and_writes_nothing(tmp_path: Path, key: str) -> None:
    lake = LocalLake(tmp_path / "lake")
    with pytest.raises(PermanentError, match="cannot be a key of the lake"):
        lake.put_if_absent(key, b"x")
    with pytest.raises(PermanentError, match="cannot be a key of the lake"):
        lake.get(key)
    with pytest.raises(PermanentError, match="cannot be a key of the lake"):
        lake.writer(TABLE, key)
    assert list(tmp_path.iterdir()) == []


@given(key=st.text(max_size=30) | st.from_regex(r"[a-z./]{1,12}", fullmatch=True))
def test_no_key_leads_out_of_the_lake(key: str) -> None:
    root = Path("lake")
    try:
        target = LocalLake(root)._object(key)
    except PermanentError:
        return
    parts = target.relative_to(root / "objects").parts
    assert "/".join(parts) == key
    assert not {".", ".."} & set(parts)
