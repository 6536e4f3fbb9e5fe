"""Datasets of Amazon's Ads Data Manager: made once, found again, shared once with each place, deleted."""

from __future__ import annotations

import pytest

from segment_assets.contracts import (
    AudienceSpec,
    NeedsHumanError,
    PermanentError,
    Request,
    Response,
    TransientError,
)
from segment_assets.destinations import connect

ACCOUNT, INSTANCE = "ENTITY1", "amcxyz"
SETTINGS = {"country": "US"}
AMAZON = connect("amazon_ads", ACCOUNT, SETTINGS)
BOTH = {**SETTINGS, "shared_with": "dsp_and_amc", "amc_instance": INSTANCE}
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
NAME = "crm_lapsed_90_days_0123456789abcdef0123456789abcdef"


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


NO_RULES = told({"sharingRules": []})
RULE = told({"sharingRules": [{"sharingRuleId": "r", "status": "REVOKED_BY_SOURCE"}]})
DONE = told({"sharingRuleId": "r"})
CREATED = told({"dataSetId": "ds-1"}, 201)


def made(*answers: Response, connected=AMAZON, spec: AudienceSpec = SPEC) -> Canned:
    transport = Canned(*answers)
    assert connected.create_audience(transport, spec) == "ds-1"
    assert transport.answers == []
    return transport


class TestDatasets:
    """A dataset is ours by the marker at the end of its name, and is shared once with each place."""

    def test_a_dataset_is_made_empty_and_shared_with_a_dsp_advertiser(self):
        new, listed, shared = made(CREATED, NO_RULES, DONE).kept
        assert [(one.method, one.path) for one in (new, listed, shared)] == [
            ("POST", "/adm/audiences"),
            ("POST", "/adm/sharingRules/list"),
            ("POST", "/adm/sharingRules"),
        ]
        about = {"name": NAME, "countryCode": "US", "description": SPEC.name, "idRetention": False}
        assert new.json == about
        application = {"application": "DSP_AUDIENCES"}
        assert listed.json == application | {"datasetIds": ["ds-1"], "destinationAccountId": ACCOUNT}
        shown = {"audienceName": SPEC.name, "externalAudienceId": SPEC.marker}
        place = {"destinationAccountId": ACCOUNT, "marketplaceId": "ATVPDKIKX0DER"}
        assert shared.json == application | place | {"dataSetId": "ds-1", "metadata": {"audienceMetadata": shown}}

    def test_an_instance_of_amc_is_shared_with_beside_it(self):
        both = connect("amazon_ads", ACCOUNT, {**BOTH, "id_retention": "true"})
        kept = made(CREATED, RULE, NO_RULES, DONE, connected=both).kept
        assert kept[0].json["idRetention"] is True
        assert kept[-1].json == {
            "application": "AMAZON_MARKETING_CLOUD",
            "dataSetId": "ds-1",
            "destinationAccountId": INSTANCE,
            "marketplaceId": "ATVPDKIKX0DER",
            "metadata": {"amcMetadata": {"amcInstanceId": INSTANCE}},
        }

    def test_what_is_shared_already_or_was_revoked_is_not_shared_again(self):
        assert made(CREATED, RULE).calls[-1] == ("POST", "/adm/sharingRules/list")

    @pytest.mark.parametrize("field", ["datasetId", "dataSetId"])
    def test_a_dataset_of_our_name_is_ours(self, field):
        duplicate = told({"code": "DuplicateDatasetName", field: "ds-1"}, 400)
        assert len(made(duplicate, RULE).kept) == 2

    @pytest.mark.parametrize("body", [{}, {"dataSetId": 7}, {"dataSetId": "a/b"}, {"dataSetId": ""}])
    def test_a_dataset_without_an_id_is_looked_for_again(self, body):
        for answer in (told(body, 201), told({"code": "DuplicateDatasetName", **body}, 400)):
            with pytest.raises(TransientError, match="looked for again"):
                AMAZON.create_audience(Canned(answer), SPEC)

    @pytest.mark.parametrize("status", [400, 403, 404, 499])
    def test_an_account_without_a_data_room_gets_one(self, status):
        rooms = [told({"hasAccepted": True}), told(None, 404), told({"accountId": ACCOUNT}, 201)]
        transport = made(told({}, status), *rooms, CREATED, RULE)
        assert transport.calls[1:5] == [
            ("GET", "/adm/terms"),
            ("GET", "/adm/datarooms"),
            ("POST", "/adm/datarooms"),
            ("POST", "/adm/audiences"),
        ]
        assert transport.kept[3].json == {}

    def test_terms_that_nobody_accepted_ask_a_person(self):
        transport = Canned(told({}, 403), told({"hasAccepted": False, "agreementToken": "t"}))
        with pytest.raises(NeedsHumanError, match="terms"):
            AMAZON.create_audience(transport, SPEC)
        assert len(transport.kept) == 2

    def test_a_creation_that_is_refused_though_nothing_is_missing_is_refused(self):
        answers = [told({"code": "BadRequest"}, 400), told({"hasAccepted": True}), told({"accountId": ACCOUNT})]
        with pytest.raises(PermanentError) as refusal:
            AMAZON.create_audience(Canned(*answers), SPEC)
        assert refusal.value.code == "400/BadRequest"

    @pytest.mark.parametrize(
        ("status", "error"), [(401, NeedsHumanError), (429, TransientError), (500, TransientError)]
    )
    def test_a_refusal_that_says_enough_is_not_asked_about(self, status, error):
        with pytest.raises(error):
            AMAZON.create_audience(Canned(told(None, status)), SPEC)

    @pytest.mark.parametrize(
        ("name", "dataset", "audience"),
        [
            ("vip", "vip", "vip audience"),
            ("123456789", "s123456789", "123456789 audience"),
            ("1234567890", "s1234567890", "1234567890"),
            ("Käufer & Käuferinnen", "K_ufer_K_uferinnen", "Käufer & Käuferinnen"),
            ("Über", "s_ber", "Über audience"),
            ("x" * 200, "x" * 67, "x" * 127),
        ],
    )
    def test_names_are_made_as_amazon_has_them(self, name, dataset, audience):
        spec = AudienceSpec(name, SPEC.marker, {})
        new, _, shared = made(CREATED, NO_RULES, DONE, spec=spec).kept
        assert new.json["name"] == f"{dataset}_{SPEC.marker}"
        assert shared.json["metadata"]["audienceMetadata"]["audienceName"] == audience


