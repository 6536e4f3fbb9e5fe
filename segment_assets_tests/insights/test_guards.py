"""A table for readers is not made without the table that says what it must withhold, nor with one of other results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from segment_assets.assets.insights import ASSETS
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.metrics import NoMetrics
from segment_assets.resources.warehouse import LocalWarehouse
from segment_assets.tables import CUSTOMER_REACH, TABLES, VIEWER_GROUPS

WEEK = "2026-10-05"
VIEWERS = {
    "kind": "all", "people": 1000, "impressions": 2000, "known_people": 400, "converters": 300, "buyers": 300,
    "earlier_buyers": 100,
}  # fmt: skip


class NoAccounts:
    """Account A's tables, of which nothing is there; `written` counts how often they were written again."""

    written = 0

    def version(self, table: str) -> str:
        return f"{table} {self.written}"

    def dataset(self, table: str, week: str | None = None) -> Any:
        import pyarrow.dataset as pads

        del week
        return pads.dataset(TABLES[table].arrow_schema().empty_table())


class Weekly:
    def __init__(self, folder: Path) -> None:
        self.folder, self.lake, self.accounts = folder, LocalLake(folder / "lake"), NoAccounts()

    def tell(self, table: str, **row: object) -> None:
        """Have the room tell one row."""
        writer = self.lake.writer(table, WEEK)
        schema = TABLES[table].arrow_schema()
        writer.write(pa.Table.from_pylist([dict.fromkeys(schema.names) | row], schema))
        writer.publish({})

    def make(self, name: str) -> None:
        (asset,) = (asset for asset in ASSETS if asset.key.path[-1] == name)
        resources = {
            "lake": self.lake,
            "accounts": self.accounts,
            "warehouse": LocalWarehouse(self.folder),
            "workdir": self.folder,
            "metrics": NoMetrics(),
        }
        dg.materialize([asset], partition_key=WEEK, resources=resources)

    def people(self) -> int | None:
        rows = self.lake.dataset(self.lake.current("net_new_reach", WEEK)).to_table().to_pylist()
        return next(row["people"] for row in rows if row["channel"] == "(all)")


@pytest.fixture
def weekly(tmp_path: Path) -> Weekly:
    made = Weekly(tmp_path)
    made.tell(VIEWER_GROUPS.name, **VIEWERS)
    return made


def test_nothing_is_shown_while_nothing_says_what_must_be_withheld(weekly: Weekly) -> None:
    with pytest.raises(dg.Failure, match=r"measurement/complementary_cells .* materialize it first") as failed:
        weekly.make("net_new_reach")
    assert failed.value.allow_retries is False
    with pytest.raises(dg.Failure, match=r"planning/audience_overlap .* materialize it first"):
        weekly.make("complementary_cells")


def test_nothing_is_shown_under_what_was_said_of_other_results(weekly: Weekly) -> None:
    for name in ("audience_overlap", "complementary_cells", "net_new_reach"):
        weekly.make(name)
    assert weekly.people() == 1000
    weekly.tell(VIEWER_GROUPS.name, **VIEWERS | {"people": 1100})
    with pytest.raises(dg.Failure, match=r"other results .*viewer_groups.* materialize it again") as failed:
        weekly.make("net_new_reach")
    assert (failed.value.allow_retries, weekly.people()) == (False, 1000)
    for name in ("complementary_cells", "net_new_reach"):
        weekly.make(name)
    assert weekly.people() == 1100


def test_what_is_withheld_is_not_said_under_an_overlap_of_other_results(weekly: Weekly) -> None:
    weekly.make("audience_overlap")
    weekly.tell(CUSTOMER_REACH.name, exposed_customers=500)
    with pytest.raises(dg.Failure, match=r"audience_overlap was made from other results .*customer_reach"):
        weekly.make("complementary_cells")


def test_nothing_is_shown_under_what_was_said_of_other_customers(weekly: Weekly) -> None:
    """Of 2,100 customers 2,000 reached ones may be told, of 2,003 not: their frequencies would tell the three."""
    for name in ("audience_overlap", "complementary_cells", "reach_frequency"):
        weekly.make(name)
    weekly.accounts.written += 1
    with pytest.raises(dg.Failure, match=r"complementary_cells was made from other results .*customers"):
        weekly.make("reach_frequency")
    with pytest.raises(dg.Failure, match=r"audience_overlap was made from other results .*customers"):
        weekly.make("complementary_cells")
    for name in ("audience_overlap", "complementary_cells", "reach_frequency"):
        weekly.make(name)
