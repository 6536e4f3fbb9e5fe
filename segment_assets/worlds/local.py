"""The local world: everything embedded below one folder, no account, no network.

Belongs here: the local class of every port. Not here: the classes themselves (`resources`), the sandbox (`sandbox`).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from segment_assets import processes
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.clean_room import ResultFormat
from segment_assets.resources.clean_room.query_log import LocalAnalysisLog
from segment_assets.resources.events import LocalEvents
from segment_assets.resources.identity_engine import LocalSpark
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.landing import LocalLanding
from segment_assets.resources.metrics import NoMetrics
from segment_assets.resources.pages import LocalPages
from segment_assets.resources.quicksight_files import QuickSightFiles
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.resources.warehouse import LocalWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.deployment import Deployment
    from segment_assets.privacy import Collaboration
    from segment_assets.resources.clean_room import Pace, ProtectedQuery, QueryOutcome
    from segment_assets.resources.clean_room.local import LocalCleanRoom


def resources(deployment: Deployment) -> dict[str, object]:
    """Resources by the names that assets ask for."""
    home = deployment.home
    accounts = LocalAccountTables(home / "accounts")
    workdir = processes.workdir(home)
    pages = LocalPages(home / "dashboards")
    return {
        "lake": LocalLake(home / "lake"),
        "accounts": accounts,
        "clean_room": LocalCleanRoomOnDemand(home, accounts, deployment.answers_after),
        "analysis_log": LocalAnalysisLog(home / "clean_room_results" / "query_log.jsonl"),
        "landing": LocalLanding(home / "landing" / "segments"),
        "secrets": LocalSecrets(home / "secrets"),
        "warehouse": LocalWarehouse(workdir),
        "alerts": Alerts(home / "alerts", deployment.webhook, *deployment.mail),
        "events": LocalEvents(deployment.sandbox_home),
        "workdir": workdir,
        "identity_engine": LocalSpark(deployment.glue_script, workdir),
        "metrics": NoMetrics(),
        "pages": pages,
        "quicksight": QuickSightFiles(pages),
    }


def account_settings(
    deployment: Deployment, destination: str, _account: str, _settings: Mapping[str, str]
) -> dict[str, str]:
    """The platform sandbox, and the folders of this home.

    The token is no secret: it is the one that each platform of the sandbox, which listens on loopback only, is born
    with.
    """
    return {
        "sandbox_home": str(deployment.sandbox_home),
        "lake_home": str(deployment.home / "lake"),
        "secrets_home": str(deployment.home / "secrets"),
        "token": f"sandbox-{destination}-token",
    }


@dataclasses.dataclass(frozen=True, slots=True)
class LocalCleanRoomOnDemand:
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

    def read(
        self, location: str, schema: pa.Schema, result_format: ResultFormat = ResultFormat.PARQUET
    ) -> Iterator[pa.RecordBatch]:
        """As the room does."""
        return self._room().read(location, schema, result_format)

    def _room(self) -> LocalCleanRoom:
        from segment_assets.resources.clean_room.local import LocalCleanRoom

        agreed, runner = _agreed()
        return LocalCleanRoom(
            agreed,
            self.accounts.files,
            results=self.home / "clean_room_results",
            prefix="results",
            runner=runner,
            temp=processes.workdir(self.home),
            answers_after=self.answers_after,
            guarded=True,
        )


@functools.cache
def _agreed() -> tuple[Collaboration, str]:
    """The collaboration that ships with the project, and the account that runs queries in it."""
    from segment_assets import collaboration
    from segment_assets.privacy import Collaboration

    document = collaboration.document()
    return Collaboration.parse(document), document["creatorAccountId"]
