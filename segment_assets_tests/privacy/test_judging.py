"""Every documented refusal, the permitted forms next to it, and what a reason tells."""

from __future__ import annotations

import pytest

from segment_assets.privacy import Collaboration, judge

RUNNER = "111122223333"
PUBLISHER = "444455556666"
FROM = "FROM impressions i INNER JOIN customers c ON i.user_id = c.user_id"
COUNT = "COUNT(DISTINCT i.user_id) AS n"
LISTED = "SELECT DISTINCT c.internal_id FROM crm c JOIN segments s ON c.id2 = s.id2"


def aggregation(select=COUNT, rest="", source=FROM):
    return f"SELECT {select} {source} {rest}"


@pytest.mark.parametrize(
    "sql",
    [
        aggregation(),
        aggregation().lower(),
        aggregation() + ";",
        aggregation("count(distinct I.USER_ID) AS n"),
        aggregation("SUM(i.cost) AS cost, AVG(c.spend) AS spend"),
        aggregation(f"'all' AS label, 1 AS one, -2 AS less, DATE '2026-01-05' AS day, {COUNT}"),
        aggregation(f"segment, {COUNT}", "GROUP BY segment"),
        aggregation(f"i.channel AS c1, {COUNT}", "GROUP BY c1 ORDER BY n DESC NULLS LAST, c1"),
        aggregation(f"UPPER(i.channel) AS u, {COUNT}", "GROUP BY UPPER(i.channel)"),
        aggregation(f"UPPER(i.channel) AS u, {COUNT}", "GROUP BY i.channel"),
        aggregation(f"SUBSTRING(i.channel, 1, 2) AS u, {COUNT}", "GROUP BY u"),
        aggregation(f"CAST(i.seen AS STRING) AS u, {COUNT}", "GROUP BY u"),
        aggregation(f"EXTRACT(MONTH FROM i.seen) AS u, {COUNT}", "GROUP BY u"),
        aggregation(COUNT, "GROUP BY i.channel"),
        aggregation(COUNT, "GROUP BY i.channel ORDER BY i.channel, SUM(i.cost)"),
        aggregation(COUNT, "HAVING COUNT(DISTINCT i.user_id) > 500 AND (SUM(i.cost) <= 2.5 OR SUM(i.cost) <> -1)"),
        aggregation(COUNT, "WHERE i.channel = 'ctv' AND NOT (c.segment IN ('a', 'b') OR i.campaign_id LIKE 'x%')"),
        aggregation(COUNT, "WHERE i.channel NOT LIKE 'x%' AND i.channel NOT IN ('a') AND i.channel IS NOT NULL"),
        aggregation(COUNT, "WHERE i.seen BETWEEN DATE '2026-01-05' AND DATE '2026-01-11' AND i.channel IS NULL"),
        aggregation(COUNT, "WHERE (i.campaign_id + 1) * 2 / 3 % 5 >= -1 AND UPPER(i.channel) <> c.segment"),
        aggregation(COUNT, "", "FROM customers c JOIN impressions i ON c.user_id = i.user_id"),
        aggregation(
            COUNT,
            "",
            "FROM impressions i JOIN impressions j ON i.user_id = j.user_id JOIN customers c ON c.user_id = j.user_id",
        ),
        "SELECT COUNT(DISTINCT user_id) AS n FROM customers",
        "SELECT COUNT(DISTINCT c.user_id) AS n FROM customers c JOIN customers d ON c.user_id = d.user_id OR c.household_id = d.household_id",
        LISTED,
        f"{LISTED} WHERE s.score * 2 > 10 AND c.category IN ('x') LIMIT 5",
        "SELECT DISTINCT internal_id, seg3 AS third FROM segments JOIN crm ON segments.id2 = crm.id2",
    ],
)
def test_a_permitted_form_is_accepted(examples, sql):
    verdict = judge(sql, examples, RUNNER)
    assert verdict.accepted, verdict.explain()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT FROM WHERE", "syntax"),
        ("", "several_statements"),
        (aggregation() + "; " + aggregation(), "several_statements"),
        (aggregation() + " -- " + "x" * 90_001, "query_too_long"),
        ("SELECT " + "(" * 3_000 + "1" + ")" * 3_000 + " FROM customers", "syntax"),
        (aggregation(COUNT, "WHERE i.campaign_id > " + "+".join(["1"] * 20_000)), "syntax"),
        ("DELETE FROM impressions", "not_a_select"),
        ("CREATE TABLE x AS SELECT 1", "not_a_select"),
        ("CACHE TABLE x AS SELECT 1", "not_a_select"),
        ("VALUES (1)", "not_a_select"),
        (f"({aggregation()})", "not_a_select"),
        ("FROM customers SELECT COUNT(DISTINCT user_id)", "not_a_select"),
        ("SELECT COUNT(DISTINCT user_id) FROM customers |> WHERE segment = 'a'", "not_a_select"),
        (f"{aggregation()} UNION ALL {aggregation()}", "set_operation"),
        (f"{aggregation()} EXCEPT {aggregation()}", "set_operation"),
        (aggregation(COUNT, "", "FROM (SELECT * FROM impressions) i JOIN customers c ON i.user_id = c.user_id"), "subquery"),
        (aggregation(COUNT, "WHERE i.channel IN (SELECT segment FROM customers)"), "subquery"),
        (aggregation(COUNT, "WHERE EXISTS (SELECT 1 FROM customers)"), "subquery"),
        (aggregation(f"(SELECT 1) AS one, {COUNT}"), "subquery"),
        (aggregation("*"), "star"),
        (aggregation("COUNT(*)"), "star"),
        (aggregation("COUNT(i.*)"), "star"),
        (aggregation(COUNT, "OFFSET 3"), "offset"),
        (aggregation("SELECT 1").replace("SELECT SELECT", "SELECT TOP"), "syntax"),
        (aggregation("SUM(i.cost) OVER (PARTITION BY i.channel)"), "window_function"),
        (aggregation(f"true AS yes, {COUNT}"), "aggregate_argument"),
        (aggregation(COUNT, "WHERE i.channel IS TRUE"), "condition"),
        (aggregation(COUNT, "WHERE i.channel IN (true)"), "condition"),
        (aggregation(f"/*+ BROADCAST(c) */ {COUNT}"), "hint"),
        (aggregation(COUNT, "WHERE i.channel = :channel"), "unrendered_parameter"),
        (aggregation("COUNT(DISTINCT i.user_id) FILTER (WHERE i.channel = 'x')"), "unknown_syntax"),
        (aggregation(COUNT, "TABLESAMPLE (10 PERCENT)"), "unknown_syntax"),
        (aggregation(COUNT, "GROUP BY i.channel WITH CUBE"), "unknown_syntax"),
        (aggregation(COUNT, "GROUP BY GROUPING SETS ((i.channel), ())"), "unknown_syntax"),
        (aggregation(COUNT, "GROUP BY ALL"), "unknown_syntax"),
        (aggregation(COUNT, "QUALIFY 1 = 1"), "unknown_syntax"),
        (aggregation(COUNT, "WHERE i.channel <=> 'x'"), "unknown_syntax"),
        (aggregation(COUNT, "WHERE CASE WHEN i.channel = 'x' THEN 1 END = 1"), "function_not_allowed"),
        (aggregation(COUNT, "WHERE i.channel = 'O''x'"), "function_not_allowed"),
        (aggregation(COUNT, "WHERE true"), "condition"),
        (aggregation(COUNT, "LATERAL VIEW EXPLODE(i.channel) x AS y"), "unknown_syntax"),
        (aggregation(COUNT, "", "FROM db.impressions i JOIN customers c ON i.user_id = c.user_id"), "unknown_syntax"),
        (aggregation(COUNT, "", "FROM impressions i (a, b) JOIN customers c ON i.user_id = c.user_id"), "unknown_syntax"),
        ("SELECT 1 AS one", "no_table"),
        ("SELECT COUNT(DISTINCT user_id) FROM strangers", "unknown_table"),
        ("SELECT COUNT(DISTINCT x.user_id) FROM customers c", "unknown_table"),
        (aggregation(COUNT, "", FROM + "".join(f" JOIN customers c{n} ON c{n}.user_id = c.user_id" for n in range(14))), "too_many_tables"),
        (aggregation(COUNT, "", "FROM impressions i JOIN customers i ON i.user_id = i.user_id"), "duplicate_alias"),
        (aggregation(COUNT, "", "FROM impressions i JOIN customers `jane@example.com` ON i.user_id = `jane@example.com`.user_id"), "output_name"),
        (aggregation(COUNT, "", "FROM impressions i JOIN crm c ON i.user_id = c.id2"), "mixed_rules"),
        (aggregation("COUNT(DISTINCT i.email)"), "column_not_allowed"),
        (aggregation(COUNT, "WHERE n > 5"), "column_not_allowed"),
        (aggregation("COUNT(DISTINCT user_id)"), "ambiguous_column"),
        (aggregation("COUNT(DISTINCT i.user_id) AS `jane@example.com`"), "output_name"),
        (aggregation("COUNT(DISTINCT i.user_id) AS __k_0"), "output_name"),
        (aggregation(f"{COUNT}, SUM(i.cost) AS N"), "duplicate_output"),
    ],
)  # fmt: skip
def test_a_query_of_another_shape_is_refused(codes, sql, code):
    assert code in codes(sql)


