"""What the SQL files become in another dialect changes only when somebody means it."""

from __future__ import annotations

import pytest
from sqlglot import exp

from segment_assets.resources.aws.athena_statement import parsed
from segment_assets.tables import TABLES
from segment_assets_tests.queries.goldens import FOLDER, NAMES, dialect_of, golden, path_of, rendered


@pytest.mark.parametrize("name", NAMES)
def test_a_query_becomes_what_its_golden_says(name: str) -> None:
    hint = "renew with: python -m segment_assets_tests.queries.goldens"
    assert path_of(name).exists(), hint
    assert path_of(name).read_text(encoding="utf-8") == golden(name), hint


def test_no_golden_is_left_of_a_query_that_is_gone() -> None:
    found = {str(path.relative_to(FOLDER)).removesuffix(".sql") for path in FOLDER.rglob("*.sql")}
    assert found == set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if dialect_of(name) == "athena"])
def test_the_order_of_a_query_leaves_no_two_rows_in_any_order(name: str) -> None:
    """Equal rows in another order would be another snapshot: the keys of the order hold the whole grain."""
    (table,) = (table for table in TABLES.values() if table.query == name)
    query = parsed(rendered(name))
    order = query.args.get("order")
    keys = {key.this.name for key in order.expressions} if order else set()
    constant = {shown.alias_or_name for shown in query.selects if not shown.find(exp.Column)}
    assert set(table.grain) - constant <= keys
