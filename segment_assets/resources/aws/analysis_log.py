"""The log of analyses that Clean Rooms writes to CloudWatch, where a collaboration's members have turned it on.

Belongs here: reading a log group. Not here: the table that is made of it (`clean_room.log_table`).
Sources: botocore 1.44.5 (CloudWatch Logs 2014-03-28); Clean Rooms user guide, analysis logging (2026-11), which leaves
open which stream a record is in, so all are read.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.contracts import Clock
    from segment_assets.resources.aws.session import AwsSession

_DAY_MS = 86_400_000


@dataclasses.dataclass(frozen=True, slots=True)
class CloudWatchAnalysisLog:
    """One log group, back to `days` ago. Without a group nobody said where the log is, and there are no records."""

    session: AwsSession
    group: str
    days: int
    clock: Clock = time.time

    def records(self) -> list[dict[str, Any]] | None:
        """Every record of the log, None where the deployment was not told of one.

        Raises NeedsHumanError where the group is not there: logging is turned on in the membership.
        """
        return [record for text in self._texts() if (record := _record(text))] if self.group else None

    def _texts(self) -> Iterator[str]:
        client = self.session.client("logs")
        since = int(self.clock() * 1000) - self.days * _DAY_MS
        with translated(f"CloudWatch log group {self.group}"):
            try:
                for page in client.get_paginator("filter_log_events").paginate(
                    logGroupName=self.group, startTime=since
                ):
                    yield from (event["message"] for event in page["events"])
            except client.exceptions.ResourceNotFoundException:
                raise NeedsHumanError(
                    f"CloudWatch log group {self.group} is not there; turn query logging on in the membership, or "
                    "correct SEGMENT_ASSETS_CLEAN_ROOM_LOG_GROUP"
                ) from None


def _record(text: str) -> dict[str, Any] | None:
    """A record of an analysis, None for what else a log group may hold."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and {"eventId", "eventTimestamp", "logStage"} <= set(told) else None
