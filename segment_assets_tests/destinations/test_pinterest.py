"""What our Pinterest connector sends, and what it makes of every answer.

Agreement with Pinterest's own package and description is in `conformance`, behaviour against a running platform in
`test_pinterest_road`.
"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
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
from segment_assets.destinations.pinterest import CONTRACT
from segment_assets_tests.fakes import digest, marked

ACCOUNT, LIST, AUDIENCE = "549756359984", "643", "2542620639259"
PINTEREST, BY_HAND = connect("pinterest", ACCOUNT), connect("pinterest", ACCOUNT, {"audience": "by_hand"})
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
NAME = "crm lapsed 90 days 0123456789abcdef"
PLACE = Session(token=7, sequence=1, last=True, members_in_total=3, received_before=4)
EMAIL, DEVICE = "email", "mobile_ad_id_as_issued"
LISTS, AUDIENCES = f"/v5/ad_accounts/{ACCOUNT}/customer_lists", f"/v5/ad_accounts/{ACCOUNT}/audiences"


def person(name: str, *forms: str) -> Member:
    return Member(digest(f"id:{name}"), {form: digest(f"{form}:{name}") for form in forms or (EMAIL,)})


PEOPLE = [person("a"), person("b"), person("c")]


def told(body: object, status: int = 200, **headers: str) -> Response:
    return Response(status, headers, body)


def page(*items: object, bookmark: str | None = None) -> Response:
    return told({"items": list(items), "bookmark": bookmark})


def made_of(list_id: str, number: str = AUDIENCE) -> dict:
    return {"id": number, "name": "x", "rule": {"customer_list_id": list_id}}


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        PINTEREST.read(PEOPLE, PLACE, response)
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


def test_the_numbers_that_pinterest_does_not_publish_are_below_what_others_send():
    assert (CONTRACT.batch_members, CONTRACT.batch_bytes) == (5_000, 1_000_000)
    assert (CONTRACT.quota, CONTRACT.first_party_only) == (Quota(300, 60, per_day=1_000), False)
    assert CONTRACT.pattern is Pattern.SINGLE_STEP
    assert CONTRACT.endpoint == "https://api.pinterest.com"
    assert [sent.field for sent in CONTRACT.match_keys.values()] == ["EMAIL", "MAID"]


class TestRequests:
    """One text of digests with commas between them; a person has up to two."""

    def test_all_digests_of_a_batch_are_in_one_text_in_the_order_of_the_people(self):
        members = [person("a", EMAIL, DEVICE), person("b", DEVICE), person("c")]
        request = PINTEREST.request(f"{LIST}/{AUDIENCE}", Operation.ADD, members, PLACE)
        assert (request.method, request.path) == ("PATCH", f"{LISTS}/{LIST}")
        records = [f"{EMAIL}:a", f"{DEVICE}:a", f"{DEVICE}:b", f"{EMAIL}:c"]
        assert request.json == {"operation_type": "ADD", "records": ",".join(map(marked, records))}

    def test_a_removal_says_so_also_of_a_list_without_an_audience(self):
        request = PINTEREST.request(LIST, Operation.REMOVE, PEOPLE, PLACE)
        assert (request.path, request.json["operation_type"]) == (f"{LISTS}/{LIST}", "REMOVE")

    def test_a_full_batch_of_both_keys_stays_below_the_bytes_that_others_send(self):
        members = [person(str(n), EMAIL, DEVICE) for n in range(CONTRACT.batch_members)]
        body = PINTEREST.request(LIST, Operation.ADD, members, PLACE).body()
        assert len(body) <= CONTRACT.batch_bytes

    @pytest.mark.parametrize(
        "keys", [{EMAIL: "a@example.com"}, {EMAIL: b"short"}, {}, {EMAIL: digest("a"), DEVICE: "x"}]
    )
    def test_a_raw_value_and_a_person_without_any_digest_are_defects_and_nothing_is_sent(self, keys):
        with pytest.raises(PermanentError, match="report this as a defect") as refusal:
            PINTEREST.request(LIST, Operation.ADD, [Member(b"m", keys)], PLACE)
        assert "example.com" not in str(refusal.value)

    def test_the_access_of_the_app_decides_whether_a_day_is_counted(self):
        assert PINTEREST.contract.quota == Quota(300, 60, per_day=1_000)
        assert connect("pinterest", ACCOUNT, {"access": "trial"}) == PINTEREST
        assert connect("pinterest", ACCOUNT, {"access": "standard"}).contract.quota == Quota(300, 60)

    @pytest.mark.parametrize("setting", [{"audience": "later"}, {"list_type": "MAID"}, {"access": "full"}])
    def test_a_setting_that_there_is_not_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=next(iter(setting))):
            connect("pinterest", ACCOUNT, setting)

    @pytest.mark.parametrize("account", ["lumen", "1" * 19, ""])
    def test_an_account_is_a_number_of_18_digits_at_most(self, account):
        with pytest.raises(PermanentError, match="not a number"):
            connect("pinterest", account)


class TestAudiences:
    """Names may repeat on Pinterest, so ours end with our marker."""

    def test_a_list_is_made_with_a_digest_that_is_nobodys_and_an_audience_of_it(self):
        transport = Canned(told({"id": LIST}), told({"id": AUDIENCE}))
        assert PINTEREST.create_audience(transport, SPEC) == f"{LIST}/{AUDIENCE}"
        assert transport.calls == [("POST", LISTS), ("POST", AUDIENCES)]
        nobody = hashlib.sha256(b"segment_assets 0123456789abcdef0123456789abcdef").hexdigest()
        assert transport.kept[0].json == {"name": NAME, "list_type": "EMAIL", "records": nobody}
        assert transport.kept[1].json == {
            "audience_type": "CUSTOMER_LIST",
            "name": NAME,
            "description": "segment_assets 0123456789abcdef0123456789abcdef",
            "rule": {"customer_list_id": LIST},
        }

    def test_where_pinterest_makes_no_audience_of_so_few_people_the_list_is_there_all_the_same(self):
        refused = told({"code": 1, "message": "Audience size is too small."}, 400)
        assert PINTEREST.create_audience(Canned(told({"id": LIST}), refused), SPEC) == LIST

    @pytest.mark.parametrize(("status", "error"), [(403, NeedsHumanError), (503, TransientError)])
    def test_any_other_refusal_of_an_audience_is_one(self, status, error):
        with pytest.raises(error):
            PINTEREST.create_audience(Canned(told({"id": LIST}), told({"code": 29}, status)), SPEC)

    def test_the_default_by_its_name_is_the_default(self):
        assert connect("pinterest", ACCOUNT, {"audience": "attempt"}) == PINTEREST != BY_HAND

    def test_where_audiences_are_made_by_hand_none_is_asked_for(self):
        transport = Canned(told({"id": LIST}))
        assert BY_HAND.create_audience(transport, SPEC) == LIST
        assert transport.calls == [("POST", LISTS)]

    def test_a_list_is_found_by_our_marker_on_any_page_with_the_audience_that_is_made_of_it(self):
        other, ours = {"id": "642", "name": SPEC.name}, {"id": LIST, "name": NAME}
        audiences = page({"id": "1"}, {"id": "2", "rule": None}, made_of("642", "3"), made_of(LIST))
        transport = Canned(page(other, "?", bookmark="next"), page(ours), audiences)
        assert PINTEREST.find_audience(transport, SPEC) == f"{LIST}/{AUDIENCE}"
        assert transport.calls == [("GET", LISTS), ("GET", LISTS), ("GET", AUDIENCES)]
        assert dict(transport.kept[0].params) == {"page_size": "250", "order": "DESCENDING"}
        assert dict(transport.kept[1].params) == {"page_size": "250", "order": "DESCENDING", "bookmark": "next"}

    def test_a_list_of_an_interrupted_creation_gets_the_audience_that_it_lacks(self):
        ours = page({"id": LIST, "name": NAME})
        transport = Canned(ours, page(made_of("642")), told({"id": AUDIENCE}))
        assert PINTEREST.find_audience(transport, SPEC) == f"{LIST}/{AUDIENCE}"
        assert transport.calls[-1] == ("POST", AUDIENCES)

    def test_a_list_of_the_same_name_without_our_marker_is_not_ours(self):
        transport = Canned(page({"id": LIST, "name": SPEC.name}, {"id": "644"}))
        assert PINTEREST.find_audience(transport, SPEC) is None

    def test_a_bookmark_that_leads_back_ends(self):
        transport = Canned(*[page(bookmark="again")] * 1_001)
        assert PINTEREST.find_audience(transport, SPEC) is None
        assert len(transport.kept) == 1_000

    @pytest.mark.parametrize("body", [{}, {"id": 643}, {"id": "x"}, {"id": "1" * 19}])
    def test_a_creation_without_an_id_is_looked_for_again(self, body):
        with pytest.raises(TransientError, match="looked for again"):
            PINTEREST.create_audience(Canned(told(body)), SPEC)

    @pytest.mark.parametrize("body", [{}, {"items": None}, {"items": {}}])
    def test_a_collection_without_items_is_asked_again(self, body):
        with pytest.raises(TransientError, match="asked again"):
            PINTEREST.find_audience(Canned(told(body)), SPEC)


class TestDeletion:
    """Pinterest removes audiences; whether the list goes along is asked, not assumed."""

    GONE = told({"code": 50, "message": "not found"}, 404)

    def test_every_audience_of_the_list_is_removed_also_one_that_a_person_made(self):
        answers = [page(made_of(LIST, "9"), made_of("642", "8"), made_of(LIST)), told({}), told({}), self.GONE]
        transport = Canned(*answers)
        PINTEREST.delete_audience(transport, f"{LIST}/{AUDIENCE}")
        removals = [("PATCH", f"{AUDIENCES}/{AUDIENCE}"), ("PATCH", f"{AUDIENCES}/9")]
        assert transport.calls == [("GET", AUDIENCES), *removals, ("GET", f"{LISTS}/{LIST}")]
        assert transport.kept[1].json == {"operation_type": "REMOVE"}

    def test_an_audience_and_a_list_that_are_gone_count_as_deleted(self):
        PINTEREST.delete_audience(Canned(page(), self.GONE, self.GONE), f"{LIST}/{AUDIENCE}")
        PINTEREST.delete_audience(Canned(page(), self.GONE), LIST)

    def test_a_list_that_stays_asks_a_person_since_its_people_are_still_in_it(self):
        with pytest.raises(NeedsHumanError, match="on_removal: empty"):
            PINTEREST.delete_audience(Canned(page(), told({"id": LIST})), LIST)

    @pytest.mark.parametrize("answers", [[page(), told({}, 503)], [page(), told({}), told({}, 503)]])
    def test_a_deletion_without_a_clear_answer_is_asked_again(self, answers):
        with pytest.raises(TransientError):
            PINTEREST.delete_audience(Canned(*answers), f"{LIST}/{AUDIENCE}")


class TestPeople:
    """Pinterest says of no person whether it took them, and its counters count what was sent."""

    def test_a_success_proves_nobody(self):
        answer = PINTEREST.read(
            PEOPLE, PLACE, told({"id": LIST, "status": "PROCESSING", "num_uploaded_user_records": 3})
        )
        assert (answer.received, answer.accepted, answer.unproven, dict(answer.rejected)) == (3, 0, 3, {})
        assert (answer.session_received, answer.code) == (7, "200")

    def test_what_a_list_says_of_errors_stands_beside_the_status(self):
        body = {"id": LIST, "exceptions": {"code": 2, "message": "Advertiser not found."}}
        assert PINTEREST.read(PEOPLE, PLACE, told(body)).code == "200/2"

    @pytest.mark.parametrize("body", [None, [], "done"])
    def test_a_success_that_is_no_object_is_asked_again(self, body):
        assert "not understood" in str(error_of(told(body)))
        assert isinstance(error_of(told(body)), TransientError)


class TestRefusals:
    """The HTTP status decides; Pinterest's number is kept."""

    @pytest.mark.parametrize("status", [408, 409, 423, 500, 502, 503, 599])
    def test_what_passes_is_transient(self, status):
        error = error_of(told({"code": 12, "message": "words"}, status))
        assert isinstance(error, TransientError)
        assert (error.code, error.retry_after) == (f"{status}/12", None)

    def test_a_throttle_waits_for_the_window_unless_pinterest_says_how_long(self):
        assert error_of(told({"code": 8}, 429)).retry_after == 60
        assert error_of(told({"code": 8}, 429, **{"Retry-After": "7"})).retry_after is None

    @pytest.mark.parametrize(("status", "says"), [(401, "60 days"), (403, "ads:write"), (404, "on_removal: delete")])
    def test_what_only_a_person_can_mend_asks_a_person(self, status, says):
        error = error_of(told({"code": 2, "message": "words"}, status))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)
        assert "words" not in str(error)

    def test_a_refused_batch_may_be_halved_and_a_refused_creation_may_not(self):
        assert isinstance(error_of(told({"code": 1}, 400)), RefusedBatchError)
        with pytest.raises(PermanentError) as refusal:
            PINTEREST.create_audience(Canned(told({"code": 1}, 400)), SPEC)
        assert not isinstance(refusal.value, RefusedBatchError)

    @pytest.mark.parametrize(
        ("status", "says"), [(413, "batch_members"), (405, "must be changed"), (410, "must be changed")]
    )
    def test_what_we_have_to_change_is_permanent(self, status, says):
        error = error_of(told(None, status))
        assert isinstance(error, PermanentError)
        assert not isinstance(error, RefusedBatchError)
        assert says in str(error)
        assert error.code == str(status)

    def test_a_collection_that_is_not_there_names_the_account(self):
        with pytest.raises(PermanentError, match="correct the account"):
            PINTEREST.find_audience(Canned(told({"code": 50}, 404)), SPEC)

    @pytest.mark.parametrize("code", ["a", True, -1, 10**9, 1.5, None])
    def test_only_a_number_of_pinterests_is_kept_as_its_code(self, code):
        assert error_of(told({"code": code}, 400)).code == "400"
        assert error_of(told({"code": 0}, 400)).code == "400/0"
        assert error_of(told({"code": 10**9 - 1}, 400)).code == "400/999999999"


