"""Whom a request to be forgotten reaches, also when its file is gone and they are known by something else."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from segment_assets.audience import build_erasures, build_suppressions
from segment_assets.identity import pseudonym
from segment_assets.tables import CUSTOMERS, ERASURES, OPT_OUTS, SUPPRESSIONS

from .conftest import KEY, sha, table

FIRST, LATER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
ANN = {"customer_id": "1", "email_address": "ann@example.com", "phone_number": "+12025550111", "country": "US"}
OLD_PHONE, NEW_PHONE = sha("12025550111"), sha("12025550122")


@pytest.fixture
def forget(tmp_path):
    """A file's text (none for no file), customers and the erasures of before, to those of now."""

    def run(text, customers, before=None):
        requests = tmp_path / "requests.csv"
        requests.write_text(text)
        out = []
        build_erasures(
            [requests] if text else [],
            pads.dataset(table(CUSTOMERS, customers)),
            None if before is None else pads.dataset(before),
            KEY,
            out.append,
            now=FIRST if before is None else LATER,
            workdir=tmp_path,
        )
        return pa.Table.from_batches(out, ERASURES.arrow_schema())

    return run


@pytest.fixture
def suppress(tmp_path):
    """Customers and erasures to the suppressions, without any opt-out."""

    def run(customers, erasures):
        tables = (pads.dataset(table(OPT_OUTS, [])), pads.dataset(table(CUSTOMERS, customers)))
        out = []
        counts = build_suppressions(*tables, KEY, out.append, workdir=tmp_path, erasures=pads.dataset(erasures))
        assert counts.customers == 0, "no request means anybody"
        return pa.Table.from_batches(out, SUPPRESSIONS.arrow_schema())

    return run


def digests(rows):
    return {row["digest"] for row in rows.to_pylist()}


@pytest.mark.parametrize(
    "now",
    [
        # By their number, by their e-mail under another number, and by the join key alone.
        ANN | {"email_address": "ann@example.org", "phone_number": "+12025550122"},
        ANN | {"customer_id": "7", "phone_number": "+12025550122"},
        ANN
        | {"customer_id": "7", "email_address": None, "email_sha256": sha("ann@example.com").hex().upper()}
        | {"phone_number": "+12025550122"},
    ],
)
def test_whoever_was_forgotten_stays_so_under_a_new_identifier_when_the_file_is_gone(forget, suppress, now):
    before = forget("email\nann@example.com\n", [ANN])
    assert NEW_PHONE not in digests(before)
    assert NEW_PHONE in digests(suppress([now], before))
    after = forget("", [now], before)
    assert {NEW_PHONE, pseudonym(KEY, "customer", now["customer_id"])} <= digests(after)
    assert digests(before) <= digests(after)
    assert {row["opted_out_at"] for row in after.to_pylist()} == {FIRST}, "they asked when they asked first"


def test_a_request_by_phone_stops_the_customer_who_has_it_later(forget, suppress):
    before = forget("phone\n+12025550111\n", [])
    assert sha("ann@example.com") in digests(suppress([ANN], before))


def test_whoever_was_forgotten_is_found_by_another_spelling_of_their_mailbox(forget, suppress):
    jane = ANN | {"email_address": "jane@gmail.com"}
    again = {"customer_id": "7", "email_address": "j.ane+news@gmail.com", "phone_number": "+12025550122"}
    before = forget("email\njane@gmail.com\n", [jane])
    assert NEW_PHONE in digests(suppress([again | {"country": "US"}], before))


@pytest.mark.parametrize(
    ("asked", "reaches"),
    [
        ("email\nann@example.com\n", False),
        ("email,phone\nann@example.com,+12025550111\n", False),
        ("phone\n+12025550111\n", True),
    ],
)
def test_a_household_is_suppressed_with_somebody_who_asks_by_its_phone_alone(forget, suppress, asked, reaches):
    twin = ANN | {"customer_id": "2", "email_address": "twin@example.com"}
    named = digests(suppress([ANN, twin], forget(asked, [ANN, twin])))
    assert OLD_PHONE in named
    assert ({sha("twin@example.com"), pseudonym(KEY, "customer", "2")} <= named) is reaches
    assert (sha("twin@example.com") in named) is reaches


def test_what_was_asked_by_a_phone_stays_so_when_it_is_found_with_a_customer_later(forget):
    before = forget("phone\n+12025550111\n", [])
    after = forget("email\nann@example.com\n", [ANN], before)
    asked = {row["digest"] for row in after.to_pylist() if row["asked"]}
    assert {OLD_PHONE, sha("ann@example.com")} <= asked
    assert pseudonym(KEY, "customer", "1") not in asked


def test_a_housemate_with_the_same_phone_is_not_forgotten_by_and_by(forget):
    twin = ANN | {"customer_id": "2", "email_address": "twin@example.com"}
    before = forget("email\nann@example.com\n", [ANN, twin])
    assert OLD_PHONE in digests(before)
    assert digests(forget("", [ANN, twin], before)) == digests(before)


def test_a_phone_that_two_customers_have_forgets_neither_and_suppresses_both(forget, suppress):
    twin = ANN | {"customer_id": "2", "email_address": "twin@example.com"}
    members = {pseudonym(KEY, "customer", number) for number in ("1", "2")}
    asked = forget("phone\n+12025550111\n", [ANN, twin])
    assert OLD_PHONE in digests(asked)
    assert not (members | {sha("ann@example.com"), sha("twin@example.com")}) & digests(asked)
    assert members <= digests(suppress([ANN, twin], asked))
    # Said again with what is theirs alone, it means one of them, and so it does in the same row.
    for again in ("email\nann@example.com\n", "email,phone\nann@example.com,+12025550111\n"):
        named = digests(forget(again, [ANN, twin], asked))
        assert members & named == {pseudonym(KEY, "customer", "1")}
        assert sha("twin@example.com") not in named


def test_a_request_that_names_several_by_a_phone_alone_is_counted(tmp_path):
    twin = ANN | {"customer_id": "2", "email_address": "twin@example.com"}
    requests = tmp_path / "requests.csv"
    requests.write_text("phone,email\n+12025550111,\n+12025550111,ann@example.com\n+12025550199,\n")
    customers = pads.dataset(table(CUSTOMERS, [ANN, twin]))
    counts = build_erasures([requests], customers, None, KEY, lambda _: None, now=FIRST, workdir=tmp_path)
    assert (counts.requests, counts.ambiguous, counts.naming_nobody, counts.customers) == (3, 1, 0, 1)


def test_nobody_else_is_named(forget, suppress):
    bob = {"customer_id": "3", "email_address": "bob@example.com", "phone_number": "+12025550133", "country": "US"}
    before = forget("email\nann@example.com\n", [ANN])
    assert digests(suppress([bob, {"customer_id": None, "email_sha256": "none"}], before)) == digests(before)
