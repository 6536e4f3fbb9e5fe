"""The forms beside those of Meta and Google: street lines, Amazon's codes, ids that others minted, e-mail variants."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.identity import NORMAL_FORMS, Reason


def normal(form: str, value: str, country: str | None = None) -> str | Reason:
    return NORMAL_FORMS[form].normalise(value, country)


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("1600 Amphitheatre Parkway, Apt #5", "us", "1600amphitheatrepkwyaptnumber5"),
        ("  12-B North Main St. ", "us", "12bnmainst"), ("12-14 Main Street", "us", "12-14mainst"),
        ("APT#5 (rear)", "us", "aptnumber5rear"), ("C/O Smith, 3 High Street", "gb", "smith3highst"),
        ("Hauptstraße 5", "de", "hauptstrasse5"), ("5 bis Avenue Foch", "fr", "5bisavefoch"),
        ("Piazza Navona 1", "it", "piazzanavona1"), ("P.zza Navona 1", "it", "pzzanavona1"),
        ("Calle Mayor No 3", "es", "callemayornumber3"), ("Plaza Mayor 1", "es", "plazamayor1"),
        ("Plaza 1", "us", "plz1"), ("742 Evergreen Boulevard", "us", "742evergreenboulevard"),
        ("12345", "us", Reason.NOT_AN_ADDRESS), ("x" * 501, "us", Reason.NOT_AN_ADDRESS),
        ("1 Main Street", None, Reason.NO_COUNTRY), ("Strandgade 3", "dk", Reason.UNSUPPORTED_COUNTRY),
        ("n/a", "us", Reason.NULL_TEXT),
    ],
)  # fmt: skip
def test_street_lines_are_abbreviated_as_amazon_does_by_country(raw, country, expected):
    assert normal("address", raw, country) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=40),
    st.sampled_from(["us", "gb", "fr", "de", "es", "it", "jp", "in", "ca"]),
    st.sampled_from("  ,.!"),
)
def test_what_stands_between_the_words_of_a_street_line_changes_nothing(line, country, between):
    spaced = " ".join(line.split())
    assert normal("address", spaced, country) == normal("address", spaced.replace(" ", f"{between} "), country)


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("1067", "de", "01067"), ("1000", "fr", "01000"), ("28013.0", "es", "28013"), ("110 001", "in", "110001"),
        ("9012345", "jp", "9012345"), ("601", "us", "00601"), ("940251234", "us", "94025"), ("94025 1234", "us", "94025"),
        ("k1a-0b1", "ca", "K1A0B1"), ("ec1a 1bb", "gb", "EC1A1BB"), ("1012 ab", "nl", "1012AB"),
        ("12345", "gb", Reason.NOT_A_POSTAL_CODE), ("Paris", "fr", Reason.NOT_A_POSTAL_CODE),
        ("123456", "de", Reason.NOT_A_POSTAL_CODE), ("00000", "us", Reason.NOT_A_POSTAL_CODE),
        ("94025", None, Reason.NO_COUNTRY),
    ],
)  # fmt: skip
def test_amazon_s_postal_codes_have_the_length_of_their_country(raw, country, expected):
    assert normal("postal_code_amazon", raw, country) == expected
    assert normal("postal_code_amazon_lower", raw, country) == (
        expected if isinstance(expected, Reason) else expected.lower()
    )


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("1067", "de", "01067"), ("150", "no", "0150"), ("800", "au", "0800"), ("1310100", "br", "01310100"),
        ("14600", "mx", "14600"), ("10001", "jp", "0010001"), ("12", "de", "12"), ("1067", "at", "1067"),
    ],
)  # fmt: skip
def test_zeros_that_a_spreadsheet_took_are_put_back_where_codes_have_one_length(raw, country, expected):
    assert normal("postal_code", raw, country) == expected


@pytest.mark.parametrize(
    ("form", "raw", "expected"),
    [
        ("email_uid2", "J.ane+x@gmail.com", "jane@gmail.com"), ("email_uid2", "j.d+x@googlemail.com", "j.d+x@googlemail.com"),
        ("email_folded", "j.a.ne+x@example.com", "jane@example.com"), ("email_folded", "+x@example.com", Reason.NOT_AN_EMAIL),
        ("email_alphanumeric", "j_a.n-e+x@example.com", "jane@example.com"),
        ("email_alphanumeric", "_-_@example.com", Reason.NOT_AN_EMAIL),
        ("email_amazon", "j_a.n-e+x!@example.com", "j_a.n-ex@example.com"), ("email_amazon", "+!@x.com", Reason.NOT_AN_EMAIL),
        ("email_spaceless", " Jane Doe @ example.com", "janedoe@example.com"), ("email_spaceless", "jane", Reason.NOT_AN_EMAIL),
        ("email_plain", " Jane@Example.com", "jane@example.com"),
        ("first_initial", "  d’Angelo", "d"), ("first_initial", "정우", "정"), ("first_initial", "42", Reason.NO_LETTERS),
        ("first_name_amazon", "Gößl", "goessl"), ("first_name_amazon", "太郎", Reason.NO_LETTERS),
        ("first_name_plain", " Jean  Luc", "Jean Luc"), ("city_plain", "São  Paulo", "São Paulo"),
        ("city_amazon", "東京", Reason.NO_LETTERS), ("state_plain", "New  York", "New York"), ("state_plain", "12", Reason.NOT_A_STATE),
        ("address_plain", "1  Main St", "1 Main St"), ("address_plain", "12", Reason.NOT_AN_ADDRESS),
        ("phone_ten_digits", "+1 206 555 0100", "2065550100"), ("phone_e164_india", "+91 98765 43210", "+919876543210"),
        ("handle", " @JackD ", "jackd"), ("handle", "no such handle", Reason.NOT_A_HANDLE),
        ("twitter_id", "783214", "783214"), ("twitter_id", "0", Reason.NOT_A_USER_NUMBER),
        ("external_id", " CRM-1 ", "CRM-1"), ("external_id", "jane@x.com", Reason.NOT_AN_EXTERNAL_ID),
        ("external_token", "CRM_1-a", "CRM_1-a"), ("external_token", "CRM 1", Reason.NOT_AN_EXTERNAL_ID),
        ("uid2", "A" * 44, "A" * 44), ("euid", "A" * 43 + "=", "A" * 43 + "="), ("uid2", "A" * 200, Reason.NOT_A_UID2),
        ("ramp_id", "XY" + "b" * 47, "XY" + "b" * 47), ("ramp_id", "b" * 49, Reason.NOT_A_RAMP_ID),
        ("ip_address", "203.0.113.7", "203.0.113.7"), ("ip_address", "2001:DB8::0:1", "2001:db8::1"),
        ("ip_address", "::ffff:203.0.113.7", "203.0.113.7"), ("ip_address", "10.0.0.1", Reason.NOT_AN_IP_ADDRESS),
        ("ip_address", "0.0.0.0", Reason.NOT_AN_IP_ADDRESS), ("ip_address", "256.1.1.1", Reason.NOT_AN_IP_ADDRESS),
        ("ip_address", "fe80::1%eth0", Reason.NOT_AN_IP_ADDRESS), ("ip_address_hashed", "127.0.0.1", Reason.NOT_AN_IP_ADDRESS),
    ],
)  # fmt: skip
def test_the_other_forms(form, raw, expected):
    assert normal(form, raw) == expected


@given(st.uuids().filter(lambda made: made.int), st.booleans())
@settings(max_examples=50)
def test_a_mobile_id_keeps_the_case_of_its_system_or_is_lower_case(made: uuid.UUID, is_idfa):
    written = str(made).upper() if is_idfa else str(made)
    assert normal("mobile_ad_id_as_issued", written) == written
    assert normal("mobile_ad_id_hashed", written) == str(made)


def test_a_mobile_id_in_mixed_case_is_of_no_system():
    assert normal("mobile_ad_id_as_issued", "Aece52e7-03ee-455a-b3c4-e57283966239") is Reason.NOT_A_MOBILE_AD_ID
    assert normal("mobile_ad_id_as_issued", "00000000-0000-0000-0000-000000000000") is Reason.ZERO_MOBILE_AD_ID


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("01(706)-767-5127", "us", "17067675127"), ("1 (234) 567-8901", None, "12345678901"),
        ("044 20 7946 0958", "gb", "442079460958"), ("1 (134) 567-8901", None, Reason.NO_COUNTRY),
        ("12345678901", None, Reason.NO_COUNTRY),
    ],
)  # fmt: skip
def test_a_stray_zero_goes_and_brackets_after_a_1_are_north_american(raw, country, expected):
    assert normal("phone_digits", raw, country) == expected
