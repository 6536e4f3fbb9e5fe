"""A session's clients, where the process that made them is forked."""

from __future__ import annotations

import multiprocessing

import pytest
from pyarrow import fs as pafs

from segment_assets_tests.aws.emulators import REGION, Emulator, connected


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


@pytest.mark.parametrize(
    ("endpoint", "override"),
    [
        ("https://s3.us-east-1.amazonaws.com", None),
        ("https://bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com", True),
        ("http://127.0.0.1:9", True),
    ],
)
def test_pyarrow_reads_from_the_address_that_the_client_has_also_a_vpc_endpoints(
    endpoint: str, override: bool | None
) -> None:
    session = connected(Emulator("nobody", endpoint, 0), "s3")
    scheme, _, host = endpoint.partition("://")
    assert session.client("s3").meta.endpoint_url == endpoint
    where = {"endpoint_override": host, "scheme": scheme, "force_virtual_addressing": False} if override else {}
    keys = {"access_key": "test", "secret_key": "test"}
    assert session.filesystem().equals(
        pafs.S3FileSystem(region=REGION, connect_timeout=5, request_timeout=60, **keys, **where)
    )
    other = {"endpoint_override": "s3.eu-central-1.amazonaws.com"}
    assert not session.filesystem().equals(
        pafs.S3FileSystem(region=REGION, connect_timeout=5, request_timeout=60, **keys, **other)
    )
