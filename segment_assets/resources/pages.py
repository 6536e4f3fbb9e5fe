"""Where pages are put for people to open: a folder, or S3 in the AWS world.

Belongs here: writing a page whole or not at all. Not here: what is on it (`dashboard`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

from segment_assets.processes import aside

if TYPE_CHECKING:
    from pathlib import Path


class Pages(Protocol):
    """Takes pages by name."""

    def put(self, name: str, text: str) -> str:
        """Put a page (`.html`, `.json`), also below a folder, in the place of the one before, and say its address."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class LocalPages:
    """Files below a folder."""

    folder: Path

    def put(self, name: str, text: str) -> str:
        """In one atomic move: whoever reloads the page never sees half of it."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        draft = self.folder / aside("page")
        draft.write_text(text, encoding="utf-8")
        return draft.replace(self.folder / name).as_uri()
