"""What a flow into HubSpot writes, by AppFlow's model of a custom connector as a destination."""

from __future__ import annotations

import pytest

from segment_assets.contracts import AudienceSpec, PermanentError
from segment_assets.destinations import connect
from segment_assets_tests.destinations.appflow_flows import flow_of, mapped, written


def test_a_contact_is_updated_by_its_digest_in_a_property_of_the_segment():
    body = flow_of("hubspot", {})
    target, properties = written(body)
    assert (target["connectorType"], target["apiVersion"]) == ("CustomConnector", "v3")
    assert properties == {"entityName": "contacts", "idFieldNames": ["email_sha256"], "writeOperationType": "UPDATE"}
    assert mapped(body) == {"person": "email_sha256", "is_member": "segment_vip_lapsed_90_days"}


def test_the_plan_may_name_the_entity_the_version_and_the_write():
    target, properties = written(
        flow_of("hubspot", {"entity": "contact", "connector_version": "v4", "write": "upsert"})
    )
    assert (target["apiVersion"], properties["entityName"]) == ("v4", "contact")
    assert properties["writeOperationType"] == "UPSERT"


def test_what_hubspot_has_not_is_refused():
    for wrong in ({"write": "insert"}, {"connector_version": ""}, {"object": "contacts"}, {"bucket": ""}):
        with pytest.raises(PermanentError, match=next(iter(wrong))):
            connect("hubspot", "crm", {"bucket": "our-bucket", **wrong})


def test_all_of_the_settings_reach_the_flow():
    body = flow_of("hubspot", {"prefix": "out"})
    assert body["sourceFlowConfig"]["sourceConnectorProperties"]["S3"]["bucketPrefix"].startswith("out/")


def test_whose_setting_is_wrong_is_told():
    for wrong in ({"object": "contacts"}, {"write": "insert"}):
        with pytest.raises(PermanentError, match=r"^hubspot\b"):
            connect("hubspot", "crm", {"bucket": "our-bucket", **wrong})


def test_an_audience_whose_name_gives_no_property_is_not_made():
    """All of these would share the property `segment_`."""
    with pytest.raises(PermanentError, match="give the activation an audience_name"):
        flow_of("hubspot", {}, AudienceSpec("\u9867\u5ba2", "0f" * 16, {}))


def test_of_the_name_every_letter_and_digit_is_in_the_property_and_nothing_else():
    body = flow_of("hubspot", {}, AudienceSpec("(Xmas, 24) XXL-box!", "0f" * 16, {}))
    assert mapped(body)["is_member"] == "segment_xmas_24_xxl_box"
