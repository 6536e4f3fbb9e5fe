"""What our Amazon Ads connector sends of an account and of people.

Datasets are in `test_amazon_ads_datasets`, what it makes of answers in `test_amazon_ads_answers`, agreement with a client
made from Amazon's OpenAPI in `conformance`, behaviour against a running platform in `test_amazon_ads_road`.
"""

from __future__ import annotations

import pytest

from segment_assets.contracts import (
    AudienceSpec,
    Consent,
    Member,
    NeedsHumanError,
    Operation,
    PassingMembersError,
    Pattern,
    PermanentError,
    RefusedBatchError,
    Request,
    Response,
    Session,
    TransientError,
)
from segment_assets.destinations import connect
from segment_assets.destinations.amazon_ads import CONTRACT
from segment_assets.destinations.amazon_ads_datasets import MARKETPLACES
from segment_assets_tests.conformance.vendors import Kept
from segment_assets_tests.fakes import digest, marked

ACCOUNT, INSTANCE = "ENTITY1", "amcxyz"
STATED = {"amzn_user_data": "NOT_APPLICABLE", "amzn_ad_storage": "UNKNOWN", "removal_signal": "GRANTED"}
SETTINGS, AMC = {"country": "US"}, {"amc_instance": INSTANCE}
AMAZON = connect("amazon_ads", ACCOUNT, SETTINGS, STATED)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, STATED)
PLACE = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)
KEYS = {"email_amazon": digest("e"), "phone_digits": digest("p"), "mobile_ad_id": "d-1", "ramp_id": "XY1"}
SAID = "consent_ad_user_data", "consent_ad_personalization"


def made(amazon) -> list[Request]:
    """The calls of a creation."""
    kept = Kept(Response(200, {}, {"dataSetId": "ds-1", "sharingRules": []}))
    assert amazon.create_audience(kept, SPEC) == "ds-1"
    return kept.requests


def row(member: Member, operation: Operation = Operation.ADD, **stated: str) -> dict:
    amazon = connect("amazon_ads", ACCOUNT, SETTINGS, {**STATED, **stated})
    (sent,) = amazon.request("ds-1", operation, [member], PLACE).json["members"]
    return sent


def test_the_contract_says_what_is_not_in_the_kit():
    assert CONTRACT.pattern is Pattern.MULTI_STEP
    assert [(key.value, sent.field) for key, sent in CONTRACT.match_keys.items()] == [
        ("email", "em"),
        ("phone", "ph"),
        ("mobile_ad_id", "maId"),
        ("ramp_id", "liveRampId"),
        ("country", "countryCode"),
    ]
    assert CONTRACT.match_groups == tuple((key,) for key in CONTRACT.identifying)
    assert "country" not in CONTRACT.identifying
    assert CONTRACT.consent == SAID
    # A removal names our id, so that it parts nobody from an identifier that somebody who stays has too.
    assert CONTRACT.known_by_member


