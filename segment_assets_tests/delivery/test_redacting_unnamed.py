"""Versions in which somebody who is forgotten is named by nothing that their request says: by a phone, by our id."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.redacting import redact
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import CHANGES
from segment_assets_tests.delivery.test_delivery import PAIR
from segment_assets_tests.delivery.test_redacting import asks
from segment_assets_tests.fakes import digest, person, publish_audience

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from segment_assets.contracts import Snapshot

ANN, BEN = digest("id:ann"), digest("id:ben")


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


def sweep(lake: LocalLake, tmp_path: Path, spared: Collection[bytes] = ()) -> None:
    """Ann asked to be forgotten, by her e-mail alone."""
    redact(lake, asks(lake, ("email", digest("ann@x"))), spared, workdir=tmp_path / "work", clock=time.time)


def delivered(lake: LocalLake, *rows: dict[str, Any]) -> Snapshot:
    """The changes of a delivery that has ended."""
    writer = lake.writer(CHANGES.name, PAIR.partition)
    whole = [{"phase": "add", "batch": 1, "kind": "new", "record_id": digest(repr(row))} | row for row in rows]
    writer.write(pa.Table.from_pylist(whole, CHANGES.arrow_schema()))
    made = writer.publish({})
    log = AudienceLedger(lake, PAIR, time.time).open({"changes": made.id, "delivery_id": made.id})
    log.chain.append("closed", {"outcome": "done", "state": "none"})
    return made


def in_it(lake: LocalLake, version: Snapshot) -> set[bytes]:
    found = lake.snapshot(version.table, version.partition, version.id)
    return set(lake.dataset(found).to_table().column("member_id").to_pylist())


@pytest.mark.parametrize("first", ["the e-mail", "the phone"])
def test_changes_that_have_nothing_but_a_phone_lose_them_whichever_was_delivered_first(
    lake: LocalLake, tmp_path: Path, first: str
) -> None:
    named = {"member_id": ANN, "email": digest("ann@x")}
    unnamed = {"member_id": ANN, "phone_digits": digest("2")}, {"member_id": BEN, "phone_digits": digest("2")}
    deliveries = [[named], unnamed] if first == "the e-mail" else [unnamed, [named]]
    versions = [delivered(lake, *rows) for rows in deliveries]
    sweep(lake, tmp_path)
    assert sorted(map(sorted, (in_it(lake, version) for version in versions))) == [[], [BEN]]


def test_audiences_that_were_made_after_the_no_lose_them_too_once_they_are_superseded(
    lake: LocalLake, tmp_path: Path
) -> None:
    ann, ben, cleo = (person(name, email=f"{name}@x") for name in ("ann", "ben", "cleo"))
    said_no = person("ann", eligibility="suppressed")
    versions = [publish_audience(lake, "seg", people) for people in ([ann, ben], [said_no, ben], [said_no, cleo, ben])]
    sweep(lake, tmp_path, spared=[ANN])
    assert [ANN in in_it(lake, version) for version in versions] == [True, True, True], "a platform is still to be told"
    sweep(lake, tmp_path)
    assert [ANN in in_it(lake, version) for version in versions] == [False, False, True], "the last is in use"
    assert all(BEN in in_it(lake, version) for version in versions)
