"""Members of a platform that lets them expire are sent again in time, spread over days, and counted apart."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pyarrow as pa
import pytest

from segment_assets.contracts import Mode, TransientError
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.refreshing import is_refresh_due
from segment_assets.delivery.settling import acknowledged_state
from segment_assets.delivery.unaffected import due_dates
from segment_assets.tables import ACKNOWLEDGED
from segment_assets_tests.delivery.replacing_road import PAIR, REPLACING, Road, crowd
from segment_assets_tests.fakes import digest, marked, person

DAY = 86_400.0
START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC).timestamp()
EXPIRING = dataclasses.replace(REPLACING, expiry_days=100)


class ExpiringRoad(Road):
    """A road with a clock, to a platform that forgets a member 100 days after it was last added."""

    def __init__(self, folder, *, answers=()):
        super().__init__(folder, contract=dataclasses.replace(EXPIRING, consent=answers))
        self.day = 0.0
        self.clock = lambda: START + self.day * DAY

    def is_due(self):
        return is_refresh_due(AudienceLedger(self.lake, PAIR, self.clock), self.contract, clock=self.clock())

    def answered(self):
        rows = self.lake.dataset(acknowledged_state(self.lake, self.ledger)).to_table().to_pylist()
        return {row["member_id"]: (row["answered_at"].timestamp() - START) / DAY for row in rows}


@pytest.fixture
def road(tmp_path):
    return ExpiringRoad(tmp_path)


def test_unchanged_members_are_sent_again_before_they_expire_and_not_all_in_one_day(road):
    names = [f"p{n}" for n in range(12)]
    road.wants(*(person(n, email=f"{n}@x") for n in names))
    road.run()
    sent: dict[float, int] = {}
    for day in (83, 86, 91):
        road.day = float(day)
        was_due = road.is_due()
        rows = road.run()
        refreshed = sum(row["refreshed"] for row in rows)
        assert bool(refreshed) == was_due
        if refreshed:
            [row] = rows
            assert (row["adds"], row["changed"], row["unchanged"]) == (0, 0, len(names) - refreshed)
            assert row["accepted"] == refreshed
            sent[road.day] = refreshed
        assert not road.is_due()
        assert min(road.answered().values()) > road.day - 94, "nobody comes near the end of their hundred days"
    assert sum(sent.values()) == len(names)
    assert max(sent.values()) < len(names)


def test_between_refreshes_a_run_sends_and_notes_nothing(road):
    road.wants(*crowd("abc"))
    road.run()
    for day in (1, 78):
        road.day = float(day)
        assert not road.is_due()
        assert road.run() == []


def test_a_change_in_between_leaves_the_age_of_the_others_as_it_is(road):
    road.wants(*crowd("ab"))
    road.run()
    road.day = 50.0
    road.wants(*crowd("abc"))
    road.run()
    ages = {digest(f"id:{name}"): 50.0 if name == "c" else 0.0 for name in "abc"}
    assert road.answered() == pytest.approx(ages, abs=0.01)


def test_a_state_from_before_dates_were_kept_counts_as_of_its_own_day(road):
    road.wants(*crowd("ab"))
    road.run()
    _forget_dates(road)
    assert road.is_due(), "a delivery from before has to be followed by one that tells"
    road.day = 10.0
    [row] = road.run()
    assert (row["outcome"], row["refreshed"], row["requests"]) == ("empty", 0, 0)
    assert not road.is_due()
    assert set(road.answered().values()) == {0.0}
    road.day = 90.0
    assert sum(row["refreshed"] for row in road.run()) == 2


def test_when_members_leave_sooner_than_was_noted_the_next_run_sends_who_is_due_by_now(road):
    road.wants(*crowd("ab"))
    road.run()
    road.day = 25.0
    assert not road.is_due()
    road.contract = dataclasses.replace(road.contract, expiry_days=30)
    assert road.is_due(), "what was noted is of a longer time"
    assert sum(row["refreshed"] for row in road.run()) > 0
    assert not road.is_due()


def _forget_dates(road):
    """Make the newest delivery look like one of the last release: no dates in the state, none in its notes."""
    ledger = road.ledger
    header = dict(ledger.last().header)
    rows = road.lake.dataset(acknowledged_state(road.lake, ledger)).to_table().to_pylist()
    writer = road.lake.writer(ACKNOWLEDGED.name, PAIR.partition)
    undated = [{**row, "answered_at": None} for row in rows]
    writer.write(pa.Table.from_pylist(undated, ACKNOWLEDGED.arrow_schema()))
    state = writer.publish({})
    old = {
        name: value
        for name, value in header.items()
        if name not in {"mode", "state_date", "refresh_due", "expiry_days"}
    }
    log = ledger.open({**old, "from_state": state.id, "previous_delivery": header["delivery_id"]})
    log.chain.append("closed", {"outcome": "empty", "state": state.id, "accounting": {}, "leaving": 0})


def test_who_is_refused_when_sent_again_stays_known_and_is_not_sent_every_day(road):
    road.wants(*crowd("ab"))
    road.run()
    road.platform.refuse = {marked("a@x")}
    road.day = 91.0
    [row] = road.run()
    assert (row["refreshed"], row["accepted"], row["rejected"]) == (2, 1, 1)
    road.day = 92.0
    assert road.run() == []
    # The platform has them still, so a no has to take them out.
    road.platform.refuse = set()
    road.opt_out(("email", digest("a@x")))
    road.run()
    assert road.names() == set("b")


def test_add_only_lets_those_expire_whom_nobody_wants_any_more(road):
    road.mode = Mode.ADD_ONLY
    road.wants(*crowd("abc"))
    road.run()
    road.wants(*crowd("ab"))
    road.run()
    road.day = 95.0
    [row] = road.run()
    assert (row["refreshed"], row["kept"]) == (2, 1)
    road.day = 96.0
    assert not road.is_due()
    assert road.run() == []


def test_remove_only_keeps_from_expiring_also_whom_it_knows_by_other_identifiers_and_sends_none_of_the_new(road):
    road.wants(*crowd("ab"), person("d", email="d@x", phone="1"))
    road.run()
    road.mode = Mode.REMOVE_ONLY
    road.wants(*crowd("a"), person("d", email="new@x", phone="2"), *crowd("e"))
    [row] = road.run()
    assert (row["refreshed"], row["unchanged"], row["kept"], row["not_added"], row["removes"]) == (0, 1, 1, 2, 1)
    road.platform.people = []
    road.day = 95.0
    assert road.is_due()
    [row] = road.run()
    assert (row["refreshed"], row["accepted"], row["kept"], row["not_added"]) == (2, 2, 0, 1)
    assert road.platform.identifiers == {marked("a@x"), marked("d@x"), marked("1")}
    assert set(road.answered().values()) == {95.0}
    road.day = 96.0
    assert not road.is_due()
    assert road.run() == []


def without_an_answer(road):
    """One run whose request gets through, and whose answer does not."""

    def away(call):
        raise TransientError("fake: no answer")

    road.platform.after = away
    with pytest.raises(TransientError):
        road.run()
    road.platform.after = lambda call: None


def test_remove_only_sends_once_more_whom_it_sent_again_to_no_answer(road):
    road.wants(*crowd("ab"), person("d", email="d@x"))
    road.run()
    road.mode = Mode.REMOVE_ONLY
    road.wants(*crowd("ab"), person("d", email="new@x"))
    road.day = 95.0
    without_an_answer(road)
    without_an_answer(road)
    road.day = 96.0
    [row] = road.run()
    assert (row["refreshed"], row["accepted"], row["kept"], row["not_added"]) == (3, 3, 0, 0)
    assert road.names() == set("abd")
    assert not road.is_due()
    assert road.run() == []


def test_remove_only_sends_nobody_once_more_whom_an_opt_out_may_have_taken_out_since(road):
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1"), *crowd("c"))
    road.run()
    road.mode = Mode.REMOVE_ONLY
    road.day = 95.0
    without_an_answer(road)
    road.opt_out(("member", digest("id:a")))
    rows = road.run()
    assert [(row["lane"], row["refreshed"]) for row in rows] == [("opt_out", 0), ("audience", 1)]
    assert road.names() == set("c")
    assert road.run() == []


def test_remove_only_says_nothing_again_that_a_person_would_not_say_today(tmp_path):
    road = ExpiringRoad(tmp_path, answers=("consent_ad_user_data",))
    said = {"less": ("granted", "unspecified"), "same": ("granted", "granted"), "more": ("unspecified", "granted")}
    for place in (0, 1):
        people = [(person(n, email=f"{n}@x"), answer[place]) for n, answer in said.items()]
        road.wants(*(row | {"consent_ad_user_data": answer} for row, answer in people))
        [row] = road.run()
        road.mode = Mode.REMOVE_ONLY
    assert (row["unchanged"], row["kept"], row["not_added"]) == (1, 2, 2)
    road.platform.people = []
    road.day = 95.0
    [row] = road.run()
    assert (row["refreshed"], row["kept"], row["not_added"]) == (2, 1, 1)
    assert road.platform.identifiers == {marked("same@x"), marked("more@x")}
    assert not road.is_due()


def test_remove_only_sends_again_no_identifier_that_the_plan_has_taken_from_the_account(road):
    road.wants(*crowd("a"), person("b", email="b@x", phone="1"))
    road.run()
    road.mode, road.forms = Mode.REMOVE_ONLY, ("email",)
    road.platform.people = []
    road.day = 95.0
    [row] = road.run()
    # Their records are of all the keys together, so nobody's is as it was.
    assert (row["refreshed"], row["kept"], row["not_added"]) == (1, 1, 1)
    assert road.platform.identifiers == {marked("a@x")}


@pytest.mark.parametrize("days", [1, 5, 30, 540])
def test_every_due_date_lies_between_three_quarters_and_the_end_of_the_expiry(days):
    contract = dataclasses.replace(REPLACING, expiry_days=days)
    members = pa.array([digest(str(n)) for n in range(200)], pa.binary(32))
    dues = due_dates(members, 0.0 + START, contract) - START
    assert dues.min() >= 0.75 * days * DAY
    assert dues.max() <= 0.9 * days * DAY
    assert len(set(dues)) > 1
