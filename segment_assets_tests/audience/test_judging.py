"""When an audience may be sent: judge_audience over numbers, inspect over rows."""

from __future__ import annotations

import dataclasses
import json

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from segment_assets.audience import (
    AudienceCounts,
    AudienceLimits,
    AudienceStats,
    ColumnTally,
    Inspection,
    audience_stats,
    inspect,
    judge_audience,
)
from segment_assets.contracts import ColumnState, PermanentError
from segment_assets.tables import HASHED_AUDIENCE

from .conftest import sha

NAMES = ["schema", "digest_shape", "no_digest_of_empty", "minimum_size", "quarantine_share", "drift", "column_states"]


def stats(members=200, *, quarantined=0, unreadable=0, **scan):
    counts = AudienceCounts(
        rows_in=members + quarantined, members=members, eligible=members, quarantined_rows=quarantined
    )
    return AudienceStats(counts, Inspection(**{"rows": members, **scan}), unreadable)


def failed(current, limits=None, previous=None):
    findings = judge_audience(current, limits or AudienceLimits(), previous)
    assert [finding.name for finding in findings] == NAMES
    return [finding.name for finding in findings if not finding.passed]


def test_a_sound_audience_passes_every_check():
    assert failed(stats(), previous=stats(180)) == []


@pytest.mark.parametrize(
    ("current", "name"),
    [
        (stats(rows=199), "schema"),
        (stats(schema_differences=("email is string",)), "schema"),
        (stats(missing_values=1), "schema"),
        (stats(repeated_members=1), "schema"),
        (stats(misshapen_digests=1), "digest_shape"),
        (stats(digests_of_withheld_people=1), "digest_shape"),
        (stats(digests_of_nothing=1), "no_digest_of_empty"),
        (stats(99), "minimum_size"),
        (stats(quarantined=51), "quarantine_share"),
        (stats(unreadable=51), "quarantine_share"),
    ],
)
def test_each_defect_fails_its_own_check(current, name):
    assert failed(current) == [name]


@pytest.mark.parametrize(("members", "names"), [(100, []), (99, ["minimum_size"])])
def test_the_minimum_itself_is_enough(members, names):
    assert failed(stats(members)) == names


@pytest.mark.parametrize(("before", "names"), [(400, []), (401, ["drift"]), (134, []), (133, ["drift"]), (0, [])])
def test_drift_is_judged_in_both_directions_against_the_last_snapshot(before, names):
    assert failed(stats(200), previous=stats(before)) == names


def test_a_failure_says_the_numbers_and_the_next_action():
    [finding] = [one for one in judge_audience(stats(7), AudienceLimits(), None) if not one.passed]
    assert "7" in finding.message
    assert "100" in finding.message
    assert "plan" in finding.message
    assert finding.numbers["eligible"] == 7


@pytest.mark.parametrize(
    "limits",
    [
        {"max_quarantine_share": 1.5},
        {"minimum_size": -1},
        {"max_drift": -0.1},
        {"column_state_disagreement_limit": 1.1},
    ],
)
def test_limits_outside_their_range_are_refused(limits):
    with pytest.raises(PermanentError):
        AudienceLimits(**limits)


def test_stats_survive_being_written_as_json_and_read_again():
    before = stats(schema_differences=("a", "b"), unreadable=3)
    before.counts.refused_cells["email", "not_an_email"] = 4
    before.counts.already_hashed["phone"] = 2
    before.counts.columns["phone"] = ColumnTally(ColumnState.RAW, values=5, sha256=2, digests_of_nothing=1)
    assert audience_stats(json.loads(json.dumps(before.as_stats()))) == before


class TestInspection:
    def scan(self, people, schema=None):
        rows = [{"cluster_id": sha("c"), "eligibility": "eligible", **person} for person in people]
        return inspect(pads.dataset(pa.Table.from_pylist(rows, schema=schema or HASHED_AUDIENCE.arrow_schema())))

    def test_a_built_audience_is_sound(self, build):
        built = build([{"email": f"a{n}@example.com", "country": "US"} for n in range(50)])
        assert inspect(pads.dataset(built.table)) == Inspection(rows=50)

    @pytest.mark.parametrize("text", ["", " ", "null", "NULL", "nan", "None", "n/a"])
    def test_digests_of_nothing_are_found(self, text):
        scan = self.scan([{"member_id": b"a" * 32, "email": sha(text), "first_name": sha("ann")}])
        assert scan.digests_of_nothing == 1

    def test_the_country_code_of_namibia_is_not_nothing(self):
        assert self.scan([{"member_id": b"a" * 32, "country": sha("na")}]).digests_of_nothing == 0

    def test_a_person_written_twice_is_found(self):
        assert self.scan([{"member_id": b"a" * 32}, {"member_id": b"a" * 32}]).repeated_members == 1

    def test_a_person_written_twice_in_different_batches_is_found(self):
        schema = HASHED_AUDIENCE.arrow_schema()
        one = pa.Table.from_pylist(
            [{"member_id": b"a" * 32, "cluster_id": b"a" * 32, "eligibility": "eligible"}], schema=schema
        )
        assert inspect(pads.dataset(pa.concat_tables([one, one]))).repeated_members == 1

    def test_digests_of_suppressed_people_are_found(self):
        scan = self.scan(
            [{"member_id": b"a" * 32, "eligibility": "suppressed", "email": sha("a"), "mobile_ad_id": "x"}]
        )
        assert scan.digests_of_withheld_people == 2

    @pytest.mark.parametrize("form", ["country_code", "postal_code_plain", "phone_e164"])
    def test_no_form_of_suppressed_people_is_overlooked(self, form):
        value = "US" if form != "phone_e164" else sha("+1")
        scan = self.scan([{"member_id": b"a" * 32, "eligibility": "suppressed", form: value}])
        assert scan.digests_of_withheld_people == 1

    def test_short_digests_and_missing_values_are_found(self):
        schema = pa.schema(
            [
                pa.field(field.name, pa.binary() if field.type == pa.binary(32) else field.type)
                for field in HASHED_AUDIENCE.arrow_schema()
            ]
        )
        scan = self.scan([{"member_id": b"a" * 32, "email": b"short", "cluster_id": None}], schema)
        assert (scan.misshapen_digests, scan.missing_values) == (1, 1)

    def test_another_schema_is_described(self):
        scan = inspect(pads.dataset(pa.table({"email": ["x"]})))
        assert scan.schema_differences
        assert scan.rows == 1


def test_accounting_that_does_not_balance_is_refused():
    counts = AudienceCounts(rows_in=3, members=2, eligible=2)
    with pytest.raises(PermanentError, match="accounting does not balance"):
        counts.assert_balanced()
    dataclasses.replace(counts, duplicates_merged=1).assert_balanced()
