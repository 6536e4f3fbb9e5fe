"""What our Google connector makes of every answer that Google documents, and of those that it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.contracts import (
    JobState,
    NeedsHumanError,
    PermanentError,
    RefusedMembersError,
    Response,
    SegmentAssetsError,
    TransientError,
)
from segment_assets_tests.destinations.google_kit import GOOGLE, JOB, PLACE, SPEC, Canned, of_member, people, refused


def read(response: Response, members: int = 3):
    return GOOGLE.read(people(members), PLACE, response)


def error_of(response: Response, members: int = 3) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        read(response, members)
    return error.value


class TestAnswers:
    """A taken request is a promise, not evidence."""

    def test_a_request_id_is_a_job_and_proves_nobody(self):
        answer = read(Response(200, {}, {"requestId": JOB}))
        assert (answer.job, answer.received, answer.accepted, answer.unproven) == (JOB, 3, 0, 3)
        assert (dict(answer.rejected), answer.session_received, answer.code) == ({}, 3, "200")

    def test_warnings_stand_behind_the_code_each_reason_once(self):
        told = [{"reason": "WARNING_REASON_GENERIC", "description": "words", "field": of_member(n)} for n in range(2)]
        answer = read(Response(200, {}, {"requestId": JOB, "fieldWarnings": [*told, {"reason": "jane@example.com"}]}))
        assert answer.code == "200 OTHER WARNING_REASON_GENERIC"

    @pytest.mark.parametrize(
        "told", [None, [], "ok", {}, {"requestId": ""}, {"requestId": 7}, {"requestId": JOB, "error": {"code": 500}}]
    )
    def test_a_200_without_a_job_or_with_an_error_is_asked_again(self, told):
        assert isinstance(error_of(Response(200, {}, told)), TransientError)


class TestRefusals:
    """One bad member refuses the whole request: the answer's places say who is left out of the next try."""

    def test_members_at_fault_are_named_by_their_places_with_google_s_reason(self):
        error = error_of(
            refused(
                400, "INVALID_ARGUMENT", (of_member(0), "INVALID_HEX_ENCODING"), (of_member(2), "INVALID_POSTAL_CODE")
            )
        )
        assert isinstance(error, RefusedMembersError)
        assert dict(error.places) == {0: "INVALID_HEX_ENCODING", 2: "INVALID_POSTAL_CODE"}
        assert error.code == "INVALID_HEX_ENCODING"

    @pytest.mark.parametrize("field", ["audienceMembers[1].userData", "audience_members[1]", of_member(1)])
    def test_places_are_read_in_every_notation(self, field):
        error = error_of(refused(400, "INVALID_ARGUMENT", (field, "INVALID_REGION_CODE")))
        assert isinstance(error, RefusedMembersError)
        assert set(error.places) == {1}

    @pytest.mark.parametrize("field", ["destinations[0]", "", of_member(3), "audience_members[x]"])
    def test_a_fault_that_is_no_member_s_of_the_batch_is_not_put_on_anybody(self, field):
        error = error_of(
            refused(400, "INVALID_ARGUMENT", (of_member(0), "INVALID_HEX_ENCODING"), (field, "INVALID_DESTINATION"))
        )
        assert type(error) is PermanentError

    @pytest.mark.parametrize(
        ("status", "reason", "says"),
        [
            (400, "INVALID_DESTINATION", "account_type"),
            (400, "INVALID_USER_LIST_TYPE", "contact data"),
            (400, "INVALID_USER_LIST_ID", "no such list"),
            (400, "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH", "login_account"),
            (400, "NOT_ALLOWLISTED", "ask Google"),
            (400, "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA", "ask Google"),
            (400, "DESTINATION_ACCOUNT_TYPE_MISMATCH", "account_type"),
            (400, "MULTIPLE_DATA_TYPES_NOT_ALLOWED", "must be changed"),
            (403, "PERMISSION_DENIED", "grant"),
            (404, "NOT_FOUND", "gone or hidden"),
        ],
    )
    def test_what_is_wrong_with_the_set_up_is_permanent_and_names_the_next_action(self, status, reason, says):
        error = error_of(refused(status, reason))
        assert isinstance(error, PermanentError)
        assert says in str(error)
        assert "1234567890" in str(error)
        assert JOB in str(error)
        assert error.code == reason

    @pytest.mark.parametrize(
        "reason",
        [
            "TERMS_AND_CONDITIONS_NOT_SIGNED",
            "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED",
            "ADVERTISER_TOS_NOT_ACCEPTED",
            "UNAUTHENTICATED",
        ],
    )
    def test_what_only_a_person_can_settle_asks_a_person(self, reason):
        assert isinstance(error_of(refused(401 if reason == "UNAUTHENTICATED" else 400, reason)), NeedsHumanError)

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(401, NeedsHumanError), (403, PermanentError), (404, PermanentError), (413, PermanentError)],
    )
    def test_a_status_speaks_for_itself_where_the_body_says_nothing(self, status, kind):
        assert isinstance(error_of(Response(status, {}, None)), kind)

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    @pytest.mark.parametrize("told", [None, {}, [], {"error": {"status": "INTERNAL"}}])
    def test_trouble_of_the_service_is_transient_with_and_without_a_readable_body(self, status, told):
        assert isinstance(error_of(Response(status, {}, told)), TransientError)

    def test_the_number_that_support_asks_for_stands_in_the_message(self):
        assert f" (request {JOB}): " in str(error_of(refused(404, "NOT_FOUND")))

    def test_a_throttle_says_how_long_to_wait(self):
        response = refused(429, "RESOURCE_EXHAUSTED")
        response.json["error"]["details"].append({"@type": "google.rpc.RetryInfo", "retryDelay": "12.5s"})
        assert error_of(response).retry_after == 12.5
        assert error_of(Response(429, {"Retry-After": "7"}, None)).retry_after == 7.0
        assert error_of(Response(429, {}, None)).retry_after is None


