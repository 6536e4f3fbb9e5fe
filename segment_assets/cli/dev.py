"""`segment-assets dev`: the Dagster UI, its daemons and the platform sandbox, in the foreground.

Belongs here: starting and stopping processes of ours. Not here: what they serve.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import click

from segment_assets.deployment import Deployment, checkout
from segment_assets.road import open_instance
from segment_assets.sandbox import process

STOP_SECONDS = 20


def run_dev(port: int) -> int:
    """Run until Ctrl-C or SIGTERM; the sandbox is stopped with the UI when this command started it."""
    deployment = Deployment.from_env()
    open_instance(deployment.home).dispose()
    ours = process.running(deployment.sandbox_home) is None
    platforms = process.start(deployment.sandbox_home)
    click.echo(f"Platform sandbox: {platforms.url}")
    click.echo(f"Dagster UI:       http://127.0.0.1:{port}   (Ctrl-C ends both)")
    click.echo(f"Landing folder:   {deployment.home / 'landing' / 'segments'}/<segment>/")
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    # A shell that starts us in the background makes us ignore Ctrl-C, and children inherit that: dagster then ignores
    # every request to end. A handler of our own is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Its own session, so that Ctrl-C reaches it once, from us, and it can end its children in order.
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        command, cwd=checkout(), env={**os.environ}, start_new_session=True
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return child.wait()
    except KeyboardInterrupt:
        return _end(child)
    finally:
        if ours:
            process.stop(deployment.sandbox_home)


def _end(child: subprocess.Popen[bytes]) -> int:
    child.send_signal(signal.SIGINT)
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return 1
    return 0
