"""Criteo contact-list segments: people go into a segment of an advertiser, one kind of identifier per request.

Belongs here: Criteo's contract and wire format. Not here: reading answers (`criteo_answers`), pacing, retries,
receipts (`delivery`).
Source: developers.criteo.com (marketing solutions: audience segments, contact lists, versions, rate limits, types of
errors) and criteo-api-marketingsolutions-sdk 2027.1.0.261026, as of autumn 2026.

A segment is found by ads only once it is part of an audience, which a person puts together in Commerce Growth. Criteo
replaces a list by emptying it first, so that nobody would be in it for a while: we send the difference instead. E-mails
go as SHA-256, the form to which Criteo is moving its graph; the case of mobile ad ids is not documented.

Tokens live for 15 minutes and there is no refresh token: the account's secret holds `grant_type: client_credentials`
with id and secret of the app.
"""

from __future__ import annotations

import dataclasses
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    Contract,
    Encoding,
    MatchKey,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    TransientError,
    VerifiedBy,
)
from segment_assets.destinations.criteo_answers import accepted, counted, is_gone, listed, size_report
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.templates import holders_once, json_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("criteo", "sha256")

# Of one app that signs in with its own credentials, so accounts of one app share it; of one account where the
# advertiser authorised somebody else's app.
_QUOTAS = {
    "client_credentials": Quota(requests=250, per_seconds=60),
    "authorization_code": Quota(requests=10, per_seconds=60),
}
_OWN_APP = "client_credentials"

CONTRACT = Contract(
    platform="criteo",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    lanes=((MatchKey.EMAIL,), (MatchKey.MOBILE_AD_ID,), (MatchKey.RAMP_ID,), (MatchKey.PHONE,)),
    batch_members=50_000,
    # Not published; told by another vendor. A full batch is below it.
    batch_bytes=10_000_000,
    quota=_QUOTAS[_OWN_APP],
    # Inferred: with fewer matches a segment is hardly ever served. Criteo publishes no minimum.
    minimum_members=1_000,
    expiry_days=None,
    # Criteo's guidelines ask for information and consent; that partners' data is excluded was not read anywhere.
    first_party_only=False,
    evidence="how many identifiers of a request are valid, and some of those that are not; matches show a day later",
    endpoint="https://api.criteo.com",
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="criteo-api-marketingsolutions-sdk 2027.1.0.261026",
)

_ID = re.compile(r"[0-9]{1,20}")
_VERSION = re.compile(r"20[0-9]{2}-(?:01|04|07|10)")
_STABLE_VERSION = "2026-07"
_TYPE = "AudienceSegment"
_PAGE = 100
# A walk through more segments than an advertiser can have would be a page that repeats itself.
_PAGES = 1_000
_DIGEST_BYTES = 32
_SETTINGS = ("api_version", "grant")


