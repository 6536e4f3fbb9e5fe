"""One account on one platform, as a Dagster resource: visible in the UI, its token masked.

Belongs here: endpoint, credentials and settings of an account, and making a destination and a transport of them.
Not here: what is sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from segment_assets.contracts import NeedsHumanError, PermanentError

if TYPE_CHECKING:
    from segment_assets.contracts import Destination, Transport


class DestinationAccount(dg.ConfigurableResource):
    """Endpoint, account number and token. `sandbox_home` is set in the local world: the endpoint is found there."""

    destination: str
    account: str
    endpoint: str = ""
    sandbox_home: str = ""
    api_version: str = ""
    token: str = Field(json_schema_extra={"dagster__is_secret": True})

    def connect(self) -> tuple[Destination, Transport]:
        """The platform's wire format for this account, and a way to it. Nothing is sent yet."""
        from segment_assets.resources.transport import HttpTransport

        return self._destination(), HttpTransport(self.endpoint or self._sandbox_url(), self.token)

    def page(self) -> str:
        """Where a person can look at this account's audiences, empty when there is no such page."""
        return self.endpoint or self._sandbox_url()

    def _destination(self) -> Destination:
        from segment_assets.destinations.meta import MetaCustomAudiences

        if self.destination != "meta":
            raise PermanentError(f"{self.destination}: no wire format for this destination in this version")
        version = {"api_version": self.api_version} if self.api_version else {}
        return MetaCustomAudiences(self.account, **version)

    def _sandbox_url(self) -> str:
        from segment_assets.sandbox import process

        running = process.running(Path(self.sandbox_home))
        if running is None:
            raise NeedsHumanError("the platform sandbox is not running; start it with `segment-assets sandbox`")
        return running.url
