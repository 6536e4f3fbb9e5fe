"""The record of an analysis, in the shape of the log that Clean Rooms writes to CloudWatch.

Belongs here: one JSON line per query, written and read. Not here: deciding or running anything.
Source: the user guide's page on analysis logging. The log says COMPLETED where the API says SUCCESS, counts time
in milliseconds, and holds lists as JSON strings inside JSON. Local differences: literals other than
dates are masked in `queryText`, since a refused query may compare a column with somebody's identifier;
`schemaNames`, `queryRunnerAccountId` and `statistics` are ours, where the page names nested metadata.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from segment_assets.resources.clean_room import QueryState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from segment_assets.privacy import Verdict
    from segment_assets.resources.clean_room import QueryOutcome


def about(verdict: Verdict, *, query_text: str, runner: str) -> dict[str, object]:
    """What is known of a query before it runs."""
    return {
        "analysisType": "SQL",
        "queryText": query_text,
        "queryRunnerAccountId": runner,
        "analysisRule": verdict.kind.value if verdict.kind else None,
        "schemaNames": _nested(verdict.tables),
        "queryValidationErrors": _nested([str(reason) for reason in verdict.reasons]),
        "resultReceivers": _nested([runner]),
    }


def termination(known: Mapping[str, object], outcome: QueryOutcome, *, at: float) -> dict[str, object]:
    """The TERMINATION record of a query. `known` comes from `about`, `at` is in seconds since 1970."""
    done = outcome.state is QueryState.SUCCESS
    return {
        **known,
        "eventId": outcome.query_id,
        "eventTimestamp": int(at * 1000),
        "logStage": "TERMINATION",
        "status": "COMPLETED" if done else outcome.state.value,
        "errorCode": outcome.error.code.value if outcome.error else None,
        "errorMessage": outcome.error.message if outcome.error else None,
        "statistics": outcome.statistics.to_aws(),
    }


def _nested(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def append(file: Path, entry: Mapping[str, object]) -> None:
    """Add one line. A single write to a file opened for appending: lines of two processes do not mix."""
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(dict(entry), ensure_ascii=False, sort_keys=True).encode() + b"\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


class LocalAnalysisLog:
    """The log of the clean room on this machine: a file of JSON lines."""

    __slots__ = ("_file",)

    def __init__(self, file: Path) -> None:
        self._file = file

    def records(self) -> list[dict[str, Any]]:
        """Every record; none when nothing was asked yet."""
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        return [json.loads(line) for line in lines]
