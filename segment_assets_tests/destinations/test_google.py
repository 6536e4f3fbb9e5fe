"""What our Google connector sends: people, statements, accounts and lists.

How it reads answers is in `test_google_answers`, agreement with Google's own protos and Formatter in `conformance`.
"""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
    MatchKey,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Response,
)
from segment_assets.destinations import registry
from segment_assets.destinations.google import CONTRACT, GoogleDataManager
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.tables import HASHED_AUDIENCE, Type
from segment_assets_tests.destinations.google_kit import GOOGLE, PLACE, SPEC, STATED, Canned, body, person, refused
from segment_assets_tests.fakes import digest

ADDRESS = {
    "first_name_lower": digest("ann"),
    "last_name_lower": digest("o'brien"),
    "country_code": "US",
    "postal_code_plain": "94045",
}


def identifiers(member: Member, operation: Operation = Operation.ADD) -> list[dict]:
    return body(operation, member)["audienceMembers"][0]["userData"]["userIdentifiers"]


class TestPeople:
    """One member is one person; what is hashed is sent as hex, country and postal code as they are."""

    def test_a_person_is_sent_with_everything_that_is_known_in_google_s_fields(self):
        member = person("ann@x.example", phone_e164=digest("+1"), **ADDRESS)
        assert identifiers(member) == [
            {"emailAddress": digest("ann@x.example").hex()},
            {"phoneNumber": digest("+1").hex()},
            {
                "address": {
                    "givenName": digest("ann").hex(),
                    "familyName": digest("o'brien").hex(),
                    "regionCode": "US",
                    "postalCode": "94045",
                }
            },
        ]

    @pytest.mark.parametrize("missing", ADDRESS)
    def test_an_address_that_lacks_a_part_is_left_out(self, missing):
        parts = {form: value for form, value in ADDRESS.items() if form != missing}
        assert identifiers(person("a", **parts)) == [{"emailAddress": digest("a").hex()}]

    def test_an_address_alone_is_enough(self):
        assert [*identifiers(Member(b"m", ADDRESS))[0]] == ["address"]

    def test_a_person_whom_google_cannot_match_is_never_sent_empty(self):
        with pytest.raises(PermanentError, match="nothing that Google can match"):
            body(Operation.ADD, person("a"), Member(b"m", {"country_code": "US"}))

    @pytest.mark.parametrize("value", ["jane@example.com", b"short", digest("a").hex()])
    def test_a_value_that_is_no_digest_is_not_sent_and_not_repeated(self, value):
        with pytest.raises(PermanentError, match="email_gmail_folded") as error:
            body(Operation.ADD, Member(b"m", {"email_gmail_folded": value}))
        assert str(value) not in str(error.value)

    def test_forms_that_google_does_not_take_are_not_sent(self):
        sent = json.dumps(body(Operation.ADD, person("a", email=digest("b"), phone_digits=digest("c"))))
        assert digest("b").hex() not in sent
        assert digest("c").hex() not in sent

    @given(st.lists(st.booleans(), min_size=1, max_size=20))
    def test_places_of_the_call_are_places_of_the_batch(self, with_phone):
        members = [
            person(f"p{n}", **({"phone_e164": digest(f"t{n}")} if phone else {})) for n, phone in enumerate(with_phone)
        ]
        sent = body(Operation.ADD, *members)["audienceMembers"]
        assert [one["userData"]["userIdentifiers"][0]["emailAddress"] for one in sent] == [
            digest(f"p{n}").hex() for n in range(len(members))
        ]

    def test_a_full_batch_of_all_keys_is_below_the_limit_in_bytes(self):
        member = person("a", phone_e164=digest("+1"), **ADDRESS)
        size = len(json.dumps(body(Operation.ADD, *[member] * 100))) * CONTRACT.batch_members / 100
        assert size < CONTRACT.batch_bytes


