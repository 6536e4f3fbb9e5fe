"""What our LinkedIn connector sends, and what it makes of every answer that LinkedIn gives, and of others.

Agreement with LinkedIn's own client is in `conformance`, behaviour against a running platform in `test_linkedin_road`.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    RefusedBatchError,
    Request,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.contracts.sizes import SizeState
from segment_assets.destinations import connect
from segment_assets.destinations.linkedin import CONTRACT, LinkedInSegments
from segment_assets_tests.fakes import digest, marked

LINKEDIN = LinkedInSegments("502001")
MAID = "cdda802e-fb9c-47ad-9866-0794d394c912"
SPEC = AudienceSpec("vip", "0f" * 16, {})
PLACE = Session(token=7, sequence=1, last=True, members_in_total=3, received_before=0)


def person(name: str, **more: bytes | str) -> Member:
    return Member(digest(f"id:{name}"), {"email_spaceless": digest(name), **more})


PEOPLE = [person("a"), person("b"), person("c")]


def told(*statuses: object, **error: object) -> Response:
    elements = [{"status": s} if s == 201 else {"status": s, "error": {"message": "words", **error}} for s in statuses]
    return Response(200, {}, {"elements": elements})


def refused(status: int, headers: dict | None = None, **body: object) -> Response:
    return Response(status, headers or {}, {"status": status, "message": "words", **body})


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        LINKEDIN.read(PEOPLE, PLACE, response)
    return error.value


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)


def listed(*segments: dict, total: int | None = None) -> Response:
    return Response(200, {}, {"elements": list(segments), "paging": {} if total is None else {"total": total}})


class TestContract:
    """The figures that LinkedIn publishes; how many people go in a request other vendors' connectors tell."""

    def test_the_limits_are_no_higher_than_what_is_published_or_kept_to_by_others(self):
        assert (CONTRACT.batch_members, CONTRACT.batch_bytes) == (5_000, 5_000_000)
        # 600 by the newest page, 500 by older ones: the smaller is kept.
        assert CONTRACT.quota == Quota(requests=500, per_seconds=60)

    def test_what_the_plan_has_to_know_of_linkedin(self):
        assert CONTRACT.pattern is Pattern.SINGLE_STEP
        assert CONTRACT.minimum_members == 300
        assert (CONTRACT.expiry_days, CONTRACT.first_party_only, dict(CONTRACT.statements)) == (None, False, {})

    def test_the_version_that_is_asked_for_is_the_newest_of_which_our_sources_tell(self):
        assert LINKEDIN.api_version == "202610"


class TestRequests:
    """One element for each person, with all that finds them and nothing that is raw."""

    def test_an_addition_carries_every_identifier_and_the_country_in_capitals(self):
        member = person("a", mobile_ad_id=MAID, country_code="de")
        (element,) = LINKEDIN.request("9", Operation.ADD, [member], PLACE).json["elements"]
        ids = [
            {"idType": "SHA256_EMAIL", "idValue": marked("a")},
            {"idType": "GOOGLE_AID", "idValue": MAID},
        ]
        assert element == {"action": "ADD", "userIds": ids, "country": "DE"}

    def test_a_removal_carries_the_identifiers_alone(self):
        member = person("a", country_code="DE")
        (element,) = LINKEDIN.request("9", Operation.REMOVE, [member], PLACE).json["elements"]
        assert element == {"action": "REMOVE", "userIds": [{"idType": "SHA256_EMAIL", "idValue": marked("a")}]}

    def test_names_are_not_sent_because_linkedin_takes_them_unhashed_only(self):
        assert not {"first_name_plain", "last_name_plain"} & set(CONTRACT.forms())

    def test_a_raw_value_never_passes_for_a_digest(self):
        member = Member(b"m", {"email_spaceless": "a@example.com"})
        with pytest.raises(PermanentError, match="has not the shape") as refusal:
            LINKEDIN.request("9", Operation.ADD, [member], PLACE)
        assert "example.com" not in str(refusal.value)

    def test_a_person_without_an_identifier_is_a_defect_and_nothing_is_sent(self):
        with pytest.raises(PermanentError, match="report this as a defect"):
            LINKEDIN.request("9", Operation.ADD, [Member(b"m", {"country_code": "DE"})], PLACE)

    @pytest.mark.parametrize(
        "setting",
        [
            {"api_version": "2026-10"}, {"api_version": "202613"}, {"source_platform": "a b"}, {"phone": "with"},
            {"requests_per_day": "0"}, {"requests_per_day": "many"}, {"requests_per_day": ""},
        ],
    )  # fmt: skip
    def test_a_setting_that_has_not_its_form_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=f"^linkedin: .*{next(iter(setting))}"):
            connect("linkedin", "502001", setting)

    def test_the_quota_of_a_day_is_what_the_developer_portal_shows(self):
        assert connect("linkedin", "502001").contract == CONTRACT
        told = connect("linkedin", "502001", {"requests_per_day": "25000"}).contract
        assert told.quota == Quota(requests=500, per_seconds=60, per_day=25_000)

    def test_the_settings_of_the_plan_reach_the_wire(self):
        destination = connect("linkedin", "502001", {"api_version": "202611", "source_platform": "ACME"})
        transport = Canned(Response(201, {"X-RestLi-Id": "10804"}, None))
        assert destination.create_audience(transport, SPEC) == "10804"
        assert transport.kept[0].headers["LinkedIn-Version"] == "202611"
        assert transport.kept[0].json["sourcePlatform"] == "ACME"

    @pytest.mark.parametrize("account", ["", "act_1", "urn:li:sponsoredAccount:1", "1" * 21])
    def test_an_account_is_the_number_of_its_urn(self, account):
        with pytest.raises(PermanentError, match="account"):
            LinkedInSegments(account)


