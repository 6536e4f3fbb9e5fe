"""What stands with a platform account by the notes of an earlier version of ours."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from segment_assets.delivery.erasing import ErasurePair, standing_unasked
from segment_assets.delivery.ledger import AudienceLedger, utc
from segment_assets.destinations import registry
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import ERASED
from segment_assets_tests.delivery.test_redacting import asks
from segment_assets_tests.fakes import digest

if TYPE_CHECKING:
    from pathlib import Path

PAIR = ErasurePair("tenant", "meta", "1001", "")
ANN, BEN = digest("id:ann"), digest("id:ben")
YEAR = 366 * 86_400.0


@pytest.mark.parametrize(("unproven", "unfinished"), [(0, set()), (1, {ANN, BEN})])
def test_whose_erasure_an_earlier_version_noted_as_proven_beside_one_that_is_not_is_not_through(
    tmp_path: Path, unproven: int, unfinished: set[bytes]
) -> None:
    lake = LocalLake(tmp_path / "lake")
    counts = {"acknowledged": 2, "refused": 0, "in_doubt": 0, "unproven": unproven}
    log = AudienceLedger(lake, PAIR, time.time).open({"changes": "none"})
    log.chain.append("closed", {"outcome": "done", "accounting": counts})
    told = {"standing": "acknowledged", "code": None, "answered_at": utc(time.time() - YEAR)}
    rows = [{"member_id": one, "record_id": one} | told for one in sorted([ANN, BEN])]
    writer = lake.writer(ERASED.name, PAIR.partition)
    writer.write(pa.Table.from_pylist(rows, ERASED.arrow_schema()))
    writer.publish({})
    wanted = asks(lake, ("member", ANN), ("member", BEN))
    found = standing_unasked(lake, registry()["meta"], PAIR, wanted, workdir=tmp_path / "work")
    assert (found.people, found.unproven) == (2, unproven)
    assert found.unfinished == unfinished
