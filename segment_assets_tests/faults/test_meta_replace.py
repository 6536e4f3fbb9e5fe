"""Meta's own replace, by our connector on the sandbox: one session, and nobody is missing when it breaks off."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from segment_assets.contracts import Mode, TransientError
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.fakes import digest
from segment_assets_tests.faults.room import Room, crowd, holds_exactly

NINETY_MINUTES = 5_400
NOES = range(10, 40, 2)


def replace(room: Room, **more) -> list:
    """One run in the mode `replace`."""
    contract = dataclasses.replace(room.side.contract, batch_members=20)
    wanted = Wanted(contract, contract.forms(), mode=Mode.REPLACE)
    transport = HttpTransport(room.sandbox.url, room.side.token)
    with contextlib.closing(transport):
        delivery = DeliveryRoom(
            room.lake,
            room.side.connect(room.side.account, contract, room.side.statements),
            transport,
            workdir=room.folder / "work",
            sleep=room.waited.append,
            patience=Patience(attempts=2),
        )
        errand = Errand(room.pair, wanted, "seg", room.side.statements, GuardRails(1.0), b"key")
        return list(delivery.run(errand, room.audience, room.suppressions, **more).deliveries)


def test_a_list_is_replaced_in_one_session_that_meta_finishes(room: Room):
    room.wants(crowd(range(50)))
    replace(room)
    before = room.sandbox.log()[-1]["sequence"]
    room.wants(crowd(range(10, 60)))
    [row] = replace(room)
    assert (row["adds"], row["refreshed"], row["removes"], row["accepted"]) == (10, 40, 10, 50)
    holds_exactly(room, range(10, 60))
    assert [line["path"].rpartition("/")[2] for line in room.sandbox.log(before)] == ["usersreplace"] * 3
    assert room.sandbox.audiences()[0]["state"] == "Normal"
    assert replace(room) == []
    room.is_balanced()


@pytest.mark.parametrize(
    ("kind", "nth"),
    [
        pytest.param("reset_before", 1, marks=pytest.mark.slow),
        pytest.param("reset_after", 1, marks=pytest.mark.slow),
        ("reset_after", 2),
    ],
)
def test_a_replace_that_meta_stops_answering_is_filled_up_by_the_next_run(room: Room, kind: str, nth: int):
    room.wants(crowd(range(50)))
    replace(room)
    room.wants(crowd(range(10, 60)))
    room.sandbox.faults({"kind": kind, "path": "/usersreplace$", "nth": nth, "count": 1_000})
    with pytest.raises(TransientError):
        replace(room)
    if kind == "reset_before":
        holds_exactly(room, range(50))
    room.sandbox.faults()
    # Meta answers to nothing else while it waits for the rest of the session.
    room.sandbox.later(NINETY_MINUTES + 60)
    replace(room)
    holds_exactly(room, range(10, 60))
    assert replace(room) == []
    room.is_balanced()


def test_a_no_in_the_middle_ends_metas_session_so_that_the_removal_is_taken_at_once(room: Room):
    room.wants(crowd(range(50)))
    replace(room)
    room.wants(crowd(range(10, 60)))
    said = []

    def newest():
        replaced = [line for line in room.sandbox.log() if line["path"].endswith("usersreplace")]
        if len(replaced) > 3 and not said:
            room.opt_out(*(("email", digest(f"p{n}@x.example")) for n in NOES))
            said.append(room.suppressions)
        return said[-1] if said else None

    rows = replace(room, newest=newest)
    assert [row["lane"] for row in rows][:2] == ["audience", "opt_out"]
    holds_exactly(room, set(range(10, 60)) - set(NOES))
    assert room.sandbox.audiences()[0]["state"] == "Normal"
    room.is_balanced()
