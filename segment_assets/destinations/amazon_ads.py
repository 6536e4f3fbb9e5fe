"""Amazon Ads through Ads Data Manager (ADM): people go into an audience dataset, which sharing rules pass on.

Belongs here: ADM's contract and wire format. Not here: reading answers (`amazon_ads_answers`), how a dataset is made
and shared (`amazon_ads_datasets`), pacing, retries, receipts (`delivery`).
Source: advertising.amazon.com (Ads data manager: API reference 3.0, dataset management, consent management, workshop of
May 2026) and models generated from Amazon's OpenAPI (amazon-ads-api-v1 0.11.0), as of autumn 2026.

A dataset reaches nobody by itself: it is shared with the account's DSP audiences, with an AMC instance, or with both
(`shared_with`), when it is made. First members show up on the DSP within a day, later ones within an hour.

A member is known by an id of ours, the pseudonym of the person: adding somebody again renews their record, and a
removal names the same id. Amazon ignores a removal that carries no granted consent signal, also of a person who said
no: the plan states that it knows (`removal_signal`), and a removal says nothing else of anybody. Mobile ad ids and
RampIDs are sent too: Amazon's model calls them planned for the future, its guide asks for them.

A DSP audience keeps the people that it has when its dataset is deleted. So everybody is taken out instead, and the
empty dataset stays, unless it is shared with AMC alone. What Amazon holds of a person beyond its datasets it erases
within 30 days where a manager account asks for it (POST /adm/identities/delete), by our id of the person.

Login with Amazon gives tokens of an hour for a refresh token that stays: the account's secret holds `client_id` (which
goes with every call), `client_secret`, `refresh_token`, and as `token_url` the address of the region: api.amazon.com
(North America), api.amazon.co.uk (Europe), api.amazon.co.jp (Far East), each with /auth/o2/token. The API has an
address for each too: the setting `region` (na, eu, fe) says which, without it `country` does, without both it is na.
"""

from __future__ import annotations

import dataclasses
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    CONSENT_COLUMNS,
    Answer,
    Contract,
    Counted,
    Erasure,
    Kept,
    Limit,
    MatchKey,
    Operation,
    PassingMembersError,
    Pattern,
    PermanentError,
    Quota,
    RefusedBatchError,
    Request,
    VerifiedBy,
)
from segment_assets.destinations.amazon_ads_answers import accepted, member_codes, size_report
from segment_assets.destinations.amazon_ads_datasets import AUDIENCE, DATASET, Datasets, Sharing
from segment_assets.destinations.amazon_ads_people import STATEMENTS, all_stated, cells, is_heard, signal
from segment_assets.destinations.amazon_regions import in_region
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("amazon", "adm")
# Names and places would go with a street only, which no segment has; and a source's own id may be missing or shared.
_IDENTIFYING = _ROUTE.identifying
_KEYS = {key: _ROUTE.match_keys[key] for key in (*_IDENTIFYING, MatchKey.COUNTRY)}

CONTRACT = Contract(
    platform="amazon_ads",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys=_KEYS,
    match_groups=tuple((key,) for key in _IDENTIFYING),
    identifying=_IDENTIFYING,
    readings=_ROUTE.readings(*_KEYS),
    # What Amazon recommends; it takes 10,000.
    batch_members=5_000,
    batch_bytes=10_000_000,
    # Not published, and throttling is: a careful guess of ours.
    quota=Quota(requests=1, per_seconds=1),
    # Of an audience on the DSP (Amazon's guide to advertiser audiences).
    minimum_members=2_000,
    # Hashes are kept, and matches renewed from them, for 90 days at most. Whoever was matched stays for up to 12.5
    # months, but a match that nobody renews finds fewer and fewer devices: we add people again before.
    expiry_days=90,
    first_party_only=True,
    evidence="the place and code of each member that was refused; everybody else of a request is in the dataset. Of "
    "matches there is a count, a day later",
    statements=STATEMENTS,
    consent=CONSENT_COLUMNS,
    keeps_people=True,
    known_by_member=True,
    # Models of amazon-ads-api-v1 0.11.0 (1 to 1,000 identities, 30 days). Only a manager account may ask.
    erasure=Erasure(members=1_000, within_days=30, reaches="the data room of the manager account"),
    endpoint="https://advertising-api.amazon.com",
    secret_headers={"Amazon-Advertising-API-ClientId": "client_id"},
    more_limits=(
        Limit(Counted.CHARACTERS, 100, DATASET, Kept.CUT, source="models of the API", least=5),
        Limit(Counted.CHARACTERS, 127, AUDIENCE, Kept.CUT, source="models of the API", least=10),
        Limit(Counted.DESCRIPTION, 1_000, DATASET, Kept.CUT, source="models of the API", least=1),
        Limit(Counted.IDENTIFIERS, 10, "person", Kept.WITHIN, source="models of the API (of each sort)"),
        Limit(Counted.DAYS_TO_LIVE, 380, "match", Kept.ONLY_TOLD, source="models of the API (32,850,000 s)"),
    ),
    verified_by=VerifiedBy.OPENAPI,
    verified_with="amazon-ads-api-v1 0.11.0 (generated from Amazon's OpenAPI)",
)

