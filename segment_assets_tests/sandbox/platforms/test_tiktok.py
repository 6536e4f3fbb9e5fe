"""TikTok in the sandbox refuses what TikTok refuses, by a code under HTTP 200, and keeps people, not rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

ADVERTISER = "7012345678901234567"
AUDIENCE, MAPPING = "/open_api/v1.3/segment/audience/", "/open_api/v1.3/segment/mapping/"
LIST = "/open_api/v1.3/dmp/custom_audience/list/"


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(tmp_path_factory.mktemp("sandbox"), "tiktok", {"Access-Token": "sandbox-tiktok-token"}) as made:
        yield made


@pytest.fixture
def tiktok(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


def made(tiktok: Caller, name: str = "crm") -> str:
    body = {"advertiser_id": ADVERTISER, "action": "create", "custom_audience_name": name}
    return tiktok.call("POST", AUDIENCE, body).json()["data"]["audience_id"]


@pytest.fixture
def audience(tiktok: Caller) -> str:
    return made(tiktok)


def person(audience: str, **cells: str) -> list[dict[str, Any]]:
    return [{"id": value, "audience_ids": [audience]} if value else {} for value in cells.values()]


def mapping(audience: str, **changes: Any) -> dict[str, Any]:
    return {
        "advertiser_ids": [ADVERTISER],
        "action": "add",
        "id_schema": ["EMAIL_SHA256", "PHONE_SHA256"],
        "batch_data": [
            person(audience, email=marked("a"), phone=marked("1")),
            person(audience, email=marked("b"), phone=""),
        ],
        **changes,
    }


def code(answer: Any) -> int:
    assert answer.status_code == 200
    return answer.json()["code"]


@pytest.mark.parametrize(("headers", "expected"), [({"Access-Token": ""}, 40104), ({"Access-Token": "foreign"}, 40105)])
def test_a_call_without_a_good_token_is_told_so(tiktok: Caller, headers, expected):
    body = {"advertiser_id": ADVERTISER, "custom_audience_name": "crm"}
    assert code(tiktok.call("POST", AUDIENCE, body, headers)) == expected
    assert tiktok.outside.audiences() == []


def test_a_bearer_token_is_no_access_token(tiktok: Caller):
    headers = {"Access-Token": "", "Authorization": "Bearer sandbox-tiktok-token"}
    assert code(tiktok.call("GET", f"{LIST}?advertiser_id={ADVERTISER}", headers=headers)) == 40104


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"advertiser_ids": []}, 40002),
        ({"advertiser_ids": ["9"]}, 40001),
        ({"action": "replace"}, 40002),
        ({"id_schema": ["EMAIL_SHA256", "EMAIL_SHA256"]}, 40002),
        ({"id_schema": ["EMAIL", "PHONE_SHA256"]}, 40002),
        ({"id_schema": ["EMAIL_SHA256"]}, 40002),
        ({"batch_data": []}, 40002),
        ({"batch_data": [[{"id": "a@example.com", "audience_ids": ["1"]}, {}]]}, 40062),
        ({"batch_data": [[{"id": marked("a").upper(), "audience_ids": ["1"]}, {}]]}, 40062),
        ({"batch_data": [[{"id": marked("a"), "audience_ids": ["1"]}, {}]]}, 40007),
        ({"batch_data": [[{"id": marked("a")}, {}]]}, 40002),
        ({"batch_data": [[None, {}]]}, 40002),
    ],
)
def test_a_request_that_is_not_well_formed_changes_nothing(tiktok: Caller, audience: str, changes, expected):
    assert code(tiktok.call("POST", MAPPING, mapping(audience, **changes))) == expected
    assert tiktok.outside.people() == []


def test_any_one_identifier_takes_a_person_out(tiktok: Caller, audience: str):
    assert code(tiktok.call("POST", MAPPING, mapping(audience))) == 0
    assert len(tiktok.outside.people()) == 2
    row = person(audience, email="", phone=marked("1"))
    assert code(tiktok.call("POST", MAPPING, mapping(audience, action="delete", batch_data=[row]))) == 0
    assert tiktok.outside.people() == [{"EMAIL_SHA256": marked("b")}]


def test_a_request_with_more_people_than_the_vendors_send_is_refused(tiktok: Caller, audience: str):
    rows = [person(audience, email=marked(str(n)), phone="") for n in range(1_001)]
    assert code(tiktok.call("POST", MAPPING, mapping(audience, batch_data=rows))) == 40061
    assert code(tiktok.call("POST", MAPPING, mapping(audience, batch_data=rows[1:]))) == 0
    assert len(tiktok.outside.people()) == 1_000


def test_a_name_that_is_too_long_is_cut_and_names_may_repeat(tiktok: Caller):
    first, second = made(tiktok, "n" * 71), made(tiktok, "n" * 71)
    assert first != second
    assert {one["name"] for one in tiktok.outside.audiences()} == {"n" * 67 + "..."}


def test_pages_hold_what_is_asked_for_and_say_how_many_there_are(tiktok: Caller):
    ids = [made(tiktok, str(n)) for n in range(5)]
    answer = tiktok.call("GET", f"{LIST}?advertiser_id={ADVERTISER}&page=3&page_size=2").json()["data"]
    assert [one["audience_id"] for one in answer["list"]] == ids[4:]
    assert answer["page_info"] == {"page": 3, "page_size": 2, "total_number": 5, "total_page": 3}
    assert code(tiktok.call("GET", f"{LIST}?advertiser_id={ADVERTISER}&page_size=101")) == 40002


def test_an_audience_is_valid_a_day_after_its_last_change_and_a_deleted_one_is_gone(tiktok: Caller, audience: str):
    tiktok.call("POST", MAPPING, mapping(audience))
    assert [one["state"] for one in tiktok.outside.audiences()] == ["computing"]
    tiktok.outside.later(86_401)
    assert [one["state"] for one in tiktok.outside.audiences()] == ["valid"]
    body = {"advertiser_id": ADVERTISER, "action": "delete", "delete_audience_id": audience}
    assert [code(tiktok.call("POST", AUDIENCE, body)) for _ in range(2)] == [0, 40007]


def test_calls_above_the_budget_of_a_second_are_refused_under_http_200(tiktok: Caller):
    tiktok.outside.admin("platforms/tiktok", {"calls_per_second": 0})
    assert code(tiktok.call("GET", f"{LIST}?advertiser_id={ADVERTISER}")) == 40100