class TestSegments:
    """Made once, found by our marker on whatever page it stands, never by a name."""

    def test_a_segment_is_found_by_its_source_id_and_never_by_its_name(self):
        other = {"id": 1, "name": SPEC.name, "sourceSegmentId": "another"}
        ours = {"id": 2, "name": "renamed", "sourceSegmentId": SPEC.marker}
        assert LINKEDIN.find_audience(Canned(listed(other, ours)), SPEC) == "2"
        assert LINKEDIN.find_audience(Canned(listed(other, total=1)), SPEC) is None

    def test_all_pages_are_walked_where_linkedin_does_not_narrow_the_list(self):
        other = {"id": 1, "sourceSegmentId": "another"}
        pages = listed(*[other] * 100, total=101), listed({"id": 2, "sourceSegmentId": SPEC.marker}, total=101)
        transport = Canned(*pages)
        assert LINKEDIN.find_audience(transport, SPEC) == "2"
        assert [request.params["start"] for request in transport.kept] == ["0", "100"]

    def test_a_list_without_a_total_ends_with_its_first_empty_page(self):
        other = {"id": 1, "sourceSegmentId": "another"}
        transport = Canned(listed(other), listed())
        assert LINKEDIN.find_audience(transport, SPEC) is None
        assert len(transport.kept) == 2

    def test_a_list_that_repeats_itself_for_ever_ends(self):
        transport = Canned(*[listed({"id": 1, "sourceSegmentId": "another"})] * 1_001)
        assert LINKEDIN.find_audience(transport, SPEC) is None
        assert len(transport.kept) == 1_000

    @pytest.mark.parametrize("headers", [{}, {"x-restli-id": "urn:x"}])
    def test_a_creation_without_an_id_is_looked_for_again(self, headers):
        with pytest.raises(TransientError, match="looked for again"):
            LINKEDIN.create_audience(Canned(Response(201, headers, None)), SPEC)

    @pytest.mark.parametrize("header", ["X-RestLi-Id", "x-linkedin-id"])
    def test_the_id_is_read_from_either_of_the_headers_that_linkedin_sends(self, header):
        assert LINKEDIN.create_audience(Canned(Response(201, {header: "10804"}, None)), SPEC) == "10804"

    def test_a_segment_that_is_gone_counts_as_deleted(self):
        LINKEDIN.delete_audience(Canned(refused(404), listed()), "9")

    def test_a_fresh_segment_that_cannot_be_deleted_yet_is_not_taken_for_gone(self):
        with pytest.raises(TransientError, match="asked again"):
            LINKEDIN.delete_audience(Canned(refused(404), listed({"id": 9}, total=1)), "9")


class TestPeople:
    """200 alone proves nothing: each person has a status."""

    def test_people_with_a_status_of_success_are_accepted_and_the_others_refused_by_name(self):
        answer = LINKEDIN.read(PEOPLE, PLACE, told(201, 400, 200, serviceErrorCode=100, code="ILLEGAL_ARGUMENT"))
        assert (answer.received, answer.accepted, answer.unproven) == (3, 2, 0)
        assert dict(answer.rejected) == {1: "400/100/ILLEGAL_ARGUMENT"}

    @pytest.mark.parametrize("status", [408, 409, 423, 429, 500, 503])
    def test_trouble_of_one_person_that_passes_has_the_whole_batch_asked_again(self, status):
        with pytest.raises(TransientError, match="1 people"):
            LINKEDIN.read(PEOPLE, PLACE, told(201, status, 400))

    @pytest.mark.parametrize(
        "body", [None, [], {}, {"elements": None}, {"elements": []}, {"elements": [{"status": 201}]}]
    )
    def test_an_answer_that_is_not_for_each_person_proves_nobody(self, body):
        assert isinstance(error_of(Response(200, {}, body)), TransientError)

    @pytest.mark.parametrize("status", [None, "201", True, -1, 10**9])
    def test_a_status_that_is_no_status_proves_nobody(self, status):
        assert isinstance(error_of(told(201, status, 201)), TransientError)


