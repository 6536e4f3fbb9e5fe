"""Who comes or goes with nothing to decide about them goes past the SQL, and comes out in its place among all others.

That nothing comes out differently is held against the SQL in `test_unaffected`; here, that they do go past it.
"""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import Mode
from segment_assets.delivery.ranges import stream
from segment_assets.delivery.sharing import Bits
from segment_assets.delivery.unaffected import set_apart
from segment_assets.delivery.wanted import Wanted
from segment_assets.tables import ACKNOWLEDGED
from segment_assets_tests.delivery.test_unaffected import audience_of, changes, said_no, state_of
from segment_assets_tests.fakes import CONTRACT, digest, person

WANTED = Wanted(CONTRACT, CONTRACT.forms())


def crowd(*numbers, phone=None):
    return [person(str(number), email=f"{number}@x", phone=phone) for number in numbers]


def held_after(workdir, people, standing="acknowledged", wanted=WANTED):
    rows, _ = changes(workdir, audience_of(people), None, None, wanted)
    return [{**{name: row.get(name) for name in ACKNOWLEDGED.column_names()}, "standing": standing} for row in rows]


def left_to_the_sql(workdir, audience, state, suppressions=None, wanted=WANTED):
    """How many people and records the SQL sees."""
    with set_apart(audience, state, suppressions, wanted, refresh=None, workdir=workdir) as apart:
        return apart.audience.count_rows(), apart.acknowledged.count_rows()


def test_newcomers_and_leavers_go_past_the_sql_and_stand_in_the_order_of_sending(tmp_path):
    before, after = crowd(*range(40)), crowd(*range(10, 50))
    state, audience = state_of(held_after(tmp_path, before)), audience_of(after)
    assert left_to_the_sql(tmp_path, audience, state) == (0, 0)
    rows, counts = changes(tmp_path, audience, state, None, WANTED)
    assert (counts.adds, counts.removes, counts.unchanged, counts.last_known, counts.wanted) == (10, 10, 30, 40, 40)
    came, went = (sorted(digest(f"id:{n}") for n in numbers) for numbers in (range(40, 50), range(10)))
    assert [row["member_id"] for row in rows] == came + went
    # Three members to a batch.
    assert [row["batch"] for row in rows] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4] * 2


def test_plain_and_decided_records_of_one_phase_are_merged_by_member(tmp_path):
    before = crowd(*range(30))
    changed = [{**row, "email": digest(f"{place}@new")} for place, row in enumerate(before[:8])]
    state, audience = state_of(held_after(tmp_path, before)), audience_of([*changed, *crowd(*range(15, 40))])
    people, records = left_to_the_sql(tmp_path, audience, state)
    assert (people, records) == (8, 8)
    rows, _ = changes(tmp_path, audience, state, None, WANTED)
    added = [(row["member_id"], row["kind"]) for row in rows if row["phase"] == "add"]
    assert added == sorted(added)
    assert sorted(kind for _, kind in added) == ["changed"] * 8 + ["new"] * 10


@pytest.mark.parametrize("holder", ["stays", "comes", "changes"])
def test_a_leaver_whose_phone_somebody_else_holds_is_left_to_the_sql_which_keeps_the_phone(tmp_path, holder):
    leaver, other = person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1")
    earlier = {"stays": [other], "comes": [], "changes": [{**other, "phone_digits": digest("2")}]}[holder]
    state = state_of(held_after(tmp_path, [leaver, *earlier, *crowd(1, 2, 3)]))
    rows, counts = changes(tmp_path, audience_of([other, *crowd(1, 2, 3)]), state, None, WANTED)
    (removal,) = (row for row in rows if row["phase"] == "remove")
    assert (removal["member_id"], removal["phone_digits"]) == (leaver["member_id"], None)
    assert removal["email"] == leaver["email"]
    assert counts.removes == 1


