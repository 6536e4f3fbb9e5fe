"""Functions that insight and room SQL may call, and why others may not: those that two engines read alike.

Belongs here: names, by the dialect of the engine that runs a query in production, and finding them in a text. Not here:
other constructs (`lint`).

Sources: the functions' pages in Trino's and Spark's documentation, DuckDB 2.0 by trial (D1 of the project's notes on
dialects). Neither Trino nor Athena was ever run here; Spark is, by the tests of the room's templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BOTH = frozenset(
    {"ABS", "AVG", "CAST", "COALESCE", "COUNT", "LAG", "LEAD", "MAX", "MIN", "NULLIF", "ROW_NUMBER", "SUM"}
)
# Of these Spark's are not compared with DuckDB's by any test.
ALIKE: Mapping[str, frozenset[str]] = {
    "athena": _BOTH | {"EXP", "LN", "SQRT", "TRIM"},
    "spark": _BOTH,
}

_HASH = "hashes are made by `identity`; sqlglot leaves out or doubles the encoding of SHA-256"
_DAYS = "engines count other units, or cut a time to its date; write `- INTERVAL '14' DAY`"
_WEEKDAY = "the first day of a week, and its number, differ; join a calendar or compare dates"
_ORDER = "which value it takes, or in which order, is left open by an engine or lost in translation"
_QUANTILE = "engines interpolate differently, or do not know it"
_SKETCH = "an estimate differs from engine to engine, and is no threshold; use COUNT(DISTINCT …)"
_TEXT = "engines treat NULL, separators or patterns differently; use || and CASE"
_NOW = "equal sources would give other rows; hand a date in (`queries.render`)"
_TRY = "engines fail, give NULL or infinity for different values; guard with NULLIF or CASE"
_NULLS = "one engine skips NULL, another answers NULL; use CASE"

WHY_NOT: Mapping[str, str] = {
    **dict.fromkeys(
        ("SHA", "SHA1", "SHA2", "SHA256", "SHA512", "MD5", "XXHASH64", "HMAC_SHA256", "HEX", "TO_HEX"), _HASH
    ),
    **dict.fromkeys(
        (
            "ADD_MONTHS", "DATE_ADD", "DATEADD", "DATE_SUB", "DATE_DIFF", "DATEDIFF", "MONTHS_BETWEEN", "TIMESTAMPDIFF",
        ),
        _DAYS,
    ),
    **dict.fromkeys(
        ("DAY_OF_WEEK", "DAYOFWEEK", "DOW", "ISODOW", "WEEKDAY", "WEEK", "WEEK_OF_YEAR", "WEEKOFYEAR", "YEAR_OF_WEEK"),
        _WEEKDAY,
    ),
    **dict.fromkeys(("TRUNC", "DATE_TRUNC"), "units have other names, and weeks another beginning; compare with dates"),
    **dict.fromkeys(
        (
            "ANY_VALUE", "ARBITRARY", "ARRAY_AGG", "COLLECT_LIST", "COLLECT_SET", "FIRST", "FIRST_VALUE", "LAST",
            "LAST_VALUE", "LISTAGG", "MAX_BY", "MIN_BY", "STRING_AGG",
        ),
        _ORDER,
    ),
    **dict.fromkeys(
        (
            "APPROX_PERCENTILE", "APPROX_QUANTILE", "MEDIAN", "PERCENTILE", "PERCENTILE_APPROX", "PERCENTILE_CONT",
            "PERCENTILE_DISC", "QUANTILE", "QUANTILE_CONT",
        ),
        _QUANTILE,
    ),
    **dict.fromkeys(
        ("APPROX_COUNT_DISTINCT", "APPROX_DISTINCT", "APPROX_SET", "HLL_SKETCH_AGG", "MERGE", "CARDINALITY"), _SKETCH
    ),
    **dict.fromkeys(
        ("CONCAT", "CONCAT_WS", "REGEXP_LIKE", "REGEXP_EXTRACT", "REGEXP_REPLACE", "SPLIT", "FORMAT", "FORMAT_DATETIME",
         "DATE_FORMAT", "SUBSTR", "SUBSTRING"),
        _TEXT,
    ),
    **dict.fromkeys(
        ("CURRENT_DATE", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "NOW", "RAND", "RANDOM", "UUID", "GETDATE"), _NOW
    ),
    **dict.fromkeys(("TRY", "TRY_CAST", "SAFE_CAST"), _TRY),
    **dict.fromkeys(("GREATEST", "LEAST"), _NULLS),
    "LOG": "with one argument it is the natural logarithm in Spark and the one to base 10 in DuckDB; use LN",
    "ROUND": "halves and decimals are rounded differently; round where a number is shown",
    "GENERATE_SUBSCRIPTS": "it is copied to engines that do not know it",
}  # fmt: skip

# Words that an opening bracket may follow without a call.
_NO_CALL = frozenset(
    {
        "ALL", "AND", "ANY", "AS", "BETWEEN", "BY", "CASE", "DISTINCT", "ELSE", "EXCEPT", "EXISTS", "FILTER", "FROM",
        "GROUP BY", "HAVING", "IN", "INTERSECT", "JOIN", "LIKE", "NOT", "ON", "OR", "ORDER BY", "OVER", "PARTITION BY",
        "SELECT", "THEN", "UNION", "USING", "VALUES", "WHEN", "WHERE", "WITH",
    }
)  # fmt: skip
# Calls without brackets.
_BARE = frozenset({"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"})


def called(sql: str, dialect: str) -> Iterator[tuple[str, int]]:
    """Every function that a text calls, as it is spelled there, with its line.

    From the words and not from a tree: a parser takes names of other dialects, and turns them into its own.

    >>> list(called("SELECT COUNT(*) FROM (SELECT ifnull(a, 0) AS b FROM t) AS c (b)", "athena"))
    [('COUNT', 1), ('IFNULL', 1)]
    """
    tokens = sqlglot.tokenize(sql, read=dialect)
    words = ["", *(token.text.upper() for token in tokens), ""]
    for place, token in enumerate(tokens, 1):
        word = words[place]
        is_word = bool(word) and (word[0].isalpha() or word[0] == "_") and token.token_type.name != "STRING"
        # `AS name (columns)` names columns.
        is_call = words[place + 1] == "(" and word not in _NO_CALL and words[place - 1] != "AS"
        if is_word and (is_call or word in _BARE):
            yield word, token.line
