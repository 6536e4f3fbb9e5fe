"""What our Amazon Ads connector makes of every answer: members that are refused, refusals, sizes."""

from __future__ import annotations

import dataclasses

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    Member,
    NeedsHumanError,
    Operation,
    PassingMembersError,
    PermanentError,
    RefusedBatchError,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations import connect
from segment_assets_tests.fakes import digest

AMAZON = connect("amazon_ads", "ENTITY1")
PLACE = Session(token=7, sequence=2, last=True, members_in_total=3, received_before=4)
PEOPLE = [Member(digest(name), {"email_amazon": digest(name)}) for name in "abc"]


def told(body: object = None, status: int = 200) -> Response:
    return Response(status, {}, body)


def of_member(index: object, kind: object = "INVALID_FORMAT", code: object = "400") -> dict:
    return {"index": index, "code": code, "details": "words", "errors": [{"errorType": kind, "errorMessage": "words"}]}


def taken(*errors: object, ingress: object = "in-1") -> Response:
    return told({"ingressId": ingress, "errors": list(errors)})


def counts(response: Response) -> tuple[int, dict[int, str], int]:
    answer = AMAZON.read(PEOPLE, PLACE, response)
    assert answer.accepted + len(answer.rejected) + answer.unproven == answer.received == len(PEOPLE)
    return answer.accepted, dict(answer.rejected), answer.unproven


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        AMAZON.read(PEOPLE, PLACE, response)
    return error.value


