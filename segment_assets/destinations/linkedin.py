"""LinkedIn matched audiences by streaming: people go one by one into a DMP segment of an ad account.

Belongs here: LinkedIn's contract and wire format. Not here: reading refusals (`linkedin_answers`), pacing, retries,
receipts (`delivery`).
Source: LinkedIn Marketing "Create and manage segments", "Create and manage segment users" and the matched audiences
FAQ, linkedin-api-client 0.3.0 (headers, encoding, answers of single people), as of autumn 2026. The number of people
in a request, the wait for a fresh segment and the deletion are told by other vendors' connectors only.

LinkedIn counts a day as well, by app and member, and tells how much only in the developer portal: the setting
`requests_per_day` of an account takes that number.

Names, company and title are not sent: LinkedIn takes them unhashed, and they only help where an e-mail is missing.
"""

from __future__ import annotations

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
    MatchKey,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    TransientError,
    VerifiedBy,
)
from segment_assets.destinations.linkedin_answers import accepted, element_codes, listed
from segment_assets.destinations.linkedin_size import size_report
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.templates import json_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("linkedin", "stream")

CONTRACT = Contract(
    platform="linkedin",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    # Told by other vendors' connectors, not by LinkedIn's pages.
    batch_members=5_000,
    # LinkedIn publishes no limit in bytes; a full batch of all keys is a fifth of this.
    batch_bytes=5_000_000,
    # Of one member of one app, so accounts of one login share it. The pages say 600, older ones 500; the daily quotas
    # stand in the developer portal only: see the setting `requests_per_day`.
    quota=Quota(requests=500, per_seconds=60),
    minimum_members=300,
    # A member does not expire.
    expiry_days=None,
    more_limits=(
        Limit(Counted.DAYS_UNUSED, 90, "segment", Kept.ONLY_TOLD, source="inferred: LinkedIn then archives it"),
    ),
    # Of the refresh token, from the day of the consent, however often it is used; an access token lives for 60 days.
    token_days=365,
    first_party_only=False,
    evidence="a status for each person of a request; how many are matched shows in the segment's size a day later",
    endpoint="https://api.linkedin.com",
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="linkedin-api-client 0.3.0 (Rest.li); Segment's connector (elements)",
)

_SEGMENTS = "/rest/dmpSegments"
_ID = re.compile(r"[0-9]{1,20}")
_VERSION = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])")
_PLATFORM = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_PAGE = 100
# A walk through more segments than an account can have would be a page that repeats itself.
_PAGES = 1_000
_DIGEST_BYTES = 32
_SETTINGS = ("api_version", "requests_per_day", "source_platform")
_PER_DAY = re.compile(r"[1-9][0-9]{0,8}")
_NEWEST_VERSION, _SOURCE_PLATFORM = "202610", "SEGMENT_ASSETS"


