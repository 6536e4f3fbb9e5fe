"""Details of the Google connector that the mutation check found unwatched."""

from __future__ import annotations

import pytest
from google.ads.datamanager_v1.services.ingestion_service import IngestionServiceClient

from segment_assets.contracts import Operation, PermanentError, Quota, Request, Response
from segment_assets.destinations.google import CONTRACT, GoogleDataManager
from segment_assets.destinations.google_answers import accepted
from segment_assets_tests.destinations.google_kit import (
    GOOGLE,
    PLACE,
    SPEC,
    STATED,
    Canned,
    body,
    of_member,
    person,
    refused,
)


def test_an_error_without_details_is_known_by_its_status():
    body = {"error": {"code": 400, "message": "words", "status": "FAILED_PRECONDITION"}}
    with pytest.raises(PermanentError) as refused:
        accepted(Response(400, {}, body), "1")
    assert refused.value.code == "FAILED_PRECONDITION"


def test_the_address_of_the_service_is_that_of_googles_own_client():
    assert f"https://{IngestionServiceClient.DEFAULT_ENDPOINT}" == CONTRACT.endpoint


def test_a_full_request_that_is_too_large_says_what_to_lower():
    with pytest.raises(PermanentError, match="lower batch_members"):
        accepted(Response(413, {}, None), "1")


def test_an_account_has_a_type_and_a_manager_of_another_type_is_named_with_it():
    plain = GoogleDataManager.from_plan("1", {}, STATED)
    assert plain.size_request("7") == Request("GET", "/v1/accountTypes/GOOGLE_ADS/accounts/1/userLists/7", headers={})
    through = {"login_account": "2", "login_account_type": "DISPLAY_VIDEO_PARTNER"}
    [place] = body(Operation.ADD, person("a"), google=GoogleDataManager.from_plan("1", through, STATED))["destinations"]
    assert place["loginAccount"] == {"accountType": "DISPLAY_VIDEO_PARTNER", "accountId": "2"}


@pytest.mark.parametrize(
    ("account", "settings", "says"),
    [
        ("", {}, "account"), ("1", {"account_type": ""}, "account_type"), ("1", {"login_account_type": "X"}, "login"),
        # Its lists lose everybody in the EEA, and no answer tells.
        ("1", {"account_type": "DISPLAY_VIDEO_PARTNER"}, "account_type"),
        ("1", {"quota_project": "x y"}, "quota_project"), ("1", {"quota_project": "ab"}, "quota_project"),
    ],
)  # fmt: skip
def test_an_account_without_a_number_or_a_type_is_refused(account, settings, says):
    with pytest.raises(PermanentError, match=says):
        GoogleDataManager.from_plan(account, settings, {})


def test_every_call_names_the_project_whose_quota_a_person_s_credentials_use():
    google = GoogleDataManager.from_plan("1", {"quota_project": "lumen-ads-1", "login_account": "2"}, STATED)
    uploads = [google.request("7", operation, [person("a")], PLACE) for operation in (Operation.ADD, Operation.REMOVE)]
    for request in (*uploads, google.job_request("j"), google.size_request("7")):
        assert request.headers["x-goog-user-project"] == "lumen-ads-1"
    assert "x-goog-user-project" not in GOOGLE.size_request("7").headers


def test_the_day_is_the_project_s_where_the_plan_names_it_and_the_account_s_otherwise():
    assert GOOGLE.contract.quota == Quota(300, 60, per_day=100_000)
    named = GoogleDataManager.from_plan("1", {"quota_project": "lumen-ads-1"}, STATED)
    assert named.contract.quota == Quota(300, 60, per_day=100_000, shared_by="lumen-ads-1")


def test_a_list_without_an_id_has_it_in_its_name():
    made = Canned(Response(200, {}, {"name": "accountTypes/GOOGLE_ADS/accounts/1/userLists/42"}))
    assert GOOGLE.create_audience(made, SPEC) == "42"


def test_an_error_that_names_no_number_of_members_puts_nothing_on_the_first():
    at_fault = refused(400, "INVALID_ARGUMENT", (of_member(0), "INVALID_HEX_ENCODING"))
    with pytest.raises(PermanentError) as told:
        accepted(at_fault, "1")
    assert type(told.value) is PermanentError


def test_a_refusal_says_one_reason_and_the_receipt_the_most_telling():
    two = refused(400, "INVALID_DESTINATION", ("destinations[0]", "INVALID_USER_LIST_ID"))
    with pytest.raises(PermanentError) as told:
        accepted(two, "1")
    assert "INVALID_USER_LIST_ID" in str(told.value)
    assert "INVALID_DESTINATION" not in str(told.value)


def test_every_fault_beside_those_of_members_counts():
    """One person at fault and one fault of the request: the whole is refused, and nobody is to blame."""
    faults = [(of_member(0), "INVALID_HEX_ENCODING"), ("destinations[0]", "X"), ("destinations[1]", "X")]
    with pytest.raises(PermanentError) as told:
        accepted(refused(400, "INVALID_ARGUMENT", *faults), "1", members=3)
    assert type(told.value) is PermanentError


def test_people_leave_a_list_when_the_list_says():
    assert CONTRACT.expires_by_audience
