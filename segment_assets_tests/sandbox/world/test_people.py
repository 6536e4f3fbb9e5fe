"""Who the people are and how messily they are written down, compared with the hidden truth."""

from __future__ import annotations

import hashlib
import unicodedata

import phonenumbers
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.sandbox.world import emails, phones, places, randomness, spellings


@pytest.fixture(scope="module")
def customers(root, read):
    return read(root / "accounts/a/customers").to_pylist()


@pytest.fixture(scope="module")
def records(root, read):
    return read(root / "truth/records").to_pylist()


@pytest.fixture(scope="module")
def person(truth):
    return {row["person"]: row for row in truth.to_pylist()}


def test_people_live_in_at_least_twelve_countries(truth):
    assert pc.count_distinct(truth["country"]).as_py() >= 12


def test_names_come_in_several_scripts_and_with_accents(customers):
    names = [c["first_name"] + c["last_name"] for c in customers if c["first_name"] and c["last_name"]]
    scripts = {unicodedata.name(letter).split()[0] for name in names for letter in name if letter.isalpha()}
    assert {"LATIN", "CJK", "HANGUL", "GREEK", "CYRILLIC"} <= scripts
    assert any("WITH" in unicodedata.name(letter) for name in names for letter in name)


def test_no_address_can_be_a_real_mailbox(truth):
    for column in ("email", "viewer_email"):
        for address in truth[column].drop_null().to_pylist():
            local, domain = address.split("@")
            reserved = domain.removesuffix(".") in {"example.com", "example.org", "example.net"} or domain.split(
                ".", 1
            )[1] in {
                "example.com",
                "example.org",
                "example.net",
            }
            assert reserved or (domain == "gmail.com" and len(local.replace(".", "")) > 30)


def test_every_habit_of_typing_emails_and_phones_occurs_about_as_often_as_declared(records):
    for column, kinds in (("email_kind", emails.TYPED), ("phone_kind", phones.TYPED)):
        seen = [record[column] for record in records]
        for kind in kinds:
            assert kind.share / 2 < seen.count(kind.name) / len(seen) < kind.share * 2, kind.name


@pytest.mark.parametrize(
    "kinds",
    [spellings.FIRST_NAME, spellings.STATE, spellings.POSTAL_CODE, spellings.COUNTRY, spellings.BIRTH_DATE, spellings.GENDER, spellings.MOBILE_AD_ID, emails.TYPED, phones.TYPED, phones.READABLE, emails.ON_ORDERS],
)  # fmt: skip
def test_the_shares_of_all_habits_add_up_to_one(kinds):
    assert sum(kind.share for kind in kinds) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("column", "example"),
    [
        *(("email_address", cell) for cell in ("", "   ", "null", "nan", "None", "N/A")),
        *(("phone_number", cell) for cell in ("", "null", "nan", "N/A", "call me")),
        *(("mobile_ad_id", cell) for cell in ("", "00000000-0000-0000-0000-000000000000")),
        *(("gender", cell) for cell in ("m", "f", "M", "F", "Male", "female", "x", "")),
        *(("country", cell) for cell in ("US", "us", "USA", "United States", "Deutschland", "대한민국", "Atlantis")),
        *(("state", cell) for cell in ("MA", "Massachusetts", "massachusetts", "ma")),
    ],
)
def test_this_way_of_filling_a_cell_occurs(customers, column, example):
    assert any(customer[column] == example for customer in customers)


def test_us_postal_codes_lost_their_leading_zero_in_some_records(customers, records, person):
    true_codes = [person[record["person"]] for record in records]
    pairs = [(c["zip"], t["postal_code"]) for c, t in zip(customers, true_codes, strict=True) if t["country"] == "US"]
    assert any(typed == true[1:] and true[0] == "0" for typed, true in pairs if typed)


def test_birth_dates_come_in_several_notations_and_some_are_impossible(customers):
    typed = [customer["birth_date"] for customer in customers if customer["birth_date"]]
    assert any("/" in date for date in typed)
    assert any("." in date for date in typed)
    assert any(date.isdigit() and len(date) == 8 for date in typed)
    assert any(date.endswith("-02-31") for date in typed)


