"""Meta sandbox: batches of a session, and the two-phase replace."""

from __future__ import annotations

import pytest

from segment_assets_tests.sandbox.platforms.caller import Caller, digest, refusal, session

NINETY_MINUTES = 90 * 60


def rows(*names: str) -> list[list[str]]:
    return [[digest(name), "", ""] for name in names]


def test_num_received_is_the_sessions_total_so_far(meta: Caller):
    audience = meta.create()
    first = meta.add(audience, rows("a", "b"), session=session(7, 1))
    second = meta.add(audience, rows("c"), session=session(7, 2, last=True))
    assert [answer.json()["num_received"] for answer in (first, second)] == [2, 3]
    assert second.json()["session_id"] == 7


def test_a_batch_that_comes_again_is_counted_once(meta: Caller):
    audience = meta.create()
    meta.add(audience, rows("a", "b"), session=session(7, 1))
    again = meta.add(audience, rows("a", "b"), session=session(7, 1))
    assert again.json()["num_received"] == 2
    assert len(meta.people(audience)) == 2


def test_a_gap_in_the_sequence_is_refused(meta: Caller):
    audience = meta.create()
    assert refusal(meta.add(audience, rows("a"), session=session(7, 2)))[:2] == (400, 100)
    meta.add(audience, rows("a"), session=session(7, 1))
    assert refusal(meta.add(audience, rows("b"), session=session(7, 3)))[:2] == (400, 100)


def test_another_schema_within_a_session_is_refused(meta: Caller):
    audience = meta.create()
    meta.add(audience, rows("a"), session=session(7, 1))
    answer = meta.add(audience, [[digest("b")]], schema=["EMAIL"], session=session(7, 2))
    assert refusal(answer)[:2] == (400, 100)


def test_a_session_id_cannot_serve_another_audience_or_operation(meta: Caller):
    one, two = meta.create("one"), meta.create("two")
    meta.add(one, rows("a"), session=session(7, 1))
    assert refusal(meta.add(two, rows("a"), session=session(7, 1)))[:2] == (400, 100)
    assert refusal(meta.remove(one, rows("a"), session=session(7, 2)))[:2] == (400, 100)
    assert len(meta.people(one)) == 1


def test_batches_after_the_last_one_are_dropped_without_a_word(meta: Caller):
    audience = meta.create()
    meta.add(audience, rows("a"), session=session(7, 1, last=True))
    late = meta.add(audience, rows("b"), session=session(7, 2))
    assert (late.status_code, late.json()["num_received"]) == (200, 1)
    assert len(meta.people(audience)) == 1


def test_batches_later_than_ninety_minutes_after_the_first_are_dropped(meta: Caller):
    audience = meta.create()
    meta.add(audience, rows("a"), session=session(7, 1))
    meta.admin("clock", {"offset": NINETY_MINUTES - 60})
    meta.add(audience, rows("b"), session=session(7, 2))
    meta.admin("clock", {"offset": NINETY_MINUTES + 60})
    assert meta.add(audience, rows("c"), session=session(7, 3)).json()["num_received"] == 2
    assert len(meta.people(audience)) == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"session_id": 0, "batch_seq": 1},
        {"session_id": 2**63, "batch_seq": 1},
        {"session_id": "7", "batch_seq": 1},
        {"session_id": 7},
        {"session_id": 7, "batch_seq": 0},
        {"session_id": 7, "batch_seq": 1, "last_batch_flag": "yes"},
        "seven",
    ],
)
def test_a_session_that_is_none_is_refused(meta: Caller, bad: object):
    assert refusal(meta.add(meta.create(), rows("a"), session=bad))[:2] == (400, 100)


def test_the_first_batch_of_a_replace_empties_the_audience(meta: Caller):
    audience = meta.create()
    meta.add(audience, rows("old"))
    meta.replace(audience, rows("a"), session(9, 1))
    assert meta.show(audience, "operation_status")["operation_status"]["code"] == 414
    answer = meta.replace(audience, rows("b"), session(9, 5, last=True))
    assert answer.json()["num_received"] == 2
    assert meta.show(audience, "operation_status")["operation_status"]["code"] == 200
    assert {person["EMAIL"] for person in meta.people(audience)} == {digest("a"), digest("b")}


def test_a_replace_needs_a_session_and_its_first_batch(meta: Caller):
    audience = meta.create()
    meta.add(audience, rows("old"))
    assert refusal(meta.replace(audience, rows("a"), None))[:2] == (400, 100)
    assert refusal(meta.replace(audience, rows("a"), session(9, 2))) == (400, 2650, 1870147)
    assert len(meta.people(audience)) == 1


def test_nothing_else_edits_an_audience_while_it_is_replaced(meta: Caller):
    audience = meta.create()
    meta.replace(audience, rows("a"), session(9, 1))
    answers = [
        meta.add(audience, rows("b")),
        meta.remove(audience, rows("a")),
        meta.replace(audience, rows("c"), session(10, 1)),
        meta.replace(audience, rows("a"), session(9, 1)),
    ]
    assert {refusal(answer) for answer in answers} == {(400, 2650, 1870145)}
    assert all(answer.json()["error"]["is_transient"] for answer in answers)
    assert len(meta.people(audience)) == 1


def test_a_finished_replace_takes_no_more_batches(meta: Caller):
    audience = meta.create()
    meta.replace(audience, rows("a"), session(9, 1, last=True))
    assert refusal(meta.replace(audience, rows("b"), session(9, 2))) == (400, 2650, 1870159)


def test_a_replace_that_takes_longer_than_ninety_minutes_fails_and_frees_the_audience(meta: Caller):
    audience = meta.create()
    meta.replace(audience, rows("a"), session(9, 1))
    meta.admin("clock", {"offset": NINETY_MINUTES + 60})
    assert refusal(meta.replace(audience, rows("b"), session(9, 2))) == (400, 2650, 1870158)
    assert meta.show(audience, "operation_status")["operation_status"]["code"] == 415
    assert meta.add(audience, rows("c")).status_code == 200
