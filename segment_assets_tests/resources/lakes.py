"""Rows of a small declared table, published to any lake and read again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_assets.tables import EXPOSED_CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_assets.contracts import Lake, Snapshot

TABLE, WEEK = EXPOSED_CUSTOMERS.name, "2026-10-05"


def rows_of(numbers: Iterable[int]) -> pa.Table:
    return pa.table({"customer_id": [f"c{number:07d}" for number in numbers]}, EXPOSED_CUSTOMERS.arrow_schema())


def noise(size: int) -> pa.Table:
    """Rows whose file has about so many bytes: random digits compress to a half and not below."""
    digits = random.Random(7).randbytes(size).hex()
    texts = [digits[start : start + 1000] for start in range(0, len(digits), 1000)]
    return pa.table({"customer_id": texts}, EXPOSED_CUSTOMERS.arrow_schema())


def publish(lake: Lake, *parts: pa.Table, stats: Mapping[str, object] | None = None, week: str = WEEK) -> Snapshot:
    writer = lake.writer(TABLE, week)
    for part in parts:
        writer.write(part)
    return writer.publish(stats or {})


def customers(lake: Lake, snapshot: Snapshot) -> list[str]:
    return lake.dataset(snapshot).to_table().column("customer_id").to_pylist()
