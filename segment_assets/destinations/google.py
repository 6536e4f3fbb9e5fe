"""Google Customer Match by the Data Manager API: user lists of a Google Ads or Display & Video 360 account.

Belongs here: Google's contract and wire format. Not here: reading its answers (`google_answers`), pacing, retries,
receipts and following (`delivery`).
Source: Data Manager API v1 reference and guides, google-ads-datamanager 0.9.4, as of autumn 2026. The Google Ads API
does the same and is closed to new users since April 2026.

Consent goes with every person: what the person answered where that is known. Of those who answered nothing the plan
states for each activation whether they all agreed elsewhere (CONSENT_GRANTED) or not (CONSENT_STATUS_UNSPECIFIED, which
is left out of the call, and costs people of the EEA). The same holds for lists that keep people from being shown ads:
to be in one is personal data at Google too.

Settings of an account: `account_type` (GOOGLE_ADS without it; lists of a Display & Video 360 partner lose everybody in
the EEA, so an advertiser's are used), `login_account` and `login_account_type` (the manager account or partner through
which the credentials reach it), `quota_project` (the Cloud project whose quota counts, with a person's credentials;
accounts that name one project share its day, and without it each account is counted by itself).
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Self

from segment_assets.contracts import (
    CONSENT_COLUMNS,
    Answer,
    Consent,
    Contract,
    Counted,
    Follow,
    Kept,
    Limit,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    VerifiedBy,
)
from segment_assets.destinations import google_size
from segment_assets.destinations.google_answers import accepted, items, job_report, not_understood, warnings
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.templates import json_records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, JobReport, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("google")
# Google matches an address as a whole.
_ADDRESS = next(group for group in _ROUTE.groups if len(group) > 1)
_UNSPECIFIED = "CONSENT_STATUS_UNSPECIFIED"
_CONSENT = ("CONSENT_GRANTED", _UNSPECIFIED)

CONTRACT = Contract(
    platform="google",
    # 2: a person's own consent goes with the person.
    version=2,
    pattern=Pattern.MULTI_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    readings=_ROUTE.readings(),
    batch_members=10_000,
    # Google publishes no limit in bytes; a full batch of all keys is below this.
    batch_bytes=10_000_000,
    # Both of the Cloud project, so accounts of one project share them.
    quota=Quota(requests=300, per_seconds=60, per_day=100_000),
    # Help pages name 1,000 active members, and 100 for some networks; the larger asks a person sooner.
    minimum_members=1_000,
    expiry_days=540,
    expires_by_audience=True,
    first_party_only=True,
    evidence="the job's state, its count of records and of errors by reason; failed people are counted, not named",
    follow=Follow(first=1_800, multiplier=1.3, longest=3_600, give_up=86_400),
    statements={
        "terms_of_service": ("ACCEPTED",),
        "data_source_type": ("DATA_SOURCE_TYPE_FIRST_PARTY",),
        "consent_ad_user_data": _CONSENT,
        "consent_ad_personalization": _CONSENT,
    },
    consent=CONSENT_COLUMNS,
    endpoint="https://datamanager.googleapis.com",
    more_limits=(
        Limit(Counted.IDENTIFIERS, 10, "person", Kept.WITHIN, source="Data Manager API, limits"),
        Limit(Counted.DAYS_TO_ASK, 50, "job", Kept.WITHIN, source="Data Manager API, diagnostics (about so many)"),
    ),
    verified_by=VerifiedBy.PROTO,
    verified_with="google-ads-datamanager 0.9.4",
)

# Lists of a partner lose everybody in the EEA, whatever they agreed to, and no answer tells.
ACCOUNT_TYPES = ("GOOGLE_ADS", "DISPLAY_VIDEO_ADVERTISER")
LOGIN_ACCOUNT_TYPES = (*ACCOUNT_TYPES, "DISPLAY_VIDEO_PARTNER")
_SETTINGS = ("account_type", "login_account", "login_account_type", "quota_project", *CONTRACT.readings)
_SECONDS_OF_A_DAY = 86_400
_DIGEST_BYTES = 32
_ID = re.compile(r"[0-9]{1,20}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
# A page of lists: the most that Google gives.
_PAGE = "1000"


@dataclasses.dataclass(frozen=True, slots=True)
class GoogleDataManager:
    """One account, for one activation of the plan. Account ids are digits.

    `login_account` is the manager account or partner through which the credentials reach the account, empty where
    they reach it themselves. `quota_project` is the Cloud project whose quota is used, which Google asks for with a
    person's credentials; empty for those of a service account. `statements` are the plan's words on the activation (see
    CONTRACT.statements); people can be taken out without them, and never be added.
    """

    account: str
    account_type: str = "GOOGLE_ADS"
    login_account: str = ""
    login_account_type: str = ""
    quota_project: str = ""
    statements: Mapping[str, str] = dataclasses.field(default_factory=dict)
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        for name in ("account", "login_account"):
            number = getattr(self, name)
            if not _ID.fullmatch(number) and (number or name == "account"):
                raise PermanentError(f"google: {name} {number!r} is not a number; correct it in the plan")
        for name, known in (("account_type", ACCOUNT_TYPES), ("login_account_type", ("", *LOGIN_ACCOUNT_TYPES))):
            kind = getattr(self, name)
            if kind not in known:
                raise PermanentError(f"google: {name} {kind!r} is not one of {', '.join(filter(None, known))}")
        if self.quota_project and not _PROJECT.fullmatch(self.quota_project):
            raise PermanentError("google: quota_project is not the id of a Cloud project; correct it in the plan")

    @classmethod
    def from_plan(cls, account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> Self:
        """From an account of the plan and an activation's statements. Google writes account ids with hyphens.

        Raises PermanentError for a setting that Google has not.
        """
        known_settings("google", settings, _SETTINGS)
        project = settings.get("quota_project", "")
        return cls(
            account.replace("-", ""),
            account_type=settings.get("account_type", ACCOUNT_TYPES[0]),
            login_account=settings.get("login_account", "").replace("-", ""),
            login_account_type=settings.get("login_account_type", ""),
            quota_project=project,
            statements=statements,
            contract=dataclasses.replace(CONTRACT, quota=dataclasses.replace(CONTRACT.quota, shared_by=project)),
        )

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """Walk the account's lists, page by page, for the one that carries our marker. Names are not looked at."""
        params = {"pageSize": _PAGE}
        while True:
            page = accepted(
                transport.send(Request("GET", self._lists, params=params, headers=self._login)), self.account
            )
            for user_list in items(page, "userLists"):
                if user_list.get("integrationCode") == spec.marker or spec.marker in str(user_list.get("description")):
                    return self._id_of(user_list)
            token = page.get("nextPageToken")
            if not token:
                return None
            params = {**params, "pageToken": str(token)}

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty list for contact data. A name that is taken raises NeedsHumanError: nothing is adopted."""
        body = {
            "displayName": spec.name,
            "description": f"segment_assets {spec.marker}",
            "integrationCode": spec.marker,
            "ingestedUserListInfo": {
                "uploadKeyTypes": ["CONTACT_ID"],
                "contactIdInfo": {"dataSourceType": self._stated("data_source_type", spec.statements)},
            },
        }
        if self.contract.expiry_days:
            body["membershipDuration"] = f"{self.contract.expiry_days * _SECONDS_OF_A_DAY}s"
        response = transport.send(Request("POST", self._lists, json=body, headers=self._login))
        return self._id_of(accepted(response, self.account))

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete a list with everybody in it. Raises as `read` does; gone already is fine."""
        response = transport.send(Request("DELETE", f"{self._lists}/{audience_id}", headers=self._login))
        if response.status != _GONE:
            accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch. Raises NeedsHumanError when people would be added without the plan's statements."""
        del session  # a request stands alone here
        body: dict[str, Any] = {"destinations": [self._destination(audience_id)], "encoding": "HEX"}
        if operation is Operation.REMOVE:
            body["audienceMembers"] = json_records(members, lambda member: self._record(member, {}))
            return Request("POST", "/v1/audienceMembers:remove", json=body, headers=self._project)
        terms = self._stated("terms_of_service", self.statements)
        stated = {column: self._stated(column, self.statements) for column in self.contract.consent}
        body["audienceMembers"] = json_records(members, lambda member: self._record(member, stated))
        body["termsOfService"] = {"customerMatchTermsOfServiceStatus": terms}
        return Request("POST", "/v1/audienceMembers:ingest", json=body, headers=self._project)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """A taken request is a job; nobody is proven before it has ended. Warnings stand behind the code."""
        body = accepted(response, self.account, len(members))
        job = body.get("requestId")
        if not isinstance(job, str) or not job:
            raise not_understood(self.account, response)
        return Answer(
            received=len(members),
            accepted=0,
            rejected={},
            unproven=len(members),
            session_received=session.received_before + len(members),
            code=" ".join([str(response.status), *warnings(body)]),
            job=job,
        )

    def job_request(self, job: str) -> Request:
        """The call that asks about a job. It takes no login account: the credentials must reach the account."""
        return Request("GET", "/v1/requestStatus:retrieve", params={"requestId": job}, headers=self._project)

    def read_job(self, response: Response) -> JobReport:
        """What became of a job, in people. Raises as `read` does."""
        return job_report(response, self.account)

    def size_request(self, audience_id: str) -> Request:
        """The call that asks for a list, which tells its sizes."""
        return Request("GET", f"{self._lists}/{audience_id}", headers=self._login)

    def read_size(self, response: Response) -> SizeReport:
        """Size and state of a list. Raises as `read` does."""
        return google_size.size_report(accepted(response, self.account), self.contract.minimum_members)

    @property
    def _project(self) -> dict[str, str]:
        return {"x-goog-user-project": self.quota_project} if self.quota_project else {}

    @property
    def _login(self) -> dict[str, str]:
        """The way through a manager account, which calls about lists take in a header and uploads in their body."""
        if not self.login_account:
            return self._project
        kind = self.login_account_type or self.account_type
        return {"login-account": f"accountTypes/{kind}/accounts/{self.login_account}", **self._project}

    @property
    def _lists(self) -> str:
        return f"/v1/accountTypes/{self.account_type}/accounts/{self.account}/userLists"

    def _destination(self, audience_id: str) -> dict[str, Any]:
        place: dict[str, Any] = {
            "operatingAccount": {"accountType": self.account_type, "accountId": self.account},
            "productDestinationId": audience_id,
        }
        if self.login_account:
            kind = self.login_account_type or self.account_type
            place["loginAccount"] = {"accountType": kind, "accountId": self.login_account}
        return place

    def _record(self, member: Member, stated: Mapping[str, str]) -> dict[str, Any]:
        """One person. `stated` is what the plan states of consent, nothing for a removal, which has no consent."""
        consent = _consent(member, stated)
        identifiers = {"userData": {"userIdentifiers": self._identifiers(member)}}
        return {**identifiers, "consent": consent} if consent else identifiers

    def _identifiers(self, member: Member) -> list[dict[str, Any]]:
        """E-mail, phone and address, of which the address goes with all of its parts or not at all."""
        cells = {key: _cell(member, sent.form) for key, sent in self.contract.match_keys.items()}
        fields = {key: sent.field for key, sent in self.contract.match_keys.items()}
        found: list[dict[str, Any]] = [{fields[key]: cells[key]} for key in self.contract.identifying if cells[key]]
        if all(cells[key] for key in _ADDRESS):
            found.append({"address": {fields[key]: cells[key] for key in _ADDRESS}})
        if not found:
            raise PermanentError(
                f"google account {self.account}: a person of the batch has nothing that Google can match, and would "
                "cost the whole request; report this as a defect"
            )
        return found

    def _stated(self, name: str, statements: Mapping[str, str]) -> str:
        allowed = self.contract.statements[name]
        if statements.get(name) not in allowed:
            raise NeedsHumanError(
                f"google account {self.account}: the plan does not state {name} ({' or '.join(allowed)}) for this "
                "activation; nobody is added on a guess"
            )
        return statements[name]

    def _id_of(self, user_list: Mapping[str, Any]) -> str:
        number = str(user_list.get("id") or str(user_list.get("name", "")).rpartition("/")[2])
        if not _ID.fullmatch(number):
            raise PermanentError(
                f"google account {self.account}: a list came without its id; look at the account's lists"
            )
        return number


