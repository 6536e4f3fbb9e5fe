"""Dagster's way in: everything put together for the deployment that the environment names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from segment_assets import compliance, followers, withdrawals
from segment_assets.alerting import run_failures
from segment_assets.announcements import audience_ready
from segment_assets.assets import all_assets
from segment_assets.assets.activations import checks as activation_checks
from segment_assets.assets.activations import resource_name
from segment_assets.checks import AUDIENCE_CHECK_DEFINITIONS
from segment_assets.deployment import Deployment
from segment_assets.jobs import JOBS, SCHEDULES
from segment_assets.query_follower import clean_room_queries
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.sensors import SENSORS

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTOMATION = "made_when_inputs_change"


def build_definitions(deployment: Deployment, overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """All definitions of a deployment. `overrides` replace resources, for tests. Raises PlanError."""
    plan = deployment.plan()
    withdraw = withdrawals.build(plan)
    sending = [*followers.build(plan), run_failures, audience_ready, withdrawals.build_sensor(withdraw)]
    deadline_checks, deadline_job, deadline_schedule = compliance.build(plan)
    accounts = {
        resource_name(name): DestinationAccount(
            destination=account.destination,
            account=account.account,
            settings=dict(account.settings),
            **deployment.account_settings(account.destination, account.account, account.settings),
        )
        for name, account in plan.accounts.items()
    }
    resources = {**deployment.resources(), "plan": plan, **accounts, **(overrides or {})}
    return dg.Definitions(
        assets=all_assets(plan),
        asset_checks=[*AUDIENCE_CHECK_DEFINITIONS, *activation_checks(plan), *deadline_checks],
        jobs=[*JOBS, withdraw, deadline_job],
        schedules=[*SCHEDULES, deadline_schedule],
        sensors=[
            *SENSORS,
            clean_room_queries,
            *(sending if deployment.sends else []),
            dg.AutomationConditionSensorDefinition(
                AUTOMATION,
                target=dg.AssetSelection.all() - dg.AssetSelection.groups("activation"),
                default_status=dg.DefaultSensorStatus.RUNNING,
                minimum_interval_seconds=10,
            ),
        ],
        resources=resources,
        # A process per step costs seconds each; isolation comes from one run per segment and pair.
        executor=dg.in_process_executor,
    )


DEPLOYMENT = Deployment.from_env()
defs = build_definitions(DEPLOYMENT)


def definitions_of(deployment: Deployment) -> dg.Definitions:
    """All definitions of a deployment: `defs` if they are, which processes that were forked have already."""
    return defs if deployment == DEPLOYMENT else build_definitions(deployment)
