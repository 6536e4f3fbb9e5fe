"""Snapchat customer lists: people go into a segment of an ad account, one kind of identifier per request.

Belongs here: Snap's contract and wire format. Not here: reading its answers (`snapchat_answers`), pacing, retries,
receipts (`delivery`).
Source: Snap's Marketing API, "Customer Lists", "Rate limits" and "API patterns", as of autumn 2026. There is no
official package for these calls. Other vendors' connectors tell that a removal names the segment in its body too, and
that one segment takes all kinds of identifiers; some fill it with one kind only, as `match_keys` of an activation can.

Segments are made for life (9999 days): that a member who is added again stays longer is told nowhere.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    Contract,
    Counted,
    Kept,
    Limit,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    TransientError,
)
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.pages import Page, walked
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.snapchat_answers import entities, next_page, size_report, uploaded_users
from segment_assets.destinations.templates import holders_once, json_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("snapchat", "customer_list")

CONTRACT = Contract(
    platform="snapchat",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    lanes=tuple((key,) for key in _ROUTE.match_keys),
    # Identifiers, which is people here: a request holds one of each.
    batch_members=100_000,
    # Snap publishes no limit in bytes; a full batch is 6.9 MB.
    batch_bytes=8_000_000,
    # Of one access token, on average.
    quota=Quota(requests=10, per_seconds=1),
    # Matched users, below which a segment is not served.
    minimum_members=1_000,
    expiry_days=None,
    expires_by_audience=True,
    # Snap's page: a customer list is made from the advertiser's own data.
    first_party_only=True,
    evidence="how many identifiers of a request were taken, nobody by name; the size of the segment shows how many are "
    "matched, up to two days later",
    statements={"source_type": ("FIRST_PARTY",)},
    endpoint="https://adsapi.snapchat.com",
    more_limits=(
        Limit(Counted.CHARACTERS, 375, "segment", Kept.CUT, source="Customer Lists"),
        Limit(Counted.REQUESTS_A_SECOND, 20, "app", Kept.ONLY_TOLD, source="Rate limits"),
    ),
)

# Or a number: what stands for the account in a preview without one.
_ACCOUNT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{1,20}")
_ID = re.compile(r"[0-9A-Za-z-]{1,40}")
_LIFETIME_DAYS = 9999
# The most that Snap gives.
_PAGE = "1000"
_DIGEST_BYTES = 32
_METHODS = {Operation.ADD: "POST", Operation.REMOVE: "DELETE"}


@dataclasses.dataclass(frozen=True, slots=True)
class SnapchatCustomerLists:
    """One ad account. `account` is its UUID."""

    account: str
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise PermanentError(f"snapchat: account {self.account!r} is no UUID; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The account's segment whose description carries our marker. Names are not looked at."""
        for segment in self._segments(transport):
            if spec.marker in str(segment.get("description", "")):
                return self._id_of(segment)
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty segment. `statements` holds `source_type`, the plan's word that the data are first-party."""
        segment = {
            "name": fitted(self.contract, spec.name),
            "description": f"segment_assets {spec.marker}",
            "source_type": spec.statements["source_type"],
            "retention_in_days": _LIFETIME_DAYS,
            "ad_account_id": self.account,
        }
        response = transport.send(Request("POST", self._path, json={"segments": [segment]}))
        return self._id_of(self._segment_of(response))

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete a segment with everybody in it. One that is gone already is fine."""
        response = transport.send(Request("DELETE", f"/v1/segments/{audience_id}"))
        if response.status != HTTPStatus.NOT_FOUND:
            self._segments_of(response)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch of one kind of identifier, each identifier once. A removal is a DELETE with a body."""
        (key,) = session.lane
        sent = self.contract.match_keys[key]
        people = holders_once(members, sent.form)
        data = json_records(people, lambda member: [_digest(member, sent.form)])
        user: dict[str, Any] = {"schema": [sent.field], "data": data}
        if operation is Operation.REMOVE:
            user["id"] = audience_id
        return Request(_METHODS[operation], f"/v1/segments/{audience_id}/users", json={"users": [user]})

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Snap counts the identifiers that it took. Of those that lack we know no owner: as many people are unproven.

        Raises RefusedBatchError where the request is refused, since Snap names nobody.
        """
        uploaded = uploaded_users(response, self.account)
        (key,) = session.lane
        form = self.contract.match_keys[key].form
        lacking = max(0, len(holders_once(members, form)) - uploaded)
        # An identifier that two people share may be the one that lacks: the most that can be unproven.
        owners = collections.Counter(member.keys[form] for member in members) if lacking else collections.Counter()
        unproven = sum(people for _, people in owners.most_common(lacking))
        return Answer(
            received=len(members) - unproven,
            accepted=len(members) - unproven,
            rejected={},
            unproven=unproven,
            session_received=session.received_before + len(members) - unproven,
            code=str(response.status),
        )

    def size_request(self, audience_id: str) -> Request:
        """The call that asks how large a segment is."""
        return Request("GET", f"/v1/segments/{audience_id}")

    def read_size(self, response: Response) -> SizeReport:
        """Size and state of a segment. Raises as `read` does."""
        return size_report(self._segment_of(response))

    def _segments(self, transport: Transport) -> Iterator[Mapping[str, Any]]:
        """The account's segments, page by page."""

        def ask(params: Mapping[str, str]) -> Page:
            response = transport.send(Request("GET", self._path, params=params))
            return Page(self._segments_of(response), next_page(response))

        return walked(ask, {"limit": _PAGE}, f"snapchat account {self.account}")

    def _segments_of(self, response: Response) -> Sequence[Mapping[str, Any]]:
        return entities(response, self.account, "segments", "segment")

    def _segment_of(self, response: Response) -> Mapping[str, Any]:
        """The one segment that was asked for or made; nothing where the answer has none."""
        return next(iter(self._segments_of(response)), {})

    @property
    def _path(self) -> str:
        return f"/v1/adaccounts/{self.account}/segments"

    def _id_of(self, segment: Mapping[str, Any]) -> str:
        told = segment.get("id")
        if not isinstance(told, str) or not _ID.fullmatch(told):
            raise TransientError(
                f"snapchat account {self.account}: a segment came without its id; it is looked for again"
            )
        return told


def _digest(member: Member, form: str) -> str:
    """The digest of a member. A raw value never passes for one."""
    value = member.keys.get(form)
    if not isinstance(value, bytes) or len(value) != _DIGEST_BYTES:
        raise PermanentError("snapchat: a member of the batch has no SHA-256 digest of its kind; nothing was sent")
    return value.hex()


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> SnapchatCustomerLists:
    """One ad account of the plan. It has no settings; the statement is needed for the creation alone."""
    del statements
    known_settings("snapchat", settings, ())
    return SnapchatCustomerLists(account.lower())
