"""The simulated CRM data: what becomes of a file that is put to an address, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE, OTHER = "A" * 43 + "=", "B" * 43 + "="
SEGMENT = {"AdvertiserId": "adv12345", "SegmentName": "vip", "Region": "US"}
DROP = {"PiiType": "EmailHashedUnifiedId2", "MergeMode": "Replace"}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    made = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield made
    made.end()


@pytest.fixture
def outside(inside: InProcess) -> Iterator[Outside]:
    made = Outside(inside)
    made.reset()
    made.admin("platforms/the_trade_desk_crm", {"minimum_rows": 1})
    yield made
    made.close()


@pytest.fixture
def http(inside: InProcess, outside: Outside) -> Iterator[httpx.Client]:
    headers = {"TTD-Auth": "sandbox-the_trade_desk_crm-token"}
    with httpx.Client(base_url=f"{URL}/the_trade_desk_crm", transport=inside, headers=headers) as client:
        yield client


def segment(http: httpx.Client, path: str = "targeting/segment") -> str:
    return http.post(f"/v3/crmdata/{path}", json=SEGMENT).json()["CrmDataId"]


def put(http: httpx.Client, inside: InProcess, crm: str, mode: str, *lines: str) -> int:
    answer = http.post(f"/v3/crmdata/segment/adv12345/{crm}", json={**DROP, "MergeMode": mode}).json()
    with httpx.Client(transport=inside) as bare:
        return bare.put(answer["Url"], content="\n".join(lines) + "\n").status_code


def held(outside: Outside) -> set[str]:
    return {cell for one in outside.audiences() for person in outside.people_of(one) for cell in person.values()}


def test_a_file_takes_the_place_of_all_or_is_added_and_what_is_no_digest_is_passed_over(http, inside, outside):
    crm = segment(http)
    assert put(http, inside, crm, "Replace", ONE, "jane@x.example", "A" * 44) == 200
    assert held(outside) == {ONE}
    for word in ("Add", "Append"):
        put(http, inside, crm, word, OTHER)
        assert held(outside) == {ONE, OTHER}
    put(http, inside, crm, "Replace", OTHER)
    assert held(outside) == {OTHER}


def test_files_are_worked_on_later_in_their_order_and_one_of_too_few_rows_is_not(http, inside, outside):
    outside.admin("platforms/the_trade_desk_crm", {"processing_seconds": 3_600, "minimum_rows": 1_500})
    crm, many = segment(http), [f"{number:043d}=" for number in range(1_500)]
    put(http, inside, crm, "Replace", *many)
    put(http, inside, crm, "Replace", *many[1:])
    assert held(outside) == set()
    outside.later(3_601)
    assert len(held(outside)) == 1_500
    (one,) = outside.audiences()
    assert one["state"] == "too few rows"


def test_segments_are_made_on_either_path_and_listed_page_by_page_until_an_empty_one(http):
    made = [segment(http, path) for path in ("segment", "targeting/segment", "segment")]
    token, found = None, []
    while True:
        page = http.get("/v3/crmdata/segment/adv12345", params={"pagingToken": token} if token else {}).json()
        if not page["Segments"]:
            break
        found += [one["CrmDataId"] for one in page["Segments"]]
        token = page["PagingToken"]
    assert found == made


def test_an_address_is_signed_for_an_hour_and_takes_no_token(http, inside, outside):
    crm = segment(http)
    url = http.post(f"/v3/crmdata/segment/adv12345/{crm}", json=DROP).json()["Url"]
    with httpx.Client(transport=inside) as bare:
        assert bare.put(url.replace("Signature=sandbox", "Signature=x"), content=ONE).status_code == 403
        assert bare.put(url, content=ONE, headers={"TTD-Auth": "x"}).status_code == 403
        assert bare.get(url).status_code == 403
        outside.later(3_601)
        assert "AccessDenied" in bare.put(url, content=ONE).text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "targeting/segment", {**SEGMENT, "Region": "MARS"}, 400),
        ("POST", "targeting/segment", {**SEGMENT, "SegmentName": ""}, 400),
        ("POST", "targeting/segment", {**SEGMENT, "AdvertiserId": "x"}, 403),
        ("POST", "segment/adv12345/none", DROP, 404),
        ("POST", "segment/other/none", DROP, 403),
        ("GET", "segment/other", None, 403),
        ("DELETE", "segment/adv12345/none", None, 405),
    ],
)
def test_what_cannot_be_is_refused(http, method, path, body, status):
    assert http.request(method, f"/v3/crmdata/{path}", json=body).status_code == status


def test_words_that_are_not_known_a_field_that_is_no_more_and_a_wrong_token_are_refused(http):
    path = f"/v3/crmdata/segment/adv12345/{segment(http)}"
    for body in ({**DROP, "MergeMode": "Remove"}, {**DROP, "PiiType": "Sha"}, {**DROP, "RetentionEnabled": True}, {}):
        assert http.post(path, json=body).status_code == 400
    assert http.post(path, json=DROP, headers={"TTD-Auth": "x"}).status_code == 401
