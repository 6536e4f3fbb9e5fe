"""Grammars of the leak fuzz: queries as sqlglot trees, legal and illegal ones, of a shape that is drawn first.

Belongs here: what is asked. Not here: the rooms, the data and the oracle (`test_leak_fuzz`). Every kind of rule has its
own grammar: what the custom rule takes, the aggregation rule refuses nearly always, and then nothing would be run.
"""

from __future__ import annotations

from hypothesis import strategies as st
from sqlglot import exp

EVENTS = {"user_id": "string", "campaign": "string", "channel": "string", "secret": "string", "cost": "double", "margin": "double"}  # fmt: skip
PEOPLE = {"user_id": "string", "tier": "string", "hidden": "string"}
_DEPTH = 2


class Drawn:
    """What both grammars need."""

    def __init__(self, draw):
        self.draw = draw

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def seldom(self):
        return not self.draw(st.integers(0, 7))


class Aggregation(Drawn):
    """One SELECT, an inner join on the identity, dimensions, HAVING; seldom a column or a function that is not listed."""

    SHAPES = ("plain", "join", "having", "where", "scalar")

    def query(self, shape):
        select = exp.Select()
        if shape == "join" or self.pick(0, 1):
            on = "e.user_id = p.user_id" if not self.seldom() else "e.campaign = p.tier"
            select = select.from_("events AS e").join("people AS p", on=on)
            sources = ("e", "p")
        else:
            sources = (self.pick("e", "e", "p"),)
            select = select.from_({"e": "events AS e", "p": "people AS p"}[sources[0]])
        keys = [self.dimension(sources, scalar=shape == "scalar") for _ in range(self.pick(0, 1, 1, 2))]
        for number, key in enumerate(keys):
            select = select.select(exp.alias_(key, f"text_{number}")).group_by(key.copy())
        select = select.select(exp.alias_(self.people(sources), "reach_8"))
        if "e" in sources and self.pick(0, 1):
            select = select.select(exp.alias_(self.number(), "number_9"))
        if shape == "having":
            select = select.having(exp.GT(this=self.people(sources), expression=exp.Literal.number(self.pick(1, 3, 5))))
        if shape == "where":
            value = exp.Literal.string(self.pick("common", "rare_campaign", "gold", "tv"))
            select = select.where(self.pick(exp.EQ, exp.NEQ)(this=self.column(sources), expression=value))
        return select

    def column(self, sources):
        listed = [c for a in sources for c in {"e": ("e.campaign", "e.channel"), "p": ("p.tier",)}[a]]
        others = [c for a in sources for c in {"e": ("e.secret", "e.user_id"), "p": ("p.hidden",)}[a]]
        return exp.column(*reversed(self.pick(*(others if self.seldom() else listed)).split(".")))

    def dimension(self, sources, *, scalar):
        column = self.column(sources)
        if not scalar:
            return column
        return self.pick(
            exp.Upper(this=column), exp.Coalesce(this=column.copy(), expressions=[exp.Literal.string("none")])
        )

    def people(self, sources):
        return exp.Count(this=exp.Distinct(expressions=[exp.column("user_id", table=self.pick(*sources))]))

    def number(self):
        column = exp.column("margin" if self.seldom() else "cost", table="e")
        return (exp.Max if self.seldom() else self.pick(exp.Sum, exp.Avg))(this=column)


