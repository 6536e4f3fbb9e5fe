"""AWS's reference uploaders get these wrong (facts C.4 and C.6); each group is an acceptance test of ours.

Groups 7 to 14 and 16 are about calls, files and jobs: asked here through the doors of the rooms that answer for them,
which have tests of their own.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from segment_assets import tables
from segment_assets.contracts import (
    AudienceSpec,
    Member,
    Operation,
    PermanentError,
    Request,
    Response,
    Session,
    TransientError,
)
from segment_assets.destinations.google import GoogleDataManager
from segment_assets.destinations.meta import MetaCustomAudiences
from segment_assets.identity import NORMAL_FORMS, Reason, digest, digest_batch
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.landing import LocalLanding

META = MetaCustomAudiences("1001")
SPEC = AudienceSpec("vip", "marker-of-ours", {"customer_file_source": "USER_PROVIDED_ONLY"})
PLACE = Session(token=7, sequence=1, last=True, members_in_total=1, received_before=0)
SOMEBODY = [Member(b"m", {"email": hashlib.sha256(b"jane@example.com").digest()})]


class Pages:
    """Answers from a list."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)

    def send(self, request: Request) -> Response:
        return self.answers.pop(0)


def page(description: str, *, more: bool) -> Response:
    paging = {"cursors": {"after": description}} | ({"next": "https://elsewhere/"} if more else {})
    return Response(200, {}, {"data": [{"id": "77", "description": description}], "paging": paging})


def normal(form: str, value: str, country: str | None = None) -> str | Reason:
    return NORMAL_FORMS[form].normalise(value, country)


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_defect_1_emails_are_lower_cased_before_hashing():
    assert digest(NORMAL_FORMS["email"], " Jane.Doe@Example.COM ").value == sha256("jane.doe@example.com")


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("(206) 555-0100", "us", "12065550100"),
        ("020 7946 0958", "gb", "442079460958"),
        ("06 698 12345", "it", "3906 69812345".replace(" ", "")),
        ("+39 06 698 12345", None, "390669812345"),
        ("0044 20 7946 0958", "us", "442079460958"),
    ],
)
def test_defect_2_phones_get_their_country_code_and_keep_the_zeros_that_count(raw, country, expected):
    assert normal("phone_digits", raw, country) == expected


@pytest.mark.parametrize("blank", [None, "", " ", "\u00a0", "None", "nan", "NaN", "NULL", "n/a", "undefined"])
def test_defect_3_missing_values_are_refused_and_never_hashed(blank):
    cells = [digest(form, blank, "us") for form in NORMAL_FORMS.values()]
    assert {cell.value for cell in cells} == {None}
    assert {cell.reason for cell in cells} <= {Reason.EMPTY, Reason.NULL_TEXT}


def test_defect_4_columns_of_numbers_are_read_and_not_dropped():
    batch = pa.RecordBatch.from_pydict(
        {"phone": [12065550100, None], "country": ["us", "us"], "postal_code": [2134, 1]}
    )
    digested = digest_batch(batch)
    assert digested.forms["phone_digits"].to_pylist() == [sha256("12065550100"), None]
    assert digested.forms["postal_code"].to_pylist() == [sha256("02134"), None]


def test_defect_4_whole_numbers_that_an_export_made_floats_keep_their_digits():
    batch = pa.RecordBatch.from_pydict({"phone": ["12065550100.0"], "postal_code": ["94025.0"], "country": ["us"]})
    digested = digest_batch(batch)
    assert digested.forms["phone_digits"].to_pylist() == [sha256("12065550100")]
    assert digested.forms["postal_code"].to_pylist() == [sha256("94025")]


def test_defect_5_columns_that_are_no_identifiers_do_not_pass():
    batch = pa.RecordBatch.from_pydict({"email": ["a@example.com"], "diary": ["private"]})
    assert set(digest_batch(batch).forms) == set(NORMAL_FORMS)


def test_defect_6_rows_keep_their_order_and_number():
    emails = [f"p{number % 7}@example.com" for number in range(100)]
    batch = pa.RecordBatch.from_pydict({"email": emails})
    assert digest_batch(batch).forms["email"].to_pylist() == [sha256(email) for email in emails]


@pytest.mark.parametrize(("status", "error"), [(500, TransientError), (503, TransientError), (400, PermanentError)])
def test_defect_7_an_error_of_a_platform_is_raised_with_what_to_do_and_never_swallowed(status, error):
    with pytest.raises(error):
        META.read(
            SOMEBODY, PLACE, Response(status, {}, {"error": {"code": 100, "message": "no"}} if status == 400 else None)
        )


