"""The rows that insight statements read, as a warehouse of either world finds them.

Belongs here: which versions of a table are read. Not here: the statements (`queries`), running them (`resources`).
"""

from typing import TYPE_CHECKING

from segment_assets.contracts import Lake
from segment_assets.resources.ports import AccountTables, Source
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    import pyarrow.dataset as pads


def lake_rows(lake: Lake, table: str, partition: str) -> Source:
    """The current version of one partition, no rows where there is none."""
    import pyarrow.dataset as pads

    snapshot = lake.current(table, partition)
    if snapshot is None:
        return Source(table, pads.dataset(TABLES[table].arrow_schema().empty_table()), ())
    return Source(table, lambda: lake.dataset(snapshot), (snapshot,))


def every_partition(lake: Lake, table: str) -> Source:
    """The current versions of all partitions of a table."""
    import pyarrow.dataset as pads

    parts = [snapshot for name in lake.partitions(table) if (snapshot := lake.current(table, name))]
    if not parts:
        return Source(table, pads.dataset(TABLES[table].arrow_schema().empty_table()), ())
    return Source(table, lambda: pads.dataset([lake.dataset(part) for part in parts]), parts)


def account_rows(accounts: AccountTables, table: str, week: str | None = None) -> Source:
    """One of account A's own tables, of one week or of all."""
    return Source(table, lambda: accounts.dataset(table, week), week=week)


def all_rows(lake: Lake, table: str) -> "pads.Dataset":
    """The current rows of every partition of a table, for engines that read files."""
    return every_partition(lake, table).dataset
