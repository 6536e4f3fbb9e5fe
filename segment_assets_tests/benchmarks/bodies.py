"""What the body of a request costs on each platform that writes it from columns, beside the same one by one.

Belongs here: one full request of made-up digests, two for each person where the platform takes two at once.
"""

from __future__ import annotations

import functools
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from segment_assets import destinations
from segment_assets.contracts import Operation, Session
from segment_assets.delivery.members import Members
from segment_assets.tables import CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from segment_assets.contracts import Member

PLATFORMS = ("criteo", "google", "linkedin", "meta", "pinterest", "reddit", "snapchat", "tiktok")
_REQUESTS = 5
_KEYS = 2


def body(platform: str, folder: Path) -> dict[str, float]:
    """Microseconds of CPU for each record: medians of a few requests."""
    del folder
    contract = destinations.registry()[platform]
    stated = {statement: allowed[0] for statement, allowed in contract.statements.items()}
    destination = destinations.connect(platform, "1000000001", {}, stated)
    lane = contract.lanes[0] if contract.lanes else ()
    rows = _rows([contract.match_keys[key].form for key in lane or contract.identifying], contract.batch_members)
    session = Session(1, 1, last=True, members_in_total=len(rows), received_before=0, lane=lane)

    def seconds(members: Callable[[], Sequence[Member]]) -> float:
        before = time.process_time()
        written = destination.request("123456789", Operation.ADD, members(), session).body()
        assert written, "nothing was written"
        return (time.process_time() - before) / len(rows)

    ways = {"columns": lambda: Members(rows), "one_by_one": lambda: list(Members(rows))}
    return {name: 1e6 * statistics.median(seconds(way) for _ in range(_REQUESTS)) for name, way in ways.items()}


def _rows(forms: Sequence[str], people: int) -> pa.RecordBatch:
    draw = np.random.default_rng(1)

    def digests() -> pa.Array:
        return pa.Array.from_buffers(pa.binary(32), people, [None, pa.py_buffer(draw.bytes(32 * people))])

    hashed = [form for form in forms if CHANGES.arrow_schema().field(form).type != pa.string()][:_KEYS]
    cells = {"phase": pa.repeat("add", people), "batch": pa.repeat(1, people)}
    return pa.record_batch(cells | {name: digests() for name in ("member_id", *hashed)})


CONTESTANTS: dict[str, Callable[[Path], dict[str, float]]] = {
    f"body/{platform}": functools.partial(body, platform) for platform in PLATFORMS
}
