"""Dagster's SQLite storages without work that they repeat: a quarter of the processor time of a run in a test.

Only for tests, which make hundreds of instances, new and in memory: the product opens its homes with classes of its own
(`instance_storage`) and leaves Dagster's as they are.

Dagster 1.13 makes an SQLAlchemy engine for each connection, and a new engine compiles every statement again; for the
database of each run Alembic reads 88 files of revisions. These engines hold no connection (`NullPool`), so threads,
forks and a home that was removed and made again may use the same one.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

_STORAGES = (
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
)
# Each run has a database, and a process may make runs for weeks: the engine that was used longest ago goes.
_ENGINES_KEPT = 64


@functools.cache
def keep_engines() -> None:
    """Let the SQLite storages of this process keep their engines, and Alembic what it has read of its revisions."""
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    @functools.lru_cache(_ENGINES_KEPT)
    def kept(url: str, connect_args: tuple[tuple[str, Any], ...]) -> Any:
        return create_engine(url, poolclass=NullPool, connect_args=dict(connect_args))

    def engine(url: str, **options: Any) -> Any:
        if options.keys() - {"connect_args"} != {"poolclass"} or options["poolclass"] is not NullPool:
            return create_engine(url, **options)
        return kept(url, tuple(sorted(options.get("connect_args", {}).items())))

    from_config = ScriptDirectory.from_config
    read: dict[tuple[str | None, str | None], ScriptDirectory] = {}

    def revisions(_cls: type[ScriptDirectory], config: Any) -> ScriptDirectory:
        source = (config.config_file_name, config.get_main_option("script_location"))
        if source not in read:
            read[source] = from_config(config)
        return read[source]

    for name in _STORAGES:
        module = importlib.import_module(name)
        # A version that has no such name makes its engines in another way, and is left alone.
        if hasattr(module, "create_engine"):
            module.create_engine = engine  # type: ignore[attr-defined]
    ScriptDirectory.from_config = classmethod(revisions)  # type: ignore[assignment, method-assign]
