"""What our TikTok connector sends, and what it makes of every code that TikTok answers, and of other bodies.

Agreement with TikTok's own package is in `conformance`, behaviour against a running platform in `test_tiktok_road`.
"""

from __future__ import annotations

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
from segment_assets.destinations import connect
from segment_assets.destinations.tiktok import CONTRACT, TikTokSegments
from segment_assets_tests.fakes import digest, marked

ADVERTISER, AUDIENCE = "7012345678901234567", "7038000000000000013"
TIKTOK = TikTokSegments(ADVERTISER)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
PLACE = Session(token=7, sequence=1, last=True, members_in_total=3, received_before=0)
EMAIL, PHONE, DEVICE = "email_spaceless", "phone_e164", "mobile_ad_id_hashed"


def person(name: str, *forms: str) -> Member:
    return Member(digest(f"id:{name}"), {form: digest(f"{form}:{name}") for form in forms or (EMAIL,)})


PEOPLE = [person("a"), person("b"), person("c")]


def told(code: object, data: object = None, status: int = 200) -> Response:
    return Response(status, {}, {"code": code, "message": "words", "request_id": "r", "data": data or {}})


def listed(*audiences: dict, pages: int = 1) -> Response:
    return told(0, {"list": list(audiences), "page_info": {"total_page": pages}})


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        TIKTOK.read(PEOPLE, PLACE, response)
    return error.value


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)


def sent(operation: Operation, *members: Member, destination: TikTokSegments = TIKTOK) -> dict:
    return destination.request(AUDIENCE, operation, members, PLACE).json


class TestContract:
    """TikTok publishes no figure but the minimum: the others are those of other vendors' connectors."""

    def test_the_limits_are_those_that_other_vendors_keep_to(self):
        assert (CONTRACT.batch_members, CONTRACT.batch_bytes) == (1_000, 1_000_000)
        assert CONTRACT.quota == Quota(requests=10, per_seconds=1)

    def test_what_the_plan_has_to_know_of_tiktok(self):
        assert CONTRACT.pattern is Pattern.SINGLE_STEP
        assert CONTRACT.minimum_members == 1_000
        assert (CONTRACT.expiry_days, CONTRACT.first_party_only, dict(CONTRACT.statements)) == (None, False, {})


class TestRequests:
    """A cell per field and person; the action is always said, since TikTok's own default differs by call."""

    def test_each_person_has_a_cell_for_every_field_that_anybody_has_and_an_empty_one_where_theirs_is_unknown(self):
        body = sent(Operation.ADD, person("a", EMAIL, PHONE), person("b", EMAIL))
        cell = {"audience_ids": [AUDIENCE]}
        assert body == {
            "advertiser_ids": [ADVERTISER],
            "action": "add",
            "id_schema": ["EMAIL_SHA256", "PHONE_SHA256"],
            "batch_data": [
                [{"id": marked(f"{EMAIL}:a"), **cell}, {"id": marked(f"{PHONE}:a"), **cell}],
                [{"id": marked(f"{EMAIL}:b"), **cell}, {}],
            ],
        }

    def test_a_removal_says_so(self):
        assert sent(Operation.REMOVE, person("a"))["action"] == "delete"

    def test_a_mobile_ad_id_of_unknown_kind_goes_under_both_fields(self):
        body = sent(Operation.ADD, person("a", DEVICE))
        assert body["id_schema"] == ["AAID_SHA256", "IDFA_SHA256"]
        assert [sent.field for sent in CONTRACT.match_keys.values()][-1] == "AAID_SHA256"
        assert {cell["id"] for cell in body["batch_data"][0]} == {marked(f"{DEVICE}:a")}

    @pytest.mark.parametrize(("kind", "field"), [("aaid", "AAID_SHA256"), ("idfa", "IDFA_SHA256")])
    def test_one_of_a_known_kind_goes_under_its_field_and_is_taken_out_under_both(self, kind, field):
        destination = connect("tiktok", ADVERTISER, {"mobile_ad_id": kind})
        assert sent(Operation.ADD, person("a", DEVICE), destination=destination)["id_schema"] == [field]
        removal = sent(Operation.REMOVE, person("a", DEVICE), destination=destination)
        assert removal["id_schema"] == ["AAID_SHA256", "IDFA_SHA256"]

    def test_a_raw_value_never_passes_for_a_digest(self):
        with pytest.raises(PermanentError, match="no SHA-256") as refusal:
            sent(Operation.ADD, Member(b"m", {EMAIL: "a@example.com"}))
        assert "example.com" not in str(refusal.value)

    def test_a_person_without_an_identifier_is_a_defect_and_nothing_is_sent(self):
        with pytest.raises(PermanentError, match="report this as a defect"):
            sent(Operation.ADD, Member(b"m", {}))

    @pytest.mark.parametrize("setting", [{"mobile_ad_id": "md5"}, {"phone": "with"}])
    def test_a_setting_that_tiktok_has_not_is_refused_by_name(self, setting):
        with pytest.raises(PermanentError, match=f"^tiktok: .*{next(iter(setting))}"):
            connect("tiktok", ADVERTISER, setting)

    def test_an_account_is_a_number(self):
        with pytest.raises(PermanentError, match="not a number"):
            TikTokSegments("lumen")