class TestStatements:
    """Rights and facts about the data are the plan's words; without them nobody is added."""

    @pytest.mark.parametrize("name", ["terms_of_service", "consent_ad_user_data", "consent_ad_personalization"])
    @pytest.mark.parametrize("word", [None, "", "GRANTED", "REJECTED", "accepted"])
    def test_nobody_is_added_on_a_statement_that_the_plan_does_not_make(self, name, word):
        stated = {key: said for key, said in (STATED | {name: word}).items() if said is not None}
        with pytest.raises(NeedsHumanError, match=name):
            body(Operation.ADD, person("a"), google=dataclasses.replace(GOOGLE, statements=stated))

    def test_a_removal_needs_no_statement_and_carries_none(self):
        sent = body(Operation.REMOVE, person("a"), google=dataclasses.replace(GOOGLE, statements={}))
        assert set(sent) == {"destinations", "encoding", "audienceMembers"}
        assert set(sent["audienceMembers"][0]) == {"userData"}

    def test_consent_goes_with_every_member_as_the_plan_states_it(self):
        sent = body(Operation.ADD, person("a"), person("b"))
        both = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
        assert [one["consent"] for one in sent["audienceMembers"]] == [both, both]
        assert sent["termsOfService"] == {"customerMatchTermsOfServiceStatus": "ACCEPTED"}

    def test_consent_that_the_plan_does_not_know_of_is_not_sent_as_granted(self):
        stated = STATED | dict.fromkeys(("consent_ad_user_data",), "CONSENT_STATUS_UNSPECIFIED")
        sent = body(Operation.ADD, person("a"), google=dataclasses.replace(GOOGLE, statements=stated))
        assert sent["audienceMembers"][0]["consent"] == {"adPersonalization": "CONSENT_GRANTED"}

    def test_a_list_is_not_created_without_the_word_on_where_the_data_comes_from(self):
        transport = Canned()
        with pytest.raises(NeedsHumanError, match="data_source_type"):
            GOOGLE.create_audience(transport, AudienceSpec("n", "m", {}))
        assert transport.kept == []


class TestAccounts:
    """Google writes account ids with hyphens, and takes them without."""

    def test_an_account_of_the_plan_becomes_the_place_of_every_request(self):
        account = DestinationAccount(
            destination="google",
            account="123-456-7890",
            endpoint="https://google.example",
            token="t",
            settings={"account_type": "DISPLAY_VIDEO_ADVERTISER", "login_account": "987-654-3210"},
        )
        google, _ = account.connect(STATED)
        [place] = google.request("456", Operation.ADD, [person("a")], PLACE).json["destinations"]
        assert place == {
            "operatingAccount": {"accountType": "DISPLAY_VIDEO_ADVERTISER", "accountId": "1234567890"},
            "loginAccount": {"accountType": "DISPLAY_VIDEO_ADVERTISER", "accountId": "9876543210"},
            "productDestinationId": "456",
        }

    def test_without_a_manager_account_none_is_named(self):
        [place] = body(Operation.ADD, person("a"), google=GoogleDataManager("1", statements=STATED))["destinations"]
        assert "loginAccount" not in place

    @pytest.mark.parametrize(
        ("account", "settings", "says"),
        [
            ("act_1", {}, "account"),
            ("1", {"account_type": "YOUTUBE"}, "account_type"),
            ("1", {"login_account": "x"}, "login_account"),
            ("1", {"login_acount": "1"}, "login_acount"),
        ],
    )
    def test_a_setting_that_google_cannot_have_is_refused_by_name(self, account, settings, says):
        with pytest.raises(PermanentError, match=says):
            GoogleDataManager.from_plan(account, settings, {})


class TestLists:
    """Ours is recognised by our marker, on whatever page, never by its name."""

    def page(self, *lists: dict, token: str = "") -> Response:
        return Response(200, {}, {"userLists": list(lists), "nextPageToken": token})

    def test_a_created_list_bears_our_marker_and_the_longest_membership(self):
        transport = Canned(Response(200, {}, {"name": "accountTypes/GOOGLE_ADS/accounts/1/userLists/456", "id": "456"}))
        assert GOOGLE.create_audience(transport, SPEC) == "456"
        [request] = transport.kept
        assert (request.method, request.path) == ("POST", "/v1/accountTypes/GOOGLE_ADS/accounts/1234567890/userLists")
        assert request.json["integrationCode"] == SPEC.marker
        assert request.json["membershipDuration"] == "46656000s"

    def test_a_list_is_found_by_its_code_or_description_on_a_later_page(self):
        named = {"id": "1", "displayName": SPEC.name, "description": "someone else's"}
        for ours in ({"integrationCode": SPEC.marker}, {"description": f"segment_assets {SPEC.marker}"}):
            transport = Canned(self.page(named, token="next"), self.page({"id": "456", **ours}))
            assert GOOGLE.find_audience(transport, SPEC) == "456"
            assert [request.params.get("pageToken") for request in transport.kept] == [None, "next"]

    def test_a_list_of_our_name_without_our_marker_is_not_ours(self):
        assert GOOGLE.find_audience(Canned(self.page({"id": "1", "displayName": SPEC.name})), SPEC) is None

    def test_an_account_without_lists_has_none_of_ours(self):
        assert GOOGLE.find_audience(Canned(Response(200, {}, {})), SPEC) is None

    @pytest.mark.parametrize("reason", ["DISPLAY_NAME_ALREADY_USED", "ALREADY_EXISTS"])
    def test_a_name_that_is_taken_asks_a_person_and_adopts_nothing(self, reason):
        transport = Canned(refused(400, reason))
        with pytest.raises(NeedsHumanError, match="audience_name in the plan") as error:
            GOOGLE.create_audience(transport, SPEC)
        assert "id" in str(error.value)
        assert len(transport.kept) == 1

    @pytest.mark.parametrize("answer", [{}, {"id": ""}, {"id": "../x"}, {"name": "no number"}])
    def test_a_list_without_a_number_is_not_taken(self, answer):
        with pytest.raises(PermanentError, match="without its id"):
            GOOGLE.create_audience(Canned(Response(200, {}, answer)), SPEC)

    @pytest.mark.parametrize("status", [200, 404])
    def test_a_list_is_deleted_also_where_it_is_gone_already(self, status):
        transport = Canned(Response(200, {}, {}) if status == 200 else refused(404, "NOT_FOUND"))
        GOOGLE.delete_audience(transport, "456")
        assert transport.kept[0].method == "DELETE"
        assert transport.kept[0].path.endswith("/userLists/456")

    def test_a_list_that_may_not_be_deleted_is_told(self):
        with pytest.raises(PermanentError, match="PERMISSION_DENIED"):
            GOOGLE.delete_audience(Canned(refused(403, "PERMISSION_DENIED")), "456")


