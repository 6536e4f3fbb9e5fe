"""How the batches of a delivery were taken, as far as it can be said of all of a batch at once.

Belongs here: from the ledger's answers to numbers by batch, which whole columns are looked up in. Not here: which rows
pass by the SQL of a settlement for it (`passing`).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.comparing import is_value
from segment_assets.delivery.ledger import utc
from segment_assets.delivery.ranges import first_bytes, stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.delivery.ledger import DeliveryLog

# How a batch was taken; 0 where it was not simply taken.
ACCEPTED, UNPROVEN = 1, 2
PROOFS = 3
# More runs are rows out of order, not lanes.
_MOST_LANES = 8
_EPOCH = utc(0.0)


class Taken:
    """Batches of additions that the platform took whole: everybody with proof, or everybody without.

    `people` counts the records of additions by how they were taken. Only known where `is_first`: `runs`, the first row
    of each lane and that behind its last, each in the order of members, who are in it once; `everybody`, whether
    nothing but such additions was asked and every batch was taken whole, where there are several lanes all in one way.
    """

    def __init__(self, changes: pads.Dataset, log: DeliveryLog, *, is_first: bool) -> None:
        import numpy as np
        import pyarrow as pa

        rows, runs = _additions(changes, with_members=is_first)
        standings = log.batch_standings()
        asked = {(e.body["phase"], e.body["batch"]): utc(e.at) for e in log.answered("receipt")}
        not_whole = {
            (entry.body["phase"], entry.body["batch"])
            for entry in (*log.answered("receipt"), *log.final_answers(), *log.staged().values())
            if entry.body.get("rejected_members") or entry.body.get("given_up")
        }
        self._proofs = np.zeros(len(rows), np.int64)
        moments = [_EPOCH] * len(rows)
        for entry in log.final_answers():
            places = [(entry.body["phase"], batch) for batch in log.covered(entry)]
            is_whole = all(standings.get(place) == "acknowledged" and place not in not_whole for place in places)
            if entry.body["phase"] != "add" or not is_whole or places[-1][1] >= len(rows):
                continue
            proof = _proof(entry.body, sum(int(rows[batch]) for _, batch in places))
            for place in places:
                # A batch without a receipt of its own has no date, which is for the SQL to say.
                self._proofs[place[1]] = proof if place in asked else 0
                moments[place[1]] = asked.get(place, _EPOCH)
        self._moments = np.asarray(pa.array(moments, moment()).cast(pa.int64()))
        self.people = np.bincount(self._proofs, weights=rows, minlength=PROOFS).astype(np.int64)
        self.runs = runs or []
        is_alike = len(self.runs) <= 1 or not (self.people[ACCEPTED] and self.people[UNPROVEN])
        self.everybody = runs is not None and not self.people[0] and is_alike

    def proofs(self, rows: pa.RecordBatch) -> Any:
        """For each row how the platform took it, 0 where its batch was not simply taken."""
        import numpy as np

        if not rows.num_rows or not len(self._proofs):
            return np.zeros(rows.num_rows, np.int64)
        return np.where(is_value(rows.column("phase"), "add"), self._of(self._proofs, rows), 0)

    def moments(self, rows: pa.RecordBatch) -> Any:
        """When the platform was asked about each row, as an Arrow array."""
        import pyarrow as pa

        return pa.array(self._of(self._moments, rows), pa.int64()).cast(moment())

    @staticmethod
    def _of(batches: Any, rows: pa.RecordBatch) -> Any:
        import numpy as np

        # Other phases may have more batches than the additions.
        return batches[np.minimum(np.asarray(rows.column("batch")), len(batches) - 1)]


def _proof(said: Mapping[str, Any], asked: int) -> int:
    """How the people of an answer were taken, if all alike (see `accounting`): numbers in between are for the SQL."""
    if int(said["accepted"]) >= asked:
        return ACCEPTED
    return UNPROVEN if not int(said["accepted"]) and not int(said["rejected"]) else 0


def _additions(changes: pads.Dataset, *, with_members: bool) -> tuple[Any, list[tuple[int, int]] | None]:
    """How many rows each batch of additions has, by its number; and the runs of `Taken`.

    There are none where anything else is asked, or without `with_members`, who cost reading them.
    """
    import numpy as np
    import pyarrow as pa

    counts, starts, last, row, is_alone = np.zeros(0, np.int64), list[int](), -1, 0, with_members
    for rows in stream(changes, ["phase", "batch", *(["member_id"] if with_members else [])], coded=["phase"]):
        is_addition = is_value(rows.column("phase"), "add")
        batches = np.asarray(rows.column("batch").filter(pa.array(is_addition)))
        found = np.bincount(batches, minlength=len(counts))
        found[: len(counts)] += counts
        counts = found
        is_alone = is_alone and bool(is_addition.all())
        if is_alone and rows.num_rows:
            keys = first_bytes(rows.column("member_id"))
            starts += [row] if not row or int(keys[0]) <= last else []
            starts += (row + 1 + np.flatnonzero(keys[1:] <= keys[:-1])).tolist()
            last, is_alone = int(keys[-1]), len(starts) <= _MOST_LANES
        row += rows.num_rows
    return counts, list(itertools.pairwise((*starts, row))) if is_alone else None


def moment() -> Any:
    """The type of a time in tables."""
    import pyarrow as pa

    return pa.timestamp("us", tz="UTC")
