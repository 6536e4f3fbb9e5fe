"""Whom a delivery does not touch is set apart before the SQL, and nothing comes out differently for it.

Rows that are out of order cannot be read side by side, so everybody is left to the SQL: that is the yardstick here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import re

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets import engine
from segment_assets.contracts import MatchKey, Mode
from segment_assets.delivery.changes import audience_changes
from segment_assets.delivery.comparing import due_dates
from segment_assets.delivery.ranges import Marks, UnsortedError, side_by_side
from segment_assets.delivery.records import is_suppressed
from segment_assets.delivery.refreshing import Refresh, _due
from segment_assets.delivery.unaffected import NAMED_BY, set_apart
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.snapshots import SnapshotFile
from segment_assets.tables import ACKNOWLEDGED, CHANGES, HASHED_AUDIENCE, SUPPRESSIONS, TABLES
from segment_assets_tests.fakes import CONTRACT, digest, person

LANES = dataclasses.replace(CONTRACT, lanes=((MatchKey.EMAIL,), (MatchKey.PHONE, MatchKey.MOBILE_AD_ID)))
EXPIRING = dataclasses.replace(CONTRACT, expiry_days=100)
WEAKER = dataclasses.replace(CONTRACT, identifying=(MatchKey.EMAIL,))
KNOWN_BY_MEMBER = dataclasses.replace(CONTRACT, known_by_member=True)
DAY = 86_400.0
NOW = 1_790_000_000.0
LONG_AGO = NOW - 90 * DAY


class Sheet:
    """Collects what is written."""

    def __init__(self):
        self.rows = []

    def write(self, data):
        # A writer may leave out what nobody has.
        self.rows += [dict.fromkeys(CHANGES.column_names()) | row for row in data.to_pylist()]


def audience_of(people, *, in_order=True):
    rows = sorted(people, key=lambda row: row["member_id"], reverse=not in_order)
    return pads.dataset(pa.Table.from_pylist(rows, HASHED_AUDIENCE.arrow_schema()))


def state_of(records):
    rows = sorted(records, key=lambda row: (row["member_id"], row["record_id"]))
    return pads.dataset(pa.Table.from_pylist(rows, ACKNOWLEDGED.arrow_schema()))


def in_the_lake(folder, rows, table):
    """As the lake writes and reads them: digests go past the decoder."""
    file = SnapshotFile(folder / f"{table}.parquet", table)
    file.write(rows.to_table())
    file.close()
    return pads.dataset(file.path, schema=TABLES[table].arrow_schema())


def changes(workdir, audience, state, suppressions, wanted, **more):
    sheet = Sheet()
    counts = audience_changes(audience, state, suppressions, wanted, write=sheet, workdir=workdir, **more)
    return sheet.rows, counts


def delivered(workdir, people, wanted, draw):
    """Records that an earlier delivery to these people left, in whatever standing."""
    rows, _ = changes(workdir, audience_of(people), None, None, wanted)
    standings = ("acknowledged",) * 5 + ("rejected", "in_doubt", "leaving")
    dates = (None, LONG_AGO, NOW - 3 * DAY, NOW)
    for row in rows:
        row["standing"] = draw.choice(standings)
        date = draw.choice(dates)
        row["answered_at"] = date and dt.datetime.fromtimestamp(date, dt.UTC)
    return [{name: row[name] for name in ACKNOWLEDGED.column_names()} for row in rows]


def somebody(name, draw):
    """People who share a few phones and addresses, most of whom may be sent."""
    doors = ("eligible",) * 6 + ("held_out", "suppressed", "no_consent")
    row = person(
        str(name),
        email=draw.choice([None, f"{name}@x", f"{name}@x", f"{draw.randrange(4)}@shared"]),
        phone=draw.choice([None, str(name), str(draw.randrange(4))]),
        eligibility=draw.choice(doors),
    )
    row["mobile_ad_id"] = draw.choice([None, None, f"00000000-0000-0000-0000-{draw.randrange(9):012}"])
    return row


def look_alike(people):
    """The same, some of whom have a pseudonym that begins as another's does."""
    return {
        name: {**row, "member_id": digest(f"alike:{name % 3}")[:8] + row["member_id"][8:]} if name % 4 == 0 else row
        for name, row in people.items()
    }


