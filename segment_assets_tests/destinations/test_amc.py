"""What our connector to AMC's advertiser audiences sends: settings, statements, records, audiences.

What it makes of answers is in `test_amc_answers`, agreement with Amazon's OpenAPI in `conformance`, behaviour against a
running platform in `test_amc_road`.
"""

from __future__ import annotations

import pytest

from segment_assets.contracts import (
    AudienceSpec,
    Consent,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Request,
    Response,
    Session,
    TransientError,
)
from segment_assets.destinations import connect
from segment_assets.destinations.amc import CONTRACT
from segment_assets_tests.fakes import digest, marked

ACCOUNT, CONNECTION, PROFILE = "581234567890123456", "c-1", "39008"
STATED = {"amzn_user_data": "NOT_APPLICABLE", "amzn_ad_storage": "UNKNOWN", "removal_signal": "GRANTED"}
WITH_AMC = {"connection": CONNECTION, "shared_with": "dsp_and_amc", "profile": PROFILE, "country": "gb"}
DSP = connect("amc", ACCOUNT, {"profile": PROFILE}, STATED)
AMC = connect("amc", ACCOUNT, WITH_AMC, STATED)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, STATED)
NAME = "crm lapsed 90 days 0123456789abcdef0123456789abcdef"
PLACE = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)
KEYS = {"email_amazon": digest("e"), "phone_digits": digest("p")}
SAID = "consent_ad_user_data", "consent_ad_personalization"
TYPE = "application/vnd.amcaudiences.v1+json"


def told(body: object = None, status: int = 200) -> Response:
    return Response(status, {}, body)


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.kept]


def record(member: Member, operation: Operation = Operation.ADD, **stated: str) -> dict:
    amc = connect("amc", ACCOUNT, {}, {**STATED, **stated})
    (sent,) = amc.request("57", operation, [member], PLACE).json["records"]
    return sent


def test_the_contract_says_what_is_not_in_the_kit():
    assert CONTRACT.pattern is Pattern.MULTI_STEP
    assert [(key.value, sent.field) for key, sent in CONTRACT.match_keys.items()] == [
        ("email", "email"),
        ("phone", "phone"),
        ("country", "countryCode"),
    ]
    assert [key.value for (key,) in CONTRACT.match_groups] == ["email", "phone"]
    assert CONTRACT.consent == SAID
    # A removal names our id, so that it parts nobody from an identifier that somebody who stays has too.
    assert CONTRACT.known_by_member


@pytest.mark.parametrize(
    "setting",
    [
        {"connection": "c-1"},
        {"shared_with": "amc"},
        {"shared_with": "dsp_and_amc"},
        {"connection": "c-1", "shared_with": "dsp"},
        {"connection": "c 1", "shared_with": "amc"},
        {"shared_with": "AMC"},
        {"country": "USA"},
        {"profile": "x"},
        {"list": "x"},
    ],
)
def test_a_setting_that_there_is_not_is_refused_by_name(setting):
    with pytest.raises(PermanentError, match=r"|".join(["connection", *setting])):
        connect("amc", ACCOUNT, setting)


def test_audiences_go_to_the_dsp_alone_unless_the_plan_says_otherwise():
    assert connect("amc", ACCOUNT, {"shared_with": "dsp", "profile": PROFILE}, STATED) == DSP


@pytest.mark.parametrize("account", ["", "ENTITY1", "0", "1" * 21])
def test_an_account_is_a_number(account):
    with pytest.raises(PermanentError, match="account"):
        connect("amc", account)


