"""What our Trade Desk connector sends, and what it makes of every answer, before and behind the identity map.

Agreement with The Trade Desk's own package is in `conformance`, behaviour against a running platform in
`test_the_trade_desk_road`.
"""

from __future__ import annotations

import base64

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
    RefusedBatchError,
    RefusedMembersError,
    Request,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.contracts.mapping import MappedId
from segment_assets.destinations import connect
from segment_assets.destinations.the_trade_desk import CONTRACT
from segment_assets.destinations.the_trade_desk_answers import told_code
from segment_assets.destinations.the_trade_desk_items import item_number
from segment_assets_tests.fakes import digest

ACCOUNT = "adv12345"
DESK = connect("the_trade_desk", ACCOUNT)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
NAME = f"{SPEC.name} {SPEC.marker}"
FORMS = {
    MatchKey.EMAIL: "email_uid2",
    MatchKey.PHONE: "phone_e164",
    MatchKey.RAMP_ID: "ramp_id",
    MatchKey.MOBILE_AD_ID: "mobile_ad_id",
}
FIELDS = {"email": "email_hash", "phone": "phone_hash", "ramp_id": "RampID", "mobile_ad_id": "DAID"}
DEVICE = "6d92078a-8246-4ba4-ae5b-76104861e7dc"


def lane(key: MatchKey = MatchKey.EMAIL) -> Session:
    return Session(token=7, sequence=1, last=True, members_in_total=3, received_before=4, lane=(key,))


def person(name: str, **keys: bytes | str) -> Member:
    return Member(digest(f"id:{name}"), keys or {"email_uid2": digest(f"email_uid2:{name}")})


PEOPLE = [person("a"), person("b"), person("c")]
HASHES = [base64.b64encode(member.keys["email_uid2"]).decode() for member in PEOPLE]
IDS = {"email_hash": {one: MappedId(f"now {n}", f"before {n}") for n, one in enumerate(HASHES)}}


def adding(members=PEOPLE, key: MatchKey = MatchKey.EMAIL, desk=DESK) -> Request:
    return desk.request(NAME, Operation.ADD, members, lane(key))


def removing(members=PEOPLE) -> Request:
    return DESK.request(NAME, Operation.REMOVE, members, lane())


def line(number: object, code: object = "UserNotMapped") -> dict:
    return {"ItemNumber": number, "ErrorCode": code, "Message": "words", "DataNumber": "1"}


def answered(*lines: object, status: int = 200, **more: object) -> Response:
    return Response(status, {}, {"FailedLines": list(lines), **more})


def read(response: Response, members=PEOPLE):
    return DESK.read(members, lane(), response)


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        read(response)
    return error.value


def test_the_contract_says_what_is_not_in_the_kit():
    assert CONTRACT.pattern is Pattern.MULTI_STEP
    assert [key.value for (key,) in CONTRACT.lanes] == ["email", "phone", "ramp_id", "mobile_ad_id"]
    assert {key: sent.form for key, sent in CONTRACT.match_keys.items()} == FORMS
    assert CONTRACT.match_groups == tuple((key,) for key in CONTRACT.match_keys)
    assert CONTRACT.identifying == tuple(CONTRACT.match_keys)
    assert CONTRACT.statements == {"data_origin": ("Advertiser",), "residents": ("OUTSIDE_EUROPE", "EUROPE")}


