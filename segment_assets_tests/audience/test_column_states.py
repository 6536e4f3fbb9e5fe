"""Raw, hashed or auto: what a source says of a column is held against what it lands, value by value."""

from __future__ import annotations

import base64
import dataclasses
import hashlib

import pytest

from segment_assets.audience import AudienceCounts, AudiencePolicy, ColumnTally
from segment_assets.audience.findings import judge_columns
from segment_assets.audience.staging import FORM_COLUMNS, stage_batch
from segment_assets.checks import guards_of
from segment_assets.contracts import ColumnState
from segment_assets.identity import digest_batch
from segment_assets.plan import PlanError, default_plan, load_plan

from .conftest import KEY, members, sha

AUTO, RAW, HASHED = ColumnState.AUTO, ColumnState.RAW, ColumnState.HASHED
ANN = "ann@example.com"


def hashed(address, how="sha256"):
    digest = hashlib.new("sha256" if how in {"upper", "base64", "urlsafe"} else how, address.encode()).digest()
    spellings = {
        "upper": digest.hex().upper(),
        "base64": base64.b64encode(digest).decode(),
        "urlsafe": base64.urlsafe_b64encode(digest).decode(),
    }
    return spellings.get(how, digest.hex())


def rows_of(values, column="email"):
    return [{"customer_id": str(number), "country": "US", column: value} for number, value in enumerate(values)]


@dataclasses.dataclass
class Staged:
    people: list[dict]
    quarantine: list[dict]
    counts: AudienceCounts


def emails(*values, state=AUTO, column="email"):
    """Rows with one column in a declared state, as they are staged: what needs no second row is decided then."""
    states, counts = {column: state}, AudienceCounts()
    [batch] = members(rows_of(values, column)).to_batches()
    staged, refusals = stage_batch(batch, digest_batch(batch, states, FORM_COLUMNS), KEY, counts, states)
    return Staged(staged.to_pylist(), refusals.to_pylist(), counts)


def test_an_audience_is_built_by_the_declared_states_and_keeps_its_tallies(build):
    values = [ANN, hashed("b@example.com"), hashed(""), hashed("c@example.com", "md5")]
    built = build(rows_of(values), policy=AudiencePolicy(column_states={"email": HASHED}))
    staged = emails(*values, state=HASHED)
    assert built.counts.columns["email"] == staged.counts.columns["email"] == ColumnTally(HASHED, 4, 1, 1, 1)
    assert built.quarantine == staged.quarantine
    assert sorted(str(one["email"]) for one in built.people) == sorted(str(one["email"]) for one in staged.people)


def judged(built, limit=0.05):
    return judge_columns(built.counts.columns, limit)


def refused(built, column="email"):
    return [row["reason"] for row in built.quarantine if row["column"] == column]


@pytest.mark.parametrize("how", ["sha256", "upper", "base64", "urlsafe"])
@pytest.mark.parametrize("state", [AUTO, HASHED])
def test_every_spelling_of_a_sha_256_is_the_digest_of_the_plain_value(how, state):
    built = emails(hashed(ANN, how), state=state)
    assert built.people[0]["email"] == emails(ANN).people[0]["email"] == sha(ANN)
    assert built.counts.columns["email"] == ColumnTally(state, values=1, sha256=1)
    assert judged(built).passed


@pytest.mark.parametrize("how", ["md5", "sha1", "sha224", "sha384", "sha512"])
@pytest.mark.parametrize("state", list(ColumnState))
def test_a_digest_that_matches_nowhere_is_refused_in_every_state_and_the_check_says_what_to_do(how, state):
    built = emails(hashed(ANN, how), hashed("bob@example.com", how).upper(), state=state)
    assert [person["email"] for person in built.people] == [None, None]
    assert refused(built) == ["unsupported_digest"] * 2
    assert built.counts.columns["email"] == ColumnTally(state, values=2, unusable_digests=2)
    finding = judged(built)
    assert not finding.passed
    assert "email" in finding.message
    assert "2 digests of no use among 2 values" in finding.message
    assert "MD5, SHA-1 and the like match nowhere" in finding.message


def test_digests_where_raw_is_declared_are_counted_refused_and_named():
    built = emails(ANN, hashed("b@example.com"), hashed("c@example.com", "base64"), None, state=RAW)
    assert built.counts.columns["email"] == ColumnTally(RAW, values=3, sha256=2)
    assert refused(built) == ["hashed_where_raw_is_declared"] * 2
    finding = judged(built)
    assert not finding.passed
    assert "email (raw): 2 SHA-256 among 3 values, 66.7% disagree" in finding.message
    assert "declare it hashed or auto" in finding.message


