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
    from collections.abc import Mapping

    from segment_assets.contracts import Destination, Transport


class DestinationAccount(dg.ConfigurableResource):
    """Endpoint, account number and token. `sandbox_home` is set in the local world: the endpoint is found there.

    `settings` are the platform's own, from the account in the plan.
    """

    destination: str
    account: str
    endpoint: str = ""
    sandbox_home: str = ""
    api_version: str = ""
    settings: dict[str, str] = Field(default_factory=dict)
    token: str = Field(repr=False, json_schema_extra={"dagster__is_secret": True})

    def connect(self, statements: Mapping[str, str] | None = None) -> tuple[Destination, Transport]:
        """The platform's wire format for this account, and a way to it. Nothing is sent yet.

        `statements` are the plan's words on the activation; a platform that is told them with every request adds
        nobody without them. Raises PermanentError for a setting or an account that the platform cannot have.
        """
        from segment_assets.resources.transport import HttpTransport

        return self._destination(statements or {}), HttpTransport(self.endpoint or self._sandbox_url(), self.token)

    def page(self) -> str:
        """Where a person can look at this account's audiences, empty when there is no such page."""
        return "" if self.endpoint else self._sandbox_url()

    def _destination(self, statements: Mapping[str, str]) -> Destination:
        if self.destination == "google":
            from segment_assets.destinations.google import GoogleDataManager

            return GoogleDataManager.from_plan(self.account, self.settings, statements)
        if self.destination == "meta":
            from segment_assets.destinations.meta import MetaCustomAudiences

            version = {"api_version": self.api_version} if self.api_version else {}
            return MetaCustomAudiences(self.account, **version)
        raise PermanentError(f"{self.destination}: no wire format for this destination in this version")

    def _sandbox_url(self) -> str:
        from segment_assets.sandbox import process

        running = process.running(Path(self.sandbox_home))
        if running is None:
            raise NeedsHumanError("the platform sandbox is not running; start it with `segment-assets sandbox`")
        return running.url
