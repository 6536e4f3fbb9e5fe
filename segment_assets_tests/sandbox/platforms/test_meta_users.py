"""Meta sandbox: who is in an audience after additions and removals, and which rows and payloads are refused."""

from __future__ import annotations

import json
from typing import ClassVar
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets_tests.sandbox.platforms.caller import ACCOUNT, SCHEMA, Caller, digest, refusal

EMPTY_STRING_DIGEST = digest("")
MADID = "aece52e7-03ee-455a-b3c4-e57283966239"


def test_an_added_row_is_one_person_with_its_identifiers(meta: Caller):
    audience = meta.create()
    answer = meta.add(audience, [[digest("a"), digest("1"), MADID], [digest("b"), "", ""]])
    assert answer.status_code == 200
    assert answer.json()["audience_id"] == audience
    assert answer.json()["num_received"] == 2
    assert answer.json()["num_invalid_entries"] == 0
    people = meta.people(audience)
    assert {"EMAIL": digest("a"), "PHONE": digest("1"), "MADID": MADID} in people
    assert {"EMAIL": digest("b")} in people
    assert len(people) == 2


def test_adding_an_equal_record_again_changes_nothing_whatever_the_order_of_its_keys(meta: Caller):
    audience = meta.create()
    meta.add(audience, [[digest("a"), digest("1"), ""]])
    meta.add(audience, [[digest("1"), digest("a")]], schema=["PHONE", "EMAIL"])
    assert len(meta.people(audience)) == 1


def test_a_removal_takes_everybody_who_holds_any_one_of_the_strong_identifiers(meta: Caller):
    audience = meta.create()
    meta.add(audience, [[digest("a"), digest("1"), ""], [digest("b"), digest("1"), ""], [digest("c"), digest("2"), ""]])
    answer = meta.remove(audience, [["", digest("1"), ""]])
    assert answer.json()["num_received"] == 1
    assert [person["EMAIL"] for person in meta.people(audience)] == [digest("c")]


@pytest.mark.parametrize("by_value", [True, False])
def test_people_go_with_a_value_to_an_audience_by_value_and_to_no_other(meta: Caller, by_value: bool):
    audience = meta.create(is_value_based=by_value)
    answers = {
        with_value: meta.add(audience, [[digest("a"), *([2] if with_value else [])]], schema=["EMAIL", *more])
        for with_value, more in ((True, ["LOOKALIKE_VALUE"]), (False, []))
    }
    assert answers[by_value].status_code == 200
    assert refusal(answers[not by_value])[:2] == (400, 100)


def test_what_is_said_of_a_person_beside_identifiers_is_kept_as_it_was_said_last(meta: Caller):
    audience = meta.create()
    keys = ["EMAIL", "DATA_PROCESSING_OPTIONS", "DATA_PROCESSING_OPTIONS_COUNTRY", "DATA_PROCESSING_OPTIONS_STATE"]
    meta.add(audience, [[digest("a"), ["LDU"], 0, 0], [digest("b"), ["LDU"], 1, 1000]], schema=keys)
    meta.add(audience, [[digest("a"), [], 0, 0]], schema=keys)
    meta.add(audience, [[digest("b")], [digest("c")]], schema=["EMAIL"])
    held = [person["EMAIL"] for person in meta.people(audience)]
    kept = dict(zip(held, meta.extras(audience), strict=True))
    assert [kept[digest("a")]["DATA_PROCESSING_OPTIONS"], kept[digest("c")]] == [[], None]
    assert kept[digest("b")] == dict(zip(keys[1:], [["LDU"], 1, 1000], strict=True))


def test_an_identifier_finds_nobody_under_another_key(meta: Caller):
    audience = meta.create()
    meta.add(audience, [[digest("a"), "", ""]])
    meta.remove(audience, [["", digest("a"), ""]])
    assert len(meta.people(audience)) == 1


