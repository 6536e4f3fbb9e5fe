"""What our Microsoft Advertising connector sends, and what it makes of every answer.

Agreement with Microsoft's own package is in `conformance`, behaviour against a running platform in its kit.
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
    RefusedMembersError,
    Request,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.contracts.sizes import SizeReport, SizeState, TellsSize
from segment_assets.delivery.preview import PLACEHOLDER_ACCOUNT
from segment_assets.destinations import connect
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.microsoft_ads import CONTRACT, MicrosoftCustomerLists
from segment_assets_tests.fakes import digest, marked

MICROSOFT = MicrosoftCustomerLists("14", "25", terms_accepted=True)
SPEC = AudienceSpec("vip", "0f" * 16, {})
HEADERS = {"CustomerAccountId": "14", "CustomerId": "25"}
SERVICE = "/CampaignManagement/v13"
PLACE = Session(token=7, sequence=1, last=True, members_in_total=3, received_before=5)
OURS = {"Id": "81", "Name": f"vip {SPEC.marker}", "Type": "CustomerList"}


def person(name: str, shared: str = "") -> Member:
    return Member(digest(f"id:{name}"), {"email": digest(shared or name)})


PEOPLE = [person("a"), person("b"), person("c")]


def error(code: object = None, word: object = None, index: object = None) -> dict:
    return {"Code": code, "ErrorCode": word, "Index": index, "Message": "words", "Type": "BatchError"}


def partly(*errors: object, **more: object) -> Response:
    return Response(200, {}, {"PartialErrors": list(errors), **more})


def fault(status: int, *errors: dict, among: str = "Errors") -> Response:
    return Response(status, {}, {"TrackingId": "t", "Type": "AdApiFaultDetail", among: list(errors)})


def made(*ids: object) -> Response:
    return partly(AudienceIds=list(ids))


def listed(*audiences: object) -> Response:
    return partly(Audiences=list(audiences))


def error_of(response: Response, people: list[Member] = PEOPLE) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as raised:
        MICROSOFT.read(people, PLACE, response)
    return raised.value


def creation_error(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as raised:
        MICROSOFT.create_audience(Canned(response), SPEC)
    return raised.value


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)


class TestRequests:
    """Hashed e-mails, each once, and nothing that is raw."""

    @pytest.mark.parametrize(("operation", "word"), [(Operation.ADD, "Add"), (Operation.REMOVE, "Remove")])
    def test_a_request_says_what_to_do_with_which_e_mails(self, operation, word):
        people = [person("a", "x"), person("b"), person("c", "x")]
        body = {
            "AudienceId": "81",
            "ActionType": word,
            "CustomerListItemSubType": "Email",
            "CustomerListItems": [marked("x"), marked("b")],
            "AcceptCustomerMatchTerm": True,
        }
        request = MICROSOFT.request("81", operation, people, PLACE)
        path = f"{SERVICE}/CustomerListUserData/Apply"
        assert request == Request("POST", path, json={"CustomerListUserData": body}, headers=HEADERS)

    @pytest.mark.parametrize(("stated", "is_told"), [("ACCEPTED", True), ("IN_UI", False), (None, False)])
    def test_the_terms_are_accepted_by_the_plan_or_not_spoken_of(self, stated, is_told):
        statements = {"customer_match_terms": stated} if stated else {}
        request = connect("microsoft_ads", "14", {"customer_id": "25"}, statements).request(
            "81", Operation.ADD, PEOPLE, PLACE
        )
        data = request.json["CustomerListUserData"]
        assert data.get("AcceptCustomerMatchTerm", "not spoken of") == (True if is_told else "not spoken of")
        assert not MicrosoftCustomerLists("14").terms_accepted
        assert CONTRACT.statements == {"customer_match_terms": ("ACCEPTED", "IN_UI")}

    @pytest.mark.parametrize("value", ["a@example.com", b"short", None])
    def test_what_is_no_digest_is_never_sent(self, value):
        keys = {} if value is None else {"email": value}
        with pytest.raises(PermanentError, match="nothing was sent") as refusal:
            MICROSOFT.request("81", Operation.ADD, [person("a"), Member(b"m", keys)], PLACE)
        assert "example.com" not in str(refusal.value)

    def test_a_full_batch_is_far_below_the_limit_in_bytes(self):
        many = [person(str(n)) for n in range(CONTRACT.batch_members)]
        body = MICROSOFT.request("9" * 19, Operation.REMOVE, many, PLACE).body()
        assert CONTRACT.batch_members == 1_000
        assert len(body) * 5 < CONTRACT.batch_bytes == 500_000

    def test_calls_are_paced_by_a_guess_of_ours(self):
        assert CONTRACT.quota == Quota(60, 60)
        assert CONTRACT.pattern is Pattern.MULTI_STEP

    def test_a_list_is_described_with_its_parent(self):
        transport = Canned(made("81"), made("82"))
        customers = connect("microsoft_ads", "14", {"customer_id": "25", "scope": "Customer"})
        assert [one.create_audience(transport, SPEC) for one in (MICROSOFT, customers)] == ["81", "82"]
        described = {"Type": "CustomerList", "Name": f"vip {SPEC.marker}", "MembershipDuration": 390}
        bodies = [
            {"Audiences": [{**described, "Scope": "Account", "ParentId": "14"}]},
            {"Audiences": [{**described, "Scope": "Customer", "ParentId": "25"}]},
        ]
        assert transport.kept == [
            Request("POST", f"{SERVICE}/Audiences", json=body, headers=HEADERS) for body in bodies
        ]

    def test_a_long_name_leaves_room_for_the_marker(self):
        transport = Canned(made("81"))
        MICROSOFT.create_audience(transport, AudienceSpec("n" * 200, SPEC.marker, {}))
        (audience,) = transport.kept[0].json["Audiences"]
        assert len(audience["Name"]) == 128
        assert audience["Name"].endswith(f"n {SPEC.marker}")

    @pytest.mark.parametrize("bad", ["", "x14", "1" * 20])
    def test_an_account_is_a_number(self, bad):
        with pytest.raises(PermanentError, match="account is no number; correct it in the plan"):
            MicrosoftCustomerLists(bad, "25")
        assert MicrosoftCustomerLists("1" * 19, "2").scope == "Account"

    @pytest.mark.parametrize("settings", [{"customer_id": "x25"}, {"customer_id": "1" * 20}, {"scope": "Customer"}])
    def test_a_customer_is_a_number(self, settings):
        with pytest.raises(PermanentError, match="customer_id is no number; correct it in the plan"):
            connect("microsoft_ads", "14", settings)

    def test_a_preview_needs_neither_account_nor_customer(self):
        request = connect("microsoft_ads", PLACEHOLDER_ACCOUNT).request("81", Operation.ADD, PEOPLE, PLACE)
        assert request.headers == {"CustomerAccountId": PLACEHOLDER_ACCOUNT}

    def test_a_setting_without_its_choice_is_refused(self):
        with pytest.raises(PermanentError, match="scope is not one of Account, Customer"):
            connect("microsoft_ads", "14", {"customer_id": "25", "scope": "Everybody"})
        with pytest.raises(
            PermanentError, match="microsoft_ads: no setting developer_token; there are customer_id, scope"
        ):
            connect("microsoft_ads", "14", {"customer_id": "25", "developer_token": "x"})

    def test_the_route_tells_of_kinds_that_are_not_sent(self):
        """Microsoft's enumeration has them; its PHP package says that they are not supported yet."""
        keys = {
            key.value: (one.field, one.form, one.encoding.value)
            for key, one in route("microsoft_ads").match_keys.items()
        }
        assert keys == {
            "email": ("Email", "email", "sha256_hex"),
            "phone": ("Phone", "phone_e164", "sha256_hex"),
            "external_id": ("CRM", "external_id", "plain"),
        }
        assert route("microsoft_ads").groups == tuple((key,) for key in route("microsoft_ads").identifying)
        assert {key.value for key in route("microsoft_ads").identifying} == set(keys)


