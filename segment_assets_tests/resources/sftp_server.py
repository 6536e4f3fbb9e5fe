"""The sandbox's SFTP server in this process, on a loop of its own, and the ways in which it breaks.

Belongs here: starting it, and cutting connections. Not here: what is proven (`test_sftp_transport`, the road test).
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from segment_assets.resources.sftp_transport import SftpTransport, transport_to
from segment_assets.sandbox.platforms.liveramp import files, sftp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_assets.sandbox.platforms.kit.store import Store


@dataclasses.dataclass
class Trouble:
    """What the server does in the place of an answer. `at`: the operation, `nth` of them from 1, `after` doing it.

    `holed`: of a write the second half is done and the first is not, as a server may that does them in any order.
    """

    at: str = ""
    nth: int = 1
    after: bool = False
    holed: bool = False
    does: Callable[[Any], None] = lambda folder: folder.connection.abort()

    def strikes(self, operation: str) -> bool:
        if operation != self.at:
            return False
        self.nth -= 1
        return self.nth == 0


class Server:
    """`seen`: operations in their order. `trouble` is what is waiting for the next ones."""

    def __init__(self, home: Path, store: Store) -> None:
        self.home, self.trouble, self.seen = home, Trouble(), list[tuple[str, str]]()
        self.before: Callable[[str], None] = lambda operation: None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._acceptor = self._wait(sftp.listen(home, store, _folder_of(self)))
        self.told = sftp.told(home, self._acceptor)

    def transport(self, **changed: str) -> SftpTransport:
        told = {**self.told, **changed}
        return transport_to(told["address"], told, "liveramp.lumen")

    def visible(self) -> dict[str, bytes]:
        """What whoever looks through the folders finds under a name of its own."""
        return {name: body for name, body in self.all().items() if not name.startswith(".")}

    def all(self) -> dict[str, bytes]:
        return {f.name: f.read_bytes() for f in files.folder_of(self.home).rglob("*") if f.is_file()}

    def begin_anew(self) -> None:
        self.trouble, self.before = Trouble(), lambda operation: None
        self.seen.clear()
        for file in files.folder_of(self.home).rglob("*"):
            if file.is_file():
                file.unlink()

    def end(self) -> None:
        self._wait(_closed(self._acceptor))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


async def _closed(acceptor: Any) -> None:
    acceptor.close()
    await acceptor.wait_closed()
    # What is left of each connection ends with the next turns of the loop.
    await asyncio.sleep(0.05)


def _folder_of(server: Server) -> type[sftp.Folder]:
    class Breaking(sftp.Folder):
        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            return self._do("open", path, lambda: super(Breaking, self).open(path, pflags, attrs))

        def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
            half = len(data) // 2 if server.trouble.holed and server.trouble.nth == 1 else 0
            work = partial(super().write, file_obj, offset + half, data[half:])
            return self._do("write", str(offset).encode(), work)

        async def rename(self, oldpath: bytes, newpath: bytes) -> None:
            await self._do("rename", newpath, lambda: super(Breaking, self).rename(oldpath, newpath))

        def _do(self, operation: str, path: bytes, work: Callable[[], Any]) -> Any:
            server.before(operation)
            server.seen.append((operation, path.decode()))
            if not server.trouble.strikes(operation):
                return work()
            if server.trouble.after:
                made = work()
                server.trouble.does(self)
                return made
            server.trouble.does(self)
            raise ConnectionResetError

    return Breaking
