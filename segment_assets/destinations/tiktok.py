"""TikTok by streaming: people of a partner audience of an advertiser, mapped in and out by the segment API.

Belongs here: TikTok's contract and wire format for `segment/audience` and `segment/mapping`. Not here: audiences made
from files (a route of its own; one audience never mixes the two), reading answers (`tiktok_answers`), pacing, receipts.
Source: TikTok API for Business v1.3; tiktok-business-api-sdk-official 1.1.3 (envelope, header, codes, list of
audiences; it has no segment calls). The fields of `segment/mapping` and the size of a batch are told by other vendors'
connectors, which agree. As of autumn 2026.

TikTok keeps no description beside an audience, so our marker stands in its name: that is how one is found again after a
creation without an answer. Segment's connector too looks for such audiences in the list of custom audiences; how soon a
new one is in it nobody tells.

TikTok's texts disagree on the plus of a phone and on tags in an e-mail address: the settings `phone_plus` and
`email_tag` choose. An audience never mixes two forms, since who leaves has to be named by the digest that was sent.
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
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    TransientError,
    VerifiedBy,
)
from segment_assets.destinations.limits import fitted, tell_a_full_account
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.templates import json_records, one_of_each_kind
from segment_assets.destinations.tiktok_answers import GONE, accepted, is_throttle, told_code
from segment_assets.destinations.tiktok_lists import audiences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport

_ROUTE = route("tiktok", "stream")

CONTRACT = Contract(
    platform="tiktok",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    readings=_ROUTE.readings(),
    # TikTok publishes neither limit for this call: these are the ones of other vendors' connectors.
    batch_members=1_000,
    batch_bytes=1_000_000,
    # Of an app of the basic level, reported and not published.
    quota=Quota(requests=10, per_seconds=1),
    minimum_members=1_000,
    # Mapped people stay until they are taken out; an audience that no ad group uses for a year ends as a whole.
    expiry_days=None,
    first_party_only=False,
    evidence="a code for the whole request; TikTok says of no person whether it took them",
    endpoint="https://business-api.tiktok.com",
    token_header="Access-Token",  # noqa: S106  the name of a header
    more_limits=(
        Limit(Counted.AUDIENCES, 400, "advertiser", Kept.REFUSED, source="another vendor's connector"),
        Limit(Counted.CHARACTERS, 70, "audience", Kept.CUT, source="public connectors: TikTok cuts longer ones itself"),
        Limit(Counted.DAYS_UNUSED, 365, "audience", Kept.ONLY_TOLD, source="public clients' copies of the reference"),
    ),
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="tiktok-business-api-sdk-official 1.1.3 (envelope, lists); Segment's connector (segment calls)",
)

_AUDIENCE = "/open_api/v1.3/segment/audience/"
_MAPPING = "/open_api/v1.3/segment/mapping/"
_ID = re.compile(r"[0-9]{1,20}")
_MARKER_DIGITS = 16
_DIGEST_BYTES = 32

# The digest of a mobile ad id is the same under both fields; a source rarely says which of the two an id is.
_DEVICES = {"both": ("AAID_SHA256", "IDFA_SHA256"), "aaid": ("AAID_SHA256",), "idfa": ("IDFA_SHA256",)}
_SETTINGS = ("mobile_ad_id", *CONTRACT.readings)


@dataclasses.dataclass(frozen=True, slots=True)
class TikTokSegments:
    """One advertiser. `account` is its number.

    `mobile_ad_id` is what the source's mobile ad ids are: `both` (the default, each is added under both fields), `aaid`
    or `idfa`. They are taken out under both in any case, so that a changed setting leaves nobody behind.
    """

    account: str
    mobile_ad_id: str = "both"
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.account):
            raise PermanentError(f"tiktok: account {self.account!r} is not a number; correct it in the plan")
        if self.mobile_ad_id not in _DEVICES:
            raise PermanentError(f"tiktok: mobile_ad_id {self.mobile_ad_id!r} is not one of {', '.join(_DEVICES)}")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """Walk the advertiser's audiences, page by page, for the one whose name ends with our marker."""
        for audience in audiences(transport, self.account, self.contract):
            if str(audience.get("name", "")).endswith(_mark(spec)):
                return self._id_of(audience.get("audience_id"))
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty audience. Its name is cut so that our marker fits behind it."""
        # TikTok cuts longer names, and with them the marker.
        name = fitted(self.contract, spec.name, f" {_mark(spec)}")
        body = {"advertiser_id": self.account, "action": "create", "custom_audience_name": name}
        response = transport.send(Request("POST", _AUDIENCE, json=body))
        try:
            return self._id_of(accepted(response, self.account).get("audience_id"))
        except PermanentError as refusal:
            there = audiences(transport, self.account, self.contract)
            tell_a_full_account(refusal, self.contract, self.account, there)
            raise

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete an audience with everybody in it. One that TikTok does not know any more counts as deleted."""
        body = {"advertiser_id": self.account, "action": "delete", "delete_audience_id": audience_id}
        response = transport.send(Request("POST", _AUDIENCE, json=body))
        if told_code(response) != GONE:
            accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch: the fields that anybody in it has, and for each person a cell per field, unknown ones empty."""
        del session  # a request stands alone here
        known = set[str]().union(*(self._digests(operation, member) for member in one_of_each_kind(members)))
        schema = [field for field in self._fields(operation) if field in known]

        def row(member: Member) -> list[dict[str, Any]]:
            person = self._digests(operation, member)
            return [{"id": person[field], "audience_ids": [audience_id]} if field in person else {} for field in schema]

        body = {
            "advertiser_ids": [self.account],
            "action": _ACTIONS[operation],
            "id_schema": schema,
            "batch_data": json_records(members, row),
        }
        return Request("POST", _MAPPING, json=body)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """The code of the whole request is all there is, so nobody is proven. Raises for any code but 0 and 20001."""
        accepted(response, self.account, has_people=True)
        return Answer(
            received=len(members),
            accepted=0,
            rejected={},
            unproven=len(members),
            session_received=session.received_before + len(members),
            code=str(told_code(response)),
        )

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """Whether an answer asks for a slower pace."""
        return is_throttle(response)

    def _fields(self, operation: Operation) -> list[str]:
        """The platform's fields in the order of the contract, with those of mobile ad ids in the place of the key."""
        devices = _DEVICES["both" if operation is Operation.REMOVE else self.mobile_ad_id]
        fields: list[str] = []
        for key in self.contract.identifying:
            fields += devices if key is MatchKey.MOBILE_AD_ID else (self.contract.match_keys[key].field,)
        return fields

    def _digests(self, operation: Operation, member: Member) -> dict[str, str]:
        """Field -> digest of what is known of a person."""
        digests: dict[str, str] = {}
        for key in self.contract.identifying:
            sent = self.contract.match_keys[key]
            if (cell := _cell(member.keys.get(sent.form))) and key is MatchKey.MOBILE_AD_ID:
                digests |= dict.fromkeys(_DEVICES["both" if operation is Operation.REMOVE else self.mobile_ad_id], cell)
            elif cell:
                digests[sent.field] = cell
        if not digests:
            raise PermanentError(
                f"tiktok account {self.account}: a person of the batch has nothing that TikTok can match; "
                "report this as a defect"
            )
        return digests

    def _id_of(self, told: object) -> str:
        if isinstance(told, bool) or not isinstance(told, int | str) or not _ID.fullmatch(str(told)):
            raise TransientError(
                f"tiktok account {self.account}: an audience came without its id; it is looked for again"
            )
        return str(told)


_ACTIONS = {Operation.ADD: "add", Operation.REMOVE: "delete"}


def _mark(spec: AudienceSpec) -> str:
    return spec.marker[:_MARKER_DIGITS]


def _cell(value: bytes | str | None) -> str:
    """A digest as text, empty where there is none. A raw value never passes for a digest."""
    if not value:
        return ""
    if not isinstance(value, bytes) or len(value) != _DIGEST_BYTES:
        raise PermanentError("tiktok: a value is no SHA-256 digest; nothing was sent")
    return value.hex()


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> TikTokSegments:
    """One advertiser of the plan, with the setting `mobile_ad_id` and the readings. It asks for no statements."""
    del statements
    given = known_settings("tiktok", settings, _SETTINGS)
    return TikTokSegments(account, given.get("mobile_ad_id", "both"))
