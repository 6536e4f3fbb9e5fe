"""Every labelled query gets the verdict that the documentation gives it (`cases.yaml`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from segment_assets.cli.check_query import answer_lines

LABELS = yaml.load(Path(__file__).with_name("cases.yaml").read_text(), Loader=yaml.CSafeLoader)
RUNNER = "111122223333"
PAGES = {"agg", "list", "rules", "custom", "allowed", "disallowed", "thresholds", "comparisons", "sql", "dp", "dpset", "mapping", "api", "quotas"}  # fmt: skip


def check(line):
    (answer,) = answer_lines([json.dumps(line).encode()])
    return answer


def question(case):
    config = {"query_runner": RUNNER, "tables": LABELS["rooms"][case["room"]]}
    return {"rule_config": config, "sql": case["sql"], **case.get("more", {})}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in LABELS["cases"]])
def test_a_labelled_query_gets_its_verdict(case):
    answer = check(question(case))
    assert answer["verdict"] == case["verdict"], answer["reasons"]
    assert case.get("rule") in {None, *(reason["rule"] for reason in answer["reasons"])}
    if "minimums" in case:
        assert sorted(threshold["minimum"] for threshold in answer["thresholds"]) == case["minimums"]
    assert answer["noised"] == case.get("noised", answer["noised"])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in LABELS["invalid"]])
def test_a_rule_that_aws_does_not_take_is_an_invalid_configuration(case):
    table = {"owner": RUNNER, "columns": {"a": "string", "b": "string", "n": "int"}, "rule": case["rule"]}
    answer = check({"rule_config": {"query_runner": RUNNER, "tables": {"t": table}}, "sql": "SELECT a FROM t"})
    assert answer["verdict"] == "invalid_configuration"
    assert (
        answer["reasons"][0]["message"].startswith("rule_config.tables.t")
        or "tables.t" in answer["reasons"][0]["message"]
    )


def test_each_case_names_the_page_that_labels_it():
    cases = [*LABELS["cases"], *LABELS["invalid"]]
    assert {case["page"] for case in cases} <= PAGES
    assert len({case["id"] for case in cases}) == len(cases) >= 165
    assert sum(case["id"].startswith("B7-") for case in cases) == 15


def test_every_reason_says_where_by_which_control_whose_and_from_which_page():
    (case,) = [case for case in LABELS["cases"] if case["id"] == "B7-8"]
    answer = check(question(case))
    (reason,) = answer["reasons"]
    assert reason["rule"] == "dimensionColumns"
    assert (reason["table"], reason["owner"]) == ("impressions", "444455556666")
    assert (reason["line"], reason["column"]) == (1, 1 + case["sql"].index("i.user_id = 'u1'"))
    assert reason["source"].endswith("analysis-rules-aggregation.html")
    assert "joins and aggregates" in reason["message"]
    assert "u1" not in json.dumps(answer)


def test_a_rule_is_valid_for_us_exactly_where_botocore_takes_its_shape():
    """AWS's own model as the judge of shapes: what it refuses, we refuse."""
    import botocore.session
    import botocore.validate

    model = botocore.session.get_session().get_service_model("cleanrooms")
    shape = model.shape_for("AnalysisRulePolicyV1")
    refused_by_shape = set()
    for case in LABELS["invalid"]:
        report = botocore.validate.ParamValidator().validate(case["rule"], shape)
        if report.has_errors():
            refused_by_shape.add(case["id"])
    assert {"minimum-1", "no-constraint", "required-missing", "misspelt-field", "identity-count-1"} <= refused_by_shape
    for room in LABELS["rooms"].values():
        for table in room.values():
            rule = table.get("rule", {"list": {"joinColumns": ["a"], "listColumns": []}})
            errors = botocore.validate.ParamValidator().validate(rule, shape).generate_report()
            # The guide's own examples leave these out; see `rules.AggregationThreshold` and `ComparisonControls`.
            left_out = [line for line in errors.splitlines() if "Missing required parameter" not in line]
            assert not left_out, errors
