"""A statement as Athena reads it: UNLOAD or SELECT, its target, and what is refused before anything is read.

Our reading: a statement that is not understood is refused at once (MALFORMED_QUERY); an unknown function fails later.
"""

from __future__ import annotations

import dataclasses
import re

import sqlglot
from sqlglot import exp

from segment_assets.queries.functions import ALIKE, called
from segment_assets.sandbox.aws.athena.errors import NO_FUNCTION, NOT_SUPPORTED, QueryFailed, malformed

MOST_BYTES = 262_144
_FORMATS = frozenset({"PARQUET"})
_CODECS = frozenset({"NONE", "SNAPPY", "GZIP", "ZSTD"})
_UNLOAD = re.compile(r"\s*UNLOAD(?=\s*\()", re.IGNORECASE)
_WITH = re.compile(r"^\s*TO\s+'((?:[^']|'')*)'\s+WITH\s*\((.*)\)\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"\s*(\w+)\s*=\s*'([^']*)'\s*")


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT, and where its rows go: `target` (`s3://…/`) as Parquet with this codec, or nowhere but the results."""

    select: exp.Query
    target: str = ""
    codec: str = "GZIP"


def read(text: str) -> Statement:
    """Understand a statement. Raises Refusal where Athena would refuse to take it."""
    if not 0 < len(text.encode()) <= MOST_BYTES:
        raise malformed("The query string has to have between 1 and 262144 bytes")
    inner, rest = _parts(text)
    try:
        found = sqlglot.parse(inner, read="athena")
    except sqlglot.errors.SqlglotError:
        raise malformed("line 1:1: mismatched input") from None
    if len(found) != 1:
        raise malformed("Only one sql statement is allowed")
    if not isinstance(found[0], exp.Query):
        raise malformed("This stand-in knows SELECT and UNLOAD only")
    _only_known_syntax(found[0])
    return Statement(found[0], *_target(rest)) if rest else Statement(found[0])


def refuse_unknown_functions(text: str) -> None:
    """Raise QueryFailed for a function that is not on the list of those that Trino has and our queries use."""
    for name, line in called(_parts(text)[0], "athena"):
        if name not in ALIKE["athena"]:
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: line {line}:1: Function '{name.lower()}' not registered", NO_FUNCTION
            )


def _only_known_syntax(select: exp.Query) -> None:
    """Of what DuckDB has and Trino has not, sqlglot lets this through."""
    if any(group.args.get("all") for group in select.find_all(exp.Group)):
        raise malformed("line 1:1: mismatched input 'ALL'")
    if any(one.args.get("qualify") for one in select.find_all(exp.Select)):
        raise malformed("line 1:1: mismatched input 'QUALIFY'")


def _parts(text: str) -> tuple[str, str]:
    """What stands in UNLOAD's brackets, and what follows; or the whole text and nothing."""
    match = _UNLOAD.match(text)
    if match is None:
        return text, ""
    # sqlglot takes a text that begins with UNLOAD for one word.
    rest = text[match.end() :]
    try:
        tokens = sqlglot.tokenize(rest, read="athena")
    except sqlglot.errors.SqlglotError:
        raise malformed("line 1:1: mismatched input") from None
    depth = 0
    for token in tokens:
        depth += 0 if token.token_type.name == "STRING" else {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            return rest[tokens[0].end + 1 : token.start], rest[token.end + 1 :]
    raise malformed("line 1:1: missing ')'")


def _target(rest: str) -> tuple[str, str]:
    match = _WITH.match(rest)
    if match is None:
        raise malformed("line 1:1: UNLOAD needs TO '…' WITH (…)")
    properties = {}
    for part in match[2].split(","):
        named = _PROPERTY.fullmatch(part)
        if named is None:
            raise malformed("line 1:1: a property has to be written name = 'value'")
        properties[named[1].lower()] = named[2].upper()
    if not match[1].startswith("s3://"):
        raise malformed("UNLOAD needs an S3 location")
    if properties.get("format") not in _FORMATS:
        raise QueryFailed("NOT_SUPPORTED: this stand-in writes Parquet only", NOT_SUPPORTED)
    codec = properties.get("compression", "GZIP")
    if codec not in _CODECS or set(properties) - {"format", "compression"}:
        raise QueryFailed("INVALID_TABLE_PROPERTY: a property of UNLOAD is not known", NOT_SUPPORTED)
    return match[1].replace("''", "'"), codec
