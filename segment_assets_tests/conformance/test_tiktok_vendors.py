"""Our TikTok connector against Segment's: the same people must make the same call.

TikTok's own package knows nothing of `segment/audience` and `segment/mapping`. Segment's public connector does, and
carries people there every day. It is no authority, so each difference is named with our reason.
"""

from __future__ import annotations

from segment_assets.contracts import AudienceSpec, Member, Operation, Response, Session
from segment_assets.destinations import connect
from segment_assets_tests.conformance.vendors import SEGMENT, Kept, cell, sent_by_segment

TIKTOK = connect("tiktok", "7012345678901234567", {"mobile_ad_id": "idfa"})
HOST = TIKTOK.contract.endpoint
SPEC = AudienceSpec("crm", "seg-vip", {})
PLACE = Session(token=1, sequence=1, last=True, members_in_total=2, received_before=0)
FIRST, SECOND = SEGMENT["emails"]
PEOPLE = [
    Member(
        b"1",
        {
            "email_spaceless": cell("email_spaceless", f" {FIRST.upper()} "),
            "phone_e164": cell("phone_e164", "+1 (657) 777-0000"),
            "mobile_ad_id_hashed": cell("mobile_ad_id_hashed", SEGMENT["device"].upper()),
        },
    ),
    Member(b"2", {"email_spaceless": cell("email_spaceless", SECOND)}),
]


def mapped(action: str) -> dict:
    (call,) = [
        one for one in sent_by_segment(HOST, "/open_api/v1.3/segment/mapping/") if one["json"]["action"] == action
    ]
    return call


def test_people_go_to_tiktok_as_segment_sends_them():
    ours = TIKTOK.request("2038", Operation.ADD, PEOPLE, PLACE)
    assert (ours.method, ours.path) == ("POST", "/open_api/v1.3/segment/mapping/")
    assert ours.json == mapped("add")["json"]


def test_known_difference_who_leaves_is_taken_out_under_both_kinds_of_mobile_ad_id_which_segment_takes_for_one():
    ours, theirs = TIKTOK.request("2038", Operation.REMOVE, PEOPLE, PLACE).json, mapped("delete")["json"]
    place = ours["id_schema"].index("AAID_SHA256")
    assert [row[place] for row in ours["batch_data"]] == [row[-1] for row in theirs["batch_data"]]
    for row in (ours["id_schema"], *ours["batch_data"]):
        row.pop(place)
    assert ours == theirs


def test_an_audience_is_made_as_segment_makes_one():
    made = Kept(Response(200, {}, {"code": 0, "data": {"audience_id": "2038"}}))
    TIKTOK.create_audience(made, SPEC)
    (call,) = sent_by_segment(HOST, "/open_api/v1.3/segment/audience/")
    # Known difference: our marker stands behind the name, which is all that finds the audience again.
    assert made.requests[0].json == {**call["json"], "custom_audience_name": "crm seg-vip"}


def test_audiences_are_looked_for_where_segment_looks_for_them():
    page = {"list": [{"audience_id": "2038", "name": "crm seg-vip"}], "page_info": {"total_page": 1}}
    found = Kept(Response(200, {}, {"code": 0, "data": page}))
    assert TIKTOK.find_audience(found, SPEC) == "2038"
    (call,) = sent_by_segment(HOST, "/open_api/v1.3/dmp/custom_audience/list/", "GET")
    assert dict(found.requests[0].params) == {name: str(value) for name, value in call["searchParams"].items()}
