"""What a flow into Marketo writes, by AppFlow's model of Marketo as a destination, which names no field to find by."""

from __future__ import annotations

import pytest

from segment_assets.contracts import PermanentError
from segment_assets.destinations import connect
from segment_assets_tests.destinations.appflow_flows import flow_of, mapped, written


def test_a_membership_is_a_record_of_a_custom_object():
    body = flow_of("marketo", {})
    target, properties = written(body)
    assert (target["connectorType"], properties) == ("Marketo", {"object": "segmentMember_c"})
    assert mapped(body) == {
        "member_key": "memberKey",
        "segment": "segment",
        "person": "emailSha256",
        "is_member": "isMember",
    }


def test_the_plan_may_name_the_object_and_the_folder():
    body = flow_of("marketo", {"object": "other_c", "prefix": "out"})
    assert written(body)[1] == {"object": "other_c"}
    assert body["sourceFlowConfig"]["sourceConnectorProperties"]["S3"]["bucketPrefix"].startswith("out/")


def test_what_marketo_has_not_is_refused():
    for wrong in ({"write": "upsert"}, {"bucket": ""}):
        with pytest.raises(PermanentError, match=next(iter(wrong))):
            connect("marketo", "crm", {"bucket": "our-bucket", **wrong})
