"""Reddit customer lists: people go into a custom audience of an ad account, one kind of identifier per request.

Belongs here: Reddit's contract and wire format. Not here: reading its answers (`reddit_answers`), pacing, retries,
receipts (`delivery`).
Source: Reddit Ads API v3, its OpenAPI description and "Manage customer lists", as of autumn 2026. How a missing cell of
a row with two columns is meant is documented nowhere, so a request has one column.

Reddit keeps no description beside an audience, so our marker stands in its name: that is how one is found again after a
creation without an answer. Some accounts have to be let in to custom audiences by Reddit, other vendors tell.
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
from segment_assets.destinations.reddit_answers import accepted, data, data_list, next_page, size_report
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.templates import json_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("reddit", "customer_list")

CONTRACT = Contract(
    platform="reddit",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    readings=_ROUTE.readings(),
    lanes=tuple((key,) for key in _ROUTE.match_keys),
    batch_members=2_500,
    # Reddit publishes no limit in bytes; a full batch is 173 kB.
    batch_bytes=500_000,
    # One that keeps both of Reddit's (see `more_limits`).
    quota=Quota(requests=200, per_seconds=60),
    # Of the upper end of the size, below which an audience is not served.
    minimum_members=1_000,
    # Not documented; there is a status EXPIRED, which the size of an audience would show.
    expiry_days=None,
    first_party_only=False,
    evidence="an empty answer to the whole request, which proves nobody; whether people were matched shows in the "
    "range of the audience's size alone",
    endpoint="https://ads-api.reddit.com",
    more_limits=(
        Limit(Counted.CHARACTERS, 500, "audience", Kept.CUT, source="Ads API v3 description", least=3),
        Limit(Counted.REQUESTS_A_MINUTE, 500, "caller", Kept.WITHIN, source="Ads API v3 (what changes an audience)"),
        Limit(Counted.REQUESTS_IN_15_MINUTES, 3_000, "caller", Kept.WITHIN, source="Ads API v3 (as above)"),
    ),
)

_AUDIENCES = "/api/v3/custom_audiences"
# Or a number: what stands for the account in a preview without one.
_ACCOUNT = re.compile(r"[a-z0-9]{1,8}_[a-z0-9]{1,32}|[0-9]{1,20}")
_ID = re.compile(r"[0-9A-Za-z]+(?:[._-][0-9A-Za-z]+){0,3}")
_LONGEST_ID = 40
_USER_AGENT = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")
_KIND, _DELETED = "CUSTOMER_LIST", "DELETED"
# The most that Reddit gives.
_PAGE = "2000"
_DIGEST_BYTES = 32
_ACTIONS = {Operation.ADD: "ADD", Operation.REMOVE: "REMOVE"}
_SETTINGS = ("user_agent", *CONTRACT.readings)


@dataclasses.dataclass(frozen=True, slots=True)
class RedditCustomAudiences:
    """One ad account. `account` is its id (a2_...).

    `user_agent` tells Reddit who calls, also when a token is renewed, and has to be of one's own: what a library sends
    by itself is slowed down or refused. Without a setting it names us, and in calls the account; Reddit asks for the
    name of a contact in it.
    """

    account: str
    user_agent: str = ""
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise PermanentError(f"reddit: account {self.account!r} is no ad account's id; correct it in the plan")
        if self.user_agent and not _USER_AGENT.fullmatch(self.user_agent):
            raise PermanentError("reddit: user_agent is no text of at most 256 characters; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The account's customer list whose name ends with our marker, and that is not deleted."""
        for audience in self._audiences(transport):
            is_list = audience.get("type") == _KIND and audience.get("status") != _DELETED
            if is_list and str(audience.get("name", "")).endswith(spec.marker):
                return self._id_of(audience)
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty customer list. Its name is cut so that our marker fits behind it."""
        name = fitted(self.contract, spec.name, f" {spec.marker}")
        request = self._asked("POST", self._path, {"data": {"name": name, "type": _KIND}})
        return self._id_of(data(transport.send(request), self.account))

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete an audience with everybody in it. One that is gone already is fine."""
        response = transport.send(self._asked("DELETE", f"{_AUDIENCES}/{audience_id}"))
        if response.status != HTTPStatus.NOT_FOUND:
            accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch of one kind of identifier, a row of one cell for each person."""
        (key,) = session.lane
        sent = self.contract.match_keys[key]
        body = {
            "action_type": _ACTIONS[operation],
            "column_order": [sent.field],
            "user_data": json_records(members, lambda member: [_digest(member, sent.form)]),
        }
        return self._asked("PATCH", f"{_AUDIENCES}/{audience_id}/users", {"data": body})

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """An empty answer is all there is, so nobody is proven. Raises RefusedBatchError for a refused request."""
        accepted(response, self.account, has_people=True)
        return Answer(
            received=len(members),
            accepted=0,
            rejected={},
            unproven=len(members),
            session_received=session.received_before + len(members),
            code=str(response.status),
        )

    def size_request(self, audience_id: str) -> Request:
        """The call that asks how large an audience is."""
        return self._asked("GET", f"{_AUDIENCES}/{audience_id}")

    def read_size(self, response: Response) -> SizeReport:
        """Size range and status of an audience. Raises as `read` does."""
        return size_report(data(response, self.account))

    def _audiences(self, transport: Transport) -> Iterator[Mapping[str, Any]]:
        """The account's audiences of whatever kind, page by page."""

        def ask(params: Mapping[str, str]) -> Page:
            request = dataclasses.replace(self._asked("GET", self._path), params=params)
            response = transport.send(request)
            return Page(data_list(response, self.account), next_page(response))

        return walked(ask, {"page.size": _PAGE}, f"reddit account {self.account}")

    def _asked(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Request:
        agent = self.user_agent or f"python:segment_assets:v1 (ad account {self.account})"
        return Request(method, path, json=body, headers={"User-Agent": agent})

    @property
    def _path(self) -> str:
        return f"/api/v3/ad_accounts/{self.account}/custom_audiences"

    def _id_of(self, audience: Mapping[str, Any]) -> str:
        told = audience.get("id")
        if not isinstance(told, str) or len(told) > _LONGEST_ID or not _ID.fullmatch(told):
            raise TransientError(
                f"reddit account {self.account}: an audience came without its id; it is looked for again"
            )
        return told


def _digest(member: Member, form: str) -> str:
    """The digest of a member. A raw value never passes for one."""
    value = member.keys.get(form)
    if not isinstance(value, bytes) or len(value) != _DIGEST_BYTES:
        raise PermanentError("reddit: a member of the batch has no SHA-256 digest of its kind; nothing was sent")
    return value.hex()


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> RedditCustomAudiences:
    """One ad account of the plan, with the setting `user_agent`. It asks for no statements."""
    del statements
    return RedditCustomAudiences(account, known_settings("reddit", settings, _SETTINGS).get("user_agent", ""))
