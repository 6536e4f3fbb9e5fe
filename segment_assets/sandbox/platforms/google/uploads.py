"""`audienceMembers:ingest`, `:remove` and `:removeAll`: the request as a whole, judged before anything is kept.

Belongs here: limits, what a request must say. Not here: destinations (`destinations`), single members (`members`),
processing (`requests`). One wrong member refuses the whole request. Our reading: whatever is wrong is named in one
answer, at most `most_violations` of it where that switch is set.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google import destinations, errors, messages, requests, wire
from segment_assets.sandbox.platforms.google.errors import Violation
from segment_assets.sandbox.platforms.google.members import DATA_TYPES, Judged, Terms, judge
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.sandbox.platforms.google.visit import Visit
    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

MEMBERS_PER_REQUEST = 10_000
_HASHED = ("user_data", "composite_data")
_UNDER_TERMS = ("user_data", "mobile_data", "composite_data")


def ingest(visit: Visit) -> Answer:
    """Take members to be added."""
    return _with_members(visit, "ingest", wire.read_body(visit.call.body, messages.INGEST))


def remove(visit: Visit) -> Answer:
    """Take members to be removed."""
    return _with_members(visit, "remove", wire.read_body(visit.call.body, messages.REMOVE))


def remove_all(visit: Visit) -> Answer:
    """Take the order to remove everybody who was last added before a time."""
    values = wire.read_body(visit.call.body, messages.REMOVE_ALL)
    targets, violations = destinations.read(visit, values.get("destinations", []))
    as_of = values.get("remove_as_of_time", visit.now)
    if as_of > visit.now:
        words = "The time must not be in the future."
        violations.append(Violation("remove_as_of_time", words, "INVALID_REMOVE_AS_OF_TIME"))
    _refuse(visit, violations)
    return _accept(visit, values, requests.Accepted("remove_all", "", targets, as_of=as_of))


def poisoned(rule: Rule, call: Call) -> Answer:
    """The refusal of a request that holds poisoned members, by their places or, on request, without saying which."""
    rows = json.loads(call.body).get("audienceMembers", [])
    places = [place for place, row in enumerate(rows) if rule.poisoned(json.dumps(row).encode())]
    paths = [f"[{place}].user_data.user_identifiers" for place in places] if rule.names_members else [""]
    words = "The value cannot be used."
    return errors.invalid_answer(
        [Violation(f"audience_members.audience_members{path}", words, "INVALID_SHA256_FORMAT") for path in paths]
    )


def _with_members(visit: Visit, kind: str, values: dict[str, Any]) -> Answer:
    rows = values.get("audience_members", [])
    visit.records = len(rows)
    targets, violations = destinations.read(visit, values.get("destinations", []))
    violations += _size(rows)
    _refuse(visit, violations)
    data = _data_type(rows)
    violations = [*_needs(kind, data, values), *destinations.unfit(visit, data, targets), *_references(rows, targets)]
    terms = _terms(visit, values, targets)
    judged = [judge(row, index, terms) for index, row in enumerate(rows)]
    violations += [one for one in judged if isinstance(one, Violation)]
    _refuse(visit, violations)
    members = [one for one in judged if isinstance(one, Judged)]
    return _accept(visit, values, requests.Accepted(kind, data, targets, members))


def _accept(visit: Visit, values: dict[str, Any], request: requests.Accepted) -> Answer:
    """A request that is only validated gets an id as well, but one that has no status."""
    if values.get("validate_only"):
        return Answer(200, {"requestId": uuid.uuid4().hex})
    return Answer(200, {"requestId": requests.keep(visit, request)})


def _refuse(visit: Visit, violations: list[Violation]) -> None:
    if violations:
        errors.invalid(violations[: visit.switch("most_violations", None)])


# ── what the request says about its members ──


def _references(rows: list[dict[str, Any]], targets: list[requests.Target]) -> Iterator[Violation]:
    known = {target.reference for target in targets}
    for index, row in enumerate(rows):
        if not known.issuperset(row.get("destination_references", ())):
            field = f"audience_members.audience_members[{index}].destination_references"
            yield Violation(field, "There is no destination with this reference.", "INVALID_DESTINATION")


def _size(rows: list[Any]) -> Iterator[Violation]:
    if not rows:
        yield Violation("audience_members", "At least one audience member is required.", "REQUIRED_FIELD_MISSING")
    if len(rows) > MEMBERS_PER_REQUEST:
        words = f"At most {MEMBERS_PER_REQUEST} audience members are allowed."
        yield Violation("audience_members", words, "TOO_MANY_AUDIENCE_MEMBERS")


def _data_type(rows: list[dict[str, Any]]) -> str:
    """The one data type of the members. Members without any are judged one by one."""
    kinds = {kind for row in rows for kind in DATA_TYPES if kind in row}
    if len(kinds) > 1:
        words = "All audience members of a request must have the same type of data."
        errors.invalid_field("audience_members", words, "MULTIPLE_DATA_TYPES_NOT_ALLOWED")
    return kinds.pop() if kinds else "user_data"


def _needs(kind: str, data: str, values: dict[str, Any]) -> Iterator[Violation]:
    if data in _HASHED and values.get("encoding", "ENCODING_UNSPECIFIED") == "ENCODING_UNSPECIFIED":
        yield Violation("encoding", "Encoding is required for user data.", "REQUIRED_FIELD_MISSING")
    terms = values.get("terms_of_service", {}).get("customer_match_terms_of_service_status")
    if kind == "ingest" and data in _UNDER_TERMS and terms != "ACCEPTED":
        field = "terms_of_service.customer_match_terms_of_service_status"
        yield Violation(field, "The Customer Match terms must be accepted.", "TERMS_AND_CONDITIONS_NOT_SIGNED")
    if values.get("encryption_info"):
        yield Violation("encryption_info", "The sandbox does not simulate encrypted identifiers.", "NOT_ALLOWLISTED")


def _terms(visit: Visit, values: dict[str, Any], targets: list[requests.Target]) -> Terms:
    account = targets[0].account
    return Terms(
        encoding=values.get("encoding", ""),
        takes_upper_case=bool(visit.switch("takes_upper_case_hex", default=False)),
        consent=values.get("consent"),
        home=visit.account_switch(account, "home_region", None),
        core_services=bool(visit.account_switch(account, "core_services_consent", default=True)),
    )
