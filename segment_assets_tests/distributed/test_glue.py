"""The job on Glue: started with the right parameters, followed to its end, stopped when nobody waits any more.

Real boto3 clients against loopback; the job is played in this process over real Pipes. Glue itself cannot be had here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import botocore.session
import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.validate import ParamValidator
from dagster_pipes import PipesContext, PipesMappingParamsLoader, PipesS3ContextLoader, PipesS3MessageWriter

from segment_assets.audience.arrow import scan
from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.distributed import flat
from segment_assets.distributed.job import digest_batches
from segment_assets.distributed.work import Outcome, Work, failure_message
from segment_assets.resources.glue_identity import FollowedJobRun, GlueSettings, GlueSpark
from segment_assets_tests.distributed import loopback_aws
from segment_assets_tests.distributed.conftest import SCRIPT

pytestmark = pytest.mark.slow


@pytest.fixture
def aws():
    with loopback_aws.serving() as served:
        yield served


def settings(staging) -> GlueSettings:
    return GlueSettings(
        job="segment-assets-identity", bucket="pipes", staging=str(staging), wheel="s3://code/segment_assets-0.1.0-py3-none-any.whl",
        message_interval_seconds=0.0,
    )  # fmt: skip


@pytest.fixture
def engine(aws, tmp_path):
    (tmp_path / "staging").mkdir()
    return GlueSpark(settings(tmp_path / "staging"), lambda: aws.client("glue"), lambda: aws.client("s3"))


def playing(aws, bench, work_on):
    """A job run that opens Pipes through S3, as the script does on Glue, and then does `work_on(pipes)`."""

    def run(arguments: dict) -> str:
        params = PipesMappingParamsLoader(
            {"DAGSTER_PIPES_CONTEXT": arguments["--dagster-pipes-context"], "DAGSTER_PIPES_MESSAGES": arguments["--dagster-pipes-messages"]}
        )  # fmt: skip
        client = aws.client("s3")
        with PipesContext(params, PipesS3ContextLoader(client), PipesS3MessageWriter(client, interval=0.05)) as pipes:
            return work_on(pipes)

    aws.run = run


def digesting(bench):
    """What the job does, on Arrow instead of Spark."""

    def work_on(pipes) -> str:
        work = Work(**pipes.extras)
        batches = digest_batches(
            scan(bench.lake.dataset(bench.members), 500), forms=work.forms, states=work.column_states
        )
        rows = pa.Table.from_batches(batches, flat.flat_schema(work.forms))
        pq.write_to_dataset(rows, work.target)
        Path(work.target, "_SUCCESS").touch()
        pipes.report_custom_message(Outcome(rows.num_rows, rows.num_rows, 1, {}).as_message())
        return "SUCCEEDED"

    return work_on


def calls(aws) -> list[str]:
    return [call for call, _ in aws.calls]


def test_a_job_run_is_given_its_work_and_its_rows_come_back(aws, bench, engine, tmp_path):
    playing(aws, bench, digesting(bench))

    rows = bench.digest(engine)

    assert sum(batch.num_rows for batch, _ in rows) == bench.rows.num_rows
    start = aws.calls[0][1]
    assert (start["JobName"], start["Timeout"], start["ExecutionClass"]) == ("segment-assets-identity", 120, "STANDARD")
    assert start["Arguments"]["--job-bookmark-option"] == "job-bookmark-disable"
    wheel, *others = start["Arguments"]["--additional-python-modules"].split(",")
    assert wheel.endswith(".whl")
    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+", other) for other in others)
    assert "BatchStopJobRun" not in calls(aws)
    assert list((tmp_path / "staging").iterdir()) == []
    assert not any(key.endswith("context.json") for key in aws.objects)


def test_what_the_job_says_is_wrong_is_what_the_caller_raises(aws, bench, engine):
    def refuse(pipes) -> str:
        pipes.report_custom_message(failure_message(PermanentError("column phone is no text: cast it in the source")))
        return "FAILED"

    playing(aws, bench, refuse)
    with pytest.raises(PermanentError, match="column phone is no text: cast it in the source"):
        bench.digest(engine)
    assert "somebody@example.com" not in bench.log


def test_an_interrupt_stops_the_job_run(aws, bench, tmp_path):
    playing(aws, bench, lambda pipes: "RUNNING")

    class Interrupted:
        """Dagster interrupts while the answer is awaited."""

        def __init__(self, client) -> None:
            self._client, self.meta = client, client.meta

        def __getattr__(self, name):
            return getattr(self._client, name)

        def get_job_run(self, **_: object):
            raise dg.DagsterExecutionInterruptedError

    interrupted = GlueSpark(settings(tmp_path), lambda: Interrupted(aws.client("glue")), lambda: aws.client("s3"))
    with pytest.raises(dg.DagsterExecutionInterruptedError):
        bench.digest(interrupted)
    assert aws.calls[-1] == ("BatchStopJobRun", {"JobName": "segment-assets-identity", "JobRunIds": ["jr_1"]})


@pytest.fixture
def followed(aws, tmp_path):
    now = [0.0]
    run = FollowedJobRun(aws.client("glue"), settings(tmp_path), clock=lambda: now[0])
    run.now = now
    return run


def ask(followed):
    return followed.get_job_run(JobName="segment-assets-identity", RunId="jr_1")["JobRun"]["JobRunState"]


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("ConcurrentRunsExceededException", TransientError, "no room for job segment-assets-identity now"),
        ("EntityNotFoundException", PermanentError, "create it from deploy/glue/job.json"),
        ("AccessDeniedException", PermanentError, "mend the job, or the permissions of this role"),
    ],
)
def test_a_start_that_glue_refuses_is_typed_and_says_what_to_do(code, kind, said, aws, followed):
    aws.refuse["StartJobRun"] = code
    with pytest.raises(kind, match=said) as refused:
        followed.start_job_run(JobName="segment-assets-identity")
    assert "somebody@example.com" not in str(refused.value)


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        ("STOPPED", NeedsHumanError, "was stopped by somebody"),
        ("TIMEOUT", PermanentError, "did not end within 120 minutes; give the job more workers or time"),
        ("FAILED", TransientError, "ended as FAILED without a word; make the audience again"),
    ],
)
def test_a_run_that_ended_without_a_word_is_typed_by_its_state(state, kind, said, aws, followed):
    aws.run = lambda arguments: state
    followed.start_job_run(JobName="segment-assets-identity", Arguments={})
    ask(followed)
    assert followed.ended_badly
    assert type(followed.failure()) is kind
    assert said in str(followed.failure())
    assert "jr_1" in str(followed.failure())


def test_an_expired_run_is_an_end_and_not_waited_for_for_ever(aws, followed):
    aws.run = lambda arguments: "EXPIRED"
    followed.start_job_run(JobName="segment-assets-identity", Arguments={})
    with pytest.raises(TransientError, match="ended as EXPIRED"):
        ask(followed)


def test_a_throttled_look_is_no_failed_job_and_a_forbidden_one_is(aws, followed):
    aws.run = lambda arguments: "RUNNING"
    followed.start_job_run(JobName="segment-assets-identity", Arguments={})
    aws.refuse["GetJobRun"] = "ThrottlingException"
    assert ask(followed) == "RUNNING"
    aws.refuse["GetJobRun"] = "AccessDeniedException"
    with pytest.raises(PermanentError, match="GetJobRun"):
        ask(followed)


def test_waiting_ends_soon_after_glues_own_time_out(aws, followed):
    aws.run = lambda arguments: "RUNNING"
    followed.start_job_run(JobName="segment-assets-identity", Arguments={})
    followed.now[0] = 120 * 60.0
    assert ask(followed) == "RUNNING"
    followed.now[0] = 140 * 60.0
    with pytest.raises(PermanentError, match="stop it in the console"):
        ask(followed)
    followed.stop()
    assert calls(aws)[-1] == "BatchStopJobRun"


def test_the_job_definition_is_glue_5_that_never_retries_nor_skips_rows():
    definition = json.loads((SCRIPT.parent / "job.json").read_text())
    shape = botocore.session.get_session().get_service_model("glue").operation_model("CreateJob").input_shape
    assert ParamValidator().validate(definition, shape).generate_report() == ""
    assert (definition["GlueVersion"], definition["MaxRetries"]) == ("5.0", 0)
    assert definition["DefaultArguments"]["--job-bookmark-option"] == "job-bookmark-disable"
    assert definition["Command"]["ScriptLocation"].endswith(SCRIPT.name)
