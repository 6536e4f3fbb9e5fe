"""What a flow into Salesforce writes, by AppFlow's model of Salesforce as a destination."""

from __future__ import annotations

import pytest

from segment_assets.contracts import Operation, PermanentError, Session, Step
from segment_assets.destinations import connect
from segment_assets_tests.destinations.appflow_flows import flow_of, mapped

PLACE = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)


def test_a_membership_is_upserted_by_its_own_key():
    body = flow_of("salesforce", {})
    (target,) = body["destinationFlowConfigList"]
    properties = target["destinationConnectorProperties"]["Salesforce"]
    assert (target["connectorType"], "apiVersion" in target) == ("Salesforce", False)
    assert {name: properties[name] for name in properties if name != "errorHandlingConfig"} == {
        "object": "Segment_Member__c",
        "idFieldNames": ["Member_Key__c"],
        "writeOperationType": "UPSERT",
        "dataTransferApi": "AUTOMATIC",
    }
    assert mapped(body) == {
        "member_key": "Member_Key__c",
        "segment": "Segment__c",
        "person": "Email_SHA256__c",
        "is_member": "Is_Member__c",
    }


@pytest.mark.parametrize("transfer", ["AUTOMATIC", "BULKV2", "REST_SYNC"])
def test_the_plan_may_name_the_object_the_folder_and_the_api(transfer):
    body = flow_of("salesforce", {"object": "Other__c", "transfer": transfer, "prefix": "out"})
    (target,) = body["destinationFlowConfigList"]
    properties = target["destinationConnectorProperties"]["Salesforce"]
    assert (properties["object"], properties["dataTransferApi"]) == ("Other__c", transfer)
    assert body["sourceFlowConfig"]["sourceConnectorProperties"]["S3"]["bucketPrefix"].startswith("out/")


def test_what_salesforce_has_not_is_refused():
    with pytest.raises(PermanentError, match="transfer 'SOAP'"):
        connect("salesforce", "crm", {"bucket": "our-bucket", "transfer": "SOAP"})
    with pytest.raises(PermanentError, match="bucket"):
        connect("salesforce", "crm", {})
    with pytest.raises(PermanentError, match="no setting write"):
        connect("salesforce", "crm", {"bucket": "our-bucket", "write": "upsert"})


def test_the_file_has_the_columns_that_the_flow_maps():
    ours = connect("salesforce", "crm", {"bucket": "our-bucket"})
    file = ours.request("segment-assets-1", Operation.ADD, [], PLACE)
    tasks = ours.step_request(Step.OPEN, "segment-assets-1", Operation.ADD, PLACE).json["tasks"]
    assert file.content.decode().strip().split(",") == tasks[0]["sourceFields"]
