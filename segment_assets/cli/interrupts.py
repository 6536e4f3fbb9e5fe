"""Ctrl-C and SIGTERM for a command that makes runs in its own process.

Belongs here: hearing of them. Not here: what is ended for them (`demo`).

While Dagster makes a run, handlers of its own are in the place of ours: they end the step (one that may be tried again
is), and the signal is forgotten with the run. So a demo that was told to end went on with the next run. Python also
writes each signal to a descriptor, whoever handles it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TO_END = (signal.SIGINT, signal.SIGTERM)
_MANY = 4_096


@contextlib.contextmanager
def interrupts() -> Iterator[Callable[[], None]]:
    """Both signals raise KeyboardInterrupt; what is given raises it for one that was heard since, and forgotten.

    Of the main thread only. Handlers of before are put back.
    """
    before = {number: signal.getsignal(number) for number in _TO_END}
    heard, told = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(told, False)

    def raise_if_heard() -> None:
        with contextlib.suppress(BlockingIOError):
            if set(os.read(heard, _MANY)) & set(_TO_END):
                raise KeyboardInterrupt

    for number in _TO_END:
        # Also where a shell that starts us in the background makes us ignore Ctrl-C.
        signal.signal(number, signal.default_int_handler)
    woken = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        yield raise_if_heard
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(heard)
        os.close(told)
