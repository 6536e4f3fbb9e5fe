"""`segment-assets dev`: the Dagster UI, its daemons and the platform sandbox, in the foreground.

Belongs here: starting and stopping processes of ours. Not here: what they serve.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from typing import IO

import click

from segment_assets.contracts import NeedsHumanError
from segment_assets.deployment import Deployment, checkout
from segment_assets.processes import clear_leftovers
from segment_assets.road import clear_up_after_killed_runs, only_daemons, open_instance
from segment_assets.sandbox import process

STOP_SECONDS = 30


def run_dev(port: int) -> int:
    """Run until Ctrl-C or SIGTERM, which is exit code 0; the sandbox is stopped too when this command started it.

    Raises NeedsHumanError when the home has daemons already, or something else listens on the port.
    """
    deployment = Deployment.from_env()
    with only_daemons(deployment.home) as lock:
        if lock is None:
            raise NeedsHumanError("the daemons of this home are running already; end that `segment-assets dev` first")
        _refuse_a_port_in_use(port)
        # A shell that starts us in the background makes us ignore Ctrl-C, and children inherit that: dagster then
        # ignores every request to end. A handler of our own is not inherited.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        try:
            return _serve(deployment, port, lock)
        except KeyboardInterrupt:
            return 0


def _refuse_a_port_in_use(port: int) -> None:
    # Dagster's daemons went on without a UI, and the address that was told was somebody else's.
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            raise NeedsHumanError(f"port {port} is in use; give another one: segment-assets dev --port …") from None


def _serve(deployment: Deployment, port: int, lock: IO[str]) -> int:
    with open_instance(deployment.home) as instance:
        cleared = clear_up_after_killed_runs(instance)
    clear_leftovers(deployment.home)
    if cleared:
        click.echo(f"Killed runs:      {cleared}, cleared up")
    ours = process.running(deployment.sandbox_home) is None
    try:
        platforms = process.start(deployment.sandbox_home)
        click.echo(f"Platform sandbox: {platforms.url}")
        click.echo(f"Dagster UI:       http://127.0.0.1:{port}   (Ctrl-C ends both)")
        click.echo(f"Landing folder:   {deployment.home / 'landing' / 'segments'}/<segment>/")
        return _dagster(deployment, port, lock)
    finally:
        if ours:
            process.stop(deployment.sandbox_home)


def _dagster(deployment: Deployment, port: int, lock: IO[str]) -> int:
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    # It runs in the checkout: a relative path of ours would be another one there, and another plan the permission.
    ours = {"SEGMENT_ASSETS_HOME": str(deployment.home)}
    if deployment.plan_path is not None:
        ours["SEGMENT_ASSETS_PLAN"] = str(deployment.plan_path)
    # Its own session, so that Ctrl-C reaches it once, from us, and it can end its children in order. It holds the lock
    # too: when we are killed and it is not, it still is the one that runs the daemons.
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        command, cwd=checkout(), env={**os.environ, **ours}, start_new_session=True, pass_fds=[lock.fileno()]
    )
    try:
        child.wait()
    except KeyboardInterrupt:
        return _end(child)
    _kill_what_is_left(child)
    click.echo("The Dagster UI or its daemons ended by themselves; the lines above say why.", err=True)
    return 1


def _end(child: subprocess.Popen[bytes]) -> int:
    """In order, or by force after a while and at a second Ctrl-C; what a run had begun, the next start clears up."""
    ended = True
    try:
        child.send_signal(signal.SIGINT)
        child.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        ended = False
    _kill_what_is_left(child)
    return 0 if ended else 1


def _kill_what_is_left(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