class TestRecords:
    def test_a_person_goes_under_our_pseudonym_with_all_identifiers(self):
        assert record(Member(digest("m"), {**KEYS, "country_code": "us"})) == {
            "action": "CREATE",
            "externalUserId": marked("m"),
            "hashedPII": [{"email": marked("e"), "phone": marked("p")}],
            "countryCode": "US",
            "userConsent": {
                "geo": {"countryCode": "US"},
                "consent": {"amzn": {"amznAdStorage": "UNKNOWN", "amznUserData": "NOT_APPLICABLE"}},
            },
        }

    def test_what_is_not_known_is_left_out(self):
        sent = record(Member(b"m", {"phone_digits": digest("p")}))
        assert sent["hashedPII"] == [{"phone": marked("p")}]
        assert "countryCode" not in sent
        assert "geo" not in sent["userConsent"]

    def test_a_request_names_its_audience_by_number_and_the_places_of_a_connection(self):
        asked = [
            connect("amc", ACCOUNT, settings, STATED).request("57", Operation.ADD, [Member(b"m", KEYS)], PLACE)
            for settings in ({}, WITH_AMC | {"shared_with": "amc"}, WITH_AMC)
        ]
        assert {(one.method, one.path, one.json["audienceId"]) for one in asked} == {
            ("POST", "/amc/audiences/records", 57)
        }
        assert {(one.headers["Content-Type"], one.headers["Accept"]) for one in asked} == {(TYPE, TYPE)}
        connection = {"connectionId": CONNECTION}
        places = [None, connection, connection | {"targetTypes": ["DSP"]}]
        assert [one.json.get("targetResource") for one in asked] == places

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
        signals = record(member, amzn_user_data="UNKNOWN")["userConsent"]["consent"]["amzn"]
        assert signals == {"amznAdStorage": "UNKNOWN", "amznUserData": signal}

    def test_a_removal_carries_the_signal_that_amazon_asks_for(self):
        sent = record(Member(digest("m"), KEYS, dict.fromkeys(SAID, Consent.DENIED)), Operation.REMOVE)
        assert (sent["action"], sent["externalUserId"]) == ("DELETE", marked("m"))
        assert sent["userConsent"] == {"consent": {"amzn": {"amznAdStorage": "GRANTED", "amznUserData": "GRANTED"}}}

    @pytest.mark.parametrize("name", CONTRACT.statements)
    def test_nobody_is_added_without_the_plans_statements_and_everybody_can_be_taken_out(self, name):
        amc = connect("amc", ACCOUNT, {}, {**STATED, name: "MAYBE"})
        with pytest.raises(NeedsHumanError, match=f"^amc .* does not state {name}"):
            amc.request("57", Operation.ADD, [Member(b"m", KEYS)], PLACE)
        assert amc.request("57", Operation.REMOVE, [Member(b"m", KEYS)], PLACE).json

    @pytest.mark.parametrize("keys", [{}, {"country_code": "us"}, {"email_amazon": "a@example.com"}])
    def test_a_value_in_another_form_than_is_declared_is_a_defect_and_nothing_is_sent(self, keys):
        with pytest.raises(PermanentError, match=r"defect|nothing was sent") as refusal:
            AMC.request("57", Operation.ADD, [Member(b"m", keys)], PLACE)
        assert "example.com" not in str(refusal.value)


