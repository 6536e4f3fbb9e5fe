"""Our Google connector against Google's own code: every call parses strictly as the official message, and normal
forms agree with the official Formatter wherever both accept a value.

Nothing is sent. Where we differ on purpose, the test names the difference and the reason.
"""

from __future__ import annotations

import hashlib
import itertools
import random

import phonenumbers as pn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    CONSENT_COLUMNS,
    AudienceSpec,
    Consent,
    JobState,
    Member,
    Operation,
    Request,
    Response,
    SegmentAssetsError,
    Session,
)
from segment_assets.destinations.google import ACCOUNT_TYPES, CONTRACT, GoogleDataManager
from segment_assets.identity import NORMAL_FORMS, Reason, digest
from segment_assets_tests.conformance.vendors.official_google import formatter, json_format, parsed, types

STATED = {name: words[0] for name, words in CONTRACT.statements.items()}
PLACE = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)
SPEC = AudienceSpec("lumen_shop lapsed", "0f" * 16, STATED)
# Normal form -> the method of the official Formatter.
OFFICIAL = {
    "email_gmail_folded": "format_email_address",
    "phone_e164": "format_phone_number",
    "first_name_lower": "format_given_name",
    "last_name_lower": "format_family_name",
    "country_code": "format_region_code",
    "postal_code_plain": "format_postal_code",
}
IDENTIFIERS = [sent.form for sent in CONTRACT.match_keys.values()]


def person(n: int, kinds: set[str], consent: dict[str, str]) -> Member:
    cells = {
        form: f"value {n}"
        if form in {"country_code", "postal_code_plain"}
        else hashlib.sha256(f"{form}{n}".encode()).digest()
        for form in IDENTIFIERS
    }
    address = set(IDENTIFIERS) - {"email_gmail_folded", "phone_e164"}
    kept = {form for form in cells if form in kinds or (form in address and "address" in kinds)}
    return Member(b"m", {form: cells[form] for form in kept}, consent)


KINDS = st.sets(st.sampled_from(["email_gmail_folded", "phone_e164", "address"]), min_size=1)
CONSENTS = st.fixed_dictionaries({}, optional={column: st.sampled_from(Consent) for column in CONSENT_COLUMNS})
GOOGLES = st.builds(
    GoogleDataManager,
    st.integers(1, 10**10).map(str),
    account_type=st.sampled_from(ACCOUNT_TYPES),
    login_account=st.just("") | st.integers(1, 10**10).map(str),
    statements=st.fixed_dictionaries({name: st.sampled_from(words) for name, words in CONTRACT.statements.items()}),
)


@given(
    GOOGLES,
    st.lists(st.tuples(KINDS, CONSENTS), min_size=1, max_size=5),
    st.sampled_from([Operation.ADD, Operation.REMOVE]),
)
def test_every_call_with_people_parses_strictly_and_says_the_same(google, people, operation):
    members = [person(n, *about) for n, about in enumerate(people)]
    request = google.request("456", operation, members, PLACE)
    adds = operation is Operation.ADD
    assert request.path == f"/v1/audienceMembers:{'ingest' if adds else 'remove'}"
    message = parsed(types.IngestAudienceMembersRequest if adds else types.RemoveAudienceMembersRequest, request.json)
    [destination] = message.destinations
    assert destination.operating_account.account_id == google.account
    assert destination.operating_account.account_type.name == google.account_type
    assert destination.login_account.account_id == google.login_account
    assert destination.product_destination_id == "456"
    assert message.encoding == types.Encoding.HEX
    assert not message.validate_only
    for member, sent in zip(members, message.audience_members, strict=True):
        assert_same_person(member, sent)
        if adds:
            assert sent.consent.ad_user_data.name == said(member, google, "consent_ad_user_data")
            assert sent.consent.ad_personalization.name == said(member, google, "consent_ad_personalization")
    if adds:
        assert message.terms_of_service.customer_match_terms_of_service_status == types.TermsOfServiceStatus.ACCEPTED


