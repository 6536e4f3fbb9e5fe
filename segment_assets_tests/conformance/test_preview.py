"""`segment-assets preview` of a file of people against the official SDK and messages: the files are what they would send."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.contracts import Session
from segment_assets.plan import default_plan
from segment_assets_tests.conformance.test_meta_connector import MARY, MAX, add_by_sdk, cells_of, sdk
from segment_assets_tests.conformance.vendors.official_google import formatter, parsed, types

__all__ = ["sdk"]

HEADER = [
    *("member_id", "email", "phone", "first_name", "last_name", "postal_code", "country"),
    *("mobile_ad_id", "birth_date", "gender", "city", "state"),
]
COLUMN_OF = {"phone_digits": "phone", "birth_year": "birth_date"}
UNUSABLE = [
    {"first_name": "Nobody", "last_name": "Known"},
    {"member_id": "m3", "email": "not an address"},
]


def as_row(number: int, raw: list) -> dict[str, str]:
    cells = {COLUMN_OF.get(form, form): value for form, value, *_ in raw}
    return {"member_id": f"m{number}", **{name: cells[name] for name in HEADER if name in cells}}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path / "home"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [as_row(1, MARY), as_row(2, MAX), *UNUSABLE, as_row(1, MARY)]
    return written(tmp_path / "people.csv", rows)


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


def preview(file: Path, out: Path, destination: str, *options: str) -> tuple[list[dict], dict, str]:
    command = ["preview", "--destination", destination, "--members", str(file), "--out", str(out), *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    requests = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("[0-9]*.json"))]
    return requests, json.loads((out / "summary.json").read_text(encoding="utf-8")), result.output


def test_a_file_for_meta_has_the_cells_and_the_call_of_the_sdk(file, tmp_path, sdk):
    (create, add), summary, said = preview(file, tmp_path / "out", "meta")
    assert (create["method"], create["body"]["subtype"]) == ("POST", "CUSTOM")
    place = add["body"]["session"]
    ours = Session(place["session_id"], place["batch_seq"], place["last_batch_flag"], place["estimated_num_total"], 0)
    expected = []
    for raw in (MARY, MAX):
        theirs = add_by_sdk(sdk, raw, ours)
        expected += cells_of(theirs["payload"])
        assert theirs["session"] == place
    method, path, _, _ = sdk.last()
    assert add["method"] == method
    assert add["url"].endswith("/users")
    assert add["url"].startswith("https://graph.facebook.com/")
    assert path.endswith("/users")
    assert sorted(cells_of(add["body"]["payload"]), key=str) == sorted(expected, key=str)
    assert summary["requests"] == {"create": 1, "add": 1, "remove": 0}
    assert (summary["rows"]["read"], summary["rows"]["duplicates_merged"]) == (5, 1)
    assert summary["rows"]["unusable"] == {"no_identifier": 1}
    assert summary["people"]["no_usable_key"] == 1
    assert "1 no_identifier, 1 no_usable_key" in said


def test_a_preview_for_an_account_flags_whom_its_setting_flags(file, tmp_path, monkeypatch):
    text = default_plan().read_text(encoding="utf-8")
    plan, account = tmp_path / "plan.yaml", '    destination: meta\n    account: "1001"\n'
    setting = "    settings: {limited_data_use: united_states}\n"
    plan.write_text(text.replace(account, account + setting, 1), encoding="utf-8")
    monkeypatch.setenv("SEGMENT_ASSETS_PLAN", str(plan))
    (_, add), _, _ = preview(file, tmp_path / "out", "lumen_eu")
    rows = cells_of(add["body"]["payload"])
    # Mary is in the US, Max is not; an empty list is a cell that is left out here.
    assert [row.get("DATA_PROCESSING_OPTIONS") for row in sorted(rows, key=lambda row: row["COUNTRY"])] == [
        None if row["COUNTRY"] == hashlib.sha256(b"de").hexdigest() else ["LDU"]
        for row in sorted(rows, key=lambda row: row["COUNTRY"])
    ]
    assert len(rows) == 2


@pytest.mark.parametrize("mode", ["add", "remove"])
def test_a_file_for_google_parses_strictly_as_the_official_messages(file, tmp_path, mode):
    requests, summary, _ = preview(file, tmp_path / "out", "google", "--mode", mode)
    if mode == "add":
        create, request = requests
        parsed(types.UserList, create["body"])
        message = parsed(types.IngestAudienceMembersRequest, request["body"])
        assert request["url"] == "https://datamanager.googleapis.com/v1/audienceMembers:ingest"
    else:
        [request] = requests
        message = parsed(types.RemoveAudienceMembersRequest, request["body"])
    emails = {i.email_address for one in message.audience_members for i in one.user_data.user_identifiers}
    google = formatter()
    wanted = {google.hex_encode(google.hash_string(google.format_email_address(raw[0][1]))) for raw in (MARY, MAX)}
    assert emails - {""} == wanted
    assert summary["records"][mode] == len(message.audience_members) == 2


def test_equal_input_gives_equal_bytes_whatever_the_home_and_nothing_of_the_people(file, tmp_path, monkeypatch):
    preview(file, tmp_path / "one", "meta", "--mode", "remove")
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path / "another home"))
    preview(file, tmp_path / "two", "meta", "--mode", "remove")
    first = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()} == first
    assert not any(word in body.lower() for body in first.values() for word in (b"example.com", b"mustermann"))
    assert not any(b"authorization" in body.lower() for body in first.values())


def test_an_account_of_the_plan_lends_its_number_and_an_unknown_name_is_refused(file, tmp_path):
    (create, _), _, _ = preview(file, tmp_path / "out", "lumen_eu")
    assert "/act_1001/" in create["url"]
    command = ["preview", "--destination", "nowhere", "--members", str(file), "--out", str(tmp_path / "other")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "lumen_eu" in result.output