def test_the_join_key_is_the_digest_of_the_true_address_and_null_where_the_account_does_not_know_it(
    customers, records, person
):
    for customer, record in zip(customers, records, strict=True):
        assert customer["customer_id"] == record["customer_id"]
        unknown = record["email_kind"] in {kind.name for kind in emails.UNKNOWN}
        true = hashlib.sha256(person[record["person"]]["email"].strip().lower().encode()).hexdigest()
        assert customer["email_sha256"] == (None if unknown else true)


def test_a_typed_address_without_tags_or_lost_dots_still_says_the_true_one(customers, records, person):
    same = {"clean", "upper", "title", "spaces"}
    for customer, record in zip(customers, records, strict=True):
        true = person[record["person"]]["email"]
        if record["email_kind"] in same:
            assert customer["email_address"].strip().lower() == true
        if record["email_kind"].startswith("hashed"):
            assert customer["email_address"].lower() == hashlib.sha256(true.encode()).hexdigest()


def test_every_phone_that_people_can_read_is_read_by_the_phonenumbers_library_as_the_true_number(
    customers, records, person
):
    readable = {kind.name for kind in phones.READABLE}
    checked = set()
    for customer, record in zip(customers[:3_000], records[:3_000], strict=True):
        if record["phone_kind"] in readable:
            true = person[record["person"]]
            typed = customer["phone_number"]
            # 00 is how Europeans dial abroad; the library knows it in those countries only, people write it everywhere.
            dialled = f"+{typed[2:]}" if record["phone_kind"] == "international_00" else typed
            number = phonenumbers.parse(dialled, true["country"])
            assert phonenumbers.is_valid_number(number), (record["phone_kind"], true["country"])
            assert f"{number.country_code}{phonenumbers.national_significant_number(number)}" == true["phone_digits"]
            checked.add((record["phone_kind"], true["country"]))
    assert len({country for _, country in checked}) >= 12


def test_families_share_a_phone_and_some_share_an_email(truth):
    customers = truth.filter(truth["is_customer"])
    by_phone = customers.group_by("phone_digits").aggregate([("person", "count")])
    by_email = customers.group_by("email").aggregate([("person", "count")])
    assert 0.02 < pc.sum(pc.greater(by_phone["person_count"], 1)).as_py() / len(customers) < 0.06
    assert 0.004 < pc.sum(pc.greater(by_email["person_count"], 1)).as_py() / len(customers) < 0.02


def test_people_of_different_households_never_share_an_identifier_whatever_their_chunk(truth):
    rows = truth.select(["person", "phone_digits", "email", "is_customer"]).to_pylist()
    for column in ("phone_digits", "email"):
        holders: dict[str, list[int]] = {}
        for row in rows:
            holders.setdefault(row[column], []).append(row["person"])
        assert all(max(who) - min(who) <= 1 for who in holders.values())


def test_no_platform_identifier_belongs_to_two_accounts(truth):
    for column in ("platform_email_sha256", "platform_email_folded_sha256", "platform_phone_sha256"):
        held = truth[column].drop_null()
        assert pc.count_distinct(held).as_py() == len(held) > 0


def test_some_people_have_two_records_with_the_same_join_key(records):
    people = [record["person"] for record in records]
    assert 0.01 < (len(people) - len(set(people))) / len(people) < 0.04


def test_consent_is_explicit_in_europe_and_mostly_unknown_elsewhere(customers, records, person):
    asked = {country.code for country in places.COUNTRIES if country.explicit_consent}
    unknown = {True: [], False: []}
    for customer, record in zip(customers, records, strict=True):
        country = person[record["person"]]["country"]
        unknown[country in asked].append(customer["consent_ad_user_data"] == "unknown")
        assert country == "US" or not customer["gpc_opt_out"]
    assert sum(unknown[True]) / len(unknown[True]) < 0.2
    assert sum(unknown[False]) / len(unknown[False]) > 0.6
    assert any(customer["gpc_opt_out"] for customer in customers)


@given(st.lists(st.integers(0, 24_000_000 - 1), unique=True, min_size=2), st.sampled_from(places.COUNTRIES))
def test_different_people_get_different_numbers_in_every_country(numbers, country):
    import numpy as np

    capacity = 10**country.tail_digits * len(country.mobile_prefixes)
    assert len(set(randomness.scrambled(np.array(numbers), capacity).tolist())) == len(numbers)
