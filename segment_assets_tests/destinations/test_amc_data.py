"""AMC's advertiser data upload: data sets, files, manifests, uploads and deletions as they are asked for and read."""

from __future__ import annotations

import csv
import io

import pytest

from segment_assets.contracts import (
    AudienceSpec,
    JobState,
    Member,
    NeedsHumanError,
    Operation,
    PermanentError,
    Response,
    SegmentAssetsError,
    Session,
    Step,
    TransientError,
)
from segment_assets.destinations import connect
from segment_assets.destinations.amc_data import CONTRACT
from segment_assets_tests.conformance.vendors import Kept

SETTINGS = {"amc_account": "ENTITY1", "country": "de", "bucket": "lumen-amc", "prefix": "amc/lumen"}
STATED = {"amzn_user_data": "UNKNOWN", "removal_signal": "GRANTED"}
AMC = connect("amc_data", "amcabc123", SETTINGS, STATED)
DATASET = "vip_0123456789abcdef"
PLACE = Session(0xABC, 2, last=True, members_in_total=7, received_before=4, noted={"dataset": DATASET}, rank=41)
SPEC = AudienceSpec("VIP, lapsed", "0123456789abcdef" * 2, {})
DIGEST = bytes(range(32))
STORED = Response(200, {"ETag": '"x"'}, None)
SAID = dict.fromkeys(CONTRACT.consent, "granted")


def person(number: int = 0, consent=SAID, **keys: bytes | str) -> Member:
    return Member(bytes([number]) * 32, keys or {"email_amazon": DIGEST}, consent)


def rows(*members: Member, operation: Operation = Operation.ADD) -> list[dict[str, str]]:
    request = AMC.request(DATASET, operation, members, PLACE)
    return list(csv.DictReader(io.StringIO(request.content.decode())))


class TestSettings:
    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"bucket": ""}, "bucket"),
            ({"bucket": "Lumen"}, "bucket"),
            ({"amc_account": ""}, "amc_account"),
            ({"prefix": "_hidden"}, "prefix"),
            ({"prefix": "a/.b"}, "prefix"),
            ({"country": "deu", "marketplace": "A1PA6795UKMFR9"}, "country"),
            ({"country": "zz"}, "marketplace"),
            ({"retention": "1"}, "retention"),
        ],
    )
    def test_what_amc_cannot_have_is_refused_by_name(self, changed, words):
        with pytest.raises(PermanentError, match=f"^amc_data: .*{words}"):
            connect("amc_data", "amcabc123", {**SETTINGS, **changed}, {})

    def test_the_folder_and_the_marketplace_follow_from_account_and_country(self):
        amc = connect("amc_data", "amcabc123", {"amc_account": "E1", "country": "gb", "bucket": "lumen-amc"}, STATED)
        assert (amc.prefix, amc.marketplace) == ("segment-assets/amcabc123", "A1F83G8C2ARO7P")
        assert connect("amc_data", "a", {**SETTINGS, "marketplace": "A2NODRKZP88ZB9"}, {}).marketplace[:2] == "A2"


