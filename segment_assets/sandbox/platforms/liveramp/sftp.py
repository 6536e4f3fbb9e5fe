"""The SFTP server that LiveRamp's customers upload to: a folder that LiveRamp looks through.

Source: RFC 4251 to 4254, draft-ietf-secsh-filexfer-02 (asyncssh speaks them); docs.liveramp.com (uploads below
/uploads/<folder>, which is there already). Our readings: whatever lies there under a name without a dot in front may be
fetched at once, also while somebody still writes it; a rename replaces nothing, as SFTP 3 has it.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import asyncssh

from segment_assets.sandbox.platforms.kit import request_log, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer, Call
from segment_assets.sandbox.platforms.liveramp import files
from segment_assets.sandbox.platforms.liveramp.bucket import PLATFORM, TOKEN

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from segment_assets.sandbox.platforms.kit.store import Store

USER = "lumen"
_KEY = "liveramp_host_key"


class Login(asyncssh.SSHServer):
    """Lets in one user, by the sandbox's well-known token."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin_auth(self, username: str) -> bool:
        """Nobody comes in without a password."""
        del username
        return True

    def password_auth_supported(self) -> bool:
        """The only way."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """By the tokens of the sandbox's bucket."""
        tokens = await self._store.run(lambda db: settings.read(db, PLATFORM, "tokens", [TOKEN]))
        return username == USER and password in tokens


class Folder(asyncssh.SFTPServer):
    """One session. Notes each file that comes under its own name."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path, store: Store) -> None:
        super().__init__(channel, chroot=os.fsencode(files.folder_of(home)))
        self._store = store

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """As the system does, and LiveRamp looks at once."""
        super().rename(oldpath, newpath)
        await self._store.run(_noted)


async def listen(home: Path, store: Store, folder: type[Folder] = Folder) -> asyncssh.SSHAcceptor:
    """Serve the folder on a free port of loopback. The server's key stays the same for a home."""
    for each in (files.BY_SFTP, files.DELETIONS):
        (files.folder_of(home) / each).mkdir(parents=True, exist_ok=True)
    return await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Login(store),
        server_host_keys=[_host_key(home)],
        sftp_factory=lambda channel: folder(channel, home, store),
        allow_scp=False,
        config=[],
    )


def told(home: Path, acceptor: asyncssh.SSHAcceptor) -> dict[str, str]:
    """What a customer is told of the server."""
    public = _host_key(home).export_public_key().decode().strip()
    address = f"sftp://127.0.0.1:{acceptor.get_port()}"
    return {"address": address, "user": USER, "password": TOKEN, "host_key": public}


def _host_key(home: Path) -> asyncssh.SSHKey:
    file = home / _KEY
    if not file.exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        file.write_bytes(key.export_private_key())
        file.chmod(0o600)
    return asyncssh.import_private_key(file.read_bytes())


def _noted(db: sqlite3.Connection) -> None:
    now = time.time() + settings.read(db, "clock", "offset", 0.0)
    call = Call("PUT", "sftp:{file}", {}, {}, {}, b"")
    request_log.write(
        db, at=now, platform=PLATFORM, call=call, answer=Answer(200, None, account=files.ACCOUNT), fault=None
    )
    files.fetch(db, now)
