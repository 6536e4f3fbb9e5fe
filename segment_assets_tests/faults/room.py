"""A delivery room with its real transport in front of a running sandbox, for the tests of faults.

The sandbox's admin endpoints tell what really ended up there; nothing in here looks into our own code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from typing import TYPE_CHECKING, Any

import httpx

from segment_assets.contracts import NeedsHumanError, SegmentAssetsError
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.run import DeliveryRoom, Errand, Report
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.destination_account import always_due
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.fakes import digest, person, publish_audience, publish_suppressions
from segment_assets_tests.faults.sides import META, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from segment_assets.contracts import Quota, Snapshot

SEGMENT = "seg"
BATCH = 50
# Past Google's 40 minutes of processing.
UNTIL_JOBS_HAVE_ENDED = 45 * 60
MOST_LOOKS = 12
FAULTS = {
    "status 500": {"kind": "status", "status": 500},
    "status 503": {"kind": "status", "status": 503},
    "throttle": {"kind": "throttle"},
    "slow": {"kind": "slow", "seconds": 0.6},
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "truncated": {"kind": "truncated"},
    "bad json": {"kind": "bad_json"},
    "expired token": {"kind": "expired_token"},
}


class Sandbox:
    """The sandbox's own view, and the faults that it is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=300, verify=False)

    def close(self) -> None:
        self._http.close()

    def admin(self, path: str, values: object) -> Any:
        return self._http.post(f"/_sandbox/{path}", json=values).raise_for_status().json()

    def reset(self) -> None:
        self.admin("reset", {})

    def faults(self, *rules: dict[str, Any]) -> None:
        self.admin("faults", list(rules))

    def hits(self) -> int:
        return sum(rule["hits"] for rule in self._get("faults"))

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        while page := self._get("requests", after=lines[-1]["sequence"] if lines else after, limit=1_000):
            lines += page
        return lines

    def audiences(self) -> list[dict[str, Any]]:
        return self._get("audiences")

    def later(self, seconds: float) -> None:
        """Move the sandbox's clock on."""
        self.admin("clock", {"offset": self._get("clock")["offset"] + seconds})

    def people(self, page: int = 100_000) -> list[dict[str, str]]:
        """Everybody in the one audience that there is, as cells."""
        audiences = self.audiences()
        assert len(audiences) <= 1, "an audience was created twice"
        found: list[dict[str, str]] = []
        while audiences:
            held = self._get(f"audiences/{audiences[0]['id']}/members", limit=page, offset=len(found))
            found += held
            if len(held) < page:
                break
        return found

    def _get(self, path: str, **params: int) -> Any:
        return self._http.get(f"/_sandbox/{path}", params=params).raise_for_status().json()


