"""The digesting job on AWS Glue: started, followed and stopped, with parts in S3.

Belongs here: Glue's parameters, its states as our errors, and what Dagster's Glue client leaves out. Not here: the
job (deploy/glue, `distributed`), its definition (deploy/glue/job.json), credentials (boto3's own chain).
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.resources.identity_engine import HeardMessages, finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import dagster as dg
    import pyarrow.fs as pafs

    from segment_assets.audience.staging import Digested
    from segment_assets.distributed.work import Work
    from segment_assets.resources.identity_engine import Order

_TRY_AGAIN = frozenset(
    {
        "ConcurrentRunsExceededException",
        "InternalServiceException",
        "OperationTimeoutException",
        "ResourceNumberLimitExceededException",
        "ServiceUnavailableException",
        "ThrottlingException",
    }
)
_ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"})
# Glue's own time-out ends a run; beyond that much more nobody tells us any more.
_GRACE_SECONDS = 600.0


@dataclasses.dataclass(frozen=True, slots=True)
class GlueSettings:
    """Where and how the job runs. `staging` is an S3 folder (s3://bucket/prefix) with a short lifecycle.

    `bucket` takes the messages of Pipes. `wheel` is the S3 address of this version's wheel. `timeout_minutes` is
    Glue's limit for one run.
    """

    job: str
    bucket: str
    staging: str
    wheel: str
    worker_type: str = "G.1X"
    workers: int = 10
    timeout_minutes: int = 120
    message_interval_seconds: float = 10.0

    def start_job_run(self) -> dict[str, Any]:
        """Parameters of StartJobRun, without those of Pipes."""
        from segment_assets.distributed.fingerprint import requirements

        return {
            "JobName": self.job,
            "WorkerType": self.worker_type,
            "NumberOfWorkers": self.workers,
            "Timeout": self.timeout_minutes,
            "ExecutionClass": "STANDARD",
            "Arguments": {
                "--additional-python-modules": ",".join((self.wheel, *requirements())),
                # A bookmark would skip rows that an earlier run has read.
                "--job-bookmark-option": "job-bookmark-disable",
            },
        }


@dataclasses.dataclass(frozen=True, slots=True)
class GlueSpark:
    """Digests on Glue 5.0. `glue` and `s3` make boto3 clients when they are needed, `files` S3 for pyarrow.

    Without `files` parts are read with the keys of this process.
    """

    settings: GlueSettings
    glue: Callable[[], Any]
    s3: Callable[[], Any]
    files: Callable[[], pafs.FileSystem] | None = None

    @contextlib.contextmanager
    def digested(self, context: dg.AssetExecutionContext, order: Order) -> Iterator[Iterator[Digested]]:
        """As IdentityEngine."""
        from segment_assets.distributed.parts import read_parts

        target = f"{self.settings.staging.rstrip('/')}/{uuid.uuid4().hex}"
        work = order.work(target)
        try:
            self._run(context, work, order.members.rows)
            yield read_parts(target, order.members.rows, work.forms, self.files)
        finally:
            _remove(target, self.files() if self.files else None)

    def _run(self, context: dg.AssetExecutionContext, work: Work, rows: int) -> None:
        from dagster_aws.pipes import PipesGlueClient, PipesS3ContextInjector, PipesS3MessageReader

        s3, settings = self.s3(), self.settings
        # A reader counts the messages it has read: one for each run.
        reader = PipesS3MessageReader(bucket=settings.bucket, client=s3, interval=settings.message_interval_seconds)
        heard, followed = HeardMessages(reader), FollowedJobRun(self.glue(), settings)
        client = PipesGlueClient(
            context_injector=PipesS3ContextInjector(bucket=settings.bucket, client=s3),
            message_reader=heard,
            client=followed,
            forward_termination=False,
        )
        try:
            client.run(
                # Pipes 1.13.27 reads `run_id`, which is deprecated on an asset's own context.
                context=context.op_execution_context,
                start_job_run_params=settings.start_job_run(),
                extras=work.as_extras(),
            )
        except RuntimeError:
            if not followed.ended_badly:
                raise
            heard.outcome()
            # Without Glue's own message, which may quote a line of the data.
            raise followed.failure() from None
        finally:
            followed.stop()
        finished(context, heard, rows)


class FollowedJobRun:
    """The Glue client that `PipesGlueClient` is given, for one job run, with what that leaves out.

    It follows EXPIRED as an end (PipesGlueClient 0.29.27 asks on for ever), asks again where an answer was throttled
    (it would leave the run to itself), has a deadline, and stops the run whatever ends the waiting.
    """

    def __init__(self, client: Any, settings: GlueSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._settings, self._clock = client, settings, clock
        self._run = ""
        self._state = ""
        self._deadline = clock() + settings.timeout_minutes * 60 + _GRACE_SECONDS

    @property
    def meta(self) -> Any:
        """Of the boto3 client."""
        return self._client.meta

    def start_job_run(self, **params: Any) -> Mapping[str, Any]:
        """Start. Raises TransientError where Glue has no room now, PermanentError where the job must be mended."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: Mapping[str, Any] = self._client.start_job_run(**params)
        except ClientError as failure:
            raise _refused("StartJobRun", self._settings.job, failure.response["Error"]["Code"]) from None
        except BotoCoreError as failure:
            raise TransientError(f"Glue was not reached ({type(failure).__name__}); try again later") from None
        self._run = answer["JobRunId"]
        return answer

    def get_job_run(self, **params: Any) -> Mapping[str, Any]:
        """The run as Glue tells it. A look that failed is no failed job: the run is then still running."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._clock() > self._deadline:
            raise PermanentError(
                f"{self}: Glue does not end it, though its time-out is over; stop it in the console and ask AWS support"
            )
        try:
            answer: Mapping[str, Any] = self._client.get_job_run(**params)
        except ClientError as failure:
            code = failure.response["Error"]["Code"]
            if code not in _TRY_AGAIN:
                raise _refused("GetJobRun", self._settings.job, code) from None
            return _STILL_RUNNING
        except BotoCoreError:
            return _STILL_RUNNING
        self._state = answer["JobRun"]["JobRunState"]
        if self._state == "EXPIRED":
            raise self.failure()
        return answer

    @property
    def ended_badly(self) -> bool:
        """Whether Glue has told us so."""
        return self._state in _ENDED - {"SUCCEEDED"}

    def stop(self) -> None:
        """Stop the run if it may still be going. Says nothing where Glue does not answer: its time-out ends the run."""
        if self._run and self._state not in _ENDED:
            with contextlib.suppress(Exception):
                self._client.batch_stop_job_run(JobName=self._settings.job, JobRunIds=[self._run])

    def failure(self) -> SegmentAssetsError:
        """What a run that ended in this state, without a word of its own, means."""
        if self._state == "STOPPED":
            return NeedsHumanError(f"{self} was stopped by somebody; make the audience again when that was not meant")
        if self._state == "TIMEOUT":
            return PermanentError(
                f"{self} did not end within {self._settings.timeout_minutes} minutes; give the job more workers or time"
            )
        return TransientError(
            f"{self} ended as {self._state or 'nothing known'} without a word; make the audience again, and if it "
            "stays look at the run's error log in CloudWatch (/aws-glue/jobs/error)"
        )

    def __str__(self) -> str:
        return f"Glue job {self._settings.job}, run {self._run or 'not started'}"


_STILL_RUNNING: Mapping[str, Any] = {"JobRun": {"JobRunState": "RUNNING"}}


def _refused(call: str, job: str, code: str) -> SegmentAssetsError:
    if code in _TRY_AGAIN:
        return TransientError(f"Glue has no room for job {job} now ({code}); try again later", retry_after=60.0)
    if code == "EntityNotFoundException":
        return PermanentError(f"Glue has no job {job}: create it from deploy/glue/job.json")
    return PermanentError(f"Glue refused {call} of job {job} ({code}): mend the job, or the permissions of this role")


def _remove(target: str, filesystem: pafs.FileSystem | None) -> None:
    """Remove what a job wrote; where that fails the folder's lifecycle does it."""
    import pyarrow.fs as pafs

    folder = target.removeprefix("s3://")
    if filesystem is None:
        filesystem, folder = pafs.FileSystem.from_uri(target)
    with contextlib.suppress(OSError):
        filesystem.delete_dir(folder)