@pytest.mark.parametrize(
    "join",
    [
        "RIGHT JOIN customers c ON i.user_id = c.user_id",
        "FULL OUTER JOIN customers c ON i.user_id = c.user_id",
        "LEFT SEMI JOIN customers c ON i.user_id = c.user_id",
        "LEFT ANTI JOIN customers c ON i.user_id = c.user_id",
        "NATURAL JOIN customers c",
        "JOIN customers c USING (user_id)",
        "CROSS JOIN customers c",
        "JOIN customers c",
        "JOIN customers c ON TRUE",
        ", customers c",
    ],
)
def test_only_inner_joins_with_a_condition_are_accepted(codes, join):
    assert "join_not_inner" in codes(f"SELECT {COUNT} FROM impressions i {join}")


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("i.user_id > c.user_id", "join_condition"),
        ("i.user_id = 'u1'", "join_condition"),
        ("i.user_id = i.user_id", "join_condition"),
        ("UPPER(i.channel) = c.segment", "join_condition"),
        ("NOT i.user_id = c.user_id", "join_condition"),
        ("i.channel = c.segment", "join_column"),
        ("i.user_id = c.user_id AND i.channel = c.segment", "join_column"),
        ("i.user_id = c.user_id OR i.household_id = c.household_id", "join_operator"),
    ],
)
def test_a_join_compares_join_columns_of_two_tables_by_equality(codes, condition, code):
    assert code in codes(f"SELECT {COUNT} FROM impressions i JOIN customers c ON {condition}")