class Custom(Drawn):
    """Nested queries of typed outputs; the kinds of its outputs keep unions and comparisons well typed."""

    SHAPES = ("plain", "join", "having", "window", "subquery", "union", "cte")

    def __init__(self, draw):
        super().__init__(draw)
        self.shape = "plain"

    def query(self, shape):
        self.shape = shape
        if shape == "cte":
            inner, kinds = self.nested(1)
            names = [f"{kind}_{number}" for number, kind in enumerate(kinds)]
            return exp.select(*names).from_("w").with_("w", as_=inner)
        if shape == "window":
            return self.windowed()
        return self.union(_DEPTH - 1)[0] if shape == "union" else self.select(_DEPTH)[0]

    def nested(self, depth):
        return self.union(depth - 1) if depth and self.seldom() else self.select(depth)

    def union(self, depth):
        one, kinds = self.select(depth, outputs=self.kinds())
        other, _ = self.select(depth, outputs=kinds)
        for side in (one, other):
            side.set("order", None)
            side.set("limit", None)
        return exp.union(one, other, distinct=bool(self.pick(1, 0))), kinds

    def kinds(self):
        return self.draw(st.lists(st.sampled_from(["text", "number", "reach"]), min_size=1, max_size=3))

    def select(self, depth, outputs=None):
        sources = self.sources(depth)
        columns = [(alias, name, kind) for alias, _, fields in sources for name, kind in fields.items()]
        first, *others = sources
        select = exp.Select().from_(first[1])
        for alias, node, fields in others:
            kind = self.pick("", "", "LEFT", "FULL")
            on = self.join_condition(first, (alias, node, fields))
            select = select.join(node, on=on, join_type=kind or None)
        grouped = not self.seldom() if depth == _DEPTH else self.pick(1, 0)
        keys, kinds = [], []
        for kind in outputs or self.kinds():
            value = self.output(kind, columns, grouped=grouped)
            if grouped and value.find(exp.Column) and not value.find(exp.AggFunc):
                keys.append(value.copy())
            select = select.select(exp.alias_(value, f"{kind}_{len(kinds)}"))
            kinds.append(kind)
        return self.clauses(select, columns, keys, kinds, grouped=grouped), kinds

    def clauses(self, select, columns, keys, kinds, *, grouped):
        if self.pick(0, 0, 1):
            select = select.where(self.condition(columns))
        if keys:
            select = select.group_by(*keys)
        if grouped and (self.shape == "having" or self.seldom()):
            select = select.having(f"COUNT(*) > {self.pick(1, 3)}")
        if self.pick(0, 0, 0, 1):
            select = select.distinct()
        if self.pick(0, 0, 1):
            select = select.order_by(f"{kinds[0]}_0")
            select = select.limit(self.pick(1, 5)) if self.pick(0, 1) else select
        return select

    def sources(self, depth):
        count = 2 if self.shape == "join" or self.seldom() else 1
        return [self.source(depth, f"{'abc'[depth % 3]}{number}") for number in range(count)]

    def source(self, depth, alias):
        nested = depth and (depth == _DEPTH if self.shape == "subquery" else self.seldom())
        if nested:
            query, kinds = self.nested(depth - 1)
            return alias, query.subquery(alias), {f"{kind}_{number}": kind for number, kind in enumerate(kinds)}
        # A row of a union of two guarded tables has nobody of both, and is never shown.
        table = "events" if self.shape == "union" else self.pick("events", "events", "people")
        columns = EVENTS if table == "events" else PEOPLE
        kinds = {n: "id" if n == "user_id" else "number" if k == "double" else "text" for n, k in columns.items()}
        for disallowed in () if self.seldom() else ("secret", "margin", "hidden"):
            kinds.pop(disallowed, None)
        return alias, exp.alias_(exp.to_table(table), alias, table=True), kinds

    def join_condition(self, one, other):
        sides = []
        for alias, _, fields in (one, other):
            ids = [name for name, kind in fields.items() if kind == "id"]
            texts = [name for name, kind in fields.items() if kind == "text"]
            name = self.pick(*(ids or texts or list(fields)))
            column = exp.column(name, table=alias)
            sides.append(exp.cast(column, "string") if fields[name] in ("number", "reach") else column)
        return exp.EQ(this=sides[0], expression=sides[1])

    def output(self, kind, columns, *, grouped):
        if kind == "text":
            return self.text(columns)
        ids = [exp.column(n, table=a) for a, n, k in columns if k == "id"]
        numbers = [exp.column(n, table=a) for a, n, k in columns if k == "number"]
        if kind == "reach":
            counted = ids and grouped
            return self.people(ids) if counted else exp.Literal.number(99)
        choices = [exp.Count(this=exp.Star())] if grouped else [exp.Literal.number(7)]
        if grouped:
            functions = (exp.Sum, exp.Avg, exp.Max) if self.seldom() else (exp.Sum, exp.Avg)
            choices += [function(this=n.copy()) for n in numbers for function in functions]
            choices += [exp.Sum(this=exp.Mul(this=n.copy(), expression=exp.Literal.number(2))) for n in numbers]
        else:
            choices += numbers
        return self.pick(*choices).copy()

    def people(self, ids):
        return exp.Count(this=exp.Distinct(expressions=[self.pick(*ids).copy()]))

    def windowed(self):
        """A window over rows of people that a query around it groups, beside groups or distinct rows, or over groups."""
        where = self.pick("below", "below", "below", "beside groups", "beside rows", "over groups")
        if where == "over groups":
            return self.over_groups()
        texts = [exp.column(name, table="e") for name in ("campaign", "channel")]
        text = self.pick(*texts)
        person = exp.column("user_id", table="e")
        joined = self.pick("", "", "people AS p", "events AS o")
        if joined == "events AS o":
            texts = [self.pick(exp.column("campaign", table="o"), texts[0]), texts[1]]
        kind, window = self.window(
            person, [text] if where == "beside groups" else texts, grouped=where == "beside groups"
        )
        select = exp.select(exp.alias_(text.copy(), "text_0"), exp.alias_(window, f"{kind}_1")).from_("events AS e")
        if joined:
            others = (
                "e.channel = o.channel AND (e.user_id = o.user_id OR o.campaign = 'lone_campaign')",
                "e.channel = o.channel",
            )
            on = self.pick("e.user_id = {0}.user_id", *(others if joined == "events AS o" else ())).format(joined[-1])
            select = select.join(joined, on=on, join_type=self.pick("", "LEFT"))
        if where == "beside groups":
            return select.select(exp.alias_(self.people([person]), "reach_2")).group_by(text.copy())
        if where == "beside rows":
            return select.distinct()
        key = self.pick("text_0", f"{kind}_1")
        inner = select.select(exp.alias_(person.copy(), "person")).subquery("q")
        return exp.select(key, "COUNT(DISTINCT q.person) AS reach_2").from_(inner).group_by(key)

    def over_groups(self):
        """A sum of what groups hold, of all or of one: beside a large group it tells how many people a small one has."""
        keys = self.pick(["campaign"], ["campaign", "channel"], ["user_id", "campaign"])
        groups = exp.select(*keys, "COUNT(DISTINCT user_id) AS n").from_("events").group_by(*keys)
        value = self.pick(
            "n", "CASE WHEN campaign = 'lone_campaign' THEN n END", "CASE WHEN campaign <> 'common' THEN n END"
        )
        summed = f"{self.pick('SUM', 'AVG')}({value}) OVER ({self.pick('', f'PARTITION BY {keys[-1]}')})"
        if keys[0] == "user_id":
            inner = exp.select("user_id", "campaign", f"{summed} AS number_1").from_("g").subquery("q")
            outer = exp.select("campaign AS text_0", "number_1", "COUNT(DISTINCT user_id) AS reach_2").from_(inner)
            return outer.group_by("campaign", "number_1").with_("g", as_=groups)
        less = self.pick("", " - n")
        return (
            exp.select("campaign AS text_0", "n AS reach_1", f"{summed}{less} AS reach_2")
            .from_("g")
            .with_("g", as_=groups)
        )

    def window(self, person, texts, *, grouped):
        """(kind, a value of another row, a place among rows, or a sum of several), of one person, of one text or all."""
        kind = self.pick("text", "text", "number", *(["reach"] if grouped else []))
        order = exp.Order(expressions=[exp.Ordered(this=self.pick(*texts).copy())])
        if kind == "number":
            counted = exp.Count(this=exp.Star())
            function = self.pick(counted, exp.Sum(this=counted.copy()) if grouped else counted, exp.Rank())
        else:
            value = self.people([person]) if kind == "reach" else self.pick(*texts).copy()
            function = self.pick(exp.Lag, exp.Lead, exp.Max, exp.Min)(this=value)
        may_stand_alone = isinstance(function, (exp.Max, exp.Min, exp.Sum, exp.Count))
        parts = self.pick([], texts[:1]) if grouped else self.pick([person], [person], texts[:1], [])
        return kind, exp.Window(
            this=function,
            partition_by=[part.copy() for part in parts],
            order=None if may_stand_alone and self.pick(0, 1) else order,
        )

    def text(self, columns):
        values = [exp.column(n, table=a) for a, n, k in columns if k in ("text", "id")]
        if not values:
            return exp.Literal.string("none")
        # What each person has of their own makes groups of one.
        values = [v for v in values if v.name != "user_id"] or values if not self.seldom() else values
        value = self.pick(*values).copy()
        shape = self.pick("bare", "bare", "bare", "upper", "coalesce", "case")
        if shape == "upper":
            return exp.Upper(this=value)
        if shape == "coalesce":
            return exp.Coalesce(this=value, expressions=[exp.Literal.string("none")])
        if shape == "case":
            condition = exp.EQ(this=value.copy(), expression=exp.Literal.string("common"))
            return exp.Case(ifs=[exp.If(this=condition, true=value)], default=exp.Literal.string("other"))
        return value

    def condition(self, columns):
        others = [column for column in columns if column[2] != "id"]
        alias, name, kind = self.pick(*(columns if self.seldom() else others or columns))
        column = exp.column(name, table=alias)
        if kind in ("number", "reach"):
            return exp.GT(this=column, expression=exp.Literal.number(self.pick(0, 2, 50)))
        literal = exp.Literal.string(self.pick("common", "rare_campaign", "lone_campaign", "user_00", "tv"))
        return self.pick(exp.EQ(this=column, expression=literal), exp.NEQ(this=column, expression=literal)).copy()


@st.composite
def drawn_queries(draw, grammar, shape):
    return grammar(draw).query(shape)
