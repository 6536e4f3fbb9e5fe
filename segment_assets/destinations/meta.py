"""Meta Custom Audiences (customer file): single-step upload of people into an audience of an ad account.

Belongs here: Meta's contract and wire format. Not here: pacing, retries, receipts (delivery.courier).
Source: Meta's Customer File Custom Audiences guide, the Custom Audience Users reference, the rate-limiting and error
references and facebook-business 26.0.3, as of autumn 2026.

Consent: the API has no field for it, so only people who may be sent come here (`audience.doors`). A customer file can
ask for Limited Data Use of people in some US states (DATA_PROCESSING_OPTIONS). We are stricter: whoever opted out
there, or signals it (Global Privacy Control), is not sent at all, and leaves.
"""

from __future__ import annotations

import dataclasses
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    Contract,
    Mode,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    RefusedBatchError,
    Replacing,
    Request,
    SegmentAssetsError,
    TransientError,
    VerifiedBy,
)
from segment_assets.destinations import meta_size
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings
from segment_assets.destinations.shaping import text_rows

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
    modes=tuple(Mode),
    # usersreplace reference: 90 minutes from the first batch, for audiences below 100 million.
    replacing=Replacing(window_seconds=5_400, most_members=100_000_000),
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="facebook-business 26.0.3",
)

# A replace begins with batch 1 of a session, which takes everybody out; its later batches may have any other number.
_CALLS = {
    Operation.ADD: ("POST", "users"),
    Operation.REMOVE: ("DELETE", "users"),
    Operation.REPLACE: ("POST", "usersreplace"),
}

# Above this share of a budget Meta asks callers to slow down (rate-limiting page).
_BUSY_PERCENT = 80
_THROTTLED = frozenset({4, 17, 32, 613, 80003, 80004})
_SERVICE = frozenset({1, 2, 341, 368})
_AUTHORISATION = frozenset({102, 190})
_PERMISSION = frozenset({10, 200, 270, 294})
_UPDATE_IN_PROGRESS = (2650, 1870145)
_FLAGGED_AUDIENCE = (100, 1713230)
_NOT_VISIBLE = (100, 33)
_RETIRED_VERSION = 2635
_TOO_LARGE = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG})


