"""Who an opt-out reaches, seen through build_suppressions and the audience that it stops."""

from __future__ import annotations

import datetime as dt

import pytest

from segment_assets.identity import pseudonym

from .conftest import KEY, sha

AD_ID = "0a1b2c3d-1111-4222-8333-444455556666"
ANN = {
    "customer_id": "1",
    "email_address": " Ann@Example.com",
    "email_sha256": sha("ann@example.com").hex(),
    "phone_number": "(212) 555-2368",
    "country": "United States",
    "mobile_ad_id": AD_ID.upper(),
}
BOB = {
    "customer_id": "2",
    "email_address": "bob@example.com",
    "email_sha256": sha("bob@example.com").hex(),
    "phone_number": "+49 30 901820",
    "country": "DE",
}


def as_a_member(form, digest):
    """Who is a member by an identifier, since nobody gave them a number."""
    return ("member", pseudonym(KEY, form, digest.hex()))


ALL_OF_ANN = {
    ("member", pseudonym(KEY, "customer", "1")),
    as_a_member("email", sha("ann@example.com")),
    as_a_member("phone_digits", sha("12125552368")),
    as_a_member("mobile_ad_id", sha(AD_ID)),
    ("email", sha("ann@example.com")),
    ("email_gmail_folded", sha("ann@example.com")),
    ("phone_digits", sha("12125552368")),
    ("phone_e164", sha("+12125552368")),
    ("mobile_ad_id", sha(AD_ID)),
}


def named(rows):
    return {(row["kind"], row["digest"]) for row in rows}


@pytest.mark.parametrize(
    "opt_out",
    [
        {"customer_id": "1"},
        {"email_address": "ANN@example.com "},
        {"phone_number": "+1 212 555 2368"},
        {"phone_number": "212-555-2368", "country": "USA"},
        {"phone_number": "212-555-2368"},
        {"email_address": sha("ann@example.com").hex()},
    ],
)
def test_any_identifier_of_a_request_reaches_all_identifiers_of_the_customer(suppress, opt_out):
    rows, counts = suppress([opt_out], [ANN, BOB])
    assert named(rows) == ALL_OF_ANN
    assert (counts.customers, counts.naming_nobody, counts.rows) == (1, 0, 9)


def test_an_opted_out_email_reaches_a_phone_only_record(suppress, build):
    rows, _ = suppress([{"email_address": "ann@example.com"}], [ANN, BOB])
    segment = [{"phone": "+12125552368", "country": "US"}, {"phone": "+49 30 901820", "country": "DE"}]
    built = build(segment, suppressions=rows)
    assert (built.counts.suppressed, built.counts.eligible) == (1, 1)
    assert built.holding("phone_digits", sha("4930901820"))


def test_whoever_landed_without_a_number_is_named_as_the_member_that_they_are(suppress, build):
    """A platform may be sent their e-mail in a form of its own only, which no suppression has."""
    rows, _ = suppress([{"email_address": "new@example.com"}], [])
    built = build([{"email": "new@example.com", "country": "US"}])
    (member,) = [row["member_id"] for row in built.people]
    assert ("member", member) in named(rows)


def test_a_customer_whose_join_key_is_missing_is_found_by_the_email_as_typed(suppress):
    rows, _ = suppress([{"email_address": "ann@example.com"}], [{**ANN, "email_sha256": None}])
    assert named(rows) == ALL_OF_ANN


def test_a_join_key_counts_where_the_email_itself_is_unusable(suppress):
    rows, _ = suppress([{"customer_id": "1"}], [{**ANN, "email_address": "null"}])
    assert named(rows) == ALL_OF_ANN - {("email_gmail_folded", sha("ann@example.com"))}


def test_the_same_last_seven_digits_are_not_enough(suppress):
    rows, _ = suppress([{"phone_number": "+1 305 555 2368"}], [ANN])
    digits = sha("13055552368")
    assert named(rows) == {
        ("phone_digits", digits),
        ("phone_e164", sha("+13055552368")),
        as_a_member("phone_digits", digits),
    }


def test_a_request_of_a_stranger_is_kept_for_the_day_the_stranger_turns_up(suppress, build):
    rows, counts = suppress([{"email_address": "new@example.com"}], [ANN])
    assert counts.customers == 0
    assert build([{"email": "new@example.com", "country": "US"}], suppressions=rows).counts.suppressed == 1


def test_two_records_with_one_email_are_both_suppressed(suppress):
    twin = {"customer_id": "3", "email_address": "ann@example.com", "email_sha256": sha("ann@example.com").hex()}
    rows, counts = suppress([{"email_address": "ann@example.com"}], [ANN, twin, BOB])
    assert named(rows) == ALL_OF_ANN | {("member", pseudonym(KEY, "customer", "3"))}
    assert counts.customers == 2


def test_a_request_that_names_nobody_is_counted(suppress):
    rows, counts = suppress([{"email_address": "null", "phone_number": " "}, {"customer_id": "nan"}], [ANN, BOB])
    assert rows == []
    assert (counts.opt_outs, counts.naming_nobody) == (2, 2)


def test_the_earliest_request_is_kept(suppress):
    requests = [
        {"customer_id": "1", "opted_out_at": 5_000_000},
        {"email_address": "ann@example.com", "opted_out_at": 2_000_000},
    ]
    rows, _ = suppress(requests, [ANN])
    assert {row["opted_out_at"] for row in rows} == {dt.datetime(1970, 1, 1, 0, 0, 2, tzinfo=dt.UTC)}
    assert len(rows) == 9


def test_rows_are_sorted_and_each_kind_and_digest_is_there_once(suppress):
    rows, _ = suppress([{"customer_id": "1"}, {"customer_id": "1"}, {"customer_id": "2"}], [ANN, BOB])
    order = [(row["kind"], row["digest"]) for row in rows]
    assert order == sorted(set(order))


def test_an_opted_out_gmail_mailbox_is_stopped_in_every_spelling(suppress, build):
    rows, _ = suppress([{"email_address": "Jane.Doe+shop@gmail.com"}], [])
    segment = [{"email": address, "country": "US"} for address in ("janedoe@gmail.com", "jane.doe@example.com")]
    built = build(segment, suppressions=rows)
    assert (built.counts.suppressed, built.counts.eligible) == (1, 1)


@pytest.mark.parametrize("form", ["janedoe@gmail.com", "jane.doe@gmail.com"])
def test_an_opt_out_reaches_a_digest_of_either_form_of_its_mailbox(suppress, build, form):
    rows, _ = suppress([{"email_address": "jane.doe@gmail.com"}], [])
    assert build([{"email": sha(form).hex(), "country": "US"}], suppressions=rows).counts.suppressed == 1


@pytest.mark.parametrize("form", ["12125552368", "+12125552368"])
def test_an_opt_out_reaches_a_digest_of_either_form_of_its_phone(suppress, build, form):
    rows, _ = suppress([{"phone_number": "+1 212 555 2368"}], [])
    assert build([{"phone": sha(form).hex(), "country": "US"}], suppressions=rows).counts.suppressed == 1


def test_no_opt_outs_give_no_suppressions(suppress):
    rows, counts = suppress([], [ANN])
    assert (rows, counts.rows) == ([], 0)