class TestPlaces:
    @pytest.mark.parametrize(
        ("country", "marketplace"),
        [
            # Published by another vendor, who calls GB by its other code.
            ("AE", "A2VIGQ35RCS4UG"),
            ("AU", "A39IBJ37TRP1C6"),
            ("BR", "A2Q3Y263D00KWC"),
            ("CA", "A2EUQ1WTGCTBG2"),
            ("DE", "A1PA6795UKMFR9"),
            ("ES", "A1RKKUPIHCS9HS"),
            ("FR", "A13V1IB3VIYZZH"),
            ("GB", "A1F83G8C2ARO7P"),
            ("IT", "APJ6JRA9NG5V4"),
            ("JP", "A1VC38T7YXB528"),
            ("MX", "A1AM78C64UM0Y8"),
            ("NL", "A1805IZSGTT6HS"),
            ("SA", "A17E79C6D8DWNP"),
            ("SE", "A2NODRKZP88ZB9"),
            ("TR", "A33AVAJ2PDY3EV"),
            ("us", "ATVPDKIKX0DER"),
        ],
    )
    def test_a_country_has_its_own_marketplace(self, country, marketplace):
        amazon = connect("amazon_ads", ACCOUNT, {**SETTINGS, "country": country})
        new, _, rule = made(CREATED, NO_RULES, DONE, connected=amazon).kept
        assert (new.json["countryCode"], rule.json["marketplaceId"]) == (country.upper(), marketplace)

    def test_the_plan_may_name_another(self):
        amazon = connect("amazon_ads", ACCOUNT, {**SETTINGS, "country": "CH", "marketplace": "A1PA6795UKMFR9"})
        assert made(CREATED, NO_RULES, DONE, connected=amazon).kept[-1].json["marketplaceId"] == "A1PA6795UKMFR9"

    def test_nothing_is_made_that_could_not_be_shared(self):
        with pytest.raises(PermanentError, match="marketplace"):
            connect("amazon_ads", ACCOUNT, {"country": "CH"}).create_audience(Canned(), SPEC)

    @pytest.mark.parametrize("answer", [told({}, 400), told({"dataSetId": "ds-1"}, 201)])
    def test_a_country_that_is_missing_is_named_and_nothing_is_shared(self, answer):
        transport = Canned(answer)
        with pytest.raises(PermanentError, match="country"):
            connect("amazon_ads", ACCOUNT).create_audience(transport, SPEC)
        assert "countryCode" not in transport.kept[0].json


class TestFinding:
    def test_a_dataset_is_found_by_our_marker_on_any_page_and_shared_if_it_was_not(self):
        first = told({"dataSets": [{"name": "other", "dataSetId": "x"}, {"dataSetId": "y"}], "nextToken": "p/2"})
        transport = Canned(first, told({"dataSets": [{"name": NAME, "dataSetId": "ds-1"}]}), NO_RULES, DONE)
        assert AMAZON.find_audience(transport, SPEC) == "ds-1"
        assert [dict(request.params) for request in transport.kept[:2]] == [
            {"limit": "100"},
            {"limit": "100", "nextToken": "p/2"},
        ]
        assert transport.calls == [("GET", "/adm/audiences")] * 2 + [
            ("POST", "/adm/sharingRules/list"),
            ("POST", "/adm/sharingRules"),
        ]

    @pytest.mark.parametrize("answer", [told({}), told({"dataSets": [{"name": "m"}]}), told(None, 404)])
    def test_where_ours_is_not_there_is_none(self, answer):
        transport = Canned(answer)
        assert AMAZON.find_audience(transport, SPEC) is None
        assert len(transport.kept) == 1

    def test_a_list_that_repeats_itself_is_asked_again_later(self):
        page = told({"dataSets": [], "nextToken": "again"})
        with pytest.raises(TransientError, match="does not come to an end"):
            AMAZON.find_audience(Canned(page, page), SPEC)

    def test_a_list_that_is_refused_is_not_an_empty_one(self):
        with pytest.raises(NeedsHumanError):
            AMAZON.find_audience(Canned(told(None, 403)), SPEC)


class TestDeletion:
    @pytest.mark.parametrize("answer", [told(None, 204), told({}), told(None, 404)])
    def test_a_dataset_is_deleted_and_gone_already_is_fine(self, answer):
        transport = Canned(answer)
        AMAZON.delete_audience(transport, "ds-1")
        assert transport.calls == [("DELETE", "/adm/datasets/ds-1")]

    @pytest.mark.parametrize(
        ("answer", "error"),
        [(told(None, 503), TransientError), (told(None, 403), NeedsHumanError), (told({}, 400), PermanentError)],
    )
    def test_any_other_answer_is_no_deletion(self, answer, error):
        with pytest.raises(error):
            AMAZON.delete_audience(Canned(answer), "ds-1")