def test_of_two_leavers_who_share_a_phone_neither_keeps_it_there(tmp_path):
    state = state_of(held_after(tmp_path, crowd(*range(6), phone="1")))
    rows, counts = changes(tmp_path, audience_of(crowd(7)), state, None, WANTED)
    assert [row["phone_digits"] for row in rows if row["phase"] == "remove"] == [digest("1")] * 6
    assert counts.removes == 6


@pytest.mark.parametrize("odd", ["in_doubt", "rejected", "leaving"])
def test_whoever_leaves_in_another_standing_is_left_to_the_sql(tmp_path, odd):
    state = state_of([*held_after(tmp_path, crowd(1)), *held_after(tmp_path, crowd(2), odd)])
    assert left_to_the_sql(tmp_path, audience_of(crowd(3)), state) == (0, 1)


def test_newcomers_whom_a_suppression_may_name_are_left_to_the_sql(tmp_path):
    suppressions = said_no(range(4), random.Random(1))
    named = set(suppressions.to_table().column("digest").to_pylist())
    newcomers = [person(str(n), email=f"{n}@x", phone=str(n)) for n in range(4)]
    touched = sum(1 for row in newcomers if named & {row["member_id"], row["email"], row["phone_digits"]})
    assert touched
    state = state_of(held_after(tmp_path, crowd(9)))
    assert left_to_the_sql(tmp_path, audience_of([*newcomers, *crowd(9)]), state, suppressions) == (touched, 0)


@pytest.mark.parametrize("mode", [Mode.ADD_ONLY, Mode.REMOVE_ONLY])
def test_in_modes_that_leave_somebody_alone_nobody_goes_past_the_sql(tmp_path, mode):
    wanted = dataclasses.replace(WANTED, mode=mode)
    state = state_of(held_after(tmp_path, crowd(1, 2)))
    assert left_to_the_sql(tmp_path, audience_of(crowd(2, 3)), state, wanted=wanted) == (1, 1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=20), max_size=9), st.data())
def test_bits_are_read_as_they_were_added_in_whatever_pieces(masks, data):
    bits, left = Bits(), [bit for mask in masks for bit in mask]
    for mask in masks:
        bits.add(np.array(mask, np.bool_))
    reader = bits.read()
    while left:
        count = data.draw(st.integers(1, len(left)))
        assert reader.next(count).tolist() == left[:count]
        left = left[count:]


ROWS = pa.table({"id": pa.array([b"a" * 32, None, b"b" * 32], pa.binary(32)), "door": ["x", "y", "x"]})


@pytest.mark.parametrize("there", [["id", "door"], ["door", "id"], ["id"]])
def test_a_file_is_read_in_the_columns_that_are_asked_for_whatever_it_has_itself(tmp_path, there):
    for name in "ab":
        pq.write_table(ROWS.select(there), tmp_path / f"{name}.parquet", row_group_size=2)
    table = pads.dataset(tmp_path, schema=ROWS.schema, format="parquet")
    read = [row for rows in stream(table, ["id", "door"], coded=["door"]) for row in rows.to_pylist()]
    assert read == [{"id": None, "door": None} | row for row in ROWS.select(there).to_pylist()] * 2


def test_rows_of_a_mapped_file_outlive_the_map(tmp_path):
    pq.write_table(ROWS, tmp_path / "a.parquet", row_group_size=1)
    batches = list(stream(pads.dataset(tmp_path, schema=ROWS.schema), ["id"]))
    (tmp_path / "a.parquet").unlink()
    assert [row for rows in batches for row in rows.column("id").to_pylist()] == ROWS.column("id").to_pylist()


def test_a_file_that_was_replaced_between_two_looks_is_not_told_for_the_same_table(tmp_path):
    pq.write_table(ROWS, tmp_path / "a.parquet")
    table = pads.dataset(tmp_path, schema=ROWS.schema)
    assert sum(rows.num_rows for rows in stream(table, ["id"])) == ROWS.num_rows
    pq.write_table(ROWS.slice(1), tmp_path / "b.parquet")
    (tmp_path / "b.parquet").replace(tmp_path / "a.parquet")
    with pytest.raises(OSError, match="replaced between two looks"):
        list(stream(table, ["id"]))