class TestPeople:
    """Amazon answers 200 and names by their place those whom it refused."""

    def test_whoever_is_not_named_is_in_the_dataset(self):
        assert counts(told({"ingressId": "in-1"})) == counts(taken()) == (3, {}, 0)
        answer = AMAZON.read(PEOPLE, PLACE, taken())
        assert (answer.session_received, answer.code) == (7, "200")

    def test_whoever_is_named_is_refused_by_their_place(self):
        assert counts(taken(of_member(1))) == (2, {1: "400/INVALID_FORMAT"}, 0)
        both = {0: "400/INVALID_FORMAT", 2: "422"}
        assert counts(taken(of_member(0.0), of_member(2, None, "422"))) == (1, both, 0)

    @pytest.mark.parametrize("code", [None, 400, "x", "0", "4000"])
    def test_a_member_without_a_status_is_refused_as_a_bad_one(self, code):
        assert counts(taken(of_member(1, code=code))) == (2, {1: "400/INVALID_FORMAT"}, 0)

    @pytest.mark.parametrize("place", [None, 3, -1, 0.5, True, "1"])
    def test_a_refusal_of_nobody_in_the_batch_has_it_sent_in_halves(self, place):
        assert isinstance(error_of(taken(of_member(place))), RefusedBatchError)
        assert isinstance(error_of(taken(of_member(1), of_member(place))), RefusedBatchError)

    @pytest.mark.parametrize("ingress", [None, ""])
    def test_without_an_id_of_the_upload_nobody_is_proven(self, ingress):
        assert counts(taken(ingress=ingress)) == (0, {}, 3)
        assert counts(taken(of_member(0), ingress=ingress)) == (0, {0: "400/INVALID_FORMAT"}, 2)

    @pytest.mark.parametrize("code", ["408", "409", "423", "429", "500", "503"])
    def test_trouble_of_a_member_that_passes_has_the_batch_asked_again(self, code):
        error = error_of(taken(of_member(0), of_member(1, code=code)))
        assert isinstance(error, PassingMembersError)
        assert "1 people" in str(error)
        # What is said of the others counts when asking again does not help.
        assert (error.places, error.answer.accepted, error.answer.received) == ([1], 1, 2)
        assert error.answer.rejected == {0: "400/INVALID_FORMAT"}

    def test_where_everybody_or_somebody_unnamed_is_in_trouble_nothing_is_said_of_anybody(self):
        everybody = taken(*(of_member(place, code="500") for place in range(3)))
        for told in (everybody, taken(of_member(None, code="500"), of_member(0))):
            assert type(error_of(told)) is TransientError

    def test_of_two_people_both_in_trouble_nothing_is_said_either(self):
        both = taken(of_member(0, code="500"), of_member(1, code="500"))
        with pytest.raises(TransientError) as error:
            AMAZON.read(PEOPLE[:2], PLACE, both)
        assert type(error.value) is TransientError
        assert "2 people" in str(error.value)

    def test_how_many_are_refused_without_a_name_is_told(self):
        assert "2 people" in str(error_of(taken(of_member(None), of_member(1), of_member(None))))

    @pytest.mark.parametrize(
        ("country", "answer", "is_proven"),
        [
            ("de", "granted", True),
            # Of these Amazon does nothing, and says nothing of it.
            ("de", "unspecified", False),
            ("us", "unspecified", True),
            ("us", "denied", False),
        ],
    )
    def test_whom_amazon_may_not_use_is_not_counted_as_taken(self, country, answer, is_proven):
        stated = {"amzn_user_data": "UNKNOWN", "amzn_ad_storage": "UNKNOWN", "removal_signal": "GRANTED"}
        amazon = connect("amazon_ads", "ENTITY1", {"country": "US"}, stated)
        said = dict.fromkeys(amazon.contract.consent, answer)
        added = Member(b"m", {"email_amazon": b"e" * 32, "country_code": country}, said)
        found = amazon.read([added], dataclasses.replace(PLACE, members_in_total=1), taken())
        assert (found.accepted, found.unproven) == ((1, 0) if is_proven else (0, 1))
        # A removal says nothing of the person, and is heard.
        removed = dataclasses.replace(added, consent={})
        assert amazon.read([removed], PLACE, taken()).accepted == 1

    def test_a_yes_is_asked_for_in_the_eea_the_uk_and_switzerland_and_nowhere_else(self):
        """The 27 states of the European Union, three more of the EEA, and two."""
        union = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
        stated = {"amzn_user_data": "NOT_APPLICABLE", "amzn_ad_storage": "UNKNOWN", "removal_signal": "GRANTED"}
        amazon = connect("amazon_ads", "ENTITY1", {"country": "US"}, stated)
        said = dict.fromkeys(amazon.contract.consent, "unspecified")
        unheard = set()
        for country in phonenumbers.SUPPORTED_REGIONS:
            person = Member(b"m", {"email_amazon": b"e" * 32, "country_code": country}, said)
            if not amazon.read([person], PLACE, taken()).accepted:
                unheard.add(country)
        assert unheard == {*union.split(), "IS", "LI", "NO", "GB", "CH"}

    @pytest.mark.parametrize("body", [None, [], "x"])
    def test_a_success_of_another_shape_is_asked_again(self, body):
        assert isinstance(error_of(told(body)), TransientError)

    @settings(max_examples=40)
    @given(st.lists(st.integers(-2, 5) | st.none() | st.floats(0, 4), max_size=6), st.booleans())
    def test_whoever_is_named_everybody_is_accounted_for(self, places, has_upload):
        told = taken(*[of_member(place) for place in places], ingress="in-1" if has_upload else None)
        if not {*places} <= {*range(3)}:
            assert isinstance(error_of(told), RefusedBatchError)
            return
        accepted, rejected, unproven = counts(told)
        assert min(accepted, unproven) >= 0
        assert set(rejected) == {place for place in places if place in range(3)}


