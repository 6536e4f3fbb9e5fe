"""What a local clean room remembers of its answers, so that no two of them tell a few people apart.

Belongs here: one JSON line per answer, counting people before a result is written. Not here: when two answers are too
close (`privacy.differencing`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from typing import TYPE_CHECKING

from segment_assets.privacy.differencing import Answer, Difference, differences, group_of, key_order, question_of
from segment_assets.privacy.enforcement import people_by_group
from segment_assets.privacy.verdicts import RuleKind
from segment_assets.resources.clean_room import query_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from segment_assets.privacy import Verdict


class Answers:
    """The answers of one room, in one file. Two of them may tell no fewer people apart than the query has to show."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def too_close(self, connection: duckdb.DuckDBPyConnection, verdict: Verdict, query_id: str) -> list[Difference]:
        """Where the answer would be too close to an earlier one; it is remembered when it is not.

        Only AGGREGATION queries are looked at: of the others no count of people is the answer.
        """
        if verdict.kind is not RuleKind.AGGREGATION:
            return []
        counted = people_by_group(verdict)
        rows = connection.execute(counted.sql).fetchall()
        keys = len(counted.outputs) - len(counted.thresholds)
        asked, conditions = question_of(verdict)
        order = key_order(verdict)
        people = {group_of(row[key] for key in order): min(row[keys:]) for row in rows}
        answer = Answer(query_id, asked, conditions, people)
        with self._alone():
            found = list(differences(answer, self._earlier(), verdict.strictest or 0))
            if not found:
                query_log.append(self._file, answer.to_json())
        return found

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two close questions at the same time would each find the other missing."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _earlier(self) -> list[Answer]:
        if not self._file.exists():
            return []
        return [Answer.from_json(json.loads(line)) for line in self._file.read_text(encoding="utf-8").splitlines()]
