"""Example Ads customer lists: single-step upload of people into a list of an advertiser. The platform is made up.

Belongs here: Example Ads' contract and wire format. Not here: pacing, retries, receipts (`delivery`).
Source: docs/adding_a_destination.md.
"""

from __future__ import annotations

import dataclasses
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
    RefusedBatchError,
    Request,
    Sent,
    TransientError,
)
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport

CONTRACT = Contract(
    platform="example_ads",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys={MatchKey.EMAIL: Sent("email_sha256", "email"), MatchKey.PHONE: Sent("phone_sha256", "phone_digits")},
    match_groups=((MatchKey.EMAIL,), (MatchKey.PHONE,)),
    identifying=(MatchKey.EMAIL, MatchKey.PHONE),
    batch_members=500,
    batch_bytes=1_000_000,
    quota=Quota(requests=5, per_seconds=1),
    minimum_members=100,
    expiry_days=None,
    first_party_only=True,
    evidence="a count of the members that were taken, and the place and code of each that was refused",
    endpoint="https://ads.example",
)


@dataclasses.dataclass(frozen=True, slots=True)
class ExampleAds:
    """One advertiser."""

    account: str
    contract: Contract = CONTRACT

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The list that carries our marker as its reference."""
        found = self._accepted(transport.send(Request("GET", self._lists, params={"reference": spec.marker})), "lists")
        return next((str(one["id"]) for one in found["lists"] if one["reference"] == spec.marker), None)

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty list."""
        body = {"name": spec.name, "reference": spec.marker}
        return str(self._accepted(transport.send(Request("POST", self._lists, json=body)), "id")["id"])

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete a list. One that is gone already is fine."""
        response = transport.send(Request("DELETE", f"{self._lists}/{audience_id}"))
        if response.status != HTTPStatus.NOT_FOUND:
            self._accepted(response)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch: an object per person, with the keys that are known."""
        del session  # a request stands alone here
        sent = self.contract.match_keys.values()
        rows = [{key.field: _hex(one.keys[key.form]) for key in sent if key.form in one.keys} for one in members]
        method = {Operation.ADD: "POST", Operation.REMOVE: "DELETE"}[operation]
        return Request(method, f"{self._lists}/{audience_id}/members", json={"members": rows})

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Who was taken is counted, who was refused is named by place; whoever is in neither is unproven."""
        body = self._accepted(response, "taken", "rejected")
        rejected = {int(one["index"]): str(one["code"]) for one in body["rejected"]}
        taken = min(int(body["taken"]), len(members) - len(rejected))
        unproven = len(members) - taken - len(rejected)
        return Answer(len(members), taken, rejected, unproven, session.received_before + len(members), code="200")

    @property
    def _lists(self) -> str:
        return f"/v2/advertisers/{self.account}/lists"

    def _accepted(self, response: Response, *fields: str) -> Mapping[str, Any]:
        """The body with these fields, or the error that the answer means. No message: it may quote what was sent."""
        said = f"example_ads account {self.account}: {response.status}"
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise NeedsHumanError(f"{said}: the token is not accepted; renew it in the secret store")
        if response.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise RefusedBatchError(f"{said}: somebody in the request is refused, and nobody is named")
        if response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TransientError(f"{said}: not now; it is asked again")
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise PermanentError(f"{said}: the request is refused; it must be changed before it is sent again")
        if not isinstance(response.json, dict) or not response.json.keys() >= set(fields):
            raise TransientError(f"{said}: the answer is not understood; it is asked again")
        return response.json


def connect(account: str, settings: Mapping[str, str], _statements: Mapping[str, str]) -> ExampleAds:
    """One advertiser of the plan. There are no settings, and nothing to state."""
    known_settings("example_ads", settings, ())
    return ExampleAds(account)


def _hex(value: bytes | str) -> str:
    return value.hex() if isinstance(value, bytes) else value
