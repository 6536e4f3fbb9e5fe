"""Where Debian keeps PostgreSQL's server, None where it is not installed."""

from __future__ import annotations

from pathlib import Path

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
SERVER = str(_FOUND[-1].parent) if _FOUND else None
