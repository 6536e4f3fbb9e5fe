"""The sandbox's own endpoints and its page."""

from __future__ import annotations

import re
import time

import pytest

from segment_assets_tests.sandbox.platforms.caller import ACCOUNT, SCHEMA, Caller, digest


def test_the_clock_is_real_time_plus_the_offset(meta: Caller):
    meta.admin("clock", {"offset": 86_400})
    told = meta.http.get("/_sandbox/clock").json()
    assert told["offset"] == 86_400
    assert told["now"] == pytest.approx(time.time() + 86_400, abs=30)
    assert meta.show(meta.create(), "time_created")["time_created"] == pytest.approx(told["now"], abs=30)
    assert meta.http.post("/_sandbox/clock", json={"offset": "tomorrow"}).status_code == 400


def test_members_are_sorted_and_paged(meta: Caller):
    audience = meta.create()
    meta.add(audience, [[digest(f"{number}"), "", ""] for number in range(5)])
    path = f"/_sandbox/audiences/{audience}/members"
    pages = [meta.http.get(path, params={"limit": 2, "offset": offset}).json() for offset in (0, 2, 4)]
    emails = [person["EMAIL"] for page in pages for person in page]
    assert emails == sorted(digest(f"{number}") for number in range(5))


def test_an_identifier_that_two_people_share_is_streamed_once(meta: Caller):
    audience = meta.create()
    meta.add(audience, [[digest(f"{number}"), digest("shared"), ""] for number in range(6_000)])
    lines = meta.http.get(f"/_sandbox/audiences/{audience}/identifiers").text.splitlines()
    assert len(lines) == len(set(lines)) == 6_001


def test_the_log_counts_and_holds_no_identifier_token_or_id_in_a_path(meta: Caller):
    audience = meta.create()
    meta.http.delete(f"/v26.0/{audience}/users", params={"payload": digest("a"), "access_token": "sandbox-meta-token"})
    meta.add(audience, [[digest("b"), "", ""]])
    log = meta.log()
    assert [line["sequence"] for line in log] == sorted(line["sequence"] for line in log)
    assert [(line["method"], line["path"], line["records"], line["status"]) for line in log] == [
        ("POST", "/{version}/act_{account}/customaudiences", 0, 200),
        ("DELETE", "/{version}/{audience}/users", 0, 400),
        ("POST", "/{version}/{audience}/users", 1, 200),
    ]
    assert digest("a") not in str(log)
    assert digest("b") not in str(log)
    assert "sandbox-meta-token" not in str(log)


def test_the_page_shows_audiences_and_requests_and_refers_to_nothing_outside(meta: Caller):
    audience = meta.create("<script>alert(1)</script>")
    meta.add(audience, [[digest("a"), "", ""], [digest("b"), "", ""]], SCHEMA)
    page = meta.http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    assert audience in page.text
    assert "2 people in 1 audience" in page.text
    assert "/{version}/{audience}/users" in page.text
    assert digest("a") not in page.text
    assert not re.search(r"(src|href)=\"(?!data:,)", page.text)
    assert "http://" not in page.text


def test_a_switch_that_does_not_exist_is_refused(meta: Caller):
    audience = meta.create()
    for path in ("platforms/meta", "accounts/meta/1001", f"audiences/{audience}"):
        assert meta.http.post(f"/_sandbox/{path}", json={"tokns": []}).status_code == 400
    assert meta.http.post("/_sandbox/platforms/minitel", json={}).status_code == 404
    assert meta.http.get("/_sandbox/audiences/4711/members").status_code == 404


def test_reset_is_a_first_start(meta: Caller):
    meta.create()
    meta.admin("clock", {"offset": 100})
    meta.admin("platforms/meta", {"tokens": []})
    meta.admin("faults", [{"kind": "reset_before"}])
    meta.admin("reset", {})
    assert meta.http.get("/_sandbox/audiences").json() == []
    assert meta.http.get("/_sandbox/clock").json()["offset"] == 0
    assert meta.log() == []
    assert meta.http.get(f"/v26.0/{ACCOUNT}/customaudiences").json() == {"data": []}
