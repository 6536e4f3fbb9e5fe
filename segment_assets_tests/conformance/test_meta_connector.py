"""Our Meta connector against the official facebook-business SDK: the same people must make the same call.

Nothing is sent: the SDK gets an adapter that keeps its prepared requests, the connector a transport that keeps ours.
Where the two differ on purpose, the test names the difference and the reason. How both fare against the sandbox is in
`test_meta_sandbox` and in the tests of faults.
"""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.adobjects.serverside.event import Event
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookBadObjectError
from facebook_business.session import FacebookSession
from requests.adapters import BaseAdapter

from segment_assets.contracts import (
    AudienceSpec,
    Member,
    Operation,
    Request,
    Response,
    Session,
)
from segment_assets.destinations.meta import CONTRACT, MetaCustomAudiences
from segment_assets.destinations.meta_limited_data_use import LimitedDataUse
from segment_assets.identity import NORMAL_FORMS, digest

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, AUDIENCE = "1001", "120210987600000013"
TOKEN = "token-of-the-test"
SPEC = AudienceSpec("lumen_shop newsletter", "0" * 32, {"customer_file_source": "USER_PROVIDED_ONLY"})
FIELD_OF = {sent.form: sent.field for sent in CONTRACT.match_keys.values()}
SCHEMA = list(FIELD_OF.values())

# Raw people as a source tells of them: (form, raw value, what the SDK's helper must be given for it, country).
# The SDK knows no dates and no phone numbers without a country code, so it is given the parts and the whole number.
MARY = [
    ("email", " Mary@Example.com ", " Mary@Example.com ", None),
    ("phone_digits", "+1 (555) 987-6543", "+1 (555) 987-6543", None),
    ("birth_year", "1985-04-09", "1985", None),
    ("birth_month", "1985-04-09", "4", None),
    ("birth_day", "1985-04-09", "9", None),
    ("gender", "F", "F", None),
    ("country", "US", "US", None),
    ("postal_code", "94025-1234", "94025-1234", "us"),
    ("state", "CA", "CA", "us"),
    ("city", "New York", "New York", None),
    ("first_name", "Mary", "Mary", None),
    ("last_name", "O'Brien", "O'Brien", None),
]
MAX = [
    ("email", "max@example.de", "max@example.de", None),
    ("phone_digits", "030 1234567", "+49 30 1234567", "de"),
    ("birth_year", "1961-12-24", "1961", None),
    ("birth_month", "1961-12-24", "12", None),
    ("birth_day", "1961-12-24", "24", None),
    ("gender", "male", "male", None),
    ("country", "de", "de", None),
    ("postal_code", "10115", "10115", "de"),
    ("city", "Berlin", "Berlin", None),
    ("first_name", "Max", "Max", None),
    ("last_name", "Mustermann", "Mustermann", None),
]


class Adapter(BaseAdapter):
    """Keeps the SDK's prepared requests and answers each with the same JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        self.kept.append(request)
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, request.url
        answer.raw = io.BytesIO(json.dumps({"id": AUDIENCE}).encode())
        return answer

    def close(self) -> None:
        """Nothing is held."""


class Transport:
    """Keeps our requests and answers each as Meta answers a creation."""

    def __init__(self) -> None:
        self.kept: list[Request] = []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return Response(200, {}, {"id": AUDIENCE})


@dataclasses.dataclass
class Sdk:
    """The SDK, and what it was about to send."""

    adapter: Adapter
    api: FacebookAdsApi

    @property
    def audience(self) -> CustomAudience:
        return CustomAudience(AUDIENCE, api=self.api)

    def last(self) -> tuple[str, str, dict[str, Any], dict[str, str]]:
        """Method, path without host, form body with its JSON read, query."""
        request = self.adapter.kept[-1]
        address = urlsplit(request.url)
        body = {name: _read(text) for name, text in parse_qsl(request.body or "")}
        return request.method, address.path, body, dict(parse_qsl(address.query))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    session = FacebookSession(access_token=TOKEN)
    adapter = Adapter()
    session.requests.mount("https://", adapter)
    with session.requests:
        yield Sdk(adapter, FacebookAdsApi(session))


@pytest.fixture
def connector(sdk: Sdk) -> MetaCustomAudiences:
    """On the SDK's own version of the API: that one is a setting, and the only part of a path that may differ."""
    return MetaCustomAudiences(ACCOUNT, api_version=sdk.api._api_version)


