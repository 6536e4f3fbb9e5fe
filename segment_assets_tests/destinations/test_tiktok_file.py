"""The wire format of TikTok's customer files: forms, names, what an answer means, and what is refused before it is sent."""

from __future__ import annotations

import json

import pytest

from segment_assets.contracts import (
    AudienceSpec,
    Counted,
    JobState,
    MatchKey,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    RefusedBatchError,
    Response,
    Session,
    Step,
    TransientError,
)
from segment_assets.contracts.sizes import SizeState
from segment_assets.destinations import connect
from segment_assets.destinations.tiktok_file import CONTRACT, TikTokFiles

ADVERTISER = "7012345678901234567"
TIKTOK = TikTokFiles(ADVERTISER)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
AUDIENCE = "email:70 phone:71 mobile_ad_id:72"
NOTED = {"list": "70", "before": "2026-11-22 10:00:00 001"}


def place(key: MatchKey = MatchKey.EMAIL, **more) -> Session:
    given = {"token": 1, "sequence": 1, "last": True, "members_in_total": 9, "received_before": 4} | more
    return Session(**given, lane=(key,))


def said(data: object = None, code: object = 0, status: int = 200) -> Response:
    return Response(status, {}, {"code": code, "message": "jane@x.example", "data": data or {}})


def a_list(number: int | str = 70, history=(), **details) -> dict:
    shown = {"audience_id": str(number), "is_valid": True, "error_msg": "", "cover_num": 0, **details}
    return {"audience_details": shown, "audience_history": list(history)}


def change(at: str, **more) -> dict:
    return {"action": "append", "editor": "open_api", "msg": "", "opt_time": at, **more}


