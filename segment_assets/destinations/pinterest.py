"""Pinterest customer lists: digests of e-mails and mobile ad ids go into one list, and an audience is made of the list.

Belongs here: Pinterest's contract and wire format. Not here: reading answers (`pinterest_answers`), sizes
(`pinterest_size`), pacing, retries, receipts (`delivery`).
Source: Pinterest's own OpenAPI description of v5 (5.23.0), pinterest-api-sdk 0.2.7, the guide "Create audiences", as of
autumn 2026. Adobe's connector, which Pinterest made, puts e-mails and mobile ad ids into one list as well. How many
records a request may have is not published.

Two things are Pinterest's own. A list cannot be made empty: it begins with one digest that is nobody's, made of our
marker, so that a creation without an answer can be found again and repeats nobody. And a list is of no use before an
audience is made of it, for which the texts disagree on whether a list may have fewer than a hundred people: see the
setting `audience`. No call deletes a list; when its audience is removed and the list stays, a person is asked.

An app begins with trial access, which has 1,000 requests a day. The setting `access` of an account says what the app
has: `trial`, which is assumed without it, or `standard`. Whether accounts that one app reaches share a day is not told,
so each is counted by itself.

The account's secret holds a refresh token that changes with each renewal, and `client_auth: basic`, since Pinterest
takes id and secret of the app in a header only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    Contract,
    MatchKey,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    TransientError,
    VerifiedBy,
)
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.pinterest_answers import accepted, code_of, page_of
from segment_assets.destinations.pinterest_size import size_report
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.templates import joined_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("pinterest", "customer_list")
_TRIAL = "trial"
# A minute's are for writing with standard access; its number is not published for v5. It was 400 a minute in v4.
_QUOTAS = {
    _TRIAL: Quota(requests=300, per_seconds=60, per_day=1_000),
    "standard": Quota(requests=300, per_seconds=60),
}

CONTRACT = Contract(
    platform="pinterest",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    readings=_ROUTE.readings(),
    # Not published. Another vendor sends 10,000 records or 1 MB at a time; a person has up to two records.
    batch_members=5_000,
    batch_bytes=1_000_000,
    quota=_QUOTAS[_TRIAL],
    minimum_members=100,
    expiry_days=None,
    # The ad data terms ask for disclosure and consent; that partners' data is excluded was not read anywhere.
    first_party_only=False,
    evidence="a status of the list as a whole; its counters count what was sent, not who was found",
    endpoint="https://api.pinterest.com",
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="pinterest-api-sdk 0.2.7",
)

_ID = re.compile(r"[0-9]{1,18}")
_PAGE = 250
# A walk through more pages than an account can fill would be a bookmark that leads back.
_PAGES = 1_000
_MARKER_DIGITS = 16
_DIGEST_BYTES = 32
_ATTEMPT, _BY_HAND = "attempt", "by_hand"
_SETTINGS = ("access", "audience", *CONTRACT.readings)


@dataclasses.dataclass(frozen=True, slots=True)
class PinterestCustomerLists:
    """One ad account. `account` is its number.

    An audience's id is that of its list, and behind a slash that of the audience which was made of it.
    `audience`: `attempt` (the default) makes one with the list; where Pinterest refuses, because so few people are in
    it, the delivery goes on and a person makes the audience in Ads Manager once the list is ready, of which the list's
    size warns until there is one. `by_hand` leaves it to a person from the start, and warns of nothing.
    """

    account: str
    audience: str = _ATTEMPT
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.account):
            raise PermanentError(f"pinterest: account {self.account!r} is not a number; correct it in the plan")
        if self.audience not in {_ATTEMPT, _BY_HAND}:
            raise PermanentError(f"pinterest: audience {self.audience!r} is not one of {_ATTEMPT}, {_BY_HAND}")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The account's list whose name ends with our marker, and the audience made of it; made now where it lacks."""
        for customer_list in self._walked(transport, self._lists):
            if str(customer_list.get("name", "")).endswith(_mark(spec)):
                list_id = self._id_of(customer_list)
                known = next(self._made_of(transport, list_id), None)
                return f"{list_id}/{known}" if known else self._with_audience(transport, spec, list_id)
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create a list that holds nobody's digest, and an audience of it. Our marker stands at the end of the name."""
        nobody = hashlib.sha256(f"segment_assets {spec.marker}".encode()).hexdigest()
        list_type = self.contract.match_keys[MatchKey.EMAIL].field
        body = {"name": f"{spec.name} {_mark(spec)}", "list_type": list_type, "records": nobody}
        made = accepted(transport.send(Request("POST", self._lists, json=body)), self.account)
        return self._with_audience(transport, spec, self._id_of(made))

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Remove every audience made of a list. Raises NeedsHumanError where the list itself stays."""
        list_id, _, own = audience_id.partition("/")
        for audience in dict.fromkeys([*filter(None, [own]), *self._made_of(transport, list_id)]):
            removal = Request("PATCH", f"{self._audiences}/{audience}", json={"operation_type": "REMOVE"})
            response = transport.send(removal)
            if response.status != HTTPStatus.NOT_FOUND:
                accepted(response, self.account)
        response = transport.send(Request("GET", f"{self._lists}/{list_id}"))
        if response.status != HTTPStatus.NOT_FOUND:
            accepted(response, self.account)
            raise NeedsHumanError(
                f"pinterest account {self.account}: no audience is made of list {list_id} any more, but Pinterest has "
                "no call that deletes the list itself, with whom it matched; delete it in Ads Manager, or name "
                "on_removal: empty in the plan to take everybody out"
            )

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch: all digests of its people in one text, with commas between them."""
        del session  # a request stands alone here
        records = joined_texts(members, lambda member: ",".join(self._records(member)))
        path = f"{self._lists}/{audience_id.partition('/')[0]}"
        return Request("PATCH", path, json={"operation_type": _OPERATIONS[operation], "records": records})

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """The list as it is now is all there is, so nobody is proven. What it says of errors goes beside the status."""
        body = accepted(response, self.account, has_people=True)
        return Answer(
            received=len(members),
            accepted=0,
            rejected={},
            unproven=len(members),
            session_received=session.received_before + len(members),
            code="/".join(filter(None, [str(response.status), code_of(body.get("exceptions"))])),
        )

    def size_request(self, audience_id: str) -> Request:
        """The call that asks about the audience, or about its list where no audience was made of it."""
        list_id, _, audience = audience_id.partition("/")
        return Request("GET", f"{self._audiences}/{audience}" if audience else f"{self._lists}/{list_id}")

    def read_size(self, response: Response) -> SizeReport:
        """Size and state, and what a person has to do for a list without an audience. Raises as `read` does."""
        return size_report(accepted(response, self.account), is_left_to_a_person=self.audience == _BY_HAND)

    def ask_size(self, transport: Transport, audience_id: str) -> SizeReport:
        """As a person may have made the audience since, it is looked for where none was made with the list."""
        list_id, _, audience = audience_id.partition("/")
        audience = audience or next(self._made_of(transport, list_id), "")
        known = f"{list_id}/{audience}" if audience else list_id
        return self.read_size(transport.send(self.size_request(known)))

    def _with_audience(self, transport: Transport, spec: AudienceSpec, list_id: str) -> str:
        """The list's id, with that of an audience made of it where it may be made."""
        if self.audience == _BY_HAND:
            return list_id
        body = {
            "audience_type": "CUSTOMER_LIST",
            "name": f"{spec.name} {_mark(spec)}",
            "description": f"segment_assets {spec.marker}",
            "rule": {"customer_list_id": list_id},
        }
        response = transport.send(Request("POST", self._audiences, json=body))
        if response.status == HTTPStatus.BAD_REQUEST:
            return list_id
        return f"{list_id}/{self._id_of(accepted(response, self.account))}"

    def _made_of(self, transport: Transport, list_id: str) -> Iterator[str]:
        """The audiences that are made of a list, also those that a person made."""
        for audience in list(self._walked(transport, self._audiences)):
            rule = audience.get("rule")
            if isinstance(rule, dict) and rule.get("customer_list_id") == list_id:
                yield self._id_of(audience)

    def _walked(self, transport: Transport, path: str) -> Iterator[Mapping[str, Any]]:
        """A collection of the account, the newest first, page by page."""
        params = {"page_size": str(_PAGE), "order": "DESCENDING"}
        for _ in range(_PAGES):
            page = accepted(transport.send(Request("GET", path, params=params)), self.account)
            items, bookmark = page_of(page, self.account)
            yield from items
            if not bookmark:
                return
            params = {**params, "bookmark": bookmark}

    def _records(self, member: Member) -> list[str]:
        cells = [member.keys.get(self.contract.match_keys[key].form) for key in self.contract.identifying]
        records = [cell.hex() for cell in cells if isinstance(cell, bytes) and len(cell) == _DIGEST_BYTES]
        if not records or len(records) != sum(1 for cell in cells if cell):
            raise PermanentError(
                f"pinterest account {self.account}: a person of the batch has no digest, or something else than one; "
                "nothing was sent; report this as a defect"
            )
        return records

    @property
    def _lists(self) -> str:
        return f"/v5/ad_accounts/{self.account}/customer_lists"

    @property
    def _audiences(self) -> str:
        return f"/v5/ad_accounts/{self.account}/audiences"

    def _id_of(self, told: Mapping[str, Any]) -> str:
        number = told.get("id")
        if not isinstance(number, str) or not _ID.fullmatch(number):
            raise TransientError(
                f"pinterest account {self.account}: a list or audience came without its id; it is looked for again"
            )
        return number


_OPERATIONS = {Operation.ADD: "ADD", Operation.REMOVE: "REMOVE"}


def _mark(spec: AudienceSpec) -> str:
    return spec.marker[:_MARKER_DIGITS]


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> PinterestCustomerLists:
    """One ad account of the plan. It asks for no statements.

    Settings: `audience`; `access`, which Pinterest has given the app (`trial` without it: a thousand requests a day do
    for five million people, and more would be refused; or `standard`).
    """
    del statements
    given = known_settings("pinterest", settings, _SETTINGS)
    quota = _QUOTAS.get(given.get("access", _TRIAL))
    if quota is None:
        raise PermanentError(f"pinterest: access is not one of {', '.join(_QUOTAS)}; correct it in the plan")
    contract = dataclasses.replace(CONTRACT, quota=quota)
    return PinterestCustomerLists(account, given.get("audience", _ATTEMPT), contract)
