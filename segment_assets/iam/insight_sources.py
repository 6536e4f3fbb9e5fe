"""Which tables the insight queries read: what the insight duty may see, and of the lake nothing else.

Belongs here: names, as the SQL files have them. Not here: grants (`duties`), running the queries (`resources.aws`).
"""

from __future__ import annotations

import functools

from segment_assets import queries
from segment_assets.tables import CONVERSIONS, CUSTOMERS, OPT_OUTS

# The other folder is the clean room's.
FOLDERS = ("activation", "measurement", "planning")
_OWN = frozenset({CUSTOMERS.name, CONVERSIONS.name, OPT_OUTS.name})


def of_lake() -> list[str]:
    """Tables of the lake, sorted."""
    return sorted(_named() - _OWN)


def of_account() -> list[str]:
    """Account A's own tables, sorted: sources of the collaboration, whose columns the queries choose."""
    return sorted(_named() & _OWN)


@functools.cache
def _named() -> frozenset[str]:
    import sqlglot
    from sqlglot import exp

    found: set[str] = set()
    for name in (name for folder in FOLDERS for name in queries.names(folder)):
        query = sqlglot.parse_one(queries.read(name), dialect="athena")
        local = {part.alias for part in query.find_all(exp.CTE)}
        stored = {table.name for table in query.find_all(exp.Table) if isinstance(table.this, exp.Identifier)}
        found |= stored - local
    return frozenset(found)
