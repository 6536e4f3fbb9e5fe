"""The warehouse on Amazon Athena: insight SQL over the lake's tables and account A's own.

Belongs here: one question from its sources to its rows. Not here: the statement (`athena_statement`), the execution
(`athena_execution`), the files of the answer (`athena_answer`), what is published (`athena_sources`).

Nothing here ever ran on AWS. The calls are proven against botocore's model, the road against our stand-in
(`sandbox.aws.athena`), which runs DuckDB in the place of Trino; Glue and S3 against MiniStack.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import TransientError
from segment_assets.resources.aws import athena_execution
from segment_assets.resources.aws.athena_answer import IncompleteError, rows_in
from segment_assets.resources.aws.athena_execution import NOT_EMPTY, Ended, Patience, Workgroup, code_of, failure
from segment_assets.resources.aws.athena_sources import Sources
from segment_assets.resources.aws.uris import bucket_and_prefix
from segment_assets.resources.query_usage import Usage, carrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from segment_assets.resources.aws.session import AwsSession
    from segment_assets.resources.ports import Source

_NUMBERED_ATTEMPTS = 5
# An erasure rewrites a snapshot that keeps its id: an answer from before it must not be used for long.
_REUSED_SECONDS = 3600.0
# https://aws.amazon.com/athena/pricing/: bytes are rounded up to whole megabytes, ten at least. That a megabyte is a
# power of ten is not said; so taken, an estimate is rather too high.
_MEGABYTE, _LEAST_MEGABYTES, _MEGABYTES_PER_TERABYTE = 1_000_000, 10, 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class AthenaWarehouse:
    """Fulfils `ports.Warehouse`. Lake tables are in the Glue database `database`, account A's in `account_database`.

    `results` (`s3://bucket/prefix`) takes answers and Athena's own files. They are left to a lifecycle rule of one day
    and not deleted here: AWS gives a repeated start the answer of the first, whose files must then still be there, and
    the role needs no right to delete. `account_version` tells a change of account A's tables (`AccountTables.version`);
    without it no answer about them is used twice. `tell_again` (table, partition) has the catalogue name what is
    published (`S3Lake.tell_again`), before a question about a version that it does not name. `usd_per_terabyte` is the
    price list's number for the Region. Rows carry what they took (`query_usage.usage_of`).
    """

    session: AwsSession
    workgroup: str
    database: str
    account_database: str
    results: str
    account_version: Callable[[str], str] | None = None
    usd_per_terabyte: float | None = None
    tell_again: Callable[[str, str], None] | None = None
    patience: Patience = dataclasses.field(default_factory=Patience, repr=False)
    _seen_failing: set[str] = dataclasses.field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bucket_and_prefix(self.results)

    def select(self, sql: str, sources: Mapping[str, Source], schema: pa.Schema) -> pa.Table:
        """As `ports.Warehouse`. Raises TransientError where a source was published again while it was read."""
        from segment_assets.resources.aws.athena_statement import numbered

        held = Sources(self.session.client("glue"), self.database, self.account_database, self.account_version)
        statement = numbered(sql, {name: held.relation(one) for name, one in sources.items()}, schema.names)
        before = held.marks(sources.values(), self.tell_again)
        occasion = "" if held.is_told_by_marks(sources.values()) else uuid.uuid4().hex
        rows = self._answer(statement, [*before, occasion], schema)
        if held.marks(sources.values()) != before:
            raise TransientError("a table of account A changed while it was read; ask again")
        return rows

    def _answer(self, statement: str, marks: list[str], schema: pa.Schema) -> pa.Table:
        """The rows of the first attempt that is neither spent nor failed before."""
        client = self.session.client("athena")
        group = athena_execution.workgroup(client, self.workgroup)
        for attempt in _attempts():
            request, folder = self._request(statement, [*marks, attempt], group)
            ended = athena_execution.run(client, request, self.patience)
            if not ended.has_succeeded:
                if self._is_spent(ended):
                    continue
                raise failure(ended, group)
            if ended.seconds_ago > _REUSED_SECONDS or ended.id in self._seen_failing:
                continue
            try:
                rows = rows_in(self.session.filesystem(), folder, schema)
            except IncompleteError:
                self._seen_failing.add(ended.id)
                if ended.is_of_before:
                    continue
                raise TransientError(f"Athena execution {ended.id} left too few or too many rows; ask again") from None
            return carrying(rows, self._usage(ended))
        raise TransientError(f"Athena workgroup {self.workgroup}: every attempt is used up; ask again")

    def _is_spent(self, ended: Ended) -> bool:
        """Whether a failure is an earlier call's, which this one must not be given."""
        is_known = ended.id in self._seen_failing
        self._seen_failing.add(ended.id)
        return is_known or ended.is_of_before or code_of(ended) == NOT_EMPTY

    def _request(self, statement: str, marks: list[str], group: Workgroup) -> tuple[dict[str, Any], str]:
        """Parameters of StartQueryExecution, and the folder (`bucket/prefix`) of the answer.

        The token is a digest of all that decides the answer, and the folder is named by it: a start that is repeated,
        by botocore, by a later call or by another process, is the same start, and is not billed twice.
        """
        from segment_assets.resources.aws.athena_statement import unload

        bucket, prefix = bucket_and_prefix(self.results)
        base = f"s3://{bucket}/{prefix}".rstrip("/")
        decides = [self.session.region, self.workgroup, self.database, base, group.decides, statement, *marks]
        token = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        folder = f"{base}/answers/{token}/"
        request: dict[str, Any] = {
            "QueryString": unload(statement, folder),
            "ClientRequestToken": token,
            "WorkGroup": self.workgroup,
            # Its age limit is in minutes and knows nothing of snapshots.
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        }
        if not group.decides:
            request["ResultConfiguration"] = {"OutputLocation": f"{base}/executions/"}
        return request, folder.removeprefix("s3://")

    def _usage(self, ended: Ended) -> Usage:
        told = ended.statistics
        scanned = int(told.get("DataScannedInBytes", 0))
        megabytes = max(_LEAST_MEGABYTES, math.ceil(scanned / _MEGABYTE))
        price = self.usd_per_terabyte
        return Usage(
            execution=ended.id,
            scanned_bytes=scanned,
            queue_seconds=told.get("QueryQueueTimeInMillis", 0) / 1000,
            engine_seconds=told.get("EngineExecutionTimeInMillis", 0) / 1000,
            is_reused=ended.is_of_before,
            cost=None if price is None else price * megabytes / _MEGABYTES_PER_TERABYTE,
        )


def _attempts() -> Iterator[str]:
    """Numbers, the same in every process, and at last one that nobody has used."""
    yield from (str(number) for number in range(_NUMBERED_ATTEMPTS))
    yield uuid.uuid4().hex
