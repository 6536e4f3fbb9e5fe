"""A first delivery goes past the SQL, and nothing comes out differently for it.

Rows that are out of order are left to the SQL, which is the yardstick here, as in `test_unaffected`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets import engine
from segment_assets.contracts import Mode
from segment_assets.delivery.lanes import record_id
from segment_assets.delivery.newcomers import first_changes
from segment_assets.delivery.record_ids import record_ids
from segment_assets.delivery.refreshing import Refresh
from segment_assets.delivery.wanted import Wanted
from segment_assets_tests.delivery.test_unaffected import (
    EXPIRING,
    LANES,
    NOW,
    Sheet,
    audience_of,
    changes,
    said_no,
    somebody,
    state_of,
)
from segment_assets_tests.fakes import CONTRACT, digest, person

SMALL = dataclasses.replace(CONTRACT, batch_members=3)
SMALL_LANES = dataclasses.replace(LANES, batch_members=2)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32),
    st.sampled_from([SMALL, SMALL_LANES, EXPIRING]),
    st.sampled_from([Mode.MIRROR, Mode.ADD_ONLY, Mode.REPLACE]),
    st.tuples(st.sampled_from([None, Refresh(NOW, NOW)]), st.booleans(), st.booleans(), st.booleans()),
)
def test_a_first_delivery_that_is_read_in_order_is_what_the_sql_makes_of_it(
    tmp_path_factory, seed, contract, mode, circumstances
):
    refresh, has_suppressions, keep_held_out, has_state = circumstances
    folder, draw = tmp_path_factory.mktemp("work"), random.Random(seed)
    wanted = Wanted(contract, contract.forms(), keep_held_out=keep_held_out, mode=mode)
    people = [somebody(name, draw) for name in range(20)]
    suppressions = said_no(range(20), draw) if has_suppressions else None
    state = state_of([]) if has_state else None
    ours, plain = (
        changes(folder, audience_of(people, in_order=in_order), state, suppressions, wanted, refresh=refresh)
        for in_order in (True, False)
    )
    assert ours == plain


@pytest.mark.parametrize("problem", ["out of order", "somebody twice", "only taken out"])
def test_what_cannot_go_straight_through_is_left_to_the_sql_with_nothing_written(tmp_path, problem):
    people = [person(str(name), email=f"{name}@x") for name in range(9)]
    audience = audience_of(people + people[:1] * (problem == "somebody twice"), in_order=problem != "out of order")
    mode = Mode.REMOVE_ONLY if problem == "only taken out" else Mode.MIRROR
    sheet, wanted = Sheet(), Wanted(CONTRACT, CONTRACT.forms(), mode=mode)
    assert first_changes(audience, None, wanted, write=sheet, workdir=tmp_path, refresh=None) is None
    assert sheet.rows == []


TEXTS = st.one_of(st.none(), st.text(max_size=9))


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, TEXTS, st.one_of(st.none(), st.binary(min_size=32, max_size=32))), min_size=1), st.data()
)
def test_ids_of_records_are_those_of_the_sql(tmp_path_factory, cells, data):
    forms, skipped = ("email", "city", "gender", "mobile_ad_id"), data.draw(st.integers(0, len(cells) - 1))
    columns = {
        "email": pa.array([row[2] for row in cells], pa.binary(32)),
        "gender": pa.array([row[0] for row in cells], pa.string()),
        "mobile_ad_id": pa.array([row[1] for row in cells], pa.string()),
    }
    rows = pa.record_batch(columns).slice(skipped)
    table = pa.Table.from_batches([rows]).append_column("city", pa.nulls(rows.num_rows, pa.binary(32)))
    with engine.connect(tmp_path_factory.getbasetemp()) as db:
        db.register("rows", table.append_column("place", pa.array(range(rows.num_rows))))
        said = db.execute(f"SELECT {record_id(forms)} FROM rows ORDER BY place").fetchall()
    assert record_ids(rows, forms).to_pylist() == [made for (made,) in said]


def test_ids_of_many_records_of_digests_are_each_those_of_their_own_text():
    count, forms = 9_000, ("email", "city", "phone_digits")
    emails, phones = ([digest(f"{kind}{number}") for number in range(count)] for kind in ("e", "p"))
    columns = {"email": pa.array(emails, pa.binary(32)), "phone_digits": pa.array(phones, pa.binary(32))}
    for rows, first in ((pa.record_batch(columns), 0), (pa.record_batch(columns).slice(5), 5)):
        texts = (
            f"email:{email.hex().upper()}|city:|phone_digits:{phone.hex().upper()}"
            for email, phone in zip(emails[first:], phones[first:], strict=True)
        )
        assert record_ids(rows, forms).to_pylist() == [hashlib.sha256(text.encode()).digest() for text in texts]
