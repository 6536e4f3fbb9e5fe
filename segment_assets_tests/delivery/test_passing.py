"""Whom a settlement has nothing to decide about passes by the SQL, and the new state is the same without that.

The yardstick: each delivery is settled again over a lake that gives the changes in another order, so that nobody can be
set apart, and `verify` holds every row, the state and the accounting against each other.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
import time
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import Answer, TransientError
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.passing import set_settled_apart
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import acknowledged_state
from segment_assets.delivery.straight import Straight
from segment_assets.delivery.verifying import Verifier
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import ACKNOWLEDGED, CHANGES
from segment_assets_tests.delivery.road import PAIR, Crash, Road, crowd
from segment_assets_tests.delivery.test_lanes import PAIR as LANE_PAIR
from segment_assets_tests.delivery.test_lanes import Road as LaneRoad
from segment_assets_tests.examples import examples
from segment_assets_tests.fakes import CONTRACT, FakeDestination, digest, marked, person


class Upended(LocalLake):
    """Gives the rows of `changes` the other way round."""

    def dataset(self, snapshot):
        rows = super().dataset(snapshot)
        if snapshot.table != CHANGES.name:
            return rows
        table = rows.to_table()
        return pads.dataset(table.take(list(range(table.num_rows))[::-1]))


def settled_again_in_sql(road, pair=PAIR):
    @contextlib.contextmanager
    def scratch():
        place = road.workdir / "scratch"
        yield Upended(place)
        shutil.rmtree(place, ignore_errors=True)

    return Verifier(road.lake, scratch, road.workdir, time.time()).verify(pair)


@pytest.mark.slow
@settings(max_examples=examples(2), deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_what_passes_is_settled_as_the_sql_settles_it(tmp_path_factory, seed):
    draw = random.Random(seed)
    road = Road(tmp_path_factory.mktemp("road"))
    for _ in range(2):
        names = draw.sample("abcdefghijkl", 8)
        road.wants(*(person(n, email=f"{n}{draw.choice('11112')}@x", phone=draw.choice([None, "1", n])) for n in names))
        road.platform.refuse = {marked(f"{name}1@x") for name in draw.sample(names, draw.choice([0, 0, 2]))}
        last = len(road.platform.calls) + draw.choice([0, 1, 9])

        how = draw.choice([Crash, TransientError])

        def stop(call, last=last, how=how):
            if call == last:
                raise how("stopped")

        setattr(road.platform, draw.choice(["before", "after"]), stop)
        with contextlib.suppress(Crash, TransientError):
            road.run()
        road.platform.before = road.platform.after = lambda call: None
        if draw.random() < 0.3:
            road.opt_out(("email", digest(f"{draw.choice(names)}1@x")))
        road.run()
    found = settled_again_in_sql(road)
    assert found.recomputed == found.deliveries


class Unproven(FakeDestination):
    """Tells nothing of what it took."""

    def read(self, members, session, response):
        return Answer(len(members), 0, {}, len(members), 0, "204")


def test_people_without_proof_pass_as_well(tmp_path):
    road = Road(tmp_path)
    road.wants(*crowd(*"abcdefg"))
    room = DeliveryRoom(road.lake, Unproven(), road.platform, workdir=road.workdir)
    errand = Errand(PAIR, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, road.rails, b"key")
    row = room.run(errand, road.audience, None).deliveries[0]
    assert (row["unproven"], row["accepted"], row["unsent"]) == (7, 0, 0)
    assert settled_again_in_sql(road).recomputed == 1


@contextlib.contextmanager
def settled_apart_at_first(road, ledger):
    """Of the newest delivery of a pair, which is its first."""
    log, partition = ledger.last(), ledger.pair.partition
    changes = road.lake.dataset(road.lake.snapshot(CHANGES.name, partition, log.header["changes"]))
    nobody = pads.dataset(ACKNOWLEDGED.arrow_schema().empty_table())
    with set_settled_apart(changes, nobody, log, road.workdir, undated=None) as apart:
        yield apart


@pytest.mark.parametrize("refused", [set(), {marked("c@x")}])
def test_of_a_first_delivery_nothing_is_left_to_the_sql_where_everybody_was_taken(tmp_path, refused):
    road = Road(tmp_path)
    road.wants(*crowd(*"abcdef"))
    road.platform.refuse = refused
    road.run()
    with settled_apart_at_first(road, AudienceLedger(road.lake, PAIR, time.time)) as apart:
        assert apart.is_decided == (not refused)
        if not refused:
            passing = [row for rows in apart.passing.batches(["member_id", "standing"]) for row in rows.to_pylist()]
            assert {row["member_id"] for row in passing} == {digest(f"id:{name}") for name in "abcdef"}
            assert {row["standing"] for row in passing} == {"acknowledged"}
            assert (apart.accepted, apart.passing.rows) == (6, 6)
    assert settled_again_in_sql(road).recomputed == 1


@pytest.mark.parametrize(
    ("vague", "accepted", "is_decided"), [(set(), 7, True), ({"phone"}, 5, False), ({"email", "phone"}, 0, True)]
)
def test_lanes_that_were_all_taken_in_one_way_are_put_in_order_without_the_sql(tmp_path, vague, accepted, is_decided):
    road = LaneRoad(tmp_path)
    road.workdir, road.platform.vague = tmp_path, vague
    road.wants(*(person(n, email=None if n in "cf" else f"{n}@x", phone=None if n == "b" else n) for n in "abcdefg"))
    row = road.run()[0]
    assert (row["accepted"], row["unproven"]) == (accepted, 7 - accepted)
    with settled_apart_at_first(road, AudienceLedger(road.lake, LANE_PAIR, time.time)) as apart:
        assert apart.is_decided == is_decided
    assert settled_again_in_sql(road, LANE_PAIR).recomputed == 1


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=4))
def test_records_of_any_lanes_come_in_the_order_of_members_and_records(lanes):
    order = [sorted((digest(f"id:{n}"), digest(f"{lane}:{n}")) for n in lane_of) for lane, lane_of in enumerate(lanes)]
    rows = [{"member_id": member, "record_id": record} for lane in order for member, record in lane]
    starts = [sum(map(len, order[:place])) for place in range(len(order) + 1)]
    taken = SimpleNamespace(runs=list(itertools.pairwise(starts)), people=np.array([0, len(rows), 0]))
    changes = pads.dataset(pa.Table.from_pylist(rows, CHANGES.arrow_schema(["member_id", "record_id"])))
    straight = Straight(changes, ["member_id", "record_id"], taken, is_dated=False)
    found = [row for some in straight.batches(["member_id", "record_id"]) for row in some.to_pylist()]
    assert [(row["member_id"], row["record_id"]) for row in found] == sorted(itertools.chain(*order))
    people = len(rows) if len(lanes) == 1 else len(set().union(*lanes))
    assert straight.counted() == {"accepted": people, "unproven": 0}


def test_only_those_who_changed_are_left_to_the_sql(tmp_path):
    road = Road(tmp_path)
    road.wants(*crowd(*"abcdef"))
    road.run()
    road.wants(*crowd(*"bcdefg"))
    road.run()
    ledger = AudienceLedger(road.lake, PAIR, time.time)
    log = ledger.last()
    changes, before = (
        road.lake.dataset(road.lake.snapshot(table, PAIR.partition, log.header[name]))
        for table, name in ((CHANGES.name, "changes"), (ACKNOWLEDGED.name, "from_state"))
    )
    with set_settled_apart(changes, before, log, tmp_path, undated=None) as apart:
        assert apart.before.to_table().column("member_id").to_pylist() == [digest("id:a")]
        assert apart.changes.to_table().column("phase").to_pylist() == ["remove"]
        assert (apart.passing.rows, apart.accepted) == (6, 1)
    assert acknowledged_state(road.lake, ledger).rows == 6
    assert not list(tmp_path.glob("settling-*"))