class TestSettings:
    @pytest.mark.parametrize(
        ("more", "header"),
        [
            ({"manager_account": "amzn1.ads1.ma1.x"}, ("Amazon-Ads-Manager-Account-ID", "amzn1.ads1.ma1.x")),
            ({}, ("Amazon-Ads-AccountId", ACCOUNT)),
        ],
    )
    def test_every_call_names_the_account_in_one_header(self, more, header):
        amazon = connect("amazon_ads", ACCOUNT, {**SETTINGS, **more}, STATED)
        requests = [
            amazon.request("ds-1", Operation.ADD, [Member(b"m", KEYS)], PLACE),
            amazon.size_request("ds-1"),
            *made(amazon),
        ]
        found = [[one for one in request.headers.items() if one[0].startswith("Amazon-Ads")] for request in requests]
        assert found == [[header]] * 5

    def test_datasets_are_shared_with_the_dsp_unless_the_plan_says_otherwise(self):
        shared = {
            place: (sharing.dsp_advertiser, sharing.amc_instance, connected.contract.keeps_people)
            for place, more in {"dsp": {}, "amc": AMC, "dsp_and_amc": AMC}.items()
            for connected in [connect("amazon_ads", ACCOUNT, {"shared_with": place, **more})]
            for sharing in [connected.sharing]
        }
        # What the DSP has it keeps when its dataset is deleted; AMC does not.
        expected = {"dsp": (ACCOUNT, "", True), "amc": ("", INSTANCE, False), "dsp_and_amc": (ACCOUNT, INSTANCE, True)}
        assert shared == expected
        assert connect("amazon_ads", ACCOUNT).sharing.dsp_advertiser == ACCOUNT

    @pytest.mark.parametrize(
        "setting",
        [
            {"manager_account": "a b"},
            {"country": "USA"},
            {"country": "1"},
            {"shared_with": "AMC"},
            {"amc_instance": ""},
            {"amc_instance": "a b", "shared_with": "amc"},
            {"amc_instance": INSTANCE},
            {"amc_instance": INSTANCE, "shared_with": "dsp"},
            {"marketplace": "x\n"},
            {"id_retention": "yes"},
            {"region": "us"},
            {"list": "x"},
        ],
    )
    def test_a_setting_that_there_is_not_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=next(iter(setting))):
            connect("amazon_ads", ACCOUNT, setting)

    @pytest.mark.parametrize(
        ("setting", "host"),
        [
            ({}, "advertising-api"),
            ({"country": "MX"}, "advertising-api"),
            ({"country": "gb"}, "advertising-api-eu"),
            ({"country": "JP"}, "advertising-api-fe"),
            ({"country": "JP", "region": "na"}, "advertising-api"),
            ({"region": "eu"}, "advertising-api-eu"),
        ],
    )
    def test_an_advertiser_is_asked_for_in_its_own_region(self, setting, host):
        assert connect("amazon_ads", ACCOUNT, setting).contract.endpoint == f"https://{host}.amazon.com"

    def test_every_country_with_a_marketplace_has_a_region(self):
        """All but those of North America, which is where whoever says nothing is."""
        addresses = {country: connect("amazon_ads", ACCOUNT, {"country": country}) for country in MARKETPLACES}
        here = {country for country, one in addresses.items() if one.contract.endpoint == CONTRACT.endpoint}
        assert here == {"BR", "CA", "MX", "US"}

    def test_an_instance_has_to_be_named_where_it_is_shared_with(self):
        with pytest.raises(PermanentError, match="amc_instance"):
            connect("amazon_ads", ACCOUNT, {"shared_with": "amc"})

    @pytest.mark.parametrize("account", ["", "a b", "-1", "a" * 129, "a\r\nb"])
    def test_an_account_is_an_id_of_amazons(self, account):
        with pytest.raises(PermanentError, match="account"):
            connect("amazon_ads", account)


class TestMembers:
    def test_a_person_goes_under_our_pseudonym_with_all_identifiers(self):
        sent = row(Member(digest("m"), {**KEYS, "country_code": "us"}))
        assert sent == {
            "action": "CREATE",
            "externalUserId": marked("m"),
            "userIdentity": {
                "hashedPiis": [{"em": marked("e"), "ph": marked("p")}],
                "externalIdentities": [{"maId": "d-1"}, {"liveRampId": "XY1"}],
            },
            "userConsent": {
                "geo": {"countryCode": "US"},
                "consent": {"amzn": {"amznAdStorage": "UNKNOWN", "amznUserData": "NOT_APPLICABLE"}},
            },
        }

    def test_what_is_not_known_is_left_out(self):
        assert row(Member(b"m", {"phone_digits": digest("p")}))["userIdentity"] == {"hashedPiis": [{"ph": marked("p")}]}
        sent = row(Member(b"m", {"ramp_id": "XY1", "email_amazon": b"", "country_code": ""}))
        assert sent["userIdentity"] == {"externalIdentities": [{"liveRampId": "XY1"}]}
        assert "geo" not in sent["userConsent"]

    def test_members_go_in_the_type_that_amazon_asks_for(self):
        request = AMAZON.request("ds-1", Operation.ADD, [Member(b"m", KEYS)], PLACE)
        assert (request.method, request.path) == ("POST", "/adm/audiences/ds-1/members")
        kind = "application/vnd.admAudiences.v1+json"
        assert (request.headers["Content-Type"], request.headers["Accept"]) == (kind, kind)

    @pytest.mark.parametrize(
        ("answers", "signal"),
        [
            (("granted", "granted"), "GRANTED"),
            (("granted", "denied"), "DENIED"),
            (("denied", "unspecified"), "DENIED"),
            (("granted", "unspecified"), "UNKNOWN"),
            ((), "UNKNOWN"),
        ],
    )
    def test_a_persons_own_answers_go_before_what_the_plan_states(self, answers, signal):
        member = Member(b"m", KEYS, dict(zip(SAID, map(Consent, answers), strict=False)))
        signals = row(member, amzn_user_data="UNKNOWN")["userConsent"]["consent"]["amzn"]
        assert signals == {"amznAdStorage": "UNKNOWN", "amznUserData": signal}

    def test_a_removal_carries_the_signal_without_which_amazon_ignores_it_also_of_a_person_who_said_no(self):
        member = Member(digest("m"), KEYS, dict.fromkeys(SAID, Consent.DENIED))
        sent = row(member, Operation.REMOVE)
        assert (sent["action"], sent["externalUserId"]) == ("DELETE", marked("m"))
        assert sent["userConsent"] == {"consent": {"amzn": {"amznAdStorage": "GRANTED", "amznUserData": "GRANTED"}}}

    @pytest.mark.parametrize("name", ["amzn_user_data", "amzn_ad_storage", "removal_signal"])
    def test_nobody_is_added_without_the_plans_statements_and_everybody_can_be_taken_out(self, name):
        amazon = connect("amazon_ads", ACCOUNT, SETTINGS, {**STATED, name: "MAYBE"})
        with pytest.raises(NeedsHumanError, match=f"does not state {name}"):
            amazon.request("ds-1", Operation.ADD, [Member(b"m", KEYS)], PLACE)
        assert amazon.request("ds-1", Operation.REMOVE, [Member(b"m", KEYS)], PLACE).json

    @pytest.mark.parametrize(
        "keys",
        [
            {},
            {"country_code": "us"},
            {"email_amazon": "a@example.com"},
            {"email_amazon": b"short"},
            {"mobile_ad_id": digest("d")},
        ],
    )
    def test_a_value_in_another_form_than_is_declared_is_a_defect_and_nothing_is_sent(self, keys):
        with pytest.raises(PermanentError, match=r"defect|nothing was sent") as refusal:
            AMAZON.request("ds-1", Operation.ADD, [Member(b"m", keys)], PLACE)
        assert "example.com" not in str(refusal.value)


