"""Each fault does what it says, and processes the call or not as it says."""

from __future__ import annotations

import time

import httpx
import pytest

from segment_assets_tests.sandbox.platforms.caller import Caller, digest, refusal

ROW = [[digest("a"), "", ""]]


@pytest.fixture
def audience(meta: Caller) -> str:
    return meta.create()


@pytest.mark.parametrize(("status", "code"), [(500, 1), (503, 2)])
def test_a_status_fault_answers_in_the_platforms_form_and_does_nothing(meta: Caller, audience: str, status, code):
    meta.admin("faults", [{"kind": "status", "status": status, "path": "/users$"}])
    answer = meta.add(audience, ROW)
    assert refusal(answer)[:2] == (status, code)
    assert answer.json()["error"]["is_transient"] is True
    assert meta.people(audience) == []


def test_a_throttle_fault_looks_like_a_spent_budget(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "throttle"}])
    answer = meta.add(audience, ROW)
    assert refusal(answer) == (400, 80003, 2446079)
    assert '"1001"' in answer.headers["X-Business-Use-Case-Usage"]
    assert meta.people(audience) == []


def test_an_expired_token_fault_is_190_463(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "expired_token"}])
    assert refusal(meta.add(audience, ROW))[1:] == (190, 463)


def test_an_answer_fault_answers_anything_at_all(meta: Caller, audience: str):
    body = {"error": {"code": 2650, "error_subcode": 1870148}}
    meta.admin("faults", [{"kind": "answer", "status": 400, "body": body}])
    assert refusal(meta.add(audience, ROW)) == (400, 2650, 1870148)


def test_a_connection_reset_before_processing_changes_nothing(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "reset_before", "count": 1}])
    with pytest.raises(httpx.TransportError):
        meta.add(audience, ROW)
    assert meta.people(audience) == []
    assert meta.add(audience, ROW).status_code == 200


def test_a_connection_reset_after_processing_has_changed_it(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "reset_after", "count": 1}])
    with pytest.raises(httpx.TransportError):
        meta.add(audience, ROW)
    assert len(meta.people(audience)) == 1
    assert [(line["status"], line["fault"]) for line in meta.log()][-1] == (0, "reset_after")


def test_a_truncated_answer_is_cut_after_processing(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "truncated"}])
    with pytest.raises(httpx.RemoteProtocolError):
        meta.add(audience, ROW)
    assert len(meta.people(audience)) == 1


def test_a_bad_json_answer_is_a_200_that_cannot_be_read(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "bad_json"}])
    answer = meta.add(audience, ROW)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert len(meta.people(audience)) == 1


def test_a_slow_answer_takes_its_seconds_and_is_processed(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "slow", "seconds": 0.4}])
    started = time.monotonic()
    assert meta.add(audience, ROW).status_code == 200
    assert time.monotonic() - started >= 0.4


def test_other_callers_are_served_while_one_waits(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "slow", "seconds": 5, "count": 1}])
    with pytest.raises(httpx.ReadTimeout):
        meta.http.get(f"/v26.0/{audience}", timeout=0.3)
    started = time.monotonic()
    assert meta.add(audience, ROW).status_code == 200
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({}, [0, 1, 2, 3]),
        ({"nth": 2}, [1]),
        ({"count": 2}, [0, 1]),
        ({"nth": 2, "count": 2}, [1, 2]),
        ({"path": "/users$"}, [0, 1, 2, 3]),
        ({"path": "/usersreplace$"}, []),
        ({"method": "DELETE"}, []),
    ],
)
def test_a_rule_strikes_the_calls_that_it_names(meta: Caller, audience: str, rule: dict, struck: list[int]):
    meta.admin("faults", [{"kind": "status", **rule}])
    statuses = [meta.add(audience, ROW).status_code for _ in range(4)]
    assert [number for number, status in enumerate(statuses) if status == 503] == struck
    assert meta.http.get("/_sandbox/faults").json()[0]["hits"] == len(struck)


@pytest.mark.parametrize("rule", [{"kind": "meteor"}, {"kind": "slow", "speed": 1}, {"path": "("}, {}])
def test_a_rule_that_cannot_be_read_is_refused_by_number(meta: Caller, rule: dict):
    answer = meta.http.post("/_sandbox/faults", json=[{"kind": "slow"}, rule])
    assert answer.status_code == 400
    assert "rule 2" in answer.json()["error"]
    assert meta.http.get("/_sandbox/faults").json() == []


def test_a_poisoned_member_costs_the_whole_request_and_is_not_named(meta: Caller, audience: str):
    meta.admin("faults", [{"kind": "poison", "identifiers": [digest("b")]}])
    answer = meta.add(audience, [[digest("a"), "", ""], [digest("b"), "", ""]])
    assert refusal(answer)[:2] == (400, 100)
    assert digest("b") not in answer.text
    assert meta.people(audience) == []
    assert meta.add(audience, ROW).status_code == 200
    assert digest("b") not in meta.http.get("/_sandbox/faults").text, "the rules are told by number"