def test_names_and_places_remove_only_as_the_whole_combination(meta: Caller):
    audience = meta.create()
    keys = ["EMAIL", "FN", "LN", "ZIP", "COUNTRY"]
    name = [digest("mary"), digest("obrien"), digest("sw1a1"), digest("gb")]
    meta.add(audience, [[digest("a"), *name], [digest("b"), *name[:3], digest("ie")]], schema=keys)
    meta.remove(audience, [name[:2]], schema=["FN", "LN"])
    meta.remove(audience, [[name[3]]], schema=["COUNTRY"])
    assert len(meta.people(audience)) == 2
    meta.remove(audience, [[digest("nobody"), *name]], schema=keys)
    assert len(meta.people(audience)) == 2, "beside a strong identifier the combination does not count"
    meta.remove(audience, [name], schema=keys[1:])
    assert [person["EMAIL"] for person in meta.people(audience)] == [digest("b")]


def test_an_erasure_reaches_every_audience_of_the_account_and_no_other_account(meta: Caller):
    meta.admin("accounts/meta/2002", {})
    ours = [meta.create("one"), meta.create("two")]
    body = {"name": "n", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    other = meta.http.post("/v26.0/act_2002/customaudiences", json=body).json()["id"]
    for audience in (*ours, other):
        meta.add(audience, [["X1", digest("a")]], schema=["EXTERN_ID", "EMAIL"])
    meta.edit("DELETE", f"{ACCOUNT}/usersofanyaudience", [["X1"]], ["EXTERN_ID"], None)
    assert [len(meta.people(audience)) for audience in (*ours, other)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("key", "cell"),
    [
        ("EMAIL", EMPTY_STRING_DIGEST),
        ("EMAIL", digest("a").upper()),
        ("EMAIL", "mary@example.com"),
        ("PHONE", digest("1")[:-1]),
        ("COUNTRY", "gb"),
        ("EMAIL", None),
        ("MADID", MADID.upper()),
        ("MADID", digest(MADID)),
        ("EXTERN_ID", "two\nlines"),
        ("LOOKALIKE_VALUE", "12"),
        ("LOOKALIKE_VALUE", -1),
        ("DATA_PROCESSING_OPTIONS", "LDU"),
    ],
)
def test_a_badly_formed_cell_makes_its_row_invalid_and_no_other(meta: Caller, key: str, cell: object):
    audience = meta.create(**({"is_value_based": True} if key == "LOOKALIKE_VALUE" else {}))
    good_cell = {"LOOKALIKE_VALUE": 1.5, "DATA_PROCESSING_OPTIONS": ["LDU"], "MADID": MADID}.get(key, digest("ok"))
    schema = ["PHONE" if key != "PHONE" else "EMAIL", key]
    answer = meta.add(audience, [[digest("x"), good_cell], [digest("y"), cell]], schema=schema)
    assert answer.status_code == 200
    assert (answer.json()["num_received"], answer.json()["num_invalid_entries"]) == (2, 1)
    assert list(answer.json()["invalid_entry_samples"]) == ["1"]
    assert len(meta.people(audience)) == 1


def test_a_row_without_any_identifier_is_invalid(meta: Caller):
    audience = meta.create()
    answer = meta.add(audience, [["", "", ""], [digest("a"), "", ""]])
    assert answer.json()["num_invalid_entries"] == 1
    assert len(meta.people(audience)) == 1


def test_at_most_a_hundred_samples_of_invalid_entries_are_given(meta: Caller):
    answer = meta.add(meta.create(), [["raw", "", ""]] * 150)
    assert answer.json()["num_invalid_entries"] == 150
    assert len(answer.json()["invalid_entry_samples"]) == 100


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {"schema": ["EMAIL"]},
        {"schema": ["EMAIL"], "data": []},
        {"schema": ["EMAIL", "PHONE"], "data": [[digest("a")]]},
        {"schema": ["EMAIL"], "data": [digest("a")]},
        {"schema": ["E-MAIL"], "data": [[digest("a")]]},
        {"schema": ["EMAIL", "EMAIL"], "data": [[digest("a"), digest("a")]]},
        {"schema": ["LOOKALIKE_VALUE"], "data": [[1]]},
        {"schema": "EMAIL", "data": [digest("a")]},
    ],
)
def test_a_payload_that_no_row_can_be_read_from_is_refused(meta: Caller, payload: object):
    audience = meta.create()
    assert refusal(meta.http.post(f"/v26.0/{audience}/users", json={"payload": payload}))[:2] == (400, 100)