@dataclasses.dataclass(frozen=True, slots=True)
class MetaCustomAudiences:
    """One ad account. `account` is the number without `act_`; `api_version` is a setting, since versions retire.

    `narrowed_codes`: the codes without a subcode that may mean one row of an upload, so that its halves are tried. Meta
    documents 100 as an invalid parameter of whatever kind; whether it answers so for a row is not documented. Where it
    never does, an empty set saves the requests that halving costs.
    """

    account: str
    api_version: str = "v26.0"
    narrowed_codes: frozenset[int] = frozenset({100})
    contract: Contract = CONTRACT

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """Walk the account's audiences, page by page, for the one whose description carries our marker."""
        params = {"fields": "id,description", "limit": "20"}
        while True:
            path = f"/{self.api_version}/act_{self.account}/customaudiences"
            page = _accepted(transport.send(Request("GET", path, params=params)), self.account)
            for audience in _list(page.get("data")):
                if spec.marker in str(audience.get("description", "")):
                    return self._id_of(audience)
            paging = _object(page.get("paging"))
            after = _object(paging.get("cursors")).get("after")
            if not after or not paging.get("next"):
                return None
            params = {**params, "after": str(after)}

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty customer-file audience. `statements` holds `customer_file_source`, from the plan."""
        body = {
            "name": spec.name,
            "subtype": "CUSTOM",
            "description": f"segment_assets {spec.marker}",
            "customer_file_source": spec.statements["customer_file_source"],
        }
        path = f"/{self.api_version}/act_{self.account}/customaudiences"
        return self._id_of(_accepted(transport.send(Request("POST", path, json=body)), self.account))

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete the audience. One that is not visible any more counts as deleted."""
        response = transport.send(Request("DELETE", f"/{self.api_version}/{audience_id}"))
        error = _object(_object(response.json).get("error"))
        if (error.get("code"), error.get("error_subcode")) != _NOT_VISIBLE:
            _accepted(response, self.account)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """One batch as a JSON body: a schema list and one row per person, unknown cells empty."""
        sent = tuple(self.contract.match_keys.values())
        body = {
            "session": {
                "session_id": session.token,
                "batch_seq": session.sequence,
                "last_batch_flag": session.last,
                "estimated_num_total": session.members_in_total,
            },
            "payload": {
                "schema": [key.field for key in sent],
                # "Keys are separate", which the official package sends for every list schema; it is not "unhashed".
                "is_raw": True,
                "data": text_rows(members, [key.form for key in sent]),
            },
        }
        method, edge = _CALLS[operation]
        return Request(method, f"/{self.api_version}/{audience_id}/{edge}", json=body)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Count what the answer proves. Rows are refused by name only where the samples show whose they are."""
        body = _accepted(response, self.account, self.narrowed_codes)
        running, invalid = _count(body.get("num_received")), _count(body.get("num_invalid_entries"))
        if running is None or invalid is None:
            raise _not_understood(self.account, response)
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
            pause=_pause(response.headers),
        )

    def size_request(self, audience_id: str) -> Request:
        """The call that asks how large an audience is."""
        return Request("GET", f"/{self.api_version}/{audience_id}", params={"fields": meta_size.FIELDS})

    def read_size(self, response: Response) -> SizeReport:
        """Size and state of an audience. Raises as `read` does."""
        return meta_size.size_report(_accepted(response, self.account))

    def is_throttle(self, response: Response) -> bool:
        """Whether an answer throttles and does not say for how long, which Meta tells by a code, not a status."""
        error = _object(_object(response.json).get("error"))
        return _count(error.get("code")) in _THROTTLED and not _pause(response.headers)

    def _id_of(self, audience: Mapping[str, Any]) -> str:
        if not audience.get("id"):
            raise TransientError(f"meta account {self.account}: an audience came without its id; it is asked again")
        return str(audience["id"])

    def _named(self, members: Sequence[Member], samples: object, invalid: int) -> dict[int, str]:
        """Places of the people whom the samples name by a key that is theirs alone.

        A country or a first name in a sample is everybody's. Where more people are named than entries are invalid
        (a shared phone), nobody is refused by name, since a refused person is not sent again.
        """
        shown = set(_words(samples)) if invalid else set()
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
    """One ad account of the plan. Its only setting is `api_version`; statements are needed for the creation alone."""
    del statements
    given = known_settings("meta", settings, ("api_version",))
    return MetaCustomAudiences(account, given["api_version"]) if given else MetaCustomAudiences(account)


def _cell(value: bytes | str | None) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else value


# Samples come as a map or a list, of cells, of rows, or of rows as text: digests and ids are found in all of these.
_IDENTIFIER = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _words(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        yield from _IDENTIFIER.findall(node)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _words(str(key))
            yield from _words(value)
    elif isinstance(node, list):
        for value in node:
            yield from _words(value)


def _pause(headers: Mapping[str, str]) -> float:
    """Seconds of rest that the usage header asks for: its own estimate is in minutes."""
    raw = {name.lower(): value for name, value in headers.items()}.get("x-business-use-case-usage")
    try:
        said = _object(json.loads(raw)) if raw else {}
    except ValueError:
        return 0.0
    budgets = [usage for usages in said.values() for usage in _list(usages)]
    regain = 60 * max((_number(usage.get("estimated_time_to_regain_access")) for usage in budgets), default=0.0)
    busiest = max((_number(usage.get(name)) for usage in budgets for name in _USAGES), default=0.0)
    # Meta names no pace between "busy" and "refused"; a second per percent above the mark is ours.
    return regain or max(0.0, busiest - _BUSY_PERCENT)


_USAGES = ("call_count", "total_cputime", "total_time")


# What the outside sends is never trusted to have a shape: a failed conversion would quote the value.
def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _ABSURD
    return float(value) if is_number else 0.0  # type: ignore[arg-type]


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < _DIGITS_OF_INT64:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


_ABSURD = 1e6
_DIGITS_OF_INT64 = 19


def _accepted(response: Response, account: str, narrowed: frozenset[int] = frozenset()) -> dict[str, Any]:
    """The body of a successful answer, or the error that the answer means. Meta decides by code, not by status."""
    body = response.json
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        refusal = _refusal(body["error"], response, account, narrowed)
        refusal.code = "/".join(str(n) for name in ("code", "error_subcode") if (n := _count(body["error"].get(name))))
        raise refusal
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TransientError(f"meta account {account}: the service answered {response.status}; it is asked again")
    if response.status in _TOO_LARGE:
        raise PermanentError(
            f"meta account {account}: the request is too large for the web server ({response.status}); "
            "lower batch_members of the contract"
        )
    if response.status >= HTTPStatus.BAD_REQUEST or not isinstance(body, dict):
        raise _not_understood(account, response)
    return body


def _not_understood(account: str, response: Response) -> TransientError:
    return TransientError(f"meta account {account}: answer {response.status} is not understood; it is asked again")


def _refusal(
    error: Mapping[str, Any], response: Response, account: str, narrowed: frozenset[int]
) -> SegmentAssetsError:
    code, subcode = _count(error.get("code")) or 0, _count(error.get("error_subcode")) or 0
    # Codes only: Meta's message may quote what was sent.
    said = f"meta account {account}: code {code}" + (f" subcode {subcode}" if subcode else "")
    if code in _THROTTLED:
        return TransientError(f"{said}: throttled", retry_after=_pause(response.headers) or None)
    for_a_person = _for_a_person(code, subcode)
    if for_a_person:
        return NeedsHumanError(f"{said}: {for_a_person}")
    unavailable = code in _SERVICE or (code, subcode) == _UPDATE_IN_PROGRESS or error.get("is_transient")
    if unavailable or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: the service is not available now")
    if code == _RETIRED_VERSION:
        return PermanentError(f"{said}: the API version is retired; raise api_version of this destination")
    action = "the request is refused; it must be changed before it is sent again"
    return (
        RefusedBatchError(f"{said}: {action}")
        if code in narrowed and not subcode
        else PermanentError(f"{said}: {action}")
    )


def _for_a_person(code: int, subcode: int) -> str:
    """What somebody has to do in Business Manager or the secret store, empty when nobody has to."""
    if code in _AUTHORISATION:
        return "the access token is not accepted; renew the token in the secret store"
    if (code, subcode) == _FLAGGED_AUDIENCE:
        return "Meta flagged the audience; look at it in Business Manager"
    if (code, subcode) == _NOT_VISIBLE:
        return "the account or audience is gone, or hidden from this token; look at both in Business Manager"
    if code in _PERMISSION:
        return "permission or accepted terms are missing; grant them in Business Manager"
    return ""
