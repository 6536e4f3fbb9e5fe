"""The files that our LiveRamp connector puts into a bucket, and what it makes of S3's answers.

That S3's own package sends and reads the same is in `conformance`, behaviour against a bucket that is fetched in
`test_liveramp_road`.
"""

from __future__ import annotations

import csv
import dataclasses
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
    Encoding,
    MatchKey,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Response,
    SegmentAssetsError,
    Sent,
    Session,
    Step,
    TransientError,
    VerifiedBy,
    Workflow,
)
from segment_assets.destinations import connect
from segment_assets.destinations.liveramp import CONTRACT
from segment_assets.identity import NORMAL_FORMS
from segment_assets.identity import digest as hashed
from segment_assets_tests.fakes import digest

SETTINGS = {"bucket": "lumen-liveramp"}
FILES = connect("liveramp", "lumen", SETTINGS)
MARKED = connect("liveramp", "lumen", {**SETTINGS, "completion": "marker"})
BY_SFTP = connect("liveramp", "lumen", {"transport": "sftp"})
SPEC = AudienceSpec("Lumen Shop: VIP 90+ days!", "0123456789abcdef" * 2, {})
FIELD = "lumen_shop_vip_90_days_0123456789ab"
STORED = Response(200, {"ETag": '"abc"'}, None)
# As segmentio's tests of its connector for LiveRamp have it.
PUBLISHED = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
# As LiveRamp's page on hashing has the address to be written before it is hashed.
PAGE = (" MyName@liveramp.com ", "myname@liveramp.com")


def person(name: str) -> Member:
    return Member(digest(f"id:{name}"), {"email_spaceless": digest(name)})


PEOPLE = [person("a"), person("b"), person("c")]
PLACE = Session(token=0xABC, sequence=2, last=True, members_in_total=3, received_before=4)


def made(operation: Operation = Operation.ADD, members=PEOPLE, files=FILES, place: Session = PLACE):
    return files.request(FIELD, operation, members, place)


def rows(request) -> list[list[str]]:
    return list(csv.reader(io.StringIO((request.content or b"").decode("utf-8"))))


def refused(status: int, code: str = "", headers: dict | None = None) -> Response:
    return Response(status, headers or {}, None, f"<Error><Code>{code}</Code></Error>".encode() if code else b"")


def test_the_contract_says_what_is_not_in_the_kit():
    assert CONTRACT.pattern is Pattern.FILE
    assert CONTRACT.match_keys == {MatchKey.EMAIL: Sent("email1_SHA-256", "email_spaceless", Encoding.SHA256_HEX)}
    assert (CONTRACT.match_groups, CONTRACT.identifying) == (((MatchKey.EMAIL,),), (MatchKey.EMAIL,))
    assert (CONTRACT.workflow, CONTRACT.follow, CONTRACT.verified_by) == (None, None, VerifiedBy.FACTS_ONLY)
    assert CONTRACT.endpoint == "https://s3.us-east-1.amazonaws.com"


def test_an_address_is_hashed_as_published():
    for raw, digest_of in (
        ("test@example.com", PUBLISHED),
        (PAGE[0], hashed(NORMAL_FORMS["email"], PAGE[1], None).value.hex()),
    ):
        member = Member(b"m", {"email_spaceless": hashed(NORMAL_FORMS["email_spaceless"], raw, None).value})
        assert rows(made(members=[member]))[1][1] == digest_of


class TestSettings:
    def test_a_file_goes_into_the_bucket_and_folder_of_the_plan(self):
        assert made().path == f"/s3/lumen-liveramp/segment-assets/lumen/{FIELD}_add_abc_0002.csv"
        other = connect("liveramp", "lumen", {**SETTINGS, "prefix": "uploads/eu.1"})
        assert made(files=other).path.startswith("/s3/lumen-liveramp/uploads/eu.1/")

    def test_where_there_is_a_marker_a_delivery_is_several_calls(self):
        assert MARKED.contract.workflow == Workflow(opens=False)
        assert connect("liveramp", "lumen", {**SETTINGS, "completion": "file"}) == FILES

    @pytest.mark.parametrize(
        "setting",
        [
            {"bucket": "Lumen"},
            {"bucket": ""},
            {"bucket": "a" * 64},
            {"bucket": "ab-"},
            {"prefix": "/uploads"},
            {"prefix": "uploads/"},
            {"prefix": "a b"},
            {"prefix": "../../etc"},
            {"prefix": "uploads/../of_others"},
            {"removals_prefix": "löschen"},
            {"removals_prefix": "x/"},
            {"completion": "rename"},
            {"sftp": "1"},
            {"transport": "ftp"},
            {"host_key": "ssh-ed25519 AAAA"},
            {"server": "files.example"},
        ],
    )
    def test_a_setting_that_there_is_not_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=rf"\b{next(iter(setting))}\b"):
            connect("liveramp", "lumen", {**SETTINGS, **setting})

    def test_the_shortest_and_the_longest_bucket_are_taken(self):
        for name in ("abc", "a" * 63):
            assert connect("liveramp", "lumen", {"bucket": name}).bucket == name


