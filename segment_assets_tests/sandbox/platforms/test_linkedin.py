"""LinkedIn in the sandbox refuses what LinkedIn refuses, in its words and status codes, and keeps people, not rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = {
    "Authorization": "Bearer sandbox-linkedin-token",
    "LinkedIn-Version": "202610",
    "X-Restli-Protocol-Version": "2.0.0",
}
BATCH = {"X-RestLi-Method": "BATCH_CREATE"}
SEGMENT = {
    "name": "VIP",
    "account": "urn:li:sponsoredAccount:502001",
    "type": "USER",
    "sourcePlatform": "ACME",
    "sourceSegmentId": "seg-vip",
    "accessPolicy": "PRIVATE",
    "destinations": [{"destination": "LINKEDIN"}],
}
MAID = "cdda802e-fb9c-47ad-9866-0794d394c912"


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(tmp_path_factory.mktemp("sandbox"), "linkedin", HEADERS) as made:
        yield made


@pytest.fixture
def linkedin(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


@pytest.fixture
def segment(linkedin: Caller) -> str:
    return linkedin.call("POST", "/rest/dmpSegments", SEGMENT).headers["x-restli-id"]


def email(name: str) -> dict[str, str]:
    return {"idType": "SHA256_EMAIL", "idValue": marked(name)}


def add(*ids: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"action": "ADD", "userIds": list(ids), **more}


def edit(linkedin: Caller, segment: str, *elements: Any) -> list[int]:
    answer = linkedin.call("POST", f"/rest/dmpSegments/{segment}/users", {"elements": list(elements)}, BATCH)
    assert answer.status_code == 200
    return [one["status"] for one in answer.json()["elements"]]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": "Bearer foreign"}, 401, "INVALID_ACCESS_TOKEN"),
        ({"LinkedIn-Version": ""}, 400, "VERSION_MISSING"),
        ({"LinkedIn-Version": "202510"}, 426, "NONEXISTENT_VERSION"),
        ({"LinkedIn-Version": "2026-10"}, 426, "NONEXISTENT_VERSION"),
        ({"X-Restli-Protocol-Version": "1.0.0"}, 400, "ILLEGAL_ARGUMENT"),
    ],
)
def test_a_call_that_does_not_get_in_is_told_why(linkedin: Caller, headers, status, code):
    answer = linkedin.call("POST", "/rest/dmpSegments", SEGMENT, headers)
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    assert linkedin.outside.audiences() == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"account": "502001"}, 400),
        ({"account": "urn:li:sponsoredAccount:9"}, 403),
        ({"name": " "}, 400),
        ({"type": "USER_STREAMING"}, 400),
        ({"sourceSegmentId": None}, 400),
        ({"accessPolicy": "OPEN"}, 400),
        ({"destinations": []}, 400),
    ],
)
def test_a_segment_that_is_not_well_described_is_not_made(linkedin: Caller, changes, status):
    assert linkedin.call("POST", "/rest/dmpSegments", {**SEGMENT, **changes}).status_code == status
    assert linkedin.outside.audiences() == []


def test_a_segment_is_made_with_an_empty_answer_and_its_id_in_the_headers(linkedin: Caller):
    answer = linkedin.call("POST", "/rest/dmpSegments", SEGMENT)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["x-restli-id"] == answer.headers["x-linkedin-id"]
    again = linkedin.call("POST", "/rest/dmpSegments", SEGMENT)
    assert again.headers["x-restli-id"] != answer.headers["x-restli-id"], "a creation is not idempotent"


@pytest.mark.parametrize(
    "bad",
    [
        add(),
        add({"idType": "SHA256_EMAIL", "idValue": "A@example.com"}),
        add({"idType": "SHA256_EMAIL", "idValue": marked("a").upper()}),
        add({"idType": "GOOGLE_AID", "idValue": MAID.upper()}),
        add({"idType": "APPLE_IDFA", "idValue": MAID}),
        add({"idType": "PHONE", "idValue": marked("a")}),
        add(email("a"), email("b")),
        add(email("a"), country="Germany"),
        add(email("a"), country="de"),
        add(email("a"), firstName="n" * 36),
        add(email("a"), phone="+1"),
        {"action": "add", "userIds": [email("a")]},
        {"userIds": [email("a")]},
        "nobody",
    ],
)
def test_a_person_who_is_not_well_described_is_refused_alone(linkedin: Caller, segment: str, bad):
    assert edit(linkedin, segment, add(email("x")), bad, add(email("y"), country="DE")) == [201, 400, 201]
    assert {held["SHA256_EMAIL"] for held in linkedin.outside.people()} == {marked("x"), marked("y")}


def test_people_who_have_nothing_but_a_whole_name_are_taken(linkedin: Caller, segment: str):
    statuses = edit(linkedin, segment, add(firstName="Jane", lastName="Doe"), add(firstName="Jane"))
    assert statuses == [201, 400]
    assert edit(linkedin, segment, {"action": "REMOVE", "firstName": "Jane", "lastName": "Doe"}) == [201]
    assert linkedin.outside.people() == []


def test_any_one_identifier_takes_a_person_out_and_elements_act_in_their_order(linkedin: Caller, segment: str):
    device = {"idType": "GOOGLE_AID", "idValue": MAID}
    edit(linkedin, segment, add(email("a"), device), add(email("b")))
    edit(linkedin, segment, {"action": "REMOVE", "userIds": [device]}, add(email("c")))
    assert {held["SHA256_EMAIL"] for held in linkedin.outside.people()} == {marked("b"), marked("c")}


def test_a_request_with_too_many_people_or_without_its_method_is_refused_as_a_whole(linkedin: Caller, segment: str):
    path = f"/rest/dmpSegments/{segment}/users"
    some = [add(email(str(n))) for n in range(5_001)]
    assert linkedin.call("POST", path, {"elements": some}, BATCH).status_code == 400
    assert linkedin.call("POST", path, {"elements": some[:2]}).status_code == 400
    assert linkedin.outside.people() == []


def test_the_quota_of_a_minute_is_kept_and_filled_again(linkedin: Caller):
    linkedin.outside.admin("platforms/linkedin", {"calls_per_minute": 2})
    linkedin.outside.later(60 - linkedin.outside._get("clock")["now"] % 60)
    query = "/rest/dmpSegments?q=account&account=urn%3Ali%3AsponsoredAccount%3A502001"
    assert [linkedin.call("GET", query).status_code for _ in range(3)] == [200, 200, 429]
    linkedin.outside.later(60)
    assert linkedin.call("GET", query).status_code == 200


def test_a_fresh_segment_is_listed_before_it_can_be_used(linkedin: Caller):
    linkedin.outside.admin("platforms/linkedin", {"visible_after_seconds": 60})
    segment = linkedin.call("POST", "/rest/dmpSegments", SEGMENT).headers["x-restli-id"]
    query = "/rest/dmpSegments?q=account&account=urn%3Ali%3AsponsoredAccount%3A502001"
    assert [str(one["id"]) for one in linkedin.call("GET", query).json()["elements"]] == [segment]
    assert linkedin.call("DELETE", f"/rest/dmpSegments/{segment}").status_code == 404
    linkedin.outside.later(61)
    assert linkedin.call("DELETE", f"/rest/dmpSegments/{segment}").status_code == 204
    assert linkedin.call("GET", f"/rest/dmpSegments/{segment}").status_code == 404
