"""For platforms that keep rows: what is later in an audience's deliveries has the greater rank."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.outgoing import OPERATIONS, Batch, begun, rank_of, session_of
from segment_assets_tests.delivery.road import PAIR, Road, crowd

PHASES = ("add", "retire", "reaffirm", "remove")
FIRST = 1_700_000_000.0


def rank(state_date: float | None, phase: str, number: int = 1) -> int:
    header = {"delivery_id": "d", "batches": dict.fromkeys(PHASES, 2), "records": dict.fromkeys(PHASES, 10)}
    dated = header if state_date is None else {**header, "state_date": state_date}
    return session_of(dated, Batch(phase, number, ())).rank


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 10**9), st.floats(0.001, 10**6), st.sampled_from(PHASES), st.sampled_from(PHASES))
def test_every_phase_of_a_later_delivery_is_after_every_phase_of_an_earlier_one(begun, later, one, other):
    assert rank(FIRST + begun, one) < rank(FIRST + begun + later, other) < 2**63


def test_phases_rise_in_the_order_in_which_they_are_sent_and_batches_of_one_are_equal():
    ranks = [rank(FIRST, phase) for phase in PHASES]
    assert ranks == sorted(set(ranks))
    assert [phase for phase in OPERATIONS if phase in PHASES] == list(PHASES)
    assert rank(FIRST, "add", 1) == rank(FIRST, "add", 2)


def test_a_delivery_from_before_dates_were_kept_is_before_all_others():
    assert rank(None, "remove") < rank(FIRST, "add")


def test_a_no_outranks_the_addition_before_it_although_clocks_of_machines_differ(tmp_path):
    # On Amazon Marketing Cloud the greatest rank of a person counts: a delivery was closed by a machine two minutes
    # ahead, and the removal of an opt-out was older than the addition.
    road = Road(tmp_path)
    for names, clock in ((("ann",), 120), (("ann", "cleo"), 60), (("ann",), 70)):
        road.wants(*crowd(*names))
        road.run(clock=lambda now=FIRST + clock: now)
    logs = list(AudienceLedger(road.lake, PAIR, lambda: FIRST).deliveries())
    ranks = [session_of(log.header, Batch(phase, 1, ())).rank for log in logs for phase in log.header["batches"]]
    assert len(ranks) == len(logs) == 3
    assert ranks == sorted(set(ranks))


def test_a_delivery_after_one_from_before_ranks_were_noted_is_after_it():
    assert rank_of({"state_date": FIRST}) == begun(FIRST)
    assert rank_of({"state_date": FIRST, "rank": begun(FIRST) + 1}) == begun(FIRST) + 1