class TestAudience:
    """Made once, recognised by the marker in its name, and gone when it is gone."""

    def test_an_id_may_come_as_a_number_though_microsoft_writes_a_text(self):
        assert MICROSOFT.find_audience(Canned(listed({**OURS, "Id": 81})), SPEC) == "81"
        with pytest.raises(NeedsHumanError):
            MICROSOFT.delete_audience(Canned(partly(error(1, "InUse", 0)), listed({**OURS, "Id": 81})), "81")

    def test_a_list_is_found_by_the_marker_at_the_end_of_its_name(self):
        transport = Canned(listed(None, {"Id": "7", "Name": "vip"}, {"Id": "8", "Name": None}, {}, OURS))
        assert MICROSOFT.find_audience(transport, SPEC) == "81"
        assert transport.kept == [
            Request("POST", f"{SERVICE}/Audiences/QueryByIds", json={"Type": "CustomerList"}, headers=HEADERS)
        ]
        assert MICROSOFT.find_audience(Canned(listed({**OURS, "Name": f"{SPEC.marker} vip"})), SPEC) is None

    @pytest.mark.parametrize("body", [{"Audiences": None}, {}, {"Audiences": {}}, None, []])
    def test_no_list_of_lists_is_not_an_empty_one(self, body):
        with pytest.raises(TransientError, match="asked again"):
            MICROSOFT.find_audience(Canned(Response(200, {}, body)), SPEC)

    @pytest.mark.parametrize("ids", [None, [], [None], [True], ["x"], "81"])
    def test_a_list_without_an_id_is_looked_for_again(self, ids):
        assert isinstance(creation_error(partly(AudienceIds=ids)), TransientError)
        with pytest.raises(TransientError, match="looked for again"):
            MICROSOFT.find_audience(Canned(listed({**OURS, "Id": None})), SPEC)

    @pytest.mark.parametrize(
        "word",
        ["CampaignServiceDuplicateAudienceName", "AudienceNameAlreadyExists", "NameDuplicate", "duplicateName".title()],
    )
    def test_a_name_that_is_taken_asks_a_person(self, word):
        refusal = creation_error(partly(error(4848, word, 0), AudienceIds=[None]))
        assert isinstance(refusal, NeedsHumanError)
        assert "list of this name" in str(refusal)
        assert refusal.code.startswith("4848")

    def test_terms_that_are_not_accepted_ask_a_person_by_number_or_by_word(self):
        for one in (error(8003), error("8003"), error(None, "CustomerListTermsAndConditionsNotAccepted")):
            refusal = creation_error(partly(one, AudienceIds=[None]))
            assert isinstance(refusal, NeedsHumanError)
            assert "terms" in str(refusal)

    def test_any_other_refusal_of_a_list_is_permanent(self):
        refusal = creation_error(partly(error(4850, "CampaignServiceAudienceInvalid", 0), AudienceIds=[None]))
        assert type(refusal) is PermanentError
        assert refusal.code == "4850 CampaignServiceAudienceInvalid"
        assert isinstance(creation_error(partly(error(0, "InternalError", 0))), TransientError)

    def test_a_deletion_names_the_list(self):
        transport = Canned(partly())
        MICROSOFT.delete_audience(transport, "81")
        wanted = {"AudienceIds": ["81"]}
        assert transport.kept == [Request("DELETE", f"{SERVICE}/Audiences", json=wanted, headers=HEADERS)]

    @pytest.mark.parametrize("shown", [[], [None], [{"Id": "82"}]])
    def test_a_list_that_is_not_there_counts_as_deleted(self, shown):
        transport = Canned(partly(error(1, "Whatever", 0)), listed(*shown))
        MICROSOFT.delete_audience(transport, "81")
        assert transport.kept[-1].json == {"Type": "CustomerList", "AudienceIds": ["81"]}

    def test_a_list_that_is_there_and_not_let_go_asks_a_person(self):
        with pytest.raises(NeedsHumanError, match="take the list out of its campaigns") as refusal:
            MICROSOFT.delete_audience(Canned(partly(error(1, "InUse", 0)), listed(OURS)), "81")
        assert refusal.value.code == "1 InUse"
        with pytest.raises(TransientError):
            MICROSOFT.delete_audience(Canned(partly(error(0, "InternalError", 0)), listed(OURS)), "81")


