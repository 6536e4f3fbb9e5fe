"""The numbers of a reporting week, counted person by person in plain Python from the accounts' own files.

Belongs here: an independent computation that shares no SQL and no engine with the product. Not here: expectations.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

MINIMUM = 100


def told(people: int, *, out_of: int | None = None) -> int | None:
    """A count as a reader may see it: withheld below the minimum, and where it would tell about few others."""
    if people < MINIMUM or (out_of is not None and out_of - people < MINIMUM):
        return None
    return people


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [row for file in sorted(folder.rglob("*.parquet")) for row in pq.ParquetFile(file).read().to_pylist()]


def _sets(pairs: Iterable[tuple[Any, str]]) -> dict[Any, set[str]]:
    found = collections.defaultdict(set)
    for key, person in pairs:
        found[key].add(person)
    return dict(found)


@dataclasses.dataclass(frozen=True)
class Truth:
    """People are join keys. All mappings go from a group to its people."""

    base: set[str]
    base_by_country: Mapping[str, set[str]]
    matched: set[str]
    matched_by_creative: Mapping[str, set[str]]
    matched_by_band: Mapping[str, set[str]]
    converters_by_band: Mapping[str, set[str]]
    known_creatives: set[str]
    reached: set[str]
    reached_by_campaign: Mapping[tuple[str, str], set[str]]
    impressions_by_campaign: Mapping[tuple[str, str], int]

    @classmethod
    def read(cls, accounts: Path, week: str) -> Truth:
        customers = [row for row in _rows(accounts / "a" / "customers") if row["email_sha256"]]
        conversions = _rows(accounts / "a" / "conversions" / f"week={week}")
        shown = [row for row in _rows(accounts / "b" / "impressions" / f"week={week}") if row["email_sha256"]]
        bought = [row for row in conversions if row["email_sha256"]]
        base = {row["email_sha256"] for row in customers}
        last = {}
        for row in bought:
            last[row["email_sha256"]] = max(row["date"], last.get(row["email_sha256"], row["date"]))
        first = {}
        for row in shown:
            first[row["email_sha256"]] = min(row["date"], first.get(row["email_sha256"], row["date"]))
        before = [row for row in shown if row["email_sha256"] in last and last[row["email_sha256"]] >= row["date"]]
        after = [row for row in bought if row["email_sha256"] in first and first[row["email_sha256"]] <= row["date"]]
        ours = [row for row in shown if row["email_sha256"] in base]
        return cls(
            base=base,
            base_by_country=_sets((row["birth_country"], row["email_sha256"]) for row in customers),
            matched={row["email_sha256"] for row in before},
            matched_by_creative=_sets((row["creative_id"], row["email_sha256"]) for row in before),
            matched_by_band=_sets((row["price_band"] or "without price", row["email_sha256"]) for row in after),
            converters_by_band=_sets((row["price_band"] or "without price", row["email_sha256"]) for row in bought),
            known_creatives={row["creative_id"] for row in conversions if row["creative_id"]},
            reached={row["email_sha256"] for row in ours},
            reached_by_campaign=_sets(((row["campaign_id"], row["channel"]), row["email_sha256"]) for row in ours),
            impressions_by_campaign=collections.Counter((row["campaign_id"], row["channel"]) for row in ours),
        )
