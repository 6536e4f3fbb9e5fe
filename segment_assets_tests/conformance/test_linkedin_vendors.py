"""Our LinkedIn connector against Segment's: the same people must make the same call.

LinkedIn's own package knows nothing of DMP segments. Segment's public connector does, and carries people there every day.
It is no authority, so each difference is named with our reason.
"""

from __future__ import annotations

import pytest

from segment_assets.contracts import AudienceSpec, Member, Operation, Response, Session
from segment_assets.destinations import connect
from segment_assets_tests.conformance.vendors import SEGMENT, Kept, cell, sent_by_segment

LINKEDIN = connect("linkedin", "502001", {"source_platform": "SEGMENT"})
HOST = LINKEDIN.contract.endpoint
SPEC = AudienceSpec("VIP", "seg-vip", {})
PLACE = Session(token=1, sequence=1, last=True, members_in_total=2, received_before=0)
FIRST, SECOND = SEGMENT["emails"]


@pytest.mark.parametrize(("place", "operation"), [(0, Operation.ADD), (1, Operation.REMOVE)])
def test_people_go_to_linkedin_as_segment_sends_them(place, operation):
    path = "/rest/dmpSegments/10804/users"
    call = sent_by_segment(HOST, path)[place]
    email = cell("email_spaceless", f" {FIRST.upper()} ")
    people = [
        Member(b"1", {"email_spaceless": email, "country_code": "US", "mobile_ad_id": SEGMENT["device"]}),
        Member(b"2", {"email_spaceless": cell("email_spaceless", SECOND)}),
    ]
    ours = LINKEDIN.request("10804", operation, people, PLACE)
    assert (ours.method, ours.path) == (call["method"], path)
    assert ours.headers["X-RestLi-Method"] == call["headers"]["X-RestLi-Method"]
    first, second = call["json"]["elements"]
    if operation is Operation.REMOVE:
        # Known difference: of who leaves we tell nothing but what finds them.
        first = {name: value for name, value in first.items() if name != "country"}
    assert ours.json == {"elements": [first, second]}


def test_a_segment_is_made_as_segment_makes_one():
    made = Kept(Response(201, {"x-restli-id": "10804"}, None))
    LINKEDIN.create_audience(made, SPEC)
    (call,) = sent_by_segment(HOST, "/rest/dmpSegments")
    # Known difference: LinkedIn's own example has an access policy.
    assert made.requests[0].json == {**call["json"], "accessPolicy": "PRIVATE"}


def test_a_segment_is_looked_for_as_segment_looks_for_one():
    found = Kept(Response(200, {}, {"elements": [{"id": 10804, "sourceSegmentId": SPEC.marker}], "paging": {}}))
    assert LINKEDIN.find_audience(found, SPEC) == "10804"
    call = sent_by_segment(HOST, "/rest/dmpSegments", "GET")[0]
    # Known differences: our marker is unique under every platform name, and we walk pages, which Segment does not.
    narrowed = {name: value for name, value in call["searchParams"].items() if name != "sourcePlatform"}
    assert dict(found.requests[0].params) == {**narrowed, "start": "0", "count": "100"}
