"""Which columns each column of a query's result is made from, found in the SQL itself.

`lineage.json` next to this file holds what `derived` says, so that importing the definitions needs no SQL parser; a
test compares the two and renews the file. Belongs here: columns in, columns out. Not here: which asset shows them.
Source: https://sqlglot.com/sqlglot/lineage.html
"""

from __future__ import annotations

import importlib.resources
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets import collaboration, queries
from segment_assets.contracts import PermanentError
from segment_assets.tables import TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlglot import exp
    from sqlglot.lineage import Node

FILE = "lineage.json"
# The dialect of the engine that runs the queries of a folder in production.
DIALECTS = {"clean_room": "spark", "planning": "athena", "measurement": "athena", "activation": "athena"}
# The names of these types that both dialects read.
_SQL_TYPES = {Type.STRING: "varchar", Type.DIGEST: "varbinary"}
_DATE = re.compile(r"(?<![:\w]):[a-z_]\w*")


def declared() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Query -> column of its result -> `table.column` of every column that it is made from, sorted."""
    text = importlib.resources.files(queries).joinpath(FILE).read_text(encoding="utf-8")
    loaded: dict[str, dict[str, list[str]]] = json.loads(text)
    return loaded


def derived() -> dict[str, dict[str, list[str]]]:
    """The same, out of the SQL files as they are now."""
    return {
        name: origins(queries.read(name), dialect)
        for folder, dialect in DIALECTS.items()
        for name in queries.names(folder)
    }


def origins(sql: str, dialect: str) -> dict[str, list[str]]:
    """Column of the result -> what its values are made from. A column of nothing but literals is made from nothing.

    Filters do not count, nor joins, but for a join key that a value is read from: it stands in both tables.

    >>> origins("SELECT COUNT(DISTINCT c.email_sha256) AS people FROM customers AS c", "spark")
    {'people': ['customers.email_sha256']}
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.lineage import lineage

    text = _DATE.sub("DATE '2026-01-05'", sql)
    tree = sqlglot.parse_one(text, read=dialect)
    schema = schema_of_names()
    unknown = {table.name for table in tree.find_all(exp.Table)} - set(schema) - _local_names(tree)
    if unknown:
        raise PermanentError(f"the SQL reads {', '.join(sorted(unknown))}, which no table of segment_assets/tables is")
    joined = _joined(tree)
    found = {}
    for column in tree.named_selects:
        direct = set(_leaves(lineage(column, text, schema=schema, dialect=dialect)))
        found[column] = sorted(direct.union(*(joined.get(leaf, ()) for leaf in direct)))
    return found


def _leaves(node: Node) -> Iterator[str]:
    """The columns of stored tables at the ends of a column's tree; other ends are literals and counted rows."""
    from sqlglot import exp

    for end in node.walk():
        if not end.downstream and isinstance(end.source, exp.Table):
            yield f"{_stored(end.source.name)}.{end.name.rpartition('.')[2]}"


def _joined(tree: exp.Expression) -> dict[str, set[str]]:
    """Column -> the columns that joins make equal to it, directly or by way of others."""
    from sqlglot import exp

    local = _local_names(tree)
    tables = {t.alias_or_name: _stored(t.name) for t in tree.find_all(exp.Table) if t.name not in local}
    groups: dict[str, set[str]] = {}
    for join in tree.args.get("joins") or ():
        for equal in join.find_all(exp.EQ):
            sides = [equal.this, equal.expression]
            if all(isinstance(side, exp.Column) and side.table in tables for side in sides):
                names = {f"{tables[side.table]}.{side.name}" for side in sides}
                group = names.union(*(groups.get(name, ()) for name in names))
                groups.update(dict.fromkeys(group, group))
    return groups


def _local_names(tree: exp.Expression) -> set[str]:
    from sqlglot import exp

    return {cte.alias for cte in tree.find_all(exp.CTE)}


def schema_of_names() -> dict[str, dict[str, str]]:
    """Every name that a query may read -> its columns with their SQL types: stored tables, and their associations."""
    stored = {
        table.name: {column.name: _SQL_TYPES.get(column.type, column.type.value) for column in table.columns}
        for table in TABLES.values()
    }
    return stored | {name: stored[table] for name, table in _associations().items()}


def _associations() -> dict[str, str]:
    """A stored table may be in the collaboration under several names, one for each analysis rule."""
    configured: list[dict[str, Any]] = collaboration.document()["configuredTables"]
    return {
        table["association"]["name"]: table["configuredTable"]["tableReference"]["glue"]["tableName"]
        for table in configured
    }


def _stored(name: str) -> str:
    return _associations().get(name, name)
