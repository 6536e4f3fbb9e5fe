"""AMC's advertiser audiences in the sandbox refuse what Amazon refuses, work later, and keep people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN, ADVERTISER, PROFILE = "sandbox-amc-token", "581234567890123456", "3900820857650036"
CONNECTION = {"connectionId": "5a523424-e8b3-4da5-9a32-24a861aea576"}
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Amazon-Advertising-API-ClientId": TOKEN}
TYPE = {"Content-Type": "application/vnd.amcaudiences.v1+json"}
NEW = {
    "name": "crm lapsed 90d",
    "description": "",
    "targetResource": {"advertiserId": int(ADVERTISER)},
    "metadata": {"externalAudienceId": "crm"},
}
GRANTED = {"amznUserData": "GRANTED", "amznAdStorage": "GRANTED"}
QUARTER_OF_AN_HOUR = 900


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(tmp_path_factory.mktemp("sandbox"), "amc", HEADERS) as made:
        yield made


@pytest.fixture
def amc(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


def create(amc: Caller, **changes: object) -> httpx.Response:
    return amc.call("POST", "/amc/audiences/metadata", NEW | changes, TYPE)


@pytest.fixture
def audience(amc: Caller) -> int:
    return create(amc).json()["audienceId"]


def record(name: str, action: str = "CREATE", signal: dict | None = GRANTED, **more: Any) -> dict:
    consent = {"userConsent": {"consent": {"amzn": signal}}} if signal else {}
    return {"action": action, "externalUserId": name, "hashedPII": [{"email": marked(name)}], **consent, **more}


def manage(amc: Caller, audience: object, *records: object, **more: object) -> httpx.Response:
    body = {"audienceId": audience, "records": list(records), **more}
    return amc.call("POST", "/amc/audiences/records", body, TYPE)


def ended(amc: Caller, audience: object, *records: object, **more: object) -> dict:
    job = manage(amc, audience, *records, **more).json()["jobRequestId"]
    assert amc.call("GET", f"/amc/audiences/records/{job}").json()["jobState"] == "PENDING"
    amc.outside.later(QUARTER_OF_AN_HOUR)
    return amc.call("GET", f"/amc/audiences/records/{job}").json()


def held(amc: Caller) -> list[str]:
    return sorted(one["externalUserId"] for one in amc.outside.people())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer foreign"}, 401),
        ({"Amazon-Advertising-API-ClientId": "foreign"}, 400),
        ({"Content-Type": "application/json"}, 400),
    ],
)
def test_a_call_that_does_not_get_in_is_told_why(amc: Caller, headers, status):
    answer = amc.call("POST", "/amc/audiences/metadata", NEW, TYPE | headers)
    assert (answer.status_code, list(answer.json())) == (status, ["message"])
    assert amc.outside.audiences() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "crm"},
        {"name": "n" * 129},
        {"name": "crm & lapsed"},
        {"description": None},
        {"targetResource": {"advertiserId": ADVERTISER}},
        {"targetResource": {"connectionId": "other"}},
        {"targetResource": CONNECTION | {"advertiserId": int(ADVERTISER)}},
        {"countryCode": "gbr"},
        {"metadata": {}},
        {"metadata": {"externalAudienceId": "crm", "ttl": 34_300_801}},
        {"ttl": 1},
    ],
)
def test_an_audience_that_is_not_well_described_is_refused(amc: Caller, changes):
    assert create(amc, **changes).status_code == 400


def test_terms_are_asked_of_whoever_uses_a_connection(amc: Caller):
    amc.outside.admin("platforms/amc", {"terms_accepted": False})
    assert create(amc).status_code == 201
    assert create(amc, targetResource=CONNECTION).status_code == 400
    path, kind = "/amc/audiences/connections/terms", "application/vnd.amcaudiencesconnections.v1+json"
    agreement = amc.call("GET", path).json()
    assert not agreement["hasAccepted"]
    accepted = {"agreementToken": agreement["agreementToken"], "hasAccepted": True}
    assert amc.call("PATCH", path, accepted, {"Content-Type": kind}).status_code == 204
    assert create(amc, targetResource=CONNECTION).status_code == 201


def test_the_dsp_lists_audiences_by_a_broad_match_of_their_names(amc: Caller, audience: int):
    create(amc, name="CRM lapsed 30d")
    profile = {"Amazon-Advertising-API-Scope": PROFILE}
    path = f"/audiences/list?advertiserId={ADVERTISER}&maxResults=1"
    wanted = {"adType": "DSP", "filters": [{"field": "audienceName", "values": ["crm lapsed"]}]}
    first = amc.call("POST", path, wanted, profile).json()
    second = amc.call("POST", f"{path}&nextToken={first['nextToken']}", wanted, profile).json()
    assert first["audiences"][0]["audienceId"] == str(audience)
    assert first["matchCount"] == 2
    assert "nextToken" not in second
    assert amc.call("POST", path, wanted).status_code == 403
    assert amc.call("POST", path, {"adType": "SD"}, profile).status_code == 400


class TestRecords:
    def test_people_are_there_when_the_job_has_ended_and_known_by_the_callers_id(self, amc, audience):
        report = ended(amc, audience, record("a"), record("b"))
        assert (report["jobState"], report["successful"]) == ("SUCCEEDED", {"recordsProcessedRate": 100})
        assert held(amc) == ["a", "b"]
        ended(amc, audience, record("a", "DELETE", hashedPII=[{"email": marked("b")}]))
        assert held(amc) == ["b"]

    def test_jobs_are_worked_on_in_the_order_in_which_they_came(self, amc, audience):
        manage(amc, audience, record("a"))
        manage(amc, audience, record("a", "DELETE"))
        amc.outside.later(QUARTER_OF_AN_HOUR)
        assert held(amc) == []

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"hashedPII": [{}]}, "Invalid hashed PII"),
            ({"hashedPII": [{"email": "a@example.com"}]}, "Invalid hashed PII"),
            ({"countryCode": "FI"}, "Unsupported country"),
        ],
    )
    def test_an_invalid_record_is_named_in_the_end_and_costs_nobody_else(self, amc, audience, change, error):
        report = ended(amc, audience, record("a"), record("b", **change))
        assert report["invalidRecords"] == [{"audienceId": str(audience), "externalId": "b", "error": error}]
        assert report["successful"] == {"recordsProcessedRate": 50}
        assert held(amc) == ["a"]

    def test_consent_is_as_for_the_data_manager(self, amc, audience):
        ended(amc, audience, record("a"), record("b", signal={"amznUserData": "DENIED"}))
        ended(amc, audience, record("a", "DELETE", signal=None))
        assert held(amc) == ["a"]

    @pytest.mark.parametrize(
        "change",
        [
            {"action": "UPDATE"},
            {"externalUserId": "a b"},
            {"hashedPII": []},
            {"hashedPII": [{"em": marked("a")}]},
            {"userConsent": {"consent": {"amzn": {"amznUserData": "YES"}}}},
            {"ttl": 1},
        ],
    )
    def test_what_the_openapi_has_not_refuses_the_request(self, amc, audience, change):
        assert manage(amc, audience, record("a") | change).status_code == 400

    def test_a_request_has_its_number_of_records_and_a_number_for_its_audience(self, amc, audience):
        assert manage(amc, audience).status_code == 400
        assert manage(amc, audience, *[{}] * 10_001).status_code == 400
        assert manage(amc, str(audience), record("a")).status_code == 400

    def test_records_go_where_their_audience_goes(self, amc, audience):
        other = create(amc, targetResource=CONNECTION).json()["audienceId"]
        both = CONNECTION | {"targetTypes": ["DSP"]}
        assert manage(amc, audience, record("a"), targetResource=CONNECTION).status_code == 400
        assert manage(amc, other, record("a")).status_code == 400
        assert manage(amc, other, record("a"), targetResource={"connectionId": "x"}).status_code == 400
        assert manage(amc, other, record("a"), targetResource=both).status_code == 202

    def test_a_job_for_an_audience_that_is_not_there_fails(self, amc, audience):
        assert ended(amc, 7, record("a"))["jobState"] == "FAILED"
        assert amc.call("GET", "/amc/audiences/records/unknown").status_code == 404

    def test_a_job_may_fail_whole_or_at_one_of_its_places(self, amc):
        other = create(amc, targetResource=CONNECTION).json()["audienceId"]
        both = CONNECTION | {"targetTypes": ["DSP"]}
        for switch, state in (("one_place_fails", "PARTIALLYSUCCEEDED"), ("fails", "FAILED")):
            amc.outside.admin("platforms/amc", {switch: True})
            assert ended(amc, other, record(switch[0]), targetResource=both)["jobState"] == state
        assert held(amc) == ["o"]


def test_a_life_of_0_serves_nobody_and_36_hours_later_half_are_matched(amc: Caller, audience: int):
    ended(amc, audience, *map(record, "abcd"))
    path = f"/amc/audiences/metadata/{audience}"
    amc.outside.later(36 * 3_600)
    sizes = amc.call("GET", path).json()["metadata"]["audienceSize"]
    assert sizes == {"receivedRecordSize": 4, "idResolutionCount": 2, "dspAudienceSize": 2}
    assert amc.call("PUT", path, {"metadata": {"ttl": 0}}, TYPE).json()["metadata"]["ttl"] == 0
    assert amc.call("GET", path).json()["metadata"]["audienceSize"]["dspAudienceSize"] == 0
    assert amc.outside.audiences()[0]["state"] == "its life is over"
    assert amc.call("PUT", path, {"metadata": {"ttl": -1}}, TYPE).status_code == 400
    assert amc.call("GET", "/amc/audiences/metadata/7").status_code == 404


def test_the_calls_of_a_second_are_counted(amc: Caller):
    amc.outside.admin("platforms/amc", {"calls_per_second": 0})
    answer = amc.call("GET", "/amc/audiences/connections/terms")
    assert (answer.status_code, list(answer.json())) == (429, ["message"])
