"""Google sandbox: user lists, tokens, accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets_tests.sandbox.platforms.google_caller import (
    A_DAY,
    ADS,
    DISPLAY,
    GoogleCaller,
    destination,
    email,
    lists,
    member,
    reasons,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.sandbox import process

MOBILE = {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY", "keySpace": "ANDROID", "appId": "app"}


@pytest.fixture
def google(running_sandbox: process.SandboxProcess) -> Iterator[GoogleCaller]:
    with GoogleCaller(running_sandbox.url) as caller:
        yield caller


def test_a_list_is_shown_as_it_was_made(google: GoogleCaller):
    made = google.try_create(description="owned by a segment", integrationCode="seg-1", membershipDuration="864000s")
    shown = made.json()
    assert shown["name"] == f"accountTypes/GOOGLE_ADS/accounts/{ADS}/userLists/{shown['id']}"
    assert int(float(shown["id"])) != int(shown["id"]), "an id that a float cannot hold"
    told = {name: shown[name] for name in ("displayName", "description", "integrationCode", "membershipDuration")}
    assert told == {
        "displayName": "crm-lapsed",
        "description": "owned by a segment",
        "integrationCode": "seg-1",
        "membershipDuration": "864000s",
    }
    assert (shown["membershipStatus"], shown["accessReason"]) == ("OPEN", "OWNED")
    assert google.http.get(f"{lists()}/{shown['id']}").json() == shown


def test_snake_case_is_understood_and_answered_in_camel_case(google: GoogleCaller):
    info = {"upload_key_types": ["CONTACT_ID"], "contact_id_info": {"data_source_type": 1}}
    made = google.http.post(lists(), json={"display_name": "snake", "ingested_user_list_info": info}).json()
    assert made["ingestedUserListInfo"]["contactIdInfo"] == {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"}


def test_a_name_is_unique_in_its_account_only(google: GoogleCaller):
    google.create("same")
    assert reasons(google.try_create("same")) == [("user_list.display_name", "DISPLAY_NAME_ALREADY_USED")]
    google.create("same", path=lists("DISPLAY_VIDEO_ADVERTISER", DISPLAY))


@pytest.mark.parametrize(
    ("duration", "reason"),
    [
        ("86401s", "INVALID_ARGUMENT"),
        ("0s", "INVALID_ARGUMENT"),
        ("86400.5s", "INVALID_ARGUMENT"),
        ("46742400s", "MEMBERSHIP_DURATION_TOO_LONG"),
    ],
)
def test_a_duration_is_whole_days_and_at_most_540(google: GoogleCaller, duration: str, reason: str):
    assert reasons(google.try_create(membershipDuration=duration)) == [("user_list.membership_duration", reason)]
    assert google.http.get(lists()).json() == {}
    assert google.try_create(membershipDuration="46656000s").status_code == 200


def test_without_a_duration_it_is_the_longest(google: GoogleCaller):
    assert google.try_create().json()["membershipDuration"] == "46656000s"


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({}, "REQUIRED_FIELD_MISSING"),
        ({"uploadKeyTypes": ["CONTACT_ID", "MOBILE_ID"]}, "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES"),
        ({"uploadKeyTypes": ["PAIR_ID"]}, "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES"),
        ({"uploadKeyTypes": ["CONTACT_ID"], "mobileIdInfo": MOBILE}, "UNSUPPORTED_INGESTED_USER_LIST_INFO_CONFIG"),
        ({"uploadKeyTypes": ["MOBILE_ID"], "mobileIdInfo": {"appId": "app"}}, "REQUIRED_FIELD_MISSING"),
        ({"uploadKeyTypes": ["MOBILE_ID"], "mobileIdInfo": {"keySpace": "IOS"}}, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_a_list_takes_one_kind_of_key_that_it_describes(google: GoogleCaller, info: dict, reason: str):
    assert [one for _, one in reasons(google.try_create(ingestedUserListInfo=info))] == [reason]


def test_lists_are_paged_until_there_is_no_token(google: GoogleCaller):
    made = [google.create(f"list {number}") for number in range(5)]
    found, params, pages = [], {"pageSize": 2}, 0
    while True:
        page = google.http.get(lists(), params=params).json()
        found += [one["id"] for one in page["userLists"]]
        pages += 1
        if "nextPageToken" not in page:
            break
        params = {"page_size": 2, "page_token": page["nextPageToken"]}
    assert (found, pages) == (made, 3)


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ('display_name = "a \\"b\\" c"', ['a "b" c']),
        ('displayName="one"', ["one"]),
        ("display_name = one", ["one"]),
        ('integration_code = "code" AND display_name != "one"', ["two"]),
        ('display_name = "absent"', []),
    ],
)
def test_a_filter_finds_lists_by_what_was_set(google: GoogleCaller, filter_: str, names: list[str]):
    google.create('a "b" c')
    google.create("one", integrationCode="code")
    google.create("two", integrationCode="code")
    found = google.http.get(lists(), params={"filter": filter_}).json().get("userLists", [])
    assert [one["displayName"] for one in found] == names


@pytest.mark.parametrize("filter_", ["display_name", 'name ~ "a"', 'shoe_size = "1"', 'display_name = "a" OR id = 1'])
def test_a_filter_that_cannot_be_read_is_refused(google: GoogleCaller, filter_: str):
    assert reasons(google.http.get(lists(), params={"filter": filter_})) == [("filter", "INVALID_FILTER")]


def test_an_update_changes_what_the_mask_names(google: GoogleCaller):
    target, other = google.create("before", description="kept"), google.create("taken")
    body = {"displayName": "after", "description": "not named", "membershipDuration": "86400s"}
    mask = {"updateMask": "displayName,membershipDuration"}
    shown = google.http.patch(f"{lists()}/{target}", params=mask, json=body).json()
    assert (shown["displayName"], shown["description"]) == ("after", "kept")
    assert shown["membershipDuration"] == "86400s"
    assert google.http.get(f"{lists()}/{other}").json()["displayName"] == "taken"
    again = google.http.patch(f"{lists()}/{target}", params=mask, json={"displayName": "taken"})
    assert reasons(again) == [("user_list.display_name", "DISPLAY_NAME_ALREADY_USED")]


@pytest.mark.parametrize(
    ("mask", "reason"), [("shoeSize", "INVALID_UPDATE_MASK"), ("ingestedUserListInfo", "IMMUTABLE_FIELD_FOR_UPDATE")]
)
def test_an_update_of_anything_else_is_refused(google: GoogleCaller, mask: str, reason: str):
    target = google.create()
    assert reasons(google.http.patch(f"{lists()}/{target}", params={"updateMask": mask}, json={})) == [
        ("update_mask", reason)
    ]


def test_a_deleted_list_is_gone_and_its_name_free(google: GoogleCaller):
    target = google.create("name")
    assert google.http.delete(f"{lists()}/{target}").json() == {}
    for method in ("GET", "DELETE"):
        assert google.http.request(method, f"{lists()}/{target}").status_code == 404
    assert google.create("name") != target


def test_validating_a_change_of_a_list_changes_nothing(google: GoogleCaller):
    only = {"validateOnly": "true"}
    body = {"displayName": "new", "ingestedUserListInfo": {"uploadKeyTypes": ["USER_ID"]}}
    assert google.http.post(lists(), params=only, json=body).json() == {}
    assert google.http.get(lists()).json() == {}
    target = google.create("kept")
    google.http.patch(f"{lists()}/{target}", params=only, json={"displayName": "new"}).raise_for_status()
    google.http.delete(f"{lists()}/{target}", params=only).raise_for_status()
    assert google.http.get(f"{lists()}/{target}").json()["displayName"] == "kept"


def test_sizes_are_matched_rounded_and_hidden_while_small(google: GoogleCaller):
    google.admin("platforms/google", {"processing_seconds": 0})
    sizes = {}
    for account, kind in ((ADS, "GOOGLE_ADS"), (DISPLAY, "DISPLAY_VIDEO_ADVERTISER")):
        google.admin(f"accounts/google/{account}", {"match_rate": 0.5})
        target = google.create(path=lists(kind, account))
        members = [member(email(str(number))) for number in range(500)]
        google.ingest([destination(target, account, kind)], members).raise_for_status()
        sizes[kind] = google.http.get(f"{lists(kind, account)}/{target}").json().get("sizeInfo")
    assert sizes["GOOGLE_ADS"]["displayNetworkMembersCount"] == "250"
    assert sizes["DISPLAY_VIDEO_ADVERTISER"] is None


def test_a_list_that_google_closed_says_why(google: GoogleCaller):
    target = google.create()
    google.admin(f"audiences/{target}", {"closed": True, "unused": True})
    shown = google.http.get(f"{lists()}/{target}").json()
    assert (shown["membershipStatus"], shown["closingReason"]) == ("CLOSED", "UNUSED")


class TestAccess:
    @pytest.mark.parametrize("header", ["Bearer foreign", "sandbox-google-token", ""])
    def test_an_unknown_token_is_unauthenticated(self, google: GoogleCaller, header: str):
        answer = google.http.get(lists(), headers={"Authorization": header})
        assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")

    def test_tokens_can_be_set(self, google: GoogleCaller):
        google.admin("platforms/google", {"tokens": ["other"]})
        assert google.http.get(lists()).status_code == 401
        assert google.http.get(lists(), headers={"Authorization": "Bearer other"}).status_code == 200

    @pytest.mark.parametrize("path", [lists(account="999"), lists("DISPLAY_VIDEO_ADVERTISER", ADS)])
    def test_an_account_that_is_not_there_is_not_permitted(self, google: GoogleCaller, path: str):
        answer = google.http.get(path)
        assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
        assert google.ingest([destination("1", account="999")], [member(email("a"))]).status_code == 403

    def test_an_account_can_be_taken_from_the_caller(self, google: GoogleCaller):
        target = google.create()
        google.admin(f"accounts/google/{ADS}", {"accessible": False})
        assert google.http.get(lists()).status_code == 403
        assert google.ingest(target, [member(email("a"))]).status_code == 403

    def test_an_account_can_be_made_known(self, google: GoogleCaller):
        google.admin("accounts/google/42", {"account_type": "DISPLAY_VIDEO_PARTNER"})
        assert google.create(path=lists("DISPLAY_VIDEO_PARTNER", "42"))

    def test_a_login_account_must_manage_the_account(self, google: GoogleCaller):
        header = {"login-account": "accountTypes/GOOGLE_ADS/accounts/9876543210"}
        target = google.create()
        login = {"accountType": "GOOGLE_ADS", "accountId": "9876543210"}
        to = [destination(target, loginAccount=login)]
        assert google.http.get(lists(), headers=header).status_code == 403
        field, reason = reasons(google.ingest(to, [member(email("a"))]))[0]
        assert (field, reason) == (
            "destinations.destinations[0].login_account",
            "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH",
        )
        google.admin(f"accounts/google/{ADS}", {"managers": ["9876543210"]})
        assert google.http.get(lists(), headers=header).status_code == 200
        answer = google.ingest(to, [member(email("a"))])
        assert google.status(answer)["destination"]["loginAccount"] == login
        google.admin(f"accounts/google/{ADS}", {"managers": []})
        assert google.try_status(answer.json()["requestId"]).status_code == 403

    @pytest.mark.parametrize(
        ("switch", "reason"),
        [
            ("eu_political_declared", "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED"),
            ("allowlisted", "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA"),
        ],
    )
    def test_what_a_human_has_to_settle_is_refused(self, google: GoogleCaller, switch: str, reason: str):
        target = google.create()
        google.admin(f"accounts/google/{ADS}", {switch: False})
        answers = [google.try_create("other"), google.ingest(target, [member(email("a"))])]
        assert reason in "".join(answer.text for answer in answers)

    def test_the_log_holds_no_identifier_token_or_foreign_text(self, google: GoogleCaller):
        target = google.create()
        google.ingest(target, [member(email("a"))])
        google.ingest([destination("secret-list")], [member(email("a"))])
        google.http.get(f"{lists()}/secret-list")
        log = google.http.get("/_sandbox/requests").json()
        assert [(one["path"], one["records"], one["status"], one["audience"]) for one in log] == [
            ("/v1/accountTypes/{account_type}/accounts/{account}/userLists", 0, 200, target),
            ("/v1/audienceMembers:ingest", 1, 200, target),
            ("/v1/audienceMembers:ingest", 1, 400, None),
            ("/v1/accountTypes/{account_type}/accounts/{account}/userLists/{list}", 0, 404, None),
        ]
        assert email("a")["emailAddress"] not in str(log)


class TestQuota:
    def test_a_minute_has_so_many_requests_and_says_when_the_next_begins(self, google: GoogleCaller):
        google.admin("platforms/google", {"requests_per_minute": 2})
        offset = 60 - google.http.get("/_sandbox/clock").json()["now"] % 60
        google.pass_time(offset)
        assert [google.http.get(lists()).status_code for _ in range(3)] == [200, 200, 429]
        answer = google.http.get(lists())
        error = answer.json()["error"]
        assert error["status"] == "RESOURCE_EXHAUSTED"
        (retry,) = (one for one in error["details"] if one["@type"].endswith("RetryInfo"))
        wait = int(retry["retryDelay"].removesuffix("s"))
        assert 30 < wait <= 60
        google.pass_time(wait)
        assert google.http.get(lists()).status_code == 200

    def test_a_day_has_its_own(self, google: GoogleCaller):
        google.admin("platforms/google", {"requests_per_day": 1, "retry_info": False})
        assert google.http.get(lists()).status_code == 200
        refused = google.http.get(lists())
        assert (refused.status_code, "RetryInfo" in refused.text) == (429, False)
        google.pass_time(A_DAY)
        assert google.http.get(lists()).status_code == 200

    def test_projects_have_quotas_of_their_own(self, google: GoogleCaller):
        google.admin("platforms/google", {"requests_per_day": 1})
        google.create()
        assert google.http.get(lists()).status_code == 429
        assert google.http.get(lists(), headers={"x-goog-user-project": "other"}).status_code == 200

    def test_a_refused_request_keeps_nothing(self, google: GoogleCaller):
        target = google.create()
        google.admin("platforms/google", {"requests_per_day": 1, "processing_seconds": 0})
        assert google.ingest(target, [member(email("a"))]).status_code == 429
        assert google.people(target) == []
