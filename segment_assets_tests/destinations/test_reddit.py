"""What our Reddit connector sends, and what it makes of every answer that Reddit gives, and of others.

Agreement with Reddit's own description is in `conformance`, behaviour against a running platform in `test_reddit_road`.
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
from segment_assets.destinations.reddit import CONTRACT, RedditCustomAudiences
from segment_assets.identity import NORMAL_FORMS
from segment_assets.identity import digest as digest_of
from segment_assets_tests.fakes import digest, marked

REDDIT = RedditCustomAudiences("a2_abc123")
SPEC = AudienceSpec("vip", "0f" * 16, {})
AGENT = {"User-Agent": "python:segment_assets:v1 (ad account a2_abc123)"}
AUDIENCES = "/api/v3/ad_accounts/a2_abc123/custom_audiences"
OURS = {"id": "ca.2", "name": f"vip {SPEC.marker}", "type": "CUSTOMER_LIST", "status": "PENDING"}


def place(key: MatchKey = MatchKey.EMAIL) -> Session:
    return Session(token=7, sequence=1, last=True, members_in_total=3, received_before=0, lane=(key,))


def person(name: str, key: MatchKey = MatchKey.EMAIL) -> Member:
    return Member(digest(f"id:{name}"), {CONTRACT.match_keys[key].form: digest(name)})


PEOPLE = [person("a"), person("b"), person("c")]
TAKEN = Response(204, {}, None)


def refused(status: int, *fields: object, headers: dict | None = None) -> Response:
    error = {"code": status, "message": "words", **({"fields": list(fields)} if fields else {})}
    return Response(status, headers or {}, {"error": error})


def listed(*audiences: object, link: str | None = None) -> Response:
    return Response(200, {}, {"data": list(audiences), "pagination": {"next_url": link}})


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        REDDIT.read(PEOPLE, place(), response)
    return error.value


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)


class TestRequests:
    """One column a request, a row for each person, and nothing that is raw."""

    @pytest.mark.parametrize(
        ("key", "field"), [(MatchKey.EMAIL, "EMAIL_SHA256"), (MatchKey.MOBILE_AD_ID, "MAID_SHA256")]
    )
    @pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
    def test_a_request_has_the_one_column_of_its_lane(self, key, field, operation):
        request = REDDIT.request("ca.9", operation, [person("a", key), person("b", key)], place(key))
        data = {"action_type": operation.name, "column_order": [field], "user_data": [[marked("a")], [marked("b")]]}
        assert request == Request("PATCH", "/api/v3/custom_audiences/ca.9/users", json={"data": data}, headers=AGENT)

    @pytest.mark.parametrize("value", ["a@example.com", b"short", None])
    def test_what_is_no_digest_is_never_sent(self, value):
        keys = {} if value is None else {"email_alphanumeric": value}
        with pytest.raises(PermanentError, match="nothing was sent") as refusal:
            REDDIT.request("ca.9", Operation.ADD, [person("a"), Member(b"m", keys)], place())
        assert "example.com" not in str(refusal.value)

    def test_a_mobile_ad_id_is_hashed_in_the_case_in_which_it_was_issued(self):
        form = NORMAL_FORMS[CONTRACT.match_keys[MatchKey.MOBILE_AD_ID].form]
        upper, lower = (digest_of(form, one, None).value for one in ("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",) * 2)
        assert upper == lower
        # SHA-256 of the id in capitals, as an IDFA is issued; Segment's connector sends the same.
        assert upper.hex() == "52f550005ee2ec666cbba396bfec43f4d28faa97a49ba4b8be85f09c553d8f18"

    def test_a_full_batch_is_below_the_limit_in_bytes(self):
        many = [person(str(n)) for n in range(CONTRACT.batch_members)]
        body = REDDIT.request("ca.9", Operation.REMOVE, many, place()).body()
        assert len(body) < CONTRACT.batch_bytes == 500_000

    def test_every_kind_is_a_lane_of_its_own(self):
        assert CONTRACT.lanes == ((MatchKey.EMAIL,), (MatchKey.MOBILE_AD_ID,))

    @pytest.mark.parametrize("account", ["", "a2_", "A2_ABC", f"a2_{'1' * 33}", "1" * 21, "a2_../me"])
    def test_an_account_is_an_id_of_an_ad_account(self, account):
        with pytest.raises(PermanentError, match="correct it in the plan"):
            RedditCustomAudiences(account)

    def test_a_preview_needs_no_account(self):
        assert connect("reddit", PLACEHOLDER_ACCOUNT).account == PLACEHOLDER_ACCOUNT

    def test_the_plan_may_name_who_calls(self):
        destination = connect("reddit", "a2_abc123", {"user_agent": "linux:com.example:1.0 (by /u/team)"})
        assert destination.size_request("ca.9").headers == {"User-Agent": "linux:com.example:1.0 (by /u/team)"}
        assert connect("reddit", "a2_abc123").size_request("ca.9").headers == AGENT

    @pytest.mark.parametrize("agent", [" ", "a\nb", "ä", "a" * 257])
    def test_a_name_that_no_header_can_hold_is_refused(self, agent):
        with pytest.raises(PermanentError, match="user_agent"):
            connect("reddit", "a2_abc123", {"user_agent": agent})
        with pytest.raises(PermanentError, match=r"^reddit: no setting"):
            connect("reddit", "a2_abc123", {"agent": "x"})

    def test_a_name_may_have_256_characters(self):
        assert connect("reddit", "a2_abc123", {"user_agent": "a" * 256}).user_agent == "a" * 256


class TestAudiences:
    """Made once, found by our marker at the end of the name on whatever page it stands."""

    def test_an_audience_is_made_with_our_marker_behind_a_name_that_fits(self):
        transport = Canned(Response(200, {}, {"data": OURS}))
        assert REDDIT.create_audience(transport, AudienceSpec("n" * 600, SPEC.marker, {})) == "ca.2"
        data = {"name": f"{'n' * 467} {SPEC.marker}", "type": "CUSTOMER_LIST"}
        assert transport.kept == [Request("POST", AUDIENCES, json={"data": data}, headers=AGENT)]
        assert len(data["name"]) == 500

    def test_an_audience_is_found_by_the_marker_alone(self):
        other = {**OURS, "id": "ca.1", "name": "vip"}
        assert REDDIT.find_audience(Canned(listed(other, {"id": "ca.3"}, OURS)), SPEC) == "ca.2"
        assert REDDIT.find_audience(Canned(listed(other, {**OURS, "name": f"{SPEC.marker} vip"})), SPEC) is None

    @pytest.mark.parametrize("change", [{"status": "DELETED"}, {"type": "LOOKALIKE"}])
    def test_one_that_is_deleted_or_of_another_kind_is_not_taken_for_ours(self, change):
        assert REDDIT.find_audience(Canned(listed({**OURS, **change})), SPEC) is None

    def test_the_next_page_is_asked_for_as_reddit_says_but_never_at_another_host(self):
        link = "https://elsewhere.example/api/v3/other?page.token=abc%3D&page.size=2000"
        transport = Canned(listed({"id": "ca.1"}, link=link), listed(OURS))
        assert REDDIT.find_audience(transport, SPEC) == "ca.2"
        assert transport.kept == [
            Request("GET", AUDIENCES, params={"page.size": "2000"}, headers=AGENT),
            Request("GET", AUDIENCES, params={"page.token": "abc=", "page.size": "2000"}, headers=AGENT),
        ]

    def test_a_list_that_goes_round_in_circles_is_not_taken_for_one_without_our_audience(self):
        link = "https://ads-api.reddit.com/api/v3/x?page.token=2"
        with pytest.raises(TransientError, match="does not come to an end"):
            REDDIT.find_audience(Canned(*[listed(link=link)] * 3), SPEC)

    def test_a_list_without_its_data_is_not_taken_for_an_empty_one(self):
        with pytest.raises(TransientError, match="without its data"):
            REDDIT.find_audience(Canned(Response(200, {}, {"pagination": {}})), SPEC)

    @pytest.mark.parametrize(
        "told", [{}, {"id": 7}, {"id": "ca."}, {"id": "../x"}, {"id": f"ca.{'1' * 38}"}, {"id": ""}]
    )
    def test_a_creation_without_an_id_is_looked_for_again(self, told):
        for body in ({"data": told}, {"data": [told]}):
            with pytest.raises(TransientError, match="looked for again"):
                REDDIT.create_audience(Canned(Response(200, {}, body)), SPEC)

    def test_an_id_may_have_forty_characters(self):
        longest = f"ca.{'1' * 37}"
        assert REDDIT.create_audience(Canned(Response(200, {}, {"data": {"id": longest}})), SPEC) == longest

    def test_an_audience_that_is_gone_counts_as_deleted_and_one_that_reddit_keeps_does_not(self):
        transport = Canned(TAKEN, refused(404))
        for _ in range(2):
            REDDIT.delete_audience(transport, "ca.9")
        assert transport.kept == [Request("DELETE", "/api/v3/custom_audiences/ca.9", headers=AGENT)] * 2
        with pytest.raises(NeedsHumanError):
            REDDIT.delete_audience(Canned(refused(403)), "ca.9")


class TestPeople:
    """An empty answer proves nobody."""

    @pytest.mark.parametrize("response", [TAKEN, Response(200, {}, {"data": {}})])
    def test_nobody_is_proven_by_an_answer_that_says_nothing(self, response):
        answer = REDDIT.read(PEOPLE, place(), response)
        assert (answer.received, answer.accepted, answer.unproven, answer.rejected) == (3, 0, 3, {})
        assert (answer.session_received, answer.code) == (3, str(response.status))

    @pytest.mark.parametrize("body", [None, [], "busy", {"error": {"message": "later"}}])
    def test_an_answer_that_is_not_reddits_is_asked_for_again(self, body):
        error = error_of(Response(200, {}, body))
        assert isinstance(error, TransientError)
        assert error.retry_after is None


class TestRefusals:
    """What passes is waited for, what a person can mend asks a person, and each names the next action."""

    @pytest.mark.parametrize(
        ("told", "wait"),
        [
            ('"burst";r=0;t=42', 42.0),
            ('"a";r=0;t=7, "b";r=0;t=300', 300.0),
            ('"a";r=0;t=7, "b";r=3;t=300', 7.0),
            ('"a";t=5', 5.0),
            ('"a"; r = 0 ; t = 6', 6.0),
            ('"a";r=0;t=1.5', None),
            ('"a";r=0', None),
            ('"a";r=10;t=9', None),
            ("soon", None),
            ("", None),
        ],
    )
    def test_a_throttle_is_waited_out_for_as_long_as_the_spent_budgets_say(self, told, wait):
        error = error_of(refused(429, headers={"ratelimit": told}))
        assert isinstance(error, TransientError)
        assert error.retry_after == wait

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
    def test_what_passes_is_transient(self, status):
        error = error_of(refused(status))
        assert isinstance(error, TransientError)
        assert error.code == str(status)

    @pytest.mark.parametrize(("status", "says"), [(401, "refresh token"), (403, "adsedit"), (404, "on_removal")])
    def test_what_only_a_person_can_mend_asks_a_person(self, status, says):
        error = error_of(refused(status))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)

    @pytest.mark.parametrize(("status", "says"), [(413, "batch_members"), (410, "version"), (405, "must be changed")])
    def test_what_we_have_to_mend_is_permanent(self, status, says):
        error = error_of(refused(status))
        assert isinstance(error, PermanentError)
        assert says in str(error)

    def test_a_refused_batch_may_be_halved_and_a_refused_creation_may_not(self):
        for response in (refused(400), Response(400, {}, {}), Response(400, {}, None)):
            assert isinstance(error_of(response), RefusedBatchError)
        with pytest.raises(PermanentError) as refusal:
            REDDIT.create_audience(Canned(refused(400)), SPEC)
        assert not isinstance(refusal.value, RefusedBatchError)

    @pytest.mark.parametrize(
        "field", ["data", "data.name", "data.type", "data.action_type", "data.column_order", "data.user_data"]
    )
    def test_the_field_that_reddit_names_is_kept_with_the_code(self, field):
        assert error_of(refused(400, {"field": field, "message": "words"})).code == f"400/{field}"

    @pytest.mark.parametrize("fields", [[{"field": "a@x.example"}], [None], [{"field": 7}], [{}], ["data"]])
    def test_what_is_no_field_of_ours_is_not_repeated(self, fields):
        assert error_of(refused(400, *fields)).code == "400"

    def test_the_first_field_is_enough(self):
        fields = [{"field": "x"}, {"field": "data.user_data"}, {"field": "data.name"}]
        assert error_of(refused(400, *fields)).code == "400/data.user_data"


class TestSizes:
    """A range, and a word of which one alone means ready (the others are in `conformance`)."""

    def test_an_audience_is_as_large_as_the_range_that_reddit_shows(self):
        assert isinstance(REDDIT, TellsSize)
        assert REDDIT.size_request("ca.9") == Request("GET", "/api/v3/custom_audiences/ca.9", headers=AGENT)
        told = {"status": "VALID", "size_range_lower": 1000, "size_range_upper": 1500}
        assert REDDIT.read_size(Response(200, {}, {"data": told})) == SizeReport(SizeState.READY, 1000, 1500, "VALID")

    @pytest.mark.parametrize(
        ("lower", "upper", "known"),
        [
            (0, 0, True),
            (5, 5, True),
            (6, 5, False),
            (-1, 5, False),
            (None, 5, False),
            (5, 10**12, False),
            (True, 5, False),
        ],
    )
    def test_what_is_no_range_is_no_size(self, lower, upper, known):
        told = {"status": "VALID", "size_range_lower": lower, "size_range_upper": upper}
        report = REDDIT.read_size(Response(200, {}, {"data": told}))
        assert (report.lower, report.upper) == ((lower, upper) if known else (None, None))

    @pytest.mark.parametrize("status", ["a@x.example", ["VALID"], None, "valid"])
    def test_what_is_no_word_of_reddit_is_neither_repeated_nor_ready(self, status):
        report = REDDIT.read_size(Response(200, {}, {"data": {"status": status}}))
        assert (report.state, report.said) == (SizeState.UNKNOWN, "")


@settings(max_examples=60, deadline=None)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["message", "code", "fields", "field", "id", "status", "name"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 410, 429, 500]),
)
def test_no_error_and_no_receipt_repeats_what_came_back(secret, where, status):
    thing = {where: secret, "fields": [{"field": secret}]}
    body = {"data": thing, where: secret} | ({"error": thing} if status >= 400 else {})
    said = []
    for attempt in (
        lambda response: REDDIT.read([person("a")], place(), response),
        lambda response: REDDIT.create_audience(Canned(response), SPEC),
        lambda response: REDDIT.find_audience(Canned(response), SPEC),
        REDDIT.read_size,
    ):
        try:
            said.append(repr(attempt(Response(status, {"RateLimit": secret}, body))))
        except SegmentAssetsError as error:
            said += [str(error), repr(error), error.code]
    assert not any(secret in text for text in said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "error", "fields", "field", "pagination", "next_url", "status"]), inner
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(status=st.integers(200, 599), body=json_values, told=st.text('r=t;0123 ,"a', max_size=12))
def test_an_answer_of_any_form_is_understood_or_raised_as_one_of_our_errors(status, body, told):
    response = Response(status, {"RateLimit": told}, body)
    for attempt in (
        lambda: REDDIT.read(PEOPLE, place(), response),
        lambda: REDDIT.find_audience(Canned(response, listed()), SPEC),
        lambda: REDDIT.read_size(response),
    ):
        try:
            answer = attempt()
        except SegmentAssetsError:
            continue
        if hasattr(answer, "accepted"):
            assert answer.accepted + len(answer.rejected) + answer.unproven == len(PEOPLE)


def test_e_mails_go_in_the_form_of_reddits_page_and_the_pace_keeps_both_of_its_limits():
    """3,000 requests in 900 seconds and 500 in 60: 200 a minute are exactly the first."""
    assert CONTRACT.match_keys[MatchKey.EMAIL].form == "email_alphanumeric"
    assert (CONTRACT.quota.requests, CONTRACT.quota.per_seconds) == (200, 60)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("PENDING", SizeState.UPDATING),
        ("NOT_ENOUGH_MATCHES_ERROR", SizeState.TOO_SMALL),
        ("EXPIRED", SizeState.CLOSED),
        ("DELETED", SizeState.CLOSED),
        ("SUCCESSFUL", SizeState.UNKNOWN),
    ],
)
def test_states_of_an_audience_are_reddits(said, state):
    assert REDDIT.read_size(Response(200, {}, {"data": {"status": said}})).state is state
