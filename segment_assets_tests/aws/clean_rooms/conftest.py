"""One stand-in for each module, fresh queries for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets import collaboration
from segment_assets.resources.aws.session import AwsSession
from segment_assets.sandbox.aws.clean_rooms.app import App, serving
from segment_assets.sandbox.aws.clean_rooms.service import CleanRooms
from segment_assets_tests.aws.clean_rooms.world import Aws, forget_clients
from segment_assets_tests.aws.emulators import KEY, REGION, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[Aws]:
    app = App(CleanRooms(collaboration.document()))
    with pytest.MonkeyPatch.context() as environment, serving(app) as url:
        environment.setenv("AWS_ENDPOINT_URL_CLEANROOMS", url)
        environment.setenv("AWS_ACCESS_KEY_ID", KEY)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        forget_clients()
        yield Aws(app, AwsSession(REGION))
        forget_clients()


@pytest.fixture
def aws(served: Aws) -> Aws:
    served.renew()
    return served