class TestContract:
    """The declaration is in the registry and fits the tables."""

    def test_google_is_in_the_registry(self):
        assert registry()["google"] is CONTRACT
        assert CONTRACT.pattern is Pattern.MULTI_STEP
        assert CONTRACT.first_party_only

    def test_every_form_is_a_column_of_the_hashed_audience_and_only_address_parts_are_plain(self):
        types = {column.name: column.type for column in HASHED_AUDIENCE.columns}
        plain = {form for form in CONTRACT.forms() if types[form] is not Type.DIGEST}
        assert plain == {"country_code", "postal_code_plain", *CONTRACT.consent}

    def test_an_address_identifies_only_as_a_whole(self):
        assert CONTRACT.identifying == (MatchKey.EMAIL, MatchKey.PHONE)
        assert set(CONTRACT.match_groups[-1]) == set(CONTRACT.match_keys) - set(CONTRACT.identifying)

    def test_the_pace_of_looking_at_jobs_is_google_s_advice(self):
        follow = CONTRACT.follow
        assert (follow.first, follow.multiplier, follow.longest, follow.give_up) == (1_800, 1.3, 3_600, 86_400)


def test_calls_about_lists_name_the_manager_account_in_a_header_and_others_do_not():
    class Recording:
        def __init__(self):
            self.headers = []

        def send(self, request):
            self.headers.append(dict(request.headers))
            return Response(200, {}, {})

    through, own = Recording(), Recording()
    spec = AudienceSpec("name", "marker", {})
    GoogleDataManager("123", login_account="987").find_audience(through, spec)
    GoogleDataManager("123").find_audience(own, spec)
    assert through.headers == [{"login-account": "accountTypes/GOOGLE_ADS/accounts/987"}]
    assert own.headers == [{}]


class TestConsentOfAPerson:
    """What a person answered goes with the person; the plan speaks for those who answered nothing."""

    UNSTATED = dataclasses.replace(
        GOOGLE,
        statements=STATED
        | dict.fromkeys(("consent_ad_user_data", "consent_ad_personalization"), "CONSENT_STATUS_UNSPECIFIED"),
    )

    @staticmethod
    def answering(name: str, data: str, ads: str) -> Member:
        said = {"consent_ad_user_data": data, "consent_ad_personalization": ads}
        return dataclasses.replace(person(name), consent=said)

    def test_every_person_s_own_answer_is_sent_whatever_the_plan_states(self):
        members = [self.answering("a", "granted", "granted"), self.answering("b", "granted", "denied")]
        granted, denied = "CONSENT_GRANTED", "CONSENT_DENIED"
        for google in (GOOGLE, self.UNSTATED):
            sent = [one["consent"] for one in body(Operation.ADD, *members, google=google)["audienceMembers"]]
            assert sent == [
                {"adUserData": granted, "adPersonalization": granted},
                {"adUserData": granted, "adPersonalization": denied},
            ]

    def test_of_somebody_who_did_not_answer_only_what_the_plan_states_is_said(self):
        member = self.answering("a", "unspecified", "granted")
        [stated] = body(Operation.ADD, member)["audienceMembers"]
        [unstated] = body(Operation.ADD, member, google=self.UNSTATED)["audienceMembers"]
        assert stated["consent"] == {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
        assert unstated["consent"] == {"adPersonalization": "CONSENT_GRANTED"}

    def test_nobody_s_consent_is_told_when_they_are_taken_out(self):
        sent = body(Operation.REMOVE, self.answering("a", "denied", "denied"))
        assert set(sent["audienceMembers"][0]) == {"userData"}
