"""Google sandbox: injected faults in Google's form, and what a process killed with -9 keeps."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import httpx
import pytest

from segment_assets.sandbox import process
from segment_assets_tests.sandbox.platforms.caller import digest
from segment_assets_tests.sandbox.platforms.google_caller import (
    AN_HOUR,
    HALF_AN_HOUR,
    GoogleCaller,
    email,
    lists,
    member,
    phone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROW = [member(email("a"))]


@pytest.fixture
def google(running_sandbox: process.SandboxProcess) -> Iterator[GoogleCaller]:
    with GoogleCaller(running_sandbox.url) as caller:
        caller.admin("platforms/google", {"processing_seconds": 0})
        yield caller


@pytest.fixture
def target(google: GoogleCaller) -> str:
    return google.create()


@pytest.mark.parametrize(
    ("fault", "status", "name"),
    [
        ({"kind": "status", "status": 500}, 500, "INTERNAL"),
        ({"kind": "status", "status": 503}, 503, "UNAVAILABLE"),
        ({"kind": "status", "status": 504}, 504, "DEADLINE_EXCEEDED"),
        ({"kind": "expired_token"}, 401, "UNAUTHENTICATED"),
        ({"kind": "throttle"}, 429, "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_fault_answers_in_googles_form_and_does_nothing(google: GoogleCaller, target, fault, status, name):
    google.admin("faults", [{**fault, "path": "audienceMembers:ingest$", "count": 1}])
    answer = google.ingest(target, ROW)
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["status"]) == (
        status,
        status,
        name,
    )
    assert ('"retryDelay":"12s"' in answer.text.replace(" ", "")) is (status == 429)
    assert google.people(target) == []
    google.ingest(target, ROW).raise_for_status()
    assert google.emails(target) == {digest("a")}


def test_a_reset_before_processing_changes_nothing_and_one_after_has_changed_it(google: GoogleCaller, target: str):
    google.admin("faults", [{"kind": "reset_before", "count": 1}])
    with pytest.raises(httpx.TransportError):
        google.ingest(target, ROW)
    assert google.people(target) == []
    google.admin("faults", [{"kind": "reset_after", "count": 1}])
    with pytest.raises(httpx.TransportError):
        google.ingest(target, ROW)
    assert google.emails(target) == {digest("a")}


def test_a_truncated_and_an_unreadable_answer_lose_the_id_of_a_request_that_is_kept(google: GoogleCaller, target: str):
    google.admin("faults", [{"kind": "truncated", "count": 1}, {"kind": "bad_json", "count": 1}])
    with pytest.raises(httpx.RemoteProtocolError):
        google.ingest(target, ROW)
    answer = google.ingest(target, [member(email("b"))])
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert google.emails(target) == {digest("a"), digest("b")}


def test_a_fault_strikes_the_status_alone(google: GoogleCaller, target: str):
    google.admin("faults", [{"kind": "status", "path": "requestStatus:retrieve$", "count": 1}])
    answer = google.ingest(target, ROW).raise_for_status()
    assert google.try_status(answer.json()["requestId"]).status_code == 503
    assert google.status(answer)["requestStatus"] == "SUCCESS"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    process.stop(tmp_path / "home")


def test_a_request_in_processing_survives_kill_9(home: Path):
    first = process.start(home)
    with GoogleCaller(first.url) as google:
        target = google.create()
        google.admin("platforms/google", {"fail_next": 1})
        failing = google.ingest(target, [member(email("never"))])
        waiting = google.ingest(target, [member(email("a"), phone("1")), member(email("b"))])
        removal = google.remove(target, [member(phone("1"))])
        google.pass_time(HALF_AN_HOUR)
        os.kill(first.pid, signal.SIGKILL)

    with GoogleCaller(process.start(home).url, is_new=False) as google:
        answers = [failing, waiting, removal]
        assert [google.status(one)["requestStatus"] for one in answers] == ["PROCESSING"] * 3
        assert google.people(target) == []
        google.pass_time(AN_HOUR)
        assert [google.status(one)["requestStatus"] for one in answers] == ["FAILED", "SUCCESS", "SUCCESS"]
        assert google.emails(target) == {digest("b")}
        assert google.http.get(f"{lists()}/{target}").json()["displayName"] == "crm-lapsed"


@pytest.mark.parametrize(("named", "paths"), [(True, {"[1]", "[3]"}), (False, {""})])
def test_a_request_with_poisoned_members_is_refused_as_a_whole_and_names_them_or_not(google, target, named, paths):
    poison = {"kind": "poison", "identifiers": [digest("b"), digest("d")], "names_members": named}
    google.admin("faults", [poison])
    answer = google.ingest(target, [member(email(name)) for name in "abcd"])
    assert answer.status_code == 400
    violations = answer.json()["error"]["details"][1]["fieldViolations"]
    part = ".user_data.user_identifiers" if named else ""
    assert {one["field"] for one in violations} == {f"audience_members.audience_members{at}{part}" for at in paths}
    assert google.people(target) == []
    google.ingest(target, [member(email(name)) for name in "ac"]).raise_for_status()
    assert google.emails(target) == {digest("a"), digest("c")}
