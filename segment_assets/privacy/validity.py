"""What Spark refuses before any rule is asked, and our parser does not: positions, LIMIT, IN (), ungrouped columns.

Belongs here: mistakes that are certain. Not here: names (`lineage`), constructs and functions (`surface`).
A function that is not known to be a scalar is not looked into, since it may be an aggregate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.relations import is_aggregate, own_nodes
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_assets.privacy.lineage import Lineage
    from segment_assets.privacy.relations import Block

_PAGE = Documented.CUSTOM
_IN_WHAT = ("expressions", "query", "unnest", "field")
_SCALARS = (
    exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Cast, exp.Upper, exp.Lower, exp.Abs, exp.Ceil, exp.Floor, exp.Round,
    exp.Year, exp.Month, exp.Day, exp.Substring, exp.Concat, exp.Length, exp.Trim, exp.Greatest, exp.Least, exp.SHA2,
    exp.Connector,
)  # fmt: skip


def check_validity(trees: Iterable[exp.Expression], lineage: Lineage) -> Iterator[Reason]:
    """The reasons against a query that Spark would not run whatever the rules say."""
    for tree in trees:
        for node in tree.walk():
            yield from _check_node(node)
            if isinstance(node, exp.Query) and node.args.get("order") and id(node) in lineage.results:
                width = len(lineage.results[id(node)].fields)
                for key in node.args["order"].expressions:
                    yield from _check_position(key.this, width)
    for block in lineage.blocks:
        group = block.select.args.get("group")
        for key in group.expressions if group else []:
            yield from _check_position(key, len(lineage.results[id(block.select)].fields))
        yield from _check_grouped(block)


def _check_node(node: exp.Expression) -> Iterator[Reason]:
    if isinstance(node, exp.In) and not any(
        node.args.get(part) for part in ("expressions", "query", "unnest", "field")
    ):
        yield reason(Refusal.SYNTAX, "IN needs at least one value", node, _PAGE)
    elif isinstance(node, exp.Count) and node.this is None:
        yield reason(Refusal.SYNTAX, "COUNT needs an argument", node, _PAGE)
    elif isinstance(node, exp.Limit):
        number = node.expression
        if isinstance(number, (exp.Neg, exp.Column)) or (isinstance(number, exp.Literal) and not _is_position(number)):
            yield reason(Refusal.SYNTAX, "LIMIT takes a whole number", node, _PAGE)


def _is_position(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal) and node.is_int


def _check_position(key: exp.Expression, width: int) -> Iterator[Reason]:
    if not isinstance(key, exp.Literal) or key.is_string:
        return
    if not _is_position(key):
        message = "a number that is not whole is no position; name a column"
        yield reason(Refusal.SYNTAX, message, key, _PAGE, weight=Weight.DOUBTS)
    elif not 1 <= int(key.this) <= width:
        yield reason(Refusal.SYNTAX, f"there is no output at this position, there are {width}", key, _PAGE)


def _check_grouped(block: Block) -> Iterator[Reason]:
    """In a SELECT that aggregates, what stands outside aggregates is made from the keys of GROUP BY."""
    select = block.select
    group = select.args.get("group")
    after = [part for name in ("having", "order") if (part := select.args.get(name)) is not None]
    aggregating = any(is_aggregate(node) for part in [*select.expressions, *after] for node in own_nodes(part))
    if not (group or aggregating) or (group and group.args.get("all")) or _has_pivot(select):
        return
    outputs = {item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)}
    keys = set(_keys(block, outputs)) if group else set()
    found = [node for item in select.expressions for node in _ungrouped(_normal(item, block), keys, block)]
    # HAVING and ORDER BY may name an output.
    loose = [node for part in after for node in _ungrouped(_normal(part, block), keys, block)]
    found += [node for node in loose if not (isinstance(node, exp.Column) and node.name in outputs)]
    for node in found:
        yield reason(Refusal.NOT_GROUPED, "what is not aggregated must be in GROUP BY", node, _PAGE)


def _has_pivot(select: exp.Select) -> bool:
    return any(node.args.get("pivots") for node in select.find_all(exp.Table, exp.Subquery, exp.Join))


def _keys(block: Block, outputs: dict[str, exp.Expression]) -> Iterator[exp.Expression]:
    """The keys of GROUP BY; of CUBE and the like, every part."""
    group = block.select.args["group"]
    for key in group.expressions:
        if isinstance(key, exp.Literal) and _is_position(key) and 1 <= int(key.this) <= len(block.select.expressions):
            yield _normal(block.select.expressions[int(key.this) - 1].unalias(), block)
        elif isinstance(key, exp.Column) and not _homes(key, block) and key.name.lower() in outputs:
            yield _normal(outputs[key.name.lower()], block)
        elif isinstance(key, (exp.Cube, exp.Rollup, exp.GroupingSets, exp.Tuple)):
            yield from (_normal(node, block) for node in own_nodes(key))
        else:
            yield _normal(key, block).unnest()
    for name in ("cube", "rollup", "grouping_sets"):
        for part in group.args.get(name) or []:
            yield from (_normal(node, block) for node in own_nodes(part))


def _homes(column: exp.Column, block: Block) -> list[str]:
    wanted = ("", *block.relations) if not column.table else (column.table.lower(),)
    return [name for name, relation in block.relations.items() if name in wanted and relation.field(column.name)]


def _normal(node: exp.Expression, block: Block) -> exp.Expression:
    """A copy with every column under its table, in small letters, so that two ways of naming it are equal."""
    copy: exp.Expression = node.copy()
    for column in [part for part in own_nodes(copy) if isinstance(part, exp.Column)]:
        homes = _homes(column, block)
        if isinstance(column.this, exp.Identifier) and homes:
            column.this.set("this", column.name.lower())
            column.this.args["quoted"] = False
            column.set("table", exp.to_identifier(homes[0]) if column.name not in block.merged else None)
    return copy


def _ungrouped(node: exp.Expression, keys: set[exp.Expression], block: Block) -> Iterator[exp.Expression]:
    """The columns and stars of an expression that are neither below a key nor below an aggregate."""
    if (
        node in keys
        or node.unnest() in keys
        or isinstance(node, (exp.Query, exp.SubqueryPredicate))
        or is_aggregate(node)
    ):
        return
    if isinstance(node, exp.Star):
        yield node
    elif isinstance(node, exp.Column):
        if isinstance(node.this, exp.Star) or _homes(node, block) or (not node.table and node.name in block.merged):
            yield node
    elif isinstance(node, _SCALARS) or not isinstance(node, (exp.Func, exp.Filter, exp.WithinGroup, exp.Window)):
        for part in node.iter_expressions():
            yield from _ungrouped(part, keys, block)
