"""Google sandbox: one wrong member, or one wrong word, refuses the whole request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets_tests.sandbox.platforms.caller import digest
from segment_assets_tests.sandbox.platforms.google_caller import (
    ADS,
    DISPLAY,
    GRANTED,
    GoogleCaller,
    address,
    destination,
    email,
    lists,
    member,
    reasons,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.sandbox import process

IDENTIFIERS = "audience_members.audience_members[1].user_data.user_identifiers"


@pytest.fixture
def google(running_sandbox: process.SandboxProcess) -> Iterator[GoogleCaller]:
    with GoogleCaller(running_sandbox.url) as caller:
        caller.admin("platforms/google", {"processing_seconds": 0})
        yield caller


@pytest.fixture
def target(google: GoogleCaller) -> str:
    return google.create()


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ({"emailAddress": "not-hex"}, "INVALID_HEX_ENCODING"),
        ({"emailAddress": "jo@example.com"}, "INVALID_HEX_ENCODING"),
        ({"emailAddress": digest("a").upper()}, "INVALID_HEX_ENCODING"),
        ({"emailAddress": f" {digest('a')}"}, "INVALID_HEX_ENCODING"),
        ({"phoneNumber": "ab" * 20}, "INVALID_SHA256_FORMAT"),
        ({"phoneNumber": ""}, "INVALID_HEX_ENCODING"),
        (address("jo", givenName="jo"), "INVALID_HEX_ENCODING"),
        (address("jo", postalCode=None), "REQUIRED_FIELD_MISSING"),
        (address("jo", familyName=""), "REQUIRED_FIELD_MISSING"),
        (address("jo", postalCode=digest("94045")), "INVALID_POSTAL_CODE"),
        (address("jo", regionCode="us"), "INVALID_REGION_CODE"),
        (address("jo", regionCode="XX"), "INVALID_REGION_CODE"),
        (address("jo", regionCode="USA"), "INVALID_REGION_CODE"),
        ({}, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_one_wrong_identifier_refuses_everybody(google: GoogleCaller, target: str, identifier: dict, reason: str):
    answer = google.ingest(target, [member(email("a")), member(email("b"), identifier)])
    assert reasons(answer) == [(IDENTIFIERS, reason)]
    details = answer.json()["error"]["details"]
    assert [one["@type"].rpartition(".")[2] for one in details] == ["ErrorInfo", "BadRequest", "RequestInfo"]
    assert google.people(target) == []


def test_every_wrong_member_is_named_unless_the_answer_is_made_shorter(google: GoogleCaller, target: str):
    rows = [member(email("a")), member({"emailAddress": "x"}), {}, member(), member(email("b"))]
    expected = [
        (IDENTIFIERS, "INVALID_HEX_ENCODING"),
        ("audience_members.audience_members[2]", "INVALID_AUDIENCE_MEMBER"),
        ("audience_members.audience_members[3].user_data.user_identifiers", "REQUIRED_FIELD_MISSING"),
    ]
    assert reasons(google.ingest(target, rows)) == expected
    google.admin("platforms/google", {"most_violations": 1})
    assert reasons(google.ingest(target, rows)) == expected[:1]


def test_upper_case_hex_can_be_allowed(google: GoogleCaller, target: str):
    google.admin("platforms/google", {"takes_upper_case_hex": True})
    google.ingest(target, [member({"emailAddress": digest("a").upper()})]).raise_for_status()
    assert google.emails(target) == {digest("a")}


def test_base64_is_judged_as_base64(google: GoogleCaller, target: str):
    rows = [member(email("a")), member({"emailAddress": "no base64!"})]
    found = [reason for _, reason in reasons(google.ingest(target, rows, encoding="BASE64"))]
    assert found == ["INVALID_SHA256_FORMAT", "INVALID_BASE64_ENCODING"]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"encoding": None}, "encoding", "REQUIRED_FIELD_MISSING"),
        ({"encoding": "ENCODING_UNSPECIFIED"}, "encoding", "REQUIRED_FIELD_MISSING"),
        (
            {"termsOfService": None},
            "terms_of_service.customer_match_terms_of_service_status",
            "TERMS_AND_CONDITIONS_NOT_SIGNED",
        ),
        ({"destinations": []}, "destinations", "REQUIRED_FIELD_MISSING"),
        ({"audienceMembers": []}, "audience_members", "REQUIRED_FIELD_MISSING"),
        (
            {"audienceMembers": [member(email("a")), {"userIdData": {"userId": "u"}}]},
            "audience_members",
            "MULTIPLE_DATA_TYPES_NOT_ALLOWED",
        ),
        (
            {"audienceMembers": [member(*[email(str(number)) for number in range(11)])]},
            "audience_members.audience_members[0].user_data.user_identifiers",
            "TOO_MANY_USER_IDENTIFIERS",
        ),
        (
            {"audienceMembers": [member(email("a"), destinationReferences=["nowhere"])]},
            "audience_members.audience_members[0].destination_references",
            "INVALID_DESTINATION",
        ),
        (
            {"audienceMembers": [{"pairData": {"pairIds": ["p"]}}]},
            "audience_members.audience_members[0]",
            "NOT_ALLOWLISTED",
        ),
    ],
)
def test_what_the_request_lacks_is_named(google: GoogleCaller, target: str, changes: dict, field: str, reason: str):
    assert (field, reason) in reasons(google.ingest(target, [member(email("a"))], **changes))
    assert google.people(target) == []


def test_a_mobile_id_must_look_like_one(google: GoogleCaller):
    info = {"uploadKeyTypes": ["MOBILE_ID"], "mobileIdInfo": {"keySpace": "IOS", "appId": "app"}}
    mobile = google.create("mobile", ingestedUserListInfo=info)
    answer = google.ingest(mobile, [{"mobileData": {"mobileIds": [digest("hashed")]}}])
    assert reasons(answer) == [
        ("audience_members.audience_members[0].mobile_data.mobile_ids", "INVALID_MOBILE_ID_FORMAT")
    ]


def test_ten_thousand_members_are_taken_and_one_more_is_not(google: GoogleCaller, target: str):
    rows = [member(email(str(number))) for number in range(10_001)]
    assert reasons(google.ingest(target, rows)) == [("audience_members", "TOO_MANY_AUDIENCE_MEMBERS")]
    google.ingest(target, rows[:-1]).raise_for_status()
    (described,) = google.http.get("/_sandbox/audiences").json()
    assert described["people"] == 10_000
    google.remove(target, rows[:-1]).raise_for_status()
    assert google.people(target) == []


def test_ten_destinations_are_taken_and_one_more_is_not(google: GoogleCaller, target: str):
    everywhere = [destination(target, reference=str(number)) for number in range(11)]
    assert reasons(google.ingest(everywhere, [member(email("a"))])) == [("destinations", "TOO_MANY_DESTINATIONS")]
    assert google.ingest(everywhere[:10], [member(email("a"))]).status_code == 200
    twice = [destination(target, reference="same")] * 2
    assert ("destinations", "DUPLICATE_DESTINATION_REFERENCE") in reasons(google.ingest(twice, [member(email("a"))]))


@pytest.mark.parametrize(
    ("to", "field", "reason"),
    [
        (destination("4711"), "product_destination_id", "INVALID_USER_LIST_ID"),
        (
            destination("list", ADS, "DISPLAY_VIDEO_ADVERTISER"),
            "operating_account",
            "DESTINATION_ACCOUNT_TYPE_MISMATCH",
        ),
        (destination("list", DISPLAY, "DISPLAY_VIDEO_ADVERTISER"), "product_destination_id", "INVALID_USER_LIST_ID"),
        (destination("list", "123-456-7890"), "operating_account", "INVALID_DESTINATION"),
        ({"productDestinationId": "list"}, "operating_account", "REQUIRED_FIELD_MISSING"),
    ],
)
def test_a_destination_must_be_a_list_of_its_account(
    google: GoogleCaller, target: str, to: dict, field: str, reason: str
):
    to = {**to, "productDestinationId": target if to["productDestinationId"] == "list" else "4711"}
    answer = google.ingest([to], [member(email("a"))])
    assert reasons(answer) == [(f"destinations.destinations[0].{field}", reason)]


@pytest.mark.parametrize("data", [{"mobileData": {"mobileIds": []}}, {"userIdData": {"userId": "u"}}])
def test_a_list_of_contacts_takes_nothing_else(google: GoogleCaller, target: str, data: dict):
    found = reasons(google.ingest(target, [data]))
    assert ("destinations.destinations[0].product_destination_id", "INVALID_USER_LIST_TYPE") in found


def test_the_time_of_a_removal_must_not_be_in_the_future(google: GoogleCaller, target: str):
    answer = google.remove_all(target, removeAsOfTime="2999-01-01T00:00:00Z")
    assert reasons(answer) == [("remove_as_of_time", "INVALID_REMOVE_AS_OF_TIME")]


class TestJson:
    """What Google's own parser would refuse before anybody looks at the request."""

    @pytest.mark.parametrize(
        ("members", "field", "words"),
        [
            (
                [member({"addressInfo": {}})],
                "audience_members[0].user_data.user_identifiers[0]",
                'Unknown name "addressInfo"',
            ),
            (
                [member(email("a"), consent={"adUserData": "GRANTED"})],
                "audience_members[0].consent.ad_user_data",
                '"GRANTED"',
            ),
            (
                [member(email("a"), consent={"adUserData": "CONSENT_STATUS_GRANTED"})],
                "audience_members[0].consent.ad_user_data",
                "ConsentStatus",
            ),
            (
                [member({"emailAddress": digest("a"), "phoneNumber": digest("b")})],
                "audience_members[0].user_data.user_identifiers[0]",
                "oneof field 'identifier'",
            ),
            (
                [member({"emailAddress": 1})],
                "audience_members[0].user_data.user_identifiers[0].email_address",
                "STRING",
            ),
            (["text"], "audience_members[0]", "TYPE_MESSAGE"),
        ],
    )
    def test_what_no_message_declares_is_refused(
        self, google: GoogleCaller, target: str, members: list, field: str, words: str
    ):
        answer = google.ingest(target, members)
        assert reasons(answer) == [(field, "")]
        assert words in answer.json()["error"]["message"]
        assert digest("a") not in answer.text

    def test_a_consent_in_a_removal_is_no_field_of_it(self, google: GoogleCaller, target: str):
        assert 'Unknown name \\"consent\\"' in google.remove(target, [member(email("a"))], consent=GRANTED).text

    @pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff"])
    def test_a_body_that_is_no_object_is_refused(self, google: GoogleCaller, body: bytes):
        answer = google.http.post("/v1/audienceMembers:ingest", content=body)
        assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")

    def test_an_unknown_parameter_in_the_query_is_refused(self, google: GoogleCaller):
        assert google.http.get(lists(), params={"shoeSize": "1"}).status_code == 400
        assert google.http.get(lists(), params={"$alt": "json;enum-encoding=int"}).status_code == 200

    @pytest.mark.parametrize("moment", ["yesterday", "2026-11-22T00:00:00", 5])
    def test_a_time_needs_a_zone(self, google: GoogleCaller, target: str, moment: object):
        assert reasons(google.remove_all(target, removeAsOfTime=moment)) == [("remove_as_of_time", "")]

    def test_snake_case_and_numbers_of_enums_are_understood(self, google: GoogleCaller, target: str):
        body = {
            "destinations": [
                {
                    "operating_account": {"account_type": 1, "account_id": ADS},
                    "product_destination_id": target,
                }
            ],
            "audience_members": [{"user_data": {"user_identifiers": [{"email_address": digest("a")}]}}],
            "encoding": 1,
            "terms_of_service": {"customer_match_terms_of_service_status": 1},
        }
        assert google.http.post("/v1/audienceMembers:ingest", json=body).status_code == 200
        assert google.emails(target) == {digest("a")}

    def test_a_method_that_is_not_there_is_not_found(self, google: GoogleCaller):
        assert google.http.get("/v1/audienceMembers:ingest").status_code == 404
