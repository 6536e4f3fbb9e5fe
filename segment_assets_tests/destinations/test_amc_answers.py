"""What our connector to AMC's advertiser audiences makes of every answer: jobs, refusals, sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    JobReport,
    JobState,
    Member,
    NeedsHumanError,
    PermanentError,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations import connect
from segment_assets_tests.fakes import digest

AMC = connect("amc", "58")
ALONE = connect("amc", "58", {"connection": "c-1", "shared_with": "amc"})
PLACE = Session(token=7, sequence=2, last=True, members_in_total=3, received_before=4)
PEOPLE = [Member(digest(name), {"email_amazon": digest(name)}) for name in "abc"]


def told(body: object = None, status: int = 200) -> Response:
    return Response(status, {}, body)


def ended(state: object, share: object = None, *invalid: object) -> JobReport:
    successful = {} if share is None else {"successful": {"recordsProcessedRate": share}}
    return AMC.read_job(told({"jobState": state, "invalidRecords": list(invalid), **successful}))


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        AMC.read(PEOPLE, PLACE, response)
    return error.value


def bad(name: object) -> dict:
    return {"audienceId": "57", "externalId": name, "error": "words"}


class TestJobs:
    def test_a_taken_request_is_a_job_and_proves_nobody(self):
        answer = AMC.read(PEOPLE, PLACE, told({"jobRequestId": "1155d3e3-b18c"}, 202))
        assert (answer.job, answer.code, answer.session_received) == ("1155d3e3-b18c", "202", 7)
        assert (answer.received, answer.accepted, dict(answer.rejected), answer.unproven) == (3, 0, {}, 3)

    @pytest.mark.parametrize("body", [None, [], {}, {"jobRequestId": 7}, {"jobRequestId": "a/b"}, {"jobRequestId": ""}])
    def test_an_answer_without_a_job_is_asked_again(self, body):
        assert isinstance(error_of(told(body, 202)), TransientError)

    def test_a_job_is_asked_for_by_its_id(self):
        request = AMC.job_request("1155d3e3-b18c")
        assert (request.method, request.path) == ("GET", "/amc/audiences/records/1155d3e3-b18c")
        assert request.headers["Accept"] == "application/vnd.amcaudiences.v1+json"

    @pytest.mark.parametrize("state", ["SUCCEEDED", "COMPLETED"])
    @pytest.mark.parametrize("share", [None, 100, 100.0, "x"])
    def test_all_of_a_job_that_succeeded_are_proven(self, state, share):
        assert ended(state, share) == JobReport(JobState.SUCCESS, 10_000, {})

    def test_the_invalid_are_counted_once_each_and_the_others_proven(self):
        report = ended("SUCCEEDED", 40, bad("a"), bad("a"), bad("b"), bad(None))
        assert report == JobReport(JobState.SUCCESS, 10_000, {"invalid_record": 3})

    def test_where_some_are_wrong_and_nobody_says_which_nobody_is_proven(self):
        assert ended("SUCCEEDED", 99.5) == JobReport(JobState.SUCCESS, 0, {})

    def test_where_one_of_several_places_failed_nobody_is_proven_but_who_is_invalid(self):
        assert ended("PARTIALLYSUCCEEDED", 100) == JobReport(JobState.PARTIAL_SUCCESS, 0, {})
        assert ended("PARTIALLYSUCCEEDED", 50, bad("a")) == JobReport(
            JobState.PARTIAL_SUCCESS, 1, {"invalid_record": 1}
        )

    def test_a_job_that_is_at_work_or_failed_says_so(self):
        assert ended("PENDING").state is JobState.PROCESSING
        assert ended("FAILED", 0).state is JobState.FAILED

    @pytest.mark.parametrize("state", [None, "DONE", 7, ""])
    def test_a_state_that_is_not_known_is_asked_again(self, state):
        with pytest.raises(TransientError, match="state"):
            ended(state)


class TestRefusals:
    @pytest.mark.parametrize("status", [408, 409, 423, 429, 500, 502, 503, 504])
    def test_what_passes_is_transient(self, status):
        error = error_of(told({"message": "words"}, status))
        assert isinstance(error, TransientError)
        assert error.code == str(status)

    @pytest.mark.parametrize(("status", "says"), [(401, "refresh token"), (403, "data providers")])
    def test_what_only_a_person_can_mend_asks_a_person(self, status, says):
        error = error_of(told({"message": "words"}, status))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)
        assert "words" not in str(error)

    @pytest.mark.parametrize(
        ("status", "says"),
        [
            (400, "must be changed"),
            (404, "connection"),
            (413, "batch_bytes"),
            (501, "renewed"),
            (405, "must be changed"),
        ],
    )
    def test_what_we_have_to_change_is_permanent(self, status, says):
        error = error_of(told(None, status))
        assert isinstance(error, PermanentError)
        assert says in str(error)


class TestSizes:
    def test_an_audience_is_asked_for_by_its_number(self):
        request = AMC.size_request("57")
        assert (request.method, request.path) == ("GET", "/amc/audiences/metadata/57")

    @pytest.mark.parametrize(
        ("size", "report"),
        [
            (2_000, SizeReport(SizeState.READY, 2_000, 2_000)),
            (1_999.0, SizeReport(SizeState.TOO_SMALL, 1_999, 1_999)),
            (0, SizeReport(SizeState.TOO_SMALL, 0, 0)),
            (None, SizeReport(SizeState.UNKNOWN, None, None)),
            ("9", SizeReport(SizeState.UNKNOWN, None, None)),
            (True, SizeReport(SizeState.UNKNOWN, None, None)),
            (-1, SizeReport(SizeState.UNKNOWN, None, None)),
            (1.5, SizeReport(SizeState.UNKNOWN, None, None)),
            (10**12, SizeReport(SizeState.UNKNOWN, None, None)),
        ],
    )
    def test_it_is_taken_for_ready_from_its_minimum_on(self, size, report):
        for connected, field in ((AMC, "dspAudienceSize"), (ALONE, "idResolutionCount")):
            assert connected.read_size(told({"metadata": {"audienceSize": {field: size, "other": 9_999}}})) == report

    @pytest.mark.parametrize("body", [{}, {"metadata": []}, {"metadata": {"audienceSize": 7}}])
    def test_without_its_sizes_it_has_none(self, body):
        assert AMC.read_size(told(body)).state is SizeState.UNKNOWN


@settings(max_examples=40)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["message", "jobRequestId", "error", "externalId", "audienceId"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 429, 500]),
)
def test_nothing_that_amazon_quotes_is_repeated(secret, where, status):
    body = {"jobState": "SUCCEEDED", where: secret, "invalidRecords": [{where: secret}]}
    try:
        said = repr(AMC.read_job(told(body, status)))
    except SegmentAssetsError as refusal:
        said = f"{refusal}{refusal.code}"
    assert secret not in said