def said(member: Member, google: GoogleDataManager, purpose: str) -> str:
    """The person's own answer, and the plan's word for those who gave none."""
    own = {Consent.GRANTED: "CONSENT_GRANTED", Consent.DENIED: "CONSENT_DENIED"}
    return own.get(member.consent.get(purpose), google.statements[purpose])


def assert_same_person(member: Member, sent: types.AudienceMember) -> None:
    found: dict[str, str] = {}
    for identifier in sent.user_data.user_identifiers:
        address = identifier.address
        found |= {
            "email_gmail_folded": identifier.email_address or found.get("email_gmail_folded", ""),
            "phone_e164": identifier.phone_number or found.get("phone_e164", ""),
            "first_name_lower": address.given_name,
            "last_name_lower": address.family_name,
            "country_code": address.region_code,
            "postal_code_plain": address.postal_code,
        }
    cells = {form: cell.hex() if isinstance(cell, bytes) else cell for form, cell in member.keys.items()}
    assert {form: value for form, value in found.items() if value} == cells


class Canned:
    """Keeps the requests and answers each with the same JSON."""

    def __init__(self, told: object) -> None:
        self.told, self.kept = told, []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return Response(200, {}, self.told)


@pytest.mark.parametrize("kind", ACCOUNT_TYPES)
def test_a_creation_parses_strictly_as_a_user_list_for_contact_data(kind):
    listed = types.UserList(name=f"accountTypes/{kind}/accounts/1/userLists/456", id=456, display_name=SPEC.name)
    transport = Canned(json_format.MessageToDict(types.UserList.pb(listed)))
    assert GoogleDataManager("1", account_type=kind).create_audience(transport, SPEC) == "456"
    [request] = transport.kept
    sent = parsed(types.UserList, request.json)
    assert (sent.display_name, sent.integration_code) == (SPEC.name, SPEC.marker)
    assert sent.membership_duration.days == 540
    info = sent.ingested_user_list_info
    assert list(info.upload_key_types) == [types.IngestedUserListInfo.UploadKeyType.CONTACT_ID]
    assert info.contact_id_info.data_source_type == types.DataSourceType.DATA_SOURCE_TYPE_FIRST_PARTY


def test_a_list_in_an_official_answer_is_found_by_our_marker():
    page = types.ListUserListsResponse(
        user_lists=[{"id": 1, "display_name": SPEC.name}, {"id": 456, "integration_code": SPEC.marker}]
    )
    told = json_format.MessageToDict(types.ListUserListsResponse.pb(page))
    assert GoogleDataManager("1").find_audience(Canned(told), SPEC) == "456"


def test_an_official_answer_to_people_is_a_job_with_its_warnings():
    answer = types.IngestAudienceMembersResponse(
        request_id="r-1", field_warnings=[{"reason": "WARNING_REASON_GENERIC", "field": "audience_members[0]"}]
    )
    told = json_format.MessageToDict(types.IngestAudienceMembersResponse.pb(answer))
    read = GoogleDataManager("1").read([person(0, {"address"}, {})], PLACE, Response(200, {}, told))
    assert (read.job, read.code) == ("r-1", "200 WARNING_REASON_GENERIC")


def test_official_job_reports_are_read_whatever_their_state_and_reason():
    states = [state for state in types.RequestStatusPerDestination.RequestStatus if state]
    reasons = [reason for reason in types.ProcessingErrorReason if reason]
    assert min(len(states), len(reasons)) > 3
    wrong = {}
    for state, reason in itertools.product(states, reasons):
        report = GoogleDataManager("1").read_job(Response(200, {}, report_of(state, reason)))
        told = (report.state, report.received, dict(report.rejected), report.match_rate)
        if told != (JobState(state.name.lower()), 10, {reason.name: 4}, "MATCH_RATE_RANGE_51_TO_60"):
            wrong[state.name, reason.name] = told
    assert wrong == {}