def member(raw: list) -> Member:
    cells = {form: digest(NORMAL_FORMS[form], value, country).value for form, value, _, country in raw}
    assert all(cells.values())
    return Member(b"m" * 32, cells)


def session(sequence: int = 1, *, last: bool = True) -> Session:
    return Session(token=2**59 + 1, sequence=sequence, last=last, members_in_total=1, received_before=0)


def sdk_session(ours: Session) -> dict[str, Any]:
    """What the guide tells callers of the SDK to hand in."""
    return {
        "session_id": ours.token,
        "batch_seq": ours.sequence,
        "last_batch_flag": ours.last,
        "estimated_num_total": ours.members_in_total,
    }


def add_by_sdk(sdk: Sdk, raw: list, place: Session) -> dict[str, Any]:
    schema = [FIELD_OF[form] for form, *_ in raw]
    row = [given for _, _, given, _ in raw]
    sdk.audience.add_users(schema=schema, users=[row], is_raw=True, session=sdk_session(place))
    return sdk.last()[2]


def cells_of(payload: dict[str, Any]) -> list[dict[str, str]]:
    """Rows as field -> cell, blanks left out: the order of the schema is the caller's choice."""
    return [{k: v for k, v in zip(payload["schema"], row, strict=True) if v} for row in payload["data"]]


@pytest.mark.parametrize("raw", [MARY, MAX], ids=["mary", "max"])
def test_an_addition_has_the_path_the_method_the_session_and_the_cells_of_the_sdk(sdk, connector, raw):
    place = session()
    theirs = add_by_sdk(sdk, raw, place)
    ours = connector.request(AUDIENCE, Operation.ADD, [member(raw)], place)
    method, path, _, _ = sdk.last()
    assert (ours.method, ours.path) == (method, path)
    assert cells_of(ours.json["payload"]) == cells_of(theirs["payload"])
    assert ours.json["session"] == theirs["session"]
    assert {k: type(v) for k, v in ours.json["session"].items()} == {k: type(v) for k, v in theirs["session"].items()}
    assert set(ours.json) == set(theirs) == {"payload", "session"}
    assert set(ours.json["payload"]) == set(theirs["payload"])


def test_every_key_of_the_schema_is_one_that_the_sdk_names():
    known = {value for name, value in vars(CustomAudience.Schema.MultiKeySchema).items() if not name.startswith("_")}
    assert set(SCHEMA) <= known


def test_is_raw_is_sent_as_the_sdk_demands_it_for_lists(sdk, connector):
    with pytest.raises(FacebookBadObjectError, match="is_raw should be true"):
        sdk.audience.add_users(schema=["EMAIL"], users=[["a@example.com"]], is_raw=False)
    theirs = add_by_sdk(sdk, MARY, session())
    ours = connector.request(AUDIENCE, Operation.ADD, [member(MARY)], session())
    assert ours.json["payload"]["is_raw"] is theirs["payload"]["is_raw"] is True


def test_an_erasure_is_the_call_that_the_sdk_generates_for_every_audience_of_the_account(sdk, connector):
    ours = connector.erasure([member(MARY), member(MAX)], session())
    AdAccount(f"act_{ACCOUNT}", api=sdk.api).delete_users_of_any_audience(params=ours.json)
    method, path, body, query = sdk.last()
    assert (ours.method, ours.path) == (method, path)
    # As with a removal, the SDK has the people in the address.
    assert (body, ours.params) == ({}, {})
    assert ours.json == {name: json.loads(query[name]) for name in ("payload", "session")}