class TestPeople:
    """Whom no error names is in; an error that names nobody leaves the others unproven."""

    @pytest.mark.parametrize("response", [partly(), Response(200, {}, {"PartialErrors": None})])
    def test_without_an_error_everybody_is_accepted(self, response):
        answer = MICROSOFT.read(PEOPLE, PLACE, response)
        assert (answer.received, answer.accepted, answer.unproven, answer.rejected) == (3, 3, 0, {})
        assert (answer.session_received, answer.code) == (8, "200")

    def test_an_error_costs_those_who_share_the_item_that_it_names(self):
        people = [person("a", "x"), person("b"), person("c", "x")]
        answer = MICROSOFT.read(people, PLACE, partly(error(8004, "InvalidItem", 0), error(9, "Later", 0)))
        assert answer.rejected == dict.fromkeys((0, 2), "8004 InvalidItem")
        assert (answer.accepted, answer.unproven) == (1, 0)
        last = MICROSOFT.read(people, PLACE, partly(error(8004, "InvalidItem", 1)))
        assert set(last.rejected) == {1}

    @pytest.mark.parametrize("index", [None, 3, -1, "x", 1.5, True])
    def test_an_error_that_names_nobody_proves_nobody(self, index):
        answer = MICROSOFT.read(PEOPLE, PLACE, partly(error(8004, "InvalidItem", index), error(7, "Bad", 1)))
        assert (answer.accepted, answer.unproven, answer.rejected) == (0, 2, {1: "7 Bad"})

    def test_a_body_that_says_nothing_of_errors_proves_nobody(self):
        answer = MICROSOFT.read(PEOPLE, PLACE, Response(200, {}, {}))
        assert (answer.accepted, answer.unproven) == (0, 3)

    @pytest.mark.parametrize("body", [None, [], "busy", 7])
    def test_an_answer_that_is_not_microsofts_is_asked_for_again(self, body):
        refusal = error_of(Response(200, {}, body))
        assert isinstance(refusal, TransientError)
        assert "not understood" in str(refusal)

    @pytest.mark.parametrize(
        "word",
        [
            "InvalidAudienceId",
            "AccountNotActive",
            "UserNotAuthorized",
            "BadCredentials",
            "SubTypeNotSupported",
            "FeatureNotEnabled",
            "ItemsExceeded",
            "OverLimit",
        ],
    )
    def test_an_error_about_the_list_or_the_caller_is_never_taken_for_one_on_an_item(self, word):
        for response in (partly(error(9999, word, 0)), fault(400, error(9999, word, 0), among="BatchErrors")):
            refusal = error_of(response)
            assert isinstance(refusal, NeedsHumanError)
            assert "no person" in str(refusal)
            assert refusal.code.endswith(f"9999 {word}")

    def test_terms_and_throttles_are_seen_among_partial_errors(self):
        assert "terms" in str(error_of(partly(error(8004, "Item", 0), error(8003, None, 1))))
        assert isinstance(error_of(partly(error(117, "CallRateExceeded", 0))), TransientError)

    @pytest.mark.parametrize("index", [0, "0"])
    def test_a_fault_that_names_items_refuses_their_people(self, index):
        people = [person("a", "x"), person("b"), person("c", "x")]
        bad = [error(8004, "InvalidItem", index), error(1, "Out", 2), error(1, "Out", None)]
        refusal = error_of(fault(400, *bad, among="BatchErrors"), people)
        assert isinstance(refusal, RefusedMembersError)
        assert refusal.places == dict.fromkeys((0, 2), "8004 InvalidItem")

    def test_a_fault_that_names_nobody_may_be_halved_and_one_of_a_creation_may_not(self):
        assert isinstance(error_of(fault(400, error(201, "ApiInputValidationError"))), RefusedBatchError)
        assert isinstance(error_of(Response(400, {}, None)), RefusedBatchError)
        assert type(creation_error(fault(400, error(201, "ApiInputValidationError")))) is PermanentError
        assert type(error_of(Response(404, {}, None))) is PermanentError


