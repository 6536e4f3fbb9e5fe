"""Stand-ins that several tests share: a platform that keeps people, a transport to it, an audience writer.

The platform here is deliberately unlike our sandbox and our connector: it understands neutral requests and keeps
people merged by any shared identifier, the least forgiving way in which a platform may behave.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa

from segment_assets.contracts import (
    Answer,
    AudienceSpec,
    Contract,
    MatchKey,
    Member,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    Response,
    Sent,
    Session,
    TransientError,
    Transport,
)
from segment_assets.tables import HASHED_AUDIENCE, SUPPRESSIONS

CONTRACT = Contract(
    platform="fake",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys={
        MatchKey.EMAIL: Sent("email", "email"),
        MatchKey.PHONE: Sent("phone", "phone_digits"),
        MatchKey.MOBILE_AD_ID: Sent("maid", "mobile_ad_id"),
    },
    match_groups=((MatchKey.EMAIL,), (MatchKey.PHONE,), (MatchKey.MOBILE_AD_ID,)),
    identifying=(MatchKey.EMAIL, MatchKey.PHONE, MatchKey.MOBILE_AD_ID),
    batch_members=3,
    batch_bytes=1_000_000,
    quota=Quota(requests=10_000, per_seconds=1),
    minimum_members=0,
    expiry_days=None,
    first_party_only=False,
    evidence="counts",
)


class FakePlatform:
    """People, each a set of identifiers. Whoever shares an identifier with a record is that person."""

    def __init__(self) -> None:
        self.people: list[set[str]] = []
        self.calls: list[tuple[str, int]] = []
        self.audiences: list[str] = []
        self.before: Callable[[int], None] = lambda call: None
        self.after: Callable[[int], None] = lambda call: None
        self.refuse: set[str] = set()
        self.takes_out_the_refused = True

    def send(self, request: Request) -> Response:
        self.before(len(self.calls))
        if (request.method, request.path) == ("DELETE", "/audiences"):
            self.people, answer = [], {}
        elif request.path == "/audiences":
            self.audiences.append(request.json["marker"])
            answer: object = {"id": "a1"}
        else:
            answer = self._change(request)
        self.after(len(self.calls) - 1)
        return Response(200, {}, answer)

    def _change(self, request: Request) -> dict:
        rows = [set(row) for row in request.json["rows"]]
        self.calls.append((request.method, len(rows)))
        bad = [place for place, row in enumerate(rows) if row & self.refuse]
        for place, row in enumerate(rows):
            if place in bad and not self.takes_out_the_refused:
                continue
            touched = [person for person in self.people if person & row]
            self.people = [person for person in self.people if not person & row]
            if request.method == "POST" and place not in bad:
                self.people.append(row.union(*touched))
        return {"received": len(rows), "bad": bad}

    def holds(self, *identifiers: str) -> bool:
        return any(person & {marked(i) for i in identifiers} for person in self.people)

    @property
    def identifiers(self) -> set[str]:
        return set().union(*self.people)


@dataclasses.dataclass
class FakeDestination:
    """The neutral wire format of FakePlatform."""

    contract: Contract = CONTRACT

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        return "a1" if spec.marker in transport.audiences else None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        return transport.send(Request("POST", "/audiences", json={"marker": spec.marker})).json["id"]

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        transport.send(Request("DELETE", "/audiences"))

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        rows = [[_text(value) for value in member.keys.values()] for member in members]
        method = "POST" if operation is Operation.ADD else "DELETE"
        return Request(method, f"/{audience_id}", json={"rows": rows, "seq": session.sequence, "last": session.last})

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        if response.status == 429:
            raise TransientError("fake: throttled", retry_after=0.0)
        if response.status >= 400:
            raise PermanentError("fake: refused; change the request")
        bad = dict.fromkeys(response.json["bad"], "bad")
        return Answer(len(members), len(members) - len(bad), bad, 0, 0, "200")


def _text(value: bytes | str) -> str:
    return value.hex() if isinstance(value, bytes) else value


def digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


def marked(value: str) -> str:
    return digest(value).hex()


def person(name: str, *, email: str | None = None, phone: str | None = None, eligibility: str = "eligible") -> dict:
    """A row of hashed_audience for tests."""
    row = dict.fromkeys(HASHED_AUDIENCE.column_names())
    row |= {"member_id": digest(f"id:{name}"), "cluster_id": digest(f"id:{name}"), "eligibility": eligibility}
    row |= {"email": digest(email) if email else None, "phone_digits": digest(phone) if phone else None}
    return row


def publish_audience(lake, segment: str, people: Iterable[Mapping], stats: Mapping | None = None):
    rows = sorted(people, key=lambda row: row["member_id"])
    writer = lake.writer("hashed_audience", segment)
    writer.write(pa.Table.from_pylist(rows, HASHED_AUDIENCE.arrow_schema()))
    return writer.publish(stats or {})


def publish_suppressions(lake, named: Iterable[tuple[str, bytes]]):
    now = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    rows = [{"kind": kind, "digest": value, "opted_out_at": now} for kind, value in sorted(named)]
    writer = lake.writer("suppressions", "all")
    writer.write(pa.Table.from_pylist(rows, SUPPRESSIONS.arrow_schema()))
    return writer.publish({})
