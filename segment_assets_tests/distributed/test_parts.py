"""What the caller reads back: in the order of the source, each row once, or an error and nothing."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from segment_assets.audience.staging import FORM_COLUMNS
from segment_assets.contracts import PermanentError, TransientError
from segment_assets.distributed import flat
from segment_assets.distributed.job import digest_batches
from segment_assets.distributed.parts import read_parts
from segment_assets.identity import NORMAL_FORMS, digest_batch
from segment_assets_tests.distributed.conftest import members

FORMS = ("email", "phone_digits", "mobile_ad_id")


def flat_rows(table: pa.Table, batch_rows: int, forms=FORMS) -> pa.Table:
    batches = digest_batches(iter(table.to_batches(batch_rows)), forms=forms, states={})
    return pa.Table.from_batches(batches, flat.flat_schema(forms))


def write(folder, parts: dict[str, pa.Table], *, complete: bool = True) -> str:
    folder.mkdir(exist_ok=True)
    for name, part in parts.items():
        pq.write_table(part, folder / f"{name}.parquet", row_group_size=7)
    if complete:
        (folder / "_SUCCESS").touch()
    return str(folder)


def small():
    return flat_rows(members([{"email": f"p{n}@example.com"} for n in range(30)]), 30)


def test_what_comes_back_is_what_one_process_digests_however_the_rows_were_cut(mess, tmp_path):
    forms = tuple(NORMAL_FORMS)
    uri = write(tmp_path / "parts", {"part-00000": flat_rows(mess, 300, forms)})
    read = list(read_parts(uri, mess.num_rows, forms))

    whole = digest_batch(mess.combine_chunks().to_batches()[0], None, forms)
    for name in forms:
        assert pa.concat_arrays([digested.forms[name] for _, digested in read]) == whole.forms[name]
        back = pa.concat_arrays([digested.reasons[name].cast(pa.string()) for _, digested in read])
        assert back == whole.reasons[name].cast(pa.string())
    hashed = {name: sum(d.already_hashed.get(name, 0) for _, d in read) for name in whole.already_hashed}
    assert hashed == whole.already_hashed
    assert hashed["email"] > 0


def test_of_raw_identifiers_only_refused_cells_leave_the_job(mess):
    rows = flat_rows(mess, 300, FORM_COLUMNS).to_pylist()
    kept = [(row, column) for row in rows for column in ("email", "phone", "mobile_ad_id") if row[column] is not None]
    assert kept
    forms = {column: [name for name in FORM_COLUMNS if NORMAL_FORMS[name].column == column] for _, column in kept}
    assert all(any(row[f"reason_{name}"] is not None for name in forms[column]) for row, column in kept)


def test_parts_are_read_by_their_first_row_and_not_by_their_name(tmp_path):
    rows = small()
    uri = write(
        tmp_path / "parts",
        {"part-00000": rows.slice(20), "part-00001": rows.slice(0, 20), "part-00002": rows.slice(0, 0)},
    )
    read = [number for batch, _ in read_parts(uri, 30, FORMS) for number in batch.column("source_row").to_pylist()]
    assert read == list(range(30))


def test_each_part_is_read_with_keys_asked_for_anew_since_a_roles_keys_end(tmp_path):
    rows, asked = small(), []
    uri = write(tmp_path / "parts", {name: rows.slice(10 * place, 10) for place, name in enumerate("abc")})
    reading = read_parts(uri, 30, FORMS, lambda: asked.append(1) or pafs.LocalFileSystem())
    told = [(int(batch.column("source_row")[0].as_py()) // 10, len(asked)) for batch, _ in reading]
    assert dict(told) == {0: 2, 1: 3, 2: 4}


def test_a_part_that_breaks_off_is_an_error_that_passes_and_tells_no_address(tmp_path):
    rows = small()
    uri = write(tmp_path / "parts", {"a": rows.slice(0, 7), "b": rows.slice(7, 23)})
    reading = read_parts(uri, 30, FORMS)
    assert next(reading)[0].num_rows == 7
    (tmp_path / "parts" / "b.parquet").unlink()
    with pytest.raises(TransientError, match="not read to their end") as told:
        list(reading)
    assert "b.parquet" not in str(told.value)


def test_a_job_that_did_not_finish_is_no_result(tmp_path):
    uri = write(tmp_path / "parts", {"part-00000": small()}, complete=False)
    with pytest.raises(TransientError, match="no complete result; make the audience again"):
        list(read_parts(uri, 30, FORMS))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"a": (0, 30), "b": (10, 5)}, "a row twice"),
        ({"a": (0, 10), "b": (9, 21)}, "a row twice"),
        ({"a": (0, 10), "b": (20, 10)}, "hold 20 rows, and the snapshot has 30"),
    ],
)
def test_rows_that_are_missing_or_twice_are_an_error(parts, said, tmp_path):
    rows = small()
    uri = write(tmp_path / "parts", {name: rows.slice(*place) for name, place in parts.items()})
    with pytest.raises(PermanentError, match=said):
        list(read_parts(uri, 30, FORMS))