def test_an_official_generated_call_takes_our_payload_and_session_as_they_are(sdk, connector):
    ours = connector.request(AUDIENCE, Operation.ADD, [member(MARY), member(MAX)], session())
    sdk.audience.create_user(params=ours.json)
    method, path, body, _ = sdk.last()
    assert (method, path, body) == (ours.method, ours.path, ours.json)


def test_a_batch_of_a_replace_is_the_call_that_the_sdk_generates_for_it(sdk, connector):
    ours = connector.request(AUDIENCE, Operation.REPLACE, [member(MARY), member(MAX)], session())
    sdk.audience.create_users_replace(params=ours.json)
    method, path, body, _ = sdk.last()
    assert (method, path, body) == (ours.method, ours.path, ours.json)


def test_known_difference_a_mobile_ad_id_goes_out_plain_as_the_guide_says_while_the_helper_hashes_it(sdk, connector):
    plain = "AECE52E7-03EE-455A-B3C4-E57283966239"
    theirs = add_by_sdk(sdk, [("mobile_ad_id", plain, plain, None)], session())
    ours = connector.request(AUDIENCE, Operation.ADD, [member([("mobile_ad_id", plain, plain, None)])], session())
    assert cells_of(ours.json["payload"]) == [{"MADID": plain.lower()}]
    assert len(cells_of(theirs["payload"])[0]["MADID"]) == 64
    # Told that the cells are ready, the helper sends what we send.
    sdk.audience.add_users(schema=["MADID"], users=[[plain.lower()]], is_raw=True, pre_hashed=True)
    assert cells_of(sdk.last()[2]["payload"]) == cells_of(ours.json["payload"])


