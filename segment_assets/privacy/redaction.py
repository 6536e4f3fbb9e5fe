"""Query text without what people typed into it, and the place of a node in it.

Belongs here: everything that turns SQL into text that may be logged. Not here: judging.
A query may compare a column with somebody's e-mail address; neither a log nor a message may repeat it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from segment_assets.privacy.refusals import Refusal
    from segment_assets.privacy.situation import Table

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Words and keywords ("GROUP BY" is one token); a name that is nothing but a digest is one, unquoted by mistake.
_NAME = re.compile(r"(?![0-9a-fA-F]{32,}$)[A-Za-z_][A-Za-z0-9_ ]{0,127}")
# A number of seven digits may be a phone or customer number; thresholds, years and limits are shorter.
_SHORT_NUMBER = re.compile(r"\d{1,6}(\.\d{0,6})?")
_MASK = "'…'"
_LONGEST_SNIPPET = 120


def redact(sql: str) -> str:
    """The query in one line, with every literal masked except dates and short numbers; comments are left out.

    >>> redact("SELECT a FROM t WHERE b = 'jane@example.com' AND c >= DATE '2026-01-05' -- hers")
    "SELECT a FROM t WHERE b = '…' AND c >= DATE '2026-01-05'"
    """
    try:
        tokens = Spark().tokenize(sql)
    except SqlglotError:
        return "<text that is not SQL>"
    return re.sub(r" ?([.(),]) ?", _tighten, " ".join(_shown(token.token_type, token.text) for token in tokens))


def _tighten(match: re.Match[str]) -> str:
    return ", " if match[1] == "," else match[0] if match[1] in "()" else "."


def _shown(kind: TokenType, text: str) -> str:
    if kind == TokenType.STRING:
        return f"'{text}'" if _DATE.fullmatch(text) else _MASK
    if kind.name.endswith("STRING"):
        return _MASK
    if kind == TokenType.NUMBER:
        return text if _SHORT_NUMBER.fullmatch(text) else _MASK
    if kind == TokenType.IDENTIFIER:
        return f"`{text}`" if _NAME.fullmatch(text) else _MASK
    if text and (text[0].isalpha() or text[0] == "_"):
        return text if _NAME.fullmatch(text) else _MASK
    return text if not any(character.isalnum() for character in text) else _MASK


def reason(
    code: Refusal,
    message: str,
    node: exp.Expression | None,
    rule: Documented,
    table: Table | None = None,
    *,
    weight: Weight | None = None,
) -> Reason:
    """A reason that names the place of `node` in the query, without repeating a literal.

    Without a weight it refuses, or, where it is about our own engine, only keeps the query from running here.
    """
    line, column = _position(node)
    return Reason(
        code=code,
        message=message,
        rule=rule,
        snippet=_snippet(node),
        line=line,
        column=column,
        table=table.name if table else None,
        owner=table.owner if table else None,
        weight=weight or (Weight.LOCAL if rule is Documented.LOCAL else Weight.REFUSES),
    )


def _snippet(node: exp.Expression | None) -> str:
    if node is None:
        return ""
    # A function that is named by a text has its name written without quotes.
    if any(not _NAME.fullmatch(str(call.this)) for call in node.find_all(exp.Anonymous, exp.AnonymousAggFunc)):
        return _MASK
    text = redact(node.sql("spark", comments=False, unsupported_level=ErrorLevel.IGNORE))
    return text if len(text) <= _LONGEST_SNIPPET else f"{text[: _LONGEST_SNIPPET - 1]}…"


def _position(node: exp.Expression | None) -> tuple[int | None, int | None]:
    """Line and column of the first part of the node that remembers its place."""
    places = [part.meta for part in node.walk() if part.meta.get("line")] if node is not None else []
    if not places:
        return None, None
    first = min(places, key=lambda meta: meta["start"])
    return first["line"], first["col"] - (first["end"] - first["start"])
