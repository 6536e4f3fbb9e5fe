"""Reddit in the sandbox refuses what Reddit refuses, with its status codes and headers, and tells nobody who was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCES = "/api/v3/ad_accounts/a2_sandbox1/custom_audiences"
LIST = {"name": "vip", "type": "CUSTOMER_LIST"}


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    headers = {"Authorization": "Bearer sandbox-reddit-token", "User-Agent": "linux:com.example:1.0 (by /u/team)"}
    with caller(tmp_path_factory.mktemp("sandbox"), "reddit", headers) as made:
        yield made


@pytest.fixture
def reddit(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


def made(reddit: Caller, **changes: Any) -> str:
    return reddit.call("POST", AUDIENCES, {"data": {**LIST, **changes}}).json()["data"]["id"]


@pytest.fixture
def audience(reddit: Caller) -> str:
    return made(reddit)


def edit(reddit: Caller, audience: str, *names: str, **changes: Any) -> Any:
    data = {"action_type": "ADD", "column_order": ["EMAIL_SHA256"], "user_data": [[marked(one)] for one in names]}
    return reddit.call("PATCH", f"/api/v3/custom_audiences/{audience}/users", {"data": {**data, **changes}})


def fields(answer: Any) -> list[str]:
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)
    return [one["field"] for one in answer.json()["error"]["fields"]]


def test_a_call_without_a_good_token_does_not_get_in(reddit: Caller):
    for token in ("Bearer foreign", "", "Basic sandbox-reddit-token"):
        assert reddit.call("GET", AUDIENCES, headers={"Authorization": token}).status_code == 401


@pytest.mark.parametrize("agent", ["python-httpx/0.28.1", "python-requests/2.32", "curl/8.5.0", ""])
def test_an_agent_that_says_nothing_is_slowed_down(reddit: Caller, agent):
    answer = reddit.call("GET", AUDIENCES, headers={"User-Agent": agent})
    assert (answer.status_code, answer.headers["ratelimit"]) == (429, '"agent";r=0;t=60')


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "ab"}, "data.name"),
        ({"name": "n" * 501}, "data.name"),
        ({"name": 7}, "data.name"),
        ({"type": "LIST"}, "data.type"),
        ({"id": "ca.1"}, "data"),
    ],
)
def test_an_audience_that_is_not_well_described_is_not_made(reddit: Caller, changes, field):
    assert fields(reddit.call("POST", AUDIENCES, {"data": {**LIST, **changes}})) == [field]
    assert reddit.outside.audiences() == []


@pytest.mark.parametrize("body", [None, {"data": []}, LIST, {"data": LIST, "more": 1}, {"data": {"name": "vip"}}])
def test_a_body_that_cannot_be_read_is_refused(reddit: Caller, body):
    assert reddit.call("POST", AUDIENCES, body).status_code == 400


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"action_type": "add"}, "data.action_type"),
        ({"column_order": []}, "data.column_order"),
        ({"column_order": ["EMAIL_SHA256", "EMAIL_SHA256"]}, "data.column_order"),
        ({"column_order": ["PHONE_SHA256"]}, "data.column_order"),
        ({"user_data": [["a@example.com"]]}, "data.user_data"),
        ({"user_data": [[marked("a").upper()]]}, "data.user_data"),
        ({"user_data": [[marked("a"), marked("b")]]}, "data.user_data"),
        ({"user_data": [[""]]}, "data.user_data"),
        ({"user_data": [[marked("a")]] * 2_501}, "data.user_data"),
        ({"hashed": True}, "data"),
    ],
)
def test_users_that_are_not_well_described_are_refused_with_the_whole_request(
    reddit: Caller, audience: str, changes, field
):
    assert fields(edit(reddit, audience, "x", **changes)) == [field]
    assert reddit.outside.people() == []


def test_users_go_in_and_out_by_any_identifier_and_the_answer_is_empty(reddit: Caller, audience: str):
    both = {
        "column_order": ["MAID_SHA256", "EMAIL_SHA256"],
        "user_data": [[marked("1"), marked("a")], ["", marked("b")]],
    }
    answer = edit(reddit, audience, **both)
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(reddit.outside.people()) == 2
    edit(reddit, audience, action_type="REMOVE", column_order=["MAID_SHA256"], user_data=[[marked("1")]])
    assert reddit.outside.people() == [{"EMAIL_SHA256": marked("b")}]
    assert edit(reddit, audience).status_code == 204


def test_only_a_customer_list_takes_users(reddit: Caller):
    assert fields(edit(reddit, made(reddit, type="LOOKALIKE"), "a")) == ["data"]


def test_an_audience_is_pending_for_a_day_and_valid_from_a_thousand_on(reddit: Caller, audience: str):
    def shown() -> tuple[str, int, int]:
        told = reddit.call("GET", f"/api/v3/custom_audiences/{audience}").json()["data"]
        assert reddit.outside.audiences()[0]["state"] == told["status"]
        return told["status"], told["size_range_lower"], told["size_range_upper"]

    edit(reddit, audience, *map(str, range(999)))
    assert shown() == ("PENDING", 0, 0)
    reddit.outside.later(86_401)
    assert shown() == ("NOT_ENOUGH_MATCHES_ERROR", 500, 1_000)
    edit(reddit, audience, "more")
    reddit.outside.later(86_401)
    assert shown() == ("VALID", 1_000, 1_000)
    reddit.outside.admin(f"audiences/{audience}", {"status": "EXPIRED"})
    assert shown()[0] == "EXPIRED"


def test_pages_are_walked_by_the_address_of_the_next_one_and_narrowed_by_name(reddit: Caller):
    ids = [made(reddit, name=f"vip {n}") for n in range(3)]
    first = reddit.call("GET", f"{AUDIENCES}?page.size=2").json()
    assert [one["id"] for one in first["data"]] == ids[:2]
    link = first["pagination"]["next_url"]
    assert link.startswith(f"https://ads-api.reddit.com{AUDIENCES}?")
    second = reddit.call("GET", f"{AUDIENCES}?{link.partition('?')[2]}").json()
    assert ([one["id"] for one in second["data"]], second["pagination"]["next_url"]) == (ids[2:], None)
    assert [one["id"] for one in reddit.call("GET", f"{AUDIENCES}?name=vip%201").json()["data"]] == ids[1:2]
    assert [reddit.call("GET", f"{AUDIENCES}?page.size={n}").status_code for n in (0, 2_001, "x")] == [400] * 3


def test_a_deleted_audience_is_gone_and_a_method_that_is_not_there_is_refused(reddit: Caller, audience: str):
    path = f"/api/v3/custom_audiences/{audience}"
    assert [reddit.call("DELETE", path).status_code for _ in range(2)] == [204, 404]
    assert edit(reddit, audience, "a").status_code == 404
    assert reddit.call("PUT", AUDIENCES, {}).status_code == 405
    assert reddit.call("GET", "/api/v3/ad_accounts/a2_other/custom_audiences").status_code == 403


def test_a_budget_that_is_used_up_says_for_how_long_and_reads_have_one_of_their_own(reddit: Caller, audience: str):
    reddit.outside.admin("platforms/reddit", {"budgets": {"ads-custom-audience-ingestion-burst": 2}})
    reddit.outside.later(1_800 - reddit.outside._get("clock")["now"] % 900)
    assert [edit(reddit, audience, "a").status_code for _ in range(2)] == [204, 204]
    answer = edit(reddit, audience, "a")
    assert answer.status_code == 429
    assert answer.headers["ratelimit-policy"] == '"ads-custom-audience-ingestion-burst";q=2;w=60'
    name, _, wait = answer.headers["ratelimit"].partition(";r=0;t=")
    assert name == '"ads-custom-audience-ingestion-burst"'
    assert 0 < int(wait) <= 60
    assert reddit.call("GET", AUDIENCES).status_code == 200
    reddit.outside.later(int(wait))
    assert edit(reddit, audience, "a").status_code == 204


def test_a_renewed_token_lives_for_a_day_and_the_refresh_token_stays(reddit: Caller):
    form = {"grant_type": "refresh_token", "refresh_token": "sandbox-reddit-refresh-token"}
    client = ("sandbox-reddit-app", "sandbox-reddit-app-secret")
    library = {"User-Agent": "python-httpx/0.28.1"}
    assert reddit.http.post("/api/v1/access_token", data=form, auth=client, headers=library).status_code == 429
    assert reddit.http.post("/api/v1/access_token", data=form).status_code == 401
    fresh = reddit.http.post("/api/v1/access_token", data=form, auth=client).json()
    headers = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert reddit.call("GET", AUDIENCES).status_code == 401, "the token before is good no more"
    assert reddit.call("GET", AUDIENCES, headers=headers).status_code == 200
    reddit.outside.later(fresh["expires_in"] + 1)
    assert reddit.call("GET", AUDIENCES, headers=headers).status_code == 401
    assert reddit.http.post("/api/v1/access_token", data=form, auth=client).status_code == 200
    bad = {**form, "refresh_token": "another"}
    assert reddit.http.post("/api/v1/access_token", data=bad, auth=client).json()["error"] == "invalid_grant"
