"""The collaboration of the public examples: a publisher's impressions, a runner's customers, and LIST twins."""

from __future__ import annotations

import copy

import pytest

from segment_assets.privacy import Collaboration, judge

RUNNER = "111122223333"
PUBLISHER = "444455556666"


def _table(owner, name, columns, kind, policy):
    return {
        "ownerAccountId": owner,
        "configuredTable": {
            "name": name,
            "tableReference": {"glue": {"databaseName": "db", "tableName": name}},
            "allowedColumns": columns,
            "analysisMethod": "DIRECT_QUERY",
        },
        "analysisRule": {"analysisRuleType": kind, "analysisRulePolicy": {"v1": {kind.lower(): policy}}},
        "association": {"name": name, "roleArn": f"arn:aws:iam::{owner}:role/clean-rooms-read"},
    }


def _aggregation(dimensions, minimum, **more):
    return {
        "aggregateColumns": [{"columnNames": ["user_id"], "function": "COUNT_DISTINCT"}, *more.pop("aggregates", [])],
        "joinColumns": more.pop("joins", ["user_id"]),
        "dimensionColumns": dimensions,
        "scalarFunctions": more.pop("scalars", []),
        "outputConstraints": [{"columnName": "user_id", "minimum": minimum, "type": "COUNT_DISTINCT"}],
        **more,
    }


DOCUMENT = {
    "creatorAccountId": RUNNER,
    "collaboration": {
        "name": "examples",
        "creatorDisplayName": "advertiser",
        "creatorMemberAbilities": ["CAN_QUERY", "CAN_RECEIVE_RESULTS"],
        "members": [{"accountId": PUBLISHER, "displayName": "publisher", "memberAbilities": []}],
        "queryLogStatus": "ENABLED",
    },
    "configuredTables": [
        _table(
            PUBLISHER,
            "impressions",
            ["user_id", "household_id", "campaign_id", "channel", "cost", "seen"],
            "AGGREGATION",
            _aggregation(
                ["campaign_id", "channel", "seen"],
                100,
                aggregates=[{"columnNames": ["cost"], "function": "SUM"}],
                joins=["user_id", "household_id"],
                scalars=["UPPER", "SUBSTRING", "CAST", "EXTRACT", "LN", "FLOOR"],
                joinRequired="QUERY_RUNNER",
            ),
        ),
        _table(
            RUNNER,
            "customers",
            ["user_id", "household_id", "segment", "spend"],
            "AGGREGATION",
            _aggregation(
                ["segment"],
                2,
                aggregates=[{"columnNames": ["spend"], "function": "AVG"}],
                joins=["user_id", "household_id"],
                allowedJoinOperators=["AND", "OR"],
            ),
        ),
        _table(RUNNER, "crm", ["id2", "internal_id", "category"], "LIST",
               {"joinColumns": ["id2"], "listColumns": ["internal_id", "category"]}),
        _table(PUBLISHER, "segments", ["id2", "seg3", "score"], "LIST",
               {"joinColumns": ["id2"], "listColumns": ["seg3", "score"]}),
        _table(PUBLISHER, "events", ["user_id", "day"], "CUSTOM", {"allowedAnalyses": ["ANY_QUERY"], "allowedAnalysisProviders": [RUNNER]}),
    ],
}  # fmt: skip


@pytest.fixture
def document():
    return copy.deepcopy(DOCUMENT)


@pytest.fixture(scope="session")
def examples():
    return Collaboration.parse(copy.deepcopy(DOCUMENT))


@pytest.fixture
def codes(examples):
    """The codes of the reasons against a query, or against running it here; none when it is accepted and runs."""

    def of(sql, collaboration=examples, runner=RUNNER):
        verdict = judge(sql, collaboration, runner)
        return {str(reason.code) for reason in (*verdict.reasons, *verdict.limits)}

    return of
