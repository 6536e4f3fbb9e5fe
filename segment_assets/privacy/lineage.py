"""Where each column of a query comes from, through subqueries, CTEs, cached tables and set operations.

Belongs here: names and origins, whatever the rules say of them. Not here: judging (`custom`).
A name that cannot be resolved is a reason; nothing is guessed. sqlglot's own lineage rebuilds the whole query for every
column; this walks it once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.relations import Block, Field, Relation, made_of, merged, once
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.privacy.situation import Situation, Table

# Parts of an expression that can become its value, against those that only decide or measure.
_CHOOSING = (exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.DecodeCase, exp.Greatest, exp.Least)


class Lineage:
    """The origins of every column of the statements, in the order in which they were written.

    `blocks` are the SELECTs, `fields` the origin of each column node by id, `results` the columns of each query by
    id, `combined` the columns of each set operation that keeps equal rows once, `problems` what could not be resolved.
    """

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self.blocks: list[Block] = []
        self.fields: dict[int, Field] = {}
        self.results: dict[int, Relation] = {}
        self.tables: dict[str, Table] = {}
        self.combined: list[tuple[exp.SetOperation, tuple[Field, ...]]] = []
        self.problems: list[Reason] = []

    def read(self, query: exp.Expression, known: Mapping[str, Relation], *, final: bool) -> Relation:
        """Follow a query; `known` are the CTEs and cached tables that it can name."""
        return self._query(query, dict(known), final=final, outer=None)

    def of(self, node: exp.Expression) -> list[Field]:
        """The fields of all columns in an expression, also of those in subqueries within it."""
        return [self.fields[id(part)] for part in node.find_all(exp.Column, exp.Star) if id(part) in self.fields]

    def values_of(self, node: exp.Expression, *, keys: bool = True) -> list[Field]:
        """The fields that an expression's value is made from: of a subquery in it, only its result.

        Without `keys`, what a window is partitioned and ordered by is left out.
        """
        found: list[Field] = []
        waiting = [node]
        while waiting:
            part = waiting.pop()
            if id(part) in self.results:
                found += self.results[id(part)].fields
            elif isinstance(part, (exp.Column, exp.Star)):
                found += [self.fields[id(part)]] if id(part) in self.fields else []
            elif isinstance(part, exp.Window) and not keys:
                waiting.append(part.this)
            else:
                waiting += part.iter_expressions()
        return found

    def _query(
        self, query: exp.Expression, known: dict[str, Relation], *, final: bool, outer: Block | None
    ) -> Relation:
        relation = self._followed(query, known, final=final, outer=outer)
        self.results[id(query)] = relation
        return relation

    def _followed(
        self, query: exp.Expression, known: dict[str, Relation], *, final: bool, outer: Block | None
    ) -> Relation:
        known = self._with(query, known, outer)
        if isinstance(query, (exp.Subquery, exp.Paren)):
            return self._query(query.this, known, final=final, outer=outer)
        if isinstance(query, exp.SetOperation):
            relation = self._set_operation(query, known, final=final, outer=outer)
            self._output_names(query, relation)
            return relation
        if isinstance(query, exp.Select):
            return self._select(query, known, final=final, outer=outer)
        if isinstance(query, exp.Values):
            return self._values(query)
        self._problem(Refusal.UNKNOWN_SYNTAX, f"{type(query).__name__} is not a query that can be followed", query)
        return Relation(())

    def _with(self, query: exp.Expression, known: dict[str, Relation], outer: Block | None) -> dict[str, Relation]:
        clause = query.args.get("with_")
        for cte in clause.expressions if clause else []:
            relation = self._query(cte.this, known, final=False, outer=outer)
            known = {**known, cte.alias.lower(): self._renamed(relation, cte.args.get("alias"))}
        return known

    def _renamed(self, relation: Relation, alias: exp.TableAlias | None) -> Relation:
        names = [column.name for column in (alias.args.get("columns") or [])] if alias else []
        if not names:
            return relation
        if len(names) != len(relation.fields):
            self._problem(Refusal.SYNTAX, "the alias names another number of columns than the query has", alias)
            return relation
        fields = tuple(
            dataclasses.replace(field, name=name) for field, name in zip(relation.fields, names, strict=True)
        )
        return dataclasses.replace(relation, fields=fields, base=None)

    def _set_operation(
        self, query: exp.SetOperation, known: dict[str, Relation], *, final: bool, outer: Block | None
    ) -> Relation:
        sides = [self._query(side, known, final=final, outer=outer) for side in (query.this, query.expression)]
        one, other = sides
        if len(one.fields) != len(other.fields):
            self._problem(Refusal.SYNTAX, "the two sides have different numbers of columns", query)
            return one
        fields = tuple(merged(a, b) for a, b in zip(one.fields, other.fields, strict=True))
        steps = once([*one.steps, *other.steps])
        if query.args.get("distinct") or not isinstance(query, exp.Union):
            self.combined.append((query, fields))
            steps = (*steps, query)
        return Relation(fields, one.tables | other.tables, grouped=one.grouped and other.grouped, steps=steps)

    def _output_names(self, query: exp.SetOperation, relation: Relation) -> None:
        order = query.args.get("order")
        for column in order.find_all(exp.Column) if order else []:
            field = relation.field(column.name)
            if field is None:
                self._problem(Refusal.COLUMN_NOT_ALLOWED, "the result has no column of this name", column)
            else:
                self.fields[id(column)] = field

    def _values(self, values: exp.Values) -> Relation:
        alias = values.args.get("alias")
        names = [column.name for column in (alias.args.get("columns") or [])] if alias else []
        first = values.expressions[0] if values.expressions else None
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        names = names or [f"col{number + 1}" for number in range(width)]
        return Relation(tuple(Field(name, constant=True) for name in names))

    def _select(self, select: exp.Select, known: dict[str, Relation], *, final: bool, outer: Block | None) -> Relation:
        block = Block(select, {}, final, outer, in_expression=outer is not None)
        self.blocks.append(block)
        from_ = select.args.get("from_")
        for source in [*([from_] if from_ else []), *(select.args.get("joins") or [])]:
            self._add(block, source.this, known)
        self._merge_names(block)
        for lateral in select.args.get("laterals") or []:
            self._columns(block, lateral, known, {})
            self._add_lateral(block, lateral)
        return self._clauses(block, known)

    def _add(self, block: Block, source: exp.Expression, known: dict[str, Relation]) -> None:
        alias = source.alias_or_name.lower() or f"<{len(block.relations)}>"
        if isinstance(source, exp.Table):
            relation = self._table(source, known)
        else:
            relation = self._query(source, known, final=False, outer=None)
        if not isinstance(source, exp.Values):
            relation = self._renamed(relation, source.args.get("alias"))
        if alias in block.relations:
            self._problem(Refusal.DUPLICATE_ALIAS, "two tables have the same alias; rename one", source)
        block.relations[alias] = relation

    def _table(self, node: exp.Table, known: dict[str, Relation]) -> Relation:
        if node.name.lower() in known and not node.args.get("db"):
            return known[node.name.lower()]
        table = self._situation.table(node.name) if not node.args.get("db") else None
        if table is None:
            message = "no member associated a table of this name; look at the tables of the configuration"
            self._problem(Refusal.UNKNOWN_TABLE, message, node)
            return Relation(())
        self.tables[table.name] = table
        own = {name: frozenset({(table.name, name)}) for name in table.columns}
        fields = tuple(Field(name, origin, origin, direct=True) for name, origin in own.items())
        return Relation(fields, frozenset({table.name}), table)

    def _merge_names(self, block: Block) -> None:
        """JOIN … USING and NATURAL JOIN make one column of two, which then has no table."""
        aliases = list(block.relations)
        first = 1 if block.select.args.get("from_") else 0
        for number, join in enumerate(block.select.args.get("joins") or [], start=first):
            names = {column.name.lower() for column in join.args.get("using") or []}
            if join.method == "NATURAL" and number < len(aliases):
                before = {f.name.lower() for alias in aliases[:number] for f in block.relations[alias].fields}
                names |= before & {f.name.lower() for f in block.relations[aliases[number]].fields}
            block.merged |= names

    def _add_lateral(self, block: Block, lateral: exp.Lateral) -> None:
        alias = lateral.args.get("alias")
        inner = made_of("", self.of(lateral.this))
        columns = [column.name for column in (alias.args.get("columns") or [])] if alias else []
        fields = tuple(dataclasses.replace(inner, name=name) for name in columns or ["col"])
        block.relations[(alias.name if alias else f"<{len(block.relations)}>").lower()] = Relation(fields)

    def _clauses(self, block: Block, known: dict[str, Relation]) -> Relation:
        """Resolve what each clause names, in Spark's order of scopes, and give the SELECT's own columns."""
        select = block.select
        outputs: dict[str, Field] = {}
        for join in select.args.get("joins") or []:
            self._columns(block, join.args.get("on"), known, {})
        for clause in ("where", "windows"):
            for part in _list(select.args.get(clause)):
                self._columns(block, part, known, {})
        fields = list(self._outputs(block, known, outputs))
        for clause in ("group", "having", "qualify", "order", "distribute", "sort", "cluster"):
            for part in _list(select.args.get(clause)):
                self._columns(block, part, known, outputs, outputs_first=clause in ("order", "sort"))
        return Relation(tuple(fields), block.tables, grouped=block.grouped, steps=(*block.steps, block))

    def _outputs(self, block: Block, known: dict[str, Relation], outputs: dict[str, Field]) -> Iterator[Field]:
        for position, item in enumerate(block.select.expressions):
            if _is_star(item):
                yield from self._starred(block, item)
                continue
            self._columns(block, item, known, outputs)
            field = self._made(block, item, position)
            outputs[field.name.lower()] = field
            yield field

    def _starred(self, block: Block, item: exp.Expression) -> Iterator[Field]:
        star = item.this if isinstance(item, exp.Column) else item
        left_out = {column.name.lower() for column in star.args.get("except_") or []}
        wanted = item.table.lower() if isinstance(item, exp.Column) else ""
        if wanted and wanted not in block.relations:
            self._problem(Refusal.UNKNOWN_TABLE, "no table of the query has this alias", item)
        for alias, relation in block.relations.items():
            if wanted in ("", alias):
                yield from (field for field in relation.fields if field.name.lower() not in left_out)

    def _made(self, block: Block, item: exp.Expression, position: int) -> Field:
        """The output of one item of SELECT: everything that its expression names goes into it."""
        value = item.unalias()
        name = item.alias_or_name or f"_c{position}"
        fields = self.of(value)
        for window in value.find_all(exp.Window):
            named = next((w for w in block.select.args.get("windows") or [] if w.name == window.alias), None)
            fields += self.of(named) if named else []
        if isinstance(value, exp.Column) and id(value) in self.fields:
            return dataclasses.replace(self.fields[id(value)], name=name)
        made = made_of(name, fields)
        chosen = any(_is_chosen(literal) for literal in value.find_all(exp.Literal, exp.Placeholder))
        return dataclasses.replace(
            made,
            carried=frozenset().union(*(field.carried for field in self.values_of(value, keys=False))),
            constant=made.constant or chosen or not made.origins,
            aggregated=made.aggregated or value.find(exp.AggFunc) is not None,
        )

    def _columns(
        self,
        block: Block,
        node: exp.Expression | None,
        known: dict[str, Relation],
        outputs: Mapping[str, Field],
        *,
        outputs_first: bool = False,
    ) -> None:
        """Resolve the columns of an expression, and follow the subqueries in it."""
        waiting = [node] if node is not None else []
        while waiting:
            part = waiting.pop()
            if isinstance(part, exp.Query):
                self._query(part, known, final=False, outer=block)
            elif _is_star(part):
                self._star_in_expression(block, part)
            elif isinstance(part, exp.Column):
                self._resolve(block, part, outputs, outputs_first=outputs_first)
            elif not isinstance(part, exp.Lambda):
                waiting += part.iter_expressions()
            else:
                self._problem(Refusal.UNKNOWN_SYNTAX, "lambda functions cannot be followed; write it without", part)

    def _star_in_expression(self, block: Block, star: exp.Expression) -> None:
        """STRUCT(*) is made of every column; COUNT(*) is made of none."""
        if not (isinstance(star, exp.Star) and isinstance(star.parent, exp.Count)):
            every = [field for relation in block.relations.values() for field in relation.fields]
            self.fields[id(star)] = made_of("*", every)

    def _resolve(self, block: Block, column: exp.Column, outputs: Mapping[str, Field], *, outputs_first: bool) -> None:
        name = column.name.lower()
        output = outputs.get(name) if not column.table else None
        found = [output] if output and outputs_first else self._candidates(block, column)
        if not found and output:
            found = [output]
        if len(found) == 1 or (found and not column.table and name in block.merged):
            self.fields[id(column)] = found[0] if len(found) == 1 else made_of(name, found)
        elif found:
            message = "several tables have this column; put an alias before it"
            self._problem(Refusal.AMBIGUOUS_COLUMN, message, column)
        elif block.outer is not None:
            self._resolve(block.outer, column, {}, outputs_first=False)
        else:
            message = "no table of the query has this column among its allowed columns"
            self._problem(Refusal.COLUMN_NOT_ALLOWED, message, column)

    def _candidates(self, block: Block, column: exp.Column) -> list[Field]:
        alias = column.table.lower()
        relations = [relation for name, relation in block.relations.items() if alias in ("", name)]
        found = [field for relation in relations if (field := relation.field(column.name)) is not None]
        if not found and alias and not relations:
            # `a.b` where a is a column of a struct type.
            structs = [f for relation in block.relations.values() if (f := relation.field(alias)) is not None]
            return [dataclasses.replace(field, name=column.name, direct=False) for field in structs]
        return found

    def _problem(self, code: Refusal, message: str, node: exp.Expression | None) -> None:
        """A name that nothing has refuses; what only we cannot follow breaks no documented rule."""
        weight = Weight.DOUBTS if code is Refusal.UNKNOWN_SYNTAX else Weight.REFUSES
        self.problems.append(reason(code, message, node, Documented.RULES, weight=weight))


def _is_chosen(literal: exp.Expression) -> bool:
    """Whether a literal may become the value: it stands in a CASE or the like, and not in a condition of it."""
    return isinstance(literal.find_ancestor(*_CHOOSING, exp.Predicate), _CHOOSING)


def _is_star(node: exp.Expression) -> bool:
    return isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star))


def _list(value: object) -> list[exp.Expression]:
    return value if isinstance(value, list) else [value] if isinstance(value, exp.Expression) else []