def status_of(state: str, errors: dict[str, object] | None = None, **told: object) -> Response:
    counts = [{"reason": f"PROCESSING_ERROR_REASON_{why}", "recordCount": n} for why, n in (errors or {}).items()]
    return Response(
        200,
        {},
        {
            "requestStatusPerDestination": [
                {"requestStatus": state, "errorInfo": {"errorCounts": counts}, "destination": {}, **told}
            ]
        },
    )


def ingested(count: object, **more: object) -> dict:
    return {"audienceMembersIngestionStatus": {"userDataIngestionStatus": {"recordCount": count, **more}}}


class TestJobs:
    """A job ends in one of three ways, and counts people by reason."""

    def test_a_job_is_asked_for_by_its_id(self):
        request = GOOGLE.job_request(JOB)
        assert (request.method, request.path) == ("GET", "/v1/requestStatus:retrieve")
        assert dict(request.params) == {"requestId": JOB}

    @pytest.mark.parametrize(
        ("said", "state"),
        [
            ("PROCESSING", JobState.PROCESSING),
            ("SUCCESS", JobState.SUCCESS),
            ("FAILED", JobState.FAILED),
            ("FAILURE", JobState.FAILED),
        ],
    )
    def test_states_are_google_s(self, said, state):
        report = GOOGLE.read_job(status_of(said, **ingested("10")))
        assert (report.state, report.received, dict(report.rejected)) == (state, 10, {})

    def test_a_partial_success_counts_the_failed_by_reason_and_tells_the_match_rate(self):
        report = GOOGLE.read_job(
            status_of(
                "PARTIAL_SUCCESS",
                {"DENIED_CONSENT": "12", "INVALID_FORMAT": 3},
                **ingested("10000", uploadMatchRateRange="MATCH_RATE_RANGE_51_TO_60"),
            )
        )
        assert report.state is JobState.PARTIAL_SUCCESS
        assert report.received == 10_000
        assert dict(report.rejected) == {
            "PROCESSING_ERROR_REASON_DENIED_CONSENT": 12,
            "PROCESSING_ERROR_REASON_INVALID_FORMAT": 3,
        }
        assert report.match_rate == "MATCH_RATE_RANGE_51_TO_60"

    def test_a_partial_success_that_does_not_say_how_many_failed_proves_nobody(self):
        assert GOOGLE.read_job(status_of("PARTIAL_SUCCESS", **ingested("10"))).received == 0
        report = GOOGLE.read_job(status_of("PARTIAL_SUCCESS", {"INVALID_FORMAT": None}, **ingested("10")))
        assert (report.received, dict(report.rejected)) == (0, {})

    def test_a_removal_has_its_own_counts(self):
        told = {"audienceMembersRemovalStatus": {"userDataRemovalStatus": {"recordCount": "5"}}}
        assert GOOGLE.read_job(status_of("SUCCESS", **told)).received == 5

    def test_a_success_without_a_count_proves_nobody(self):
        report = GOOGLE.read_job(status_of("SUCCESS"))
        assert (report.state, report.received) == (JobState.SUCCESS, 0)

    def test_a_number_larger_than_any_list_is_no_number(self):
        assert GOOGLE.read_job(status_of("SUCCESS", **ingested("9" * 12))).received == 10**12 - 1
        assert GOOGLE.read_job(status_of("SUCCESS", **ingested("9" * 13))).received == 0

    def test_an_unknown_match_rate_is_none(self):
        assert (
            GOOGLE.read_job(
                status_of("SUCCESS", **ingested(1, uploadMatchRateRange="MATCH_RATE_RANGE_UNKNOWN"))
            ).match_rate
            == ""
        )

    @pytest.mark.parametrize("said", ["REQUEST_STATUS_UNKNOWN", "", "DONE"])
    def test_a_state_that_nobody_knows_is_asked_again(self, said):
        with pytest.raises(TransientError):
            GOOGLE.read_job(status_of(said))

    @pytest.mark.parametrize(
        "told", [None, {}, {"requestStatusPerDestination": []}, {"requestStatusPerDestination": [{}, {}]}]
    )
    def test_an_answer_without_the_one_state_is_asked_again(self, told):
        with pytest.raises(TransientError):
            GOOGLE.read_job(Response(200, {}, told))

    @pytest.mark.parametrize("reason", ["INVALID_REQUEST_ID", "REQUEST_TOO_OLD"])
    def test_a_job_that_google_has_forgotten_is_permanent(self, reason):
        with pytest.raises(PermanentError, match="unproven"):
            GOOGLE.read_job(refused(400, reason))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "details", "fieldViolations", "field", "reason", "status", "requestId", "retryDelay",
                 "requestStatusPerDestination", "errorInfo", "errorCounts", "recordCount", "userLists", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(status=st.integers(200, 599), told=json_values, members=st.integers(1, 3))
