"""Audiences of Meta by value: what people are worth, from account A's tables to the platform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from segment_assets.audience import clean_room_members
from segment_assets.audience.worth import numbers
from segment_assets.contracts import IS_VALUE_BASED, VALUE_COLUMN, AudienceSpec, NeedsHumanError, Response
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.run import DeliveryRoom, Errand
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.destinations import connect
from segment_assets.tables import CONVERSIONS, CUSTOMERS
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import SEGMENT, House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.meta import RECORD
from segment_assets_tests.conformance.vendors import Kept
from segment_assets_tests.fakes import publish_audience

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

STATED = {"customer_file_source": "USER_PROVIDED_ONLY", IS_VALUE_BASED: "true"}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield inside
    inside.end()


class ByValue(House):
    """A house whose audience is by value."""

    def values(self, worth: Mapping[int, str | None]) -> Mapping[str, Any]:
        """Deliver people by number with what they are worth, and return the delivery's row."""
        rows = [people.row(self.record.contract, number) | {VALUE_COLUMN: value} for number, value in worth.items()]
        audience = publish_audience(self.lake, SEGMENT, rows)
        destination, transport = connect("meta", self.record.account, {}, STATED), self.transport()
        wanted = Wanted(destination.contract, [*destination.contract.forms(), VALUE_COLUMN])
        errand = Errand(self.pair, wanted, "seg", STATED, GuardRails(1.0), b"key")
        room = DeliveryRoom(
            self.lake, destination, transport, workdir=self.folder / "work", sleep=self._sleep, patience=Patience()
        )
        (row,) = room.run(errand, audience, None).deliveries
        transport.close()
        assert balanced(row) == []
        return row

    def sent(self, method: str) -> dict[str, Any]:
        """E-mail -> value of the uploads so far, the last word on each."""
        found = {}
        for call in self.line.calls:
            if call.method == method and call.path.endswith("/users"):
                payload = json.loads(call.body)["payload"]
                for row in payload["data"]:
                    cells = dict(zip(payload["schema"], row, strict=True))
                    found[cells["EMAIL"]] = cells.get("LOOKALIKE_VALUE", "no value")
        return found


def email(number: int) -> str:
    return people.cell("email", number).hex()


def test_people_go_with_their_value_and_are_sent_again_when_it_changes(inside: InProcess, tmp_path: Path):
    outside = Outside(inside)
    outside.reset()
    house = ByValue(RECORD, tmp_path, outside)
    row = house.values({1: "12.5", 2: "300", 3: None})
    # Whoever has no value is not sent as worth nothing.
    assert (row["accepted"], row["no_usable_key"]) == (2, 1)
    assert house.sent("POST") == {email(1): 12.5, email(2): 300}
    house.holds_exactly([1, 2])
    row = house.values({1: "12.5", 2: "301"})
    assert (row["unchanged"], row["changed"], row["removes"]) == (1, 1, 0)
    assert house.sent("POST")[email(2)] == 301
    house.holds_exactly([1, 2])
    row = house.values({1: "12.5"})
    assert row["removes"] == 1
    assert house.sent("DELETE") == {email(2): "no value"}
    house.holds_exactly([1])
    outside.close()


@pytest.mark.parametrize("by_value_first", [True, False])
def test_a_switch_of_value_based_sends_nothing_but_opt_outs_and_says_what_to_do(
    inside: InProcess, tmp_path: Path, by_value_first: bool
):
    outside = Outside(inside)
    outside.reset()
    house = ByValue(RECORD, tmp_path, outside)

    def runs(numbers: Iterable[int], *, by_value: bool) -> None:
        if by_value:
            house.values(dict.fromkeys(numbers, "5"))
        else:
            house.wants(numbers)
            house.run()

    runs([1, 2, 3], by_value=by_value_first)
    before = len(house.line.calls)
    with pytest.raises(NeedsHumanError, match="on_removal: delete, and name it again"):
        runs([1, 2, 4], by_value=not by_value_first)
    assert len(house.line.calls) == before
    house.opt_out(3)
    if by_value_first:
        with pytest.raises(NeedsHumanError):
            runs([1, 2, 4], by_value=False)
        house.holds_exactly([1, 2])
    runs([1, 2], by_value=by_value_first)
    house.delete()
    runs([1, 2], by_value=not by_value_first)
    house.holds_exactly([1, 2])
    outside.close()


@pytest.mark.parametrize(("statements", "sent"), [(STATED, True), ({"customer_file_source": "x"}, None)])
def test_an_audience_is_made_by_value_when_the_plan_says_so_and_not_otherwise(statements, sent):
    kept = Kept(Response(200, {}, {"id": "7"}))
    connect("meta", "1001", {}, statements).create_audience(kept, AudienceSpec("name", "marker", statements))
    (request,) = kept.requests
    assert request.json.get("is_value_based") is sent


def test_values_are_decimal_numbers_and_whatever_else_is_refused_with_a_reason():
    said = ["0", "0.10", "1e3", "NaN", "-1", "1,5", "", None, "12345678901234"]
    values, reasons = numbers(pa.array(said))
    assert values.to_pylist() == ["0", "0.1", *[None] * 7]
    assert reasons.to_pylist() == [None, None, *["not_a_value"] * 4, None, None, "not_a_value"]


def worth(folder: Path, currency: str | None, *orders: tuple[str, float, str]) -> dict[str, str | None]:
    """Customer -> what they are worth by their orders (customer, price, currency)."""

    def table(declared: Any, *rows: dict) -> pads.Dataset:
        blank = dict.fromkeys(declared.column_names())
        return pads.dataset(pa.Table.from_pylist([blank | row for row in rows], declared.arrow_schema()))

    conversions = [{"customer_id": c, "price": price, "currency": currency} for c, price, currency in orders]
    found: list[pa.RecordBatch] = []
    clean_room_members.clean_room_members(
        pads.dataset(pa.table({"customer_id": ["c1", "c2"]})),
        table(CUSTOMERS, {"customer_id": "c1"}, {"customer_id": "c2"}),
        table(CONVERSIONS, *conversions),
        converters="any",
        price_bands=(),
        value_currency=currency,
        workdir=folder,
        write=found.append,
    )
    return {row["customer_id"]: row[VALUE_COLUMN] for row in pa.Table.from_batches(found).to_pylist()}


def test_a_customer_of_a_clean_room_segment_is_worth_their_orders_in_the_planned_currency(tmp_path: Path):
    orders = [("c1", 10.1, "EUR"), ("c1", 20.2, "eur "), ("c1", 5.0, "USD"), ("c2", 7.0, "USD")]
    assert worth(tmp_path, "EUR", *orders) == {"c1": "30.30", "c2": None}


def test_a_price_that_is_no_amount_of_money_is_left_out(tmp_path: Path):
    odd = [("c2", price, "EUR") for price in (float("nan"), float("inf"), 1e17, -1.0)]
    assert worth(tmp_path, "EUR", ("c1", 5.0, "EUR"), ("c1", 1e17, "EUR"), *odd) == {"c1": "5.00", "c2": None}


def test_without_a_planned_currency_nobody_is_worth_anything(tmp_path: Path):
    assert worth(tmp_path, None, ("c1", 5.0, ""), ("c2", 5.0, "EUR")) == {"c1": None, "c2": None}
