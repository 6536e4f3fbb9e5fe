"""Which functions a query calls, by the names that were written.

Belongs here: reading names from tokens, since the tree renames functions (TO_TIMESTAMP(a) becomes a CAST).
Not here: which functions are allowed where (`scalars`, `surface`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlglot.tokens import TokenType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlglot.tokens import Token

# Words that may stand before a parenthesis without being a function.
_NOT_CALLED = frozenset({
    "ALL", "ALTER", "AND", "ANTI", "ARRAY_AGG_ORDER", "AS", "ASC", "BETWEEN", "BY", "CASE", "CROSS", "CUBE",
    "DESC", "DISTINCT", "ELSE", "END", "EXCEPT", "EXISTS", "FILTER", "FOR", "FROM", "FULL", "GROUP", "GROUP BY",
    "GROUPING SETS", "HAVING", "ILIKE", "IN", "INNER", "INTERSECT", "INTERVAL", "IS", "JOIN", "LATERAL", "LIKE",
    "LIMIT", "MINUS", "NATURAL", "NOT", "OFFSET", "ON", "OR", "ORDER", "ORDER BY", "OUTER", "OVER", "PARTITION",
    "PARTITION BY", "PIVOT", "QUALIFY", "RANGE", "RLIKE", "ROLLUP", "ROWS", "SELECT", "SEMI", "SET", "TABLE",
    "TABLESAMPLE", "THEN", "UNION", "UNPIVOT", "USING", "VALUES", "WHEN", "WHERE", "WITH", "WITHIN GROUP", "WITHIN",
})  # fmt: skip
_TYPES = frozenset({"ARRAY", "BINARY", "CHAR", "DECIMAL", "DEC", "NUMERIC", "TIMESTAMP", "VARCHAR"})
# Functions that need no parentheses.
_BARE = frozenset({TokenType.CURRENT_DATE, TokenType.CURRENT_TIMESTAMP, TokenType.CURRENT_USER})
# ANY and SOME are aggregates in Spark, except after these.
_QUANTIFIED = frozenset({TokenType.LIKE, TokenType.ILIKE, TokenType.RLIKE})


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A function by its written name in capitals, with its place in the text, both counted from 1."""

    name: str
    line: int
    column: int


def calls(tokens: Sequence[Token], named: Collection[int] = ()) -> Iterator[Call]:
    """The calls of a query, in order. `named` is where names of CTEs and aliases begin: a column list may follow them.

    >>> [call.name for call in calls(Spark().tokenize("SELECT COUNT(a), CURRENT_DATE FROM t WHERE b IN (1)"))]
    ['COUNT', 'CURRENT_DATE']
    """
    for number, token in enumerate(tokens):
        name = token.text.upper()
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        opened = after is not None and after.token_type == TokenType.L_PAREN
        if token.token_type in _BARE or (opened and _is_called(name, number, tokens, named)):
            yield Call(name, token.line, token.col - (token.end - token.start))


def _is_called(name: str, number: int, tokens: Sequence[Token], named: Collection[int]) -> bool:
    first = name[:1]
    if not (first.isalpha() or first == "_") or tokens[number].token_type == TokenType.STRING:
        return False
    if name in _NOT_CALLED or (number and tokens[number - 1].token_type == TokenType.ALIAS and name not in _TYPES):
        # `x AS (`, `v AS alias(columns)`; a type after CAST(… AS is not a call either.
        return False
    if name in _TYPES and number and tokens[number - 1].token_type in (TokenType.ALIAS, TokenType.DCOLON):
        return False
    if name in ("ANY", "SOME") and number and tokens[number - 1].token_type in _QUANTIFIED:
        return False
    return tokens[number].start not in named