def test_an_answer_of_any_form_is_understood_or_raised_as_one_of_our_errors(status, told, members):
    response = Response(status, {}, told)
    places: set[int] = set()
    for attempt in (
        lambda: read(response, members),
        lambda: GOOGLE.read_job(response),
        lambda: GOOGLE.create_audience(Canned(response), SPEC),
        lambda: GOOGLE.find_audience(Canned(response), SPEC),
    ):
        try:
            attempt()
        except SegmentAssetsError as error:
            places |= set(getattr(error, "places", ()))
    assert places <= set(range(members))


@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64)
    | st.text("0123456789ABCDEF", min_size=64, max_size=64),
    where=st.sampled_from(["message", "reason", "status", "description", "field", "requestId", "retryDelay"]),
    status=st.sampled_from([400, 401, 403, 404, 409, 429, 500]),
    reason=st.sampled_from(["INVALID_ARGUMENT", "DISPLAY_NAME_ALREADY_USED", "NOT_FOUND"]),
)
def test_no_error_repeats_what_was_sent_or_what_came_back(secret, where, status, reason):
    """Whatever field an identifier or a token comes back in: codes may be repeated, nothing else."""
    response = refused(status, reason, (of_member(0), "INVALID_HEX_ENCODING"))
    error = response.json["error"]
    if where in {"message", "status"}:
        error[where] = secret
    elif where in {"description", "field"}:
        error["details"][1]["fieldViolations"][0][where] = secret
    else:
        error["details"] = [{**detail, where: secret} for detail in error["details"]]
        error["details"][1]["fieldViolations"][0]["reason"] = secret
    for attempt in (
        lambda: read(response),
        lambda: GOOGLE.read_job(response),
        lambda: GOOGLE.create_audience(Canned(response), SPEC),
    ):
        with pytest.raises(SegmentAssetsError) as raised:
            attempt()
        told = [str(raised.value), repr(raised.value), raised.value.code, repr(getattr(raised.value, "places", ""))]
        assert not any(secret in text for text in told)
        assert raised.value.__cause__ is None