class TestDataSets:
    def test_one_is_defined_with_the_columns_of_the_files_and_found_by_its_name(self):
        wire = Kept(Response(200, {}, {"dataSetId": "vip_lapsed_0123456789abcdef"}))
        assert AMC.create_audience(wire, SPEC) == "vip_lapsed_0123456789abcdef" == AMC.find_audience(wire, SPEC)
        made, found = wire.requests
        assert (made.method, made.path) == ("POST", "/amc/advertiserData/amcabc123/dataSets")
        assert found.path == f"{made.path}/vip_lapsed_0123456789abcdef"
        definition = made.json["dataSet"]
        assert (definition["countryCode"], definition["description"]) == ("DE", "VIP, lapsed")
        assert [column["name"] for column in definition["columns"]] == list(rows(person())[0])
        types = {column["name"]: column["dataType"] for column in definition["columns"]}
        assert (types["changed"], types["is_member"], types["email"]) == ("LONG", "INTEGER", "STRING")
        assert made.headers["Content-Type"] == made.headers["Accept"] == "application/vnd.amcadvertiserdataset.v1+json"

    def test_a_name_begins_with_a_letter_and_is_not_too_long(self):
        wire = Kept(Response(200, {}, {}))
        assert AMC.create_audience(wire, AudienceSpec("90 days", SPEC.marker, {})) == "s90_days_0123456789abcdef"
        # The first character alone decides; what is around a name is no part of it.
        assert AMC.create_audience(wire, AudienceSpec("_a1 days!", SPEC.marker, {})) == "a1_days_0123456789abcdef"
        assert AMC.create_audience(wire, AudienceSpec("x max", SPEC.marker, {})) == "x_max_0123456789abcdef"
        assert AMC.create_audience(wire, AudienceSpec("b", SPEC.marker, {})) == "b_0123456789abcdef"
        assert len(AMC.create_audience(wire, AudienceSpec("a" * 300, SPEC.marker, {}))) == 57

    def test_without_a_country_none_is_said(self):
        settings = {**SETTINGS, "country": "", "marketplace": "A1PA6795UKMFR9"}
        amc, wire = connect("amc_data", "amcabc123", settings, STATED), Kept(Response(200, {}, {"uploadId": "u"}))
        amc.create_audience(wire, SPEC)
        amc.carried(wire).send(amc.step_request(Step.COMMIT, DATASET, Operation.ADD, PLACE))
        assert "countryCode" not in wire.requests[0].json["dataSet"]
        assert "countryCode" not in wire.requests[-1].json

    @pytest.mark.parametrize("status", [400, 409])
    def test_a_refused_creation_is_ours_when_the_name_is_there(self, status):
        class Taken(Kept):
            def send(self, request):
                super().send(request)
                return Response(status, {}, {}) if request.method == "POST" else Response(200, {}, {})

        assert AMC.create_audience(Taken(None), SPEC).startswith("vip_lapsed")

    def test_a_refused_creation_of_another_reason_is_told(self):
        class Refusing(Kept):
            def send(self, request):
                super().send(request)
                return Response(400 if request.method == "POST" else 404, {}, {"code": "BadRequestException"})

        with pytest.raises(PermanentError, match="400/BadRequestException"):
            AMC.create_audience(Refusing(None), SPEC)

    def test_a_creation_that_may_pass_is_not_looked_for(self):
        wire = Kept(Response(429, {}, {}))
        with pytest.raises(TransientError):
            AMC.create_audience(wire, SPEC)
        assert len(wire.requests) == 1

    def test_one_that_is_gone_is_not_found_and_deleting_it_is_fine(self):
        wire = Kept(Response(404, {}, {}))
        assert AMC.find_audience(wire, SPEC) is None
        AMC.delete_audience(wire, DATASET)
        assert wire.requests[-1].method == "DELETE"
        with pytest.raises(TransientError):
            AMC.delete_audience(Kept(Response(504, {}, {})), DATASET)

    def test_the_opening_asks_a_person_where_a_column_lacks(self):
        assert CONTRACT.workflow.placeholders == {"dataset": "{dataset}"}
        request = AMC.step_request(Step.OPEN, DATASET, Operation.ADD, PLACE)
        assert request.path.endswith(f"/dataSets/{DATASET}")
        columns = [{"name": name} for name in rows(person())[0]]
        whole = {"dataSet": {"dataSetId": DATASET, "columns": [*columns, {"name": "user_id"}]}}
        assert AMC.read_step(Step.OPEN, PLACE, Response(200, {}, whole)).noted == {"dataset": DATASET}
        lacking = {"dataSet": {"dataSetId": DATASET, "columns": columns[1:]}}
        with pytest.raises(NeedsHumanError, match="no column member"):
            AMC.read_step(Step.OPEN, PLACE, Response(200, {}, lacking))
        for body in ({}, {"dataSet": {"columns": columns}}):
            with pytest.raises(TransientError, match="without its name"):
                AMC.read_step(Step.OPEN, PLACE, Response(200, {}, body))