class TestSettings:
    def test_people_of_europe_get_euids_from_a_map_of_their_own(self):
        desk = connect("the_trade_desk", ACCOUNT, {"identity": "EUID"})
        assert desk.contract.identity_map == "https://prod.euid.eu"
        assert desk.mapped(adding(), IDS).json["Items"][0]["EUID"] == "now 0"
        assert DESK.mapped(adding(), IDS).json["Items"][0]["UID2"] == "now 0"
        assert connect("the_trade_desk", ACCOUNT, {"identity": "UID2"}) == DESK

    @pytest.mark.parametrize(("identity", "stated"), [("UID2", "OUTSIDE_EUROPE"), ("EUID", "EUROPE")])
    def test_nobody_gets_an_id_that_is_not_for_where_they_live(self, identity, stated):
        other = {"UID2": "EUID", "EUID": "UID2"}[identity]
        made = connect("the_trade_desk", ACCOUNT, {"identity": identity}, {"residents": stated})
        assert made == connect("the_trade_desk", ACCOUNT, {"identity": identity})
        with pytest.raises(PermanentError, match=f"{stated} cannot get {other}s"):
            connect("the_trade_desk", ACCOUNT, {"identity": other}, {"residents": stated})

    def test_the_map_may_have_another_address(self):
        desk = connect("the_trade_desk", ACCOUNT, {"identity_map": "https://operator-integ.uidapi.com"})
        assert desk.contract.identity_map == "https://operator-integ.uidapi.com"

    @pytest.mark.parametrize("days", ["30", "90"])
    def test_a_shorter_stay_is_a_setting(self, days):
        desk = connect("the_trade_desk", ACCOUNT, {"ttl_days": days})
        assert desk.contract.expiry_days == int(days)
        (data,) = adding(desk=desk).json["Items"][0]["Data"]
        assert data == {"Name": NAME, "TtlInMinutes": int(days) * 24 * 60}

    @pytest.mark.parametrize(
        "setting",
        [
            *({"ttl_days": days} for days in ("29", "91", "-30", "", "x", "³³")),
            {"identity": "uid2"},
            {"identity_map": "http://prod.uidapi.com"},
            {"identity_map": "https://prod.uidapi.com/v3"},
            {"region": "US"},
        ],
    )
    def test_a_setting_that_there_is_not_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=rf"\b{next(iter(setting))}\b"):
            connect("the_trade_desk", ACCOUNT, setting)

    @pytest.mark.parametrize("account", ["", "adv 1", "a" * 33, "adv/1"])
    def test_an_account_that_can_be_no_advertiser_is_refused(self, account):
        with pytest.raises(PermanentError, match="advertiser"):
            connect("the_trade_desk", account)

    def test_the_longest_account_is_taken(self):
        assert connect("the_trade_desk", "a" * 32).account == "a" * 32


class TestTheSegment:
    def test_it_is_a_name_with_our_marker_and_nothing_is_sent_for_it(self):
        assert DESK.create_audience(None, SPEC) == DESK.find_audience(None, SPEC) == NAME
        DESK.delete_audience(None, NAME)

    def test_the_marker_stays_whole_in_the_longest_name(self):
        name = DESK.create_audience(None, AudienceSpec("ab " * 100, SPEC.marker, {}))
        assert name.endswith(f" {SPEC.marker}")
        assert len(name) == 256
        assert len(DESK.create_audience(None, AudienceSpec("a" * 222 + " b", SPEC.marker, {}))) == 255


class TestRequests:
    @pytest.mark.parametrize("key", list(FORMS))
    def test_each_kind_goes_under_its_own_name(self, key):
        cell = digest("x") if key in {MatchKey.EMAIL, MatchKey.PHONE} else DEVICE
        written = base64.b64encode(cell).decode() if isinstance(cell, bytes) else cell
        request = adding([person("a", **{FORMS[key]: cell})], key)
        assert (request.method, request.path) == ("POST", "/data/advertiser")
        data = [{"Name": NAME, "TtlInMinutes": 129_600}]
        assert request.json == {"AdvertiserId": ACCOUNT, "Items": [{FIELDS[key.value]: written, "Data": data}]}

    def test_a_removal_is_a_time_to_live_of_nothing(self):
        assert {data["TtlInMinutes"] for item in removing().json["Items"] for data in item["Data"]} == {0}

    def test_whose_data_it_is_is_the_plan_s_word(self):
        desk = connect("the_trade_desk", ACCOUNT, statements={"data_origin": "Advertiser"})
        assert adding(desk=desk).json["DataOrigins"] == [{"Type": "Advertiser", "Id": ACCOUNT}]
        assert "DataOrigins" not in adding().json

    def test_an_erasure_names_people_and_no_segment(self):
        request = DESK.erasure(PEOPLE[:1], lane())
        assert (request.method, request.path) == ("POST", "/data/deletion-optout/advertiser")
        assert request.json == {
            "AdvertiserId": ACCOUNT,
            "RequestType": "Deletion",
            "Items": [{"email_hash": HASHES[0]}],
        }

    def test_one_identifier_of_two_people_goes_once_and_its_refusal_is_of_both(self):
        members = [person("a"), person("b"), person("a2", email_uid2=PEOPLE[0].keys["email_uid2"])]
        assert [item["email_hash"] for item in adding(members).json["Items"]] == HASHES[:2]
        assert read(answered(line("1")), members).rejected == {0: "UserNotMapped", 2: "UserNotMapped"}

    @pytest.mark.parametrize(
        ("key", "cell"),
        [
            (MatchKey.EMAIL, None),
            (MatchKey.EMAIL, "jane@x.example"),
            (MatchKey.EMAIL, b"short"),
            (MatchKey.RAMP_ID, digest("x")),
            (MatchKey.RAMP_ID, ""),
        ],
    )
    def test_nothing_passes_for_the_identifier_of_a_lane(self, key, cell):
        with pytest.raises(PermanentError, match="nothing was sent") as error:
            adding([person("a", **({FORMS[key]: cell} if cell is not None else {"other": "x"}))], key)
        assert "jane" not in str(error.value)


