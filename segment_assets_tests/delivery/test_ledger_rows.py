"""What a platform's jobs came to, as rows that a reader of the ledger's tables finds."""

from __future__ import annotations

import json

import pytest

from segment_assets.delivery import legs
from segment_assets.tables import DELIVERIES, RECEIPTS
from segment_assets_tests.delivery.test_following import PAIR, Road, crowd
from segment_assets_tests.delivery.test_verifying import proven


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def delivered(road):
    """Five people in two batches; of each the platform's job denies one person later."""
    road.wants(*crowd("abcde"))
    road.run()
    road.works(denied=1)
    road.follow()


def rows(road, table, number=1):
    partition = f"{PAIR.partition}/{number:06d}"
    return road.lake.dataset(road.lake.current(table.name, partition)).to_table().to_pylist()


def test_what_a_job_came_to_stands_in_the_receipts_beside_the_answer_that_began_it(road, tmp_path):
    delivered(road)
    answers = [row for row in rows(road, RECEIPTS) if row["job_state"] is None]
    ends = [row for row in rows(road, RECEIPTS) if row["job_state"] is not None]
    assert [row["batch"] for row in answers] == [row["batch"] for row in ends] == [1, 2]
    assert sum(row["accepted"] for row in answers) == 0
    (said,) = rows(road, DELIVERIES)
    counts = ("accepted", "rejected", "unproven")
    assert {name: sum(row[name] for row in ends) for name in counts} == {name: said[name] for name in counts}
    assert {(row["match_rate"], json.dumps(json.loads(row["reasons"]))) for row in ends} == {
        ("51_TO_60", '{"DENIED": 1}')
    }
    assert {row["received"] for row in ends} == {3, 2}
    assert proven(tmp_path, now=road.now).recomputed == 1


def test_a_delivery_of_an_earlier_version_is_proven_by_the_rows_that_it_left(road, tmp_path, monkeypatch):
    monkeypatch.setattr(legs, "ROWS_VERSION", 1)
    delivered(road)
    monkeypatch.undo()
    assert [row["job_state"] for row in rows(road, RECEIPTS)] == [None, None]
    assert proven(tmp_path, now=road.now).recomputed == 1
