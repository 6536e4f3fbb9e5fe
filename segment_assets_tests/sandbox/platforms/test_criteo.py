"""Criteo in the sandbox refuses what its reference refuses, in its codes, and counts the valid and the invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = {"Authorization": "Bearer sandbox-criteo-token"}
BASE = "/2026-07/marketing-solutions/audience-segments"
SEGMENT = {"advertiserId": "12345", "name": "VIP", "description": "crm", "contactList": {}}
MAID = "cdda802e-fb9c-47ad-9866-0794d394c912"


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(tmp_path_factory.mktemp("sandbox"), "criteo", HEADERS) as made:
        yield made


@pytest.fixture
def criteo(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


@pytest.fixture
def segment(criteo: Caller) -> str:
    return make(criteo, SEGMENT).json()["data"][0]["id"]


def make(criteo: Caller, *attributes: Any) -> Any:
    return criteo.call("POST", f"{BASE}/create", {"data": [{"attributes": one} for one in attributes]})


def amend(criteo: Caller, segment: str, **attributes: Any) -> Any:
    wanted = {"operation": "add", "identifierType": "email", "identifiers": [marked("a")]} | attributes
    body = {"data": {"type": "ContactlistAmendment", "attributes": wanted}}
    return criteo.call("PATCH", f"{BASE}/{segment}/contact-list", body)


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


def test_of_several_segments_each_is_made_or_told_as_an_error_for_itself(criteo):
    answer = make(criteo, SEGMENT, SEGMENT, {**SEGMENT, "name": ""}, {**SEGMENT, "name": "b", "contactList": None}, 7)
    assert answer.status_code == 200
    assert [one["attributes"]["name"] for one in answer.json()["data"]] == ["VIP"]
    assert codes(answer) == ["name-must-be-unique", "name-must-not-be-empty", "segment-type-invalid", "invalid-request"]


def test_an_advertiser_that_gave_no_access_is_an_error(criteo):
    assert codes(make(criteo, {**SEGMENT, "advertiserId": "1"})) == ["access-not-granted"]
    body = {"data": {"attributes": {"advertiserIds": ["1"]}}}
    assert criteo.call("POST", f"{BASE}/search", body).status_code == 403


def test_a_search_shows_what_has_all_that_is_asked_for(criteo, segment):
    def found(**wanted: Any) -> list[str]:
        answer = criteo.call("POST", f"{BASE}/search?limit=1", {"data": {"attributes": wanted}}).json()
        assert answer["meta"]["totalItems"] == len(answer["data"])
        return [one["id"] for one in answer["data"]]

    assert found(advertiserIds=["12345"], audienceSegmentTypes=["ContactList"]) == [segment]
    assert found(audienceSegmentIds=[segment]) == [segment]
    assert found(audienceSegmentIds=["1"]) == []
    assert found(audienceSegmentTypes=["InMarket"]) == []
    for query, attributes in (("limit=101", {}), ("offset=x", {}), ("", {"audienceSegmentTypes": ["Any"]}), ("", None)):
        body = {"data": {"attributes": attributes}}
        assert criteo.call("POST", f"{BASE}/search?{query}", body).status_code == 400


def test_valid_identifiers_are_taken_and_the_invalid_counted_and_shown_in_part(criteo, segment):
    bad = [f"not-{n}" for n in range(7)]
    told = amend(criteo, segment, identifiers=[marked("a"), *bad, marked("a")]).json()["data"]["attributes"]
    assert (told["nbValidIdentifiers"], told["nbInvalidIdentifiers"]) == (1, 7)
    assert set(told["sampleInvalidIdentifiers"]) < set(bad)
    assert (told["operation"], told["identifierType"]) == ("Add", "Email")
    assert criteo.outside.people() == [{"email": marked("a")}]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("email", ["a@b.example", "a" * 32, "A" * 64], ["a@b", "a" * 63]),
        ("madid", [MAID, MAID.upper()], [marked("d"), "d"]),
        ("identityLink", ["XY" + "1" * 47], ["1" * 49]),
        ("phoneNumber", [marked("p"), "+919876543210"], ["+4915112345678"]),
    ],
)
def test_each_kind_of_identifier_has_its_forms(criteo, segment, kind, good, bad):
    told = amend(criteo, segment, identifierType=kind, identifiers=[*good, *bad]).json()["data"]["attributes"]
    assert (told["nbValidIdentifiers"], told["nbInvalidIdentifiers"]) == (len(good), len(bad))


@pytest.mark.parametrize(
    "changed",
    [
        {"operation": "replace"},
        {"identifierType": "customerid"},
        {"identifierType": "gum"},
        {"identifiers": []},
        {"identifiers": [7]},
        {"identifiers": "a"},
    ],
)
def test_an_amendment_that_cannot_be_read_changes_nothing(criteo, segment, changed):
    assert amend(criteo, segment, **changed).status_code == 400
    assert criteo.outside.people() == []


def test_what_is_taken_out_is_out_and_a_list_can_be_emptied(criteo, segment):
    amend(criteo, segment, identifiers=[marked("a"), marked("b"), marked("c")])
    amend(criteo, segment, operation="remove", identifiers=[marked("b")])
    assert [person["email"] for person in criteo.outside.people()] == sorted([marked("a"), marked("c")])
    assert criteo.call("DELETE", f"{BASE}/{segment}/contact-list").status_code == 200
    assert criteo.outside.people() == []


def test_matches_show_a_day_after_the_last_change(criteo, segment):
    amend(criteo, segment, identifiers=[marked(str(n)) for n in range(10)])

    def matches() -> dict[str, Any]:
        return criteo.call("GET", f"{BASE}/{segment}/contact-list/statistics").json()["data"]["attributes"]

    assert matches() == {"numberOfIdentifiers": 10, "numberOfMatches": 0, "matchRate": 0.0}
    criteo.outside.later(86_400)
    assert matches() == {"numberOfIdentifiers": 10, "numberOfMatches": 5, "matchRate": 0.5}


def test_a_segment_that_is_not_there_is_404_and_its_deletion_an_error_under_200(criteo):
    assert codes(amend(criteo, "1")) == ["audience-invalid"]
    answer = criteo.call("POST", f"{BASE}/delete", {"data": [{"id": "1", "type": "AudienceSegment"}]})
    assert (answer.status_code, codes(answer)) == (200, ["segment-not-found"])


def test_a_version_that_is_not_served_is_no_route(criteo, segment):
    answer = criteo.call("DELETE", f"/2025-01/marketing-solutions/audience-segments/{segment}/contact-list")
    assert (answer.status_code, codes(answer)) == (404, ["route-not-found"])


def test_a_throttled_caller_is_told_when_the_next_window_begins(criteo, segment):
    criteo.outside.admin("platforms/criteo", {"calls_per_minute": 1})
    refused = [amend(criteo, segment) for _ in range(2)][-1]
    assert refused.status_code == 429
    assert (refused.headers["x-ratelimit-limit"], int(refused.headers["x-ratelimit-reset"]) % 60) == ("1", 0)


@pytest.mark.parametrize(("header", "code"), [("", "missing"), ("Bearer another", "invalid")])
def test_a_token_is_needed(criteo, header, code):
    answer = criteo.call("POST", f"{BASE}/search", {"data": {}}, {"Authorization": header})
    assert (answer.status_code, codes(answer)) == (401, [f"authorization-token-{code}"])
