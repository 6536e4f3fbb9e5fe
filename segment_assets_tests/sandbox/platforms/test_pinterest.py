"""Pinterest in the sandbox refuses what its description refuses, in its status codes, and counts what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = {"Authorization": "Bearer sandbox-pinterest-token"}
LISTS, AUDIENCES = "/v5/ad_accounts/549756359984/customer_lists", "/v5/ad_accounts/549756359984/audiences"
ONE, TWO = marked("one"), marked("two")


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(tmp_path_factory.mktemp("sandbox"), "pinterest", HEADERS) as made:
        yield made


@pytest.fixture
def pinterest(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


@pytest.fixture
def made(pinterest: Caller) -> str:
    return pinterest.call("POST", LISTS, {"name": "VIP", "records": ONE}).json()["id"]


def edit(pinterest: Caller, made: str, operation: str, records: object) -> Any:
    return pinterest.call("PATCH", f"{LISTS}/{made}", {"operation_type": operation, "records": records})


def held(pinterest: Caller) -> set[str]:
    return {person["record"] for person in pinterest.outside.people()}


def audience(pinterest: Caller, made: str) -> Any:
    wanted = {"audience_type": "CUSTOMER_LIST", "name": "VIP", "rule": {"customer_list_id": made}}
    return pinterest.call("POST", AUDIENCES, wanted)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "VIP"},
        {"name": "VIP", "records": ""},
        {"name": "VIP", "records": ","},
        {"name": "VIP", "records": [ONE]},
        {"records": ONE},
        {"name": " ", "records": ONE},
        {"name": "VIP", "records": ONE, "list_type": "PHONE"},
        {"name": "VIP", "records": "Jane@Example.com"},
        {"name": "VIP", "records": "cdda802e-fb9c-47ad-9866-0794d394c912"},
        {"name": "VIP", "records": ONE.upper()},
        [],
    ],
)
def test_a_list_needs_a_name_and_a_record_and_records_are_what_they_have_to_be(pinterest, body):
    assert pinterest.call("POST", LISTS, body).status_code == 400
    assert pinterest.outside.audiences() == []


@pytest.mark.parametrize("record", ["jane@example.com", "a" * 64, "a" * 40, "a" * 32])
def test_e_mails_are_taken_in_every_form_that_the_description_names(pinterest, record):
    assert pinterest.call("POST", LISTS, {"name": "VIP", "records": f"{record},"}).status_code == 200
    assert held(pinterest) == {record}


def test_other_lists_hold_plain_ids(pinterest):
    body = {"name": "VIP", "records": "XY1000bTTTTTTT", "list_type": "LR_ID"}
    assert pinterest.call("POST", LISTS, body).status_code == 200


def test_counters_count_what_was_sent_and_not_what_is_there(pinterest, made):
    edit(pinterest, made, "ADD", f"{ONE},{TWO},")
    answer = edit(pinterest, made, "REMOVE", f"{TWO},{marked('three')}").json()
    assert (answer["num_batches"], answer["num_uploaded_user_records"], answer["num_removed_user_records"]) == (3, 3, 2)
    assert held(pinterest) == {ONE}


@pytest.mark.parametrize(("operation", "records"), [("DELETE", ONE), ("ADD", None), ("ADD", "plain")])
def test_an_edit_that_cannot_be_read_changes_nothing(pinterest, made, operation, records):
    assert edit(pinterest, made, operation, records).status_code == 400
    assert held(pinterest) == {ONE}


def test_what_is_not_there_is_404_and_what_may_not_be_seen_403(pinterest, made):
    assert edit(pinterest, "1", "ADD", ONE).status_code == 404
    assert pinterest.call("GET", f"{AUDIENCES}/1").status_code == 404
    assert audience(pinterest, "1").status_code == 404
    assert pinterest.call("GET", "/v5/ad_accounts/1/customer_lists").status_code == 403
    assert pinterest.call("DELETE", f"{LISTS}/{made}").status_code == 405


def test_pages_are_of_250_at_most_and_in_the_order_that_is_asked_for(pinterest, made):
    second = pinterest.call("POST", LISTS, {"name": "VIP", "records": ONE}).json()["id"]
    first_page = pinterest.call("GET", f"{LISTS}?page_size=1&order=DESCENDING").json()
    assert [one["id"] for one in first_page["items"]] == [second]
    last = pinterest.call("GET", f"{LISTS}?page_size=1&order=DESCENDING&bookmark={first_page['bookmark']}").json()
    assert ([one["id"] for one in last["items"]], last["bookmark"]) == ([made], None)
    for query in ("page_size=251", "page_size=0", "order=NEWEST", "bookmark=x"):
        assert pinterest.call("GET", f"{LISTS}?{query}").status_code == 400


def test_an_audience_has_the_state_of_its_list_an_hour_later(pinterest, made):
    number = audience(pinterest, made).json()["id"]
    assert pinterest.call("GET", f"{AUDIENCES}/{number}").json()["status"] == "INITIALIZING"
    pinterest.outside.later(3_600)
    assert pinterest.call("GET", f"{AUDIENCES}/{number}").json()["status"] == "TOO_SMALL"
    edit(pinterest, made, "ADD", ",".join(marked(str(n)) for n in range(100)))
    pinterest.outside.later(3_600)
    shown = pinterest.call("GET", f"{AUDIENCES}/{number}").json()
    assert (shown["status"], shown["size"]) == ("READY", 101)
    assert "READY, audiences: 1" in str(pinterest.outside.audiences())


def test_an_audience_is_edited_removed_and_takes_its_list_along_once_none_is_left(pinterest, made):
    numbers = [audience(pinterest, made).json()["id"] for _ in range(2)]
    assert len(set(numbers)) == 2
    edited = pinterest.call("PATCH", f"{AUDIENCES}/{numbers[0]}", {"name": "new"})
    assert edited.json()["name"] == "new"
    for number, lists in zip(numbers, (1, 0), strict=True):
        removal = pinterest.call("PATCH", f"{AUDIENCES}/{number}", {"operation_type": "REMOVE"})
        assert removal.status_code == 200
        assert len(pinterest.outside.audiences()) == lists


def test_a_throttled_caller_is_told_the_limit(pinterest, made):
    pinterest.outside.admin("platforms/pinterest", {"writes_per_minute": 1})
    answers = [edit(pinterest, made, "ADD", TWO) for _ in range(2)]
    refused = answers[-1]
    assert refused.status_code == 429
    assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("1", "0")
    assert pinterest.call("GET", LISTS).status_code == 200, "reading has a budget of its own"


def test_a_token_is_needed(pinterest):
    answer = pinterest.call("GET", LISTS, None, {"Authorization": "Bearer another"})
    assert (answer.status_code, answer.json()["code"]) == (401, 2)