class TestRefusals:
    """What passes is waited for, what a person can mend asks a person, and each names the next action."""

    def test_a_throttle_without_advice_waits_for_the_minute_of_the_quota(self):
        assert error_of(refused(429)).retry_after == 60.0

    def test_a_throttle_with_advice_leaves_the_wait_to_the_courier(self):
        assert error_of(refused(429, {"Retry-After": "7"})).retry_after is None

    @pytest.mark.parametrize("status", [408, 409, 423, 500, 502, 503, 504])
    def test_what_passes_is_transient(self, status):
        assert isinstance(error_of(refused(status)), TransientError)

    def test_a_segment_that_is_not_to_be_seen_is_waited_for_and_says_what_to_do_when_it_never_comes(self):
        error = error_of(refused(404))
        assert isinstance(error, TransientError)
        assert error.retry_after == 30.0
        assert "on_removal" in str(error)

    def test_an_account_that_is_not_there_is_no_matter_of_time(self):
        with pytest.raises(PermanentError, match="account in the plan"):
            LINKEDIN.create_audience(Canned(refused(404)), SPEC)

    @pytest.mark.parametrize(("status", "says"), [(401, "365 days"), (403, "rw_dmp_segments")])
    def test_what_only_a_person_can_mend_asks_a_person(self, status, says):
        error = error_of(refused(status))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)

    def test_a_retired_version_names_the_setting(self):
        error = error_of(refused(426, code="NONEXISTENT_VERSION"))
        assert isinstance(error, PermanentError)
        assert "api_version" in str(error)
        assert error.code == "426/NONEXISTENT_VERSION"

    @pytest.mark.parametrize(
        ("number", "code"), [(0, "400/0"), (999_999_999, "400/999999999"), (10**9, "400"), (-1, "400"), (True, "400")]
    )
    def test_a_number_of_linkedin_is_kept_where_it_is_none_of_a_person(self, number, code):
        assert error_of(refused(400, serviceErrorCode=number)).code == code

    def test_a_refused_batch_may_be_halved_and_a_refused_creation_may_not(self):
        assert isinstance(error_of(refused(400)), RefusedBatchError)
        with pytest.raises(PermanentError) as refusal:
            LINKEDIN.create_audience(Canned(refused(400)), SPEC)
        assert not isinstance(refusal.value, RefusedBatchError)

    def test_a_request_that_is_too_large_names_the_limit(self):
        assert "batch_members" in str(error_of(refused(413)))


@settings(max_examples=40)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["message", "code", "serviceErrorCode", "status", "elements", "id"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 409, 429, 500]),
)
def test_no_error_and_no_receipt_repeats_what_came_back(secret, where, status):
    body = {"elements": [{"status": 400, "error": {where: secret}}], where: secret}
    said = []
    for attempt in (
        lambda response: LINKEDIN.read([person("a")], PLACE, response),
        lambda response: LINKEDIN.create_audience(Canned(response), SPEC),
        lambda response: LINKEDIN.find_audience(Canned(response, listed()), SPEC),
    ):
        try:
            said.append(repr(attempt(Response(status, {"x-restli-id": secret}, body))))
        except SegmentAssetsError as error:
            said += [str(error), repr(error), error.code]
    assert not any(secret in text for text in said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["elements", "status", "error"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(status=st.integers(200, 599), body=json_values)
def test_an_answer_of_any_form_is_understood_or_raised_as_one_of_our_errors(status, body):
    try:
        answer = LINKEDIN.read(PEOPLE, PLACE, Response(status, {}, body))
    except SegmentAssetsError:
        return
    assert answer.accepted + len(answer.rejected) + answer.unproven == len(PEOPLE)


def test_the_size_is_asked_of_the_segment_and_a_failed_one_is_closed():
    request = LINKEDIN.size_request("77")
    assert (request.method, request.path) == ("GET", "/rest/dmpSegments/77")
    assert request.headers["X-RestLi-Method"] == "GET"
    for status in ("FAILED", "ERROR"):
        own = {"destination": "LINKEDIN", "status": status, "audienceSize": 900}
        report = LINKEDIN.read_size(Response(200, {}, {"destinations": [own]}))
        assert (report.state, report.said) == (SizeState.CLOSED, status)
