"""The Trade Desk's CRM data by file: settings, segments, files, and what both who answer say."""

from __future__ import annotations

import base64
import hashlib

import pytest

from segment_assets.contracts import (
    AudienceSpec,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    RefusedRemovalError,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.destinations import connect
from segment_assets.destinations.the_trade_desk_crm import CONTRACT
from segment_assets_tests.conformance.vendors import Kept

CRM = connect("the_trade_desk_crm", "adv123")
PEOPLE = [Member(bytes([n]) * 32, {"email_uid2": bytes([n]) * 32}) for n in range(3)]
SPEC = AudienceSpec("VIP", "0123456789abcdef" * 2, {})
ADDRESS = "https://drop.example/pii?X-Amz-Signature=s"


def place(sequence: int = 1) -> Session:
    return Session(0xABC, sequence, last=True, members_in_total=3, received_before=4)


def lines(operation: Operation, sequence: int = 1) -> tuple[str, list[str]]:
    request = CRM.request("crm1", operation, PEOPLE, place(sequence))
    return request.params["MergeMode"], request.content.decode().splitlines()


def digests(members=PEOPLE) -> list[str]:
    return [base64.b64encode(member.keys["email_uid2"]).decode() for member in members]


class TestSettings:
    @pytest.mark.parametrize(
        ("account", "settings", "words"),
        [
            ("adv 1", {}, "account"),
            ("adv1", {"region": "EU"}, "region"),
            ("adv1", {"append_word": "Merge"}, "append_word"),
            ("adv1", {"segment_path": "conversion/segment"}, "segment_path"),
            ("adv1", {"files_in_order": "no"}, "files_in_order"),
            ("adv1", {"retention": "1"}, "retention"),
        ],
    )
    def test_what_the_platform_cannot_have_is_refused_by_name(self, account, settings, words):
        with pytest.raises(PermanentError, match=f"^the_trade_desk_crm: .*{words}"):
            connect("the_trade_desk_crm", account, settings)

    def test_a_list_is_one_file_unless_the_plan_knows_of_an_order(self):
        assert CONTRACT.replacing.most_members == CONTRACT.batch_members
        ordered = connect("the_trade_desk_crm", "adv1", {"files_in_order": "yes"}).contract
        assert (ordered.replacing.most_members, ordered.replacing.rest_seconds) == (10_000_000, 0.0)
        for unknown in ({}, {"files_in_order": "unknown"}):
            assert connect("the_trade_desk_crm", "adv1", unknown).contract is CONTRACT
        assert ordered.replacing.window_seconds == CONTRACT.replacing.window_seconds == 3_600

    def test_the_plan_has_to_say_that_nobody_lives_in_europe(self):
        assert (CONTRACT.pattern, CONTRACT.statements) == (Pattern.MULTI_STEP, {"residents": ("OUTSIDE_EUROPE",)})


class TestSegments:
    def test_one_is_made_once_and_found_by_the_end_of_its_name_on_any_page(self):
        pages = [
            {"Segments": [{"SegmentName": f"x {SPEC.marker[:-1]}", "CrmDataId": "1"}, "?"], "PagingToken": "a"},
            {"Segments": [{"SegmentName": f"VIP {SPEC.marker}", "CrmDataId": "2"}], "PagingToken": "b"},
        ]

        class Paged(Kept):
            def send(self, request):
                super().send(request)
                return Response(200, {}, pages[len(self.requests) - 1])

        wire = Paged(None)
        assert CRM.create_audience(wire, SPEC) == "2", "an emptied segment of ours is taken again"
        assert [request.params for request in wire.requests] == [{}, {"pagingToken": "a"}]

    def test_its_region_path_and_name_are_as_the_plan_says(self):
        settings = {"region": "APAC", "segment_path": "segment"}
        wire = Kept(Response(200, {}, {"Segments": [], "CrmDataId": "crm1"}))
        connect("the_trade_desk_crm", "adv123", settings).create_audience(
            wire, AudienceSpec("a" * 300, SPEC.marker, {})
        )
        assert wire.requests[-1].path == "/v3/crmdata/segment"
        name = wire.requests[-1].json.pop("SegmentName")
        assert (len(name), name.endswith(f"a {SPEC.marker}")) == (256, True)
        assert wire.requests[-1].json == {"AdvertiserId": "adv123", "Region": "APAC"}

    @pytest.mark.parametrize("body", [{}, {"CrmDataId": ""}, {"CrmDataId": "a b"}, {"CrmDataId": 7}])
    def test_without_its_id_one_is_looked_for(self, body):
        with pytest.raises(TransientError, match="without its id"):
            CRM.create_audience(Kept(Response(200, {}, body)), SPEC)

    def test_deleting_puts_nobody_in_the_place_of_all_and_gone_is_fine(self):
        wire = Kept(Response(200, {}, {"Url": ADDRESS}))
        CRM.delete_audience(CRM.carried(wire), "crm1")
        asked, file = wire.requests
        assert asked.json == {"PiiType": "EmailHashedUnifiedId2", "MergeMode": "Replace"}
        nobody = file.content.decode().splitlines()
        assert len(set(nobody)) == len(nobody) == 1_500
        assert nobody[0] == base64.b64encode(hashlib.sha256(b"segment_assets: nobody 0").digest()).decode()
        CRM.delete_audience(CRM.carried(Kept(Response(404, {}, {}))), "crm1")
        with pytest.raises(TransientError, match="new address"):
            CRM.delete_audience(Kept(Response(404, {}, None, b"<Error><Code>NoSuchBucket</Code></Error>")), "crm1")
        with pytest.raises(NeedsHumanError):
            CRM.delete_audience(CRM.carried(Kept(Response(403, {}, {}))), "crm1")


class TestFiles:
    def test_the_first_of_a_list_takes_the_place_of_all_and_others_are_added(self):
        assert lines(Operation.REPLACE) == ("Replace", digests())
        for operation, sequence in ((Operation.REPLACE, 2), (Operation.ADD, 1)):
            word, found = lines(operation, sequence)
            assert (word, found[:3], len(found)) == ("Add", digests(), 3 + 1_499)
        appending = connect("the_trade_desk_crm", "adv1", {"append_word": "Append"})
        assert appending.request("crm1", Operation.ADD, PEOPLE, place()).params == {"MergeMode": "Append"}

    def test_a_file_of_people_to_take_out_is_never_sent(self):
        wire = Kept(Response(200, {}, {"Url": ADDRESS}))
        request = CRM.request("crm1", Operation.REMOVE, PEOPLE, place())
        with pytest.raises(RefusedRemovalError, match="on_removal: delete"):
            CRM.carried(wire).send(request)
        assert wire.requests == []
        assert CONTRACT.on_refused_removal == "delete"

    def test_a_file_goes_to_the_address_that_was_given_and_what_is_kept_of_it_has_none(self):
        wire = Kept(Response(200, {}, {"Url": ADDRESS}))
        request = CRM.request("crm1", Operation.REPLACE, PEOPLE, place())
        assert (request.method, request.path) == ("PUT", "/v3/crmdata/segment/adv123/crm1")
        CRM.carried(wire).send(request)
        assert [(one.method, one.path) for one in wire.requests] == [
            ("POST", "/v3/crmdata/segment/adv123/crm1"),
            ("PUT", ADDRESS),
        ]
        assert (wire.requests[1].content, wire.requests[1].content_type) == (request.content, "text/plain")

    def test_a_redirect_in_the_place_of_an_address_sends_no_file(self):
        wire = Kept(Response(307, {}, {"Url": ADDRESS}))
        answer = CRM.carried(wire).send(CRM.request("crm1", Operation.ADD, PEOPLE, place()))
        assert len(wire.requests) == 1
        with pytest.raises(TransientError, match="answer 307"):
            CRM.read(PEOPLE, place(), answer)

    @pytest.mark.parametrize("body", [None, {}, {"Url": ""}, {"Url": "ftp://x"}, {"Url": 7}])
    def test_without_an_address_it_is_asked_again(self, body):
        with pytest.raises(TransientError, match="address"):
            CRM.carried(Kept(Response(200, {}, body))).send(CRM.request("crm1", Operation.ADD, PEOPLE, place()))

    @pytest.mark.parametrize("cell", [None, "jane@x.example", b"short"])
    def test_nothing_passes_for_a_digest(self, cell):
        with pytest.raises(PermanentError, match="nothing was sent") as error:
            CRM.request("crm1", Operation.ADD, [Member(b"m", {"email_uid2": cell} if cell else {})], place())
        assert "jane" not in str(error.value)


class TestAnswers:
    @pytest.mark.parametrize("response", [Response(200, {}, None), Response(204, {}, None)])
    def test_a_file_that_was_taken_proves_nobody(self, response):
        answer = CRM.read(PEOPLE, place(), response)
        assert (answer.received, answer.accepted, answer.rejected, answer.unproven) == (3, 0, {}, 3)
        assert (answer.session_received, answer.code) == (7, str(response.status))

    @pytest.mark.parametrize(
        ("status", "kind", "words"),
        [
            (401, NeedsHumanError, "token"),
            (403, NeedsHumanError, "agreement"),
            (404, NeedsHumanError, "segment_path"),
            (400, PermanentError, "changed"),
            *((status, TransientError, "again") for status in (408, 429, 500, 503)),
        ],
    )
    def test_a_refusal_says_what_to_do_and_keeps_the_status(self, status, kind, words):
        for ask in (lambda one: CRM.read(PEOPLE, place(), one), lambda one: CRM.find_audience(Kept(one), SPEC)):
            with pytest.raises(SegmentAssetsError, match=words) as error:
                ask(Response(status, {}, {"Message": "jane@x.example is wrong"}))
            assert type(error.value) is kind
            assert error.value.code == str(status)
            assert "jane" not in str(error.value)

    @pytest.mark.parametrize("status", [300, 307, 399, 400, 403, 404, 503])
    def test_who_keeps_the_files_is_asked_again_with_a_new_address(self, status):
        with pytest.raises(TransientError, match="new address") as error:
            CRM.read(PEOPLE, place(), Response(status, {}, None, b"<Error><Code>AccessDenied</Code></Error>"))
        assert error.value.code == str(status)

    def test_a_list_that_cannot_be_read_is_asked_again(self):
        with pytest.raises(TransientError, match="not understood"):
            CRM.find_audience(Kept(Response(200, {}, None)), SPEC)