def said_no(names, draw):
    kinds = {"member": "id:{}", "email": "{}@x", "phone_digits": "{}", "email_gmail_folded": "{}@shared"}
    named = {(kind := draw.choice(list(kinds)), digest(kinds[kind].format(draw.choice(names)))) for _ in range(3)}
    rows = [{"kind": k, "digest": d, "opted_out_at": dt.datetime.fromtimestamp(NOW, dt.UTC)} for k, d in named]
    return pads.dataset(pa.Table.from_pylist(rows, SUPPRESSIONS.arrow_schema()))


MODES = st.sampled_from([Mode.MIRROR, Mode.MIRROR, Mode.ADD_ONLY, Mode.REMOVE_ONLY, Mode.REPLACE])
CONTRACTS = st.sampled_from([CONTRACT, LANES, EXPIRING, WEAKER, KNOWN_BY_MEMBER])
REFRESHES = st.sampled_from([None, Refresh(NOW, LONG_AGO), Refresh(NOW, LONG_AGO, resync_from=NOW - 10 * DAY)])
CIRCUMSTANCES = st.tuples(REFRESHES, st.booleans(), st.booleans())


@pytest.mark.slow
@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), CONTRACTS, MODES, CIRCUMSTANCES)
def test_setting_people_apart_changes_nothing_about_what_is_sent_and_counted(
    tmp_path_factory, seed, contract, mode, circumstances
):
    refresh, has_suppressions, late = circumstances
    folder, draw = tmp_path_factory.mktemp("work"), random.Random(seed)
    wanted = Wanted(contract, contract.forms(), mode=mode)
    names = range(30)
    before = {name: somebody(name, draw) for name in names}
    after = {name: row if draw.random() < 0.7 else somebody(name, draw) for name, row in before.items()}
    if draw.random() < 0.3:
        before, after = look_alike(before), look_alike(after)
    held = [row for row in before.values() if draw.random() < 0.8]
    records = {(row["member_id"], row["record_id"]): row for row in delivered(folder, held, wanted, draw)}
    if draw.random() < 0.5:
        # Some have a record of today's beside an old one.
        newer = delivered(folder, [after[name] for name in draw.sample(names, 6)], wanted, draw)
        records |= {(row["member_id"], row["record_id"]): row for row in newer}
    people = [after[name] for name in names if draw.random() < 0.9]
    state, suppressions = state_of(records.values()), said_no(names, draw) if has_suppressions else None
    audience = audience_of(people)
    if draw.random() < 0.5:
        audience, state = in_the_lake(folder, audience, "hashed_audience"), in_the_lake(folder, state, "acknowledged")
    ours, plain = (
        changes(folder, asked, state, suppressions, wanted, late=late, refresh=refresh)
        for asked in (audience, audience_of(people, in_order=False))
    )
    assert ours == plain
    counts = ours[1]
    sent = counts.refreshed + counts.changed
    assert counts.wanted == counts.unchanged + sent + counts.known_refused + counts.adds + counts.not_added
    assert counts.last_known == counts.unchanged + sent + counts.removes + counts.kept


def test_most_people_are_set_apart_and_whoever_shares_a_phone_with_a_leaver_is_found(tmp_path):
    crowd = [person(str(name), email=f"{name}@x") for name in range(50)]
    stays, leaves = person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1")
    wanted = Wanted(CONTRACT, CONTRACT.forms())
    rows, _ = changes(tmp_path, audience_of([*crowd, stays, leaves]), None, None, wanted)
    state = state_of(
        {**{name: row.get(name) for name in ACKNOWLEDGED.column_names()}, "standing": "acknowledged"} for row in rows
    )
    with set_apart(audience_of([*crowd, stays]), state, None, wanted, refresh=None, workdir=tmp_path) as apart:
        assert apart.people.unchanged == 51
        assert apart.audience.count_rows() == 0
        assert apart.acknowledged.to_table().column("member_id").to_pylist() == [leaves["member_id"]]
        assert apart.holders.to_table().column("email").to_pylist() == [stays["email"]]
    assert list(tmp_path.glob("changes-*")) == []