class TestErasure:
    manager = connect("amazon_ads", ACCOUNT, {**SETTINGS, "manager_account": "m-1"}, {})

    def test_a_person_is_named_by_our_id_alone_which_is_nobody_elses(self):
        request = self.manager.erasure([Member(digest("m"), KEYS), Member(digest("n"), KEYS)], PLACE)
        assert (request.method, request.path) == ("POST", "/adm/identities/delete")
        assert request.json == {"targetIdentities": [{"externalUserId": marked("m")}, {"externalUserId": marked("n")}]}
        assert request.headers["Amazon-Ads-Manager-Account-ID"] == "m-1"
        assert request.headers["Content-Type"] == "application/vnd.admDataDeletion.v1+json"

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, {}),
            (202, {"status": "ACCEPTED"}),
            (202, {"status": "ACCEPTED", "requestId": "x"}),
            (200, {"requestId": "x"}),
            (204, None),
            (200, None),
        ],
    )
    def test_whatever_the_body_of_a_yes_is_it_is_taken_on(self, status, body):
        answer = self.manager.read_erasure([Member(digest("m"), KEYS)], PLACE, Response(status, {}, body))
        assert (answer.accepted, answer.unproven, answer.rejected) == (1, 0, {})

    def test_an_answer_that_names_some_is_a_yes_to_nobody_else(self):
        three = [Member(digest(one), KEYS) for one in "mno"]
        body = {"errors": [{"index": 1, "code": "400", "errors": [{"errorType": "UnknownIdentity"}]}]}
        answer = self.manager.read_erasure(three, PLACE, Response(207, {}, body))
        assert (answer.accepted, answer.unproven, answer.rejected) == (0, 2, {1: "400/UnknownIdentity"})
        body["errors"].append({"index": 0, "code": "500"})
        with pytest.raises(PassingMembersError) as passing:
            self.manager.read_erasure(three, PLACE, Response(207, {}, body))
        assert list(passing.value.places) == [0]
        with pytest.raises(RefusedBatchError):
            self.manager.read_erasure(three, PLACE, Response(200, {}, {"errors": [{"code": "400"}]}))

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (207, {}),
            (200, {"status": "PARTIAL"}),
            (200, {"error": [{"index": 0}]}),
            (202, {"status": "ACCEPTED", "errorCount": 1}),
        ],
    )
    def test_what_is_no_plain_yes_proves_nothing(self, status, body):
        answer = self.manager.read_erasure([Member(digest("m"), KEYS)], PLACE, Response(status, {}, body))
        assert (answer.accepted, answer.unproven, answer.rejected) == (0, 1, {})

    @pytest.mark.parametrize(
        ("response", "error"),
        [
            (Response(400, {}, {"code": "BadRequest"}), RefusedBatchError),
            (Response(200, {}, {"status": "FAILED"}), RefusedBatchError),
            (Response(403, {}, None), NeedsHumanError),
            (Response(404, {}, None), PermanentError),
            (Response(500, {}, None), TransientError),
            (Response(300, {}, None), TransientError),
            # A proxy's page is nobody's yes.
            (Response(200, {}, None, content=b"<html>"), TransientError),
        ],
    )
    def test_a_no_is_none_of_a_yes(self, response, error):
        with pytest.raises(error):
            self.manager.read_erasure([Member(digest("m"), KEYS)], PLACE, response)
