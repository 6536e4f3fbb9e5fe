"""Snapchat in the sandbox refuses what Snap refuses, in its words and status codes, and keeps users by any identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "8adc3db7-8148-4fbf-999c-8d2266369d74"
SEGMENTS = f"/v1/adaccounts/{ACCOUNT}/segments"
SEGMENT = {"name": "vip", "source_type": "FIRST_PARTY", "retention_in_days": 180, "ad_account_id": ACCOUNT}


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    headers = {"Authorization": "Bearer sandbox-snapchat-token"}
    with caller(tmp_path_factory.mktemp("sandbox"), "snapchat", headers) as made:
        yield made


@pytest.fixture
def snapchat(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


def made(snapchat: Caller, **changes: Any) -> str:
    answer = snapchat.call("POST", SEGMENTS, {"segments": [{**SEGMENT, **changes}]})
    return answer.json()["segments"][0]["segment"]["id"]


@pytest.fixture
def segment(snapchat: Caller) -> str:
    return made(snapchat)


def users(*names: str, kind: str = "EMAIL_SHA256", **more: Any) -> dict[str, Any]:
    return {"users": [{"schema": [kind], "data": [[marked(name)] for name in names], **more}]}


def shown(snapchat: Caller, segment: str) -> dict[str, Any]:
    return snapchat.call("GET", f"/v1/segments/{segment}").json()["segments"][0]["segment"]


def test_a_call_without_a_good_token_is_answered_by_a_text(snapchat: Caller):
    for token in ("Bearer foreign", "", "sandbox-snapchat-token"):
        answer = snapchat.call("GET", SEGMENTS, headers={"Authorization": token})
        assert (answer.status_code, answer.json()) == (401, "unauthorized")


def test_an_account_out_of_reach_is_a_missing_permission(snapchat: Caller):
    answer = snapchat.call("GET", "/v1/adaccounts/00000000-0000-4000-8000-000000000000/segments")
    assert (answer.status_code, answer.json()["error_code"], answer.json()["request_status"]) == (403, "E3002", "ERROR")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"name": "n" * 376},
        {"source_type": "LOOKALIKE_OF_MINE"},
        {"retention_in_days": 0},
        {"retention_in_days": 10_000},
        {"retention_in_days": "180"},
        {"ad_account_id": "another"},
        {"description": 7},
    ],
)
def test_a_segment_that_is_not_well_described_is_refused_as_a_part_of_a_200(snapchat: Caller, changes):
    answer = snapchat.call("POST", SEGMENTS, {"segments": [{**SEGMENT, **changes}]})
    (part,) = answer.json()["segments"]
    assert (answer.status_code, part["sub_request_status"]) == (200, "ERROR")
    assert part["sub_request_error_reason"].startswith("E2001")
    assert snapchat.outside.audiences() == []


@pytest.mark.parametrize("body", [None, [], {"segments": []}, {"segments": [SEGMENT, SEGMENT]}, {"segments": ["vip"]}])
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(snapchat: Caller, body):
    answer = snapchat.call("POST", SEGMENTS, body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "E1001")


def test_a_new_segment_is_pending_and_names_may_repeat(snapchat: Caller, segment: str):
    assert made(snapchat) != segment
    told = shown(snapchat, segment)
    assert (told["status"], told["upload_status"], told["targetable_status"]) == ("PENDING", "NO_UPLOAD", "NOT_READY")
    snapchat.outside.later(61)
    assert shown(snapchat, segment)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    "bad",
    [
        {"schema": ["EMAIL"]},
        {"schema": ["EMAIL_SHA256", "PHONE_SHA256"]},
        {"schema": []},
        {"data": []},
        {"data": [[marked("a").upper()]]},
        {"data": [["a@example.com"]]},
        {"data": [[marked("a"), marked("b")]]},
        {"data": [marked("a")]},
        {"id": "another"},
        {"extra": 1},
    ],
)
def test_users_that_are_not_well_described_are_refused_with_the_whole_request(snapchat: Caller, segment: str, bad):
    body = users("x", "y")
    body["users"][0].update(bad)
    answer = snapchat.call("POST", f"/v1/segments/{segment}/users", body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "E2001")
    assert snapchat.outside.people() == []


def test_users_go_in_and_out_by_each_kind_and_are_counted(snapchat: Caller, segment: str):
    path = f"/v1/segments/{segment}/users"
    answer = snapchat.call("POST", path, users("a", "b", "b"))
    assert answer.json()["users"] == [{"sub_request_status": "SUCCESS", "user": {"number_uploaded_users": 3}}]
    snapchat.call("POST", path, users("a", kind="PHONE_SHA256"))
    assert len(snapchat.outside.people()) == 3
    snapchat.call("DELETE", path, users("a", id=segment))
    kept = [{"EMAIL_SHA256": marked("b")}, {"PHONE_SHA256": marked("a")}]
    assert sorted(snapchat.outside.people(), key=str) == sorted(kept, key=str)
    assert snapchat.call("DELETE", f"/v1/segments/{segment}/all_users").status_code == 200
    assert snapchat.outside.people() == []


def test_only_a_first_party_segment_takes_users(snapchat: Caller):
    segment = made(snapchat, source_type="PIXEL")
    assert snapchat.call("POST", f"/v1/segments/{segment}/users", users("a")).status_code == 400


def test_what_is_uploaded_is_worked_on_for_a_day_and_can_be_targeted_from_a_thousand_on(snapchat: Caller, segment: str):
    path = f"/v1/segments/{segment}/users"
    for names, state in ((range(999), "TOO_FEW_USERS"), (range(999, 1_000), "READY")):
        snapchat.call("POST", path, users(*map(str, names)))
        told = shown(snapchat, segment)
        assert (told["upload_status"], told["targetable_status"]) == ("PROCESSING", "NOT_READY")
        assert told["approximate_number_users"] == 0
        snapchat.outside.later(86_401)
        told = shown(snapchat, segment)
        assert (told["upload_status"], told["targetable_status"]) == ("COMPLETE", state)
        assert told["approximate_number_users"] == max(names) + 1
        assert snapchat.outside.audiences()[0]["state"] == state


def test_pages_are_walked_by_the_address_of_the_next_one(snapchat: Caller):
    ids = [made(snapchat) for _ in range(51)]
    first = snapchat.call("GET", f"{SEGMENTS}?limit=50").json()
    assert [part["segment"]["id"] for part in first["segments"]] == ids[:50]
    link = first["paging"]["next_link"]
    assert link.startswith(f"https://adsapi.snapchat.com{SEGMENTS}?")
    second = snapchat.call("GET", f"{SEGMENTS}?{link.partition('?')[2]}").json()
    assert ([part["segment"]["id"] for part in second["segments"]], second.get("paging")) == (ids[50:], None)
    assert [snapchat.call("GET", f"{SEGMENTS}?limit={n}").status_code for n in (49, 1_001, "x")] == [400] * 3


def test_a_segment_can_be_renamed_and_its_people_stay(snapchat: Caller, segment: str):
    snapchat.call("POST", f"/v1/segments/{segment}/users", users("a"))
    changed = {"id": segment, "name": "another", "retention_in_days": 60}
    assert snapchat.call("PUT", SEGMENTS, {"segments": [changed]}).json()["request_status"] == "SUCCESS"
    assert (shown(snapchat, segment)["name"], shown(snapchat, segment)["retention_in_days"]) == ("another", 60)
    assert len(snapchat.outside.people()) == 1
    assert snapchat.call("PUT", SEGMENTS, {"segments": [{**changed, "id": "1"}]}).status_code == 404
    assert (
        snapchat.call("PUT", SEGMENTS, {"segments": [{"id": segment, "name": ""}]}).json()["request_status"] == "ERROR"
    )


def test_a_deleted_segment_is_gone_and_a_method_that_is_not_there_is_refused(snapchat: Caller, segment: str):
    answer = snapchat.call("DELETE", f"/v1/segments/{segment}")
    assert (answer.status_code, answer.json()["segments"]) == (200, [])
    assert snapchat.call("DELETE", f"/v1/segments/{segment}").status_code == 404
    assert snapchat.call("POST", f"/v1/segments/{segment}/users", users("a")).status_code == 404
    assert snapchat.call("PATCH", SEGMENTS, {}).status_code == 405


def test_the_published_average_of_a_token_is_kept_over_a_minute(snapchat: Caller):
    snapchat.outside.admin("platforms/snapchat", {"calls_per_minute": 2})
    snapchat.outside.later(60 - snapchat.outside._get("clock")["now"] % 60)
    assert [snapchat.call("GET", SEGMENTS).status_code for _ in range(3)] == [200, 200, 429]
    snapchat.outside.later(60)
    assert snapchat.call("GET", SEGMENTS).status_code == 200


def test_a_renewed_token_lives_for_half_an_hour_and_a_refresh_token_is_good_once(snapchat: Caller):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": "sandbox-snapchat-refresh-token",
        "client_id": "sandbox-snapchat-app",
        "client_secret": "sandbox-snapchat-app-secret",
    }
    fresh = snapchat.http.post("/login/oauth2/access_token", data=form).json()
    headers = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert snapchat.call("GET", SEGMENTS).status_code == 401, "the token before is good no more"
    assert snapchat.call("GET", SEGMENTS, headers=headers).status_code == 200
    snapchat.outside.later(fresh["expires_in"] + 1)
    assert snapchat.call("GET", SEGMENTS, headers=headers).status_code == 401
    assert snapchat.http.post("/login/oauth2/access_token", data=form).json()["error"] == "invalid_grant"
    again = snapchat.http.post("/login/oauth2/access_token", data={**form, "refresh_token": fresh["refresh_token"]})
    assert again.json()["access_token"] != fresh["access_token"]