def test_a_condition_that_does_not_name_the_joined_table_is_a_cross_join_in_disguise(codes):
    sql = f"SELECT {COUNT} {FROM} JOIN customers d ON i.user_id = c.user_id"
    assert codes(sql) == {"join_condition"}


def test_each_alternative_of_a_condition_names_the_joined_table(codes):
    sql = "SELECT COUNT(DISTINCT c.user_id) AS n FROM customers c JOIN customers d ON c.user_id = d.user_id JOIN customers e ON "
    assert codes(sql + "e.user_id = c.user_id OR c.household_id = d.household_id") == {"join_condition"}
    assert codes(sql + "e.user_id = c.user_id OR e.household_id = d.household_id") == set()


def test_a_condition_cannot_name_a_table_that_is_joined_later(codes):
    sql = f"SELECT {COUNT} FROM impressions i JOIN customers c ON c.user_id = d.user_id JOIN customers d ON d.user_id = i.user_id"
    assert "join_condition" in codes(sql)


def test_an_overlap_that_holds_in_one_alternative_only_is_no_overlap(document, codes):
    document["configuredTables"][0]["analysisRule"]["analysisRulePolicy"]["v1"]["aggregation"][
        "allowedJoinOperators"
    ] = ["AND", "OR"]
    sql = (
        "SELECT COUNT(DISTINCT i.user_id) AS n FROM impressions i JOIN impressions j ON i.user_id = j.user_id OR i.household_id = j.household_id "
        "JOIN impressions k ON k.user_id = j.user_id"
    )
    open_to_or = Collaboration.parse(document)
    assert codes(sql, open_to_or) == {"runner_join_required"}
    assert codes(sql + " JOIN customers c ON c.user_id = i.user_id OR c.user_id = k.user_id", open_to_or) == {
        "runner_join_required"
    }
    assert codes(sql + " JOIN customers c ON c.user_id = k.user_id", open_to_or) == set()


