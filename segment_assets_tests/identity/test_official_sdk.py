"""Agreement with Meta's own SDK where the facts say its helpers are right: e-mail, phone, birth parts, country, zip.

Not an oracle for names and mobile ids (it deletes accents and hashes the id). Differences are listed below, each
with its reason.
"""

from __future__ import annotations

import datetime as dt

import pytest
from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.adobjects.serverside.normalize import Normalize
from hypothesis import assume, given
from hypothesis import strategies as st

from segment_assets.identity import NORMAL_FORMS, Reason, digest

FIELDS = {
    "email": ("EMAIL", "em"),
    "phone_digits": ("PHONE", "ph"),
    "postal_code": ("ZIP", "zp"),
    "country": ("COUNTRY", "country"),
    "birth_year": ("DOBY", "doby"),
    "birth_month": ("DOBM", "dobm"),
    "birth_day": ("DOBD", "dobd"),
}


def by_customer_file_helper(form: str, raw: str) -> bytes:
    params = CustomAudience.format_params([FIELDS[form][0]], [[raw]], is_raw=True)
    return bytes.fromhex(params["payload"]["data"][0][0])


def by_server_side_helper(form: str, raw: str) -> bytes:
    return bytes.fromhex(Normalize.normalize_field(FIELDS[form][1], raw))


def ours(form: str, raw: str, country: str | None = None) -> bytes | str | None:
    return digest(NORMAL_FORMS[form], raw, country).value


@given(st.emails(), st.sampled_from(["", " ", "\t"]), st.booleans())
def test_an_accepted_address_has_the_digest_of_both_helpers(address, edge, shout):
    raw = f"{edge}{address.upper() if shout else address}{edge}"
    found = ours("email", raw)
    assume(found is not None)
    assert found == by_customer_file_helper("email", raw) == by_server_side_helper("email", raw)


@pytest.mark.parametrize("raw", ["+1 (206) 555-0100", "+44 20 7946 0958", "+49 30 1234567", "+15559876543"])
def test_an_international_number_has_the_digest_of_both_helpers(raw):
    assert ours("phone_digits", raw) == by_customer_file_helper("phone_digits", raw)
    assert ours("phone_digits", raw) == by_server_side_helper("phone_digits", raw)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2026, 1, 1)))
def test_the_parts_of_a_birthday_have_the_digest_of_both_helpers(day):
    parts = {"birth_year": f"{day.year:04d}", "birth_month": str(day.month), "birth_day": str(day.day)}
    for form, part in parts.items():
        found = ours(form, day.isoformat())
        assert found == by_customer_file_helper(form, part) == by_server_side_helper(form, part)


@pytest.mark.parametrize("raw", ["US", "us", " Gb ", "DE", "br"])
def test_a_country_code_has_the_digest_of_both_helpers(raw):
    assert ours("country", raw) == by_customer_file_helper("country", raw) == by_server_side_helper("country", raw)


@pytest.mark.parametrize(("raw", "country"), [("94025", "us"), ("94025-1234", "us"), ("75018", "fr"), ("1012AB", "nl")])
def test_a_postal_code_has_the_digest_of_both_helpers(raw, country):
    found = ours("postal_code", raw, country)
    assert found == by_customer_file_helper("postal_code", raw) == by_server_side_helper("postal_code", raw)


@pytest.mark.parametrize(
    ("form", "raw", "country", "expected", "reason"),
    [
        (
            "phone_digits",
            "020 7946 0958",
            "gb",
            "442079460958",
            "it does not add the country code that the rule asks for",
        ),
        (
            "phone_digits",
            "+44 (0)20 7946 0958",
            None,
            "442079460958",
            "it keeps the trunk zero, which nobody dials from abroad",
        ),
        ("postal_code", "SW1A 1AA", "gb", "sw1a1", "it does not cut to area, district and sector"),
        ("postal_code", "2134", "us", "02134", "it does not restore the leading zero"),
        ("postal_code", "01310-100", "br", "01310100", "it cuts every code at a dash, which is a rule for the US only"),
        ("country", "Deutschland", None, "de", "it takes the first two letters of a name"),
        ("country", "Austria", None, "at", "first two letters again: au is Australia"),
    ],
)
def test_where_we_differ_from_the_customer_file_helper_there_is_a_reason(form, raw, country, expected, reason):
    assert NORMAL_FORMS[form].normalise(raw, country) == expected
    assert (ours(form, raw, country) == by_customer_file_helper(form, raw)) is (raw == "Deutschland"), reason


@pytest.mark.parametrize(
    ("form", "raw", "expected"),
    [
        ("email", "jane@example.com.", Reason.NOT_AN_EMAIL),  # the helper strips the dot; we do not repair addresses
        ("email", "not an address", Reason.NOT_AN_EMAIL),  # the helper hashes anything
        ("email", "", Reason.EMPTY),  # the helper hashes the empty string
    ],
)
def test_what_the_customer_file_helper_hashes_and_we_refuse(form, raw, expected):
    assert digest(NORMAL_FORMS[form], raw).reason is expected
    assert len(by_customer_file_helper(form, raw)) == 32
