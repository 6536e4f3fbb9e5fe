"""What our Snapchat connector sends, and what it makes of every answer that Snap gives, and of others.

Agreement with another vendor's connector is in `conformance`, behaviour against a running platform in
`test_snapchat_road`.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
    MatchKey,
    Member,
    NeedsHumanError,
    Operation,
    PermanentError,
    RefusedBatchError,
    Request,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.contracts.sizes import SizeReport, SizeState, TellsSize
from segment_assets.delivery.preview import PLACEHOLDER_ACCOUNT
from segment_assets.destinations import connect
from segment_assets.destinations.snapchat import CONTRACT, SnapchatCustomerLists
from segment_assets_tests.fakes import digest, marked

ACCOUNT = "8adc3db7-8148-4fbf-999c-8d2266369d74"
SNAPCHAT = SnapchatCustomerLists(ACCOUNT)
SPEC = AudienceSpec("vip", "0f" * 16, {"source_type": "FIRST_PARTY"})
SEGMENTS = f"/v1/adaccounts/{ACCOUNT}/segments"


def place(key: MatchKey = MatchKey.EMAIL) -> Session:
    return Session(token=7, sequence=1, last=True, members_in_total=3, received_before=0, lane=(key,))


def person(name: str, shared: str = "", key: MatchKey = MatchKey.EMAIL) -> Member:
    return Member(digest(f"id:{name}"), {CONTRACT.match_keys[key].form: digest(shared or name)})


PEOPLE = [person("a"), person("b"), person("c")]


def told(collection: str, *parts: object, **more: object) -> Response:
    return Response(200, {}, {"request_status": "SUCCESS", collection: list(parts), **more})


def uploaded(count: object, status: str = "SUCCESS") -> Response:
    return told("users", {"sub_request_status": status, "user": {"number_uploaded_users": count}})


def listed(*segments: dict, link: str | None = None) -> Response:
    parts = [{"sub_request_status": "SUCCESS", "segment": one} for one in segments]
    return told("segments", *parts, **({"paging": {"next_link": link}} if link else {}))


def refused(status: int, code: str = "", headers: dict | None = None) -> Response:
    return Response(status, headers or {}, {"request_status": "ERROR", "debug_message": "words", "error_code": code})


def in_part(reason: object) -> Response:
    part = {"sub_request_status": "ERROR", "sub_request_error_reason": reason}
    return Response(200, {}, {"request_status": "SUCCESS", "users": [part], "segments": [part]})


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        SNAPCHAT.read(PEOPLE, place(), response)
    return error.value


def creation_error(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        SNAPCHAT.create_audience(Canned(response), SPEC)
    return error.value


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)


class TestRequests:
    """One kind of identifier a request, each identifier once, and nothing that is raw."""

    @pytest.mark.parametrize(
        ("key", "field"),
        [
            (MatchKey.EMAIL, "EMAIL_SHA256"),
            (MatchKey.PHONE, "PHONE_SHA256"),
            (MatchKey.MOBILE_AD_ID, "MOBILE_AD_ID_SHA256"),
        ],
    )
    def test_a_request_names_the_one_kind_that_is_in_it(self, key, field):
        request = SNAPCHAT.request("56", Operation.ADD, [person("a", key=key), person("b", key=key)], place(key))
        body = {"users": [{"schema": [field], "data": [[marked("a")], [marked("b")]]}]}
        assert request == Request("POST", "/v1/segments/56/users", json=body)

    def test_a_removal_is_a_delete_with_a_body_that_names_the_segment(self):
        request = SNAPCHAT.request("56", Operation.REMOVE, [person("a")], place())
        body = {"users": [{"schema": ["EMAIL_SHA256"], "data": [[marked("a")]], "id": "56"}]}
        assert request == Request("DELETE", "/v1/segments/56/users", json=body)

    def test_an_identifier_of_two_people_is_in_a_request_once(self):
        request = SNAPCHAT.request("56", Operation.ADD, [person("a", "x"), person("b"), person("c", "x")], place())
        assert request.json["users"][0]["data"] == [[marked("x")], [marked("b")]]

    @pytest.mark.parametrize("value", ["a@example.com", b"short", None])
    def test_what_is_no_digest_is_never_sent(self, value):
        keys = {} if value is None else {"email": value}
        with pytest.raises(PermanentError, match="nothing was sent") as refusal:
            SNAPCHAT.request("56", Operation.ADD, [person("a"), Member(b"m", keys)], place())
        assert "example.com" not in str(refusal.value)

    def test_every_kind_is_a_lane_of_its_own_and_a_full_batch_is_below_the_limit_in_bytes(self):
        assert CONTRACT.lanes == ((MatchKey.EMAIL,), (MatchKey.PHONE,), (MatchKey.MOBILE_AD_ID,))
        many = [Member(b"m", {"mobile_ad_id_hashed": digest(str(n))}) for n in range(1_000)]
        body = SNAPCHAT.request("5" * 40, Operation.REMOVE, many, place(MatchKey.MOBILE_AD_ID)).body()
        assert len(body) * 100 < CONTRACT.batch_bytes < len(body) * 120
        assert CONTRACT.batch_bytes % 1_000_000 == 0

    @pytest.mark.parametrize("account", ["", f"{ACCOUNT}0", ACCOUNT[:-1], "1" * 21, "../me"])
    def test_an_account_is_a_uuid(self, account):
        with pytest.raises(PermanentError, match="correct it in the plan"):
            SnapchatCustomerLists(account)

    def test_a_preview_needs_no_account(self):
        assert connect("snapchat", PLACEHOLDER_ACCOUNT).account == PLACEHOLDER_ACCOUNT

    def test_the_plan_may_write_an_account_in_capitals_and_give_no_setting(self):
        assert connect("snapchat", ACCOUNT.upper()).account == ACCOUNT
        with pytest.raises(PermanentError, match=r"^snapchat: no setting retention"):
            connect("snapchat", ACCOUNT, {"retention": "180"})


class TestSegments:
    """Made once, by the plan's word, found by our marker on whatever page it stands, never by a name."""

    def test_a_segment_is_made_for_life_with_the_plans_statement_and_our_marker(self):
        transport = Canned(listed({"id": "5677923948298240"}))
        spec = AudienceSpec("n" * 400, SPEC.marker, {"source_type": "AS_THE_PLAN_SAYS"})
        assert SNAPCHAT.create_audience(transport, spec) == "5677923948298240"
        segment = {
            "name": "n" * 375,
            "description": f"segment_assets {SPEC.marker}",
            "source_type": "AS_THE_PLAN_SAYS",
            "retention_in_days": 9999,
            "ad_account_id": ACCOUNT,
        }
        assert transport.kept == [Request("POST", SEGMENTS, json={"segments": [segment]})]

    def test_a_segment_is_found_by_its_description_and_never_by_its_name(self):
        other = {"id": "1", "name": f"vip {SPEC.marker}", "description": "another"}
        ours = {"id": "2", "name": "renamed", "description": f"segment_assets {SPEC.marker}"}
        assert SNAPCHAT.find_audience(Canned(listed(other, {"id": "3"}, ours)), SPEC) == "2"
        assert SNAPCHAT.find_audience(Canned(listed(other)), SPEC) is None

    def test_the_next_page_is_asked_for_as_snap_says_but_never_at_another_host(self):
        link = "https://elsewhere.example/v1/other?cursor=abc%3D&limit=1000"
        transport = Canned(listed({"id": "1"}, link=link), listed({"id": "2", "description": SPEC.marker}))
        assert SNAPCHAT.find_audience(transport, SPEC) == "2"
        assert transport.kept == [
            Request("GET", SEGMENTS, params={"limit": "1000"}),
            Request("GET", SEGMENTS, params={"cursor": "abc=", "limit": "1000"}),
        ]

    @pytest.mark.parametrize(
        "link", ["https://adsapi.snapchat.com/v1?limit=1000", "https://adsapi.snapchat.com/v1", "?"]
    )
    def test_a_list_that_goes_round_in_circles_is_not_taken_for_one_without_our_segment(self, link):
        with pytest.raises(TransientError, match="does not come to an end"):
            SNAPCHAT.find_audience(Canned(*[listed({"id": "1"}, link=link)] * 3), SPEC)

    def test_a_list_of_which_a_part_failed_is_not_taken_for_one_without_our_segment(self):
        with pytest.raises(SegmentAssetsError):
            SNAPCHAT.find_audience(Canned(in_part("E2002: no")), SPEC)

    @pytest.mark.parametrize("segment", [{}, {"id": 5677923948298240}, {"id": "../x"}, {"id": ""}, {"id": "5" * 41}])
    def test_a_creation_without_an_id_is_looked_for_again(self, segment):
        assert isinstance(creation_error(listed(segment)), TransientError)
        assert isinstance(creation_error(told("segments")), TransientError)

    def test_an_id_may_be_as_long_as_a_uuid_and_longer(self):
        assert SNAPCHAT.create_audience(Canned(listed({"id": "5" * 40})), SPEC) == "5" * 40

    def test_a_segment_that_is_gone_counts_as_deleted_and_one_that_snap_keeps_does_not(self):
        transport = Canned(told("segments"), refused(404, "E1003"))
        for _ in range(2):
            SNAPCHAT.delete_audience(transport, "56")
        assert transport.kept == [Request("DELETE", "/v1/segments/56")] * 2
        for answer in (in_part("E2001: in use"), refused(403, "E3002"), refused(500)):
            with pytest.raises(SegmentAssetsError):
                SNAPCHAT.delete_audience(Canned(answer), "56")


