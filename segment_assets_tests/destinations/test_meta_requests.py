"""What our Meta connector sends, how it finds its own audiences, and what its contract declares."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
    MatchKey,
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
from segment_assets.destinations import registry
from segment_assets.destinations.meta import CONTRACT, MetaCustomAudiences
from segment_assets.tables import HASHED_AUDIENCE, Type
from segment_assets_tests.fakes import digest

META = MetaCustomAudiences("1001")
SPEC = AudienceSpec("name", "marker-of-ours", {"customer_file_source": "USER_PROVIDED_ONLY"})
PLACE = Session(token=7, sequence=1, last=False, members_in_total=1_000, received_before=0)


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, answers: list[Response]) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)


class TestAudiences:
    """Ours is recognised by our marker, on whatever page, never by its name."""

    def page(self, *descriptions: str, more: bool) -> Response:
        rows = [{"id": f"id of {text}", "description": text, "name": SPEC.name} for text in descriptions]
        paging = {"cursors": {"after": f"after {descriptions[-1]}"}} | ({"next": "https://elsewhere/"} if more else {})
        return Response(200, {}, {"data": rows, "paging": paging})

    def test_the_pages_are_walked_until_our_marker_is_seen(self):
        transport = Canned([self.page("a", "b", more=True), self.page("c", f"x {SPEC.marker}", more=True)])
        assert META.find_audience(transport, SPEC) == f"id of x {SPEC.marker}"
        assert [dict(request.params).get("after") for request in transport.kept] == [None, "after b"]

    def test_an_audience_of_the_same_name_without_our_marker_is_not_adopted(self):
        assert META.find_audience(Canned([self.page("a", more=True), self.page("b", more=False)]), SPEC) is None

    def test_an_account_without_audiences_has_none_of_ours(self):
        assert META.find_audience(Canned([Response(200, {}, {"data": []})]), SPEC) is None

    def test_a_creation_says_where_the_people_come_from_and_carries_our_marker(self):
        transport = Canned([Response(200, {}, {"id": 120210987600000013})])
        assert META.create_audience(transport, SPEC) == "120210987600000013"
        body = transport.kept[0].json
        assert body["customer_file_source"] == "USER_PROVIDED_ONLY"
        assert SPEC.marker in body["description"]

    def test_a_creation_that_is_answered_without_an_id_is_not_taken_for_done(self):
        with pytest.raises(TransientError):
            META.create_audience(Canned([Response(200, {}, {"success": True})]), SPEC)

    @pytest.mark.parametrize(("files", "error"), [(500, NeedsHumanError), (499, PermanentError)])
    def test_only_audiences_of_customer_files_explain_why_no_more_are_made(self, files, error):
        subtypes = ["CUSTOM"] * files + ["LOOKALIKE"] * 9
        refused = Response(400, {}, {"error": {"code": 100, "message": "words"}})
        transport = Canned([refused, Response(200, {}, {"data": [{"id": "1", "subtype": one} for one in subtypes]})])
        with pytest.raises(error) as refusal:
            META.create_audience(transport, SPEC)
        assert type(refusal.value) is error
        assert transport.kept[1].params["fields"] == "id,subtype"


EVERYTHING = {
    form: "aece52e7-03ee-455a-b3c4-e57283966239" if form == "mobile_ad_id" else digest(form)
    for form in CONTRACT.forms()
}


class TestRequest:
    """Equal arguments, equal bytes; all people in the body and in one order of keys."""

    def bytes_of(self, request: Request) -> bytes:
        return json.dumps(request.json).encode()

    def test_equal_arguments_give_equal_bytes_whatever_the_order_of_a_members_keys(self):
        turned = Member(b"m", dict(reversed(list(EVERYTHING.items()))))
        first = META.request("1", Operation.ADD, [Member(b"m", EVERYTHING)], PLACE)
        second = META.request("1", Operation.ADD, [turned], PLACE)
        assert self.bytes_of(first) == self.bytes_of(second)
        assert (first.method, first.path, first.params) == (second.method, second.path, second.params)

    def test_the_schema_is_the_same_in_every_batch_of_a_session_whatever_is_known_of_its_people(self):
        rich = META.request("1", Operation.ADD, [Member(b"m", EVERYTHING)], PLACE).json["payload"]
        poor = META.request(
            "1", Operation.ADD, [Member(b"m", {"email": digest("a"), "country": digest("us")})], PLACE
        ).json["payload"]
        assert rich["schema"] == poor["schema"]
        assert all(rich["data"][0])
        assert poor["data"][0].count("") == len(poor["schema"]) - 2

    def test_a_full_batch_with_every_key_stays_below_the_contracts_bytes(self):
        batch = [Member(b"m", EVERYTHING)] * CONTRACT.batch_members
        assert (
            len(self.bytes_of(META.request("120210987600000013", Operation.ADD, batch, PLACE))) < CONTRACT.batch_bytes
        )

    def test_session_tokens_of_the_courier_fit_into_a_positive_64_bit_number(self):
        # The courier makes them of 15 hex digits; Meta takes a positive int64.
        assert 0 < int("f" * 15, 16) + 1 < 2**63

    @pytest.mark.parametrize("operation", list(Operation))
    def test_no_identifier_is_in_the_address(self, operation):
        request = META.request("77", operation, [Member(b"m", EVERYTHING)], PLACE)
        assert (request.method, request.path) == {
            Operation.ADD: ("POST", "/v26.0/77/users"),
            Operation.REMOVE: ("DELETE", "/v26.0/77/users"),
            Operation.REPLACE: ("POST", "/v26.0/77/usersreplace"),
        }[operation]
        assert request.params == {}

    @settings(max_examples=20)
    @given(st.sets(st.sampled_from(CONTRACT.forms())))
    def test_an_unknown_cell_is_blank_and_a_known_one_in_its_own_column(self, known):
        member = Member(b"m", {form: EVERYTHING[form] for form in known})
        payload = META.request("1", Operation.ADD, [member], PLACE).json["payload"]
        for form, cell in zip(CONTRACT.forms(), payload["data"][0], strict=True):
            value = EVERYTHING[form]
            assert cell == ("" if form not in known else value if isinstance(value, str) else value.hex())


class TestContract:
    """The declared rules, against what Meta's guide and references say (see the facts about the destination)."""

    def test_it_is_in_the_registry_under_its_own_name(self):
        assert registry()["meta"] is CONTRACT

    def test_every_form_is_a_column_of_the_hashed_audience_and_only_the_mobile_id_is_plain(self):
        types = {column.name: column.type for column in HASHED_AUDIENCE.columns}
        assert {form: types[form] for form in CONTRACT.forms()} == {
            form: Type.STRING if form == "mobile_ad_id" else Type.DIGEST for form in CONTRACT.forms()
        }

    def test_the_wire_names_are_the_guides(self):
        assert [sent.field for sent in CONTRACT.match_keys.values()] == [
            "EMAIL", "PHONE", "FN", "LN", "CT", "ST", "ZIP", "COUNTRY", "DOBY", "DOBM", "DOBD", "GEN", "MADID",
        ]  # fmt: skip

    def test_the_limits_are_the_guides(self):
        assert (CONTRACT.batch_members, CONTRACT.minimum_members, CONTRACT.expiry_days) == (10_000, 100, None)
        assert CONTRACT.batch_bytes <= 10_000_000
        assert CONTRACT.pattern is Pattern.SINGLE_STEP
        assert CONTRACT.first_party_only is False

    def test_one_strong_key_is_enough_and_a_name_needs_its_place(self):
        alone = {group[0] for group in CONTRACT.match_groups if len(group) == 1}
        assert alone == set(CONTRACT.identifying) == {MatchKey.EMAIL, MatchKey.PHONE, MatchKey.MOBILE_AD_ID}
        together = [set(group) for group in CONTRACT.match_groups if len(group) > 1]
        assert together == [{MatchKey.FIRST_NAME, MatchKey.LAST_NAME, MatchKey.POSTAL_CODE, MatchKey.COUNTRY}]
