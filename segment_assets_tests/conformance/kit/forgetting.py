"""People of the kit's house who ask to be forgotten: publishing their requests, and one run over these.

Belongs here: what erasures need beside a house. Not here: what is proven (`delivery.test_erasing`, the drill).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segment_assets.delivery.courier import Patience
from segment_assets.delivery.erasing import Eraser, ErasurePair, Forgotten
from segment_assets.tables import ERASURES
from segment_assets_tests.conformance.kit import people

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_assets.contracts import Snapshot
    from segment_assets_tests.conformance.kit.house import House

FIRST_DAY = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def account_of(house: House) -> ErasurePair:
    return ErasurePair("tenant", house.record.destination, house.record.account, "")


def forgets(house: House, erasures: Snapshot, *, removal_until: float = 0.0, size: int = 2) -> Forgotten:
    """One run, in requests of `size` people."""
    destination: Any = house.destination()
    erasure = destination.contract.erasure
    if erasure is not None:
        contract = dataclasses.replace(destination.contract, erasure=dataclasses.replace(erasure, members=size))
        destination = dataclasses.replace(destination, contract=contract)
    with contextlib.closing(house.transport()) as transport:
        eraser = Eraser(
            house.lake,
            destination,
            transport,
            pair=account_of(house),
            key=b"key",
            workdir=house.folder / "work",
            clock=lambda: time.time() + house.outside.offset,
            sleep=house._sleep,
            patience=Patience(attempts=3, longest_wait=120.0),
        )
        return eraser.run(erasures, removal_until=removal_until)


def publish_erasures(house: House, numbers: Iterable[int]) -> Snapshot:
    """Requests of these people, by our ids of them."""
    ids = sorted(people.row(house.record.contract, number)["member_id"] for number in numbers)
    return publish_named(house, [("member", one, 0.0) for one in ids])


def publish_named(house: House, named: Iterable[tuple[str, bytes, float]], *, asked: bool = False) -> Snapshot:
    """Kinds and digests, each with the seconds after the first day of asking; `asked`: the requests said them."""
    rows = [
        {"kind": kind, "digest": digest, "opted_out_at": FIRST_DAY + dt.timedelta(seconds=after), "asked": asked}
        for kind, digest, after in named
    ]
    writer = house.lake.writer(ERASURES.name, "all")
    writer.write(pa.Table.from_pylist(rows, ERASURES.arrow_schema()))
    return writer.publish({})
