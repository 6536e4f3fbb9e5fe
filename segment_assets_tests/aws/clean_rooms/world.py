"""A membership in the stand-in's collaboration for tests: one server for a module, fresh queries for each test."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets import collaboration
from segment_assets.contracts import Quota
from segment_assets.resources.aws import session as sessions
from segment_assets.resources.aws.clean_rooms import AwsCleanRoom
from segment_assets.resources.aws.session import AwsSession
from segment_assets.resources.clean_room import Pace
from segment_assets.sandbox.aws.clean_rooms.service import CleanRooms

if TYPE_CHECKING:
    from segment_assets.sandbox.aws.clean_rooms.app import App

FAST = Quota(requests=10_000, per_seconds=1.0)
# What AWS's messages may hold, and none of ours.
SECRET_WORDS = "jane@example.com"


@dataclasses.dataclass
class Aws:
    """The service behind the address that every session of this module's tests uses."""

    app: App
    session: AwsSession

    @property
    def service(self) -> CleanRooms:
        return self.app.service

    def renew(self, **more: object) -> CleanRooms:
        """Forget all queries and plans."""
        self.app.service = CleanRooms(collaboration.document(), **more)
        return self.app.service

    def room(self, **more: object) -> AwsCleanRoom:
        patient = Pace(look_for=0.0, arrives_within=120.0)
        settings = {"results": "s3://results/clean_room", "pace": patient, "quota": FAST} | more
        return AwsCleanRoom(self.session, self.service.catalog.membership, **settings)


def forget_clients() -> None:
    """The environment has changed, and clients keep what they have found in it."""
    sessions._client.cache_clear()
    sessions._boto_session.cache_clear()
