"""E-mail and phone as UID2 wants them, against uid2-client 2.9.0: 10,000 random strings of Unicode each.

The client tidies and never judges; where we refuse a value it has an answer all the same, which is no disagreement.
The same for Google's util is in `test_google_connector`; here its Formatter meets the same Unicode.
"""

from __future__ import annotations

import base64
import random

import phonenumbers as pn
import pytest
from uid2_client.input_util import (
    is_phone_number_normalized,
    normalize_and_hash_email,
    normalize_and_hash_phone,
    normalize_email_string,
)

from segment_assets.contracts import MatchKey, Reason
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.match_keys.preparing import prepare
from segment_assets.identity import NORMAL_FORMS
from segment_assets_tests.conformance.vendors.official_google import formatter

ROUNDS = 10_000
SENT = route("the_trade_desk").sent()
SCRIPTS = (
    (0x20, 0x7E),
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x370, 0x52F),
    (0x900, 0x97F),
    (0x3040, 0x30FF),
    (0x1F600, 0x1F64F),
)


def letters(draw: random.Random, most: int) -> str:
    low, high = draw.choice(SCRIPTS)
    return "".join(chr(draw.randint(low, high)) for _ in range(draw.randint(0, most)))


def an_email(draw: random.Random) -> str:
    local = draw.choice(["", "Jane.", "j.a+n", "+"]) + letters(draw, 6)
    domain = draw.choice(["gmail.com", "GMAIL.com", "googlemail.com", "Example.COM", letters(draw, 4) + ".com"])
    return (
        draw.choice(["", " ", "  "]) + local + draw.choice(["@", "@", "@", "@@", ""]) + domain + draw.choice(["", " "])
    )


def a_phone(draw: random.Random) -> str:
    digits = "".join(draw.choices("0123456789" + " -()." * draw.randint(0, 1), k=draw.randint(4, 14)))
    return draw.choice(["+", "+", "+1", "+44", "00"]) + digits + draw.choice(["", "", " ", letters(draw, 2)])


def dialled(raw: str) -> str:
    return raw if raw.startswith("+") else "+" + raw.removeprefix("00")


def test_an_accepted_email_in_ascii_is_the_client_s_and_others_differ_only_by_our_unicode():
    draw, agreed, other = random.Random("uid2 email"), 0, []
    for _ in range(ROUNDS):
        raw = an_email(draw)
        ours = NORMAL_FORMS["email_uid2"].normalise(raw)
        if isinstance(ours, Reason):
            continue
        theirs = normalize_email_string(raw)
        agreed += ours == theirs
        if ours != theirs and raw.isascii():
            other.append((raw, ours, theirs))
        # What only a Unicode clean-up changes: the client lower-cases a to z and trims the space alone.
        if ours != theirs and normalize_email_string(NORMAL_FORMS["email"].normalise(raw)) != ours:
            other.append((raw, ours, theirs))
    assert other == []
    assert agreed > ROUNDS / 10


def test_an_accepted_phone_is_normalised_to_the_client_and_is_what_phonenumbers_reads():
    draw, agreed, other = random.Random("uid2 phone"), 0, []
    for _ in range(ROUNDS):
        raw = a_phone(draw)
        ours = NORMAL_FORMS["phone_e164"].normalise(raw)
        if isinstance(ours, Reason):
            continue
        agreed += 1
        # The client calls nothing a phone that has less than ten digits; small countries have such numbers.
        known_to_client = is_phone_number_normalized(ours) or len(ours) <= 10
        same_hash = not is_phone_number_normalized(ours) or hashed("phone", raw) == normalize_and_hash_phone(ours)
        # As phonenumbers reads it in one go, also where somebody dialled two zeros; "00" is dialled for "+".
        read = pn.format_number(pn.parse(dialled(raw), None), pn.PhoneNumberFormat.E164)
        if not known_to_client or not same_hash or read != ours:
            other.append((raw, ours))
    assert other == []
    assert agreed > ROUNDS / 20


def test_google_s_formatter_meets_the_same_unicode():
    draw, agreed, other = random.Random("google unicode"), 0, []
    official = formatter()
    for _ in range(ROUNDS):
        raw = an_email(draw)
        ours = NORMAL_FORMS["email_gmail_folded"].normalise(raw)
        if isinstance(ours, Reason):
            continue
        # Its lower-casing knows all scripts; what we compose and make half-width before, it takes as it comes.
        theirs = official.format_email_address(NORMAL_FORMS["email"].normalise(raw))
        agreed += ours == theirs
        if ours != theirs or (raw.isascii() and ours != official.format_email_address(raw)):
            other.append((raw, ours, theirs))
    assert other == []
    assert agreed > ROUNDS / 10


def hashed(key: str, raw: str) -> str | None:
    match_key = MatchKey(key)
    return prepare(match_key, SENT[match_key], raw).written


@pytest.mark.parametrize("raw", ["MYEMAIL@example.com", " Jane.Saoirse+Work@gmail.com ", "j.d@googlemail.com"])
def test_the_hash_is_the_client_s_base64_of_32_bytes(raw):
    assert hashed("email", raw) == normalize_and_hash_email(raw)
    assert len(base64.b64decode(hashed("email", raw))) == 32


@pytest.mark.parametrize(
    ("raw", "ours", "theirs", "reason"),
    [
        ("jane@localhost", Reason.NOT_AN_EMAIL, "jane@localhost", "nobody can have it"),
        ("ja ne@x.com", Reason.NOT_AN_EMAIL, "ja ne@x.com", "an inner space is no part of an address"),
        ("\tjane@x.com\t", "jane@x.com", "\tjane@x.com\t", "white space is more than the space"),
        ("JANÉ@x.com", "jané@x.com", "janÉ@x.com", "letters beyond Z have a lower case too"),
        ("jane.doe@GMAIL.com.", Reason.NOT_AN_EMAIL, "jane.doe@gmail.com.", "a dot at the end is not repaired"),
    ],
)
def test_where_we_differ_from_the_client_there_is_a_reason(raw, ours, theirs, reason):
    assert (NORMAL_FORMS["email_uid2"].normalise(raw), normalize_email_string(raw)) == (ours, theirs), reason
