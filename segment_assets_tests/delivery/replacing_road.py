"""A road to a platform that has a replace of its own, for the tests of modes, replaces, refreshes and resyncs."""

from __future__ import annotations

import dataclasses
import time

from segment_assets.contracts import (
    Mode,
    Operation,
    PermanentError,
    Replacing,
    Request,
    TransientError,
)
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    person,
    publish_audience,
    publish_suppressions,
)

PAIR = Pair("tenant", "fake", "acc", "seg")
REPLACING = dataclasses.replace(CONTRACT, modes=tuple(Mode), replacing=Replacing(5_400, 1_000_000))


class Crash(BaseException):
    """Stands for kill -9: no handler of ours may see it and tidy up."""


class ReplacingPlatform(FakePlatform):
    """Keeps records apart; any one identifier takes a record out. A replace is a session, as Meta describes its own.

    The first batch takes everybody out; until the last, nothing else may edit; a first batch that comes again is
    refused. `now` is the platform's clock.
    """

    WINDOW = 5_400.0

    def __init__(self):
        super().__init__()
        self.sessions: dict[int, float | None] = {}
        self.now = 0.0
        self.emptied = 0

    def _change(self, request):
        rows = [set(row) for row in request.json["rows"]]
        self.calls.append((request.method, len(rows)))
        if request.method == "PUT":
            self._replace(request.json)
        elif any(self.open()):
            raise TransientError("fake: the audience is being replaced")
        for row in rows:
            if row & self.refuse:
                continue
            if request.method == "DELETE":
                self.people = [person for person in self.people if not person & row]
            elif row not in self.people:
                self.people.append(row)
        return {"received": len(rows), "bad": [place for place, row in enumerate(rows) if row & self.refuse]}

    def open(self):
        return [token for token, at in self.sessions.items() if at is not None and self.now <= at + self.WINDOW]

    def _replace(self, body):
        token, sequence, last = body["token"], body["seq"], body["last"]
        if token in self.sessions:
            if token not in self.open():
                raise PermanentError("fake: the session has ended")
            if sequence == 1:
                raise TransientError("fake: the audience is being replaced")
        elif sequence != 1:
            raise PermanentError("fake: the first batch was not seen")
        elif self.open():
            raise TransientError("fake: the audience is being replaced")
        else:
            self.people, self.emptied = [], self.emptied + 1
        self.sessions[token] = None if last else self.sessions.get(token) or self.now


class ReplacingDestination(FakeDestination):
    """Adds the replace to the neutral wire format."""

    def request(self, audience_id, operation, members, session):
        request = super().request(audience_id, operation, members, session)
        if operation is not Operation.REPLACE:
            return request
        return Request("PUT", request.path, json={**request.json, "token": session.token})


class Road:
    """One lake, one platform, and runs over them in whatever mode."""

    def __init__(self, folder, mode=Mode.MIRROR, contract=REPLACING):
        self.lake, self.workdir = LocalLake(folder / "lake"), folder / "work"
        self.platform, self.mode, self.contract = ReplacingPlatform(), mode, contract
        self.forms = contract.forms()
        self.audience = self.suppressions = None
        self.clock = time.time
        self.rails = GuardRails(1.0)

    def wants(self, *people):
        self.audience = publish_audience(self.lake, PAIR.segment, people)

    def opt_out(self, *named):
        self.suppressions = publish_suppressions(self.lake, named)

    @property
    def ledger(self):
        return AudienceLedger(self.lake, PAIR, self.clock)

    def run(self, **more):
        room = DeliveryRoom(
            self.lake,
            ReplacingDestination(self.contract),
            self.platform,
            workdir=self.workdir,
            clock=self.clock,
            sleep=lambda _: None,
            patience=Patience(attempts=2),
        )
        wanted = Wanted(self.contract, self.forms, mode=self.mode)
        rows = room.run(Errand(PAIR, wanted, "seg", {}, self.rails, b"key"), self.audience, self.suppressions, **more)
        for row in rows.deliveries:
            assert balanced(row) == []
        return rows.deliveries

    def names(self):
        """Who is there, by the first part of their e-mail."""
        return {name for name in "abcdefghij" if self.platform.holds(f"{name}@x")}


def crowd(names):
    return [person(name, email=f"{name}@x") for name in names]