class TestBySftp:
    def test_a_file_goes_into_the_folder_of_the_account_on_liveramp_s_server_and_is_signed_for_nobody(self):
        assert made(files=BY_SFTP).path == f"/uploads/lumen/{FIELD}_add_abc_0002.csv"
        assert made(files=BY_SFTP).content == made().content
        assert (BY_SFTP.contract.endpoint, BY_SFTP.contract.signed_for) == ("sftp://files.liveramp.com", "")
        assert dataclasses.replace(BY_SFTP.contract, endpoint=CONTRACT.endpoint, signed_for="s3") == CONTRACT

    def test_server_folder_and_marker_are_the_plan_s(self):
        settings = {"transport": "sftp", "server": "files-eu.example:2222", "prefix": "in/eu", "completion": "marker"}
        files = connect("liveramp", "lumen", {**settings, "removals_prefix": "out/eu", "host_key": "ssh-ed25519 AAAA"})
        assert files.contract.endpoint == "sftp://files-eu.example:2222"
        assert files.contract.workflow == Workflow(opens=False)
        marker = files.step_request(Step.COMMIT, FIELD, Operation.REMOVE, PLACE)
        assert (made(files=files).path, marker.path) == (
            f"/in/eu/{FIELD}_add_abc_0002.csv", f"/out/eu/{FIELD}_remove_abc.done"
        )  # fmt: skip

    @pytest.mark.parametrize(
        "setting", [{"bucket": "abc"}, {"server": "sftp://x"}, {"server": "a b"}, {"server": "h:123456"}]
    )
    def test_a_setting_that_does_not_fit_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=rf"\b{next(iter(setting))}\b"):
            connect("liveramp", "lumen", {"transport": "sftp", **setting})

    def test_a_file_that_is_there_proves_nobody(self):
        there = Response(200, {"sftp-status": "OK", "sftp-size": "12"}, None)
        answer = BY_SFTP.read(PEOPLE, PLACE, there)
        assert (answer.received, answer.accepted, answer.unproven, answer.code) == (3, 0, 3, "200")
        assert BY_SFTP.read_step(Step.COMMIT, PLACE, there).code == "200"

    @pytest.mark.parametrize(
        ("code", "kind", "words"),
        [
            ("NO_SUCH_FILE", NeedsHumanError, "prefix"),
            ("NO_SUCH_PATH", NeedsHumanError, "prefix"),
            ("PERMISSION_DENIED", NeedsHumanError, "folder"),
            ("WRITE_PROTECT", NeedsHumanError, "folder"),
            ("QUOTA_EXCEEDED", NeedsHumanError, "full"),
            ("NO_SPACE_ON_FILESYSTEM", NeedsHumanError, "full"),
            ("FILE_ALREADY_EXISTS", NeedsHumanError, "who else"),
            ("OP_UNSUPPORTED", PermanentError, "cannot"),
            ("BAD_MESSAGE", PermanentError, "cannot"),
            ("INVALID_FILENAME", PermanentError, "cannot"),
            ("FAILURE", TransientError, "again"),
            ("", TransientError, "500"),
            ("OK", TransientError, "again"),
        ],
    )
    def test_a_refusal_says_what_to_do_and_keeps_the_code(self, code, kind, words):
        with pytest.raises(SegmentAssetsError, match=words) as error:
            BY_SFTP.read(PEOPLE, PLACE, Response(500, {"sftp-status": code}, None))
        assert type(error.value) is kind
        assert error.value.code == (code or "500")
        assert str(error.value).startswith("liveramp lumen: ")


