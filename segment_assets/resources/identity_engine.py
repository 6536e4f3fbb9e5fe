"""Digesting somewhere else: start a job, follow it through Dagster Pipes, read what it left, clear up.

Belongs here: the door that the asset uses, what both worlds do alike, and the local world (Spark on this machine).
Not here: what a job does (`distributed`, deploy/glue), Glue (`glue_identity`), when it is worth it (the plan).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import dagster as dg

from segment_assets.contracts import PermanentError, TransientError
from segment_assets.distributed.work import Work, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from segment_assets.audience.staging import Digested
    from segment_assets.contracts import ColumnState, Snapshot
    from segment_assets.distributed.work import Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What is to be digested: a snapshot of segment_members, its declared column states, the normal forms wanted."""

    members: Snapshot
    column_states: Mapping[str, ColumnState]
    forms: Sequence[str]

    def work(self, target: str) -> Work:
        """The order as the job gets it."""
        from segment_assets.distributed.fingerprint import fingerprint

        states = {name: state.value for name, state in self.column_states.items()}
        return Work(self.members.uri, target, tuple(self.forms), states, fingerprint())


class IdentityEngine(Protocol):
    """Digests a snapshot of segment_members outside this process."""

    def digested(self, context: dg.AssetExecutionContext, order: Order) -> AbstractContextManager[Iterator[Digested]]:
        """The digested rows in their order, readable within the block; what the job left is removed after it.

        Raises TransientError, PermanentError or NeedsHumanError for a job that did not do what it was asked.
        """
        ...


# What PipesSubprocessClient raises for a process that did not end well; Dagster does not export it.
_JOB_FAILED = "DagsterPipesExecutionError"


class HeardMessages(dg.PipesMessageReader):
    """A message reader that remembers what the job said, also where Dagster's Pipes client ends in an exception."""

    def __init__(self, reader: dg.PipesMessageReader) -> None:
        self._reader = reader
        self._handler: dg.PipesMessageHandler | None = None

    @contextlib.contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[Mapping[str, object]]:
        """As the reader does."""
        self._handler = handler
        with self._reader.read_messages(handler) as params:
            yield params

    def on_opened(self, opened_payload: dg.PipesOpenedData) -> None:
        """As the reader does."""
        self._reader.on_opened(opened_payload)

    def on_launched(self, launched_payload: dg.PipesLaunchedData) -> None:
        """As the reader does."""
        self._reader.on_launched(launched_payload)

    def no_messages_debug_text(self) -> str:
        """As the reader does."""
        return self._reader.no_messages_debug_text()

    def outcome(self) -> Outcome | None:
        """What the job said it did; None where it said nothing. Raises the error that it ended with."""
        return outcome_of(self._handler.get_custom_messages()) if self._handler else None


@dataclasses.dataclass(frozen=True, slots=True)
class LocalSpark:
    """Spark in a process of its own on this machine: the script that runs on Glue, and the same Pipes.

    `script` is deploy/glue/digest_identifiers.py; `workdir` gets the parts and Spark's scratch, which are personal
    data and are removed at the end. `environment` is added to the job's.
    """

    script: Path
    workdir: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def digested(self, context: dg.AssetExecutionContext, order: Order) -> Iterator[Iterator[Digested]]:
        """As IdentityEngine. Raises PermanentError where this machine has no Spark."""
        from segment_assets.distributed.parts import read_parts

        self._assert_installed()
        self.workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.workdir, prefix="identity-", ignore_cleanup_errors=True) as scratch:
            work = order.work(str(Path(scratch) / "digested"))
            self._run(context, work, order.members.rows)
            yield read_parts(work.target, order.members.rows, work.forms)

    def _assert_installed(self) -> None:
        for what, there in (
            ("pyspark", importlib.util.find_spec("pyspark") is not None),
            ("Java 17", "JAVA_HOME" in self.environment or shutil.which("java") is not None),
            (self.script.name, self.script.is_file()),
        ):
            if not there:
                raise PermanentError(
                    f"the segment is larger than engine.in_process_up_to_rows, and Spark cannot run here without "
                    f"{what}: install it, or raise the number in the plan"
                )

    def _run(self, context: dg.AssetExecutionContext, work: Work, rows: int) -> None:
        heard = HeardMessages(dg.PipesTempFileMessageReader())
        client = dg.PipesSubprocessClient(message_reader=heard)
        environment = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", **self.environment}
        try:
            client.run(
                # Pipes 1.13.27 reads `run_id`, which is deprecated on an asset's own context.
                context=context.op_execution_context,
                command=[sys.executable, str(self.script)],
                env=environment,
                extras=work.as_extras(),
            )
        except Exception as failure:
            if type(failure).__name__ != _JOB_FAILED:
                raise
            heard.outcome()
            raise TransientError(
                "the identity job on this machine ended without a word (killed, or out of memory); make the audience "
                "again, or in process (engine.in_process_up_to_rows in the plan)"
            ) from failure
        finished(context, heard, rows)


def finished(context: dg.AssetExecutionContext, heard: HeardMessages, rows: int) -> None:
    """Log what a job that ended well did. Raises TransientError where it does not say, PermanentError for lost rows."""
    outcome = heard.outcome()
    if outcome is None:
        raise TransientError("the identity job ended, but its report did not arrive; make the audience again")
    outcome.assert_conserved(rows)
    context.log.info("identity job: %s", json.dumps(dataclasses.asdict(outcome), sort_keys=True))
