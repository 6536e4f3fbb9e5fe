"""People in the normal forms of one destination, known by a number.

Belongs here: made-up people and what a platform would hold of them. Not here: how a normal form is made (`identity`).
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING

from segment_assets.contracts import Consent, Member
from segment_assets.identity import NORMAL_FORMS
from segment_assets_tests.fakes import digest, person

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_assets.contracts import Contract, MatchKey
    from segment_assets_tests.conformance.kit.record import Record

# Forms that are sent as they are: something of the right shape for each number.
_PLAIN = {
    "email_plain": lambda n: f"p{n}@x.example",
    "first_name_plain": lambda n: "Jo",
    "last_name_plain": lambda n: "Doe",
    "address_plain": lambda n: f"{n} Main Street",
    "city_plain": lambda n: "Boston",
    "state_plain": lambda n: "MA",
    "postal_code_plain": lambda n: "02108",
    "postal_code_compact": lambda n: "02108",
    "country_code": lambda n: "US",
    "mobile_ad_id": lambda n: str(uuid.UUID(int=n + 1, version=4)),
    "ip_address": lambda n: f"192.0.2.{n % 256}",
    "external_id": lambda n: f"c-{n:08d}",
    "external_token": lambda n: f"c-{n:08d}",
    "uid2": lambda n: base64.b64encode(digest(f"uid2:{n}")).decode(),
    "euid": lambda n: base64.b64encode(digest(f"euid:{n}")).decode(),
    "ramp_id": lambda n: f"XY{n:047d}",
}


def cell(form: str, number: int) -> bytes | str:
    """The cell of a person. Two forms of one match key differ, as they mostly do: a mixed-up form matches nobody."""
    return digest(f"{form}:{number}") if NORMAL_FORMS[form].hashed else _PLAIN[form](number)


def row(contract: Contract, number: int, *, like: Mapping[MatchKey, int] | None = None) -> dict:
    """A row of hashed_audience. `like`: match key -> number of the person whose value it is."""
    values = like or {}
    cells = {sent.form: cell(sent.form, values.get(key, number)) for key, sent in contract.match_keys.items()}
    return person(f"p{number}") | cells | dict.fromkeys(contract.consent, Consent.GRANTED.value)


def member(contract: Contract, number: int, lane: tuple[MatchKey, ...]) -> Member:
    """As the courier makes it, with the match keys of one lane."""
    return members(contract, [number], lane)[0]


def members(contract: Contract, numbers: Iterable[int], lane: tuple[MatchKey, ...]) -> list[Member]:
    """As `member`, of many: the largest batches have a hundred thousand."""
    forms = [sent.form for key, sent in contract.match_keys.items() if not lane or key in lane]
    consent = dict.fromkeys(contract.consent, Consent.GRANTED.value)
    return [Member(digest(f"id:p{n}"), {form: cell(form, n) for form in forms}, consent) for n in numbers]


def identifiers(record: Record, number: int, *, like: Mapping[MatchKey, int] | None = None) -> set[str]:
    """Everything that names a person alone, as the platform has it. `like` as in `row`."""
    keys, values = record.contract.match_keys, like or {}
    as_held = record.held or record.written
    return {as_held(cell(keys[k].form, values.get(k, number)), keys[k]) for k in record.contract.identifying}


def all_identifiers(record: Record, numbers: Iterable[int]) -> set[str]:
    return set().union(*(identifiers(record, number) for number in numbers))
