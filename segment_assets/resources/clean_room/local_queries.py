"""What a local clean room remembers of its queries: files that any process may look at.

Belongs here: a query's three files (`submitted`, `answer`, `end`) and whether somebody is at work on it.
Not here: judging and running (`local`). The SQL is not kept, only its digest: its literals are nobody's business.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def digest_of(sql: str) -> str:
    """SHA-256 hex of a query's text."""
    return hashlib.sha256(sql.encode()).hexdigest()


class LocalQueries:
    """Queries below one folder. Every file is complete as soon as it can be seen, and none is ever changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def working(self, query_id: str, submitted: Mapping[str, Any]) -> Iterator[None]:
        """Note a query and be seen to work on it, until the block or this process ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        staged = self._folder / f".{query_id}"
        with staged.open("x", encoding="utf-8") as file:
            # The lock is of the file and not of its name: whoever sees the query sees that somebody works on it.
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(dict(submitted)))
            file.flush()
            staged.replace(self._file(query_id, "submitted"))
            yield

    def is_worked_on(self, query_id: str) -> bool:
        """Whether a living process works on a query. The kernel drops the lock of one that died."""
        with self._file(query_id, "submitted").open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def submitted(self, query_id: str) -> dict[str, Any]:
        """What was noted at the start. Raises PermanentError for an id that nobody gave."""
        told = self.get(query_id, "submitted")
        if told is None:
            raise PermanentError(f"The clean room has no query {_shown(query_id)}; start the query again")
        return told

    def get(self, query_id: str, what: str) -> dict[str, Any] | None:
        """One of a query's files, or None."""
        _shown(query_id)
        try:
            told: dict[str, Any] = json.loads(self._file(query_id, what).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return told

    def put_once(self, query_id: str, what: str, told: Mapping[str, Any]) -> bool:
        """Create one of a query's files. False, and no change, where it is there already."""
        staged = self._folder / f".{uuid.uuid4().hex}"
        staged.write_text(json.dumps(dict(told)), encoding="utf-8")
        try:
            os.link(staged, self._file(query_id, what))
        except FileExistsError:
            return False
        finally:
            staged.unlink()
        return True

    def with_text(self, sql: str, since: float) -> list[str]:
        """Ids of the queries with this text that were submitted at or after `since`, oldest first."""
        wanted, found = digest_of(sql), []
        for file in self._folder.glob("[!.]*.submitted.json"):
            told = json.loads(file.read_text(encoding="utf-8"))
            if told["sql"] == wanted and told["at"] >= since:
                found.append((told["at"], file.name.partition(".")[0]))
        return [query_id for _, query_id in sorted(found)]

    def _file(self, query_id: str, what: str) -> Path:
        return self._folder / f"{query_id}.{what}.json"


def _shown(query_id: str) -> str:
    """The id, which is part of a file's name, or PermanentError."""
    try:
        return str(uuid.UUID(query_id))
    except ValueError:
        raise PermanentError("What was looked for is not the id of a query; start the query again") from None