class TestAudiences:
    """Names may repeat on TikTok, so ours ends with our marker, and is never cut off."""

    @pytest.mark.parametrize("length", [1, 30, 200])
    def test_a_name_of_any_length_keeps_the_marker_within_what_tiktok_does_not_cut(self, length):
        transport = Canned(told(0, {"audience_id": AUDIENCE}))
        spec = AudienceSpec("n" * length, SPEC.marker, {})
        assert TIKTOK.create_audience(transport, spec) == AUDIENCE
        name = transport.kept[0].json["custom_audience_name"]
        assert len(name) == min(70, length + 17)
        assert TIKTOK.find_audience(Canned(listed({"audience_id": AUDIENCE, "name": name})), spec) == AUDIENCE

    def test_an_audience_of_the_same_name_without_our_marker_is_not_ours(self):
        assert TIKTOK.find_audience(Canned(listed({"audience_id": AUDIENCE, "name": SPEC.name})), SPEC) is None

    def test_the_last_page_is_looked_at_too_and_no_page_after_it(self):
        ours = {"audience_id": AUDIENCE, "name": f"x {SPEC.marker[:16]}"}
        transport = Canned(listed({"name": "y"}, pages=2), listed(ours, pages=2))
        assert TIKTOK.find_audience(transport, SPEC) == AUDIENCE
        assert [request.params["page"] for request in transport.kept] == ["1", "2"]
        assert TIKTOK.find_audience(Canned(listed({"name": "y"}, pages=1)), SPEC) is None

    def test_a_list_that_repeats_itself_for_ever_is_no_proof_that_there_is_no_audience(self):
        transport = Canned(*[listed({"name": "y"}, pages=10**6)] * 101)
        with pytest.raises(TransientError, match="no end"):
            TIKTOK.find_audience(transport, SPEC)
        assert len(transport.kept) == 100

    @pytest.mark.parametrize("data", [{}, {"audience_id": None}, {"audience_id": "x"}, {"audience_id": True}])
    def test_a_creation_without_an_id_is_looked_for_again(self, data):
        with pytest.raises(TransientError, match="looked for again"):
            TIKTOK.create_audience(Canned(told(0, data)), SPEC)

    def test_an_audience_that_is_gone_counts_as_deleted(self):
        transport = Canned(told(40007))
        TIKTOK.delete_audience(transport, AUDIENCE)
        assert transport.kept[0].json["action"] == "delete"
        with pytest.raises(NeedsHumanError):
            TIKTOK.delete_audience(Canned(told(40001)), AUDIENCE)


class TestPeople:
    """TikTok says of no person whether it took them, so nobody is proven."""

    @pytest.mark.parametrize("code", [0, 20001])
    def test_a_successful_code_proves_nobody(self, code):
        answer = TIKTOK.read(PEOPLE, PLACE, told(code))
        assert (answer.received, answer.accepted, answer.unproven, dict(answer.rejected)) == (3, 0, 3, {})
        assert answer.code == str(code)

    @pytest.mark.parametrize(
        "body", [None, [], {}, {"code": None}, {"code": "0"}, {"code": True}, {"code": -1}, {"code": 10**9}]
    )
    def test_a_200_without_a_code_is_asked_again(self, body):
        assert isinstance(error_of(Response(200, {}, body)), TransientError)

    @pytest.mark.parametrize("status", [400, 502])
    def test_a_good_code_under_a_bad_status_is_not_believed(self, status):
        assert isinstance(error_of(told(0, status=status)), TransientError)


