"""Meta Custom Audiences (customer file): single-step upload of people into an audience of an ad account.

Belongs here: Meta's contract and wire format. Not here: reading answers (`meta_answers`), pacing, retries, receipts
(`delivery`).
Source: Meta's Customer File Custom Audiences guide, the Custom Audience Users reference, the rate-limiting and error
references and facebook-business 26.0.3, as of autumn 2026.

Consent: the API has no field for it, so only people who may be sent come here (`audience.doors`). Whoever opted out in
the US, or signals it (Global Privacy Control), is not sent at all, and leaves.

Limited Data Use asks Meta to handle people of some US states as a processor only; for customer lists Meta names
California. The account's setting `limited_data_use` says who is flagged: `none` (without it: nothing is said, and Meta
does with the list what its terms let it do), `united_states` (whoever is not known to be in another country, so
everybody where no country is sent) or `everybody`. Meta finds the place of each person itself, and the flag does
nothing where it has no terms. It carries over to no other audience, so every upload of the account says it: an addition
and a replace do, a removal and an erasure have nothing to say. When the setting changes everybody is sent once more;
whether that takes a flag away again is not documented, so after a change to `none` only a new audience is certain to be
without.

Where the app is set to "Require App Secret" the account's secret holds `app_secret` beside the token; every call then
carries the proof of both. Without it such an app gets code 100 for every call.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    IS_VALUE_BASED,
    Answer,
    Contract,
    Counted,
    Erasure,
    Kept,
    Limit,
    Mode,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Replacing,
    Request,
    TransientError,
    VerifiedBy,
)
from segment_assets.destinations import meta_size
from segment_assets.destinations.limits import tell_a_full_account
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.meta_answers import (
    NOT_VISIBLE,
    THROTTLED,
    accepted,
    json_object,
    json_objects,
    not_understood,
    pause,
    words,
)
from segment_assets.destinations.meta_limited_data_use import FIELDS as OPTIONS
from segment_assets.destinations.meta_limited_data_use import LimitedDataUse
from segment_assets.destinations.numbers import written_number
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.shaping import json_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport
    from segment_assets.contracts.sizes import SizeReport

_ROUTE = route("meta")

CONTRACT = Contract(
    platform="meta",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys=_ROUTE.match_keys,
    match_groups=_ROUTE.groups,
    identifying=_ROUTE.identifying,
    batch_members=10_000,
    # Meta publishes no limit in bytes; a full batch of all keys is below this.
    batch_bytes=10_000_000,
    # No published number either; the platform's own usage header slows the courier down before it is reached.
    quota=Quota(requests=10, per_seconds=1),
    minimum_members=100,
    expiry_days=None,
    first_party_only=False,
    evidence="num_received and num_invalid_entries in the answer; members that are processed later are not reported",
    statements={
        "customer_file_source": ("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"),
    },
    endpoint="https://graph.facebook.com",
    token_proof="appsecret_proof",  # noqa: S106 - the name of a field
    modes=tuple(Mode),
    # usersreplace reference: 90 minutes from the first batch, for audiences below 100 million.
    replacing=Replacing(window_seconds=5_400, most_members=100_000_000),
    # A number from 0 on, neither hashed nor text (Custom Audience Users reference).
    value_field="LOOKALIKE_VALUE",
    # Customer-file guide: usersofanyaudience takes the rows that /users takes.
    erasure=Erasure(members=10_000, within_days=0, reaches="every audience of the ad account"),
    more_limits=(
        Limit(Counted.AUDIENCES, 500, "ad account", Kept.REFUSED, source="customer-file guide (of customer files)"),
        Limit(Counted.DAYS_UNUSED, 730, "audience", Kept.ONLY_TOLD, source="customer-file guide; Meta then deletes it"),
    ),
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="facebook-business 26.0.3",
)

_OF_CUSTOMER_FILES = "CUSTOM"
# A replace begins with batch 1 of a session, which takes everybody out; its later batches may have any other number.
_CALLS = {
    Operation.ADD: ("POST", "users"),
    Operation.REMOVE: ("DELETE", "users"),
    Operation.REPLACE: ("POST", "usersreplace"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class MetaCustomAudiences:
    """One ad account. `account` is the number without `act_`; `api_version` is a setting, since versions retire.

    `narrowed_codes`: the codes without a subcode that may mean one row of an upload, so that its halves are tried. Meta
    documents 100 as an invalid parameter of whatever kind; whether it answers so for a row is not documented. Where it
    never does, an empty set saves the requests that halving costs.
    `by_value`: people go with their value. Meta lets nobody change that of an audience once it was made.
    `limited_data_use`: whom Meta is asked to handle under it.
    """

    account: str
    api_version: str = "v26.0"
    narrowed_codes: frozenset[int] = frozenset({100})
    by_value: bool = False
    limited_data_use: LimitedDataUse = LimitedDataUse.NONE
    contract: Contract = CONTRACT

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """Walk the account's audiences, page by page, for the one whose description carries our marker."""
        for audience in self._audiences(transport, "id,description"):
            if spec.marker in str(audience.get("description", "")):
                return self._id_of(audience)
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty customer-file audience. `statements` holds `customer_file_source`, from the plan."""
        body = {
            "name": spec.name,
            "subtype": _OF_CUSTOMER_FILES,
            "description": f"segment_assets {spec.marker}",
            "customer_file_source": spec.statements["customer_file_source"],
            **({"is_value_based": True} if self.by_value else {}),
        }
        response = transport.send(Request("POST", self._path, json=body))
        try:
            return self._id_of(accepted(response, self.account))
        except PermanentError as refusal:
            every = self._audiences(transport, "id,subtype")
            there = (audience for audience in every if audience.get("subtype") == _OF_CUSTOMER_FILES)
            tell_a_full_account(refusal, self.contract, self.account, there)
            raise

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete the audience. One that is not visible any more counts as deleted."""
        response = transport.send(Request("DELETE", f"/{self.api_version}/{audience_id}"))
        error = json_object(json_object(response.json).get("error"))
        if (error.get("code"), error.get("error_subcode")) != NOT_VISIBLE:
            accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch as a JSON body: a schema list and one row per person, unknown cells empty."""
        method, edge = _CALLS[operation]
        body = self._body(members, session, leaves=operation is Operation.REMOVE)
        return Request(method, f"/{self.api_version}/{audience_id}/{edge}", json=body)

    def erasure(self, members: Sequence[Member], session: Session) -> Request:
        """The call that takes people out of every audience of the ad account, as Meta asks of whoever erases."""
        path = f"/{self.api_version}/act_{self.account}/usersofanyaudience"
        return Request("DELETE", path, json=self._body(members, session, leaves=True))

    def read_erasure(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """As `read`."""
        return self.read(members, session, response)

    def _body(self, members: Sequence[Member], session: Session, *, leaves: bool) -> dict[str, Any]:
        schema, rows = self._rows(members, leaves=leaves)
        return {
            "session": {
                "session_id": session.token,
                "batch_seq": session.sequence,
                "last_batch_flag": session.last,
                "estimated_num_total": session.members_in_total,
            },
            "payload": {
                "schema": schema,
                # "Keys are separate", which the official package sends for every list schema; it is not "unhashed".
                "is_raw": True,
                "data": rows,
            },
        }

    def _rows(self, members: Sequence[Member], *, leaves: bool) -> tuple[list[str], Sequence[Sequence[Any]]]:
        """The schema, the same for every batch of a session, and a row for each member.

        Whoever leaves is worth nothing any more, and no use of them is limited further.
        """
        sent = tuple(self.contract.match_keys.values())
        schema, forms = [key.field for key in sent], [key.form for key in sent]
        end = None if leaves else self.limited_data_use.row_end()
        options = OPTIONS if end is not None else ()
        if leaves or not self.by_value:
            return [*schema, *options], json_rows(members, forms, end)
        rows = [
            [*row, _number(member.value), *(end.of(member) if end is not None else ())]
            for row, member in zip(json_rows(members, forms), members, strict=True)
        ]
        return [*schema, self.contract.value_field, *options], rows

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Count what the answer proves. Rows are refused by name only where the samples show whose they are."""
        body = accepted(response, self.account, self.narrowed_codes)
        running, invalid = written_number(body.get("num_received")), written_number(body.get("num_invalid_entries"))
        if running is None or invalid is None:
            raise not_understood(self.account, response)
        if members and running == session.received_before:
            # So Meta drops what comes 90 minutes after a session's first batch; a later run opens a new session.
            raise TransientError(f"meta account {self.account}: nothing of the batch was taken; its session has ended")
        # The count runs over the session; a repeated batch may be in it twice.
        received = min(len(members), max(0, running - session.received_before))
        invalid = min(received, invalid)
        rejected = self._named(members, body.get("invalid_entry_samples"), invalid)
        unproven = len(members) - received + max(0, invalid - len(rejected))
        return Answer(
            received=received,
            accepted=len(members) - len(rejected) - unproven,
            rejected=rejected,
            unproven=unproven,
            session_received=running,
            code="200",
            pause=pause(response.headers),
        )

    def size_request(self, audience_id: str) -> Request:
        """The call that asks how large an audience is."""
        return Request("GET", f"/{self.api_version}/{audience_id}", params={"fields": meta_size.FIELDS})

    def read_size(self, response: Response) -> SizeReport:
        """Size and state of an audience. Raises as `read` does."""
        return meta_size.size_report(accepted(response, self.account))

    def is_throttle(self, response: Response) -> bool:
        """Whether an answer throttles and does not say for how long, which Meta tells by a code, not a status."""
        error = json_object(json_object(response.json).get("error"))
        return written_number(error.get("code")) in THROTTLED and not pause(response.headers)

    def _audiences(self, transport: Transport, fields: str) -> Iterator[Mapping[str, Any]]:
        """The account's audiences with these fields, page by page."""
        params = {"fields": fields, "limit": "20"}
        while True:
            page = accepted(transport.send(Request("GET", self._path, params=params)), self.account)
            yield from json_objects(page.get("data"))
            paging = json_object(page.get("paging"))
            after = json_object(paging.get("cursors")).get("after")
            if not after or not paging.get("next"):
                return
            params = {**params, "after": str(after)}

    @property
    def _path(self) -> str:
        return f"/{self.api_version}/act_{self.account}/customaudiences"

    def _id_of(self, audience: Mapping[str, Any]) -> str:
        if not audience.get("id"):
            raise TransientError(f"meta account {self.account}: an audience came without its id; it is asked again")
        return str(audience["id"])

    def _named(self, members: Sequence[Member], samples: object, invalid: int) -> dict[int, str]:
        """Places of the people whom the samples name by a key that is theirs alone.

        A country or a first name in a sample is everybody's. Where more people are named than entries are invalid
        (a shared phone), nobody is refused by name, since a refused person is not sent again.
        """
        shown = set(words(samples)) if invalid else set()
        if not shown:
            return {}
        forms = [self.contract.match_keys[key].form for key in self.contract.identifying]
        named = [
            place
            for place, member in enumerate(members)
            if any(_cell(member.keys[form]) in shown for form in forms if form in member.keys)
        ]
        return dict.fromkeys(named, "invalid_entry") if len(named) <= invalid else {}


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> MetaCustomAudiences:
    """One ad account of the plan. Its settings are `api_version` and `limited_data_use`, which says whom to flag.

    Of the statements only a creation needs any.
    """
    given = known_settings("meta", settings, ("api_version", "limited_data_use"))
    made = MetaCustomAudiences(account, by_value=statements.get(IS_VALUE_BASED) == "true")
    if "api_version" in given:
        made = dataclasses.replace(made, api_version=given["api_version"])
    flagged = LimitedDataUse.of(given.get("limited_data_use", LimitedDataUse.NONE))
    if flagged is LimitedDataUse.NONE:
        return made
    contract = dataclasses.replace(CONTRACT, said_of_people=f"limited_data_use: {flagged}")
    return dataclasses.replace(made, limited_data_use=flagged, contract=contract)


def _number(value: str) -> int | float:
    """A value as JSON has it. Whoever has none is never sent by value, so that is a defect."""
    if not value:
        raise PermanentError(
            "meta: a person of an audience by value has none; nothing was sent; report this as a defect"
        )
    return float(value) if "." in value else int(value)


def _cell(value: bytes | str | None) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else value
