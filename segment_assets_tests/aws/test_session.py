"""A session's clients, where the process that made them is forked."""

from __future__ import annotations

import multiprocessing

from segment_assets_tests.aws.emulators import Emulator, connected


def test_a_forked_process_makes_clients_of_its_own() -> None:
    """Sockets are inherited: two processes on one connection would read each other's answers."""
    session = connected(Emulator("nobody", "http://127.0.0.1:9", 0), "s3")
    held = session.client("s3")
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    child = context.Process(target=lambda: told.put(session.client("s3") is held))
    child.start()
    assert told.get(timeout=30) is False
    child.join(30)
    assert session.client("s3") is held