def report_of(state, reason):
    status = types.RequestStatusPerDestination(
        request_status=state,
        error_info={"error_counts": [{"record_count": 4, "reason": reason}]},
        audience_members_ingestion_status={
            "user_data_ingestion_status": {
                "record_count": 10,
                "upload_match_rate_range": types.MatchRateRange.MATCH_RATE_RANGE_51_TO_60,
            }
        },
    )
    answer = types.RetrieveRequestStatusResponse(request_status_per_destination=[status])
    return json_format.MessageToDict(types.RetrieveRequestStatusResponse.pb(answer))


def test_every_official_error_reason_is_told_by_its_name():
    reasons = [reason.name for reason in types.ErrorReason if reason]
    assert len(reasons) > 100
    assert {reason: refusal(reason) for reason in reasons} == {reason: (reason, True) for reason in reasons}


def refusal(reason: str) -> tuple[str, bool]:
    """The code of the error, and whether its text has the reason."""
    error = {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": reason}]}
    with pytest.raises(SegmentAssetsError) as raised:
        GoogleDataManager("1").read([], PLACE, Response(400, {}, {"error": error}))
    return raised.value.code, reason in str(raised.value)


# ── normal forms ──────────────────────────────────────────────────────────────────────────────────────────────────

ROUNDS = 10_000
# No letters that only a full Unicode clean-up changes: those differences are listed one by one below.
WORDS = "abcdefgxyzABCXYZ0123456789.-'+_ éÉüñßżŁøşдЖ日"


def pieces(draw: random.Random, alphabet: str, most: int) -> str:
    return "".join(draw.choices(alphabet, k=draw.randint(1, most)))


def an_email(draw: random.Random) -> str:
    domain = draw.choice(["gmail.com", "GoogleMail.com", "Example.COM", "mail.example.co.uk", "gmail.example"])
    return (
        draw.choice(["", " ", "\t"]) + pieces(draw, "abcXYZ019.+-_'", 12) + "@" + domain + draw.choice(["", "  ", "\n"])
    )


def a_phone(draw: random.Random) -> str:
    digits = pieces(draw, "0123456789", 14)
    return (
        draw.choice(["", "+", "+1", "+44", "+49 "]) + digits[:4] + draw.choice(["", " ", "-", ".", ") "]) + digits[4:]
    )


def a_word(draw: random.Random) -> str:
    return draw.choice(["", " ", "\t"]) + pieces(draw, WORDS, 10) + draw.choice(["", " "])


def a_country(draw: random.Random) -> str:
    return draw.choice(["", " "]) + pieces(draw, "abcdegnrsuzABDEGNRSUZ", 2)


MADE = {
    "email_gmail_folded": an_email,
    "phone_e164": a_phone,
    "first_name_lower": a_word,
    "last_name_lower": a_word,
    "country_code": a_country,
    "postal_code_plain": a_word,
}


def officially(form: str, raw: str) -> str | None:
    try:
        return getattr(formatter(), OFFICIAL[form])(raw)
    except ValueError:
        return None


def explained(form: str, raw: str, ours: str, theirs: str | None) -> bool:
    """Differences that are meant, where we give a normal form."""
    if form == "phone_e164":
        # The Formatter only keeps the digits: it neither drops a trunk zero nor adds the country's code. Ours is what
        # Google's own phone library calls the E.164 of the number. "00" is what most of the world dials for "+".
        written = raw if raw.startswith("+") else "+" + raw.removeprefix("00")
        return ours == pn.format_number(pn.parse(written, None), pn.PhoneNumberFormat.E164)
    if form == "postal_code_plain":
        return raw.strip() == f"{ours}.0"  # an export made the number a float
    # Numbers of countries ("40", "040") are read by us and no two letters to the Formatter.
    return form == "country_code" and theirs is None and raw.strip().isdigit()


@pytest.mark.parametrize("form", MADE)
def test_over_many_random_values_we_say_what_the_formatter_says_or_refuse_the_value(form):
    draw = random.Random(f"google {form}")
    agreed, different = 0, []
    for _ in range(ROUNDS):
        raw = MADE[form](draw)
        ours = NORMAL_FORMS[form].normalise(raw)
        if isinstance(ours, Reason):
            continue
        theirs = officially(form, raw)
        agreed += ours == theirs
        if ours != theirs and not explained(form, raw, ours, theirs):
            different.append((raw, ours, theirs))
    assert different == []
    # Enough of the values are values for the agreement to mean something.
    assert agreed > ROUNDS / 100


@given(st.emails())
@settings(max_examples=300)
def test_an_ordinary_address_is_never_other_than_the_formatter_s(address):
    ours = NORMAL_FORMS["email_gmail_folded"].normalise(address)
    assert isinstance(ours, Reason) or ours == officially("email_gmail_folded", address)


@pytest.mark.parametrize(
    ("form", "raw", "country", "expected", "reason"),
    [
        ("email_gmail_folded", "jane@localhost", None, (Reason.NOT_AN_EMAIL, "jane@localhost"), "nobody can have it"),
        ("email_gmail_folded", "ｊａｎｅ＠example.com", None, ("jane@example.com", None), "full-width letters are letters"),
        ("email_gmail_folded", "ja\u200bne@x.com", None, ("jane@x.com", "ja\u200bne@x.com"), "nobody types what has no width"),
        ("email_gmail_folded", "null", None, (Reason.NULL_TEXT, None), "a word for nothing"),
        ("phone_e164", "(206) 555-0100", "us", ("+12065550100", "+2065550100"), "the country's code is added"),
        ("phone_e164", "+44 (0)20 7946 0958", None, ("+442079460958", "+4402079460958"), "nobody dials the zero from abroad"),
        ("phone_e164", "206-555-0100 ext. 5", "us", ("+12065550100", "+20655501005"), "an extension is no part of E.164"),
        ("phone_e164", "020 7946 0958", None, (Reason.NO_COUNTRY, "+02079460958"), "E.164 has no leading zero"),
        ("phone_e164", "1.2E+10", None, (Reason.NOT_A_PHONE, "+1210"), "a spreadsheet has lost the digits"),
        ("first_name_lower", "Jose\u0301", None, ("jos\u00e9", "jose\u0301"), "one letter is one letter, however typed"),
        ("first_name_lower", "N/A", None, (Reason.NULL_TEXT, "n/a"), "a word for nothing"),
        ("first_name_lower", "123", None, (Reason.NO_LETTERS, "123"), "not a name"),
        ("country_code", "United States", None, ("US", None), "names are read"),
        ("country_code", "ZZ", None, (Reason.UNKNOWN_COUNTRY, "ZZ"), "no country; one such value refuses a whole request"),
        ("postal_code_plain", "94025.0", None, ("94025", "94025.0"), "an export made the number a float"),
        ("postal_code_plain", "Paris", None, (Reason.NOT_A_POSTAL_CODE, "Paris"), "one such value refuses a whole request"),
        ("postal_code_plain", "00000", None, (Reason.NOT_A_POSTAL_CODE, "00000"), "what forms are filled with"),
    ],
)  # fmt: skip
def test_where_we_differ_from_the_formatter_there_is_a_reason(form, raw, country, expected, reason):
    assert (NORMAL_FORMS[form].normalise(raw, country), officially(form, raw)) == expected, reason


@pytest.mark.parametrize("raw", ["O'Brien", " McDonald-Smith ", "Smith, Jr.", "d’Angelo"])
def test_names_keep_their_punctuation_as_google_s_code_does_and_its_comments_do_not(raw):
    assert NORMAL_FORMS["last_name_lower"].normalise(raw) == formatter().format_family_name(raw)
    assert NORMAL_FORMS["last_name"].normalise(raw) != formatter().format_family_name(raw)


@pytest.mark.parametrize("form", [form for form in OFFICIAL if NORMAL_FORMS[form].hashed])
def test_a_digest_is_the_formatter_s_hex(form):
    raw = {"email_gmail_folded": "J.ane+x@gmail.com", "phone_e164": "+44 20 7946 0958"}.get(form, "O'Brien")
    official = formatter()
    theirs = official.hex_encode(official.hash_string(officially(form, raw)))
    assert digest(NORMAL_FORMS[form], raw).value.hex() == theirs
