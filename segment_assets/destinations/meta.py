"""Meta Custom Audiences (customer file): single-step upload of people into an audience of an ad account.

Belongs here: Meta's contract and wire format. Not here: pacing, retries, receipts (delivery.courier).
Source: Meta's Customer File Custom Audiences guide, the Custom Audience Users reference, the rate-limiting and error
references and facebook-business 26.0.3, as of autumn 2026.
"""

from __future__ import annotations

import dataclasses
import json
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
    Request,
    Sent,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport

CONTRACT = Contract(
    platform="meta",
    version=1,
    pattern=Pattern.SINGLE_STEP,
    match_keys={
        MatchKey.EMAIL: Sent("EMAIL", "email"),
        MatchKey.PHONE: Sent("PHONE", "phone_digits"),
        MatchKey.FIRST_NAME: Sent("FN", "first_name"),
        MatchKey.LAST_NAME: Sent("LN", "last_name"),
        MatchKey.CITY: Sent("CT", "city"),
        MatchKey.STATE: Sent("ST", "state"),
        MatchKey.POSTAL_CODE: Sent("ZIP", "postal_code"),
        MatchKey.COUNTRY: Sent("COUNTRY", "country"),
        MatchKey.BIRTH_YEAR: Sent("DOBY", "birth_year"),
        MatchKey.BIRTH_MONTH: Sent("DOBM", "birth_month"),
        MatchKey.BIRTH_DAY: Sent("DOBD", "birth_day"),
        MatchKey.GENDER: Sent("GEN", "gender"),
        MatchKey.MOBILE_AD_ID: Sent("MADID", "mobile_ad_id"),
    },
    match_groups=(
        (MatchKey.EMAIL,),
        (MatchKey.PHONE,),
        (MatchKey.MOBILE_AD_ID,),
        (MatchKey.FIRST_NAME, MatchKey.LAST_NAME, MatchKey.POSTAL_CODE, MatchKey.COUNTRY),
    ),
    identifying=(MatchKey.EMAIL, MatchKey.PHONE, MatchKey.MOBILE_AD_ID),
    batch_members=10_000,
    # Meta publishes no limit in bytes; a full batch of all keys is below this.
    batch_bytes=10_000_000,
    # No published number either; the platform's own usage header slows the courier down before it is reached.
    quota=Quota(requests=10, per_seconds=1),
    minimum_members=100,
    expiry_days=None,
    first_party_only=False,
    evidence="num_received and num_invalid_entries in the answer; members that are processed later are not reported",
)

# Above this share of a budget Meta asks callers to slow down (rate-limiting page).
_BUSY_PERCENT = 80
_THROTTLED = frozenset({4, 17, 32, 613, 80003, 80004})
_SERVICE = frozenset({1, 2, 341, 368})
_AUTHORISATION = frozenset({102, 190})
_PERMISSION = frozenset({10, 200, 270, 294})
_UPDATE_IN_PROGRESS = (2650, 1870145)
_FLAGGED_AUDIENCE = (100, 1713230)
_RETIRED_VERSION = 2635


@dataclasses.dataclass(frozen=True, slots=True)
class MetaCustomAudiences:
    """One ad account. `account` is the number without `act_`; `api_version` is a setting, since versions retire."""

    account: str
    api_version: str = "v26.0"
    contract: Contract = CONTRACT

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """Walk the account's audiences, page by page, for the one whose description carries our marker."""
        params = {"fields": "id,description", "limit": "20"}
        while True:
            path = f"/{self.api_version}/act_{self.account}/customaudiences"
            page = _accepted(transport.send(Request("GET", path, params=params)), self.account)
            for audience in page.get("data", []):
                if spec.marker in str(audience.get("description", "")):
                    return str(audience["id"])
            after = page.get("paging", {}).get("cursors", {}).get("after")
            if not after or not page.get("paging", {}).get("next"):
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
        return str(_accepted(transport.send(Request("POST", path, json=body)), self.account)["id"])

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
                "data": [[_cell(member.keys.get(key.form)) for key in sent] for member in members],
            },
        }
        method = "POST" if operation is Operation.ADD else "DELETE"
        return Request(method, f"/{self.api_version}/{audience_id}/users", json=body)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Count what the answer proves. Rows are refused by name only where the samples show whose they are."""
        body = _accepted(response, self.account)
        running = int(body["num_received"])
        # The count runs over the session; a repeated batch may be in it twice.
        received = min(len(members), max(0, running - session.received_before))
        invalid = min(received, int(body["num_invalid_entries"]))
        rejected = dict(_named(members, body.get("invalid_entry_samples"))) if invalid else {}
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


def _cell(value: bytes | str | None) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else value


def _named(members: Sequence[Member], samples: object) -> Iterator[tuple[int, str]]:
    """Places of the members whose cells appear among the samples (a map or a list, as Meta sends either)."""
    shown = set(_texts(samples))
    for place, member in enumerate(members):
        if any(_cell(value) in shown for value in member.keys.values()):
            yield place, "invalid_entry"


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)


def _pause(headers: Mapping[str, str]) -> float:
    """Seconds of rest that the usage header asks for: its own estimate is in minutes."""
    raw = {name.lower(): value for name, value in headers.items()}.get("x-business-use-case-usage")
    if not raw:
        return 0.0
    try:
        budgets = [usage for usages in json.loads(raw).values() for usage in usages]
    except (ValueError, AttributeError):
        return 0.0
    regain = max((float(usage.get("estimated_time_to_regain_access", 0)) * 60 for usage in budgets), default=0.0)
    busiest = max((float(usage.get(name, 0)) for usage in budgets for name in _USAGES), default=0.0)
    if regain:
        return regain
    # Meta names no pace between "busy" and "refused"; a second per percent above the mark is ours.
    return max(0.0, busiest - _BUSY_PERCENT)


_USAGES = ("call_count", "total_cputime", "total_time")


def _accepted(response: Response, account: str) -> dict[str, Any]:
    """The body of a successful answer, or the error that the answer means. Meta decides by code, not by status."""
    body = response.json
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        raise _refusal(body["error"], response, account)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TransientError(f"meta account {account}: the service answered {response.status}")
    if response.status >= HTTPStatus.BAD_REQUEST or not isinstance(body, dict):
        raise TransientError(f"meta account {account}: answer {response.status} is not understood; it is asked again")
    return body


def _refusal(error: Mapping[str, Any], response: Response, account: str) -> Exception:
    code, subcode = int(error.get("code", 0)), int(error.get("error_subcode", 0) or 0)
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
    return PermanentError(f"{said}: the request is refused; it must be changed before it is sent again")


def _for_a_person(code: int, subcode: int) -> str:
    """What somebody has to do in Business Manager or the secret store, empty when nobody has to."""
    if code in _AUTHORISATION:
        return "the access token is not accepted; renew the token in the secret store"
    if (code, subcode) == _FLAGGED_AUDIENCE:
        return "Meta flagged the audience; look at it in Business Manager"
    if code in _PERMISSION:
        return "permission or accepted terms are missing; grant them in Business Manager"
    return ""
