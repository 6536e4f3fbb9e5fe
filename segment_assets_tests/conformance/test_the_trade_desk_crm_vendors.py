"""Our CRM data connector against what Segment's sends, captured by running it (`vendors/segment_the_trade_desk_crm.cjs`).

Segment is no official source; The Trade Desk's own reference of these calls is behind a login.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from segment_assets.contracts import AudienceSpec, Member, Operation, Response, Session
from segment_assets.destinations import connect
from segment_assets.destinations.the_trade_desk_crm import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest

THEIRS = json.loads((Path(__file__).parent / "vendors" / "segment_the_trade_desk_crm.json").read_text(encoding="utf-8"))
OURS = connect("the_trade_desk_crm", THEIRS["advertiser"])
PLACE = Session(token=1, sequence=1, last=True, members_in_total=3, received_before=0)
ADDRESS = "https://drop.example/pii?X-Amz-Signature=s"


class Answering:
    """As the capture's stand-in for The Trade Desk."""

    def __init__(self) -> None:
        self.requests = []

    def send(self, request):
        self.requests.append(request)
        if request.method == "GET":
            listed = [] if request.params else [{"SegmentName": "x", "CrmDataId": "1"}]
            return Response(200, {}, {"Segments": listed, "PagingToken": "next"})
        if request.method == "PUT":
            return Response(200, {}, None)
        return Response(200, {}, {"CrmDataId": "crm1", "ReferenceId": "r", "Url": ADDRESS})


@pytest.fixture(scope="module")
def made():
    wire = Answering()
    way = OURS.carried(wire)
    OURS.create_audience(way, AudienceSpec("crm", "0f" * 16, {}))
    people = [
        Member(bytes([place]) * 32, {"email_uid2": digest(NORMAL_FORMS["email_uid2"], email, None).value})
        for place, email in enumerate(THEIRS["emails"])
    ]
    OURS.read(people, PLACE, way.send(OURS.request("crm1", Operation.REPLACE, people, PLACE)))
    return wire.requests


def address(request) -> tuple[str, str, dict[str, str]]:
    url = urlsplit(request.path if request.is_elsewhere else CONTRACT.endpoint + request.path)
    return request.method, f"{url.netloc}{url.path}", {**dict(parse_qsl(url.query)), **request.params}


def test_the_same_calls_go_to_the_same_addresses_in_the_same_order(made):
    theirs = [(one["method"], urlsplit(one["url"])) for one in THEIRS["sent"]]
    assert [address(request) for request in made] == [
        (method, f"{url.netloc}{url.path}", dict(parse_qsl(url.query))) for method, url in theirs
    ]


def test_bodies_are_the_same_but_for_segments_own_name_and_a_field_that_is_no_more(made):
    theirs = {one["url"]: one["json"] for one in THEIRS["sent"] if one["method"] == "POST"}
    created, dropped = theirs.values()
    ours = [request.json for request in made if request.method == "POST"]
    assert created.pop("DataProviderId") == "twilio"
    # The Trade Desk's upgrade note of September 2024 takes it out of both calls.
    assert dropped.pop("RetentionEnabled") is True
    assert ours[0].pop("SegmentName") == f"{created.pop('SegmentName')} {'0f' * 16}"
    assert ours == [created, dropped]


def test_a_file_has_the_same_lines_of_the_same_people_and_no_token(made):
    theirs = THEIRS["sent"][-1]
    assert made[-1].content.decode().splitlines() == theirs["body"]
    assert made[-1].content_type == theirs["headers"]["Content-Type"]
    assert made[-1].is_elsewhere
    assert all(one["headers"][CONTRACT.token_header] for one in THEIRS["sent"][:3])


def test_a_smaller_audience_than_segments_is_stopped():
    assert CONTRACT.minimum_members == THEIRS["rows"]
