"""TikTok's file audiences in the sandbox: refused as TikTok refuses, worked through a day later, in their order."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

ADVERTISER, API = "7012345678901234567", "/open_api/v1.3/dmp/custom_audience"
DAY = 86_401.0
PEOPLE = [marked(str(n)) for n in range(4)]


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(
        tmp_path_factory.mktemp("sandbox"), "tiktok_file", {"Access-Token": "sandbox-tiktok_file-token"}
    ) as made:
        yield made


@pytest.fixture
def tiktok(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    one_caller.outside.admin("platforms/tiktok_file", {"smallest_audience": 2})
    return one_caller


def upload(tiktok: Caller, lines: list[str], kind: str = "EMAIL_SHA256") -> str:
    content = "\n".join(lines).encode()
    fields = {
        "advertiser_id": ADVERTISER,
        "calculate_type": kind,
        "file_signature": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }
    answer = tiktok.http.post(f"{API}/file/upload/", data=fields, files={"file": ("people.txt", content)})
    assert answer.json()["code"] == 0
    return answer.json()["data"]["file_path"]


def create(tiktok: Caller, paths: list[str], **changes: Any) -> Any:
    body = {
        "advertiser_id": ADVERTISER,
        "custom_audience_name": "crm",
        "calculate_type": "EMAIL_SHA256",
        "file_paths": paths,
        **changes,
    }
    return tiktok.call("POST", f"{API}/create/", body).json()


@pytest.fixture
def audience(tiktok: Caller) -> str:
    return create(tiktok, [upload(tiktok, PEOPLE[:3])])["data"]["custom_audience_id"]


def update(tiktok: Caller, audience: str, **changes: Any) -> int:
    body = {"advertiser_id": ADVERTISER, "custom_audience_id": audience, **changes}
    return tiktok.call("POST", f"{API}/update/", body).json()["code"]


def shown(tiktok: Caller, audience: str, history: int = 5) -> tuple[dict, list]:
    params = {"advertiser_id": ADVERTISER, "custom_audience_ids": json.dumps([audience]), "history_size": history}
    (one,) = tiktok.http.get(f"{API}/get/", params=params).json()["data"]["list"]
    return one["audience_details"], one["audience_history"]


def held(tiktok: Caller) -> set[str]:
    (one,) = tiktok.outside.audiences()
    return {person["id"] for person in tiktok.outside.people_of(one)}


def test_a_change_is_worked_through_a_day_later_and_the_last_error_is_told(tiktok: Caller, audience: str):
    assert (shown(tiktok, audience)[0]["is_valid"], held(tiktok)) == (False, set())
    tiktok.outside.later(DAY)
    assert (shown(tiktok, audience)[0]["is_valid"], held(tiktok)) == (True, set(PEOPLE[:3]))
    assert update(tiktok, audience, action="REMOVE", file_paths=[upload(tiktok, PEOPLE[:2])]) == 0
    assert not shown(tiktok, audience)[0]["is_valid"]
    tiktok.outside.later(DAY)
    details, history = shown(tiktok, audience)
    assert (details["is_valid"], bool(details["error_msg"]), held(tiktok)) == (True, True, set(PEOPLE[:3]))
    assert [entry["action"] for entry in history] == ["REMOVE", "CREATE"]


def test_without_an_action_everybody_is_replaced(tiktok: Caller, audience: str):
    assert update(tiktok, audience, file_paths=[upload(tiktok, PEOPLE[2:])]) == 0
    tiktok.outside.later(DAY)
    assert held(tiktok) == set(PEOPLE[2:])


def test_rows_that_are_none_are_passed_over_and_told_in_the_history(tiktok: Caller, audience: str):
    path = upload(tiktok, ["Email_SHA256", PEOPLE[3], "jane@x.example"])
    assert update(tiktok, audience, action="APPEND", file_paths=[path]) == 0
    tiktok.outside.later(DAY)
    assert held(tiktok) == set(PEOPLE)
    assert bool(shown(tiktok, audience, history=1)[1][0]["msg"])


def test_a_new_name_needs_no_file_and_a_page_shows_it(tiktok: Caller, audience: str):
    assert update(tiktok, audience, custom_audience_name="newer") == 0
    answer = tiktok.http.get(f"{API}/list/", params={"advertiser_id": ADVERTISER, "page": 1, "page_size": 1}).json()
    assert [one["name"] for one in answer["data"]["list"]] == ["newer"]
    assert answer["data"]["page_info"] == {"page": 1, "page_size": 1, "total_number": 1, "total_page": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"custom_audience_name": ""},
        {"custom_audience_name": "x" * 129},
        {"calculate_type": "PHONE_SHA256"},
        {"file_paths": []},
        {"file_paths": ["a5"]},
        {"retention_in_days": 366},
        {"audience_sub_type": "ALL"},
        {"audience_enhancement": "no"},
    ],
)
def test_a_list_that_cannot_be_is_refused_and_not_made(tiktok: Caller, changes: dict):
    changes = {"file_paths": [upload(tiktok, PEOPLE)], **changes}
    assert create(tiktok, paths=changes.pop("file_paths"), **changes)["code"] == 40002
    assert tiktok.outside.audiences() == []


def test_a_change_that_cannot_be_is_refused(tiktok: Caller, audience: str):
    phones = upload(tiktok, PEOPLE, "PHONE_SHA256")
    assert update(tiktok, audience, action="APPEND", file_paths=[phones]) == 40002
    assert update(tiktok, audience, action="ADD", file_paths=[upload(tiktok, PEOPLE)]) == 40002
    assert update(tiktok, audience, action="APPEND") == 40002
    assert update(tiktok, "1", action="APPEND", file_paths=[phones]) == 40007
    answer = tiktok.call("POST", f"{API}/file/upload/", {"advertiser_id": ADVERTISER})
    assert answer.json()["code"] == 40002


def test_a_list_takes_500_files_and_not_one_more_whatever_becomes_of_them(tiktok: Caller, audience: str):
    path = upload(tiktok, PEOPLE[:3])
    assert update(tiktok, audience, action="APPEND", file_paths=[path] * 498) == 0
    assert update(tiktok, audience, action="REPLACE", file_paths=[path]) == 0
    for action in ("APPEND", "REMOVE", "REPLACE"):
        assert update(tiktok, audience, action=action, file_paths=[path]) == 40002
    assert create(tiktok, [path] * 501)["code"] == 40002
