"""Which tables a query reads and which column each name means.

Belongs here: resolving names before any rule is asked. Not here: whether a column may stand where it stands.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.verdicts import Documented, Reason, RuleKind, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_assets.privacy.situation import Situation, Table

_MOST_TABLES = 15
# Names starting with two underscores are the helper columns of `enforcement`.
OUTPUT_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]{0,127}")
_NAMING = "a name has letters, digits and underscores and does not start with two of these"


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """The tables of a query by alias, in the order of the query, the account that runs it, the functions it calls."""

    tables: Mapping[str, Table]
    runner: str
    called: frozenset[str] = frozenset()

    @property
    def ruled(self) -> dict[str, Table]:
        """The tables with a rule of their own, without ID mapping tables."""
        return {alias: table for alias, table in self.tables.items() if not table.is_mapping}

    def table_of(self, column: exp.Column) -> Table:
        """The table of a qualified column."""
        return self.tables[column.table]


def table_nodes(select: exp.Select) -> list[exp.Expression]:
    """What stands in FROM and JOIN, in order.

    >>> [str(node) for node in table_nodes(sqlglot.parse_one("SELECT a FROM t JOIN u ON t.a = u.a"))]
    ['t', 'u']
    """
    from_ = select.args.get("from_")
    joins = select.args.get("joins") or []
    return ([from_.this] if from_ else []) + [join.this for join in joins]


def read_scope(
    select: exp.Select, situation: Situation, called: frozenset[str] = frozenset()
) -> tuple[Scope, list[Reason]]:
    """The tables of the query, and the reasons why they cannot be queried together."""
    nodes = table_nodes(select)
    tables: dict[str, Table] = {}
    reasons: list[Reason] = []
    if not nodes:
        reasons.append(reason(Refusal.NO_TABLE, "the query reads no table; add FROM", select, Documented.RULES))
    if len(nodes) > _MOST_TABLES:
        message = f"at most {_MOST_TABLES} tables may be joined, here are {len(nodes)}"
        reasons.append(reason(Refusal.TOO_MANY_TABLES, message, nodes[_MOST_TABLES], Documented.QUOTAS))
    for node in nodes:
        table = situation.table(node.name)
        alias = node.alias_or_name.lower()
        if table is None:
            message = "no member associated a table of this name; look at configuredTables"
            reasons.append(reason(Refusal.UNKNOWN_TABLE, message, node, Documented.RULES))
            continue
        if alias in tables:
            message = "two tables have the same alias; rename one"
            reasons.append(reason(Refusal.DUPLICATE_ALIAS, message, node, Documented.RULES, table))
        if not OUTPUT_NAME.fullmatch(alias):
            reasons.append(reason(Refusal.OUTPUT_NAME, _NAMING, node, Documented.LOCAL, table))
        reasons += unusable(table, node)
        tables[alias] = table
    refused = any(found.weight is Weight.REFUSES for found in reasons)
    return Scope(tables, situation.runner, called), reasons if refused else [*reasons, *mixed(tables.values(), select)]


def unusable(table: Table, node: exp.Expression) -> Iterator[Reason]:
    """The reasons why a table cannot be queried at all."""
    if not table.directly_queryable:
        message = "its owner allows jobs only; ask for analysisMethod DIRECT_QUERY"
        yield reason(Refusal.NOT_DIRECTLY_QUERYABLE, message, node, Documented.RULES, table)
    if table.policy is None:
        message = "a table without an analysis rule cannot be queried; its owner must add one"
        yield reason(Refusal.NO_RULE, message, node, Documented.RULES, table)


def mixed(tables: Iterable[Table], node: exp.Expression) -> Iterator[Reason]:
    """All tables share one type of rule; ID mapping tables take it over and have none of their own."""
    known = list(tables)
    kinds = sorted({table.kind for table in known if table.kind and not table.is_mapping})
    if len(kinds) > 1:
        message = f"all tables of a query need the same type of rule, here are {' and '.join(kinds)}"
        yield reason(Refusal.MIXED_RULES, message, node, Documented.RULES)
    elif known and not kinds:
        message = "an ID mapping table is queried in a join with tables that have a rule of their own; join it to them"
        yield reason(Refusal.MAPPING_ALONE, message, node, Documented.ID_MAPPING_TABLE, known[0])


def kind_of(scope: Scope) -> RuleKind:
    """The type of rule that all tables of the query share."""
    kind = next(iter(scope.ruled.values())).kind
    assert kind is not None, "read_scope refuses tables without a rule"
    return kind


def qualify(select: exp.Select, scope: Scope) -> tuple[exp.Select, list[Reason]]:
    """A copy in which each column names its alias, and ORDER BY and GROUP BY say the expression, not its alias.

    Spark resolves a bare name in GROUP BY to a column first and in ORDER BY to an output first; so does this.

    >>> SELECT channel AS c, SUM(cost) AS n FROM impressions i GROUP BY c ORDER BY n
    ... SELECT i.channel AS c, SUM(i.cost) AS n FROM impressions i GROUP BY i.channel ORDER BY SUM(i.cost)
    """
    tree = select.copy()
    outputs = {item.alias.lower(): item.this for item in tree.expressions if isinstance(item, exp.Alias)}
    for ordered in _parts(tree, "order"):
        if _is_output(ordered.this, outputs):
            ordered.set("this", outputs[ordered.this.name.lower()].copy())
    for item in _parts(tree, "group"):
        if _is_output(item, outputs) and not _owners(item, scope):
            item.replace(outputs[item.name.lower()].copy())
    reasons = [found for column in tree.find_all(exp.Column) for found in _resolve(column, scope)]
    return tree, reasons


def _parts(tree: exp.Select, clause: str) -> list[exp.Expression]:
    found = tree.args.get(clause)
    return list(found.expressions) if found else []


def _is_output(node: exp.Expression, outputs: Mapping[str, exp.Expression]) -> bool:
    return isinstance(node, exp.Column) and not node.table and node.name.lower() in outputs


def _owners(column: exp.Column, scope: Scope) -> list[str]:
    return [alias for alias, table in scope.tables.items() if column.name.lower() in table.columns]


def _resolve(column: exp.Column, scope: Scope) -> Iterator[Reason]:
    """Write the alias into the column, or say why it cannot be known. Whether a hidden column exists is not told."""
    if column.table and column.table.lower() not in scope.tables:
        message = "no table of the query has this alias"
        yield reason(Refusal.UNKNOWN_TABLE, message, column, Documented.RULES)
        return
    owners = [alias for alias in _owners(column, scope) if column.table.lower() in ("", alias)]
    if not owners:
        table = scope.tables.get(column.table.lower())
        message = "the column is not in allowedColumns of the tables of this query"
        yield reason(Refusal.COLUMN_NOT_ALLOWED, message, column, Documented.RULES, table)
    elif len(owners) > 1:
        message = "several tables have this column; put an alias before it"
        yield reason(Refusal.AMBIGUOUS_COLUMN, message, column, Documented.RULES)
    else:
        meta = dict(column.this.meta)
        column.set("this", exp.to_identifier(column.name.lower()))
        column.this.meta.update(meta)
        alias = exp.to_identifier(owners[0])
        alias.meta.update(column.args["table"].meta if column.table else {})
        column.set("table", alias)


def name_outputs(select: exp.Select) -> tuple[tuple[str, ...], list[Reason]]:
    """The names of the result's columns; an unnamed expression is called after its position.

    >>> name_outputs(sqlglot.parse_one("SELECT i.channel, COUNT(i.u) FROM impressions i"))[0]
    ('channel', '_c1')
    """
    names: list[str] = []
    reasons: list[Reason] = []
    for position, item in enumerate(select.expressions):
        name = item.alias_or_name if isinstance(item, (exp.Alias, exp.Column)) else f"_c{position}"
        if not OUTPUT_NAME.fullmatch(name):
            reasons.append(reason(Refusal.OUTPUT_NAME, _NAMING, item, Documented.LOCAL))
        if name.lower() in (other.lower() for other in names):
            message = "two columns of the result have the same name; rename one with AS"
            reasons.append(reason(Refusal.DUPLICATE_OUTPUT, message, item, Documented.LOCAL))
        names.append(name)
    return tuple(names), reasons
