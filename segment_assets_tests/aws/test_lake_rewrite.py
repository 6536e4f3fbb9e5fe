"""Every lake: people are taken out of a version that keeps its name, in one step for whoever reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import PermanentError
from segment_assets.resources.aws.lake import S3Lake
from segment_assets_tests.aws.test_lake import EMULATORS, opened, s3_lake, stores
from segment_assets_tests.resources.lakes import TABLE, WEEK, customers, publish, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import Lake

__all__ = ["EMULATORS", "opened", "s3_lake", "stores"]


def test_a_version_is_rewritten_under_its_own_name(opened: Callable[[], Lake]) -> None:
    lake = opened()
    first = publish(lake, rows_of(range(5)), stats={"week": WEEK})
    second = publish(lake, rows_of(range(7)))
    assert lake.versions(TABLE, WEEK) == sorted([first.id, second.id])
    rewrite = lake.rewrite(first)
    rewrite.write(rows_of([0, 1, 4]))
    digest = rewrite.close()
    assert customers(lake, first) == customers(lake, lake.snapshot(TABLE, WEEK, first.id)), "nothing is changed yet"
    told = rewrite.replace()
    assert (told.id, told.redacted, told.rows, told.stats) == (first.id, digest, 3, {"week": WEEK})
    # Another machine, and whoever asked before what the version is.
    for reader in (lake, opened()):
        assert reader.snapshot(TABLE, WEEK, first.id) == told
        assert reader.current(TABLE, WEEK) == second
        for known in (first, told):
            assert customers(reader, known) == ["c0000000", "c0000001", "c0000004"]
    # Equal rows published again take nobody back in.
    again = publish(opened(), rows_of(range(5)), stats={"week": WEEK})
    assert (again, customers(opened(), again)) == (told, ["c0000000", "c0000001", "c0000004"])


def test_a_run_that_ends_between_the_rows_and_what_is_said_leaves_a_version_that_can_be_read(s3_lake: S3Lake) -> None:
    told = publish(s3_lake, rows_of(range(5)))
    folder = s3_lake._version(TABLE, WEEK, told.id)
    said = s3_lake._objects.read(f"{folder}/_manifest.json")
    assert said is not None
    rewrite = s3_lake.rewrite(told)
    rewrite.write(rows_of([3]))
    rewrite.replace()
    s3_lake._objects.put(f"{folder}/_manifest.json", said[0])
    assert s3_lake.snapshot(TABLE, WEEK, told.id) == told
    assert customers(s3_lake, told) == ["c0000003"]


def test_other_bytes_than_were_noted_are_refused(s3_lake: S3Lake, tmp_path) -> None:
    told = publish(s3_lake, rows_of(range(5)))
    rewrite = s3_lake.rewrite(told)
    rewrite.write(rows_of([3]))
    made = rewrite.replace()
    key = f"{s3_lake._version(TABLE, WEEK, told.id)}/part-00000.parquet"
    s3_lake._objects.put(key, b"something else")
    s3_lake.copies.forget(s3_lake.bucket, key, made.redacted)
    with pytest.raises(PermanentError, match="not those that were published"):
        s3_lake.dataset(made)
