"""Vega, Vega-Lite and Vega-Embed as one script, as the vl-convert wheel carries them.

Belongs here: bundling them, and keeping the bundle for the next process. Not here: the page that it goes into (`page`).
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def chart_library() -> str:
    """The script. Bundling costs three seconds of every process that draws, so the user's cache folder keeps it."""
    version = importlib.metadata.version("vl-convert-python")
    kept = user_cache_path("segment_assets") / f"vega-{version}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return kept.read_text("utf-8")
    made = _bundled()
    # A folder that cannot be written, as in a read-only container, costs the seconds again and nothing else.
    with contextlib.suppress(OSError):
        _keep(made, kept)
    return made


def _bundled() -> str:
    import vl_convert

    made: str = vl_convert.javascript_bundle(None)  # type: ignore[arg-type]  # the stub knows no None
    return made


def _keep(text: str, file: Path) -> None:
    """In one atomic move, so that another process never reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}-{os.getpid()}")
    draft.write_text(text, "utf-8")
    draft.replace(file)