class TestPeople:
    """A count of identifiers is all there is: it proves as many people as it can, and nobody by name."""

    def test_all_are_accepted_when_snap_counts_as_many_identifiers_as_there_were(self):
        answer = SNAPCHAT.read(PEOPLE, place(), uploaded(3))
        assert (answer.received, answer.accepted, answer.unproven, answer.rejected) == (3, 3, 0, {})
        assert (answer.session_received, answer.code) == (3, "200")

    def test_the_envelope_may_be_written_in_either_case_and_have_one_word_for_all(self):
        body = {"request_status": "success", "users": [{"user": {"number_uploaded_users": 3}}]}
        assert SNAPCHAT.read(PEOPLE, place(), Response(200, {}, body)).accepted == 3

    @pytest.mark.parametrize(("count", "unproven"), [(2, 1), (0, 3), (5, 0), (None, 3), ("3", 3), (-1, 3), (True, 3)])
    def test_as_many_people_as_identifiers_lack_are_unproven(self, count, unproven):
        answer = SNAPCHAT.read(PEOPLE, place(), uploaded(count))
        assert (answer.accepted, answer.unproven) == (3 - unproven, unproven)

    def test_a_shared_identifier_that_may_be_the_one_that_lacks_leaves_all_its_owners_unproven(self):
        people = [person("a", "x"), person("b", "x"), person("c"), person("d")]
        assert SNAPCHAT.read(people, place(), uploaded(3)).unproven == 0
        assert SNAPCHAT.read(people, place(), uploaded(2)).unproven == 2
        assert SNAPCHAT.read(people, place(), uploaded(1)).unproven == 3

    @pytest.mark.parametrize("body", [None, [], {}, {"users": []}, {"request_status": "LATER", "users": []}])
    def test_an_answer_that_is_not_snaps_is_asked_for_again(self, body):
        assert isinstance(error_of(Response(200, {}, body)), TransientError)

    def test_a_part_with_a_status_of_no_meaning_is_asked_for_again(self):
        assert isinstance(error_of(uploaded(3, "LATER")), TransientError)


