"""Creating a world: repeatable, resumable, never mixed with another one, bounded in memory."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.sandbox.world import advance, create, read_facts
from segment_assets_tests.examples import examples


def test_the_same_seed_and_people_give_the_same_bytes_in_every_file(root, tmp_path, digests):
    create(tmp_path, seed=11, people=6_000, chunk_people=2_500)
    assert digests(tmp_path) == digests(root)


def test_another_seed_gives_other_people(tmp_path, digests):
    for seed in (1, 2):
        create(tmp_path / str(seed), seed=seed, people=50, weeks=1)
    one, two = digests(tmp_path / "1"), digests(tmp_path / "2")
    part = "accounts/a/customers/part-00000.parquet"
    assert one[part] != two[part]


def test_a_finished_world_is_returned_without_being_rewritten(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    facts = create(root, seed=11, people=6_000, chunk_people=2_500)
    assert facts == read_facts(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.parametrize("other", [{"seed": 12}, {"people": 5_999}, {"chunk_people": 100}])
def test_another_world_in_the_same_place_is_refused_and_make_clean_is_named(root, other):
    with pytest.raises(PermanentError, match="make clean"):
        create(root, **{"seed": 11, "people": 6_000, "chunk_people": 2_500, **other})


def test_a_world_of_another_format_is_refused_and_make_clean_is_named(tmp_path):
    (tmp_path / "world.json").write_text('{"format": 0, "seed": 1}', encoding="utf-8")
    with pytest.raises(PermanentError, match="make clean"):
        create(tmp_path, seed=1, people=10)


@pytest.mark.parametrize("wrong", [{"people": 0}, {"weeks": 0}, {"seed": -1}, {"chunk_people": 0}])
def test_an_impossible_world_is_refused(tmp_path, wrong):
    with pytest.raises(PermanentError):
        create(tmp_path, **{"seed": 1, "people": 10, **wrong})


def test_a_killed_creation_leaves_no_world_and_is_begun_anew(root, tmp_path, digests):
    def killed(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create(tmp_path, seed=5, people=6_000, chunk_people=1_000, progress=killed)
    assert read_facts(tmp_path) is None
    assert (tmp_path / "accounts/a/customers/part-00000.parquet").exists()
    stale = tmp_path / "truth/people/part-00777.parquet"
    stale.write_bytes(b"left over from a larger world")
    create(tmp_path, seed=11, people=6_000, chunk_people=2_500)
    assert digests(tmp_path) == digests(root)


def test_a_killed_advance_leaves_the_world_as_it_was_and_can_be_repeated(tmp_path, digests):
    create(tmp_path / "a", seed=3, people=300)
    create(tmp_path / "b", seed=3, people=300)
    before = digests(tmp_path / "a")

    def killed():
        yield "00" * 32
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advance(tmp_path / "a", audiences={"x": killed()})
    assert digests(tmp_path / "a") == before
    half = tmp_path / "a" / ".advancing" / "accounts"
    half.mkdir(parents=True)
    (half / "garbage").write_bytes(b"?")
    # The moves were made, but the process died before the facts were written.
    stale = tmp_path / "a" / "accounts/b/impressions/week=2026-10-19"
    stale.mkdir(parents=True)
    (stale / "part-00000.parquet").write_bytes(b"?")
    for name in ("a", "b"):
        advance(tmp_path / name, audiences={})
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_progress_is_told_per_chunk_and_names_nobody(tmp_path):
    told = []
    create(tmp_path, seed=1, people=250, chunk_people=100, progress=told.append)
    assert told == [f"world: {done} of 250 people" for done in (100, 200, 250)]


def test_facts_count_what_is_on_disk(root, read):
    facts = read_facts(root)
    assert facts.weeks == ["2026-10-05", "2026-10-12"]
    folders = {"customers": "a", "conversions": "a", "opt_outs": "a", "impressions": "b"}
    assert facts.counts == {name: len(read(root / "accounts" / at / name)) for name, at in folders.items()}


@settings(max_examples=examples(8), deadline=None)
@given(seed=st.integers(0, 2**63), people=st.integers(1, 40), chunk=st.integers(1, 50), weeks=st.integers(1, 2))
def test_a_world_of_any_small_size_can_be_made_and_advanced(tmp_path_factory, seed, people, chunk, weeks):
    folder = tmp_path_factory.mktemp("tiny")
    facts = create(folder, seed=seed, people=people, weeks=weeks, chunk_people=chunk)
    assert facts.counts["customers"] >= people
    assert len(advance(folder, audiences={}).weeks) == weeks + 1


def _peak_bytes(folder, people):
    """Highest total of Arrow's and Python's (and numpy's) memory while a world is made.

    Arrow's system pool lives as long as the process, unlike a proxy pool, which arrays may outlive and then crash.
    Its high-water mark never falls, so the smaller world has to be measured first.
    """
    usual, counted = pa.default_memory_pool(), pa.system_memory_pool()
    gc.collect()
    pa.set_memory_pool(counted)
    tracemalloc.start()
    try:
        create(folder, seed=1, people=people, weeks=1, chunk_people=200)
        return tracemalloc.get_traced_memory()[1] + counted.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)


def test_memory_depends_on_the_chunk_and_not_on_the_number_of_people(tmp_path):
    create(tmp_path / "warm", seed=1, people=10)
    few, many = _peak_bytes(tmp_path / "few", 400), _peak_bytes(tmp_path / "many", 3_200)
    assert many < few * 1.5


def test_importing_the_world_loads_no_heavy_library():
    heavy = "{'numpy', 'pyarrow', 'faker', 'pandas', 'duckdb'}"
    script = f"import sys, segment_assets.sandbox.world; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