class TestFiles:
    def test_a_row_says_who_is_in_and_since_when(self):
        found = person(7, email_amazon=DIGEST, phone_digits=b"p" * 32, mobile_ad_id="aaid", country_code="gb")
        (row,) = rows(found)
        assert row == {
            "member": "07" * 32,
            "email": DIGEST.hex(),
            "phone": (b"p" * 32).hex(),
            "mobile_ad_id": "aaid",
            "country_code": "GB",
            "amzn_user_data": "GRANTED",
            "is_member": "1",
            "changed": "41",
        }
        assert rows(found, operation=Operation.REMOVE) == [{**row, "is_member": "0"}]

    @pytest.mark.parametrize(
        ("consent", "said"),
        [
            (SAID, "GRANTED"),
            ({**SAID, "consent_ad_user_data": "denied"}, "DENIED"),
            ({**SAID, "consent_ad_user_data": "unspecified"}, ""),
            ({}, ""),
        ],
    )
    def test_a_persons_own_answer_goes_before_the_plans_word_and_no_answer_is_an_empty_cell(self, consent, said):
        assert rows(person(consent=consent))[0]["amzn_user_data"] == said
        # A row that is denied is not loaded: the person would stay.
        assert rows(person(consent=consent), operation=Operation.REMOVE)[0]["amzn_user_data"] == "GRANTED"

    def test_without_the_plans_words_nobody_is_added_and_somebody_can_be_taken_out(self):
        amc = connect("amc_data", "amcabc123", SETTINGS, {})
        with pytest.raises(NeedsHumanError, match="amzn_user_data"):
            amc.request(DATASET, Operation.ADD, [person()], PLACE)
        assert amc.request(DATASET, Operation.REMOVE, [person()], PLACE).content

    @pytest.mark.parametrize("keys", [{"country_code": "de"}, {"email_amazon": "j@x.example"}, {"email_amazon": b"x"}])
    def test_nobody_without_an_identifier_and_no_raw_one_is_sent(self, keys):
        with pytest.raises(PermanentError, match="nothing was sent") as error:
            rows(person(**keys))
        assert "j@x" not in str(error.value)

    def test_a_file_is_kept_under_a_name_of_its_own(self):
        request = AMC.request(DATASET, Operation.ADD, [person()], PLACE)
        assert (request.method, request.content_type) == ("PUT", "text/csv")
        assert request.path == f"/s3/lumen-amc/amc/lumen/{DATASET}_add_abc_00002.csv"
        assert AMC.request(DATASET, Operation.REMOVE, [person()], PLACE).path.endswith("_remove_abc_00002.csv")
        answer = AMC.read([person(), person(1)], PLACE, STORED)
        assert (answer.received, answer.accepted, answer.unproven, answer.session_received) == (2, 0, 2, 6)
        assert answer.noted == {"token": "abc", "sequence": "2"}
        with pytest.raises(TransientError):
            AMC.read([person()], PLACE, Response(200, {}, None))


