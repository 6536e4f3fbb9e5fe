"""One stand-in for all tests of this folder, over the Glue and S3 of one MiniStack."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from segment_assets.resources.aws.session import AwsSession
from segment_assets.sandbox.aws.athena import AthenaStandIn, Settings, serving
from segment_assets_tests.aws.athena.world import Tables, World, unlike
from segment_assets_tests.aws.emulators import REGION, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def registered(ministack: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tables, AthenaStandIn]]:
    session = AwsSession(REGION, duty=f"athena-{os.getpid()}")
    # A client keeps the address and the keys that it was made with.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ministack.environment().items():
            patch.setenv(name, value)
        tables = Tables(session).prepare()
    with serving(session, tmp_path_factory.mktemp("spill")) as athena:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (ministack.environment() | {"AWS_ENDPOINT_URL_ATHENA": athena.endpoint}).items():
                patch.setenv(name, value)
            session.client("athena")
            session.credentials()
        yield tables, athena


@pytest.fixture
def world(registered: tuple[Tables, AthenaStandIn]) -> World:
    """Every test has a partition of its own, so no answer of another test is given to it."""
    tables, athena = registered
    athena.executions.settings, athena.executions.faults = Settings(), []
    athena.throttles = athena.lost_answers = 0
    athena.calls.clear()
    athena.executions.started = 0
    numbers = [{"people": people} for people in (30, 10, 20, unlike())]
    return World(tables, athena, tables.of_lake("exposure_frequency", {f"test-{unlike()}": numbers}))
