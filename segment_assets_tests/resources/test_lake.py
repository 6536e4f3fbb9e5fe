"""The lake on a local disk: readers see whole versions, ids follow the rows, and an object is created once."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.resources import lake as lake_module
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import EXPOSED_CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from segment_assets.contracts import Snapshot

TABLE, WEEK = EXPOSED_CUSTOMERS.name, "2026-10-05"


def rows_of(numbers: Iterable[int]) -> pa.Table:
    return pa.table({"customer_id": [f"c{number:07d}" for number in numbers]}, EXPOSED_CUSTOMERS.arrow_schema())


def publish(lake: LocalLake, *parts: pa.Table, stats: Mapping[str, object] | None = None) -> Snapshot:
    writer = lake.writer(TABLE, WEEK)
    for part in parts:
        writer.write(part)
    return writer.publish(stats or {})


def customers(lake: LocalLake, snapshot: Snapshot) -> list[str]:
    return lake.dataset(snapshot).to_table().column("customer_id").to_pylist()


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


def test_what_was_published_can_be_read_again(lake: LocalLake) -> None:
    told = publish(lake, rows_of(range(5)), rows_of(range(5, 7)), stats={"week": WEEK})
    assert lake.current(TABLE, WEEK) == told
    assert lake.snapshot(TABLE, WEEK, told.id) == told
    assert (told.rows, told.stats) == (7, {"week": WEEK})
    assert customers(lake, told) == rows_of(range(7)).column("customer_id").to_pylist()
    assert lake.partitions(TABLE) == [WEEK]


def test_a_partition_without_a_version_is_none(lake: LocalLake) -> None:
    assert lake.current(TABLE, WEEK) is None
    assert lake.partitions(TABLE) == []


def test_an_empty_version_is_a_version(lake: LocalLake) -> None:
    told = publish(lake)
    assert told.rows == 0
    assert customers(lake, lake.current(TABLE, WEEK)) == []


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


def test_rows_of_another_type_are_refused(lake: LocalLake) -> None:
    writer = lake.writer(TABLE, WEEK)
    with pytest.raises(pa.ArrowInvalid):
        writer.write(pa.table({"customer_id": pa.array([b"\xff"], pa.binary())}))
    assert lake.current(TABLE, WEEK) is None


def test_a_version_is_not_seen_before_it_is_published(lake: LocalLake) -> None:
    old = publish(lake, rows_of(range(3)))
    writer = lake.writer(TABLE, WEEK)
    writer.write(rows_of(range(9)))
    assert lake.current(TABLE, WEEK) == old
    assert lake.partitions(TABLE) == [WEEK]
    new = writer.publish({})
    assert lake.current(TABLE, WEEK) == new
    assert customers(lake, old) == rows_of(range(3)).column("customer_id").to_pylist()


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


def test_readers_see_whole_versions_while_others_are_written(lake: LocalLake) -> None:
    sizes = [1, 40]
    told = {publish(lake, rows_of(range(size)), stats={"rows": size}).id: size for size in sizes}
    done = threading.Event()

    def write() -> None:
        for turn in range(40):
            size = sizes[turn % 2]
            publish(lake, rows_of(range(size)), stats={"rows": size})
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        looks = 0
        while not done.is_set() or looks == 0:
            now = lake.current(TABLE, WEEK)
            assert told[now.id] == now.rows == now.stats["rows"] == len(customers(lake, now))
            looks += 1
        writing.result()


def test_an_equal_version_takes_over_what_is_newly_said_about_it(lake: LocalLake) -> None:
    first = publish(lake, rows_of(range(3)), stats={"quarantined_rows": 0})
    publish(lake, rows_of(range(4)))
    again = publish(lake, rows_of(range(3)), stats={"quarantined_rows": 9})
    assert again.id == first.id
    assert lake.current(TABLE, WEEK).stats == {"quarantined_rows": 9}


def test_a_version_that_is_not_retained_is_named_in_the_refusal(lake: LocalLake) -> None:
    publish(lake, rows_of([1]))
    with pytest.raises(PermanentError, match=rf"{TABLE}\[{WEEK}\] has no version abcabcabcabc"):
        lake.snapshot(TABLE, WEEK, "abc" * 10)


def test_a_table_that_is_not_declared_is_refused(lake: LocalLake) -> None:
    with pytest.raises(PermanentError, match="not declared"):
        lake.writer("people", WEEK)


# ── objects ──


def test_an_object_is_created_once(lake: LocalLake) -> None:
    assert lake.put_if_absent("ledger/a/000001.json", b"first")
    assert not lake.put_if_absent("ledger/a/000001.json", b"second")
    assert lake.get("ledger/a/000001.json") == b"first"
    assert lake.get("ledger/a/000002.json") is None


def test_keys_are_those_below_a_folder_in_order(lake: LocalLake) -> None:
    for key in ("ledger/a/000002", "ledger/a/000001", "ledger/b/000001", "ledger/ab/000001"):
        lake.put_if_absent(key, b"x")
    assert lake.keys("ledger/a") == ["ledger/a/000001", "ledger/a/000002"]
    assert lake.keys("ledger/none") == []


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


def test_of_many_threads_that_create_an_object_exactly_one_does(lake: LocalLake) -> None:
    barrier = threading.Barrier(8)

    def create(number: int) -> bool:
        barrier.wait()
        return lake.put_if_absent("race/one", json.dumps(number).encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert json.loads(lake.get("race/one")) == won.index(True)


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
