"""What was refused, as metadata that people read and download: counts by reason, never a value.

Belongs here: the small tables. Not here: why something is refused (`identity`, `audience.refusals`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from segment_assets.audience import FileReport


def refused_rows(files: Sequence[FileReport]) -> dict[str, Any]:
    """Rows of landed files that could not be read: a table by file and reason, and the same counts as JSON."""
    from segment_assets.audience.refusals import REMEDIES

    rows = [
        (file.name, reason, count, file.first_refused[reason], REMEDIES[reason])
        for file in files
        for reason, count in sorted(file.refused.items())
    ]
    counts = {file.name: dict(sorted(file.refused.items())) for file in files if file.refused}
    return {
        "refused_rows": _table(("file", "reason", "rows", "first line", "what to do"), rows),
        "refused_rows_by_reason": dg.MetadataValue.json(counts),
    }


def refused_cells(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Cells and rows of a hashed audience that were refused, by column and reason; `*` is a whole row."""
    counts = stats.get("refused_cells") or {}
    rows = [(*name.split(":", 1), count) for name, count in counts.items()]
    return {
        "refused_cells": _table(("column", "reason", "cells"), rows),
        "refused_cells_by_reason": dg.MetadataValue.json(dict(counts)),
    }


def column_states(stats: Mapping[str, Any]) -> dict[str, Any]:
    """In which state the values of every column came, beside what the plan declares."""
    from segment_assets.audience.column_states import tally_from_stats

    tallies = {column: tally_from_stats(tally) for column, tally in (stats.get("columns") or {}).items()}
    rows = [
        (name, t.state.value, t.values, t.plain, t.sha256, t.unusable_digests, t.digests_of_nothing, t.disagreements)
        for name, t in tallies.items()
        if t.values
    ]
    heads = ("column", "declared", "values", "plain", "SHA-256", "of no use", "of nothing", "disagree")
    return {"columns": _table(heads, rows)}


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return dg.MetadataValue.md("none")
    return dg.MetadataValue.md("\n".join(["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *lines]))


def _cell(value: object) -> str:
    # File names are whatever somebody called a file.
    return "".join(c if c.isprintable() else "?" for c in str(value)).replace("|", "\\|")
