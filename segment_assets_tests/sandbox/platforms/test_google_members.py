"""Google sandbox: what is taken into a list and out of it, when, and what is told about it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets_tests.sandbox.platforms.caller import digest
from segment_assets_tests.sandbox.platforms.google_caller import (
    A_DAY,
    ACCEPTED,
    AN_HOUR,
    DISPLAY,
    GRANTED,
    HALF_AN_HOUR,
    GoogleCaller,
    address,
    destination,
    email,
    lists,
    member,
    phone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.sandbox import process

DENIED = {**GRANTED, "adPersonalization": "CONSENT_DENIED"}


@pytest.fixture
def google(running_sandbox: process.SandboxProcess) -> Iterator[GoogleCaller]:
    with GoogleCaller(running_sandbox.url) as caller:
        yield caller


class TestTime:
    def test_people_change_only_when_the_request_has_been_processed(self, google: GoogleCaller):
        target = google.create()
        answer = google.ingest(target, [member(email("a"))])
        google.pass_time(HALF_AN_HOUR)
        assert google.status(answer) == {"destination": destination(target), "requestStatus": "PROCESSING"}
        assert google.people(target) == []
        google.pass_time(HALF_AN_HOUR)
        assert google.emails(target) == {digest("a")}
        assert google.status(answer)["requestStatus"] == "SUCCESS"

    def test_the_delay_can_be_set_and_holds_for_requests_from_then_on(self, google: GoogleCaller):
        target = google.create()
        google.ingest(target, [member(email("slow"))])
        google.admin("platforms/google", {"processing_seconds": 0})
        google.ingest(target, [member(email("fast"))])
        assert google.emails(target) == {digest("fast")}

    def test_a_clock_that_went_back_takes_nothing_back(self, google: GoogleCaller):
        target = google.create()
        answer = google.ingest(target, [member(email("a"))])
        google.settle(answer)
        google.pass_time(-AN_HOUR)
        assert google.status(answer)["requestStatus"] == "SUCCESS"
        assert google.emails(target) == {digest("a")}

    def test_a_membership_runs_out_unless_it_is_renewed(self, google: GoogleCaller):
        target = google.create(membershipDuration="864000s")
        google.settle(google.ingest(target, [member(email("left")), member(email("renewed"))]))
        google.pass_time(9 * A_DAY)
        google.settle(google.ingest(target, [member(email("renewed"))]))
        google.pass_time(A_DAY)
        assert google.emails(target) == {digest("renewed")}
        google.pass_time(9 * A_DAY)
        assert google.people(target) == []

    def test_a_status_is_told_for_fifty_days(self, google: GoogleCaller):
        answer = google.ingest(google.create(), [member(email("a"))])
        google.pass_time(49 * A_DAY)
        assert google.status(answer)["requestStatus"] == "SUCCESS"
        google.pass_time(2 * A_DAY)
        assert "REQUEST_TOO_OLD" in google.try_status(answer.json()["requestId"]).text

    def test_the_page_says_what_waits(self, google: GoogleCaller):
        target = google.create()
        google.ingest(target, [member(email("a"))])
        assert "Open, 1 processing" in google.http.get("/").text
        google.pass_time(AN_HOUR)
        assert "1 processing" not in google.http.get("/").text


class TestPeople:
    def test_a_member_is_one_person_with_all_its_identifiers(self, google: GoogleCaller):
        target = google.create()
        google.settle(google.ingest(target, [member(email("b"), email("a"), phone("1"), address("jo"))]))
        (person,) = google.people(target)
        assert {person["EMAIL"], person["EMAIL_2"]} == {digest("a"), digest("b")}
        assert person["PHONE"] == digest("1")
        assert person["ADDRESS"] == f"{digest('jo')}|{digest('doe')}|US|94045"

    def test_the_same_member_twice_is_one_person(self, google: GoogleCaller):
        target = google.create()
        google.settle(
            google.ingest(target, [member(email("a"), phone("1")), member(phone("1"), email("a"))]),
            google.ingest(target, [member(email("a"), email("a"), phone("1"))]),
        )
        assert len(google.people(target)) == 1

    @pytest.mark.parametrize("known_by", [email("first"), email("second"), phone("1"), address("jo")])
    def test_any_one_identifier_removes_the_person(self, google: GoogleCaller, known_by: dict):
        target = google.create()
        google.settle(
            google.ingest(
                target, [member(email("second"), email("first"), phone("1"), address("jo")), member(email("x"))]
            )
        )
        google.settle(google.remove(target, [member(known_by)]))
        assert google.emails(target) == {digest("x")}

    @pytest.mark.parametrize("change", [{"postalCode": "10001"}, {"familyName": digest("roe")}, {"regionCode": "CA"}])
    def test_a_part_of_an_address_removes_nobody(self, google: GoogleCaller, change: dict):
        target = google.create()
        google.settle(google.ingest(target, [member(address("jo"))]))
        google.settle(google.remove(target, [member(address("jo", **change))]))
        assert len(google.people(target)) == 1

    def test_a_shared_identifier_removes_everybody_who_has_it(self, google: GoogleCaller):
        target = google.create()
        household = [member(email("a"), phone("shared")), member(email("b"), phone("shared")), member(email("c"))]
        google.settle(google.ingest(target, household))
        google.settle(google.remove(target, [member(phone("shared"))]))
        assert google.emails(target) == {digest("c")}

    def test_base64_and_hex_name_the_same_person(self, google: GoogleCaller):
        target = google.create()
        encoded = base64.b64encode(bytes.fromhex(digest("a"))).decode()
        google.settle(google.ingest(target, [member({"emailAddress": encoded})], encoding="BASE64"))
        assert google.emails(target) == {digest("a")}
        google.settle(google.remove(target, [member(email("a"))]))
        assert google.people(target) == []

    def test_mobile_ids_and_user_ids_have_lists_of_their_own(self, google: GoogleCaller):
        mobile_info = {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY", "keySpace": "IOS", "appId": "app"}
        mobile = google.create(
            "mobile", ingestedUserListInfo={"uploadKeyTypes": ["MOBILE_ID"], "mobileIdInfo": mobile_info}
        )
        users = google.create("users", ingestedUserListInfo={"uploadKeyTypes": ["USER_ID"]})
        device = "AECE52E7-03EE-455A-B3C4-E57283966239"
        answer = google.ingest(mobile, [{"mobileData": {"mobileIds": [device]}}])
        google.settle(answer, google.ingest(users, [{"userIdData": {"userId": "u1"}}]))
        assert google.people(mobile) == [{"MOBILE_ID": device.lower()}]
        assert google.people(users) == [{"USER_ID": "u1"}]
        counted = google.status(answer)["audienceMembersIngestionStatus"]
        assert counted == {"mobileDataIngestionStatus": {"recordCount": "1", "mobileIdCount": "1"}}
        google.settle(google.remove(mobile, [{"mobileData": {"mobileIds": [device.lower()]}}]))
        assert google.people(mobile) == []

    def test_two_destinations_get_the_members_that_name_them(self, google: GoogleCaller):
        first, second = google.create("first"), google.create("second")
        targets = [destination(first, reference="one"), destination(second, reference="two")]
        both, only = member(email("both")), member(email("only"), destinationReferences=["two"])
        answer = google.ingest(targets, [both, only])
        google.settle(answer)
        assert google.emails(first) == {digest("both")}
        assert google.emails(second) == {digest("both"), digest("only")}
        told = google.try_status(answer.json()["requestId"]).json()["requestStatusPerDestination"]
        assert [one["destination"]["reference"] for one in told] == ["one", "two"]
        counts = [one["audienceMembersIngestionStatus"]["userDataIngestionStatus"]["recordCount"] for one in told]
        assert counts == ["1", "2"]

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_a_list_holds_who_was_added_and_shares_nothing_with_who_was_removed(
        self, google: GoogleCaller, data: st.DataObject
    ):
        google.admin("reset", {})
        google.admin("platforms/google", {"processing_seconds": 0, "requests_per_minute": 10_000})
        target = google.create()
        someone = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3, unique=True)
        expected: set[frozenset[str]] = set()
        for is_removal, held in data.draw(st.lists(st.tuples(st.booleans(), someone), max_size=8)):
            rows = [member(*map(email, held))]
            (google.remove if is_removal else google.ingest)(target, rows).raise_for_status()
            sought = frozenset(map(digest, held))
            expected = {one for one in expected if not one & sought} if is_removal else expected | {sought}
        assert {frozenset(person.values()) for person in google.people(target)} == expected
        (described,) = google.http.get("/_sandbox/audiences").json()
        assert described["people"] == len(expected)


class TestRemoveAll:
    def test_everybody_goes_when_it_is_processed(self, google: GoogleCaller):
        target = google.create()
        google.settle(google.ingest(target, [member(email("a"))]))
        answer = google.remove_all(target)
        assert google.emails(target) == {digest("a")}
        google.settle(answer)
        assert google.people(target) == []
        told = google.status(answer)
        assert told["requestStatus"] == "SUCCESS"
        assert told["removeAllAudienceMembersStatus"] == {}

    def test_who_was_added_again_after_the_time_stays(self, google: GoogleCaller):
        target = google.create()
        google.settle(google.ingest(target, [member(email("old")), member(email("renewed"))]))
        replaced_at = google.http.get("/_sandbox/clock").json()["now"]
        google.settle(google.ingest(target, [member(email("renewed")), member(email("new"))]))
        moment = datetime.fromtimestamp(replaced_at, UTC).isoformat().replace("+00:00", "Z")
        google.settle(google.remove_all(target, removeAsOfTime=moment))
        assert google.emails(target) == {digest("renewed"), digest("new")}
        google.settle(google.remove(target, [member(email("old"))]))
        assert len(google.people(target)) == 2


class TestOutcome:
    def test_members_of_the_eea_need_both_consents(self, google: GoogleCaller):
        target = google.create()
        members = [
            member(email("us"), address("us", "US"), consent=DENIED),
            member(email("nowhere"), consent=DENIED),
            member(email("granted"), address("de", "DE")),
            member(email("denied"), address("de", "DE"), consent=DENIED),
            member(email("unknown"), address("no", "NO"), consent={"adUserData": "CONSENT_GRANTED"}),
            member(email("unknown too"), address("fr", "FR"), consent={}),
        ]
        answer = google.ingest(target, members)
        google.settle(answer)
        assert google.emails(target) == {digest("us"), digest("nowhere"), digest("granted")}
        told = google.status(answer)
        assert told["requestStatus"] == "PARTIAL_SUCCESS"
        assert told["errorInfo"]["errorCounts"] == [
            {"recordCount": "1", "reason": "PROCESSING_ERROR_REASON_DENIED_CONSENT"},
            {"recordCount": "2", "reason": "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT"},
        ]
        counts = told["audienceMembersIngestionStatus"]["userDataIngestionStatus"]
        assert (counts["recordCount"], counts["userIdentifierCount"]) == ("6", "11")

    def test_without_consent_at_request_level_nothing_is_assumed(self, google: GoogleCaller):
        target = google.create()
        answer = google.ingest(target, [member(address("de", "DE"))], consent=None)
        google.settle(answer)
        told = google.status(answer)
        assert told["requestStatus"] == "FAILED", "all of one record"
        assert told["errorInfo"]["errorCounts"][0]["reason"] == "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT"

    def test_an_account_at_home_in_the_eea_has_its_members_there(self, google: GoogleCaller):
        google.admin("accounts/google/1234567890", {"home_region": "FR"})
        target = google.create()
        answer = google.ingest(target, [member(email("a"), consent=DENIED), member(email("b"))])
        google.settle(answer)
        assert google.status(answer)["requestStatus"] == "PARTIAL_SUCCESS"
        assert google.emails(target) == {digest("b")}

    def test_an_account_without_consent_for_core_services_reaches_nobody_in_the_eea(self, google: GoogleCaller):
        google.admin("accounts/google/1234567890", {"core_services_consent": False})
        target = google.create()
        answer = google.ingest(target, [member(address("it", "IT")), member(address("us", "US"), email("us"))])
        google.settle(answer)
        refused = {"recordCount": "1", "reason": "PROCESSING_ERROR_REASON_NO_CONSENT"}
        assert google.status(answer)["errorInfo"] == {"errorCounts": [refused]}
        assert google.emails(target) == {digest("us")}

    def test_a_removal_asks_nobody_for_consent(self, google: GoogleCaller):
        target = google.create()
        google.settle(google.ingest(target, [member(address("de", "DE"))]))
        answer = google.remove(target, [member(address("de", "DE"))])
        google.settle(answer)
        assert google.people(target) == []
        assert google.status(answer)["requestStatus"] == "SUCCESS"

    def test_requests_can_be_made_to_fail(self, google: GoogleCaller):
        google.admin("platforms/google", {"fail_next": 1})
        target = google.create()
        failing, good = (google.ingest(target, [member(email(name)), member(email("c"))]) for name in "ab")
        google.settle(failing, good)
        told = google.status(failing)
        assert told["requestStatus"] == "FAILED"
        failed = {"recordCount": "2", "reason": "PROCESSING_ERROR_REASON_INTERNAL_ERROR"}
        assert told["errorInfo"] == {"errorCounts": [failed]}
        assert google.status(good)["requestStatus"] == "SUCCESS"
        assert google.emails(target) == {digest("b"), digest("c")}

    def test_a_list_deleted_in_the_meantime_fails_the_request(self, google: GoogleCaller):
        target = google.create()
        answer = google.ingest(target, [member(email("a"))])
        google.http.delete(f"{lists()}/{target}").raise_for_status()
        google.pass_time(AN_HOUR)
        assert google.status(answer)["requestStatus"] == "FAILED"

    def test_a_closed_list_takes_nobody_and_says_success(self, google: GoogleCaller):
        target = google.create()
        google.admin(f"audiences/{target}", {"closed": True})
        answer = google.ingest(target, [member(email("a"))])
        google.settle(answer)
        assert google.status(answer)["requestStatus"] == "SUCCESS"
        assert google.people(target) == []

    @pytest.mark.parametrize(
        ("rate", "told"),
        [(0.05, "LESS_THAN_20"), (0.2, "20_TO_30"), (0.31, "31_TO_40"), (0.62, "61_TO_70"), (1.0, "91_TO_100")],
    )
    def test_the_match_rate_comes_as_a_range(self, google: GoogleCaller, rate: float, told: str):
        google.admin("accounts/google/1234567890", {"match_rate": rate})
        answer = google.ingest(google.create(), [member(email("a"))])
        google.settle(answer)
        counts = google.status(answer)["audienceMembersIngestionStatus"]["userDataIngestionStatus"]
        assert counts["uploadMatchRateRange"] == f"MATCH_RATE_RANGE_{told}"


def test_a_validated_request_changes_nothing_and_has_no_status(google: GoogleCaller):
    target = google.create()
    google.settle(google.ingest(target, [member(email("kept"))]))
    answers = [
        google.ingest(target, [member(email("a"))], validateOnly=True),
        google.remove(target, [member(email("kept"))], validateOnly=True),
        google.remove_all(target, validateOnly=True),
    ]
    google.settle(*answers)
    assert google.emails(target) == {digest("kept")}
    for answer in answers:
        assert "INVALID_REQUEST_ID" in google.try_status(answer.json()["requestId"]).text


def test_display_and_video_takes_members_but_no_ip_addresses(google: GoogleCaller):
    path = lists("DISPLAY_VIDEO_ADVERTISER", DISPLAY)
    target = google.create(path=path)
    to = [destination(target, DISPLAY, "DISPLAY_VIDEO_ADVERTISER")]
    google.settle(google.ingest(to, [member(email("a"))]))
    assert google.emails(target) == {digest("a")}
    composite = {"compositeData": {"ipData": [{"ipAddress": "192.0.2.1"}]}}
    assert "INVALID_USER_LIST_TYPE" in google.ingest(to, [composite]).text


def test_composite_members_are_known_by_any_part(google: GoogleCaller):
    target = google.create()
    composite = {"userData": {"userIdentifiers": [email("a")]}, "ipData": [{"ipAddress": "2001:DB8::1"}]}
    answer = google.ingest(target, [{"compositeData": composite}], termsOfService=ACCEPTED)
    google.settle(answer)
    assert google.people(target) == [{"EMAIL": digest("a"), "IP_ADDRESS": "2001:db8::1"}]
    counts = google.status(answer)["audienceMembersIngestionStatus"]["compositeDataIngestionStatus"]
    assert counts["dataTypeCounts"] == [{"type": "EMAIL", "count": "1"}, {"type": "IP_ADDRESS", "count": "1"}]
