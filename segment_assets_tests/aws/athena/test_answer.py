"""Files of Parquet as an UNLOAD may leave them: types of Trino's writer, rows too many or too few, no Parquet at all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import fs as pafs

from segment_assets.contracts import PermanentError, TransientError
from segment_assets.resources.aws.athena_answer import IncompleteError, rows_in

LOCAL = pafs.LocalFileSystem()
PEOPLE = pa.schema([("people", pa.int64())])


def written(folder: Path, *files: list[tuple[int, int, int]]) -> str:
    """Files of rows (people, number of the row, number of rows)."""
    for place, rows in enumerate(files):
        columns = list(zip(*rows, strict=True))
        table = pa.table({"people": columns[0], "answer_row": columns[1], "answer_rows": columns[2]})
        pq.write_table(table, folder / f"{place}")
    return str(folder)


def test_types_of_trinos_writer_become_the_declared_ones(tmp_path: Path) -> None:
    moment, digest = dt.datetime(2026, 10, 5, 12, 30, 15, 250_000, dt.UTC), b"\x07" * 32
    table = pa.table(
        {
            "at": pa.array([moment.replace(tzinfo=None)], pa.timestamp("ms")),
            "id": pa.array([digest], pa.binary()),
            "people": pa.array([7], pa.int32()),
            "share": pa.array([0.5], pa.float64()),
            "answer_row": [1],
            "answer_rows": [1],
        }
    )
    declared = [
        ("at", pa.timestamp("us", tz="UTC")),
        ("id", pa.binary(32)),
        ("people", pa.int64()),
        ("share", pa.float64()),
    ]
    for old_times in (True, False):
        pq.write_table(table, tmp_path / "part", use_deprecated_int96_timestamps=old_times)
        (row,) = rows_in(LOCAL, str(tmp_path), pa.schema(declared)).to_pylist()
        assert row == {"at": moment, "id": digest, "people": 7, "share": 0.5}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_rows_are_believed_when_and_only_when_each_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, 6))
    kept = data.draw(st.lists(st.integers(1, number), min_size=1, max_size=8))
    cut = data.draw(st.integers(0, len(kept)))
    files = [[(10 * row, row, number) for row in part] for part in (kept[:cut], kept[cut:]) if part]
    folder = written(tmp_path_factory.mktemp("answer"), *files)
    if sorted(kept) == list(range(1, number + 1)):
        assert rows_in(LOCAL, folder, PEOPLE)["people"].to_pylist() == [10 * row for row in range(1, number + 1)]
    else:
        with pytest.raises(IncompleteError):
            rows_in(LOCAL, folder, PEOPLE)


def test_as_many_rows_as_there_should_be_are_not_enough_when_one_is_there_twice(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError):
        rows_in(LOCAL, written(tmp_path, [(10, 1, 2)], [(10, 1, 2)]), PEOPLE)


def test_one_row_of_nulls_is_an_answer_without_rows_and_no_file_is_none(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError):
        rows_in(LOCAL, str(tmp_path / "nothing"), PEOPLE)
    nulls = pa.nulls(1, pa.int64())
    pq.write_table(pa.table({"people": nulls, "answer_row": nulls, "answer_rows": nulls}), tmp_path / "part")
    assert rows_in(LOCAL, str(tmp_path), PEOPLE).num_rows == 0
    pq.write_table(pa.table({"people": nulls, "answer_row": nulls, "answer_rows": nulls}), tmp_path / "part-2")
    with pytest.raises(IncompleteError):
        rows_in(LOCAL, str(tmp_path), PEOPLE)


def test_what_is_no_parquet_or_does_not_fit_is_permanent_and_what_broke_off_is_not(tmp_path: Path) -> None:
    folder = written(tmp_path, [(7, 1, 1)])
    with pytest.raises(PermanentError, match="declared columns people"):
        rows_in(LOCAL, folder, pa.schema([("people", pa.date32())]))
    (tmp_path / "0").write_bytes(b"ann@example.com is not Parquet")
    with pytest.raises(PermanentError, match="not Parquet") as caught:
        rows_in(LOCAL, folder, PEOPLE)
    assert "ann@" not in str(caught.value)
    with pytest.raises(TransientError):
        rows_in(Broken(LOCAL), folder, PEOPLE)


class Broken(pafs.PyFileSystem):
    """A store whose bodies break off."""

    def __init__(self, whole: pafs.FileSystem) -> None:
        super().__init__(_BrokenHandler(whole))


class _BrokenHandler(pafs.FSSpecHandler):
    def __init__(self, whole: pafs.FileSystem) -> None:
        self.whole = whole

    def get_type_name(self) -> str:
        return "broken"

    def get_file_info_selector(self, selector: pafs.FileSelector) -> list[pafs.FileInfo]:
        return self.whole.get_file_info(selector)

    def get_file_info(self, paths: list[str]) -> list[pafs.FileInfo]:
        return self.whole.get_file_info(paths)

    def normalize_path(self, path: str) -> str:
        return path

    def open_input_file(self, path: str) -> pa.NativeFile:
        raise OSError(104, "AWS Error NETWORK_CONNECTION during GetObject operation: ann@example.com")
