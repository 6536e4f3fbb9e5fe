"""Google sandbox: whatever JSON arrives is read or refused, and both spellings of a name mean the same."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.sandbox.platforms.app import Sandbox, open_sandbox
from segment_assets.sandbox.platforms.google import messages, wire
from segment_assets.sandbox.platforms.google.wire import EnumOf, Kind, Message
from segment_assets.sandbox.platforms.kit.exchange import Answer, Call
from segment_assets_tests.sandbox.platforms.caller import digest
from segment_assets_tests.sandbox.platforms.google_caller import ACCEPTED, ADS, CONTACT_LIST, GRANTED, address, email

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTS = "/v1/accountTypes/{account_type}/accounts/{account}/userLists"
MESSAGES = {
    LISTS: messages.USER_LIST,
    "/v1/audienceMembers:ingest": messages.INGEST,
    "/v1/audienceMembers:remove": messages.REMOVE,
    "/v1/audienceMembers:removeAll": messages.REMOVE_ALL,
}
FIRST_LIST = "9007199254741013"
SCALARS = {
    Kind.STRING: st.sampled_from([digest("a"), "", "US", ADS, "LIST", "\ud800", "2030-01-01T00:00:00Z"]) | st.text(),
    Kind.BOOL: st.booleans(),
    Kind.INT32: st.integers() | st.integers().map(str),
    Kind.INT64: st.integers() | st.just("9" * 5_000),
    Kind.TIMESTAMP: st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    Kind.DURATION: st.sampled_from(["86400s", "1.5s", "-1s", "99999999999s"]),
    Kind.ANY: st.just({}),
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def json_of(kind: Kind | EnumOf | Message) -> st.SearchStrategy:
    """Nearly right JSON of a declared kind: each part may be missing, misspelt or something else."""
    if isinstance(kind, EnumOf):
        return st.sampled_from(kind.values) | st.integers(-1, 9)
    if not isinstance(kind, Message):
        return SCALARS[kind]
    parts = {}
    for number, (name, field) in enumerate(kind.fields.items()):
        value = st.deferred(lambda field=field: json_of(field.kind))
        value = st.lists(value, max_size=3) if field.repeated else value
        parts[wire.camel(name) if number % 2 else name] = value
    return st.fixed_dictionaries({}, optional=parts)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    opened = open_sandbox(tmp_path_factory.mktemp("home"), latency_ms=0, seed=1)
    made = ask(opened, LISTS, {"displayName": "list", "ingestedUserListInfo": CONTACT_LIST})
    assert made.body["id"] == FIRST_LIST
    yield opened
    opened.store.close()


def ask(sandbox: Sandbox, template: str, body: object, project: str = "") -> Answer:
    headers = {"authorization": "Bearer sandbox-google-token", "x-goog-user-project": project}
    path = {"account_type": "GOOGLE_ADS", "account": ADS}
    call = Call("POST", template, path, {}, headers, json.dumps(body).encode())
    return sandbox.store.run_now(lambda db: sandbox.platforms["google"].answer(call, db, sandbox.clock))


USER_LIST = {
    "displayName": "new",
    "description": "",
    "membershipDuration": "86400s",
    "ingestedUserListInfo": CONTACT_LIST,
}
REMOVE_ALL = {
    "destinations": [
        {
            "reference": "one",
            "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": ADS},
            "productDestinationId": FIRST_LIST,
        }
    ],
    "validateOnly": False,
}
REMOVE = {
    **REMOVE_ALL,
    "encoding": "HEX",
    "audienceMembers": [
        {"userData": {"userIdentifiers": [email("a"), address("a")]}, "destinationReferences": ["one"]},
        {"userData": {"userIdentifiers": [email("b")]}, "consent": GRANTED},
    ],
}
INGEST = {**REMOVE, "consent": GRANTED, "termsOfService": ACCEPTED}
VALID = {
    LISTS: USER_LIST,
    "/v1/audienceMembers:ingest": INGEST,
    "/v1/audienceMembers:remove": REMOVE,
    "/v1/audienceMembers:removeAll": {**REMOVE_ALL, "removeAsOfTime": "2026-01-01T00:00:00Z"},
}
ODD = st.one_of(*SCALARS.values(), ANYTHING)


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*path, key))


def put(value: Any, path: tuple, odd: object) -> Any:
    """The value, with something odd in one place."""
    if not path:
        return odd
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], odd)
    return changed


def judge(answer: Answer) -> None:
    assert answer.status in (200, 400, 403)
    assert answer.status == 200 or answer.body["error"]["code"] == answer.status
    json.dumps(answer.body)


@pytest.mark.parametrize("template", VALID)
def test_what_the_oddities_start_from_is_valid(sandbox: Sandbox, template: str):
    assert ask(sandbox, template, VALID[template]).status == 200


@settings(max_examples=200, deadline=None)
@given(data=st.data(), template=st.sampled_from(list(VALID)), number=st.integers())
def test_one_odd_value_gets_an_answer_in_googles_form(
    sandbox: Sandbox, data: st.DataObject, template: str, number: int
):
    place = data.draw(st.sampled_from(list(places(VALID[template]))))
    judge(ask(sandbox, template, put(VALID[template], place, data.draw(ODD)), project=str(number)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), template=st.sampled_from(list(VALID)), number=st.integers())
def test_a_body_of_odd_values_gets_an_answer_in_googles_form(
    sandbox: Sandbox, data: st.DataObject, template: str, number: int
):
    judge(ask(sandbox, template, data.draw(json_of(MESSAGES[template])), project=str(number)))


@pytest.mark.parametrize("text", ["\ud800", 5, None, ""])
def test_a_name_that_cannot_be_kept_is_refused(sandbox: Sandbox, text: object):
    assert ask(sandbox, LISTS, {**USER_LIST, "displayName": text}).status == 400


@pytest.mark.parametrize("number", ["9" * 5_000, 2**63, 1.5, "1e3", True])
def test_a_number_that_cannot_be_kept_is_refused(sandbox: Sandbox, number: object):
    assert ask(sandbox, LISTS, {**USER_LIST, "id": number}).status == 400


def respelt(value: object) -> object:
    if isinstance(value, dict):
        return {wire.camel(name): respelt(one) for name, one in value.items()}
    return [respelt(one) for one in value] if isinstance(value, list) else value


def test_both_spellings_of_every_name_mean_the_same():
    address = {"given_name": "a", "family_name": "b", "region_code": "US", "postal_code": "1"}
    account = {"account_id": ADS, "account_type": "GOOGLE_ADS"}
    snake = {
        "destinations": [{"operating_account": account, "product_destination_id": "1"}],
        "audience_members": [
            {"destination_references": ["x"], "user_data": {"user_identifiers": [{"address": address}]}},
            {"composite_data": {"ip_data": [{"ip_address": "1", "observe_start_time": "2026-01-01T00:00:00Z"}]}},
        ],
        "terms_of_service": {"customer_match_terms_of_service_status": "ACCEPTED"},
        "validate_only": True,
    }
    first, second = (wire.read_body(json.dumps(body).encode(), messages.INGEST) for body in (snake, respelt(snake)))
    assert first == second
    assert first["audience_members"][0] == snake["audience_members"][0]
