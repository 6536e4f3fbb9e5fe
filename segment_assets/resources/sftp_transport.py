"""Files to an SFTP server, as a transport: a `PUT` is a file that is there as a whole or not at all.

Belongs here: the connection, host keys, credentials, and how a file gets into its place. Not here: which files, and
what their being there means (`destinations`).
Source: draft-ietf-secsh-filexfer-02 (SFTP 3, status codes), RFC 4251 (4.1, host keys).

A file is written under a temporary name in the same folder (a dot in front, the digest of its content and `.part`
behind) and renamed. Whoever comes back after a lost connection finds what is there of the same content and goes on with
it; two who write the same file write the same bytes in the same places. A rename in SFTP 3 replaces nothing, so of two
renames one succeeds and the other finds the file. A process that is killed in between and whose file nobody wants any
more leaves it there with the digests in it: such files are removed a day later.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from segment_assets.contracts import NeedsHumanError, PermanentError, Response, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncssh import SFTPClient, SSHClientConnection, SSHKey

    from segment_assets.contracts import Request

_SSH_PORT = 22
# Bytes that are written before all of them have to be acknowledged: what of a file is there is whole up to the last
# multiple, whatever the order in which a server did the writes behind it.
_PIECE = 1 << 18
_TO_CONNECT = 30.0
_TO_CLEAR_UP = 30.0
_STAGED = re.compile(r"\..+\.[0-9a-f]{16}\.part")
# Seconds. Longer than any process waits to go on with a file of its own.
_LEFT_BEHIND = 86_400.0
# What SFTP 3 says, as a status that the gate before a transport understands: 5xx is the server's own trouble.
_FINE, _EXISTS, _OTHER = 200, 409, 500
_STATUS = {
    "NO_SUCH_FILE": 404,
    "NO_SUCH_PATH": 404,
    "PERMISSION_DENIED": 403,
    "WRITE_PROTECT": 403,
    "OP_UNSUPPORTED": 400,
    "BAD_MESSAGE": 400,
    "INVALID_FILENAME": 400,
    "NO_SPACE_ON_FILESYSTEM": 507,
    "QUOTA_EXCEEDED": 507,
}


@dataclasses.dataclass(frozen=True, slots=True)
class SftpLogin:
    """Who we are on the server: a user with a password, or with a private key (PEM or OpenSSH, no passphrase)."""

    user: str
    password: str = dataclasses.field(default="", repr=False)
    private_key: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(slots=True)
class SftpTransport:
    """One account on one server.

    `host_keys`: the server's public keys as we know them, one a line as in an OpenSSH .pub file; any other server is
    refused before it is told who we are. `timeout`: seconds for one file with its connection. The answer to a PUT has
    the header `sftp-status`, and `sftp-size` where the file is there: its bytes as the server tells them.
    Raises TransientError when no whole answer came, NeedsHumanError for a server or credentials that do not fit.
    """

    host: str
    port: int
    login: SftpLogin
    host_keys: str
    timeout: float = 300.0
    _loop: asyncio.AbstractEventLoop | None = dataclasses.field(default=None, repr=False)
    _connection: SSHClientConnection | None = dataclasses.field(default=None, repr=False)
    _sftp: SFTPClient | None = dataclasses.field(default=None, repr=False)
    _cleared: set[str] = dataclasses.field(default_factory=set, repr=False)

    def send(self, request: Request) -> Response:
        """Put one file. A connection that broke is not used again."""
        if request.method != "PUT" or request.is_elsewhere or request.params:
            raise PermanentError(f"{self.host}: SFTP takes files and nothing else; report this as a defect")
        import asyncssh

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        try:
            return self._loop.run_until_complete(
                asyncio.wait_for(self._put(request.path, request.body() or b""), self.timeout)
            )
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
            # A server that has no key of a kind that we know cannot prove that it is ours either.
            self._drop()
            raise self._not_the_server() from None
        except asyncssh.PermissionDenied:
            self._drop()
            raise NeedsHumanError(
                f"{self.host}: user and password or key are not accepted; compare the account's secret with what the "
                "platform gave you"
            ) from None
        except (asyncssh.Error, OSError, TimeoutError) as failure:
            # The failure's own text can hold a path, so only its kind is passed on.
            self._drop()
            raise TransientError(f"{self.host}: no answer ({type(failure).__name__})") from None

    def close(self) -> None:
        """Give the connection back."""
        self._drop()
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    # ── a file ──

    async def _put(self, path: str, content: bytes) -> Response:
        import asyncssh

        sftp = await self._connected()
        try:
            answer = await _placed(sftp, path, content)
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError as refusal:
            name = _name(refusal)
            return Response(_STATUS.get(name, _OTHER), {"sftp-status": name}, None)
        await self._clear_up(sftp, path.rpartition("/")[0])
        return answer

    async def _clear_up(self, sftp: SFTPClient, folder: str) -> None:
        """Remove what was left behind in a folder, once. Whatever comes of it, the file of now is in its place."""
        import asyncssh

        if folder in self._cleared:
            return
        self._cleared.add(folder)
        with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
            await asyncio.wait_for(_remove_what_was_left(sftp, folder), _TO_CLEAR_UP)

    # ── the connection ──

    async def _connected(self) -> SFTPClient:
        import asyncssh

        # Whatever came while nobody waited, such as the server's goodbye, is read now.
        await asyncio.sleep(0)
        if self._sftp is not None and self._connection is not None and not self._connection.is_closed():
            return self._sftp
        keys = self._trusted()
        self._connection = await asyncssh.connect(
            self.host,
            self.port,
            username=self.login.user,
            password=self.login.password or None,
            client_keys=self._own_keys(),
            known_hosts=(keys, [], []),
            # Kinds of keys that we know first; another is shown to us all the same, so that we, who know why, refuse.
            # Of a server that had none to show we heard at times that the connection was lost, and tried again.
            server_host_key_algs=",".join([*(kind.decode() for key in keys for kind in key.sig_algorithms), "*"]),
            # Nothing of whoever runs this process: no configuration, no agent, no other keys.
            config=[],
            agent_path=None,
            gss_host=None,
            connect_timeout=_TO_CONNECT,
            login_timeout=_TO_CONNECT,
        )
        self._sftp = await self._connection.start_sftp_client()
        return self._sftp

    def _trusted(self) -> list[SSHKey]:
        import asyncssh

        lines = [line.strip() for line in self.host_keys.splitlines() if line.strip()]
        if not lines:
            raise NeedsHumanError(
                f"{self.host}: no host key of this server is known, so nothing is sent to it; ask the platform for its "
                "key and put it into the setting `host_key` of this account, or into its secret"
            )
        try:
            return [asyncssh.import_public_key(line) for line in lines]
        except asyncssh.KeyImportError:
            raise NeedsHumanError(
                f"{self.host}: a host key is not in the form of OpenSSH (kind, blank, base64); correct `host_key`"
            ) from None

    def _own_keys(self) -> list[SSHKey] | None:
        import asyncssh

        if not self.login.private_key:
            # No list: an empty one has asyncssh offer the keys in ~/.ssh of whoever runs this process.
            return None
        try:
            return [asyncssh.import_private_key(self.login.private_key)]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            raise NeedsHumanError(
                f"{self.host}: the private key cannot be read; write `private_key` anew into the account's secret, as "
                "PEM or OpenSSH and without a passphrase, which would lie beside it"
            ) from None

    def _not_the_server(self) -> NeedsHumanError:
        return NeedsHumanError(
            f"{self.host}: the server has another key than the one that we know; nothing was sent. Ask the platform "
            "whether it has changed its key, and put the new one into `host_key` only on its word"
        )

    def _drop(self) -> None:
        connection, self._connection, self._sftp = self._connection, None, None
        if connection is not None and self._loop is not None:
            connection.abort()
            with contextlib.suppress(Exception):
                self._loop.run_until_complete(asyncio.wait_for(connection.wait_closed(), 5.0))


def transport_to(address: str, secret: Mapping[str, str], name: str, *, host_keys: str = "") -> SftpTransport:
    """The way to `sftp://host[:port]`. `secret`: the fields of the secret `name`; `host_keys`: where it has none.

    Raises NeedsHumanError where it lacks the user, or a password and a key.
    """
    if not secret.get("user") or not (secret.get("password") or secret.get("private_key")):
        raise NeedsHumanError(
            f"there is no secret {name}, or no user with a password or private_key in it; put what the platform gave "
            "you there"
        )
    parts = urlsplit(address)
    given = {field: secret.get(field, "") for field in ("user", "password", "private_key")}
    # Whoever may write the plan may not read the secret, and would otherwise choose who is told what is in it.
    keys = secret.get("host_key") or host_keys
    return SftpTransport(parts.hostname or "", parts.port or _SSH_PORT, SftpLogin(**given), keys)


async def _placed(sftp: SFTPClient, path: str, content: bytes) -> Response:
    """Bring a file into its place. A file of this name and size is this file: a name is given to one content only."""
    import asyncssh

    there = await _size(sftp, path)
    if there is not None:
        return _told(there, content)
    folder, _, name = path.rpartition("/")
    staged = f"{folder}/.{name}.{hashlib.sha256(content).hexdigest()[:16]}.part"
    try:
        await _written(sftp, staged, content, resume=True)
    except asyncssh.SFTPNoSuchFile:
        raise
    except (asyncssh.SFTPFailure, asyncssh.SFTPOpUnsupported):
        # Servers over object stores open no file a second time.
        with contextlib.suppress(asyncssh.SFTPNoSuchFile):
            await sftp.remove(staged)
        await _written(sftp, staged, content, resume=False)
    if await _size(sftp, staged) == len(content):
        with contextlib.suppress(asyncssh.SFTPFailure, asyncssh.SFTPNoSuchFile, asyncssh.SFTPFileAlreadyExists):
            await sftp.rename(staged, path)
    there = await _size(sftp, path)
    if there is None:
        return Response(_OTHER, {"sftp-status": "FAILURE"}, None)
    if await _size(sftp, staged) is not None:
        # Somebody else's rename was first.
        with contextlib.suppress(asyncssh.SFTPError):
            await sftp.remove(staged)
    return _told(there, content)


async def _written(sftp: SFTPClient, staged: str, content: bytes, *, resume: bool) -> None:
    import asyncssh

    have = (await _size(sftp, staged) or 0) if resume else 0
    if have > len(content):
        await sftp.remove(staged)
        have = 0
    # Never truncated: whoever writes the same beside us may be about to rename it.
    async with sftp.open(staged, asyncssh.FXF_WRITE | asyncssh.FXF_CREAT, encoding=None) as file:
        for start in range(max(have - 1, 0) // _PIECE * _PIECE, len(content), _PIECE):
            await file.write(content[start : start + _PIECE], start)


async def _remove_what_was_left(sftp: SFTPClient, folder: str) -> None:
    async for entry in sftp.scandir(folder):
        name, at = str(entry.filename), entry.attrs.mtime
        if _STAGED.fullmatch(name) and at is not None and time.time() - at > _LEFT_BEHIND:
            await sftp.remove(f"{folder}/{name}")


async def _size(sftp: SFTPClient, path: str) -> int | None:
    import asyncssh

    try:
        return (await sftp.stat(path)).size or 0
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return None


def _told(there: int, content: bytes) -> Response:
    if there != len(content):
        return Response(_EXISTS, {"sftp-status": "FILE_ALREADY_EXISTS", "sftp-size": str(there)}, None)
    return Response(_FINE, {"sftp-status": "OK", "sftp-size": str(there)}, None)


def _name(refusal: object) -> str:
    """The code of SFTP, as the drafts call it: SFTPNoSuchFile is NO_SUCH_FILE."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(refusal).__name__.removeprefix("SFTP")).upper()
