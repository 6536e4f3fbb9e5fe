"""What our Criteo connector sends, and what it makes of every answer.

Agreement with Criteo's own package is in `conformance`, behaviour against a running platform in `test_criteo_road`.
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
    Pattern,
    PermanentError,
    Quota,
    RefusedBatchError,
    Request,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations import connect
from segment_assets.destinations.criteo import CONTRACT
from segment_assets_tests.fakes import digest, marked

ACCOUNT, SEGMENT = "12345", "900123"
CRITEO = connect("criteo", ACCOUNT)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
BASE = "/2026-07/marketing-solutions/audience-segments"
LIST = f"{BASE}/{SEGMENT}/contact-list"
EMAIL, DEVICE, RAMP, PHONE = "email", "mobile_ad_id", "ramp_id", "phone_e164_india"
DEVICES = ["6d92078a-8246-4ba4-ae5b-76104861e7dc", "cdda802e-fb9c-47ad-9866-0794d394c912"]


def lane(key: MatchKey = MatchKey.EMAIL) -> Session:
    return Session(token=7, sequence=1, last=True, members_in_total=3, received_before=4, lane=(key,))


def person(name: str, **keys: bytes | str) -> Member:
    return Member(digest(f"id:{name}"), keys or {EMAIL: digest(f"{EMAIL}:{name}")})


PEOPLE = [person("a"), person("b"), person("c")]


def told(body: object, status: int = 200, **headers: str) -> Response:
    return Response(status, headers, body)


def done(data: object, **more: object) -> Response:
    return told({"data": data, "errors": [], "warnings": [], **more})


def problem(code: object, status: int = 200, data: object = None) -> Response:
    return told({"data": data, "errors": [{"code": code, "title": "words", "detail": "words"}], "warnings": []}, status)


def amended(valid: object, invalid: object, sample: object = ()) -> Response:
    attributes = {"nbValidIdentifiers": valid, "nbInvalidIdentifiers": invalid, "sampleInvalidIdentifiers": sample}
    return done({"type": "ContactlistAmendment", "attributes": attributes})


def segment(number: object = SEGMENT, description: object = f"segment_assets {SPEC.marker}") -> dict:
    return {"id": number, "type": "AudienceSegment", "attributes": {"name": "x", "description": description}}


def page(*segments: object, total: object = None) -> Response:
    return done(list(segments), meta={"totalItems": total})


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        CRITEO.read(PEOPLE, lane(), response)
    return error.value


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.kept]


def test_the_contract_says_what_is_not_in_the_kit():
    assert (CONTRACT.batch_bytes, CONTRACT.minimum_members, CONTRACT.first_party_only) == (10_000_000, 1_000, False)
    assert CONTRACT.pattern is Pattern.MULTI_STEP
    assert CONTRACT.endpoint == "https://api.criteo.com"
    assert [key.value for (key,) in CONTRACT.lanes] == ["email", "mobile_ad_id", "ramp_id", "phone"]


class TestSettings:
    def test_an_app_of_somebody_elses_may_ask_far_less_often(self):
        assert connect("criteo", ACCOUNT, {"grant": "authorization_code"}).contract.quota == Quota(10, 60)
        assert connect("criteo", ACCOUNT, {"grant": "client_credentials"}).contract == CRITEO.contract == CONTRACT

    def test_a_version_is_a_setting(self):
        destination = connect("criteo", ACCOUNT, {"api_version": "2027-01"})
        request = destination.request(SEGMENT, Operation.ADD, PEOPLE, lane())
        assert request.path == f"/2027-01/marketing-solutions/audience-segments/{SEGMENT}/contact-list"

    @pytest.mark.parametrize("setting", [{"api_version": "2026-13"}, {"grant": "password"}, {"list": "x"}])
    def test_a_setting_that_there_is_not_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=next(iter(setting))):
            connect("criteo", ACCOUNT, setting)

    @pytest.mark.parametrize("account", ["lumen", "", "1" * 21])
    def test_an_account_is_a_number(self, account):
        with pytest.raises(PermanentError, match="account"):
            connect("criteo", account)


class TestRequests:
    """One kind of identifier per request; digests of e-mails and phones, the others as they are."""

    def test_a_batch_names_its_kind_its_operation_and_its_identifiers_in_order(self):
        request = CRITEO.request(SEGMENT, Operation.ADD, PEOPLE, lane())
        assert (request.method, request.path) == ("PATCH", LIST)
        attributes = {
            "operation": "add",
            "identifierType": "email",
            "identifiers": [marked(f"{EMAIL}:{name}") for name in "abc"],
        }
        assert request.json == {"data": {"type": "ContactlistAmendment", "attributes": attributes}}

    def test_a_removal_says_so(self):
        request = CRITEO.request(SEGMENT, Operation.REMOVE, PEOPLE, lane())
        assert request.json["data"]["attributes"]["operation"] == "remove"

    @pytest.mark.parametrize(
        ("key", "form", "kind", "value", "sent"),
        [
            (MatchKey.MOBILE_AD_ID, DEVICE, "madid", DEVICES[0], DEVICES[0]),
            (MatchKey.RAMP_ID, RAMP, "identityLink", "XY" + "1" * 47, "XY" + "1" * 47),
            (MatchKey.PHONE, PHONE, "phoneNumber", digest("p"), marked("p")),
        ],
    )
    def test_each_lane_sends_its_own_kind_in_its_own_form(self, key, form, kind, value, sent):
        request = CRITEO.request(SEGMENT, Operation.ADD, [person("a", **{form: value})], lane(key))
        attributes = request.json["data"]["attributes"]
        assert (attributes["identifierType"], attributes["identifiers"]) == (kind, [sent])

    def test_what_two_people_share_goes_once(self):
        shared = [person("a"), person("b"), Member(b"m", PEOPLE[0].keys)]
        attributes = CRITEO.request(SEGMENT, Operation.ADD, shared, lane()).json["data"]["attributes"]
        assert attributes["identifiers"] == [marked(f"{EMAIL}:a"), marked(f"{EMAIL}:b")]

    @pytest.mark.parametrize(
        ("key", "keys"),
        [
            (MatchKey.EMAIL, {EMAIL: "a@example.com"}),
            (MatchKey.EMAIL, {EMAIL: b"short"}),
            (MatchKey.EMAIL, {DEVICE: DEVICES[0]}),
            (MatchKey.MOBILE_AD_ID, {DEVICE: digest("d")}),
            (MatchKey.MOBILE_AD_ID, {DEVICE: ""}),
        ],
    )
    def test_a_value_in_another_form_than_its_lane_has_is_a_defect_and_nothing_is_sent(self, key, keys):
        with pytest.raises(PermanentError, match="report this as a defect") as refusal:
            CRITEO.request(SEGMENT, Operation.ADD, [Member(b"m", keys)], lane(key))
        assert "example.com" not in str(refusal.value)


class TestAudiences:
    """A segment is ours by the marker in its description; names are unique at Criteo, which no second one passes."""

    def test_a_contact_list_is_made_empty(self):
        transport = Canned(done([segment()]))
        assert CRITEO.create_audience(transport, SPEC) == SEGMENT
        (request,) = transport.kept
        assert (request.method, request.path) == ("POST", f"{BASE}/create")
        attributes = {
            "advertiserId": ACCOUNT,
            "name": "crm lapsed 90 days",
            "description": "segment_assets 0123456789abcdef0123456789abcdef",
            "contactList": {},
        }
        assert request.json == {"data": [{"attributes": attributes, "type": "AudienceSegment"}]}

    def test_a_segment_is_found_by_our_marker_on_any_page(self):
        first = [segment(str(n), None) for n in range(100)]
        transport = Canned(page(*first, total=102), page({"id": "7"}, segment()))
        assert CRITEO.find_audience(transport, SPEC) == SEGMENT
        assert transport.calls == [("POST", f"{BASE}/search")] * 2
        assert [dict(request.params) for request in transport.kept] == [
            {"limit": "100", "offset": "0"},
            {"limit": "100", "offset": "100"},
        ]
        wanted = {"advertiserIds": [ACCOUNT], "audienceSegmentTypes": ["ContactList"]}
        assert transport.kept[0].json == {"data": {"type": "AudienceSegment", "attributes": wanted}}

    @pytest.mark.parametrize(
        "answers",
        [
            [page(segment("1", None), total=1)],
            [page(segment("1", None)), page()],
            [page(segment("1", None), total="many"), page()],
            [page(segment("1", None), total=True), page()],
        ],
    )
    def test_the_walk_ends_at_the_total_or_at_an_empty_page(self, answers):
        transport = Canned(*answers)
        assert CRITEO.find_audience(transport, SPEC) is None
        assert transport.answers == []

    def test_a_search_that_repeats_itself_ends(self):
        transport = Canned(*[page(segment("1", None), total=10**9)] * 1_001)
        assert CRITEO.find_audience(transport, SPEC) is None
        assert len(transport.kept) == 1_000

    def test_a_name_that_is_taken_asks_a_person_and_makes_no_second_segment(self):
        with pytest.raises(NeedsHumanError, match="rename") as refusal:
            CRITEO.create_audience(Canned(problem("name-must-be-unique", data=[])), SPEC)
        assert refusal.value.code == "200/name-must-be-unique"

    @pytest.mark.parametrize("data", [[], ["?"], [{}], [segment("x")], [segment(None)]])
    def test_a_creation_without_an_id_is_looked_for_again(self, data):
        with pytest.raises(TransientError, match="looked for again"):
            CRITEO.create_audience(Canned(done(data)), SPEC)

    @pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": {}}])
    def test_an_answer_that_is_no_list_is_asked_again(self, body):
        with pytest.raises(TransientError, match="asked again"):
            CRITEO.find_audience(Canned(told(body)), SPEC)


class TestDeletion:
    """Everybody out first: a segment that an audience holds on to would keep them."""

    def test_a_segment_is_emptied_and_then_deleted(self):
        transport = Canned(done({"id": SEGMENT}), done([{"id": SEGMENT}]))
        CRITEO.delete_audience(transport, SEGMENT)
        assert transport.calls == [("DELETE", LIST), ("POST", f"{BASE}/delete")]
        assert transport.kept[1].json == {"data": [{"id": SEGMENT, "type": "AudienceSegment"}]}

    @pytest.mark.parametrize("code", ["segment-not-found", "audience-invalid", "audience-segment-not-found"])
    def test_one_that_is_gone_meanwhile_counts_as_deleted(self, code):
        CRITEO.delete_audience(Canned(done({"id": SEGMENT}), problem(code, data=[])), SEGMENT)

    def test_one_that_cannot_be_emptied_because_it_is_gone_is_looked_for(self):
        transport = Canned(problem("audience-invalid", 404), page(segment("1"), total=1))
        CRITEO.delete_audience(transport, SEGMENT)
        assert transport.calls == [("DELETE", LIST), ("POST", f"{BASE}/search")]
        wanted = {"audienceSegmentIds": [SEGMENT], "audienceSegmentTypes": ["ContactList"]}
        assert transport.kept[1].json["data"]["attributes"] == wanted

    def test_one_that_is_listed_and_not_to_be_emptied_is_asked_again(self):
        with pytest.raises(TransientError, match="not to be emptied"):
            CRITEO.delete_audience(Canned(told(None, 404), page(segment(int(SEGMENT)))), SEGMENT)

    def test_a_version_that_is_no_more_deletes_nothing_and_says_so(self):
        with pytest.raises(PermanentError, match="api_version"):
            CRITEO.delete_audience(Canned(told(None, 404), told(None, 404)), SEGMENT)

    @pytest.mark.parametrize(
        ("answers", "error"),
        [
            ([told(None, 503)], TransientError),
            ([done({"id": SEGMENT}), told(None, 503)], TransientError),
            ([done({"id": SEGMENT}), problem("authorization-token-invalid", 401)], NeedsHumanError),
            ([done({"id": SEGMENT}), problem("segment-in-use", data=[])], PermanentError),
        ],
    )
    def test_any_other_answer_is_no_deletion(self, answers, error):
        with pytest.raises(error):
            CRITEO.delete_audience(Canned(*answers), SEGMENT)


class TestPeople:
    """Criteo counts valid and invalid identifiers and shows some of the invalid: whose the others are stays unproven."""

    def read(self, response: Response, members=PEOPLE):
        answer = CRITEO.read(members, lane(), response)
        assert answer.accepted + len(answer.rejected) + answer.unproven == answer.received == len(members)
        return answer.accepted, dict(answer.rejected), answer.unproven

    def test_valid_identifiers_are_proven(self):
        assert self.read(amended(3, 0)) == (3, {}, 0)
        answer = CRITEO.read(PEOPLE, lane(), amended(3, 0))
        assert (answer.session_received, answer.code) == (7, "200")

    def test_whoever_is_shown_is_refused_by_name(self):
        assert self.read(amended(2, 1, [marked(f"{EMAIL}:b"), 7])) == (2, {1: "invalid_identifier"}, 0)

    def test_of_the_invalid_who_are_not_shown_nobody_is_proven(self):
        assert self.read(amended(1, 2, [marked(f"{EMAIL}:b")])) == (1, {1: "invalid_identifier"}, 1)
        assert self.read(amended(1, 2, None)) == (1, {}, 2)

    def test_a_sample_that_shows_more_than_are_invalid_refuses_nobody(self):
        assert self.read(amended(3, 0, [marked(f"{EMAIL}:b")])) == (3, {}, 0)

    def test_an_identifier_that_is_in_no_count_leaves_its_people_unproven(self):
        assert self.read(amended(2, 0)) == (2, {}, 1)
        assert self.read(amended(0, 0)) == (0, {}, 3)
        assert self.read(amended(9, 0)) == (3, {}, 0)

    def test_what_two_people_share_is_counted_once_and_costs_both(self):
        shared = [*PEOPLE, Member(b"m", PEOPLE[0].keys)]
        assert self.read(amended(3, 0), shared) == (4, {}, 0)
        assert self.read(amended(2, 1), shared) == (2, {}, 2)
        both = {0: "invalid_identifier", 3: "invalid_identifier"}
        assert self.read(amended(2, 1, [marked(f"{EMAIL}:a")]), shared) == (2, both, 0)

    @pytest.mark.parametrize("counts", [(None, 0), (3, None), ("3", 0), (True, 0), (-1, 0), (3, 10**12)])
    def test_an_answer_without_its_counts_is_asked_again(self, counts):
        assert isinstance(error_of(amended(*counts)), TransientError)

    @pytest.mark.parametrize("body", [None, [], {}, {"data": []}, {"data": {"attributes": []}}])
    def test_a_success_of_another_shape_is_asked_again(self, body):
        assert isinstance(error_of(told(body)), TransientError)

    @settings(max_examples=60)
    @given(
        owners=st.lists(st.integers(0, 4), min_size=1, max_size=8),
        valid=st.integers(0, 10),
        invalid=st.integers(0, 10),
        shown=st.sets(st.integers(0, 6)),
    )
    def test_whatever_the_counts_are_everybody_is_accounted_for(self, owners, valid, invalid, shown):
        members = [Member(bytes([n]), {EMAIL: digest(f"e{owner}")}) for n, owner in enumerate(owners)]
        accepted, rejected, unproven = self.read(amended(valid, invalid, [marked(f"e{n}") for n in shown]), members)
        assert min(accepted, unproven) >= 0
        assert {owners[place] for place in rejected} <= shown


class TestRefusals:
    """The status decides, and under a success the errors beside the data; Criteo's code is kept."""

    @pytest.mark.parametrize("status", [408, 409, 423, 500, 503, 599])
    def test_what_passes_is_transient(self, status):
        error = error_of(problem("service-unavailable", status))
        assert isinstance(error, TransientError)
        assert (error.code, error.retry_after) == (f"{status}/service-unavailable", None)

    def test_a_throttle_waits_for_the_window_unless_criteo_says_how_long(self):
        assert error_of(problem("too-many-requests", 429)).retry_after == 60
        assert error_of(told(None, 429, **{"Retry-After": "7"})).retry_after is None

    @pytest.mark.parametrize(
        ("status", "code", "says"),
        [
            (401, "authorization-token-expired", "15 minutes"),
            (403, "access-not-granted", "consent"),
            (404, "audience-invalid", "on_removal: delete"),
        ],
    )
    def test_what_only_a_person_can_mend_asks_a_person(self, status, code, says):
        error = error_of(problem(code, status))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)
        assert error.code == f"{status}/{code}"
        assert "words" not in str(error)

    @pytest.mark.parametrize("response", [problem("invalid-request", 400), problem("invalid-request")])
    def test_a_refused_batch_may_be_halved_and_a_refused_creation_may_not(self, response):
        assert isinstance(error_of(response), RefusedBatchError)
        with pytest.raises(PermanentError) as refusal:
            CRITEO.create_audience(Canned(response), SPEC)
        assert not isinstance(refusal.value, RefusedBatchError)

    @pytest.mark.parametrize(("status", "says"), [(413, "batch_members"), (405, "must be changed")])
    def test_what_we_have_to_change_is_permanent(self, status, says):
        error = error_of(told(None, status))
        assert isinstance(error, PermanentError)
        assert says in str(error)
        assert error.code == str(status)

    def test_data_under_a_refusal_is_no_success(self):
        assert isinstance(error_of(Response(400, {}, amended(3, 0).json)), RefusedBatchError)

    def test_data_beside_an_error_is_a_success(self):
        response = amended(3, 0)
        response.json["errors"] = [{"code": "something"}]
        assert CRITEO.read(PEOPLE, lane(), response).accepted == 3

    def test_of_several_errors_the_first_is_the_code(self):
        errors = [{"code": "invalid-request"}, {"code": "quota-exceeded"}]
        assert error_of(told({"errors": errors}, 400)).code == "400/invalid-request"

    @pytest.mark.parametrize("code", [None, 7, "Not A Code", "a", "e" * 64])
    def test_a_code_that_is_none_of_criteos_is_not_repeated(self, code):
        assert error_of(problem(code, 400)).code == "400/unknown"