def test_plain_values_where_hashed_is_declared_are_counted_refused_and_named():
    built = emails(ANN, hashed("b@example.com"), " ", state=HASHED)
    assert built.counts.columns["email"] == ColumnTally(HASHED, values=2, sha256=1)
    assert refused(built) == ["raw_where_hashed_is_declared"]
    finding = judged(built)
    assert "email (hashed): 1 plain values among 2 values, 50.0% disagree" in finding.message
    assert "declare it raw or auto" in finding.message


def test_a_mixed_column_of_which_nothing_is_declared_is_taken_counted_and_shown():
    built = emails(ANN, hashed("b@example.com"), "c@example.com")
    assert all(person["email"] for person in built.people)
    finding = judged(built, limit=0)
    assert finding.passed
    assert "email (auto): 2 plain values, 1 SHA-256 among 3 values, 0.0% disagree" in finding.message


NOTHING = ["", " ", "nan", "NaN", "None", "null", "NULL", "N/A"]


@pytest.mark.parametrize("how", ["sha256", "upper", "base64"])
@pytest.mark.parametrize("state", list(ColumnState))
def test_a_column_of_hashed_blanks_is_refused_with_its_own_reason(how, state):
    built = emails(*(hashed(blank, how) for blank in NOTHING), state=state)
    assert [person["email"] for person in built.people] == [None] * len(NOTHING)
    assert refused(built) == ["digest_of_nothing"] * len(NOTHING)
    assert built.counts.columns["email"] == ColumnTally(state, values=len(NOTHING), digests_of_nothing=len(NOTHING))
    finding = judged(built)
    assert not finding.passed
    assert "the source hashes blanks" in finding.message


def test_the_same_digest_twice_is_counted_twice():
    blank = hashed("")
    assert emails(blank, blank, ANN, hashed(ANN)).counts.columns["email"] == ColumnTally(
        AUTO, values=4, sha256=1, digests_of_nothing=2
    )


def test_blank_cells_and_words_for_nothing_are_no_values():
    built = emails(ANN, None, "", "null", " " * 60, state=RAW)
    assert built.counts.columns["email"] == ColumnTally(RAW, values=1)
    assert judged(built, limit=0).passed


def test_a_digest_of_what_platforms_want_plain_is_of_no_use():
    built = emails("0a1b2c3d-1111-4222-8333-444455556666", hashed("x"), column="birth_date")
    assert built.counts.columns["birth_date"].unusable_digests == 1


@pytest.mark.parametrize(("limit", "passed"), [(0.25, True), (0.24, False)])
def test_the_limit_itself_is_allowed(limit, passed):
    finding = judge_columns({"phone": ColumnTally(RAW, values=100, sha256=25)}, limit)
    assert finding.passed is passed
    assert finding.numbers == {"limit": limit, "phone: values": 100, "phone: disagreements": 25}


def test_one_bad_column_fails_the_check_and_only_it_is_told_what_to_do():
    columns = {"email": ColumnTally(RAW, values=100), "phone": ColumnTally(HASHED, values=100, sha256=10)}
    finding = judge_columns(columns, 0.05)
    assert not finding.passed
    assert "phone" in finding.message
    assert "email" not in finding.message


def test_an_audience_of_before_there_were_tallies_passes():
    assert judge_columns({}, 0.0).passed


class TestThePlan:
    @pytest.fixture
    def written(self, tmp_path):
        def write(lines):
            text = default_plan().read_text(encoding="utf-8")
            marker = "    # Three exports of one list"
            assert text.count(marker) == 1
            file = tmp_path / "plan.yaml"
            file.write_text(text.replace(marker, f"{lines}{marker}"), encoding="utf-8")
            return file

        return write

    def test_columns_and_their_limit_are_declared_per_segment(self, written):
        lines = "    columns: {email: hashed, phone: raw}\n    guards: {column_state_disagreement_limit: 0.5}\n"
        plan = load_plan(written(lines))
        assert plan.segments["newsletter_subscribers"].column_states == {"email": HASHED, "phone": RAW}
        assert guards_of(plan, "newsletter_subscribers").column_state_disagreement_limit == 0.5
        assert guards_of(plan, "high_value_converters").column_state_disagreement_limit == 0.05

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            ("    columns: {email: md5}\n", "'raw', 'hashed' or 'auto'"),
            ("    columns: {shoe_size: raw}\n", "shoe_size: not among our identifiers"),
            ("    columns: {source_line: raw}\n", "source_line: not among our identifiers"),
            ("    guards: {column_state_disagreement_limit: 2}\n", "less than or equal to 1"),
        ],
    )
    def test_a_mistake_is_refused_with_its_line(self, written, lines, said):
        file = written(lines)
        number = file.read_text(encoding="utf-8").splitlines().index(lines.rstrip("\n")) + 1
        with pytest.raises(PlanError, match=f"line {number}: ") as caught:
            load_plan(file)
        assert said in str(caught.value)