class TestRefusals:
    """The status decides, and Amazon's own word is kept behind it."""

    @pytest.mark.parametrize("status", [408, 409, 423, 429, 500, 502, 503, 504])
    def test_what_passes_is_transient(self, status):
        error = error_of(told({"message": "words"}, status))
        assert isinstance(error, TransientError)
        assert error.code == str(status)

    @pytest.mark.parametrize(
        ("status", "says"), [(401, "refresh token"), (403, "ads_data_manager_edit"), (404, "on_removal: delete")]
    )
    def test_what_only_a_person_can_mend_asks_a_person(self, status, says):
        error = error_of(told({"code": "ForbiddenRequest", "message": "words"}, status))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)
        assert "words" not in str(error)
        assert error.code == f"{status}/ForbiddenRequest"

    @pytest.mark.parametrize("status", [400, 413, 422])
    def test_a_refused_batch_may_be_halved_and_anything_else_may_not(self, status):
        assert isinstance(error_of(told({}, status)), RefusedBatchError)
        with pytest.raises(PermanentError, match="must be changed") as refusal:
            AMAZON.read_size(told({}, status))
        assert not isinstance(refusal.value, RefusedBatchError)

    @pytest.mark.parametrize(("status", "says"), [(415, "renewed"), (405, "must be changed")])
    def test_what_we_have_to_change_is_permanent(self, status, says):
        error = error_of(told(None, status))
        assert isinstance(error, PermanentError)
        assert says in str(error)

    def test_a_dataset_that_is_not_there_has_no_size(self):
        with pytest.raises(PermanentError, match="correct the account"):
            AMAZON.read_size(told({}, 404))

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"code": "DuplicateDatasetName", "errors": [{"errorType": "Other"}]}, "400/DuplicateDatasetName"),
            ({"errors": [{"errorType": 7}, {"errorType": "INVALID_NAME"}, {"errorType": "Other"}]}, "400/INVALID_NAME"),
            ({"code": "Not A Code"}, "400"),
            ({"code": "a"}, "400"),
            ({"code": "A" * 41}, "400"),
            ({"code": 7}, "400"),
            ([], "400"),
        ],
    )
    def test_the_first_of_amazons_words_is_the_code_and_what_is_none_is_not_repeated(self, body, code):
        assert error_of(told(body, 400)).code == code


class TestSizes:
    def test_matches_are_asked_for_in_the_type_that_amazon_asks_for(self):
        request = AMAZON.size_request("ds-1")
        assert (request.method, request.path) == ("GET", "/adm/datasets/ds-1/metrics")
        assert request.headers["Accept"] == "application/vnd.admmetrics.v1+json"

    @pytest.mark.parametrize(
        ("resolved", "report"),
        [
            (2_000, SizeReport(SizeState.READY, 2_000, 2_000)),
            (1_999.0, SizeReport(SizeState.TOO_SMALL, 1_999, 1_999)),
            (0, SizeReport(SizeState.TOO_SMALL, 0, 0)),
            (None, SizeReport(SizeState.UNKNOWN, None, None)),
            ("9", SizeReport(SizeState.UNKNOWN, None, None)),
            (True, SizeReport(SizeState.UNKNOWN, None, None)),
            (-1, SizeReport(SizeState.UNKNOWN, None, None)),
            (1.5, SizeReport(SizeState.UNKNOWN, None, None)),
            (10**12, SizeReport(SizeState.UNKNOWN, None, None)),
        ],
    )
    def test_a_dataset_is_taken_for_ready_from_its_minimum_on(self, resolved, report):
        assert AMAZON.read_size(told({"recordsResolved": resolved, "acceptedCount": 5_000})) == report


@settings(max_examples=40)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["code", "message", "details", "datasetId", "errorType"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 429, 500]),
)
def test_nothing_that_amazon_quotes_is_repeated(secret, where, status):
    body = {where: secret, "errors": [{"index": 0, where: secret, "errors": [{where: secret}]}]}
    for response in (told(body, status), told([body], status)):
        try:
            said = repr(AMAZON.read(PEOPLE, PLACE, response).rejected)
        except SegmentAssetsError as refusal:
            said = f"{refusal}{refusal.code}"
        assert secret not in said


def test_a_member_shows_nothing_of_itself():
    request = AMAZON.request("ds-1", Operation.REMOVE, PEOPLE, PLACE)
    assert digest("a").hex() not in repr(request)