@dataclasses.dataclass(frozen=True, slots=True)
class LinkedInSegments:
    """One ad account. `account` is the number of its URN.

    `api_version` (YYYYMM) is a setting, since each lives for about a year; the oldest that is still good in autumn 2026
    is 202511. `source_platform` is the name that LinkedIn agreed with the partner whose app calls.
    """

    account: str
    api_version: str = _NEWEST_VERSION
    source_platform: str = _SOURCE_PLATFORM
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        for name, pattern in (("account", _ID), ("api_version", _VERSION), ("source_platform", _PLATFORM)):
            if not pattern.fullmatch(getattr(self, name)):
                raise PermanentError(
                    f"linkedin: {name} {getattr(self, name)!r} has not its form; correct it in the plan"
                )

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The account's segment that carries our marker as its source id. Names are not looked at."""
        for segment in self._segments(transport, {"sourceSegmentId": spec.marker}):
            if segment.get("sourceSegmentId") == spec.marker:
                return self._id_of(segment.get("id"))
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty segment for people. LinkedIn shows it to the other calls some seconds or minutes later."""
        body = {
            "name": spec.name,
            "account": self._urn,
            "type": "USER",
            "sourcePlatform": self.source_platform,
            "sourceSegmentId": spec.marker,
            "accessPolicy": "PRIVATE",
            "destinations": [{"destination": "LINKEDIN"}],
        }
        response = transport.send(Request("POST", _SEGMENTS, json=body, headers=self._headers("CREATE")))
        accepted(response, self.account)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return self._id_of(headers.get("x-restli-id") or headers.get("x-linkedin-id"))

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete a segment with everybody in it. One that is gone already is fine; a fresh one is not gone."""
        path = f"{_SEGMENTS}/{audience_id}"
        response = transport.send(Request("DELETE", path, headers=self._headers("DELETE")))
        if response.status != HTTPStatus.NOT_FOUND:
            accepted(response, self.account)
        elif any(str(segment.get("id")) == audience_id for segment in self._segments(transport, {})):
            raise TransientError(
                f"linkedin account {self.account}: the segment is listed and not to be deleted yet; it is asked again"
            )

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch: an element for each person, with every identifier of theirs."""
        del session  # a request stands alone here
        elements = json_records(members, lambda member: self._element(operation, member))
        path = f"{_SEGMENTS}/{audience_id}/users"
        return Request("POST", path, json={"elements": elements}, headers=self._headers("BATCH_CREATE"))

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """LinkedIn answers for each person, in their order, and 200 even where it refuses some.

        Raises TransientError for the whole batch where somebody's status is one of passing trouble: what was done for
        the others may be done again. Raises RefusedBatchError where the request is refused and nobody named.
        """
        codes = element_codes(accepted(response, self.account, has_people=True), len(members), self.account)
        rejected = {place: code for place, code in enumerate(codes) if code}
        return Answer(
            received=len(members),
            accepted=len(members) - len(rejected),
            rejected=rejected,
            unproven=0,
            session_received=session.received_before + len(members),
            code=str(response.status),
        )

    def size_request(self, audience_id: str) -> Request:
        """Ask for the segment."""
        return Request("GET", f"{_SEGMENTS}/{audience_id}", headers=self._headers("GET"))

    def read_size(self, response: Response) -> SizeReport:
        """How many LinkedIn matched, and whether campaigns can use them. Raises as `read` does."""
        return size_report(accepted(response, self.account), self.contract.minimum_members)

    def _segments(self, transport: Transport, narrowed: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """The account's segments, page by page."""
        start = 0
        for _ in range(_PAGES):
            place = {"start": str(start), "count": str(_PAGE)}
            params = {"q": "account", "account": self._urn, **narrowed, **place}
            request = Request("GET", _SEGMENTS, params=params, headers=self._headers("FINDER"))
            page, total = listed(accepted(transport.send(request), self.account), self.account)
            yield from page
            start += len(page)
            if not page or (total is not None and start >= total):
                return

    def _element(self, operation: Operation, member: Member) -> dict[str, Any]:
        sent = self.contract.match_keys
        user_ids = [
            {"idType": sent[key].field, "idValue": cell}
            for key in self.contract.identifying
            if (cell := _cell(member.keys.get(sent[key].form), is_digest=key is MatchKey.EMAIL))
        ]
        if not user_ids:
            raise PermanentError(
                f"linkedin account {self.account}: a person of the batch has nothing that LinkedIn can match; "
                "report this as a defect"
            )
        element: dict[str, Any] = {"action": _ACTIONS[operation], "userIds": user_ids}
        country = _cell(member.keys.get(sent[MatchKey.COUNTRY].form))
        if country and operation is Operation.ADD:
            element[sent[MatchKey.COUNTRY].field] = country.upper()
        return element

    def _headers(self, method: str) -> dict[str, str]:
        return {
            "LinkedIn-Version": self.api_version,
            "X-Restli-Protocol-Version": "2.0.0",
            "X-RestLi-Method": method,
        }

    @property
    def _urn(self) -> str:
        return f"urn:li:sponsoredAccount:{self.account}"

    def _id_of(self, told: object) -> str:
        if isinstance(told, bool) or not isinstance(told, int | str) or not _ID.fullmatch(str(told)):
            raise TransientError(
                f"linkedin account {self.account}: a segment came without its id; it is looked for again"
            )
        return str(told)


_ACTIONS = {Operation.ADD: "ADD", Operation.REMOVE: "REMOVE"}


def _cell(value: bytes | str | None, *, is_digest: bool = False) -> str:
    """A cell as text, empty where there is none. A raw value never passes for a digest."""
    if not value:
        return ""
    if is_digest:
        if isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
            return value.hex()
    elif isinstance(value, str):
        return value
    raise PermanentError("linkedin: a value has not the shape that its key is declared with; nothing was sent")


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> LinkedInSegments:
    """One ad account of the plan. It asks for no statements.

    Settings: `api_version`, `source_platform`; `requests_per_day`, the daily quota of the app and its member as the
    developer portal shows it, less what other programs use. Without it no day is counted, and LinkedIn's own refusal
    is what ends one.
    """
    del statements
    given = known_settings("linkedin", settings, _SETTINGS)
    per_day = given.get("requests_per_day")
    if per_day is not None and not _PER_DAY.fullmatch(per_day):
        raise PermanentError("linkedin: requests_per_day is not a number of requests; correct it in the plan")
    quota = dataclasses.replace(CONTRACT.quota, per_day=int(per_day) if per_day else None)
    return LinkedInSegments(
        account,
        given.get("api_version", _NEWEST_VERSION),
        given.get("source_platform", _SOURCE_PLATFORM),
        dataclasses.replace(CONTRACT, quota=quota),
    )
