"""Bytes that never change, kept in this process: what a sensor has read of the ledger it need not pay for again.

Belongs here: how many are kept. Not here: which objects never change (`lake`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict

# Notes of the ledger have a few hundred bytes to a few thousand; the code server has little memory to spare.
MOST_BYTES, MOST_KEYS = 64 * 2**20, 100_000


class Kept:
    """Bytes by key, at most so many; what was not asked for the longest makes room. For several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_keys: int = MOST_KEYS) -> None:
        self._most_bytes, self._most_keys = most_bytes, most_keys
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """What was put, unless it had to make room."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: str, body: bytes) -> None:
        """Keep an object's bytes; those of one key are always the same."""
        with self._lock:
            if key in self._held:
                return
            self._held[key] = body
            self._bytes += len(body)
            while self._held and (self._bytes > self._most_bytes or len(self._held) > self._most_keys):
                _, gone = self._held.popitem(last=False)
                self._bytes -= len(gone)
