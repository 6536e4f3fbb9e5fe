"""A small world in several chunks, made once, and a copy of it a week later."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from segment_assets.sandbox.world import advance, create

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE, CHUNK = 6_000, 2_500


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    create(folder, seed=11, people=PEOPLE, chunk_people=CHUNK)
    return folder


@pytest.fixture(scope="session")
def read():
    """All files of one folder as one table, without a column for the folder's name."""
    return lambda folder: pq.ParquetDataset(folder, partitioning=None).read()


@pytest.fixture(scope="session")
def truth(root, read):
    return read(root / "truth" / "people")


@pytest.fixture(scope="session")
def targets(truth):
    """Every third platform e-mail as hex, the way an audience of a platform would hold it."""
    return [digest.hex() for digest in truth["platform_email_sha256"].drop_null().to_pylist()[::3]]


@pytest.fixture(scope="session")
def advanced(root, targets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("advanced") / "world"
    shutil.copytree(root, folder)
    advance(folder, audiences={"meta/main/vip": targets})
    return folder


@pytest.fixture(scope="session")
def digests():
    """SHA-256 of every file below a folder, by relative path."""

    def of(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return of