@dataclasses.dataclass
class Room:
    """One lake and one audience on the sandbox. Waiting is noted, not done."""

    folder: Path
    sandbox: Sandbox
    side: Side = META
    batch: int = BATCH
    quota: Quota | None = None
    statements: Mapping[str, str] | None = None
    timeout: float = 60.0
    refresh: Callable[[], str] | None = None
    is_impatient: bool = False
    patience: Patience = dataclasses.field(default_factory=lambda: Patience(attempts=3, longest_wait=120.0))
    waited: list[float] = dataclasses.field(default_factory=list)
    audience: Snapshot | None = None
    suppressions: Snapshot | None = None

    @property
    def pair(self) -> Pair:
        return Pair("tenant", self.side.name, self.side.account, SEGMENT)

    @property
    def lake(self) -> LocalLake:
        return LocalLake(self.folder / "lake")

    def wants(self, people: Iterable[dict]) -> None:
        self.audience = publish_audience(self.lake, SEGMENT, people)

    def opt_out(self, *named: tuple[str, bytes]) -> None:
        self.suppressions = publish_suppressions(self.lake, named)

    def run(self, sleep: Callable[[float], None] | None = None) -> Report:
        """One run; where the platform works on jobs, as many as it takes until these have ended."""
        side = self.side
        contract = dataclasses.replace(side.contract, batch_members=self.batch, quota=self.quota or side.contract.quota)
        statements = self.statements or side.statements
        # Only the sandbox's clock is moved on, so that by ours no job is ever as old as its platform advises.
        destination = always_due(side.connect(side.account, contract, statements))
        errand = Errand(self.pair, Wanted(contract, contract.forms()), "seg", statements, GuardRails(1.0), b"key")
        transport = HttpTransport(self.sandbox.url, side.token, timeout=self.timeout, refresh=self.refresh)
        rows: list[Mapping[str, Any]] = []
        with contextlib.closing(transport):
            room = DeliveryRoom(
                self.lake,
                destination,
                transport,
                workdir=self.folder / "work",
                sleep=sleep or self.waited.append,
                patience=self.patience,
            )
            for _ in range(MOST_LOOKS):
                report = room.run(errand, self.audience, self.suppressions)
                rows += report.deliveries
                if not report.waiting:
                    return dataclasses.replace(report, deliveries=rows)
                self.sandbox.later(UNTIL_JOBS_HAVE_ENDED)
        raise AssertionError("the platform's jobs never end")

    def rows(self) -> list[dict[str, Any]]:
        """The deliveries table of the pair, in order."""
        names = [name for name in self.lake.partitions("deliveries") if name.startswith(f"{self.pair.partition}/")]
        found = [self.lake.current("deliveries", name) for name in names]
        return [row for snapshot in found if snapshot for row in self.lake.dataset(snapshot).to_table().to_pylist()]

    def is_balanced(self) -> None:
        """Every delivery accounts for every person, and the chain of every delivery is whole."""
        for row in self.rows():
            assert balanced(row) == []
        for log in AudienceLedger(self.lake, self.pair, lambda: 0.0).deliveries():
            log.chain.verify()
            assert log.closed is not None


def somebody(name: str, *, email: str, phone: str) -> dict:
    """A person in the normal forms of both platforms, which differ: a form that is mixed up matches nobody."""
    theirs = {"email_gmail_folded": digest(f"google:{email}"), "phone_e164": digest(f"google:{phone}")}
    return person(name, email=email, phone=phone) | theirs


def crowd(numbers) -> list[dict]:
    return [somebody(f"p{n}", email=f"p{n}@x.example", phone=f"49{n:09d}") for n in numbers]


def holds_exactly(room: Room, numbers) -> None:
    has = room.side.holds
    wanted = {(has(f"p{n}@x.example"), has(f"49{n:09d}")) for n in numbers}
    held = [(person.get("EMAIL"), person.get("PHONE")) for person in room.sandbox.people()]
    assert len(held) == len(set(held)), "somebody is there twice"
    assert set(held) == wanted, f"{len(wanted - set(held))} people lack, {len(set(held) - wanted)} are too many"


def run_until_done(
    room: Room, *, runs: int = 5, sleep: Callable[[float], None] | None = None
) -> list[SegmentAssetsError]:
    """Repeat the run as the reconciler does; the errors of the runs that did not get through."""
    errors: list[SegmentAssetsError] = []
    for _ in range(runs):
        try:
            report = room.run(sleep)
        except SegmentAssetsError as error:
            errors.append(error)
            if isinstance(error, NeedsHumanError):
                room.sandbox.faults()
        else:
            # A batch of a delivery with jobs may have been refused, or its job have failed: it goes with the next.
            if all(row["outcome"] != "failed" for row in report.deliveries):
                return errors
    raise errors[-1] if errors else AssertionError("a delivery fails again and again")


def calls_with_people(room: Room) -> list[dict]:
    return [line for line in room.sandbox.log() if re.search(room.side.people, line["path"])]


def calls_in_the_end(room: Room, expected: int) -> list[dict]:
    """The calls that carried people. One that timed out is logged when the sandbox is through with it."""
    deadline = time.monotonic() + 3
    while True:
        calls = calls_with_people(room)
        if len(calls) >= expected or time.monotonic() > deadline:
            return calls
        time.sleep(0.05)


def strike(room: Room, name: str, nth: int, *, at: Mapping[str, str] | None = None, count: int = 1) -> None:
    if name == "slow":
        room.timeout, room.is_impatient = 0.2, True
    room.sandbox.faults({**FAULTS[name], **(at or {"path": room.side.people}), "nth": nth, "count": count})
