"""Run the platforms in the foreground: `python -m segment_assets.sandbox.platforms --home FOLDER [--port N]`.

Belongs here: arguments, the listening socket, the lock that lets one server have a home, `sandbox.json`.
Not here: starting it in the background (`segment_assets.sandbox.process`).
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets.sandbox import process

if TYPE_CHECKING:
    from collections.abc import Sequence

_LATENCY = "SEGMENT_ASSETS_SANDBOX_LATENCY_MS"
_SEED = "SEGMENT_ASSETS_SANDBOX_SEED"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m segment_assets.sandbox.platforms", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the state; made if absent")
    parser.add_argument("--port", type=int, default=0, help="0: the port of last time if it is free, else any")
    parser.add_argument("--latency-ms", type=float, default=float(os.environ.get(_LATENCY, "5")), help="0 to this")
    parser.add_argument("--seed", type=int, default=int(os.environ.get(_SEED, "7")), help="of the latency")
    return parser.parse_args(argv)


def _listen(port: int, remembered: int) -> socket.socket:
    """Bind on loopback: the asked port or fail; without one, the remembered port if free, else any."""
    if port:
        return _bound(port)
    try:
        return _bound(remembered)
    except OSError:
        return _bound(0)


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or Ctrl-C. Returns 1 where another process serves this home, 0 otherwise."""
    import uvicorn

    from segment_assets.sandbox.platforms.app import build_app, open_sandbox
    from segment_assets.sandbox.platforms.connections import Protocol

    arguments = _arguments(argv)
    home = arguments.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with process.serving(home) as is_mine:
        if not is_mine:
            sys.stderr.write("Another process serves this home. Stop it first, or use another --home.\n")
            return 1
        sandbox = open_sandbox(home, latency_ms=arguments.latency_ms, seed=arguments.seed)
        listener = _listen(arguments.port, process.remembered_port(home))
        process.announce(home, port=listener.getsockname()[1], started=time.time())
        config = uvicorn.Config(
            build_app(sandbox), http=Protocol, ws="none", lifespan="off", log_level="warning", access_log=False,
            server_header=False, timeout_graceful_shutdown=3,
        )  # fmt: skip
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            sandbox.store.close()
            process.withdraw(home)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
