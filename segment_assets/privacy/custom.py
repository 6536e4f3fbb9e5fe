"""The CUSTOM rule: any SELECT, within the controls that the owners set.

Belongs here: the order in which controls are asked, disallowed output columns, ID mapping tables under this rule.
Not here: permissions (`permissions`), thresholds (`guarded`), comparisons, differential privacy, the SQL surface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.calls import calls
from segment_assets.privacy.comparisons import Comparisons
from segment_assets.privacy.differential import check_differential_privacy, user_column
from segment_assets.privacy.guarded import all_thresholds, check_thresholds, documented_hole
from segment_assets.privacy.identities import local_limits
from segment_assets.privacy.lineage import Lineage
from segment_assets.privacy.mapping import HIDDEN, certain_equalities
from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.relations import own_nodes
from segment_assets.privacy.rules import CustomRule, IdMappingRule
from segment_assets.privacy.scope import mixed, unusable
from segment_assets.privacy.statements import cached_and_query
from segment_assets.privacy.surface import Surface, check_constructs, check_functions
from segment_assets.privacy.validity import check_validity
from segment_assets.privacy.verdicts import Documented, Reason, RuleKind, Verdict, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.privacy.relations import Block, Relation
    from segment_assets.privacy.situation import Situation, Table
    from segment_assets.privacy.statements import Text

_MOST_TABLES = 15


def judge_custom(sql: str, text: Text, situation: Situation, named: tuple[str, ...]) -> Verdict:
    """The verdict on a query whose tables, of these names, have CUSTOM rules, apart from permissions."""
    cached, query, reasons = cached_and_query(text)
    if query is None:
        return Verdict(sql, tuple(reasons), RuleKind.CUSTOM, named)
    lineage = Lineage(situation)
    known: dict[str, Relation] = {}
    for statement in cached:
        known[statement.this.name.lower()] = lineage.read(statement.expression, known, final=False)
    result = lineage.read(query, known, final=True)
    tables = tuple(sorted(lineage.tables))
    if lineage.problems:
        # A name that nothing has is what the page on constructs may explain (a struct, a lateral view); behind what
        # cannot be followed, every name is unknown.
        doubts = tuple(problem for problem in lineage.problems if problem.weight is Weight.DOUBTS)
        return Verdict(sql, doubts or tuple(lineage.problems), RuleKind.CUSTOM, tables)
    trees = [*cached, query]
    found = [*_check_tables(lineage, query), *_check_surface(text, trees, lineage, situation)]
    found += check_validity(trees, lineage)
    found += _check_followed(trees, lineage)
    found += _check_outputs(lineage, cached, result)
    found += Comparisons(lineage).check()
    found += check_thresholds(lineage, result)
    found += check_differential_privacy(query, lineage, situation)
    found += _check_mappings(lineage)
    withheld = tuple(all_thresholds(lineage, result))
    found += local_limits(cached, query, lineage, result, withheld)
    noised = any(user_column(table) for table in lineage.tables.values())
    outputs = tuple(field.name for field in result.fields)
    told = () if documented_hole(lineage) else withheld
    return Verdict(sql, tuple(found), RuleKind.CUSTOM, tables, outputs, told, query, noised=noised, enforced=withheld)


def _check_tables(lineage: Lineage, query: exp.Expression) -> Iterator[Reason]:
    tables = [lineage.tables[name] for name in sorted(lineage.tables)]
    if not tables:
        yield reason(Refusal.NO_TABLE, "the query reads no table; add FROM", query, Documented.RULES)
    if len(tables) > _MOST_TABLES:
        message = f"at most {_MOST_TABLES} tables may be read, here are {len(tables)}"
        yield reason(Refusal.TOO_MANY_TABLES, message, query, Documented.QUOTAS)
    for table in tables:
        yield from unusable(table, query)
    yield from mixed(tables, query)


def _check_surface(text: Text, trees: list[exp.Expression], lineage: Lineage, situation: Situation) -> Iterator[Reason]:
    tables = lineage.tables.values()
    surfaces = [Surface.GUARDED] if any(_is_guarded(table) for table in tables) else []
    surfaces += [Surface.PRIVATE] if any(user_column(table) for table in tables) else []
    called = list(calls(text.tokens, set(_named_at(trees))))
    yield from _check_unseen(trees, {call.name for call in called})
    for surface in surfaces or [Surface.PLAIN]:
        yield from check_constructs(trees, surface)
        yield from check_functions(called, surface)
    for tree in trees:
        for node in tree.find_all(exp.Placeholder, exp.Parameter):
            if situation.template is None:
                message = "a direct query has no parameters; render them to literals or run it as a template"
                yield reason(Refusal.UNRENDERED_PARAMETER, message, node, Documented.CUSTOM)


def _named_at(trees: list[exp.Expression]) -> Iterator[int]:
    """Where the names of CTEs and aliases stand in the text, so that no function of the same name is passed over."""
    for tree in trees:
        for alias in tree.find_all(exp.TableAlias):
            if alias.this is not None and "start" in alias.this.meta:
                yield alias.this.meta["start"]


def _check_unseen(trees: list[exp.Expression], seen: set[str]) -> Iterator[Reason]:
    """A function that the tree has and the list of written names has not is one that no page was asked about."""
    for tree in trees:
        for node in tree.find_all(exp.Anonymous, exp.AnonymousAggFunc):
            if node.name.upper() not in seen:
                message = "which function this is cannot be told; write the query another way"
                yield reason(Refusal.NOT_DOCUMENTED, message, node, Documented.CUSTOM, weight=Weight.DOUBTS)


def _check_followed(trees: list[exp.Expression], lineage: Lineage) -> Iterator[Reason]:
    """A column that was not met on the way through the query stands where nothing here looks: no yes without it."""
    for tree in trees:
        for column in tree.find_all(exp.Column):
            left_out = isinstance(column.parent, exp.Star)
            star = isinstance(column.this, exp.Star)
            if not (id(column) in lineage.fields or left_out or star):
                message = "what becomes of this column cannot be followed; write the query another way"
                yield reason(Refusal.NOT_DOCUMENTED, message, column, Documented.CUSTOM, weight=Weight.DOUBTS)


def _is_guarded(table: Table) -> bool:
    rule = table.policy
    return isinstance(rule, CustomRule) and bool(rule.aggregation_thresholds or rule.comparison_controls)


def _check_outputs(lineage: Lineage, cached: list[exp.Cache], result: Relation) -> Iterator[Reason]:
    """No column of the result, or of a cached table, is made from a disallowed column in any way."""
    queries = [(statement.expression, "cached tables") for statement in cached]
    final = [block.select for block in lineage.blocks if block.final]
    for query, where in [*queries, *((select, "the result") for select in final)]:
        relation = lineage.results[id(query)]
        for field in relation.fields:
            yield from _check_output(field.name, field.origins, query, where, lineage)
    if not final:
        for field in result.fields:
            yield from _check_output(field.name, field.origins, None, "the result", lineage)


def _check_output(
    output: str, origins: frozenset[tuple[str, str]], query: exp.Expression | None, where: str, lineage: Lineage
) -> Iterator[Reason]:
    for name, column in sorted(origins):
        table = lineage.tables[name]
        if isinstance(table.policy, CustomRule) and column in table.policy.disallowed_output_columns:
            item = _item(query, output)
            message = (
                f"{column} is in disallowedOutputColumns, and {where} would have a column made from it; leave it out"
            )
            yield reason(Refusal.DISALLOWED_OUTPUT, message, item, Documented.DISALLOWED_OUTPUT, table)


def _item(query: exp.Expression | None, output: str) -> exp.Expression | None:
    items = query.expressions if isinstance(query, exp.Select) else []
    return next((item for item in items if item.alias_or_name.lower() == output.lower()), items[0] if items else query)


def _check_mappings(lineage: Lineage) -> Iterator[Reason]:
    for block in lineage.blocks:
        for alias, relation in block.relations.items():
            if relation.base is not None and isinstance(relation.base.policy, IdMappingRule):
                yield from _check_mapping(block, alias, relation.base, relation.base.policy, lineage)


def _check_mapping(block: Block, alias: str, table: Table, rule: IdMappingRule, lineage: Lineage) -> Iterator[Reason]:
    page = Documented.ID_MAPPING_TABLE
    select = block.select
    joins = {id(node) for join in select.args.get("joins") or [] for node in join.find_all(exp.Column)}
    for node in own_nodes(select):
        field = lineage.fields.get(id(node))
        hidden = [c for name, c in (field.origins if field else ()) if name == table.name and c not in rule.dimensions]
        if hidden and id(node) not in joins:
            yield reason(Refusal.MAPPING_COLUMN, HIDDEN, node, page, table)
        elif hidden and not _is_plain_equality(node, lineage):
            message = "whether a hidden column of an ID mapping table may stand in a condition that is not column ="
            message += " column is not documented; join on it only"
            yield reason(Refusal.MAPPING_COLUMN, message, node, page, table, weight=Weight.DOUBTS)
    if any(isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))
           for item in select.expressions):  # fmt: skip
        yield reason(Refusal.MAPPING_COLUMN, HIDDEN, select, page, table)
    aliases = list(block.relations)
    equalities: list[tuple[exp.Column, exp.Column]] = []
    for number, join in enumerate(select.args.get("joins") or [], start=1):
        joined = aliases[number] if number < len(aliases) else ""
        outer = (
            join.side == "FULL"
            or (join.side == "LEFT" and alias != joined)
            or (join.side == "RIGHT" and alias == joined)
        )
        if outer and (alias == joined or number > aliases.index(alias)):
            message = "an ID mapping table is on the inner side of every join; turn the join round or make it INNER"
            yield reason(Refusal.MAPPING_SIDE, message, join, page, table)
        if join.args.get("on") is not None:
            equalities += certain_equalities(join.args["on"])
    for name in rule.overlap:
        if not any(_links(pair, alias, name, block) for pair in equalities):
            message = f"the query must join {table.name} to a table on {name} (requireOverlap)"
            yield reason(Refusal.MAPPING_OVERLAP, message, select, page, table)


def _is_plain_equality(node: exp.Expression, lineage: Lineage) -> bool:
    """Whether a column is compared by = with another one, which is not a literal under a name."""
    parent = node.parent
    if not isinstance(parent, exp.EQ):
        return False
    sides = [lineage.fields.get(id(side)) for side in (parent.this, parent.expression)]
    plain = isinstance(parent.this, exp.Column) and isinstance(parent.expression, exp.Column)
    return plain and not any(side is None or side.constant for side in sides)


def _links(pair: tuple[exp.Column, exp.Column], alias: str, name: str, block: Block) -> bool:
    def of(column: exp.Column) -> str:
        if column.table:
            return str(column.table).lower()
        return next((known for known, relation in block.relations.items() if relation.field(column.name)), "")

    one, other = pair if of(pair[0]) == alias else pair[::-1]
    return of(one) == alias and one.name.lower() == name and of(other) != alias