class TestUploads:
    def committed(self, answer: Response) -> Kept:
        uploads = ({"token": "abc", "sequence": "1"}, {"token": "abc", "sequence": "2"})
        place = Session(0xABC, 2, last=True, members_in_total=7, received_before=0, uploads=uploads)
        wire = Kept(answer)
        AMC.carried(wire).send(AMC.step_request(Step.COMMIT, DATASET, Operation.ADD, place))
        return wire

    def test_a_manifest_names_the_files_and_the_upload_behind_it_the_manifest(self):
        manifest, upload = self.committed(STORED).requests
        assert manifest.path == f"/s3/lumen-amc/amc/lumen/{DATASET}_add_abc.manifest"
        assert manifest.content_type == "text/plain"
        assert manifest.content.decode().splitlines() == [
            f"s3://lumen-amc/amc/lumen/{DATASET}_add_abc_{n:05d}.csv" for n in (1, 2)
        ]
        assert (upload.method, upload.path) == ("POST", f"/amc/advertiserData/amcabc123/uploads/{DATASET}")
        assert upload.json == {
            "updateStrategy": "ADDITIVE",
            "compressionFormat": "NONE",
            "dataSource": {
                "sourceS3Bucket": "lumen-amc",
                "sourceManifestS3Key": f"amc/lumen/{DATASET}_add_abc.manifest",
            },
            "fileFormat": {"csvDataFormat": {"fieldDelimiter": ","}},
            "countryCode": "DE",
        }
        assert upload.headers["Content-Type"] == "application/vnd.amcadvertiserdataupload.v1+json"
        assert upload.headers["Amazon-Advertising-API-AdvertiserId"] == "ENTITY1"
        assert upload.headers["Amazon-Advertising-API-MarketplaceId"] == "A1PA6795UKMFR9"

    def test_behind_a_manifest_that_is_refused_there_is_no_upload(self):
        assert len(self.committed(Response(400, {}, None)).requests) == 1

    def test_an_upload_is_a_job_of_its_rows(self):
        answer = AMC.read_step(Step.COMMIT, PLACE, Response(200, {}, {"status": "SUBMITTED", "uploadId": "u-1"}))
        assert (answer.job, answer.accepted) == (f"{DATASET} u-1 7", 0)
        wire = Kept(Response(200, {}, {"upload": {"status": "IN_PROGRESS"}}))
        assert AMC.ask_job(wire, answer.job).state is JobState.PROCESSING
        assert wire.requests[0].path.endswith(f"/uploads/{DATASET}/u-1")

    @pytest.mark.parametrize("response", [Response(200, {}, {}), Response(200, {}, {"uploadId": "a b"}), STORED])
    def test_without_its_id_an_upload_is_looked_for(self, response):
        with pytest.raises(TransientError):
            AMC.read_step(Step.COMMIT, PLACE, response)

    def test_one_in_doubt_is_found_by_its_manifest(self):
        question = AMC.step_question(Step.COMMIT, DATASET, Operation.ADD, PLACE)
        assert (question.method, question.path) == ("POST", "/amc/advertiserData/amcabc123/uploads/list")
        assert question.params == {"dataSetId": DATASET, "maxResults": "100"}
        ours = {"uploadId": "u-1", "dataSource": {"sourceManifestS3Key": f"amc/lumen/{DATASET}_add_abc.manifest"}}
        others = [
            {"uploadId": "u-2", "dataSource": {"sourceManifestS3Key": f"amc/lumen/{DATASET}_add_1abc.manifest"}},
            {"uploadId": "u-3", "dataSource": {"sourceFileS3Key": "x"}},
            {"uploadId": "u-4"},
            "?",
        ]
        found = AMC.read_step_question(Step.COMMIT, PLACE, Response(200, {}, {"uploads": [*others, ours]}))
        assert found.job == f"{DATASET} u-1 7"
        for body in ({"uploads": others}, {}):
            assert AMC.read_step_question(Step.COMMIT, PLACE, Response(200, {}, body)) is None
        assert AMC.step_question(Step.OPEN, DATASET, Operation.ADD, PLACE) is None

    @pytest.mark.parametrize(
        ("upload", "state", "received", "rejected"),
        [
            ({"status": "SUBMITTED"}, "processing", 0, {}),
            ({"status": "PENDING"}, "processing", 0, {}),
            ({"status": "A_NEW_WORD"}, "processing", 0, {}),
            ({}, "processing", 0, {}),
            ({"status": "FAILED", "message": "row of jane@x.example"}, "failed", 0, {"upload_failed": 1}),
            ({"status": "SUCCESS", "metrics": {"OutputRowCount": 7.0}}, "success", 7, {}),
            ({"status": "COMPLETED", "metrics": {"OutputRowCount": 7}}, "success", 7, {}),
            ({"status": "SUCCESS", "metrics": {"OutputRowCount": 5}}, "partial_success", 7, {"rows_not_loaded": 2}),
            ({"status": "SUCCESS", "metrics": {"OutputRowCount": 0}}, "partial_success", 7, {"rows_not_loaded": 7}),
            ({"status": "SUCCESS", "metrics": {"OutputRowCount": 8}}, "success", 0, {}),
            ({"status": "SUCCESS", "metrics": {"OutputRowCount": 6.5}}, "success", 0, {}),
            ({"status": "SUCCESS", "metrics": {"OutputRowCount": True}}, "success", 0, {}),
            ({"status": "SUCCESS", "metrics": {"OutputRowCount": 10**30}}, "success", 0, {}),
            ({"status": "SUCCESS", "metrics": {}}, "success", 0, {}),
            ({"status": "SUCCESS"}, "success", 0, {}),
        ],
    )
    def test_an_end_is_read_by_the_rows_that_were_loaded(self, upload, state, received, rejected):
        report = AMC.ask_job(Kept(Response(200, {}, {"upload": upload})), f"{DATASET} u-1 7")
        assert (report.state.value, report.received, report.rejected) == (state, received, rejected)


