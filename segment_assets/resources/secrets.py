"""Secrets by name. A secret is never logged or shown.

Belongs here: fetching and replacing them. Not here: what they open, how a new token is had (`credentials`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
import secrets
from typing import TYPE_CHECKING, Protocol

from segment_assets.contracts import NeedsHumanError
from segment_assets.processes import aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


@dataclasses.dataclass(frozen=True, slots=True)
class Secret:
    """A secret as the store has it: named texts. `version` changes with every change of them, and is empty for none."""

    values: Mapping[str, str] = dataclasses.field(repr=False)
    version: str


class Secrets(Protocol):
    """Where secrets are kept."""

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant's pseudonyms and hold-out draws."""
        ...

    def read(self, name: str) -> Secret:
        """The newest version of a secret; one without values where there is none."""
        ...

    def replace(self, name: str, values: Mapping[str, str], version: str) -> bool:
        """Put a new version behind `version`. False, and no change, when that is not the newest any more."""
        ...


def checked_name(name: str) -> str:
    """The name of a secret. Raises NeedsHumanError for one that a store could read as a path."""
    if not _NAME.fullmatch(name):
        raise NeedsHumanError(f"{name!r} cannot be a secret's name; use letters, digits and . _ -")
    return name


def texts(name: str, raw: str | bytes) -> dict[str, str]:
    """The named texts of a stored secret. Raises NeedsHumanError for anything but a JSON object of them."""
    try:
        values = json.loads(raw)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        # Without its cause, which would quote the secret.
        said = f"the secret {name} is not a JSON object of texts; write it anew into the secret store"
        raise NeedsHumanError(said) from None
    return values


@dataclasses.dataclass(frozen=True, slots=True)
class LocalSecrets:
    """Files that only their owner can read: `<tenant>.key`, and a JSON object of texts for every other secret.

    The AWS world asks Secrets Manager.
    """

    folder: Path

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant, made with the first question. Losing it makes every person a new one."""
        file = self.folder / f"{tenant}.key"
        if not file.exists():
            self._create(file)
        return bytes.fromhex(file.read_text())

    def read(self, name: str) -> Secret:
        """The newest version. Raises NeedsHumanError for a file that is not an object of texts."""
        try:
            raw = self._file(name).read_bytes()
        except FileNotFoundError:
            return Secret({}, "")
        return Secret(texts(name, raw), hashlib.sha256(raw).hexdigest())

    def replace(self, name: str, values: Mapping[str, str], version: str) -> bool:
        """Put a new version in place, in one step: a reader sees the one or the other."""
        file = self._file(name)
        with self._alone(name):
            if self.read(name).version != version:
                return False
            self._staged(json.dumps(dict(values), sort_keys=True)).replace(file)
        return True

    def _create(self, file: Path) -> None:
        staged = self._staged(secrets.token_hex(KEY_BYTES))
        try:
            # Two processes may ask first at once; the link fails for the second, who then reads the first one's key.
            os.link(staged, file)
        except FileExistsError:
            return
        finally:
            staged.unlink()

    def _file(self, name: str) -> Path:
        return self.folder / f"{checked_name(name)}.json"

    def _staged(self, text: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = self.folder / aside("secret")
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return staged

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Hold the secret's lock, which ends with the process; what is done meanwhile takes milliseconds."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self.folder / f".{name}.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
