"""What a flow into Zendesk writes, by AppFlow's model of Zendesk as a destination."""

from __future__ import annotations

import pytest

from segment_assets.contracts import PermanentError
from segment_assets.destinations import connect
from segment_assets_tests.destinations.appflow_flows import flow_of, mapped, written


def test_a_user_is_updated_by_the_digest_in_a_field_of_the_segment():
    body = flow_of("zendesk", {})
    target, properties = written(body)
    assert (target["connectorType"], "apiVersion" in target) == ("Zendesk", False)
    assert properties == {"object": "users", "idFieldNames": ["external_id"], "writeOperationType": "UPDATE"}
    assert mapped(body) == {"person": "external_id", "is_member": "user_fields.segment_vip_lapsed_90_days"}


def test_the_plan_may_name_the_object_the_fields_the_folder_and_the_write():
    body = flow_of("zendesk", {"object": "user", "field_prefix": "", "write": "upsert", "prefix": "out"})
    _, properties = written(body)
    assert (properties["object"], properties["writeOperationType"]) == ("user", "UPSERT")
    assert mapped(body)["is_member"] == "segment_vip_lapsed_90_days"
    assert body["sourceFlowConfig"]["sourceConnectorProperties"]["S3"]["bucketPrefix"].startswith("out/")


def test_what_zendesk_has_not_is_refused():
    for wrong in ({"write": "insert"}, {"entity": "users"}, {"bucket": ""}):
        with pytest.raises(PermanentError, match=rf"^zendesk\b.*{next(iter(wrong))}"):
            connect("zendesk", "crm", {"bucket": "our-bucket", **wrong})
