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

from segment_assets import processes
from segment_assets.contracts import PermanentError
from segment_assets.plan import load_plan
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.events import LocalEvents
from segment_assets.resources.identity_engine import LocalSpark
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.landing import LocalLanding
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.resources.warehouse import LocalWarehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.plan import Plan
    from segment_assets.resources.clean_room import Pace, ProtectedQuery, QueryOutcome
    from segment_assets.resources.clean_room.local import LocalCleanRoom


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
    answers_after: float = 0.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Deployment:
        """Read the environment, which nothing else does.

        SEGMENT_ASSETS_WORLD (local), SEGMENT_ASSETS_HOME (`data` in the checkout), SEGMENT_ASSETS_PLAN (a file);
        for alerts SEGMENT_ASSETS_ALERT_WEBHOOK (Slack), SEGMENT_ASSETS_MAIL_HOST, _MAIL_FROM and _MAIL_TO;
        SEGMENT_ASSETS_CLEAN_ROOM_ANSWERS_AFTER (seconds for which the local clean room works on a query, 0).
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
            answers_after=_seconds(environ, "SEGMENT_ASSETS_CLEAN_ROOM_ANSWERS_AFTER"),
        )

    def plan(self) -> Plan:
        """The plan of this deployment. Raises PlanError with the lines that are wrong."""
        return load_plan(self.plan_path)

    def resources(self) -> dict[str, object]:
        """Resources by the names that assets ask for; destination accounts come from the plan (see definitions)."""
        accounts = LocalAccountTables(self.home / "accounts")
        workdir = processes.workdir(self.home)
        return {
            "lake": LocalLake(self.home / "lake"),
            "accounts": accounts,
            "clean_room": _LocalCleanRoomOnDemand(self.home, accounts, self.answers_after),
            "landing": LocalLanding(self.home / "landing" / "segments"),
            "secrets": LocalSecrets(self.home / "secrets"),
            "warehouse": LocalWarehouse(workdir),
            "alerts": Alerts(self.home / "alerts", self.webhook, *self.mail),
            "events": LocalEvents(self.sandbox_home),
            "workdir": workdir,
            "identity_engine": LocalSpark(checkout() / "deploy" / "glue" / "digest_identifiers.py", workdir),
            "dashboards": self.home / "dashboards",
        }

    def account_settings(self, destination: str) -> dict[str, str]:
        """Where a platform is reached, with which token, and where account state is. Locally that is the sandbox.

        The token is no secret: it is the one that each platform of the sandbox, which listens on loopback only, is
        born with.
        """
        return {
            "sandbox_home": str(self.sandbox_home),
            "lake_home": str(self.home / "lake"),
            "secrets_home": str(self.home / "secrets"),
            "token": f"sandbox-{destination}-token",
        }

    @property
    def sandbox_home(self) -> Path:
        """The folder of the platform sandbox."""
        return self.home / "sandbox"


def checkout() -> Path:
    """The folder that holds the package: the checkout, where `pip install -e` was used, as `make` does."""
    return Path(__file__).resolve().parent.parent


def _seconds(environ: Mapping[str, str], name: str) -> float:
    told = environ.get(name, "") or "0"
    try:
        seconds = float(told)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise PermanentError(f"{name} is not a number of seconds; give for instance 30, or nothing")
    return seconds


@dataclasses.dataclass(frozen=True, slots=True)
class _LocalCleanRoomOnDemand:
    """Builds the local clean room with the first query: the SQL engine is heavy to import."""

    home: Path
    accounts: LocalAccountTables
    answers_after: float

    @property
    def pace(self) -> Pace:
        """As the room says."""
        return self._room().pace

    def start(self, query: ProtectedQuery) -> str:
        """As the room does."""
        return self._room().start(query)

    def look(self, query_id: str) -> QueryOutcome:
        """As the room does."""
        return self._room().look(query_id)

    def cancel(self, query_id: str) -> None:
        """As the room does."""
        self._room().cancel(query_id)

    def find(self, query: ProtectedQuery, since: float) -> list[str]:
        """As the room does."""
        return self._room().find(query, since)

    def _room(self) -> LocalCleanRoom:
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
            temp=processes.workdir(self.home),
            answers_after=self.answers_after,
        )
