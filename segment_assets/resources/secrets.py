"""Secrets by name. Belongs here: fetching them. Not here: what they open. A secret is never logged or shown."""

from __future__ import annotations

import dataclasses
import os
import secrets
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class LocalSecrets:
    """Files that only their owner can read, made with the first question. The AWS world asks Secrets Manager."""

    folder: Path

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant's pseudonyms and hold-out draws. Losing it makes every person a new one."""
        file = self.folder / f"{tenant}.key"
        if not file.exists():
            self._create(file)
        return bytes.fromhex(file.read_text())

    def _create(self, file: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        staged = self.folder / f".{uuid.uuid4().hex}"
        staged.touch(mode=0o600)
        staged.write_text(secrets.token_hex(_KEY_BYTES))
        try:
            # Two processes may ask first at once; the link fails for the second, who then reads the first one's key.
            os.link(staged, file)
        except FileExistsError:
            return
        finally:
            staged.unlink()