class TestTheField:
    def test_it_is_a_header_with_our_marker_and_nothing_is_sent_for_it(self):
        assert FILES.create_audience(None, SPEC) == FILES.find_audience(None, SPEC) == FIELD
        FILES.delete_audience(None, FIELD)
        assert FILES.create_audience(None, AudienceSpec("(xmas box)", SPEC.marker, {})) == "xmas_box_0123456789ab"

    def test_the_longest_name_leaves_room_for_what_liveramp_adds(self):
        name = FILES.create_audience(None, AudienceSpec("a" * 300, SPEC.marker, {}))
        assert (len(f"{name}=1"), name[-14:]) == (250, "a_0123456789ab")


class TestFiles:
    def test_a_file_has_a_header_and_a_row_for_each_person(self):
        request = made()
        assert (request.method, request.content_type) == ("PUT", "text/csv")
        cells = [member.keys["email_spaceless"].hex() for member in PEOPLE]
        written = rows(request)
        assert written[: 1 + len(cells)] == [["audience_key", "email1_SHA-256", FIELD], *([c, c, "1"] for c in cells)]
        first = (request.content or b"").decode().splitlines()[0]
        assert first == f'"audience_key","email1_SHA-256","{FIELD}"'
        assert request.content.endswith(b'"\n')
        assert b"\r" not in request.content

    def test_who_goes_has_a_zero(self):
        request = made(Operation.REMOVE)
        assert request.path.endswith(f"/segment-assets/lumen/{FIELD}_remove_abc_0002.csv")
        assert {row[2] for row in rows(request)[1:]} == {"0"}

    def test_in_a_deletion_file_who_goes_has_a_one(self):
        files = connect("liveramp", "lumen", {**SETTINGS, "removals_prefix": "deletions/lumen"})
        request = made(Operation.REMOVE, files=files)
        assert request.path == f"/s3/lumen-liveramp/deletions/lumen/{FIELD}_remove_abc_0002.csv"
        # A key in a deletion file is deleted, whatever stands beside it.
        assert {row[2] for row in rows(request)[1:]} == {"1"}
        assert made(files=files).path == made().path

    def test_one_e_mail_of_two_people_is_one_row(self):
        cells = [row[1] for row in rows(made(members=[*PEOPLE, PEOPLE[0]])) if row[2] == "1"]
        assert len(cells) == len(set(cells)) == 3

    @pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
    def test_every_file_ends_with_digests_of_nobody_who_is_not_in_the_field(self, operation):
        """Fewer than 25 rows fail, and an opt-out usually comes alone."""
        written = rows(made(operation, members=PEOPLE[:1]))[1:]
        assert len({row[1] for row in written}) == len(written) == 25
        assert {row[2] for row in written[1:]} == {"0"}

    def test_every_batch_and_part_of_one_is_a_file_of_its_own(self):
        places = [
            PLACE,
            Session(0xABD, 2, last=True, members_in_total=1, received_before=0),
            Session(0xABC, 3, last=True, members_in_total=1, received_before=0),
        ]
        assert len({made(place=place).path for place in places} | {made(Operation.REMOVE).path}) == 4

    @pytest.mark.parametrize("cell", [None, "jane@x.example", b"short"])
    def test_nothing_passes_for_a_digest(self, cell):
        with pytest.raises(PermanentError, match="nothing was sent") as error:
            made(members=[Member(b"m", {"email_spaceless": cell} if cell is not None else {})])
        assert "jane" not in str(error.value)

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=6, unique=True))
    def test_a_file_reads_back_as_its_people_in_their_order(self, digests):
        members = [Member(bytes([n]), {"email_spaceless": one}) for n, one in enumerate(digests)]
        assert [bytes.fromhex(row[1]) for row in rows(made(members=members))[1:] if row[2] == "1"] == digests