@pytest.mark.parametrize(
    ("form", "raw", "meta_publishes"),
    [
        ("first_name", "Valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
        ("last_name", "Müller", None),
        ("first_name", "정", None),
    ],
)
def test_known_difference_letters_with_accents_stay_as_meta_publishes_while_the_helper_deletes_them(
    sdk, connector, form, raw, meta_publishes
):
    theirs = cells_of(add_by_sdk(sdk, [(form, raw, raw, None)], session())["payload"])
    ours = cells_of(
        connector.request(AUDIENCE, Operation.ADD, [member([(form, raw, raw, None)])], session()).json["payload"]
    )
    assert ours != theirs
    assert meta_publishes in (None, ours[0][FIELD_OF[form]])


def test_known_difference_an_unknown_cell_is_blank_while_the_helper_sends_the_digest_of_nothing(sdk, connector):
    theirs = add_by_sdk(
        sdk, [("email", "a@example.com", "a@example.com", None), ("phone_digits", "", "", None)], session()
    )
    ours = connector.request(AUDIENCE, Operation.ADD, [member([("email", "a@example.com", "", None)])], session()).json[
        "payload"
    ]
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert cells_of(theirs["payload"])[0]["PHONE"] == nothing
    assert len(ours["data"][0]) == len(SCHEMA)
    assert ours["data"][0].count("") == len(SCHEMA) - 1
    assert nothing not in ours["data"][0]


def test_known_difference_a_removal_carries_its_people_in_the_body_while_the_sdk_puts_them_into_the_address(
    sdk, connector
):
    """10,000 rows make an address of some 10 MB, which web servers refuse and proxies write to their logs."""
    sdk.audience.remove_users(
        schema=["EMAIL"], users=[["mary@example.com"]], is_raw=True, session=sdk_session(session())
    )
    method, path, body, query = sdk.last()
    ours = connector.request(AUDIENCE, Operation.REMOVE, [member(MARY[:1])], session())
    assert (ours.method, ours.path) == (method, path) == ("DELETE", f"/{connector.api_version}/{AUDIENCE}/users")
    assert body == {}
    assert ours.params == {}
    assert cells_of(ours.json["payload"]) == cells_of(json.loads(query["payload"]))
    assert ours.json["session"] == json.loads(query["session"])


def test_known_difference_the_token_is_in_no_part_of_our_request_while_the_sdk_puts_it_into_the_address(sdk, connector):
    add_by_sdk(sdk, MARY, session())
    assert sdk.last()[3]["access_token"] == TOKEN
    ours = connector.request(AUDIENCE, Operation.ADD, [member(MARY)], session())
    assert "access_token" not in {*ours.params, *ours.json, *ours.json["payload"]}


def test_an_audience_is_created_with_the_fields_that_the_sdk_sends(sdk, connector):
    transport = Transport()
    assert connector.create_audience(transport, SPEC) == AUDIENCE
    (ours,) = transport.kept
    AdAccount(f"act_{ACCOUNT}", api=sdk.api).create_custom_audience(params=ours.json)
    method, path, body, _ = sdk.last()
    assert (ours.method, ours.path) == (method, path)
    assert body == ours.json
    fields = {value for name, value in vars(CustomAudience.Field).items() if not name.startswith("_")}
    assert set(ours.json) <= fields
    assert ours.json["customer_file_source"] in vars(CustomAudience.CustomerFileSource).values()
    assert ours.json["subtype"] in vars(CustomAudience.Subtype).values()


def test_an_audience_by_value_is_created_with_the_field_and_the_type_that_the_sdk_knows(sdk, connector):
    transport = Transport()
    dataclasses.replace(connector, by_value=True).create_audience(transport, SPEC)
    (ours,) = transport.kept
    assert CustomAudience.Field.is_value_based in ours.json
    # The SDK warns of a parameter of another type, which is an error here.
    AdAccount(f"act_{ACCOUNT}", api=sdk.api).create_custom_audience(params=ours.json)
    assert sdk.last()[2] == ours.json


@pytest.mark.parametrize("operation", [Operation.ADD, Operation.REPLACE])
def test_limited_data_use_has_the_types_that_the_sdk_takes_and_reaches_the_generated_call_as_it_is(
    sdk, connector, operation
):
    flagging = dataclasses.replace(connector, limited_data_use=LimitedDataUse.UNITED_STATES)
    ours = flagging.request(AUDIENCE, operation, [member(MARY), member(MAX)], session())
    call = sdk.audience.create_user if operation is Operation.ADD else sdk.audience.create_users_replace
    call(params=ours.json)
    assert sdk.last()[2] == ours.json
    payload = ours.json["payload"]
    options = {
        row[payload["schema"].index("COUNTRY")]: {
            key.lower(): row[place] for place, key in enumerate(payload["schema"]) if key.startswith("DATA_PROCESSING")
        }
        for row in payload["data"]
    }
    # The SDK has no word for these columns of a list; it has for the same options of an event, and judges their types.
    for said in options.values():
        kinds = {name: Event.param_types[name] for name in said}
        assert {name: {"list[str]": list, "int": int}[kind] for name, kind in kinds.items()} == {
            name: type(value) for name, value in said.items()
        }
        Event(event_name="Lead", event_time=1, **said)
    assert [said["data_processing_options"] for said in options.values()] == [["LDU"], []]


def test_audiences_are_listed_as_the_sdk_lists_them(sdk, connector):
    transport = Transport()
    assert connector.find_audience(transport, SPEC) is None
    (ours,) = transport.kept
    AdAccount(f"act_{ACCOUNT}", api=sdk.api).get_custom_audiences(fields=["id", "description"], params={"limit": "20"})
    method, path, _, query = sdk.last()
    assert (ours.method, ours.path) == (method, path)
    assert dict(ours.params) == {name: value for name, value in query.items() if name in {"fields", "limit"}}