class Line:
    """Answers calls in order, and keeps them."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.requests = list(answers), []

    def send(self, request):
        self.requests.append(request)
        return self.answers.pop(0)


def asked(*lists: dict, tiktok: TikTokFiles = TIKTOK, job: str = "70 9 1 2026-11-22 10:00:00 001"):
    return tiktok.ask_job(Line(said({"list": list(lists)})), job)


# ── what is sent ──


def test_each_kind_goes_into_files_and_lists_of_its_own():
    assert CONTRACT.lanes == ((MatchKey.EMAIL,), (MatchKey.PHONE,), (MatchKey.MOBILE_AD_ID,))
    kinds = {}
    for key, sent in CONTRACT.match_keys.items():
        one = Member(
            b"m", {form.form: bytes([number]) * 32 for number, form in enumerate(CONTRACT.match_keys.values())}
        )
        body = TIKTOK.request(AUDIENCE, Operation.ADD, [one], place(key)).content.decode()
        assert one.keys[sent.form].hex() in body
        assert sum(cell.hex() in body for cell in one.keys.values()) == 1
        kinds[key] = body.split('name="calculate_type"\r\n\r\n')[1].partition("\r\n")[0]
        look = TIKTOK.step_request(Step.OPEN, AUDIENCE, Operation.ADD, place(key))
        assert f"{key.value}:{json.loads(look.params['custom_audience_ids'])[0]}" in AUDIENCE
    assert list(kinds.values()) == ["EMAIL_SHA256", "PHONE_SHA256", "FIRST_SHA256"]


def test_a_value_that_is_no_digest_of_the_lane_is_never_sent():
    form = CONTRACT.match_keys[MatchKey.EMAIL].form
    for cell in ("jane@x.example", b"short", None):
        with pytest.raises(PermanentError, match="report this as a defect") as refusal:
            TIKTOK.request(AUDIENCE, Operation.ADD, [Member(b"m", {form: cell})], place())
        assert "jane" not in str(refusal.value)


def test_a_commit_names_all_files_of_its_session_and_says_what_becomes_of_their_people():
    uploads = ({"file_path": "a"}, {"file_path": "b"})
    for operation, action in ((Operation.ADD, "APPEND"), (Operation.REMOVE, "REMOVE")):
        body = TIKTOK.step_request(Step.COMMIT, AUDIENCE, operation, place(MatchKey.PHONE, uploads=uploads)).json
        assert body == {
            "advertiser_id": ADVERTISER,
            "custom_audience_id": "71",
            "action": action,
            "audience_sub_type": "NORMAL",
            "file_paths": ["a", "b"],
        }


def test_a_call_names_fewer_files_than_the_fifty_that_tiktok_recommends_against():
    assert (CONTRACT.pattern, CONTRACT.workflow.batches) == (Pattern.MULTI_STEP, 50 - 1)
    assert (CONTRACT.workflow.opens, CONTRACT.workflow.commits) == (True, True)
    assert CONTRACT.on_refused_removal == "delete"


def test_a_preview_shows_what_only_tiktok_names_in_braces():
    known = CONTRACT.workflow.placeholders
    assert TIKTOK.step_request(Step.COMMIT, AUDIENCE, Operation.ADD, place(uploads=(known,))).json["file_paths"] == [
        "{file}"
    ]
    assert TIKTOK.read_step(Step.COMMIT, place(noted=known), said()).job == "{list} 9 1 "
    assert TIKTOK.step_request(Step.OPEN, "{audience}", Operation.ADD, place()).params["custom_audience_ids"] == (
        '["{audience}"]'
    )


def test_a_lane_that_the_audience_has_no_list_for_is_told_with_what_to_do():
    with pytest.raises(PermanentError, match=r"no list of phone.*on_removal: delete"):
        TIKTOK.step_request(Step.OPEN, "email:70", Operation.ADD, place(MatchKey.PHONE))


def test_a_long_name_is_cut_before_its_kind_and_its_marker():
    made = [said({"file_path": "f"}), said({"custom_audience_id": "70"})]
    line = Line(*made * 3)
    TIKTOK.create_audience(line, AudienceSpec("x" * 200, SPEC.marker, {}))
    names = [request.json["custom_audience_name"] for request in line.requests[1::2]]
    assert [len(name) for name in names] == [128] * 3
    assert [name.split()[1:] for name in names] == [
        [kind, "0123456789abcdef"] for kind in ("email", "phone", "mobile_ad_id")
    ]
    bodies = [request.json for request in line.requests[1::2]]
    assert {body["audience_enhancement"] for body in bodies} == {False}


def test_the_first_file_of_a_list_is_of_its_kind_and_holds_one_digest_that_our_marker_makes():
    def first_files(marker: str) -> list[bytes]:
        line = Line(*[said({"file_path": "f"}), said({"custom_audience_id": "70"})] * 3)
        TIKTOK.create_audience(line, AudienceSpec("n", marker, {}))
        return [request.content for request in line.requests[::2]]

    ours, others = first_files("0" * 32), first_files("1" * 32)
    assert ours == first_files("0" * 32)
    assert set(ours).isdisjoint(others)
    assert len(set(ours)) == 3


def test_lists_are_found_by_kind_and_marker_on_every_page_and_a_missing_one_is_made():
    def page(number: int, *names: tuple[str, str]) -> Response:
        shown = [{"name": name, "audience_id": list_id} for name, list_id in names]
        return said({"list": shown, "page_info": {"page": number, "total_page": 2}})

    mark = SPEC.marker[:16]
    pages = [
        page(1, ("another phone 0000000000000000", "1"), (f"crm email {mark}", "70"), (f"copy email {mark}", "75")),
        page(2, (f"crm phone {mark}", "71")),
    ]
    line = Line(*pages, said({"file_path": "f"}), said({"custom_audience_id": "72"}))
    assert TIKTOK.find_audience(line, SPEC) == AUDIENCE
    assert [request.params.get("page") for request in line.requests] == ["1", "2", None, None]
    nobody = Line(page(1), page(2))
    assert TIKTOK.find_audience(nobody, AudienceSpec("crm", "f" * 32, {})) is None


def test_a_walk_ends_with_an_empty_page_whatever_the_number_of_pages():
    line = Line(said({"list": [], "page_info": {"total_page": 9}}))
    assert TIKTOK.find_audience(line, SPEC) is None


def test_a_list_without_an_end_is_no_proof_that_there_is_no_audience():
    page = said({"list": [{"name": "another", "audience_id": "1"}], "page_info": {"total_page": 10**6}})
    line = Line(*[page] * 200)
    with pytest.raises(TransientError, match="no end"):
        TIKTOK.find_audience(line, SPEC)
    assert len(line.requests) == 100


def test_deleting_names_one_list_at_a_time_and_one_that_is_gone_is_fine():
    line = Line(said(), said(code=40007), said())
    TIKTOK.delete_audience(line, AUDIENCE)
    assert [request.json["custom_audience_ids"] for request in line.requests] == [["70"], ["71"], ["72"]]
    with pytest.raises(NeedsHumanError):
        TIKTOK.delete_audience(Line(said(code=40001)), AUDIENCE)


@pytest.mark.parametrize(
    ("account", "settings", "named"),
    [
        ("act_1", {}, "account 'act_1'"),
        ("1" * 21, {}, "is not a number"),
        (ADVERTISER, {"followed_by": "luck"}, "followed_by 'luck' is not one of history, state"),
        (ADVERTISER, {"audience_sub_type": "ALL"}, "audience_sub_type 'ALL' is not one of NORMAL, REACH_FREQUENCY"),
        (ADVERTISER, {"full_list": "delete"}, "full_list 'delete' is not one of needs_human, renew"),
        (ADVERTISER, {"retention": "9"}, "no setting retention"),
    ],
)
def test_an_account_or_a_setting_that_cannot_be_is_refused_before_anything_is_sent(account, settings, named):
    with pytest.raises(PermanentError, match=f"^tiktok_file: .*{named}"):
        connect("tiktok_file", account, settings)


def test_settings_reach_the_calls():
    tiktok = connect("tiktok_file", ADVERTISER, {"audience_sub_type": "REACH_FREQUENCY", "followed_by": "state"})
    assert tiktok.step_request(Step.COMMIT, AUDIENCE, Operation.ADD, place()).json["audience_sub_type"] == (
        "REACH_FREQUENCY"
    )
    line = Line(*[said({"file_path": "f"}), said({"custom_audience_id": "70"})] * 3)
    tiktok.create_audience(line, SPEC)
    assert {request.json["audience_sub_type"] for request in line.requests[1::2]} == {"REACH_FREQUENCY"}
    assert asked(a_list(), tiktok=tiktok).state is JobState.SUCCESS


# ── what comes back ──


def test_an_upload_proves_nobody_and_names_the_file_for_the_commit():
    answer = TIKTOK.read([Member(b"m", {})] * 3, place(), said({"file_path": "a5f3"}, code=20001))
    assert (answer.received, answer.accepted, answer.unproven, answer.session_received) == (3, 0, 3, 7)
    assert (dict(answer.noted), answer.code, dict(answer.rejected)) == ({"file_path": "a5f3"}, "20001", {})


@pytest.mark.parametrize("path", [None, "", 5, "a b", "x" * 1025])
def test_an_upload_without_a_path_is_made_again(path):
    with pytest.raises(TransientError, match="sent again"):
        TIKTOK.read([Member(b"m", {})], place(), said({"file_path": path}))
    assert TIKTOK.read([], place(), said({"file_path": "x" * 1024})).noted


def test_a_file_that_is_refused_is_sent_in_halves_and_no_word_of_the_platform_is_told():
    with pytest.raises(RefusedBatchError) as refusal:
        TIKTOK.read([Member(b"m", {})], place(), said(code=40002))
    assert (refusal.value.code, "jane" in str(refusal.value)) == ("40002", False)
    assert ADVERTISER in str(refusal.value)


def test_a_refused_step_is_no_refused_batch_and_a_commit_may_be_of_a_full_list():
    for step in Step:
        with pytest.raises(PermanentError) as refusal:
            TIKTOK.read_step(step, place(noted=NOTED), said(code=40002))
        assert not isinstance(refusal.value, RefusedBatchError)
        assert refusal.value.code == "40002"
        assert ("has 500 files already" in str(refusal.value)) == (step is Step.COMMIT)


def test_what_becomes_of_a_full_list_is_a_persons_to_decide_unless_the_plan_says_otherwise():
    decided = {said: connect("tiktok_file", ADVERTISER, {"full_list": said} if said else {}) for said in ("", "renew")}
    assert {said: one.contract.on_full_list for said, one in decided.items()} == {"": "needs_human", "renew": "renew"}
    asked = connect("tiktok_file", ADVERTISER, {"full_list": "needs_human"})
    assert asked == decided[""]
    assert CONTRACT.limit(Counted.FILES).reserve == 50


def test_the_opening_notes_the_list_and_its_newest_change_through_the_api():
    older, newest = change("2026-11-22 10:00:00"), change("2026-11-22 10:00:01")
    by_hand = change("2026-11-23 10:00:00", editor="jane@x.example")
    shown = a_list(70, [older, newest, dict(newest), by_hand, change("soon"), "x"])
    answer = TIKTOK.read_step(Step.OPEN, place(), said({"list": [shown]}))
    assert dict(answer.noted) == {"list": "70", "before": "2026-11-22 10:00:01 002"}
    fresh = TIKTOK.read_step(Step.OPEN, place(), said({"list": [a_list(70)]}))
    assert dict(fresh.noted) == {"list": "70", "before": ""}


@pytest.mark.parametrize("data", [{}, {"list": []}, {"list": [{}]}, {"list": [a_list("x")]}, {"list": "x"}])
def test_a_list_that_is_not_to_be_seen_asks_a_person(data):
    with pytest.raises(NeedsHumanError, match="a list is gone"):
        TIKTOK.read_step(Step.OPEN, place(), said(data))


def test_a_commit_names_the_list_its_people_and_what_was_there_before_as_the_job():
    answer = TIKTOK.read_step(Step.COMMIT, place(noted=NOTED), said())
    assert (answer.job, answer.accepted, answer.code) == ("70 9 1 2026-11-22 10:00:00 001", 0, "0")
    assert TIKTOK.read_step(Step.COMMIT, place(noted={"list": "70", "before": ""}), said()).job == "70 9 1 "
    assert asked(a_list(), job="70 9 1 ").state is JobState.PROCESSING


AFTER, SAME, BEFORE = ([change(f"2026-11-22 10:00:0{second}")] for second in (1, 0, 0))
BEFORE = [change("2026-11-22 09:59:59")]


@pytest.mark.parametrize(
    ("shown", "state", "received", "reasons"),
    [
        (a_list(70, AFTER), JobState.SUCCESS, 9, {}),
        (a_list(70, [*SAME, *SAME]), JobState.SUCCESS, 9, {}),
        (a_list(70, SAME), JobState.PROCESSING, 0, {}),
        (a_list(70, BEFORE), JobState.PROCESSING, 0, {}),
        (a_list(70), JobState.PROCESSING, 0, {}),
        (a_list(70, SAME, is_valid=False, error_msg="of an older change"), JobState.PROCESSING, 0, {}),
        (a_list(70, AFTER, is_valid=False), JobState.PROCESSING, 0, {}),
        (a_list(70, AFTER, is_valid="yes"), JobState.PROCESSING, 0, {}),
        (a_list(70, AFTER, is_valid=False, error_msg="too small"), JobState.FAILED, 0, {"change_failed": 1}),
        (a_list(70, AFTER, error_msg="too small"), JobState.FAILED, 0, {"change_failed": 1}),
        (
            a_list(70, [change("2026-11-22 10:00:01", msg="jane@x.example")]),
            JobState.PARTIAL_SUCCESS,
            0,
            {"rows_not_read": 1},
        ),
    ],
)
def test_a_change_has_ended_when_the_history_has_it_and_the_list_says_how(shown, state, received, reasons):
    report = asked(shown)
    assert (report.state, report.received, dict(report.rejected)) == (state, received, reasons)


def test_a_list_that_is_gone_fails_its_change():
    report = asked()
    assert (report.state, report.received, dict(report.rejected)) == (JobState.FAILED, 0, {"list_is_gone": 1})


def test_a_job_asks_about_its_own_list_with_enough_history():
    line = Line(said({"list": [a_list(70, AFTER)]}))
    TIKTOK.ask_job(line, "70 9 1 ")
    (look,) = line.requests
    assert (look.method, look.path) == ("GET", "/open_api/v1.3/dmp/custom_audience/get/")
    assert dict(look.params) == {"advertiser_id": ADVERTISER, "custom_audience_ids": '["70"]', "history_size": "20"}


def size(*lists: dict):
    return TIKTOK.read_size(said({"list": list(lists)}))


def test_the_size_is_a_range_since_people_are_in_lists_of_several_kinds():
    assert json.loads(TIKTOK.size_request(AUDIENCE).params["custom_audience_ids"]) == ["70", "71", "72"]
    report = size(a_list(70, cover_num=3_000), a_list(71, cover_num=2_000), a_list(72, is_valid=False, cover_num=9_999))
    assert (report.state, report.lower, report.upper) == (SizeState.READY, 3_000, 5_000)
    assert report.said == "computing, valid"
    odd = size(a_list(70, cover_num=True), a_list(71, cover_num="9"), a_list(72, cover_num=10**30))
    assert (odd.lower, odd.upper) == (0, 0)


def test_an_audience_of_which_no_list_is_valid_is_still_computed_or_too_small():
    broken = {"is_valid": False, "error_msg": "x"}
    assert size(a_list(70, is_valid=False), a_list(71, **broken)).state is SizeState.UPDATING
    small = size(a_list(70, **broken), a_list(71, **broken))
    assert (small.state, small.lower, small.upper, small.said) == (SizeState.TOO_SMALL, None, None, "failed")
    assert size().state is SizeState.CLOSED


def test_a_list_that_comes_without_its_id_is_looked_for_again():
    for told in (None, True, 1.5, "7x", "7" * 21):
        with pytest.raises(TransientError, match="without its id"):
            TIKTOK.create_audience(Line(said({"file_path": "f"}), said({"custom_audience_id": told})), SPEC)


def test_what_tiktok_throttles_with_http_200_is_known_as_a_throttle():
    assert TIKTOK.is_throttle(said(code=40100))
    assert not TIKTOK.is_throttle(said())


def test_a_step_is_repeated_without_a_question_since_nobody_is_added_or_taken_out_twice():
    for step in Step:
        assert TIKTOK.step_question(step, AUDIENCE, Operation.ADD, place()) is None
        assert TIKTOK.read_step_question(step, place(), said()) is None


def test_without_settings_lists_are_for_ordinary_ads_and_followed_by_their_history():
    tiktok = connect("tiktok_file", ADVERTISER)
    sent = tiktok.step_request(Step.COMMIT, AUDIENCE, Operation.ADD, place()).json
    named = connect("tiktok_file", ADVERTISER, {"audience_sub_type": "NORMAL", "followed_by": "history"})
    assert sent["audience_sub_type"] == "NORMAL"
    assert tiktok == named
