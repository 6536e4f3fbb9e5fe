"""Where the same road runs: the only reader of the environment, and the choice of resources that follows from it.

Belongs here: worlds (`local` now; `aws` and `branch` are refused until they are built) and what each is made of.
Not here: any work. Nothing is opened, read from the network or created while definitions are imported.
"""

from __future__ import annotations

import dataclasses
import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.plan import load_plan
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.landing import LocalLanding
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.resources.warehouse import LocalWarehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.plan import Plan
    from segment_assets.resources.clean_room import CleanRoom, ProtectedQuery, QueryOutcome


# No secrets: the sandbox listens on loopback only, and these are the tokens that it is born with.
SANDBOX_TOKENS = {"meta": "sandbox-meta-token", "google": "sandbox-google-token"}


class Kind(enum.StrEnum):
    """The worlds."""

    LOCAL = "local"


@dataclasses.dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment. `home` is the folder of the local world, `plan_path` None for the plan that ships."""

    kind: Kind
    home: Path
    plan_path: Path | None = None
    webhook: str = dataclasses.field(default="", repr=False)
    mail: tuple[str, str, str] = ("", "", "")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Deployment:
        """Read the environment, which nothing else does.

        SEGMENT_ASSETS_WORLD (local), SEGMENT_ASSETS_HOME (`data` in the checkout), SEGMENT_ASSETS_PLAN (a file);
        for alerts SEGMENT_ASSETS_ALERT_WEBHOOK (Slack), SEGMENT_ASSETS_MAIL_HOST, _MAIL_FROM and _MAIL_TO.
        """
        world = environ.get("SEGMENT_ASSETS_WORLD", Kind.LOCAL.value)
        if world not in set(Kind):
            raise PermanentError(
                f"SEGMENT_ASSETS_WORLD={world}: not a world of this version; there is: {', '.join(Kind)}"
            )
        plan = environ.get("SEGMENT_ASSETS_PLAN")
        home = environ.get("SEGMENT_ASSETS_HOME")
        host, sender, to = (environ.get(f"SEGMENT_ASSETS_MAIL_{part}", "") for part in ("HOST", "FROM", "TO"))
        return cls(
            Kind(world),
            Path(home).resolve() if home else checkout() / "data",
            Path(plan) if plan else None,
            webhook=environ.get("SEGMENT_ASSETS_ALERT_WEBHOOK", ""),
            mail=(host, sender, to),
        )

    def plan(self) -> Plan:
        """The plan of this deployment. Raises PlanError with the lines that are wrong."""
        return load_plan(self.plan_path)

    def resources(self) -> dict[str, object]:
        """Resources by the names that assets ask for; destination accounts come from the plan (see definitions)."""
        accounts = LocalAccountTables(self.home / "accounts")
        return {
            "lake": LocalLake(self.home / "lake"),
            "accounts": accounts,
            "clean_room": _LocalCleanRoomOnDemand(self.home, accounts),
            "landing": LocalLanding(self.home / "landing" / "segments"),
            "secrets": LocalSecrets(self.home / "secrets"),
            "warehouse": LocalWarehouse(self.home / "work"),
            "alerts": Alerts(self.home / "alerts", self.webhook, *self.mail),
            "workdir": self.home / "work",
            "dashboards": self.home / "dashboards",
        }

    def account_settings(self, destination: str) -> dict[str, str]:
        """Where a platform is reached, and with which token. Locally that is the platform sandbox."""
        return {"sandbox_home": str(self.sandbox_home), "token": SANDBOX_TOKENS[destination]}

    @property
    def sandbox_home(self) -> Path:
        """The folder of the platform sandbox."""
        return self.home / "sandbox"


def checkout() -> Path:
    """The folder that holds the package: the checkout, where `pip install -e` was used, as `make` does."""
    return Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True, slots=True)
class _LocalCleanRoomOnDemand:
    """Builds the local clean room with the first query: the SQL engine is heavy to import."""

    home: Path
    accounts: LocalAccountTables

    def run(self, query: ProtectedQuery) -> QueryOutcome:
        """Run a query to its end."""
        return self._room().run(query)

    def _room(self) -> CleanRoom:
        from segment_assets import collaboration
        from segment_assets.privacy import Collaboration
        from segment_assets.resources.clean_room.local import LocalCleanRoom

        document = collaboration.document()
        return LocalCleanRoom(
            Collaboration.parse(document),
            self.accounts.files,
            results=self.home / "clean_room_results",
            prefix="results",
            runner=document["creatorAccountId"],
            temp=self.home / "work",
        )
