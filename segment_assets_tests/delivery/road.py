"""One lake, one fake platform and runs over them, for the tests of the delivery room."""

from __future__ import annotations

import time

from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    marked,
    person,
    publish_audience,
    publish_suppressions,
)

PAIR = Pair("tenant", "fake", "acc", "seg")


class Crash(BaseException):
    """Stands for kill -9: no handler of ours may see it and tidy up."""


class Road:
    """One lake, one platform, and runs over them."""

    def __init__(self, tmp_path, *, rails=None):
        self.lake = LocalLake(tmp_path / "lake")
        self.platform = FakePlatform()
        self.rails = rails or GuardRails(max_removal_share=1.0)
        self.workdir = tmp_path / "work"
        self.suppressions = None
        self.audience = None

    def wants(self, *people):
        self.audience = publish_audience(self.lake, PAIR.segment, people)

    def opt_out(self, *named):
        self.suppressions = publish_suppressions(self.lake, named)

    def run(self, **changes):
        room = DeliveryRoom(
            self.lake,
            FakeDestination(),
            self.platform,
            workdir=self.workdir,
            clock=changes.pop("clock", time.time),
            sleep=lambda _: None,
            patience=Patience(attempts=3),
        )
        wanted = Wanted(CONTRACT, CONTRACT.forms())
        errand = Errand(PAIR, wanted, "seg", {}, changes.pop("rails", self.rails), b"key")
        report = room.run(errand, self.audience, self.suppressions, **changes)
        for row in report.deliveries:
            assert balanced(row) == []
        return report

    def expected(self, *people):
        assert self.platform.identifiers == {marked(i) for i in people}


def crowd(*names, **more):
    return [person(name, email=f"{name}@x", **more) for name in names]
