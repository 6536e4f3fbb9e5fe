"""A batch that a platform will not take as it is: who is refused, who gets there, and what that costs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import Answer, PermanentError, RefusedBatchError, Session, TransientError
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.narrowing import NARROWING_REQUESTS, Narrowing
from segment_assets_tests.delivery.road import PAIR, Road, crowd
from segment_assets_tests.fakes import FakePlatform, marked
from segment_assets_tests.fakes import digest as marked_digest

WHOLE = Session(token=7, sequence=3, last=False, members_in_total=50_000, received_before=20_000)


class Silent(FakePlatform):
    """Refuses a whole request that holds a bad identifier, and does not say whose it is."""

    def __init__(self, *bad: str) -> None:
        super().__init__()
        self.bad = {marked(identifier) for identifier in bad}

    def _change(self, request):
        if any(self.bad & set(row) for row in request.json["rows"]):
            self.calls.append((request.method, len(request.json["rows"])))
            raise RefusedBatchError("fake: something in the request is not right")
        return super()._change(request)


def sent_to_the_end(size: int, bad: set[int], *, budget: int = NARROWING_REQUESTS) -> tuple[Narrowing, int]:
    """The narrowing of one batch on a platform that refuses in silence, and the requests that it took."""
    narrowing, requests = Narrowing(size, WHOLE, budget), 0
    while (part := narrowing.next) is not None:
        requests += 1
        if bad & set(part.places):
            if not narrowing.unnamed("400"):
                break
        else:
            count = len(part.places)
            narrowing.taken(Answer(count, count, {}, 0, count, "200"))
    return narrowing, requests


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 300), data=st.data())
def test_exactly_those_to_blame_are_refused_and_everybody_else_is_taken(size, data):
    bad = data.draw(st.sets(st.integers(0, size - 1), max_size=min(size - 1, 8)))
    narrowing, requests = sent_to_the_end(size, bad)
    answer = narrowing.result()
    assert set(answer.rejected) == bad
    assert (answer.accepted, narrowing.given_up) == (size - len(bad), [])
    # Two requests per level and person at most, and often one.
    assert requests <= 1 + len(bad) * 2 * math.ceil(math.log2(size) + 1)


def test_one_bad_member_of_ten_thousand_costs_fewer_requests_than_a_search_without_conclusions():
    worst = max(sent_to_the_end(10_000, {place})[1] for place in (0, 1, 4_999, 5_000, 7_777, 9_999))
    assert worst <= 2 * math.ceil(math.log2(10_000)) + 1


def test_a_spent_budget_leaves_the_rest_unproven_and_nobody_twice():
    narrowing, requests = sent_to_the_end(1_000, set(range(500, 1_000, 7)), budget=20)
    answer = narrowing.result()
    assert narrowing.given_up
    assert not set(narrowing.given_up) & set(answer.rejected)
    assert answer.accepted + len(answer.rejected) + len(narrowing.given_up) == 1_000
    assert requests <= 2 * 20


def test_a_platform_that_refuses_every_part_blames_nobody():
    narrowing, requests = sent_to_the_end(1_000, set(range(1_000)), budget=20)
    assert requests == 20
    assert not narrowing.has_answers


def test_a_half_is_a_session_of_its_own_and_the_same_every_time():
    narrowing = Narrowing(8, WHOLE)
    assert narrowing.next.session(WHOLE) == WHOLE
    narrowing.unnamed("400")
    half = narrowing.next.session(WHOLE)
    assert (half.sequence, half.last, half.members_in_total, half.received_before) == (1, True, 4, 0)
    assert half.token != WHOLE.token
    again = Narrowing(8, WHOLE)
    again.unnamed("400")
    assert again.next.session(WHOLE) == half


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_a_silent_refusal_costs_the_one_person_and_the_accounting_says_so(road):
    road.platform = Silent("b@x")
    road.wants(*crowd(*"abcdef"))
    row = road.run().deliveries[0]
    road.expected(*(f"{n}@x" for n in "acdef"))
    assert (row["accepted"], row["rejected"], row["unproven"]) == (5, 1, 0)
    assert road.run().deliveries == []


def test_a_platform_that_takes_nothing_at_all_is_refused_work_and_not_members(road):
    road.platform = Silent(*(f"{n}@x" for n in "abc"))
    road.wants(*crowd(*"abc"))
    with pytest.raises(PermanentError):
        road.run()
    log = AudienceLedger(road.lake, PAIR, lambda: 0.0).last()
    assert log.closed.body["outcome"] == "failed"
    assert (log.closed.body["accounting"]["accepted"], log.answered("receipt")) == (0, [])


def test_a_removal_refused_by_name_is_told_and_tried_again_with_the_next_change(road):
    road.wants(*crowd(*"abc"))
    road.run()
    road.platform.refuse = {marked("c@x")}
    road.platform.takes_out_the_refused = False
    road.wants(*crowd("a"))
    row = road.run().deliveries[0]
    assert (row["removes"], row["removes_acknowledged"], row["removes_refused"]) == (2, 1, 1)
    road.expected("a@x", "c@x")
    road.platform.refuse = set()
    road.wants(*crowd(*"ad"))
    row = road.run().deliveries[0]
    assert (row["last_known"], row["removes_acknowledged"]) == (2, 1)
    road.expected("a@x", "d@x")


def test_somebody_who_says_no_while_it_is_sent_goes_before_the_rest(road):
    names = "abcdefghi"
    road.wants(*crowd(*names))
    said = []

    def says_no(call):
        if call == 0 and not said:
            said.extend(n for n in names if road.platform.holds(f"{n}@x"))
            road.opt_out(("email", marked_digest(f"{said[0]}@x")))

    road.platform.after = says_no
    report = road.run(newest=lambda: road.suppressions)
    assert [(row["lane"], row["outcome"]) for row in report.deliveries] == [
        ("audience", "interrupted"),
        ("opt_out", "done"),
        ("audience", "done"),
    ]
    assert road.platform.calls[:2] == [("POST", 3), ("DELETE", 1)]
    road.expected(*(f"{n}@x" for n in names if n != said[0]))
    sent = [count for method, count in road.platform.calls if method == "POST"]
    assert sum(sent) == 9, "what was acknowledged before the no is not sent again"


def test_a_no_of_somebody_else_interrupts_nothing(road):
    road.wants(*crowd(*"abcdef"))

    def says_no(_):
        road.opt_out(("email", marked_digest("stranger@x")))

    road.platform.after = says_no
    assert [row["outcome"] for row in road.run(newest=lambda: road.suppressions).deliveries] == ["done"]


def test_people_who_keep_saying_no_do_not_hold_a_run_for_ever(road):
    names = [f"p{n}" for n in range(90)]
    road.wants(*crowd(*names))
    said = []

    def says_no(_):
        said.append(f"p{len(said)}@x")
        road.opt_out(*(("email", marked_digest(address)) for address in said))

    road.platform.after = says_no
    with pytest.raises(TransientError, match="keep saying no"):
        road.run(newest=lambda: road.suppressions)
    road.platform.after = lambda _: None
    road.run(newest=lambda: road.suppressions)
    road.expected(*(f"{n}@x" for n in names if f"{n}@x" not in said))
