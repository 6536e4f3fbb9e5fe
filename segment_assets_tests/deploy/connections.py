"""Whom this process speaks to: Python's own audit events, which no library can go around in Python.

Belongs here: hearing of connections and of names that are looked up. Not here: what is allowed.
Not heard: what a native library opens by itself (Arrow's S3, DuckDB).
"""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTENING: list[list[str]] = []


@contextlib.contextmanager
def heard() -> Iterator[list[str]]:
    """Hosts that were connected to or looked up meanwhile."""
    _listen()
    hosts: list[str] = []
    _LISTENING.append(hosts)
    try:
        yield hosts
    finally:
        _LISTENING.remove(hosts)


@functools.cache
def _listen() -> None:
    # An audit hook stays for the life of the process; it is idle unless somebody listens.
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _LISTENING or not event.startswith("socket."):
        return
    if event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
        told = str(arguments[1][0])
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        told = str(arguments[0])
    else:
        return
    for hosts in _LISTENING:
        hosts.append(told)
