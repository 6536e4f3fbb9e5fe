"""The lint refuses what engines are known to read differently, by name, and lets every query of the project pass."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets import queries
from segment_assets.queries.functions import ALIKE, WHY_NOT
from segment_assets.queries.lint import findings
from segment_assets_tests.queries.goldens import NAMES, dialect_of

DIVISION = "SELECT people / {} AS share FROM exposure_sets"
REFUSED = {
    # Facts of the project's notes on dialects, in their order: each was translated without a word.
    "SELECT LOWER(TO_HEX(SHA256(email_sha256))) AS e FROM customers": "call",
    "SELECT ARRAY_AGG(email_sha256 ORDER BY birth_country) AS e FROM customers": "call",
    "SELECT DATE_ADD('day', -14, event_time) AS t FROM conversions": "call",
    "SELECT event_time FROM conversions WHERE DAY_OF_WEEK(event_time) = 1": "call",
    "SELECT DATE_DIFF('hour', event_time, event_time) AS h FROM conversions": "call",
    DIVISION.format("converters"): "division",
    "SELECT APPROX_PERCENTILE(people, 0.9) AS p FROM exposure_sets": "call",
    "SELECT ARBITRARY(people) AS p FROM exposure_sets": "call",
    "SELECT social, SUM(people) AS p FROM exposure_sets GROUP BY ALL": "group",
    "SELECT APPROX_DISTINCT(people) AS p FROM exposure_sets": "call",
    "SELECT DATE_TRUNC('month', event_time) AS m FROM conversions": "call",
    "SELECT TRY(1 / people) AS p FROM exposure_sets": "call",
    "SELECT FORMAT_DATETIME(event_time, 'y') AS y FROM conversions": "call",
    # What follows from the engines' documentation.
    DIVISION.format("2"): "division",
    DIVISION.format("2.0"): "division",
    "SELECT 1.5 * people AS p FROM exposure_sets": "decimal",
    "SELECT people - (-0.5) AS p FROM exposure_sets": "decimal",
    "SELECT SUM(CASE WHEN social = 1 THEN 0.5 ELSE 0 END) AS p FROM exposure_sets": "decimal",
    "SELECT COALESCE(people, 0.5) AS p FROM exposure_sets": "decimal",
    "SELECT * FROM exposure_sets": "star",
    "SELECT e.* FROM exposure_sets AS e": "star",
    "SELECT people FROM exposure_sets LIMIT 5": "limit",
    "SELECT social, SUM(people) AS p FROM exposure_sets GROUP BY 1": "group",
    "SELECT people FROM exposure_sets ORDER BY 1": "order",
    "SELECT people FROM exposure_sets QUALIFY ROW_NUMBER() OVER (ORDER BY people) = 1": "text",
    "SELECT people FROM exposure_sets NATURAL JOIN overlap": "join",
    "SELECT people FROM exposure_sets, overlap": "join",
    "SELECT a.people FROM exposure_sets AS a FULL JOIN overlap AS b ON a.people > b.matched_converters": "join",
    "SELECT COUNT(DISTINCT people, social) AS p FROM exposure_sets": "count",
    "SELECT CAST(people AS real) AS p FROM exposure_sets": "cast",
    "SELECT CAST(conversion_rate AS varchar) AS p FROM reach_frequency": "cast",
    "SELECT CAST(conversion_rate AS bigint) AS p FROM reach_frequency": "cast",
    "SELECT event_time - INTERVAL '1' MONTH AS t FROM conversions": "interval",
    'SELECT "people" FROM exposure_sets': "quotes",
    "SELECT people AS last FROM exposure_sets": "reserved",
    "SELECT people FROM exposure_sets TABLESAMPLE BERNOULLI (10)": "source",
    "SELECT CURRENT_DATE AS today FROM exposure_sets": "call",
    "SELECT persons FROM exposure_sets": "name",
    "SELECT people FROM nobody_knows": "name",
    "INSERT INTO overlap SELECT people FROM exposure_sets": "text",
    "SELECT people FROM exposure_sets; SELECT 1 AS one": "text",
    "SELECT people FROM (": "text",
}
REFUSED_IN_THE_ROOM = {
    "SELECT people FROM exposure_sets QUALIFY ROW_NUMBER() OVER (ORDER BY people) = 1": "qualify",
    'SELECT i.channel AS channel FROM impressions AS i WHERE i.channel = "ctv"': "quotes",
    "SELECT i.channel AS channel FROM impressions AS i WHERE i.channel = 'a\\nb'": "escape",
    "SELECT COLLECT_LIST(i.channel) AS path FROM impressions AS i": "call",
    "SELECT TRUNC(i.date, 'MM') AS month FROM impressions AS i": "call",
    "SELECT i.channel AS channel FROM impressions AS i LEFT SEMI JOIN customers AS c ON c.email_sha256 = i.email_sha256": "join",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_query_of_the_project_keeps_to_what_its_engines_read_alike(name: str) -> None:
    assert findings(queries.read(name), dialect_of(name)) == []


@pytest.mark.parametrize(
    ("sql", "dialect", "rule"),
    [
        *((sql, "athena", rule) for sql, rule in REFUSED.items()),
        *((sql, "spark", rule) for sql, rule in REFUSED_IN_THE_ROOM.items()),
    ],
)
def test_a_construct_that_differs_is_refused_under_its_name(sql: str, dialect: str, rule: str) -> None:
    assert rule in {found.rule for found in findings(sql, dialect)}


@pytest.mark.parametrize(
    "sql",
    [
        DIVISION.format("CAST(converters AS double)"),
        DIVISION.format("NULLIF(CAST(converters AS double), 0)"),
        "SELECT 1.5 * CAST(people AS double) AS p FROM exposure_sets",
        "SELECT CAST(0.5 AS double) - (-1.5) * CAST(people AS double) AS p FROM exposure_sets WHERE people < 3",
        "SELECT frequency FROM reach_frequency WHERE conversion_rate > 0.5",
        "SELECT CAST(people AS varchar) AS p FROM exposure_sets",
        "SELECT CAST(event_time AS date) AS day FROM conversions WHERE date >= :reporting_week - INTERVAL '7' DAY",
        "SELECT COUNT(DISTINCT email_sha256) AS p FROM customers WHERE email_sha256 IN ('a', 'b')",
        "SELECT told.people FROM (SELECT SUM(people) AS people FROM exposure_sets) AS told ORDER BY told.people LIMIT 3",
    ],
)
def test_what_is_read_alike_passes(sql: str) -> None:
    assert findings(sql, "athena") == []


def test_a_function_is_either_let_through_or_has_a_reason() -> None:
    assert not (ALIKE["athena"] | ALIKE["spark"]) & set(WHY_NOT)
    for name, why in WHY_NOT.items():
        assert why in {found.why for found in findings(f"SELECT {name}(people) AS p FROM exposure_sets", "spark")}


@settings(max_examples=25, deadline=None)
@given(st.from_regex(r"[a-z][a-z_]{2,12}", fullmatch=True))
def test_an_unknown_function_is_refused_wherever_it_stands(name: str) -> None:
    sql = f"SELECT people FROM exposure_sets WHERE people > 1 + {name}_x(people)"
    assert [(found.rule, found.where) for found in findings(sql, "athena")] == [("call", f"{name.upper()}_X in line 1")]
