"""The Trade Desk's CRM data by file: people go into a segment as hashed e-mails, of which The Trade Desk makes UID2s.

Belongs here: the contract, segments and files. Not here: files on their way and answers (`the_trade_desk_crm_drops`),
UID2s that we have made ourselves (`the_trade_desk`, which is the better way where UID2's credentials are to be had).
Source: Segment's and MadConnect's connectors for CRM data, The Trade Desk's upgrade notes (paths of v3, 180 days),
unifiedid.com (the normal form); as of autumn 2026. The reference of these calls is behind a login and was not read.

A file takes the place of everybody, or is added. Nobody can be taken out: so an activation has the mode `replace`, in
which each change sends the whole list, or `add_only`. When somebody says no, a file of nobody takes the place of all,
and the next run sends the others again. The segment itself stays, empty: no call that deletes one is known.

A file has at least 1,500 rows. One that is added or that empties is filled up with digests of nobody; a list that
replaces has as many people, since a smaller audience is stopped before. What The Trade Desk makes of a file nothing
tells: everybody is unproven, and a wrong row is passed over.

Uncertain, with a setting each: the word for adding (`append_word`: Add, or Append), the path on which segments are made
(`segment_path`: targeting/segment, or segment), and whether files of a segment are worked on in the order in which they
come (`files_in_order`: unknown, or yes). As long as it is unknown, a list that replaces is one file of at most 100,000,
and six hours pass between a file that replaces and the next one. Only a file of nobody goes at once when somebody says
no; a file from before that is worked on after it would bring them back until the list which follows has taken its
place. Were The Trade Desk ever more than six hours late, it would be until the next list.

E-mails of Europe (EEA, UK, Switzerland) want EUIDs, and how these are asked for by file was not read: an account of
`the_trade_desk` sends them. The Trade Desk's deletion call takes ids only, so whoever is to be forgotten leaves the
segment here, and the digest of their e-mail is kept there for 180 days. The advertiser needs a signed agreement on UID2
with The Trade Desk. The token is as for `the_trade_desk`.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from segment_assets.contracts import (
    Answer,
    Contract,
    Counted,
    Kept,
    Limit,
    MatchKey,
    Mode,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Replacing,
    Request,
)
from segment_assets.destinations import the_trade_desk_crm_drops as drops
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.pages import Page, walked
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport

_ROUTE = route("the_trade_desk", "crm")
# Ours: a file of 4.5 MB. Another vendor's connector sends up to 100 MB.
_MEMBERS_OF_A_FILE = 100_000

CONTRACT = Contract(
    platform="the_trade_desk_crm",
    version=1,
    pattern=Pattern.MULTI_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    batch_members=_MEMBERS_OF_A_FILE,
    batch_bytes=6_000_000,
    # Ours: The Trade Desk publishes no rate. A file takes two calls.
    quota=Quota(requests=1, per_seconds=1),
    # Rows of a file, as another vendor tells.
    minimum_members=1_500,
    # For which The Trade Desk keeps digests, to renew their ids.
    expiry_days=180,
    first_party_only=True,
    modes=(Mode.ADD_ONLY, Mode.REPLACE),
    # One file, see above; so the times are ours.
    replacing=Replacing(window_seconds=3_600.0, most_members=_MEMBERS_OF_A_FILE, rest_seconds=21_600.0),
    # The segment is emptied, and filled again by the next run.
    on_refused_removal="delete",
    evidence="none of any person: The Trade Desk takes a file, and what it makes of it nothing tells",
    statements={"residents": ("OUTSIDE_EUROPE",)},
    endpoint="https://api.thetradedesk.com",
    token_header="TTD-Auth",  # noqa: S106 - the name of a header
    more_limits=(
        Limit(Counted.CHARACTERS, 256, "segment", Kept.CUT, source="the Data API's, taken for this one too"),
        Limit(Counted.FILE_BYTES, 100_000_000, "file", Kept.WITHIN, source="another vendor's connector"),
    ),
)

_API = "/v3/crmdata"
_ADVERTISER = re.compile(r"[A-Za-z0-9]{1,32}")
_SETTINGS = ("region", "segment_path", "append_word", "files_in_order")
_REGIONS = ("US", "APAC")
_PATHS = ("targeting/segment", "segment")
_APPEND_WORDS = ("Add", "Append")
_IN_ORDER = ("unknown", "yes")
# Ours, for a list of several files.
_LONGEST_LIST = 10_000_000
_REPLACE = "Replace"
_DIGEST_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class TradeDeskFiles:
    """One advertiser. `account` is its id; the others are as in `connect`."""

    account: str
    region: str = _REGIONS[0]
    segment_path: str = _PATHS[0]
    append_word: str = _APPEND_WORDS[0]
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ADVERTISER.fullmatch(self.account):
            raise PermanentError("the_trade_desk_crm: account is no id of an advertiser; correct it in the plan")
        for name, known in (("region", _REGIONS), ("segment_path", _PATHS), ("append_word", _APPEND_WORDS)):
            if getattr(self, name) not in known:
                raise PermanentError(f"the_trade_desk_crm: {name} is not one of {', '.join(known)}; correct the plan")

    def carried(self, transport: Transport) -> Transport:
        """The way of files: to the address that The Trade Desk gives for each."""
        return drops.DropTransport(transport, self.contract.match_keys[MatchKey.EMAIL].field)

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The segment whose name ends with our marker."""

        def page(params: Mapping[str, str]) -> Page:
            response = transport.send(Request("GET", f"{_API}/segment/{self.account}", params=params))
            segments, token = drops.segments(drops.accepted(response, self._us))
            return Page(segments, "?" + urlencode({"pagingToken": token}) if segments and token else "")

        for segment in walked(page, {}, self._us):
            if str(segment.get("SegmentName", "")).endswith(spec.marker):
                return drops.segment_id(segment, self._us)
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Make an empty segment, or take the one of ours that was emptied: none is ever deleted."""
        found = self.find_audience(transport, spec)
        if found:
            return found
        name = fitted(self.contract, spec.name, f" {spec.marker}")
        body = {"AdvertiserId": self.account, "SegmentName": name, "Region": self.region}
        response = transport.send(Request("POST", f"{_API}/{self.segment_path}", json=body))
        return drops.segment_id(drops.accepted(response, self._us), self._us)

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Put nobody in the place of everybody. The segment stays; one that is gone is fine."""
        response = transport.send(self._file(audience_id, _REPLACE, _digests_of_nobody(self.contract.minimum_members)))
        # A 404 of those who keep the files says that nobody was emptied out.
        if response.status != HTTPStatus.NOT_FOUND or not drops.is_refused_by_the_platform(response):
            drops.must_be_received(response, self._us)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The file of one batch, a digest a line. The first of a list that replaces takes the place of everybody.

        One that takes people out is shown and never sent (`drops`).
        """
        digests = [self._cell(member) for member in members]
        if operation is Operation.REPLACE and session.sequence == 1:
            return self._file(audience_id, _REPLACE, digests)
        # In every file as many, so that each person weighs what they weigh (`delivery.filling`).
        nobody = _digests_of_nobody(self.contract.minimum_members - 1)
        word = drops.REMOVE if operation is Operation.REMOVE else self.append_word
        return self._file(audience_id, word, [*digests, *nobody])

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Whether the file was received: nobody in it is proven, and nobody refused."""
        drops.must_be_received(response, self._us)
        received = session.received_before + len(members)
        return Answer(len(members), 0, {}, len(members), received, str(response.status))

    def _file(self, audience_id: str, mode: str, digests: Iterable[str]) -> Request:
        text = "".join(f"{digest}\n" for digest in digests)
        path = f"{_API}/segment/{self.account}/{audience_id}"
        return Request("PUT", path, params={drops.MODE: mode}, content=text.encode(), content_type="text/plain")

    def _cell(self, member: Member) -> str:
        value = member.keys.get(self.contract.match_keys[MatchKey.EMAIL].form)
        if isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
            return base64.b64encode(value).decode()
        raise PermanentError(
            f"{self._us}: a person of the batch has no SHA-256 digest of an e-mail; nothing was sent; report this as a "
            "defect"
        )

    @property
    def _us(self) -> str:
        return f"the_trade_desk_crm advertiser {self.account}"


def _digests_of_nobody(count: int) -> list[str]:
    digests = (hashlib.sha256(f"segment_assets: nobody {number}".encode()).digest() for number in range(count))
    return [base64.b64encode(digest).decode() for digest in digests]


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> TradeDeskFiles:
    """One advertiser of the plan.

    Settings: `region` of the people (US, or APAC), `segment_path` (targeting/segment, or segment) and `append_word`
    (Add, or Append), on which public connectors differ; `files_in_order` (unknown, or yes where The Trade Desk says
    so).
    """
    del statements
    given: dict[str, Any] = known_settings("the_trade_desk_crm", settings, _SETTINGS)
    in_order = given.pop("files_in_order", _IN_ORDER[0])
    if in_order not in _IN_ORDER:
        raise PermanentError("the_trade_desk_crm: files_in_order is not one of unknown, yes; correct the plan")
    if in_order == _IN_ORDER[0]:
        return TradeDeskFiles(account, **given)
    replacing = Replacing(window_seconds=3_600.0, most_members=_LONGEST_LIST)
    return TradeDeskFiles(account, contract=dataclasses.replace(CONTRACT, replacing=replacing), **given)
