"""Experiments as the ledger tells them: arms, deliveries, and people who were delivered although they are held out."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.delivery.errands import Errand
from segment_assets.delivery.experiments import hold_out_people
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.redacting import redact
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.queries import read
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.ports import Source
from segment_assets.resources.warehouse import LocalWarehouse
from segment_assets.tables import ERASURES, HOLD_OUT_PEOPLE, HOLD_OUTS
from segment_assets_tests.fakes import CONTRACT, FakeDestination, FakePlatform, digest, person, publish_audience

# A Wednesday.
START = dt.datetime(2026, 11, 4, 12, tzinfo=dt.UTC)
WEEKS = [dt.date(2026, 11, 2), dt.date(2026, 11, 9), dt.date(2026, 11, 16)]


@dataclasses.dataclass
class Trial:
    """Audiences of two segments on two accounts, all of one experiment. The clock moves by weeks."""

    folder: object
    platforms: dict = dataclasses.field(default_factory=dict)
    now: float = START.timestamp()
    lacking: set[dt.date] = dataclasses.field(default_factory=set)

    @property
    def lake(self):
        return LocalLake(self.folder / "lake")

    def ledger(self, account, segment):
        return AudienceLedger(self.lake, Pair("tenant", "fake", account, segment), lambda: self.now)

    def later(self, weeks):
        self.now += weeks * 7 * 86_400

    def deliver(self, account, segment, *people, is_exclusion=False):
        audience = publish_audience(self.lake, segment, people)
        ledger = self.ledger(account, segment)
        platform = self.platforms.setdefault((account, segment), FakePlatform())
        wanted = Wanted(CONTRACT, CONTRACT.forms(), keep_held_out=is_exclusion)
        errand = Errand(ledger.pair, wanted, "seg", {}, GuardRails(1.0), b"key")
        room = DeliveryRoom(
            self.lake, FakeDestination(), platform, workdir=self.folder / "work", clock=lambda: self.now
        )
        room.run(errand, audience, None)

    def counted(self, *, excluding=False):
        """Rows of the readers' table, as tuples after the name of the experiment."""
        writer = self.lake.writer(HOLD_OUT_PEOPLE.name, "all")
        ledgers = [self.ledger(*pair) for pair in sorted(self.platforms)]
        excluded = {ledger.pair for ledger in ledgers} if excluding else set()
        self.lacking = hold_out_people(
            "it's autumn", ledgers, write=writer, workdir=self.folder / "work", excluding=excluded
        )
        people = self.lake.dataset(writer.publish({}))
        sql = read(HOLD_OUTS.query)
        rows = LocalWarehouse(self.folder).select(
            sql, {HOLD_OUT_PEOPLE.name: Source(HOLD_OUT_PEOPLE.name, people)}, HOLD_OUTS.arrow_schema()
        )
        names = ("reporting_week", "held_out", "treatment", "delivered", "contaminated")
        return [tuple(row[name] for name in names) for row in rows.to_pylist()]


@pytest.fixture
def trial(tmp_path):
    return Trial(tmp_path)


def treated(name, **more):
    return person(name, email=f"{name}@x", **more)


def held(name, **more):
    return treated(name, eligibility="held_out", **more)


def test_arms_and_deliveries_are_counted_for_every_week(trial):
    trial.deliver("one", "a", treated("t1"), treated("t2"), held("h1"), person("nothing"))
    trial.later(2)
    trial.deliver("one", "a", *map(treated, ("t1", "t2", "t3")), held("h1"), held("h2"))
    assert trial.counted() == [(WEEKS[0], 1, 3, 2, 0), (WEEKS[1], 1, 3, 2, 0), (WEEKS[2], 2, 3, 3, 0)]


def test_one_person_in_two_segments_and_on_two_accounts_counts_once(trial):
    for account in ("one", "two"):
        trial.deliver(account, "a", treated("t1"), held("h1"))
    trial.deliver("one", "b", treated("t1"), treated("t2"), held("h1"))
    assert trial.counted() == [(WEEKS[0], 1, 2, 2, 0)]


def test_whoever_was_delivered_before_they_were_held_out_is_contaminated_for_good(trial):
    trial.deliver("one", "a", treated("t1"), treated("x"))
    trial.later(1)
    trial.deliver("one", "a", treated("t1"), held("x"))
    trial.later(1)
    trial.deliver("one", "a", treated("t1"), treated("t2"), held("x"))
    assert trial.counted() == [(WEEKS[0], 0, 2, 2, 0), (WEEKS[1], 1, 1, 1, 1), (WEEKS[2], 1, 2, 2, 1)]