def test_defect_8_the_last_page_of_audiences_is_read():
    pages = Pages(page("another", more=True), page("a third", more=True), page(SPEC.marker, more=False))
    assert META.find_audience(pages, SPEC) == "77"


def test_defect_9_of_two_runs_that_want_to_create_the_same_thing_one_can(tmp_path):
    lake = LocalLake(tmp_path)
    assert [lake.put_if_absent("ledger/audience/1", body) for body in (b"one", b"other")] == [True, False]
    assert lake.get("ledger/audience/1") == b"one"


def test_defect_10_an_audience_that_is_not_there_is_none_and_not_number_0():
    assert META.find_audience(Pages(page("another", more=False)), SPEC) is None
    with pytest.raises(TransientError):
        META.create_audience(Pages(Response(200, {}, {"data": "no id"})), SPEC)


def test_defect_11_whatever_holds_personal_data_has_an_end():
    personal = [t for t in tables.TABLES.values() if any(c.pii is not tables.Pii.NONE for c in t.columns)]
    assert len(personal) > 5
    assert all(0 < table.retention_days <= 3650 for table in personal)
    raw = [t for t in personal if any(c.pii is tables.Pii.RAW for c in t.columns) and t.name == "segment_members"]
    assert [table.retention_days for table in raw] == [30]


def test_defect_12_what_lands_for_a_name_that_begins_alike_is_another_segment_s(tmp_path):
    for name in ("vip", "vip_old", "vip-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.csv").write_text("email\n")
    landing = LocalLanding(tmp_path)
    assert {name: [f.name for f in landing.files(name)] for name in landing.segments()} == {
        name: [f"{name}.csv"] for name in ("vip", "vip_old", "vip-2")
    }


def test_defect_13_a_file_outside_a_segment_s_folder_starts_nothing(tmp_path):
    (tmp_path / "stray.csv").write_text("email\n")
    (tmp_path / "vip").mkdir()
    (tmp_path / "vip" / "half.csv.part").write_text("email\n")
    landing = LocalLanding(tmp_path)
    before = landing.version("vip")
    assert landing.segments() == []
    (tmp_path / "vip" / "whole.csv").write_text("email\n")
    assert landing.segments() == ["vip"]
    assert landing.version("vip") != before
    (tmp_path / "vip" / "deeper").mkdir()
    (tmp_path / "vip" / "deeper" / "other.csv").write_text("email\n")
    # Neither read nor silently passed over.
    with pytest.raises(PermanentError, match=r"folders in it \(deeper\)"), landing.fetched("vip"):
        pass


def test_defect_14_the_same_batch_is_the_same_request_whenever_it_is_made():
    first, second = (META.request("77", Operation.ADD, SOMEBODY, PLACE) for _ in range(2))
    assert first == second
    assert "test_event_code" not in str(first.json)


@pytest.mark.parametrize(
    ("form", "raw", "country", "expected"),
    [
        ("email", "Jane.Doe+news@Example.com", None, "jane.doe+news@example.com"),
        ("phone_digits", "(206) 555-0100", None, Reason.NO_COUNTRY),
        ("state", "District of Columbia", "us", "dc"),
        ("state", "Baden-Württemberg", "de", "badenwürttemberg"),
        ("state", "Île-de-France", "fr", "îledefrance"),
        ("postal_code", "2134", "us", "02134"),
        ("postal_code", "SW1A 1AA", "gb", "sw1a1"),
        ("postal_code", "sw1a 1aa", "gb", "sw1a1"),
        ("city", "São Paulo", "br", "saopaulo"),
        ("first_name", "José", None, "josé"),
        ("first_name", "太郎", None, "太郎"),
    ],
)
def test_defect_15_values_are_not_mutilated(form, raw, country, expected):
    assert normal(form, raw, country) == expected


def test_defect_15_the_digest_of_nothing_never_passes_for_a_person():
    forms = [form for form in NORMAL_FORMS.values() if not form.opaque]
    cells = [digest(form, hashlib.sha256(b"").hexdigest()) for form in forms]
    assert {(cell.value, cell.reason) for cell in cells} == {(None, Reason.EMPTY)}


def test_defect_15_upper_case_hex_is_recognised_as_hashed():
    own = sha256("jane@example.com")
    cell = digest(NORMAL_FORMS["email"], own.hex().upper())
    assert (cell.value, cell.already_hashed) == (own, True)


def test_defect_16_a_taken_request_is_a_job_to_follow_and_proves_nobody():
    google = GoogleDataManager("1234567890")
    answer = google.read(SOMEBODY, PLACE, Response(200, {}, {"requestId": "job-1"}))
    assert (answer.job, answer.accepted, answer.unproven) == ("job-1", 0, 1)
    assert google.contract.follow is not None
