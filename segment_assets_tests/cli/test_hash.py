"""`segment-assets hash`: JSON lines in, JSON lines out, and nothing ends the stream."""

from __future__ import annotations

import hashlib
import io
import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.cli import main
from segment_assets.cli.hash import hash_lines
from segment_assets.destinations.match_keys import PLATFORMS

ASKED = {"destination": "google", "match_key": "email", "value": " J.ane+x@Gmail.com ", "country": "US"}
JANE = hashlib.sha256(b"jane@gmail.com").hexdigest()


def answers(*lines: object, show_normalised: bool = False) -> list[dict[str, object]]:
    written = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    out = io.BytesIO()
    hash_lines(written, out, show_normalised=show_normalised)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def run(text: str, *options: str) -> tuple[int, list[dict[str, object]]]:
    result = CliRunner().invoke(main, ["hash", *options], input=text)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_a_line_is_answered_with_the_digest_the_form_and_no_reason():
    code, [answer] = run(json.dumps(ASKED) + "\n")
    assert code == 0
    assert (answer["digest"], answer["normal_form"], answer["reason"]) == (JANE, "email_gmail_folded", None)
    assert "normalised" not in answer


def test_the_normalised_value_is_shown_only_when_asked_for(tmp_path):
    file = tmp_path / "values.jsonl"
    file.write_text(json.dumps(ASKED))
    code, [answer] = run("", "--show-normalised", str(file))
    assert (code, answer["normalised"], answer["digest"]) == (0, "jane@gmail.com", JANE)


def test_a_plain_value_stands_where_the_digest_would():
    [answer] = answers({"destination": "google", "match_key": "country", "value": "Germany"})
    assert (answer["digest"], answer["encoding"]) == ("DE", "plain")


def test_a_refused_value_has_a_reason_and_is_not_repeated():
    [answer] = answers({"destination": "meta", "match_key": "email", "value": "secret but no address"})
    assert (answer["digest"], answer["reason"]) == (None, "not_an_email")
    assert "secret" not in json.dumps(answer)


def test_every_destination_and_variant_answers_for_every_match_key_it_takes():
    lines = [
        {"destination": platform.name, "variant": variant, "match_key": key, "value": None}
        for platform in PLATFORMS.values()
        for variant, found in platform.routes.items()
        for key in found.sent()
    ]
    assert {answer["reason"] for answer in answers(*lines)} == {"empty"}
    assert len(PLATFORMS) == 14


@pytest.mark.parametrize(
    ("line", "reason", "named"),
    [
        (b"not json", "bad_json", "one object per line"),
        (b'["google"]', "bad_json", "one object per line"),
        (b"\xff\xfe", "bad_json", "one object per line"),
        (b"[" * 100_000, "bad_json", "one object per line"),
        ({**ASKED, "destination": "myspace"}, "unknown_destination", "google, amazon"),
        ({"match_key": "email", "value": "x"}, "unknown_destination", "the_trade_desk"),
        ({**ASKED, "destination": ["google"]}, "unknown_destination", "google"),
        ({**ASKED, "destination": "amazon", "variant": "dsp"}, "unknown_variant", "adm, amc"),
        ({**ASKED, "match_key": "shoe_size"}, "unknown_match_key", "email, phone"),
        ({**ASKED, "destination": "reddit", "match_key": "phone"}, "unknown_match_key", "mobile_ad_id"),
        ({**ASKED, "settings": {"spelling": "free"}}, "unknown_setting", "name_punctuation"),
        ({**ASKED, "settings": {"name_punctuation": "doubled"}}, "unknown_setting", "kept, removed"),
        ({**ASKED, "settings": 7}, "unknown_setting", "choices"),
        ({**ASKED, "state": "boiled"}, "unknown_state", "raw, hashed, auto"),
        ({**ASKED, "value": ["jane"]}, "not_a_text", "number"),
        ({"destination": "google", "match_key": "email"}, "no_value", "value"),
    ],
)
def test_a_bad_line_says_what_is_known_and_the_next_one_is_answered(line, reason, named):
    bad, good = answers(line, ASKED)
    assert (bad["line"], bad["digest"], bad["reason"]) == (1, None, reason)
    assert named in bad["message"]
    assert "myspace" not in bad["message"]
    assert good["digest"] == JANE


def test_the_exit_code_is_0_for_bad_lines_and_1_when_none_could_be_read():
    assert run(json.dumps({**ASKED, "destination": "myspace"}))[0] == 0
    assert run("not json\n" + json.dumps(ASKED))[0] == 0
    assert run("not json\n\n{")[0] == 1
    assert run("")[0] == 1


def test_a_file_that_is_not_there_is_an_error_of_its_own(tmp_path):
    assert run("", str(tmp_path / "none"))[0] == 2


def test_numbers_ids_countries_and_own_digests_are_read():
    found = answers(
        {"destination": "meta", "match_key": "postal_code", "value": 2134, "country": "USA"},
        {"destination": "meta", "match_key": "birth_month", "value": 2},
        {"destination": "meta", "match_key": "birth_month", "value": "1985-02-17"},
        {**ASKED, "value": JANE.upper(), "id": "row 7"},
        {**ASKED, "value": JANE, "state": "raw"},
        {"destination": "meta", "match_key": "phone", "value": "020 7946 0958", "country": "Narnia"},
        show_normalised=True,
    )
    assert [answer["normalised"] for answer in found] == ["02134", "02", "02", None, None, None]
    assert (found[3]["digest"], found[3]["already_hashed"], found[3]["id"]) == (JANE, True, "row 7")
    assert [answer["reason"] for answer in found[4:]] == ["unsupported_digest", "unknown_country"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.dictionaries(
            st.sampled_from(["destination", "match_key", "value", "country", "variant", "settings", "state", "id"]),
            st.sampled_from(["google", "meta", "email", "phone", "us", "\ud800", None, 7, [], {}, ""])
            | st.text(max_size=8),
        ).map(lambda asked: json.dumps(asked).encode()),
        max_size=6,
    )
)
def test_every_line_that_is_not_blank_is_answered_by_one_line_whatever_it_holds(lines):
    whole = [line.replace(b"\n", b" ") for line in lines]
    assert len(answers(*whole)) == sum(bool(line.strip()) for line in whole)
