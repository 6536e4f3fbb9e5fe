"""The id of a version is the SHA-256 of its file, which is read while it is still being written."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from segment_assets.resources.snapshots import ROWS_PER_GROUP, SnapshotFile
from segment_assets_tests.resources.lakes import TABLE, rows_of


@pytest.mark.parametrize("rows", [0, 3, ROWS_PER_GROUP, ROWS_PER_GROUP + 5])
def test_the_id_is_the_sha256_of_the_whole_file(tmp_path: Path, rows: int) -> None:
    before = set(threading.enumerate())
    file = SnapshotFile(tmp_path / "part.parquet", TABLE)
    table = rows_of(range(rows))
    for _ in range(2):
        file.write(table)
    assert file.close() == hashlib.sha256((tmp_path / "part.parquet").read_bytes()).hexdigest()
    assert file.rows == 2 * rows
    assert set(threading.enumerate()) <= before


def test_a_file_that_cannot_be_read_again_gets_no_id(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "part.parquet", TABLE)
    file.write(rows_of(range(ROWS_PER_GROUP)))
    (tmp_path / "part.parquet").unlink()
    with pytest.raises(FileNotFoundError):
        file.close()
