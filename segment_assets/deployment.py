"""Where the same road runs: the only reader of the environment, and the world that follows from it.

Belongs here: which world, and what it is told. Not here: what a world is made of (`worlds`), any work. Nothing is
opened, read from the network or created while definitions are imported.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError
from segment_assets.plan import load_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.aws_settings import AwsSettings
    from segment_assets.plan import Plan

# Dagster+ sets it to 1 in the code of a branch.
_BRANCH = "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"
# Dagster+ sets it in every deployment.
_DEPLOYMENT = "DAGSTER_CLOUD_DEPLOYMENT_NAME"


class Kind(enum.StrEnum):
    """The worlds. `branch` is a preview on simulated people, of code that nobody has reviewed: it sends nothing."""

    LOCAL = "local"
    BRANCH = "branch"
    AWS = "aws"


@dataclasses.dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment. `aws` is set in the AWS world only.

    `home` is the folder of the local world and a scratch folder elsewhere; `plan_path` is None for the plan that ships.
    """

    kind: Kind
    home: Path
    plan_path: Path | None = None
    webhook: str = dataclasses.field(default="", repr=False)
    mail: tuple[str, str, str] = ("", "", "")
    answers_after: float = 0.0
    aws: AwsSettings | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Deployment:
        """Read the environment, which nothing else does.

        SEGMENT_ASSETS_WORLD (local, branch or aws; without it `branch` in a branch deployment of Dagster+, else
        `local`), SEGMENT_ASSETS_HOME (`data` in the checkout), SEGMENT_ASSETS_PLAN (a file); for alerts
        SEGMENT_ASSETS_ALERT_WEBHOOK (Slack), SEGMENT_ASSETS_MAIL_HOST, _MAIL_FROM and _MAIL_TO;
        SEGMENT_ASSETS_CLEAN_ROOM_ANSWERS_AFTER (seconds for which the local clean room works on a query, 0).
        Those of the AWS world are declared in `aws_settings`.
        """
        kind = _kind(environ)
        plan = environ.get("SEGMENT_ASSETS_PLAN")
        home = environ.get("SEGMENT_ASSETS_HOME")
        host, sender, to = (environ.get(f"SEGMENT_ASSETS_MAIL_{part}", "") for part in ("HOST", "FROM", "TO"))
        return cls(
            kind,
            Path(home).resolve() if home else checkout() / "data",
            Path(plan).resolve() if plan else None,
            webhook=environ.get("SEGMENT_ASSETS_ALERT_WEBHOOK", ""),
            mail=(host, sender, to),
            answers_after=_seconds(environ, "SEGMENT_ASSETS_CLEAN_ROOM_ANSWERS_AFTER"),
            aws=_aws_settings(environ) if kind is Kind.AWS else None,
        )

    def plan(self) -> Plan:
        """The plan of this deployment. Raises PlanError with the lines that are wrong."""
        return load_plan(self.plan_path)

    def resources(self) -> dict[str, object]:
        """Resources by the names that assets ask for; destination accounts come from the plan (see definitions)."""
        made: dict[str, object] = self._world.resources(self)
        return made

    def account_settings(
        self, destination: str, account: str = "", settings: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Where a platform is reached, with which token, and where account state is.

        The `settings` of an account in the plan may name another address of the platform (a region).
        """
        told: dict[str, Any] = self._world.account_settings(self, destination, account, settings or {})
        return told

    @property
    def sends(self) -> bool:
        """Whether anything leaves: deliveries, withdrawals, events, alerts. In a branch nothing does."""
        return self.kind is not Kind.BRANCH

    @property
    def sandbox_home(self) -> Path:
        """The folder of the platform sandbox."""
        return self.home / "sandbox"

    @property
    def glue_script(self) -> Path:
        """The job that digests identifiers on Spark."""
        return checkout() / "deploy" / "glue" / "digest_identifiers.py"

    @property
    def _world(self) -> Any:
        # By name: the AWS world's module is not loaded where it is not used.
        return importlib.import_module(f"segment_assets.worlds.{self.kind.value}")


def checkout() -> Path:
    """The folder that holds the package: the checkout, where `pip install -e` was used, as `make` does."""
    return Path(__file__).resolve().parent.parent


def _kind(environ: Mapping[str, str]) -> Kind:
    of_a_branch = environ.get(_BRANCH) == "1"
    world = environ.get("SEGMENT_ASSETS_WORLD", "") or (Kind.BRANCH if of_a_branch else Kind.LOCAL).value
    if world not in set(Kind):
        raise PermanentError(f"SEGMENT_ASSETS_WORLD={world}: not a world of this version; there is: {', '.join(Kind)}")
    if of_a_branch and world != Kind.BRANCH:
        raise PermanentError(
            f"SEGMENT_ASSETS_WORLD={world} in a branch deployment: code that nobody has reviewed must not reach a real "
            "endpoint; leave the variable out there, or set it to branch"
        )
    if _DEPLOYMENT in environ and not of_a_branch and not environ.get("SEGMENT_ASSETS_WORLD"):
        raise PermanentError(
            "SEGMENT_ASSETS_WORLD is missing: without it a deployment of Dagster+ would be a world of simulated "
            "people; set it to aws"
        )
    return Kind(world)


def _aws_settings(environ: Mapping[str, str]) -> AwsSettings:
    from segment_assets.aws_settings import AwsSettings

    return AwsSettings.from_env(environ)


def _seconds(environ: Mapping[str, str], name: str) -> float:
    told = environ.get(name, "") or "0"
    try:
        seconds = float(told)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise PermanentError(f"{name} is not a number of seconds; give for instance 30, or nothing")
    return seconds
