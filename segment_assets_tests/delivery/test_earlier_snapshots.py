"""Snapshots that earlier releases wrote, with dictionaries and compressed digests, are read as those of today."""

from __future__ import annotations

import re

import pyarrow.parquet as pq
import pytest

from segment_assets.resources import snapshots
from segment_assets.resources.snapshots import DATA_FILE
from segment_assets_tests.delivery.road import Road, crowd
from segment_assets_tests.delivery.test_replaying import replayed
from segment_assets_tests.delivery.test_verifying import proven


def encodings(lake_folder, table: str, column: str) -> set[str]:
    found: set[str] = set()
    for file in (lake_folder / "tables" / table).rglob(DATA_FILE):
        group = pq.ParquetFile(file).metadata.row_group(0)
        place = pq.ParquetFile(file).schema.names.index(column)
        found |= {*group.column(place).encodings, group.column(place).compression}
    return found


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_a_delivery_goes_on_from_snapshots_of_an_earlier_release_and_proves_them(road, tmp_path):
    with pytest.MonkeyPatch.context() as earlier:
        # Up to 2026-11 every column had a dictionary and was compressed.
        earlier.setattr(snapshots, "_HARDLY_SHARED", re.compile("no column"))
        road.wants(*crowd(*"abcdef"))
        road.run()
    assert {"RLE_DICTIONARY", "ZSTD"} <= encodings(tmp_path / "lake", "acknowledged", "record_id")
    assert all(request.is_proven for request in replayed(road))
    assert road.run().deliveries == []
    road.wants(*crowd(*"bcdefgh"))
    (row,) = road.run().deliveries
    assert (row["unchanged"], row["adds"], row["removes"]) == (5, 2, 1)
    road.expected(*(f"{name}@x" for name in "bcdefgh"))
    found = proven(tmp_path)
    assert (found.deliveries, found.recomputed) == (2, 2)


def test_digests_that_hardly_two_rows_share_are_written_plain_and_others_by_dictionary(road, tmp_path):
    road.wants(*crowd(*"abcdef"))
    road.run()
    lake = tmp_path / "lake"
    assert encodings(lake, "acknowledged", "email") == {"PLAIN", "RLE", "UNCOMPRESSED"}
    assert {"RLE_DICTIONARY", "ZSTD"} <= encodings(lake, "acknowledged", "standing")
    assert "ZSTD" in encodings(lake, "hashed_audience", "first_name")
