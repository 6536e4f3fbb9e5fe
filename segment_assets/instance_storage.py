"""Dagster's SQLite storages without work that they repeat for every statement, run and process.

Belongs here: how their databases are opened. Not here: what is in them: files, tables and places are Dagster's, so that
its own classes, which the UI and the daemons use, go on with the same home at the same time.

Dagster 1.13 makes an SQLAlchemy engine for each connection, which compiles every statement again, and lets Alembic
read the 88 files of its revisions when an instance is opened and for the database of each run: with what follows from
it half of the processor time of a short run.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as db
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sql import get_alembic_config
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._utils import ensure_file, touch_file
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection, Engine


class LocalStorage(DagsterSqliteStorage):
    """The storages of a home's instance. Opens what Dagster's own class has made, and the other way round."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Not that of the parent, which opens its own storages.
        DagsterStorage.__init__(self)
        self.base_dir, self._inst_data = base_dir, inst_data
        self._run_storage = _Runs.from_local(_runs_directory(base_dir))
        self._event_log_storage = _EventLog(_event_logs_directory(base_dir))
        self._schedule_storage = _Schedules.from_local(_schedule_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """As Dagster asks for it."""
        return cls.from_local(inst_data=inst_data, **config_value)


# The index and the database of the run that is being made.
_SHARDS_OPEN = 2


@functools.cache
def revisions() -> ScriptDirectory:
    """Dagster's revisions, as Alembic reads them, once: some ninety files, when it is first asked for one."""
    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


class _KeptOpen(sqlite3.Connection):
    """A connection that is closed by whoever opened it, not by each of its users."""

    def close(self) -> None:
        """Nothing: what is uncommitted has been rolled back before."""

    def close_now(self) -> None:
        super().close()


class _EventLog(sqlite_event_log.SqliteEventLogStorage):
    """One engine for the databases of all runs, so that each statement is compiled once.

    Its connections are made one at a time, under the lock of the storage, for the database that is asked for. Those of
    the index and of the run before stay open.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._shard = sqlite_event_log.INDEX_SHARD_NAME
        self._open: OrderedDict[str, _KeptOpen] = OrderedDict()
        self._tables: set[str] = set()
        self._engine = db.create_engine("sqlite://", poolclass=NullPool, creator=self._opened)
        super().__init__(base_dir, inst_data)

    def _opened(self) -> sqlite3.Connection:
        if self._shard not in self._open:
            path = self.path_for_shard(self._shard)
            made = sqlite3.connect(
                path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS, check_same_thread=False, factory=_KeptOpen
            )
            # Killed processes lose nothing. A power cut may take the last events of a run, which so looks unfinished;
            # what was sent is in the ledger.
            made.execute("PRAGMA synchronous = NORMAL")
            self._open[self._shard] = made
        self._open.move_to_end(self._shard)
        while len(self._open) > _SHARDS_OPEN:
            self._open.popitem(last=False)[1].close_now()
        return self._open[self._shard]

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            self._shard = shard
            if shard not in self._initialized_dbs:
                self._initdb(self._engine)
                self._initialized_dbs.add(shard)
            with self._engine.begin() as connection:
                yield connection

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """What Dagster does, unless the database is there or is a run's, of which nothing is known to be older."""
        if for_index_shard:
            super()._initdb(engine, for_index_shard)
            return
        try:
            with engine.connect() as connection:
                context = MigrationContext.configure(connection)
                if context.get_current_revision():
                    return
                connection.execute(db.text("PRAGMA journal_mode=WAL;"))
                # Its tables all at once: each for itself is a file that is synced.
                connection.execute(db.text("BEGIN IMMEDIATE"))
                SqlEventLogStorageMetadata.create_all(connection)
                context.stamp(revisions(), "head")
                connection.commit()
        except (db.exc.DatabaseError, sqlite3.DatabaseError):
            # Another process makes it, too. Dagster knows how to wait for that.
            super()._initdb(engine)

    def has_table(self, table_name: str) -> bool:
        """As the parent, which makes an engine for it: the automation sensor asks 240 times in a tick.

        By a connection of its own, since it is also asked while one is in use, whose lock would be waited for for ever.
        """
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        self._close()
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._open:
                self._open.popitem()[1].close_now()


class _Runs(SqliteRunStorage):
    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine = db.create_engine(conn_string)
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> Self:
        if _is_made(base_dir, "runs", {"instance_info"}):
            return cls(create_db_conn_string(base_dir, "runs"), inst_data)
        return super().from_local(base_dir, inst_data)

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()
        super().dispose()


class _Schedules(SqliteScheduleStorage):
    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine = db.create_engine(conn_string, poolclass=NullPool)
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> SqliteScheduleStorage:
        if _is_made(base_dir, "schedules", set()):
            return cls(create_db_conn_string(base_dir, "schedules"), inst_data)
        return super().from_local(base_dir, inst_data)

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection


def _is_made(base_dir: str, name: str, tables: set[str]) -> bool:
    """Whether Dagster would find a database that has a revision, and these tables, and leave it as it is."""
    path = os.path.join(base_dir, f"{name}.db")  # noqa: PTH118 - Dagster's paths are strings
    if not os.path.exists(path):  # noqa: PTH110
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS)) as connection:
        found = {str(table) for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not found >= {"alembic_version", *tables}:
            return False
        return connection.execute("SELECT version_num FROM alembic_version").fetchone() is not None


class QuietLogs(LocalComputeLogManager):
    """What runs print goes into the files that the UI shows, and not to the terminal as well.

    For that Dagster starts four processes for each run, two of them Python: 0.06 s of a processor.
    """

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """As Dagster asks for it."""
        return cls(inst_data=inst_data, **config_value)

    @contextlib.contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Into the same files as the parent's, which says in the same way when they are complete."""
        with contextlib.ExitStack() as stack:
            for kind, stream in ((ComputeIOType.STDOUT, sys.stdout), (ComputeIOType.STDERR, sys.stderr)):
                path = self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
                ensure_file(path)
                stack.enter_context(redirect_to_file(stream, path))
            yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))