def test_the_runner_may_require_a_join_on_its_own_table_too(document, codes):
    document["configuredTables"][1]["analysisRule"]["analysisRulePolicy"]["v1"]["aggregation"]["joinRequired"] = (
        "QUERY_RUNNER"
    )
    strict = Collaboration.parse(document)
    assert codes("SELECT COUNT(DISTINCT user_id) AS n FROM customers", strict) == {"runner_join_required"}
    assert codes(
        "SELECT COUNT(DISTINCT c.user_id) AS n FROM customers c JOIN customers d ON c.user_id = d.user_id", strict
    ) == {"runner_join_required"}
    assert codes(aggregation(), strict) == set()


@pytest.mark.parametrize(
    ("select", "rest", "code"),
    [
        ("COUNT(i.user_id)", "", "aggregate_not_allowed"),
        ("SUM(DISTINCT i.cost)", "", "aggregate_not_allowed"),
        ("AVG(i.cost)", "", "aggregate_not_allowed"),
        ("SUM(i.user_id)", "", "aggregate_not_allowed"),
        ("COUNT(DISTINCT i.channel)", "", "aggregate_not_allowed"),
        ("MAX(i.cost)", "", "aggregate_not_allowed"),
        ("COLLECT_LIST(i.channel)", "", "aggregate_not_allowed"),
        ("APPROX_COUNT_DISTINCT(i.user_id)", "", "aggregate_not_allowed"),
        ("COUNT(1)", "", "aggregate_argument"),
        ("COUNT(DISTINCT i.user_id, c.user_id)", "", "aggregate_argument"),
        ("SUM(UPPER(i.channel))", "", "aggregate_argument"),
        ("SUM(i.cost) / COUNT(DISTINCT i.user_id)", "", "aggregate_argument"),
        (COUNT, "WHERE COUNT(DISTINCT i.user_id) > 1", "aggregate_place"),
        (COUNT, "GROUP BY n", "aggregate_place"),
        (f"i.user_id, {COUNT}", "GROUP BY i.user_id", "not_a_dimension"),
        (f"i.cost, {COUNT}", "GROUP BY i.cost", "not_a_dimension"),
        (COUNT, "GROUP BY c.user_id", "not_a_dimension"),
        (COUNT, "ORDER BY c.user_id", "not_a_dimension"),
        (COUNT, "WHERE i.cost > 3", "not_a_dimension"),
        (COUNT, "WHERE UPPER(i.user_id) = 'X'", "not_a_dimension"),
        (f"i.channel, {COUNT}", "", "not_grouped"),
        (f"i.channel, {COUNT}", "GROUP BY UPPER(i.channel)", "not_grouped"),
        (COUNT, "GROUP BY i.channel ORDER BY i.campaign_id", "not_grouped"),
        (f"DISTINCT {COUNT}", "", "distinct"),
        (COUNT, "GROUP BY 1", "group_by"),
        (COUNT, "ORDER BY 1", "order_by"),
        (COUNT, "GROUP BY i.channel HAVING i.channel = 'x'", "having"),
        (COUNT, "HAVING n > 5", "column_not_allowed"),
        (COUNT, "HAVING COUNT(DISTINCT i.user_id) > SUM(i.cost)", "having"),
        (COUNT, "HAVING COUNT(DISTINCT i.user_id) > '5'", "having"),
        (COUNT, "HAVING NOT SUM(i.cost) > 5", "having"),
        (COUNT, "HAVING COUNT(i.user_id) > 5", "aggregate_not_allowed"),
        (COUNT, "WHERE i.channel", "condition"),
        (COUNT, "WHERE i.channel IN (c.segment)", "condition"),
        (COUNT, "WHERE i.channel LIKE c.segment", "condition"),
        (COUNT, "WHERE i.channel = NULL", "condition"),
        (COUNT, "WHERE i.channel LIKE 'a\\\\_b'", "literal"),
        (COUNT, "WHERE i.seen > DATE '5 January'", "literal"),
        (COUNT, "WHERE i.channel RLIKE 'x'", "function_not_allowed"),
        (COUNT, "WHERE UPPER(c.segment) = 'X'", "function_not_allowed"),
        (COUNT, "WHERE LOWER(i.channel) = 'x'", "function_not_allowed"),
        (COUNT, "WHERE i.channel = UPPER('x')", "function_not_allowed"),
        (f"CONCAT(i.channel, 'x') AS x, {COUNT}", "GROUP BY x", "function_not_allowed"),
        (f"SHA2(i.channel, 256) AS x, {COUNT}", "GROUP BY x", "function_not_allowed"),
        (f"i.channel || 'x' AS x, {COUNT}", "GROUP BY x", "unknown_syntax"),
        (f"i.campaign_id + 1 AS x, {COUNT}", "GROUP BY x", "aggregate_argument"),
        (f"LTRIM(i.channel) AS x, {COUNT}", "GROUP BY x", "function_not_allowed"),
        (f"UPPER(SUBSTRING(i.channel, 1, 2)) AS x, {COUNT}", "GROUP BY x", "nested_function"),
        (COUNT, "WHERE FLOOR(i.campaign_id + 1) = 2", "nested_function"),
        (f"LN(i.campaign_id) AS x, {COUNT}", "GROUP BY x", "function_not_supported_yet"),
        (COUNT, "WHERE i.seen < CURRENT_DATE", "function_not_allowed"),
        (COUNT, "WHERE i.seen < GETDATE()", "function_not_allowed"),
        (f"CAST(i.campaign_id AS INT) AS x, {COUNT}", "GROUP BY x", "function_not_supported_yet"),
        (f"SUBSTRING(i.channel, 0, 2) AS x, {COUNT}", "GROUP BY x", "function_not_supported_yet"),
        (f"EXTRACT(DAYOFWEEK FROM i.seen) AS x, {COUNT}", "GROUP BY x", "function_not_supported_yet"),
    ],
)  # fmt: skip
def test_a_clause_that_the_aggregation_rule_does_not_open_is_refused(codes, select, rest, code):
    assert code in codes(aggregation(select, rest))


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (f"{LISTED} ORDER BY c.internal_id", "order_by"),
        (f"{LISTED} HAVING 1 = 1", "having"),
        (f"{LISTED} LIMIT 5 OFFSET 5", "offset"),
        (f"{LISTED} LIMIT 2 + 3", "limit"),
        (LISTED.replace("c.internal_id", "c.id2"), "not_a_list_column"),
        (LISTED.replace("c.internal_id", "UPPER(c.internal_id) AS x"), "function_not_allowed"),
        (LISTED.replace("c.internal_id", "COUNT(c.internal_id) AS x"), "function_not_allowed"),
        (LISTED.replace("c.internal_id", "s.score * 2 AS x"), "function_not_allowed"),
        (LISTED.replace("c.internal_id", "'x' AS x"), "function_not_allowed"),
        (f"{LISTED} WHERE s.id2 = 'x'", "not_a_list_column"),
        (f"{LISTED} WHERE UPPER(s.seg3) = 'X'", "function_not_allowed"),
        (f"{LISTED} AND c.id2 = s.id2 OR s.id2 = c.id2", "join_operator"),
        (LISTED.replace("c.id2 = s.id2", "c.internal_id = s.seg3"), "join_column"),
        ("SELECT DISTINCT internal_id FROM crm", "runner_join_required"),
        ("SELECT DISTINCT a.seg3 FROM segments a JOIN segments b ON a.id2 = b.id2", "runner_join_required"),
    ],
)
def test_a_clause_that_the_list_rule_does_not_open_is_refused(codes, sql, code):
    assert code in codes(sql)


