"""Ads Data Manager in the sandbox refuses what Amazon refuses, in its words and status codes, and keeps people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.sandbox.platforms.amazon_ads import tokens
from segment_assets_tests.conformance.kit.outside import URL
from segment_assets_tests.fakes import marked
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN, MANAGER, ADVERTISER = "sandbox-amazon_ads-token", "amzn1.ads-account.g.sandbox1", "ENTITY1SANDBOX"
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Amazon-Advertising-API-ClientId": TOKEN,
    "Amazon-Ads-Manager-Account-ID": MANAGER,
}
NEW = {"name": "crm_lapsed", "countryCode": "US"}
TYPE = {"Content-Type": "application/vnd.admAudiences.v1+json"}
GRANTED = {"amznUserData": "GRANTED", "amznAdStorage": "GRANTED"}
HOUR = 3_600


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with caller(tmp_path_factory.mktemp("sandbox"), "amazon_ads", HEADERS) as made:
        yield made


@pytest.fixture
def amazon(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


@pytest.fixture
def dataset(amazon: Caller) -> str:
    return amazon.call("POST", "/adm/audiences", NEW).json()["dataSetId"]


def member(name: str, action: str = "CREATE", signal: dict | None = GRANTED, country: str = "", **more: Any) -> dict:
    consent = {"consent": {"amzn": signal}} if signal else {}
    place = {"geo": {"countryCode": country}} if country else {}
    identity = {"hashedPiis": [{"em": marked(name)}]}
    return {"action": action, "externalUserId": name, "userIdentity": identity, "userConsent": consent | place, **more}


def ingest(amazon: Caller, dataset: str, *members: object) -> httpx.Response:
    return amazon.call("POST", f"/adm/audiences/{dataset}/members", {"members": list(members)}, TYPE)


def share(amazon: Caller, dataset: str, **changes: object) -> httpx.Response:
    rule = {
        "application": "DSP_AUDIENCES",
        "dataSetId": dataset,
        "destinationAccountId": ADVERTISER,
        "marketplaceId": "ATVPDKIKX0DER",
        "metadata": {"audienceMetadata": {"audienceName": "crm lapsed 90d"}},
    }
    return amazon.call("POST", "/adm/sharingRules", rule | changes)


def held(amazon: Caller) -> list[str]:
    return sorted(one["externalUserId"] for one in amazon.outside.people())


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": "Bearer foreign"}, (401, "UnauthorizedRequest")),
        ({"Amazon-Advertising-API-ClientId": "foreign"}, (400, "BadRequest")),
        ({"Amazon-Ads-Manager-Account-ID": ""}, (400, "BadRequest")),
        ({"Amazon-Ads-AccountId": ADVERTISER}, (400, "BadRequest")),
        ({"Amazon-Ads-Manager-Account-ID": ADVERTISER}, (403, "ForbiddenRequest")),
    ],
)
def test_a_call_that_does_not_get_in_is_told_why(amazon: Caller, headers, expected):
    assert code(amazon.call("POST", "/adm/audiences", NEW, headers)) == expected
    assert amazon.outside.audiences() == []


def test_terms_come_first_and_then_a_data_room(amazon: Caller):
    amazon.outside.admin("platforms/amazon_ads", {"terms_accepted": False, "data_rooms": []})
    assert code(amazon.call("POST", "/adm/datarooms", {}))[0] == 403
    assert code(amazon.call("POST", "/adm/audiences", NEW))[0] == 403
    agreement = amazon.call("GET", "/adm/terms").json()["agreementToken"]
    assert amazon.call("PATCH", "/adm/terms", {"agreementToken": "other", "hasAccepted": True}).status_code == 400
    assert amazon.call("PATCH", "/adm/terms", {"agreementToken": agreement, "hasAccepted": True}).status_code == 204
    assert code(amazon.call("POST", "/adm/audiences", NEW)) == (404, "ResourceNotFound")
    assert amazon.call("GET", "/adm/datarooms").status_code == 404
    for _ in range(2):
        assert amazon.call("POST", "/adm/datarooms", {}).status_code == 201
    assert amazon.call("GET", "/adm/datarooms").json()["accountId"] == MANAGER
    assert amazon.call("POST", "/adm/audiences", NEW).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "abcd"},
        {"name": "1abcde"},
        {"name": "crm lapsed"},
        {"name": "n" * 101},
        {"countryCode": "us"},
        {"description": ""},
        {"description": "d" * 1_001},
        {"idRetention": "yes"},
        {"ttl": 1},
    ],
)
def test_a_dataset_that_is_not_well_described_is_refused(amazon: Caller, changes):
    assert code(amazon.call("POST", "/adm/audiences", NEW | changes)) == (400, "BadRequest")


def test_no_two_datasets_of_an_account_have_one_name_and_the_refusal_names_the_first(amazon: Caller, dataset: str):
    again = amazon.call("POST", "/adm/audiences", NEW)
    assert (code(again), again.json()["datasetId"]) == ((400, "DuplicateDatasetName"), dataset)
    other = {**HEADERS, "Amazon-Ads-Manager-Account-ID": "", "Amazon-Ads-AccountId": ADVERTISER}
    assert amazon.call("POST", "/adm/audiences", NEW, other).status_code == 201


def test_datasets_are_listed_page_by_page_and_shown_by_themselves(amazon: Caller, dataset: str):
    amazon.call("POST", "/adm/audiences", NEW | {"name": "another"})
    first = amazon.call("GET", "/adm/audiences?limit=1").json()
    second = amazon.call("GET", f"/adm/audiences?limit=1&nextToken={first['nextToken']}").json()
    assert [one["name"] for page in (first, second) for one in page["dataSets"]] == ["crm_lapsed", "another"]
    assert "nextToken" not in second
    assert amazon.call("GET", f"/adm/audiences/{dataset}").json()["schema"]
    assert amazon.call("GET", "/adm/audiences?limit=101").status_code == 400
    assert code(amazon.call("GET", "/adm/audiences/other")) == (404, "ResourceNotFound")


class TestMembers:
    def test_members_are_known_by_the_callers_id(self, amazon, dataset):
        assert ingest(amazon, dataset, member("a"), member("b"), member("a")).json() == {"ingressId": "ingress-1-1"}
        assert held(amazon) == ["a", "b"]
        gone = member("a", "DELETE") | {"userIdentity": {"hashedPiis": [{"em": marked("b")}]}}
        ingest(amazon, dataset, gone, member("z", "DELETE"))
        assert held(amazon) == ["b"]

    def test_any_identifier_takes_a_person_out_where_that_is_switched_on(self, amazon, dataset):
        amazon.outside.admin("platforms/amazon_ads", {"removes_by": "identity"})
        ingest(amazon, dataset, member("a"), member("b"))
        ingest(amazon, dataset, member("z", "DELETE") | {"userIdentity": {"hashedPiis": [{"em": marked("b")}]}})
        assert held(amazon) == ["a"]

    @pytest.mark.parametrize("signal", [None, {"amznUserData": "GRANTED", "amznAdStorage": "DENIED"}, {}])
    def test_a_removal_without_a_granted_signal_is_ignored_without_a_word(self, amazon, dataset, signal):
        ingest(amazon, dataset, member("a"))
        assert ingest(amazon, dataset, member("a", "DELETE", signal)).json() == {"ingressId": "ingress-1-2"}
        assert held(amazon) == ["a"]

    @pytest.mark.parametrize(
        ("country", "signal", "is_in"),
        [
            ("DE", None, False),
            ("GB", {"amznUserData": "UNKNOWN"}, False),
            ("CH", {"amznUserData": "GRANTED"}, True),
            ("US", {"amznUserData": "DENIED"}, False),
            ("US", {"amznUserData": "UNKNOWN"}, True),
            ("", None, True),
        ],
    )
    def test_where_a_yes_is_needed_nobody_else_gets_in(self, amazon, dataset, country, signal, is_in):
        assert "errors" not in ingest(amazon, dataset, member("a", "CREATE", signal, country)).json()
        assert held(amazon) == (["a"] if is_in else [])

    def test_another_format_of_consent_is_a_yes(self, amazon, dataset):
        ingest(amazon, dataset, member("a", userConsent={"geo": {"countryCode": "FR"}, "consent": {"tcf": "CPX"}}))
        assert held(amazon) == ["a"]

    @pytest.mark.parametrize(
        ("identity", "kind"),
        [
            ({}, "INVALID_IDENTITY"),
            ({"hashedPiis": [{}]}, "INVALID_IDENTITY"),
            ({"hashedPiis": [{"em": marked("a")}] * 11}, "INVALID_IDENTITY"),
            ({"hashedPiis": [{"em": marked("a").upper()}]}, "INVALID_FORMAT"),
            ({"hashedPiis": [{"em": "a@example.com"}]}, "INVALID_FORMAT"),
            ({"externalIdentities": [{"maId": ""}]}, "INVALID_FORMAT"),
        ],
    )
    def test_a_member_that_is_not_well_formed_is_refused_alone(self, amazon, dataset, identity, kind):
        answer = ingest(amazon, dataset, member("a"), member("b", userIdentity=identity)).json()
        (error,) = answer["errors"]
        assert (error["index"], error["code"], error["errors"][0]["errorType"]) == (1, "400", kind)
        assert answer["ingressId"]
        assert held(amazon) == ["a"]

    def test_where_all_are_refused_there_is_no_upload(self, amazon, dataset):
        assert set(ingest(amazon, dataset, member("a", userIdentity={})).json()) == {"errors"}

    @pytest.mark.parametrize(
        "change",
        [
            {"action": "UPDATE"},
            {"userIdentity": {"hashedPiis": [{"email": marked("a")}]}},
            {"userConsent": {"consent": {"amazonConsent": {}}}},
            {"userConsent": {"consent": {"amzn": {"amznUserData": "YES"}}}},
            {"userConsent": {"geo": {"countryCode": "usa"}}},
            {"ttl": 7},
        ],
    )
    def test_what_no_model_has_refuses_the_request(self, amazon, dataset, change):
        assert code(ingest(amazon, dataset, member("b"), member("a") | change)) == (400, "BadRequest")
        assert held(amazon) == []

    def test_members_have_their_own_type_number_and_size(self, amazon, dataset):
        path = f"/adm/audiences/{dataset}/members"
        assert amazon.call("POST", path, {"members": [member("a")]}).status_code == 415
        assert ingest(amazon, dataset).status_code == 400
        assert ingest(amazon, dataset, *[{}] * 10_001).status_code == 400
        assert ingest(amazon, dataset, member("a" * 10_000_000)).status_code == 413
        assert ingest(amazon, "other", member("a")).status_code == 404


class TestSharing:
    def test_sharing_twice_makes_two_rules_and_a_revoked_one_is_listed_still(self, amazon, dataset):
        first, second = (share(amazon, dataset).json()["sharingRuleId"] for _ in range(2))
        assert amazon.call("PATCH", f"/adm/sharingRules/{first}/revoke").status_code == 204
        rules = amazon.call("POST", "/adm/sharingRules/list", {"datasetIds": [dataset]}).json()["sharingRules"]
        expected = [(first, "REVOKED_BY_SOURCE"), (second, "ACTIVE")]
        assert [(one["sharingRuleId"], one["status"]) for one in rules] == expected
        active = amazon.call("POST", "/adm/sharingRules/list", {"statuses": ["ACTIVE"]}).json()["sharingRules"]
        assert [one["sharingRuleId"] for one in active] == [second]
        assert amazon.call("PATCH", "/adm/sharingRules/rule-9/revoke").status_code == 404

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"application": "DSP"}, 400),
            ({"application": "AUDIENCE_HUB"}, 400),
            ({"application": "AMAZON_MARKETING_CLOUD"}, 400),
            ({"application": "AMAZON_MARKETING_CLOUD", "metadata": {"amcMetadata": {"amcInstanceId": "x"}}}, 400),
            ({"metadata": {"audienceMetadata": {"name": "crm lapsed 90d"}}}, 400),
            ({"metadata": {"audienceMetadata": {"audienceName": "crm"}}}, 400),
            ({"marketplaceId": "US"}, 400),
            ({"destinationAccountId": "ENTITY2"}, 403),
            ({"dataSetId": "other"}, 404),
        ],
    )
    def test_a_rule_that_is_not_well_described_is_refused(self, amazon, dataset, changes, status):
        assert share(amazon, dataset, **changes).status_code == status

    def test_the_dsp_keeps_the_people_of_a_deleted_dataset_and_amc_does_not(self, amazon, dataset):
        ingest(amazon, dataset, member("a"))
        share(amazon, dataset)
        assert amazon.call("DELETE", f"/adm/datasets/{dataset}").status_code == 204
        assert amazon.call("DELETE", f"/adm/datasets/{dataset}").status_code == 404
        assert ingest(amazon, dataset, member("b")).status_code == 404
        assert (held(amazon), amazon.outside.audiences()[0]["state"]) == (["a"], "deleted, and kept by the DSP")
        other = amazon.call("POST", "/adm/audiences", NEW).json()["dataSetId"]
        ingest(amazon, other, member("b"))
        amazon.call("DELETE", f"/adm/datasets/{other}")
        assert held(amazon) == ["a"]


def test_matches_are_half_of_the_records_an_hour_later(amazon: Caller, dataset: str):
    ingest(amazon, dataset, *map(member, "abcd"), member("e", signal={"amznUserData": "DENIED"}))
    kind = {"Accept": "application/vnd.admmetrics.v1+json"}
    assert amazon.call("GET", f"/adm/datasets/{dataset}/metrics").status_code == 406
    for hours, matches in ((0, 0), (1, 2)):
        amazon.outside.later(hours * HOUR)
        told = amazon.call("GET", f"/adm/datasets/{dataset}/metrics", headers=kind).json()
        assert (told["acceptedCount"], told["recordsResolved"], told["invalidRecordCount"]) == (4, matches, 1)


def test_the_calls_of_a_second_are_counted(amazon: Caller):
    amazon.outside.admin("platforms/amazon_ads", {"calls_per_second": 1})
    answers = [amazon.call("GET", "/adm/terms") for _ in range(6)]
    throttled = [answer for answer in answers if answer.status_code == 429]
    assert throttled
    assert {answer.headers["retry-after"] for answer in throttled} == {"1"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "invalid_request"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"refresh_token": "x"}, "invalid_grant"),
    ],
)
def test_a_token_of_an_hour_is_given_for_a_refresh_token_that_stays(amazon: Caller, changes, error):
    name, secret = tokens.CLIENT
    form = {"grant_type": "refresh_token", "refresh_token": tokens.REFRESH_TOKEN, "client_id": name}
    form["client_secret"] = secret
    plain = httpx.Client(base_url=f"{URL}/amazon_ads", transport=amazon.outside.inside)
    assert plain.post("/auth/o2/token", data=form | changes).json()["error"] == error
    given = plain.post("/auth/o2/token", data=form).json()
    assert (given["refresh_token"], given["expires_in"]) == (tokens.REFRESH_TOKEN, HOUR)
    fresh = {"Authorization": f"Bearer {given['access_token']}"}
    assert plain.post("/auth/o2/token", data=form, headers=fresh).json()["error"] == "invalid_request"
    assert amazon.call("GET", "/adm/terms", headers=fresh).status_code == 200
    amazon.outside.later(HOUR)
    assert amazon.call("GET", "/adm/terms", headers=fresh).status_code == 401