def test_ten_thousand_rows_are_taken_and_one_more_is_refused(meta: Caller):
    audience = meta.create()
    rows = [[digest(f"{number}")] for number in range(10_001)]
    assert refusal(meta.add(audience, rows, schema=["EMAIL"]))[:2] == (400, 100)
    assert meta.people(audience) == []
    assert meta.add(audience, rows[:-1], schema=["EMAIL"]).json()["num_received"] == 10_000
    (described,) = meta.http.get("/_sandbox/audiences").json()
    assert described["people"] == 10_000


def test_the_legacy_single_key_form_is_understood(meta: Caller):
    audience = meta.create()
    meta.add(audience, [digest("a")], schema="EMAIL_SHA256")
    meta.add(audience, [MADID], schema="MOBILE_ADVERTISER_ID")
    assert sorted(meta.people(audience), key=list) == [{"EMAIL": digest("a")}, {"MADID": MADID}]


class TestWaysToSendTheSame:
    """JSON and form bodies, queries, and DELETE in three guises."""

    payload: ClassVar = {"schema": ["EMAIL"], "data": [[digest("a")]]}

    def test_a_form_with_json_text_is_an_upload(self, meta: Caller):
        audience = meta.create()
        form = {"payload": json.dumps(self.payload), "session": json.dumps({"session_id": 5, "batch_seq": 1})}
        answer = meta.http.post(f"/v26.0/{audience}/users", data=form)
        assert (answer.status_code, answer.json()["session_id"]) == (200, 5)
        assert len(meta.people(audience)) == 1

    @pytest.mark.parametrize("way", ["json body", "query", "post with method in form", "post with method in json"])
    def test_a_removal_is_understood(self, meta: Caller, way: str):
        audience = meta.create()
        meta.add(audience, [[digest("a"), "", ""], [digest("b"), "", ""]])
        url, text = f"/v26.0/{audience}/users", json.dumps(self.payload)
        calls = {
            "json body": lambda: meta.http.request("DELETE", url, json={"payload": self.payload}),
            "query": lambda: meta.http.delete(f"{url}?{urlencode({'payload': text})}"),
            "post with method in form": lambda: meta.http.post(url, data={"payload": text, "method": "DELETE"}),
            "post with method in json": lambda: meta.http.post(url, json={"payload": self.payload, "method": "delete"}),
        }
        assert calls[way]().status_code == 200
        assert [person["EMAIL"] for person in meta.people(audience)] == [digest("b")]

    def test_a_query_as_long_as_a_whole_batch_is_refused_by_the_server(self, meta: Caller):
        audience = meta.create()
        rows = [[digest(f"{number}")] for number in range(600)]
        query = urlencode({"payload": json.dumps({"schema": ["EMAIL"], "data": rows})})
        answer = meta.http.delete(f"/v26.0/{audience}/users?{query}")
        assert answer.status_code == 414

    @pytest.mark.parametrize("body", [b"{", b"[1]"])
    def test_a_body_that_is_no_json_object_is_refused(self, meta: Caller, body: bytes):
        audience = meta.create()
        headers = {"content-type": "application/json"}
        answer = meta.http.post(f"/v26.0/{audience}/users", content=body, headers=headers)
        assert refusal(answer)[:2] == (400, 100)


cells = st.sampled_from(["", "a", "b", "c"]).map(lambda text: text and digest(text))
rows = st.lists(st.tuples(cells, cells).filter(any), min_size=1, max_size=4)
edits = st.lists(st.tuples(st.sampled_from(["add", "remove"]), rows), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=edits)
def test_any_order_of_additions_and_removals_ends_as_the_set_that_the_contract_describes(meta: Caller, edits: list):
    audience = meta.create()
    expected: set[tuple[str, str]] = set()
    for operation, some in edits:
        if operation == "add":
            meta.add(audience, [list(row) for row in some], schema=SCHEMA[:2])
            expected |= set(some)
        else:
            meta.remove(audience, [list(row) for row in some], schema=SCHEMA[:2])
            held = [{row[place] for row in some} - {""} for place in (0, 1)]
            expected = {one for one in expected if one[0] not in held[0] and one[1] not in held[1]}
    found = {(person.get("EMAIL", ""), person.get("PHONE", "")) for person in meta.people(audience)}
    assert found == expected
    listed = meta.http.get(f"/_sandbox/audiences/{audience}/identifiers").text.split()
    assert sorted(listed) == sorted({*(f"{cell}" for one in expected for cell in one if cell)})
