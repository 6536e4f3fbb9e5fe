"""Who said no is found while a state is read once, and nothing comes out differently than when SQL looks at all of it."""

from __future__ import annotations

import random

import pyarrow.dataset as pads
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.delivery.leaving import opt_out_changes
from segment_assets.delivery.naming import set_unnamed_apart
from segment_assets.delivery.wanted import Wanted
from segment_assets_tests.delivery.test_unaffected import Sheet, delivered, said_no, somebody, state_of
from segment_assets_tests.fakes import CONTRACT, person

WANTED = Wanted(CONTRACT, CONTRACT.forms())


def upended(state):
    table = state.to_table()
    return pads.dataset(table.take(list(range(table.num_rows))[::-1]))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.booleans())
def test_an_opt_out_takes_out_the_same_people_however_the_state_is_read(tmp_path_factory, seed, late):
    folder, draw = tmp_path_factory.mktemp("work"), random.Random(seed)
    state = state_of(delivered(folder, [somebody(name, draw) for name in range(20)], WANTED, draw))
    suppressions, found = said_no(range(20), draw), []
    for held in (state, upended(state)):
        sheet = Sheet()
        counts = opt_out_changes(held, suppressions, WANTED, write=sheet, workdir=folder, late=late)
        found.append((sheet.rows, counts))
    assert found[0] == found[1]
    assert found[0][1].last_known == found[0][1].unchanged + found[0][1].removes


def test_where_nobody_of_an_audience_said_no_the_sql_sees_nobody(tmp_path):
    draw = random.Random(1)
    people = [person(str(name), email=f"{name}@x") for name in range(20)]
    state = state_of({**row, "standing": "acknowledged"} for row in delivered(tmp_path, people, WANTED, draw))
    with set_unnamed_apart(state, said_no(["nobody"], draw), None, tmp_path) as (affected, others):
        assert (affected.count_rows(), others) == (0, 20)
    assert not list(tmp_path.glob("named-*"))
