"""The stand-in keeps to botocore's model of Clean Rooms: what it answers fits, what does not fit it refuses."""

from __future__ import annotations

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from segment_assets import queries
from segment_assets.resources.clean_room import ProtectedQuery, QueryState
from segment_assets.sandbox.aws.clean_rooms.model import Model
from segment_assets_tests.aws.clean_rooms.world import Aws

SQL = {"type": "SQL", "sqlParameters": {"queryString": "SELECT 1"}}
S3 = {"resultFormat": "CSV", "bucket": "results", "keyPrefix": "a/b=c"}

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cleanrooms/aws4_request"


@pytest.fixture
def client(aws: Aws):
    """botocore without its own checks, so that the server's are seen."""
    import boto3

    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.client("cleanrooms", region_name="us-east-1", config=config)


@pytest.fixture
def ids(aws):
    return {
        "membershipIdentifier": aws.service.catalog.membership,
        "collaborationIdentifier": aws.service.catalog.collaboration,
    }


def placed(**s3: object) -> dict:
    return {"resultConfiguration": {"outputConfiguration": {"s3": S3 | s3}}}


def test_every_answer_fits_the_model_by_botocores_own_validator(aws, client, ids):
    """The stand-in checks its answers itself; this is another judge."""
    arn = aws.service.catalog.template("touch_credits", queries.read("clean_room/touch_credits"))
    mine = {"membershipIdentifier": ids["membershipIdentifier"]}
    whole = {"collaborationIdentifier": ids["collaborationIdentifier"]}
    failed = {"message": "no", "code": "MALFORMED_QUERY", "retry": {"retryable": False}}
    aws.service.plans.end("FAILED", error=failed)
    one, other = (client.start_protected_query(**mine, **SQL, **placed())["protectedQuery"]["id"] for _ in range(2))
    aws.service.queries.settled()
    asked = {"names": ["impressions", "nothing"]}
    rule = {"schemaAnalysisRuleRequests": [{"name": "impressions", "type": "AGGREGATION"}]}
    calls = [
        ("GetProtectedQuery", mine | {"protectedQueryIdentifier": one}),
        ("GetProtectedQuery", mine | {"protectedQueryIdentifier": other}),
        ("ListProtectedQueries", mine | {"maxResults": 1, "status": "SUCCESS"}),
        ("GetMembership", mine),
        ("GetCollaboration", whole),
        ("BatchGetSchema", whole | asked),
        ("BatchGetSchemaAnalysisRule", whole | rule),
        ("ListAnalysisTemplates", mine),
        ("BatchGetCollaborationAnalysisTemplate", whole | {"analysisTemplateArns": [arn]}),
    ]
    methods = client.meta.method_to_api_mapping.items()
    for operation, parameters in calls:
        [method] = [name for name, api in methods if api == operation]
        answer = getattr(client, method)(**parameters)
        del answer["ResponseMetadata"]
        shape = client.meta.service_model.operation_model(operation).output_shape
        assert answer, operation
        assert ParamValidator().validate(answer, shape).generate_report() == "", operation
    answered = {operation for operation, _ in calls} | {"StartProtectedQuery", "UpdateProtectedQuery"}
    assert set(aws.service.operations) == answered


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (SQL | {"type": "PYSPARK"}, "type"),
        (SQL | {"somethingElse": 1}, "somethingElse"),
        ({"type": "SQL"}, "sqlParameters"),
        (SQL | {"sqlParameters": {"queryString": 7}}, "sqlParameters.queryString"),
        (SQL | {"sqlParameters": {"queryString": "x" * 500_001}}, "sqlParameters.queryString"),
        (SQL | {"sqlParameters": {"analysisTemplateArn": "arn:aws:s3:::x"}}, "sqlParameters.analysisTemplateArn"),
        (
            SQL | {"computeConfiguration": {"worker": {"type": "CR.1X", "number": 1}}},
            "computeConfiguration.worker.number",
        ),
        (SQL | {"queryComputePayerAccountId": "12"}, "queryComputePayerAccountId"),
        (SQL | placed(keyPrefix="a b"), "resultConfiguration.outputConfiguration.s3.keyPrefix"),
        (SQL | placed(bucket="A"), "resultConfiguration.outputConfiguration.s3.bucket"),
        (SQL | placed(resultFormat="ORC"), "resultConfiguration.outputConfiguration.s3.resultFormat"),
        (
            SQL | {"resultConfiguration": {"outputConfiguration": {"s3": S3, "member": {"accountId": "1" * 12}}}},
            "resultConfiguration.outputConfiguration",
        ),
    ],
)
def test_a_request_that_does_not_fit_is_refused_with_the_place(aws, client, ids, request_, field):
    """Without botocore, which leaves out what it does not know."""
    path = f"{client.meta.endpoint_url}/memberships/{ids['membershipIdentifier']}/protectedQueries"
    told = httpx.post(path, json=request_, headers={"authorization": SIGNED}, verify=False)
    assert (told.status_code, told.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert told.json()["reason"] == "FIELD_VALIDATION_FAILED"
    assert field in [place["name"] for place in told.json()["fieldList"]]
    assert aws.service.started == []


def test_text_and_template_together_are_no_question(aws, client, ids):
    arn = aws.service.catalog.template("touch_credits", "SELECT 1")
    both = SQL | {"sqlParameters": {"queryString": "SELECT 1", "analysisTemplateArn": arn}}
    for asked in (both, SQL | {"sqlParameters": {}}):
        with pytest.raises(ClientError, match="Either a text or a template"):
            client.start_protected_query(membershipIdentifier=ids["membershipIdentifier"], **asked)


def test_a_start_may_be_answered_when_its_query_has_ended(aws):
    aws.renew(at_once=True, seconds=0.05)
    query_id = aws.room().start(ProtectedQuery("overlap", "SELECT 1"))
    assert aws.room().look(query_id).state is QueryState.SUCCESS


def test_somebody_without_a_signature_or_at_another_door_is_turned_away(aws, client, ids):
    address = client.meta.endpoint_url
    path = f"/memberships/{ids['membershipIdentifier']}"
    with httpx.Client(base_url=address, verify=False) as anybody:
        assert anybody.get(path).status_code == 403
        assert anybody.get("/somewhere").status_code == 404
        assert anybody.delete(path).status_code == 404
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_membership(membershipIdentifier="00000000-0000-4000-8000-000000000000")
    assert [name for name, _ in aws.service.calls] == ["GetMembership"]


def test_an_answer_that_would_not_fit_is_a_defect_of_the_stand_in(aws):
    model = Model("cleanrooms", ["GetMembership"])
    with pytest.raises(AssertionError, match=r"does not fit the model at membership\.id"):
        model.answer("GetMembership", {"membership": {"status": "ACTIVE"}})