class TestTheMarker:
    def test_it_lists_the_files_of_the_session_also_those_of_parts(self):
        answers = [
            MARKED.read(PEOPLE, place, STORED)
            for place in (PLACE, Session(0xF, 1, last=True, members_in_total=1, received_before=0))
        ]
        place = Session(
            0xABC, 2, last=True, members_in_total=6, received_before=0, uploads=tuple(one.noted for one in answers)
        )
        request = MARKED.step_request(Step.COMMIT, FIELD, Operation.ADD, place)
        assert request.path == f"/s3/lumen-liveramp/segment-assets/lumen/{FIELD}_add_abc.done"
        assert (request.method, request.content_type) == ("PUT", "text/plain")
        assert request.content == f"{FIELD}_add_abc_0002.csv\n{FIELD}_add_f_0001.csv\n".encode()

    def test_it_lies_beside_its_files(self):
        files = connect("liveramp", "lumen", {**SETTINGS, "completion": "marker", "removals_prefix": "deletions/l"})
        request = files.step_request(Step.COMMIT, FIELD, Operation.REMOVE, PLACE)
        assert request.path == f"/s3/lumen-liveramp/deletions/l/{FIELD}_remove_abc.done"

    def test_it_is_there_or_not_and_can_always_be_put_again(self):
        answer = MARKED.read_step(Step.COMMIT, PLACE, STORED)
        assert (answer.code, answer.accepted, answer.job) == ("200", 0, "")
        assert MARKED.step_question(Step.COMMIT, FIELD, Operation.ADD, PLACE) is None
        with pytest.raises(TransientError, match="not understood"):
            MARKED.read_step(Step.COMMIT, PLACE, Response(200, {}, None))


class TestAnswers:
    def test_a_file_that_is_kept_proves_nobody(self):
        answer = FILES.read(PEOPLE, PLACE, STORED)
        assert (answer.received, answer.accepted, answer.rejected, answer.unproven) == (3, 0, {}, 3)
        assert (answer.session_received, answer.code) == (7, "200")

    @pytest.mark.parametrize(
        "response", [Response(200, {}, None), Response(204, {"etag": ""}, None), Response(399, {}, {})]
    )
    def test_without_an_etag_nothing_is_kept(self, response):
        with pytest.raises(TransientError, match="sent again"):
            FILES.read(PEOPLE, PLACE, response)

    @pytest.mark.parametrize(
        ("status", "code", "kind", "words"),
        [
            *((403, code, NeedsHumanError, "renew") for code in ("ExpiredToken", "InvalidAccessKeyId", "InvalidToken")),
            (403, "SignatureDoesNotMatch", NeedsHumanError, "renew"),
            (400, "ExpiredToken", NeedsHumanError, "renew"),
            (403, "AccessDenied", NeedsHumanError, "PutObject"),
            (403, "Other", NeedsHumanError, "PutObject"),
            (401, "", NeedsHumanError, "PutObject"),
            (404, "NoSuchBucket", NeedsHumanError, "bucket"),
            *((400, code, TransientError, "again") for code in ("SlowDown", "InternalError", "RequestTimeout")),
            *((409, code, TransientError, "again") for code in ("OperationAborted", "ServiceUnavailable")),
            (429, "", TransientError, "again"),
            (500, "", TransientError, "again"),
            (503, "New", TransientError, "again"),
            (400, "EntityTooLarge", PermanentError, "changed"),
            (404, "", PermanentError, "changed"),
        ],
    )
    def test_a_refusal_says_what_to_do_and_keeps_the_code(self, status, code, kind, words):
        with pytest.raises(SegmentAssetsError, match=words) as error:
            FILES.read(PEOPLE, PLACE, refused(status, code))
        assert type(error.value) is kind
        assert error.value.code == (code or str(status))
        assert str(error.value).startswith("liveramp lumen: ")
        assert error.value.code in str(error.value)

    @pytest.mark.parametrize(
        ("response", "is_throttle"),
        [(refused(503, "SlowDown"), True), (refused(429), True), (refused(503), False), (STORED, False)],
    )
    def test_s3_asks_for_a_slower_pace_in_its_own_way(self, response, is_throttle):
        assert FILES.is_throttle(response) is is_throttle


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"transport": "ftp"}, "s3, sftp"), ({"transport": "sftp", "bucket": "b-1"}, "there is no bucket")],
)
def test_a_way_of_files_that_there_is_not_is_refused_and_each_has_its_own_settings(settings, named):
    with pytest.raises(PermanentError, match=named):
        connect("liveramp", "lumen", {**settings})
    assert connect("liveramp", "lumen", {**SETTINGS, "transport": "s3"}).prefix == "segment-assets/lumen"
