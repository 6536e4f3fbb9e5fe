"""The people of a file for a preview: read, digested and merged as those of a segment, into a lake that is thrown away.

Belongs here: the way from a file to a hashed audience, and where its rows went. Not here: what is asked of a platform.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from segment_assets.tables import HASHED_AUDIENCE, QUARANTINE, SEGMENT_MEMBERS, SUPPRESSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.contracts import Lake, Snapshot

PREVIEW = "preview"
# Pseudonyms decide the order of members: with a fixed key a file gives the same bytes on every machine.
PREVIEW_KEY = b"segment-assets preview"


def hashed_people(file: Path, lake: Lake, scratch: Path) -> tuple[Snapshot, dict[str, object]]:
    """The people of a file as a hashed audience, by the same reading and the same identity functions as a segment."""
    import pyarrow.dataset as pads

    from segment_assets.audience import AudiencePolicy, build_audience, read_files

    reading = read_files([file], {"member_id": "customer_id"})
    rows = lake.writer(SEGMENT_MEMBERS.name, PREVIEW)
    for batch in reading:
        rows.write(batch)
    writer, refused = lake.writer(HASHED_AUDIENCE.name, PREVIEW), lake.writer(QUARANTINE.name, PREVIEW)
    counts = build_audience(
        lake.dataset(rows.publish({})),
        pads.dataset(SUPPRESSIONS.arrow_schema().empty_table()),
        policy=AudiencePolicy(consent_asserted=True),
        key=PREVIEW_KEY,
        workdir=scratch,
        write_member=writer.write,
        write_quarantine=refused.write,
    )
    unusable = Counter(reading.report.refused())
    unusable.update({reason: n for (column, reason), n in counts.refused_cells.items() if column == "*"})
    cells = {f"{column}:{reason}": n for (column, reason), n in sorted(counts.refused_cells.items()) if column != "*"}
    told = {
        "read": reading.report.rows,
        "people": counts.members,
        "duplicates_merged": counts.duplicates_merged,
        "unusable": dict(sorted((str(reason), number) for reason, number in unusable.items())),
        "refused_cells": cells,
        "columns_not_used": [name for found in reading.report.files for name in found.unmapped],
    }
    return writer.publish(counts.as_stats()), told