def test_a_list_that_joins_on_the_runner_s_table_twice_is_still_an_overlap(codes):
    assert codes(f"{LISTED} JOIN segments t ON t.id2 = s.id2") == set()


def test_only_the_member_with_the_ability_to_query_may_query(codes):
    assert "runner_may_not_query" in codes(aggregation(), runner=PUBLISHER)
    assert "runner_may_not_query" in codes(aggregation(), runner="999999999999")


def test_a_table_without_a_rule_cannot_be_queried(document, codes):
    del document["configuredTables"][1]["analysisRule"]
    assert codes("SELECT COUNT(DISTINCT user_id) AS n FROM customers", Collaboration.parse(document)) == {"no_rule"}


def test_a_table_for_jobs_cannot_be_queried(document, codes):
    document["configuredTables"][1]["configuredTable"]["analysisMethod"] = "DIRECT_JOB"
    assert "not_directly_queryable" in codes(aggregation(), Collaboration.parse(document))


def test_a_reason_tells_place_table_owner_and_the_page_that_says_so(examples):
    verdict = judge("SELECT\n  AVG(i.cost) AS a\n" + FROM, examples, RUNNER)
    (reason,) = verdict.reasons
    assert (reason.line, reason.column) == (2, 3)
    assert (reason.table, reason.owner) == ("impressions", PUBLISHER)
    assert reason.rule.value.endswith("analysis-rules-aggregation.html")
    assert "AVG" in reason.snippet


