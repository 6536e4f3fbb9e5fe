"""Microsoft Advertising customer match: e-mails go into a customer list of an account, batch by batch (Apply).

Belongs here: Microsoft's contract and wire format. Not here: reading answers (`microsoft_ads_answers`), pacing,
retries, receipts (`delivery`).
Source: learn.microsoft.com (Campaign Management v13: CustomerList, CustomerListUserData, GetAudiencesByIds; help 56921)
and Microsoft's own package msads 13.0.30.1, as of autumn 2026.

Only e-mails are sent. The API has words for phones and CRM ids too, but Microsoft's help asks for e-mails alone and its
PHP package calls the other two not supported yet; nothing tells how they are written.
Apply has a Replace: over several requests it would keep the last one alone, so the difference is sent instead.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    Contract,
    Counted,
    Kept,
    Limit,
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
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.microsoft_ads_answers import (
    accepted,
    is_throttle,
    listed,
    partial_errors,
    refusal_of_part,
    refused_items,
    size_report,
)
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("microsoft_ads")

CONTRACT = Contract(
    platform="microsoft_ads",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys={MatchKey.EMAIL: _ROUTE.match_keys[MatchKey.EMAIL]},
    match_groups=((MatchKey.EMAIL,),),
    identifying=(MatchKey.EMAIL,),
    readings=_ROUTE.readings(MatchKey.EMAIL),
    # Microsoft publishes none for Apply; a thousand is what another vendor's connector sends.
    batch_members=1_000,
    # Not published either; a full batch is 70 kB.
    batch_bytes=500_000,
    # Calls in a minute are limited (117) and the limit is told nowhere: a careful guess of ours.
    quota=Quota(requests=60, per_seconds=60),
    # Matched people, below which a list is not used.
    minimum_members=300,
    # The longest that a list may keep a member; without a word it is 30. That adding again renews it is inferred.
    expiry_days=390,
    expires_by_audience=True,
    # Help 56921: third-party data cannot be used for customer match.
    first_party_only=True,
    evidence="the place and code of each item that was refused; everything else of a request succeeded. Sizes show up "
    "to 48 hours later",
    # False would reject the terms; that they were accepted once on Microsoft's pages, a plan states as IN_UI.
    statements={"customer_match_terms": ("ACCEPTED", "IN_UI")},
    endpoint="https://campaign.api.bingads.microsoft.com",
    secret_headers={"DeveloperToken": "developer_token"},
    more_limits=(Limit(Counted.CHARACTERS, 128, "list", Kept.CUT, source="ours: none that was read"),),
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="msads 13.0.30.1",
)

_SERVICE = "/CampaignManagement/v13"
_AUDIENCES, _QUERY = f"{_SERVICE}/Audiences", f"{_SERVICE}/Audiences/QueryByIds"
_APPLY = f"{_SERVICE}/CustomerListUserData/Apply"
_TYPE = "CustomerList"
_NUMBER = re.compile(r"[0-9]{1,19}")
_DIGEST_BYTES = 32
_ACTIONS = {Operation.ADD: "Add", Operation.REMOVE: "Remove"}
_SETTINGS = ("customer_id", "scope", *CONTRACT.readings)
_SCOPES = ("Account", "Customer")


@dataclasses.dataclass(frozen=True, slots=True)
class MicrosoftCustomerLists:
    """One account. `account` and `customer_id` (its manager's) are the numbers in the address of Microsoft's pages.

    Without `customer_id` requests can be shown (a preview), and Microsoft takes none.

    `scope`: who may use a list, the account alone or all accounts of the customer. `terms_accepted`: the plan accepts
    the customer match terms with every request; otherwise a person did, on Microsoft's pages.
    """

    account: str
    customer_id: str = ""
    scope: str = _SCOPES[0]
    terms_accepted: bool = False
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.account):
            raise PermanentError("microsoft_ads: account is no number; correct it in the plan")
        if not _NUMBER.fullmatch(self.customer_id) and (self.customer_id or self.scope != _SCOPES[0]):
            raise PermanentError("microsoft_ads: customer_id is no number; correct it in the plan")
        if self.scope not in _SCOPES:
            raise PermanentError(f"microsoft_ads: scope is not one of {', '.join(_SCOPES)}; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The customer list whose name ends with our marker."""
        response = transport.send(self._asked("POST", _QUERY, {"Type": _TYPE}))
        for audience in listed(response, self.account):
            if str(audience.get("Name", "")).endswith(spec.marker):
                return self._id_of(audience.get("Id"))
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty list. The name carries our marker, since Microsoft has no two lists of one name."""
        audience = {
            "Type": _TYPE,
            "Name": fitted(self.contract, spec.name, f" {spec.marker}"),
            "MembershipDuration": self.contract.expiry_days,
            "Scope": self.scope,
            "ParentId": self.account if self.scope == _SCOPES[0] else self.customer_id,
        }
        response = transport.send(self._asked("POST", _AUDIENCES, {"Audiences": [audience]}))
        body = accepted(response, self.account)
        for error in partial_errors(body):
            raise refusal_of_part(error, f"microsoft_ads account {self.account}")
        ids = body.get("AudienceIds")
        return self._id_of(ids[0] if isinstance(ids, list) and ids else None)

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete a list with everybody in it. One that is gone already is fine; one that is in use is not let go."""
        wanted = {"AudienceIds": [audience_id]}
        refused = partial_errors(accepted(transport.send(self._asked("DELETE", _AUDIENCES, wanted)), self.account))
        # Whatever the refusal says: of a list that is not there, there is nothing left to delete.
        if refused and self._is_there(transport, audience_id):
            error = refusal_of_part(refused[0], f"microsoft_ads account {self.account}")
            if isinstance(error, TransientError):
                raise error
            refusal = NeedsHumanError(f"{error}; take the list out of its campaigns in Microsoft Advertising first")
            refusal.code = error.code
            raise refusal

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch, each e-mail once, whoever shares it."""
        del session
        sent = self.contract.match_keys[MatchKey.EMAIL]
        data: dict[str, Any] = {
            "AudienceId": audience_id,
            "ActionType": _ACTIONS[operation],
            "CustomerListItemSubType": sent.field,
            "CustomerListItems": list(self._holders(members)),
        }
        if self.terms_accepted:
            data["AcceptCustomerMatchTerm"] = True
        return self._asked("POST", _APPLY, {"CustomerListUserData": data})

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Whom no error names is in; an error that names nobody leaves all others unproven.

        Raises RefusedMembersError or RefusedBatchError where Microsoft refuses the request as a whole.
        """
        holders = list(self._holders(members).values())
        body = accepted(response, self.account, holders=holders)
        codes, is_complete = refused_items(body, len(holders), f"microsoft_ads account {self.account}")
        rejected = {place: code for item, code in codes.items() for place in holders[item]}
        others = len(members) - len(rejected)
        return Answer(
            received=len(members),
            accepted=others if is_complete else 0,
            rejected=rejected,
            unproven=0 if is_complete else others,
            session_received=session.received_before + len(members),
            code=str(response.status),
        )

    def size_request(self, audience_id: str) -> Request:
        """The call that asks how many people of a list Microsoft knows."""
        return self._asked("POST", _QUERY, {"Type": _TYPE, "AudienceIds": [audience_id]})

    def read_size(self, response: Response) -> SizeReport:
        """People in the search network. Raises as `read` does."""
        return size_report(listed(response, self.account), self.contract.minimum_members)

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """Microsoft may tell it under another status than 429."""
        return is_throttle(response)

    def _is_there(self, transport: Transport, audience_id: str) -> bool:
        found = listed(transport.send(self.size_request(audience_id)), self.account)
        return any(str(audience.get("Id")) == audience_id for audience in found)

    def _holders(self, members: Sequence[Member]) -> dict[str, list[int]]:
        """Digest -> places of those who have it, in the order of the batch. A raw value never passes for one."""
        form = self.contract.match_keys[MatchKey.EMAIL].form
        holders: dict[str, list[int]] = {}
        for place, member in enumerate(members):
            value = member.keys.get(form)
            if not isinstance(value, bytes) or len(value) != _DIGEST_BYTES:
                raise PermanentError(
                    "microsoft_ads: a member of the batch has no SHA-256 digest of an e-mail; nothing was sent"
                )
            holders.setdefault(value.hex(), []).append(place)
        return holders

    def _asked(self, method: str, path: str, body: Mapping[str, object]) -> Request:
        headers = {"CustomerAccountId": self.account, "CustomerId": self.customer_id}
        return Request(method, path, json=body, headers={name: one for name, one in headers.items() if one})

    def _id_of(self, told: object) -> str:
        number = str(told)
        if not _NUMBER.fullmatch(number):
            raise TransientError(
                f"microsoft_ads account {self.account}: a list came without its id; it is looked for again"
            )
        return number


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> MicrosoftCustomerLists:
    """One account of the plan.

    Settings: `customer_id`, which Microsoft wants with every call; `scope` of new lists (Account, or Customer).
    """
    given = known_settings("microsoft_ads", settings, _SETTINGS)
    terms_accepted = statements.get("customer_match_terms") == CONTRACT.statements["customer_match_terms"][0]
    return MicrosoftCustomerLists(account, given.get("customer_id", ""), given.get("scope", _SCOPES[0]), terms_accepted)
