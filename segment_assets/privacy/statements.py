"""From text to trees: what must not reach the parser, the parser, and what a text may consist of.

Belongs here: reading, once per query. Not here: which SQL is supported (`syntax`, `surface`).
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import logging
from typing import TYPE_CHECKING

from sqlglot import Dialect, exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from segment_assets.privacy.calls import calls
from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot.tokens import Token

# The quota pages disagree (500 KB and 90 KB); the lower one is safe.
_LONGEST_QUERY = 90_000
_STARTS = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.CACHE, TokenType.SEMICOLON)
ONLY_SELECT = "only a statement that starts with SELECT is supported"
# Documented forms that our parser cannot read; what AWS says to them stays open.
_UNREAD = frozenset({"CONVERT", "TRUNC"})
_SPARK = Dialect.get_or_raise("spark")


_quiet = contextvars.ContextVar("quiet", default=False)
logging.getLogger("sqlglot").addFilter(lambda _: not _quiet.get())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """While a query is read and judged, the parser logs nothing: what it would say quotes the query."""
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A query's tokens and the trees of its statements."""

    tokens: Sequence[Token]
    trees: Sequence[exp.Expression]


def read_text(sql: str) -> Text | Reason:
    """Tokens and trees, or why the text cannot be a query.

    The parser turns `FROM t SELECT a` and `SELECT a FROM t |> …` into an ordinary SELECT, and for statements that it
    does not know it writes a warning that quotes them, identifiers included: those do not reach it.
    """
    # Half a surrogate pair can be written in JSON and has no UTF-8.
    if len(sql.encode("utf-8", "surrogatepass")) > _LONGEST_QUERY:
        message = f"the query has more than {_LONGEST_QUERY} bytes; shorten it"
        return Reason(Refusal.QUERY_TOO_LONG, message, Documented.QUOTAS)
    if any("\ud800" <= character <= "\udfff" for character in sql):
        message = "the text has half a surrogate pair, which is no character; look at where it was cut"
        return Reason(Refusal.SYNTAX, message, Documented.RULES)
    tokens: list[Token] = []
    try:
        tokens = _SPARK.tokenize(sql)
        if refused := _refused_by_words(tokens):
            return refused
        trees = [tree for tree in _SPARK.parser().parse(tokens, sql) if tree is not None]
    except SqlglotError:
        # The parser's message quotes the query, which may hold an identifier.
        unread = sorted({call.name for call in calls(tokens)} & _UNREAD)
        if unread:
            message = f"this form of {unread[0]} cannot be read here; write it another way"
            return Reason(Refusal.NOT_DOCUMENTED, message, Documented.AGGREGATION, weight=Weight.DOUBTS)
        message = "the text is not Spark SQL; run it through a SQL editor to see where it breaks"
        return Reason(Refusal.SYNTAX, message, Documented.RULES)
    return Text(tokens, trees)


def _refused_by_words(tokens: Sequence[Token]) -> Reason | None:
    kinds = [token.token_type for token in tokens]
    begins = [kind for number, kind in enumerate(kinds) if not number or kinds[number - 1] == TokenType.SEMICOLON]
    if not any(kind != TokenType.SEMICOLON for kind in kinds):
        message = "one statement is needed, not none"
        return Reason(Refusal.SEVERAL_STATEMENTS, message, Documented.RULES)
    if TokenType.PIPE_GT in kinds or any(kind not in _STARTS for kind in begins):
        several = TokenType.SEMICOLON in kinds[:-1]
        return Reason(Refusal.SEVERAL_STATEMENTS if several else Refusal.NOT_A_SELECT, ONLY_SELECT, Documented.RULES)
    return None


def cached_and_query(text: Text) -> tuple[list[exp.Cache], exp.Query | None, list[Reason]]:
    """Under the CUSTOM rule: CACHE TABLE statements, then one query; or no query and the reasons."""
    cached: list[exp.Cache] = []
    *before, query = text.trees
    for tree in before:
        if not isinstance(tree, exp.Cache) or not isinstance(tree.expression, exp.Query):
            message = "before the query only CACHE TABLE name AS SELECT … is supported"
            return [], None, [reason(Refusal.SEVERAL_STATEMENTS, message, tree, Documented.CUSTOM)]
        cached.append(tree)
    if not isinstance(query, exp.Query):
        return [], None, [reason(Refusal.NOT_A_SELECT, "the last statement must be a SELECT", query, Documented.CUSTOM)]
    return cached, query, []
