"""Glue's way in to the digesting job, and the local world's: told what to do, and reporting, through Dagster Pipes.

Belongs here: opening Pipes on this machine and handing the work to `segment_assets.distributed.job`. Not here: the
work. On Glue 5.0 (Spark 3.5, Python 3.11) Pipes comes as job arguments and speaks through S3; locally it comes in the
environment and speaks through a file.
"""

# ruff: noqa: INP001 - a script, which Glue fetches alone

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesS3ContextLoader,
    PipesS3MessageWriter,
    open_dagster_pipes,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def main() -> int:
    """Do the work that Pipes brings; 0 when it is done. What went wrong is said over Pipes, in one typed message."""
    on_glue = PipesCliArgsParamsLoader().is_dagster_pipes_process()
    if not on_glue:
        _end_with_parent()
    with open_dagster_pipes(**(_through_s3() if on_glue else {})) as pipes:
        return report(pipes, _glue_session if on_glue else _local_session)


def report(pipes: PipesContext, session: Any) -> int:
    """Run the job and report counts, or the failure. `session` makes the Spark session when it is needed."""
    try:
        from segment_assets.contracts import SegmentAssetsError
        from segment_assets.distributed.job import digest_members
        from segment_assets.distributed.work import Work, failure_message
    except ImportError as failure:
        missing = f"the identity job lacks the module {failure.name}: upload the wheel and name it to the job"
        pipes.report_custom_message({"failed": {"kind": "PermanentError", "message": missing}})
        return 1
    try:
        work = Work(**pipes.extras)
        outcome = digest_members(work, functools.partial(session, work.target))
    except SegmentAssetsError as failure:
        pipes.report_custom_message(failure_message(failure))
        return 1
    pipes.report_custom_message(outcome.as_message())
    return 0


def _through_s3() -> dict[str, Any]:
    import boto3

    client = boto3.client("s3")
    return {
        "params_loader": PipesCliArgsParamsLoader(),
        "context_loader": PipesS3ContextLoader(client=client),
        "message_writer": PipesS3MessageWriter(client=client),
    }


def _glue_session(_target: str) -> SparkSession:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def _local_session(target: str) -> SparkSession:
    from segment_assets.distributed.job import local_session

    session = local_session(f"{target}.spark")
    atexit.register(session.stop)
    return session


def _end_with_parent() -> None:
    """A run that is killed takes the job with it; Spark's Java process ends with this one."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    # Glue takes SystemExit for a failure whatever its code is.
    if code := main():
        sys.exit(code)