class TestRefusals:
    """What passes is waited for, what a person can mend asks a person, and each names the next action."""

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_what_passes_is_transient_and_the_wait_is_left_to_the_courier(self, status):
        error = error_of(refused(status))
        assert isinstance(error, TransientError)
        assert (error.retry_after, error.code) == (None, str(status))

    @pytest.mark.parametrize(
        ("response", "says"),
        [
            (Response(401, {}, "unauthorized"), "refresh token"),
            (refused(403, "E3002"), "data manager"),
            (refused(400, "E3002"), "data manager"),
            (in_part("E3002: no"), "data manager"),
            (refused(404, "E1003"), "on_removal"),
        ],
    )
    def test_what_only_a_person_can_mend_asks_a_person(self, response, says):
        error = error_of(response)
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)
        assert isinstance(creation_error(response), NeedsHumanError)

    @pytest.mark.parametrize(
        ("response", "code"),
        [
            (refused(400, "E1001"), "400/E1001"),
            (refused(400, "E2004"), "400/E2004"),
            (refused(400), "400"),
            (Response(400, {}, None), "400"),
            (in_part("E2025: a row is no digest"), "400/E2025"),
            (in_part("a row is no digest"), "400"),
            (in_part(None), "400"),
            (Response(200, {}, {"request_status": "ERROR", "error_code": "E2001"}), "400/E2001"),
        ],
    )
    def test_a_refused_batch_may_be_halved_and_a_refused_creation_may_not(self, response, code):
        error = error_of(response)
        assert isinstance(error, RefusedBatchError)
        assert error.code == code
        creation = creation_error(response)
        assert isinstance(creation, PermanentError)
        assert not isinstance(creation, RefusedBatchError)

    @pytest.mark.parametrize("response", [refused(400, "E4001"), in_part("E9001: on our side"), refused(400, "E0001")])
    def test_a_code_of_another_family_is_no_judgement_on_anybody(self, response):
        assert isinstance(error_of(response), TransientError)

    @pytest.mark.parametrize(("status", "says"), [(413, "batch_members"), (405, "must be changed"), (410, "changed")])
    def test_what_we_have_to_mend_is_permanent(self, status, says):
        error = error_of(refused(status))
        assert isinstance(error, PermanentError)
        assert says in str(error)