class TestRefusals:
    """What passes is waited for, what a person can mend asks a person, and each names the next action."""

    @pytest.mark.parametrize("code", [117, 207])
    @pytest.mark.parametrize("status", [200, 400, 429])
    @pytest.mark.parametrize("among", ["Errors", "OperationErrors", "BatchErrors"])
    def test_a_throttle_is_waited_out_for_a_minute_whatever_its_status(self, code, status, among):
        response = fault(status, error(1, "Other"), error(code, "Slow"), among=among)
        refusal = error_of(response)
        assert isinstance(refusal, TransientError)
        assert refusal.retry_after == 60.0
        assert refusal.code == f"{status}/1 Other"
        assert MICROSOFT.is_throttle(response)

    def test_a_throttle_without_a_code_is_one_too_and_nothing_else_is(self):
        refusal = error_of(Response(429, {}, None))
        assert refusal.retry_after == 60.0
        assert MICROSOFT.is_throttle(Response(429, {}, None))
        assert not any(
            MICROSOFT.is_throttle(one) for one in (partly(), fault(400, error(118)), Response(503, {}, None))
        )

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
    def test_what_passes_is_transient(self, status):
        refusal = error_of(Response(status, {}, None))
        assert isinstance(refusal, TransientError)
        assert (refusal.code, refusal.retry_after) == (str(status), None)
        assert isinstance(error_of(fault(400, error(0, "InternalError"))), TransientError)

    @pytest.mark.parametrize("code", [105, 109])
    def test_a_token_that_is_refused_asks_for_another(self, code):
        for refusal in (error_of(fault(401, error(code, "Token"))), error_of(Response(401, {}, None))):
            assert isinstance(refusal, NeedsHumanError)
            assert "refresh token" in str(refusal)
        assert "refresh token" in str(error_of(fault(400, error(code, "Token"))))

    @pytest.mark.parametrize("code", [106, 108, 116, 120, 122, 123, 124, 125])
    def test_a_missing_permission_is_not_mended_by_a_token(self, code):
        for refusal in (error_of(fault(401, error(code, "Access"))), error_of(Response(403, {}, None))):
            assert isinstance(refusal, NeedsHumanError)
            assert "permission" in str(refusal)

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            (error(8, "Bad"), "400/8 Bad"),
            (error("8", "Bad"), "400/8 Bad"),
            (error(None, "Bad"), "400/Bad"),
            (error(8, "bad"), "400/8"),
            (error(8, "Bad a@x.example"), "400/8"),
            (error(8, "B" * 81), "400/8"),
            (error(8, "Bx"), "400/8"),
            (error(8, "B" * 80), f"400/8 {'B' * 80}"),
            (error("²", "Bad"), "400/Bad"),
            (error(10**9), "400/unknown"),
            (error("1" * 10), "400/unknown"),
            (error(10**9 - 1), f"400/{10**9 - 1}"),
            (error("0" * 8 + "1"), "400/1"),
        ],
    )
    def test_of_an_error_its_number_and_word_are_kept(self, told, code):
        assert error_of(fault(400, told)).code == code