class TestBehindTheMap:
    def test_the_hashes_of_a_request_are_asked_for_by_their_kind(self):
        assert DESK.hashes(adding()) == {"email_hash": HASHES}
        phone = digest("p")
        request = adding([person("a", phone_e164=phone)], MatchKey.PHONE)
        assert DESK.hashes(request) == {"phone_hash": [base64.b64encode(phone).decode()]}
        device = adding([person("a", mobile_ad_id=DEVICE)], MatchKey.MOBILE_AD_ID)
        assert DESK.hashes(device) == {}
        assert DESK.mapped(device, {}) == device

    def test_ids_take_the_place_of_hashes_and_everything_else_stays(self):
        ours, theirs = adding(), DESK.mapped(adding(), IDS)
        data = ours.json["Items"][0]["Data"]
        assert theirs.json["Items"] == [{"UID2": f"now {n}", "Data": data} for n in range(3)]
        assert theirs.json["AdvertiserId"] == ACCOUNT
        assert (theirs.method, theirs.path) == (ours.method, ours.path)
        assert not any(one in (theirs.body() or b"").decode() for one in HASHES)

    @pytest.mark.parametrize("request_", [removing(), DESK.erasure(PEOPLE, lane())], ids=["removal", "erasure"])
    def test_who_goes_goes_by_the_id_of_before_too(self, request_):
        ids = {"email_hash": {**IDS["email_hash"], HASHES[1]: MappedId("now 1")}}
        sent = [item["UID2"] for item in DESK.mapped(request_, ids).json["Items"]]
        assert sent == ["now 0", "before 0", "now 1", "now 2", "before 2"]

    def test_who_stands_for_nobody_is_refused_with_the_reason_and_the_others_keep_their_places(self):
        ids = {"email_hash": {**IDS["email_hash"], HASHES[0]: MappedId(reason="uid2_opted_out")}}
        assert [item["UID2"] for item in DESK.mapped(adding(), ids).json["Items"]] == ["now 1", "now 2"]
        answer = read(DESK.told(adding(), ids, answered(line("2", "DataNameTooLong"))))
        assert answer.rejected == {0: "uid2_opted_out", 2: "DataNameTooLong"}
        assert (answer.accepted, answer.unproven) == (1, 0)

    def test_where_all_stand_for_nobody_nothing_is_sent(self):
        ids = {"email_hash": {one: MappedId(reason="uid2_invalid") for one in HASHES}}
        assert DESK.mapped(adding(), ids) is None
        assert read(DESK.told(adding(), ids, None)).rejected == dict.fromkeys(range(3), "uid2_invalid")
        assert DESK.mapped(removing(), ids) is None
        assert read(DESK.told(removing(), ids, None)).accepted == 3

    @pytest.mark.parametrize(
        ("number", "code", "left_over"),
        [
            ("1", "UserNotMapped", {}),
            ("2", "UserNotMapped", {}),
            ("2", "Uid2Error", {}),
            ("1", "Uid2Error", {0: "Uid2Error"}),
            ("2", "Unknown", {0: "Unknown"}),
            ("3", "Unknown", {1: "Unknown"}),
        ],
    )
    def test_of_a_removal_it_is_no_refusal_that_there_was_nobody(self, number, code, left_over):
        """Items are sent as 1: now a, 2: before a, 3: now b, ..."""
        answer = read(DESK.told(removing(), IDS, answered(line(number, code))))
        assert answer.rejected == left_over
        assert answer.accepted == 3 - len(left_over)

    def test_a_line_of_nobody_who_was_sent_stays_as_it_is(self):
        with pytest.raises(RefusedBatchError, match="refused and not named"):
            read(DESK.told(adding(), IDS, answered(line("4"))))

    def test_an_addition_of_a_nobody_is_a_refusal(self):
        assert read(DESK.told(adding(), IDS, answered(line("1")))).rejected == {0: "UserNotMapped"}

    def test_of_a_refused_request_the_named_are_found_and_the_unmapped_are_left_for_the_next(self):
        ids = {"email_hash": {**IDS["email_hash"], HASHES[0]: MappedId(reason="uid2_invalid")}}
        told = DESK.told(adding(), ids, answered(line("1", "MissingUserId"), status=400, ErrorCode="MissingData"))
        error = error_of(told)
        assert isinstance(error, RefusedMembersError)
        assert error.places == {1: "MissingUserId"}

    @pytest.mark.parametrize("body", [None, [], {"FailedLines": "many"}])
    def test_an_answer_that_is_none_stays_none(self, body):
        assert DESK.told(adding(), IDS, Response(200, {}, body)) == Response(200, {}, body)

    def test_what_else_an_answer_has_stays(self):
        told = DESK.told(adding(), IDS, answered("?", line("9"), status=429, ErrorCode="Unknown"))
        assert told.json == {"FailedLines": ["?", line("9")], "ErrorCode": "Unknown"}
        assert told.status == 429
        assert DESK.told(adding(), IDS, Response(200, {}, {"More": 1})).json == {"More": 1, "FailedLines": []}

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.sampled_from(["", "now", "both"]), min_size=1, max_size=8), st.data())
    def test_everybody_is_told_of_under_their_own_place(self, kinds, data):
        members = [person(f"p{n}") for n in range(len(kinds))]
        hashes = [base64.b64encode(member.keys["email_uid2"]).decode() for member in members]
        of = {"": MappedId(reason="uid2_invalid"), "now": MappedId("now"), "both": MappedId("now", "before")}
        ids = {"email_hash": {one: of[kind] for one, kind in zip(hashes, kinds, strict=True)}}
        sent = [place for place, kind in enumerate(kinds) if kind]
        bad = data.draw(st.sets(st.sampled_from(range(len(sent))))) if sent else set()
        lines = [line(str(number + 1), "DataNameTooLong") for number in bad]
        answer = read(DESK.told(adding(members), ids, answered(*lines) if sent else None), members)
        unmapped = {place for place, kind in enumerate(kinds) if not kind}
        assert answer.rejected.keys() == unmapped | {sent[number] for number in bad}


