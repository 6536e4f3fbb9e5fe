"""Microsoft Advertising in the sandbox refuses what Microsoft refuses, in its words and status codes, and keeps people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.sandbox.platforms.microsoft_ads import tokens
from segment_assets_tests.conformance.kit.outside import URL
from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = {
    "Authorization": "Bearer sandbox-microsoft_ads-token",
    "DeveloperToken": "sandbox-microsoft_ads-token",
    "CustomerAccountId": "141414141",
    "CustomerId": "252525252",
}
SERVICE = "/CampaignManagement/v13"
LIST = {"Type": "CustomerList", "Name": "VIP", "Scope": "Account", "ParentId": "141414141"}
TWO_DAYS = 48 * 3_600


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(tmp_path_factory.mktemp("sandbox"), "microsoft_ads", HEADERS) as made:
        yield made


@pytest.fixture
def microsoft(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


def create(microsoft: Caller, *lists: object) -> dict[str, Any]:
    return microsoft.call("POST", f"{SERVICE}/Audiences", {"Audiences": list(lists)}).json()


@pytest.fixture
def audience(microsoft: Caller) -> str:
    return create(microsoft, LIST)["AudienceIds"][0]


def apply(microsoft: Caller, audience: str, *items: object, **changes: object) -> httpx.Response:
    data = {
        "AudienceId": audience,
        "ActionType": "Add",
        "CustomerListItemSubType": "Email",
        "CustomerListItems": list(items),
        **changes,
    }
    return microsoft.call("POST", f"{SERVICE}/CustomerListUserData/Apply", {"CustomerListUserData": data})


def query(microsoft: Caller, **body: object) -> dict[str, Any]:
    return microsoft.call("POST", f"{SERVICE}/Audiences/QueryByIds", {"Type": "CustomerList", **body}).json()


def held(microsoft: Caller) -> set[str]:
    return {one["Email"] for one in microsoft.outside.people()}


def code(answer: httpx.Response) -> tuple[int, int, str]:
    body = answer.json()
    (error,) = [*body.get("Errors", ()), *body.get("OperationErrors", ())]
    return answer.status_code, error["Code"], error["ErrorCode"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": "Bearer foreign"}, (401, 105, "InvalidCredentials")),
        ({"DeveloperToken": "foreign"}, (401, 105, "InvalidCredentials")),
        ({"DeveloperToken": ""}, (400, 116, "RequestMissingHeaders")),
        ({"CustomerId": ""}, (400, 116, "RequestMissingHeaders")),
        ({"CustomerAccountId": "1"}, (401, 106, "UserIsNotAuthorized")),
        ({"CustomerId": "1"}, (401, 106, "UserIsNotAuthorized")),
    ],
)
def test_a_call_that_does_not_get_in_is_told_why(microsoft: Caller, headers, expected):
    assert code(microsoft.call("POST", f"{SERVICE}/Audiences", {"Audiences": [LIST]}, headers)) == expected
    assert microsoft.outside.audiences() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"Type": "Custom"},
        {"Name": " "},
        {"Name": "n" * 129},
        {"Description": "d" * 1_025},
        {"MembershipDuration": 391},
        {"MembershipDuration": 0},
        {"Scope": "Everybody"},
        {"ParentId": "252525252"},
        {"Members": 3},
    ],
)
def test_a_list_that_is_not_well_described_is_null_beside_one_that_is(microsoft: Caller, changes):
    answer = create(
        microsoft, {**LIST, **changes}, {**LIST, "Name": "other", "Scope": "Customer", "ParentId": "252525252"}
    )
    assert [one is None for one in answer["AudienceIds"]] == [True, False]
    assert [one["Index"] for one in answer["PartialErrors"]] == [0]


def test_no_two_lists_of_an_account_have_one_name(microsoft: Caller, audience: str):
    answer = create(microsoft, {**LIST, "Name": "vip"})
    assert answer["AudienceIds"] == [None]
    assert "Duplicate" in answer["PartialErrors"][0]["ErrorCode"]


def test_terms_are_accepted_once_or_with_each_call(microsoft: Caller, audience: str):
    microsoft.outside.admin("platforms/microsoft_ads", {"terms_accepted": False})
    assert create(microsoft, {**LIST, "Name": "b"})["PartialErrors"][0]["Code"] == 8003
    assert code(apply(microsoft, audience, marked("a")))[1] == 8003
    assert apply(microsoft, audience, marked("a"), AcceptCustomerMatchTerm=True).status_code == 200
    microsoft.outside.admin("platforms/microsoft_ads", {"terms_accepted": True})
    assert code(apply(microsoft, audience, marked("b"), AcceptCustomerMatchTerm=False))[1] == 8003
    assert held(microsoft) == {marked("a")}


def test_an_item_that_is_no_digest_is_refused_alone(microsoft: Caller, audience: str):
    answer = apply(microsoft, audience, marked("a"), "a@example.com", marked("b").upper(), marked("c"))
    assert [one["Index"] for one in answer.json()["PartialErrors"]] == [1, 2]
    assert held(microsoft) == {marked("a"), marked("c")}


def test_remove_takes_out_and_replace_leaves_nobody_else(microsoft: Caller, audience: str):
    apply(microsoft, audience, *map(marked, "abc"))
    assert apply(microsoft, audience, marked("a"), marked("z"), ActionType="Remove").json() == {"PartialErrors": []}
    assert held(microsoft) == {marked("b"), marked("c")}
    apply(microsoft, audience, marked("x"), ActionType="None")
    apply(microsoft, audience, marked("d"), ActionType="Replace")
    assert held(microsoft) == {marked("d")}


@pytest.mark.parametrize(
    "changes",
    [
        {"CustomerListItemSubType": "Phone"},
        {"CustomerListItemSubType": "CRM"},
        {"CustomerListItemSubType": "email"},
        {"ActionType": "Append"},
        {"AudienceId": "1"},
        {"AudienceId": 812_100_001},
        {"CustomerListItems": []},
        {"CustomerListItems": [marked(str(n)) for n in range(1_001)]},
        {"Whatever": 1},
    ],
)
def test_a_request_that_is_not_what_apply_takes_does_nothing(microsoft: Caller, audience: str, changes):
    answer = apply(microsoft, audience, marked("a"), **changes)
    assert answer.status_code == 400
    assert answer.json()["Type"] == "ApiFaultDetail"
    assert microsoft.outside.people() == []


def test_a_size_is_null_for_two_days_and_all_lists_of_the_account_are_shown(microsoft: Caller, audience: str):
    apply(microsoft, audience, *(marked(str(n)) for n in range(10)))
    (shown,) = query(microsoft)["Audiences"]
    assert (shown["Id"], shown["SearchSize"]) == (audience, None)
    microsoft.outside.later(TWO_DAYS)
    (shown,) = query(microsoft, AudienceIds=[audience])["Audiences"]
    assert (shown["SearchSize"], shown["MembershipDuration"]) == ("5", 30)
    assert query(microsoft, Type="RemarketingList")["Audiences"] == []
    assert query(microsoft, AudienceIds=["1"])["Audiences"] == [None]


def test_a_list_in_use_stays_and_one_that_is_gone_is_told(microsoft: Caller, audience: str):
    def delete() -> list[dict[str, Any]]:
        return microsoft.call("DELETE", f"{SERVICE}/Audiences", {"AudienceIds": [audience]}).json()["PartialErrors"]

    apply(microsoft, audience, marked("a"))
    microsoft.outside.admin("platforms/microsoft_ads", {"in_use": True})
    assert [one["Index"] for one in delete()] == [0]
    microsoft.outside.admin("platforms/microsoft_ads", {"in_use": False})
    assert delete() == []
    assert "InvalidAudienceId" in delete()[0]["ErrorCode"]
    assert microsoft.outside.audiences() == []


def test_the_calls_of_a_minute_are_counted(microsoft: Caller):
    microsoft.outside.admin("platforms/microsoft_ads", {"calls_per_minute": 2})
    microsoft.outside.later(60 - microsoft.outside._get("clock")["now"] % 60)
    answers = [microsoft.call("POST", f"{SERVICE}/Audiences/QueryByIds", {"Type": "CustomerList"}) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert code(answers[2]) == (429, 117, "CallRateExceeded")


def test_a_token_of_an_hour_is_renewed_with_a_refresh_token_that_is_good_once(microsoft: Caller):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens.REFRESH_TOKEN,
        "client_id": tokens.CLIENT[0],
        "client_secret": tokens.CLIENT[1],
    }
    first, again = (microsoft.http.post(f"{URL}/microsoft_ads/common/oauth2/v2.0/token", data=form) for _ in range(2))
    assert (first.status_code, again.json()["error"]) == (200, "invalid_grant")
    renewed = {"Authorization": f"Bearer {first.json()['access_token']}"}
    path, wanted = f"{SERVICE}/Audiences/QueryByIds", {"Type": "CustomerList"}
    assert microsoft.call("POST", path, wanted, renewed).status_code == 200
    microsoft.outside.later(3_601)
    assert code(microsoft.call("POST", path, wanted, renewed)) == (401, 109, "AuthenticationTokenExpired")