def test_all_reasons_of_a_door_are_told_at_once(codes):
    assert codes(aggregation("AVG(i.cost) AS a", "WHERE i.user_id = 'u' LIMIT 1")) == {
        "aggregate_not_allowed",
        "not_a_dimension",
        "limit",
    }


@pytest.mark.parametrize(
    "secret",
    ["jane@example.com", "a" * 64, "4915112345678"],
)
@pytest.mark.parametrize(
    "template",
    [
        "SELECT COUNT(DISTINCT i.user_id) AS n FROM impressions i WHERE i.user_id = '{}'",
        "SELECT COUNT(DISTINCT i.user_id) AS n FROM impressions i WHERE i.user_id IN ('x', '{}') -- {}",
        "SELECT COUNT(DISTINCT i.user_id) AS n FROM impressions i JOIN customers `{}` ON i.user_id = '{}'",
        "SELECT COUNT(DISTINCT i.user_id) AS `{}` FROM impressions i WHERE '{}' RLIKE \"{}\"",
        "SELECT FROM '{}' '{}",
        "ALTER TABLE customers SET TBLPROPERTIES ('x' = '{}')",
        "SELECT 1; SHOW TABLES LIKE '{}'",
        "SELECT /*+ X('{}') */ COUNT(DISTINCT user_id) AS n FROM customers",
    ],
)
def test_no_identifier_of_a_query_is_repeated_in_a_verdict_or_a_log(examples, caplog, capsys, template, secret):
    verdict = judge(template.replace("{}", secret), examples, RUNNER)
    assert not verdict.accepted
    assert secret not in verdict.explain()
    assert secret not in repr(verdict)
    assert secret not in caplog.text + "".join(capsys.readouterr())