class TestSizes:
    def test_matches_are_asked_for(self):
        request = CRITEO.size_request(SEGMENT)
        assert (request.method, request.path) == ("GET", f"{LIST}/statistics")

    @pytest.mark.parametrize(
        ("matches", "report"),
        [
            (1_000, SizeReport(SizeState.READY, 1_000, 1_000)),
            (999, SizeReport(SizeState.TOO_SMALL, 999, 999)),
            (None, SizeReport(SizeState.UNKNOWN, None, None)),
            ("9", SizeReport(SizeState.UNKNOWN, None, None)),
        ],
    )
    def test_a_list_is_taken_for_ready_from_its_minimum_on(self, matches, report):
        body = done({"attributes": {"numberOfMatches": matches, "numberOfIdentifiers": 5_000}})
        assert CRITEO.read_size(body) == report


@settings(max_examples=40)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["code", "title", "detail", "instance", "traceId"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 429, 500]),
)
def test_nothing_that_criteo_quotes_is_repeated(secret, where, status):
    response = told({"errors": [{"code": "some-code", where: secret}]}, status)
    for read, arguments in ((CRITEO.read, (PEOPLE, lane(), response)), (CRITEO.read_size, (response,))):
        with pytest.raises(SegmentAssetsError) as refusal:
            read(*arguments)
        assert secret not in f"{refusal.value}{refusal.value.code}"