def test_records_made_under_another_choice_of_keys_are_all_left_to_the_sql(tmp_path):
    crowd = [person(str(name), email=f"{name}@x") for name in range(9)]
    fewer = Wanted(CONTRACT, ("email",))
    rows, _ = changes(tmp_path, audience_of(crowd), None, None, fewer)
    state = state_of(
        {**{name: row.get(name) for name in ACKNOWLEDGED.column_names()}, "standing": "acknowledged"} for row in rows
    )
    with set_apart(
        audience_of(crowd), state, None, Wanted(CONTRACT, CONTRACT.forms()), refresh=None, workdir=tmp_path
    ) as apart:
        assert apart.people.unchanged == 0
        assert apart.audience.count_rows() == 9


def test_every_column_that_a_suppression_can_name_is_looked_at():
    asked = set(re.findall(r"\ba\.(\w+)", is_suppressed("a")))
    assert asked <= NAMED_BY
    assert asked - {"member_id"} <= set(Wanted(CONTRACT, []).columns)


def keyed(keys):
    return pads.dataset(pa.table({"id": pa.array([key.to_bytes(2) + bytes(30) for key in keys], pa.binary(32))}))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 99)).map(sorted), st.lists(st.integers(0, 99)).map(sorted), st.integers(1, 7))
def test_ranges_hold_every_row_once_and_all_rows_of_a_key_together(tmp_path_factory, left, right, rows_per_group):
    folder = tmp_path_factory.getbasetemp()
    sides = []
    for name, keys in (("left", left), ("right", right)):
        table = keyed(keys).to_table()
        pq.write_table(table, folder / name, row_group_size=rows_per_group)
        sides.append((pads.dataset(folder / name), ["id"]))
    seen, found = set[int](), ([], [])
    for rows, _, others, _ in side_by_side(*sides, "id"):
        here = [[int.from_bytes(key[:2]) for key in part.column("id").to_pylist()] for part in (rows, others)]
        assert not seen.intersection(here[0] + here[1])
        seen.update(*here)
        found[0].extend(here[0])
        found[1].extend(here[1])
    assert found == (left, right)


def test_rows_out_of_order_are_noticed():
    with pytest.raises(UnsortedError):
        list(side_by_side((keyed([1, 2]), ["id"]), (keyed([3, 1]), ["id"]), "id"))


def test_marks_never_overlook_a_digest_nor_a_text():
    marks, kept = Marks(), [digest(str(n)) for n in range(500)]
    marks.add(pa.array(kept, pa.binary(32)))
    marks.add(pa.array(["a text", None]))
    assert marks.found(pa.array(kept, pa.binary(32))).all()
    assert marks.found(pa.array([None, "a text", "another"])).tolist() == [False, True, False]
    assert marks.found(pa.array([digest(f"x{n}") for n in range(500)], pa.binary(32))).sum() < 5


def test_what_is_due_is_told_as_the_sql_tells_it(tmp_path):
    members = pa.array([digest(str(n)) for n in range(300)], pa.binary(32))
    answered = [LONG_AGO + n * 7_777.7 for n in range(300)]
    table = pa.table({"member_id": members, "answered": answered, "place": range(300)})
    with engine.connect(tmp_path) as db:
        db.register("s", table)
        said = db.execute(f"SELECT {_due(EXPIRING, 's.answered')} FROM s ORDER BY place").fetchall()
    assert due_dates(members, table.column("answered").to_numpy(), EXPIRING).tolist() == [due for (due,) in said]
