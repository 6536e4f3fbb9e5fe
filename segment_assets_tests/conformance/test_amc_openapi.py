"""Amazon's OpenAPI documents against our AMC connector and our sandbox: every body that goes either way.

`vendors/amc_openapi.py` took the models out of the package that carries Amazon's documents. We are stricter than they:
a field that a model of theirs has not is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from segment_assets.contracts import AudienceSpec, Consent, JobState, Member, Operation, Session
from segment_assets.destinations import connect
from segment_assets.destinations.amc import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

OPENAPI = json.loads((Path(__file__).parent / "vendors" / "amc_openapi.json").read_text(encoding="utf-8"))
TOKEN, ACCOUNT = "sandbox-amc-token", "581234567890123456"
STATED = {"amzn_user_data": "UNKNOWN", "amzn_ad_storage": "NOT_APPLICABLE", "removal_signal": "GRANTED"}
SETTINGS = {"connection": "5a523424-e8b3-4da5-9a32-24a861aea576", "shared_with": "dsp_and_amc", "country": "US"}
WAYS = {"dsp": {"country": "GB"}, "amc": {**SETTINGS, "shared_with": "amc"}, "dsp_and_amc": SETTINGS}
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, STATED)
PLACE = Session(token=1, sequence=1, last=True, members_in_total=2, received_before=0)
QUARTER_OF_AN_HOUR = 900


def person(name: str, **more: str) -> Member:
    keys = {form: digest(NORMAL_FORMS[form], raw, None).value for form, raw in raws(name).items()}
    return Member(bytes([ord(name)]) * 32, {**keys, **more}, dict.fromkeys(CONTRACT.consent, Consent.GRANTED.value))


def raws(name: str) -> dict[str, str]:
    return {"email_amazon": f"{name}@example.com", "phone_digits": f"+1650555000{ord(name) % 10}"}


PEOPLE = [person("a", country_code="us"), person("b")]


def strict(schema: Any) -> Any:
    """With no other fields than those that are named."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(one) for name, one in schema.items()}
    return made | ({"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {})


SCHEMAS = strict(OPENAPI["schemas"])
# Amazon's list takes one of three models that are all any object, and every audience is all three of them.
SCHEMAS["AudienceV1"] = OPENAPI["schemas"]["AudienceCommonFieldsV1"]
SCHEMAS["InventoryForecastV1"] = {}


def is_as(schema: dict, body: object) -> None:
    jsonschema.validate(body, {**schema, "components": {"schemas": SCHEMAS}})


class Judging(httpx.BaseTransport):
    """Holds every call and every answer against the OpenAPI document that has its path."""

    def __init__(self, inside: InProcess) -> None:
        self.seen: list[str] = []
        self._inside = inside

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inside.handle_request(request)
        path = request.url.path.removeprefix("/amc")
        known = [name for name in OPENAPI["operations"] if matches(name, request.method, path)]
        if not known:
            return answer
        operation = OPENAPI["operations"][known[0]]
        self.seen.append(f"{known[0]} {answer.status_code}")
        assert all(request.headers.get(name) for name in operation["headers"])
        if operation["asked"]:
            is_as(operation["asked"][request.headers["content-type"]], json.loads(request.content))
        (told,) = operation["told"][str(answer.status_code)].values()
        is_as(told, json.loads(answer.content))
        return answer


def matches(name: str, method: str, path: str) -> bool:
    parts = name.partition(" ")[2].split("/")
    asked = path.split("/")
    return name.startswith(f"{method} ") and len(parts) == len(asked) and all(
        one.startswith("{") or one == other for one, other in zip(parts, asked, strict=True)
    )  # fmt: skip


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def wire(outside: Outside) -> Judging:
    outside.reset()
    return Judging(outside.inside)


@pytest.fixture
def transport(wire: Judging) -> Iterator[HttpTransport]:
    secret = dict.fromkeys(CONTRACT.secret_headers, TOKEN)
    made = HttpTransport("http://127.0.0.1/amc", TOKEN, carrier=wire, secret_headers=secret)
    yield made
    made.close()


@pytest.mark.parametrize("way", WAYS)
def test_every_body_is_as_amazon_has_it(transport, wire, outside, way):
    amc = connect("amc", ACCOUNT, {**WAYS[way], "profile": "3900820857650036"}, STATED)
    audience = amc.create_audience(transport, SPEC)
    if way != "amc":
        assert amc.find_audience(transport, SPEC) == audience
    jobs = []
    for operation, members in ((Operation.ADD, PEOPLE), (Operation.REMOVE, PEOPLE[:1])):
        jobs.append(amc.read(members, PLACE, transport.send(amc.request(audience, operation, members, PLACE))).job)
    for seconds, state in ((0, JobState.PROCESSING), (QUARTER_OF_AN_HOUR, JobState.SUCCESS)):
        outside.later(seconds)
        assert {amc.read_job(transport.send(amc.job_request(job))).state for job in jobs} == {state}
    assert [one["externalUserId"] for one in outside.people()] == [PEOPLE[1].member_id.hex()]
    amc.read_size(transport.send(amc.size_request(audience)))
    amc.delete_audience(transport, audience)
    expected = set(OPENAPI["operations"]) - ({"POST /audiences/list"} if way == "amc" else set())
    assert {name.rpartition(" ")[0] for name in wire.seen} == expected


def test_refusals_are_as_amazon_has_them(transport, wire, outside):
    amc = connect("amc", ACCOUNT, SETTINGS, STATED)
    audience = amc.create_audience(transport, SPEC)
    outside.admin("platforms/amc", {"rejected_share": 1})
    job = amc.read(PEOPLE, PLACE, transport.send(amc.request(audience, Operation.ADD, PEOPLE, PLACE))).job
    outside.later(QUARTER_OF_AN_HOUR)
    report = amc.read_job(transport.send(amc.job_request(job)))
    assert report.rejected == {"invalid_record": 2}
    transport.send(amc.size_request("1"))
    transport.send(amc.job_request("unknown"))
    outside.admin("platforms/amc", {"terms_accepted": False})
    transport.send(amc.request(audience, Operation.ADD, PEOPLE, PLACE))
    outside.admin("platforms/amc", {"calls_per_second": 0})
    transport.send(amc.size_request(audience))
    assert [name[-3:] for name in wire.seen] == ["201", "202", "200", "404", "404", "400", "429"]


def test_numbers_and_words_are_those_of_the_documents():
    records = OPENAPI["schemas"]["ManageAudienceV2RequestContent"]["properties"]["records"]
    metadata = OPENAPI["schemas"]["AudienceMetadata"]["properties"]
    signals = set(OPENAPI["schemas"]["ConsentEnums"]["enum"])
    assert CONTRACT.batch_members <= records["maxItems"]
    assert CONTRACT.expiry_days == metadata["ttl"]["maximum"] / 86_400
    assert {*CONTRACT.statements["amzn_user_data"], *CONTRACT.statements["amzn_ad_storage"]} == signals
    fields = set(OPENAPI["schemas"]["HashedPIIObj"]["properties"]) | set(OPENAPI["schemas"]["PayloadObj"]["properties"])
    assert {sent.field for sent in CONTRACT.match_keys.values()} <= fields
    assert CONTRACT.verified_with == OPENAPI["source"]


@pytest.mark.parametrize(
    ("form", "raw", "published"),
    [
        # Published in the sample rows of AWS's uploader for Amazon Marketing Cloud.
        (
            "email_amazon",
            "fpavolini6e@engadget.com",
            "4e2b9a90536cb7edb705fbd8d4af3fef0943ac78628f29c2f13ea475aabe890e",
        ),
        ("phone_digits", "+1 940 481 8132", "cb76e18a596361842208713c2a5b544877808ba754e616a2064712bab25a06c9"),
    ],
)
def test_an_identifier_is_normalised_and_hashed_as_amazons_sample_rows_are(form, raw, published):
    value = digest(NORMAL_FORMS[form], raw, "us").value
    amc = connect("amc", ACCOUNT, {}, STATED)
    request = amc.request("1", Operation.REMOVE, [Member(b"m", {form: value})], PLACE)
    (hashed,) = request.json["records"][0]["hashedPII"]
    assert list(hashed.values()) == [published]