connect = GoogleDataManager.from_plan

_GONE = 404
_PURPOSES = {"consent_ad_user_data": "adUserData", "consent_ad_personalization": "adPersonalization"}
_ANSWERS = {Consent.GRANTED: "CONSENT_GRANTED", Consent.DENIED: "CONSENT_DENIED"}
# Which forms are digests is what the table says; the others are sent as they are.
_PLAIN = frozenset({"country_code", "postal_code_plain"})


def _consent(member: Member, stated: Mapping[str, str]) -> dict[str, str]:
    """What Google is told of a person's consent, by purpose: the person's own answer before what the plan states."""
    answers = {column: member.consent.get(column, Consent.UNSPECIFIED) for column in stated}
    said = {_PURPOSES[column]: _ANSWERS.get(Consent(answer), stated[column]) for column, answer in answers.items()}
    return {purpose: word for purpose, word in said.items() if word != _UNSPECIFIED}


def _cell(member: Member, form: str) -> str:
    """A cell as text, empty where there is none. A raw value never passes for a digest."""
    value = member.keys.get(form, "")
    if not value:
        return ""
    if form in _PLAIN and isinstance(value, str):
        return value
    if form in _PLAIN or not isinstance(value, bytes) or len(value) != _DIGEST_BYTES:
        raise PermanentError(f"google: a value of {form} has not the shape that is declared; nothing was sent")
    return value.hex()