class TestSizes:
    """Nothing but Snap's own word makes a segment ready."""

    @pytest.mark.parametrize(
        ("told_status", "state"),
        [
            ("READY", SizeState.READY),
            ("TOO_FEW_USERS", SizeState.TOO_SMALL),
            ("NOT_READY", SizeState.UPDATING),
            ("SOME_NEW_WORD", SizeState.UNKNOWN),
        ],
    )
    def test_a_segment_is_what_snap_says_it_can_be_used_for(self, told_status, state):
        assert isinstance(SNAPCHAT, TellsSize)
        assert SNAPCHAT.size_request("56") == Request("GET", "/v1/segments/56")
        segment = {"targetable_status": told_status, "approximate_number_users": 1200}
        assert SNAPCHAT.read_size(listed(segment)) == SizeReport(state, 1200, 1200, told_status)

    @pytest.mark.parametrize("segment", [{}, {"targetable_status": "a@x.example"}, {"targetable_status": ["READY"]}])
    def test_what_is_no_word_of_snap_is_neither_repeated_nor_ready(self, segment):
        assert SNAPCHAT.read_size(listed(segment)) == SizeReport(SizeState.UNKNOWN, None, None, "")

    def test_an_answer_without_a_segment_tells_nothing(self):
        assert SNAPCHAT.read_size(told("segments")).state is SizeState.UNKNOWN

    def test_a_segment_may_have_nobody(self):
        empty = {"targetable_status": "NOT_READY", "approximate_number_users": 0}
        assert SNAPCHAT.read_size(listed(empty)) == SizeReport(SizeState.UPDATING, 0, 0, "NOT_READY")

    @pytest.mark.parametrize("users", [10**12, -1, 1.5, True, "1200"])
    def test_a_number_that_is_none_is_no_size(self, users):
        report = SNAPCHAT.read_size(listed({"targetable_status": "READY", "approximate_number_users": users}))
        assert (report.lower, report.upper) == (None, None)


@settings(max_examples=60, deadline=None)
@given(
    owners=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12),
    dropped=st.sets(st.sampled_from("abcdef")),
)
def test_never_more_people_are_accepted_than_have_an_identifier_that_was_taken(owners, dropped):
    people = [person(str(number), shared=one) for number, one in enumerate(owners)]
    taken = set(owners) - dropped
    answer = SNAPCHAT.read(people, place(), uploaded(len(taken)))
    assert answer.accepted <= sum(one in taken for one in owners)
    assert answer.accepted == len(people) or taken != set(owners)
    assert answer.accepted + answer.unproven == len(people)


@settings(max_examples=60, deadline=None)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["request_status", "sub_request_status", "sub_request_error_reason", "error_code", "id"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 429, 500]),
)
def test_no_error_and_no_receipt_repeats_what_came_back(secret, where, status):
    part = {"sub_request_status": "ERROR", where: secret, "segment": {where: secret}}
    body = {"request_status": "SUCCESS", "segments": [part], "users": [part], where: secret}
    said = []
    for attempt in (
        lambda response: SNAPCHAT.read([person("a")], place(), response),
        lambda response: SNAPCHAT.create_audience(Canned(response), SPEC),
        lambda response: SNAPCHAT.find_audience(Canned(response, listed()), SPEC),
        SNAPCHAT.read_size,
    ):
        try:
            said.append(repr(attempt(Response(status, {}, body))))
        except SegmentAssetsError as error:
            said += [str(error), repr(error), error.code]
    assert not any(secret in text for text in said)


NAMES = [
    "request_status",
    "sub_request_status",
    "users",
    "user",
    "segments",
    "segment",
    "number_uploaded_users",
    "paging",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.sampled_from(["SUCCESS", "ERROR", "E2001: x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(status=st.integers(200, 599), body=json_values)
def test_an_answer_of_any_form_is_understood_or_raised_as_one_of_our_errors(status, body):
    response = Response(status, {}, body)
    for attempt in (
        lambda: SNAPCHAT.read(PEOPLE, place(), response),
        lambda: SNAPCHAT.find_audience(Canned(response, listed()), SPEC),
        lambda: SNAPCHAT.read_size(response),
    ):
        try:
            answer = attempt()
        except SegmentAssetsError:
            continue
        if hasattr(answer, "accepted"):
            assert answer.accepted + len(answer.rejected) + answer.unproven == len(PEOPLE)


def test_people_leave_an_audience_when_the_audience_says():
    assert CONTRACT.expires_by_audience