@dataclasses.dataclass(frozen=True, slots=True)
class CriteoContactLists:
    """One advertiser. `account` is its number.

    `api_version` (YYYY-MM) is a setting, since each lives for about a year.
    """

    account: str
    api_version: str = _STABLE_VERSION
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        for name, pattern in (("account", _ID), ("api_version", _VERSION)):
            if not pattern.fullmatch(getattr(self, name)):
                raise PermanentError(f"criteo: {name} {getattr(self, name)!r} has not its form; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The advertiser's contact list whose description carries our marker. Names are not looked at."""
        for segment in self._segments(transport, {"advertiserIds": [self.account]}):
            attributes = segment.get("attributes")
            if isinstance(attributes, dict) and spec.marker in str(attributes.get("description", "")):
                return self._id_of(segment)
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty contact list. Criteo refuses a second one of the same name."""
        attributes = {
            "advertiserId": self.account,
            "name": spec.name,
            "description": f"segment_assets {spec.marker}",
            "contactList": {},
        }
        body = {"data": [{"attributes": attributes, "type": _TYPE}]}
        made = accepted(transport.send(Request("POST", f"{self._base}/create", json=body)), self.account)
        return self._id_of(next(iter(listed(made, self.account)[0]), {}))

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Take everybody out, then delete the segment: nobody is left in one that an audience holds on to."""
        response = transport.send(Request("DELETE", f"{self._base}/{audience_id}/contact-list"))
        if response.status == HTTPStatus.NOT_FOUND:
            # So is an address of a version that is no more.
            self._must_be_gone(transport, audience_id)
            return
        accepted(response, self.account)
        body = {"data": [{"id": audience_id, "type": _TYPE}]}
        response = transport.send(Request("POST", f"{self._base}/delete", json=body))
        if not is_gone(response):
            accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch of one kind of identifier, each of which goes once, whoever shares it."""
        sent = self.contract.match_keys[self._key(session)]
        people = holders_once(members, sent.form)
        attributes = {
            "operation": _OPERATIONS[operation],
            "identifierType": sent.field,
            "identifiers": json_records(people, lambda one: self._cell(one.keys.get(sent.form), sent.encoding)),
        }
        body = {"data": {"type": "ContactlistAmendment", "attributes": attributes}}
        return Request("PATCH", f"{self._base}/{audience_id}/contact-list", json=body)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Count what the answer proves. Criteo shows some of the invalid; whose the others are is unproven."""
        valid, invalid, shown = counted(accepted(response, self.account, has_people=True), self.account)
        if valid >= len(members) and not shown:
            # As many as nobody shares: there is nothing to look for.
            return self._answer(members, session, response, {}, 0)
        holders = self._holders(members, session)
        found = shown & holders.keys()
        named = found if len(found) <= invalid else frozenset[str]()
        rejected = {place: "invalid_identifier" for one in named for place in holders[one]}
        unknown = max(0, len(holders) - valid - len(named))
        # At worst those that most people share.
        shares = sorted((len(places) for one, places in holders.items() if one not in named), reverse=True)
        return self._answer(members, session, response, rejected, sum(shares[:unknown]))

    @staticmethod
    def _answer(
        members: Sequence[Member], session: Session, response: Response, rejected: Mapping[int, str], unproven: int
    ) -> Answer:
        return Answer(
            received=len(members),
            accepted=len(members) - len(rejected) - unproven,
            rejected=rejected,
            unproven=unproven,
            session_received=session.received_before + len(members),
            code=str(response.status),
        )

    def size_request(self, audience_id: str) -> Request:
        """The call that asks how many people of a list Criteo has matched."""
        return Request("GET", f"{self._base}/{audience_id}/contact-list/statistics")

    def read_size(self, response: Response) -> SizeReport:
        """Matches so far. Raises as `read` does."""
        return size_report(accepted(response, self.account), self.contract.minimum_members)

    def _segments(self, transport: Transport, wanted: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Contact lists, page by page."""
        body = {"data": {"type": _TYPE, "attributes": {**wanted, "audienceSegmentTypes": ["ContactList"]}}}
        offset = 0
        for _ in range(_PAGES):
            params = {"limit": str(_PAGE), "offset": str(offset)}
            request = Request("POST", f"{self._base}/search", json=body, params=params)
            segments, total = listed(accepted(transport.send(request), self.account), self.account)
            yield from segments
            offset += len(segments)
            if not segments or (total is not None and offset >= total):
                return

    def _must_be_gone(self, transport: Transport, audience_id: str) -> None:
        wanted = {"audienceSegmentIds": [audience_id]}
        if any(str(segment.get("id")) == audience_id for segment in self._segments(transport, wanted)):
            raise TransientError(
                f"criteo account {self.account}: the segment is listed and not to be emptied yet; it is asked again"
            )

    def _holders(self, members: Sequence[Member], session: Session) -> dict[str, list[int]]:
        """Identifier -> places of those who have it, in the order of the batch."""
        sent = self.contract.match_keys[self._key(session)]
        holders: dict[str, list[int]] = {}
        for place, member in enumerate(members):
            holders.setdefault(self._cell(member.keys.get(sent.form), sent.encoding), []).append(place)
        return holders

    def _cell(self, value: bytes | str | None, encoding: Encoding) -> str:
        """A cell as text. A raw value never passes for a digest, and nothing that is to be plain is a digest."""
        if encoding is Encoding.PLAIN:
            if isinstance(value, str) and value:
                return value
        elif isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
            return value.hex()
        raise PermanentError(
            f"criteo account {self.account}: a person of the batch has not the identifier of its lane in its form; "
            "nothing was sent; report this as a defect"
        )

    @staticmethod
    def _key(session: Session) -> MatchKey:
        (key,) = session.lane
        return key

    @property
    def _base(self) -> str:
        return f"/{self.api_version}/marketing-solutions/audience-segments"

    def _id_of(self, segment: Mapping[str, Any]) -> str:
        number = str(segment.get("id", ""))
        if not _ID.fullmatch(number):
            raise TransientError(
                f"criteo account {self.account}: a segment came without its id; it is looked for again"
            )
        return number


_OPERATIONS = {Operation.ADD: "add", Operation.REMOVE: "remove"}


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> CriteoContactLists:
    """One advertiser of the plan. It asks for no statements.

    Settings: `api_version`; `grant`, by which the app signs in (`client_credentials`, or `authorization_code` for an
    app of somebody else's, which may ask far less often).
    """
    del statements
    given = known_settings("criteo", settings, _SETTINGS)
    quota = _QUOTAS.get(given.get("grant", _OWN_APP))
    if quota is None:
        raise PermanentError(f"criteo: grant is not one of {', '.join(_QUOTAS)}; correct it in the plan")
    contract = dataclasses.replace(CONTRACT, quota=quota)
    return CriteoContactLists(account, given.get("api_version", _STABLE_VERSION), contract)