class TestSizes:
    """An audience has a size; a list of which none is made is never served, however ready it is."""

    def test_the_audience_is_asked_where_there_is_one_and_else_the_list(self):
        of_audience, of_list = PINTEREST.size_request(f"{LIST}/{AUDIENCE}"), PINTEREST.size_request(LIST)
        assert (of_audience.method, of_audience.path) == ("GET", f"{AUDIENCES}/{AUDIENCE}")
        assert (of_list.method, of_list.path) == ("GET", f"{LISTS}/{LIST}")

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("READY", SizeState.READY),
            ("INITIALIZING", SizeState.UPDATING),
            ("TOO_SMALL", SizeState.TOO_SMALL),
            ("ARCHIVED", SizeState.UNKNOWN),
            (None, SizeState.UNKNOWN),
            (7, SizeState.UNKNOWN),
        ],
    )
    def test_an_audience_is_what_its_status_says(self, status, state):
        report = PINTEREST.read_size(told({"type": "audience", "status": status, "size": 0}))
        assert report == SizeReport(state, 0, 0, status if state is not SizeState.UNKNOWN else "")

    @pytest.mark.parametrize("size", [None, -1, "7", True, 1.5, 10**30])
    def test_a_size_that_is_none_is_not_told(self, size):
        report = PINTEREST.read_size(told({"type": "audience", "status": "READY", "size": size}))
        assert (report.state, report.lower, report.upper) == (SizeState.READY, None, None)

    @pytest.mark.parametrize(
        ("status", "state"),
        [("PROCESSING", SizeState.UPDATING), ("UPLOADING", SizeState.UPDATING), ("TOO_SMALL", SizeState.TOO_SMALL)],
    )
    def test_a_list_without_an_audience_tells_how_far_it_is(self, status, state):
        assert PINTEREST.read_size(told({"type": "customerlist", "status": status})).state is state

    def test_a_ready_list_without_an_audience_says_what_lacks(self):
        report = PINTEREST.read_size(told({"type": "customerlist", "status": "READY", "size": 7}))
        assert (report.state, report.lower, report.upper) == (SizeState.UNKNOWN, None, None)
        assert report.said == "READY, and no audience is made of the list"
        assert "make one in Ads Manager" in report.warning

    def test_where_the_plan_leaves_the_audience_to_a_person_nobody_is_warned(self):
        report = BY_HAND.read_size(told({"type": "customerlist", "status": "READY"}))
        assert (report.said, report.warning) == ("READY, and no audience is made of the list", "")

    @pytest.mark.parametrize("pinterest", [PINTEREST, BY_HAND])
    def test_an_audience_that_a_person_made_of_the_list_is_found_and_asked(self, pinterest):
        ready = told({"type": "audience", "status": "READY", "size": 700})
        transport = Canned(page(made_of("1"), made_of(LIST)), ready)
        report = pinterest.ask_size(transport, LIST)
        assert transport.calls == [("GET", AUDIENCES), ("GET", f"{AUDIENCES}/{AUDIENCE}")]
        assert report == SizeReport(SizeState.READY, 700, 700, "READY")

    def test_an_audience_that_is_known_is_asked_without_looking_for_another(self):
        transport = Canned(told({"type": "audience", "status": "READY", "size": 700}))
        assert PINTEREST.ask_size(transport, f"{LIST}/{AUDIENCE}").upper == 700
        assert transport.calls == [("GET", f"{AUDIENCES}/{AUDIENCE}")]


@settings(max_examples=40)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["message", "code", "id", "name", "status", "exceptions"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 413, 429, 500]),
)
def test_nothing_that_pinterest_quotes_is_repeated(secret, where, status):
    response = told({"code": 1, "message": "", where: secret}, status)
    assert secret not in said(PINTEREST.read, PEOPLE, PLACE, response)
    assert secret not in said(PINTEREST.read_size, response)


def said(read, *arguments) -> str:
    """What becomes of an answer: what is read, or the error."""
    try:
        return repr(read(*arguments))
    except SegmentAssetsError as error:
        return f"{error} {error.code}"
