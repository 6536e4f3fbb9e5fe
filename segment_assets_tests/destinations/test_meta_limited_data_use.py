"""Limited Data Use: whom Meta is asked to handle under it, from the plan's setting to what the platform keeps."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_assets.contracts import IS_VALUE_BASED, Member, Mode, Operation, PermanentError, Session
from segment_assets.contracts.columns import JsonRows
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.members import Members
from segment_assets.delivery.replaying import replay
from segment_assets.destinations import connect
from segment_assets.identity import NORMAL_FORMS
from segment_assets.identity import digest as cell_of
from segment_assets.tables import CHANGES
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.meta import RECORD
from segment_assets_tests.fakes import digest, publish_suppressions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

OPTIONS = ["DATA_PROCESSING_OPTIONS", "DATA_PROCESSING_OPTIONS_COUNTRY", "DATA_PROCESSING_OPTIONS_STATE"]
FLAGGED, UNFLAGGED = [["LDU"], 0, 0], [[], 0, 0]
PLACE = Session(token=7, sequence=1, last=True, members_in_total=1, received_before=0)
STATED = {"customer_file_source": "USER_PROVIDED_ONLY"}


def country(code: str) -> bytes:
    value = cell_of(NORMAL_FORMS["country"], code).value
    assert isinstance(value, bytes)
    return value


def meta(setting: str, **stated: str) -> Any:
    return connect("meta", "1001", {"limited_data_use": setting}, STATED | stated)


def somebody(code: str | bytes | None) -> Member:
    known = country(code) if isinstance(code, str) else code
    return Member(digest("id"), {"email": digest("a@x")} | ({"country": known} if known else {}))


def said(destination: Any, members: Sequence[Member], operation: Operation = Operation.ADD) -> list[list[Any]]:
    """What a request says beside identifiers: the last cells of each row, by the schema."""
    payload = destination.request("1", operation, members, PLACE).json["payload"]
    assert payload["schema"][-len(OPTIONS) :] == OPTIONS
    return [list(row[-len(OPTIONS) :]) for row in payload["data"]]


@pytest.mark.parametrize(
    ("place", "is_flagged"),
    [
        ("US", True),
        # Territories have codes of their own (ISO 3166-1).
        *((territory, True) for territory in ("AS", "GU", "MP", "PR", "UM", "VI")),
        ("DE", False),
        ("CA", False),
        (None, True),
        # A source brought it hashed by another rule: it is the digest of no country.
        (digest("US"), True),
    ],
)
def test_who_is_not_known_to_be_in_another_country_is_flagged_for_the_united_states(place, is_flagged):
    assert said(meta("united_states"), [somebody(place)]) == [FLAGGED if is_flagged else UNFLAGGED]


def test_everybody_is_everybody():
    assert said(meta("everybody"), [somebody("DE"), somebody(None)]) == [FLAGGED, FLAGGED]


@pytest.mark.parametrize("settings", [{}, {"limited_data_use": "none"}])
def test_without_the_setting_not_a_byte_is_other_than_before_there_was_one(settings):
    plain = connect("meta", "1001", {}, STATED).request("1", Operation.ADD, [somebody("US")], PLACE)
    chosen = connect("meta", "1001", settings, STATED)
    assert chosen.request("1", Operation.ADD, [somebody("US")], PLACE).json == plain.json
    assert not set(OPTIONS) & set(plain.json["payload"]["schema"])
    assert chosen.contract.said_of_people == ""


def test_a_replace_says_it_too_and_whoever_leaves_or_is_forgotten_is_only_named():
    destination, members = meta("everybody"), [somebody("US")]
    assert said(destination, members, Operation.REPLACE) == [FLAGGED]
    for request in (destination.request("1", Operation.REMOVE, members, PLACE), destination.erasure(members, PLACE)):
        plain = connect("meta", "1001", {}, STATED)
        assert request.json["payload"] == plain.request("1", Operation.REMOVE, members, PLACE).json["payload"]


def test_an_audience_by_value_has_both():
    worth = dataclasses.replace(somebody("FR"), value="2.5")
    destination = meta("united_states", **{IS_VALUE_BASED: "true"})
    payload = destination.request("1", Operation.ADD, [worth], PLACE).json["payload"]
    assert payload["schema"][-4:] == ["LOOKALIKE_VALUE", *OPTIONS]
    assert payload["data"][0][-4:] == [2.5, *UNFLAGGED]


def test_the_other_setting_of_the_account_holds_beside_it():
    settings = {"limited_data_use": "everybody", "api_version": "v27.0"}
    chosen = connect("meta", "1001", settings, STATED).request("1", Operation.ADD, [somebody("US")], PLACE)
    assert chosen.path == "/v27.0/1/users"
    assert meta("everybody").request("1", Operation.ADD, [somebody("US")], PLACE).path == "/v26.0/1/users"


def test_a_misspelt_choice_is_refused_and_does_not_take_the_flag_away():
    with pytest.raises(PermanentError, match="none, united_states, everybody"):
        meta("USA")


@pytest.mark.parametrize("setting", ["united_states", "everybody"])
def test_full_batches_are_written_from_columns_as_one_by_one(setting):
    codes = ["US", "DE", None, "GB", "US"]
    rows = [
        {"phase": "add", "batch": 1, "record_id": digest("r"), "kind": "new", "member_id": digest(str(n))}
        | {"email": digest(f"{n}@x") if n else None, "country": country(code) if code else None}
        for n, code in enumerate(codes)
    ]
    whole = pa.RecordBatch.from_pylist(rows, CHANGES.arrow_schema())
    for batch in (whole, whole.slice(1, 3), whole.slice(2, 1)):
        fast = meta(setting).request("1", Operation.ADD, Members(batch), PLACE).json["payload"]
        slow = meta(setting).request("1", Operation.ADD, list(Members(batch)), PLACE).json["payload"]
        assert isinstance(fast["data"], JsonRows)
        assert fast["data"].written == json.dumps(slow["data"], separators=(",", ":")).encode()
        assert fast["schema"] == slow["schema"]


# ── the whole way, to the sandbox ──


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield inside
    inside.end()


@pytest.fixture
def house(inside: InProcess, tmp_path: Path) -> Iterator[Flagging]:
    outside = Outside(inside)
    outside.reset()
    yield Flagging(RECORD, tmp_path, outside)
    outside.close()


class Flagging(House):
    """A house whose account may say whom to flag."""

    def sets(self, setting: str) -> None:
        self.record = dataclasses.replace(RECORD, settings={"limited_data_use": setting})

    def wants_from(self, **codes: str) -> None:
        """People by `p<number>`, with the country that each is in."""
        rows = [people.row(RECORD.contract, int(n[1:])) | {"country": country(code)} for n, code in codes.items()]
        self.wants([], *rows)

    def flags(self) -> dict[int, Any]:
        """Person by number -> the options that Meta keeps of them, None where nothing was ever said."""
        [audience] = self.outside.audiences()
        place = f"audiences/{audience['id']}"
        held, extras = (self.outside._get(f"{place}/{what}", limit=100, offset=0) for what in ("members", "extras"))
        email = {people.cell("email", n).hex(): n for n in range(9)}
        return {
            email[cells["EMAIL"]]: extra and extra["DATA_PROCESSING_OPTIONS"]
            for cells, extra in zip(held, extras, strict=True)
        }


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.REPLACE])
def test_the_platform_keeps_the_flag_of_each_person(house: Flagging, mode: Mode):
    house.mode = mode
    house.sets("united_states")
    house.wants_from(p1="US", p2="DE", p3="US")
    house.run()
    assert house.flags() == {1: ["LDU"], 2: [], 3: ["LDU"]}
    house.wants_from(p1="US", p3="US")
    house.run()
    assert house.flags() == {1: ["LDU"], 3: ["LDU"]}
    house.is_balanced()


def test_when_the_setting_changes_everybody_who_is_there_is_sent_once_more_and_then_nobody(house: Flagging):
    house.wants_from(p1="US", p2="DE")
    house.run()
    assert house.flags() == {1: None, 2: None}
    for setting, flags in (("united_states", {1: ["LDU"], 2: []}), ("everybody", {1: ["LDU"], 2: ["LDU"]})):
        house.sets(setting)
        house.outside.later(60)
        house.run()
        assert house.flags() == flags
        assert house.rows[-1]["refreshed"] == 2
        before = len(house.rows)
        house.run()
        assert len(house.rows) == before
    house.sets("none")
    house.run()
    assert house.rows[-1]["refreshed"] == 2
    assert "DATA_PROCESSING_OPTIONS" not in house.line.calls[-1].text
    house.is_balanced()


def test_whoever_opted_out_is_not_flagged_but_taken_out(house: Flagging):
    house.sets("everybody")
    house.wants_from(p1="US", p2="US")
    house.run()
    house.suppressions = publish_suppressions(house.lake, [("email", people.cell("email", 1))])
    house.run()
    assert house.flags() == {2: ["LDU"]}


def test_what_was_sent_with_the_flag_is_made_again_byte_for_byte_and_not_without_the_setting(house: Flagging):
    house.sets("united_states")
    house.wants_from(p1="US", p2="DE")
    house.run()
    ledger = AudienceLedger(house.lake, house.pair, time.time)
    [log] = ledger.deliveries()
    assert all(one.is_proven for one in replay(house.lake, ledger, log, house.destination(), b"key"))
    house.sets("none")
    assert not any(one.is_proven for one in replay(house.lake, ledger, log, house.destination(), b"key"))
