"""How soon people who opted out were out, by the dates of their requests and of the ledger."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pyarrow as pa
import pytest

from segment_assets.contracts import NeedsHumanError, TransientError
from segment_assets.delivery.deadlines import OptOutTimes, opt_out_times
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.redacting import redact
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import ERASURES, SUPPRESSIONS
from segment_assets_tests.delivery.test_saying_no import PAIR, Road, not_approved, somebody
from segment_assets_tests.fakes import digest, person

NOON = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC).timestamp()
HOUR = 3_600
DEADLINE, WEEK = 24.0, 7 * 24.0


@dataclasses.dataclass
class Clocked(Road):
    """A road whose clock stands still until it is moved."""

    now: float = NOON

    def run(self, **more):
        return super().run(clock=lambda: self.now, **more)

    def later(self, hours):
        self.now += hours * HOUR

    def opted_out(self, *named, hours_ago=0.0):
        """One more request for each (kind, digest); earlier ones stay."""
        before = self.lake.current("suppressions", "all")
        rows = self.lake.dataset(before).to_table().to_pylist() if before else []
        at = dt.datetime.fromtimestamp(self.now - hours_ago * HOUR, dt.UTC)
        rows += [{"kind": kind, "digest": value, "opted_out_at": at} for kind, value in named]
        writer = self.lake.writer("suppressions", "all")
        writer.write(pa.Table.from_pylist(rows, SUPPRESSIONS.arrow_schema()))
        self.suppressions = writer.publish({})

    def times(self):
        ledger = AudienceLedger(self.lake, PAIR, lambda: self.now)
        return opt_out_times(
            ledger, self.suppressions, deadline_hours=DEADLINE, window_hours=WEEK, workdir=self.workdir
        )


@pytest.fixture
def road(tmp_path):
    return Clocked(LocalLake(tmp_path / "lake"), tmp_path / "work")


def test_nobody_who_opted_out_is_nobody_late(road):
    road.wants(*map(somebody, "ab"))
    road.run()
    assert road.times() == OptOutTimes(0, 0, 0, 0, None, None)
    road.opted_out(("email", digest("stranger@x")))
    assert road.times() == OptOutTimes(0, 0, 0, 0, None, None)


def test_whoever_waits_is_counted_with_their_hours_and_is_overdue_beyond_the_deadline(road):
    road.wants(*map(somebody, "abc"))
    road.run()
    road.opted_out(("email", digest("a@x")))
    road.later(4)
    road.opted_out(("member", digest("id:b")))
    road.later(20)
    assert road.times() == OptOutTimes(0, 0, 2, 0, 24.0, None)
    road.later(1)
    assert road.times() == OptOutTimes(0, 0, 2, 1, 25.0, None)


def test_a_removal_is_timed_from_the_earliest_request_to_the_end_of_its_delivery(road):
    road.wants(person("a", email="a@x", phone="1"), *map(somebody, "bcd"))
    road.run()
    road.opted_out(("email", digest("a@x")))
    road.later(10)
    road.opted_out(("phone_digits", digest("1")), ("email", digest("b@x")))
    road.later(20)
    with pytest.raises(NeedsHumanError):
        road.run(approve=not_approved)
    road.later(1)
    assert road.times() == OptOutTimes(2, 1, 0, 0, None, 30.0)


def test_a_removal_that_did_not_get_through_is_still_waited_for(road):
    road.wants(*map(somebody, "ab"))
    road.run()
    road.opted_out(("email", digest("a@x")), hours_ago=30)

    def lost(call):
        raise TransientError("fake: no answer")

    road.platform.before = lost
    with pytest.raises(TransientError):
        road.run()
    assert road.times() == OptOutTimes(0, 0, 1, 1, 30.0, None)


def test_whoever_left_before_they_said_no_was_not_late(road):
    road.wants(*map(somebody, "ab"))
    road.run()
    road.wants(*map(somebody, "b"))
    road.run()
    road.later(1)
    road.opted_out(("email", digest("a@x")))
    assert road.times() == OptOutTimes(0, 0, 0, 0, None, None)


def test_removals_before_the_window_are_not_counted(road):
    road.wants(*map(somebody, "ab"))
    road.run()
    road.opted_out(("email", digest("a@x")))
    road.run()
    assert road.times().taken_out == 1
    road.later(WEEK + 1)
    assert road.times() == OptOutTimes(0, 0, 0, 0, None, None)


def test_times_of_people_who_were_forgotten_since_are_not_lost_without_a_word(road):
    road.wants(*map(somebody, "abc"))
    road.run()
    road.opted_out(("email", digest("a@x")), hours_ago=30)
    road.run()
    road.wants(*map(somebody, "bd"))
    road.run()
    assert road.times() == OptOutTimes(1, 0, 0, 0, None, 30.0)
    asked = road.lake.writer("erasures", "all")
    row = {"kind": "email", "digest": digest("a@x"), "opted_out_at": dt.datetime.fromtimestamp(NOON, dt.UTC)}
    asked.write(pa.Table.from_pylist([row], ERASURES.arrow_schema()))
    redact(road.lake, asked.publish({}), (), workdir=road.workdir, clock=lambda: road.now)
    assert road.times() == OptOutTimes(0, 0, 0, 0, None, None, redacted=1)