class TestForgetting:
    def test_each_identifier_is_a_target_of_its_own(self):
        known = person(1, email_amazon=DIGEST, phone_digits=b"p" * 32, mobile_ad_id="aaid", country_code="de")
        request = AMC.erasure([known, person(2)], PLACE)
        assert (request.method, request.path) == ("POST", "/amc/advertiserData/amcabc123/userDeletionRequest")
        assert request.headers["Content-Type"] == "application/vnd.amcadvertiseruserdeletionrequest.v1+json"
        assert request.json["targetIdentities"] == [
            {"hashedIdentity": {"EMAIL": DIGEST.hex()}},
            {"hashedIdentity": {"PHONE": (b"p" * 32).hex()}},
            {"externalIdentity": {"type": "MAID", "value": "aaid"}},
            {"hashedIdentity": {"EMAIL": DIGEST.hex()}},
        ]
        assert CONTRACT.erasure.members * 3 <= 1_000
        assert CONTRACT.erasure.by_identifiers

    def test_a_request_with_an_id_is_taken_on(self):
        answer = AMC.read_erasure([person()], PLACE, Response(200, {}, {"userDeletionRequestId": "d-1"}))
        assert (answer.received, answer.accepted, answer.unproven) == (1, 1, 0)
        with pytest.raises(TransientError, match="without its id"):
            AMC.read_erasure([person()], PLACE, Response(200, {}, {}))


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, NeedsHumanError, "terms"),
        (403, NeedsHumanError, "permission"),
        (404, NeedsHumanError, "instance"),
        (400, PermanentError, "changed"),
        *((status, TransientError, "again") for status in (408, 409, 423)),
        (429, TransientError, "again"),
        (500, TransientError, "again"),
        (504, TransientError, "again"),
    ],
)
def test_a_refusal_says_what_to_do_and_keeps_amazons_code(status, kind, words):
    response = Response(status, {}, {"code": "SomeException", "details": "row of jane@x.example"})
    with pytest.raises(SegmentAssetsError, match=words) as error:
        AMC.read_step_question(Step.COMMIT, PLACE, response)
    assert type(error.value) is kind
    assert error.value.code == f"{status}/SomeException"
    assert "jane" not in str(error.value)
    with pytest.raises(SegmentAssetsError) as bare:
        AMC.read_step_question(Step.COMMIT, PLACE, Response(status, {}, {"code": "jane@x.example"}))
    assert bare.value.code == str(status)


def test_what_is_no_answer_of_amazons_is_asked_again():
    with pytest.raises(TransientError, match="not understood"):
        AMC.read_step_question(Step.COMMIT, PLACE, Response(200, {}, None))


@pytest.mark.parametrize(
    ("response", "is_throttle"),
    [(Response(429, {}, {}), True), (Response(503, {}, None, b"<Code>SlowDown</Code>"), True), (STORED, False)],
)
def test_both_ask_for_a_slower_pace_in_their_own_way(response, is_throttle):
    assert AMC.is_throttle(response) is is_throttle


def test_the_contract_says_how_long_an_opening_holds_and_that_people_are_known_by_our_id():
    assert CONTRACT.workflow.valid_for == 7 * 86_400
    assert CONTRACT.known_by_member


def test_the_way_of_files_gives_its_connections_back_where_it_has_any():
    closed = []

    class Closing(Kept):
        def close(self) -> None:
            closed.append(True)

    for way in (Closing(None), Kept(None)):
        AMC.carried(way).close()
    assert closed == [True]


def test_data_goes_to_the_region_that_is_named_or_that_of_the_country():
    for changed, host in (({}, "advertising-api-eu"), ({"region": "na"}, "advertising-api")):
        amc = connect("amc_data", "amcabc123", {**SETTINGS, **changed}, STATED)
        assert amc.contract.endpoint == f"https://{host}.amazon.com"
