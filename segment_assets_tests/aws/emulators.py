"""MiniStack and SeaweedFS as pytest fixtures: one process each per worker, on loopback, ended with the session.

Belongs here: how each is started and found. Not here: what is asked of them.
They live in a venv of their own (`make setup-aws`), because MiniStack pins an older botocore than the project has.

What each is good for (tried 2026-11): MiniStack has many services, refuses a wrong checksum, and takes parts of any
size; SeaweedFS is a real object store with conditional writes. Neither is AWS.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segment_assets.resources.aws.session import AwsSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = Path(os.environ.get("SEGMENT_ASSETS_EMULATORS") or Path(__file__).parents[2] / ".venv-aws/bin")
KEY = SECRET = "test"
REGION = "us-east-1"
_START_SECONDS = 60
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True)
class Emulator:
    """One server: what AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_<SERVICE>) is set to."""

    name: str
    endpoint: str
    pid: int

    def environment(self, *services: str) -> dict[str, str]:
        """What a process needs to speak to it: for all services, or for those named (`s3`, `glue`)."""
        names = [f"AWS_ENDPOINT_URL_{service.upper()}" for service in services] or ["AWS_ENDPOINT_URL"]
        return dict.fromkeys(names, self.endpoint) | {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def there() -> bool:
    """Whether this machine has both (`make setup-aws`)."""
    return all((PROGRAMS / name).exists() for name in ("ministack", "weed"))


@pytest.fixture(scope="session")
def ministack() -> Iterator[Emulator]:
    """S3, Glue, Athena (DuckDB's dialect), SQS, EventBridge, Secrets Manager, KMS, CloudWatch; no Clean Rooms."""
    with started_ministack() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[Emulator]:
    """S3 only, by a real object store. Every bucket takes volumes: use few buckets and many prefixes."""
    with started_seaweedfs() as emulator:
        yield emulator


def connected(emulator: Emulator, *services: str, made: type[AwsSession] = AwsSession) -> AwsSession:
    """A session whose clients speak to an emulator (or a proxy before it): those of `services`, S3 and Glue without.

    A client keeps the address and the keys that it was made with, so nothing stays in the environment. Other services
    find the environment that the test gives them.
    """
    port = emulator.endpoint.rpartition(":")[2]
    session = made(REGION, duty=f"test-{emulator.name}-{emulator.pid}-{port}")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in emulator.environment().items():
            patch.setenv(name, value)
        for service in services or ("s3", "glue"):
            session.client(service)
        session.credentials()
    return session


@contextlib.contextmanager
def started_ministack(**more: str) -> Iterator[Emulator]:
    """A MiniStack of one's own, for instance with AUTH="true" (then IAM is enforced)."""

    def launch(ports: list[int], _: Path) -> _Launch:
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(ports[0])}
        settings |= {"IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
        # It asks its own services by AWS_ENDPOINT_URL where that is set, and hands AWS_* on to the functions it runs.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return _Launch([], clean | settings | more, f"http://127.0.0.1:{ports[0]}", "/_ministack/health")

    with _running("ministack", 1, launch) as emulator:
        yield emulator


@contextlib.contextmanager
def started_seaweedfs() -> Iterator[Emulator]:
    """A SeaweedFS of one's own."""
    names = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
             "filer.port", "filer.port.grpc")  # fmt: skip
    identity = {
        "name": KEY,
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }

    def launch(ports: list[int], folder: Path) -> _Launch:
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        arguments = [
            "server", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.config=s3.json",
            *(f"-{name}={port}" for name, port in zip(names, ports, strict=True)),
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
            # A bucket takes several volumes, and without a free one every write is a 500.
            "-volume.max=500", "-master.volumeSizeLimitMB=64",
            "-master.electionTimeout=1s", "-master.heartbeatInterval=100ms",
        ]  # fmt: skip
        return _Launch(arguments, dict(os.environ), f"http://127.0.0.1:{ports[0]}", "/")

    with _running("weed", len(names), launch) as emulator:
        yield dataclasses.replace(emulator, name="seaweedfs")


@dataclasses.dataclass(frozen=True)
class _Launch:
    """How a program is started, and the path below its address that answers when it is up."""

    arguments: list[str]
    env: dict[str, str]
    endpoint: str
    asked: str


@contextlib.contextmanager
def _running(name: str, ports: int, launch: Callable[[list[int], Path], _Launch]) -> Iterator[Emulator]:
    """A program in a folder that goes with it. Another process may take a port that was free: then with others."""
    with contextlib.ExitStack() as stack:
        for is_last in (False, False, True):
            folder = Path(tempfile.mkdtemp(prefix=f"segment-assets-{name}-"))
            taken = _free_ports(ports)
            plan = launch(taken, folder)
            log = stack.enter_context((folder / "log").open("wb"))
            process = subprocess.Popen(
                [str(PROGRAMS / name), *plan.arguments],
                env=plan.env, stdout=log, stderr=log, cwd=folder, preexec_fn=_dies_with_its_parent,  # noqa: PLW1509
            )  # fmt: skip
            stack.callback(_end, process, folder, taken)
            if _answers(process, plan.endpoint + plan.asked):
                yield Emulator(name, plan.endpoint, process.pid)
                return
            if is_last:
                tail = (folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{name} does not start (status {process.poll()}):\n{tail}")


def _end(process: subprocess.Popen[bytes], folder: Path, ports: list[int]) -> None:
    """SeaweedFS takes 26 s to end politely, and nothing of either is kept."""
    process.kill()
    process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)
    # SeaweedFS puts sockets into /tmp whatever it is told, named by port.
    for port in ports:
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            left.unlink(missing_ok=True)


def _dies_with_its_parent() -> None:
    """A worker that is killed runs no `finally`."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers(process: subprocess.Popen[bytes], asked: str) -> bool:
    """Whether it is up before it ends or too long passes. Any answer counts: SeaweedFS has 403 for a stranger."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(asked, timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            time.sleep(0.05)
            continue
        # Somebody else's answer, on a port that ours did not get.
        return process.poll() is None
    return False


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as held:
        taken = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]
