"""Meta sandbox: accounts, audiences, tokens, versions, the call budget."""

from __future__ import annotations

import json

import httpx
import pytest

from segment_assets_tests.sandbox.platforms.caller import ACCOUNT, SCHEMA, Caller, digest, refusal


def test_an_audience_id_is_a_numeric_string_that_a_float_cannot_hold(meta: Caller):
    audience = meta.create()
    assert audience.isdecimal()
    assert int(audience) > 2**53
    assert int(float(audience)) != int(audience)


def test_names_are_not_unique(meta: Caller):
    assert meta.create("same") != meta.create("same")


@pytest.mark.parametrize("source", [None, "OURS"])
def test_an_audience_without_a_known_customer_file_source_is_refused(meta: Caller, source: str | None):
    assert refusal(meta.try_create(customer_file_source=source))[:2] == (400, 100)
    assert meta.http.get("/_sandbox/audiences").json() == []


def test_the_list_is_paged_by_cursors_until_there_is_no_next(meta: Caller):
    created = [meta.create(f"audience {number}") for number in range(5)]
    found, url, params = [], f"/v26.0/{ACCOUNT}/customaudiences", {"fields": "id,name", "limit": 2}
    pages = 0
    while url:
        page = meta.http.get(url, params=params).json()
        found += [entry["id"] for entry in page["data"]]
        url, params = page["paging"].get("next"), None
        pages += 1
    assert (found, pages) == (created, 3)


def test_fields_are_shown_as_asked_and_the_id_always(meta: Caller):
    audience = meta.create("shown", description="owned by a segment")
    assert meta.http.get(f"/v26.0/{audience}").json() == {"id": audience}
    shown = meta.show(audience, "name,description,subtype,customer_file_source,operation_status")
    assert shown == {
        "id": audience,
        "name": "shown",
        "description": "owned by a segment",
        "subtype": "CUSTOM",
        "customer_file_source": "USER_PROVIDED_ONLY",
        "operation_status": {"code": 200, "description": "Normal"},
    }
    assert refusal(meta.http.get(f"/v26.0/{audience}", params={"fields": "secrets"}))[:2] == (400, 100)


def test_an_audience_can_be_renamed_and_deleted(meta: Caller):
    audience = meta.create("before")
    assert meta.http.post(f"/v26.0/{audience}", json={"name": "after"}).json() == {"success": True}
    assert meta.show(audience, "name")["name"] == "after"
    assert meta.http.delete(f"/v26.0/{audience}").json() == {"success": True}
    assert refusal(meta.http.get(f"/v26.0/{audience}")) == (400, 100, 33)
    assert meta.create("next") != audience


@pytest.mark.parametrize("path", ["act_4/customaudiences", "4711", "4711/users"])
def test_an_unknown_account_or_audience_is_100_33(meta: Caller, path: str):
    assert refusal(meta.http.post(f"/v26.0/{path}", json={})) == (400, 100, 33)


def test_an_account_can_be_made_known(meta: Caller):
    meta.admin("accounts/meta/act_4", {})
    body = {"name": "n", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    assert meta.http.post("/v26.0/act_4/customaudiences", json=body).status_code == 200


def test_a_retired_version_is_refused_and_a_living_one_is_not(meta: Caller):
    assert refusal(meta.http.get(f"/v12.0/{ACCOUNT}/customaudiences"))[1] == 2635
    assert meta.http.get(f"/v24.0/{ACCOUNT}/customaudiences").status_code == 200
    meta.admin("platforms/meta", {"retired_below": 25})
    assert refusal(meta.http.get(f"/v24.0/{ACCOUNT}/customaudiences"))[1] == 2635


def test_the_token_is_read_from_the_header_or_the_field_and_must_be_known(meta: Caller):
    url = f"/v26.0/{ACCOUNT}/customaudiences"
    with httpx.Client(base_url=meta.http.base_url, trust_env=False, verify=False) as bare:
        assert refusal(bare.get(url))[1] == 190
        assert refusal(bare.get(url, headers={"Authorization": "Bearer other"}))[1] == 190
        assert bare.get(url, params={"access_token": "sandbox-meta-token"}).status_code == 200
        meta.admin("platforms/meta", {"tokens": ["other"]})
        assert bare.get(url, headers={"Authorization": "Bearer other"}).status_code == 200
    assert refusal(meta.http.get(url))[1] == 190


def test_terms_that_nobody_accepted_stop_writes_and_not_reads(meta: Caller):
    audience = meta.create()
    meta.admin("accounts/meta/1001", {"terms_accepted": False})
    assert refusal(meta.try_create()) == (400, 200, 1870090)
    assert refusal(meta.add(audience, [[digest("a"), "", ""]])) == (400, 200, 1870090)
    assert meta.http.get(f"/v26.0/{audience}").status_code == 200


def test_a_flagged_audience_says_so_and_takes_no_change(meta: Caller):
    audience = meta.create()
    meta.admin(f"audiences/{audience}", {"flagged": True})
    assert meta.show(audience, "operation_status")["operation_status"]["code"] == 471
    assert refusal(meta.add(audience, [[digest("a"), "", ""]])) == (400, 100, 1713230)
    assert meta.people(audience) == []


@pytest.mark.parametrize(
    ("people", "lower", "upper", "delivery"), [(99, -1, -1, 300), (100, 0, 1000, 200), (1234, 1200, 1416, 200)]
)
def test_sizes_are_ranges_and_small_ones_are_hidden(meta: Caller, people: int, lower: int, upper: int, delivery: int):
    audience = meta.create()
    meta.add(audience, [[digest(f"{number}"), "", ""] for number in range(people)])
    shown = meta.show(audience, "approximate_count_lower_bound,approximate_count_upper_bound,delivery_status")
    assert shown["approximate_count_lower_bound"] == lower
    assert shown["approximate_count_upper_bound"] == upper
    assert shown["delivery_status"]["code"] == delivery


def usage(response: httpx.Response) -> dict:
    (entries,) = json.loads(response.headers["X-Business-Use-Case-Usage"]).values()
    return entries[0]


def test_usage_rises_with_calls_and_decays_with_the_clock(meta: Caller):
    meta.admin("accounts/meta/1001", {"calls_per_hour": 10})
    url = f"/v26.0/{ACCOUNT}/customaudiences"
    shares = [usage(meta.http.get(url))["call_count"] for _ in range(3)]
    assert shares == sorted(set(shares))
    meta.admin("clock", {"offset": 3600})
    assert usage(meta.http.get(url))["call_count"] == 10


def test_a_spent_budget_is_refused_in_metas_own_form_until_the_minutes_it_names_have_passed(meta: Caller):
    audience = meta.create()
    meta.admin("accounts/meta/1001", {"calls_per_hour": 10})
    answers = [meta.add(audience, [[digest(f"{number}"), "", ""]]) for number in range(12)]
    assert refusal(answers[-1]) == (400, 80003, 2446079)
    assert answers[-1].json()["error"]["is_transient"] is True
    told = usage(answers[-1])
    assert told["call_count"] > 100
    assert told["estimated_time_to_regain_access"] >= 1
    accepted = sum(answer.status_code == 200 for answer in answers)
    assert len(meta.people(audience)) == accepted < len(answers)
    meta.admin("clock", {"offset": 60 * told["estimated_time_to_regain_access"]})
    assert meta.add(audience, [[digest("later"), "", ""]], SCHEMA).status_code == 200
