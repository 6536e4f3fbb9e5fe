"""A configuration is refused at load, with the path of the mistake and the page that documents the rule."""

from __future__ import annotations

import pytest

from segment_assets import collaboration, tables
from segment_assets.contracts import PermanentError
from segment_assets.privacy import Collaboration


def policy(document, index=0):
    rule = document["configuredTables"][index]["analysisRule"]
    return rule["analysisRulePolicy"]["v1"][rule["analysisRuleType"].lower()]


def minimum(value):
    return lambda d: policy(d)["outputConstraints"][0].update(minimum=value)


MISTAKES = {
    "a minimum below two": (minimum(1), "$.configuredTables[0].analysisRule.analysisRulePolicy.v1.aggregation.outputConstraints[0].minimum"),
    "a minimum above a hundred thousand": (minimum(100_001), "outputConstraints[0].minimum"),
    "a minimum that is no whole number": (minimum(2.5), "outputConstraints[0].minimum"),
    "a minimum that is text": (minimum("100"), "outputConstraints[0].minimum"),
    "no constraint": (lambda d: policy(d).update(outputConstraints=[]), "aggregation.outputConstraints"),
    "a constraint of another type": (lambda d: policy(d)["outputConstraints"][0].update(type="COUNT"), "outputConstraints[0].type"),
    "no aggregate column": (lambda d: policy(d).update(aggregateColumns=[]), "aggregation.aggregateColumns"),
    "an unknown function": (lambda d: policy(d)["aggregateColumns"][0].update(function="MAX"), "aggregateColumns[0].function"),
    "an unknown scalar": (lambda d: policy(d).update(scalarFunctions=["CONCAT"]), "scalarFunctions[0]"),
    "an unknown operator": (lambda d: policy(d).update(allowedJoinOperators=["XOR"]), "allowedJoinOperators[0]"),
    "joinRequired as the guide's list": (lambda d: policy(d).update(joinRequired=["QUERY_RUNNER"]), "aggregation.joinRequired"),
    "a misspelt setting": (lambda d: policy(d).update(joinRequierd="QUERY_RUNNER"), "aggregation.joinRequierd"),
    "a dimension that is a join column": (lambda d: policy(d)["dimensionColumns"].append("user_id"), "user_id cannot be in dimensionColumns and in joinColumns"),
    "a dimension that is aggregated": (lambda d: policy(d)["dimensionColumns"].append("cost"), "cost cannot be in dimensionColumns and in aggregateColumns"),
    "a list without join columns": (lambda d: policy(d, 2).update(joinColumns=[]), "list.joinColumns"),
    "a listed join column": (lambda d: policy(d, 2)["listColumns"].append("id2"), "id2 cannot be in joinColumns and in listColumns"),
    "a rule on a hidden column": (lambda d: policy(d)["dimensionColumns"].append("email"), "email: add to allowedColumns"),
    "no allowed column": (lambda d: d["configuredTables"][0]["configuredTable"].update(allowedColumns=[]), "configuredTable.allowedColumns"),
    "an owner who is no member": (lambda d: d["configuredTables"][0].update(ownerAccountId="999999999999"), "$.configuredTables[0].ownerAccountId"),
    "an account that is no number": (lambda d: d.update(creatorAccountId="me"), "$.creatorAccountId"),
    "two tables of one name": (lambda d: d["configuredTables"].append(d["configuredTables"][0]), "repeated: impressions"),
    "two rules on one table": (lambda d: d["configuredTables"][0].update(analysisRule=[d["configuredTables"][0]["analysisRule"]] * 2), "$.configuredTables[0].analysisRule"),
    "two policies in one rule": (lambda d: d["configuredTables"][0]["analysisRule"]["analysisRulePolicy"]["v1"].update(list=policy(d, 2)), "carries one analysis rule"),
    "a type that is not the policy's": (lambda d: d["configuredTables"][0]["analysisRule"].update(analysisRuleType="LIST"), "the policy holds another rule"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_configuration_with_a_mistake_is_refused_by_path_and_page(document, mistake):
    spoil, expected = MISTAKES[mistake]
    spoil(document)
    with pytest.raises(PermanentError) as refused:
        Collaboration.parse(document)
    assert expected in str(refused.value)
    assert "https://docs.aws.amazon.com/clean-rooms/latest/userguide/analysis-rules" in str(refused.value)


@pytest.mark.parametrize("value", [2, 100_000])
def test_both_ends_of_the_documented_range_are_valid_minimums(document, value):
    minimum(value)(document)
    parsed = Collaboration.parse(document)
    assert parsed.configured_tables[0].policy.output_constraints[0].minimum == value


def test_a_join_column_may_also_be_aggregated(document):
    assert "user_id" in Collaboration.parse(document).table("IMPRESSIONS").policy.aggregated()


class TestOurOwn:
    """The collaboration that the product ships."""

    @pytest.fixture
    def ours(self):
        return Collaboration.parse(collaboration.document())

    def test_each_column_is_one_that_the_table_declares(self, ours):
        for table in ours.configured_tables:
            assert table.allowed_columns <= set(tables.TABLES[table.glue_table].column_names())

    def test_no_raw_personal_column_is_in_the_collaboration(self, ours):
        for table in ours.configured_tables:
            raw = {c.name for c in tables.TABLES[table.glue_table].columns if c.pii is tables.Pii.RAW}
            assert not raw & table.allowed_columns

    def test_the_partner_s_tables_and_only_these_are_the_partner_s(self, ours):
        partner = {t.name for t in ours.configured_tables if t.owner != ours.creator_account_id}
        assert partner == {"impressions", "impressions_list", "impressions_journeys"}

    @pytest.mark.parametrize(
        ("operation", "pick", "ids"),
        [
            ("CreateCollaboration", lambda d: [d["collaboration"]], {}),
            ("CreateConfiguredTable", lambda d: [t["configuredTable"] for t in d["configuredTables"]], {}),
            (
                "CreateConfiguredTableAnalysisRule",
                lambda d: [t["analysisRule"] for t in d["configuredTables"]],
                {"configuredTableIdentifier": "0" * 36},
            ),
            (
                "CreateConfiguredTableAssociation",
                lambda d: [t["association"] for t in d["configuredTables"]],
                {"configuredTableIdentifier": "0" * 36, "membershipIdentifier": "0" * 36},
            ),
        ],
    )
    def test_each_part_is_the_input_of_its_api_call(self, operation, pick, ids):
        import botocore.session
        import botocore.validate

        model = botocore.session.get_session().get_service_model("cleanrooms").operation_model(operation)
        for part in pick(collaboration.document()):
            report = botocore.validate.ParamValidator().validate({**part, **ids}, model.input_shape)
            assert not report.has_errors(), report.generate_report()