class TestAudiences:
    """The number of an audience is beyond what a float holds; ours has our marker at the end of its name."""

    def test_an_audience_of_the_dsp_is_made_for_the_advertiser(self):
        transport = Canned(told({"audienceId": 413642381039213536}, 201))
        assert DSP.create_audience(transport, SPEC) == "413642381039213536"
        (request,) = transport.kept
        assert (request.method, request.path, request.headers["Content-Type"]) == (
            "POST",
            "/amc/audiences/metadata",
            TYPE,
        )
        assert request.json == {
            "name": NAME,
            "description": SPEC.name,
            "targetResource": {"advertiserId": int(ACCOUNT)},
            "metadata": {"externalAudienceId": SPEC.marker, "ttl": 34_300_800},
        }

    def test_an_audience_of_amc_is_made_for_the_connection(self):
        transport = Canned(told({"audienceId": "57"}, 201))
        assert AMC.create_audience(transport, SPEC) == "57"
        body = transport.kept[0].json
        assert (body["targetResource"], body["countryCode"]) == ({"connectionId": CONNECTION}, "GB")

    @pytest.mark.parametrize(
        ("name", "made"), [("Käufer & Co!", "K ufer Co"), ("x" * 200, "x" * 95), ("!", ""), ("v_i-p", "v i p")]
    )
    def test_names_are_made_as_amazon_has_them(self, name, made):
        transport = Canned(told({"audienceId": 1}, 201))
        DSP.create_audience(transport, AudienceSpec(name, SPEC.marker, STATED))
        assert transport.kept[0].json["name"] == f"{made} {SPEC.marker}".strip()

    @pytest.mark.parametrize("number", [None, 0, 5.7e17, "x", True, "", -3])
    def test_an_audience_without_its_number_is_looked_for_again(self, number):
        with pytest.raises(TransientError, match="looked for again"):
            DSP.create_audience(Canned(told({"audienceId": number}, 201)), SPEC)

    @pytest.mark.parametrize("status", [400, 403, 404, 499])
    def test_terms_that_nobody_accepted_ask_a_person(self, status):
        transport = Canned(told({"message": "words"}, status), told({"hasAccepted": False}))
        with pytest.raises(NeedsHumanError, match="terms"):
            AMC.create_audience(transport, SPEC)
        assert transport.calls[1] == ("GET", "/amc/audiences/connections/terms")

    @pytest.mark.parametrize(
        ("connected", "answers", "error"),
        [
            (AMC, [told({}, 400), told({"hasAccepted": True})], PermanentError),
            (DSP, [told({}, 400)], PermanentError),
            (AMC, [told({}, 401)], NeedsHumanError),
            (AMC, [told({}, 429)], TransientError),
            (AMC, [told({}, 500)], TransientError),
        ],
    )
    def test_terms_are_asked_for_only_where_they_may_be_why(self, connected, answers, error):
        transport = Canned(*answers)
        with pytest.raises(error):
            connected.create_audience(transport, SPEC)
        assert transport.answers == []

    def test_ours_is_found_in_the_dsps_list_on_any_page(self):
        pages = [
            told({"audiences": [{"audienceId": "1", "audienceName": f"{SPEC.marker} old"}], "nextToken": "t/2"}),
            told({"audiences": [{"audienceId": "57", "audienceName": NAME}]}),
        ]
        transport = Canned(*pages)
        assert AMC.find_audience(transport, SPEC) == "57"
        first, second = transport.kept
        assert (first.method, first.path) == ("POST", "/audiences/list")
        assert first.headers["Amazon-Advertising-API-Scope"] == PROFILE
        asked = {"advertiserId": ACCOUNT, "maxResults": "250"}
        assert (dict(first.params), dict(second.params)) == (asked, asked | {"nextToken": "t/2"})
        names = {"field": "audienceName", "operator": "EQ", "values": [SPEC.marker]}
        assert first.json == second.json == {"adType": "DSP", "filters": [names], "countries": ["GB"]}

    def test_where_ours_is_not_there_is_none(self):
        transport = Canned(told({"audiences": []}))
        assert DSP.find_audience(transport, SPEC) is None
        assert "countries" not in transport.kept[0].json

    @pytest.mark.parametrize("settings", [{}, WITH_AMC | {"shared_with": "amc"}])
    def test_where_there_is_no_list_a_person_looks_and_no_second_audience_is_made(self, settings):
        transport = Canned()
        with pytest.raises(NeedsHumanError, match=f"{SPEC.marker}.*adopted"):
            connect("amc", ACCOUNT, settings, STATED).find_audience(transport, SPEC)

    def test_a_deletion_ends_the_life_of_everybody_in_it(self):
        for answer in (told({"audienceId": 57}), told(None, 404)):
            transport = Canned(answer)
            AMC.delete_audience(transport, "57")
            assert transport.calls == [("PUT", "/amc/audiences/metadata/57")]
            assert transport.kept[0].json == {"metadata": {"ttl": 0}}
        with pytest.raises(TransientError):
            AMC.delete_audience(Canned(told(None, 500)), "57")


def test_an_instance_is_asked_in_the_region_of_its_account_and_people_leave_when_the_audience_says():
    for settings, host in (({"region": "fe"}, "advertising-api-fe"), ({"region": "eu"}, "advertising-api-eu")):
        amc = connect("amc", ACCOUNT, {**WITH_AMC, **settings}, STATED)
        assert amc.contract.endpoint == f"https://{host}.amazon.com"
        assert amc.contract.expires_by_audience
