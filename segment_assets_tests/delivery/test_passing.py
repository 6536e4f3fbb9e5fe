"""Whom a settlement has nothing to decide about passes by the SQL, and the new state is the same without that.

The yardstick: each delivery is settled again over a lake that gives the changes in another order, so that nobody can be
set apart, and `verify` holds every row, the state and the accounting against each other.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import time

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
from segment_assets.delivery.verifying import Verifier
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import ACKNOWLEDGED, CHANGES
from segment_assets_tests.delivery.test_delivery import PAIR, Crash, Road, crowd
from segment_assets_tests.fakes import CONTRACT, FakeDestination, digest, marked, person


class Upended(LocalLake):
    """Gives the rows of `changes` the other way round."""

    def dataset(self, snapshot):
        rows = super().dataset(snapshot)
        if snapshot.table != CHANGES.name:
            return rows
        table = rows.to_table()
        return pads.dataset(table.take(list(range(table.num_rows))[::-1]))


def settled_again_in_sql(road):
    @contextlib.contextmanager
    def scratch():
        place = road.workdir / "scratch"
        yield Upended(place)
        shutil.rmtree(place, ignore_errors=True)

    return Verifier(road.lake, scratch, road.workdir, time.time()).verify(PAIR)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, derandomize=True)
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