def test_a_delivery_by_another_segment_of_the_experiment_contaminates_whoever_is_held_out_in_one(trial):
    trial.deliver("one", "a", treated("t1"), held("x"))
    trial.deliver("two", "b", treated("x"))
    assert trial.counted() == [(WEEKS[0], 1, 1, 1, 1)]


def test_somebody_delivered_under_another_number_is_found_by_any_identifier(trial):
    trial.deliver("one", "a", held("x", phone="1"), held("y"), treated("t1"))
    trial.deliver("two", "b", person("x under another number", phone="1"))
    [(_, held_out, treatment, delivered, contaminated)] = trial.counted()
    assert (held_out, treatment, delivered, contaminated) == (2, 2, 2, 1)


def test_whom_the_platform_refused_was_not_delivered(trial):
    platform = trial.platforms.setdefault(("one", "a"), FakePlatform())
    platform.refuse = {treated("t2")["email"].hex()}
    trial.deliver("one", "a", *map(treated, ("t1", "t2", "t3")), held("h1"))
    assert trial.counted() == [(WEEKS[0], 1, 3, 2, 0)]


def test_weeks_whose_arms_lack_people_who_were_forgotten_since_are_told(trial):
    trial.deliver("one", "a", treated("t1"), treated("t2"), held("h1"))
    trial.later(1)
    trial.deliver("one", "a", treated("t2"), treated("t3"), held("h1"))
    assert (trial.counted(), trial.lacking) == ([(WEEKS[0], 1, 2, 2, 0), (WEEKS[1], 1, 2, 2, 0)], set())
    asked = trial.lake.writer("erasures", "all")
    asked.write(
        pa.Table.from_pylist(
            [{"kind": "email", "digest": digest("t1@x"), "opted_out_at": START}], ERASURES.arrow_schema()
        )
    )
    redact(trial.lake, asked.publish({}), (), workdir=trial.folder / "work", clock=lambda: trial.now)
    assert (trial.counted()[0], trial.lacking) == ((WEEKS[0], 1, 1, 1, 0), {WEEKS[0]})


def test_an_experiment_without_deliveries_has_no_weeks(trial):
    assert trial.counted() == []


# Somebody is always there: an audience that is emptied is stopped by a guard.
ARMS = st.lists(st.sampled_from(["absent", "eligible", "held_out"]), min_size=5, max_size=5).map(
    lambda arms: ["eligible", *arms]
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weeks=st.lists(ARMS, min_size=1, max_size=3))
def test_contaminated_are_those_held_out_who_were_ever_in_the_other_arm_before(tmp_path_factory, weeks):
    trial = Trial(tmp_path_factory.mktemp("trial"))
    expected, ever = [], set()
    for number, arms in enumerate(weeks):
        people = [treated(f"p{n}", eligibility=arm) for n, arm in enumerate(arms) if arm != "absent"]
        trial.deliver("one", "a", *people)
        out = {n for n, arm in enumerate(arms) if arm == "held_out"}
        now = {n for n, arm in enumerate(arms) if arm == "eligible"}
        ever |= now
        expected.append((WEEKS[number], len(out), len(now), len(now), len(out & ever)))
        trial.later(1)
    assert trial.counted() == expected


def test_the_query_takes_a_table_without_rows(tmp_path):
    empty = pads.dataset(HOLD_OUT_PEOPLE.arrow_schema().empty_table())
    rows = LocalWarehouse(tmp_path).select(
        read(HOLD_OUTS.query), {HOLD_OUT_PEOPLE.name: Source(HOLD_OUT_PEOPLE.name, empty)}, HOLD_OUTS.arrow_schema()
    )
    assert rows.num_rows == 0


@pytest.mark.parametrize("says_now", [True, False])
def test_a_list_that_kept_people_from_ads_counts_for_no_arm_whatever_the_plan_says_of_it_by_now(trial, says_now):
    trial.deliver("one", "a", treated("t1"), held("h1"))
    trial.deliver("one", "customers", treated("t1"), held("h1"), is_exclusion=True)
    assert trial.counted(excluding=says_now) == [(WEEKS[0], 1, 1, 1, 0)]
