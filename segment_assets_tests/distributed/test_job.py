"""What crosses the border between caller and job: the same code, counts, typed errors, and never a value."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow as pa
import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.distributed import fingerprint as here
from segment_assets.distributed.job import digest_batches, digest_members
from segment_assets.distributed.work import Outcome, Work, failure_message, outcome_of

# Glue 5.0 brings these itself; `pytz` and the like come with its pandas.
ON_GLUE = {"numpy", "pandas", "pyspark", "boto3", "botocore"}

_IMPORTED_BY_THE_JOB = """
import importlib.metadata, json, sys
import dagster_pipes
from segment_assets.distributed import flat, job
from segment_assets.identity import NORMAL_FORMS
import pyarrow as pa
row = {"source_row": 0, "email": "a@example.com", "phone": "030 901820", "country": "Germany", "first_name": "Zoë", "last_name": "O'Hara",
       "city": "Köln", "state": "Bavaria", "postal_code": "1234", "birth_date": "1990-02-03", "gender": "f", "mobile_ad_id": "x"}
batch = pa.RecordBatch.from_pylist([row], flat.members_schema())
list(job.digest_batches(iter([batch]), forms=tuple(NORMAL_FORMS), states={}))
tops = {name.partition(".")[0] for name in sys.modules}
owners = importlib.metadata.packages_distributions()
print(json.dumps(sorted({owner for top in tops for owner in owners.get(top, [])})))
"""


def test_the_job_imports_nothing_that_glue_is_not_given():
    ran = subprocess.run(
        [sys.executable, "-c", _IMPORTED_BY_THE_JOB], capture_output=True, text=True, check=True, timeout=120
    )
    imported = set(json.loads(ran.stdout.splitlines()[-1]))
    assert {"phonenumbers", "pyarrow"} <= imported
    own = {"segment_assets", "python-dateutil", "pytz", "six", "tzdata", "Cython", "setuptools", "packaging"}
    assert imported - ON_GLUE - own <= set(here.DEPENDENCIES)


def test_a_job_with_other_code_is_refused_before_spark_is_started():
    work = Work("members", "target", ("email",), {}, {**here.fingerprint(), "phonenumbers": "8.0.0"})
    with pytest.raises(PermanentError, match=r"phonenumbers .* instead of 8\.0\.0: build and upload the wheel"):
        digest_members(work, lambda: pytest.fail("Spark was started"))


def test_a_column_that_is_no_text_is_refused_without_its_values():
    batch = pa.RecordBatch.from_pylist([{"source_row": 0, "phone": {"number": "4930901820"}}])
    with pytest.raises(PermanentError) as refused:
        list(digest_batches(iter([batch]), forms=("phone_digits",), states={}))
    assert "4930901820" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("kind", [TransientError, PermanentError, NeedsHumanError])
def test_an_error_of_the_job_is_the_same_error_at_the_caller(kind):
    message = json.loads(json.dumps(failure_message(kind("no room; try again"))))
    with pytest.raises(kind, match="no room; try again"):
        outcome_of([{"other": 1}, "text", message])


def test_an_outcome_arrives_as_it_was_sent_and_silence_is_none():
    outcome = Outcome(3, 3, 1, {"email": {"not_an_email": 1}})
    assert outcome_of([json.loads(json.dumps(outcome.as_message()))]) == outcome
    assert outcome_of([]) is None


@pytest.mark.parametrize("counts", [(2, 2), (3, 2), (2, 3)])
def test_rows_that_do_not_add_up_are_an_error(counts):
    with pytest.raises(PermanentError, match="the snapshot has 3 rows"):
        Outcome(*counts, 1, {}).assert_conserved(3)
    Outcome(3, 3, 1, {}).assert_conserved(3)
