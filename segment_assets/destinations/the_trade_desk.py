"""The Trade Desk's Data API: people go into segments of an advertiser, one kind of identifier a request.

Belongs here: The Trade Desk's contract and wire format. Not here: ids in the place of hashes (`the_trade_desk_items`),
reading answers (`the_trade_desk_answers`), the identity map (`resources.mapped_transport`), pacing and receipts
(`delivery`).
Source: The Trade Desk's own package ttd-data 0.3.2 and its Data API description, unifiedid.com, as of autumn 2026.

The wire knows no hashed e-mail and no phone: UID2's identity map (EUID's in Europe) makes ids of both as they are sent.
A segment is a name: it comes into being with its first member and has no id, no status and no call that deletes it.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import (
    Answer,
    Contract,
    Counted,
    Encoding,
    Erasure,
    Kept,
    Limit,
    MatchKey,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    RefusedBatchError,
    Request,
    VerifiedBy,
)
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.the_trade_desk_answers import is_passing, refused_items
from segment_assets.destinations.the_trade_desk_items import hashes_in, told_in_places_of, with_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.mapping import MappedIds

_ROUTE = route("the_trade_desk", "data_api")
_UID2, _EUID = "UID2", "EUID"
_IDENTITIES = {_UID2: "https://prod.uidapi.com", _EUID: "https://prod.euid.eu"}
_OUTSIDE, _EUROPE = "OUTSIDE_EUROPE", "EUROPE"
_RESIDENTS = {_UID2: _OUTSIDE, _EUID: _EUROPE}
# Days. At least what is recommended, and at most the time for which the identity map names the id of before: after it
# nobody could be taken out of the segment by an id that has changed. The Trade Desk itself takes 180 days.
_SHORTEST_TTL, _DEFAULT_TTL, _LONGEST_TTL = 30, 90, 90

CONTRACT = Contract(
    platform="the_trade_desk",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    # An item has one identifier, and is refused or taken by itself: a lane each, so that what became of it is known.
    lanes=((MatchKey.EMAIL,), (MatchKey.PHONE,), (MatchKey.RAMP_ID,), (MatchKey.MOBILE_AD_ID,)),
    # The identity map takes 5,000 hashes. The Data API publishes no limit; a removal doubles a request at most.
    batch_members=5_000,
    # Not published. Another vendor's connector sends 2.5 MB, and a removal doubles a request at most.
    batch_bytes=1_000_000,
    # No number is published, only that few callers may work in parallel: a careful guess of ours.
    quota=Quota(requests=2, per_seconds=1),
    # Of a segment none is published.
    minimum_members=0,
    # TtlInMinutes, by default 129,600 here as there. The setting says why it is not more.
    expiry_days=_DEFAULT_TTL,
    # Inferred: the call is for an advertiser's own data, and sellers of data have another.
    first_party_only=True,
    evidence="the place and code of each item that was refused; everything else of a request was taken. Whether people "
    "are found in bidding, hours later, nothing tells",
    # `data_origin` is sent as DataOrigins: whose data it is. `residents` of Europe (EEA, UK, Switzerland) have EUIDs,
    # and nobody else has: a segment of both has to be split.
    statements={"data_origin": ("Advertiser",), "residents": (_OUTSIDE, _EUROPE)},
    keeps_people=True,
    # The identity map takes 5,000 hashes. The answer tells whom a line refuses, and of nobody else when it is done.
    erasure=Erasure(members=5_000, within_days=0, reaches="every segment of the advertiser"),
    endpoint="https://usw-data.adsrvr.org",
    token_header="TTD-Auth",  # noqa: S106 - the name of a header
    identity_map=_IDENTITIES[_UID2],
    more_limits=(
        Limit(Counted.CHARACTERS, 256, "segment", Kept.CUT, source="Data API"),
        Limit(Counted.DAYS_TO_LIVE, 180, "member", Kept.WITHIN, source="Data API; `ttl_days` says why ours are fewer"),
        Limit(Counted.IDENTIFIERS, 5_000, "call of the identity map", Kept.WITHIN, source="UID2 documentation"),
        Limit(Counted.CALLERS, 20, "identity map", Kept.ONLY_TOLD, source="UID2 documentation"),
        Limit(Counted.CALLERS, 4, "endpoint", Kept.ONLY_TOLD, source="Data API; an account is one caller"),
    ),
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="ttd-data 0.3.2 with uid2-client 2.9.0",
)

_DATA, _ERASURE = "/data/advertiser", "/data/deletion-optout/advertiser"
_ADVERTISER = re.compile(r"[A-Za-z0-9]{1,32}")
_ADDRESS = re.compile(r"https://[a-z0-9.-]+")
_MINUTES_OF_A_DAY = 1_440
_DIGEST_BYTES = 32
_SETTINGS = ("identity", "identity_map", "ttl_days")


@dataclasses.dataclass(frozen=True, slots=True)
class TradeDeskSegments:
    """One advertiser. `account` is its id, `origin` the plan's word on whose data it is.

    `identity`: the ids that people get, UID2 or EUID. `ttl_days`: after which whoever is not added again leaves.
    """

    account: str
    identity: str = _UID2
    ttl_days: int = _DEFAULT_TTL
    origin: str = ""
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ADVERTISER.fullmatch(self.account):
            raise PermanentError("the_trade_desk: account is no id of an advertiser; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The segment's name, which has our marker. Nothing is asked: there is no list of segments."""
        return self.create_audience(transport, spec)

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """The segment's name, which is all that it has. Nothing is sent: the first member makes it."""
        del transport
        return fitted(self.contract, spec.name, f" {spec.marker}")

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Nothing: there is no such call. The delivery takes everybody out instead (`Contract.keeps_people`)."""

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch of one kind of identifier, each of which goes once. A time to live of 0 takes somebody out.

        With hashes: `resources.mapped_transport` puts ids in their place.
        """
        minutes = self.ttl_days * _MINUTES_OF_A_DAY if operation is Operation.ADD else 0
        data = [{"Name": audience_id, "TtlInMinutes": minutes}]
        items = self._items(members, session, {"Data": data})
        body: dict[str, object] = {"AdvertiserId": self.account, "Items": items}
        if self.origin:
            body["DataOrigins"] = [{"Type": self.origin, "Id": self.account}]
        return Request("POST", _DATA, json=body)

    def erasure(self, members: Sequence[Member], session: Session) -> Request:
        """The call that makes The Trade Desk forget people, in whatever segment of the advertiser."""
        body = {"AdvertiserId": self.account, "RequestType": "Deletion", "Items": self._items(members, session, {})}
        return Request("POST", _ERASURE, json=body)

    def read_erasure(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """As `read`: whoever stands for nobody in the identity map is nobody to forget."""
        return self.read(members, session, response)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Whom no line names is in, or out. Raises RefusedBatchError where a line names nobody."""
        holders = list(self._holders(members, session).values())
        codes, is_complete = refused_items(response, holders, self.account)
        if not is_complete:
            # Acknowledged, a removal of theirs would be lost. What was done for the others may be done again.
            raise RefusedBatchError(
                f"the_trade_desk advertiser {self.account}: somebody is refused and not named; the batch goes in halves"
            )
        rejected = {place: code for item, code in codes.items() for place in holders[item]}
        others = len(members) - len(rejected)
        return Answer(
            received=len(members),
            accepted=others,
            rejected=rejected,
            unproven=0,
            session_received=session.received_before + len(members),
            code=str(response.status),
        )

    def hashes(self, request: Request) -> Mapping[str, Sequence[str]]:
        """As MappedDestination."""
        return hashes_in(request)

    def mapped(self, request: Request, ids: MappedIds) -> Request | None:
        """As MappedDestination."""
        return with_ids(request, ids, self.identity)

    def told(self, request: Request, ids: MappedIds, response: Response | None) -> Response:
        """As MappedDestination."""
        return told_in_places_of(request, ids, response)

    @staticmethod
    def is_passing(response: Response) -> bool:
        """As MappedDestination."""
        return is_passing(response)

    def _items(
        self, members: Sequence[Member], session: Session, more: Mapping[str, object]
    ) -> list[dict[str, object]]:
        (key,) = session.lane
        field = self.contract.match_keys[key].field
        return [{field: one, **more} for one in self._holders(members, session)]

    def _holders(self, members: Sequence[Member], session: Session) -> dict[str, list[int]]:
        """Identifier -> places of those who have it, in the order of the batch."""
        (key,) = session.lane
        sent = self.contract.match_keys[key]
        holders: dict[str, list[int]] = {}
        for place, member in enumerate(members):
            value = member.keys.get(sent.form)
            holders.setdefault(self._cell(value, sent.encoding), []).append(place)
        return holders

    @staticmethod
    def _cell(value: bytes | str | None, encoding: Encoding) -> str:
        """A cell as text. A raw value never passes for a digest, and nothing that is to be plain is a digest."""
        if encoding is Encoding.PLAIN:
            if isinstance(value, str) and value:
                return value
        elif isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
            return base64.b64encode(value).decode()
        raise PermanentError(
            "the_trade_desk: a person of the batch has not the identifier of its lane in its form; nothing was sent; "
            "report this as a defect"
        )


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> TradeDeskSegments:
    """One advertiser of the plan.

    Settings: `identity`, UID2 (the default) or EUID, which people of the EEA, the UK and Switzerland need;
    `identity_map`, an address in the place of the identity's own; `ttl_days`, after which a member leaves unless added
    again (30 to 90).
    """
    given = known_settings("the_trade_desk", settings, _SETTINGS)
    identity = given.get("identity", _UID2)
    if identity not in _IDENTITIES:
        raise PermanentError(f"the_trade_desk: identity is not one of {', '.join(_IDENTITIES)}; correct it in the plan")
    address = given.get("identity_map", _IDENTITIES[identity])
    if not _ADDRESS.fullmatch(address):
        raise PermanentError("the_trade_desk: identity_map is no address (https://...); correct it in the plan")
    days = given.get("ttl_days", str(_DEFAULT_TTL))
    if not days.isascii() or not days.isdecimal() or not _SHORTEST_TTL <= int(days) <= _LONGEST_TTL:
        raise PermanentError(
            f"the_trade_desk: ttl_days is not from {_SHORTEST_TTL} to {_LONGEST_TTL}; correct it in the plan"
        )
    stated = statements.get("residents", _RESIDENTS[identity])
    if stated != _RESIDENTS[identity]:
        raise PermanentError(
            f"the_trade_desk: residents {stated} cannot get {identity}s; name the other identity in the settings of an "
            "account of its own"
        )
    contract = dataclasses.replace(CONTRACT, identity_map=address, expiry_days=int(days))
    return TradeDeskSegments(account, identity, int(days), statements.get("data_origin", ""), contract)
