"""A batch that is written from columns is to the byte what it is when its members are looked at one by one."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets import destinations
from segment_assets.contracts import CONSENT_COLUMNS, Consent, Member, Operation, PermanentError, Session
from segment_assets.contracts.columns import JsonRows
from segment_assets.delivery.members import Members, members_of
from segment_assets.destinations.templates import holders_once, joined_texts, json_records, one_of_each_kind
from segment_assets.tables import CHANGES
from segment_assets_tests.fakes import digest

SCHEMA = CHANGES.arrow_schema()
# Whose requests are made of columns.
IN_COLUMNS = ("criteo", "google", "linkedin", "meta", "pinterest", "reddit", "snapchat", "tiktok")
# What JSON escapes and what it does not, and what a platform changes the case of.
TEXTS = ("de", "DE", 'ä"\\', "€", "\x7f")


def connected(name):
    contract = destinations.registry()[name]
    stated = {statement: allowed[0] for statement, allowed in contract.statements.items()}
    return destinations.connect(name, "1000000001", {}, stated)


def session_of(lane):
    return Session(7, 1, last=True, members_in_total=1, received_before=0, lane=lane)


def cells_of(forms):
    """Few digests, so that people share them, and few texts; either may be missing."""
    texts, digests = st.sampled_from((None, *TEXTS)), st.sampled_from((None, *map(digest, "abcde")))
    answers = st.sampled_from((None, *Consent))
    of = {form: texts if SCHEMA.field(form).type == pa.string() else digests for form in forms}
    return st.fixed_dictionaries({**of, **dict.fromkeys(CONSENT_COLUMNS, answers)})


def batch_of(rows):
    of_a_change = {"phase": "add", "batch": 1, "record_id": digest("r"), "kind": "new"}
    whole = [{**of_a_change, "member_id": digest(f"id:{n}"), **row} for n, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(whole, SCHEMA)


def one_by_one(batch):
    return [member for _, member in members_of(batch)]


class NobodyLooks(Members):
    """Members of whom only columns may be asked for."""

    def _all(self):
        raise AssertionError("somebody looked at a member")


def said(make):
    """The body of a request, or what it is refused with."""
    try:
        return make().body()
    except PermanentError as error:
        return str(error)


@pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
@pytest.mark.parametrize("name", IN_COLUMNS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.data())
def test_a_body_is_the_same_to_the_byte_in_columns_and_one_by_one(name, operation, data):
    destination = connected(name)
    contract = destination.contract
    lane = data.draw(st.sampled_from(contract.lanes)) if contract.lanes else ()
    forms = dict.fromkeys(contract.match_keys[key].form for key in lane or contract.match_keys)
    rows = data.draw(st.lists(cells_of(forms), min_size=1, max_size=12))
    # Who has nothing at all is never sent: mostly everybody has what the platform knows people by.
    known = contract.match_keys[(lane or contract.identifying)[0]].form
    filling = data.draw(st.sampled_from([None, digest("f")])) if SCHEMA.field(known).type != pa.string() else None
    batch = batch_of([{**row, known: row[known] or filling} for row in rows]).slice(data.draw(st.integers(0, 1)))
    bodies = [
        said(lambda people=people: destination.request("123", operation, people, session_of(lane)))
        for people in (Members(batch), one_by_one(batch))
    ]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("name", IN_COLUMNS)
def test_a_full_batch_is_written_without_looking_at_anybody(name):
    destination = connected(name)
    contract = destination.contract
    lane = contract.lanes[0] if contract.lanes else ()
    forms = [contract.match_keys[key].form for key in lane or contract.identifying[:2]]

    def cell(form, place, n):
        if place and n % 2:
            # Half of them without the second identifier: two kinds, whose records are of different lengths.
            return None
        return "t" if SCHEMA.field(form).type == pa.string() else digest(f"{form}{n}")

    rows = [{form: cell(form, place, n) for place, form in enumerate(forms)} for n in range(50)]
    batch = batch_of(rows)
    asked = destination.request("123", Operation.ADD, NobodyLooks(batch), session_of(lane))
    assert asked.body() == destination.request("123", Operation.ADD, one_by_one(batch), session_of(lane)).body()


def test_a_record_that_does_more_with_a_digest_than_write_it_is_made_one_by_one():
    batch = batch_of([{"email": digest(name)} for name in "abc"])
    for record in (
        lambda member: member.keys["email"].hex().upper(),
        lambda member: member.keys["email"].hex()[:8],
        lambda member: [member.keys["email"].hex()] * (1 + member.keys["email"][0] % 2),
    ):
        rows = json_records(Members(batch), record)
        assert list(rows) == [record(member) for member in one_by_one(batch)]


def test_a_record_that_leaves_out_what_it_has_said_is_made_one_by_one_though_the_first_member_repeats_nothing():
    two = [("a", "b"), ("c", "c"), ("d", "e")]
    batch = batch_of([{"email": digest(one), "phone_digits": digest(other)} for one, other in two])

    def record(member):
        return list(dict.fromkeys(cell.hex() for cell in member.keys.values()))

    assert list(json_records(Members(batch), record)) == [record(member) for member in one_by_one(batch)]


def test_people_of_many_kinds_are_looked_at_one_by_one():
    batch = batch_of([{"email": digest(str(n)), "country_code": f"{n}"} for n in range(100)])

    def record(member):
        return [member.keys["country_code"], member.keys["email"].hex()]

    members = Members(batch)
    rows = json_records(members, record)
    assert rows == [record(member) for member in members]
    assert not isinstance(rows, JsonRows)
    assert one_of_each_kind(members) is members


def test_our_own_id_of_a_person_has_its_place_in_a_record_as_well():
    batch = batch_of([{"email": digest(name)} for name in "abc"])
    rows = json_records(
        NobodyLooks(batch), lambda member: {"id": member.member_id.hex(), "e": member.keys["email"].hex()}
    )
    assert json.loads(rows.written) == [
        {"id": digest(f"id:{place}").hex(), "e": digest(name).hex()} for place, name in enumerate("abc")
    ]
    assert joined_texts(NobodyLooks(batch), lambda member: member.keys["email"].hex()) == ",".join(
        digest(name).hex() for name in "abc"
    )


def test_of_people_who_share_an_identifier_the_first_is_kept_in_the_order_of_the_batch():
    batch = batch_of([{"email": digest(name)} for name in "bacab"])
    kept = [holders_once(people, "email") for people in (Members(batch), one_by_one(batch))]
    assert [member.member_id for member in kept[0]] == [digest(f"id:{place}") for place in (0, 1, 2)]
    assert list(kept[0]) == kept[1]
    assert len(holders_once([Member(b"", {})] * 3, "email")) == len(holders_once(Members(batch), "phone_digits")) == 1


def test_nobody_makes_an_empty_list():
    nobody = Members(batch_of([]))
    assert (list(json_records(nobody, lambda member: member)), joined_texts(nobody, str)) == ([], "")


def test_a_number_that_json_has_not_is_never_written():
    members = Members(batch_of([{"email": digest("a")}]))
    with pytest.raises(ValueError, match="JSON"):
        json_records(members, lambda member: [member.keys["email"].hex(), float("nan")])