class TestRefusals:
    """The code decides, whatever the HTTP status."""

    @pytest.mark.parametrize(
        "code", [40016, 40100, 40132, 40133, 61000, 40201, 40202, 60001, 50000, 50002, 51003, 52000]
    )
    @pytest.mark.parametrize("status", [200, 429])
    def test_what_passes_is_transient(self, code, status):
        assert isinstance(error_of(told(code, status=status)), TransientError)

    @pytest.mark.parametrize(
        ("code", "slower"), [(40016, True), (40100, True), (40133, True), (50000, False), (0, False)]
    )
    def test_a_throttle_is_known_as_one_although_it_comes_with_200(self, code, slower):
        assert TIKTOK.is_throttle(told(code)) is slower

    @pytest.mark.parametrize(
        ("code", "says"),
        [
            (40102, "authorise the app"),
            (40104, "authorise the app"),
            (40105, "authorise the app"),
            (40001, "scope"),
            (40300, "business center"),
            (40007, "ads manager"),
        ],
    )
    def test_what_only_a_person_can_mend_asks_a_person(self, code, says):
        error = error_of(told(code))
        assert isinstance(error, NeedsHumanError)
        assert says in str(error)
        assert error.code == str(code)

    @pytest.mark.parametrize("code", [40000, 40002, 40062])
    def test_a_refused_parameter_of_a_batch_may_be_halved_and_of_a_creation_may_not(self, code):
        assert isinstance(error_of(told(code)), RefusedBatchError)
        with pytest.raises(PermanentError) as refusal:
            TIKTOK.create_audience(Canned(told(code), listed()), SPEC)
        assert not isinstance(refusal.value, RefusedBatchError)

    @pytest.mark.parametrize(
        ("code", "says"),
        [
            (40061, "batch_members"),
            (40006, "version"),
            (40051, "version"),
            (60000, ""),
            (40400, "version"),
            (49999, ""),
        ],
    )
    def test_what_we_have_to_change_is_permanent(self, code, says):
        error = error_of(told(code))
        assert isinstance(error, PermanentError)
        assert not isinstance(error, RefusedBatchError)
        assert says in str(error)

    def test_a_request_that_a_web_server_finds_too_large_names_the_limit(self):
        assert "batch_members" in str(error_of(Response(413, {}, None)))


@settings(max_examples=40)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["message", "code", "request_id", "data", "audience_id", "name"]),
    code=st.sampled_from([0, 20001, 40001, 40002, 40100, 40105, 50000, 99999]),
)
def test_no_error_and_no_receipt_repeats_what_came_back(secret, where, code):
    data = {"audience_id": secret, "list": [{"audience_id": secret, "name": secret}], "page_info": {"total_page": 1}}
    body = {"code": code, "data": data, where: secret}
    said = []
    for attempt in (
        lambda response: TIKTOK.read([person("a")], PLACE, response),
        lambda response: TIKTOK.create_audience(Canned(response, response), SPEC),
        lambda response: TIKTOK.find_audience(Canned(response), SPEC),
    ):
        try:
            said.append(repr(attempt(Response(200, {}, body))))
        except SegmentAssetsError as error:
            said += [str(error), repr(error), error.code]
    assert not any(secret in text for text in said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "data", "list"]), inner),
    max_leaves=8,
)


@settings(max_examples=60)
@given(status=st.integers(200, 599), body=json_values)
def test_an_answer_of_any_form_is_understood_or_raised_as_one_of_our_errors(status, body):
    try:
        answer = TIKTOK.read(PEOPLE, PLACE, Response(status, {}, body))
    except SegmentAssetsError:
        return
    assert answer.accepted + len(answer.rejected) + answer.unproven == len(PEOPLE)