class TestSizes:
    """A number, null for two days; Microsoft has no word for a state."""

    def test_the_size_is_asked_for_by_id(self):
        assert isinstance(MICROSOFT, TellsSize)
        body = {"Type": "CustomerList", "AudienceIds": ["81"]}
        wanted = Request("POST", f"{SERVICE}/Audiences/QueryByIds", json=body, headers=HEADERS)
        assert MICROSOFT.size_request("81") == wanted

    @pytest.mark.parametrize(
        ("told", "state", "size"),
        [
            ("300", SizeState.READY, 300),
            (1200, SizeState.READY, 1200),
            ("299", SizeState.TOO_SMALL, 299),
            (0, SizeState.TOO_SMALL, 0),
            (None, SizeState.UPDATING, None),
            ("", SizeState.UPDATING, None),
            (-1, SizeState.UPDATING, None),
        ],
    )
    def test_a_list_is_as_large_as_the_search_network_says(self, told, state, size):
        report = MICROSOFT.read_size(listed({**OURS, "SearchSize": told}))
        assert report == SizeReport(state, size, size)

    def test_a_list_that_is_not_there_is_closed(self):
        assert MICROSOFT.read_size(listed(None)) == SizeReport(SizeState.CLOSED, None, None)


@settings(max_examples=25)
@given(
    secret=st.text("0123456789abcdef", min_size=64, max_size=64),
    where=st.sampled_from(["Message", "ErrorCode", "Code", "Details", "FieldPath", "Id", "Name", "SearchSize"]),
    among=st.sampled_from(["PartialErrors", "Errors", "OperationErrors", "BatchErrors", "Audiences", "AudienceIds"]),
    status=st.sampled_from([200, 400, 401, 403, 404, 429, 500]),
)
def test_no_error_and_no_receipt_repeats_what_came_back(secret, where, among, status):
    body = {among: [{where: secret, "Index": 0}], "TrackingId": secret, "Audiences": [{where: secret}]}
    said = []
    for attempt in (
        lambda response: MICROSOFT.read([person("a")], PLACE, response),
        lambda response: MICROSOFT.create_audience(Canned(response), SPEC),
        lambda response: MICROSOFT.find_audience(Canned(response), SPEC),
        lambda response: MICROSOFT.delete_audience(Canned(response, response), "81"),
        MICROSOFT.read_size,
    ):
        try:
            said.append(repr(attempt(Response(status, {}, body))))
        except SegmentAssetsError as refusal:
            said += [str(refusal), repr(refusal), refusal.code]
    assert not any(secret in text for text in said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["PartialErrors", "Errors", "BatchErrors", "Audiences", "Code", "Index", "SearchSize"]),
            inner,
        )
    ),
    max_leaves=5,
)


@settings(max_examples=30)
@given(status=st.integers(200, 599), body=json_values)
def test_an_answer_of_any_form_is_understood_or_raised_as_one_of_our_errors(status, body):
    response = Response(status, {}, body)
    for attempt in (
        lambda: MICROSOFT.read(PEOPLE, PLACE, response),
        lambda: MICROSOFT.find_audience(Canned(response), SPEC),
        lambda: MICROSOFT.read_size(response),
    ):
        try:
            answer = attempt()
        except SegmentAssetsError:
            continue
        if hasattr(answer, "accepted"):
            assert answer.accepted + len(answer.rejected) + answer.unproven == len(PEOPLE)


def test_people_leave_an_audience_when_the_audience_says():
    assert CONTRACT.expires_by_audience