_SETTINGS = (
    "manager_account",
    "country",
    "shared_with",
    "amc_instance",
    "marketplace",
    "id_retention",
    "region",
    *CONTRACT.readings,
)
_DSP, _AMC, _ = _PLACES = ("dsp", "amc", "dsp_and_amc")
_MEMBERS, _METRICS = "application/vnd.admAudiences.v1+json", "application/vnd.admmetrics.v1+json"
_DELETION = "application/vnd.admDataDeletion.v1+json"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TRUTHS = {"true": True, "false": False}
# 207 says something of each, so by itself it is no yes to anybody.
_YES = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})
_TAKEN_ON, _FAILED = "ACCEPTED", "FAILED"
_ACTIONS = {Operation.ADD: "CREATE", Operation.REMOVE: "DELETE"}


@dataclasses.dataclass(frozen=True, slots=True)
class AmazonDataManager:
    """One account, for one activation of the plan. `account` is the id of a DSP advertiser.

    `manager_account` is the one whose data room is used and through which the login reaches the account, empty where
    that is the advertiser's own. `sharing`: where datasets come from and whom they are shared with. `statements` are
    the plan's words on the activation; people can be taken out without them, and never be added.
    """

    account: str
    manager_account: str
    sharing: Sharing
    statements: Mapping[str, str]
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.account):
            raise PermanentError("amazon_ads: account is no id of Amazon's; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The account's dataset whose name ends with our marker, shared now if it was not."""
        return self._datasets(transport).found(spec)

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Make an empty dataset, and the account's data room where there is none, and share it.

        Raises NeedsHumanError where nobody has accepted Amazon's terms: that is a person's to do.
        """
        return self._datasets(transport).made(spec)

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete a dataset. Gone already is fine. A DSP audience that it was shared with keeps its people."""
        response = transport.send(Request("DELETE", f"/adm/datasets/{audience_id}", headers=self._headers))
        if response.status != HTTPStatus.NOT_FOUND:
            accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch. Raises NeedsHumanError when people would be added without the plan's statements."""
        del session  # a request stands alone here
        stated = all_stated(self.contract, self.statements, self.account) if operation is Operation.ADD else None
        rows = [self._row(member, _ACTIONS[operation], stated) for member in members]
        headers = {**self._headers, "Content-Type": _MEMBERS, "Accept": _MEMBERS}
        return Request("POST", f"/adm/audiences/{audience_id}/members", json={"members": rows}, headers=headers)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Amazon answers 200 even where it refuses some, and names these by their place.

        Whom it may not use for want of consent it passes over without a word: these are unproven. Raises
        PassingMembersError where somebody met trouble that passes, RefusedBatchError where one is refused whose place
        is not told: what was done for the others may be done again.
        """
        body = accepted(response, self.account, has_people=True)
        # Without an id of the upload nothing says that there was one.
        uploaded = bool(body.get("ingressId"))
        unproven = {place for place, one in enumerate(members) if not uploaded or self._is_passed_over(one)}
        return self._person_by_person(body, len(members), unproven, session, response)

    def _person_by_person(
        self, body: Mapping[str, Any], people: int, unproven: set[int], session: Session, response: Response
    ) -> Answer:
        """An answer that names by place whom it refuses. `unproven`: of whom it proves nothing where it is silent."""
        rejected, passing, of_whom_unknown = member_codes(body, people, self.account)
        if of_whom_unknown:
            # Acknowledged, a removal of theirs would be lost. What was done for the others may be done again.
            raise RefusedBatchError(
                f"amazon_ads account {self.account}: {of_whom_unknown} people are refused and not named; the batch is "
                "sent in halves"
            )
        others = [place for place in range(people) if place not in rejected and place not in passing]
        not_said = len(unproven.intersection(others))
        received = people - len(passing)
        answer = Answer(
            received=received,
            accepted=len(others) - not_said,
            rejected=rejected,
            unproven=not_said,
            session_received=session.received_before + received,
            code=str(response.status),
        )
        if passing:
            said = f"amazon_ads account {self.account}: {len(passing)} people of a batch met trouble that passes"
            raise PassingMembersError(f"{said}; it is asked again", sorted(passing), answer)
        return answer

    def _is_passed_over(self, member: Member) -> bool:
        """Whether Amazon does nothing with somebody who is added. A removal has nobody's own answers with it."""
        if not member.consent or not self.statements:
            return False
        country = cells(member, self.contract).get(MatchKey.COUNTRY, self.sharing.country)
        return not is_heard(signal(member, self.contract, self.statements), country)

    def erasure(self, members: Sequence[Member], session: Session) -> Request:
        """The call that makes Amazon forget people, by our id of each, which names nobody else."""
        del session  # a request stands alone here
        body = {"targetIdentities": [{"externalUserId": member.member_id.hex()} for member in members]}
        headers = {**self._headers, "Content-Type": _DELETION, "Accept": _DELETION}
        return Request("POST", "/adm/identities/delete", json=body, headers=headers)

    def read_erasure(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Taken on as a whole, or with errors as `read` has them: nothing is published of what the answer says.

        A yes without any word of errors is one to everybody. Whoever is not named by an answer that says anything else
        is unproven. Raises as `read` does, RefusedBatchError also where the answer says that it failed as a whole.
        """
        is_silent = response.status < HTTPStatus.MULTIPLE_CHOICES and response.json is None and not response.content
        has_people = response.status != HTTPStatus.NOT_FOUND
        body = {} if is_silent else accepted(response, self.account, has_people=has_people)
        said, has_errors = body.get("status"), any("error" in str(name).casefold() for name in body)
        if said == _FAILED and not has_errors:
            raise RefusedBatchError(
                f"amazon_ads account {self.account}: the erasure failed, by the answer to its request"
            )
        is_yes = response.status in _YES and not has_errors and (said is None or said == _TAKEN_ON)
        unproven = set[int]() if is_yes else set(range(len(members)))
        return self._person_by_person(body, len(members), unproven, session, response)

    def size_request(self, audience_id: str) -> Request:
        """The call that asks how many records of a dataset Amazon has matched."""
        return Request("GET", f"/adm/datasets/{audience_id}/metrics", headers={**self._headers, "Accept": _METRICS})

    def read_size(self, response: Response) -> SizeReport:
        """Matches so far. Raises as `read` does."""
        return size_report(accepted(response, self.account), self.contract.minimum_members)

    def _datasets(self, transport: Transport) -> Datasets:
        return Datasets(transport, self.account, self._headers, self.sharing, self.contract)

    @property
    def _headers(self) -> dict[str, str]:
        """Amazon wants exactly one of the two with every call."""
        if self.manager_account:
            return {"Amazon-Ads-Manager-Account-ID": self.manager_account}
        return {"Amazon-Ads-AccountId": self.account}

    def _row(self, member: Member, action: str, stated: Mapping[str, str] | None) -> dict[str, Any]:
        """One person: our id, their identifiers, their consent and their country."""
        sent, found = self.contract.match_keys, cells(member, self.contract)
        hashed = {sent[key].field: found[key] for key in _HASHED if key in found}
        outside = [{sent[key].field: found[key]} for key in _OUTSIDE if key in found]
        identity: dict[str, Any] = {"hashedPiis": [hashed]} if hashed else {}
        identity |= {"externalIdentities": outside} if outside else {}
        if not identity:
            raise PermanentError(
                f"amazon_ads account {self.account}: a person of the batch has nothing that Amazon can match; "
                "report this as a defect"
            )
        consent: dict[str, Any] = {"consent": {"amzn": signal(member, self.contract, stated)}}
        if country := found.get(MatchKey.COUNTRY):
            consent["geo"] = {sent[MatchKey.COUNTRY].field: country.upper()}
        return {
            "action": action,
            "externalUserId": member.member_id.hex(),
            "userIdentity": identity,
            "userConsent": consent,
        }


_HASHED = (MatchKey.EMAIL, MatchKey.PHONE)
_OUTSIDE = (MatchKey.MOBILE_AD_ID, MatchKey.RAMP_ID)


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> AmazonDataManager:
    """One DSP advertiser of the plan.

    Settings: `manager_account`, `country` of the data (two letters), `shared_with` (dsp, amc, dsp_and_amc), the
    `amc_instance`, the `marketplace` where none of the country's own is known here, `id_retention` (true: Amazon keeps
    hashes for 90 days and renews matches from them; false unless the plan says so, since it is Amazon that keeps them),
    `region` of the advertiser.
    """
    given = known_settings("amazon_ads", settings, _SETTINGS)
    for name in ("manager_account", "amc_instance", "marketplace"):
        if name in given and not _ID.fullmatch(given[name]):
            raise PermanentError(f"amazon_ads: {name} is no id of Amazon's; correct it in the plan")
    places, retention = given.get("shared_with", _DSP), given.get("id_retention", "false")
    if places not in _PLACES:
        raise PermanentError(f"amazon_ads: shared_with is not one of {', '.join(_PLACES)}; correct it in the plan")
    if (places == _DSP) == ("amc_instance" in given):
        raise PermanentError(
            "amazon_ads: amc_instance goes with shared_with amc or dsp_and_amc; correct it in the plan"
        )
    if retention not in _TRUTHS:
        raise PermanentError("amazon_ads: id_retention is true or false; correct it in the plan")
    sharing = Sharing(
        country=given.get("country", "").upper(),
        dsp_advertiser="" if places == _AMC else account,
        amc_instance=given.get("amc_instance", ""),
        marketplace=given.get("marketplace", ""),
        id_retention=_TRUTHS[retention],
    )
    # Data that only AMC has is deleted for good with its dataset.
    contract = dataclasses.replace(in_region(CONTRACT, given), keeps_people=places != _AMC)
    if "manager_account" not in given:
        contract = dataclasses.replace(contract, erasure=None)
    return AmazonDataManager(account, given.get("manager_account", ""), sharing, statements, contract)
