"""What our Meta connector makes of every answer that Meta documents, and of those that it does not.

Agreement with Meta's own SDK is in `conformance`, behaviour against a running platform in `faults`.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
    Member,
    NeedsHumanError,
    PermanentError,
    Request,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.destinations.meta import MetaCustomAudiences
from segment_assets_tests.fakes import digest, marked

META = MetaCustomAudiences("1001")
USAGE = "X-Business-Use-Case-Usage"
SPEC = AudienceSpec("name", "marker-of-ours", {"customer_file_source": "USER_PROVIDED_ONLY"})


def person(name: str, **more: bytes | str) -> Member:
    return Member(digest(f"id:{name}"), {"email": digest(name), "country": digest("us"), **more})


def people(number: int) -> list[Member]:
    return [person(f"p{place}") for place in range(number)]


def place(received_before: int = 0, sequence: int = 1) -> Session:
    return Session(token=7, sequence=sequence, last=False, members_in_total=1_000, received_before=received_before)


def told(received: object, invalid: object = 0, samples: object = None, headers: dict | None = None) -> Response:
    body = {
        "audience_id": "2385",
        "session_id": "7",
        "num_received": received,
        "num_invalid_entries": invalid,
        "invalid_entry_samples": {} if samples is None else samples,
    }
    return Response(200, headers or {}, body)


def refused(
    code: object, subcode: object = None, status: int = 400, headers: dict | None = None, **more: object
) -> Response:
    error = {"message": "words", "type": "OAuthException", "code": code, "error_subcode": subcode, **more}
    return Response(status, headers or {}, {"error": error})


def usage(percent: float = 0, minutes: float = 0, **more: float) -> dict[str, str]:
    budget = {"type": "custom_audience", "call_count": percent, "total_cputime": 0, "total_time": 0, **more}
    return {USAGE: json.dumps({"1001": [{**budget, "estimated_time_to_regain_access": minutes}]})}


def read(response: Response, members: list[Member] | None = None, at: Session | None = None):
    return META.read(members or people(3), at or place(), response)


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        read(response)
    return error.value


class TestCounts:
    """200 alone proves nothing: what counts is in the body."""

    def test_everybody_received_and_nobody_invalid_is_accepted(self):
        answer = read(told(3))
        assert (answer.received, answer.accepted, answer.unproven, dict(answer.rejected)) == (3, 3, 0, {})
        assert answer.session_received == 3

    def test_the_count_of_received_people_runs_over_the_session(self):
        answer = read(told(13), at=place(received_before=10, sequence=2))
        assert (answer.received, answer.accepted, answer.session_received) == (3, 3, 13)

    def test_a_repeated_batch_that_the_platform_counts_twice_is_not_more_people_than_were_sent(self):
        answer = read(told(16), at=place(received_before=10, sequence=2))
        assert (answer.received, answer.accepted, answer.session_received) == (3, 3, 16)

    def test_a_repeated_batch_that_the_platform_counts_once_is_received(self):
        assert read(told(13), at=place(received_before=10, sequence=2)).accepted == 3

    def test_people_whom_the_platform_did_not_count_are_unproven(self):
        answer = read(told(12), at=place(received_before=10, sequence=2))
        assert (answer.received, answer.accepted, answer.unproven) == (2, 2, 1)

    @pytest.mark.parametrize("before", [0, 10])
    def test_a_batch_that_the_platform_dropped_is_not_taken_for_delivered(self, before):
        with pytest.raises(TransientError, match="session has ended"):
            read(told(before), at=place(received_before=before, sequence=2))

    def test_numbers_as_text_are_read_as_the_guide_shows_ids(self):
        assert read(told("3", "0")).accepted == 3

    @given(st.integers(0, 2**39), st.integers(0, 2**39), st.integers(0, 2**39), st.integers(1, 20), st.booleans())
    def test_whatever_the_counts_every_person_is_accepted_rejected_or_unproven(
        self, running, before, invalid, size, named
    ):
        assume(running != before)
        members = people(size)
        samples = [marked("p0")] if named else {}
        answer = read(told(running, invalid, samples), members, place(received_before=before))
        assert answer.accepted + len(answer.rejected) + answer.unproven == size
        assert min(answer.accepted, answer.unproven, answer.received) >= 0
        assert answer.accepted <= answer.received


class TestSamples:
    """People are refused by name only where a sample shows a key that is theirs alone."""

    BOB = marked("p1")

    @pytest.mark.parametrize(
        "samples",
        [
            {"0": BOB},
            {BOB: "bad hash"},
            [BOB],
            [[BOB, "", marked("us")]],
            {"1": json.dumps([BOB, marked("us")])},
            {"EMAIL": [BOB]},
        ],
        ids=["map", "map by value", "list", "rows", "rows as text", "by key"],
    )
    def test_a_sample_names_its_person_in_every_form_in_which_meta_sends_it(self, samples):
        answer = read(told(3, 1, samples))
        assert dict(answer.rejected) == {1: "invalid_entry"}
        assert (answer.accepted, answer.unproven) == (2, 0)

    def test_a_sample_of_a_mobile_ad_id_names_its_person(self):
        members = [person("a"), person("b", mobile_ad_id="aece52e7-03ee-455a-b3c4-e57283966239")]
        answer = read(told(2, 1, ["aece52e7-03ee-455a-b3c4-e57283966239"]), members)
        assert set(answer.rejected) == {1}

    @pytest.mark.parametrize("samples", [{}, [], None, {"0": "something else"}, 7])
    def test_invalid_entries_without_a_usable_sample_are_unproven(self, samples):
        response = told(3, 2)
        response.json["invalid_entry_samples"] = samples
        answer = read(response)
        assert (answer.accepted, dict(answer.rejected), answer.unproven) == (1, {}, 2)

    def test_a_missing_field_for_samples_is_no_sample(self):
        response = told(3, 1)
        del response.json["invalid_entry_samples"]
        assert read(response).unproven == 1

    def test_more_invalid_entries_than_samples_leave_the_rest_unproven(self):
        answer = read(told(3, 2, [self.BOB]))
        assert (set(answer.rejected), answer.accepted, answer.unproven) == ({1}, 1, 1)

    def test_a_shared_country_in_a_sample_refuses_nobody_by_name(self):
        answer = read(told(3, 1, [marked("us")]))
        assert (dict(answer.rejected), answer.unproven) == ({}, 1)

    def test_an_address_that_two_people_share_refuses_neither_by_name(self):
        members = [person("a"), Member(digest("other"), {"email": digest("a")}), person("c")]
        answer = read(told(3, 1, [marked("a")]), members)
        assert (dict(answer.rejected), answer.unproven) == ({}, 1)

    def test_samples_beside_no_invalid_entry_refuse_nobody(self):
        assert dict(read(told(3, 0, [self.BOB])).rejected) == {}


class TestRefusals:
    """Meta decides by code. A throttle is waited out, a person is asked where only a person can help."""

    @pytest.mark.parametrize("status", [400, 403, 429, 503])
    def test_a_throttle_is_transient_whatever_its_status_and_asks_for_the_headers_minutes(self, status):
        error = error_of(refused(80003, 2446079, status, usage(101, minutes=5)))
        assert isinstance(error, TransientError)
        assert error.retry_after == 300.0

    def test_a_throttle_without_the_header_leaves_the_wait_to_the_courier(self):
        error = error_of(refused(4))
        assert isinstance(error, TransientError)
        assert error.retry_after is None

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    @pytest.mark.parametrize("body", [None, {"error": {"code": 2}}, {"error": {"code": 100}}, {}, []])
    def test_trouble_of_the_service_is_transient_with_and_without_a_readable_body(self, status, body):
        assert isinstance(error_of(Response(status, {}, body)), TransientError)

    @pytest.mark.parametrize(
        ("code", "subcode", "says"),
        [
            (190, 463, "renew the token"),
            (190, None, "renew the token"),
            (102, None, "renew the token"),
            (200, 1870090, "Business Manager"),
            (10, None, "Business Manager"),
            (100, 33, "Business Manager"),
            (100, 1713230, "flagged"),
        ],
    )
    def test_what_only_a_person_can_mend_asks_a_person_for_the_next_action(self, code, subcode, says):
        error = error_of(refused(code, subcode, 401 if code == 190 else 400))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)
        assert "1001" in str(error)

    def test_a_retired_version_is_permanent_and_names_the_setting(self):
        error = error_of(refused(2635))
        assert isinstance(error, PermanentError)
        assert "api_version" in str(error)

    @pytest.mark.parametrize("code", [100, 105, 194, 1713098, 424242, 0, None, "x"])
    def test_a_refused_request_and_an_unknown_code_are_permanent(self, code):
        assert isinstance(error_of(refused(code)), PermanentError)

    def test_an_unknown_code_that_meta_calls_transient_is_transient(self):
        assert isinstance(error_of(refused(424242, is_transient=True)), TransientError)

    @pytest.mark.parametrize("status", [413, 414])
    def test_a_request_that_a_web_server_finds_too_large_is_not_asked_again(self, status):
        error = error_of(Response(status, {}, None))
        assert isinstance(error, PermanentError)
        assert "batch_members" in str(error)

    @pytest.mark.parametrize("body", [None, [], "ok", 3, {}, {"success": True}, {"num_received": 3}])
    def test_a_200_that_proves_nothing_is_asked_again(self, body):
        assert isinstance(error_of(Response(200, {}, body)), TransientError)

    @pytest.mark.parametrize("count", [None, "many", -1, 1.5, True, [], "1" * 5_000])
    def test_a_count_that_is_no_count_is_asked_again(self, count):
        assert isinstance(error_of(told(count)), TransientError)


class TestUsage:
    """The usage header slows us down above 80 per cent, and stops us for the minutes that it names."""

    @pytest.mark.parametrize(("percent", "pause"), [(0, 0), (79, 0), (80, 0), (81, 1), (95, 15)])
    def test_above_eighty_per_cent_of_a_budget_the_next_call_waits(self, percent, pause):
        assert read(told(3, headers=usage(percent))).pause == pause

    @pytest.mark.parametrize("which", ["call_count", "total_cputime", "total_time"])
    def test_the_busiest_of_the_three_budgets_decides(self, which):
        assert read(told(3, headers=usage(**{which: 90}))).pause == 10

    def test_the_minutes_until_access_are_waited_in_seconds(self):
        assert read(told(3, headers=usage(100, minutes=2))).pause == 120

    def test_the_worst_of_several_accounts_decides(self):
        header = json.dumps({"1": [{"call_count": 20}, {"call_count": 84}], "2": [{"call_count": 90}]})
        assert read(told(3, headers={USAGE.lower(): header})).pause == 10

    def test_no_header_is_no_pause(self):
        assert read(told(3)).pause == 0

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["a", "call_count", "estimated_time_to_regain_access"]), inner)
            ),
        )
    )
    def test_a_header_of_any_other_form_is_no_reason_to_fail(self, value):
        answer = read(told(3, headers={USAGE: json.dumps(value)}))
        assert answer.accepted == 3
        assert answer.pause >= 0

    @given(st.text())
    def test_a_header_that_is_not_json_is_no_reason_to_fail(self, text):
        assert read(told(3, headers={USAGE: text})).accepted == 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["code", "error_subcode", "message", "num_received", "num_invalid_entries", "error", "id"]),
    status=st.sampled_from([200, 400, 401, 403, 429, 500]),
    code=st.sampled_from([1, 10, 100, 190, 200, 2635, 80003, 99]),
    header=st.booleans(),
)
def test_no_error_repeats_what_was_sent_or_what_came_back(secret, where, status, code, header):
    """Whatever field an identifier or a token comes back in: codes may be repeated, nothing else."""
    body: dict = {"num_received": 1, "num_invalid_entries": 0, "invalid_entry_samples": [secret]}
    if status != 200 or where in {"code", "error_subcode", "message", "error"}:
        body["error"] = secret if where == "error" else {"code": code, "error_data": secret, "is_transient": secret}
    if where in {"code", "error_subcode", "message"}:
        body["error"][where] = secret
    else:
        body[where] = secret
    headers = {USAGE: secret} if header else {}
    said = []
    for attempt in (
        lambda response: META.read([Member(b"m", {"email": bytes.fromhex(secret)})], place(), response),
        lambda response: META.create_audience(Canned([response, response]), SPEC),
        lambda response: META.find_audience(Canned([response]), SPEC),
    ):
        try:
            said.append(repr(attempt(Response(status, headers, body))) if where != "id" else "")
        except SegmentAssetsError as error:
            said += [str(error), repr(error), str(error.__cause__)]
    assert not any(secret in text for text in said)


@given(status=st.integers(200, 599), body=json_values, members=st.integers(1, 3))
def test_an_answer_of_any_form_is_understood_or_raised_as_one_of_our_errors(status, body, members):
    try:
        answer = read(Response(status, {}, body), people(members))
    except SegmentAssetsError:
        return
    assert answer.accepted + len(answer.rejected) + answer.unproven == members


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, answers: list[Response]) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)