class TestAnswers:
    @pytest.mark.parametrize("body", [{}, {"FailedLines": []}, {"FailedLines": None}, {"New": 1}])
    def test_nobody_named_is_everybody_taken(self, body):
        answer = read(Response(200, {}, body))
        assert (answer.received, answer.accepted, answer.unproven, answer.code) == (3, 3, 0, "200")
        assert answer.session_received == 4 + 3

    @pytest.mark.parametrize("number", ["0", "4", "", None, "x", True, "-1", "1" * 10, 1.0])
    def test_a_line_that_names_nobody_has_the_batch_sent_in_halves(self, number):
        with pytest.raises(RefusedBatchError, match="refused and not named"):
            read(answered(line("2", "MissingUserId"), line(number)))

    def test_numbers_are_taken_too(self):
        assert read(answered(line(3))).rejected == {2: "UserNotMapped"}
        assert item_number({"ItemNumber": "9" * 9}) == 999_999_998
        assert item_number({"ItemNumber": "1" * 10}) is None

    @pytest.mark.parametrize("body", [None, [], "x", {"FailedLines": "many"}])
    def test_an_answer_that_makes_no_sense_is_asked_for_again(self, body):
        assert isinstance(error_of(Response(200, {}, body)), TransientError)

    @pytest.mark.parametrize("code", ["Unknown", "Uid2Error"])
    def test_every_line_failing_for_now_is_asked_for_again_and_one_alone_costs_one(self, code):
        assert isinstance(error_of(answered(*(line(str(n), code) for n in (1, 2, 3)))), TransientError)
        assert read(answered(line("1", code), line("2", code))).rejected == {0: code, 1: code}
        with pytest.raises(TransientError):
            read(answered(line("1", code), line("2", code)), PEOPLE[:2])
        assert read(answered(line("1", code)), PEOPLE[:1]).rejected == {0: code}
        others = [line("1", code), line("2", code), line("3", "DataNameTooLong")]
        assert len(read(answered(*others)).rejected) == 3

    @pytest.mark.parametrize("code", ["TargetingDataCountLimitExceeded", "TargetingDataCreationLimitExceeded"])
    def test_an_advertiser_that_has_no_room_is_a_persons_and_nobodys_fault(self, code):
        error = error_of(answered(*(line(str(n), code) for n in (1, 2, 3))))
        assert isinstance(error, NeedsHumanError)
        assert error.code == code
        assert "on_removal: empty" in str(error)
        # Whoever is in the others has to be known as there.
        assert read(answered(line("1", code), line("2", code))).rejected == {0: code, 1: code}
        assert read(answered(), []).rejected == {}

    @pytest.mark.parametrize(
        ("code", "is_passing"), [("Unknown", True), ("Uid2Error", True), ("UserNotMapped", False), (None, False)]
    )
    def test_some_lines_are_worth_another_try(self, code, is_passing):
        assert DESK.is_passing(answered(line("1", "DataNameTooLong"), line("2", code))) == is_passing
        assert not DESK.is_passing(answered(line("1", code), status=429))
        assert not DESK.is_passing(Response(200, {}, None))

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_what_passes_is_asked_for_again(self, status):
        error = error_of(answered(status=status, ErrorCode="Unknown"))
        assert isinstance(error, TransientError)
        assert error.code == f"{status}/Unknown"

    @pytest.mark.parametrize(
        ("status", "code", "kind", "words"),
        [
            (401, "InvalidToken", NeedsHumanError, "make a new one"),
            (403, "TargetingDataLimitReached", NeedsHumanError, "permission"),
            (404, "EndpointNotConfigured", PermanentError, "endpoint"),
            (410, "Unknown", PermanentError, "newer release"),
            (413, "MaxRequestSizeExceeded", RefusedBatchError, "halves"),
            (400, "SerializationFailed", RefusedBatchError, "a half"),
            (418, "Teapot", RefusedBatchError, "a half"),
        ],
    )
    def test_a_refusal_says_what_to_do_and_keeps_the_code(self, status, code, kind, words):
        error = error_of(answered(status=status, ErrorCode=code))
        assert type(error) is kind
        assert words in str(error)
        assert error.code == f"{status}/{code}"
        assert ACCOUNT in str(error)
        assert error.code in str(error)

    def test_a_refusal_without_words_has_its_status(self):
        for body in (None, {}, b"html"):
            assert error_of(Response(400, {}, body)).code == "400"

    def test_the_named_of_a_refused_request_are_left_out_with_all_who_share(self):
        members = [*PEOPLE[:2], person("a2", email_uid2=PEOPLE[0].keys["email_uid2"])]
        with pytest.raises(RefusedMembersError) as error:
            read(answered(line("1", "MissingUserId"), line("8"), status=400, ErrorCode="MissingData"), members)
        assert error.value.places == {0: "MissingUserId", 2: "MissingUserId"}
        assert error.value.code == "400/MissingData"

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ({"ErrorCode": "BaseBidCPMMetadataTooLong"}, "BaseBidCPMMetadataTooLong"),
            ({"ErrorCode": "uid2_opted_out"}, "uid2_opted_out"),
            ({"ErrorCode": HASHES[0]}, "unknown_code"),
            ({"ErrorCode": DEVICE}, "unknown_code"),
            ({"ErrorCode": "A" * 41}, "unknown_code"),
            ({}, "unknown_code"),
            ("Unknown", "unknown_code"),
        ],
    )
    def test_a_code_is_a_word_and_never_what_was_sent(self, told, code):
        assert told_code(told) == code

    def test_no_error_and_no_repr_says_what_was_sent(self):
        quoted = "jane@x.example"
        for status in (200, 400, 401, 403, 413, 429, 500):
            lines = [line("1", quoted), line("x", HASHES[0])]
            response = answered(*lines, status=status, ErrorCode=HASHES[1], Message=quoted)
            try:
                said = repr(read(response))
            except SegmentAssetsError as error:
                said = f"{error} {error.code}"
            assert not any(one in said for one in (*HASHES, "jane"))
        assert "now 0" not in repr(IDS)
